"""How far rounding alone can carry autograd's value away from the exact one.

In: a program, a point, a dtype. Out: the error to expect of each derivative when every operation, forward and
backward, is right to the dtype's roundoff and no better. The comparator asks when a derivative is further off than a few
ulps: an error within this measure is rounding, one beyond it is a wrong derivative.

The method is Monte Carlo arithmetic (Parker, Monte Carlo Arithmetic, 1997): the forward and backward pass of
reverse-mode differentiation are run at high precision, with each result multiplied by 1 + r*u, r random and u the
unit roundoff. The backward pass uses the `backward` column of the function table, operation by operation as
torch computes it, so that saturation (1 - tanh(x)**2 at 20) shows as what it is.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gradcalc.dtypes import Dtype
from gradcalc.functions import TABLE, Function, mp
from gradcalc.interpret import run
from gradcalc.parser import parse
from gradcalc.precise import Numbers, TooLarge, Undefined
from gradcalc.program import Constant, Program

#: Random runs, and how far beyond their largest deviation an error may lie.
TRIALS = 10
MARGIN = 4

#: Error of one operation in units of the roundoff; torch's kernels are right to an ulp or two, not to a half.
KERNEL = 4

#: Steps beyond which the culprit is not looked for: that takes a run for each.
CULPRIT_STEPS = 100

_PRECISION = 500


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The effect of rounding on one derivative.

    Attributes:
        error: The error to expect, an mpmath number; infinity where rounding may leave the domain.
        culprit: The number of the step whose rounding tells most, if one was found.
        cancels: Whether large terms nearly cancel in a sum, forward or backward.
    """

    error: Any
    culprit: int | None
    cancels: bool = False


class _Noise:
    """Relative errors up to a size, one for each operation of the two passes.

    An operation has the same error each time it is run, so that a noisy pass is a function of the point
    and can be differentiated.
    """

    def __init__(self, seed: int, dtype: Dtype, only: int | None = None) -> None:
        self._random = random.Random(seed)
        self._errors: dict[tuple[int, ...], float] = {}
        self._only = only
        self._bits = dtype.bits
        self._size = mp.mpf(KERNEL * dtype.unit)
        self._underflow = mp.ldexp(1, dtype.least)

    def on(self, value: Any, *operation: int) -> Any:
        """The value with the operation's error; `operation` begins with the number of its step."""
        if isinstance(value, bool | Undefined) or not value:
            return value
        if self._only is not None and operation[0] != self._only:
            return value
        if value.bc <= self._bits:
            # Representable, and so calculated exactly: x - x, max(x, 1), 2 + 2.
            return value
        error = self._errors.get(operation)
        if error is None:
            error = self._errors[operation] = self._random.uniform(-1, 1)
        return value * (1 + error * self._size) + error * self._underflow


class _Sums:
    """Watches sums for cancellation: a result much smaller than its terms."""

    def __init__(self) -> None:
        self.cancel = False

    def look(self, total: Any, term: Any) -> None:
        """Look at a sum and one of its two terms."""
        self.cancel = self.cancel or bool(abs(total) < abs(term) / 64)


class _NoisyNumbers(Numbers):
    """Real numbers with an error on each result."""

    def __init__(self, dtype: Dtype, noise: _Noise | None, *operation: int) -> None:
        super().__init__(dtype)
        self._noise = noise
        self._operation = operation

    def constant(self, constant: Constant) -> Any:
        value = super().constant(constant)
        if self._noise is None or constant.value is not None or not mp.isfinite(value):
            return value
        # Torch gets pi and e rounded.
        return self._noise.on(value, -1, len(constant.text))

    def call(self, row: Function, args: list[Any], number: int) -> Any:
        value = super().call(row, args, number)
        if self._noise is None:
            return value
        return self._noise.on(value, *(self._operation or (number,)), number)


