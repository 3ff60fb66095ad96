"""The second witness: torch's autograd.

In: a program, the inputs' values, the dtype, which inputs require grad, and how backward is run.
Out: `Testimony`: value, gradient or Jacobian, Hessian, the leaf status of each named tensor and the
backward graph, as torch has them. Only torch's public attributes are used.

Derivatives are lists of one number for each entry of the inputs: those of the first input, then
those of the second, and so on, each in the order of memory.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.autograd.forward import (
    Draws,
    Forward,
    array_of,
    factors_of,
    flat,
    forward,
    look,
    numbers_of,
    plain,
    sized_up,
    walk,
)
from gradcalc.autograd.refusals import changes_in_place, refusal
from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.stages import Steps, at_once
from gradcalc.functions import TABLE, torch
from gradcalc.program.program import Array, Program
from gradcalc.program.sizes import check_hessian
from gradcalc.results.report import GraphNode, Nested, TensorRow, nested

__all__ = ["Backward", "Draws", "Testimony", "gradient_in", "look", "testify", "testimony"]


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


@dataclass(frozen=True, slots=True)
class Testimony:
    """What torch returned.

    Attributes:
        outputs: The outputs' values.
        weights: The weights that the outputs had; None if this is a Jacobian.
        gradients: The derivatives of the weighted sum of the outputs' entries; in a Jacobian, those
            of each entry of the output.
        hessian: The second derivatives, by the numbers of two entries of the inputs; None where
            torch has none. Empty unless asked for.
        tensors: The inputs, what the user named, and the output.
        graph: The backward graph.
        seen: For steps that make tensors or read values to choose by, what they made or read.
        warnings: What torch warned of.
        defined: Whether the forward pass leaves no doubt that all of its steps are defined.
        spread: How many bits the sizes of its values take beyond the usual.
    """

    outputs: tuple[Array, ...]
    weights: tuple[Array, ...] | None
    gradients: tuple[Sequence[float], ...]
    hessian: Mapping[tuple[int, int], float | None]
    tensors: tuple[TensorRow, ...]
    graph: tuple[GraphNode, ...]
    seen: Mapping[int, Any]
    warnings: tuple[str, ...] = ()
    defined: bool = False
    spread: int = 0

    def derivative(self, output: int, axes: tuple[int, ...]) -> float | None:
        """A derivative, by the numbers of one or two entries of the inputs in any order.

        Args:
            output: In a Jacobian, which entry of the output it is of; else 0.
            axes: The entries.
        """
        if len(axes) == 1:
            return self.gradients[output][axes[0]]
        first, second = axes
        return self.hessian.get((first, second), self.hessian.get((second, first)))

    @property
    def value(self) -> Nested:
        """The outputs' values, nested; those of several outputs in a tuple."""
        values = [nested(output.numbers, output.shape) for output in self.outputs]
        found: Nested = values[0] if len(values) == 1 else tuple(values)
        return found


