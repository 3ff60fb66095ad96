"""A program in torch: its leaves, its steps, its values.

In: a program, the inputs' values, the dtype. Out: `Forward`, the forward pass, with what torch says
of every value. `autodiff` runs backward on it.
"""

from __future__ import annotations

import contextlib
import functools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.autograd import extent
from gradcalc.autograd.refusals import refusal, words_of
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.functions import Function, torch
from gradcalc.program.interpret import run
from gradcalc.program.program import Array, Constant, Program, Step

#: What torch raises for what it does not take.
_REFUSALS = (RuntimeError, IndexError, ValueError, TypeError, AttributeError, OverflowError)


class Draws:
    """Where random numbers come from: one stream for all values of a question, in order."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    @functools.cached_property
    def generator(self) -> Any:
        """Torch's generator."""
        return torch.Generator().manual_seed(self._seed)


@dataclass(slots=True)
class Forward:
    """A program that was run.

    Attributes:
        leaves: The inputs.
        values: All values, by number.
        outputs: The results.
        nodes: For each grad_fn the number of the value that it was made with.
        seen: For steps that make tensors, or that read values to choose by, what they made or read.
        warnings: What torch warned of.
        scalar: Whether all values are single numbers.
    """

    leaves: list[Any]
    values: list[Any]
    outputs: list[Any]
    nodes: dict[Any, int]
    seen: dict[int, Any]
    warnings: tuple[str, ...]
    scalar: bool

    @property
    def wanted(self) -> list[Any]:
        """The leaves that require grad: a constant that was changed in place is none any more."""
        return [leaf for leaf in self.leaves if leaf.is_leaf and leaf.requires_grad]


def forward(
    program: Program,
    inputs: Sequence[Array],
    requires_grad: Sequence[bool],
    dtype: str,
    draws: Draws | Mapping[int, Any],
) -> Forward:
    """Make the leaves and run the program; what was drawn before is not drawn again."""
    torch_dtype = getattr(torch, dtype)
    leaves = [
        _leaf(value, torch_dtype).requires_grad_(required)
        for value, required in zip(inputs, requires_grad, strict=True)
    ]
    return forward_of(program, leaves, torch_dtype, draws)


def forward_of(
    program: Program, leaves: list[Any], dtype: Any, draws: Draws | Mapping[int, Any]
) -> Forward:
    """Run the program on these leaves, tensors of torch's dtype."""
    scalar = program.is_scalar and not any(leaf.ndim for leaf in leaves)
    arithmetic = _Tensors(program, dtype, draws, scalar=scalar)
    said: tuple[str, ...] = ()
    if scalar:  # of which torch never warns
        values = run(program, leaves, arithmetic)
    else:
        with _warnings() as warned:
            values = run(program, leaves, arithmetic)
        said = tuple(dict.fromkeys(words_of(warning.message) for warning in warned))
    outputs = [arithmetic.number(values[number]) for number in program.outputs]
    return Forward(leaves, values, outputs, arithmetic.nodes, arithmetic.seen, said, scalar)


def steps_of(program: Program, inputs: Sequence[float], dtype: str) -> list[float]:
    """Torch's value of each step of a scalar program, sums of many terms among them."""
    kind = getattr(torch, dtype)
    leaves = [torch.tensor(number, dtype=kind) for number in inputs]
    with torch.no_grad():
        return list(map(float, run(program, leaves, _Scalars(program, kind, {}, scalar=True))))


@contextlib.contextmanager
def _warnings() -> Iterator[list[warnings.WarningMessage]]:
    """All that torch warns of, also what it has warned of before."""
    always = torch.is_warn_always_enabled()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        torch.set_warn_always(True)
        try:
            yield warned
        finally:
            torch.set_warn_always(always)


def look(
    program: Program, inputs: Sequence[Array], dtype: str, draws: Draws
) -> tuple[tuple[Array, ...], Mapping[int, Any]]:
    """Run the program forward only.

    Returns:
        The outputs' values; and for steps that make tensors or read values to choose by, what they
        made or read.
    """
    ran = forward(program, inputs, [False] * len(inputs), dtype, draws)
    return tuple(array_of(torch.as_tensor(output)) for output in ran.outputs), ran.seen


