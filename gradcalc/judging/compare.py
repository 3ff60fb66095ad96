"""The comparator: from the witnesses' testimony to a verdict for each derivative.

In: what calculus, autograd and the limit say of one derivative, and the ball that certainly holds
it. Out: an `Entry` with its verdict, the odd one out, and one sentence for the reader (see
`notes`). The rules, in order:

1. no finite real value of the function here, or on neither side: undefined
2. left and right derivative differ or are infinite: nondifferentiable
3. autograd nan or infinite although the derivative exists: disagree
4. autograd within the rounding budget of the exact value: agree
5. further off, but no further than rounding explains: agree while two thirds of the digits are
   right, else rounding
6. further off than that: disagree

The exact value is the ball's, by the chain rule: a theorem. Calculus' formula must overlap it, and
the limit confirms it before anybody is blamed. On a kink, and where the chain rule has no value,
the limit decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gradcalc.base.dtypes import Dtype
from gradcalc.exact.point import Findings
from gradcalc.functions import TABLE
from gradcalc.functions.balls import flint
from gradcalc.judging import notes
from gradcalc.judging.distance import Exact, measured
from gradcalc.limit.convergence import Trend, close
from gradcalc.limit.directions import Finding
from gradcalc.limit.slopes import Slope
from gradcalc.program.program import Program
from gradcalc.results.report import Blame, Entry, Verdict
from gradcalc.rounding.sensitivities import Sensitivity

#: Bits to which the limit must agree with another witness to be taken for one value: far beyond any
#: dtype, and within what a difference quotient gives.
AGREEMENT_BITS = 70

#: How many times nearer autograd must be to one of two contradicting witnesses than they are apart,
#: to side with it.
NEARER = 100


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the witnesses say of one derivative.

    Attributes:
        program: The function, as a scalar program.
        dtype: What autograd calculated in.
        wrt: The variables' names.
        axes: Their numbers in the scalar program.
        formula: The formula's text, if it is shown.
        latex: The formula in LaTeX, if asked for.
        exact: The ball that certainly holds the derivative; None where there is none.
        calculus: The ball of the formula's value; None where it has none, or was not asked.
        autograd: Torch's value; None where torch has no such derivative.
        slope: Asks the limit, along these axes in this order.
        rounding: Measures how far rounding can carry.
        other: Finds the derivative where every choice is made as torch makes it.
        anomaly: Finds the first nan or infinity: the step's text, what it is, and the pass that
            made it.
        budget: How far off autograd may be in ulps: `budget` of the program that torch ran.
        output: Which entry of the result it is about, in a Jacobian.
        shrinks: As in `Exact`.
    """

    program: Program
    dtype: Dtype
    wrt: tuple[str, ...]
    axes: tuple[int, ...]
    formula: str | None
    latex: str | None
    exact: Any
    calculus: Any
    autograd: float | None
    slope: Callable[[tuple[int, ...]], Slope]
    rounding: Callable[[], Sensitivity]
    other: Callable[[Any], Exact | None]
    anomaly: Callable[[], tuple[str, float, str] | None]
    budget: int
    output: str = ""
    shrinks: Callable[[], bool] = lambda: False


def judge_derivative(evidence: Evidence, findings: Findings, *, thorough: bool) -> Entry:
    """Give the verdict on one derivative.

    Args:
        evidence: What the witnesses say of it.
        findings: What there is at the point.
        thorough: Ask the limit always; otherwise only where it may change the verdict: where the
            others differ, where one is silent or not finite, and on a kink.
    """
    if findings.undefined_at is not None:
        return _without_value(evidence, findings)  # rule 1
    if findings.unknown_at is not None:
        return undecided(evidence, unknown(evidence.program, findings.unknown_at))
    if evidence.exact is None:
        return _by_limit(evidence, near_kink=findings.is_near_kink(evidence.axes))
    proved = not findings.assumed
    entry = _by_size(evidence, evidence.exact, None, proved=proved)
    doubtful = entry.verdict is Verdict.DISAGREE or _is_contradicted(evidence)
    if not (thorough or doubtful) or not math.isfinite(evidence.dtype.nearest(evidence.exact)):
        return entry
    slope = evidence.slope(evidence.axes)
    limit = slope.value
    if limit is None and not slope.is_unsettled:
        note = "the difference quotient finds no derivative, but the chain rule does"
        return _entry(evidence, Verdict.DISAGREE, blame=Blame.LIMIT, note=note)
    if limit is not None and _are_apart(evidence.dtype, evidence.exact, limit):
        return _conflict(evidence, limit)
    if _is_contradicted(evidence):
        return _against_formula(evidence, entry, limit)
    return _by_size(evidence, evidence.exact, limit, proved=proved)