def testimony(
    program: Program,
    inputs: Sequence[Array],
    requires_grad: Sequence[bool],
    dtype: str,
    how: Backward,
    draws: Draws | Mapping[int, Any],
) -> Steps[Testimony]:
    """Run the program forward and backward in torch.

    Args:
        program: What to run.
        inputs: One value for each of the program's inputs.
        requires_grad: For each of them, whether it is differentiated with respect to.
        dtype: "float64" or "float32".
        how: How backward is run.
        draws: Where random numbers come from; or what a run before made and read.

    Raises:
        GradcalcError: kind `shape`, `limit` or `autograd`, with what torch refuses.
    """
    ran = forward(program, inputs, requires_grad, dtype, draws)
    # The tensors of one question must be gone before the next one's are made, unless they are tiny.
    in_steps = ran.scalar
    if in_steps:
        yield
    _check_outputs(program, ran.outputs)
    wanted = [leaf for leaf in ran.leaves if leaf.requires_grad]
    weights = _weights(program, ran.outputs, how, sum(leaf.numel() for leaf in wanted))
    # Where torch takes 1 by itself it is not told so: for weights it imports much of its compiler.
    told = [None] * len(ran.outputs) if how.weights is None else weights
    try:
        hessian = _hessian(ran, wanted, told) if how.second_order else {}
        graph = _graph(program, ran)
        if weights is None:
            gradients = _jacobian(ran, wanted)
        else:
            _retain(program, ran, how.retain_grad)
            if in_steps:
                yield
            gradients = (_passes(program, ran, told, how),)
    except RuntimeError as problem:
        changed = None
        if "inplace operation" in str(problem):
            changed = _spoiler(program, inputs, requires_grad, dtype, ran, weights)
        raise refusal(program, problem, program.output, (), changed) from None
    if in_steps:
        yield
    defined, spread = sized_up(program, list(map(plain, ran.values)))
    return Testimony(
        outputs=tuple(map(array_of, ran.outputs)),
        weights=None if weights is None else tuple(map(array_of, weights)),
        gradients=gradients,
        hessian=hessian,
        tensors=tuple(_tensor_rows(program, ran)),
        graph=graph,
        seen=ran.seen,
        warnings=ran.warnings,
        defined=defined,
        spread=spread,
    )


#: `testimony`, all steps at once.
testify = at_once(testimony)


def _spoiler(
    program: Program,
    inputs: Sequence[Array],
    requires_grad: Sequence[bool],
    dtype: str,
    ran: Forward,
    weights: Sequence[Any] | None,
) -> int | None:
    """The step that changed in place what backward needs: without it, backward runs."""
    for number, other in changes_in_place(program):
        again = forward(other, inputs, requires_grad, dtype, ran.seen)
        factors = [torch.ones_like(o) for o in again.outputs] if weights is None else weights
        with contextlib.suppress(RuntimeError):
            torch.autograd.backward(again.outputs, factors)
            return number
    return None


def gradient_in(
    dtype: str,
    program: Program,
    inputs: Sequence[Array],
    requires_grad: Sequence[bool],
    weights: Sequence[Array],
    seen: Mapping[int, Any],
) -> list[float]:
    """The gradient once more, in a dtype: a rounding error depends on it, a wrong derivative not.

    Args:
        dtype: "float64" or "float32".
        program: What to run.
        inputs: One value for each of the program's inputs.
        requires_grad: For each of them, whether it is differentiated with respect to.
        weights: Those of the outputs' entries.
        seen: What the run before made and read.
    """
    ran = forward(program, inputs, requires_grad, dtype, seen)
    wanted = [leaf for leaf in ran.leaves if leaf.requires_grad]
    found = torch.autograd.grad(
        ran.outputs, wanted, factors_of(weights, ran.outputs), allow_unused=True
    )
    return flat(ran.leaves, dict(zip(wanted, found, strict=True)))


def _check_outputs(program: Program, outputs: Sequence[Any]) -> None:
    for number, output in zip(program.outputs, outputs, strict=True):
        if isinstance(output, float) or not output.requires_grad:
            raise _nothing_to_differentiate(program, number)


def _nothing_to_differentiate(program: Program, number: int) -> GradcalcError:
    if not program.inputs:
        hint = "write a variable in it, as in x**2"
    elif program.steps and any(s.no_grad or s.function == "detach" for s in program.steps):
        hint = "detach() and no_grad() make constants: leave them out where a gradient should flow"
    elif any(TABLE[step.function].group == "comparison" for step in program.steps):
        hint = "conditions have no gradient; where(condition, a, b) chooses between two values"
    else:
        hint = (
            f"let the result depend on a variable, and name it in --wrt: {', '.join(program.names)}"
        )
    return GradcalcError(
        Kind.AUTOGRAD,
        "the result does not require grad: nothing in it can be differentiated",
        text=program.text,
        span=program.span(number),
        hint=hint,
    )


