"""What there is at a point, before any derivative: whether the function has a value, and kinks.

In: a scalar program, exact inputs. Out: a `Survey`, by the values at high precision.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gradcalc.base.dtypes import Dtype
from gradcalc.exact.precise import Reals, Undefined, number_of, spread_of, values
from gradcalc.functions import TABLE, Function, mp
from gradcalc.functions.reals import TooLarge, applied
from gradcalc.program.program import Program

#: Bits more with which equals are compared again.
_OTHERS = (41, 83, 134, 211, 300, 407)


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is at a point, before any derivative.

    Attributes:
        defined: Whether the function has a finite real value.
        undefined_at: The number of the first value that is none, if the function has none for that
            reason.
        near_kink: The inputs that reach a step which is on a kink of its row, so that the limit
            must be asked; None for all.
        computable: Whether the values are of a size that can be calculated with.
        undecidable: The number of a comparison that only rounding decides, if there is one: whether
            sin(x)**2 + cos(x)**2 is less than 1.
    """

    defined: bool = False
    undefined_at: int | None = None
    near_kink: frozenset[int] | None = None
    computable: bool = False
    undecidable: int | None = None

    def is_near_kink(self, axes: Iterable[int]) -> bool:
        """Whether the limit must be asked about a derivative along these axes."""
        return self.near_kink is None or not self.near_kink.isdisjoint(axes)


#: Bits that values are calculated to; the more where one is none, since 1 - tanh(200) is 0 to 500.
_BITS = (400, 3000)


def survey(program: Program, inputs: Sequence[Fraction], dtype: Dtype, more: int = 0) -> Survey:
    """Run the program at the point, and look at each step's arguments.

    Args:
        program: The scalar program.
        inputs: The point.
        dtype: What literals are rounded to.
        more: Bits beyond the usual that the values in between take, by their sizes.
    """
    more += 2 * spread_of([*inputs, *(constant.value for constant in program.constants)])
    try:
        for bits in _BITS:
            with mp.workprec(bits + more):
                at_point = _without_poles(program, inputs, dtype, bits + more)
                output = Reals(dtype).number(at_point[program.output])
                if isinstance(output, Undefined):
                    continue
                if not mp.isfinite(output):
                    return Survey()
                return Survey(
                    defined=True,
                    computable=True,
                    near_kink=_near_kink(program, at_point),
                    undecidable=_undecidable(program, inputs, dtype, at_point, bits + more),
                )
        return Survey(undefined_at=output.number)
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
        point = list(map(number_of, inputs))
        at_point = values(program, point, dtype)
    if not any(_may_be_rounding(value, bits) for value in at_point):
        return at_point
    with mp.workprec(2 * bits):
        finer = values(program, point, dtype)
        poles = {
            number: Undefined(number)
            for number, step in program.numbered_steps
            if _is_pole(
                TABLE[step.function],
                [(at_point[arg], finer[arg]) for arg in step.args],
                (at_point[number], finer[number]),
                bits,
            )
        }
    if not poles:
        return at_point
    with mp.workprec(bits):
        return values(program, point, dtype, poles)


def _may_be_rounding(value: Any, bits: int) -> bool:
    """Whether a value is so small or so large as rounding makes it at a zero, or a pole."""
    if isinstance(value, bool | Undefined) or not value or not mp.isfinite(value):
        return False
    return bool(abs(mp.frexp(value)[1]) > bits / 2)


#: A value at two precisions.
_Twice = tuple[Any, Any]


def _is_pole(row: Function, args: Sequence[_Twice], value: _Twice, bits: int) -> bool:
    """Whether a step has no value at the numbers that its arguments come near to."""
    if any(isinstance(number, Undefined) for pair in (*args, value) for number in pair):
        return False
    grown = [_grown(pair) for pair in args]
    if max(grown, default=0) >= 1:
        return False  # it grows only because its argument does
    exact = [
        mp.mpf(0) if more < -bits / 2 else fine for more, (_, fine) in zip(grown, args, strict=True)
    ]
    at_zero = min(grown, default=0) < -bits / 2
    return _grown(value) > bits / 2 or (at_zero and applied(row, exact) is None)


