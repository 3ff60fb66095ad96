"""Autograd at many points of one program, in one pass.

In: a scalar program and its points. Out: torch's `Testimony` at each. Kernels for many numbers may
round the last bit otherwise than those for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from gradcalc.autograd.autodiff import Backward, Testimony, testify
from gradcalc.autograd.forward import forward_of, numbers_of, sized_up
from gradcalc.functions import torch
from gradcalc.program.program import Array, Program


def testify_together(
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
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    slopes = _along(ran.outputs[0], wanted, again=second_order)
    numbers = list(map(numbers_of, slopes))
    places = [place for place, required in enumerate(requires_grad) if required]
    seconds: dict[tuple[int, int], list[float]] = {}
    for k, place in enumerate(places if second_order else ()):
        for other, column in zip(places[k:], _along(slopes[k], wanted[k:]), strict=True):
            seconds[place, other] = numbers_of(column)
    outputs = numbers_of(ran.outputs[0])
    sizes = sizes_of(program, ran.values, len(points))
    found = []
    for point, (value, (defined, spread)) in enumerate(zip(outputs, sizes, strict=True)):
        gradient = [0.0] * len(leaves)
        for place, column in zip(places, numbers, strict=True):
            gradient[place] = column[point]
        held = [gradient[p] if required else None for p, required in enumerate(requires_grad)]
        rows = [
            row if row.grad is None else row._replace(grad=grad)
            for row, grad in zip(first.tensors, held, strict=False)
        ]
        found.append(
            replace(
                first,
                outputs=(Array((), (value,)),),
                gradients=(gradient,),
                hessian={pair: column[point] for pair, column in seconds.items()},
                tensors=(*rows, *first.tensors[len(leaves) :]),
                defined=defined,
                spread=spread,
            )
        )
    return found


def sizes_of(program: Program, values: Sequence[Any], count: int) -> Iterator[tuple[bool, int]]:
    """What `sized_up` says at each of so many points, by all values of the forward pass."""
    columns = [
        value.tolist() if isinstance(value, torch.Tensor) and value.ndim else [value] * count
        for value in values
    ]
    for point in zip(*columns, strict=True):
        yield sized_up(program, point)


def _along(outputs: Any, leaves: Sequence[Any], *, again: bool = True) -> list[Any]:
    """The derivative at each point by each leaf."""
    if not outputs.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    # The derivatives of the sum are those of each term by its own entries.
    found = torch.autograd.grad(
        outputs.sum(), leaves, retain_graph=again, create_graph=again, allow_unused=True
    )
    return [
        torch.zeros_like(leaf) if slope is None else slope
        for leaf, slope in zip(leaves, found, strict=True)
    ]