def _weights(
    program: Program, outputs: Sequence[Any], how: Backward, entries: int
) -> list[Any] | None:
    """The weights of the outputs' entries, as tensors; None where the Jacobian is given instead."""
    if how.weights is None:
        large = next((k for k, output in enumerate(outputs) if output.numel() != 1), None)
        if large is None:
            return [_one(output.dtype).expand(output.shape) for output in outputs]
        small = len(outputs) == 1 and outputs[0].numel() * entries <= limits.JACOBIAN_ENTRIES
        if (
            small
            and not how.second_order
            and how.passes == 1
            and not (how.retain_grad or how.retain_grad is None)
        ):
            return None
        shape = tuple(outputs[large].shape)
        raise GradcalcError(
            Kind.AUTOGRAD,
            f"the result has shape {shape}: backward wants a weight for each of its entries",
            text=program.text,
            span=program.span(program.outputs[large]),
            hint="add --grad-outputs ones, or make it one number, as sum() does",
        )
    if len(how.weights) != len(outputs):
        raise GradcalcError(
            Kind.SHAPE,
            f"{len(how.weights)} weights for {len(outputs)} results",
            text=program.text,
            span=program.span(program.output),
            hint="give --grad-outputs one value for each result, parted by commas",
        )
    for number, output, weight in zip(program.outputs, outputs, how.weights, strict=True):
        if weight.shape not in {tuple(output.shape), ()}:
            raise GradcalcError(
                Kind.SHAPE,
                f"the weights have shape {weight.shape}, the result {tuple(output.shape)}",
                text=program.text,
                span=program.span(number),
                hint="give --grad-outputs a value of the result's shape, or ones",
            )
    return factors_of(how.weights, outputs)


@functools.cache
def _one(dtype: Any) -> Any:
    return torch.tensor(1.0, dtype=dtype)


def _retain(program: Program, ran: Forward, names: frozenset[str] | None) -> None:
    """Let the named tensors keep their gradients."""
    known = {}
    for name, number in _named(program):
        known[name] = number
        tensor = ran.values[number]
        wanted = names is None or name in names
        if wanted and isinstance(tensor, torch.Tensor) and not tensor.is_leaf:
            tensor.retain_grad()
    for name in names or ():
        if name in program.names:
            continue
        if name not in known:
            raise GradcalcError(
                Kind.USAGE,
                f"--retain-grad: nothing is called `{name}`",
                hint=f"name one of {', '.join(known)}"
                if known
                else "give a value a name, as in y = x**2",
            )
        number = known[name]
        tensor = ran.values[number]
        if isinstance(tensor, float) or not tensor.requires_grad:
            raise GradcalcError(
                Kind.AUTOGRAD,
                f"`{name}` does not require grad, so it can retain none",
                text=program.text,
                span=program.span(number),
                hint="leave it out of --retain-grad",
            )


def _passes(
    program: Program, ran: Forward, weights: Sequence[Any] | None, how: Backward
) -> list[float]:
    """Run backward as often as asked; return the gradient: what one pass adds to each `.grad`."""
    named = [ran.values[number] for _, number in _named(program)]
    kept = [*ran.leaves, *(t for t in named if isinstance(t, torch.Tensor))]
    for number in range(how.passes):
        if number and how.zero_grad:
            for tensor in kept:
                if (tensor.is_leaf or tensor.retains_grad) and tensor.grad is not None:
                    tensor.grad.zero_()
        torch.autograd.backward(ran.outputs, weights, retain_graph=how.retain_graph)
    added = 1 if how.zero_grad else how.passes
    found: list[float] = []
    for leaf in ran.leaves:
        if leaf.grad is None:
            # torch leaves out those that are 0 for want of any path.
            found += [0.0] * leaf.numel()
        else:
            found += numbers_of(leaf.grad / added if added > 1 else leaf.grad)
    return found


def _jacobian(ran: Forward, wanted: Sequence[Any]) -> tuple[list[float], ...]:
    """The gradient of each entry of the output."""
    output = ran.outputs[0]
    rows = []
    for position in range(output.numel()):
        weight = torch.zeros_like(output).reshape(-1)
        weight[position] = 1
        gradients = torch.autograd.grad(
            output, wanted, weight.reshape(output.shape), retain_graph=True, allow_unused=True
        )
        rows.append(flat(ran.leaves, dict(zip(wanted, gradients, strict=True))))
    return tuple(rows)


