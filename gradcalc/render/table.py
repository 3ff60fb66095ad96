"""The terminal's format: what a student reads and an engineer scans.

In: a `Report`. Out: the expression as understood, the verdict in words, and tables of derivatives,
tensors and the backward graph. Lines are drawn for a terminal only, and only there is shortened
what is long.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradcalc.base.shortening import shorten
from gradcalc.render.console import draw, grid, needed, stack
from gradcalc.render.derivatives import STYLES, derivative_name, derivatives_table
from gradcalc.render.graph import graph_lines
from gradcalc.render.tensors import Written, binding_shapes, said_of_formulas, shape_of, written
from gradcalc.render.text import (
    SYMBOLS,
    binding_hint,
    claim_mark,
    claim_sentence,
    gap,
    headline,
    number,
    one_line,
    statements,
    value_finding,
    value_sentence,
    visible_lines,
    without_middle,
)
from gradcalc.render.visible import visible
from gradcalc.results.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType

    from gradcalc.results.report import Report, TensorRow, ValueCheck

_CLAIM_STYLES = {True: "green", False: "bold red", None: "yellow"}

#: The cells of a tensor's row, but for its gradient.
_TENSOR_CELLS: dict[str, Callable[[TensorRow], Text]] = {
    "tensor": lambda row: Text(one_line(row.name), "bold"),
    "shape": lambda row: Text(str(row.shape)),
    "leaf": lambda row: Text("yes" if row.is_leaf else "no"),
    "requires_grad": lambda row: Text("yes" if row.requires_grad else "no"),
    "grad_fn": lambda row: Text(one_line(row.grad_fn or "None")),
}

#: Columns that a line below a tensor's row is indented by, and one at the end.
_INDENT = 4

#: What stands over the tensors of a Jacobian.
_NO_BACKWARD = (
    'backward was not run, so no .grad is set: torch would say "grad can be implicitly created '
    'only for scalar outputs"; --grad-outputs gives it weights'
)

#: Statements of a program, and tensors of it, that a terminal shows: the first and the last.
_FIRST, _LAST = 20, 8


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report for a terminal of that width; None is no terminal (see `Renderer.report`)."""
    parts = _summary(report, width)
    gradient, hessian = said_of_formulas(report)
    parts += derivatives_table("Gradient", report.gradients, report.dtype, width, gradient)
    parts += derivatives_table("Hessian", report.hessian, report.dtype, width, hessian)
    parts += _claims(report, boxes=width is not None)
    parts += _tensors(report, width)
    if report.graph:
        parts += [
            Text(),
            Text("Backward graph", "bold"),
            Text("\n", no_wrap=True).join(graph_lines(report.graph, width)),
        ]
    return draw(parts, width, color=color) + gap(report)


def _summary(report: Report, width: int | None) -> list[RenderableType]:
    """Show the expression, the point, the value and the verdict; or the error."""
    facts = Table.grid(padding=(0, 2, 0, 0))
    # The titles and their padding take seven columns.
    for title, value in _facts(report, None if width is None else max(20, width - 7)):
        facts.add_row(Text(title, "dim"), value)
    parts: list[RenderableType] = [facts]
    if report.error is not None:
        parts += [Text(), Text(f"error: {visible(report.error.message)}", "bold red")]
    if report.verdict is not None:
        symbol = "" if width is None else f"{SYMBOLS[report.verdict]} "
        parts += [Text(), Text(symbol + headline(report), STYLES[report.verdict])]
    if report.verdict is Verdict.UNCHECKED:
        parts.append(Text.assemble("to check them at a point: ", (binding_hint(report), "bold")))
    return parts


