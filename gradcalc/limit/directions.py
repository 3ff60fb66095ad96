"""The limit along random directions: for programs that are too large to be written out.

In: a program, its inputs, and autograd's gradient. Out: for each variable one finding on all its
entries. The program is run in balls at the point and a small step away from it, in a
random direction in which all entries of the variable move. The slope along it must be the sum of
autograd's gradient times the direction: a wrong entry, whichever it is, would show.

An error beyond the rounding budget is explained if it depends on the precision: autograd is run in
the other dtype too. A rounding error shrinks with the precision, a wrong derivative does not.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradcalc.base.dtypes import FLOAT32, Dtype
from gradcalc.exact.kinks import near_kink
from gradcalc.exact.policies import Lack
from gradcalc.exact.tape import Tape
from gradcalc.functions.balls import flint
from gradcalc.functions.precision import precision

#: The step is 2**-_STEP in proportion to the coordinates; what is left out is smaller by as much.
#: Its difference is calculated with as many bits again, and those that a run may cost.
_STEP = 60
_BITS = 3 * _STEP


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
        return abs(self.slope - self.autograd) / (self.scale if self.scale > 0 else 1)

    def error_of(self, gradient: Sequence[float]) -> Any:
        """The gap between the slope and what another gradient says of it."""
        with precision(_BITS):
            terms = [size * slope for slope, size in zip(gradient, self.direction, strict=True)]
            return replace(self, autograd=sum(terms, flint.arb(0))).error


def findings(
    run: Callable[[Tape], int],
    point: Sequence[float],
    variables: Sequence[Sequence[int]],
    gradient: Sequence[float],
    dtype: Dtype,
) -> Iterator[Finding]:
    """What the limit says of the gradient by each variable, one after the other.

    Args:
        run: Runs the program on a tape, and gives the number of the weighted sum of its results.
        point: The entries of all inputs.
        variables: For each variable the numbers of its entries.
        gradient: Autograd's derivative by each entry.
        dtype: What literals are rounded to.
    """
    source = random.Random(0)  # noqa: S311 - no secret
    with precision(_BITS):
        exact = list(map(flint.arb, point))
        base = Tape(exact, dtype)
        output = run(base)
        here = base.values[output]
        kinked = near_kink(base, output, last=True)
        for axes in variables:
            if type(here) is Lack or not here.is_finite():
                yield Finding(None, None, flint.arb(0), undefined=True)
                continue
            direction = {axis: _component(point[axis], source) for axis in axes}
            on_kink = kinked is not None and not kinked.isdisjoint(axes)
            terms = [gradient[axis] * size for axis, size in direction.items()]
            along, scale = sum(terms, flint.arb(0)), sum(map(abs, terms), flint.arb(0))
            sides = []
            for side in (1, -1) if on_kink else (1,):
                moved = [*exact]
                for axis, size in direction.items():
                    moved[axis] = exact[axis] + side * size * flint.arb(2) ** -_STEP
                tape = Tape(moved, dtype, active=(), base=base)
                value = tape.values[run(tape)]
                if type(value) is not Lack and value.is_finite():
                    sides.append((value - here).mid() * side * flint.arb(2) ** _STEP)
            yield _finding(sides, along, scale, tuple(direction.values()), 2 if on_kink else 1)


def _component(coordinate: float, source: random.Random) -> Any:
    """How far an entry moves, in proportion to its size."""
    size = source.uniform(0.5, 1.0) * source.choice((1, -1))
    return flint.arb(size) * flint.arb(2) ** (math.frexp(coordinate)[1] if coordinate else 0)


def _finding(
    sides: Sequence[Any], along: Any, scale: Any, direction: Sequence[Any], wanted: int
) -> Finding:
    """What the slopes to the sides say."""
    if len(sides) < wanted:
        return Finding(None, along, scale, kinked=True)
    size = abs(sides[0]).max(abs(sides[-1])).max(scale)
    kinked = bool(abs(sides[0] - sides[-1]) > size * flint.arb(2) ** (-_STEP // 2))
    return Finding(None if kinked else sides[0], along, scale, direction, kinked=kinked)


def shrinks(finding: Finding, other: Sequence[float], dtype: Dtype) -> bool:
    """Whether the error is as much smaller in float64 than in float32 as rounding makes it.

    Args:
        finding: What the limit says of the gradient in the dtype.
        other: The gradient in the other one.
        dtype: The dtype.
    """
    return dtype.shrinks(finding.error, finding.error_of(other), FLOAT32.unit)
