"""Errors and warnings, drawn for standard error.

In: a `GradcalcError`, and where its text came from. Out: the message, the user's own line with the
wrong place underlined, and what to type instead. Imports little: an error should show at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcalc.render.visible import visible

if TYPE_CHECKING:
    from gradcalc.base.errors import GradcalcError

#: Columns of the user's line that are shown; a longer line is cut around the wrong place.
_WINDOW = 100

_RED, _YELLOW, _BLUE, _GREEN = "1;31", "1;33", "1;34", "1;32"


def error_text(
    error: GradcalcError,
    source: str | None = None,
    line: int | None = None,
    *,
    color: bool = False,
) -> str:
    """Draw an error.

    Args:
        error: What went wrong.
        source: The file that the text came from, if any.
        line: The line of the batch record in that file; the error's column is counted in the
            record's expression.
        color: Whether escape sequences for colour may be used.

    Returns:
        Lines, the last with its newline.
    """
    line = error.line if line is None and source is not None else line
    place = _place(source, line, error.column)
    lines = [f"{place}{_paint('error', _RED, color=color)}: {visible(error.message)}"]
    lines += _excerpt(error, color=color)
    if error.hint is not None:
        lines.append(f"  {_paint('= help:', _GREEN, color=color)} {visible(error.hint)}")
    return "\n".join(lines) + "\n"


def warning_text(
    message: str, source: str | None = None, line: int | None = None, *, color: bool = False
) -> str:
    """Draw a warning on one line, with its newline; where it came from is as in `error_text`."""
    place = _place(source, line)
    return f"{place}{_paint('warning', _YELLOW, color=color)}: {visible(message)}\n"


def _place(source: str | None, line: int | None, column: int | None = None) -> str:
    """`file:line:column: ` as compilers write it, so that editors can jump there."""
    if source is None and line is None:
        return ""
    parts = [visible(source) if source is not None else "line"]
    parts += [str(part) for part in (line, column) if part is not None]
    joined = ":".join(parts)
    return f"{joined}: " if source is not None else f"{joined.replace(':', ' ', 1)}: "


def _excerpt(error: GradcalcError, *, color: bool) -> list[str]:
    """Return the line that the span starts in, and carets under the span."""
    if error.span is None or not error.text:
        return []
    text = error.text
    start = min(error.span.start, len(text))
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    last = len(text) if last < 0 else last
    stop = max(start, min(error.span.stop, last))
    shown, indent, carets = _window(text[first:last], start - first, stop - first)
    number = str(error.line) if "\n" in text.strip() else ""
    bar = _paint("|", _BLUE, color=color)
    under = _paint("^" * carets, _RED, color=color)
    margin = len(number) + 1
    return [f"{number:>{margin}} {bar} {shown}", f"{'':>{margin}} {bar} {' ' * indent}{under}"]


def _window(line: str, start: int, stop: int) -> tuple[str, int, int]:
    """Cut a long line around `start:stop`; return it, the carets' indent and their number."""
    # Only this much can be shown, however long the line is.
    low, high = max(0, start - _WINDOW), min(len(line), start + _WINDOW)
    cells = [_cell(char) for char in line[low:high]]
    widths = [_width(cell) for cell in cells]
    begin, end = start - low, min(stop, high) - low
    left, right = _grow(widths, begin, end)
    before = "…" if low + left > 0 else ""
    after = "…" if low + right < len(line) else ""
    shown = before + "".join(cells[left:right]) + after
    indent = len(before) + sum(widths[left:begin])
    return shown, indent, max(1, sum(widths[begin : min(end, right)]))


def _grow(widths: list[int], begin: int, end: int) -> tuple[int, int]:
    """Return the widest range around `begin:end` that fits the window."""
    left = right = begin
    room = _WINDOW
    while right < end and room >= widths[right]:
        room -= widths[right]
        right += 1
    # What is left goes to both sides alike, and to the other one where a side ends.
    while True:
        wide_left = left > 0 and room >= widths[left - 1]
        if wide_left:
            left -= 1
            room -= widths[left]
        wide_right = end <= right < len(widths) and room >= widths[right]
        if wide_right:
            room -= widths[right]
            right += 1
        if not (wide_left or wide_right):
            return left, right


def _cell(char: str) -> str:
    # A tab would put the carets out of line, by an amount that only the terminal knows.
    return "    " if char == "\t" else visible(char)


def _width(cell: str) -> int:
    if cell.isascii():
        return len(cell)
    from rich.cells import cell_len

    return cell_len(cell)


def _paint(text: str, code: str, *, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text
