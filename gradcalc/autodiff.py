"""The second witness: torch's autograd.

In: a program, the inputs' values, the dtype, which inputs require grad. Out: `Testimony`: value,
gradient, Hessian, the leaf status of each tensor and the backward graph, as torch has them. Only
torch's public attributes are used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
        values: Every value of the program, by number, for finding where a nan was born.
        gradient: One derivative for each input that requires grad, in order.
        hessian: A derivative for each pair (i <= j) of them; None where torch has no second
            derivative. Empty unless asked for.
        tensors: The inputs and the output.
        graph: The backward graph.
    """

    value: float
    values: tuple[float, ...]
    gradient: tuple[float, ...]
    hessian: tuple[float | None, ...]
    tensors: tuple[TensorRow, ...]
    graph: tuple[GraphNode, ...]


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

    def call(self, row: Function, args: list[Any], number: int) -> Any:
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
    torch_dtype = getattr(torch, dtype)
    leaves = [
        torch.tensor(value, dtype=torch_dtype, requires_grad=required)
        for value, required in zip(inputs, requires_grad, strict=True)
    ]
    arithmetic = _Tensors(torch_dtype)
    try:
        values = run(program, leaves, arithmetic)
        output = arithmetic.number(values[program.output])
        if isinstance(output, float) or not output.requires_grad:
            raise _nothing_to_differentiate(program)
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        hessian: list[float | None] = []
        if second_order:
            hessian = _hessian(output, wanted)
        graph = _graph(program, output, values, leaves)
        output.backward(inputs=wanted)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise GradcalcError(Kind.AUTOGRAD, f"torch refuses: {reason}", text=program.text) from None
    return Testimony(
        value=output.item(),
        values=tuple(value if isinstance(value, float) else float(value.item()) for value in values),
        gradient=tuple(0.0 if leaf.grad is None else leaf.grad.item() for leaf in wanted),
        hessian=tuple(hessian),
        tensors=tuple(_tensor_rows(program, leaves, output)),
        graph=graph,
    )


def _nothing_to_differentiate(program: Program) -> GradcalcError:
    hint = (
        "write a variable in it, as in x**2"
        if not program.inputs
        else "conditions and constants have no gradient; where(condition, a, b) chooses between two values that do"
    )
    return GradcalcError(
        Kind.AUTOGRAD,
        "the result does not require grad: nothing in it can be differentiated",
        text=program.text,
        span=program.span(program.output),
        hint=hint,
    )


def _hessian(output: Any, wanted: Sequence[Any]) -> list[float | None]:
    """The second derivatives for each pair i <= j of `wanted`, row by row."""
    gradient = torch.autograd.grad(output, wanted, create_graph=True, allow_unused=True)
    entries: list[float | None] = []
    for position, first in enumerate(gradient):
        rest = wanted[position:]
        if first is None or not first.requires_grad:
            entries += [0.0] * len(rest)
            continue
        try:
            seconds = torch.autograd.grad(first, rest, retain_graph=True, allow_unused=True)
        except RuntimeError:
            # torch has no second derivative of some function in it; the entry is undecided.
            entries += [None] * len(rest)
            continue
        entries += [0.0 if second is None else second.item() for second in seconds]
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
    edge = torch.autograd.graph.get_gradient_edge
    origin = {edge(leaf).node: number for number, leaf in enumerate(leaves) if leaf.requires_grad}
    for number, value in enumerate(values):
        node = getattr(value, "grad_fn", None)
        if node is not None:
            origin.setdefault(node, number)

    ids: dict[Any, int] = {}
    order: list[tuple[Any, str]] = []
    todo = [(edge(output).node, program.output)]
    while todo:
        node, parent = todo.pop()
        if node in ids:
            continue
        ids[node] = len(ids)
        # A node that no step ends in belongs to the step that it leads to.
        number = origin.get(node, parent)
        order.append((node, program.source(number)))
        todo += [(child, number) for child, _ in reversed(node.next_functions) if child is not None]
    return tuple(
        GraphNode(
            id=ids[node],
            grad_fn=node.name().removeprefix("torch::autograd::"),
            source=source,
            inputs=tuple(ids[child] for child, _ in node.next_functions if child is not None),
        )
        for node, source in order
    )
