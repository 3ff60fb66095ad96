"""How far rounding alone can carry autograd's value away from the exact one.

In: a program, a point, a dtype. Out: the error to expect of each derivative when every operation,
forward and backward, is right to the dtype's roundoff and no better. The comparator asks when a
derivative is further off than a few
ulps: an error within this measure is rounding, one beyond it is a wrong derivative.

The method is Monte Carlo arithmetic (Parker, Monte Carlo Arithmetic, 1997): the forward and
backward pass of reverse-mode differentiation are run at high precision, with each result multiplied
by 1 + r*u, r random and u the unit roundoff. The backward pass uses the `backward` column of the
function table, operation by operation as torch computes it, so that saturation (1 - tanh(x)**2 at
20) shows as what it is.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gradcalc.dtypes import Dtype
from gradcalc.functions import TABLE, Function, mp
from gradcalc.interpret import run
from gradcalc.parser import parse_row
from gradcalc.precise import Numbers, TooLarge, Undefined
from gradcalc.program import Constant, Program

#: Random runs, and how far beyond their largest deviation an error may lie.
TRIALS = 10
MARGIN = 4

#: Error of one operation in units of the roundoff; torch's kernels are right to an ulp or two, not
#: to a half.
KERNEL = 4

#: Steps beyond which the culprit is not looked for: that takes a run for each.
CULPRIT_STEPS = 100

#: Bits to run with: many, and then enough for float64's smallest number beside 1.
_PRECISIONS = (300, 1300)


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The effect of rounding on one derivative.

    Attributes:
        error: The error to expect, an mpmath number; infinity where rounding may leave the domain.
        culprit: The number of the step whose rounding tells most, if one was found.
        cancels: Whether large terms nearly cancel in a sum, forward or backward.
        approximate: Whether torch calculates a function in it by a formula that no precision
            improves.
    """

    error: Any
    culprit: int | None
    cancels: bool = False
    approximate: bool = False


def measure(
    program: Program,
    inputs: Sequence[Fraction],
    axes: tuple[int, ...],
    dtype: Dtype,
    distance: Any = math.inf,
) -> Conditioning:
    """The error to expect of one derivative: along one axis, or a second one along two.

    Args:
        program: What torch ran.
        inputs: The point.
        axes: The numbers of the inputs of differentiation.
        dtype: What torch calculated in.
        distance: The error to explain, an mpmath number: more digits are spent only if fewer do not
            explain it.
    """
    for precision in _PRECISIONS:
        found = _measure(program, inputs, axes, dtype, precision)
        if distance <= found.error:
            break
    return found


def _measure(
    program: Program,
    inputs: Sequence[Fraction],
    axes: tuple[int, ...],
    dtype: Dtype,
    precision: int,
) -> Conditioning:
    sizes = [*inputs, *(constant.value for constant in program.constants)]
    spread = max(
        (abs(n.numerator.bit_length() - n.denominator.bit_length()) for n in sizes if n), default=0
    )
    with mp.workprec(precision + 2 * spread):
        sums = _Sums()
        clean = _derivative(program, inputs, axes, dtype, None, sums)
        if clean is None:
            # The backward pass has no value here even without rounding, which so explains nothing.
            return Conditioning(mp.mpf(0), None)

        def deviation(noise: _Noise) -> Any:
            noisy = _derivative(program, inputs, axes, dtype, noise, None)
            return mp.inf if noisy is None else abs(noisy - clean)

        noises = [_Noise(seed, dtype) for seed in range(TRIALS)]
        error = max(map(deviation, noises))
        culprit: int | None = None
        if len(program.steps) == 1:
            culprit = program.first_step
        elif len(program.steps) <= CULPRIT_STEPS:
            numbers = range(program.first_step, program.first_step + len(program.steps))
            alone = {
                number: max(deviation(_Noise(seed, dtype, number)) for seed in range(2))
                for number in numbers
            }
            culprit = max(alone, key=lambda number: alone[number], default=None)
        return Conditioning(MARGIN * error, culprit, sums.cancel, noises[0].approximate)


