"""Any program, written as a scalar one.

In: a program, the shapes of its inputs, and what torch saw that no formula tells: the random
numbers, and values that choose entries (class indices, pivots). Out: an `Expansion`: a scalar
program whose inputs are the entries x[0,1] of the variables, and for each result the numbers of its
entries. Calculus and the limit work on that.

A tensor is a torch tensor of whole numbers here, each the number of a scalar value. So
broadcasting, views, slices and changes in place behave as they do in torch, because torch performs
them: rows that only move entries run their torch column on the numbers. Rows that calculate with
many entries are written as others by their `entries` column. Nothing is calculated, and every
intermediate value is written once, however often it is used.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from gradcalc.base import limits
from gradcalc.base.errors import Span
from gradcalc.functions import TABLE, Function, torch
from gradcalc.program.entries import Entries, Sink, entrywise, number_in
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Input, Program, Step, Unnumbered, arranged


class TooManySteps(Exception):  # noqa: N818 - no error, but a finding
    """Written out, the program has more operations than calculus is asked for."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """A scalar program, and where the entries of the tensors are in it.

    Attributes:
        program: The scalar program; its output is not yet chosen.
        shapes: The shape of each variable.
        results: For each result its shape, and the numbers of its entries.
    """

    program: Program
    shapes: tuple[tuple[int, ...], ...]
    results: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]

    def axes(self, variable: int) -> range:
        """The numbers of the inputs that are a variable's entries."""
        if not any(self.shapes):
            return range(variable, variable + 1)
        sizes = list(itertools.accumulate((math.prod(shape) for shape in self.shapes), initial=0))
        return range(sizes[variable], sizes[variable + 1])

    def output(self, number: int) -> Program:
        """The program whose result is one of the values."""
        if self.program.outputs == (number,):
            return self.program
        return replace(self.program, outputs=(number,))

    def weighted(self, weights: Sequence[Sequence[Fraction]]) -> Program:
        """The program whose result is the sum of the results' entries times their weights.

        Its gradient is the vector-Jacobian product with these weights.
        """
        numbers = [number for _, numbers in self.results for number in numbers]
        flat = [weight for weights_of_one in weights for weight in weights_of_one]
        if flat == [1]:
            return self.output(numbers[0])
        tracer = _Tracer.resumed(self.program)
        terms = [
            number if weight == 1 else tracer.call(TABLE["mul"], (tracer.number(weight), number))
            for number, weight in zip(numbers, flat, strict=True)
            if weight
        ]
        return tracer.finish((tracer.call(TABLE["sum"], tuple(terms)),))


def expand(
    program: Program, shapes: Sequence[tuple[int, ...]], seen: Mapping[int, Any]
) -> Expansion:
    """Write a program as a scalar one.

    Args:
        program: What was parsed; torch has run it, so its shapes fit.
        shapes: The shape of each input.
        seen: For steps that make tensors, or that read values to choose by, torch's tensor.

    Raises:
        TooManySteps: Beyond `limits.SCALAR_STEPS`.
    """
    names = [
        entry_name(v.name, index)
        for v, s in zip(program.inputs, shapes, strict=True)
        for index in indices(s)
    ]
    spans = [v.span for v, s in zip(program.inputs, shapes, strict=True) for _ in indices(s)]
    tracer = _Tracer(program.text, tuple(map(Input, names, spans)))
    values = run_entries(program, shapes, seen, tracer)
    results = [values[number] for number in program.outputs]
    scalar = tracer.finish(tuple(n for ids in results for n in ids.reshape(-1).tolist()))
    numbers = iter(scalar.outputs)
    return Expansion(
        scalar,
        tuple(shapes),
        tuple((tuple(ids.shape), tuple(itertools.islice(numbers, ids.numel()))) for ids in results),
    )


