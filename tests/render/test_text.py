"""How texts and numbers are written."""

from __future__ import annotations

import math

import pytest

from gradcalc.render.text import number, one_line


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
