"""The second witness: torch's autograd.

In: a program, the inputs' values, the dtype, which inputs require grad. Out: `Testimony`: value,
gradient, Hessian, the leaf status of each tensor and the backward graph, as torch has them. Only
torch's public attributes are used.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.errors import GradcalcError, Kind
from gradcalc.functions import Function, torch
from gradcalc.interpret import run
from gradcalc.program import Constant, Program
from gradcalc.report import GraphNode, TensorRow


@dataclass(frozen=True, slots=True)
class Testimony:
    """What torch returned.

    Attributes:
        value: The output's value.
        gradient: The derivative with respect to each input that requires grad, by the input's
            number.
        hessian: The derivative for each pair of them, by their numbers in order; None where torch
            has no second derivative. Empty unless asked for.
        tensors: The inputs and the output.
        graph: The backward graph.
    """

    value: float
    gradient: Mapping[int, float]
    hessian: Mapping[tuple[int, ...], float | None]
    tensors: tuple[TensorRow, ...]
    graph: tuple[GraphNode, ...]

    def derivative(self, axes: tuple[int, ...]) -> float | None:
        """The derivative along one input, or the second one along two, in any order."""
        return self.gradient[axes[0]] if len(axes) == 1 else self.hessian[tuple(sorted(axes))]


class _Tensors:
    """Arithmetic on torch tensors, in which constants are plain numbers as in a torch program."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype

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

    def call(self, row: Function, args: list[Any], number: int) -> Any:  # noqa: ARG002 - see Arithmetic
        plain = [isinstance(arg, float) for arg in args]
        if all(plain):
            # A constant: calculated in float64 and kept as a plain number.
            tensors = self._lifted(row, args, torch.float64, 0)
            return row.torch(*tensors).item()
        if any(plain) and row.symbol is None:
            args = self._lifted(row, args, self._dtype, 1 if row.numbers else len(args))
        return row.torch(*args)

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


def testify(
    program: Program,
    inputs: Sequence[float],
    requires_grad: Sequence[bool],
    dtype: str,
    *,
    second_order: bool = False,
) -> Testimony:
    """Run the program forward and backward in torch.

    Args:
        program: What to run.
        inputs: One value for each of the program's inputs.
        requires_grad: For each of them, whether it is differentiated with respect to.
        dtype: "float64" or "float32".
        second_order: Whether to differentiate the gradient again, with create_graph.

    Raises:
        GradcalcError: kind `autograd`, with what torch refuses.
    """
    leaves, values, output = _forward(program, inputs, requires_grad, dtype)
    wanted = {number: leaf for number, leaf in enumerate(leaves) if leaf.requires_grad}
    try:
        hessian = _hessian(output, wanted) if second_order else {}
        graph = _graph(program, output, values, leaves)
        output.backward(inputs=list(wanted.values()))
    except RuntimeError as error:
        raise _refusal(program, error) from None
    return Testimony(
        value=output.item(),
        gradient={number: _number(leaf.grad) for number, leaf in wanted.items()},
        hessian=hessian,
        tensors=tuple(_tensor_rows(program, leaves, output)),
        graph=graph,
    )


def _forward(
    program: Program, inputs: Sequence[float], requires_grad: Sequence[bool], dtype: str
) -> tuple[list[Any], list[Any], Any]:
    """Make the leaves and run the program; return them, all values, and the output."""
    torch_dtype = getattr(torch, dtype)
    leaves = [
        torch.tensor(value, dtype=torch_dtype, requires_grad=required)
        for value, required in zip(inputs, requires_grad, strict=True)
    ]
    arithmetic = _Tensors(torch_dtype)
    try:
        values = run(program, leaves, arithmetic)
    except RuntimeError as error:
        raise _refusal(program, error) from None
    output = arithmetic.number(values[program.output])
    if isinstance(output, float) or not output.requires_grad:
        raise _nothing_to_differentiate(program)
    return leaves, values, output


def _refusal(program: Program, error: RuntimeError) -> GradcalcError:
    reason = str(error).splitlines()[0]
    return GradcalcError(Kind.AUTOGRAD, f"torch refuses: {reason}", text=program.text)


def _number(tensor: Any) -> float:
    """The number in a gradient; torch leaves out those that are 0 for want of any path."""
    return 0.0 if tensor is None else float(tensor.item())


def _nothing_to_differentiate(program: Program) -> GradcalcError:
    hint = (
        "write a variable in it, as in x**2"
        if not program.inputs
        else "conditions have no gradient; where(condition, a, b) chooses between two values"
    )
    return GradcalcError(
        Kind.AUTOGRAD,
        "the result does not require grad: nothing in it can be differentiated",
        text=program.text,
        span=program.span(program.output),
        hint=hint,
    )


