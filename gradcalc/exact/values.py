"""The results of a scalar program at a point, as balls.

In: a program, a point. Out: for each of its results a ball, as narrow as the dtype asks. The bits
are more and more, as in `point`, and the policies are the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from gradcalc.base import limits
from gradcalc.base.dtypes import Dtype
from gradcalc.exact import policies
from gradcalc.exact.point import is_narrow
from gradcalc.exact.policies import Lack
from gradcalc.functions import Function
from gradcalc.functions.balls import Undecided, flint
from gradcalc.functions.precision import PRECISIONS, precision
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Program, Step


def values_at(
    program: Program, inputs: Sequence[Any], dtype: Dtype, *, literals: Dtype | None = None
) -> list[Any]:
    """The results that are finite, as balls; None in place of others: see `results_at`."""
    return [
        None if type(result) is Lack or not result.is_finite() else result
        for result in results_at(program, inputs, dtype, literals=literals)
    ]


def results_at(
    program: Program, inputs: Sequence[Any], dtype: Dtype, *, literals: Dtype | None = None
) -> list[Any]:
    """The results of a program.

    Args:
        program: It is scalar, and may have any number of results.
        inputs: The value of each of its inputs: a float or a ball.
        dtype: What tells how narrow a ball must be.
        literals: What literals are rounded to, if another.

    Returns:
        For each result a ball that holds it, or counts as 0 by the policy; it may be infinite, but
        then it is exact. A `Lack` stands where there is no value, or none that is known.
    """
    started = time.perf_counter()
    results: list[Any] = []
    for bits in PRECISIONS:
        last = bits == PRECISIONS[-1]
        with precision(bits):
            arithmetic = Balls(literals or dtype, last=last)
            values = run(program, list(map(flint.arb, inputs)), arithmetic)
            results = [_result(values[number], number, dtype) for number in program.outputs]
        # The next precision takes several times as long.
        late = 8 * (time.perf_counter() - started) > limits.EXACT_SECONDS
        if late or all(type(result) is not Lack or result.certain for result in results):
            break
    return results


def _result(value: Any, number: int, dtype: Dtype) -> Any:
    """A value, if it is known as the dtype asks; else a `Lack`."""
    value = policies.number_of(value)
    if type(value) is Lack or policies.is_infinite(value):
        return value
    if value.is_nan():
        return Lack(number, certain=True)  # it was written so
    is_known = value.is_finite() and is_narrow(value, dtype)
    return value if is_known else Lack(number, certain=False)


class Balls:
    """Arithmetic on balls, bools and `Lack`s, by the policies: values alone, and no derivative."""

    def __init__(
        self, dtype: Dtype, *, last: bool = False, still: Mapping[int, Any] | None = None
    ) -> None:
        """Prepare.

        Args:
            dtype: What literals are rounded to.
            last: Whether no more bits will be spent, so that policies decide.
            still: Values that are known already, by their numbers.
        """
        self._dtype = dtype
        self._last = last
        self._still = still or {}

    def constant(self, constant: Constant) -> Any:
        """A number in the text, as the dtype has it."""
        return policies.constant(constant, -1, self._dtype)

    def number(self, value: Any) -> Any:
        """A value that may be a condition; the policies tell."""
        return value

    condition = number

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:  # noqa: ARG002 - see Arithmetic
        """A row's value."""
        if number in self._still:
            return self._still[number]
        if self._last:
            return policies.last_value_of(row, args, number)[0]
        return policies.value_of(row, args, number)


def columns_at(
    program: Program, columns: Sequence[Sequence[float]], dtype: Dtype
) -> list[list[Any]]:
    """The results of a program at many points, a step at all points before the next one.

    That takes a fraction of the time of one point after the other; in turn no bits are added where
    the first are not enough.

    Args:
        program: It is scalar, and may have any number of results.
        columns: For each of its inputs a value for each point.
        dtype: What literals are rounded to, and what tells how narrow a ball must be.

    Returns:
        For each result a ball for each point; None where it is not known so cheaply.
    """
    with precision(PRECISIONS[0]):
        points = [list(map(flint.arb, column)) for column in columns]
        values = run(program, points, _Columns(dtype, len(columns[0])))
        return [
            [ball if _is_known(ball, dtype) else None for ball in values[number]]
            for number in program.outputs
        ]


def _is_known(ball: Any, dtype: Dtype) -> bool:
    return type(ball) is flint.arb and ball.is_finite() and is_narrow(ball, dtype)


class _Columns:
    """Arithmetic on lists of balls, bools and `Lack`s, an entry for each point."""

    def __init__(self, dtype: Dtype, length: int) -> None:
        self._balls = Balls(dtype)
        self._length = length
        self._mixed: list[Any] = []  # the columns that have other entries than balls

    def constant(self, constant: Constant) -> Any:
        return [self._balls.constant(constant)] * self._length

    def number(self, value: Any) -> Any:
        return value

    condition = number

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:
        if not row.conditions and not any(arg is column for column in self._mixed for arg in args):
            try:
                column = list(map(row.value, *args))
            except Undecided:
                pass  # at one of the points, which the others do not suffer from
            else:
                if row.group == "comparison":
                    self._mixed.append(column)
                return column
        column = [
            self._balls.call(row, list(point), number, step) for point in zip(*args, strict=True)
        ]
        self._mixed.append(column)
        return column
