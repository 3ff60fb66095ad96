"""The terminal's format: what a student reads and an engineer scans.

In: a `Report`. Out: the expression as understood, the verdict in words, and tables of derivatives,
tensors and the backward graph. Lines are drawn for a terminal only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradcalc.render.console import draw, grid
from gradcalc.render.graph import graph_lines
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
    from collections.abc import Sequence

    from rich.console import RenderableType

    from gradcalc.report import Entry, Report

_STYLES = {
    Verdict.AGREE: "green",
    Verdict.UNCHECKED: "cyan",
    Verdict.ROUNDING: "yellow",
    Verdict.UNDECIDED: "yellow",
    Verdict.UNDEFINED: "magenta",
    Verdict.NONDIFFERENTIABLE: "magenta",
    Verdict.DISAGREE: "bold red",
}

_CLAIM_STYLES = {True: "green", False: "bold red", None: "yellow"}


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report for a terminal of that width; None is no terminal (see `Renderer.report`)."""
    parts = _summary(report, boxes=width is not None)
    parts += _derivatives("Gradient", report.gradients, report, width)
    parts += _derivatives("Hessian", report.hessian, report, width)
    parts += _claims(report, boxes=width is not None)
    parts += _tensors(report, width)
    if report.graph:
        parts += [
            Text(),
            Text("Backward graph", "bold"),
            Text("\n", no_wrap=True).join(graph_lines(report.graph, width)),
        ]
    return draw(parts, width, color=color) + gap(report)


def _summary(report: Report, *, boxes: bool) -> list[RenderableType]:
    """Show the expression, the point, the value and the verdict; or the error."""
    facts = Table.grid(padding=(0, 2, 0, 0))
    for title, value in _facts(report):
        facts.add_row(Text(title, "dim"), value)
    parts: list[RenderableType] = [facts]
    if report.error is not None:
        parts += [Text(), Text(f"error: {visible(report.error.message)}", "bold red")]
    if report.verdict is not None:
        symbol = f"{SYMBOLS[report.verdict]} " if boxes else ""
        parts += [Text(), Text(symbol + headline(report), _STYLES[report.verdict])]
    if report.verdict is Verdict.UNCHECKED:
        parts.append(Text.assemble("to check them at a point: ", (binding_hint(report), "bold")))
    return parts


def _facts(report: Report) -> list[tuple[str, Text]]:
    """List what the report is about, each with its title."""
    facts = []
    if report.line is not None:
        place = f"line {report.line}" if report.source is None else f"{report.source}:{report.line}"
        facts.append(("from", Text(visible(place))))
    canonical = report.expression if report.canonical is None else report.canonical
    if _bare(canonical) != _bare(report.expression):
        facts.append(("typed", _text_lines(report.expression)))
    facts.append(("f", _text_lines(canonical, "bold")))
    if report.bindings:
        facts.append(("at", Text(", ".join(_bindings(report)))))
    if report.value is not None:
        value = Text(number(report.value, report.dtype), "bold")
        facts.append(("value", value.append(_dtype_remark(report), "dim")))
    return facts


def _bare(text: str) -> str:
    return "".join(text.split())


def _text_lines(text: str, style: str = "") -> Text:
    return Text("\n".join(visible_lines(text)), style)


def _bindings(report: Report) -> list[str]:
    """Each binding, and whether it is held constant rather than differentiated by."""
    varied = {name for entry in report.gradients for name in entry.wrt}
    return [
        f"{visible(name)} = {number(value, report.dtype)}"
        + ("" if name in varied or not varied else " (constant)")
        for name, value in report.bindings
    ]


def _dtype_remark(report: Report) -> str:
    return "" if report.dtype == "float64" else f"  ({report.dtype})"


