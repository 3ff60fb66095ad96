"""The one place where rich is set up: renderables in, text out.

Only `rich.text.Text` is given to rich, never a string, so that nothing of the user's is read as
markup, an emoji name or a link.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    if width is not None and _needed(columns, flexible) > width:
        return _cards(columns, flexible)
    table = Table(
        box=None if width is None else box.SIMPLE_HEAD,
        padding=(0, 2, 0, 0) if width is None else (0, 1),
        pad_edge=width is not None,
        show_edge=False,
        header_style="bold",
    )
    for title in columns:
        table.add_column(Text(title), no_wrap=title != flexible, overflow="fold")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _needed(columns: Mapping[str, Sequence[Text]], flexible: str) -> int:
    """Return the width of the narrowest table that is still good to read."""
    needed = 0
    for title, cells in columns.items():
        natural = max(cell_len(title), *(cell.cell_len for cell in cells))
        # One blank on each side, and one between columns.
        needed += 3 + (min(natural, _CRUMBS) if title == flexible else natural)
    return needed


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
