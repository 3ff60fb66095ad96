"""How far rounding alone can carry autograd's values away from the exact ones.

In: a scalar program, a point, a dtype. Out: the error to expect of each derivative when every
operation, forward and backward, is right to the dtype's roundoff and no better. The comparator asks
when a derivative is further off than a few ulps: an error within this measure is rounding, one
beyond it is a wrong derivative.

The method is Monte Carlo arithmetic (Parker, Monte Carlo Arithmetic, 1997): the forward and
backward pass of `chain` are run at high precision, with each result multiplied by 1 + r*u, r random
and u the unit roundoff. Both use the formulas of `kernels`, operation by operation as torch
computes them, so that saturation (1 - tanh(x)**2 at 20) shows as what it is. One run tells of all
derivatives; runs end when they explain what is to be explained.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from gradcalc.base.dtypes import Dtype
from gradcalc.exact.chain import Errors, Sums, as_dual, gradient, plain, tangent
from gradcalc.exact.precise import Undefined, number_of, spread_of
from gradcalc.functions import Function, mp
from gradcalc.functions.reals import TooLarge
from gradcalc.program.program import Program
from gradcalc.rounding.kernels import KERNELS, backward

#: Random runs, and how far beyond their largest deviation an error may lie.
TRIALS = 10
MARGIN = 4

#: Error of one operation in units of the roundoff, a power of 2; torch's kernels are right to an
#: ulp or two, not to a half.
KERNEL = 4

#: A random error is one of so many steps on either side: so many that it is not the same twice. A
#: prime, since sin(pi*x) at 1e100 is 0 again where x is off by a part of a power of 2.
_DRAWN = 65_537

#: Steps beyond which the culprit is not looked for: each run takes as long as there are steps.
CULPRIT_STEPS = 100

#: Bits to run with: many, and then enough for float64's smallest number beside 1.
_PRECISIONS = (300, 1300)


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The effect of rounding on one derivative.

    Attributes:
        error: The error to expect, an mpmath number; infinity where rounding may leave the domain.
        cancels: Whether large terms nearly cancel in a sum, forward or backward.
        approximate: Whether torch calculates a function in it by a formula that no precision
            improves.
        search: Finds the step whose rounding tells most, which takes longer than all the rest.
    """

    error: Any
    cancels: bool = False
    approximate: bool = False
    search: Callable[[], int | None] | None = field(default=None, compare=False)

    @property
    def culprit(self) -> int | None:
        """The number of the step whose rounding tells most, if there is one."""
        return None if self.search is None else self.search()


def measure(
    program: Program,
    inputs: Sequence[Fraction],
    axes: tuple[int, ...],
    dtype: Dtype,
    distance: Any = math.inf,
) -> Conditioning:
    """The error to expect of one derivative: along one axis, or a second one along two.

    Args:
        program: The scalar program.
        inputs: The point.
        axes: The numbers of the inputs of differentiation.
        dtype: What torch calculated in.
        distance: The error to explain, an mpmath number: more digits are spent only if fewer do not
            explain it.
    """
    return measure_all(program, inputs, {axes: distance}, dtype)[axes]


def measure_all(
    program: Program,
    inputs: Sequence[Fraction],
    distances: Mapping[tuple[int, ...], Any],
    dtype: Dtype,
) -> dict[tuple[int, ...], Conditioning]:
    """The errors to expect of derivatives: `measure` for many, which share the runs.

    Args:
        program: The scalar program.
        inputs: The point.
        distances: For each derivative its axes, and the error to explain.
        dtype: What torch calculated in.
    """
    measured: dict[tuple[int, ...], Conditioning] = {}
    for precision in _PRECISIONS:
        left = {
            axes: distance
            for axes, distance in distances.items()
            if axes not in measured or distance > measured[axes].error
        }
        # Second derivatives have one pass for each axis that their tangents go along.
        for along in {axes[1:] for axes in left}:
            together = {axes: left[axes] for axes in left if axes[1:] == along}
            measured.update(_measured(program, inputs, along, together, dtype, precision))
    return measured