def _derivatives(
    title: str,
    entries: Sequence[Entry],
    report: Report,
    width: int | None,
) -> list[RenderableType]:
    """Return a table of derivatives, and under it the notes."""
    if not entries:
        return []
    boxes = width is not None
    columns = {
        "derivative": [Text(_name(entry, boxes=boxes), "bold") for entry in entries],
        "formula": [Text(visible(entry.formula or "")) for entry in entries],
        "calculus": [_number(entry.symbolic, report) for entry in entries],
        "autograd": [_number(entry.autograd, report) for entry in entries],
        "limit": [_number(entry.limit, report) for entry in entries],
        "ulps": [Text("" if entry.ulps is None else ulps_text(entry.ulps)) for entry in entries],
        "verdict": [_verdict(entry, boxes=boxes) for entry in entries],
    }
    filled = {title: cells for title, cells in columns.items() if any(cells)}
    return [
        Text(),
        Text(title, "bold"),
        grid(filled, width, flexible="formula"),
        *_notes(entries, boxes=boxes),
    ]


def _name(entry: Entry, *, boxes: bool) -> str:
    """Return what the derivative is called, in ASCII off a terminal."""
    first, *others = (visible(name) for name in entry.wrt)
    if not others:
        return f"∂f/∂{first}" if boxes else f"df/d{first}"
    if others == [first]:
        return f"∂²f/∂{first}²" if boxes else f"d2f/d{first}^2"
    return f"∂²f/∂{first} ∂{others[0]}" if boxes else f"d2f/(d{first}*d{others[0]})"


def _number(value: float | None, report: Report) -> Text:
    return Text("" if value is None else number(value, report.dtype))


def _verdict(entry: Entry, *, boxes: bool) -> Text:
    symbol = f"{SYMBOLS[entry.verdict]} " if boxes else ""
    return Text(f"{symbol}{entry.verdict}", _STYLES[entry.verdict])


def _notes(entries: Sequence[Entry], *, boxes: bool) -> list[RenderableType]:
    """Return the sentences that entries need, under their table."""
    notes = Table.grid(padding=(0, 2, 0, 0))
    for entry in entries:
        if entry.note is not None:
            name = Text(_name(entry, boxes=boxes), _STYLES[entry.verdict])
            notes.add_row(name, Text(visible(entry.note)))
    return [Padding(notes, (1, 0, 0, int(boxes)), expand=False)] if notes.row_count else []


def _claims(report: Report, *, boxes: bool) -> list[RenderableType]:
    """Return what became of each derivative by hand."""
    if not report.claims:
        return []
    rows = Table.grid(padding=(0, 2, 0, 0))
    for claim in report.claims:
        style = _CLAIM_STYLES[claim.correct]
        mark = f"{claim_mark(claim)} " if boxes else ""
        name = f"∂f/∂{visible(claim.wrt)}" if boxes else f"df/d{visible(claim.wrt)}"
        left = Text.assemble((f"{mark}{name}", "bold"), f" = {visible(claim.claim)}")
        rows.add_row(left, Text(claim_sentence(claim), style))
    return [Text(), Text("Claims", "bold"), Padding(rows, (0, 0, 0, int(boxes)), expand=False)]


def _tensors(report: Report, width: int | None) -> list[RenderableType]:
    """Show what torch says of each tensor after backward."""
    tensors = report.tensors
    if not tensors:
        return []
    columns = {
        "tensor": [Text(one_line(row.name), "bold") for row in tensors],
        "shape": [Text(str(row.shape)) for row in tensors],
        "leaf": [_yes_or_no(yes=row.is_leaf) for row in tensors],
        "requires_grad": [_yes_or_no(yes=row.requires_grad) for row in tensors],
        "grad_fn": [Text(one_line(row.grad_fn or "None")) for row in tensors],
        ".grad": [_number(row.grad, report) or Text("None") for row in tensors],
    }
    table = grid(columns, width, flexible="tensor")
    return [Text(), Text("Tensors after backward", "bold"), table]


def _yes_or_no(*, yes: bool) -> Text:
    return Text("yes" if yes else "no")
