"""The terminal's tables of derivatives: a gradient or a Hessian in, its table and its notes out.

Scalars are shown whole. Of a long tensor a terminal gets what `render.tensors` picks, in the layout
that suits its width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradcalc.base.shortening import shorten
from gradcalc.render.console import grid, needed, stack
from gradcalc.render.tensors import LeftOut, listed, notes, shown
from gradcalc.render.text import SYMBOLS, distance_text, rounded
from gradcalc.render.visible import visible
from gradcalc.results.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from gradcalc.results.report import Derivative, Entry

STYLES = {
    Verdict.AGREE: "green",
    Verdict.UNCHECKED: "cyan",
    Verdict.ROUNDING: "yellow",
    Verdict.UNDECIDED: "yellow",
    Verdict.UNDEFINED: "magenta",
    Verdict.NONDIFFERENTIABLE: "magenta",
    Verdict.DISAGREE: "bold red",
}

#: What the cells of a row are; `_cells` keeps to this order.
_TITLES = ("derivative", "formula", "calculus", "autograd", "limit", "ulps", "verdict")

#: The layouts of a tensor's table, the best first: whether formulas have a column, or else a line
#: each; and the digits that numbers are rounded to. Seventeen are all that a number has.
_LAYOUTS: tuple[tuple[bool, int | None], ...] = (
    *((True, digits) for digits in (17, 10, 8, 6)),
    *((False, digits) for digits in (17, 10, 8, 6, 5, 4)),
)

#: Verdicts on numbers of which the last digits may be the ones that matter.
_IN_DIGITS = frozenset({Verdict.ROUNDING, Verdict.DISAGREE})


def derivatives_table(
    title: str,
    derivatives: Sequence[Derivative],
    dtype: str,
    width: int | None,
    remark: str | None = None,
) -> list[RenderableType]:
    """Return a heading, a row for each entry, and the sentences that entries need.

    Args:
        title: The heading.
        derivatives: The gradient's or the Hessian's; without any, nothing is returned.
        dtype: The floating-point format of the numbers.
        width: Columns of the terminal; None shortens nothing.
        remark: What is said under the heading.
    """
    if not derivatives:
        return []
    boxes = width is not None
    parts: list[RenderableType] = [Text(), Text(title, "bold")]
    parts += [] if remark is None else [Text(remark, "dim")]
    if rows := shown(derivatives, whole=not boxes):
        if width is not None and any(derivative.shape for derivative in derivatives):
            parts += _tensor_table(rows, dtype, width)
        else:
            parts.append(grid(_columns(rows, dtype, boxes=boxes), width, flexible="formula"))
    for derivative in derivatives:
        if not derivative.entries:
            name = derivative_name(derivative.wrt, boxes=boxes)
            text = f"{name} has no entries: its shape is {derivative.shape}"
            parts.append(Text(f"{' ' * boxes}{text}"))
    return parts + _notes(derivatives, boxes=boxes)


def derivative_name(wrt: Sequence[str], output: str = "", *, boxes: bool) -> str:
    """Return what a derivative is called, in ASCII off a terminal.

    >>> derivative_name(["x[0,1]"], "[2]", boxes=True), derivative_name(["u", "v"], boxes=False)
    ('∂f[2]/∂x[0,1]', 'd2f/(du*dv)')
    """
    first, *others = (visible(name) for name in wrt)
    f = f"f{visible(output)}"
    if not others:
        return f"∂{f}/∂{first}" if boxes else f"d{f}/d{first}"
    if others == [first]:
        return f"∂²{f}/∂{first}²" if boxes else f"d2{f}/d{first}^2"
    return f"∂²{f}/∂{first} ∂{others[0]}" if boxes else f"d2{f}/(d{first}*d{others[0]})"


def _tensor_table(
    rows: Sequence[Entry | LeftOut],
    dtype: str,
    width: int,
) -> list[RenderableType]:
    """Return the table that suits a terminal of that width.

    A tensor's formulas are long and many: where a column would fold them, they go below the
    numbers, a line each. Numbers lose their last digits before each entry becomes a card.
    """
    room = max(width - 6, 20)
    for has_formulas, digits in _LAYOUTS:
        all_columns = _columns(rows, dtype, digits, room, boxes=True)
        columns = {
            title: cells
            for title, cells in all_columns.items()
            if has_formulas or title != "formula"
        }
        if needed(columns) <= width:
            formulas = [] if has_formulas else all_columns.get("formula", [])
            table = stack(columns, _below(rows, formulas, dtype, digits))
            break
    else:
        all_columns = _columns(rows, dtype, None, room, boxes=True)
        table = grid(all_columns, width, flexible="formula")
        digits = None
    remarks = []
    if any("…" in cell.plain for cells in all_columns.values() for cell in cells):
        remarks.append("… stands for what is left out")
    if _is_rounded(rows, dtype, digits):
        remarks.append(f"numbers are rounded to {digits} digits")
    if not remarks:
        return [table]
    return [table, Text(f" {', '.join(remarks)}; --format json has it all", "dim")]


def _is_rounded(rows: Sequence[Entry | LeftOut], dtype: str, digits: int | None) -> bool:
    """Whether a number in the table is not shown whole."""
    entries = (row for row in rows if not isinstance(row, LeftOut))
    return any(
        _number(value, dtype, digits) != _number(value, dtype)
        for entry in entries
        for value in _testimony(entry)
    )


def _below(
    rows: Sequence[Entry | LeftOut], formulas: Sequence[Text], dtype: str, digits: int | None
) -> list[list[Text]]:
    """Return the lines below each row: its formula, and numbers whose cells hide a difference."""
    lines = [_in_full(row, dtype, digits) for row in rows]
    for formula, below in zip(formulas, lines, strict=False):
        below[:0] = [Text(f"= {formula.plain}")] if formula else []
    return lines


def _in_full(row: Entry | LeftOut, dtype: str, digits: int | None) -> list[Text]:
    """Return numbers with all their digits, where what is left of them hides a difference."""
    if isinstance(row, LeftOut) or row.verdict not in _IN_DIGITS:
        return []
    numbers = dict(zip(_TITLES[2:5], _testimony(row), strict=True))
    said = {title: value for title, value in numbers.items() if value is not None}
    shown, whole = (
        [rounded(value, dtype, most) for value in said.values()] for most in (digits, None)
    )
    if len({*shown}) == len({*whole}):
        return []
    lines = zip(said, whole, strict=True)
    return [Text.assemble((f"{title:<8}  ", "dim"), text) for title, text in lines]


def _columns(
    rows: Sequence[Entry | LeftOut],
    dtype: str,
    digits: int | None = None,
    room: int | None = None,
    *,
    boxes: bool,
) -> dict[str, list[Text]]:
    """Return the cells below each title, without the columns that no row fills.

    Args:
        rows: What the table shows.
        dtype: The floating-point format of the numbers.
        digits: How many of a number's digits are kept; None keeps all.
        room: Characters of a formula that are kept; None keeps all.
        boxes: Whether it is for a terminal.
    """
    cells = zip(*(_cells(row, dtype, digits, room, boxes=boxes) for row in rows), strict=True)
    columns = dict(zip(_TITLES, map(list, cells), strict=True))
    return {title: column for title, column in columns.items() if any(column)}


def _cells(
    row: Entry | LeftOut,
    dtype: str,
    digits: int | None,
    room: int | None,
    *,
    boxes: bool,
) -> tuple[Text, ...]:
    if isinstance(row, LeftOut):
        verdicts = [
            Text(f"{SYMBOLS[verdict]} {count:,} {verdict}", f"dim {STYLES[verdict]}")
            for verdict, count in row.verdicts
        ]
        name = Text(f"… {row.count:,} more", "dim")
        return name, *[Text()] * 4, Text(row.bound, "dim"), Text("\n").join(verdicts)
    symbol = f"{SYMBOLS[row.verdict]} " if boxes else ""
    formula = visible(row.formula or "")
    return (
        Text(derivative_name(row.wrt, row.output, boxes=boxes), "bold"),
        Text(formula if room is None else shorten(formula, room)),
        *(Text(_number(value, dtype, digits)) for value in _testimony(row)),
        Text(distance_text(row).removesuffix(" ulps")),
        Text(f"{symbol}{row.verdict}", STYLES[row.verdict]),
    )


def _testimony(entry: Entry) -> tuple[float | None, float | None, float | None]:
    return entry.symbolic, entry.autograd, entry.limit


def _number(value: float | None, dtype: str, digits: int | None = None) -> str:
    return "" if value is None else rounded(value, dtype, digits)


def _notes(derivatives: Sequence[Derivative], *, boxes: bool) -> list[RenderableType]:
    """Return the sentences that entries need, under their table."""
    sentences, left_out = notes(derivatives, whole=not boxes)
    rows = Table.grid(padding=(0, 2, 0, 0))
    for note in sentences:
        names = [derivative_name(entry.wrt, entry.output, boxes=boxes) for entry in note.entries]
        name = Text(listed(names), STYLES[note.entries[0].verdict])
        rows.add_row(name, Text(visible(note.text)))
    if left_out:
        rows.add_row(Text(f"… {left_out:,} more notes", "dim"))
    return [Padding(rows, (1, 0, 0, int(boxes)), expand=False)] if sentences else []