class _Tensors:
    """Arithmetic on torch tensors, in which constants are plain numbers as in a torch program."""

    def __init__(
        self,
        program: Program,
        dtype: Any,
        draws: Draws | Mapping[int, Any],
        *,
        scalar: bool = False,
    ) -> None:
        self._program = program
        self._scalar = scalar  # whether each step is of a row that works entry by entry, on scalars
        self._dtype = dtype
        self._draws = draws
        self.seen: dict[int, Any] = {}
        self._constants: set[int] = set()  # memory that a constant shares with its original
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
        try:
            if self._scalar or (row.entrywise and not (step.in_place or step.no_grad)):
                kinds = set(map(type, args))
                if kinds == {float}:
                    # A constant: calculated in float64 and kept as a plain number.
                    return row.torch(*_lifted(row, args, torch.float64)).item()
                if float in kinds and row.symbol is None:
                    # Operators take plain numbers as they are.
                    args = _lifted(row, args, self._dtype, 1 if row.numbers else math.inf)
            if self._scalar and not step.options:
                result = row.torch(*args)
            else:
                result = self._on_tensors(row, args, number, step)
                extent.check_result(self._program, result, number)
        except _REFUSALS as problem:
            raise refusal(self._program, problem, number, args) from None
        self._note(result, args, number, step)
        return result

    def _note(self, result: Any, args: list[Any], number: int, step: Step) -> None:
        """Note what the constants' memory is, and which node of the graph the step made."""
        if step.no_grad or step.function == "detach":
            self._constants |= memory([result]) & memory(args)
        if (node := result.grad_fn) is not None:
            self.nodes.setdefault(node, number)

    def _on_tensors(self, row: Function, args: list[Any], number: int, step: Step) -> Any:
        options = dict(step.options)
        extent.check_call(self._program, row, args, number, options)
        if row.creates:
            return self._made(row, args, number, options)
        if not row.entrywise:
            args = _lifted(row, args, self._dtype)
        if row.name == "setitem" and not step.in_place:
            args = [args[0].clone(), *args[1:]]
        if row.reads is not None:
            self.seen[number] = args[row.reads].detach().clone()
        if step.in_place:
            self._check_memory(args[0], number)
        with torch.no_grad() if step.no_grad else contextlib.nullcontext():
            if step.in_place and row.name != "setitem":
                return getattr(args[0], f"{row.name}_")(*args[1:], **options)
            return row.torch(*args, **options)

    def _made(self, row: Function, args: list[Any], number: int, options: dict[str, Any]) -> Any:
        """A new tensor: drawn now, or the one that was drawn when the program ran before."""
        if isinstance(self._draws, Draws):
            generator = self._draws.generator
            made = row.torch(*args, dtype=self._dtype, generator=generator, **options)
        else:
            made = self._draws[number].to(self._dtype, copy=True)
        self.seen[number] = made.clone()
        return made

    def _check_memory(self, tensor: Any, number: int) -> None:
        """Refuse to change memory that a constant shares: calculus could not follow."""
        if memory([tensor]) & self._constants:
            raise GradcalcError(
                Kind.AUTOGRAD,
                "this changes in place what a detached tensor shares",
                text=self._program.text,
                span=self._program.span(number),
                hint="copy it first, as in y = x.detach().clone()",
            )


class _Scalars(_Tensors):
    """The same on single numbers, of programs that were written out."""

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:
        if row.entrywise:
            return super().call(row, args, number, step)
        return torch.stack([torch.as_tensor(arg, dtype=self._dtype) for arg in args]).sum()


def _lifted(row: Function, args: list[Any], dtype: Any, count: float = math.inf) -> list[Any]:
    """The arguments, the plain numbers among the first `count` as tensors, unless static."""
    return [
        torch.tensor(arg, dtype=dtype)
        if isinstance(arg, float) and position < count and not row.is_static(position)
        else arg
        for position, arg in enumerate(args)
    ]


# --- Numbers and tensors --------------------------------------------------------------------------


def _leaf(value: Array, dtype: Any) -> Any:
    """A leaf of the graph, for torch's dtype."""
    if not value.shape:
        return torch.tensor(value.numbers[0], dtype=dtype)
    # A copy, since what reshape gives is a view, of which torch says so where it refuses something.
    return torch.tensor(value.numbers, dtype=dtype).reshape(value.shape).clone()


def weight_tensors(weights: Sequence[Array], outputs: Sequence[Any]) -> list[Any]:
    """The weights of the outputs' entries, in the outputs' shapes."""
    return [
        torch.tensor(weight.numbers, dtype=output.dtype).reshape(weight.shape).expand(output.shape)
        for weight, output in zip(weights, outputs, strict=True)
    ]


def array_of(tensor: Any) -> Array:
    """The numbers of a tensor."""
    return Array(tuple(tensor.shape), tuple(numbers_of(tensor)))


def numbers_of(tensor: Any) -> list[float]:
    """The entries of a tensor, the last index fastest."""
    if not tensor.ndim:
        return [tensor.item()]
    # A copy, since torch stores nothing of a gradient that it knows to be 0.
    numbers: list[float] = tensor.detach().clone().reshape(-1).tolist()
    return numbers


def in_one(leaves: Sequence[Any], gradients: Mapping[Any, Any]) -> list[float]:
    """One number for each entry of the leaves; 0 where a leaf has no gradient."""
    numbers: list[float] = []
    for leaf in leaves:
        gradient = gradients.get(leaf)
        numbers += [0.0] * leaf.numel() if gradient is None else numbers_of(gradient)
    return numbers


def memory(values: Sequence[Any]) -> set[int]:
    """Where the numbers of tensors are stored."""
    return {v.untyped_storage().data_ptr() for v in values if isinstance(v, torch.Tensor)}
