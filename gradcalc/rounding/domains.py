"""Where a program certainly has no value: the points of a sweep that lie outside a step's domain.

In: a scalar program, a tensor of values for each of its variables. Out: for each point the number
of the first value that is none, the same that `exact.point` finds there. Nothing is said where
it takes more than the bounds of rounding errors to be certain of it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.base.dtypes import Dtype
from gradcalc.functions import TABLE, Function, torch
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Program, Step
from gradcalc.rounding.bounded import Bounded, measured, slack, worse
from gradcalc.rounding.bounds import Bounds

#: In place of a number, where there is no such value or nothing is certain.
NONE = -1


def has_borders(program: Program) -> bool:
    """Whether a step has a domain that is known to end somewhere."""
    return any(TABLE[step.function].inside is not None for step in program.steps)


def undefined_at(program: Program, columns: Sequence[Any], dtype: Dtype) -> Any:
    """At each point the number of the first value that is none, or `NONE`.

    Args:
        program: The scalar program.
        columns: For each variable its values, float64 tensors of one axis.
        dtype: What literals are rounded to.
    """
    arithmetic = _Domains(dtype)
    point = [_Traced(measured(column), arithmetic.none) for column in columns]
    numbers = run(program, point, arithmetic)[program.output].undefined
    return torch.where(arithmetic.certain, numbers, NONE).expand(len(columns[0]))


@dataclass(frozen=True, slots=True)
class _Traced:
    """A value at each point, and the number of the value that is none because of which it is none.

    Attributes:
        number: The value.
        undefined: A tensor of such numbers, or one for all points; `NONE` where it has a value.
    """

    number: Bounded
    undefined: Any


class _Domains:
    """Arithmetic that keeps account of values that are none.

    Attributes:
        none: `NONE` as a tensor, for values that are the same at all points.
        certain: At which points every value up to here is either certain or certainly none.
    """

    def __init__(self, dtype: Dtype) -> None:
        self._bounds = Bounds(dtype)
        self.none = torch.tensor(NONE)
        self.certain = torch.tensor(True)  # noqa: FBT003 - torch's

    def constant(self, constant: Constant) -> _Traced:
        """A number in the text."""
        return _Traced(self._bounds.constant(constant), self.none)

    def number(self, value: _Traced) -> _Traced:
        """A value that may be a condition, as a number."""
        return _Traced(self._bounds.number(value.number), value.undefined)

    def condition(self, value: _Traced) -> _Traced:
        """A value that may be a number, as a condition."""
        return _Traced(self._bounds.condition(value.number), value.undefined)

    def call(self, row: Function, args: list[_Traced], number: int, step: Step) -> _Traced:
        """Apply a row of the table, in the order of `exact.policies.value_of`."""
        numbers = [arg.number for arg in args]
        result = self._bounds.call(row, numbers, number, step)
        undefined = _inherited(row, args)
        if row.inside is not None:
            own = (undefined == NONE) & _outside(row, numbers)
            undefined = torch.where(own, number, undefined)
        if result.doubt is not None:
            self.certain = self.certain & ((result.doubt < 0) | (undefined != NONE))
        return _Traced(result, undefined)


def _inherited(row: Function, args: Sequence[_Traced]) -> Any:
    """What the first argument without a value has; but never the branch that is not taken."""
    numbers = [arg.undefined for arg in args]
    if row.name == "where":
        numbers = [numbers[0], torch.where(args[0].number.value, *numbers[1:])]
    return functools.reduce(lambda first, other: torch.where(first == NONE, other, first), numbers)


def _outside(row: Function, args: Sequence[Bounded]) -> Any:
    """Where the arguments are certainly outside the row's domain."""
    left = torch.as_tensor(row.inside(*(arg.value for arg in args)))  # type: ignore[misc]
    tolerance = slack(args)
    beyond = left < 0 if tolerance is None else left + tolerance < 0
    doubt = functools.reduce(worse, (arg.doubt for arg in args))
    return beyond if doubt is None else beyond & (doubt < 0)
