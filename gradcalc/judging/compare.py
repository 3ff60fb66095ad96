"""The comparator: from the witnesses' testimony to a verdict for each derivative.

In: what calculus, autograd and the limit say of one derivative. Out: an `Entry` with its verdict,
the odd one out, and one sentence for the reader (see `notes`). The rules, in order:

1. no finite real value of the function here, or on neither side: undefined
2. left and right derivative differ or are infinite: nondifferentiable
3. autograd nan or infinite although the derivative exists: disagree
4. autograd within the rounding budget of the exact value: agree
5. further off, but no further than rounding explains: agree while two thirds of the digits are
   right, else rounding
6. further off than that: disagree

The exact value is the one that calculus and the limit agree on; where one of them is silent, the
other's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gradcalc.base.dtypes import Dtype
from gradcalc.exact.convergence import Trend, close
from gradcalc.exact.surveys import Survey
from gradcalc.functions import mp
from gradcalc.judging import notes
from gradcalc.limit.directions import Finding
from gradcalc.limit.slopes import Slope
from gradcalc.program.program import Program
from gradcalc.results.report import Blame, Entry, Verdict
from gradcalc.rounding.conditioning import Conditioning

#: Bits to which the calculus and the limit must agree to be taken for one value: far beyond
#: any dtype, and within what a difference quotient gives.
AGREEMENT_BITS = 80

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
        symbolic: The formula's value, an mpmath number; None where it has none.
        autograd: Torch's value; None where torch has no such derivative.
        continued: The formula's limit from both sides, for a point where its value is a mere
            convention; None if there is none.
        slope: Asks the limit.
        conditioning: Measures how far rounding can carry, to explain an error.
        anomaly: Finds the first nan or infinity: the step's text, what it is, and the pass that
            made it.
        budget: How far off autograd may be in ulps: `budget` of the program that torch ran.
        output: Which entry of the result it is about, in a Jacobian.
        shrinks: Whether an error is smaller in float64 than in float32 by as much as rounding makes
            it; None where that is not asked, because torch computes as `conditioning` does.
    """

    program: Program
    dtype: Dtype
    wrt: tuple[str, ...]
    axes: tuple[int, ...]
    formula: str | None
    latex: str | None
    symbolic: Any
    autograd: float | None
    continued: Callable[[], Any]
    slope: Callable[[], Slope]
    conditioning: Callable[[Any], Conditioning]
    anomaly: Callable[[], tuple[str, float, str] | None]
    budget: int
    output: str = ""
    shrinks: Callable[[Any], bool] | None = None


def judge_derivative(evidence: Evidence, survey: Survey, *, thorough: bool) -> Entry:
    """Give the verdict on one derivative.

    Args:
        evidence: What the witnesses say of it.
        survey: What there is at the point.
        thorough: Ask the limit always; otherwise only where it may change the verdict: where the
            first two witnesses differ, where one is silent or not finite, and on a kink.
    """
    if not survey.defined:
        return _without_value(evidence, survey)  # rule 1
    if survey.undecidable is not None:
        what = notes.shortened(evidence.program.source(survey.undecidable))
        return undecided(evidence, f"whether `{what}` holds is a matter of rounding alone")
    near_kink = survey.is_near_kink(evidence.axes)
    if _needs_no_limit(evidence, thorough=thorough or near_kink):
        return _by_size(evidence, evidence.symbolic, None)
    slope = evidence.slope()
    if slope.value is None and not slope.is_unsettled:
        return _without_derivative(evidence, slope)  # rules 1 and 2
    return _by_truth(evidence, slope.value, near_kink=near_kink)


def _needs_no_limit(evidence: Evidence, *, thorough: bool) -> bool:
    """Whether the verdict is the same whatever the limit says."""
    symbolic, autograd = evidence.symbolic, evidence.autograd
    if symbolic is None:
        return False
    rounded = evidence.dtype.nearest(symbolic)
    if not math.isfinite(rounded):
        return True
    if thorough or autograd is None or not math.isfinite(autograd):
        return False
    if evidence.dtype.ulps(autograd, rounded) <= evidence.budget:
        return True
    # The gap may be no larger than rounding makes it, however the two were off.
    distance = abs(mp.mpf(autograd) - symbolic)
    return bool(distance <= evidence.conditioning(distance).error < abs(symbolic))


def _by_truth(evidence: Evidence, limit: Any, *, near_kink: bool) -> Entry:
    """Find the exact value, by calculus and the limit together, and hold autograd's against it."""
    symbolic = evidence.symbolic
    apart = _are_apart(evidence, symbolic, limit)
    if near_kink and apart:
        # On a kink formulas follow conventions (sign(0) is 0), which are no testimony.
        symbolic = evidence.continued()
        evidence = replace(evidence, symbolic=symbolic)
        apart = _are_apart(evidence, symbolic, limit)
    if symbolic is None and limit is None:
        note = "no witness could settle the exact value"
        return _entry(evidence, Verdict.UNDECIDED, note=note)
    if limit is None and near_kink:
        note = "a step stands on a kink, and the limit could not be settled"
        return _entry(evidence, Verdict.UNDECIDED, note=note)
    if apart:
        return _conflict(evidence, symbolic, limit)
    return _by_size(evidence, limit if symbolic is None else symbolic, limit)


