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
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gradcalc import limits
from gradcalc.errors import GradcalcError, Kind
from gradcalc.functions import TABLE, Function, torch
from gradcalc.interpret import run
from gradcalc.program import Array, Constant, Program, Step
from gradcalc.report import GraphNode, Nested, TensorRow, nested


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
    """

    outputs: tuple[Array, ...]
    weights: tuple[Array, ...] | None
    gradients: tuple[Sequence[float], ...]
    hessian: Mapping[tuple[int, int], float | None]
    tensors: tuple[TensorRow, ...]
    graph: tuple[GraphNode, ...]
    seen: Mapping[int, Any]
    warnings: tuple[str, ...] = ()

    @property
    def value(self) -> Nested:
        """The outputs' values, nested; those of several outputs in a tuple."""
        values = [nested(output.numbers, output.shape) for output in self.outputs]
        found: Nested = values[0] if len(values) == 1 else tuple(values)
        return found


class Draws:
    """Where random numbers come from: one stream for all values of a question, in order."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    @functools.cached_property
    def generator(self) -> Any:
        """Torch's generator."""
        return torch.Generator().manual_seed(self._seed)


class _Tensors:
    """Arithmetic on torch tensors, in which constants are plain numbers as in a torch program."""

    def __init__(self, program: Program, dtype: Any, draws: Draws | Mapping[int, Any]) -> None:
        self._program = program
        self._dtype = dtype
        self._draws = draws
        self.seen: dict[int, Any] = {}
        self.nodes: dict[Any, int] = {}  # for each grad_fn, the value that it was made with

    def constant(self, constant: Constant) -> Any:
        if constant.value is not None:
            return float(constant.value)
        size = getattr(math, constant.text.lstrip("-"))
        return -size if constant.text.startswith("-") else size

    def number(self, value: Any) -> Any:
        if isinstance(value, bool):
            return float(value)
        if isinstance(value, float) or value.dtype != torch.bool:
            return value
        return value.to(self._dtype)

    def condition(self, value: Any) -> Any:
        if isinstance(value, bool | float):
            return torch.tensor(bool(value))
        return value if value.dtype == torch.bool else value != 0

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:
        if row.entrywise and not (step.in_place or step.no_grad):
            plain = [isinstance(arg, float) for arg in args]
            if all(plain):
                # A constant: calculated in float64 and kept as a plain number.
                return row.torch(*self._lifted(row, args, torch.float64, 0)).item()
            if any(plain) and row.symbol is None:
                args = self._lifted(row, args, self._dtype, 1 if row.numbers else len(args))
        try:
            result = self._called(row, args, number, step)
        except (RuntimeError, IndexError, ValueError, TypeError, AttributeError) as problem:
            raise refusal(self._program, problem, number, args) from None
        node = getattr(result, "grad_fn", None)
        if node is not None:
            self.nodes.setdefault(node, number)
        return result

    def _called(self, row: Function, args: list[Any], number: int, step: Step) -> Any:
        options = dict(step.options)
        _check_size(self._program, row, args, number, options)
        if row.creates:
            if isinstance(self._draws, Draws):
                generator = self._draws.generator
                made = row.torch(*args, dtype=self._dtype, generator=generator, **options)
            else:
                made = self._draws[number].clone()
            self.seen[number] = made.clone()
            return made
        if not row.entrywise:
            args = self._lifted(row, args, self._dtype, 0)
        if row.reads is not None:
            self.seen[number] = args[row.reads].detach().clone()
        watched = torch.no_grad() if step.no_grad else contextlib.nullcontext()
        with watched:
            if step.in_place and not row.moves:
                return getattr(args[0], f"{row.name}_")(*args[1:], **options)
            return row.torch(*args, **options)

    @staticmethod
    def _lifted(row: Function, args: list[Any], dtype: Any, count: int) -> list[Any]:
        """Make tensors of the plain numbers among the first `count` arguments (0: all)."""
        static = [parameter.static for parameter in row.parameters] + [False] * len(args)
        return [
            torch.tensor(arg, dtype=dtype)
            if isinstance(arg, float) and not fixed and (position < count or not count)
            else arg
            for position, (arg, fixed) in enumerate(zip(args, static, strict=False))
        ]


