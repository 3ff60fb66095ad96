"""How far a number of torch's is from the exact one, and what that comes to.

In: a number, the ball that certainly holds the exact one, the rounding budget. Out: rules 3 to 6 of
`compare`: of a derivative as of a value of the forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradcalc.base.dtypes import Dtype
from gradcalc.functions.balls import flint
from gradcalc.judging import notes
from gradcalc.program.program import Program
from gradcalc.results.report import ValueCheck, Verdict
from gradcalc.rounding.sensitivities import Sensitivity


@dataclass(frozen=True, slots=True)
class Exact:
    """The exact number that one of torch's is held against.

    Attributes:
        ball: What certainly holds it.
        rounding: Measures how far rounding can carry torch's.
        other: Finds the number where every choice is made as torch makes it; None if there is none.
        shrinks: Whether errors are as much smaller in float64 than in float32 as rounding's are.
    """

    ball: Any
    rounding: Callable[[], Sensitivity]
    other: Callable[[Any], Exact | None] = lambda _: None
    shrinks: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Measured:
    """What a number of torch's comes to, held against the exact one.

    Attributes:
        verdict: Rules 3 to 6.
        ulps: How far off it is.
        note: How far off it is, in words; None where all is well.
        culprit: What rounding makes of it, where that explains it.
        proved: Whether the ball decided, and not a comparison of torch with itself.
    """

    verdict: Verdict
    ulps: float | None = None
    note: str | None = None
    culprit: Sensitivity | None = None
    proved: bool = True


def measured(exact: Exact, number: float, dtype: Dtype, budget: int) -> Measured:
    """Hold a number of torch's against the exact one."""
    truth = exact.ball
    rounded = dtype.nearest(truth)
    if not math.isfinite(rounded):
        note = f"the exact value, {notes.short(truth)}, is beyond the range of {dtype.name}"
        return Measured(Verdict.UNDEFINED, note=note)
    if not math.isfinite(number):  # rule 3
        note = f"is {number}, but the exact one {notes.short(truth, 6)}"
        return Measured(Verdict.DISAGREE, math.inf, note)
    ulps = dtype.ulps(number, rounded)
    if ulps <= budget:  # rule 4
        return Measured(Verdict.AGREE, ulps)
    distance = abs(flint.arb(number) - truth)
    sensitivity = exact.rounding()
    off = notes.off(distance, truth)
    if not distance <= sensitivity.error:  # rule 6
        other = exact.other(truth)
        if other is not None and _is_within(number, other, dtype, budget):
            note = f"{off}: rounding moves a step at a kink, a jump or an end of its domain"
            return Measured(Verdict.ROUNDING, ulps, note)
        if exact.shrinks():
            note = f"{off}: the error shrinks with the precision, as rounding errors do"
            return Measured(Verdict.ROUNDING, ulps, note, proved=False)
        return Measured(Verdict.DISAGREE, ulps, f"{off}, more than rounding explains")
    lost = dtype.bits // 3  # of the bits; a number that has fewer may lose them all
    if ulps < 2**lost and distance < abs(truth) * flint.arb(2) ** (lost + 1 - dtype.bits):  # rule 5
        return Measured(Verdict.AGREE, ulps)
    return Measured(Verdict.ROUNDING, ulps, off, sensitivity)


def _is_within(number: float, exact: Exact, dtype: Dtype, budget: int) -> bool:
    """Whether a number of torch's is so near to an exact one as rounding brings it."""
    rounded = dtype.nearest(exact.ball)
    if math.isfinite(rounded) and dtype.ulps(number, rounded) <= budget:
        return True
    return bool(abs(flint.arb(number) - exact.ball) <= exact.rounding().error)


def judge_value(
    program: Program, exact: Exact, number: float, dtype: Dtype, budget: int
) -> ValueCheck:
    """Give the verdict on a value of the forward pass.

    Args:
        program: The function, as a scalar program.
        exact: Its value.
        number: Torch's.
        dtype: What torch calculated in.
        budget: How far off it may be in ulps.
    """
    judgement = measured(exact, number, dtype, budget)
    note = judgement.note
    if note is not None and judgement.verdict is not Verdict.UNDEFINED:
        note = f"torch's value {note}"
    if judgement.culprit is not None:
        note = f"{note}: {notes.magnified(judgement.culprit, program, None)}"
    return ValueCheck(dtype.nearest(exact.ball), judgement.ulps, judgement.verdict, note)
