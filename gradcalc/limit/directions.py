"""The limit along random directions: for programs that are too large to be written out.

In: a program, its inputs, and autograd's gradient. Out: for each variable one finding on all its
entries. The program is run at high precision at the point and a small step away from it, in a
random direction in which all entries of the variable move. The slope along it must be the sum of
autograd's gradient times the direction: a wrong entry, whichever it is, would show.

An error beyond the rounding budget is explained if it depends on the precision: autograd is run in
the other dtype too. A rounding error shrinks with the precision, a wrong derivative does not.
"""

from __future__ import annotations

import itertools
import operator
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gradcalc.base.dtypes import FLOAT32, FLOAT64, SHRINKS, Dtype
from gradcalc.base.errors import Span
from gradcalc.exact.precise import Reals, Undefined, number_of
from gradcalc.functions import Function, mp
from gradcalc.program.program import Constant, Step

#: The step is 2**-_STEP in proportion to the coordinates; what is left out is smaller by as much.
#: Its difference is calculated with as many bits again, and those that a run may cost.
_STEP = 60
_BITS = 3 * _STEP

#: Bits that adding many products may cost.
_SPARE = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What the limit along a random direction says of a variable's gradient.

    Attributes:
        slope: The slope along the direction; None where there is none.
        autograd: What it is according to autograd.
        scale: The sum of the sizes of the terms that autograd's is the sum of.
        kinked: Whether the slopes to both sides differ.
        undefined: Whether the program has no finite value at the point.
        direction: How far each entry moves.
    """

    slope: Any
    autograd: Any
    scale: Any
    direction: Sequence[Any] = ()
    kinked: bool = False
    undefined: bool = False

    @property
    def error(self) -> Any:
        """The gap between the two, in proportion to the terms."""
        return abs(self.slope - self.autograd) / (self.scale or 1)

    def error_of(self, gradient: Sequence[float]) -> Any:
        """The gap between the slope and what another gradient says of it."""
        with mp.workprec(_BITS):
            terms = [mp.mpf(g) * size for g, size in zip(gradient, self.direction, strict=True)]
            return abs(self.slope - mp.fsum(terms)) / (self.scale or 1)


class Calculation:
    """A sink that calculates: the values of a program at mpmath's present precision.

    A run a step away has the same numbers; what does not depend on the moved variable is taken from
    the run at the point.
    """

    def __init__(
        self, inputs: Sequence[Any], dtype: Dtype, base: Calculation | None = None
    ) -> None:
        """Prepare to run the program.

        Args:
            inputs: The entries of all inputs; those that have not moved are the base's own objects.
            dtype: What literals are rounded to.
            base: The run at the point; None for that itself.
        """
        self.values: list[Any] = [mp.mpf(0), *inputs]
        self.on_kink = False  # whether a step of the run at the point is on a kink
        self._reals = Reals(dtype)
        self._base = base
        # At the point, what depends on an input; away from it, what depends on one that moved.
        at_point = [None] * len(inputs) if base is None else base.values[1 : len(inputs) + 1]
        self._moves = [False, *map(operator.is_not, inputs, at_point)]
        self._span = Span(0, 0)

    def at(self, span: Span) -> None:
        """What follows stands there in the text."""
        self._span = span

    def constant(self, constant: Constant) -> int:
        """A number in the text."""
        return self._add(self._reals.constant(constant), moves=False)

    def number(self, value: Fraction) -> int:
        """A number that no text tells."""
        return self._add(number_of(value), moves=False)

    def call(self, row: Function, args: tuple[int, ...]) -> int:
        """A row of the function table, applied to numbers."""
        moved = any(self._moves[arg] for arg in args) and row.name != "detach"
        if self._base is not None and not moved:
            return self._unmoved(self._base)
        given = [
            self._reals.condition(self.values[arg])
            if k < row.conditions
            else self._reals.number(self.values[arg])
            for k, arg in enumerate(args)
        ]
        if self._base is None and not self.on_kink:
            self.on_kink = self._is_on_kink(row, args, given)
        step = Step(row.name, args, self._span)
        return self._add(self._reals.call(row, given, len(self.values), step), moves=moved)

    def _is_on_kink(self, row: Function, args: Sequence[int], given: Sequence[Any]) -> bool:
        """Whether a step is on a kink along an argument that moves."""
        if not row.margin or any(isinstance(value, Undefined) for value in given):
            return False
        return any(self._moves[arg] and row.on_kink(k, tuple(given)) for k, arg in enumerate(args))

    def products(self, left: Sequence[Sequence[int]], right: Sequence[Sequence[int]]) -> list[int]:
        """Sums of products, in whole numbers: a common scale makes them exact to the last bits."""
        (first, shift), (second, other) = (self._whole(side) for side in (left, right))
        pairs = itertools.product(
            zip(first, map(self._state, left), strict=True),
            zip(second, map(self._state, right), strict=True),
        )
        numbers = []
        for (a, (a_moved, a_undefined)), (b, (b_moved, b_undefined)) in pairs:
            if self._base is not None and not a_moved and not b_moved:
                numbers.append(self._unmoved(self._base))
                continue
            value = a_undefined or b_undefined
            if value is None:
                value = mp.ldexp(sum(map(operator.mul, a, b)), shift + other)
            numbers.append(self._add(value, moves=a_moved or b_moved))
        return numbers

    def _state(self, line: Sequence[int]) -> tuple[bool, Undefined | None]:
        """Whether any of the values has moved, and the first that is undefined."""
        undefined = (v for n in line if isinstance(v := self.values[n], Undefined))
        return any(self._moves[n] for n in line), next(undefined, None)

    def _unmoved(self, base: Calculation) -> int:
        """The next value, taken from the run at the point."""
        return self._add(base.values[len(self.values)], moves=False)

    def _whole(self, lines: Sequence[Sequence[int]]) -> tuple[list[list[int]], int]:
        """Values as whole numbers times a power of 2, exact to the precision of the largest."""
        values = [[self.values[n] for n in line] for line in lines]
        sizes = [mp.mag(v) for line in values for v in line if not isinstance(v, Undefined) and v]
        shift = int(max(sizes, default=0)) - mp.mp.prec - _SPARE

        def whole(value: Any) -> int:
            return 0 if isinstance(value, Undefined) else int(mp.nint(mp.ldexp(value, -shift)))

        return [[whole(v) for v in line] for line in values], shift

    def _add(self, value: Any, *, moves: bool) -> int:
        self.values.append(value)
        self._moves.append(moves)
        return len(self.values) - 1


def findings(
    run: Callable[[Calculation], Any],
    point: Sequence[Fraction],
    variables: Sequence[Sequence[int]],
    gradient: Sequence[float],
    dtype: Dtype,
) -> Iterator[Finding]:
    """What the limit says of the gradient by each variable, one after the other.

    Args:
        run: Runs the program on the sink, and gives the number of the weighted sum of its results.
        point: The entries of all inputs.
        variables: For each variable the numbers of its entries.
        gradient: Autograd's derivative by each entry.
        dtype: What literals are rounded to.
    """
    source = random.Random(0)  # noqa: S311 - no secret
    with mp.workprec(_BITS):
        exact = [number_of(value) for value in point]
        base = Calculation(exact, dtype)
        here = base.values[run(base)]
        for axes in variables:
            if isinstance(here, Undefined) or not mp.isfinite(here):
                yield Finding(None, None, mp.mpf(0), undefined=True)
                continue
            direction = {axis: _component(exact[axis], source) for axis in axes}
            yield _finding(run, exact, direction, gradient, dtype, base, here)


def _component(coordinate: Any, source: random.Random) -> Any:
    """How far an entry moves, in proportion to its size."""
    size = mp.mpf(source.uniform(0.5, 1.0)) * source.choice((1, -1))
    return size * (mp.ldexp(1, mp.mag(coordinate)) if coordinate else 1)


def _finding(
    run: Callable[[Calculation], Any],
    exact: Sequence[Any],
    direction: dict[int, Any],
    gradient: Sequence[float],
    dtype: Dtype,
    base: Calculation,
    here: Any,
) -> Finding:
    terms = [mp.mpf(gradient[axis]) * size for axis, size in direction.items()]
    along, scale = mp.fsum(terms), mp.fsum(map(abs, terms))
    sides = []
    for side in (1, -1) if base.on_kink else (1,):
        step = mp.ldexp(side, -_STEP)
        moved = [*exact]
        for axis, size in direction.items():
            moved[axis] = exact[axis] + step * size
        there = Calculation(moved, dtype, base)
        value = there.values[run(there)]
        if isinstance(value, Undefined) or not mp.isfinite(value):
            return Finding(None, along, scale, kinked=True)
        sides.append((value - here) / step)
    apart = abs(sides[0] - sides[-1])
    kinked = apart > mp.ldexp(max(abs(sides[0]), abs(sides[-1]), scale), -_STEP // 2)
    moves = tuple(direction.values())
    return Finding(None if kinked else sides[0], along, scale, moves, kinked=kinked)


def shrinks(finding: Finding, other: Sequence[float], dtype: Dtype) -> bool:
    """Whether the error is as much smaller in float64 than in float32 as rounding makes it.

    Args:
        finding: What the limit says of the gradient in the dtype.
        other: The gradient in the other one.
        dtype: The dtype.
    """
    error, again = finding.error, finding.error_of(other)
    wide, narrow = (error, again) if dtype is FLOAT64 else (again, error)
    return bool(wide * SHRINKS <= max(narrow, mp.mpf(FLOAT32.unit)))
