"""The function list and one function's page, for `gradcalc functions [NAME]`.

In: rows and pages as plain text, which `cli` fills from the function table; nothing here knows that
table. Out: text for standard output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from gradcalc.render.console import draw, grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """A line of the list.

    Attributes:
        name: The function's own name.
        aliases: What else it may be called.
        group: The heading it stands under.
        doc: What it does, in one line.
    """

    name: str
    aliases: tuple[str, ...]
    group: str
    doc: str


@dataclass(frozen=True, slots=True)
class FunctionPage:
    """All about one function.

    Attributes:
        name: The function's own name.
        aliases: What else it may be called.
        doc: What it does.
        derivative: For each argument its name and the derivative's formula.
        domain: Where it is defined.
        kinks: Where it is not differentiable, and what torch answers there; empty if nowhere.
    """

    name: str
    aliases: tuple[str, ...]
    doc: str
    derivative: tuple[tuple[str, str], ...]
    domain: str
    kinks: str


def functions_table(
    rows: Sequence[FunctionRow],
    *,
    width: int | None = None,
    color: bool = False,
) -> str:
    """Draw the list, its groups in the order of their first row.

    Off a terminal, where `grep` may read it, every line holds its own group.
    """
    if width is None:
        cells = zip(*([*_cells(row), Text(row.group)] for row in rows), strict=True)
        columns = zip(["name", "does", "also", "group"], map(list, cells), strict=True)
        return draw([grid(dict(columns), width, flexible="does")], width, color=color)
    groups: dict[str, list[FunctionRow]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    widths = _widths(rows, width)
    parts: list[RenderableType] = []
    for group, members in groups.items():
        table = Table.grid(padding=(0, 2, 0, 0))
        for column in widths:
            table.add_column(width=column, overflow="fold")
        for row in members:
            table.add_row(*_cells(row))
        parts += [Text(group, "bold"), table, Text()]
    return draw(parts[:-1], width, color=color)


def _widths(rows: Sequence[FunctionRow], width: int) -> list[int]:
    """Return the columns' widths, the same in every group; the text gets what names leave."""
    name, doc, also = (
        max((cell.cell_len for cell in cells), default=1)
        for cells in zip(*map(_cells, rows), strict=True)
    )
    room = max(20, width - name - 4)
    doc = min(doc, max(room - also, room * 3 // 5))
    return [name, doc, min(also, room - doc)]


def _cells(row: FunctionRow) -> list[Text]:
    return [Text(row.name, "bold cyan"), Text(row.doc), Text(", ".join(row.aliases), "dim")]


def function_page(
    page: FunctionPage,
    *,
    width: int | None = None,
    color: bool = False,
) -> str:
    """Draw one function's page."""
    facts = Table.grid(padding=(0, 2, 0, 0))
    if page.aliases:
        facts.add_row(Text("also", "dim"), Text(", ".join(page.aliases)))
    facts.add_row(Text("defined", "dim"), Text(page.domain))
    boundary = "∂/∂" if width is not None else "d/d"
    for name, formula in page.derivative:
        facts.add_row(Text(f"{boundary}{name}", "dim"), Text(formula))
    facts.add_row(Text("kinks", "dim"), Text(page.kinks or "none"))
    heading = Text.assemble((page.name, "bold cyan"), "  ", page.doc)
    return draw([heading, Text(), facts], width, color=color)
