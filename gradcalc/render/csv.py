r"""CSV: one row for each derivative, claim or error; for spreadsheets and data frames.

A value that does not agree has a row too: its cell `wrt` is empty, `symbolic` is the exact value
and `autograd` is torch's, both left empty of a tensor.

In: a `Report`. Out: rows without the header, which `FORMATS` holds. Or in: the tables of a sweep.
Out: a row for each point, the table's columns, its verdict and note. Numbers round-trip.

A tensor has a row for each entry. The cell `wrt` holds

- `x`, or `x[0,1]` for an entry of a tensor;
- `x,y` or `x[0,1],y` in a Hessian: commas in brackets part indices, the others variables;
- `f[2]/x[0,1]` in a Jacobian: before the slash stands the entry of the output.

No cell but a number begins as what a spreadsheet would calculate or run, `-x**2` or a stranger's
`=HYPERLINK(...)`, which can fetch and start things. In the column `formula`
`(-x**2)` stands in brackets, so that all cells are formulas. Before any other such text, also
behind blanks, and before one that begins with an apostrophe, stands an apostrophe. A backslash, and
each character that nobody would see, is an escape as in Python. So a text is read back by `read` of

    def read(cell):
        text = cell.removeprefix("'").encode("latin-1", "backslashreplace")
        return text.decode("unicode_escape")

Cells of numbers are numbers, with their signs. The encoding is UTF-8, wherever it goes.

`re.findall(r"\w+(?:\[[\d,]+\])?", cell)` takes the cell `wrt` apart. A tensor's rows are in
the order of its entries in memory, so that the numbers may be reshaped.
"""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from gradcalc.base.errors import Kind
from gradcalc.render.tensors import entry_name
from gradcalc.render.text import claim_sentence, value_finding
from gradcalc.render.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gradcalc.results.report import Claim, Entry, Nested, Report, ValueCheck
    from gradcalc.results.table import Table

#: What a formula begins with, to one spreadsheet or another; and what marks that it is none.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", *"\uff1d\uff0b\uff0d\uff20", "'")

#: A formula that is a number; that it has a sign does no harm.
_NUMBER = re.compile(r"-[0-9.]+(e[+-]?[0-9]+)?")

#: Rows of a table that are drawn together.
_ROWS = 10_000


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report's rows."""
    start = [_number(report.line), _id(report), _cell(report.expression)]
    check = value_finding(report)
    rows = [] if check is None else [[*start, *_value(report.value, check), "", ""]]
    rows += [[*start, *_entry(entry), "", str(entry.proved).lower()] for entry in report.entries]
    rows += [[*start, *_claim(claim), "", ""] for claim in report.claims]
    if report.error is not None:
        kind, message = report.error.kind, report.error.message
        # The message of an internal error says itself that it is one.
        message = message if kind is Kind.INTERNAL else f"{kind}: {message}"
        rows = [[*start, *[""] * 9, _cell(message), ""], *rows]
    elif not (rows or report.gradients):
        # Nothing to differentiate by, or no answer: the line has a row all the same.
        note = _cell("; ".join(report.warnings))
        rows = [[*start, *[""] * 6, report.verdict or "", "", note, "", ""]]
    return _lines(rows)


def _value(value: Nested | None, check: ValueCheck) -> list[str]:
    exact, torch = ("" if isinstance(of, tuple) else _number(of) for of in (check.exact, value))
    note = _cell(check.note or "")
    return ["", "", exact, torch, "", _number(check.ulps), check.verdict, "", note]


def _claim(claim: Claim) -> list[str]:
    verdict = {True: "claim right", False: "claim wrong", None: "claim undecided"}[claim.correct]
    return [
        *(_cell(claim.wrt), _formula(claim.claim), "", "", "", "", verdict, ""),
        _cell(claim_sentence(claim)),
    ]


def _entry(entry: Entry) -> list[str]:
    return [
        _cell(entry_name(entry)),
        _formula(entry.formula or ""),
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
        return _cell(report.id)
    return json.dumps(report.id)


def _cell(text: str) -> str:
    r"""Return a text cell that no spreadsheet will run, and no terminal obey.

    The rule to read it back is the module's.

    >>> _cell("-x"), _cell(" =x"), _cell("x"), _cell("'x"), _cell("a\x1b\\b")
    ("'-x", "' =x", 'x', "''x", 'a\\x1b\\\\b')
    """
    guarded = text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)
    return visible((f"'{text}" if guarded else text).replace("\\", r"\\"))


def _formula(text: str) -> str:
    """Return the cell of a formula, gradcalc's or a claim: one that no spreadsheet will run.

    >>> _formula("-x**2"), _formula("2*x"), _formula("-1.5"), _formula("+x")
    ('(-x**2)', '2*x', '-1.5', '(+x)')
    """
    if _NUMBER.fullmatch(text):
        return text
    return _cell(f"({text})" if text.startswith(("-", "+")) else text)


class Tables:
    """Draws the tables of a sweep."""

    footer = ""

    def __init__(self, columns: Sequence[str]) -> None:
        self.header = _lines([[*columns, "verdict", "note"]])

    def draw(self, table: Table) -> Iterator[str]:
        """A row for each point."""
        cells = [_cells(table, name) for name in table.columns]
        rows = zip(*cells, table.verdicts, map(_cell, table.notes), strict=True)
        while lines := _lines(islice(rows, _ROWS)):
            yield lines


def _cells(table: Table, name: str) -> list[Any]:
    """The cells of a column of numbers."""
    cells: list[Any] = table.columns[name].tolist()
    if name.endswith(" ulps"):
        cells = [int(u) if u < 2**53 and u.is_integer() else u for u in cells]
    if name in table.missing:
        for place in table.missing[name].nonzero()[0].tolist():
            cells[place] = None
    return cells


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
