"""A program in torch: its leaves, its steps, its values.

In: a program, the inputs' values, the dtype. Out: `Forward`, the forward pass, with what torch says
of every value. `autodiff` runs backward on it.
"""

from __future__ import annotations

import contextlib
import functools
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.autograd.refusals import refusal
from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.functions import TABLE, Function, torch
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
        plain = False
        if self._scalar or (row.entrywise and not (step.in_place or step.no_grad)):
            kinds = set(map(type, args))
            plain = kinds == {float}
            if float in kinds and not plain and row.symbol is None:
                args = self._lifted(row, args, self._dtype, 1 if row.numbers else len(args))
        try:
            if plain:
                # A constant: calculated in float64 and kept as a plain number.
                return row.torch(*self._lifted(row, args, torch.float64, 0)).item()
            if self._scalar and not step.options:
                result = row.torch(*args)
            else:
                result = self._called(row, args, number, step)
                _check_shape(self._program, result, number)
        except _REFUSALS as problem:
            raise refusal(self._program, problem, number, args) from None
        if step.no_grad or row.name == "detach":
            self._constants |= _memory([result]) & _memory(args)
        if (node := result.grad_fn) is not None:
            self.nodes.setdefault(node, number)
        return result

    def _called(self, row: Function, args: list[Any], number: int, step: Step) -> Any:
        options = dict(step.options)
        if row.name == "setitem" and not step.in_place:
            args = [args[0].clone(), *args[1:]]
        _check_size(self._program, row, args, number, options)
        if row.creates:
            if isinstance(self._draws, Draws):
                generator = self._draws.generator
                made = row.torch(*args, dtype=self._dtype, generator=generator, **options)
            else:
                made = self._draws[number].to(self._dtype, copy=True)
            self.seen[number] = made.clone()
            return made
        if not row.entrywise:
            args = self._lifted(row, args, self._dtype, 0)
        if row.reads is not None:
            self.seen[number] = args[row.reads].detach().clone()
        watched = torch.no_grad() if step.no_grad else contextlib.nullcontext()
        with watched:
            if step.in_place:
                self._check_memory(args[0], number)
            if step.in_place and row.name != "setitem":
                return getattr(args[0], f"{row.name}_")(*args[1:], **options)
            return row.torch(*args, **options)

    def _check_memory(self, tensor: Any, number: int) -> None:
        """Refuse to change memory that a constant shares: calculus could not follow."""
        if _memory([tensor]) & self._constants:
            raise GradcalcError(
                Kind.AUTOGRAD,
                "this changes in place what a detached tensor shares",
                text=self._program.text,
                span=self._program.span(number),
                hint="copy it first, as in y = x.detach().clone()",
            )

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


def _check_shape(program: Program, result: Any, number: int) -> None:
    """Refuse a result whose sizes are immense."""
    # A tensor without entries may have immense sizes: (10**9, 0) is as many empty rows.
    shape = getattr(result, "shape", ())
    if math.prod(max(size, 1) for size in shape) > limits.TENSOR_ENTRIES:
        raise _too_large(program, number)
    if len(shape) > limits.DIMENSIONS:
        raise GradcalcError(
            Kind.LIMIT,
            f"a tensor of {len(shape):,} dimensions; the limit is {limits.DIMENSIONS}",
            text=program.text,
            span=program.span(number),
        )


def _memory(values: Sequence[Any]) -> set[int]:
    """Where the numbers of tensors are stored."""
    return {v.untyped_storage().data_ptr() for v in values if isinstance(v, torch.Tensor)}


def _check_size(
    program: Program, row: Function, args: Sequence[Any], number: int, options: Mapping[str, Any]
) -> None:
    """Refuse a tensor that would not fit, before torch tries to make it."""
    most = limits.TENSOR_ENTRIES
    if row.entrywise and len({arg.shape for arg in args if not isinstance(arg, float)}) < 2:
        return  # the result is as large as they are
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
        raise _too_large(program, number)


def _too_large(program: Program, number: int) -> GradcalcError:
    return GradcalcError(
        Kind.LIMIT,
        f"a tensor of over {limits.TENSOR_ENTRIES:,} entries",
        text=program.text,
        span=program.span(number),
    )


def _asked_size(options: Mapping[str, Any]) -> int:
    """Entries of the tensor that the options ask for."""
    if "steps" in options:
        sizes = [options["steps"]]
    elif "start" in options:
        start, end = options["start"], options.get("end")
        length = abs(start if end is None else end - start)
        sizes = [length / (abs(options.get("step", 1)) or 1)]
    elif "n" in options:
        sizes = [options["n"], options.get("m") or options["n"]]
    else:
        asked = options.get("shape", options.get("sizes", ()))
        sizes = list(asked) if isinstance(asked, tuple) else [asked]
    size = 1
    for length in sizes:
        if isinstance(length, int | float) and length > 0:
            size = math.ceil(min(size * length, limits.TENSOR_ENTRIES + 1))
    return size


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
    def origins(self) -> dict[Any, int]:
        """For each node that is some value's grad_fn, the value's number."""
        found = {
            _node_of(leaf): number
            for number, leaf in enumerate(self.leaves)
            if leaf.requires_grad and leaf.is_leaf
        }
        return {**self.nodes, **found}