def measure(
    program: Program, inputs: Sequence[Fraction], axes: tuple[int, ...], dtype: Dtype
) -> Conditioning:
    """The error to expect of one derivative: along one axis, or a second one along two."""
    with mp.workprec(_PRECISION):
        sums = _Sums()
        clean = _derivative(program, inputs, axes, dtype, None, sums)
        if clean is None:
            return Conditioning(mp.inf, None)

        def deviation(noise: _Noise) -> Any:
            noisy = _derivative(program, inputs, axes, dtype, noise)
            return mp.inf if noisy is None else abs(noisy - clean)

        error = max(deviation(_Noise(seed, dtype)) for seed in range(TRIALS))
        culprit = None
        if len(program.steps) <= CULPRIT_STEPS:
            alone = {
                number: max(deviation(_Noise(seed, dtype, number)) for seed in range(2))
                for number in range(program.first_step, program.first_step + len(program.steps))
            }
            culprit = max(alone, key=lambda number: alone[number], default=None)
        return Conditioning(MARGIN * error, culprit, sums.cancel)


def _derivative(
    program: Program,
    inputs: Sequence[Fraction],
    axes: tuple[int, ...],
    dtype: Dtype,
    noise: _Noise | None,
    sums: _Sums | None = None,
) -> Any:
    """One derivative by a forward and a backward pass; None where it has no value."""
    point = [mp.mpf(value.numerator) / value.denominator for value in inputs]
    if len(axes) == 1:
        gradient = _gradient(program, point, dtype, noise, sums)
        return gradient and gradient[axes[0]]
    # The second derivative of the noisy program, by a difference far below the noise.
    step = mp.ldexp(abs(point[axes[1]]) or mp.mpf(1), -_PRECISION // 4)
    ends = []
    for side in (-1, 1):
        moved = list(point)
        moved[axes[1]] += side * step
        gradient = _gradient(program, moved, dtype, noise, sums)
        if gradient is None:
            return None
        ends.append(gradient[axes[0]])
    return (ends[1] - ends[0]) / (2 * step)


def _gradient(
    program: Program,
    point: Sequence[Any],
    dtype: Dtype,
    noise: _Noise | None,
    sums: _Sums | None,
) -> list[Any] | None:
    """Reverse-mode differentiation over the steps; None where something has no value."""
    try:
        values = run(program, point, _NoisyNumbers(dtype, noise))
        adjoints: dict[int, Any] = {program.output: mp.mpf(1)}
        active = program.active()
        for number in range(len(values) - 1, program.first_step - 1, -1):
            adjoint = adjoints.get(number)
            if not adjoint:
                continue
            step = program.steps[number - program.first_step]
            row = TABLE[step.function]
            args = [values[arg] for arg in step.args]
            if sums is not None and step.function in {"add", "sub"}:
                sums.look(values[number], args[0])
            for position, arg in enumerate(step.args):
                if not active[arg] or row.parameters[position].static:
                    continue
                partial = _partial(row, position, args, dtype, noise, number)
                if isinstance(partial, Undefined):
                    return None
                before = adjoints.get(arg, mp.mpf(0))
                total = before + adjoint * partial
                if sums is not None:
                    sums.look(total, before)
                adjoints[arg] = noise.on(total, number, -1 - position) if noise else total
    except TooLarge:
        return None
    return [adjoints.get(number, mp.mpf(0)) for number in range(len(program.inputs))]


def _partial(
    row: Function, position: int, args: list[Any], dtype: Dtype, noise: _Noise | None, number: int
) -> Any:
    """The derivative of one step by one argument, as torch's backward computes it."""
    program = _backward(row.name, position)
    given = dict(zip((parameter.name for parameter in row.parameters), args, strict=False))
    for parameter in row.parameters[len(args) :]:
        given[parameter.name] = mp.mpf(parameter.default)
    arithmetic = _NoisyNumbers(dtype, noise, number, position)
    point = [given[name] for name in program.names]
    return arithmetic.number(run(program, point, arithmetic)[program.output])


@functools.cache
def _backward(name: str, position: int) -> Program:
    """The program of a row's `backward` column for the parameter at `position`."""
    row = TABLE[name]
    moving = [number for number, parameter in enumerate(row.parameters) if not parameter.static]
    return parse(
        row.backward[moving.index(position)], known={parameter.name for parameter in row.parameters}
    )
