"""The third witness: left and right derivatives as limits of difference quotients.

In: a scalar program, exact inputs, the axes. Out: a `Slope`. It knows the functions' values alone,
no rule of differentiation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from gradcalc.base.dtypes import Dtype
from gradcalc.exact.convergence import STEPS, Limit, Trend, close, extrapolate
from gradcalc.exact.precise import (
    Reals,
    Undefined,
    exponent_of,
    frozen_at,
    number_of,
    spread_of,
    values,
)
from gradcalc.functions import TABLE, mp
from gradcalc.functions.reals import TooLarge
from gradcalc.program.program import Program

#: Bits by which the scale may be finer than the numbers of the program tell: exp(2000) takes 2,900.
_FINEST = 3_000

#: The exponent of a value that counts as 0: no step is so small that a slope of it were a number of
#: any dtype.
_NOTHING = -1_000_000

#: The exponent of a slope that counts as none beside values so large that it may be lost.
_FLAT = -80

#: More bits, where a slope is small beside the value or does not settle: enough for float64's
#: smallest number beside 1, and for sin(1e308).
_MORE_BITS = 1_300

#: Bits that calculating with numbers of any size may cost.
_NOISE_BITS = 120


@dataclass(frozen=True, slots=True)
class _Bits:
    """How small the steps are, and how many bits the values at them have.

    Attributes:
        finer: Bits by which the steps are below the usual ones.
        more: Bits of the values beyond those that their differences cancel.
        noise: Bits beyond all these, in which a difference of two values counts as none.
    """

    finer: int
    more: int
    noise: int


@dataclass(frozen=True, slots=True)
class Slope:
    """What the difference quotient does at a point.

    Attributes:
        left: Limit of the quotient from below.
        right: Limit of the quotient from above.
        value: The derivative, where both sides settle on one; else None.
        jump: Whether the function itself jumps there.
    """

    left: Limit
    right: Limit
    value: Any = None
    jump: bool = False

    @property
    def is_unsettled(self) -> bool:
        """Whether a side settles on nothing."""
        return Trend.UNSETTLED in (self.left.trend, self.right.trend)


_UNSETTLED = Slope(Limit(Trend.UNSETTLED), Limit(Trend.UNSETTLED))


def slope(
    program: Program, inputs: Sequence[Fraction], axes: tuple[int, ...], dtype: Dtype
) -> Slope:
    """The derivative along one axis (the number of an input), or a second one along two.

    The quotients are taken on both sides, at steps so small that the terms left out are below
    any dtype's roundoff, and with digits enough for what cancels.

    Returns:
        The finding; unsettled on both sides where the numbers are too large.
    """
    try:
        return _slope(program, inputs, axes, dtype)
    except TooLarge:
        return _UNSETTLED


def _slope(
    program: Program, inputs: Sequence[Fraction], axes: tuple[int, ...], dtype: Dtype
) -> Slope:
    # The steps lie below every scale that the program's numbers make, as 1e-200 does in x/(x +
    # 1e-200), and 1e200 in floor(1e200*x).
    others = [value for number, value in enumerate(inputs) if number not in axes]
    numbers = [*others, *(constant.value for constant in program.constants)]
    finer = sum(max(abs(exponent_of(value)) - 30, 0) for value in numbers if value)
    finer += _fineness(program, inputs, dtype)
    spread = 3 * spread_of([*numbers, *inputs])
    # Beside a large number the steps, which are no larger than 1 in scale, take bits of their own.
    beside = 2 * max(0, *(exponent_of(inputs[axis]) for axis in axes if inputs[axis]), 0)
    bits = _Bits(finer, more=beside, noise=spread)
    slope = _taken(program, inputs, axes, dtype, bits)
    if slope.is_unsettled:
        # Something moves faster than the steps, as sin(exp(x)) does at 700.
        return _taken(program, inputs, axes, dtype, replace(bits, finer=finer + _MORE_BITS))
    if slope.value is not None and abs(slope.value) < mp.ldexp(1, -60):
        # A slope as small as exp(-700) beside a value near 1 takes bits for both.
        more = beside + spread + _MORE_BITS
        return _taken(program, inputs, axes, dtype, replace(bits, more=more))
    return slope


def _fineness(program: Program, inputs: Sequence[Fraction], dtype: Dtype) -> int:
    """Bits by which steps such as floor make the scale finer, as floor(exp(x)) does at 300."""
    stepped = [step for step in program.steps if TABLE[step.function].is_stepped]
    if not stepped:
        return 0
    with mp.workprec(_NOISE_BITS):
        at_point = values(program, list(map(number_of, inputs)), dtype)
    args = [at_point[arg] for step in stepped for arg in step.args]
    sizes = [mp.mag(arg) for arg in args if isinstance(arg, mp.mpf) and arg and mp.isfinite(arg)]
    bits = max(sizes, default=0) - 30
    if bits > _FINEST:
        raise TooLarge
    return max(bits, 0)


def _taken(
    program: Program, inputs: Sequence[Fraction], axes: tuple[int, ...], dtype: Dtype, bits: _Bits
) -> Slope:
    """Take quotients at smaller and smaller steps, until they settle."""
    slope = _UNSETTLED
    quotients: list[tuple[Any, Any, Any]] = []
    for step in STEPS:
        size = step + bits.finer
        # A first difference cancels as many bits as the step is small, a second one three times as
        # many, since the inner step is the square of the outer. Thrice as many are left, or more:
        # the terms left out are those of step**2.
        digits = size * (4 if len(axes) == 1 else 9) + 240 + bits.more
        with mp.workprec(digits + bits.noise + _NOISE_BITS):
            quotients.append(_quotients(program, inputs, axes, dtype, size, digits))
        if len(quotients) > 1:
            slope = _concluded(*map(list, zip(*quotients, strict=True)))
            if slope.value is not None:
                break
    return slope


def _concluded(lefts: list[Any], rights: list[Any], centres: list[Any]) -> Slope:
    """What the quotients at smaller and smaller steps come to."""
    left, right = extrapolate(lefts), extrapolate(rights)
    if left.trend is right.trend is Trend.SETTLED and _are_one(lefts, rights):
        # The weighted mean of both sides is the best value; at 0 it is but noise.
        flat = left.value == right.value == 0
        return Slope(left, right, left.value if flat else centres[-1])
    shrinkage = STEPS[2] - STEPS[1]
    jump = False
    for side, quotients in ((left, lefts), (right, rights)):
        if side.trend is not Trend.INFINITE:
            continue
        before, last = quotients[-2:]
        if close(last, mp.ldexp(before, shrinkage), 20):
            # The quotient grew as the step shrank: the difference stayed what it was.
            jump = True
        elif mp.mag(last) - mp.mag(before) >= shrinkage - 8:
            # Differences as large, but not the same: the steps are too large for what moves here.
            return _UNSETTLED
    return Slope(left, right, None, jump)


def _are_one(lefts: list[Any], rights: list[Any]) -> bool:
    """Whether what both sides settle on is the same."""
    # The first of them may have had too few bits for any value.
    gap = extrapolate(
        [
            None if None in (below, above) else above - below
            for below, above in zip(lefts, rights, strict=True)
        ]
    )
    # A gap that stays is a corner, however small: x + 1e-15*abs(x) has one.
    if gap.trend is Trend.SETTLED:
        return bool(gap.value == 0)
    return close(lefts[-1], rights[-1], 70)


def _quotients(
    program: Program,
    inputs: Sequence[Fraction],
    axes: tuple[int, ...],
    dtype: Dtype,
    bits: int,
    digits: int,
) -> tuple[Any, Any, Any]:
    """Left, right and two-sided quotient at steps near 2**-bits; None where there is no value.

    A difference of two values beyond the first `digits` bits of them counts as none.

    The steps are irrational and not the same on both sides, so that x*sin(pi/x) does not look
    smooth at 0.
    """
    point = [number_of(value) for value in inputs]
    function = _Function(program, point, dtype)
    scales = [_scale(point[axis]) for axis in axes]
    below, above = (scales[0] * mp.ldexp(mp.sqrt(number), -bits) for number in (2, 3))
    moved = [_moved(point, axes[0], step) for step in (-below, 0, above)]
    if len(axes) == 1:
        ends = list(map(function, moved))
    else:
        inner = scales[1] * mp.ldexp(mp.sqrt(5), -2 * bits)
        ends = [_inner_slope(function, start, axes[1], inner, digits) for start in moved]
    left = _quotient(ends[1], ends[0], below, digits - 2 * bits * (len(axes) - 1))
    right = _quotient(ends[2], ends[1], above, digits - 2 * bits * (len(axes) - 1))
    if left is None or right is None:
        return left, right, None
    # With these weights the terms of second order cancel.
    return left, right, (left * above + right * below) / (below + above)


def _inner_slope(
    function: _Function, point: Sequence[Any], axis: int, step: Any, digits: int
) -> Any:
    """The first derivative at a point, for a difference of it; None where it does not exist."""
    here = function(point)
    gaps = []
    for nearer in (step, mp.ldexp(step, -40)):
        below, above = (function(_moved(point, axis, side)) for side in (-nearer, nearer))
        left, right = _quotient(here, below, nearer, digits), _quotient(above, here, nearer, digits)
        if left is None or right is None:
            return None
        gaps.append(abs(right - left))
        if nearer is step:
            slope = (left + right) / 2
    # The gap between the sides shrinks with the step; at a corner it stays. Next to the slope it
    # may be noise.
    corner = gaps[1] > mp.ldexp(gaps[0], -20) and gaps[1] > mp.ldexp(
        max(abs(left), abs(right)), -30
    )
    return None if corner else slope


def _quotient(last: Any, first: Any, step: Any, digits: int) -> Any:
    """A difference quotient; a difference in the last bits of the values counts as none.

    Raises:
        TooLarge: Where the values are so large that there may be a slope in those bits.
    """
    if last is None or first is None:
        return None
    difference = last - first
    noise = mp.ldexp(max(abs(last), abs(first)), -digits)
    if abs(difference) > noise:
        return difference / step
    if noise and mp.mag(noise) - mp.mag(step) > _FLAT:
        raise TooLarge
    return mp.mpf(0)


class _Function:
    """The program as a function of a point; what is detached stays what it is at the first one."""

    def __init__(self, program: Program, point: Sequence[Any], dtype: Dtype) -> None:
        self._program = program
        self._dtype = dtype
        self._frozen = frozen_at(program, point, dtype)

    def __call__(self, point: Sequence[Any]) -> Any:
        """The value; None where there is no finite one."""
        value = self._calculated(point)
        if isinstance(value, Undefined) or not mp.isfinite(value):
            return None
        if value and mp.mag(value) < _NOTHING:
            return mp.mpf(0)
        if value and mp.mag(value) < -mp.mp.prec // 4:
            # A sum that cancels wholly leaves noise, which shrinks with the precision: it is 0.
            with mp.extraprec(64):
                finer = self._calculated(point)
            if isinstance(finer, Undefined) or abs(finer) < mp.ldexp(abs(value), -32):
                return mp.mpf(0)
        return value

    def _calculated(self, point: Sequence[Any]) -> Any:
        calculated = values(self._program, point, self._dtype, self._frozen)
        return Reals(self._dtype).number(calculated[self._program.output])


def _moved(point: Sequence[Any], axis: int, step: Any) -> Sequence[Any]:
    return [*point[:axis], point[axis] + step, *point[axis + 1 :]]


def _scale(value: Any) -> Any:
    """The unit of a step: the coordinate's size, but at most 1: sin(x) is as fast at 1e100."""
    return min(abs(value), 1) or mp.mpf(1)
