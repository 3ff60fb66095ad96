"""Autograd at many points in one pass: what it is at each of them alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradcalc.autograd import autodiff, many_points
from gradcalc.language.parser import parse
from gradcalc.program.program import Array

#: More than torch's kernels take at a time where they can; they would round some otherwise.
POINTS = [(0.5, 2.0), (-1.5, 0.25), (0.0, 3.0), (2.0, 2.0), (1.25, -0.75), (-0.044, 0.335)] * 6


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "text",
    [
        "u**3 + v**2 + 4*u*v",
        "sin(u)*exp(-v) + u/v",
        "y = u*v; z = tanh(y); z*y",
        "abs(u) + relu(v) + max(u, v)",
        "where(u > v, u*v, sqrt(u))",
        "log(u) + 2*v",
        "u + 1",
        "u*v + detach(u)",
        "tanh(u*v) + softplus(v)",
        "lgamma(u) + digamma(v) + erf(u)*gelu(v)",
        "u**v + sigmoid(u)*cos(v) + asinh(u)",
    ],
)
@pytest.mark.parametrize("fixed", ["", "v"])
def test_points_together_are_what_they_are_alone(text, dtype, fixed) -> None:
    program = parse(text, variables={"u", "v"})
    points = [[Array((), (value,)) for value in values[: len(program.names)]] for values in POINTS]
    required = [name != fixed for name in program.names]
    at_once = many_points.testify_at_points(program, points, required, dtype, second_order=True)
    assert len(at_once) == len(points)
    for point, together in zip(points, at_once, strict=True):
        how = autodiff.Backward(second_order=True)
        alone = autodiff.testify(program, point, required, dtype, how, {})
        # To the last bit, and nan counts as itself.
        assert repr(replace(together, seen={})) == repr(replace(alone, seen={}))
