"""The backward graph, drawn as a tree: nodes in, one line of text for each out.

A node that several others pass gradients on to is drawn once, where it is first met; later it is
only referred to by its number. Several outputs have a tree each, one below the other. No function
here calls itself: a graph may be as deep as a program is long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from gradcalc.base.shortening import shorten
from gradcalc.render.text import one_line, without_middle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcalc.results.report import GraphNode

#: Levels that are drawn with lines; below, the level's number is less to read, and keeps the
#: output of a deep graph from growing with the square of its depth.
_LEVELS = 12

#: Lines of a graph that a terminal shows: the output's end and the inputs'.
_HEAD, _TAIL = 40, 10


@dataclass(frozen=True, slots=True)
class _Strokes:
    """The pieces that a tree is drawn with: before a child, before the last, and below each."""

    child: str
    last: str
    below_child: str
    below_last: str
    seen: str
    left_out: str


_LINES = _Strokes("├─ ", "╰─ ", "│  ", "   ", "↑", "…")
_ASCII = _Strokes("|- ", "`- ", "|  ", "   ", "see", "...")


@dataclass(frozen=True, slots=True)
class _Line:
    prefix: str
    node: GraphNode
    again: bool


def graph_lines(nodes: Sequence[GraphNode], width: int | None) -> list[Text]:
    """Draw a graph.

    Args:
        nodes: The graph's, the first output's first.
        width: Columns of the terminal, to which sources are shortened, and a long graph in its
            middle; None shortens nothing.
    """
    strokes = _ASCII if width is None else _LINES
    lines = list(_walk(nodes, strokes))
    shown, left_out = lines, 0
    if width is not None:
        shown, left_out = without_middle(lines, _HEAD, _TAIL)
    # Sources stand in a column of their own where there is room for one.
    start = max((cell_len(_label(line, strokes)) for line in shown), default=0) + 2
    drawn = [_draw(line, strokes, start, width) for line in shown]
    if left_out:
        text = f"{strokes.left_out} {left_out:,} lines left out; --format json has them all"
        drawn.insert(_HEAD, Text(text, "dim"))
    return drawn


def _walk(nodes: Sequence[GraphNode], strokes: _Strokes) -> Iterator[_Line]:
    by_id = {node.id: node for node in nodes}
    seen: set[int] = set()
    # Each entry: a node to draw, its level, what stands before its own line and below it.
    stack = [(node, 0, "", "") for node in reversed(_roots(nodes))]
    while stack:
        node, level, prefix, below = stack.pop()
        again = node.id in seen
        seen.add(node.id)
        yield _Line(prefix if level <= _LEVELS else f"{below}[{level}] ", node, again)
        if again:
            continue
        last = len(node.inputs) - 1
        for index in range(last, -1, -1):
            child = by_id[node.inputs[index]]
            if level >= _LEVELS:
                stack.append((child, level + 1, "", below))
                continue
            stroke = strokes.last if index == last else strokes.child
            under = strokes.below_last if index == last else strokes.below_child
            stack.append((child, level + 1, below + stroke, below + under))


def _roots(nodes: Sequence[GraphNode]) -> list[GraphNode]:
    """Return the nodes that are drawn at the margin: the first, and those that no other reaches.

    The nodes of several outputs may have none above them all.
    """
    reached = {child for node in nodes for child in node.inputs}
    return [node for place, node in enumerate(nodes) if place == 0 or node.id not in reached]


def _label(line: _Line, strokes: _Strokes) -> str:
    name = f"{strokes.seen} #{line.node.id}" if line.again else f"#{line.node.id}"
    return f"{line.prefix}{name} {one_line(line.node.grad_fn)}"


def _draw(line: _Line, strokes: _Strokes, start: int, width: int | None) -> Text:
    label = _label(line, strokes)
    text = Text(no_wrap=True, end="")
    text.append(line.prefix, "dim")
    text.append(label[len(line.prefix) :], "dim" if line.again else "bold cyan")
    source = one_line(line.node.source)
    text.append(" " * (start - cell_len(label)))
    room = None if width is None else max(8, width - start)
    text.append(source if room is None else shorten(source, room, cell_len))
    return text