def _node_of(tensor: Any) -> Any:
    """The node of the graph that a tensor's gradient arrives at."""
    # A leaf has no grad_fn; what is made of it leads to the node that adds up its gradient.
    return tensor.grad_fn or tensor.view_as(tensor).grad_fn.next_functions[0][0]


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
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            values = run(program, leaves, arithmetic)
        said = tuple(dict.fromkeys(str(w.message).splitlines()[0] for w in warned))
    outputs = [arithmetic.number(values[number]) for number in program.outputs]
    return Forward(leaves, values, outputs, arithmetic.nodes, arithmetic.seen, said, scalar)


def _leaf(value: Array, dtype: Any) -> Any:
    if not value.shape:
        return torch.tensor(value.numbers[0], dtype=dtype)
    # A copy, since what reshape gives is a view, of which torch says so where it refuses something.
    return torch.tensor(value.numbers, dtype=dtype).reshape(value.shape).clone()


def sized_up(program: Program, values: Sequence[Any]) -> tuple[bool, int]:
    """What the forward pass says of calculating the same exactly.

    Args:
        program: What was run.
        values: All its values, those that are single numbers as such.

    Returns:
        Whether it leaves no doubt that all steps are defined; and how many bits the sizes of the
        steps' values take beyond the usual, all together. What one step makes as small as
        exp(-500), beside 1, another may make as large as exp(600).
    """
    bits = 0
    for value in values[program.first_step :]:
        exponent = _exponent(value)
        if exponent > _USUAL:
            bits += exponent - _USUAL
    # Twice, since derivatives are made of quotients and products of values.
    return _is_defined(program, values), 2 * bits


#: What values that are single numbers are.
_NUMBERS = frozenset({float, bool})

#: Sizes of values, as exponents of 2, that take no bits beyond the usual.
_USUAL = 32


def _is_defined(program: Program, values: Sequence[Any]) -> bool:
    """Whether there is no doubt that all steps are defined, and the results finite.

    There is where a step that is undefined somewhere is nan or infinite, and where one is made of a
    number that may be nothing but rounding, as log(1 + x - 1 - x) or 1/sin(pi); or is as large as
    one over such a number, as tan(pi/2).
    """
    doubtful: set[int] = set()
    for number, step in program.numbered_steps:
        row = TABLE[step.function]
        doubt = bool(doubtful) and not doubtful.isdisjoint(step.args)
        if row.is_partial and (doubt or not _all_finite(values[number])):
            return False
        args = [values[arg] for arg in step.args]
        if row.poles and _is_pole(values[number], args):
            return False
        if doubt or (row.cancels and _cancelled(values[number], args)):
            doubtful.add(number)
    return all(_all_finite(values[number]) for number in program.outputs)


def plain(value: Any) -> Any:
    """A value, if it is a single number, as one of Python's."""
    return value if type(value) in _NUMBERS or value.ndim else value.item()


def _all_finite(value: Any) -> bool:
    return math.isfinite(value) if type(value) in _NUMBERS else bool(value.isfinite().all())


def _exponent(value: Any) -> int:
    """The largest exponent of a value's entries, of either sign; 0 for nan and infinities."""
    if type(value) in _NUMBERS:
        return abs(math.frexp(value)[1])
    if not value.is_floating_point() or not value.numel():
        return 0
    return int(torch.frexp(value.detach()).exponent.abs().max())


def _cancelled(value: Any, terms: Sequence[Any]) -> bool:
    """Whether so little is left of the terms, somewhere, that it may be their rounding."""
    if not _NUMBERS.issuperset(map(type, terms)):
        size = value.detach().abs()
        return any(bool((size < _LEFT * abs(term)).any()) for term in terms)
    return bool(abs(value) < _LEFT * max(map(abs, terms)))


def _is_pole(value: Any, terms: Sequence[Any]) -> bool:
    """Whether one over the value, somewhere, is so small beside an argument."""
    if not _NUMBERS.issuperset(map(type, terms)):
        size = value.detach().abs()
        return any(bool((size * abs(term) * _LEFT > 1).any()) for term in terms)
    return bool(abs(value) * max(map(abs, terms)) * _LEFT > 1)


#: What is left of a difference beyond doubt, beside its terms, in float32 too.
_LEFT = 2.0**-16


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


def factors_of(weights: Sequence[Array], outputs: Sequence[Any]) -> list[Any]:
    """The weights as tensors of the outputs' shapes."""
    return [
        torch.tensor(weight.numbers, dtype=output.dtype).reshape(weight.shape).expand(output.shape)
        for weight, output in zip(weights, outputs, strict=True)
    ]


def flat(leaves: Sequence[Any], gradients: Mapping[Any, Any]) -> list[float]:
    """One number for each entry of the leaves; 0 where torch has no gradient."""
    found: list[float] = []
    for leaf in leaves:
        gradient = gradients.get(leaf)
        found += [0.0] * leaf.numel() if gradient is None else numbers_of(gradient)
    return found


def walk(
    program: Program, outputs: Sequence[Any], origins: Mapping[Any, int]
) -> list[tuple[Any, int, list[Any]]]:
    """The nodes of the graph, depth first, each with the number of the value that it computes.

    A node that no step ends in belongs to the step that it leads to. The third of each are the
    nodes that it passes gradients on to.
    """
    found: list[tuple[Any, int, list[Any]]] = []
    known: set[Any] = set()
    todo = [
        (_node_of(output), number) for number, output in zip(program.outputs, outputs, strict=True)
    ][::-1]
    while todo:
        node, parent = todo.pop()
        if node in known:
            continue
        known.add(node)
        number = origins.get(node, parent)
        # Asked once: each time, torch makes new objects for all of them.
        children = [child for child, _ in node.next_functions if child is not None]
        found.append((node, number, children))
        todo += [(child, number) for child in reversed(children)]
    return found
