"""Balls and floating-point numbers.

In: flint's `arb` numbers. Out: floats.
"""

from __future__ import annotations

from typing import Any

from gradcalc.base.dtypes import FLOAT64, Dtype


def nearest(ball: Any, dtype: Dtype) -> float:
    """The middle of a finite ball, correctly rounded; infinity beyond the range."""
    if dtype is FLOAT64:
        return float(ball) + 0.0  # flint rounds to nearest; there is no -0
    return dtype.nearest(ball.mid())
