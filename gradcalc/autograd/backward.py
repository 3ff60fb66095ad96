"""Backward: derivatives of what was run forward.

In: a program, its forward pass, how backward is run. Out: gradients, Jacobian and Hessian as
numbers, those of the first input, then those of the second, and so on, each in the order of memory.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.autograd.forward import Forward, in_one, weight_tensors
from gradcalc.autograd.graph import named_values
from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.functions import torch
from gradcalc.program.program import Array, Program
from gradcalc.program.sizes import check_hessian


@dataclass(frozen=True, slots=True)
class Backward:
    """How backward is run.

    Attributes:
        weights: For each output the weights of its entries; None for 1, which only outputs of one
            entry have by themselves.
        passes: How often.
        zero_grad: Whether the gradients are set to 0 between the passes.
        retain_graph: Whether the graph is kept for the next pass.
        retain_grad: Names of the tensors that keep their gradients; None for all.
        second_order: Whether to differentiate the gradient again, with create_graph.
    """

    weights: tuple[Array, ...] | None = None
    passes: int = 1
    zero_grad: bool = False
    retain_graph: bool = True
    retain_grad: frozenset[str] | None = frozenset()
    second_order: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is one pass for first derivatives, and no gradient is kept on the way."""
        return self.passes == 1 and not self.second_order and self.retain_grad == frozenset()


def gradients(
    outputs: Sequence[Any], leaves: Sequence[Any], weights: Any = None, **graph: bool
) -> list[Any]:
    """The derivative of the outputs' weighted sum by each leaf: 0 where no path leads to it.

    Args:
        outputs: Tensors.
        leaves: Tensors that require grad.
        weights: A weight for each output, of its shape; None for 1.
        graph: `retain_graph` and `create_graph`, as in torch.
    """
    if not any(output.requires_grad for output in outputs):
        return list(map(torch.zeros_like, leaves))
    slopes = torch.autograd.grad(outputs, leaves, weights, allow_unused=True, **graph)
    return [
        torch.zeros_like(leaf) if slope is None else slope
        for leaf, slope in zip(leaves, slopes, strict=True)
    ]


# --- Weights --------------------------------------------------------------------------------------


def weights_of(
    program: Program, outputs: Sequence[Any], how: Backward, entries: int
) -> list[Any] | None:
    """The weights of the outputs' entries, as tensors; None where the Jacobian is given instead.

    Args:
        program: What was run.
        outputs: Its outputs.
        how: How backward is run.
        entries: How many numbers it is differentiated with respect to.

    Raises:
        GradcalcError: Where backward wants weights, or other ones.
    """
    if how.weights is not None:
        check_weights(program, outputs, how.weights)
        return weight_tensors(how.weights, outputs)
    large = next((k for k, output in enumerate(outputs) if output.numel() != 1), None)
    if large is None:
        return [_one(output.dtype).expand(output.shape) for output in outputs]
    size = outputs[large].numel() * entries
    if len(outputs) == 1 and size <= limits.JACOBIAN_ENTRIES and how.is_plain:
        return None
    raise GradcalcError(
        Kind.AUTOGRAD,
        f"the result has shape {tuple(outputs[large].shape)}: backward wants a weight for each of "
        "its entries",
        text=program.text,
        span=program.span(program.outputs[large]),
        hint="add --grad-outputs ones, or make it one number, as sum() does",
    )


def check_weights(program: Program, outputs: Sequence[Any], weights: Sequence[Array]) -> None:
    """Refuse weights that do not fit the outputs, which may be given by their numbers alone."""
    if len(weights) != len(outputs):
        raise GradcalcError(
            Kind.SHAPE,
            f"{len(weights)} weight{'s' * (len(weights) != 1)} for {len(outputs)} "
            f"result{'s' * (len(outputs) != 1)}",
            text=program.text,
            span=program.span(program.output),
            hint="give --grad-outputs one value for each result, separated by commas",
        )
    for number, output, weight in zip(program.outputs, outputs, weights, strict=True):
        if weight.shape not in {tuple(output.shape), ()}:
            raise GradcalcError(
                Kind.SHAPE,
                f"the weights have shape {weight.shape}, the result {tuple(output.shape)}",
                text=program.text,
                span=program.span(number),
                hint="give --grad-outputs a value of the result's shape, or ones",
            )


@functools.cache
def _one(dtype: Any) -> Any:
    return torch.tensor(1.0, dtype=dtype)