def _check_size(
    program: Program, row: Function, args: Sequence[Any], number: int, options: Mapping[str, Any]
) -> None:
    """Refuse a tensor that would not fit, before torch tries to make it."""
    most = limits.TENSOR_ENTRIES
    size = 1
    for arg in args:
        size *= 1 if isinstance(arg, float) else arg.numel() or 1
    if row.creates or row.name in {"expand", "repeat"}:
        size = _asked_size(options) * (size if row.name == "repeat" else 1)
    elif size > most:
        metas = [arg if isinstance(arg, float) else arg.detach().to("meta") for arg in args]
        # In place, nothing grows; and what does not fit is told by torch itself.
        with contextlib.suppress(RuntimeError, IndexError, ValueError, TypeError):
            size = row.torch(*metas, **options).numel()
    if size > most:
        raise GradcalcError(
            Kind.LIMIT,
            f"a tensor of over {most:,} entries",
            text=program.text,
            span=program.span(number),
        )


def _asked_size(options: Mapping[str, Any]) -> float:
    """Entries of the tensor that the options ask for."""
    if "end" in options and "steps" not in options:
        return abs(options["end"] - options["start"]) / (abs(options.get("step", 1)) or 1)
    size = 1
    asked = options.get("shape", options.get("sizes", ()))
    for length in asked if isinstance(asked, tuple) else (asked,):
        size *= length if isinstance(length, int) and length > 0 else 1
    for name in ("n", "steps", "start"):
        size *= options[name] if isinstance(options.get(name), int) else 1
    return size * (options.get("m") or options.get("n") or 1)


@dataclass(slots=True)
class _Forward:
    """A program that was run: its leaves, all its values, and the arithmetic that ran it."""

    leaves: list[Any]
    values: list[Any]
    outputs: list[Any]
    arithmetic: _Tensors
    warnings: list[str] = field(default_factory=list)

    @property
    def origins(self) -> dict[Any, int]:
        """For each node that is some value's grad_fn, the value's number."""
        edge = torch.autograd.graph.get_gradient_edge
        found = {
            edge(leaf).node: number
            for number, leaf in enumerate(self.leaves)
            if leaf.requires_grad and leaf.is_leaf
        }
        return {**self.arithmetic.nodes, **found}


def _forward(
    program: Program,
    inputs: Sequence[Array],
    requires_grad: Sequence[bool],
    dtype: str,
    draws: Draws | Mapping[int, Any],
) -> _Forward:
    """Make the leaves and run the program; what was drawn before is not drawn again."""
    torch_dtype = getattr(torch, dtype)
    leaves = [
        torch.tensor(value.numbers, dtype=torch_dtype)
        .reshape(value.shape)
        .requires_grad_(required)
        for value, required in zip(inputs, requires_grad, strict=True)
    ]
    arithmetic = _Tensors(program, torch_dtype, draws)
    values = run(program, leaves, arithmetic)
    outputs = [arithmetic.number(values[number]) for number in program.outputs]
    return _Forward(leaves, values, outputs, arithmetic)


def testify(
    program: Program,
    inputs: Sequence[Array],
    requires_grad: Sequence[bool],
    dtype: str,
    how: Backward,
    draws: Draws,
) -> Testimony:
    """Run the program forward and backward in torch.

    Args:
        program: What to run.
        inputs: One value for each of the program's inputs.
        requires_grad: For each of them, whether it is differentiated with respect to.
        dtype: "float64" or "float32".
        how: How backward is run.
        draws: Where random numbers come from.

    Raises:
        GradcalcError: kind `shape`, `limit` or `autograd`, with what torch refuses.
    """
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        ran = _forward(program, inputs, requires_grad, dtype, draws)
        _check_outputs(program, ran.outputs)
        wanted = [leaf for leaf in ran.leaves if leaf.requires_grad]
        weights = _weights(program, ran.outputs, how, sum(leaf.numel() for leaf in wanted))
        try:
            hessian = _hessian(ran, wanted, weights) if how.second_order else {}
            graph = _graph(program, ran)
            if weights is None:
                gradients = _jacobian(ran, wanted)
            else:
                _retain(program, ran, how.retain_grad)
                gradients = (_passes(program, ran, weights, how),)
        except RuntimeError as problem:
            raise refusal(program, problem, program.output, ()) from None
    return Testimony(
        outputs=tuple(map(_array, ran.outputs)),
        weights=None if weights is None else tuple(map(_array, weights)),
        gradients=gradients,
        hessian=hessian,
        tensors=tuple(_tensor_rows(program, ran)),
        graph=graph,
        seen=ran.arithmetic.seen,
        warnings=tuple(dict.fromkeys(str(w.message).splitlines()[0] for w in warned)),
    )


