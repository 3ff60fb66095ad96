"""What there is at a point: the function's value, its kinks, its derivatives, as balls.

In: a scalar program, a point, the entries of its derivatives. Out: `Findings`. The bits are more
and more, until every ball is as narrow as the dtype asks; what is uncertain at the last of them is
settled by the policies, or not known.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.base import limits
from gradcalc.base.dtypes import Dtype
from gradcalc.exact import policies
from gradcalc.exact.kinks import near_kink
from gradcalc.exact.policies import Lack
from gradcalc.exact.tape import Tape, derivatives
from gradcalc.functions.balls import flint
from gradcalc.functions.precision import PRECISIONS, precision
from gradcalc.program.program import Program

#: Bits beyond the dtype's to which a value is known.
SPARE = 40


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is at a point.

    Attributes:
        value: The function's value, if there is a finite one that is known.
        derivatives: For each of the entries a ball that certainly holds it; None where a step is on
            a kink, or has no derivative, or it is not known.
        undefined_at: The number of the first value that there is none of, if the function has none
            for that reason; the output's own number where it is infinite.
        unknown_at: The number of the first value that is not known, if the function's is not.
        near_kink: The inputs that reach a step which is on a kink of its row.
        assumed: Whether a policy had to decide about anything.
    """

    value: Any = None
    derivatives: Sequence[Any] = ()
    undefined_at: int | None = None
    unknown_at: int | None = None
    near_kink: frozenset[int] = frozenset()
    assumed: bool = False

    @property
    def defined(self) -> bool:
        """Whether the function has a finite real value, as far as is known."""
        return self.undefined_at is None

    def is_near_kink(self, axes: Iterable[int]) -> bool:
        """Whether a derivative along these axes is a matter of limits."""
        return not self.near_kink.isdisjoint(axes)


def at_point(
    program: Program,
    inputs: Sequence[float],
    entries: Sequence[tuple[int, ...]],
    dtype: Dtype,
    branches: Mapping[int, Sequence[float]] | None = None,
) -> Findings:
    """Look at a point.

    Args:
        program: The scalar program.
        inputs: The value of each of its inputs.
        entries: For each derivative, the numbers of one or two inputs.
        dtype: What torch calculates in: literals are rounded to it, and it tells how narrow a ball
            must be.
        branches: As in `Tape`. On a kink a derivative is then what the rows' formulas make of it.
    """
    started = time.perf_counter()
    for bits in PRECISIONS:
        last = bits == PRECISIONS[-1]
        # The next precision takes several times as long.
        late = 8 * (time.perf_counter() - started) > limits.EXACT_SECONDS
        with precision(bits):
            findings = _look(program, inputs, entries, dtype, branches, last=last)
        if findings is not None:
            return findings
        if late:
            break
    return Findings(unknown_at=program.output, derivatives=[None] * len(entries))


def _look(
    program: Program,
    inputs: Sequence[float],
    entries: Sequence[tuple[int, ...]],
    dtype: Dtype,
    branches: Mapping[int, Sequence[float]] | None,
    *,
    last: bool,
) -> Findings | None:
    """The findings at the present precision; None if that is not enough."""
    axes = {axis for pair in entries for axis in pair}
    tape = Tape(list(map(flint.arb, inputs)), dtype, active=axes, last=last, branches=branches)
    numbers = tape.run(program)
    output = numbers[program.output]
    value = policies.number_of(tape.values[output])
    nothing = [None] * len(entries)
    if type(value) is Lack:
        place = _origin(numbers, value.number)
        if value.certain:
            # At the last precision it may be a policy that is so certain.
            return Findings(derivatives=nothing, undefined_at=place, assumed=last)
        return Findings(derivatives=nothing, unknown_at=place) if last else None
    if not value.is_finite():
        return Findings(derivatives=nothing, undefined_at=program.output, assumed=last)
    kinked = near_kink(tape, output, last=last)
    if kinked is None or not (last or is_narrow(value, dtype)):
        return None
    # With torch's branches the derivatives on a kink are torch's conventions, as the rows' are.
    balls = _derivatives(tape, output, entries, kinked if branches is None else frozenset())
    if not last and any(_is_rough(ball, dtype) for ball in balls):
        return None
    return Findings(
        value if is_narrow(value, dtype) else None,
        [ball if type(ball) is flint.arb and is_narrow(ball, dtype) else None for ball in balls],
        near_kink=kinked,
        assumed=bool(tape.assumed),
    )


def _origin(numbers: Sequence[int], place: int) -> int:
    """The number of the program's value that a value of the tape belongs to."""
    return next((number for number, last in enumerate(numbers) if last >= place), len(numbers) - 1)


def _derivatives(
    tape: Tape, output: int, entries: Sequence[tuple[int, ...]], kinked: frozenset[int]
) -> list[Any]:
    """For each entry its ball or `Lack`; None for one that is a matter of limits."""
    smooth = [axes for axes in entries if kinked.isdisjoint(axes)]
    numbers = derivatives(tape, output, smooth, _derivative)
    return [
        policies.number_of(tape.values[numbers[axes]]) if axes in numbers else None
        for axes in entries
    ]


def _derivative(row: Any) -> tuple[str, ...]:
    derivative: tuple[str, ...] = row.derivative
    return derivative


def _is_rough(ball: Any, dtype: Dtype) -> bool:
    """Whether more bits may make more of a derivative."""
    if type(ball) is Lack:
        return not ball.certain
    return ball is not None and ball.is_finite() and not is_narrow(ball, dtype)


def is_narrow(ball: Any, dtype: Dtype) -> bool:
    """Whether a ball tells which of the dtype's numbers is nearest, and much more.

    It may be around 0 if it is far below the smallest of them.
    """
    if ball.rel_accuracy_bits() >= dtype.bits + SPARE:
        return True
    return ball.is_exact() or bool(ball.rad() < flint.arb(2) ** (dtype.least - SPARE))
