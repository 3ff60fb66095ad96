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
from typing import Any, NamedTuple

from gradcalc.base.dtypes import FLOAT64, Dtype
from gradcalc.exact import policies
from gradcalc.exact.point import is_narrow
from gradcalc.functions import Function, torch
from gradcalc.functions.balls import flint
from gradcalc.functions.precision import PRECISIONS, precision
from gradcalc.language.parser import row_program
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Step
from gradcalc.rounding.bounded import Bounded, measured, number_of, plus, slack, worse
from gradcalc.rounding.kernels import KERNELS, UNDERFLOWING, UNMEASURED, Kernel
from gradcalc.rounding.rules import COARSE, RULES, SMALL, chosen, is_whole

#: Sizes beyond which rounding is no longer relative, with room for a few operations.
_TINY, _HUGE = 2.0**-960, 2.0**960


def inexact(constant: Constant) -> float:
    """The error of a literal that may have been rounded; small whole numbers are taken as exact."""
    value = constant.value or Fraction(0)
    return 0.0 if value.denominator == 1 and abs(value) < 2**53 else FLOAT64.unit


class _Passed(NamedTuple):
    """What the errors of the arguments make of a value: see `Bounded`."""

    relative: float = 0.0
    absolute: Any = None
    doubt: Any = None


