"""As many digits as it takes: numbers that keep their value when the precision grows.

In: functions that calculate at mpmath's present precision. Out: mpmath numbers good to `BITS` bits.
The calculus and the limit both settle their values here; neither sees the other's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from gradcalc.functions import mp

#: Bits to which a settled number is right, well beyond float64's 53.
BITS = 96

#: Precisions tried in turn. Two of them resolve sin(1e308), the last the difference of any two
#: float64 numbers (2**-1074 beside 2**1023).
PRECISIONS = (220, 500, 1400, 3000)


def settle(calculate: Callable[[], Any], more: int = 0) -> Any:
    """Return a value that two precisions agree on to `BITS` bits; None if there is none.

    Cancellation shows as a value that shrinks with each precision: that is an exact 0.

    Args:
        calculate: Gives the value, or None, at mpmath's present precision.
        more: Bits beyond the usual, where numbers of very different sizes meet: 1 + 1e-200 is 1 to
            all the usual precisions.
    """
    before = None
    small = []
    for precision in PRECISIONS:
        with mp.workprec(precision + more):
            value = calculate()
            if value is None or not mp.isfinite(value):
                return None
            # Two zeros may both have lost what there is: 1 - tanh(200)**2.
            if before is not None and value and close(value, before, BITS):
                return value
            small.append(abs(value) < mp.ldexp(1, -precision // 2))
        before = value
    return mp.mpf(0) if all(small[-2:]) else None


def close(value: Any, other: Any, bits: int) -> bool:
    """Whether two numbers agree to so many bits."""
    return bool(abs(value - other) <= mp.ldexp(max(abs(value), abs(other)), -bits))


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


#: The steps of a limit are 2**-k, for these k, relative to the scale of the point: all far below
#: the distance of float64's neighbours, 2**-52, so that a jump one ulp away is not stepped over.
STEPS = (80, 160, 320)

#: Bits by which a logarithm grows from one of these steps to the next, as k doubles: 1. In a*k + c
#: they are within these bounds for c from -31*a to 75*a.
_LOGARITHM = (0.6, 1.4)

#: The bits by which h**p changes, 80*p and then 160*p, double too, but for what stands beside it.
#: Those of the first change are more than a logarithm's: p of 1.4/80 or less is taken for none.
_DOUBLED = (1.5, 2.5)

#: Bits of a change beyond which what shrinks, not like a power, does so faster: exp(-1/h).
_COLLAPSE = -10


def extrapolate(sequence: list[Any]) -> Limit:
    """Judge a quantity's values at steps 2**-k, k doubling from one to the next (at least two).

    Near a point, the quantities of calculus behave as c + a*h**p (p > 0: it settles), a*h**-p or
    a*log(h) (it grows). Only a limit other than 0 shows in two values; the rest takes three.
    """
    before, last = sequence[-2:]
    if before is None or last is None:
        return Limit(Trend.UNDEFINED)
    if last == before or close(last, before, 20):
        return Limit(Trend.SETTLED, last)
    first = sequence[-3] if len(sequence) > 2 else None
    return _of_three(first, before, last) if first and before and last else Limit(Trend.UNSETTLED)


def _of_three(first: Any, before: Any, last: Any) -> Limit:
    """Judge three values, none of them 0, that differ."""
    changes = [mp.log(abs(before / first), 2), mp.log(abs(last / before), 2)]
    if changes[0] < 0 and (_is_power(*changes) or max(changes) < _COLLAPSE):
        return Limit(Trend.SETTLED, mp.mpf(0))
    grows = _is_power(*changes) or all(_LOGARITHM[0] < bits < _LOGARITHM[1] for bits in changes)
    if grows and (first > 0) == (before > 0) == (last > 0):
        return Limit(Trend.INFINITE, mp.inf if last > 0 else -mp.inf)
    return Limit(Trend.UNSETTLED)


def _is_power(before: Any, last: Any) -> bool:
    """Whether a quantity that changed by so many bits, then by so many, is like a*h**p."""
    return bool(abs(before) > _LOGARITHM[1] and _DOUBLED[0] < last / before < _DOUBLED[1])
