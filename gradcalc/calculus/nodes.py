"""What a node of an expression is in gradcalc's own language, whichever engine has made it.

In: an expression of SymEngine or of sympy. Out: the row of the function table that it applies, and
to what; or the constant that it is. The engines' nodes are told apart by the names of their types.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from gradcalc.functions import TABLE, Function, lookup

#: Rows that go by another name in the engines.
_NAMES = {
    "Abs": "abs",
    "ceiling": "ceil",
    "Mod": "remainder",
    "Max": "maximum",
    "Min": "minimum",
    "Equality": "eq",
    "Unequality": "ne",
    "LessThan": "le",
    "StrictLessThan": "lt",
    "GreaterThan": "ge",
    "StrictGreaterThan": "gt",
    "And": "logical_and",
    "Or": "logical_or",
    "Not": "logical_not",
}

#: Constants, as gradcalc's language has them.
CONSTANTS = {
    "Exp1": "e",
    "E": "e",
    "Pi": "pi",
    "pi": "pi",
    "EulerGamma": "0.5772156649015329",
    "Infinity": "inf",
    "NegativeInfinity": "-inf",
    "ComplexInfinity": "nan",
    "NaN": "nan",
}


class NoText(Exception):  # noqa: N818 - no error, but a finding
    """There is something in an expression that gradcalc's language has no word for."""


def name_of(expression: Any) -> str:
    """The name of an expression's type."""
    return type(expression).__name__


def applied(expression: Any) -> tuple[Function, Sequence[Any]]:
    """The row that a node applies, and its arguments.

    Raises:
        NoText: If there is no such row.
    """
    name, args = name_of(expression), expression.args
    if name == "FunctionSymbol":  # one of `algebra`'s calls
        return TABLE[expression.get_name()], args
    if name == "polygamma" and args[0] == 0:
        return TABLE["digamma"], args[1:]
    return _row(name), args


@functools.cache
def _row(name: str) -> Function:
    row = lookup(_NAMES.get(name, name))
    if row is None:
        raise NoText(name)
    return row


def is_e(base: Any) -> bool:
    """Whether an expression is Euler's number."""
    return name_of(base) in {"E", "Exp1"}


def branches(expression: Any) -> Sequence[tuple[Any, Any]]:
    """The values of a piecewise function and their conditions; SymEngine lists them flat."""
    args = expression.args
    if (args and isinstance(args[0], tuple)) or hasattr(args[0], "cond"):
        return [tuple(part) for part in args]
    return list(zip(args[::2], args[1::2], strict=True))
