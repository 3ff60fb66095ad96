"""Arithmetic on many points at once, with a bound of the error of each number.

In: float64 tensors, an entry for each point. Out, for each step of a program: its values, how far
rounding may have carried them from the exact ones, and at which points nothing can be said. This is
running error analysis to first order (Higham, Accuracy and Stability of Numerical Algorithms, 2002,
section 3.3), made cheap: what is known for all points together (a relative error, the range of the
values, a common sign) is kept in plain numbers, and only what cancels costs an operation more.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from gradcalc.base.dtypes import FLOAT64, Dtype
from gradcalc.exact.pointwise import exact_values
from gradcalc.functions import Function, torch
from gradcalc.language.parser import row_program
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Step
from gradcalc.rounding.bounded import Bounded, measured, number_of, plus, slack, worse

#: Sizes beyond which rounding is no longer relative, with room for a few operations.
_TINY, _HUGE = 2.0**-960, 2.0**960

#: A relative error that is still taken for small: the terms of second order are as small beside it.
_SMALL = 2.0**-10

#: Units of the roundoff that a bound may lose by taking it for all points together.
_COARSE = 8


def inexact(constant: Constant) -> float:
    """The error of a literal that may have been rounded; small whole numbers are taken as exact."""
    value = constant.value or Fraction(0)
    return 0.0 if value.denominator == 1 and abs(value) < 2**53 else FLOAT64.unit


class Bounds:
    """Arithmetic on `Bounded` numbers."""

    def __init__(
        self,
        dtype: Dtype,
        *,
        unit: float = FLOAT64.unit,
        literal: Callable[[Constant], float] | None = None,
        folded: dict[int, Bounded] | None = None,
        depth: int = 0,
    ) -> None:
        """Prepare to calculate.

        Args:
            dtype: What literals are rounded to.
            unit: The roundoff to reckon with.
            literal: The relative error of a literal; none if not given.
            folded: Where what is the same at all points is kept, for the next points.
            depth: How deep this is in the texts of the function table.
        """
        self._dtype = dtype
        self._unit = unit
        self._literal = literal
        self._folded: dict[int, Bounded] = {} if folded is None else folded
        self._depth = depth

    def constant(self, constant: Constant) -> Bounded:
        """A number in the text."""
        if constant.value is not None:
            error = 0.0 if self._literal is None else self._literal(constant)
            return number_of(float(self._dtype.literal(constant.value)), error)
        size = getattr(math, constant.text.lstrip("-"))
        return number_of(-size if constant.text.startswith("-") else size, self._unit)

    def number(self, value: Bounded) -> Bounded:
        """A value that may be a condition, as a number."""
        if value.value.dtype != torch.bool:
            return value
        return replace(value, value=value.value.to(torch.float64))

    def condition(self, value: Bounded) -> Bounded:
        """A value that may be a number, as a condition."""
        if value.value.dtype == torch.bool:
            return value
        doubt = plus(None if value.exact else 2 * value.error, -value.value.abs())
        return _condition(value.value != 0, worse(value.doubt, doubt))

    def call(self, row: Function, args: list[Bounded], number: int, step: Step) -> Bounded:  # noqa: ARG002
        """Apply a row of the table."""
        if number in self._folded:
            return self._folded[number]
        found = self._called(row, args)
        doubt = functools.reduce(worse, (arg.doubt for arg in args), None)
        if row.name == "where":
            # The branch not taken may be anything.
            branches = [
                arg.value.new_tensor(-1.0) if arg.doubt is None else arg.doubt for arg in args
            ]
            doubt = worse(args[0].doubt, torch.where(args[0].value, *branches[1:]))
        for margin in self._margins(row, args):
            doubt = worse(doubt, margin)
        found = replace(found, doubt=worse(found.doubt, doubt))
        if all(arg.constant for arg in args) and not self._depth:
            self._folded[number] = found
        return found

    def _called(self, row: Function, args: list[Bounded]) -> Bounded:
        rule = _RULES.get(row.name)
        if rule is not None:
            found = rule(self, *args)
            if found is not None:
                return _in_range(found)
        if row.group == "comparison":
            return _condition(row.torch(*(arg.value for arg in args)), None)
        return self._function(row, args)

    # --- Functions ------------------------------------------------------------------------------

    def _function(self, row: Function, args: list[Bounded]) -> Bounded:
        """Any row, by what the table says of its errors."""
        if math.isinf(row.accuracy) and row.forward and f"{row.name}(" not in row.forward:
            return self._text(row.forward, row, args)
        value, accuracy = self._value(row, args)
        if set(row.derivative) == {"0"} and row.margin:
            return measured(value)  # it is constant between its jumps
        relative, absolute, doubt = accuracy * self._unit, None, None
        if any(not arg.exact for arg in args):
            more, absolute, doubt = self._passed_on(row, args, value)
            relative += more
        found = measured(value, relative=relative, absolute=absolute, doubt=doubt)
        known = self._depth or row.any_size or not math.isinf(row.elasticity)
        if not known and found.low <= 0 <= found.high and (value == 0).any().item():
            # exp(-800) is 0 for want of room, sin(0) is not: there the slope is no such number.
            slope = self._text(row.text(row.derivative, 0), row, args).value.abs()
            underflow = torch.where(value == 0, _TINY - slope, -1.0)
            found = replace(found, doubt=worse(found.doubt, underflow))
        return _in_range(found)

    def _value(self, row: Function, args: list[Bounded]) -> tuple[Any, float]:
        """The row's values, and their relative error in units of the roundoff.

        They are torch's, if somebody has measured how good those are.
        """
        if math.isinf(row.accuracy):
            return exact_values(row, [arg.value for arg in args]), 1.0
        static = [arg.value.item() if row.is_static(k) else arg.value for k, arg in enumerate(args)]
        return row.torch(*static), row.accuracy

    def _passed_on(self, row: Function, args: list[Bounded], value: Any) -> tuple[float, Any, Any]:
        """What the errors of the arguments make of the value: a relative error, another, doubt."""
        purely = all(arg.absolute is None for arg in args)
        most = max(arg.relative for arg in args)
        if purely and most * row.elasticity < math.inf:
            return most * row.elasticity, None, None
        if purely and most * row.growth * args[0].most <= _COARSE * self._unit:
            return most * row.growth * args[0].most, None, None
        if purely and most * row.shift < _SMALL:
            return 0.0, value.new_tensor(most * row.shift), None
        errors = [arg.error for arg in args]
        if not math.isinf(row.growth):
            error = row.growth * errors[0]
            return 0.0, value.abs() * error, error - _SMALL
        if not math.isinf(row.lipschitz):
            total = functools.reduce(plus, errors)
            return 0.0, total if row.lipschitz == 1 else total * row.lipschitz, None
        absolute, doubt = None, None
        for position, error in enumerate(errors):
            if error is None or row.is_static(position):
                continue
            slope = self._text(row.text(row.derivative, position), row, args)
            spread = slope.error
            steep = slope.value.abs() if spread is None else slope.value.abs() + spread
            absolute = plus(absolute, error * steep)
            doubt = worse(doubt, slope.doubt)
            if spread is not None:
                # Where the slope itself may change much, an end of the domain is near.
                bound = (slope.value.abs() / 16).clamp(min=2.0**-20)
                doubt = worse(doubt, spread - bound)
        return 0.0, absolute, doubt

    def _text(self, text: str, row: Function, args: Sequence[Bounded]) -> Bounded:
        """A text of the table, at these arguments."""
        if self._depth:
            args = [replace(arg, relative=0.0, absolute=None) for arg in args]
        given = row.bound(args, lambda value: number_of(float(value)))
        program = row_program(text, row.name)
        within = Bounds(
            FLOAT64,
            unit=self._unit,
            literal=lambda c: 0.0 if c.value == round(c.value or 0) else self._unit,
            depth=self._depth + 1,
        )
        values = run(program, [given[name] for name in program.names], within)
        return within.number(values[program.output])

    def _margins(self, row: Function, args: list[Bounded]) -> list[Any]:
        """Doubts, where the arguments may be on a kink."""
        moving = [k for k, arg in enumerate(args) if not arg.constant]
        if not row.margin or not moving or _is_smooth_power(row, args):
            return []
        given = [arg.value.item() if arg.constant else arg.value for arg in args]
        tolerance = slack(args)
        # A power that is whole only to float64 bends at 0, or ends there.
        doubts = [tolerance - abs(given[0])] if row.name == "pow" and not args[1].exact else []
        for margin in {row.margin_of(position): None for position in moving}:
            left = margin(*given)
            if isinstance(left, torch.Tensor):
                doubts.append(-left if tolerance is None else tolerance - left)
        return doubts

    # --- Arithmetic -----------------------------------------------------------------------------

    def _add(self, left: Bounded, right: Bounded) -> Bounded:
        return self._sum(left, right, left.value + right.value, (right.low, right.high))

    def _sub(self, left: Bounded, right: Bounded) -> Bounded:
        return self._sum(left, right, left.value - right.value, (-right.high, -right.low))

    def _sum(self, left: Bounded, right: Bounded, value: Any, ends: tuple[float, float]) -> Bounded:
        """A sum or a difference, as which the second term lies between those ends."""
        low, high = left.low + ends[0], left.high + ends[1]
        if _is_whole(left) and _is_whole(right) and abs(low) < 2**53:
            return number_of(low)  # exactly: x**(3 - 1) is x**2
        absolute = plus(left.absolute, right.absolute)
        relative = max(left.relative, right.relative)
        least = min(left.least, right.least)
        if min(left.low, ends[0]) >= 0 or max(left.high, ends[1]) <= 0:
            return Bounded(value, relative + self._unit, absolute, low, high, least)
        errors = left.relative * left.most, right.relative * right.most
        nearest = max(low, -high)
        if nearest > 0 and sum(errors) <= nearest * max(relative, self._unit) * _COARSE:
            # The terms may differ in sign, but nowhere is their sum small.
            relative = sum(errors) / nearest
            return Bounded(value, relative + self._unit, absolute, low, high, nearest)
        for term in (left, right):
            if term.relative:
                absolute = plus(absolute, term.size, term.relative)
        return Bounded(value, self._unit, absolute, low, high, least * FLOAT64.unit)

    def _neg(self, term: Bounded) -> Bounded:
        return replace(term, value=-term.value, low=-term.high, high=-term.low, doubt=None)

    def _mul(self, left: Bounded, right: Bounded) -> Bounded:
        absolute = None
        for one, other in ((left, right), (right, left)):
            if one.absolute is not None:
                absolute = plus(absolute, other.size, one.absolute)
        corners = _products(left, right)
        low = 0.0 if left is right else min(corners)
        return Bounded(
            left.value * right.value,
            left.relative + right.relative + self._rounding(left, right),
            absolute,
            low,
            max(corners),
            left.least * right.least,
        )

    def _rounding(self, left: Bounded, right: Bounded) -> float:
        """The relative error of a product: none, of a power of 2."""
        for factor in (left, right):
            if factor.constant and abs(math.frexp(factor.low)[0]) == 0.5:
                return 0.0
        return self._unit

    def _div(self, left: Bounded, right: Bounded) -> Bounded:
        value = left.value / right.value
        relative = left.relative + right.relative + self._rounding(right, right)
        absolute, doubt = left.absolute, None
        if right.absolute is not None:
            absolute = plus(absolute, value.abs() * right.absolute)
            doubt = right.absolute / _SMALL - right.size
        if absolute is not None:
            absolute = absolute / right.size * (1 + 2 * _SMALL)
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

    def _pow(self, base: Bounded, exponent: Bounded) -> Bounded | None:
        if not exponent.constant or exponent.absolute is not None:
            return self._free_power(base, exponent)
        power = exponent.low
        size = abs(power)
        value = torch.pow(base.value, power)
        own = {0.0: 0.0, 1.0: 0.0, 2.0: self._unit}.get(power, 2 * self._unit)
        relative = size * base.relative + own
        whole = _is_whole(exponent)
        if exponent.relative and not whole:
            if not 0 < base.low <= base.high < math.inf:
                return None
            relative += size * exponent.relative * _most_logarithm(base)
        absolute, doubt = None, None
        if base.absolute is not None and whole and power > 0:
            about = base.value.abs() + base.absolute
            absolute = torch.pow(about, power - 1) * (power * base.absolute)
        elif base.absolute is not None:
            absolute = value.abs() / base.value.abs() * base.absolute * (size * (1 + 2 * _SMALL))
            doubt = base.absolute * (size + 1) / _SMALL - base.value.abs()
        if not (whole and power > 0) and base.low <= 0:
            return measured(value, relative=relative, absolute=absolute, doubt=doubt)
        ends = [_power(base.low, power), _power(base.high, power)]
        if base.low <= 0 <= base.high and power % 2 == 0:
            ends.append(0.0)
        least = _power(base.least, power) if power > 0 else min(map(abs, ends))
        return Bounded(value, relative, absolute, min(ends), max(ends), least, doubt)

    def _free_power(self, base: Bounded, exponent: Bounded) -> Bounded | None:
        """A power that is not the same at all points, where its error is small at all of them."""
        if not (base.absolute is None and exponent.absolute is None and base.low > 0):
            return None
        relative = exponent.most * (base.relative + exponent.relative * _most_logarithm(base))
        if not relative <= _COARSE * self._unit:
            return None
        value = torch.pow(base.value, exponent.value)
        found = measured(value, relative=relative + 2 * self._unit)
        return found if found.low > 0 else None

    def _detach(self, value: Bounded) -> Bounded:
        return replace(value, doubt=None)

    def _where(self, condition: Bounded, yes: Bounded, no: Bounded) -> Bounded:
        return Bounded(
            torch.where(condition.value, yes.value, no.value),
            max(yes.relative, no.relative),
            _chosen(condition.value, yes.absolute, no.absolute, 0.0),
            min(yes.low, no.low),
            max(yes.high, no.high),
            min(yes.least, no.least),
        )


#: Rules of their own; all other rows go by what the table says of them.
_RULES: dict[str, Callable[..., Bounded | None]] = {
    "add": Bounds._add,  # noqa: SLF001 - the class's own
    "sub": Bounds._sub,  # noqa: SLF001
    "neg": Bounds._neg,  # noqa: SLF001
    "mul": Bounds._mul,  # noqa: SLF001
    "div": Bounds._div,  # noqa: SLF001
    "pow": Bounds._pow,  # noqa: SLF001
    "where": Bounds._where,  # noqa: SLF001
    "detach": Bounds._detach,  # noqa: SLF001
}


def _chosen(condition: Any, yes: Any, no: Any, default: float) -> Any:
    """What belongs to the branch taken: errors or doubts, of which None is the default."""
    if yes is None and no is None:
        return None
    return torch.where(condition, default if yes is None else yes, default if no is None else no)


def _condition(value: Any, doubt: Any) -> Bounded:
    return Bounded(value, low=0.0, high=1.0, least=1.0, doubt=doubt)


def _in_range(found: Bounded) -> Bounded:
    """The number, in doubt where it is so large or small that errors are no longer relative."""
    doubt = found.doubt
    if not found.most < _HUGE:
        doubt = worse(doubt, found.value.abs() - _HUGE)
    if found.least < _TINY:
        doubt = worse(doubt, _TINY - found.value.abs())
    return found if doubt is found.doubt else replace(found, doubt=doubt)


def _products(left: Bounded, right: Bounded) -> list[float]:
    """The products of the ends of two ranges."""
    found = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
    return found if not any(map(math.isnan, found)) else [-math.inf, math.inf]


def _power(base: float, power: float) -> float:
    try:
        return float(base**power)
    except OverflowError:
        return math.inf if base > 0 or power % 2 == 0 else -math.inf


def _most_logarithm(base: Bounded) -> float:
    """A size that no logarithm of these positive numbers is beyond."""
    return max(abs(math.log(end)) for end in (base.low, base.high))


def _is_smooth_power(row: Function, args: Sequence[Bounded]) -> bool:
    """Whether this is x**2 or the like, or a power of positive numbers, which has no kink."""
    if row.name != "pow":
        return False
    base, exponent = args
    if base.low > 0 and base.absolute is None and base.relative < _SMALL:
        return True
    return exponent.low >= 1 and _is_whole(exponent)


def _is_whole(number: Bounded) -> bool:
    """Whether it is a whole number, the same at all points: 0.1*20 is 2 only to float64."""
    return number.constant and number.exact and number.low.is_integer()