def unknown(program: Program, number: int) -> str:
    """Why a value is not known: the note of each derivative, and of the value."""
    what = notes.shortened(program.source(number))
    step = program.step(number) if number >= program.first_step else None
    if step is not None and TABLE[step.function].group == "comparison":
        return f"whether `{what}` holds is a matter of rounding alone"
    return f"`{what}` is too large, or too close to a jump, to be calculated"


def _by_limit(evidence: Evidence, *, near_kink: bool) -> Entry:
    """The entry where the chain rule has no value: on a kink, or at a gap of a derivative."""
    slope = evidence.slope(evidence.axes)
    if slope.value is None and not slope.is_unsettled:
        return _without_derivative(evidence, slope)  # rules 1 and 2
    if slope.value is None:
        why = "a step stands on a kink" if near_kink else "the chain rule has no value here"
        return undecided(evidence, f"{why}, and the limit could not be settled")
    if len(set(evidence.axes)) == 2:
        other = evidence.slope(evidence.axes[::-1])
        if other.value is not None and _are_apart(evidence.dtype, slope.value, other.value):
            note = notes.unequal(evidence.wrt, slope.value, other.value)
            return _entry(evidence, Verdict.NONDIFFERENTIABLE, note=note, silent=True)
    if near_kink:
        # On a kink formulas follow conventions (sign(0) is 0), which are no testimony.
        evidence = replace(evidence, calculus=None)
    elif evidence.calculus is not None and _are_apart(
        evidence.dtype, evidence.calculus, slope.value
    ):
        return _conflict(evidence, slope.value)
    return _by_size(evidence, slope.value, slope.value, proved=False)


def _is_contradicted(evidence: Evidence) -> bool:
    """Whether the formula's ball and the chain rule's have nothing in common."""
    return evidence.calculus is not None and not evidence.calculus.overlaps(evidence.exact)


def _against_formula(evidence: Evidence, entry: Entry, limit: Any) -> Entry:
    """The entry where the formula contradicts the chain rule, and nobody else does."""
    other = "chain rule" if limit is None else "difference quotient"
    if entry.verdict is Verdict.DISAGREE:
        note = f"formula, autograd and {other} contradict each other"
        return _entry(evidence, Verdict.DISAGREE, limit, note=note)
    note = f"the formula contradicts both autograd and the {other}"
    return _entry(evidence, Verdict.DISAGREE, limit, Blame.CALCULUS, note)


def _by_size(evidence: Evidence, truth: Any, limit: Any, *, proved: bool) -> Entry:
    """Hold autograd's value against the exact one: rules 3 to 6."""
    autograd, dtype = evidence.autograd, evidence.dtype
    if autograd is None:
        why = "torch has no such derivative"
        return _entry(evidence, Verdict.UNDECIDED, limit, note=why, truth=truth)
    exact = Exact(truth, evidence.rounding, evidence.other, evidence.shrinks)
    judgement = measured(exact, autograd, dtype, evidence.budget)
    note: str | None = judgement.note
    if judgement.verdict is Verdict.DISAGREE and not math.isfinite(autograd):
        note = notes.broken(autograd, evidence.anomaly())
    elif note is not None and judgement.verdict is not Verdict.UNDEFINED:
        note = f"autograd {note}"
    if judgement.culprit is not None:
        note = f"{note}: {notes.magnified(judgement.culprit, evidence.program, autograd)}"
    return _entry(
        evidence,
        judgement.verdict,
        limit,
        Blame.AUTOGRAD if judgement.verdict is Verdict.DISAGREE else None,
        note,
        ulps=judgement.ulps,
        truth=truth,
        proved=proved and judgement.proved,
    )


def _without_value(evidence: Evidence, findings: Findings) -> Entry:
    """The entry for a derivative of a function that has no finite real value at the point."""
    source = evidence.program.source(findings.undefined_at or 0) or None
    note = notes.without_value(source) + notes.all_the_same(evidence.autograd)
    proved = not findings.assumed
    return _entry(evidence, Verdict.UNDEFINED, note=note, silent=True, proved=proved)


def _without_derivative(evidence: Evidence, slope: Slope) -> Entry:
    """The entry where the limit found no derivative."""
    second = len(evidence.wrt) == 2
    nowhere = slope.left.trend is slope.right.trend is Trend.UNDEFINED
    verdict = Verdict.UNDEFINED if nowhere and not second else Verdict.NONDIFFERENTIABLE
    note = notes.without_derivative(slope, evidence.autograd, second=second)
    return _entry(evidence, verdict, note=note, silent=True)