def _facts(report: Report, room: int | None) -> list[tuple[str, Text]]:
    """List what the report is about, each with its title."""
    facts = []
    if report.line is not None:
        place = f"line {report.line}" if report.source is None else f"{report.source}:{report.line}"
        facts.append(("from", Text(visible(place))))
    understood = statements(report)
    if _bare(report.expression, program=len(understood) > 1) != _bare("".join(understood)):
        facts.append(("typed", _text_lines([report.expression], room)))
    facts.append(("f", _text_lines(understood, room, "bold")))
    if report.bindings:
        facts.append(("at", _bindings(report, room)))
    if report.value is not None:
        numbers = written(report.value, report.dtype, room)
        # What is shortened does not show how long it was.
        shape = shape_of(report.value) if numbers.entries < numbers.total else ()
        remarks = [f"shape {shape}" if shape else "", numbers.remark, _dtype_remark(report)]
        facts.append(("value", _with_remarks("", numbers, remarks, room, "bold")))
    check = value_finding(report)
    if check is not None:
        facts.append(("exact", _exact(check, report.dtype, room)))
    return facts


def _exact(check: ValueCheck, dtype: str, room: int | None) -> Text:
    """Return the exact value, if there is one, and what became of torch's."""
    symbol = "" if room is None else f"{SYMBOLS[check.verdict]} "
    finding = Text(symbol + value_sentence(check), STYLES[check.verdict])
    if check.exact is None:
        return finding
    numbers = written(check.exact, dtype, room)
    text = _with_remarks("", numbers, [numbers.remark], room, "bold")
    return Text.assemble(text, "\n" if isinstance(check.exact, tuple) else "  ", finding)


def _bare(text: str, *, program: bool = False) -> str:
    """Return the text without blanks; of a program also without what parts its statements."""
    return "".join((re.sub(r"#.*|;", "", text) if program else text).split())


def _text_lines(texts: Sequence[str], room: int | None, style: str = "") -> Text:
    """Return texts below one another, on a terminal without the middle of a long program."""
    lines = [line for text in texts for line in visible_lines(text)]
    if room is not None:
        lines, left_out = without_middle(lines, _FIRST, _LAST)
        lines[_FIRST:_FIRST] = [f"… {left_out:,} lines left out"] if left_out else []
    return Text("\n".join(lines), style)


def _bindings(report: Report, room: int | None) -> Text:
    """Each binding, and whether it is held constant; a tensor on lines of its own."""
    shapes = binding_shapes(report)
    text = Text()
    for place, (name, value) in enumerate(report.bindings):
        if place:
            after_tensor = report.bindings[place - 1][0] in shapes
            text.append("\n" if name in shapes or after_tensor else ", ")
        start = f"{visible(name)} = "
        constant = name in report.constants
        if not isinstance(value, tuple):
            remark = " (constant)" if constant else ""
            text.append(f"{start}{number(value, report.dtype)}{remark}")
            continue
        numbers = written(value, report.dtype, _left(room, start))
        remarks = [f"shape {shapes[name]}", "constant" if constant else "", numbers.remark]
        text.append_text(_with_remarks(start, numbers, remarks, room))
    return text


def _left(room: int | None, start: str) -> int | None:
    """Return the room that is left after the start of a line."""
    return None if room is None else max(20, room - len(start))


def _with_remarks(
    start: str, numbers: Written, remarks: Sequence[str], room: int | None, style: str = ""
) -> Text:
    """Return numbers and the remarks on them, these below where there is no room beside them."""
    text = numbers.text
    remark = ", ".join(filter(None, remarks))
    left = _left(room, start)
    last = text.rpartition("\n")[2]
    below = left is not None and len(last) + 2 + len(remark) > left and "[" in text
    indented = "\n" + " " * len(start)
    drawn = Text(start + text.replace("\n", indented), style)
    return drawn.append((indented if below else "  ") + remark, "dim") if remark else drawn


def _dtype_remark(report: Report) -> str:
    return "" if report.dtype == "float64" else f"({report.dtype})"


