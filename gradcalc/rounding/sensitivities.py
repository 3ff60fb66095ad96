"""How far rounding alone can carry autograd's numbers away from the exact ones, at one point.

In: a scalar program, a point, a dtype, entries of derivatives. Out: a `Sensitivity` for each: an
error within it is rounding, one beyond it is wrong.

The method is first-order error analysis (Bauer, Computational graphs and rounding error, 1974;
Higham, Accuracy and Stability of Numerical Algorithms, 2002, chapter 3). The forward and the
backward pass are written on a tape, operation by operation as torch's kernels have them (see
`kernels`), so that saturation (1 - tanh(x)**2 at 20) shows as what it is. One sweep back from a
result gives its derivative by the value of every operation; times the value and the operation's own
relative error, that is what its rounding may do. Nothing is drawn at random, no branch is flipped,
no domain is left.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gradcalc.base import limits
from gradcalc.base.dtypes import Dtype
from gradcalc.exact import policies
from gradcalc.exact.policies import Lack
from gradcalc.exact.tape import Tape, derivatives
from gradcalc.functions import Function
from gradcalc.functions.balls import Undecided, flint
from gradcalc.functions.precision import PRECISIONS, precision
from gradcalc.program.program import Program
from gradcalc.rounding.kernels import KERNELS, UNMEASURED, backward

#: How far beyond the sum of first order an error may lie: for terms of higher order, and for
#: operations that torch makes in another order.
MARGIN = 2

#: What rounding explains where it reaches the end of a domain, as a part of the number: neither
#: twice the number nor one of the wrong sign.
AT_END = 0.5

#: Kernels whose errors are larger are not exact where the value is representable: i0(0).
_FITTED = 8

#: An argument's error that is no longer so small that a function's slope tells how far it moves.
_LARGE = 2.0**-20

#: Rows whose matrix torch factors, so that errors spread among its entries.
FACTORING = frozenset({"det", "logdet", "slogdet", "inv", "solve"})

#: A sum cancels if less than this part is left of a term.
_LEFT = 1 / 64

#: Operations that are exact where numbers are tiny; and those that are right to half of the
#: smallest number there. Other kernels may make 0 of what is below the smallest normal number.
_SUMS = frozenset({"add", "sub", "sum"})
_ROUNDED = frozenset({"mul", "div", "square", "reciprocal"})


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What rounding may do to one number.

    Attributes:
        error: How far it may carry it, an exact ball; infinite if that has no bound.
        culprit: The number of the program's step whose rounding tells most, if any does.
        cancels: Whether large terms nearly cancel in a sum, forward or backward.
        approximate: Whether torch calculates a function in it by a formula that no precision
            improves.
    """

    error: Any
    culprit: int | None = None
    cancels: bool = False
    approximate: bool = False


class _Question(NamedTuple):
    """What is asked of `measure`."""

    program: Program
    inputs: Sequence[float]
    dtype: Dtype
    branches: Mapping[int, Sequence[float]] | None
    matrices: Sequence[Sequence[int]]


def measure(
    program: Program,
    inputs: Sequence[float],
    entries: Sequence[tuple[int, ...]],
    dtype: Dtype,
    *,
    branches: Mapping[int, Sequence[float]] | None = None,
    matrices: Sequence[Sequence[int]] = (),
) -> dict[tuple[int, ...], Sensitivity]:
    """How far rounding can carry derivatives, and the value.

    Args:
        program: The scalar program.
        inputs: The value of each of its inputs, which the dtype represents.
        entries: For each derivative the numbers of one or two inputs; () for the value itself.
        dtype: What torch calculates in.
        branches: As in `Tape`.
        matrices: For each input tensor that torch makes a matrix of which it factors (`FACTORING`),
            the numbers of its entries. What torch makes of such a matrix is exact for
            another one whose entries are off by the roundoff of the largest (Higham, chapter 9):
            what that does counts too.
    """
    started = time.perf_counter()
    question = _Question(program, inputs, dtype, branches, matrices)
    measured: dict[tuple[int, ...], Sensitivity] = {}
    for bits in PRECISIONS:
        left = [axes for axes in dict.fromkeys(entries) if axes not in measured]
        late = 8 * (time.perf_counter() - started) > limits.EXACT_SECONDS
        last = late or bits == PRECISIONS[-1]
        with precision(bits):
            measured |= _measured(question, left, last=last)
        if last or len(measured) == len(set(entries)):
            break
    return measured


