"""Floating-point formats: rounding an exact number to one, and distances in it.

In: fractions, balls or floats. Out: Python floats that the format represents, and ulps. The two
formats are those of IEEE 754 (2019), table 3.5.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class Dtype:
    """A binary floating-point format.

    Attributes:
        name: As torch calls it.
        bits: Bits of the significand.
        least: Exponent of the smallest positive number, 2**least.
        most: Finite numbers are below 2**most.
        digits: Decimal digits that every number keeps.
    """

    name: str
    bits: int
    least: int
    most: int
    digits: int

    @property
    def unit(self) -> float:
        """The unit roundoff: the largest relative error of rounding to nearest."""
        return 2.0**-self.bits

    @property
    def other(self) -> Dtype:
        """The other one of float64 and float32."""
        return FLOAT32 if self is FLOAT64 else FLOAT64

    def round(self, value: Fraction) -> float:
        """Round to nearest, ties to even; infinity beyond the range."""
        if not value:
            return 0.0
        quantum = self._quantum(value)
        whole = round(value / quantum)  # Fraction rounds half to even
        result = whole * quantum
        if abs(result) >= Fraction(2) ** self.most:
            return math.inf if value > 0 else -math.inf
        return float(result)

    def round_float(self, value: float) -> float:
        """Round a float64, which may be nan or infinite."""
        return self.round(Fraction(value)) if math.isfinite(value) else value

    @functools.lru_cache(maxsize=4096)  # noqa: B019 - there are three dtypes, and they stay
    def literal(self, value: Fraction) -> Fraction:
        """A number in the program's text as torch sees it: a float64, then rounded to the dtype.

        One beyond the dtype's range stays a float64: torch folds constants before a tensor meets
        them.
        """
        if self is EXACT:
            return value
        double = Fraction(float(value))
        rounded = self.round(double)
        return Fraction(rounded) if math.isfinite(rounded) and (rounded or not double) else double

    def nearest(self, ball: Any) -> float:
        """The middle of a finite ball, correctly rounded; an infinity as it is."""
        if self is FLOAT64 or not ball.is_finite():
            return float(ball) + 0.0  # flint rounds to nearest; there is no -0
        mantissa, exponent = map(int, ball.mid().man_exp())
        size = mantissa.bit_length() + exponent  # which may be immense
        if size > self.most:
            return math.inf if mantissa > 0 else -math.inf
        if size < self.least - 1:
            return 0.0
        return self.round(mantissa * Fraction(2) ** exponent)

    def ulps(self, value: float, exact: float) -> float:
        """Distance in units in the last place of `exact`; infinite if a number is not finite.

        From 2**bits of them on no digit is right, and units of a tiny number, or of 0, would say
        nothing. Then it is the number of the format's numbers from one to the other, if that is
        less.
        """
        if value == exact:
            return 0
        if self is FLOAT64 and 0.5 <= (value / exact if exact else 0) <= 2:
            # The difference of such near numbers is exact (Sterbenz, Floating-Point Computation,
            # 1974), and so is the quotient.
            near = abs(value - exact) / math.ulp(exact)
            return int(near) if near == int(near) else near
        if not (math.isfinite(value) and math.isfinite(exact)):
            return math.inf
        reference = Fraction(exact)
        quantum = self._quantum(reference) if reference else Fraction(2) ** self.least
        distance = abs(Fraction(value) - reference) / quantum
        if distance >= 2**self.bits:
            between = abs(float(self._place(value)) - float(self._place(exact)))
            return between if distance > between else float(distance)
        return int(distance) if distance.denominator == 1 else float(distance)

    def shrinks(self, error: Any, other: Any, least: Any = 0) -> bool:
        """Whether errors in this format and in the other one are related as rounding's are.

        Args:
            error: A ball, the error in this one.
            other: The error in the other one.
            least: What an error of rounding in float32 may be at least.
        """
        wide, narrow = (error, other) if self is FLOAT64 else (other, error)
        return bool(wide * _SHRINKS <= narrow.max(least))

    def _place(self, value: float) -> int:
        """Which of the format's numbers it is, counted from 0 with the sign."""
        size = abs(Fraction(value))
        quantum = self._quantum(size) if size else Fraction(2) ** self.least
        doublings = (quantum / Fraction(2) ** self.least).numerator.bit_length() - 1
        place = int(size / quantum) + (doublings << (self.bits - 1))
        return -place if value < 0 else place

    def _quantum(self, value: Fraction) -> Fraction:
        """The spacing of the format's numbers at `value`, which is not 0."""
        size = abs(value)
        exponent = size.numerator.bit_length() - size.denominator.bit_length()
        if size < Fraction(2) ** exponent:
            exponent -= 1
        return Fraction(2) ** max(exponent - self.bits + 1, self.least)


FLOAT64 = Dtype("float64", bits=53, least=-1074, most=1024, digits=15)
FLOAT32 = Dtype("float32", bits=24, least=-149, most=128, digits=6)
#: No format: literals are the decimals that they are, for formulas on their own, as in a claim; and
#: values are known to more bits than by accident are the same in two formulas.
EXACT = Dtype("exact", bits=200, least=-100_000, most=100_000, digits=15)
#: A rounding error shrinks by 2**29 from float32 to float64; so many times less still tells.
_SHRINKS = 2.0**20
DTYPES = {dtype.name: dtype for dtype in (FLOAT64, FLOAT32)}
