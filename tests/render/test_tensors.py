"""Tensors: which entries are shown, and nested numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from reports import INEXACT, QUIET, WRONG, draw, of_tensor, tensor

from gradcalc.render.tensors import LeftOut, shape_of, shown, written
from gradcalc.render.text import rounded
from gradcalc.results.report import Verdict


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
        (((0.12345678,) * 9,) * 9, 21, "[[0.1235, …, 0.1235],\n …,\n [0.1235, …, 0.1235]]"),
        (
            ((1 / 3,) * 3,) * 3,
            28,
            "[[0.3333, 0.3333, 0.3333],\n [0.3333, 0.3333, 0.3333],\n [0.3333, 0.3333, 0.3333]]",
        ),
        (((1.0,) * 9,) * 9, 1, "[[1, …],\n …]"),  # nothing is shorter
        (((1.0, 2.0), 3.0), 30, "[[1, 2], 3]"),
        ((((1.0,) * 9,) * 9,) * 9, 16, "[[[1, …], …], …]"),
    ],
)
def test_numbers_fit_their_room(value: Any, room: int | None, text: str) -> None:
    assert written(value, room=room).text == text


@pytest.mark.parametrize(
    ("value", "room", "remark"),
    [
        (1 / 3, 4, ""),
        ((1 / 3, 0.5), 13, "rounded to 4 digits"),
        ((0.25, 0.5), 12, ""),
        ((0.5,) * 99, 14, "2 of 99 entries"),
        ((1 / 3,) * 99, 24, "2 of 99 entries, rounded to 6 digits"),
    ],
)
def test_numbers_tell_what_is_not_shown(value: Any, room: int, remark: str) -> None:
    assert written(value, room=room).remark == remark


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (123456789.25, 4, "1.235e+08"),
        (0.00012345678, 4, "0.0001235"),
        (1.444567, 6, "1.44457"),
        (2.999999, 4, "3"),
        (-12.5, 4, "-12.5"),
        (1e-17, 4, "1e-17"),
        (0.0, 4, "0"),
        (math.nan, 4, "nan"),
        (-math.inf, 4, "-inf"),
        (0.1, 17, "0.1"),
    ],
)
def test_numbers_are_rounded_and_never_cut(value: float, digits: int, text: str) -> None:
    assert rounded(value, "float64", digits) == text


@pytest.mark.parametrize(
    ("value", "shape"),
    [(1.0, ()), ((), (0,)), (((1.0, 2.0),), (1, 2)), ((1.0, (2.0,)), None)],
)
def test_shape_of_nested_numbers(value: Any, shape: tuple[int, ...] | None) -> None:
    assert shape_of(value) == shape
