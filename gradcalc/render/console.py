"""The one place where rich is set up: renderables in, text out.

Only `rich.text.Text` is given to rich, never a string, so that nothing of the user's is read as
markup, an emoji name or a link.
"""

from __future__ import annotations

import io
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

#: Off a terminal, wide enough that nothing is ever wrapped.
_ENDLESS = 1_000_000_000

#: A column of formulas narrower than this breaks them into crumbs.
_CRUMBS = 24


def draw(parts: Sequence[RenderableType], width: int | None, *, color: bool) -> str:
    """Return what rich prints for the parts, without trailing blanks.

    Args:
        parts: Texts and tables, from top to bottom.
        width: Columns; None wraps nothing.
        color: Whether escape sequences for colour may be used.
    """
    out = io.StringIO()
    console = Console(
        file=out,
        width=_ENDLESS if width is None else width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        # Whether there is colour was decided by the caller; rich would look at variables again.
        _environ={},
    )
    for part in parts:
        if isinstance(part, Text) and width is None and not color:
            out.write(f"{part.plain}\n")  # many lines of it take rich seconds
        else:
            console.print(part, overflow="fold")
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().split("\n")[:-1])


def grid(
    columns: Mapping[str, Sequence[Text]],
    width: int | None,
    flexible: str,
) -> RenderableType:
    """Return a table; or, where that is too wide, each of its rows as a card.

    A card gives each cell a line of its own, so that numbers are never broken.

    Args:
        columns: The cells below each title; all of the same number.
        width: Columns of the terminal; None draws no lines and wraps nothing.
        flexible: The title of the column whose cells may be folded.
    """
    if width is None:
        # rich would take a minute for the entries of a large tensor.
        return Text("\n").join(_lines(columns, margin=0, between=2))
    if needed(columns, flexible) > width:
        return _cards(columns, flexible)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold")
    for title in columns:
        table.add_column(Text(title), no_wrap=title != flexible, overflow="fold")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def stack(
    columns: Mapping[str, Sequence[Text]],
    below: Sequence[Sequence[Text]],
) -> RenderableType:
    """Return a table whose rows have lines of their own below them, as wide as the terminal.

    Args:
        columns: The cells below each title; all of the same number.
        below: What stands below each row.
    """
    head, *rows = _lines(columns, margin=1, between=3)
    parts: list[RenderableType] = [head, Text("─" * (needed(columns) - 1))]
    for row, texts in zip(rows, below, strict=True):
        parts.append(row)
        parts += [Padding(text, (0, 0, 0, 3), expand=False) for text in texts]
    return Group(*parts)


def needed(columns: Mapping[str, Sequence[Text]], flexible: str | None = None) -> int:
    """Return the width of the narrowest table that is still good to read.

    Args:
        columns: The cells below each title.
        flexible: The title of the column whose cells may be folded.
    """
    total = 0
    for title, cells in columns.items():
        natural = max(cell_len(title), *map(_cell_width, cells))
        # One blank on each side, and one between columns.
        total += 3 + (min(natural, _CRUMBS) if title == flexible else natural)
    return total


def _cell_width(cell: Text) -> int:
    return max(map(cell_len, cell.plain.split("\n")))


def _lines(
    columns: Mapping[str, Sequence[Text]],
    *,
    margin: int,
    between: int,
) -> Iterator[Text]:
    """Yield a table's lines of text, the titles first; one text for each row."""
    widths = [max(len(title), *map(_cell_width, cells)) for title, cells in columns.items()]
    yield _row([Text(title, "bold") for title in columns], widths, margin, between, "bold")
    for cells in zip(*columns.values(), strict=True):
        if any("\n" in cell.plain for cell in cells):
            parts = zip_longest(*(cell.split("\n") for cell in cells), fillvalue=Text())
            yield Text("\n").join(_row(part, widths, margin, between) for part in parts)
        else:
            yield _row(cells, widths, margin, between)


def _row(
    cells: Sequence[Text],
    widths: Sequence[int],
    margin: int,
    between: int,
    style: str = "",
) -> Text:
    """Return cells side by side, in columns of these widths."""
    line = Text(" " * margin)
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        if place:
            line.append(" " * between, style)
        padded = cell.copy()
        padded.pad_right(width - cell.cell_len)
        line.append_text(padded)
    return line


def _cards(columns: Mapping[str, Sequence[Text]], flexible: str) -> RenderableType:
    """Return each row's cells below one another, the row's name as their heading."""
    names, *others = columns
    beside = [title for title in others if title == flexible]
    below = [title for title in others if title != flexible]
    indent = max(map(cell_len, below), default=0)
    parts: list[RenderableType] = []
    for index, name in enumerate(columns[names]):
        defined = [columns[title][index] for title in beside if columns[title][index]]
        parts += [Text(), Text(" = ").join([name, *defined])]
        card = Table.grid(padding=(0, 2, 0, 0))
        card.add_column(min_width=indent, style="dim")
        for title in below:
            if cell := columns[title][index]:
                card.add_row(Text(title), cell)
        parts.append(Padding(card, (0, 0, 0, 2)))
    return Padding(Group(*parts), (0, 0, 0, 1))