def _by_size(evidence: Evidence, truth: Any, limit: Any) -> Entry:
    """Hold autograd's value against the exact one: rules 3 to 6."""
    autograd, dtype = evidence.autograd, evidence.dtype
    if autograd is None:
        note = "torch has no such derivative"
        return _entry(evidence, Verdict.UNDECIDED, limit, note=note)
    rounded = dtype.nearest(truth)
    if not math.isfinite(rounded):
        note = f"the exact value, {notes.short(truth)}, is beyond the range of {dtype.name}"
        return _entry(evidence, Verdict.UNDEFINED, limit, note=note)
    if not math.isfinite(autograd):  # rule 3
        note = notes.broken(autograd, evidence.anomaly())
        return _entry(evidence, Verdict.DISAGREE, limit, Blame.AUTOGRAD, note, ulps=math.inf)
    ulps = dtype.ulps(autograd, rounded)
    if ulps <= evidence.budget:  # rule 4
        return _entry(evidence, Verdict.AGREE, limit, ulps=ulps)
    distance = abs(mp.mpf(autograd) - truth)
    off = notes.off(distance, truth)
    explanation = _explanation(evidence, distance)
    if explanation is None:  # rule 6
        note = f"{off}, more than rounding explains"
        return _entry(evidence, Verdict.DISAGREE, limit, Blame.AUTOGRAD, note, ulps=ulps)
    if ulps < 2.0 ** (dtype.bits // 3):  # rule 5
        return _entry(evidence, Verdict.AGREE, limit, ulps=ulps)
    return _entry(evidence, Verdict.ROUNDING, limit, note=f"{off}: {explanation()}", ulps=ulps)


def _explanation(evidence: Evidence, distance: Any) -> Callable[[], str] | None:
    """What says how rounding comes to be so large; None if it does not."""
    conditioning = evidence.conditioning(distance)
    if distance <= conditioning.error:
        return lambda: notes.magnified(conditioning, evidence.program, evidence.autograd)
    if evidence.shrinks is not None and evidence.shrinks(distance):
        return lambda: "the error shrinks with the precision, as rounding errors do"
    return None


def _without_value(evidence: Evidence, survey: Survey) -> Entry:
    """The entry for a derivative of a function that has no finite real value at the point."""
    number = survey.undefined_at
    note = notes.without_value(None if number is None else evidence.program.source(number))
    note += notes.all_the_same(evidence.autograd)
    return _entry(evidence, Verdict.UNDEFINED, note=note, silent=True)


def _without_derivative(evidence: Evidence, slope: Slope) -> Entry:
    """The entry where the limit found no derivative."""
    second = len(evidence.wrt) == 2
    nowhere = slope.left.trend is slope.right.trend is Trend.UNDEFINED
    verdict = Verdict.UNDEFINED if nowhere and not second else Verdict.NONDIFFERENTIABLE
    note = notes.without_derivative(slope, evidence.autograd, second=second)
    return _entry(evidence, verdict, note=note, silent=True)


def _are_apart(evidence: Evidence, symbolic: Any, limit: Any) -> bool:
    """Whether calculus and the limit found two values; two that are 0 to the dtype are one."""
    if symbolic is None or limit is None or close(symbolic, limit, AGREEMENT_BITS):
        return False
    least = mp.ldexp(1, evidence.dtype.least - AGREEMENT_BITS)
    return bool(abs(symbolic - limit) >= least)


def _conflict(evidence: Evidence, symbolic: Any, limit: Any) -> Entry:
    """Calculus and the limit differ: whom autograd sides with is right."""
    odd = None
    if evidence.autograd is not None and math.isfinite(evidence.autograd):
        apart = abs(symbolic - limit)
        with_calculus, with_limit = (
            abs(mp.mpf(evidence.autograd) - value) * NEARER < apart for value in (symbolic, limit)
        )
        if with_calculus or with_limit:
            odd = Blame.LIMIT if with_calculus else Blame.CALCULUS
    sentences: dict[Blame | None, str] = {
        Blame.LIMIT: "the difference quotient contradicts both calculus and autograd",
        Blame.CALCULUS: "the formula contradicts both autograd and the difference quotient",
        None: "formula, autograd and difference quotient contradict each other",
    }
    return _entry(evidence, Verdict.DISAGREE, limit, odd, sentences[odd])


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
    if not mp.isfinite(finding.autograd):
        torch = f"torch returns {notes.short(finding.autograd)} in it"
        note = f"{large}: the derivative exists, but {torch}"
        return Judgement(Verdict.DISAGREE, Blame.AUTOGRAD, note)
    note = f"{large}; {notes.along(finding)}"
    if finding.error <= allowed * dtype.unit:
        return Judgement(Verdict.AGREE, None, note)
    if not shrinks():
        return Judgement(Verdict.DISAGREE, Blame.AUTOGRAD, f"{note}, more than rounding explains")
    close_enough = finding.error < 2.0 ** (dtype.bits // 3 - dtype.bits)
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
) -> Entry:
    """An entry of the report; `silent` where the formula's value is no derivative."""
    symbolic, nearest = evidence.symbolic, evidence.dtype.nearest
    return Entry(
        wrt=evidence.wrt,
        formula=evidence.formula,
        symbolic=None if silent or symbolic is None else nearest(symbolic),
        autograd=evidence.autograd,
        limit=None if limit is None else nearest(limit),
        ulps=ulps,
        verdict=verdict,
        blame=blame,
        note=note,
        latex=evidence.latex,
        output=evidence.output,
    )