def _measured(
    program: Program,
    inputs: Sequence[Fraction],
    along: tuple[int, ...],
    distances: Mapping[tuple[int, ...], Any],
    dtype: Dtype,
    precision: int,
) -> dict[tuple[int, ...], Conditioning]:
    sizes = [*inputs, *(constant.value for constant in program.constants)]
    spread = spread_of(sizes)
    with mp.workprec(precision + 2 * spread):
        sums = Sums()
        clean = _derivatives(program, inputs, along, distances, dtype, AsTorch(), sums)
        errors = dict.fromkeys(distances, mp.mpf(0))
        approximate = False
        for seed in range(TRIALS):
            noise = _Noise(seed, dtype)
            noisy = _derivatives(program, inputs, along, distances, dtype, noise, None)
            approximate = approximate or noise.approximate
            for axes, exact in clean.items():
                errors[axes] = max(errors[axes], _deviation(noisy[axes], exact))
            if all(distances[axes] <= MARGIN * errors[axes] for axes in clean):
                break

        @functools.cache
        def culprits() -> dict[tuple[int, ...], int]:
            with mp.workprec(precision + 2 * spread):
                return _culprit(program, inputs, along, clean, dtype)

        return {
            # The backward pass may have no value here even without rounding, which so explains
            # nothing.
            axes: Conditioning(mp.mpf(0))
            if exact is None
            else Conditioning(
                MARGIN * errors[axes],
                sums.cancel,
                approximate,
                lambda axes=axes: culprits().get(axes),  # type: ignore[misc]
            )
            for axes, exact in clean.items()
        }


def _deviation(noisy: Any, exact: Any) -> Any:
    if exact is None:
        return mp.mpf(0)
    return mp.inf if noisy is None else abs(noisy - exact)


def _culprit(
    program: Program,
    inputs: Sequence[Fraction],
    along: tuple[int, ...],
    clean: Mapping[tuple[int, ...], Any],
    dtype: Dtype,
) -> dict[tuple[int, ...], int]:
    """For each derivative a step whose rounding tells most.

    It is looked for in that half of the steps whose rounding tells more, again and again: errors so
    small add up, and the one that matters is much larger than the others together.
    """
    steps = range(program.first_step, program.first_step + len(program.steps))
    if not 0 < len(steps) <= CULPRIT_STEPS:
        return {}
    culprits: dict[tuple[int, ...], int] = {}
    todo = {steps: list(clean)}
    while todo:
        within, those = todo.popitem()
        if len(within) == 1:
            culprits.update(dict.fromkeys(those, within[0]))
            continue
        middle = len(within) // 2
        halves = (within[:middle], within[middle:])
        told = [_told(program, inputs, along, clean, dtype, half) for half in halves]
        for axes in those:
            half = halves[told[1][axes] > told[0][axes]]
            todo.setdefault(half, []).append(axes)
    return culprits


def _told(
    program: Program,
    inputs: Sequence[Fraction],
    along: tuple[int, ...],
    clean: Mapping[tuple[int, ...], Any],
    dtype: Dtype,
    steps: range,
) -> dict[tuple[int, ...], Any]:
    """How far the rounding of these steps alone carries each derivative."""
    worst = dict.fromkeys(clean, mp.mpf(0))
    for seed in range(2):
        noise = _Noise(seed, dtype, steps)
        noisy = _derivatives(program, inputs, along, clean, dtype, noise, None)
        for axes, exact in clean.items():
            worst[axes] = max(worst[axes], _deviation(noisy[axes], exact))
    return worst


