"""Rows: arithmetic, comparison and logic; all of these are operators."""

from __future__ import annotations

import math
import operator

from gradcalc.functions import balls
from gradcalc.functions.pieces import (
    greatest,
    is_off,
    multiple,
    smooth_powers,
    tie,
    unset,
    whole,
)
from gradcalc.functions.table import algebra as sympy
from gradcalc.functions.table import rows_of, torch

row = rows_of("arithmetic")
comparison = rows_of("comparison")

row(
    "add",
    "sum",
    signature="x, y",
    symbol="+",
    torch=operator.add,
    sympy=operator.add,
    derivative=("1", "1"),
    samples=((1.5, 2.25), (-3.0, 0.7)),
)
row(
    "sub",
    "difference",
    signature="x, y",
    aliases="subtract",
    symbol="-",
    torch=operator.sub,
    sympy=operator.sub,
    derivative=("1", "-1"),
    samples=((1.5, 2.25), (-3.0, 0.7)),
)
row(
    "mul",
    "product",
    signature="x, y",
    aliases="multiply",
    symbol="*",
    torch=operator.mul,
    sympy=operator.mul,
    derivative=("y", "x"),
    samples=((1.5, 2.25), (-3.0, 0.7)),
)
row(
    "div",
    "quotient",
    signature="x, y",
    aliases="divide true_divide",
    symbol="/",
    torch=operator.truediv,
    sympy=operator.truediv,
    value=operator.truediv,
    derivative=("1/y", "-x/y**2"),
    domain="y != 0",
    samples=((1.5, 2.25), (-3.0, 0.7)),
    outside=((1.0, 0.0), (0.0, 0.0)),
)
row(
    "floor_divide",
    "quotient, rounded down",
    signature="x, y",
    symbol="//",
    torch=lambda x, y: torch.floor(x / y),
    sympy=lambda x, y: sympy.floor(x / y),
    value=lambda x, y: balls.floor(x / y),
    derivative=("0", "0"),
    domain="y != 0",
    samples=((7.3, 2.25), (-3.0, 0.7)),
    outside=((1.0, 0.0), (0.0, 0.0)),
    margin=multiple,
    kinks=(((6.0, 2.0), (0.0, 0.0)),),
)
row(
    "neg",
    "the negative",
    aliases="negative",
    symbol="-",
    torch=operator.neg,
    sympy=operator.neg,
    value=operator.neg,
    derivative="-1",
    samples=(1.5, -0.3),
)
row(
    "pow",
    "power; the base is positive unless the exponent is a whole number",
    signature="x, y",
    aliases="power float_power",
    symbol="**",
    sympy=operator.pow,
    value=balls.power,
    derivative=("y*x**(y - 1)", "x**y*log(x)"),
    domain="x > 0, or x = 0 and y >= 0, or y whole",
    samples=((1.5, 2.25), (0.3, -1.7), (2.0, 3.0)),
    inside=lambda x, y: greatest(x, -whole(y)),
    outside=((-8.0, 1 / 3), (0.0, -1.0)),
    margin=(
        lambda x, y: abs(x) if is_off(x) else greatest(abs(x), smooth_powers(y)),
        lambda x, y: x,
    ),
    kinks=(((0.0, 0.5), (math.inf, 0.0)),),
)
for _name, _symbol, _function, _relation, _doc in (
    ("gt", ">", operator.gt, "Gt", "greater than: 1 or 0 as a number"),
    ("ge", ">=", operator.ge, "Ge", "greater or equal: 1 or 0 as a number"),
    ("lt", "<", operator.lt, "Lt", "less than: 1 or 0 as a number"),
    ("le", "<=", operator.le, "Le", "less or equal: 1 or 0 as a number"),
    ("eq", "==", operator.eq, "Eq", "equal: 1 or 0 as a number"),
    ("ne", "!=", operator.ne, "Ne", "not equal: 1 or 0 as a number"),
):
    comparison(
        _name,
        _doc,
        signature="x, y",
        symbol=_symbol,
        torch=_function,
        sympy=lambda x, y, relation=_relation: getattr(sympy, relation)(x, y),
        derivative=("0", "0"),
        samples=((1.5, 2.25), (3.0, -0.7)),
        margin=tie,
        kinks=(((2.0, 2.0), (0.0, 0.0)),),
    )
for _name, _symbol, _doc in (
    ("logical_and", "&", "both conditions hold"),
    ("logical_or", "|", "one condition holds, or both"),
):
    comparison(
        _name,
        _doc,
        signature="x, y",
        symbol=_symbol,
        conditions=2,
        sympy=getattr(operator, _name[len("logical_") :] + "_"),
        value=getattr(operator, _name[len("logical_") :] + "_"),
        derivative=("0", "0"),
        samples=((1.0, 1.0), (1.5, -2.0)),
        margin=unset,
        kinks=((((1.0, 0.0) if _symbol == "&" else (0.0, 0.0)), (0.0, 0.0)),),
    )
comparison(
    "logical_not",
    "the condition does not hold",
    symbol="~",
    conditions=1,
    sympy=lambda x: sympy.Not(x),
    value=operator.not_,
    derivative="0",
    samples=(1.0, -2.0),
    margin=unset,
    kinks=((0.0, 0.0),),
)