class Bounds:
    """Arithmetic on `Bounded` numbers."""

    def __init__(
        self,
        dtype: Dtype,
        *,
        unit: float = FLOAT64.unit,
        literal: Callable[[Constant], float] | None = None,
        folded: dict[int, Bounded] | None = None,
        as_torch: bool = False,
        depth: int = 0,
    ) -> None:
        """Prepare to calculate.

        Args:
            dtype: What literals are rounded to.
            unit: The roundoff to reckon with.
            literal: The relative error of a literal; none if not given.
            folded: Where what is the same at all points is kept, for the next points.
            as_torch: Whether the bounds are those of torch's own errors: of its kernels, and with
                what is exact in the dtype for once taken as such.
            depth: How deep this is in the texts of the function table.
        """
        self._dtype = dtype
        self._unit = unit
        self._literal = literal
        self._folded: dict[int, Bounded] = {} if folded is None else folded
        self._as_torch = as_torch
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
        result = self._called(row, args)
        doubt = worse(worse(result.doubt, _inherited_doubt(row, args)), _doubt_of_kinks(row, args))
        result = replace(result, doubt=doubt)
        if all(arg.constant for arg in args) and not self._depth:
            self._folded[number] = result
        return result

    def _called(self, row: Function, args: list[Bounded]) -> Bounded:
        rule = RULES.get(row.name)
        result = None if rule is None else rule(self._unit, *args)
        if result is not None:
            if self._as_torch and not result.exact and all(arg.exact for arg in args):
                result = self._where_rounded(row, args, result)
            return _in_range(result)
        if row.group == "comparison":
            return _condition(row.torch(*(arg.value for arg in args)), None)
        return self._function(row, args)

    def _where_rounded(self, row: Function, args: list[Bounded], result: Bounded) -> Bounded:
        """The result, with an error only at the points where the dtype does not represent it."""
        excess = _EXCESSES.get(row.name)
        if excess is None:
            return result
        value = result.value
        exact = excess(*(arg.value for arg in args), value) == 0
        if self._dtype is not FLOAT64:
            exact &= value.to(getattr(torch, self._dtype.name)) == value
        error = (value.abs() * self._unit).masked_fill_(exact, 0.0)
        return replace(result, relative=0.0, absolute=error)

    # --- Functions ------------------------------------------------------------------------------

    def _function(self, row: Function, args: list[Bounded]) -> Bounded:
        """Any row, by what `kernels` says of its errors."""
        kernel = KERNELS[row.name]
        if kernel.forward and self._is_by_text(row, kernel):
            return self._text(kernel.forward, row, args)
        value, accuracy = self._value(row, kernel, args)
        if row.margin and set(row.derivative) == {"0"}:
            return measured(value)  # it is constant between its jumps
        exact = all(arg.exact for arg in args)
        passed = _Passed() if exact else self._passed_on(row, kernel, args, value)
        relative = accuracy * self._unit + passed.relative
        result = measured(value, relative=relative, absolute=passed.absolute, doubt=passed.doubt)
        if row.name in UNDERFLOWING and not self._depth:
            result = self._with_doubt_of_zeros(result, row, args)
        return _in_range(result)

    def _is_by_text(self, row: Function, kernel: Kernel) -> bool:
        """Whether to calculate a row by the formula that torch's kernel has."""
        if self._as_torch:
            return not self._depth
        return math.isinf(kernel.accuracy) and f"{row.name}(" not in (kernel.forward or "")

    def _value(self, row: Function, kernel: Kernel, args: Sequence[Bounded]) -> tuple[Any, float]:
        """The row's values, and their relative error in units of the roundoff.

        They are torch's, if somebody has measured how good those are.
        """
        if math.isinf(kernel.accuracy):
            accuracy = UNMEASURED if self._as_torch else 1.0
            return exact_values(row, [arg.value for arg in args]), accuracy
        static = [arg.value.item() if row.is_static(k) else arg.value for k, arg in enumerate(args)]
        return row.torch(*static), kernel.accuracy

    def _with_doubt_of_zeros(self, result: Bounded, row: Function, args: list[Bounded]) -> Bounded:
        """The result, in doubt where it is 0 for want of room: exp(-800) is, sin(0) is not."""
        zero = result.value == 0
        if not (result.low <= 0 <= result.high and zero.any().item()):
            return result
        # The slope of what underflows is as small as itself.
        slope = self._text(row.text(row.derivative, 0), row, args).value.abs()
        return replace(result, doubt=worse(result.doubt, torch.where(zero, _TINY - slope, -1.0)))

    def _passed_on(self, row: Function, kernel: Kernel, args: list[Bounded], value: Any) -> _Passed:
        """How far the value moves where each argument moves by its error.

        The kernel's numbers tell, if they are stated: errors that are relative for all points
        together then stay in plain numbers, and others take an operation or two. Else it is the
        slope times the error.
        """
        if all(arg.absolute is None for arg in args):
            passed = self._relative_passed_on(kernel, args, value)
            if passed is not None:
                return passed
        errors = [arg.error for arg in args]
        if kernel.growth < math.inf:
            error = kernel.growth * errors[0]
            return _Passed(absolute=value.abs() * error, doubt=error - SMALL)
        if kernel.lipschitz < math.inf:
            total = functools.reduce(plus, errors)
            return _Passed(absolute=total if kernel.lipschitz == 1 else total * kernel.lipschitz)
        return self._by_slopes(row, args, errors)

    def _relative_passed_on(
        self, kernel: Kernel, args: list[Bounded], value: Any
    ) -> _Passed | None:
        """The same of arguments with relative errors alone, if that leaves something small."""
        error = max(arg.relative for arg in args)
        if error * kernel.elasticity < math.inf:
            return _Passed(error * kernel.elasticity)
        if error * kernel.growth * args[0].most <= COARSE * self._unit:
            return _Passed(error * kernel.growth * args[0].most)
        if error * kernel.shift < SMALL:
            return _Passed(absolute=value.new_tensor(error * kernel.shift))
        return None

    def _by_slopes(self, row: Function, args: list[Bounded], errors: Sequence[Any]) -> _Passed:
        """The same by the row's derivatives, each as steep as its own error lets it be."""
        absolute, doubt = None, None
        for position, error in enumerate(errors):
            if error is None or row.is_static(position):
                continue
            slope = self._text(row.text(row.derivative, position), row, args)
            size, spread = slope.value.abs(), slope.error
            absolute = plus(absolute, error * plus(size, spread))
            doubt = worse(doubt, slope.doubt)
            if spread is not None:
                # Where the slope itself may change much, an end of the domain is near.
                doubt = worse(doubt, spread - (size / 16).clamp(min=2.0**-20))
        return _Passed(absolute=absolute, doubt=doubt)

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


def exact_values(row: Function, args: Sequence[Any]) -> Any:
    """A row's values at tensors of float64, on balls and rounded once; nan where there is none.

    An entry for each point, or one for all of them. Each point is calculated once: a grid of a
    million points has no more than a thousand values of lgamma(u).
    """
    together = torch.stack(torch.broadcast_tensors(*args)).reshape(len(args), -1)
    points, places = torch.unique(together, dim=1, return_inverse=True)
    values = [_value_at(row, point) for point in points.T.tolist()]
    shape = torch.broadcast_shapes(*(arg.shape for arg in args))
    return together.new_tensor(values)[places].reshape(shape)


