"""What torch says of tensors, and the backward graph."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from asking import told

if TYPE_CHECKING:
    from gradcalc.autograd.autodiff import Testimony
    from gradcalc.results.report import GraphNode


def drawn(graph: tuple[GraphNode, ...]) -> list[str]:
    """Write each node of a graph in one line."""
    return [
        f"{n.id} {n.grad_fn} {n.source} -> {' '.join(map(str, n.inputs))}".strip() for n in graph
    ]


# --- Leaves ---------------------------------------------------------------------------------------


def test_leaf_table() -> None:
    rows = told("x*w + b", fixed="x", x=2, w=3, b=4).tensors
    facts = [(r.name, r.is_leaf, r.requires_grad, r.retains_grad, r.grad_fn, r.grad) for r in rows]
    assert facts == [
        ("x", True, False, False, None, None),
        ("w", True, True, False, None, 2.0),
        ("b", True, True, False, None, 1.0),
        ("x*w + b", False, True, False, "AddBackward0", None),
    ]
    assert {row.shape for row in rows} == {()}


def test_output_that_is_an_input_stands_once() -> None:
    (row,) = told("x", x=2).tensors
    assert (row.name, row.is_leaf, row.grad) == ("x", True, 1.0)


def test_leaf_that_nothing_depends_on_has_no_grad() -> None:
    rows = told("y + (x > 0)", x=2, y=3).tensors
    assert [(row.name, row.grad) for row in rows] == [
        ("y", 1.0),
        ("x", None),
        ("y + (x > 0)", None),
    ]


def kept(testimony: Testimony) -> dict[str, object]:
    """What each tensor's `.grad` holds, by its name."""
    return {row.name: row.grad for row in testimony.tensors}


CHAIN = "a = x*w; b = a + 1; c = a*b; c"


@pytest.mark.parametrize(
    ("text", "names", "wanted"),
    [
        (CHAIN, [], {"x": 39.0, "w": 26.0, "a": None, "b": None, "c": None}),
        (CHAIN, ["a"], {"x": 39.0, "w": 26.0, "a": 13.0, "b": None, "c": None}),
        (CHAIN, ["c", "b"], {"x": 39.0, "w": 26.0, "a": None, "b": 6.0, "c": 1.0}),
        (CHAIN, ["x"], {"x": 39.0, "w": 26.0, "a": None, "b": None, "c": None}),
        (CHAIN, None, {"x": 39.0, "w": 26.0, "a": 13.0, "b": 6.0, "c": 1.0}),
        # Of a name that was given twice, the last value keeps its gradient.
        ("a = x*w; a = a*a; a*2", ["a"], {"x": 72.0, "w": 48.0, "a": 2.0, "a*2": None}),
        ("k = 3; k*x*w", None, {"x": 9.0, "w": 6.0, "k*x*w": None}),
    ],
)
def test_named_values_keep_gradients_where_asked(text, names, wanted) -> None:
    how = {"retain_grad": None if names is None else frozenset(names)}
    assert kept(told(text, how=how, x=2, w=3)) == wanted


@pytest.mark.parametrize(
    ("how", "grad"),
    [
        ({}, 6.0),
        ({"passes": 3}, 18.0),
        ({"passes": 3, "zero_grad": True}, 6.0),
        ({"retain_graph": False}, 6.0),
    ],
)
@pytest.mark.parametrize("name", ["x", "y"])
def test_gradients_add_up_over_passes(how, grad, name) -> None:
    testimony = told("y = 1*x; y**2", how={"retain_grad": frozenset("y"), **how}, x=3)
    assert kept(testimony)[name] == grad
    # The derivative is what one pass adds.
    assert testimony.gradients == ([6.0],)


# --- The graph ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "wanted"),
    [
        ("x", {"x": 2}, ["0 AccumulateGrad x ->"]),
        (
            "x*w + b",
            {"x": 2, "w": 3, "b": 4},
            [
                "0 AddBackward0 x*w + b -> 1 4",
                "1 MulBackward0 x*w -> 2 3",
                "2 AccumulateGrad x ->",
                "3 AccumulateGrad w ->",
                "4 AccumulateGrad b ->",
            ],
        ),
        (
            "exp(x)*exp(x)",
            {"x": 1},
            [
                "0 MulBackward0 exp(x)*exp(x) -> 1 3",
                "1 ExpBackward0 exp(x) -> 2",
                "2 AccumulateGrad x ->",
                "3 ExpBackward0 exp(x) -> 2",
            ],
        ),
        ("x*x", {"x": 1}, ["0 MulBackward0 x*x -> 1 1", "1 AccumulateGrad x ->"]),
        (
            "sin(x)**2 + 3",
            {"x": 1},
            [
                "0 AddBackward0 sin(x)**2 + 3 -> 1",
                "1 PowBackward0 sin(x)**2 -> 2",
                "2 SinBackward0 sin(x) -> 3",
                "3 AccumulateGrad x ->",
            ],
        ),
    ],
)
def test_graph(text, at, wanted) -> None:
    assert drawn(told(text, **at).graph) == wanted


def test_graph_leaves_out_what_needs_no_grad() -> None:
    graph = told("x*w + b", fixed="x b", x=2, w=3, b=4).graph
    assert drawn(graph) == [
        "0 AddBackward0 x*w + b -> 1",
        "1 MulBackward0 x*w -> 2",
        "2 AccumulateGrad w ->",
    ]


def test_graph_ids_are_the_order_of_visit() -> None:
    graph = told("sin(x)*cos(y) + exp(x*y)/x", x=1, y=2).graph
    assert [node.id for node in graph] == list(range(len(graph)))
    first_seen = list(dict.fromkeys(child for node in graph for child in node.inputs))
    assert sorted(first_seen) == list(range(1, len(graph)))


def test_graph_is_the_same_each_time() -> None:
    text = "sigmoid(x)*tanh(y) + softplus(x*y) + hypot(x, y)"
    assert told(text, x=1, y=2).graph == told(text, x=1, y=2).graph


def test_composed_function_gives_its_nodes_one_source() -> None:
    graph = told("sech(x)", x=1).graph
    assert {node.source for node in graph[:-1]} == {"sech(x)"}
    assert len(graph) > 2


def test_deep_graph_needs_no_recursion() -> None:
    terms = 2_000
    before = sys.getrecursionlimit()
    testimony = told(" + ".join(["x"] * terms), x=1)
    assert testimony.gradients == ([terms],)
    assert len(testimony.graph) == terms
    assert testimony.graph[-1].id == terms - 1
    assert sys.getrecursionlimit() == before