def _hessian(
    ran: Forward, wanted: Sequence[Any], weights: Sequence[Any] | None
) -> dict[tuple[int, int], float | None]:
    """The second derivatives, for each pair of entries of leaves in order."""
    check_hessian(sum(leaf.numel() for leaf in wanted))
    first: dict[Any, int] = {}
    for leaf in ran.leaves:
        first[leaf] = sum(other.numel() for other in first)
    gradient = torch.autograd.grad(
        ran.outputs, wanted, weights, create_graph=True, allow_unused=True
    )
    entries: dict[tuple[int, int], float | None] = {}
    for position, (leaf, slope) in enumerate(zip(wanted, gradient, strict=True)):
        others = wanted[position:]
        for k in range(leaf.numel()):
            columns = [first[other] + m for other in others for m in range(other.numel())]
            pairs = [(first[leaf] + k, column) for column in columns]
            entries.update(zip(pairs, _second(slope, k, others), strict=True))
    return entries


def _second(slope: Any, position: int, others: Sequence[Any]) -> list[float] | list[None]:
    """The derivatives of an entry of a gradient by the entries of the leaves."""
    count = sum(other.numel() for other in others)
    if slope is None or not slope.requires_grad:
        return [0.0] * count
    try:
        seconds = torch.autograd.grad(
            slope.reshape(-1)[position], others, retain_graph=True, allow_unused=True
        )
    except RuntimeError:
        # torch has no second derivative of some function in it; the entry is undecided.
        return [None] * count
    return flat(others, dict(zip(others, seconds, strict=True)))


# --- What torch says of tensors -------------------------------------------------------------------


def _named(program: Program) -> list[tuple[str, int]]:
    """The names given to values that have none, in order; a change in place gives no new one."""
    first = program.first_step
    return [
        (statement.name, statement.numbers[0])
        for statement in program.statements
        if statement.name is not None
        and not (
            statement.numbers[0] >= first and program.steps[statement.numbers[0] - first].in_place
        )
    ]


def _tensor_rows(program: Program, ran: Forward) -> list[TensorRow]:
    rows = [*zip(program.names, ran.leaves, strict=True)]
    for name, number in _named(program):
        value = ran.values[number]
        if isinstance(value, torch.Tensor):
            rows.append((name, value))
    known = {id(tensor) for _, tensor in rows}
    for number, output in zip(program.outputs, ran.outputs, strict=True):
        if id(output) not in known:
            alone = len(program.outputs) == 1
            text = program.canonical.rpartition("; ")[2] if alone else program.source(number)
            rows.append((text if alone else " ".join(text.split()), output))
    return [_tensor_row(name, tensor) for name, tensor in rows]


def _tensor_row(name: str, tensor: Any) -> TensorRow:
    grad_fn = tensor.grad_fn
    # Asking a non-leaf that retains none for its gradient makes torch warn.
    held = tensor.grad if grad_fn is None or tensor.retains_grad else None
    return TensorRow(
        name=name,
        shape=tuple(tensor.shape),
        is_leaf=tensor.is_leaf,
        requires_grad=tensor.requires_grad,
        retains_grad=tensor.retains_grad,
        grad_fn=None if grad_fn is None else type(grad_fn).__name__,
        grad=None if held is None else nested(numbers_of(held), tuple(held.shape)),
    )


def _graph(program: Program, ran: Forward) -> tuple[GraphNode, ...]:
    """Walk the backward graph from the outputs, depth first, each node once."""
    visits = walk(program, ran.outputs, ran.origins)
    ids = {node: place for place, (node, _, _) in enumerate(visits)}
    sources = program.sources
    return tuple(
        [
            GraphNode(
                place, type(node).__name__, sources[number], tuple([ids[c] for c in children])
            )
            for place, (node, number, children) in enumerate(visits)
        ]
    )