def _measured(
    question: _Question, entries: Sequence[tuple[int, ...]], *, last: bool
) -> dict[tuple[int, ...], Sensitivity]:
    """The sensitivities that the present precision is enough for."""
    tape = Tape(
        list(map(flint.arb, question.inputs)),
        question.dtype,
        active={axis for axes in entries for axis in axes},
        last=last,
        forward=lambda row: KERNELS[row.name].forward,
        branches=question.branches,
    )
    output = tape.run(question.program)[question.program.output]
    # As torch's backward pass calculates them.
    results = derivatives(tape, output, list(filter(None, entries)), backward)
    if () in entries:
        results[()] = output
    roundings = _Roundings(tape, question)
    measured = {axes: roundings.sensitivity(result, last=last) for axes, result in results.items()}
    return {axes: found for axes, found in measured.items() if found is not None}


@dataclass(slots=True)
class _Effects:
    """What a sweep has found: the sum of the effects, from above and below, and whose they are."""

    most: Any
    least: Any
    by_step: dict[int, Any] = field(default_factory=dict)
    cancels: bool = False
    approximate: bool = False
    at_end: bool = False

    def add(self, slope: Any, own: Any, step: int) -> None:
        """Count what an operation does that is off by so much."""
        size = own * slope.abs_upper()
        self.most += size
        self.least += own * slope.abs_lower()
        if step >= 0:
            self.by_step[step] = self.by_step.get(step, 0) + size

    @property
    def culprit(self) -> int | None:
        """The step whose rounding tells most."""
        return max(self.by_step, key=self.by_step.__getitem__, default=None)


