"""Autograd at many points of one program, in one backward pass.

In: a scalar program and its points. Out: torch's `Testimony` at each, to the last bit what it is at
that point alone. So each point has tensors of its own: of a tensor that holds the numbers of all
points, torch's kernels take several at a time, and round some otherwise than a single one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gradcalc.autograd.autodiff import Backward, Testimony, testify
from gradcalc.autograd.backward import gradients
from gradcalc.autograd.forward import Forward, array_of, forward, in_one
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
    """Run a scalar program forward at many points, and backward from all of them at once.

    What torch says of tensors and of the graph is the same at all points; it is asked at the first.

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
    runs = [forward(program, point, requires_grad, dtype, {}) for point in points[1:]]
    hessians = _hessians(runs) if second_order else [{}] * len(runs)
    torch.autograd.backward([ran.outputs[0] for ran in runs])
    others = []
    for ran, seconds in zip(runs, hessians, strict=True):
        held = {leaf: leaf.grad for leaf in ran.wanted if leaf.grad is not None}
        slopes = in_one(ran.leaves, held)
        inputs = [
            row if row.grad is None else row._replace(grad=slope)
            for row, slope in zip(first.tensors, slopes, strict=False)
        ]
        others.append(
            replace(
                first,
                outputs=(array_of(ran.outputs[0]),),
                gradients=(slopes,),
                hessian=seconds,
                tensors=(*inputs, *first.tensors[len(slopes) :]),
            )
        )
    return [first, *others]


def _hessians(runs: Sequence[Forward]) -> list[dict[tuple[int, int], float | None]]:
    """The second derivatives at each point, by pairs of leaves."""
    count = len(runs[0].wanted)
    places = [place for place, leaf in enumerate(runs[0].leaves) if leaf.requires_grad]
    hessians: list[dict[tuple[int, int], float | None]] = [{} for _ in runs]
    outputs = [ran.outputs[0] for ran in runs]
    slopes = gradients(outputs, _leaves(runs, 0), create_graph=True)
    for k in range(count):
        # The gradients of different points have no leaf in common, so that their sum's are theirs.
        again = gradients(slopes[k::count], _leaves(runs, k), retain_graph=True)
        pairs = [(places[k], other) for other in places[k:]]
        for number, hessian in enumerate(hessians):
            seconds = again[number * len(pairs) : (number + 1) * len(pairs)]
            hessian.update(zip(pairs, (second.item() for second in seconds), strict=True))
    return hessians


def _leaves(runs: Sequence[Forward], start: int) -> list[Any]:
    """The leaves of all points that require grad, those of each from a certain one on."""
    return [leaf for ran in runs for leaf in ran.wanted[start:]]
