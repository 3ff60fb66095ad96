"""How texts and numbers are written."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from reports import AGREE, CHECKED, CORNER, UNCHECKED, VALUE, WRONG, entry, of_tensor, tensor

from gradcalc.render.text import distance_text, headline, number, one_line, remark
from gradcalc.results.report import Entry, Verdict

if TYPE_CHECKING:
    from gradcalc.results.report import Report


def test_one_line_joins_lines() -> None:
    assert one_line("  u\n\t+ v\x1b\n") == r"u + v\x1b"


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (7.4, "float64", "7.4"),
        (2.0, "float64", "2"),
        (-0.0, "float64", "-0"),
        (1e22, "float64", "1e+22"),
        (0.1 + 0.2, "float64", "0.30000000000000004"),
        (math.nan, "float64", "nan"),
        (-math.inf, "float32", "-inf"),
        (0.10000000149011612, "float32", "0.1"),
        (16777217.0, "float32", "16777217"),
        (3.4028234663852886e38, "float32", "3.4028235e+38"),
        (1e-45, "float32", "1e-45"),
        (1e300, "float32", "1e+300"),
    ],
)
def test_number_is_the_shortest_that_reads_back(value: float, dtype: str, text: str) -> None:
    assert number(value, dtype) == text


@pytest.mark.parametrize(
    ("symbolic", "limit", "autograd", "ulps", "text"),
    [
        (0.0, None, 1.1e-16, 4.4e18, "1.1e-16 for 0"),
        (None, 1e-300, 0.0, 6e15, "0 for 1e-300"),
        (0.0, 0.0, 5e-324, 1.0, "1 ulps"),
        (1.0, 1.0, 2.0, 2.0**52, "4.5e+15 ulps"),
        (0.0, 0.0, math.nan, math.inf, "inf ulps"),
        (None, None, 0.5, None, ""),
    ],
)
def test_distance_from_0_is_told_in_words(
    symbolic: float | None, limit: float | None, autograd: float, ulps: float | None, text: str
) -> None:
    entry = Entry(("x",), None, symbolic, autograd, limit, ulps, Verdict.ROUNDING)
    assert distance_text(entry) == text


@pytest.mark.parametrize(
    ("report", "end"),
    [
        (AGREE, "exact derivative, up to rounding (all proved)"),
        (of_tensor(tensor("x", (3,), {1: CHECKED})), "up to rounding (2 of 3 proved)"),
        (of_tensor(entry("x", "1", 1.0)), "up to rounding (proved)"),
        (of_tensor(entry("x", "1", 1.0, **CHECKED)), "up to rounding (not proved)"),
        (of_tensor(tensor("x", (2,), {0: CHECKED, 1: CORNER})), "(1 of 2 entries; none proved)"),
        (
            of_tensor(tensor("x", (0,))),
            "agree: autograd returned the exact derivative, up to rounding",
        ),
        (of_tensor(tensor("x", (3,), {1: WRONG})), "odd one out (1 of 3 entries; all proved)"),
        (of_tensor(tensor("x", (3,), {1: CORNER})), "side (1 of 3 entries; 2 of 3 proved)"),
        (of_tensor(entry("x", "1", 1.0, **CORNER)), "only from either side"),
        (UNCHECKED, "no point was given"),
        (VALUE, "disagree: torch's value is wrong; every derivative agrees (all proved)"),
        (
            replace(VALUE, gradients=(tensor("x", (2,), {0: WRONG}),)),
            "autograd is the odd one out (1 of 2 entries; the value too; all proved)",
        ),
        (replace(VALUE, gradients=()), "disagree: torch's value is wrong"),
    ],
)
def test_headline_says_what_is_concerned_and_what_is_proved(report: Report, end: str) -> None:
    assert headline(report).endswith(end)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, ""),
        (CHECKED, "checked, but not proved"),
        (WRONG | CHECKED, f"{WRONG['note']}; not proved"),
        (WRONG, WRONG["note"]),
        (CORNER, CORNER["note"]),  # the limit alone can find it
    ],
)
def test_what_is_not_proved_is_marked(changes: dict[str, Any], text: str) -> None:
    assert remark(entry("x", "x", 1.0, **changes).entries[0]) == text