def _are_apart(dtype: Dtype, value: Any, limit: Any) -> bool:
    """Whether the limit found another value; two that are 0 to the dtype are one."""
    if close(value, limit, AGREEMENT_BITS):
        return False
    least = flint.arb(2) ** (dtype.least - AGREEMENT_BITS)
    return bool(abs(value - limit) >= least)


def _conflict(evidence: Evidence, limit: Any) -> Entry:
    """Calculus and the limit differ: whom autograd sides with is right."""
    value = evidence.exact if evidence.calculus is None else evidence.calculus
    odd = None
    if evidence.autograd is not None and math.isfinite(evidence.autograd):
        apart = abs(value - limit)
        with_calculus, with_limit = (
            bool(abs(flint.arb(evidence.autograd) - number) * NEARER < apart)
            for number in (value, limit)
        )
        if with_calculus or with_limit:
            odd = Blame.LIMIT if with_calculus else Blame.CALCULUS
    sentences: dict[Blame | None, str] = {
        Blame.LIMIT: "the difference quotient contradicts both calculus and autograd",
        Blame.CALCULUS: "the formula contradicts both autograd and the difference quotient",
        None: "formula, autograd and difference quotient contradict each other",
    }
    return _entry(evidence, Verdict.DISAGREE, limit, odd, sentences[odd], truth=value)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict on all entries of a variable's gradient together."""

    verdict: Verdict
    blame: Blame | None
    note: str


def judge_direction(
    finding: Finding, allowed: int, dtype: Dtype, shrinks: Callable[[], bool]
) -> Judgement:
    """Give the verdict on a gradient of which a slope along a random direction is all there is.

    Args:
        finding: What the limit and autograd say of the slope along it.
        allowed: The rounding budget in ulps.
        dtype: What autograd calculated in.
        shrinks: Whether the error shrinks with the precision; asked only beyond the budget.
    """
    large = "too large to be written out for calculus: all entries were checked together"
    if finding.undefined:
        return Judgement(Verdict.UNDEFINED, None, notes.without_value(None))
    if finding.kinked or finding.slope is None:
        note = f"{large}, and the slopes to both sides of a random direction differ"
        return Judgement(Verdict.NONDIFFERENTIABLE, None, note)
    if not finding.autograd.is_finite():
        torch = f"torch returns {notes.short(finding.autograd)} in it"
        note = f"{large}: the derivative exists, but {torch}"
        return Judgement(Verdict.DISAGREE, Blame.AUTOGRAD, note)
    note = f"{large}; {notes.along(finding)}"
    error = finding.error
    if error <= allowed * dtype.unit:
        return Judgement(Verdict.AGREE, None, note)
    if not shrinks():
        return Judgement(Verdict.DISAGREE, Blame.AUTOGRAD, f"{note}, more than rounding explains")
    close_enough = bool(error < 2.0 ** (dtype.bits // 3 - dtype.bits))
    return Judgement(Verdict.AGREE if close_enough else Verdict.ROUNDING, None, note)


def undecided(evidence: Evidence, note: str) -> Entry:
    """The entry for a derivative that cannot be judged, or not in time."""
    return _entry(evidence, Verdict.UNDECIDED, note=note, silent=True)


def unchecked(
    wrt: tuple[str, ...], formula: str | None, latex: str | None, output: str = ""
) -> Entry:
    """The entry for a formula without a point."""
    return Entry(
        wrt, formula, None, None, None, None, Verdict.UNCHECKED, latex=latex, output=output
    )


def _entry(
    evidence: Evidence,
    verdict: Verdict,
    limit: Any = None,
    blame: Blame | None = None,
    note: str | None = None,
    *,
    ulps: float | None = None,
    silent: bool = False,
    truth: Any = None,
    proved: bool = False,
) -> Entry:
    """An entry of the report; `silent` where the formula's value is no derivative.

    The column of calculus has the formula's value; where it has none, or was not asked, the exact
    one.
    """
    value = truth if evidence.calculus is None else evidence.calculus
    dtype = evidence.dtype
    return Entry(
        wrt=evidence.wrt,
        formula=evidence.formula,
        symbolic=None if silent or value is None else dtype.nearest(value),
        autograd=evidence.autograd,
        limit=None if limit is None else dtype.nearest(limit),
        ulps=ulps,
        verdict=verdict,
        blame=blame,
        note=note,
        latex=evidence.latex,
        output=evidence.output,
        proved=proved,
    )
