"""The third witness: the program itself, at high precision, and its difference quotients.

In: a program, exact inputs. Out: values of any precision, and left and right derivatives as limits
of difference quotients. It knows the functions' values alone, no rule of differentiation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gradcalc.digits import STEPS, Limit, Trend, close, extrapolate
from gradcalc.dtypes import Dtype
from gradcalc.functions import TABLE, Function, mp
from gradcalc.interpret import run
from gradcalc.program import Constant, Program, Step

#: Arguments beyond 2**MAGNITUDE are refused by functions that would need as many digits.
MAGNITUDE = 20_000


#: Bits by which the scale may be finer than the numbers of the program tell: exp(2000) takes 2,900.
_FINEST = 3_000

#: The exponent of a value that counts as 0: no step is so small that a slope of it were a number of
#: any dtype.
_NOTHING = -1_000_000

#: The exponent of a slope that counts as none beside values so large that it may be lost.
_FLAT = -80

#: More bits, where a slope is small beside the value or does not settle: enough for float64's
#: smallest number beside 1, and for sin(1e308).
MORE_BITS = 1_300


#: Bits that calculating with numbers of any size may cost.
NOISE_BITS = 120


class TooLarge(Exception):  # noqa: N818 - no error, but a finding
    """A value is too large to be calculated with at any precision."""


@dataclass(frozen=True, slots=True)
class Undefined:
    """In place of a value: there is no finite real one, since the step of this number."""

    number: int


class Numbers:
    """Arithmetic on real mpmath numbers; where there is none, `Undefined`, which spreads."""

    def __init__(self, dtype: Dtype, frozen: Mapping[int, Any] | None = None) -> None:
        self._dtype = dtype
        self._frozen = frozen or {}

    def constant(self, constant: Constant) -> Any:
        """A number in the text; a literal is the number of the dtype that torch sees."""
        if constant.value is not None:
            return _number(self._dtype.literal(constant.value))
        size = +getattr(mp, constant.text.lstrip("-"))
        return -size if constant.text.startswith("-") else size

    def number(self, value: Any) -> Any:
        """A value that may be a condition, as a number."""
        return mp.mpf(value) if isinstance(value, bool) else value

    def condition(self, value: Any) -> Any:
        """A value that may be a number, as a condition."""
        return value if isinstance(value, bool | Undefined) else value != 0

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:  # noqa: ARG002 - see Arithmetic
        """The row's value at the arguments, or `Undefined` with the number."""
        if number in self._frozen:
            return self._frozen[number]
        if row.name == "where" and isinstance(args[0], bool):
            # The branch not taken may well be undefined.
            return args[1] if args[0] else args[2]
        for arg in args:
            if isinstance(arg, Undefined):
                return arg
        result = applied(row, args)
        return Undefined(number) if result is None else result


def applied(row: Function, args: Sequence[Any]) -> Any:
    """A row's value at real numbers or conditions: a number or a bool; None where it has none.

    Raises:
        TooLarge: Where the numbers are too large to be calculated with.
    """
    finite = True
    for arg in args:
        if isinstance(arg, bool):
            continue
        _, mantissa, exponent, length = arg._mpf_
        if not mantissa and exponent:
            finite = False
            if mp.isnan(arg):
                return None
        elif exponent + length > MAGNITUDE and not row.any_size:
            raise TooLarge
    try:
        result = row.mpmath(*args)
    except (ZeroDivisionError, ValueError):
        return None
    except (OverflowError, MemoryError, mp.libmp.NoConvergence):
        raise TooLarge from None
    if isinstance(result, bool):
        return result
    if isinstance(result, mp.mpc):
        if result.imag:
            return None
        result = result.real
    if not isinstance(result, mp.mpf):
        result = mp.mpf(result)
    _, mantissa, exponent, length = result._mpf_
    if not mantissa and exponent:
        # An infinity that the user wrote goes on; one that a step made ends here.
        return None if finite or mp.isnan(result) else result
    if abs(exponent + length).bit_length() > 1000:
        raise TooLarge
    return result


def values(
    program: Program,
    inputs: Sequence[Any],
    dtype: Dtype,
    frozen: Mapping[int, Any] | None = None,
) -> list[Any]:
    """All values of the program at the present precision: numbers, bools or `Undefined`.

    Those that are frozen are taken as they are: detach(x) stays what it was while x moves.
    """
    return run(program, inputs, Numbers(dtype, frozen))


def _frozen(program: Program, point: Sequence[Any], dtype: Dtype) -> dict[int, Any]:
    """The values at the point that do not move with it."""
    numbers = [
        number
        for number, step in enumerate(program.steps, program.first_step)
        if step.function == "detach"
    ]
    if not numbers:
        return {}
    found = values(program, point, dtype)
    return {number: found[number] for number in numbers}


