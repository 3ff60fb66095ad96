"""JUnit's XML, as CI systems read it: a test case for each report.

In: a `Report`. Out: its element, without the root that `FORMATS` holds, so that a run of any length
can be written as it goes. A verdict that makes gradcalc's exit code fail is a failure, or an error
if there was no answer; formulas without a point are skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from gradcalc.render.tensors import entry_name
from gradcalc.render.text import (
    claim_sentence,
    headline,
    one_line,
    remark,
    value_finding,
    value_sentence,
)
from gradcalc.render.visible import visible
from gradcalc.results.report import Verdict

if TYPE_CHECKING:
    from gradcalc.results.report import Report

#: The element for what a report comes to; nothing for what is fine.
_ELEMENTS = {
    "claim": "failure",
    Verdict.DISAGREE: "failure",
    Verdict.UNDEFINED: "failure",
    Verdict.NONDIFFERENTIABLE: "failure",
    Verdict.UNDECIDED: "error",
    Verdict.UNCHECKED: "skipped",
}

#: Derivatives of one report that are named.
_LINES = 50


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report as a test case."""
    place = "" if report.line is None else f"line {report.line}: "
    source = _quoted(report.source or "gradcalc")
    names = f"classname={source} name={_quoted(place + report.expression)}"
    finding = _finding(report)
    if finding is None:
        return f"<testcase {names}/>\n"
    element, kind, message = finding
    kinds = "" if element == "skipped" else f" type={_quoted(kind)}"
    details = "\n".join(visible(line) for line in _details(report))
    start = f"<{element}{kinds} message={_quoted(message)}"
    inside = f"{start}>{_ascii(escape(details))}</{element}>" if details else f"{start}/>"
    return f"<testcase {names}>{inside}</testcase>\n"


def _finding(report: Report) -> tuple[str, str, str] | None:
    """The element that says what is wrong, its type and its message; None if all is well."""
    if report.error is not None:
        return "error", report.error.kind, report.error.message
    outcome = report.outcome
    kind, message = outcome.most_serious, headline(report)
    if outcome.wrong_claim:
        kind, message = "claim", "a derivative by hand is wrong"
    elif kind != report.verdict:
        message = "a derivative by hand could not be judged"
    # Claims are judged without a point.
    if kind not in _ELEMENTS or (kind == Verdict.UNCHECKED and report.claims):
        return None
    return _ELEMENTS[kind], kind, message


def _details(report: Report) -> list[str]:
    """One line for the value and each derivative that needs a look, each claim and warning."""
    lines = [
        ": ".join(filter(None, [entry_name(entry), str(entry.verdict), remark(entry)]))
        for entry in report.entries
        if _ELEMENTS.get(entry.verdict) in {"failure", "error"}
    ]
    if len(lines) > _LINES:
        lines[_LINES:] = [f"and {len(lines) - _LINES} more"]
    check = value_finding(report)
    if check is not None:
        lines.insert(0, f"value: {value_sentence(check)}")
    lines += [
        f"claim {claim.wrt} = {claim.claim}: {claim_sentence(claim)}"
        for claim in report.claims
        if not claim.correct
    ]
    if report.error is not None and report.error.hint is not None:
        lines.append(report.error.hint)
    return lines + list(report.warnings)


def _quoted(text: str) -> str:
    """Return a text as the value of an attribute."""
    return _ascii(quoteattr(one_line(text)))


def _ascii(text: str) -> str:
    """Return XML in ASCII, whatever the encoding of the terminal or the pipe is.

    XML knows no way to write control characters, half surrogate pairs, and the two that Unicode has
    set aside; all but the last are visible escapes by now.
    """
    text = text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")
