"""Rules of rounding errors for sums, products and powers, on `Bounded` numbers.

In: the unit roundoff, the arguments. Out: the result with its bound, to first order; or None, where
a power is better taken for any function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gradcalc.base.dtypes import FLOAT64
from gradcalc.functions import torch
from gradcalc.rounding.bounded import Bounded, measured, number_of, plus

#: A relative error that is still taken for small: the terms of second order are as small beside it.
SMALL = 2.0**-10

#: Units of the roundoff that a bound may lose by taking it for all points together.
COARSE = 8


def _add(unit: float, left: Bounded, right: Bounded) -> Bounded:
    return _sum(unit, left, right, left.value + right.value, (right.low, right.high))


def _sub(unit: float, left: Bounded, right: Bounded) -> Bounded:
    return _sum(unit, left, right, left.value - right.value, (-right.high, -right.low))


def _sum(
    unit: float, left: Bounded, right: Bounded, value: Any, ends: tuple[float, float]
) -> Bounded:
    """A sum or a difference, as which the second term lies between those ends."""
    low, high = left.low + ends[0], left.high + ends[1]
    if is_whole(left) and is_whole(right) and abs(low) < 2**53:
        return number_of(low)  # exactly: x**(3 - 1) is x**2
    absolute = plus(left.absolute, right.absolute)
    relative = max(left.relative, right.relative)
    least = min(left.least, right.least)
    if min(left.low, ends[0]) >= 0 or max(left.high, ends[1]) <= 0:
        return Bounded(value, relative + unit, absolute, low, high, least)
    errors = left.relative * left.most, right.relative * right.most
    nearest = max(low, -high)
    if nearest > 0 and sum(errors) <= nearest * max(relative, unit) * COARSE:
        # The terms may differ in sign, but nowhere is their sum small.
        relative = sum(errors) / nearest
        return Bounded(value, relative + unit, absolute, low, high, nearest)
    for term in (left, right):
        if term.relative:
            absolute = plus(absolute, term.size, term.relative)
    return Bounded(value, unit, absolute, low, high, least * FLOAT64.unit)


def _neg(_unit: float, term: Bounded) -> Bounded:
    return replace(term, value=-term.value, low=-term.high, high=-term.low, doubt=None)


def _mul(unit: float, left: Bounded, right: Bounded) -> Bounded:
    absolute = None
    for one, other in ((left, right), (right, left)):
        if one.absolute is not None:
            absolute = plus(absolute, other.size, one.absolute)
    corners = _products(left, right)
    low = 0.0 if left is right else min(corners)
    return Bounded(
        left.value * right.value,
        left.relative + right.relative + _rounding(unit, left, right),
        absolute,
        low,
        max(corners),
        left.least * right.least,
    )


def _rounding(unit: float, left: Bounded, right: Bounded) -> float:
    """The relative error of a product: none, of a power of 2."""
    for factor in (left, right):
        if factor.constant and abs(math.frexp(factor.low)[0]) == 0.5:
            return 0.0
    return unit


def _div(unit: float, left: Bounded, right: Bounded) -> Bounded:
    value = left.value / right.value
    relative = left.relative + right.relative + _rounding(unit, right, right)
    absolute, doubt = left.absolute, None
    if right.absolute is not None:
        absolute = plus(absolute, value.abs() * right.absolute)
        doubt = right.absolute / SMALL - right.size
    if absolute is not None:
        absolute = absolute / right.size * (1 + 2 * SMALL)
    if right.low <= 0 <= right.high:
        return measured(value, relative=relative, absolute=absolute, doubt=doubt)
    inverse = Bounded(right.value, low=1 / right.high, high=1 / right.low)
    corners = _products(left, inverse)
    return Bounded(
        value,
        relative,
        absolute,
        min(corners),
        max(corners),
        left.least / right.most,
        doubt,
    )


def _pow(unit: float, base: Bounded, exponent: Bounded) -> Bounded | None:
    if not exponent.constant or exponent.absolute is not None:
        return _free_power(unit, base, exponent)
    power = exponent.low
    own = {0.0: 0.0, 1.0: 0.0, 2.0: unit}.get(power, 2 * unit)
    relative = abs(power) * base.relative + own
    if exponent.relative:
        if not 0 < base.low <= base.high < math.inf:
            return None
        relative += abs(power) * exponent.relative * _most_logarithm(base)
    value = torch.pow(base.value, power)
    everywhere = power > 0 and is_whole(exponent)
    absolute, doubt = _moved_power(base, value, power, everywhere=everywhere)
    if base.low <= 0 and not everywhere:
        return measured(value, relative=relative, absolute=absolute, doubt=doubt)
    return Bounded(value, relative, absolute, *_range_of_power(base, power), doubt)


def _free_power(unit: float, base: Bounded, exponent: Bounded) -> Bounded | None:
    """A power that is not the same at all points, where its error is small at all of them."""
    if not (base.absolute is None and exponent.absolute is None and base.low > 0):
        return None
    relative = exponent.most * (base.relative + exponent.relative * _most_logarithm(base))
    if not relative <= COARSE * unit:
        return None
    value = torch.pow(base.value, exponent.value)
    result = measured(value, relative=relative + 2 * unit)
    return result if result.low > 0 else None


def _detach(_unit: float, value: Bounded) -> Bounded:
    return replace(value, doubt=None)


def _where(_unit: float, condition: Bounded, yes: Bounded, no: Bounded) -> Bounded:
    return Bounded(
        torch.where(condition.value, yes.value, no.value),
        max(yes.relative, no.relative),
        chosen(condition.value, yes.absolute, no.absolute, 0.0),
        min(yes.low, no.low),
        max(yes.high, no.high),
        min(yes.least, no.least),
    )


def chosen(condition: Any, yes: Any, no: Any, default: float) -> Any:
    """What belongs to the branch taken: errors or doubts, of which None is the default."""
    if yes is None and no is None:
        return None
    return torch.where(condition, default if yes is None else yes, default if no is None else no)


def _products(left: Bounded, right: Bounded) -> list[float]:
    """The products of the ends of two ranges."""
    products = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
    return [-math.inf, math.inf] if any(map(math.isnan, products)) else products


def _moved_power(base: Bounded, value: Any, power: float, *, everywhere: bool) -> tuple[Any, Any]:
    """What the base's absolute error makes of a power, and doubt.

    A whole power above 0 is smooth `everywhere`; others are so where the base is not near 0.
    """
    if base.absolute is None:
        return None, None
    size = base.value.abs()
    if everywhere:
        return torch.pow(size + base.absolute, power - 1) * (power * base.absolute), None
    steepness = abs(power)
    moved = value.abs() / size * base.absolute * (steepness * (1 + 2 * SMALL))
    return moved, base.absolute * (steepness + 1) / SMALL - size


def _range_of_power(base: Bounded, power: float) -> tuple[float, float, float]:
    """The least and the greatest power of such numbers, and the least size of one."""
    ends = [_power(base.low, power), _power(base.high, power)]
    if base.low <= 0 <= base.high and power % 2 == 0:
        ends.append(0.0)
    least = _power(base.least, power) if power > 0 else min(map(abs, ends))
    return min(ends), max(ends), least


def _power(base: float, power: float) -> float:
    try:
        return float(base**power)
    except OverflowError:
        return math.inf if base > 0 or power % 2 == 0 else -math.inf


def _most_logarithm(base: Bounded) -> float:
    """A size that no logarithm of these positive numbers is beyond."""
    return max(abs(math.log(end)) for end in (base.low, base.high))


def is_whole(number: Bounded) -> bool:
    """Whether it is a whole number, the same at all points: 0.1*20 is 2 only to float64."""
    return number.constant and number.exact and number.low.is_integer()


#: By row; all other rows go by what `kernels` says of them.
RULES: dict[str, Callable[..., Bounded | None]] = {
    "add": _add,
    "sub": _sub,
    "neg": _neg,
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "where": _where,
    "detach": _detach,
}
