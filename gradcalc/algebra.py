"""SymEngine: a program as its expression, and the values of such expressions.

In: a scalar program. Out: SymEngine's expressions; and their values at a point, to as many bits as
it takes. SymEngine is the SymPy project's core in C++, about a hundred times as fast as sympy. What
it lacks raises `Lacking`, and `symbolic` asks sympy.

SymEngine takes symbols for complex ones and rewrites nothing that does not hold for those.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from gradcalc.digits import BITS, PRECISIONS
from gradcalc.dtypes import EXACT, FLOAT64, Dtype
from gradcalc.functions import Function, algebra, mp, symengine
from gradcalc.interpret import run
from gradcalc.program import Constant, Program, Step

#: Bits of a decimal that is no short fraction: with so many, nothing is ever seen to be rounded.
_LITERAL_BITS = 2_000

#: Whole numbers up to which every dtype has all of them.
_WHOLE = 2**24


class Lacking(Exception):  # noqa: N818 - no error, but a finding
    """SymEngine has no such function, or no derivative of it."""


class _Expressions:
    """Arithmetic on SymEngine's expressions."""

    def __init__(self, dtype: Dtype) -> None:
        self._dtype = dtype

    def constant(self, constant: Constant) -> Any:
        """A number in the text: see the same of sympy in `symbolic`."""
        value = constant.value
        if value is not None:
            if value.denominator == 1 and abs(value.numerator) <= _WHOLE:
                return symengine.Integer(value.numerator)
            return _literal(value, self._dtype)
        sign = -1 if constant.text.startswith("-") else 1
        return sign * _named(constant.text.lstrip("-"))

    def number(self, value: Any) -> Any:
        """The value, which is never a condition here."""
        return value

    def condition(self, value: Any) -> Any:
        """Refuse: SymEngine turns conditions around, and they would not read as they were typed."""
        raise Lacking(str(value))

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:  # noqa: ARG002 - see Arithmetic
        """The row's definition, in SymEngine's functions of the same names."""
        if row.opaque or row.conditions or row.group == "comparison" or row.unsound:
            raise Lacking
        result = row.sympy(*args)
        if not isinstance(result, symengine.Basic):
            raise Lacking
        return result


@functools.lru_cache(maxsize=4096)
def _literal(literal: Fraction, dtype: Dtype) -> Any:
    value = dtype.literal(literal)
    whole = symengine.Rational(value.numerator, value.denominator)
    if dtype is EXACT or (value.denominator <= 1024 and abs(value) < 2**53):
        return whole
    return whole.n(_LITERAL_BITS, real=True)


def _named(name: str) -> Any:
    if name not in {"pi", "e"}:
        raise Lacking
    return symengine.pi if name == "pi" else symengine.E


@functools.lru_cache(maxsize=4096)
def symbol(name: str) -> Any:
    """The symbol of that name."""
    return symengine.Symbol(name)


def expressed(program: Program, dtype: Dtype) -> list[Any]:
    """All values of the program as expressions of its inputs' symbols.

    Raises:
        Lacking: Where SymEngine has no such function.
    """
    symbols = [symbol(name) for name in program.names]
    try:
        with algebra.of(symengine):
            return run(program, symbols, _Expressions(dtype))
    except (AttributeError, TypeError, ValueError, RuntimeError, ZeroDivisionError) as problem:
        raise Lacking from problem


def as_sympy(formula: Any, symbols: Mapping[str, Any]) -> Any:
    """The same for sympy, with sympy's symbols of these names."""
    found = formula._sympy_()
    return found.xreplace({one: symbols[one.name] for one in found.free_symbols})


# --- Values ---------------------------------------------------------------------------------------


class Values:
    """Expressions at a point: all are evaluated at once, so that what they share is shared."""

    def __init__(self, names: Sequence[str], expressions: Sequence[Any]) -> None:
        self._symbols = list(map(symbol, names))
        self._together = symengine.function_symbol("values", *expressions)

    def at(self, point: Sequence[float], more: int) -> list[Any]:
        """The values, to be held against somebody else's.

        Args:
            point: A number for each name.
            more: Bits beyond the usual; see `digits.settle`.

        Returns:
            SymEngine's numbers; None where there is no finite real one.
        """
        found = [_finite(value) for value in self._with_bits(point, PRECISIONS[1] + more)]
        if any(value is not None and value.is_zero for value in found):
            # A zero may have lost what there is. (None of SymEngine's numbers is false.)
            finest = self._with_bits(point, PRECISIONS[-1] + more)
            found = [
                value if value is None or not value.is_zero else _finite(last)
                for value, last in zip(found, finest, strict=True)
            ]
        return found

    def settled(self, point: Sequence[float], more: int) -> list[Any]:
        """The values that two precisions agree on to `digits.BITS` bits; else None."""
        rough = self._with_bits(point, PRECISIONS[0] + more)
        return [
            _settled(before, value)
            for before, value in zip(rough, self.at(point, more), strict=True)
        ]

    def _with_bits(self, point: Sequence[float], bits: int) -> list[Any]:
        numbers = {
            name: _number(value, bits) for name, value in zip(self._symbols, point, strict=True)
        }
        try:
            found = self._together.msubs(numbers).args
        except RuntimeError:  # there is a function in it, such as digamma, that has no values
            return [None] * len(self._together.args)
        return [_evaluated(value, bits) for value in found]


@functools.lru_cache(maxsize=8192)
def _number(value: float, bits: int) -> Any:
    return symengine.RealDouble(value).n(bits, real=True)


def _evaluated(value: Any, bits: int) -> Any:
    """The number that an expression without symbols is; pi in it is not yet a number."""
    if type(value) is symengine.RealMPFR or value.is_Number:
        return value
    try:
        return value.n(bits, real=True)
    except RuntimeError:  # it is complex, or has a function without values
        return value


def _finite(value: Any) -> Any:
    """The value, if it is a finite real number."""
    if type(value) is symengine.RealMPFR:
        return value if math.isfinite(value) else None
    return value if value is not None and value.is_Number and value.is_Rational else None


def _settled(rough: Any, fine: Any) -> Any:
    """The fine value, if the rough one is as good as the same."""
    if type(fine) is not symengine.RealMPFR or fine.is_zero:
        return fine
    if type(rough) is not symengine.RealMPFR:
        return None
    return fine if abs(float(fine - rough)) <= abs(float(fine)) * _APART else None


_APART = 2.0**-BITS


def nearest(value: Any, dtype: Dtype) -> float:
    """One of those values, correctly rounded."""
    if type(value) is not symengine.RealMPFR:
        return dtype.round(Fraction(int(value.p), int(value.q)))
    # SymEngine rounds to float64 itself; its digits are more than enough for any other.
    # There is no -0.
    return float(value) + 0.0 if dtype is FLOAT64 else dtype.nearest(as_mpmath(value))


def as_mpmath(value: Any) -> Any:
    """One of those values, to all its bits."""
    with mp.workprec(2 * PRECISIONS[1]):
        return (
            mp.mpf(str(value))
            if type(value) is symengine.RealMPFR
            else mp.mpf(int(value.p)) / int(value.q)
        )
