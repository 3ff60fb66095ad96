"""Markdown: what one pastes into a pull request; GitHub's dialect.

In: a `Report`. Out: a heading, the value, the verdict and tables. The user's text stands in code
spans and blocks, where it cannot become markup. People read it: long tensors are shortened.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gradcalc.base.shortening import shorten
from gradcalc.render.tensors import (
    LeftOut,
    binding_shapes,
    entry_name,
    listed,
    notes,
    said_of_formulas,
    shape_of,
    shown,
    written,
)
from gradcalc.render.text import (
    SYMBOLS,
    binding_hint,
    claim_mark,
    claim_sentence,
    distance_text,
    gap,
    headline,
    number,
    one_line,
    value_finding,
    value_sentence,
    visible_lines,
)
from gradcalc.render.visible import visible
from gradcalc.results.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcalc.results.report import Derivative, Entry, Nested, Report

#: What the cells of a row are, after its name.
_TITLES = ("formula", "calculus", "autograd", "limit", "ulps", "verdict")

#: Characters that nested numbers, and the formulas of a tensor, may take.
_NUMBERS, _FORMULA = 80, 120


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report as paragraphs and tables."""
    parts = [_heading(report.expression)]
    if report.error is not None:
        parts.append(f"✗ **error**: {_escape(report.error.message)}")
        if report.error.hint is not None:
            parts.append(f"Help: {_escape(report.error.hint)}")
    elif report.verdict is not None:
        parts += _answer(report)
    gradient, hessian = said_of_formulas(report)
    parts += _table("∂/∂", report.gradients, report.dtype, gradient)
    parts += _table("∂²/∂", report.hessian, report.dtype, hessian)
    parts += _notes([*report.gradients, *report.hessian])
    parts += [
        f"- {claim_mark(claim)} claim {_code(f'{claim.wrt} = {claim.claim}')}: "
        f"{_escape(claim_sentence(claim))}"
        for claim in report.claims
    ]
    return "\n\n".join(parts) + "\n" + gap(report)


def _heading(expression: str) -> str:
    lines = visible_lines(expression)
    if len(lines) == 1:
        return f"### {_code(lines[0])}"
    fence = "`" * max(3, _longest_run(expression) + 1)
    return "\n".join(["### Gradient of", "", fence, *lines, fence])


def _answer(report: Report) -> list[str]:
    """Give the value at the point, the verdict, and how to get a point if there is none."""
    parts = []
    if report.value is not None:
        shapes = binding_shapes(report)
        point = ", ".join(
            _numbers(value, report.dtype, shapes.get(name), f"{name} = ")
            for name, value in report.bindings
        )
        value = _numbers(report.value, report.dtype, None)
        place = f" at {point}" if point else ""
        parts.append(f"Value {value}{place} ({report.dtype})")
    check = value_finding(report)
    if check is not None:
        exact = "" if check.exact is None else f" {_numbers(check.exact, report.dtype, None)}"
        sentence = _escape(value_sentence(check))
        parts.append(f"Exact value{exact}: {SYMBOLS[check.verdict]} {sentence}")
    if report.verdict is not None:
        parts.append(f"{SYMBOLS[report.verdict]} **{report.verdict}**{_meaning(report)}")
    if report.verdict is Verdict.UNCHECKED:
        parts.append(f"To check them at a point: {_code(binding_hint(report))}")
    return parts


def _meaning(report: Report) -> str:
    return headline(report).removeprefix(report.verdict or "")


def _numbers(value: Nested, dtype: str, shape: tuple[int, ...] | None, start: str = "") -> str:
    """Return numbers as code, and what is not seen of them; what is shortened has its shape too."""
    numbers = written(value, dtype, _NUMBERS)
    if numbers.entries < numbers.total:
        shape = shape or shape_of(value)
    remarks = [f"of shape {shape}" if shape else "", numbers.remark and f"({numbers.remark})"]
    return " ".join(filter(None, [_code(start + one_line(numbers.text)), *remarks]))


def _table(
    corner: str, derivatives: Sequence[Derivative], dtype: str, remark: str | None
) -> list[str]:
    """Return a table of derivatives under a remark, and a line for each that has no entries."""
    parts = [] if remark is None else [_escape(remark)]
    if rows := shown(derivatives, whole=False):
        room = _FORMULA if any(derivative.shape for derivative in derivatives) else None
        parts.append(_rows(corner, [_cells(row, dtype, room) for row in rows]))
    parts += [
        f"{_code(', '.join(derivative.wrt))} has no entries: its shape is {derivative.shape}"
        for derivative in derivatives
        if not derivative.entries
    ]
    return parts


def _rows(corner: str, rows: Sequence[Sequence[str]]) -> str:
    """Return the lines of a table, without the columns that no row fills."""
    columns = zip((corner, *_TITLES), zip(*rows, strict=True), strict=True)
    filled = [[title, "---", *column] for title, column in columns if any(column)]
    # A bar ends a cell, even within a code span.
    lines = ([cell.replace("|", r"\|") for cell in row] for row in zip(*filled, strict=True))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Entry | LeftOut, dtype: str, room: int | None) -> tuple[str, ...]:
    if isinstance(row, LeftOut):
        verdicts = [f"{SYMBOLS[verdict]} {count:,} {verdict}" for verdict, count in row.verdicts]
        return (f"… {row.count:,} more", *[""] * 4, row.bound, ", ".join(verdicts))
    formula = row.formula
    if formula is not None and room is not None:
        formula = shorten(formula, room)
    witnesses = (row.symbolic, row.autograd, row.limit)
    return (
        _wrt(row),
        "" if formula is None else _code(formula),
        *("" if value is None else number(value, dtype) for value in witnesses),
        distance_text(row).removesuffix(" ulps"),
        f"{SYMBOLS[row.verdict]} {row.verdict}",
    )


def _notes(derivatives: Sequence[Derivative]) -> list[str]:
    """Return the sentences that entries need, each a list of its own."""
    sentences, left_out = notes(derivatives, whole=False)
    parts = [
        f"- {listed([_wrt(entry) for entry in note.entries])}: {_escape(note.text)}"
        for note in sentences
    ]
    return [*parts, f"- … {left_out:,} more notes"] if left_out else parts


def _wrt(entry: Entry) -> str:
    return _code(entry_name(entry, ", "))


def _code(text: str) -> str:
    """Return a code span, fenced by more backticks than the text holds in a row."""
    text = one_line(text)
    fence = "`" * (_longest_run(text) + 1)
    # A space on both sides is not shown, and keeps a backtick at the edge off the fence.
    space = " " if text[:1] == "`" or text[-1:] == "`" or not text else ""
    return f"{fence}{space}{text}{space}{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _escape(text: str) -> str:
    """Return plain text in which nothing is markup."""
    return re.sub(r"([\\`*_{}\[\]<>|~#$&!])", r"\\\1", visible(text))