def _value_at(row: Function, point: Sequence[float]) -> float:
    """The value at one point; nan where there is no finite one, or it is not known."""
    for bits in PRECISIONS if all(map(math.isfinite, point)) else ():
        with precision(bits):
            value = policies.value_of(row, list(map(flint.arb, point)), 0)
            if type(value) is not flint.arb:
                if type(value) is policies.Lack and not value.certain:
                    continue
                break
            if not value.is_finite():
                break
            if is_narrow(value, FLOAT64):
                return FLOAT64.nearest(value)
    return math.nan


def _excess_of_sum(left: Any, right: Any, total: Any) -> Any:
    """What a sum lacks for having been rounded (Knuth's two-sum)."""
    part = total - left
    return (left - (total - part)) + (right - part)


def _excess_of_product(left: Any, right: Any, product: Any) -> Any:
    """What a product lacks for having been rounded (Dekker, 1971); nan if that is not known."""
    (left_high, left_low), (right_high, right_low) = _halves(left), _halves(right)
    rest = left_high * right_high - product + left_high * right_low + left_low * right_high
    return rest + left_low * right_low


def _halves(number: Any) -> tuple[Any, Any]:
    """A float64 as the sum of two numbers of half as many bits (Veltkamp)."""
    large = number * (2.0**27 + 1)
    high = large - (large - number)
    return high, number - high


#: What operations lack for having been rounded, from the arguments and the result.
_EXCESSES: dict[str, Callable[..., Any]] = {
    "add": _excess_of_sum,
    "sub": lambda left, right, rest: _excess_of_sum(left, -right, rest),
    "mul": _excess_of_product,
}


def _condition(value: Any, doubt: Any) -> Bounded:
    return Bounded(value, low=0.0, high=1.0, least=1.0, doubt=doubt)


def _inherited_doubt(row: Function, args: Sequence[Bounded]) -> Any:
    """The doubts of the arguments; the branch of a choice that is not taken casts none."""
    if row.name == "where":
        condition, yes, no = args
        return worse(condition.doubt, chosen(condition.value, yes.doubt, no.doubt, -1.0))
    return functools.reduce(worse, (arg.doubt for arg in args))


def _doubt_of_kinks(row: Function, args: Sequence[Bounded]) -> Any:
    """Doubt where the arguments may be on a kink, or None."""
    if not row.margin or _is_smooth_power(row, args):
        return None
    margins = _margins(row, args)
    if row.name == "pow" and margins and not args[1].exact:
        # A power that is whole only to float64 bends at 0, or ends there.
        margins.append(args[0].value.abs())
    tolerance = slack(args) if margins else None
    doubts = (-margin if tolerance is None else tolerance - margin for margin in margins)
    return functools.reduce(worse, doubts, None)


def _margins(row: Function, args: Sequence[Bounded]) -> list[Any]:
    """How far each argument that is not the same at all points is from a kink."""
    moving = [k for k, arg in enumerate(args) if not arg.constant]
    given = [arg.value.item() if arg.constant else arg.value for arg in args]
    margins = [margin(*given) for margin in {row.margin_of(k): None for k in moving}]
    return [margin for margin in margins if isinstance(margin, torch.Tensor)]


def _in_range(number: Bounded) -> Bounded:
    """The number, in doubt where it is so large or small that errors are no longer relative."""
    doubt = number.doubt
    if not number.most < _HUGE:
        doubt = worse(doubt, number.value.abs() - _HUGE)
    if number.least < _TINY:
        doubt = worse(doubt, _TINY - number.value.abs())
    return number if doubt is number.doubt else replace(number, doubt=doubt)


def _is_smooth_power(row: Function, args: Sequence[Bounded]) -> bool:
    """Whether this is x**2 or the like, or a power of positive numbers, which has no kink."""
    if row.name != "pow":
        return False
    base, exponent = args
    if base.low > 0 and base.absolute is None and base.relative < SMALL:
        return True
    return exponent.low >= 1 and is_whole(exponent)