def constant_values(program: Program, dtype: Dtype) -> list[float]:
    """The results of a program without inputs, correctly rounded; nan where undefined."""
    with mp.workprec(2000):
        numbers = Numbers(dtype)
        found = values(program, (), dtype)
        results = [numbers.number(found[number]) for number in program.outputs]
    return [_rounded(value, dtype) for value in results]


def _rounded(value: Any, dtype: Dtype) -> float:
    if isinstance(value, Undefined) or mp.isnan(value):
        return float("nan")
    return float(value) if mp.isinf(value) else dtype.nearest(value)


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is at a point, before any derivative.

    Attributes:
        defined: Whether the function has a finite real value.
        stranger: The number of the first value that is none, if the function has none for that
            reason.
        suspects: The inputs that reach a step which stands on a kink of its row, so that the limit
            must be heard; None for all.
        computable: Whether the values are of a size that can be calculated with.
    """

    defined: bool = False
    stranger: int | None = None
    suspects: frozenset[int] | None = None
    computable: bool = False

    def suspect(self, axes: Iterable[int]) -> bool:
        """Whether the limit must be heard on a derivative along these axes."""
        return self.suspects is None or not self.suspects.isdisjoint(axes)


_SURVEY_BITS = 400


def survey(program: Program, inputs: Sequence[Fraction], dtype: Dtype, more: int = 0) -> Survey:
    """Run the program at the point, and look at each step's arguments.

    Args:
        program: The scalar program.
        inputs: The point.
        dtype: What literals are rounded to.
        more: Bits beyond the usual that the values in between take, by their sizes.
    """
    more += 2 * _spread([*inputs, *(constant.value for constant in program.constants)])
    try:
        found = _without_poles(program, inputs, dtype, _SURVEY_BITS + more)
        with mp.workprec(_SURVEY_BITS + more):
            output = Numbers(dtype).number(found[program.output])
            if isinstance(output, Undefined):
                return Survey(stranger=output.number)
            if not mp.isfinite(output):
                return Survey()
            return Survey(defined=True, computable=True, suspects=_suspects(program, found))
    except TooLarge:
        return Survey(defined=True)


def _without_poles(
    program: Program, inputs: Sequence[Fraction], dtype: Dtype, bits: int
) -> list[Any]:
    """The values at the point; `Undefined` where a step stands on a pole, but for rounding.

    What 1/sin(pi) divides by is not 0 but 2**-400 or so, and the quotient 2**400: it grows with the
    precision, and there is no such value.
    """
    with mp.workprec(bits):
        point = list(map(_number, inputs))
        found = values(program, point, dtype)
    if not any(_is_odd(value, bits) for value in found):
        return found
    with mp.workprec(2 * bits):
        finer = values(program, point, dtype)
        poles: dict[int, Any] = {}
        for number, step in enumerate(program.steps, program.first_step):
            args = [_grown(found[arg], finer[arg]) for arg in step.args]
            grown = _grown(found[number], finer[number])
            at_zero = any(arg < -bits / 2 for arg in args)
            # What grows only because its argument does has no pole of its own.
            if max(args, default=0) < 1 and (grown > bits / 2 or (at_zero and grown > 0.5)):
                poles[number] = Undefined(number)
    if not poles:
        return found
    with mp.workprec(bits):
        return values(program, point, dtype, poles)


def _is_odd(value: Any, bits: int) -> bool:
    """Whether a value is so small or so large as rounding makes it at a zero, or a pole."""
    if isinstance(value, bool | Undefined) or not value or mp.isinf(value):
        return False
    return bool(abs(mp.frexp(value)[1]) > bits / 2)


def _grown(rough: Any, fine: Any) -> float:
    """By how many bits a value is larger with more precision; 0 for what is no number."""
    for value in (rough, fine):
        if isinstance(value, bool | Undefined) or not mp.isfinite(value):
            return 0.0
    if rough == fine:
        return 0.0
    if not rough or not fine:
        return -math.inf if rough else math.inf
    return float(mp.log(abs(fine / rough), 2))


def _suspects(program: Program, found: Sequence[Any]) -> frozenset[int]:
    """The inputs that reach a step on a kink, but for rounding: sin(pi) is 0 here."""
    active = program.active
    with mp.workprec(_SURVEY_BITS - 100):
        found = [_snapped(value) for value in found]
    # From the result backwards: whether a value leads to it, and whether by way of a kink.
    leads = [False] * len(found)
    leads[program.output] = True
    kinked = [False] * len(found)
    for number in range(len(found) - 1, program.first_step - 1, -1):
        step = program.steps[number - program.first_step]
        if not leads[number] or step.function == "detach":
            continue
        row = TABLE[step.function]
        args = tuple([found[arg] for arg in step.args])
        known = bool(row.margin) and not any(isinstance(arg, Undefined) for arg in args)
        for position, arg in enumerate(step.args):
            if active[arg]:
                leads[arg] = True
                kinked[arg] = (
                    kinked[arg] or kinked[number] or (known and row.on_kink(position, args))
                )
    return frozenset(number for number in range(len(program.inputs)) if kinked[number])


def _snapped(value: Any) -> Any:
    """The value rounded to the present precision; 0 if it is nothing else."""
    if isinstance(value, bool | Undefined):
        return value
    return mp.mpf(0) if abs(value) < mp.eps else +value


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
        return Slope(Limit(Trend.UNSETTLED), Limit(Trend.UNSETTLED))


def _slope(
    program: Program, inputs: Sequence[Fraction], axes: tuple[int, ...], dtype: Dtype
) -> Slope:
    # The steps lie below every scale that the program's numbers make, as 1e-200 does in x/(x +
    # 1e-200), and 1e200 in floor(1e200*x).
    others = [value for number, value in enumerate(inputs) if number not in axes]
    numbers = [*others, *(constant.value for constant in program.constants)]
    depth = sum(max(abs(_exponent(value)) - 30, 0) for value in numbers if value)
    depth += _fineness(program, inputs, dtype)
    spread = _spread([*numbers, *inputs])
    # Beside a large number the steps, which are no larger than 1 in scale, take bits of their own.
    beside = 2 * max(0, *(_exponent(inputs[axis]) for axis in axes if inputs[axis]), 0)
    found = _taken(program, inputs, axes, dtype, depth, beside, 3 * spread)
    if Trend.UNSETTLED in (found.left.trend, found.right.trend):
        # Something moves faster than the steps, as sin(exp(x)) does at 700.
        found = _taken(program, inputs, axes, dtype, depth + MORE_BITS, beside, 3 * spread)
    elif found.value is not None and abs(found.value) < mp.ldexp(1, -60):
        # A slope as small as exp(-700) beside a value near 1 takes digits for both.
        found = _taken(
            program, inputs, axes, dtype, depth, beside + 3 * spread + MORE_BITS, 3 * spread
        )
    return found


def _fineness(program: Program, inputs: Sequence[Fraction], dtype: Dtype) -> int:
    """Bits by which steps such as floor make the scale finer, as floor(exp(x)) does at 300."""
    stepped = [step for step in program.steps if TABLE[step.function].is_stepped]
    if not stepped:
        return 0
    with mp.workprec(NOISE_BITS):
        found = values(program, list(map(_number, inputs)), dtype)
    args = [found[arg] for step in stepped for arg in step.args]
    sizes = [mp.mag(arg) for arg in args if isinstance(arg, mp.mpf) and arg and mp.isfinite(arg)]
    bits = max(sizes, default=0) - 30
    if bits > _FINEST:
        raise TooLarge
    return max(bits, 0)


def _taken(
    program: Program,
    inputs: Sequence[Fraction],
    axes: tuple[int, ...],
    dtype: Dtype,
    depth: int,
    more: int,
    spare: int,
) -> Slope:
    """Take quotients at smaller and smaller steps, `depth` bits below the first, until they settle.

    Each is calculated with the bits that its differences cancel, and `more`; a difference in the
    `spare` bits beyond those is noise.
    """
    found = Slope(Limit(Trend.UNSETTLED), Limit(Trend.UNSETTLED))
    lefts: list[Any] = []
    rights: list[Any] = []
    centres: list[Any] = []
    for step in STEPS:
        bits = step + depth
        # Second differences divide by the step twice over, the inner step being the outer's square.
        digits = bits * (4 if len(axes) == 1 else 9) + 240
        with mp.workprec(digits + more + spare + NOISE_BITS):
            quotients = _quotients(program, inputs, axes, dtype, bits, digits + more)
        left, right, centre = quotients
        lefts.append(left)
        rights.append(right)
        centres.append(centre)
        if len(lefts) > 1:
            found = _judge(lefts, rights, centres)
            if found.value is not None:
                break
    return found


def _judge(lefts: list[Any], rights: list[Any], centres: list[Any]) -> Slope:
    left, right = extrapolate(lefts), extrapolate(rights)
    if left.trend is right.trend is Trend.SETTLED:
        gap = extrapolate([above - below for below, above in zip(lefts, rights, strict=True)])
        # A gap that stays is a corner, however small: x + 1e-15*abs(x) has one.
        none = gap.value == 0 if gap.trend is Trend.SETTLED else close(lefts[-1], rights[-1], 70)
        if none:
            # The weighted mean of both sides is the best value; at 0 it is but noise.
            flat = left.value == right.value == 0
            return Slope(left, right, left.value if flat else centres[-1])
    jump = False
    if Trend.INFINITE in (left.trend, right.trend):
        shrinkage = STEPS[2] - STEPS[1]
        for side, quotients in ((left, lefts), (right, rights)):
            if side.trend is not Trend.INFINITE:
                continue
            before, last = quotients[-2:]
            if close(last, mp.ldexp(before, shrinkage), 20):
                # The quotient grew as the step shrank: the difference stayed what it was.
                jump = True
            elif mp.mag(last) - mp.mag(before) >= shrinkage - 8:
                # Differences as large, but not the same: the steps are too large for what moves
                # here.
                unsettled = Limit(Trend.UNSETTLED)
                return Slope(unsettled, unsettled)
    return Slope(left, right, None, jump)


def _quotients(
    program: Program,
    inputs: Sequence[Fraction],
    axes: tuple[int, ...],
    dtype: Dtype,
    bits: int,
    digits: int,
) -> tuple[Any, Any, Any]:
    """Left, right and two-sided quotient at steps near 2**-bits; None where there is no value.

    The steps are irrational and not the same on both sides, so that x*sin(pi/x) does not look
    smooth at 0.
    """
    point = [_number(value) for value in inputs]
    frozen = _frozen(program, point, dtype)
    scales = [_scale(point[axis]) for axis in axes]
    below, above = (scales[0] * mp.ldexp(mp.sqrt(number), -bits) for number in (2, 3))
    if len(axes) == 1:
        ends = [_moved(program, point, axes[0], step, dtype, frozen) for step in (-below, 0, above)]
    else:
        inner = scales[1] * mp.ldexp(mp.sqrt(5), -2 * bits)
        ends = []
        for step in (-below, 0, above):
            moved = [*point]
            moved[axes[0]] += step
            ends.append(_inner_slope(program, moved, axes[1], inner, dtype, digits, frozen))
    left = _quotient(ends[1], ends[0], below, digits - 2 * bits * (len(axes) - 1))
    right = _quotient(ends[2], ends[1], above, digits - 2 * bits * (len(axes) - 1))
    if left is None or right is None:
        return left, right, None
    # With these weights the terms of second order cancel.
    return left, right, (left * above + right * below) / (below + above)


def _inner_slope(
    program: Program,
    point: Sequence[Any],
    axis: int,
    step: Any,
    dtype: Dtype,
    digits: int,
    frozen: Mapping[int, Any],
) -> Any:
    """The first derivative at a point, for a difference of it; None where it does not exist."""
    here = _moved(program, point, axis, 0, dtype, frozen)
    gaps = []
    for nearer in (step, mp.ldexp(step, -40)):
        below, above = (
            _moved(program, point, axis, side, dtype, frozen) for side in (-nearer, nearer)
        )
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


def _moved(
    program: Program,
    point: Sequence[Any],
    axis: int,
    step: Any,
    dtype: Dtype,
    frozen: Mapping[int, Any],
) -> Any:
    """The program's value at a step from the point; None where it has no finite one."""
    moved = [*point]
    moved[axis] += step

    def calculated() -> Any:
        return Numbers(dtype).number(values(program, moved, dtype, frozen)[program.output])

    value = calculated()
    if isinstance(value, Undefined) or not mp.isfinite(value):
        return None
    if value and mp.mag(value) < _NOTHING:
        return mp.mpf(0)
    if value and mp.mag(value) < -mp.mp.prec // 4:
        # A sum that cancels wholly leaves noise, which shrinks with the precision: it is 0.
        with mp.extraprec(64):
            finer = calculated()
        if isinstance(finer, Undefined) or abs(finer) < mp.ldexp(abs(value), -32):
            return mp.mpf(0)
    return value


def _scale(value: Any) -> Any:
    """The unit of a step: the coordinate's size, but at most 1: sin(x) is as fast at 1e100."""
    return min(abs(value), 1) or mp.mpf(1)


def _spread(numbers: Iterable[Fraction | None]) -> int:
    """The largest exponent, of either sign."""
    return max((abs(_exponent(value)) for value in numbers if value), default=0)


def _exponent(value: Fraction) -> int:
    return value.numerator.bit_length() - value.denominator.bit_length()


def _number(value: Fraction) -> Any:
    return mp.mpf(value.numerator) / value.denominator