class _Noise:
    """Relative errors up to a size, one for each operation of the two passes.

    An operation is a path of numbers that begins with that of its step; it has the same error each
    time that it is run.
    """

    def __init__(self, seed: int, dtype: Dtype, only: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._errors: dict[tuple[int, ...], float] = {}
        self._only = only
        self._bits = dtype.bits
        self._size = mp.mpf(KERNEL * dtype.unit)
        # Kernels may flush what is below the smallest normal number.
        self._underflow = mp.ldexp(1, dtype.least + dtype.bits - 1)
        self.approximate = False

    def on(self, value: Any, path: tuple[int, ...], approximation: float = 0) -> Any:
        """The value with the operation's error."""
        if isinstance(value, bool | Undefined) or not value:
            return value
        if self._only is not None and path[0] != self._only:
            return value
        if value.bc <= self._bits and not approximation:
            # Representable, and so calculated exactly: x - x, max(x, 1), 2 + 2.
            return value
        self.approximate = self.approximate or bool(approximation)
        error = self._errors.get(path)
        if error is None:
            error = self._errors[path] = self._random.uniform(-1, 1)
        return value * (1 + error * max(self._size, approximation)) + error * self._underflow


class _Sums:
    """Watches sums for cancellation: a result much smaller than its terms."""

    def __init__(self) -> None:
        self.cancel = False

    def look(self, total: Any, term: Any) -> None:
        """Look at a sum and one of its two terms."""
        self.cancel = self.cancel or bool(abs(total) < abs(term) / 64)


@dataclass(frozen=True, slots=True)
class _Dual:
    """A number and its derivative along one axis (None: 0), for second derivatives."""

    value: Any
    tangent: Any = None

    def times(self, other: _Dual) -> _Dual:
        """The product, by the product rule."""
        terms = [
            tangent * value
            for tangent, value in ((self.tangent, other.value), (other.tangent, self.value))
            if tangent is not None
        ]
        return _Dual(self.value * other.value, sum(terms[1:], terms[0]) if terms else None)

    def plus(self, other: _Dual) -> _Dual:
        """The sum."""
        tangents = [t for t in (self.tangent, other.tangent) if t is not None]
        return _Dual(self.value + other.value, sum(tangents[1:], tangents[0]) if tangents else None)


class _Duals:
    """Arithmetic on dual numbers whose every operation is off by the noise."""

    def __init__(self, dtype: Dtype, noise: _Noise | None, path: tuple[int, ...] = ()) -> None:
        self._dtype = dtype
        self._noise = noise
        self._path = path
        self._numbers = Numbers(dtype)

    def constant(self, constant: Constant) -> Any:
        value = self._numbers.constant(constant)
        if self._noise is not None and constant.value is None and mp.isfinite(value):
            # Torch gets pi and e rounded; all of one program get the same error.
            value = self._noise.on(value, (-1, len(constant.text)))
        return _Dual(value)

    def number(self, value: Any) -> Any:
        return _Dual(self._numbers.number(value)) if isinstance(value, bool) else value

    def condition(self, value: Any) -> Any:
        return self._numbers.condition(value.value if isinstance(value, _Dual) else value)

    def call(self, row: Function, args: list[Any], number: int) -> Any:
        path = (*self._path, number)
        plain = [arg.value if isinstance(arg, _Dual) else arg for arg in args]
        value = self._value(row, plain, path)
        if isinstance(value, bool | Undefined):
            return value
        result = _Dual(value)
        for position, arg in enumerate(args):
            if not isinstance(arg, _Dual) or not arg.tangent:
                continue
            slope = partial(row, position, plain, self._dtype, self._noise, path)
            if isinstance(slope, Undefined):
                return Undefined(number)
            total = result.plus(_Dual(mp.mpf(0), arg.tangent * slope.value))
            result = self.noisy(total, (*path, -1 - position))
        return result

    def noisy(self, dual: _Dual, path: tuple[int, ...]) -> _Dual:
        """The dual number with an error on its tangent."""
        if self._noise is None or not dual.tangent:
            return dual
        return _Dual(dual.value, self._noise.on(dual.tangent, path))

    def _value(self, row: Function, plain: list[Any], path: tuple[int, ...]) -> Any:
        strange = any(isinstance(arg, Undefined) for arg in plain)
        if self._noise is not None and row.forward and not self._path and not strange:
            value = _row_program(row.forward, row, plain, self._dtype, self._noise, path)
            return value.value if isinstance(value, _Dual) else value
        value = self._numbers.call(row, plain, path[-1])
        if self._noise is None:
            return value
        return self._noise.on(value, path, row.approximation)


def partial(
    row: Function,
    position: int,
    args: Sequence[Any],
    dtype: Dtype,
    noise: _Noise | None,
    path: tuple[int, ...],
) -> Any:
    """The derivative of one step by one argument, as torch's backward computes it.

    Args:
        row: The step's function.
        position: The number of the argument.
        args: All arguments: dual numbers, or plain ones where no tangent is wanted.
        dtype: What torch calculates in.
        noise: The errors, or None for none.
        path: The step.

    Returns:
        A dual number, or `Undefined`.
    """
    moving = [number for number, parameter in enumerate(row.parameters) if not parameter.static]
    text = row.backward[moving.index(position)]
    return _row_program(text, row, args, dtype, noise, (*path, position))


def _row_program(
    text: str,
    row: Function,
    args: Sequence[Any],
    dtype: Dtype,
    noise: _Noise | None,
    path: tuple[int, ...],
) -> Any:
    """The value of a row's text at arguments."""
    program = _parsed(text, row.name)
    given = dict(zip((parameter.name for parameter in row.parameters), args, strict=False))
    for parameter in row.parameters[len(args) :]:
        given[parameter.name] = mp.mpf(parameter.default)
    point = [
        value if isinstance(value, _Dual | bool | Undefined) else _Dual(value)
        for value in (given[name] for name in program.names)
    ]
    arithmetic = _Duals(dtype, noise, path)
    return arithmetic.number(run(program, point, arithmetic)[program.output])


@functools.cache
def _parsed(text: str, name: str) -> Program:
    return parse_row(text, TABLE[name])


def _derivative(
    program: Program,
    inputs: Sequence[Fraction],
    axes: tuple[int, ...],
    dtype: Dtype,
    noise: _Noise | None,
    sums: _Sums | None,
) -> Any:
    """One derivative by a forward and a backward pass; None where it has no value.

    A second derivative is the tangent of the gradient: both passes carry the derivative along the
    second axis with them.
    """
    second = len(axes) == 2
    point = [
        _Dual(
            mp.mpf(value.numerator) / value.denominator,
            mp.mpf(1) if second and number == axes[1] else None,
        )
        for number, value in enumerate(inputs)
    ]
    try:
        gradient = _gradient(program, point, dtype, noise, sums)
    except TooLarge:
        return None
    if gradient is None:
        return None
    found = gradient.get(axes[0], _Dual(mp.mpf(0)))
    return (found.tangent or mp.mpf(0)) if second else found.value


def _gradient(
    program: Program,
    point: Sequence[_Dual],
    dtype: Dtype,
    noise: _Noise | None,
    sums: _Sums | None,
) -> dict[int, _Dual] | None:
    """Reverse-mode differentiation over the steps; None where something has no value."""
    arithmetic = _Duals(dtype, noise)
    values = run(program, point, arithmetic)
    adjoints: dict[int, _Dual] = {program.output: _Dual(mp.mpf(1))}
    active = program.active()
    if sums is not None:
        for number, step in enumerate(program.steps, program.first_step):
            terms = [values[arg] for arg in step.args]
            if step.function in {"add", "sub"} and isinstance(values[number], _Dual):
                sums.look(values[number].value, terms[0].value)
    for number in range(len(values) - 1, program.first_step - 1, -1):
        adjoint = adjoints.get(number)
        if adjoint is None or not (adjoint.value or adjoint.tangent):
            continue
        step = program.steps[number - program.first_step]
        row = TABLE[step.function]
        args = [values[arg] for arg in step.args]
        for position, arg in enumerate(step.args):
            if not active[arg] or row.parameters[position].static:
                continue
            slope = partial(row, position, args, dtype, noise, (number,))
            if isinstance(slope, Undefined):
                return None
            before = adjoints.get(arg, _Dual(mp.mpf(0)))
            total = before.plus(adjoint.times(slope))
            if sums is not None:
                sums.look(total.value, before.value)
            path = (number, -1 - position)
            if noise is not None:
                total = _Dual(noise.on(total.value, path), total.tangent)
            adjoints[arg] = arithmetic.noisy(total, (*path, 0))
    return adjoints
