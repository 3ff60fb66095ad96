"""Arguments that are no values: an axis, a shape, a word, an index. They must be written out.

In: nodes of Python's syntax tree, as `parser` finds them. Out: plain Python values, with tuples in
place of lists, and back to text for `writer`.
"""

from __future__ import annotations

import ast
import math
from typing import Any

#: Names that an option may be, such as the order of a norm.
_NUMBERS = {"inf": math.inf, "pi": math.pi, "e": math.e}


class NotWrittenOut(Exception):  # noqa: N818 - no error, but a finding
    """An option is no number, word or list of such."""

    def __init__(self, node: ast.expr) -> None:
        super().__init__()
        self.node = node


def option(node: ast.expr) -> Any:
    """The value of an option: a number, True, False, None, a word, or a tuple of such.

    Raises:
        NotWrittenOut: For anything that would have to be calculated.
    """
    if isinstance(node, ast.Constant) and node.value is not ...:
        return node.value
    if _is_minus(node):
        return _negative(node)
    if isinstance(node, ast.List | ast.Tuple):
        return tuple(option(element) for element in node.elts)
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
    if name in _NUMBERS:
        return _NUMBERS[name]
    raise NotWrittenOut(node)


def _is_minus(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _negative(node: ast.expr) -> int | float:
    """The value of a number with any number of minus signs before it."""
    sign, operand = 1, node
    while _is_minus(operand):
        sign, operand = -sign, operand.operand  # type: ignore[attr-defined]
    number = option(operand)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise NotWrittenOut(node)
    return sign * number


def index(node: ast.expr) -> tuple[Any, ...]:
    """The items of an index: whole numbers, slices, None, ..., and tuples of whole numbers.

    Raises:
        NotWrittenOut: For anything else.
    """
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    return tuple(map(_item, items))


def _item(node: ast.expr) -> Any:
    if isinstance(node, ast.Slice):
        return slice(*(part and _whole(part) for part in (node.lower, node.upper, node.step)))
    if isinstance(node, ast.Constant) and (node.value is None or node.value is ...):
        return node.value
    if isinstance(node, ast.List):
        return tuple(map(_whole, node.elts))
    return _whole(node)


def _whole(node: ast.expr) -> int:
    number = option(node)
    if isinstance(number, bool) or not isinstance(number, int):
        raise NotWrittenOut(node)
    return number


def option_text(value: Any) -> str:
    """An option as it is written."""
    if isinstance(value, tuple):
        inside = ", ".join(map(option_text, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return repr(value)


def index_text(items: tuple[Any, ...]) -> str:
    """The items of an index as they are written, between the brackets."""
    return ", ".join(map(_item_text, items))


def _item_text(item: Any) -> str:
    if item is ...:
        return "..."
    if isinstance(item, tuple):
        return f"[{', '.join(map(str, item))}]"
    if not isinstance(item, slice):
        return str(item)
    text = ":".join("" if part is None else str(part) for part in (item.start, item.stop))
    return text if item.step is None else f"{text}:{item.step}"
