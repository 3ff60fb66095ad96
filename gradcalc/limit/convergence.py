"""What becomes of a quantity as a step goes to 0.

In: balls, the quantity at smaller and smaller steps. Out: a `Limit`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from gradcalc.functions.balls import flint


class Trend(Enum):
    """What becomes of a quantity as the step goes to 0."""

    SETTLED = auto()
    INFINITE = auto()
    UNDEFINED = auto()  # there is no value at the small steps
    UNSETTLED = auto()


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of a quantity for a step that goes to 0.

    Attributes:
        trend: What becomes of it.
        value: The limit if settled, infinity with a sign if infinite, else None.
    """

    trend: Trend
    value: Any = None


#: Exponents of the steps: 2**-k, for these k and more where something is nearer than the first. All
#: are far below the distance of float64's neighbours, 2**-52, so that a jump one ulp away is not
#: stepped over.
STEPS = (80, 160, 320)

#: Bits by which a logarithm grows from one of these steps to the next, as k doubles: 1. In a*k + c
#: they are within these bounds for c from -31*a to 75*a.
_LOGARITHM = (0.6, 1.4)

#: The bits by which h**p changes, 80*p and then 160*p, double too, but for what stands beside it.
#: Those of the first change are more than a logarithm's: p of 1.4/80 or less is taken for none.
_DOUBLED = (1.5, 2.5)

#: Bits of a change beyond which what shrinks, not like a power, does so faster: exp(-1/h).
_COLLAPSE = -10

#: The largest exponent that is told from larger ones.
_MOST = 2**1000


def extrapolate(sequence: Sequence[Any]) -> Limit:
    """Judge a quantity's values at steps 2**-k, k doubling from one to the next (at least two).

    Near a point, the quantities of calculus behave as c + a*h**p (p > 0: it settles), a*h**-p or
    a*log(h) (it grows). Only a limit other than 0 shows in two values; the rest takes three.
    """
    before, last = sequence[-2:]
    if before is None or last is None:
        return Limit(Trend.UNDEFINED)
    if close(last, before, 20):
        return Limit(Trend.SETTLED, last)
    first = sequence[-3] if len(sequence) > 2 else None
    if first is None or first.is_zero() or before.is_zero() or last.is_zero():
        return Limit(Trend.UNSETTLED)
    return _of_three(first, before, last)


def _of_three(first: Any, before: Any, last: Any) -> Limit:
    """Judge three values, none of them 0, that differ."""
    changes = [log2_of(before) - log2_of(first), log2_of(last) - log2_of(before)]
    if changes[0] < 0 and (_is_power(*changes) or max(changes) < _COLLAPSE):
        return Limit(Trend.SETTLED, flint.arb(0))
    grows = _is_power(*changes) or all(_LOGARITHM[0] < bits < _LOGARITHM[1] for bits in changes)
    signs = {bool(value > 0) for value in (first, before, last)}
    if grows and len(signs) == 1:
        infinity = flint.arb.pos_inf()
        return Limit(Trend.INFINITE, infinity if signs == {True} else -infinity)
    return Limit(Trend.UNSETTLED)


def _is_power(before: float, last: float) -> bool:
    """Whether a quantity that changed by so many bits, then by so many, is like a*h**p."""
    return abs(before) > _LOGARITHM[1] and _DOUBLED[0] < last / before < _DOUBLED[1]


def close(value: Any, other: Any, bits: int) -> bool:
    """Whether two numbers, as they are at the middles of their balls, agree to so many bits."""
    first, second = value.mid(), other.mid()
    largest = abs(first).max(abs(second))
    return bool(abs(first - second) <= largest * flint.arb(2) ** -bits)


def log2_of(ball: Any) -> float:
    """The logarithm to base 2 of a ball's size; of 0 minus infinity."""
    mantissa, exponent = ball.mid().man_exp()
    mantissa = abs(int(mantissa))
    if not mantissa:
        return -math.inf
    length = mantissa.bit_length()
    # Of exp(-1/h**2) even the exponent may be beyond float64.
    exponent = max(-_MOST, min(_MOST, int(exponent) + length))
    return exponent + math.log2(mantissa / (1 << length))