def look(
    program: Program, inputs: Sequence[Array], dtype: str, draws: Draws
) -> tuple[tuple[Array, ...], Mapping[int, Any]]:
    """Run the program forward only.

    Returns:
        The outputs' values; and for steps that make tensors or read values to choose by, what they
        made or read.
    """
    ran = _forward(program, inputs, [False] * len(inputs), dtype, draws)
    return tuple(_array(torch.as_tensor(output)) for output in ran.outputs), ran.arithmetic.seen


def _array(tensor: Any) -> Array:
    return Array(tuple(tensor.shape), tuple(tensor.detach().reshape(-1).tolist()))


def _check_outputs(program: Program, outputs: Sequence[Any]) -> None:
    for number, output in zip(program.outputs, outputs, strict=True):
        if isinstance(output, float) or not output.requires_grad:
            raise _nothing_to_differentiate(program, number)


def _nothing_to_differentiate(program: Program, number: int) -> GradcalcError:
    if not program.inputs:
        hint = "write a variable in it, as in x**2"
    elif program.steps and any(s.no_grad or s.function == "detach" for s in program.steps):
        hint = "detach() and no_grad() make constants: leave them out where a gradient should flow"
    elif program.steps and TABLE[program.steps[-1].function].group == "comparison":
        hint = "conditions have no gradient; where(condition, a, b) chooses between two values"
    else:
        hint = f"let the result depend on a variable, and name it in --wrt: {', '.join(program.names)}"
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
            return [torch.ones_like(output) for output in outputs]
        small = len(outputs) == 1 and outputs[0].numel() * entries <= limits.JACOBIAN_ENTRIES
        if small and not how.second_order and how.passes == 1 and not (how.retain_grad or how.retain_grad is None):
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
    found = []
    for number, output, weight in zip(program.outputs, outputs, how.weights, strict=True):
        if weight.shape not in {tuple(output.shape), ()}:
            raise GradcalcError(
                Kind.SHAPE,
                f"the weights have shape {weight.shape}, the result {tuple(output.shape)}",
                text=program.text,
                span=program.span(number),
                hint="give --grad-outputs a value of the result's shape, or ones",
            )
        tensor = torch.tensor(weight.numbers, dtype=output.dtype).reshape(weight.shape)
        found.append(tensor.expand(output.shape).clone())
    return found


def _retain(program: Program, ran: _Forward, names: frozenset[str] | None) -> None:
    """Let the named tensors keep their gradients."""
    known = {}
    for name, number in _named(program):
        known[name] = number
        tensor = ran.values[number]
        wanted = names is None or name in names
        if wanted and isinstance(tensor, torch.Tensor) and not tensor.is_leaf:
            tensor.retain_grad()
    for name in names or ():
        number = known.get(name)
        if name in program.names:
            continue
        if number is None:
            raise GradcalcError(
                Kind.USAGE,
                f"--retain-grad: nothing is called `{name}`",
                hint=f"name one of {', '.join(known)}" if known else "give a value a name, as in y = x**2",
            )
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
    program: Program, ran: _Forward, weights: Sequence[Any], how: Backward
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
            found += (leaf.grad / added if added > 1 else leaf.grad).reshape(-1).tolist()
    return found


def _flat(leaves: Sequence[Any], gradients: Mapping[Any, Any]) -> list[float]:
    """One number for each entry of the leaves; 0 where torch has no gradient."""
    found: list[float] = []
    for leaf in leaves:
        gradient = gradients.get(leaf)
        found += [0.0] * leaf.numel() if gradient is None else gradient.reshape(-1).tolist()
    return found


