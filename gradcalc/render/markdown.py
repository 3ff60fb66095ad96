"""Markdown: what one pastes into a pull request; GitHub's dialect.

In: a `Report`. Out: a heading, the value, the verdict and tables. The user's text stands in code
spans and blocks, where it cannot become markup.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gradcalc.render.text import (
    SYMBOLS,
    binding_hint,
    claim_mark,
    claim_sentence,
    gap,
    headline,
    number,
    one_line,
    ulps_text,
    visible,
    visible_lines,
)
from gradcalc.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcalc.report import Entry, Report


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report as paragraphs and tables."""
    parts = [_heading(report.expression)]
    if report.error is not None:
        parts.append(f"✗ **error**: {_escape(report.error.message)}")
        if report.error.hint is not None:
            parts.append(f"Help: {_escape(report.error.hint)}")
    elif report.verdict is not None:
        parts += _answer(report)
    if report.gradients:
        parts.append(_table("∂/∂", report.gradients, report.dtype))
    if report.hessian:
        parts.append(_table("∂²/∂", report.hessian, report.dtype))
    parts += [f"- {_wrt(entry)}: {_escape(entry.note)}" for entry in report.entries if entry.note]
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
        point = ", ".join(
            _code(f"{name} = {number(value, report.dtype)}") for name, value in report.bindings
        )
        place = f" at {point}" if point else ""
        parts.append(f"Value {_code(number(report.value, report.dtype))}{place} ({report.dtype})")
    if report.verdict is not None:
        parts.append(f"{SYMBOLS[report.verdict]} **{report.verdict}**{_meaning(report)}")
    if report.verdict is Verdict.UNCHECKED:
        parts.append(f"To check them at a point: {_code(binding_hint(report))}")
    return parts


def _meaning(report: Report) -> str:
    return headline(report).removeprefix(report.verdict or "")


def _table(corner: str, entries: Sequence[Entry], dtype: str) -> str:
    columns: list[tuple[str, Callable[[Entry], str | None]]] = [
        (corner, _wrt),
        ("formula", lambda entry: None if entry.formula is None else _code(entry.formula)),
        ("calculus", lambda entry: _number(entry.symbolic, dtype)),
        ("autograd", lambda entry: _number(entry.autograd, dtype)),
        ("limit", lambda entry: _number(entry.limit, dtype)),
        ("ulps", lambda entry: None if entry.ulps is None else ulps_text(entry.ulps)),
        ("verdict", lambda entry: f"{SYMBOLS[entry.verdict]} {entry.verdict}"),
    ]
    filled = [
        (title, cells)
        for title, cell in columns
        if any(cells := [cell(entry) for entry in entries])
    ]
    rows = [[title for title, _ in filled], ["---"] * len(filled)]
    # A bar ends a cell, even within a code span.
    rows += [
        [(cells[index] or "").replace("|", r"\|") for _, cells in filled]
        for index in range(len(entries))
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _wrt(entry: Entry) -> str:
    return _code(", ".join(entry.wrt))


def _number(value: float | None, dtype: str) -> str | None:
    return None if value is None else number(value, dtype)


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
