"""Real numbers enclosed in balls: their kinds, choices between them, and arithmetic.

In: numbers of python-flint, `flint.arb`, each a midpoint and a radius; conditions are bools. Out: a
condition, or one of four kinds of number, at the precision that `flint.ctx` has at the time:

- a finite ball, which certainly holds the value if the arguments hold the true ones; exact where
  the value is known exactly;
- an exact infinity: the value of the function on the extended real line, as of log(0), or the limit
  at an infinite argument;
- `anything()`, the whole line: there is a real value, too large to be calculated;
- nan: there is no value, or it is not known whether there is one.

A comparison in Python is no decision here: x < y is False too where the balls overlap. `greater`
and its kind decide or raise `Undecided`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from gradcalc.base import limits
from gradcalc.base.lazy import LazyModule

flint: Any = LazyModule("flint")

Ball = Any


class Undecided(Exception):  # noqa: N818 - no error, but a finding
    """A choice cannot be made at the present precision."""


# --- Kinds of number ------------------------------------------------------------------------------


def ball(value: float | Fraction | Ball) -> Ball:
    """The number as a ball: exact, but for a fraction that has no binary digits to the end."""
    if isinstance(value, Fraction):
        return flint.arb(flint.fmpq(value.numerator, value.denominator))
    return flint.arb(value)


def named(text: str) -> Ball:
    """The value of pi, e, inf or nan, perhaps with a minus."""
    arb = flint.arb
    value = {"pi": arb.pi, "e": arb.const_e, "inf": arb.pos_inf, "nan": arb.nan}[text.lstrip("-")]()
    return -value if text.startswith("-") else value


def infinite(sign: int = 1) -> Ball:
    """The infinity of that sign."""
    return flint.arb.pos_inf() if sign > 0 else flint.arb.neg_inf()


def nan() -> Ball:
    """No value, or none that is known."""
    return flint.arb.nan()


def anything() -> Ball:
    """The whole line: a number that is too large to be calculated."""
    return flint.arb(0, infinite())


def between(low: float | Ball, high: float | Ball) -> Ball:
    """The ball about all numbers from one to another."""
    return flint.arb(low).union(flint.arb(high))


def infinity(x: Ball) -> int:
    """The sign of an infinity; 0 of a number, and of what is not known."""
    return 0 if x.is_finite() else (x > 0) - (x < 0)


# --- Choices --------------------------------------------------------------------------------------


def greater(x: Ball, y: Ball) -> bool:
    """Whether x > y.

    Raises:
        Undecided: The balls overlap.
    """
    if x > y:
        return True
    if x <= y:
        return False
    raise Undecided


def equal(x: Ball, y: Ball) -> bool:
    """Whether x = y, which only exact numbers and infinities can be.

    Raises:
        Undecided: The balls overlap.
    """
    if x == y:
        return True
    if x != y:
        return False
    raise Undecided


gt, eq = greater, equal


def ge(x: Ball, y: Ball) -> bool:
    """X >= y; see `greater`."""
    return not greater(y, x)


def lt(x: Ball, y: Ball) -> bool:
    """X < y; see `greater`."""
    return greater(y, x)


def le(x: Ball, y: Ball) -> bool:
    """X <= y; see `greater`."""
    return not greater(x, y)


def ne(x: Ball, y: Ball) -> bool:
    """X != y; see `equal`."""
    return not equal(x, y)


def sign(x: Ball) -> Ball:
    """-1, 0 or 1.

    Raises:
        Undecided: There is 0 in the ball, and not alone.
    """
    if x.is_nan():
        return x
    # A ball from -1e-39 to 0 is certainly not greater than 0, and still not known.
    return flint.arb(1 if greater(x, 0) else 0 if equal(x, 0) else -1)


def largest(*values: Ball) -> Ball:
    """The largest number, enclosed, whichever it is."""
    return functools.reduce(lambda x, y: x.max(y), values)


def smallest(*values: Ball) -> Ball:
    """The smallest number, enclosed, whichever it is."""
    return functools.reduce(lambda x, y: x.min(y), values)


def clamp(x: Ball, low: Any = None, high: Any = None) -> Ball:
    """The argument limited to a range; the upper bound wins, as in torch."""
    if low is not None:
        x = x.max(low)
    return x if high is None else x.min(high)


def floor(x: Ball) -> Ball:
    """Rounded down: an exact whole number.

    Raises:
        Undecided: There are several candidates, or one of more digits than the precision.
    """
    return _rounded(x, x.floor())


def ceil(x: Ball) -> Ball:
    """Rounded up; see `floor`."""
    return _rounded(x, x.ceil())


def _rounded(x: Ball, rounded: Ball) -> Ball:
    if x.is_integer() or x.is_nan() or infinity(x):
        return x
    if rounded.is_integer():
        return rounded
    raise Undecided


def nint(x: Ball) -> Ball:
    """Rounded to the nearest whole number, half to even; see `floor`."""
    if x.is_integer():
        return x
    moved = x + 0.5
    rounded = floor(moved)
    tie = moved.is_integer() and not (rounded / 2).is_integer()
    return rounded - 1 if tie else rounded


def trunc(x: Ball) -> Ball:
    """Rounded towards 0; see `floor`."""
    if abs(x) < 1:
        return flint.arb(0)
    return ceil(x) if x < 0 else floor(x)


def from_whole(x: Ball) -> Ball:
    """How far the number is from the nearest whole one, enclosed, whichever that is."""
    if x.is_nan() or infinity(x):
        return x if x.is_nan() else flint.arb(0)
    if x.is_finite() and x.rad() < 0.25:
        middle = x.mid()
        try:
            away = abs(x - nint(middle))
        except Undecided:
            return between(0, 0.5)
        return smallest(away, 1 - away)
    return between(0, 0.5)


# --- Arithmetic -----------------------------------------------------------------------------------


def add(x: Ball, y: Ball) -> Ball:
    """The sum; that of unlike infinities is nan."""
    total = x + y
    if total.is_finite() or total.is_nan():
        return total
    side = infinity(x) or infinity(y)
    return infinite(side) if side else anything()


def sub(x: Ball, y: Ball) -> Ball:
    """The difference; that of like infinities is nan, and that of one exact number is 0."""
    difference = x - y
    return difference if difference.is_finite() else add(x, -y)


def mul(x: Ball, y: Ball) -> Ball:
    """The product: 0 if a factor is, but for infinity times 0, which is nan."""
    product = x * y
    if product.is_finite() or product.is_nan():
        return product
    return flint.arb(0) if x.is_zero() or y.is_zero() else product


def fsum(terms: Sequence[Ball]) -> Ball:
    """The sum of many numbers."""
    total = sum(terms, flint.arb(0))
    return total if total.is_finite() else functools.reduce(add, terms)


def fmod(x: Ball, y: Ball) -> Ball:
    """The remainder with the sign of x."""
    if infinity(y) and x.is_finite():
        return x
    return x - trunc(x / y) * y


def remainder(x: Ball, y: Ball) -> Ball:
    """The remainder with the sign of y."""
    if infinity(y) and x.is_finite():
        return x if x.is_zero() or greater(x * infinity(y), 0) else y
    return x - floor(x / y) * y


def power(x: Ball, y: Ball) -> Ball:
    """x**y: for every x where y is exactly a whole number, else for x > 0, and at 0."""
    if y.is_integer():
        return _whole_power(x, y)
    if not (x.is_finite() and y.is_finite()):
        return _power_at_infinity(x, y)
    if x > 0:
        result = x**y
        return result if result.is_finite() else anything()
    if x.is_zero() and y < 0:
        # The limit; where the exponent may be an odd whole number, there is none.
        return infinite() if y.is_exact() else nan()
    if x >= 0 and y > 0:
        return flint.arb(0) if x.is_zero() else between(0, x.upper() ** y)
    return nan()


def _whole_power(x: Ball, n: Ball) -> Ball:
    if n.is_zero():
        return flint.arb(1)
    odd = not (n * 0.5).is_integer()
    if x.is_zero() or infinity(x):
        if x.is_zero() == (n > 0):
            return flint.arb(0)
        if x.is_zero() and odd:
            return nan()
        return infinite(-1 if odd and x < 0 else 1)
    if abs(n) < limits.WHOLE_EXPONENT:
        result = x ** n.unique_fmpz()
    else:
        result = abs(x) ** n
        if odd:
            result *= sign(x)
    if result.is_nan() and x.is_finite() and (n > 0 or x != 0):
        return anything()
    return result


def _power_at_infinity(x: Ball, y: Ball) -> Ball:
    """The limit, where it is the same from all sides; `anything` if that is what an argument is."""
    if x.is_nan() or y.is_nan():
        return nan()
    exponent = infinity(y)
    if exponent and x >= 0:
        if x < 1 or x > 1:
            return infinite() if (x > 1) == (exponent > 0) else flint.arb(0)
    elif infinity(x) > 0 and (y > 0 or y < 0):
        return infinite() if y > 0 else flint.arb(0)
    elif x > 0 and not exponent:
        return anything()
    return nan()


def hypot(x: Ball, y: Ball) -> Ball:
    """The root of the sum of squares."""
    result = (x * x + y * y).nonnegative_part().sqrt()
    if result.is_finite() or x.is_nan() or y.is_nan():
        return result
    return infinite() if infinity(x) or infinity(y) else anything()
