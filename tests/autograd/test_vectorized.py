"""Autograd at many points in one pass: what it is at each of them alone."""

from __future__ import annotations

import pytest

from gradcalc.autograd import autodiff, vectorized
from gradcalc.base.dtypes import DTYPES
from gradcalc.language.parser import parse
from gradcalc.program.program import Array


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
    ],
)
@pytest.mark.parametrize("fixed", ["", "v"])
def test_points_together_are_what_they_are_alone(text, dtype, fixed) -> None:
    program = parse(text, variables={"u", "v"})
    points = [
        [Array((), (value,)) for value in values[: len(program.names)]]
        for values in [(0.5, 2.0), (-1.5, 0.25), (0.0, 3.0), (2.0, 2.0), (1.25, -0.75)]
    ]
    required = [name != fixed for name in program.names]
    at_once = vectorized.testify_at_points(program, points, required, dtype, second_order=True)
    unit = DTYPES[dtype].unit
    assert len(at_once) == len(points)
    for point, together in zip(points, at_once, strict=True):
        how = autodiff.Backward(second_order=True)
        alone = autodiff.testify(program, point, required, dtype, how, {})
        # Kernels for many numbers may round the last bit otherwise.
        assert together.outputs[0].numbers == pytest.approx(
            alone.outputs[0].numbers, rel=4 * unit, nan_ok=True
        )
        assert together.gradients[0] == pytest.approx(alone.gradients[0], rel=8 * unit, nan_ok=True)
        assert together.hessian.keys() == alone.hessian.keys()
        for pair, second in alone.hessian.items():
            assert together.hessian[pair] == pytest.approx(second, rel=16 * unit, nan_ok=True)
        assert together.graph == alone.graph
        assert (together.defined, together.spread) == (alone.defined, alone.spread)
        assert [row._replace(grad=None) for row in together.tensors] == [
            row._replace(grad=None) for row in alone.tensors
        ]
        for row, single in zip(together.tensors, alone.tensors, strict=True):
            assert (row.grad is None) == (single.grad is None)
            if row.grad is not None:
                assert row.grad == pytest.approx(single.grad, rel=8 * unit, nan_ok=True)