# --- Passes ---------------------------------------------------------------------------------------


def retain_grads(program: Program, ran: Forward, names: frozenset[str] | None) -> None:
    """Let the named tensors keep their gradients; None for all that have names."""
    numbers = {}
    for name, number in named_values(program):
        numbers[name] = number
        tensor = ran.values[number]
        asked = names is None or name in names
        if asked and isinstance(tensor, torch.Tensor) and not tensor.is_leaf:
            tensor.retain_grad()
    for name in sorted((names or frozenset()) - set(program.names)):
        _check_retained(program, ran, numbers, name)


def _check_retained(program: Program, ran: Forward, numbers: dict[str, int], name: str) -> None:
    """Refuse the name of nothing, and of what has no gradient."""
    if name not in numbers:
        names = ", ".join(numbers)
        raise GradcalcError(
            Kind.USAGE,
            f"--retain-grad: nothing is called `{name}`",
            hint=f"name one of {names}" if names else "give a value a name, as in y = x**2",
        )
    tensor = ran.values[numbers[name]]
    if isinstance(tensor, float) or not tensor.requires_grad:
        raise GradcalcError(
            Kind.AUTOGRAD,
            f"`{name}` does not require grad, so it can retain none",
            text=program.text,
            span=program.span(numbers[name]),
            hint="leave it out of --retain-grad",
        )


def run_passes(
    program: Program, ran: Forward, weights: Sequence[Any] | None, how: Backward
) -> list[float]:
    """Run backward as often as asked; return the gradient: what one pass adds to each `.grad`."""
    for number in range(how.passes):
        if number and how.zero_grad:
            for tensor in _holders(program, ran):
                tensor.grad.zero_()
        torch.autograd.backward(ran.outputs, weights, retain_graph=how.retain_graph)
    added = 1 if how.zero_grad else how.passes
    # torch leaves out those that are 0 for want of any path.
    held = {leaf: leaf.grad for leaf in ran.wanted if leaf.grad is not None}
    if added > 1:
        held = {leaf: gradient / added for leaf, gradient in held.items()}
    return in_one(ran.leaves, held)


def _holders(program: Program, ran: Forward) -> list[Any]:
    """The inputs and named values that hold a gradient."""
    values = [*ran.wanted, *(ran.values[number] for _, number in named_values(program))]
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    # Asking a non-leaf that retains none for its gradient makes torch warn.
    return [t for t in tensors if (t.is_leaf or t.retains_grad) and t.grad is not None]


# --- Matrices -------------------------------------------------------------------------------------


def jacobian(ran: Forward) -> tuple[list[float], ...]:
    """The gradient of each entry of the output."""
    output, wanted = ran.outputs[0], ran.wanted
    rows = []
    for position in range(output.numel()):
        weight = torch.zeros_like(output).reshape(-1)
        weight[position] = 1
        slopes = gradients([output], wanted, [weight.reshape(output.shape)], retain_graph=True)
        rows.append(in_one(ran.leaves, dict(zip(wanted, slopes, strict=True))))
    return tuple(rows)


def hessian(ran: Forward, weights: Sequence[Any] | None) -> dict[tuple[int, int], float | None]:
    """The second derivatives, for each pair of entries of leaves in order."""
    wanted = ran.wanted
    check_hessian(sum(leaf.numel() for leaf in wanted))
    first: dict[Any, int] = {}
    for leaf in ran.leaves:
        first[leaf] = sum(other.numel() for other in first)
    slopes = gradients(ran.outputs, wanted, weights, create_graph=True)
    entries: dict[tuple[int, int], float | None] = {}
    for position, (leaf, slope) in enumerate(zip(wanted, slopes, strict=True)):
        others = wanted[position:]
        for k in range(leaf.numel()):
            columns = [first[other] + m for other in others for m in range(other.numel())]
            pairs = [(first[leaf] + k, column) for column in columns]
            entries.update(zip(pairs, _second(slope, k, others), strict=True))
    return entries


def _second(slope: Any, position: int, others: Sequence[Any]) -> Sequence[float | None]:
    """The derivatives of an entry of a gradient by the entries of the leaves."""
    try:
        seconds = gradients([slope.reshape(-1)[position]], others, retain_graph=True)
    except RuntimeError:
        # torch has no second derivative of some function in it; the entry is undecided.
        return [None] * sum(other.numel() for other in others)
    return in_one(others, dict(zip(others, seconds, strict=True)))
