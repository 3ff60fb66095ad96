"""The backward graph as a tree."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from reports import AGREE, PROGRAM, draw

from gradcalc.results.report import GraphNode, Report


def chain(length: int) -> Report:
    """Return a report whose graph is one long chain."""
    nodes = [GraphNode(i, "SinBackward0", f"s{i}", (i + 1,)) for i in range(length - 1)]
    return replace(AGREE, graph=(*nodes, GraphNode(length - 1, "AccumulateGrad", "x", ())))


@pytest.mark.parametrize("width", [None, 80])
def test_graph_shows_a_shared_node_once(width: int | None) -> None:
    text = draw("table", AGREE, width=width)
    again = "see" if width is None else "↑"
    assert text.count("#3 AccumulateGrad") == 2
    assert text.count(f"{again} #3 AccumulateGrad") == 1


@pytest.mark.parametrize("width", [None, 80])
def test_graph_draws_every_output(width: int | None) -> None:
    drawn = draw("table", PROGRAM, width=width).partition("Backward graph\n")[2]
    assert {int(number) for number in re.findall(r"#(\d+) ", drawn)} == {0, 1, 2, 3, 4}
    margin = [line for line in drawn.split("\n") if line.startswith("#")]
    assert [line.split()[0] for line in margin] == ["#0", "#3", "#4"]


def test_graph_draws_a_first_output_that_another_uses_once() -> None:
    nodes = (GraphNode(0, "ExpBackward0", "exp(x)", ()), GraphNode(1, "NegBackward0", "-y", (0,)))
    drawn = draw("table", replace(AGREE, graph=nodes)).partition("Backward graph\n")[2]
    assert [line.split()[:3] for line in drawn.split("\n")[:3]] == [
        ["#0", "ExpBackward0", "exp(x)"],
        ["#1", "NegBackward0", "-y"],
        ["`-", "see", "#0"],
    ]


def test_graph_of_any_depth_is_drawn_off_a_terminal() -> None:
    text = draw("table", chain(10_000))
    assert "[9999] #9999 AccumulateGrad" in text
    assert {int(number) for number in re.findall(r"#(\d+) ", text)} == set(range(10_000))
    assert len(text) < 2_000_000


def test_graph_of_any_depth_is_shortened_on_a_terminal() -> None:
    text = draw("table", chain(10_000), width=80)
    assert "… 9,950 lines left out; --format json has them all" in text
    assert "#9999 AccumulateGrad" in text
    assert text.count("\n") < 100


def test_graph_keeps_both_ends_of_a_long_sum() -> None:
    node = GraphNode(0, "SinBackward0", "sin(" + "x + " * 100 + "y)", ())
    line = draw("table", replace(AGREE, graph=(node,)), width=80).split("\n")[-2]
    assert len(line) <= 80
    assert line.startswith("#0 SinBackward0  sin(x + ")
    assert line.endswith("+ y)")
