"""Arguments that are no values: an axis, a shape, a word, an index. They must be constants.

In: nodes of Python's syntax tree, as `parser` finds them, and who calculates those that are not
written out. Out: plain Python values, with tuples in place of lists, and back to text for `writer`.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

#: Gives the number of an expression, as of 2*pi; it raises `NotConstant` where there is none.
Calculate = Callable[[ast.expr], int | float]


class NotConstant(Exception):  # noqa: N818 - no error, but a finding
    """An option is no number, word or list of such."""

    def __init__(self, node: ast.expr) -> None:
        super().__init__()
        self.node = node


def option(node: ast.expr, calculate: Calculate) -> Any:
    """The value of an option: a number, True, False, None, a word, or a tuple of such.

    Raises:
        NotConstant: For anything else.
    """
    if isinstance(node, ast.Constant) and node.value is not ...:
        return node.value
    if isinstance(node, ast.List | ast.Tuple):
        return tuple(option(element, calculate) for element in node.elts)
    match node:
        case ast.UnaryOp(ast.USub(), ast.Constant(int(number))) if not isinstance(number, bool):
            return -number
    return calculate(node)


def is_arithmetic(node: ast.expr) -> bool:
    """Whether there are but numbers and operators in it, so that it is a constant for certain."""
    plain = ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop
    return all(isinstance(part, plain) for part in ast.walk(node))


def index(node: ast.expr, calculate: Calculate) -> tuple[Any, ...]:
    """The items of an index: whole numbers, slices, None, ..., and tuples of whole numbers.

    Raises:
        NotConstant: For anything else.
    """
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    return tuple(_item(item, calculate) for item in items)


def _item(node: ast.expr, calculate: Calculate) -> Any:
    if isinstance(node, ast.Slice):
        parts = (node.lower, node.upper, node.step)
        return slice(*(part and _whole(part, calculate) for part in parts))
    if isinstance(node, ast.Constant) and (node.value is None or node.value is ...):
        return node.value
    if isinstance(node, ast.List):
        return tuple(_whole(part, calculate) for part in node.elts)
    return _whole(node, calculate)


def _whole(node: ast.expr, calculate: Calculate) -> int:
    number = option(node, calculate)
    if isinstance(number, bool) or not isinstance(number, int):
        raise NotConstant(node)
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
