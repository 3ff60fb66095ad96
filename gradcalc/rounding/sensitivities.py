"""How far rounding alone can carry autograd's numbers away from the exact ones, at one point.

In: a scalar program, a point, a dtype, the entries of the derivatives. Out: a `Sensitivity` for
each: an error within it is rounding, one beyond it is wrong.

The method is first-order error analysis (Higham, Accuracy and Stability of Numerical Algorithms,
2002, section 3.1; Bauer, Computational graphs and rounding error, 1974). The forward and the
backward pass are written on a tape, operation by operation as torch's kernels have them (see
`kernels`), so that saturation (1 - tanh(x)**2 at 20) shows as what it is. One sweep back from a
result gives its derivative by the value of every operation; times the value, and the operation's
own relative error, that is what its rounding may do. Nothing is drawn at random.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.base import limits
from gradcalc.base.dtypes import Dtype
from gradcalc.exact import policies
from gradcalc.exact.policies import Lack
from gradcalc.exact.precision import PRECISIONS, precision
from gradcalc.exact.tape import Tape, gradient
from gradcalc.functions import Function
from gradcalc.functions.balls import flint
from gradcalc.program.program import Program
from gradcalc.rounding.kernels import KERNELS, backward

#: How far beyond the sum of first order an error may lie: for the terms of higher order, and for
#: operations that torch makes in another order.
MARGIN = 2

#: The error of a kernel that nobody has measured, in units of the roundoff.
UNMEASURED = 10

#: A sum cancels if less than this part is left of a term.
_LEFT = 1 / 64


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What rounding may do to one number.

    Attributes:
        error: How far it may carry it, an exact ball.
        culprit: The number of the program's step whose rounding tells most, if any does.
        cancels: Whether large terms nearly cancel in a sum, forward or backward.
        approximate: Whether torch calculates a function in it by a formula that no precision
            improves.
    """

    error: Any
    culprit: int | None = None
    cancels: bool = False
    approximate: bool = False


def measure(
    program: Program,
    inputs: Sequence[float],
    entries: Sequence[tuple[int, ...]],
    dtype: Dtype,
) -> dict[tuple[int, ...], Sensitivity]:
    """How far rounding can carry derivatives, and the value.

    Args:
        program: The scalar program.
        inputs: The value of each of its inputs, which the dtype represents.
        entries: For each derivative the numbers of one or two inputs; () for the value itself.
        dtype: What torch calculates in.
    """
    started = time.perf_counter()
    measured: dict[tuple[int, ...], Sensitivity] = {}
    for bits in PRECISIONS:
        left = [axes for axes in entries if axes not in measured]
        late = 8 * (time.perf_counter() - started) > limits.EXACT_SECONDS
        with precision(bits):
            last = late or bits == PRECISIONS[-1]
            measured |= _measured(program, inputs, left, dtype, last=last)
        if last or len(measured) == len(set(entries)):
            break
    return measured


def _measured(
    program: Program,
    inputs: Sequence[float],
    entries: Sequence[tuple[int, ...]],
    dtype: Dtype,
    *,
    last: bool,
) -> dict[tuple[int, ...], Sensitivity]:
    """The sensitivities that the present precision is enough for."""
    tape = Tape(
        list(map(flint.arb, inputs)),
        dtype,
        active={axis for axes in entries for axis in axes},
        last=last,
        forward=_forward,
    )
    output = tape.run(program)[program.output]
    results = _results(tape, output, entries)
    errors = _Errors(tape, dtype)
    measured = {}
    for axes, result in results.items():
        sensitivity = errors.of(result, last=last)
        if sensitivity is not None:
            measured[axes] = sensitivity
    return measured


def _forward(row: Function) -> str | None:
    return KERNELS[row.name].forward


def _results(
    tape: Tape, output: int, entries: Sequence[tuple[int, ...]]
) -> dict[tuple[int, ...], int]:
    """The numbers of the derivatives as torch's backward pass calculates them; 0 is a 0."""
    first = gradient(tape, output, backward)
    second: dict[int, Mapping[int, int]] = {}
    results = {}
    for axes in entries:
        number = first.get(1 + axes[0], 0) if axes else output
        if len(axes) == 2:
            if axes[0] not in second:
                second[axes[0]] = gradient(tape, number, backward)
            number = second[axes[0]].get(1 + axes[1], 0)
        results[axes] = number
    return results


