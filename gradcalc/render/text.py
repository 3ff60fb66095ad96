"""How the user's text, numbers and verdicts are written, the same in every format for people.

In: strings and floats of a `Report`. Out: strings without control characters.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, TypeVar

from gradcalc.render.visible import visible
from gradcalc.results.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcalc.results.report import Claim, Entry, Report, ValueCheck

T = TypeVar("T")

#: A mark beside each verdict's name, so that it is found without reading and without colour.
SYMBOLS = {
    Verdict.AGREE: "✓",
    Verdict.UNCHECKED: "○",
    Verdict.ROUNDING: "≈",
    Verdict.UNDECIDED: "?",
    Verdict.UNDEFINED: "∅",
    Verdict.NONDIFFERENTIABLE: "∠",
    Verdict.DISAGREE: "✗",
}

#: Units in the last place from which on they say nothing of a distance from 0, or of 0.
_MANY_ULPS = 2**20

_HEADLINES = {
    Verdict.AGREE: "autograd returned the exact derivative, up to rounding",
    Verdict.UNCHECKED: "formulas only, because no point was given",
    Verdict.ROUNDING: "autograd is right up to rounding, which is large here",
    Verdict.UNDECIDED: "a witness gave no answer that could be checked",
    Verdict.UNDEFINED: "there is no finite real derivative here",
    Verdict.NONDIFFERENTIABLE: "there is no derivative at this point, only from either side",
    Verdict.DISAGREE: "the witnesses contradict each other",
}

#: The same where the value has that verdict, and no derivative has.
_VALUE_HEADLINES = {
    Verdict.ROUNDING: "torch's value is right up to rounding, which is large here",
    Verdict.UNDECIDED: "the value could not be checked",
    Verdict.UNDEFINED: "the function's value is beyond the range of the dtype",
    Verdict.DISAGREE: "torch's value is wrong",
}

#: Verdicts that an enclosure may decide; the others say that there is nothing to enclose.
_PROVABLE = frozenset({Verdict.AGREE, Verdict.ROUNDING, Verdict.UNDEFINED, Verdict.DISAGREE})


def one_line(text: str) -> str:
    r"""Return the text on a single line: white space becomes one space, the rest is made visible.

    >>> one_line("u\n\t+ v")
    'u + v'
    """
    return visible(" ".join(text.split()))


def visible_lines(text: str) -> list[str]:
    r"""Return the lines of a text of several, each made visible.

    >>> visible_lines("a = x\r\na*b\n")
    ['a = x', 'a*b']
    """
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    return [visible(line.replace("\t", "    ")) for line in lines]


def statements(report: Report) -> list[str]:
    r"""Return the statements of a program as understood; of an expression, the expression.

    >>> from gradcalc.results.report import Report
    >>> statements(Report("a=x+w\ny=a*2", canonical="a = x + w; y = a*2"))
    ['a = x + w', 'y = a*2']
    """
    if report.canonical is None:
        return [report.expression]
    return report.canonical.split("; ")


def number(value: float, dtype: str = "float64") -> str:
    """Return the shortest text that reads back as the same number of that dtype.

    >>> number(7.4), number(4.0), number(0.10000000149011612, "float32")
    ('7.4', '4', '0.1')
    """
    if dtype == "float32" and math.isfinite(value):
        value = _shortest_float32(value)
    return repr(value).removesuffix(".0")


def _shortest_float32(value: float) -> float:
    for digits in range(1, 10):  # nine digits tell any two float32 numbers apart
        shorter = float(f"{value:.{digits}g}")
        if _as_float32(shorter) == value:
            return shorter
    return value  # not a float32 number, such as the limit, which has more digits


def _as_float32(value: float) -> float:
    try:
        single: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return single


def without_middle(items: Sequence[T], first: int, last: int) -> tuple[list[T], int]:
    """Return so many items at both ends, and the number of those between that are left out.

    To leave out one alone would save nothing, as a mark takes its place.

    >>> without_middle("abcdef", 2, 1), without_middle("abcd", 2, 1)
    ((['a', 'b', 'f'], 3), (['a', 'b', 'c', 'd'], 0))
    """
    left_out = len(items) - first - last
    if left_out <= 1:
        return [*items], 0
    return [*items[:first], *items[-last:]], left_out


def rounded(value: float, dtype: str, digits: int | None) -> str:
    """Return a number, correctly rounded to so many significant digits if that is shorter.

    >>> rounded(0.7071067811865476, "float64", 6), rounded(-1.2345678e-05, "float64", 6)
    ('0.707107', '-1.23457e-05')
    >>> rounded(1.25, "float64", 6), rounded(123456789.0, "float64", 6)
    ('1.25', '123456789')
    """
    whole = number(value, dtype)
    if digits is None:
        return whole
    return min(whole, f"{value:.{digits}g}", key=len)


def ulps_text(ulps: float) -> str:
    """Return a distance in units in the last place, to three digits.

    >>> ulps_text(0.0), ulps_text(1.25), ulps_text(123456.0)
    ('0', '1.25', '1.23e+05')
    """
    return format(ulps, ".3g")


def distance_text(entry: Entry) -> str:
    """Return how far autograd is from the exact value: in ulps, or in words where one of them is 0.

    >>> from gradcalc.results.report import Entry, Verdict
    >>> distance_text(Entry(("x",), "0", 0.0, 1.1e-16, None, 4.4e18, Verdict.ROUNDING))
    '1.1e-16 for 0'
    >>> distance_text(Entry(("x",), "x", 0.5, 0.5, None, 0.0, Verdict.AGREE))
    '0 ulps'
    """
    if entry.ulps is None:
        return ""
    exact = entry.limit if entry.symbolic is None else entry.symbolic
    far = _MANY_ULPS <= entry.ulps < math.inf
    if far and exact is not None and entry.autograd is not None and 0 in {exact, entry.autograd}:
        return f"{entry.autograd:.2g} for {exact:.2g}"
    return f"{ulps_text(entry.ulps)} ulps"


def value_finding(report: Report) -> ValueCheck | None:
    """Return the verdict on the value where it is not `agree`, without a number beyond range.

    >>> from gradcalc.results.report import Report, ValueCheck
    >>> value_finding(Report("exp(x)", value_check=ValueCheck(math.inf, None, Verdict.UNDEFINED)))
    ValueCheck(exact=None, ulps=None, verdict=<Verdict.UNDEFINED: 'undefined'>, note=None)
    """
    check = report.value_check
    if check is None or check.verdict is Verdict.AGREE:
        return None
    return check._replace(exact=None) if check.exact in {math.inf, -math.inf} else check


def value_sentence(check: ValueCheck) -> str:
    """Return the verdict on a value, and why.

    >>> from gradcalc.results.report import ValueCheck
    >>> value_sentence(ValueCheck(1.0, 4.5e15, Verdict.DISAGREE, "torch's value is off by 1"))
    "disagree: torch's value is off by 1"
    """
    return f"{check.verdict}: {visible(check.note)}" if check.note else str(check.verdict)


def remark(entry: Entry) -> str:
    """Return what is to be said of an entry: its note, and that its verdict is not proved.

    >>> from gradcalc.results.report import Entry
    >>> remark(Entry(("x",), "0", 0.0, 0.0, 0.0, 0.0, Verdict.AGREE))
    'checked, but not proved'
    """
    note = entry.note or ""
    if entry.proved or entry.verdict not in _PROVABLE:
        return note
    return f"{note}; not proved" if note else "checked, but not proved"


def headline(report: Report) -> str:
    """Return the verdict's name and what it means, whom it concerns, and whether it is proved.

    An error has no verdict, and so no headline.
    """
    if report.verdict is None:
        return ""
    entries = report.entries
    concerned = sum(entry.verdict is report.verdict for entry in entries)
    value = value_finding(report)
    of_value = value is not None and value.verdict is report.verdict
    remarks = []
    if 0 < concerned < len(entries):
        tensors = any(block.shape for block in (*report.gradients, *report.hessian))
        what = "entries" if tensors else "derivatives"
        remarks.append(f"{concerned:,} of {len(entries):,} {what}")
    if concerned and of_value:
        remarks.append("the value too")
    remarks += _proof(entries)
    meaning = _value_meaning(report) if of_value and not concerned else _meaning(report)
    return f"{report.verdict}: {meaning}" + (f" ({'; '.join(remarks)})" if remarks else "")


def _meaning(report: Report) -> str:
    """Return what the verdict means for derivatives, with the odd one out if there is one."""
    # A dict keeps the order of the entries, which a set would not.
    blamed = dict.fromkeys(entry.blame.value for entry in report.entries if entry.blame)
    if blamed and report.verdict is Verdict.DISAGREE:
        return f"{' and '.join(blamed)} {'is' if len(blamed) == 1 else 'are'} the odd one out"
    verdict = report.verdict or Verdict.UNCHECKED
    if verdict is Verdict.UNCHECKED and not any(entry.formula for entry in report.entries):
        return "no point was given, and no formulas either"
    return _HEADLINES[verdict]


def _value_meaning(report: Report) -> str:
    """Return what the verdict means where it is the value's alone."""
    meaning = _VALUE_HEADLINES[report.verdict or Verdict.UNDECIDED]
    if report.entries and all(entry.verdict is Verdict.AGREE for entry in report.entries):
        return f"{meaning}; every derivative agrees"
    return meaning


