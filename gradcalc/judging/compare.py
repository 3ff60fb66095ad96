"""The comparator: from the witnesses' testimony to a verdict for each derivative.

In: what calculus, autograd and the limit say of one derivative. Out: an `Entry` with its verdict,
the odd one out, and one sentence for the reader. The rules, in order:

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
from gradcalc.exact.convergence import Limit, Trend, close
from gradcalc.exact.surveys import Survey
from gradcalc.functions import mp
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
        wrt: The variables' names.
        axes: Their numbers in the scalar program.
        formula: The formula's text, if it is shown.
        latex: The formula in LaTeX, if asked for.
        symbolic: The formula's value, an mpmath number; None where it has none.
        autograd: Torch's value; None where torch has no such derivative.
        continued: The formula's limit from both sides, for a point where its value is a mere
            convention; None if there is none.
        slope: Calls the limit.
        conditioning: Measures how far rounding can carry, to explain an error.
        birth: Finds the first nan or infinity: the step's text, what it is, and the pass that made
            it.
        budget: How far off autograd may be in ulps: `budget` of the program that torch ran.
        output: Which entry of the result it is about, in a Jacobian.
        shrinks: Whether an error is smaller in float64 than in float32 by as much as rounding makes
            it; None where that is not asked, because torch computes as `conditioning` does.
    """

    wrt: tuple[str, ...]
    axes: tuple[int, ...]
    formula: str | None
    latex: str | None
    symbolic: Any
    autograd: float | None
    continued: Callable[[], Any]
    slope: Callable[[], Slope]
    conditioning: Callable[[Any], Conditioning]
    birth: Callable[[], tuple[str, float, str] | None]
    budget: int
    output: str = ""
    shrinks: Callable[[Any], bool] | None = None


def judge_derivative(
    evidence: Evidence, program: Program, dtype: Dtype, survey: Survey, *, thorough: bool
) -> Entry:
    """Give the verdict on one derivative.

    Args:
        evidence: What the witnesses say of it.
        program: The function, as a scalar program, for its steps' text.
        dtype: What autograd calculated in.
        survey: What there is at the point.
        thorough: Call the limit always; otherwise only where it may change the verdict: where the
            first two witnesses differ, where one is silent or not finite, and where a step stands
            on a kink.
    """
    if not survey.defined:
        return _undefined(evidence, program, dtype, survey)
    if survey.undecidable is not None:
        what = _shortened(program.source(survey.undecidable))
        return undecided(evidence, f"whether `{what}` holds is a matter of rounding alone")
    suspect = survey.is_near_kink(evidence.axes)
    if not thorough and not suspect and _first_two_agree(evidence, dtype):
        return _against(evidence, evidence.symbolic, None, program, dtype)
    if not thorough and not suspect and _rounding_explains(evidence):
        return _against(evidence, evidence.symbolic, None, program, dtype)
    if evidence.symbolic is not None and not math.isfinite(dtype.nearest(evidence.symbolic)):
        return _against(evidence, evidence.symbolic, None, program, dtype)
    slope = evidence.slope()
    limit = slope.value
    if limit is None and not _unsettled(slope):
        return _without_derivative(evidence, slope, dtype)
    symbolic = evidence.symbolic
    if None not in (limit, symbolic) and suspect and not _same(symbolic, limit, dtype):
        # On a kink formulas follow conventions (sign(0) is 0), which are no testimony.
        symbolic = evidence.continued()
        evidence = replace(evidence, symbolic=symbolic)
    truth = limit if symbolic is None else symbolic
    if truth is None:
        note = "no witness could settle the exact value"
        return _entry(evidence, dtype, Verdict.UNDECIDED, note=note)
    if limit is None and suspect:
        note = "a step stands on a kink, and the limit could not be settled"
        return _entry(evidence, dtype, Verdict.UNDECIDED, note=note)
    if limit is not None and symbolic is not None and not _same(truth, limit, dtype):
        return _conflict(evidence, truth, limit, dtype)
    return _against(evidence, truth, limit, program, dtype)