def _jacobian(ran: _Forward, wanted: Sequence[Any]) -> tuple[list[float], ...]:
    """The gradient of each entry of the output."""
    output = ran.outputs[0]
    rows = []
    for position in range(output.numel()):
        weight = torch.zeros_like(output).reshape(-1)
        weight[position] = 1
        gradients = torch.autograd.grad(
            output, wanted, weight.reshape(output.shape), retain_graph=True, allow_unused=True
        )
        rows.append(_flat(ran.leaves, dict(zip(wanted, gradients, strict=True))))
    return tuple(rows)


def _hessian(
    ran: _Forward, wanted: Sequence[Any], weights: Sequence[Any] | None
) -> dict[tuple[int, int], float | None]:
    """The second derivatives, for each pair of entries of leaves in order."""
    size = sum(leaf.numel() for leaf in wanted)
    if size * size > limits.HESSIAN_ENTRIES:
        raise GradcalcError(
            Kind.LIMIT,
            f"a Hessian of {size * size:,} entries; the limit is {limits.HESSIAN_ENTRIES:,}",
            hint="name fewer variables in --wrt",
        )
    first = {}
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
    return _flat(others, dict(zip(others, seconds, strict=True)))


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


def _tensor_rows(program: Program, ran: _Forward) -> list[TensorRow]:
    rows = [*zip(program.names, ran.leaves, strict=True)]
    known = set(range(len(rows)))
    for name, number in _named(program):
        value = ran.values[number]
        if isinstance(value, torch.Tensor):
            rows.append((name, value))
            known.add(number)
    tensors = [tensor for _, tensor in rows]
    texts = program.canonical.rpartition("; ")[2]
    for number, output in zip(program.outputs, ran.outputs, strict=True):
        if not any(output is tensor for tensor in tensors):
            alone = len(program.outputs) == 1
            rows.append((texts if alone else " ".join(program.source(number).split()), output))
    return [
        TensorRow(
            name=name,
            shape=tuple(tensor.shape),
            is_leaf=tensor.is_leaf,
            requires_grad=tensor.requires_grad,
            retains_grad=tensor.retains_grad,
            grad_fn=None if tensor.grad_fn is None else _node_name(tensor.grad_fn),
            grad=_held(tensor),
        )
        for name, tensor in rows
    ]


def _node_name(node: Any) -> str:
    return str(node.name()).removeprefix("torch::autograd::")


def _held(tensor: Any) -> Nested | None:
    """What `.grad` holds; asking a non-leaf that retains none makes torch warn."""
    if not (tensor.is_leaf or tensor.retains_grad) or tensor.grad is None:
        return None
    found = _array(tensor.grad)
    held: Nested = nested(found.numbers, found.shape)
    return held


def _graph(program: Program, ran: _Forward) -> tuple[GraphNode, ...]:
    """Walk the backward graph from the outputs, depth first, each node once."""
    order = _walk(program, ran.outputs, ran.origins)
    ids = {node: number for number, (node, _) in enumerate(order)}
    return tuple(
        GraphNode(
            id=ids[node],
            grad_fn=_node_name(node),
            source=program.source(number),
            inputs=tuple(ids[child] for child, _ in node.next_functions if child is not None),
        )
        for node, number in order
    )


def _walk(
    program: Program, outputs: Sequence[Any], origins: Mapping[Any, int]
) -> list[tuple[Any, int]]:
    """The nodes of the graph, depth first, each with the number of the value that it computes.

    A node that no step ends in belongs to the step that it leads to.
    """
    order: dict[Any, int] = {}
    edge = torch.autograd.graph.get_gradient_edge
    todo = [
        (edge(output).node, number)
        for number, output in zip(program.outputs, outputs, strict=True)
    ][::-1]
    while todo:
        node, parent = todo.pop()
        if node in order:
            continue
        order[node] = number = origins.get(node, parent)
        children = [child for child, _ in node.next_functions if child is not None]
        todo += [(child, number) for child in reversed(children)]
    return list(order.items())


# --- What torch refuses ---------------------------------------------------------------------------

#: Words in a reason of torch's that is about shapes.
_SHAPES = re.compile(
    "shape|size|dimension|dim |broadcast|must match|1D|2D|1-D|2-D|square|batch|index|"
    "dims|number of|subscript|expects|target",
    re.IGNORECASE,
)


