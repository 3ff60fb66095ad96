"""Tensors: which entries are shown, and nested numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from reports import INEXACT, QUIET, WRONG, draw, entry, of_tensor, tensor

from gradcalc.render.tensors import LeftOut, numbers_text, shape_of, shown
from gradcalc.render.text import cut, headline
from gradcalc.results.report import Derivative, Verdict


@pytest.mark.parametrize(
    ("count", "changed", "rows"),
    [
        (12, {}, "*" * 12),
        (13, {}, "****7**"),
        (100, {}, "****94**"),
        (100, {50: WRONG}, "****46*47**"),
        (100, {5: WRONG}, "******92**"),  # one that is left out would take a row as well
        (100, {97: WRONG}, "****93***"),
        (100, dict.fromkeys(range(100), WRONG), "********90**"),
        (100, dict.fromkeys(range(100), QUIET), "****94**"),
        (100, dict.fromkeys(range(100), INEXACT) | {60: WRONG}, "*******53*37**"),
    ],
)
def test_tensor_shows_its_ends_and_what_does_not_agree(
    count: int,
    changed: dict[int, dict[str, Any]],
    rows: str,
) -> None:
    listed = shown([tensor("x", (count,), changed)], whole=False)
    assert "".join(str(row.count) if isinstance(row, LeftOut) else "*" for row in listed) == rows


def test_tensor_counts_what_it_leaves_out() -> None:
    changed = {50: INEXACT, 51: {"ulps": 2.0}} | dict.fromkeys(range(60, 68), WRONG)
    (gap, *_) = (
        row
        for row in shown([tensor("x", (100,), changed)], whole=False)
        if isinstance(row, LeftOut)
    )
    assert gap.verdicts == ((Verdict.AGREE, 55), (Verdict.ROUNDING, 1))
    assert str(gap) == "56 more: 55 agree, 1 rounding, at most 40 ulps"


def test_tensor_is_whole_off_a_terminal() -> None:
    text = draw("table", of_tensor(tensor("x", (100, 10), {500: WRONG})))
    assert text.count("df/dx[") == 1001  # the note names one again
    assert "more" not in text


@pytest.mark.parametrize("name", ["table", "markdown", "latex"])
def test_tensor_is_short_for_people(name: str) -> None:
    text = draw(name, of_tensor(tensor("x", (1000, 50), {25_000: WRONG})), width=100)
    assert text.count("\n") < 40
    for part in ("24,996", "24,997", "500", "nan"):
        assert part in text


@pytest.mark.parametrize(
    ("value", "room", "text"),
    [
        (1.5, 1, "1.5"),
        ((), 1, "[]"),
        (((), ()), 9, "[[], []]"),
        ((math.nan, -math.inf), None, "[nan, -inf]"),
        (((1.0, 2.0), (3.0, 4.0)), 16, "[[1, 2], [3, 4]]"),
        (((1.0, 2.0), (3.0, 4.0)), 15, "[[1, 2],\n [3, 4]]"),
        (((1.0,) * 9,) * 2, 20, "[[1, 1, 1, …, 1],\n [1, 1, 1, …, 1]]"),
        (((1.0,) * 9,) * 9, 44, "[[1, 1, 1, …, 1], …, [1, 1, 1, …, 1]]"),
        (((1.0,) * 9,) * 9, 20, "[[1, 1, 1, …, 1],\n …,\n [1, 1, 1, …, 1]]"),
        (((1.0,) * 9,) * 9, 12, "[[1, …, 1],\n …,\n [1, …, 1]]"),
        (((0.125,) * 9,) * 9, 15, "[[0.125, …], …]"),
        (((1.0,) * 9,) * 9, 1, "[[1, …],\n …]"),  # nothing is shorter
        (((1.0, 2.0), 3.0), 30, "[[1, 2], 3]"),
        ((((1.0,) * 9,) * 9,) * 9, 16, "[[[1, …], …], …]"),
    ],
)
def test_numbers_fit_their_room(value: Any, room: int | None, text: str) -> None:
    assert numbers_text(value, room=room) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1 / 3, 4, "0.3333333333333333"),
        ((1 / 3, -2e-7 / 3, 0.5), 4, "[0.3333…, -6.666…e-08, 0.5]"),
        (((1 / 3,), (0.5,)), 0, "[[…]]"),
        ((), 0, "[]"),
    ],
)
def test_nested_numbers_lose_digits(value: Any, digits: int, text: str) -> None:
    assert numbers_text(value, digits=digits) == text


@pytest.mark.parametrize(
    ("text", "digits", "cut_text"),
    [
        ("123456789.25", 4, "123456789…"),
        ("0.0001234567", 4, "0.0001234…"),
        ("-12.5", 4, "-12.5"),
        ("-12.345", 4, "-12.345"),  # the mark would take as much room
        ("1e-17", 4, "1e-17"),
        ("0", 4, "0"),
        ("nan", 4, "nan"),
        ("-inf", 4, "-inf"),
    ],
)
def test_cut_keeps_the_digits_that_count(text: str, digits: int, cut_text: str) -> None:
    assert cut(text, digits) == cut_text


@pytest.mark.parametrize(
    ("value", "shape"),
    [(1.0, ()), ((), (0,)), (((1.0, 2.0),), (1, 2)), ((1.0, (2.0,)), None)],
)
def test_shape_of_nested_numbers(value: Any, shape: tuple[int, ...] | None) -> None:
    assert shape_of(value) == shape


@pytest.mark.parametrize(
    ("derivative", "line"),
    [
        (entry("x", "1", 1.0), "agree: autograd returned the exact derivative"),
        (tensor("x", (3,), {1: WRONG}), "the odd one out (1 of 3 entries)"),
        (tensor("x", (0,)), "agree: autograd returned the exact derivative"),
    ],
)
def test_headline_counts_entries(derivative: Derivative, line: str) -> None:
    assert line in headline(of_tensor(derivative))