def _first_two_agree(evidence: Evidence, dtype: Dtype) -> bool:
    if (
        evidence.symbolic is None
        or evidence.autograd is None
        or not math.isfinite(evidence.autograd)
    ):
        return False
    rounded = dtype.nearest(evidence.symbolic)
    return dtype.ulps(evidence.autograd, rounded) <= evidence.budget


def _rounding_explains(evidence: Evidence) -> bool:
    """Whether the gap between the first two is no larger than rounding, however they were off."""
    if (
        evidence.symbolic is None
        or evidence.autograd is None
        or not math.isfinite(evidence.autograd)
    ):
        return False
    distance = abs(mp.mpf(evidence.autograd) - evidence.symbolic)
    error = evidence.conditioning(distance).error
    return bool(distance <= error < abs(evidence.symbolic))


def _against(evidence: Evidence, truth: Any, limit: Any, program: Program, dtype: Dtype) -> Entry:
    """Hold autograd's value against the exact one."""
    autograd = evidence.autograd
    if autograd is None:
        note = "torch has no such derivative"
        return _entry(evidence, dtype, Verdict.UNDECIDED, limit, note=note)
    rounded = dtype.nearest(truth)
    if not math.isfinite(rounded):
        note = f"the exact value, {_short(truth)}, is beyond the range of {dtype.name}"
        return _entry(evidence, dtype, Verdict.UNDEFINED, limit, note=note)
    if not math.isfinite(autograd):
        note = f"the derivative exists, but torch returns {autograd}{_born(evidence)}"
        return _entry(
            evidence, dtype, Verdict.DISAGREE, limit, blame=Blame.AUTOGRAD, note=note, ulps=math.inf
        )
    ulps = dtype.ulps(autograd, rounded)
    if ulps <= evidence.budget:
        return _entry(evidence, dtype, Verdict.AGREE, limit, ulps=ulps)
    return _far_off(evidence, truth, limit, ulps, program, dtype)


def _born(evidence: Evidence) -> str:
    birth = evidence.birth()
    if birth is None:
        return ""
    text, value, direction = birth
    source = f"`{_shortened(text)}`"
    if direction == "forward":
        return f": {source} is {value} there"
    return f": the backward pass of {source} makes the first {value}"


def _undefined(evidence: Evidence, program: Program, dtype: Dtype, survey: Survey) -> Entry:
    """The entry for a derivative of a function that has no finite real value at the point."""
    note = without_value(program, survey.undefined_at) + all_the_same(evidence.autograd)
    return _entry(evidence, dtype, Verdict.UNDEFINED, note=note, silent=True)


def without_value(program: Program, undefined_at: int | None) -> str:
    """That a function is undefined, for the note of each derivative.

    Args:
        program: The function, as a scalar program.
        undefined_at: The number of the first value that is none, if that is the reason.
    """
    what = "the function has no finite value here"
    if undefined_at is not None:
        what = f"`{_shortened(program.source(undefined_at))}` has no finite real value here"
    return f"{what}, so there is no derivative"


def all_the_same(autograd: float | None) -> str:
    """What torch answers where there is no derivative, to be added to a note."""
    return "" if autograd is None else f"; torch answers {_plain(autograd)} all the same"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict on all entries of a variable's gradient together."""

    verdict: Verdict
    blame: Blame | None
    note: str


