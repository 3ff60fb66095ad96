"""How texts and numbers are written."""

from __future__ import annotations

import math

import pytest

from gradcalc.render.text import distance_text, number, one_line
from gradcalc.results.report import Entry, Verdict


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