def _grown(value: _Twice) -> float:
    """By how many bits a value is larger with more precision; 0 for what is no number."""
    rough, fine = value
    if isinstance(rough, bool) or isinstance(fine, bool) or rough == fine:
        return 0.0
    if not mp.isfinite(rough) or not mp.isfinite(fine):
        return 0.0
    if not rough or not fine:
        return -math.inf if rough else math.inf
    return float(mp.log(abs(fine / rough), 2))


def _undecidable(
    program: Program, inputs: Sequence[Fraction], dtype: Dtype, at_point: Sequence[Any], bits: int
) -> int | None:
    """A comparison that leads to the result, and whose sides only rounding keeps apart."""
    sides = _compared(program)
    equals = {}
    for number in sides.keys() & (_leading(program, at_point) if sides else set()):
        left, right = (at_point[arg] for arg in sides[number])
        with mp.workprec(bits):
            if 0 < abs(left - right) < mp.ldexp(max(abs(left), abs(right)), -bits // 2):
                return number
        if left == right and max(sides[number]) >= program.first_step:
            equals[number] = sides[number]
    # What is equal by chance is not so with any number of digits.
    for others in _OTHERS if equals else ():
        with mp.workprec(bits + others):
            again = values(program, list(map(number_of, inputs)), dtype)
        for number, (left, right) in equals.items():
            if again[left] != again[right]:
                return number
    return None


def _compared(program: Program) -> dict[int, tuple[int, ...]]:
    """The two sides of each comparison, by its number."""
    return {
        number: step.args
        for number, step in program.numbered_steps
        if TABLE[step.function].group == "comparison" and not TABLE[step.function].conditions
    }


def _leading(program: Program, at_point: Sequence[Any]) -> set[int]:
    """The values that the result is made of, by number; not those of branches not taken."""
    leading: set[int] = set()
    todo = [program.output]
    while todo:
        number = todo.pop()
        if number in leading or isinstance(at_point[number], Undefined):
            continue
        leading.add(number)
        if number >= program.first_step:
            step = program.step(number)
            args = step.args
            if TABLE[step.function].is_choice and isinstance(at_point[args[0]], bool):
                args = (args[0], args[1] if at_point[args[0]] else args[2])
            todo += args
    return leading


def _near_kink(program: Program, at_point: Sequence[Any]) -> frozenset[int]:
    """The inputs that reach a step on a kink, but for rounding: sin(pi) is 0 here."""
    active = program.active
    with mp.workprec(_BITS[0] - 100):
        at_point = [_snapped(value) for value in at_point]
    # From the result backwards: of each value that leads to it, whether by way of a kink.
    kinked = {program.output: False}
    for number, step in reversed(program.numbered_steps):
        if number not in kinked or step.function == "detach":
            continue
        args = tuple([at_point[arg] for arg in step.args])
        for position, arg in enumerate(step.args):
            if active[arg]:
                before = kinked.get(arg, False) or kinked[number]
                kinked[arg] = before or _on_kink(TABLE[step.function], position, args)
    return frozenset(number for number in range(len(program.inputs)) if kinked.get(number))


def _on_kink(row: Function, position: int, args: tuple[Any, ...]) -> bool:
    """Whether a step is on a kink along one of its arguments."""
    undefined = any(isinstance(arg, Undefined) for arg in args)
    return bool(row.margin) and not undefined and row.on_kink(position, args)


def _snapped(value: Any) -> Any:
    """The value rounded to the present precision; 0 if it is nothing else."""
    if isinstance(value, bool | Undefined):
        return value
    return mp.mpf(0) if abs(value) < mp.eps else +value