def judge_direction(
    finding: Finding, allowed: int, dtype: Dtype, shrinks: Callable[[], bool]
) -> Judgement:
    """Give the verdict on a gradient that was heard along a random direction only.

    Args:
        finding: What the limit and autograd say of the slope along it.
        allowed: The rounding budget in ulps.
        dtype: What autograd calculated in.
        shrinks: Whether the error shrinks with the precision; asked only beyond the budget.
    """
    large = "too large to be written out for calculus: all entries were checked together"
    if finding.undefined:
        note = "the function has no finite value here, so there is no derivative"
        return Judgement(Verdict.UNDEFINED, None, note)
    if finding.kinked or finding.slope is None:
        note = f"{large}, and the slopes to both sides of a random direction differ"
        return Judgement(Verdict.NONDIFFERENTIABLE, None, note)
    if not mp.isfinite(finding.autograd):
        note = f"{large}: the derivative exists, but torch returns {_short(finding.autograd)} in it"
        return Judgement(Verdict.DISAGREE, Blame.AUTOGRAD, note)
    slopes = (
        f"along a random direction the limit is {_short(finding.slope, 6)}, "
        f"autograd's {_short(finding.autograd, 6)}"
    )
    note = f"{large}; {slopes}"
    if finding.error <= allowed * dtype.unit:
        return Judgement(Verdict.AGREE, None, note)
    if not shrinks():
        return Judgement(Verdict.DISAGREE, Blame.AUTOGRAD, f"{note}, more than rounding explains")
    close_enough = finding.error < 2.0 ** (dtype.bits // 3 - dtype.bits)
    return Judgement(Verdict.AGREE if close_enough else Verdict.ROUNDING, None, note)


def undecided(evidence: Evidence, note: str) -> Entry:
    """The entry for a derivative that cannot be judged, or not in time."""
    return Entry(
        evidence.wrt,
        evidence.formula,
        None,
        evidence.autograd,
        None,
        None,
        Verdict.UNDECIDED,
        note=note,
        latex=evidence.latex,
        output=evidence.output,
    )


def unchecked(
    wrt: tuple[str, ...], formula: str | None, latex: str | None, output: str = ""
) -> Entry:
    """The entry for a formula without a point."""
    return Entry(
        wrt, formula, None, None, None, None, Verdict.UNCHECKED, latex=latex, output=output
    )


def _same(symbolic: Any, limit: Any, dtype: Dtype) -> bool:
    """Whether calculus and the limit found one value, or values that are both 0 to the dtype."""
    least = mp.ldexp(1, dtype.least - AGREEMENT_BITS)
    return close(symbolic, limit, AGREEMENT_BITS) or abs(symbolic - limit) < least


def _conflict(evidence: Evidence, symbolic: Any, limit: Any, dtype: Dtype) -> Entry:
    """Calculus and the limit differ: whom autograd sides with is right."""
    odd = None
    if evidence.autograd is not None and math.isfinite(evidence.autograd):
        apart = abs(symbolic - limit)
        with_calculus, with_limit = (
            abs(mp.mpf(evidence.autograd) - value) * NEARER < apart for value in (symbolic, limit)
        )
        if with_calculus or with_limit:
            odd = Blame.LIMIT if with_calculus else Blame.CALCULUS
    names: dict[Blame | None, str] = {
        Blame.LIMIT: "the difference quotient contradicts both calculus and autograd",
        Blame.CALCULUS: "the formula contradicts both autograd and the difference quotient",
        None: "formula, autograd and difference quotient contradict each other",
    }
    return _entry(evidence, dtype, Verdict.DISAGREE, limit, blame=odd, note=names[odd])


def _far_off(
    evidence: Evidence, truth: Any, limit: Any, ulps: float, program: Program, dtype: Dtype
) -> Entry:
    """Beyond the budget: is it rounding, or wrong?"""
    distance = abs(mp.mpf(evidence.autograd) - truth)
    conditioning = evidence.conditioning(distance)
    off = f"autograd is off by {_short(distance)}"
    if truth:
        off += f" ({_percent(distance / abs(truth))})"
    explained = distance <= conditioning.error
    if not explained and evidence.shrinks is not None and evidence.shrinks(distance):
        note = f"{off}: the error shrinks with the precision, as rounding errors do"
        close_enough = ulps < 2.0 ** (dtype.bits // 3)
        verdict = Verdict.AGREE if close_enough else Verdict.ROUNDING
        note_of_rounding = None if close_enough else note
        return _entry(evidence, dtype, verdict, limit, note=note_of_rounding, ulps=ulps)
    if not explained:
        note = f"{off}, more than rounding explains"
        return _entry(
            evidence, dtype, Verdict.DISAGREE, limit, blame=Blame.AUTOGRAD, note=note, ulps=ulps
        )
    if ulps < 2.0 ** (dtype.bits // 3):
        return _entry(evidence, dtype, Verdict.AGREE, limit, ulps=ulps)
    step = "a step"
    if conditioning.approximate:
        note = f"{off}: torch's own formula for a function in it is a series that is no better"
        return _entry(evidence, dtype, Verdict.ROUNDING, limit, note=note, ulps=ulps)
    if conditioning.culprit is not None:
        step = f"`{_shortened(program.source(conditioning.culprit))}`"
    if conditioning.cancels:
        note = f"{off}: the rounding of {step} is magnified as large terms cancel (cancellation)"
    elif not evidence.autograd:
        lost = "is so close to a constant that its slope is lost in rounding (saturation)"
        note = f"{off}: {step} {lost}"
    else:
        note = f"{off}: the steps after {step} magnify its rounding"
    return _entry(evidence, dtype, Verdict.ROUNDING, limit, note=note, ulps=ulps)


def _unsettled(slope: Slope) -> bool:
    return Trend.UNSETTLED in (slope.left.trend, slope.right.trend)


def _without_derivative(evidence: Evidence, slope: Slope, dtype: Dtype) -> Entry:
    """The limit found no derivative: say what it found on either side."""
    left, right = slope.left, slope.right
    torch = f"; torch answers {_plain(evidence.autograd)}" if evidence.autograd is not None else ""
    if left.trend is right.trend is Trend.UNDEFINED and len(evidence.wrt) == 2:
        note = f"the gradient does not exist here, so it has no derivative{torch}"
        return _entry(evidence, dtype, Verdict.NONDIFFERENTIABLE, note=note, silent=True)
    if left.trend is right.trend is Trend.UNDEFINED:
        note = f"the function has no real value to either side{torch}"
        return _entry(evidence, dtype, Verdict.UNDEFINED, note=note, silent=True)
    if Trend.UNDEFINED in (left.trend, right.trend):
        side, other = (right, "right") if left.trend is Trend.UNDEFINED else (left, "left")
        found = f"only the derivative from the {other} exists, {_side(side)}"
        note = f"the domain ends here: {found}{torch}"
    elif slope.jump:
        note = f"the function jumps here{torch}"
    elif left.trend is right.trend is Trend.INFINITE:
        note = f"the slope is infinite: left {_side(left)}, right {_side(right)}{torch}"
    else:
        note = f"the slope has a corner: left {_side(left)}, right {_side(right)}{torch}"
    if len(evidence.wrt) == 2:
        note = note.replace("the slope", "the slope of the gradient").replace(
            "the function", "the gradient"
        )
    return _entry(evidence, dtype, Verdict.NONDIFFERENTIABLE, note=note, silent=True)


def _entry(
    evidence: Evidence,
    dtype: Dtype,
    verdict: Verdict,
    limit: Any = None,
    *,
    blame: Blame | None = None,
    note: str | None = None,
    ulps: float | None = None,
    silent: bool = False,
) -> Entry:
    """An entry of the report; `silent` where the formula's value is no derivative."""
    return Entry(
        wrt=evidence.wrt,
        formula=evidence.formula,
        symbolic=None if silent or evidence.symbolic is None else dtype.nearest(evidence.symbolic),
        autograd=evidence.autograd,
        limit=None if limit is None else dtype.nearest(limit),
        ulps=ulps,
        verdict=verdict,
        blame=blame,
        note=note,
        latex=evidence.latex,
        output=evidence.output,
    )


# --- Numbers in sentences -------------------------------------------------------------------------


def _side(limit: Limit) -> str:
    if limit.trend is Trend.UNDEFINED:
        return "none"
    value = limit.value
    if value is not None and mp.isinf(value):
        return "+infinity" if value > 0 else "-infinity"
    return "none" if value is None else _short(value, digits=6)


def _plain(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.6g}"


def _short(value: Any, digits: int = 2) -> str:
    """A number to a few digits; mpmath's own, since it may be beyond float64."""
    text: str = mp.nstr(mp.mpf(value), digits, strip_zeros=True)
    return text.replace(".0e", "e").removesuffix(".0")


def _percent(ratio: Any) -> str:
    if ratio > 10:
        return f"{_short(ratio)} times the exact value"
    if ratio < 1e-4:
        return f"{_short(ratio)} of the exact value"
    return f"{float(ratio) * 100:.2g} %" if ratio < 0.995 else f"{float(ratio) * 100:.0f} %"


def _shortened(source: str, most: int = 40) -> str:
    flat = " ".join(source.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
