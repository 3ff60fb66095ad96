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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Protocol

from gradcalc.base import limits
from gradcalc.base.errors import Span
from gradcalc.functions import TABLE, Function, lookup, torch
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Input, Program, Step


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
        sizes = list(itertools.accumulate((_size(shape) for shape in self.shapes), initial=0))
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


def _size(shape: Sequence[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


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
        inputs.append(torch.arange(first, first + _size(shape)).reshape(shape))
        first += _size(shape)
    return run(program, inputs, _Numbers(sink, seen))


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


class Sink(Protocol):
    """What becomes of scalar operations: they are written down, or carried out.

    Numbers count the values from 1: first the inputs' entries, then whatever is called for, in that
    order. Number 0 is the constant 0.
    """

    def constant(self, constant: Constant) -> int:
        """A number in the text."""

    def number(self, value: Fraction) -> int:
        """A number that no text tells."""

    def call(self, row: Function, args: tuple[int, ...]) -> int:
        """A row of the function table, applied to numbers."""

    def products(self, left: Sequence[Sequence[int]], right: Sequence[Sequence[int]]) -> list[int]:
        """For each row of the left and each of the right, the sum of their entries' products."""

    def at(self, span: Span) -> None:
        """What follows stands there in the text."""


class _Tracer:
    """Writes a scalar program."""

    def __init__(self, text: str, inputs: tuple[Input, ...]) -> None:
        self._text = text
        self._inputs = inputs
        self._constants: list[Constant] = []
        self._steps: list[Step] = []
        #: For each value its place: among the inputs, or of constants and steps the other way.
        self._places: list[tuple[str, int]] = [("constant", 0)]
        self._places += [("input", number) for number in range(len(inputs))]
        self._span = Span(0, len(text))
        self._zero()

    def _zero(self) -> None:
        self._constants.append(Constant("0", Fraction(0), self._span))

    @classmethod
    def resumed(cls, program: Program) -> _Tracer:
        """A tracer that goes on with a scalar program, whose values keep their numbers."""
        tracer = cls(program.text, program.inputs)
        tracer._constants = list(program.constants)
        tracer._steps = list(program.steps)
        tracer._places = [("input", number) for number in range(len(program.inputs))]
        tracer._places += [("constant", number) for number in range(len(program.constants))]
        tracer._places += [("step", number) for number in range(len(program.steps))]
        return tracer

    def at(self, span: Span) -> None:
        self._span = span

    def constant(self, constant: Constant) -> int:
        if len(self._places) > limits.SCALAR_STEPS:
            raise TooManySteps
        self._places.append(("constant", len(self._constants)))
        self._constants.append(constant)
        return len(self._places) - 1

    def number(self, value: Fraction) -> int:
        return self.constant(Constant(str(float(value)), value, self._span))

    def call(self, row: Function, args: tuple[int, ...]) -> int:
        if len(self._places) > limits.SCALAR_STEPS:
            raise TooManySteps
        self._places.append(("step", len(self._steps)))
        self._steps.append(Step(row.name, args, self._span))
        return len(self._places) - 1

    def products(self, left: Sequence[Sequence[int]], right: Sequence[Sequence[int]]) -> list[int]:
        mul, add = TABLE["mul"], TABLE["sum"]
        if len(left) * len(right) * len(left[0]) > limits.SCALAR_STEPS:
            raise TooManySteps
        found = []
        for a, b in itertools.product(left, right):
            terms = tuple([self.call(mul, pair) for pair in zip(a, b, strict=True)])
            found.append(terms[0] if len(terms) == 1 else self.call(add, terms))
        return found

    def finish(self, outputs: tuple[int, ...]) -> Program:
        """The program: inputs first, then constants, then steps."""
        before = {"input": 0, "constant": len(self._inputs)}
        before["step"] = before["constant"] + len(self._constants)
        final = [before[sort] + number for sort, number in self._places]
        return Program(
            text=self._text,
            canonical="",
            inputs=self._inputs,
            constants=tuple(self._constants),
            steps=tuple(
                Step(step.function, tuple([final[arg] for arg in step.args]), step.span)
                for step in self._steps
            ),
            outputs=tuple(final[number] for number in outputs),
        )


class _Numbers:
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
            created = self._seen[number]
            if created.count_nonzero() > limits.SCALAR_STEPS:
                raise TooManySteps
            numbers = [
                self._sink.number(Fraction(v)) if v else 0 for v in created.reshape(-1).tolist()
            ]
            return torch.tensor(numbers, dtype=torch.int64).reshape(created.shape)
        if row.moves:
            if step.in_place and row.name != "setitem":
                return getattr(args[0], f"{row.name}_")(*args[1:], **options)
            # Setting entries changes the numbers of all views, as it does in torch.
            moved = row.torch(*args, **options)
            return self._constants(moved) if step.no_grad else moved
        values = [Entries(arg, self._sink) for arg in args]
        if row.entries is None:
            found = entrywise(row, values).ids
        else:
            seen = [] if row.reads is None else [self._seen[number]]
            found = row.entries(*values, *seen, **options).ids
        if step.in_place:
            return args[0].copy_(found)
        return self._constants(found) if step.no_grad else found

    def _constants(self, ids: Any) -> Any:
        """The values as constants, which is what they are to backward."""
        return entrywise(TABLE["detach"], [Entries(ids, self._sink)]).ids


def entrywise(row: Function, args: Sequence[Any]) -> Entries:
    """Apply a row to tensors, entry by entry, and to numbers."""
    sink = next(arg.sink for arg in args if isinstance(arg, Entries))
    tensors = [
        arg.ids if isinstance(arg, Entries) else torch.tensor(sink.number(Fraction(arg)))
        for arg in args
    ]
    together = torch.broadcast_tensors(*tensors)
    groups = zip(*(ids.reshape(-1).tolist() for ids in together), strict=True)
    numbers = [sink.call(row, group) for group in groups]
    return Entries(torch.tensor(numbers, dtype=torch.int64).reshape(together[0].shape), sink)


def _operator(name: str, *, swapped: bool = False) -> Callable[..., Entries]:
    def apply(self: Entries, *others: Any) -> Entries:
        args = (self, *others)
        return entrywise(TABLE[name], args[::-1] if swapped else args)

    return apply


class Entries:
    """A tensor of numbers of values, as the `entries` column of the function table sees it.

    It has the operators, and the rows of the table as methods, as a tensor has; and a few methods
    of its own, which that column is made of.
    """

    def __init__(self, ids: Any, sink: Sink) -> None:
        self.ids = ids
        self.sink = sink

    __add__ = __radd__ = _operator("add")
    __mul__ = __rmul__ = _operator("mul")
    __sub__, __rsub__ = _operator("sub"), _operator("sub", swapped=True)
    __truediv__, __rtruediv__ = _operator("div"), _operator("div", swapped=True)
    __pow__, __neg__ = _operator("pow"), _operator("neg")
    __lt__, __le__ = _operator("lt"), _operator("le")
    __gt__, __ge__ = _operator("gt"), _operator("ge")

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return tuple(self.ids.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return int(self.ids.ndim)

    @property
    def T(self) -> Entries:
        """The axes in reverse order."""
        return self._moved(self.ids.permute(*reversed(range(self.ndim))))

    def __getattr__(self, name: str) -> Callable[..., Entries]:
        row = lookup(name)
        if row is None:
            raise AttributeError(name)
        if row.entrywise:
            return lambda *args: entrywise(row, (self, *args))
        definition = row.entries
        if definition is not None:
            names = [parameter.name for parameter in row.parameters if parameter.option]
            values = len(row.parameters) - len(names) - 1

            def defined(*args: Any, **options: Any) -> Entries:
                given = dict(zip(names, args[values:], strict=False))
                found: Entries = definition(self, *args[:values], **given, **options)
                return found

            return defined
        return lambda *args: self._moved(getattr(self.ids, name)(*args))

    def __getitem__(self, index: Any) -> Entries:
        return self._moved(self.ids[index])

    def __iter__(self) -> Iterator[Entries]:
        return (self._moved(part) for part in self.ids)

    def _moved(self, ids: Any) -> Entries:
        return Entries(ids, self.sink)

    def number(self, value: float) -> Entries:
        """A number, as a tensor without axes."""
        return self._moved(torch.tensor(self.sink.number(Fraction(value)) if value else 0))

    def identity(self) -> Entries:
        """The identity matrix of the size of the last axis."""
        one = self.sink.number(Fraction(1))
        return self._moved(torch.eye(self.shape[-1], dtype=torch.int64) * one)

    def stacked(self, parts: Sequence[Entries]) -> Entries:
        """Tensors of one shape, beside one another along a new first axis."""
        return self._moved(torch.stack([part.ids for part in parts]))

    def count(self, dim: Any) -> int:
        """How many entries there are along the axes."""
        return _size([self.shape[axis] for axis in self._axes(dim)])

    def _axes(self, dim: Any) -> list[int]:
        if dim is None or dim == () or not self.ndim:
            return list(range(self.ndim))
        return sorted(d % self.ndim for d in (dim if isinstance(dim, tuple) else (dim,)))

    def reduced(self, name: str, dim: Any, keepdim: bool) -> Entries:
        """A row of any number of arguments, applied along axes (None: all)."""
        row = TABLE[name]
        # A sum of none is 0.
        return self._along(
            dim, keepdim, lambda group: self.sink.call(row, tuple(group)) if group else 0
        )

    def folded(self, name: str, dim: Any, keepdim: bool) -> Entries:
        """A row of two arguments, applied again and again along axes (None: all)."""
        row = TABLE[name]

        def fold(group: list[int]) -> int:
            if not group:
                return self.sink.number(Fraction(1))  # a product of none
            result = group[0]
            for number in group[1:]:
                result = self.sink.call(row, (result, number))
            return result

        return self._along(dim, keepdim, fold)

    def _along(self, dim: Any, keepdim: bool, reduce: Callable[[list[int]], int]) -> Entries:
        axes = self._axes(dim)
        if not axes:
            return self
        last = self.ids.movedim(axes, list(range(-len(axes), 0))).flatten(-len(axes))
        shape = last.shape[:-1]
        groups = last.reshape(_size(shape), last.shape[-1]).tolist()
        numbers = [group[0] if len(group) == 1 else reduce(group) for group in groups]
        found = torch.tensor(numbers, dtype=torch.int64).reshape(shape)
        for axis in axes if keepdim else ():
            found = found.unsqueeze(axis)
        return self._moved(found)

    def running(self, name: str, dim: int) -> Entries:
        """A row of two arguments, applied to all entries so far along an axis."""
        if not self.ndim:
            return self
        row = TABLE[name]
        columns = list(self.ids.unbind(dim))
        for k in range(1, len(columns)):
            before, here = (Entries(columns[j], self.sink) for j in (k - 1, k))
            columns[k] = entrywise(row, (before, here)).ids
        return self._moved(torch.stack(columns, dim)) if columns else self

    def contracted(self, other: Entries) -> Entries:
        """The matrix product of the last two axes."""
        left, right = self.ids, other.ids.transpose(-1, -2)
        stack = torch.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        shape = (*stack, left.shape[-2], right.shape[-2])
        if not left.shape[-1] or 0 in shape:
            return self._moved(torch.zeros(shape, dtype=torch.int64))
        pairs = zip(
            left.expand(*stack, *left.shape[-2:]).reshape(-1, *left.shape[-2:]),
            right.expand(*stack, *right.shape[-2:]).reshape(-1, *right.shape[-2:]),
            strict=True,
        )
        numbers = [n for a, b in pairs for n in self.sink.products(a.tolist(), b.tolist())]
        return self._moved(torch.tensor(numbers, dtype=torch.int64).reshape(shape))

    def taken(self, index: Any, ignored: int) -> Entries:
        """Of each row along the last axis the entry at the index; 0 where that is `ignored`."""
        rows = self.ids.reshape(-1, self.shape[-1]).tolist()
        chosen = index.reshape(-1).tolist()
        numbers = [0 if k == ignored else row[k] for row, k in zip(rows, chosen, strict=True)]
        return self._moved(torch.tensor(numbers, dtype=torch.int64).reshape(index.shape))