def indices(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The indices of a tensor's entries, the last one fastest."""
    return itertools.product(*map(range, shape))


def entry_name(name: str, index: tuple[int, ...]) -> str:
    """What an entry of a variable is called.

    >>> entry_name("x", (0, 1)), entry_name("x", ())
    ('x[0,1]', 'x')
    """
    return f"{name}[{','.join(map(str, index))}]" if index else name


def run_entries(
    program: Program, shapes: Sequence[tuple[int, ...]], seen: Mapping[int, Any], sink: Sink
) -> list[Any]:
    """Run a program on tensors of numbers; what is to be calculated goes to the sink."""
    inputs = []
    first = 1
    for shape in shapes:
        inputs.append(torch.arange(first, first + math.prod(shape)).reshape(shape))
        first += math.prod(shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what torch has warned of when it ran the program
        return run(program, inputs, _OnNumbers(sink, seen))


def weighted_sum(
    program: Program,
    shapes: Sequence[tuple[int, ...]],
    seen: Mapping[int, Any],
    weights: Sequence[Sequence[Fraction]],
    sink: Sink,
) -> int:
    """Run a program on a sink; return the number of the weighted sum of its results' entries."""
    values = run_entries(program, shapes, seen, sink)
    terms = []
    for number, factors in zip(program.outputs, weights, strict=True):
        for entry, factor in zip(values[number].reshape(-1).tolist(), factors, strict=True):
            scaled = entry
            if factor != 1:
                scaled = sink.call(TABLE["mul"], (entry, sink.number(factor)))
            terms.append(scaled)
    return sink.call(TABLE["sum"], tuple(terms))


class _Tracer:
    """A sink that writes a scalar program."""

    def __init__(self, text: str, inputs: Sequence[Input]) -> None:
        self._text = text
        self._span = Span(0, len(text))
        self._values: list[Input | Constant | Unnumbered] = []
        self._values += [Constant("0", Fraction(0), self._span), *inputs]

    @classmethod
    def resumed(cls, program: Program) -> _Tracer:
        """A tracer that goes on with a scalar program, whose values keep their numbers."""
        tracer = cls(program.text, ())
        tracer._values = [*program.inputs, *program.constants, *program.steps]
        return tracer

    def at(self, span: Span) -> None:
        self._span = span

    def constant(self, constant: Constant) -> int:
        return self._add(constant)

    def number(self, value: Fraction) -> int:
        return self._add(Constant(str(float(value)), value, self._span))

    def call(self, row: Function, args: tuple[int, ...]) -> int:
        return self._add((row.name, args, self._span, (), False, False))

    def products(self, left: Sequence[Sequence[int]], right: Sequence[Sequence[int]]) -> list[int]:
        mul, add = TABLE["mul"], TABLE["sum"]
        if len(left) * len(right) * len(left[0]) > limits.SCALAR_STEPS:
            raise TooManySteps
        sums = []
        for a, b in itertools.product(left, right):
            terms = tuple([self.call(mul, pair) for pair in zip(a, b, strict=True)])
            sums.append(terms[0] if len(terms) == 1 else self.call(add, terms))
        return sums

    def finish(self, outputs: Sequence[int]) -> Program:
        """The program of these results."""
        inputs, constants, steps, numbers = arranged(self._values)
        results = tuple([numbers[place] for place in outputs])
        return Program(self._text, "", inputs, constants, steps, results)

    def _add(self, value: Constant | Unnumbered) -> int:
        if len(self._values) > limits.SCALAR_STEPS:
            raise TooManySteps
        self._values.append(value)
        return len(self._values) - 1


class _OnNumbers:
    """Arithmetic on tensors of numbers of values."""

    def __init__(self, sink: Sink, seen: Mapping[int, Any]) -> None:
        self._sink = sink
        self._seen = seen

    def constant(self, constant: Constant) -> Any:
        return torch.tensor(self._sink.constant(constant))

    def number(self, value: Any) -> Any:
        return value

    def condition(self, value: Any) -> Any:
        return value

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:
        self._sink.at(step.span)
        options = dict(step.options)
        if row.creates:
            return self._created(self._seen[number])
        if row.moves:
            # In place it changes the numbers of all views, as it does in torch.
            method = step.in_place and row.name != "setitem"
            move = getattr(torch.Tensor, f"{row.name}_") if method else row.torch
            ids = move(*args, **options)
        else:
            ids = self._calculated(row, args, number, options)
            if step.in_place:
                return args[0].copy_(ids)
        return self._constants(ids) if step.no_grad else ids

    def _created(self, tensor: Any) -> Any:
        """The numbers of the entries of a tensor that torch made."""
        numbers = [number_in(self._sink, v) if v else 0 for v in tensor.reshape(-1).tolist()]
        return torch.tensor(numbers, dtype=torch.int64).reshape(tensor.shape)

    def _calculated(
        self, row: Function, args: list[Any], number: int, options: Mapping[str, Any]
    ) -> Any:
        values = [Entries(arg, self._sink) for arg in args]
        if row.entries is None:
            return entrywise(row, values).ids
        seen = [] if row.reads is None else [self._seen[number]]
        return row.entries(*values, *seen, **options).ids

    def _constants(self, ids: Any) -> Any:
        """The values as constants, which is what they are to backward."""
        return entrywise(TABLE["detach"], [Entries(ids, self._sink)]).ids
