"""Tensors of numbers of values: what the `entries` column of the function table calculates with.

In: torch tensors of whole numbers, each the number of a scalar value, and a `Sink` for what is to
be calculated. Out: tensors of the numbers of the results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Protocol

from gradcalc.base.errors import Span
from gradcalc.functions import TABLE, Function, lookup, torch
from gradcalc.program.program import Constant


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


def number_in(sink: Sink, value: Fraction | float) -> int:
    """A number that no text tells, infinite or nan perhaps."""
    if isinstance(value, float) and not math.isfinite(value):
        return sink.constant(Constant(str(value), None, Span(0, 0)))
    return sink.number(Fraction(value))


def entrywise(row: Function, args: Sequence[Any]) -> Entries:
    """Apply a row to tensors, entry by entry, and to numbers."""
    sink = next(arg.sink for arg in args if isinstance(arg, Entries))
    tensors = [
        arg.ids if isinstance(arg, Entries) else torch.tensor(number_in(sink, arg)) for arg in args
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
    def T(self) -> Entries:  # noqa: N802 - torch's name
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
                result: Entries = definition(self, *args[:values], **given, **options)
                return result

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
        return math.prod([self.shape[axis] for axis in self._axes(dim)])

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
        groups = last.reshape(math.prod(shape), last.shape[-1]).tolist()
        numbers = [group[0] if len(group) == 1 else reduce(group) for group in groups]
        ids = torch.tensor(numbers, dtype=torch.int64).reshape(shape)
        for axis in axes if keepdim else ():
            ids = ids.unsqueeze(axis)
        return self._moved(ids)

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