def _derivatives(
    program: Program,
    inputs: Sequence[Fraction],
    along: tuple[int, ...],
    wanted: Iterable[tuple[int, ...]],
    dtype: Dtype,
    errors: Errors,
    sums: Sums | None,
) -> dict[tuple[int, ...], Any]:
    """Derivatives by a forward and a backward pass as torch runs it; None where there is no value.

    A second derivative is the tangent of the gradient: both passes carry the derivative along the
    second axis with them.
    """
    point = [
        as_dual(number_of(value), moves=along == (number,)) for number, value in enumerate(inputs)
    ]
    try:
        slopes = gradient(program, point, dtype, errors, sums)
    except TooLarge:
        return dict.fromkeys(wanted)
    results: dict[tuple[int, ...], Any] = {}
    for axes in wanted:
        number = slopes.get(axes[0], mp.mpf(0))
        if isinstance(number, Undefined):
            results[axes] = None
        else:
            results[axes] = tangent(number) if along else plain(number)
    return results


class AsTorch(Errors):
    """The formulas of torch's kernels, without errors."""

    def forward(self, row: Function) -> str | None:
        """The text of the row's value."""
        return KERNELS[row.name].forward

    def backward(self, row: Function) -> tuple[str, ...]:
        """The texts of the row's derivatives."""
        return backward(row)


class _Noise(AsTorch):
    """Random relative errors up to a size, one for each operation of the two passes."""

    def __init__(self, seed: int, dtype: Dtype, only: range | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._constants: dict[tuple[int, ...], int] = {}
        self._only = only
        self._bits = dtype.bits
        self._shift = KERNEL.bit_length() - 1 - dtype.bits
        # Kernels may flush what is below the smallest normal number; beside numbers beyond the
        # square root of that it is nothing.
        self._underflow = mp.ldexp(1, dtype.least + dtype.bits - 1)
        self._small = (dtype.least + dtype.bits) // 2
        self.approximate = False

    def on(self, value: Any, path: tuple[int, ...], row: Function | None = None) -> Any:
        """The value with the operation's error; the row's, if it is its value."""
        if isinstance(value, bool | Undefined) or not value:
            return value
        if self._only is not None and path[0] not in self._only:
            return value
        approximation = 0.0 if row is None else KERNELS[row.name].approximation
        if value.bc <= self._bits and not approximation:
            # Representable, and so calculated exactly: x - x, max(x, 1), 2 + 2.
            return value
        if approximation:
            self.approximate = True
            noisy = value + value * mp.mpf(approximation * self._random.uniform(-1, 1))
        elif path[0] < 0:
            noisy = value + mp.ldexp(value * self._of_constant(path), self._shift) / _DRAWN
        else:
            noisy = value + mp.ldexp(value * self._draw(), self._shift) / _DRAWN
        _, _, exponent, length = value._mpf_
        if exponent + length < self._small:
            noisy += self._underflow * self._draw() / _DRAWN
        return noisy

    def _is_exact(self, terms: Sequence[Any]) -> bool:
        """Whether every partial sum is representable: 1e16 + 1 + 1 is, but not 1e16 + 1."""
        lowest = min((term._mpf_[2] for term in terms if term), default=0)
        highest = mp.mag(mp.fsum(terms, absolute=True) or 1)
        return bool(highest - lowest <= self._bits)

    def _draw(self) -> int:
        """A random number below _DRAWN, of either sign."""
        return self._random.randrange(1 - _DRAWN, _DRAWN)

    def _of_constant(self, path: tuple[int, ...]) -> int:
        """The error of a constant, which is the same wherever it stands."""
        if path not in self._constants:
            self._constants[path] = self._draw()
        return self._constants[path]

    def summed(self, terms: Sequence[Any], path: tuple[int, ...]) -> Any:
        """The sum of many terms, with the errors that adding them pair by pair makes.

        Each term goes through as many additions as its tree is deep (Higham, Accuracy and Stability
        of Numerical Algorithms, 2002, section 4.2).
        """
        depth = max(1, len(terms) - 1).bit_length()
        total = mp.fsum(terms)
        if (self._only is not None and path[0] not in self._only) or self._is_exact(terms):
            return total
        errors = mp.fsum(term * self._draw() for term in terms if term)
        return total + mp.ldexp(errors * depth, self._shift) / _DRAWN