def _proof(entries: Sequence[Entry]) -> list[str]:
    """Return how many derivatives have a proved verdict, unless none can have one."""
    if not any(entry.verdict in _PROVABLE for entry in entries):
        return []
    proved, count = sum(entry.proved for entry in entries), len(entries)
    if 0 < proved < count:
        return [f"{proved:,} of {count:,} proved"]
    if count == 1:
        return ["proved" if proved else "not proved"]
    return ["all proved" if proved else "none proved"]


def binding_hint(report: Report) -> str:
    """Return the option that would give the variables a point, for a report without one.

    >>> from gradcalc.results.report import Report
    >>> binding_hint(Report("x"))
    '--at x=...'
    """
    names = report.variables or ("x",)
    return "--at " + ",".join(f"{visible(name)}=..." for name in names)


def claim_mark(claim: Claim) -> str:
    """Return the symbol of a judged claim."""
    return {True: "✓", False: "✗", None: "?"}[claim.correct]


def claim_sentence(claim: Claim) -> str:
    """Return what became of a derivative by hand: right and how that was shown, or wrong and where.

    >>> from gradcalc.results.report import Claim
    >>> claim_sentence(Claim("u", "3*u**2", True, "symbolic", None, None))
    'right for all values (proved)'
    """
    if claim.correct is None:
        return f"not settled: {claim.diagnosis}"
    if claim.correct:
        shown = "proved" if claim.proof == "symbolic" else "no difference at many random points"
        return f"right for all values ({shown})"
    parts = ["wrong"]
    if claim.diagnosis is not None:
        parts.append(f": {visible(claim.diagnosis)}")
    example = claim.counterexample
    if example is not None:
        point = ", ".join(f"{visible(name)} = {number(value)}" for name, value in example.at)
        claimed = "no value" if example.claimed is None else number(example.claimed)
        parts.append(
            f"; at {point} it gives {claimed}, the derivative is {number(example.derivative)}"
        )
    return "".join(parts)


def gap(report: Report) -> str:
    """Return the blank line that parts a batch's reports from one another."""
    return "" if report.line is None else "\n"
