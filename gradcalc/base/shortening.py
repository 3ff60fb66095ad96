"""Formulas that are too long to be shown, shortened so that they can still be read as formulas.

In: a text in gradcalc's language, and the room for it. Out: a text in which `…` stands for what is
left out, as a name would: brackets are balanced, and a term, a factor or an argument is there
whole, or shortened by the same rules, or gone. No name and no number is ever cut.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto
from itertools import pairwise
from typing import NamedTuple

#: What stands for that which is left out.
MORE = "…"

#: Characters of a text beyond which its structure is not looked for.
_LONGEST = 5_000

#: What a mark counts against a text, in characters: fewer marks with more between them read better.
_MARK = 12

#: A sum or an argument list of more parts than this is never shortened in all of them.
_FEW = 4

_TOKEN = re.compile(
    r"""
    (?P<string> "[^"]*" | '[^']*')
  | (?P<number> (?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<operator> (?:and|or|not|if|else)\b | \*\* | // | [-+*/@%|&<>=!]=? | [~^,;:])
  | (?P<attribute> \.[^\W\d]\w*)
  | (?P<name> [^\W\d]\w*(?:\.[^\W\d]\w*)*(?:\[[\d,\s]*\])?)
  | (?P<open> [(\[{])
  | (?P<close> [)\]}])
  | (?P<other> \S)
    """,
    re.VERBOSE,
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class _Kind(Enum):
    """What may be done to a part of a text."""

    ATOM = auto()
    NUMBER = auto()
    TERMS = auto()  # parts may go
    FACTORS = auto()  # parts may go that are multiplied
    RIGID = auto()  # every part stays
    ARGUMENTS = auto()  # of a call: every part stays, and so does their number


#: Binary operators by how loosely they bind, and what their operands are.
_LEVELS = (
    (frozenset({";"}), _Kind.RIGID),
    (frozenset({","}), _Kind.TERMS),
    (frozenset({"=", "+=", "-=", "*=", "/=", "@=", "%=", "|=", "&="}), _Kind.RIGID),
    (frozenset({":"}), _Kind.RIGID),
    (frozenset({"if", "else"}), _Kind.RIGID),
    (frozenset({"or"}), _Kind.TERMS),
    (frozenset({"and"}), _Kind.TERMS),
    (frozenset({"|"}), _Kind.TERMS),
    (frozenset({"&"}), _Kind.TERMS),
    (frozenset({"<", ">", "<=", ">=", "==", "!="}), _Kind.RIGID),
    (frozenset({"+", "-"}), _Kind.TERMS),
    (frozenset({"*", "/", "//", "@", "%"}), _Kind.FACTORS),
    (frozenset({"**", "^"}), _Kind.RIGID),
)


class _Node(NamedTuple):
    """A piece of a text: from `start` to `end`, with its parts and what stands between them."""

    start: int
    end: int
    kind: _Kind
    parts: tuple[_Node, ...] = ()


class _Operator(NamedTuple):
    """An operator; one without an operand before it is unary."""

    start: int
    end: int
    text: str
    unary: bool


_Items = list[_Node | _Operator]


@functools.lru_cache(maxsize=256)
def shorten(text: str, room: int, width: Callable[[str], int] = len) -> str:
    """Shorten a formula, or a statement of a program, to the room for it.

    Args:
        text: A text in gradcalc's language, on one line.
        room: How wide it may be; `…` is the least.
        width: How wide a text is.

    >>> shorten("a*b + c*d + e*f + g*h", 18)
    'a*b + … + g*h'
    >>> shorten("2*x*exp(-(v*x + w*y))/(exp(-(v*x + w*y)) + 1)**2", 36)
    '2*x*exp(-(v*x + …))/(exp(…) + 1)**2'
    """
    if width(text) <= room:
        return text
    tree = _tree(text) if len(text) <= _LONGEST else None
    return MORE if tree is None else _Shortener(text, width).fit(tree, room)


# --- The structure of a text ----------------------------------------------------------------------


def _tree(text: str) -> _Node | None:
    """The structure of a text; None if its brackets do not match."""
    opened: list[re.Match[str]] = []
    frames: list[_Items] = [[]]
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        items = frames[-1]
        if kind == "open":
            opened.append(token)
            frames.append([])
        elif kind == "close":
            if not opened or _CLOSING[opened[-1][0]] != token[0]:
                return None
            frames.pop()
            _close(frames[-1], opened.pop(), items, token.end())
        elif kind == "operator":
            unary = not items or isinstance(items[-1], _Operator)
            items.append(_Operator(token.start(), token.end(), token[0], unary))
        else:
            _add(items, token)
    return None if opened or not frames[0] else _build(frames[0], arguments=False)


def _add(items: _Items, token: re.Match[str]) -> None:
    """Add an operand; what stands beside another one without an operator is one with it."""
    last = items[-1] if items else None
    kind = _Kind.NUMBER if token.lastgroup == "number" else _Kind.ATOM
    if not isinstance(last, _Node):
        items.append(_Node(token.start(), token.end(), kind))
    elif token.lastgroup == "attribute" and last.parts:
        items[-1] = _Node(last.start, token.end(), _Kind.RIGID, (last,))
    else:
        items[-1] = _Node(last.start, token.end(), _Kind.ATOM)


def _close(items: _Items, opening: re.Match[str], inside: _Items, end: int) -> None:
    """Add what stands in brackets, with what is called or indexed by it."""
    last = items[-1] if items else None
    called = last if isinstance(last, _Node) else None
    start = opening.start() if called is None else called.start
    parts = [called] if called is not None and called.parts else []
    if inside:
        parts.append(_build(inside, arguments=called is not None))
    node = _Node(start, end, _Kind.RIGID if parts else _Kind.ATOM, tuple(parts))
    if called is None:
        items.append(node)
    else:
        items[-1] = node


def _build(items: _Items, *, arguments: bool) -> _Node:
    """The structure of operands and operators; `arguments` are those of a call, and all stay."""
    start, end = items[0].start, items[-1].end
    for operators, kind in _LEVELS:
        split = list(_split(items, operators))
        if len(split) > 1:
            if not split[-1]:
                split.pop()  # the comma at the end of a list
            if not all(split):
                return _Node(start, end, _Kind.ATOM)
            parts = tuple(_build(part, arguments=arguments) for part in split)
            called = arguments and "," in operators
            return _Node(start, end, _Kind.ARGUMENTS if called else kind, parts)
    first = items[0]
    if isinstance(first, _Node):
        return first
    operands = [item for item in items if isinstance(item, _Node)]
    return _Node(start, end, _Kind.RIGID if operands else _Kind.ATOM, (*operands[:1],))


def _split(items: _Items, operators: frozenset[str]) -> Iterator[_Items]:
    """The operands of these operators."""
    part: _Items = []
    for item in items:
        if isinstance(item, _Operator) and not item.unary and item.text in operators:
            yield part
            part = []
        else:
            part.append(item)
    yield part


# --- Shortening -----------------------------------------------------------------------------------


#: A part of a chain, or what is left out of it; with what stands before it.
_Link = tuple[str, _Node | None]


class _Shortener:
    """Shortens the parts of one text."""

    def __init__(self, text: str, width: Callable[[str], int]) -> None:
        self._text = text
        self._width = width
        self._memory: dict[tuple[int, ...], str] = {}

    def fit(self, node: _Node, room: int) -> str:
        """The text of a part in that room, or `…`."""
        whole = self._text[node.start : node.end]
        if self._width(whole) <= room:
            return whole
        if not node.parts or room < 1:
            return MORE
        key = node.start, node.end, len(node.parts), room
        if key not in self._memory:
            self._memory[key] = self._shortened(node, room)
        return self._memory[key]

    def _shortened(self, node: _Node, room: int) -> str:
        before = self._text[node.start : node.parts[0].start]
        after = self._text[node.parts[-1].end : node.end]
        room -= self._width(before) + self._width(after)
        texts = [text for text in self._ways(node, room) if 0 < self._width(text) <= room]
        best = max([f"{before}{text}{after}" for text in texts] + [MORE], key=_worth)
        return MORE if best in {f"-{MORE}", f"+{MORE}"} else best

    def _ways(self, node: _Node, room: int) -> Iterator[str]:
        """Ways to shorten what has parts; one may be too long, or empty."""
        links = self._links(node)
        if node.kind in {_Kind.RIGID, _Kind.ARGUMENTS}:
            texts = self._shared(links, room)
            yield "" if _is_lost(links, texts) else _joined(links, texts)
            return
        if node.kind is _Kind.FACTORS:
            texts = self._shared(links, room)
            if MORE not in texts:
                yield _joined(links, texts)
                return
            yield self._merged(links, room)
            others = [link for link in links[1:] if link[0].strip() != "*"]
            yield self._merged([links[0], ("*", None), *others], room)
            return
        yield self._ends(links, room)
        if len(links) <= _FEW:
            yield self._merged(links, room)
        if len(links) > 2:
            yield self._merged([links[0], (_loose(links[1][0]), None), links[-1]], room)

    def _links(self, node: _Node) -> list[_Link]:
        joints = ("", *(self._text[a.end : b.start] for a, b in pairwise(node.parts)))
        return list(zip(joints, node.parts, strict=True))

    def _ends(self, links: Sequence[_Link], room: int) -> str:
        """As many whole parts at both ends as there is room for, and a mark between them."""
        mark = _loose(links[1][0]) + MORE
        room -= self._width(mark)
        head, tail = 0, len(links)
        while head < tail:
            at_head = head <= len(links) - tail
            joint, node = links[head if at_head else tail - 1]
            room -= self._width(joint) + node.end - node.start if node else 0
            if room < 0:
                break
            head, tail = (head + 1, tail) if at_head else (head, tail - 1)
        if not head:
            return ""
        kept = [*links[:head], (mark.removesuffix(MORE), None), *links[tail:]]
        return _joined(kept, [self.fit(node, _LONGEST) if node else MORE for _, node in kept])

    def _merged(self, links: list[_Link], room: int) -> str:
        """The parts, each in its share of the room; neighbours that are left out become one."""
        while True:
            texts = self._shared(links, room)
            kept = [
                place
                for place, (joint, _) in enumerate(links)
                if texts[place - 1 : place + 1] != [MORE] * 2
                or not (_may_go(links[place - 1][0]) and _may_go(joint))
            ]
            if len(kept) == len(links):
                return _joined(links, texts)
            links = [(links[k][0], None if texts[k] == MORE else links[k][1]) for k in kept]

    def _shared(self, links: Sequence[_Link], room: int) -> list[str]:
        """The texts of the parts: short ones whole, long ones in equal shares of what is left."""
        room -= sum(self._width(joint) for joint, _ in links)
        texts = [MORE] * len(links)
        left = len(links)
        for place in sorted(range(left), key=lambda place: _length(links[place])):
            _, node = links[place]
            if node is not None:
                texts[place] = self.fit(node, room // left)
            room -= self._width(texts[place])
            left -= 1
        return texts


def _worth(text: str) -> int:
    """How much a text tells: what it shows, less what its marks cost the reader."""
    return -3 * _MARK if text == MORE else len(text) - _MARK * text.count(MORE)


def _is_lost(links: Sequence[_Link], texts: Sequence[str]) -> bool:
    """Whether a part is left out that must be written out: an axis, an order, or what is called."""
    called = len(links) > 1 and links[1][0].startswith(("(", "["))
    return (called and texts[0] == MORE) or any(
        text == MORE and node is not None and node.kind in {_Kind.NUMBER, _Kind.ARGUMENTS}
        for (_, node), text in zip(links, texts, strict=True)
    )


def _length(link: _Link) -> int:
    _, node = link
    return 1 if node is None else node.end - node.start


def _joined(links: Sequence[_Link], texts: Sequence[str]) -> str:
    return "".join(f"{joint}{text}" for (joint, _), text in zip(links, texts, strict=True))


def _may_go(joint: str) -> bool:
    """Whether two neighbours that are joined so may become one `…`."""
    return joint.strip() not in {"/", "//", "@", "%"}


def _loose(joint: str) -> str:
    """What stands before `…` in a chain: what is left out of a sum is added."""
    return joint.replace("-", "+")
