"""A program at high precision: real numbers of any size, and nothing but the functions' values.

In: a program, exact inputs. Out: its values, at mpmath's present precision. The third witness
(`slopes`) is made of them; they know no rule of differentiation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gradcalc.base.dtypes import Dtype
from gradcalc.functions import Function, mp
from gradcalc.functions.reals import applied
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Program, Step


@dataclass(frozen=True, slots=True)
class Undefined:
    """In place of a value: there is no finite real one, since the step of this number."""

    number: int


class Reals:
    """Arithmetic on real mpmath numbers; where there is none, `Undefined`, which spreads."""

    def __init__(self, dtype: Dtype, frozen: Mapping[int, Any] | None = None) -> None:
        self._dtype = dtype
        self._frozen = frozen or {}

    def constant(self, constant: Constant) -> Any:
        """A number in the text; a literal is the number of the dtype that torch sees."""
        if constant.value is not None:
            return number_of(self._dtype.literal(constant.value))
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
        if row.is_choice and isinstance(args[0], bool):
            # The branch not taken may well be undefined.
            return args[1] if args[0] else args[2]
        for arg in args:
            if isinstance(arg, Undefined):
                return arg
        result = applied(row, args)
        return Undefined(number) if result is None else result


def values(
    program: Program,
    inputs: Sequence[Any],
    dtype: Dtype,
    frozen: Mapping[int, Any] | None = None,
) -> list[Any]:
    """All values of the program at the present precision: numbers, bools or `Undefined`.

    Those that are frozen are taken as they are: detach(x) stays what it was while x moves.
    """
    return run(program, inputs, Reals(dtype, frozen))


def frozen_at(program: Program, point: Sequence[Any], dtype: Dtype) -> dict[int, Any]:
    """The values at the point that do not move with it."""
    numbers = [number for number, step in program.numbered_steps if step.function == "detach"]
    if not numbers:
        return {}
    at_point = values(program, point, dtype)
    return {number: at_point[number] for number in numbers}


def constant_values(program: Program, dtype: Dtype) -> list[float]:
    """The results of a program without inputs, correctly rounded; nan where undefined."""
    with mp.workprec(2000):
        reals = Reals(dtype)
        calculated = values(program, (), dtype)
        results = [reals.number(calculated[number]) for number in program.outputs]
    return [_rounded(value, dtype) for value in results]


def _rounded(value: Any, dtype: Dtype) -> float:
    if isinstance(value, Undefined) or mp.isnan(value):
        return float("nan")
    return float(value) if mp.isinf(value) else dtype.nearest(value)


def spread_of(numbers: Iterable[Fraction | None]) -> int:
    """The largest exponent, of either sign, of numbers that meet."""
    return max((abs(exponent_of(number)) for number in numbers if number), default=0)


def exponent_of(number: Fraction) -> int:
    """The exponent of a number, as a power of 2, but for one."""
    return number.numerator.bit_length() - number.denominator.bit_length()


def number_of(value: Fraction) -> Any:
    """The value as an mpmath number, at the present precision."""
    return mp.mpf(value.numerator) / value.denominator
