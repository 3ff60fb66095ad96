"""Where the first nan or infinity comes from.

In: a program for which torch gave one. Out: the step that made the first of them, forward or
backward; backward is watched with hooks on the nodes of the graph.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gradcalc.autograd.backward import gradients
from gradcalc.autograd.forward import Forward, forward, weight_tensors
from gradcalc.autograd.graph import origins_of, walk
from gradcalc.functions import torch
from gradcalc.program.program import Array, Program


def first_anomaly(
    program: Program,
    inputs: Sequence[Array],
    dtype: str,
    axes: tuple[int, ...],
    weights: Sequence[Array],
    seen: Mapping[int, Any],
) -> tuple[str, float, str] | None:
    """Find the step that made the first nan or infinity of a derivative.

    Args:
        program: What was run.
        inputs: One value for each of the program's inputs.
        dtype: "float64" or "float32".
        axes: The derivative: the number of an entry of the inputs, or of two.
        weights: Those of the outputs' entries.
        seen: What the run before made and read.

    Returns:
        The step's text, the nan or infinity, and "forward" or "backward"; None if
        neither pass makes one.
    """
    ran = forward(program, inputs, [True] * len(inputs), dtype, seen)
    direction, made = "forward", _made_forward(program, ran)
    if made is None:
        direction = "backward"
        with contextlib.suppress(RuntimeError):  # torch has no second derivative of something
            made = _made_backward(program, ran, axes, weights)
    return made and (program.source(made[0]), made[1], direction)


def _made_forward(program: Program, ran: Forward) -> tuple[int, float] | None:
    """The first step that leads to an input and makes a nan or infinity of finite values."""
    finite = list(map(_is_finite, ran.values))
    for number, step in program.numbered_steps:
        if program.active[number] and not finite[number] and all(finite[arg] for arg in step.args):
            return number, _first_nonfinite(ran.values[number])
    return None


def _made_backward(
    program: Program, ran: Forward, axes: tuple[int, ...], weights: Sequence[Array]
) -> tuple[int, float] | None:
    """The first step whose backward makes a nan or infinity of finite gradients."""
    origins = origins_of(ran)
    leaf, position = _place(ran.leaves, axes[0])
    second = len(axes) == 2
    outputs = list(zip(ran.outputs, program.outputs, strict=True))
    with _watch(walk(outputs, origins), origins) as made:
        factors = weight_tensors(weights, ran.outputs)
        (slope,) = gradients(ran.outputs, [leaf], factors, create_graph=second)
    if second and not made and slope.requires_grad:
        slope = slope.reshape(-1)[position]
        with _watch(walk([(slope, program.output)], origins), origins) as made:
            gradients([slope], ran.leaves)
    return made[0] if made else None


def _place(leaves: Sequence[Any], axis: int) -> tuple[Any, int]:
    """The leaf that an entry of the inputs is in, and where."""
    for leaf in leaves:
        if axis < leaf.numel():
            return leaf, axis
        axis -= leaf.numel()
    raise IndexError(axis)


def _first_nonfinite(tensor: Any) -> float:
    """The first number in it that is not finite."""
    if isinstance(tensor, float):
        return tensor
    flat = tensor.detach().reshape(-1)
    return float(flat[~torch.isfinite(flat)][0])


@contextlib.contextmanager
def _watch(
    nodes: Sequence[tuple[Any, int, Any]], origins: dict[Any, int]
) -> Iterator[list[tuple[int, float]]]:
    """Watch a backward pass over the nodes.

    Yields the numbers of those that make a nan or infinity of finite gradients, in order, each with
    what it makes. The nodes that the pass itself makes, with create_graph, enter `origins`.
    """
    made: list[tuple[int, float]] = []

    def hook(number: int) -> Callable[..., None]:
        def watch(grad_inputs: Sequence[Any], grad_outputs: Sequence[Any]) -> None:
            nonfinite = [gradient for gradient in grad_inputs if not _is_finite(gradient)]
            if nonfinite and all(map(_is_finite, grad_outputs)):
                made.append((number, _first_nonfinite(nonfinite[0])))
            for gradient in grad_inputs:
                if gradient is not None and gradient.grad_fn is not None:
                    origins.setdefault(gradient.grad_fn, number)

        return watch

    handles = [node.register_hook(hook(number)) for node, number, _ in nodes]
    try:
        yield made
    finally:
        for handle in handles:
            handle.remove()


def _is_finite(value: Any) -> bool:
    """Whether a value, a gradient or one that is missing is finite throughout."""
    if value is None:
        return True
    return math.isfinite(value) if isinstance(value, float) else bool(torch.isfinite(value).all())
