"""Where a nan or an infinity was born.

In: a program that torch gave one for. Out: the step that made the first of them, forward or
backward; backward, it is watched with hooks on the nodes of the graph.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gradcalc.autograd.forward import factors_of, forward, walk
from gradcalc.functions import torch
from gradcalc.program.program import Array, Program


def birth(
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
    active = program.active
    for number in range(program.first_step, len(ran.values)):
        args = program.step(number).args
        value = ran.values[number]
        if active[number] and not _finite(value) and all(_finite(ran.values[arg]) for arg in args):
            return program.source(number), _strange(value), "forward"
    origins = ran.origins
    second = len(axes) == 2
    factors = factors_of(weights, ran.outputs)
    leaf, position = _place(ran.leaves, axes[0])
    try:
        with _watch(walk(program, ran.outputs, origins), origins) as born:
            first = torch.autograd.grad(
                ran.outputs, leaf, factors, create_graph=second, allow_unused=True
            )[0]
        if second and not born and first is not None and first.requires_grad:
            first = first.reshape(-1)[position]
            steps = replace(program, outputs=(program.output,))
            with _watch(walk(steps, [first], origins), origins) as born:
                torch.autograd.grad(first, ran.leaves, allow_unused=True)
    except RuntimeError:
        return None
    return (program.source(born[0][0]), born[0][1], "backward") if born else None


def _place(leaves: Sequence[Any], axis: int) -> tuple[Any, int]:
    """The leaf that an entry of the inputs is in, and where."""
    for leaf in leaves:
        if axis < leaf.numel():
            return leaf, axis
        axis -= leaf.numel()
    raise IndexError(axis)


def _strange(tensor: Any) -> float:
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
    what it makes.
    The nodes that the pass itself makes (with create_graph) are entered in `origins`.
    """
    born: list[tuple[int, float]] = []

    def hook(number: int) -> Callable[..., None]:
        def look(grad_inputs: Sequence[Any], grad_outputs: Sequence[Any]) -> None:
            strange = [gradient for gradient in grad_inputs if not _finite(gradient)]
            if strange and all(map(_finite, grad_outputs)):
                born.append((number, _strange(strange[0])))
            for gradient in grad_inputs:
                if gradient is not None and gradient.grad_fn is not None:
                    origins.setdefault(gradient.grad_fn, number)

        return look

    handles = [node.register_hook(hook(number)) for node, number, _ in nodes]
    try:
        yield born
    finally:
        for handle in handles:
            handle.remove()


def _finite(value: Any) -> bool:
    """Whether a value, a gradient or one that is missing is finite throughout."""
    if value is None:
        return True
    return math.isfinite(value) if isinstance(value, float) else bool(torch.isfinite(value).all())