class _Roundings:
    """The rounding errors of all operations on a tape, and what they do."""

    def __init__(self, tape: Tape, question: _Question) -> None:
        arb, dtype = flint.arb, question.dtype
        self._tape = tape
        self._dtype = dtype
        self._unit = arb(dtype.unit)
        self._smallest = arb(2) ** dtype.least
        self._normal = arb(2) ** (dtype.least + dtype.bits - 1)
        self._largest = arb(2) ** dtype.most
        self._whole = arb(2) ** dtype.bits
        self._slopes: dict[tuple[int, int], Any] = {}
        self._errors: dict[int, Any] = {}
        self._inputs: dict[int, Any] = {}
        self._factors = bool(question.matrices)
        for matrix in question.matrices:
            most = max((abs(question.inputs[number]) for number in matrix), default=0.0)
            self._inputs |= {1 + number: most * self._unit for number in matrix}
        self._exact: list[bool] = []
        for number in range(len(tape.values)):
            self._exact.append(self._is_exact(number))

    def _is_exact(self, number: int) -> bool:
        """Whether torch has the exact value: x, 2*x, x - x; those before it are known."""
        tape = self._tape
        if number <= tape.inputs:
            return number not in self._inputs
        inner = tape.texts.get(number)
        if inner is not None:
            return self._exact[inner]
        operation = tape.operations[number]
        if not self._fits(tape.values[number]):
            return False
        if not isinstance(operation, tuple):
            return True
        if self._factors:  # torch does other operations, of which these are no more than a likeness
            return False
        row, args = operation
        if self._is_by_reciprocal(row, args) and not self._fits(1 / tape.values[args[1]]):
            return False
        accuracy = KERNELS[row.name].accuracy
        if _FITTED <= accuracy < math.inf or (row.name == "sum" and self._own_of_sum(args)):
            return False
        return all(
            self._exact[arg]
            or (not accuracy and self._slope(number, position, row, args).is_zero())
            for position, arg in self._passing(row, args)
        )

    def _fits(self, value: Any) -> bool:
        """Whether the dtype represents a value."""
        if type(value) is bool:
            return True
        if type(value) is Lack or not value.is_exact() or value.bits() > self._dtype.bits:
            return False
        if value.is_zero() or not value.is_finite():
            return True
        return value.man_exp()[1] >= self._dtype.least and bool(abs(value) < self._largest)

    def _is_by_reciprocal(self, row: Function, args: Sequence[int]) -> bool:
        """Whether torch makes a product of a quotient: 10/x is reciprocal(x)*10 to it."""
        if row.name != "div" or args[0] <= self._tape.inputs:
            return False
        return self._tape.operations[args[0]] is None and args[0] != self._tape.one

    # --- The sweep ------------------------------------------------------------------------------

    def sensitivity(self, result: int, *, last: bool) -> Sensitivity | None:
        """That of a value to all that it is calculated from; None if more bits may tell."""
        arb = flint.arb
        value = policies.number_of(self._tape.values[result])
        if type(value) is Lack:
            # Torch's formulas have no value here even without rounding, which explains nothing.
            return Sensitivity(arb(0)) if last or value.certain else None
        effects = self._swept(result, depth=1)
        if MARGIN * effects.most > _LARGE * abs(value):
            effects = self._swept(result, depth=2)
        if not (last or effects.most <= 2 * effects.least + self._smallest / 2):
            return None
        error = (MARGIN * effects.most).abs_upper()
        if effects.at_end:
            error = error.min(AT_END * abs(value)).abs_upper()
        return Sensitivity(error, effects.culprit, effects.cancels, effects.approximate)

    def _swept(self, result: int, *, depth: int) -> _Effects:
        """The effects of rounding on a value.

        Args:
            result: Its number.
            depth: At 0, no more than first order; at 1, look at large arguments, and for ends of
                domains that rounding reaches; at 2, look at all arguments.
        """
        tape = self._tape
        effects = _Effects(flint.arb(0), flint.arb(0))
        slopes = {result: flint.arb(1)}
        for number in range(result, 0, -1):
            slope = slopes.pop(number, None)
            if slope is None or not self._is_off(number):
                continue
            inner = tape.texts.get(number)
            if inner is not None:
                slopes[inner] = slopes.get(inner, 0) + slope
                continue
            own = self._own(number)
            if own:
                effects.add(slope, own, tape.origins[number])
            operation = tape.operations[number]
            if isinstance(operation, tuple):
                row, args = operation
                effects.approximate |= bool(KERNELS[row.name].approximation)
                effects.cancels |= row.name in _SUMS and self._cancels(number, args)
                for arg, part in self._parts(number, row, args, depth):
                    slopes[arg] = slopes.get(arg, 0) + slope * part
                    if depth and row.inside is not None:
                        effects.at_end |= self._reaches_end(row, args, arg)
        return effects

    def _is_off(self, number: int) -> bool:
        """Whether a value is a number that torch may not have exactly."""
        value = self._tape.values[number]
        return not self._exact[number] and type(value) is flint.arb and bool(value.is_finite())

    def _parts(
        self, number: int, row: Function, args: Sequence[int], depth: int
    ) -> Iterator[tuple[int, Any]]:
        """The arguments that may be off, with an operation's derivatives by them."""
        for position, arg in self._passing(row, args):
            if self._exact[arg]:
                continue
            slope = self._slope(number, position, row, args)
            if depth:
                slope = self._secant(row, arg, slope, every=depth > 1)
            if not slope.is_zero():
                yield arg, slope

    def _passing(self, row: Function, args: Sequence[int]) -> Sequence[tuple[int, int]]:
        """The positions and numbers of the arguments whose errors pass on, conditions aside."""
        chosen = self._tape.chosen(row, args)
        return [(chosen, args[chosen])] if chosen else list(enumerate(args))[row.conditions :]

    def _cancels(self, number: int, args: Sequence[int]) -> bool:
        """Whether little is left of a term of a sum."""
        values = self._tape.values
        left = abs(values[number])
        return any(left < abs(policies.number_of(values[arg])) * _LEFT for arg in args)

    def _reaches_end(self, row: Function, args: Sequence[int], arg: int) -> bool:
        """Whether the error of an argument may reach the end of the domain."""
        if row.name == "pow" and policies.number_of(self._tape.values[args[1]]).is_integer():
            return False
        try:
            inside = row.inside(*(policies.number_of(self._tape.values[a]) for a in args))  # type: ignore[misc]
        except Undecided:
            return True
        return not MARGIN * self._error(arg) < inside

    def _error(self, number: int) -> Any:
        """The error of a value that is an argument, to first order."""
        error = self._errors.get(number)
        if error is None:
            error = self._errors[number] = self._swept(number, depth=0).most
        return error

    def _secant(self, row: Function, arg: int, slope: Any, *, every: bool) -> Any:
        """A slope that holds for all of an argument's error, where `kernels` knows the function.

        cos is level at 0, but cos(pi*1e20) is anywhere.
        """
        kernel = KERNELS[row.name]
        if math.isinf(kernel.growth) and math.isinf(kernel.lipschitz):
            return slope
        if not every and abs(policies.number_of(self._tape.values[arg])) < self._whole * _LARGE:
            return slope
        error = self._error(arg)
        if error < _LARGE:
            return slope
        if kernel.lipschitz < math.inf:
            return (abs(slope) + error).min(flint.arb(kernel.lipschitz))
        return slope * (kernel.growth * error).expm1() / (kernel.growth * error)

    # --- Operations -----------------------------------------------------------------------------

    def _own(self, number: int) -> Any:
        """The error of an operation at exact arguments."""
        size = self._tape.values[number].abs_upper()
        operation = self._tape.operations[number]
        if not isinstance(operation, tuple):
            return self._inputs.get(number, size * self._unit)
        row, args = operation
        if row.name == "sum":
            return self._own_of_sum(args)
        accuracy = self._accuracy(row, args, size)
        if not accuracy:
            return 0
        if accuracy == 1:
            error = self._half_ulp(size)
        else:
            error = size * (accuracy * self._unit + KERNELS[row.name].approximation)
        if size < 2 * self._normal and row.name not in _SUMS:
            error += self._smallest / 2 if row.name in _ROUNDED else self._normal
        return error

    def _accuracy(self, row: Function, args: Sequence[int], size: Any) -> float:
        """The relative error of an operation, in units of the roundoff; 1 is rounded once."""
        if row.is_stepped and size > self._whole:
            return 1  # floor(x/y) of an immense quotient
        if row.name == "pow" and self._tape.values[args[1]] == 2:
            return 1  # torch multiplies
        if self._is_by_reciprocal(row, args):
            return 2
        accuracy = KERNELS[row.name].accuracy
        return UNMEASURED if math.isinf(accuracy) else accuracy

    def _half_ulp(self, size: Any) -> Any:
        """Half of the distance between the dtype's numbers of that size."""
        mantissa, exponent = size.man_exp()
        return flint.arb(2) ** (mantissa.bit_length() + exponent - self._dtype.bits - 1)

    def _own_of_sum(self, args: Sequence[int]) -> Any:
        """The error of adding pair by pair.

        Each term goes through as many additions as the tree is deep (Higham, section 4.2). There
        is none if every partial sum is representable: of 1e16 + 1 + 1, but not 1e16 + 1.
        """
        sizes = [abs(policies.number_of(self._tape.values[arg])) for arg in args]
        total = sum(sizes, flint.arb(0)).abs_upper()
        if all(self._exact[arg] for arg in args):
            lowest = min((size.man_exp()[1] for size in sizes if not size.is_zero()), default=0)
            if total <= flint.arb(2) ** (lowest + self._dtype.bits):
                return flint.arb(0)
        return total * (max(1, len(sizes) - 1).bit_length() * self._unit)

    def _slope(self, number: int, position: int, row: Function, args: Sequence[int]) -> Any:
        """The derivative of an operation by one of its arguments; infinite where there is none."""
        slope = self._slopes.get((number, position))
        if slope is None:
            values = self._tape.values
            if row.name in _SLOPES:
                slopes = _SLOPES[row.name]
                given = [policies.number_of(values[arg]) for arg in args]
                slope = slopes[position](values[number], *given)
            elif row.is_choice:
                slope = flint.arb(1)
            elif row.is_static(position):
                slope = flint.arb(0)
            else:
                text = row.text(row.derivative, position)
                slope = policies.number_of(values[self._tape.text(text, row, args)])
            if type(slope) is Lack or not slope.is_finite():
                slope = flint.arb.pos_inf()
            self._slopes[number, position] = slope
        return slope


def _by_exponent(value: Any, base: Any, _: Any) -> Any:
    return value if base.is_zero() else value * base.log()


#: Derivatives by each argument, from the value and the arguments, of rows whose text says less.
_SLOPES: dict[str, tuple[Callable[..., Any], ...]] = {
    "detach": (lambda *_: flint.arb(1),),
    "pow": (lambda _, x, y: y * x ** (y - 1), _by_exponent),
}
