"""Rows: arithmetic, comparison and logic; all of these are operators."""

from __future__ import annotations

import math
import operator

from gradcalc.functions.pieces import greatest, least, multiple, tie, unset, whole
from gradcalc.functions.table import algebra as sympy
from gradcalc.functions.table import mp, row, torch

row(
    "add",
    "sum",
    group="arithmetic",
    signature="x, y",
    symbol="+",
    any_size=True,
    cancels=True,
    commutes=True,
    torch=operator.add,
    sympy=operator.add,
    mpmath=operator.add,
    derivative=("1", "1"),
    samples=((1.5, 2.25), (-3.0, 0.7)),
)
row(
    "sub",
    "difference",
    group="arithmetic",
    signature="x, y",
    symbol="-",
    aliases="subtract",
    any_size=True,
    cancels=True,
    torch=operator.sub,
    sympy=operator.sub,
    mpmath=operator.sub,
    derivative=("1", "-1"),
    samples=((1.5, 2.25), (-3.0, 0.7)),
)
row(
    "mul",
    "product",
    group="arithmetic",
    signature="x, y",
    symbol="*",
    aliases="multiply",
    any_size=True,
    commutes=True,
    torch=operator.mul,
    sympy=operator.mul,
    mpmath=operator.mul,
    derivative=("y", "x"),
    samples=((1.5, 2.25), (-3.0, 0.7)),
)
row(
    "div",
    "quotient",
    group="arithmetic",
    signature="x, y",
    symbol="/",
    aliases="divide true_divide",
    any_size=True,
    torch=operator.truediv,
    sympy=operator.truediv,
    mpmath=operator.truediv,
    derivative=("1/y", "-x/y**2"),
    domain="y != 0",
    samples=((1.5, 2.25), (-3.0, 0.7)),
    outside=((1.0, 0.0), (0.0, 0.0)),
)
row(
    "floor_divide",
    "quotient, rounded down",
    group="arithmetic",
    signature="x, y",
    symbol="//",
    any_size=True,
    torch=lambda x, y: torch.floor(x / y),
    sympy=lambda x, y: sympy.floor(x / y),
    mpmath=lambda x, y: mp.floor(x / y),
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
    group="arithmetic",
    aliases="negative",
    symbol="-",
    any_size=True,
    torch=operator.neg,
    sympy=operator.neg,
    mpmath=operator.neg,
    derivative="-1",
    samples=(1.5, -0.3),
)
row(
    "pow",
    "power; the base is positive unless the exponent is a whole number",
    group="arithmetic",
    signature="x, y",
    aliases="power float_power",
    symbol="**",
    torch=lambda x, y: torch.pow(x, y),
    sympy=operator.pow,
    mpmath=lambda x, y: mp.power(x, y),
    derivative=("y*x**(y - 1)", "x**y*log(x)"),
    domain="x > 0, or x = 0 and y >= 0, or y whole",
    samples=((1.5, 2.25), (0.3, -1.7), (2.0, 3.0)),
    inside=lambda x, y: greatest(x, -whole(y)),
    outside=((-8.0, 1 / 3), (0.0, -1.0)),
    margin=(
        # Smooth at 0 for the powers 1, 2, 3, ...
        lambda x, y: greatest(abs(x), least(y - 0.5, 0.5 - (whole(y) > 0) * 1.0)),
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
    row(
        _name,
        _doc,
        group="comparison",
        signature="x, y",
        symbol=_symbol,
        any_size=True,
        torch=_function,
        sympy=lambda x, y, relation=_relation: getattr(sympy, relation)(x, y),
        mpmath=_function,
        derivative=("0", "0"),
        samples=((1.5, 2.25), (3.0, -0.7)),
        margin=tie,
        kinks=(((2.0, 2.0), (0.0, 0.0)),),
    )
for _name, _symbol, _doc in (
    ("logical_and", "&", "both conditions hold"),
    ("logical_or", "|", "one condition holds, or both"),
):
    row(
        _name,
        _doc,
        group="comparison",
        signature="x, y",
        symbol=_symbol,
        any_size=True,
        conditions=2,
        torch=lambda x, y, name=_name: getattr(torch, name)(x, y),
        sympy=getattr(operator, _name[len("logical_") :] + "_"),
        mpmath=getattr(operator, _name[len("logical_") :] + "_"),
        derivative=("0", "0"),
        samples=((1.0, 1.0), (1.5, -2.0)),
        margin=unset,
        kinks=((((1.0, 0.0) if _symbol == "&" else (0.0, 0.0)), (0.0, 0.0)),),
    )
row(
    "logical_not",
    "the condition does not hold",
    group="comparison",
    symbol="~",
    any_size=True,
    conditions=1,
    torch=lambda x: torch.logical_not(x),
    sympy=lambda x: sympy.Not(x),
    mpmath=operator.not_,
    derivative="0",
    samples=(1.0, -2.0),
    margin=unset,
    kinks=((0.0, 0.0),),
)