class _Errors:
    """The rounding errors of the operations on a tape."""

    def __init__(self, tape: Tape, dtype: Dtype) -> None:
        arb = flint.arb
        self._tape = tape
        self._dtype = dtype
        self._unit = arb(dtype.unit)
        # Torch's kernels may flush what is below the smallest normal number; its sums are exact
        # there, and products are right to half of the smallest number.
        self._normal = arb(2) ** (dtype.least + dtype.bits)
        self._flush = self._normal / 2
        self._half = arb(2) ** (dtype.least - 1)
        self._most = arb(2) ** dtype.most
        self._whole = arb(2) ** dtype.bits
        self._slopes: dict[tuple[int, int], Any] = {}
        self._exact: list[bool] = []
        self._note_exact()

    def _note_exact(self) -> None:
        """Note which values torch has exactly: x, 2*x, x - x."""
        tape, exact = self._tape, self._exact
        for number in range(len(exact), len(tape.values)):
            operation = tape.operations[number]
            if number <= tape.inputs:
                exact.append(True)
            elif operation is None:
                exact.append(self._fits(tape.values[number]))
            else:
                inner = tape.texts.get(number)
                if inner is not None:
                    exact.append(exact[inner])
                    continue
                exact.append(
                    all(map(exact.__getitem__, self._used(number)))
                    and self._fits(tape.values[number])
                )

    def _used(self, number: int) -> Sequence[int]:
        row, args = self._tape.operations[number]
        if row.is_choice:
            condition = policies.condition_of(self._tape.values[args[0]])
            if type(condition) is bool:
                return [args[0], args[1] if condition else args[2]]
        return args

    def _fits(self, value: Any) -> bool:
        """Whether the dtype represents a value."""
        if type(value) is bool:
            return True
        if type(value) is Lack or not value.is_exact() or value.bits() > self._dtype.bits:
            return False
        if value.is_zero() or not value.is_finite():
            return True
        exponent = int(value.man_exp()[1])
        return exponent >= self._dtype.least and abs(value) < self._most

    def of(self, result: int, *, last: bool) -> Sensitivity | None:
        """The sensitivity of a value to all that it is calculated from.

        None if more bits may tell.
        """
        tape, exact = self._tape, self._exact
        arb = flint.arb
        value = tape.values[result]
        if type(value) is Lack:
            if not (last or value.certain):
                return None
            # The formulas of torch have no value here even without rounding, which so explains
            # nothing.
            return Sensitivity(arb(0))
        nothing = arb(0)
        most = least = nothing
        by_step: dict[int, Any] = {}
        cancels = approximate = False
        slopes = {result: arb(1)}
        for number in range(result, 0, -1):
            slope = slopes.pop(number, None)
            if slope is None or exact[number]:
                continue
            inner = tape.texts.get(number)
            if inner is not None:
                before = slopes.get(inner)
                slopes[inner] = slope if before is None else before + slope
                continue
            value = tape.values[number]
            if type(value) is bool:
                continue
            own = self._own(number, value)
            size = own * slope.abs_upper()
            if size > 0:
                most += size
                least += own * slope.abs_lower()
                origin = tape.origins[number]
                by_step[origin] = by_step.get(origin, nothing) + size
            operation = tape.operations[number]
            if operation is None:
                continue
            row, args = operation
            name = row.name
            if KERNELS[name].approximation:
                approximate = True
            if name in _SUMS and not cancels:
                cancels = self._cancels(value, args)
            for position, arg in self._passing(row, args):
                if exact[arg]:
                    continue
                part = self._slope(number, position, row, args)
                if type(part) is Lack or not part.is_finite():
                    if not last and (type(part) is not Lack or not part.certain):
                        return None
                    return Sensitivity(arb.pos_inf(), tape.origins[number], cancels, approximate)
                before = slopes.get(arg)
                part = slope * part
                slopes[arg] = part if before is None else before + part
        if not (last or most <= 2 * least + self._half):
            return None
        steps = {step: size for step, size in by_step.items() if step >= 0}
        culprit = max(steps, key=steps.__getitem__, default=None)
        return Sensitivity((MARGIN * most).abs_upper(), culprit, cancels, approximate)

    def _cancels(self, value: Any, args: Sequence[int]) -> bool:
        left = abs(value)
        return any(
            type(term) is flint.arb and left < abs(term) * _LEFT
            for term in map(self._tape.values.__getitem__, args)
        )

    def _own(self, number: int, value: Any) -> Any:
        """The error of an operation at exact arguments."""
        size = value.abs_upper()
        operation = self._tape.operations[number]
        if operation is None:
            return size * self._unit
        row, args = operation
        if row.name == "sum":
            return self._of_sum(args)
        kernel = KERNELS[row.name]
        accuracy = kernel.accuracy
        if not accuracy and row.margin and size > self._whole:
            accuracy = 1  # floor(x/y) of an immense quotient
        if accuracy == math.inf:
            accuracy = UNMEASURED
        if accuracy <= 1:
            error = accuracy * self._half_ulp(size)
        else:
            error = size * (kernel.approximation + accuracy * self._unit)
        if size < self._normal and row.name not in _SUMS and accuracy:
            error += self._half if row.name in _ROUNDED else self._flush
        elif not size < self._most:
            error = size
        return error

    def _half_ulp(self, size: Any) -> Any:
        mantissa, exponent = size.man_exp()
        return flint.arb(2) ** (int(mantissa).bit_length() + int(exponent) - self._dtype.bits - 1)

    def _of_sum(self, args: Sequence[int]) -> Any:
        """The error of adding pair by pair: each term goes through as many additions as the tree
        is deep (Higham, section 4.2)."""
        arb = flint.arb
        terms = [abs(policies.number_of(self._tape.values[arg])) for arg in args]
        total = sum(terms, arb(0))
        if all(self._exact[arg] for arg in args):
            lowest = min((int(t.man_exp()[1]) for t in terms if t > 0), default=0)
            if total < arb(2) ** (lowest + self._dtype.bits):
                return arb(0)
        depth = max(1, len(terms) - 1).bit_length()
        return total.abs_upper() * (depth * self._unit)

    def _passing(self, row: Function, args: Sequence[int]) -> Sequence[tuple[int, int]]:
        if row.is_choice:
            condition = policies.condition_of(self._tape.values[args[0]])
            if type(condition) is bool:
                chosen = 1 if condition else 2
                return [(chosen, args[chosen])]
        return list(enumerate(args))

    def _slope(self, number: int, position: int, row: Function, args: Sequence[int]) -> Any:
        """The derivative of an operation by one of its arguments."""
        key = number, position
        slope = self._slopes.get(key)
        if slope is None:
            values = self._tape.values
            quick = _SLOPES.get(row.name)
            if quick is not None:
                slope = quick[position if len(quick) > 1 else 0](
                    values[number], *(policies.number_of(values[arg]) for arg in args)
                )
            elif row.is_choice or row.is_static(position):
                slope = flint.arb(1 if row.is_choice else 0)
            else:
                text = row.text(row.derivative, position)
                slope = policies.number_of(values[self._tape.text(text, row, args)])
            self._slopes[key] = slope
        return slope


#: Operations that are exact where numbers are tiny.
_SUMS = frozenset({"add", "sub", "sum"})
#: Operations that are right to half of the smallest number where numbers are tiny.
_ROUNDED = frozenset({"mul", "div", "square", "reciprocal"})

#: Derivatives by each argument, from the value and the arguments, of the most frequent operations.
_SLOPES: dict[str, tuple[Callable[..., Any], ...]] = {
    "add": (lambda *_: flint.arb(1),),
    "sum": (lambda *_: flint.arb(1),),
    "detach": (lambda *_: flint.arb(1),),
    "neg": (lambda *_: flint.arb(-1),),
    "sub": (lambda *_: flint.arb(1), lambda *_: flint.arb(-1)),
    "mul": (lambda _, x, y: y, lambda _, x, y: x),
    "div": (lambda _, x, y: 1 / y, lambda value, x, y: -value / y),
    "exp": (lambda value, x: value,),
    "sqrt": (lambda value, x: 1 / (2 * value),),
}
