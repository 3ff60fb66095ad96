"""The third witness: left and right derivatives as limits of difference quotients.

In: a scalar program, a point, the axes. Out: a `Slope`. It knows the functions' values alone, as
balls, and no rule of differentiation.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.base import limits
from gradcalc.base.dtypes import Dtype
from gradcalc.exact import policies
from gradcalc.exact.kinks import margins
from gradcalc.exact.policies import Lack
from gradcalc.exact.tape import Tape
from gradcalc.exact.values import Balls
from gradcalc.functions.balls import flint
from gradcalc.functions.precision import PRECISIONS, precision
from gradcalc.limit.convergence import STEPS, Limit, Trend, close, extrapolate, log2_of
from gradcalc.program.interpret import run
from gradcalc.program.program import Program

#: Exponents by which the steps are made smaller, as long as a kink is within them; the last are for
#: exp(-5000) and floor(exp(5000)).
_FINER = (0, 160, 400, 1_200, 4_000, 8_000)

#: Exponents of numbers that are no scale of their own.
_USUAL = 30

#: How many times smaller the exponents of the steps are for what does not settle.
_SMALLER = 32

#: Bits to which a quotient is known.
_ENOUGH = 90

#: What is left of a difference is nothing if it is below 2 to the power of minus this.
_NOTHING = 2_000

#: Bits for what cancels, beyond those of the steps, and how many times the steps' bits again; tried
#: in turn. What is left of a difference at the last of them counts as none.
_SPARE = ((120, 0), (600, 0), (2_400, 1), (10_000, 2))


@dataclass(frozen=True, slots=True)
class Slope:
    """What the difference quotient does at a point.

    Attributes:
        left: Limit of the quotient from below.
        right: Limit of the quotient from above.
        value: The derivative, a ball, where both sides settle on one; else None.
        jump: Whether the function itself jumps there.
    """

    left: Limit
    right: Limit
    value: Any = None
    jump: bool = False

    @property
    def is_unsettled(self) -> bool:
        """Whether a side settles on nothing, unless the domain ends at the point anyway."""
        trends = {self.left.trend, self.right.trend}
        return Trend.UNSETTLED in trends and Trend.UNDEFINED not in trends


_UNSETTLED = Slope(Limit(Trend.UNSETTLED), Limit(Trend.UNSETTLED))


class _NotKnown(Exception):  # noqa: N818 - no error, but a finding
    """A value that more bits might tell, or that is too large."""


def slope(program: Program, inputs: Sequence[float], axes: tuple[int, ...], dtype: Dtype) -> Slope:
    """The derivative along one axis (the number of an input), or a second one along two.

    The quotients are taken on both sides, at steps so small that no kink is within them but at the
    point itself, and that the terms left out are below any dtype's roundoff.

    Returns:
        The finding; unsettled on both sides where the values are not known.
    """
    try:
        function = _Function(program, inputs, axes, dtype)
        scale = _fineness(program, inputs, axes)
        ladder = [scale + bits for bits in _FINER]
        finer = scale
        if function.has_kinks:
            finer = next((bits for bits in ladder if _is_alone(function, axes, bits)), scale)
        finding, flat = _taken(function, axes, [step + finer for step in STEPS])
        if finding.value is None or (finding.value.is_zero() and not flat):
            # Something may move faster than the steps, as sin(exp(x)) does at 700, or sin(x)/x at
            # 1e-200; or slower than they tell, as abs(x)**0.01 does at 0.
            with contextlib.suppress(_NotKnown):
                again, _ = _taken(function, axes, [step * _SMALLER + finer for step in STEPS])
                finding = finding if again.is_unsettled else again
    except _NotKnown:
        return _UNSETTLED
    return finding


def _fineness(program: Program, inputs: Sequence[float], axes: tuple[int, ...]) -> int:
    """Bits by which the steps are below every scale that the program's numbers make.

    1e-200 makes one in x/(x + 1e-200), and 1e200 in floor(1e200*x).
    """
    others = [value for axis, value in enumerate(inputs) if axis not in axes]
    literals = [constant.value for constant in program.constants if constant.value]
    sizes = [abs(log2_of(flint.arb(value))) for value in others if value]
    sizes += [abs(v.numerator.bit_length() - v.denominator.bit_length()) for v in literals]
    return int(sum(max(size - _USUAL, 0) for size in sizes))


def _is_alone(function: _Function, axes: tuple[int, ...], finer: int) -> bool:
    """Whether no kink is within the first steps but those that the point itself is on.

    What is no kink at the point must be about as far from one all the way from a quarter of a step
    to the step.
    """
    size = STEPS[0] + finer
    here = function.margins_here
    with precision(2 * size + _SPARE[0][0]):
        point = function.point()
        for axis, side in itertools.product(axes, (-1, 1)):
            step = side * _scale(point[axis]) * flint.arb(2) ** (-1 - size)
            there = function.margins(_moved(point, axis, flint.arb(5 * step, 3 * abs(step)) / 4))
            if there and not all(map(_is_as_far, here.values(), map(there.get, here))):
                return False
    return True


def _is_as_far(here: Any, there: Any) -> bool:
    """Whether a margin is on a kink at the point, or about as large as there anywhere beside it."""
    if policies.is_kink(here, last=True):
        return True
    return there is not None and bool(there > here / 8) and bool(there < here * 8)


def _taken(function: _Function, axes: tuple[int, ...], steps: Sequence[int]) -> tuple[Slope, bool]:
    """Take quotients at smaller and smaller steps, until they settle.

    Returns:
        The finding; and whether the last quotients are 0, and do not only go there.
    """
    finding = _UNSETTLED
    quotients: list[tuple[Any, ...]] = []
    for step in steps:
        quotients.append(_known_quotients(function, axes, step))
        if len(quotients) > 1:
            finding = _concluded(steps, *map(list, zip(*quotients, strict=True)))
            if finding.value is not None:
                break
    return finding, all(part is not None and part.is_zero() for part in quotients[-1])


def _known_quotients(function: _Function, axes: tuple[int, ...], size: int) -> tuple[Any, ...]:
    """The quotients at steps near 2**-size, with bits enough for what cancels."""
    # A first difference cancels as many bits as the step is small, a second one three times as
    # many, since the inner step is the square of the outer.
    cancelled = size * (1 if len(axes) == 1 else 4)
    for spare, times in _SPARE:
        if function.is_late(8 if spare > _SPARE[0][0] else 1):
            break
        with precision(cancelled + _ENOUGH + spare + times * size):
            # What is left of an exact zero must be far smaller than the steps, to count as one.
            function.last = flint.ctx.prec > 12 * size * len(axes)
            try:
                quotients = _quotients(function, axes, size)
            except _NotKnown:
                continue
            if (spare, times) == _SPARE[-1]:
                quotients = tuple(map(_or_nothing, quotients))
            if all(map(_is_enough, quotients)):
                return quotients
    raise _NotKnown


def _is_enough(quotient: Any) -> bool:
    return quotient is None or quotient.is_exact() or quotient.rel_accuracy_bits() >= _ENOUGH


def _or_nothing(quotient: Any) -> Any:
    """A quotient, or 0 where next to nothing can be left of it."""
    if quotient is None or not quotient.contains(0):
        return quotient
    return flint.arb(0) if quotient.abs_upper() < flint.arb(2) ** -_NOTHING else quotient


def _quotients(function: _Function, axes: tuple[int, ...], size: int) -> tuple[Any, ...]:
    """Left, right and two-sided quotient at steps near 2**-size; None where there is no value.

    The steps are no powers of 2 and not the same on both sides, so that x*sin(pi/x) does not look
    smooth at 0.
    """
    point = function.point()
    scales = [_scale(point[axis]) for axis in axes]
    below, above = (scales[0] * _odd(number, size) for number in (2, 3))
    moved = [_moved(point, axes[0], step) for step in (-below, flint.arb(0), above)]
    if len(axes) == 1:
        ends = list(map(function, moved))
    else:
        inner = scales[1] * _odd(5, 2 * size)
        ends = [_inner_slope(function, start, axes[1], inner) for start in moved]
    left, right = _quotient(ends[1], ends[0], below), _quotient(ends[2], ends[1], above)
    if left is None or right is None:
        return left, right, None
    # With these weights the terms of second order cancel.
    return left, right, (left * above + right * below) / (below + above)


def _odd(number: int, size: int) -> Any:
    """The root of a number times 2**-size, to 60 bits: exactly a step, and no power of 2."""
    return flint.arb(int((number << 120) ** 0.5) | 1) * flint.arb(2) ** (-60 - size)


def _inner_slope(function: _Function, point: Sequence[Any], axis: int, step: Any) -> Any:
    """The first derivative at a point, for a difference of it; None where it does not exist."""
    here = function(point)
    gaps = []
    for nearer in (step, step * flint.arb(2) ** -40):
        below, above = (function(_moved(point, axis, side)) for side in (-nearer, nearer))
        left, right = _quotient(here, below, nearer), _quotient(above, here, nearer)
        if left is None or right is None:
            return None
        gaps.append(abs(right - left))
        if nearer is step:
            middle = (left + right) / 2
    # The gap between the sides shrinks with the step; at a corner it stays. Next to the slope it
    # may be noise.
    size = abs(left).max(abs(right))
    corner = gaps[1] > gaps[0] * flint.arb(2) ** -20 and gaps[1] > size * flint.arb(2) ** -30
    return None if corner else middle


def _quotient(last: Any, first: Any, step: Any) -> Any:
    """A difference quotient; None where a value lacks."""
    return None if last is None or first is None else (last - first) / step


def _concluded(
    steps: Sequence[int], lefts: Sequence[Any], rights: Sequence[Any], centres: Sequence[Any]
) -> Slope:
    """What the quotients at smaller and smaller steps come to."""
    left, right = extrapolate(lefts), extrapolate(rights)
    if left.trend is right.trend is Trend.SETTLED and _are_one(lefts, rights):
        # The weighted mean of both sides is the best value; at 0 it is but noise.
        flat = left.value.is_zero() and right.value.is_zero()
        return Slope(left, right, left.value if flat else centres[-1].mid())
    jump = False
    for side, quotients in ((left, lefts), (right, rights)):
        if side.trend is Trend.INFINITE:
            # Of the function's values beside the point, how they differ from the one at it.
            differences = [
                quotient * flint.arb(2) ** -step
                for step, quotient in zip(steps, quotients, strict=False)
            ]
            gap = extrapolate(differences)
            if gap.trend is Trend.UNSETTLED:  # the steps are too large for what moves here
                unsettled = Limit(Trend.UNSETTLED)
                return Slope(
                    unsettled if left.trend is Trend.INFINITE else left,
                    unsettled if right.trend is Trend.INFINITE else right,
                )
            jump = jump or (gap.trend is Trend.SETTLED and not gap.value.is_zero())
    return Slope(left, right, None, jump)


def _are_one(lefts: Sequence[Any], rights: Sequence[Any]) -> bool:
    """Whether what both sides settle on is the same."""
    # The first of them may have had too few bits for any value.
    gap = extrapolate(
        [
            None if below is None or above is None else above - below
            for below, above in zip(lefts, rights, strict=True)
        ]
    )
    # A gap that stays is a corner, however small: x + 1e-15*abs(x) has one.
    if gap.trend is Trend.SETTLED:
        return bool(gap.value.contains(0))
    return close(lefts[-1], rights[-1], 70)


class _Function:
    """The program as a function of a point; what does not move along the axes is calculated once.

    What is detached does not move either.
    """

    def __init__(
        self, program: Program, inputs: Sequence[float], axes: tuple[int, ...], dtype: Dtype
    ) -> None:
        self._program = program
        self._inputs = inputs
        self._axes = axes
        self._dtype = dtype
        #: Whether there is any kink to be watched.
        self.has_kinks = any(
            row.margin and not program.is_whole_power(step) for row, step, _ in program.calls
        )
        moving = set(axes)
        for number, step in program.numbered_steps:
            if step.function != "detach" and not moving.isdisjoint(step.args):
                moving.add(number)
        self._still = [number for number, _ in program.numbered_steps if number not in moving]
        self._still_values: dict[tuple[int, bool], Mapping[int, Any]] = {}  # by the precision
        self._started = time.thread_time()
        self.last = False  # whether policies decide

    def is_late(self, times: int = 1) -> bool:
        """Whether what takes so many times as long as all so far would take too long."""
        return times * (time.thread_time() - self._started) > limits.SLOPE_SECONDS

    def point(self) -> list[Any]:
        """The point itself."""
        return list(map(flint.arb, self._inputs))

    def __call__(self, point: Sequence[Any]) -> Any:
        """The value; None where there is no finite one.

        Raises:
            _NotKnown: If more bits may tell, or there is no time for more.
        """
        if self.is_late():
            raise _NotKnown
        still = self._still_values.get((flint.ctx.prec, self.last))
        if still is None:
            values = self._values(self.point(), {}) if self._still else ()
            still = {number: values[number] for number in self._still}
            self._still_values[flint.ctx.prec, self.last] = still
        value = policies.number_of(self._values(point, still)[self._program.output])
        if type(value) is Lack and not value.certain:
            raise _NotKnown
        return None if type(value) is Lack or not value.is_finite() else value

    @functools.cached_property
    def margins_here(self) -> Mapping[tuple[int, int], Any]:
        """The margins of all steps at the point itself, as well as they will ever be known."""
        with precision(PRECISIONS[-1]):
            return self.margins(self.point(), last=True)

    def margins(self, point: Sequence[Any], *, last: bool = False) -> Mapping[tuple[int, int], Any]:
        """The margins of all steps; none where the function has no value."""
        tape = Tape(point, self._dtype, active=self._axes, last=last)
        output = tape.run(self._program)[self._program.output]
        value = tape.values[output]
        return {} if type(value) is Lack and value.certain else margins(tape, output)

    def _values(self, point: Sequence[Any], still: Mapping[int, Any]) -> list[Any]:
        return run(self._program, point, Balls(self._dtype, last=self.last, still=still))


def _moved(point: Sequence[Any], axis: int, step: Any) -> Sequence[Any]:
    return [*point[:axis], point[axis] + step, *point[axis + 1 :]]


def _scale(value: Any) -> Any:
    """The unit of a step: the coordinate's size, but at most 1: sin(x) is as fast at 1e100.

    A power of 2, so that a step is exact.
    """
    size = log2_of(flint.arb(value))
    return flint.arb(2) ** max(min(0, int(size)), -1100) if size > -1e6 else flint.arb(1)
