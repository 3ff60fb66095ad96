"""Autograd at many points of one program, in one pass.

In: a scalar program and its points. Out: torch's `Testimony` at each. Kernels for many numbers may
round the last bit otherwise than those for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gradcalc.autograd.assessment import assess_points
from gradcalc.autograd.autodiff import Backward, Testimony, testify
from gradcalc.autograd.backward import gradients
from gradcalc.autograd.forward import forward_of, numbers_of
from gradcalc.functions import torch
from gradcalc.program.program import Array, Program


def testify_at_points(
    program: Program,
    points: Sequence[Sequence[Array]],
    requires_grad: Sequence[bool],
    dtype: str,
    *,
    second_order: bool,
) -> list[Testimony]:
    """Run a scalar program forward and backward at many points at once.

    Each variable is a tensor with an entry for each point, and one pass serves all of them. What
    torch says of tensors and of the graph is the same at all points; it is asked at the first.

    Args:
        program: The scalar program.
        points: One value for each of the program's inputs, for each point.
        requires_grad: For each input, whether it is differentiated with respect to.
        dtype: "float64" or "float32".
        second_order: Whether to differentiate the gradient again.

    Raises:
        GradcalcError: As `testify`, at the first point.
        RuntimeError: Where torch can do it only one by one.
    """
    how = Backward(second_order=second_order)
    first = testify(program, points[0], requires_grad, dtype, how, {})
    kind = getattr(torch, dtype)
    leaves = [
        torch.tensor([value.numbers[0] for value in values], dtype=kind).requires_grad_(required)
        for values, required in zip(zip(*points, strict=True), requires_grad, strict=True)
    ]
    ran = forward_of(program, leaves, kind, {})
    columns, seconds = _derivatives(ran.outputs[0], leaves, second_order=second_order)
    values = numbers_of(ran.outputs[0])
    gradient_rows = map(list, zip(*columns, strict=True))
    assessments = assess_points(program, ran.values, len(points))
    testimonies = []
    for point, (value, gradient, (defined, spread)) in enumerate(
        zip(values, gradient_rows, assessments, strict=True)
    ):
        inputs = [
            row if row.grad is None else row._replace(grad=slope)
            for row, slope in zip(first.tensors, gradient, strict=False)
        ]
        testimonies.append(
            replace(
                first,
                outputs=(Array((), (value,)),),
                gradients=(gradient,),
                hessian={pair: column[point] for pair, column in seconds.items()},
                tensors=(*inputs, *first.tensors[len(leaves) :]),
                defined=defined,
                spread=spread,
            )
        )
    return testimonies


def _derivatives(
    output: Any, leaves: Sequence[Any], *, second_order: bool
) -> tuple[list[list[float]], dict[tuple[int, int], list[float]]]:
    """The first derivatives by each leaf, and the second by pairs of leaves; each at all points."""
    places = [place for place, leaf in enumerate(leaves) if leaf.requires_grad]
    # The derivatives of a sum over the points are those of each term by its own entries.
    slopes = gradients([output.sum()], [leaves[p] for p in places], create_graph=second_order)
    columns = [[0.0] * leaf.numel() for leaf in leaves]
    seconds = {}
    for k, (place, slope) in enumerate(zip(places, slopes, strict=True)):
        columns[place] = numbers_of(slope)
        others = places[k:] if second_order else []
        again = gradients([slope.sum()], [leaves[p] for p in others], retain_graph=True)
        for other, second in zip(others, again, strict=True):
            seconds[place, other] = numbers_of(second)
    return columns, seconds
