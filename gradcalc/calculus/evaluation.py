"""Values of SymEngine's expressions, to as many bits as it takes.

In: expressions, a point. Out: SymEngine's numbers. It has most values from MPFR; those of calls
(see `algebra`) are mpmath's, by the function table.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from gradcalc.base.dtypes import FLOAT64, Dtype
from gradcalc.calculus import algebra
from gradcalc.exact.convergence import BITS, PRECISIONS
from gradcalc.functions import TABLE, Function, mp, symengine
from gradcalc.functions import algebra as engine
from gradcalc.functions.reals import TooLarge, applied

#: Bits that go lost at most on the way through decimal digits.
_DECIMAL = 10


class Evaluation:
    """Expressions at a point: all are evaluated at once, so that what they share is shared."""

    def __init__(
        self, names: Sequence[str], expressions: Sequence[Any], *, calls: bool = True
    ) -> None:
        """Prepare to evaluate.

        Args:
            names: Those of the symbols.
            expressions: Numbers or conditions.
            calls: Whether there may be calls in them.
        """
        self._symbols = list(map(algebra.symbol, names))
        self._together = symengine.function_symbol("values", *expressions)
        self._calls = _inside_out(expressions) if calls else ()

    def at(self, point: Sequence[float], more: int) -> list[Any]:
        """The values, to be held against somebody else's.

        Args:
            point: A number for each name.
            more: Bits beyond the usual; see `convergence.settle`.

        Returns:
            SymEngine's numbers, or bools; None where there is no finite real one.
        """
        values = [_finite(value) for value in self._with_bits(point, PRECISIONS[1] + more)]
        if any(_is_zero(value) for value in values):
            # A zero may have lost what there is. (None of SymEngine's numbers is false.)
            finest = self._with_bits(point, PRECISIONS[-1] + more)
            values = [
                _finite(last) if _is_zero(value) else value
                for value, last in zip(values, finest, strict=True)
            ]
        return values

    def settled(self, point: Sequence[float], more: int) -> list[Any]:
        """The values that two precisions agree on to `convergence.BITS` bits; else None."""
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
            for call in self._calls:
                value = _value(call, numbers, bits)
                if value is not None:
                    numbers[call] = value
            values = self._together.msubs(numbers).args
        except RuntimeError:  # there is a function in it that has no values
            return [None] * len(self._together.args)
        return [_evaluated(value, bits) for value in values]


def _inside_out(expressions: Iterable[Any]) -> Collection[Any]:
    """The calls in expressions, each after those that it is a call of."""
    order: dict[Any, None] = {}

    def visit(call: Any) -> None:
        if call not in order:
            for arg in call.args:
                for inner in algebra.calls_in(arg):
                    visit(inner)
            order[call] = None

    for expression in expressions:
        for call in algebra.calls_in(expression):
            visit(call)
    return order


def _value(call: Any, numbers: Mapping[Any, Any], bits: int) -> Any:
    """A call's value, by those of the symbols and of the calls within it; None if it has none."""
    row = algebra.row_of(call)
    args = [_evaluated(arg.msubs(numbers), bits) for arg in call.args]
    finite = list(map(_finite, args))
    if row.is_choice and isinstance(finite[0], bool):
        # The branch not taken may well be undefined.
        chosen = 1 if finite[0] else 2
        return None if finite[chosen] is None else args[chosen]
    if any(arg is None for arg in finite):
        return None
    if row.group == "comparison" and not row.conditions:
        return _compared(row, *args)
    if _is_enough(row.name) and (value := _by_symengine(row, args)) is not None:
        return value
    return _by_mpmath(row, finite, bits)


def _compared(row: Function, left: Any, right: Any) -> Any:
    """A comparison; SymEngine's own know only equals of the same kind: 1.0 >= 1 is false to it."""
    sign = _sign(left, right)
    return None if sign is None else algebra.truth(row.mpmath(sign, 0))


def _sign(left: Any, right: Any) -> int | None:
    """The sign of a difference; None where it may be nothing but rounding."""
    difference = left - right
    if difference.is_zero:
        return 0
    if abs(float(difference)) <= max(abs(float(left)), abs(float(right))) * _APART:
        return None
    return 1 if difference.is_positive else -1


@functools.cache
def _is_enough(name: str) -> bool:
    """Whether a row's definition can be calculated in SymEngine's own numbers.

    Piecewise ones compare, which these do wrongly; and infinities may make a number of what is
    none.
    """
    row = TABLE[name]
    if row.unsound or row.is_partial or row.conditions or (row.opaque and row.margin):
        return False
    try:
        value = _by_symengine(row, [_number(value, BITS) for value in row.samples[0]])
    except (AttributeError, TypeError):  # it has no such function
        return False
    return value is not None


def _by_symengine(row: Function, args: Sequence[Any]) -> Any:
    """A row's definition in SymEngine's numbers; None where that gives none."""
    try:
        with engine.of(symengine):
            value = row.sympy(*args)
    except RuntimeError:  # it has no values here
        return None
    return None if _finite(value) is None else value


def _by_mpmath(row: Function, args: Sequence[Any], bits: int) -> Any:
    """A row's value in mpmath's numbers, as SymEngine's."""
    try:
        with mp.workprec(bits):
            value = applied(
                row, [arg if isinstance(arg, bool) else _as_mpmath(arg, bits) for arg in args]
            )
    except TooLarge:
        return None
    if value is None:
        return None
    if isinstance(value, bool):
        return algebra.truth(value)
    with mp.workprec(bits + _DECIMAL):
        return symengine.RealMPFR(str(value), bits)


@functools.lru_cache(maxsize=8192)
def _number(value: float, bits: int) -> Any:
    return symengine.RealDouble(value).n(bits, real=True)


def _evaluated(value: Any, bits: int) -> Any:
    """The number or condition that an expression without symbols is, if it is any.

    Pi in it is not yet a number.
    """
    if type(value) is symengine.RealMPFR or value.is_Number or algebra.is_truth(value):
        return value
    try:
        return value.n(bits, real=True)
    except RuntimeError:  # it is complex, or has a function without values
        return value


def _finite(value: Any) -> Any:
    """The value, if it is a finite real number or, as a bool, a condition."""
    if type(value) is symengine.RealMPFR:
        return value if math.isfinite(value) else None
    if value is None:
        return None
    if value.is_Number:
        return value if value.is_Rational else None
    return value == symengine.true if algebra.is_truth(value) else None


def _is_zero(value: Any) -> bool:
    return value is not None and not isinstance(value, bool) and bool(value.is_zero)


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
    return _as_mpmath(value, 2 * PRECISIONS[1])


def _as_mpmath(value: Any, bits: int) -> Any:
    with mp.workprec(bits + _DECIMAL):
        if type(value) is symengine.RealMPFR:
            return mp.mpf(str(value))
        return mp.mpf(int(value.p)) / int(value.q)