def _hessian(output: Any, wanted: Mapping[int, Any]) -> dict[tuple[int, ...], float | None]:
    """The second derivatives for each pair of `wanted`."""
    leaves = list(wanted.values())
    gradient = torch.autograd.grad(output, leaves, create_graph=True, allow_unused=True)
    entries: dict[tuple[int, ...], float | None] = {}
    for position, (number, first) in enumerate(zip(wanted, gradient, strict=True)):
        pairs = [(number, other) for other in list(wanted)[position:]]
        if first is None or not first.requires_grad:
            entries.update(dict.fromkeys(pairs, 0.0))
            continue
        try:
            seconds = torch.autograd.grad(
                first, leaves[position:], retain_graph=True, allow_unused=True
            )
        except RuntimeError:
            # torch has no second derivative of some function in it; the entry is undecided.
            entries.update(dict.fromkeys(pairs))
            continue
        entries.update(zip(pairs, map(_number, seconds), strict=True))
    return entries


def _tensor_rows(program: Program, leaves: Sequence[Any], output: Any) -> list[TensorRow]:
    named = list(zip(program.names, leaves, strict=True))
    if program.output >= len(program.inputs):
        named.append((program.canonical, output))
    return [
        TensorRow(
            name=name,
            shape=tuple(tensor.shape),
            is_leaf=tensor.is_leaf,
            requires_grad=tensor.requires_grad,
            retains_grad=tensor.retains_grad,
            grad_fn=tensor.grad_fn.name() if tensor.grad_fn is not None else None,
            # Asking a non-leaf for its .grad makes torch warn.
            grad=tensor.grad.item() if tensor.is_leaf and tensor.grad is not None else None,
        )
        for name, tensor in named
    ]


def _graph(
    program: Program, output: Any, values: Sequence[Any], leaves: Sequence[Any]
) -> tuple[GraphNode, ...]:
    """Walk the backward graph from the output, depth first, each node once."""
    order = _walk(program, output, _origins(values, leaves))
    ids = {node: number for number, (node, _) in enumerate(order)}
    return tuple(
        GraphNode(
            id=ids[node],
            grad_fn=node.name().removeprefix("torch::autograd::"),
            source=program.source(number),
            inputs=tuple(ids[child] for child, _ in node.next_functions if child is not None),
        )
        for node, number in order
    )


def _origins(values: Sequence[Any], leaves: Sequence[Any]) -> dict[Any, int]:
    """For each node that is some value's grad_fn, the value's number."""
    edge = torch.autograd.graph.get_gradient_edge
    origins = {edge(leaf).node: number for number, leaf in enumerate(leaves) if leaf.requires_grad}
    for number, value in enumerate(values):
        node = getattr(value, "grad_fn", None)
        if node is not None:
            origins.setdefault(node, number)
    return origins


def _walk(program: Program, output: Any, origins: Mapping[Any, int]) -> list[tuple[Any, int]]:
    """The nodes of the graph, depth first, each with the number of the value that it computes.

    A node that no step ends in belongs to the step that it leads to.
    """
    order: dict[Any, int] = {}
    todo = [(torch.autograd.graph.get_gradient_edge(output).node, program.output)]
    while todo:
        node, parent = todo.pop()
        if node in order:
            continue
        order[node] = number = origins.get(node, parent)
        children = [child for child, _ in node.next_functions if child is not None]
        todo += [(child, number) for child in reversed(children)]
    return list(order.items())


# --- Where a nan or an infinity was born ----------------------------------------------------------


def birth(
    program: Program, inputs: Sequence[float], dtype: str, axes: tuple[int, ...]
) -> tuple[int, float, str] | None:
    """Find the step that made the first nan or infinity of a derivative.

    Args:
        program: What was run.
        inputs: One value for each of the program's inputs.
        dtype: "float64" or "float32".
        axes: The derivative: the number of an input, or of two.

    Returns:
        The number of the step's value, the nan or infinity, and "forward" or "backward"; None if
        neither pass makes one.
    """
    leaves, values, output = _forward(program, inputs, [True] * len(inputs), dtype)
    active = program.active()
    for number in range(program.first_step, len(values)):
        args = program.steps[number - program.first_step].args
        if (
            active[number]
            and not _finite(values[number])
            and all(_finite(values[arg]) for arg in args)
        ):
            return number, _number(values[number]), "forward"
    origins = _origins(values, leaves)
    second = len(axes) == 2
    try:
        with _watch(_walk(program, output, origins), origins) as born:
            first = torch.autograd.grad(output, leaves, create_graph=second, allow_unused=True)[
                axes[0]
            ]
        if second and not born and first is not None and first.requires_grad:
            with _watch(_walk(program, first, origins), origins) as born:
                torch.autograd.grad(first, leaves, allow_unused=True)
    except RuntimeError:
        return None
    return (*born[0], "backward") if born else None


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
                born.append((number, _number(strange[0])))
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