def refusal(program: Program, problem: Exception, number: int, args: Sequence[Any]) -> GradcalcError:
    """What torch refuses, in plain words.

    Args:
        program: What was run.
        problem: What torch raised.
        number: The value that it could not make.
        args: What it was to be made of.
    """
    if isinstance(problem, GradcalcError):
        return problem
    reason = str(problem).strip().splitlines()[0].rstrip(".") if str(problem).strip() else ""
    message, hint, place, kind = f"torch refuses: {reason}", None, number, Kind.AUTOGRAD
    if "leaf" in reason and "in-place" in reason:
        name = program.source(program.steps[number - program.first_step].args[0])
        message = f"`{name}` is a leaf that requires grad, so it cannot be changed in place"
        if "view" in reason:
            message = f"`{name}` is a view of a leaf that requires grad, so it cannot be changed in place"
        hint = f"make a new tensor, as in y = {name} + 1, or leave the variable out of --wrt"
    elif "second time" in reason:
        message = (
            "the graph was freed by the first backward, so it cannot be run a second time"
        )
        hint = "leave out --no-retain-graph"
    elif "modified by an inplace operation" in reason:
        place = _changed_in_place(program, reason) or number
        message = "this changes in place a value that backward needs"
        node = re.search(r"output \d+ of (\w+)", reason)
        if node is not None:
            message += f" (it was saved by, or made by, {node[1]})"
        hint = "make a new tensor instead, as in z = y + 1"
    elif isinstance(problem, AttributeError):
        step = program.steps[number - program.first_step]
        message = f"torch has no `{step.function}_`, which would work in place"
        hint = f"make a new tensor, as in y = {step.function}(x)"
    elif "singular" in reason:
        message = "the matrix is singular, so this has no value"
    elif "whole numbers" in reason:
        message, _, hint = reason.partition("; ")
    elif number >= program.first_step and (
        isinstance(problem, IndexError | ValueError) or _SHAPES.search(reason)
    ):
        kind, message, hint = Kind.SHAPE, _misfit(program, number, args), f"torch says: {reason}"
    return GradcalcError(kind, message, text=program.text, span=program.span(place), hint=hint)


def _misfit(program: Program, number: int, args: Sequence[Any]) -> str:
    """Name the shapes that do not go together."""
    step = program.steps[number - program.first_step]
    row = TABLE[step.function]
    shapes = [str(tuple(getattr(arg, "shape", ()))) for arg in args]
    if step.function in {"getitem", "setitem"}:
        return f"the index does not fit shape {shapes[0]}" + (
            f" and a value of shape {shapes[1]}" if len(shapes) > 1 else ""
        )
    what = f"`{row.symbol or row.name}`"
    if len(shapes) == 1:
        return f"{what} does not fit shape {shapes[0]}"
    return f"{what} does not fit shapes {', '.join(shapes[:-1])} and {shapes[-1]}"


def _changed_in_place(program: Program, reason: str) -> int | None:
    """The step that changed a value which backward needs: the last one that does so."""
    del reason
    changes = [
        number
        for number, step in enumerate(program.steps, program.first_step)
        if step.in_place
    ]
    return changes[-1] if changes else None


# --- Where a nan or an infinity was born ----------------------------------------------------------




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
    ran = _forward(program, inputs, [True] * len(inputs), dtype, seen)
    active = program.active()
    for number in range(program.first_step, len(ran.values)):
        args = program.steps[number - program.first_step].args
        value = ran.values[number]
        if active[number] and not _finite(value) and all(_finite(ran.values[arg]) for arg in args):
            return program.source(number), _strange(value), "forward"
    origins = ran.origins
    second = len(axes) == 2
    factors = [torch.tensor(w.numbers, dtype=o.dtype).reshape(w.shape).expand(o.shape) for w, o in zip(weights, ran.outputs, strict=True)]
    leaf, position = _place(ran.leaves, axes[0])
    try:
        with _watch(_walk(program, ran.outputs, origins), origins) as born:
            first = torch.autograd.grad(
                ran.outputs, leaf, factors, create_graph=second, allow_unused=True
            )[0]
        if second and not born and first is not None and first.requires_grad:
            first = first.reshape(-1)[position]
            steps = replace(program, outputs=(program.output,))
            with _watch(_walk(steps, [first], origins), origins) as born:
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
    nodes: Sequence[tuple[Any, int]], origins: dict[Any, int]
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

    handles = [node.register_hook(hook(number)) for node, number in nodes]
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
