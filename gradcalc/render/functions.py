"""The function list and one function's page, for `gradcalc functions [NAME]`.

In: rows and pages as plain text, which `commands/functions.py` fills from the function table;
nothing here knows that table. Out: text for standard output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.text import Text


@dataclass(frozen=True, slots=True)
class FunctionPage:
    """What there is to say about a function; of those of the list, the first four.

    Attributes:
        name: The function's own name.
        aliases: What else it may be called.
        doc: What it does, in one line.
        group: The heading that it stands under.
        derivative: For each argument its name and the derivative's formula.
        domain: Where it is defined; empty where that is not said.
        kinks: Where it is not differentiable, and what torch answers there, a line for each; empty
            where that is not said.
        example: A command to try; empty if there is none.
    """

    name: str
    aliases: tuple[str, ...]
    doc: str
    group: str
    derivative: tuple[tuple[str, str], ...] = ()
    domain: str = ""
    kinks: tuple[str, ...] = ()
    example: str = ""


def functions_table(
    rows: Sequence[FunctionPage],
    *,
    width: int | None = None,
    color: bool = False,
) -> str:
    """Draw the list, its groups in the order of their first row.

    Off a terminal, where `grep` may read it, every line holds its own group.
    """
    if width is None:
        return _plain_table(rows)
    from rich.table import Table
    from rich.text import Text

    from gradcalc.render.console import draw

    groups: dict[str, list[FunctionPage]] = {}
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


def _plain_table(rows: Sequence[FunctionPage]) -> str:
    """Return the list as aligned text; rich would take as long as all the rest."""
    cells = [("name", "does", "also", "group")]
    cells += [(row.name, row.doc, ", ".join(row.aliases), row.group) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _widths(rows: Sequence[FunctionPage], width: int) -> list[int]:
    """Return the columns' widths, the same in every group; the text gets what names leave."""
    name, doc, also = (
        max((cell.cell_len for cell in cells), default=1)
        for cells in zip(*map(_cells, rows), strict=True)
    )
    room = max(20, width - name - 4)
    doc = min(doc, max(room - also, room * 3 // 5))
    return [name, doc, min(also, room - doc)]


def _cells(row: FunctionPage) -> list[Text]:
    from rich.text import Text

    return [Text(row.name, "bold cyan"), Text(row.doc), Text(", ".join(row.aliases), "dim")]


def function_page(
    page: FunctionPage,
    *,
    width: int | None = None,
    color: bool = False,
) -> str:
    """Draw one function's page."""
    boundary = "∂/∂" if width is not None else "d/d"
    facts = [("also", ", ".join(page.aliases))] if page.aliases else []
    facts.append(("defined", page.domain))
    facts += [(f"{boundary}{name}", formula) for name, formula in page.derivative]
    facts += [("" if number else "kinks", kink) for number, kink in enumerate(page.kinks)]
    facts.append(("try", page.example))
    facts = [(title, text) for title, text in facts if text]
    if width is None:
        indent = max(len(title) for title, _ in facts)
        lines = "".join(f"{title.ljust(indent)}  {text}\n" for title, text in facts)
        return f"{page.name}  {page.doc}\n\n{lines}"
    from rich.table import Table
    from rich.text import Text

    from gradcalc.render.console import draw

    table = Table.grid(padding=(0, 2, 0, 0))
    for title, text in facts:
        table.add_row(Text(title, "dim"), Text(text))
    heading = Text.assemble((page.name, "bold cyan"), "  ", page.doc)
    return draw([heading, Text(), table], width, color=color)