def _claims(report: Report, *, boxes: bool) -> list[RenderableType]:
    """Return what became of each derivative by hand."""
    if not report.claims:
        return []
    rows = Table.grid(padding=(0, 2, 0, 0))
    for claim in report.claims:
        style = _CLAIM_STYLES[claim.correct]
        mark = f"{claim_mark(claim)} " if boxes else ""
        name = derivative_name([claim.wrt], boxes=boxes)
        left = Text.assemble((f"{mark}{name}", "bold"), f" = {visible(claim.claim)}")
        rows.add_row(left, Text(claim_sentence(claim), style))
    return [Text(), Text("Claims", "bold"), Padding(rows, (0, 0, 0, int(boxes)), expand=False)]


def _tensors(report: Report, width: int | None) -> list[RenderableType]:
    """Show what torch says of each tensor after backward."""
    if not report.tensors:
        return []
    rows: Sequence[TensorRow] = report.tensors
    left_out = 0
    if width is not None:
        rows, left_out = without_middle(rows, _FIRST, _LAST)
    columns, below = _tensor_columns(rows, report.dtype, width)
    if left_out:
        for title, cells in columns.items():
            more = f"… {left_out:,} more" if title == "tensor" else ""
            cells.insert(_FIRST, Text(more, "dim"))
        below.insert(_FIRST, [])
    beside = not any(below)
    table = grid(columns, width, flexible="tensor") if beside else stack(columns, below)
    return [Text(), *_after(report), table]


def _tensor_columns(
    rows: Sequence[TensorRow], dtype: str, width: int | None
) -> tuple[dict[str, list[Text]], list[list[Text]]]:
    """Return the cells of the tensors, and the lines below each row.

    A gradient that has more room below its row than in a cell stands there.
    """
    columns = {title: [cell(row) for row in rows] for title, cell in _TENSOR_CELLS.items()}
    nothing: list[list[Text]] = [[] for _ in rows]
    room = None if width is None else width - needed(columns, "tensor") - 3
    beside = columns | {".grad": [_grad(row, dtype, room) for row in rows]}
    if width is None or room is None:
        return beside, nothing
    if not any(_is_cramped(row, dtype, room, width - _INDENT) for row in rows):
        return beside, nothing
    tensors = [isinstance(row.grad, tuple) for row in rows]
    below = [
        [_grad(row, dtype, width - _INDENT, ".grad = ")] if is_tensor else []
        for row, is_tensor in zip(rows, tensors, strict=True)
    ]
    columns[".grad"] = [
        Text("below") if is_tensor else _grad(row, dtype, None)
        for row, is_tensor in zip(rows, tensors, strict=True)
    ]
    others = {title: cells for title, cells in columns.items() if title != "tensor"}
    most = width - needed(others) - 3
    names = [shorten(name.plain, most, cell_len) for name in columns["tensor"]]
    columns["tensor"] = [Text(name, "bold") for name in names]
    if needed(columns) <= width:
        return columns, below
    return beside | {".grad": [_grad(row, dtype, width - 18) for row in rows]}, nothing


def _is_cramped(row: TensorRow, dtype: str, room: int, below: int) -> bool:
    """Whether a gradient has too little room in a cell, or would be whole below."""
    if not isinstance(row.grad, tuple):
        return row.grad is not None and len(number(row.grad, dtype)) > room
    cell, line = written(row.grad, dtype, room), written(row.grad, dtype, below)
    if max(cell.width, len(cell.remark)) > room:
        return True
    return cell.entries < line.entries and (cell.entries == 1 or line.entries == line.total)


def _after(report: Report) -> list[Text]:
    """Return the heading of the tensors, which tells how often backward was run, if not once."""
    if not report.passes:
        return [Text("Tensors", "bold"), Text(_NO_BACKWARD, "dim")]
    passes = "" if report.passes == 1 else f", run {report.passes} times"
    return [Text(f"Tensors after backward{passes}", "bold")]


def _grad(row: TensorRow, dtype: str, room: int | None, start: str = "") -> Text:
    if row.grad is None:
        return Text("None")
    numbers = written(row.grad, dtype, _left(room, start))
    return _with_remarks(start, numbers, [numbers.remark], room)
