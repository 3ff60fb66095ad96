r"""CSV: one row for each derivative, claim or error; for spreadsheets and data frames.

In: a `Report`. Out: rows without the header, which `FORMATS` holds. Numbers round-trip.

A tensor has a row for each entry. The cell `wrt` holds

- `x`, or `x[0,1]` for an entry of a tensor;
- `x,y` or `x[0,1],y` in a Hessian: commas in brackets part indices, the others variables;
- `f[2]/x[0,1]` in a Jacobian: before the slash stands the entry of the output.

`re.findall(r"\w+(?:\[[\d,]+\])?", cell)` takes it apart. A tensor's rows are in the order of its
entries in memory, so that the numbers may be reshaped.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from gradcalc.render.tensors import entry_name
from gradcalc.render.text import claim_sentence, visible

if TYPE_CHECKING:
    from gradcalc.results.report import Entry, Report


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report's rows."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if report.error is not None:
        # This text was never understood, so it may be anything, a spreadsheet's formula included.
        start = [_number(report.line), _id(report), _cell(report.expression, understood=False)]
        message = f"{report.error.kind}: {report.error.message}"
        writer.writerow([*start, *[""] * 9, _cell(message)])
    start = [_number(report.line), _id(report), _cell(report.expression)]
    for entry in report.entries:
        writer.writerow([*start, *_entry(entry), ""])
    if report.error is None and not (report.gradients or report.hessian or report.claims):
        # Nothing to differentiate by, or no answer: the line has a row all the same.
        note = _cell("; ".join(report.warnings))
        writer.writerow([*start, *[""] * 6, report.verdict or "", "", note, ""])
    for claim in report.claims:
        verdict = {True: "claim right", False: "claim wrong", None: "claim undecided"}[
            claim.correct
        ]
        cells = [_cell(claim.wrt), _cell(claim.claim), *[""] * 4, verdict, ""]
        writer.writerow([*start, *cells, _cell(claim_sentence(claim)), ""])
    return out.getvalue()


def _entry(entry: Entry) -> list[str]:
    return [
        _cell(entry_name(entry)),
        _cell(entry.formula or ""),
        _number(entry.symbolic),
        _number(entry.autograd),
        _number(entry.limit),
        _number(entry.ulps),
        entry.verdict,
        entry.blame or "",
        _cell(entry.note or ""),
    ]


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _id(report: Report) -> str:
    """Return a record's id: text as it is, any other JSON value as JSON."""
    if report.id is None:
        return ""
    if isinstance(report.id, str):
        return _cell(report.id, understood=False)
    return json.dumps(report.id)


def _cell(text: str, *, understood: bool = True) -> str:
    """Return a text cell that a spreadsheet will not run as a formula.

    A cell that begins with one of = + - @ is a formula to a spreadsheet, and a stranger's formula
    can fetch and start things; an apostrophe in front makes it text. But `-x**2` is what a user
    means, and an apostrophe would keep a script from reading it back. Text that gradcalc
    understood calls only functions of its own table, so its signs are left alone. (A comment in it
    could say anything; that one is not trusted.)
    """
    dangerous = "=@\t\r" if understood and "#" not in text else "=+-@\t\r"
    guarded = f"'{text}" if text.startswith(tuple(dangerous)) else text
    # A terminal may be what reads it.
    return visible(guarded)
