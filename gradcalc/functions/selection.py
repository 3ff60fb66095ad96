"""Rows: rounding, signs, and choosing between values."""

from __future__ import annotations

from gradcalc.functions import balls
from gradcalc.functions.pieces import (
    at,
    at_bounds,
    half,
    least,
    multiple,
    never,
    sympy_clamp,
    sympy_round,
    sympy_trunc,
    tie,
    torch_clamp,
    torch_remainder,
    unset,
    whole,
)
from gradcalc.functions.table import algebra as sympy
from gradcalc.functions.table import rows_of, torch

row = rows_of("rounding and selection")

row(
    "abs",
    "absolute value",
    aliases="absolute fabs",
    sympy=lambda x: sympy.Abs(x),
    value=abs,
    derivative="sign(x)",
    samples=(0.5, -2.0),
    margin=at(0),
    kinks=((0.0, 0.0),),
)
row(
    "sign",
    "-1, 0 or 1",
    aliases="sgn",
    derivative="0",
    samples=(0.5, -2.0),
    margin=at(0),
    kinks=((0.0, 0.0),),
)
row(
    "floor",
    "rounded down",
    derivative="0",
    samples=(0.5, -2.3),
    margin=whole,
    kinks=((2.0, 0.0),),
)
row(
    "ceil",
    "rounded up",
    aliases="ceiling",
    sympy=lambda x: sympy.ceiling(x),
    derivative="0",
    samples=(0.5, -2.3),
    margin=whole,
    kinks=((2.0, 0.0),),
)
row(
    "round",
    "rounded to the nearest whole number, half to even",
    traits="opaque",
    sympy=sympy_round,
    value=balls.nint,
    derivative="0",
    samples=(0.6, -2.3),
    margin=half,
    kinks=((2.5, 0.0),),
)
row(
    "trunc",
    "rounded towards 0",
    aliases="fix",
    traits="opaque",
    sympy=sympy_trunc,
    derivative="0",
    samples=(2.5, -2.3),
    margin=whole,
    kinks=((2.0, 0.0),),
)
row(
    "frac",
    "x - trunc(x)",
    traits="opaque",
    sympy=lambda x: x - sympy_trunc(x),
    value=lambda x: x - balls.trunc(x),
    derivative="1",
    samples=(2.5, -2.3),
    margin=whole,
    kinks=((3.0, 1.0),),
)
row(
    "fmod",
    "remainder with the sign of x, x - trunc(x/y)*y",
    signature="x, y",
    traits="opaque",
    sympy=lambda x, y: x - sympy_trunc(x / y) * y,
    derivative=("1", "-trunc(x/y)"),
    domain="y != 0",
    samples=((7.3, 2.25), (-7.3, 2.25)),
    outside=((1.0, 0.0), (0.0, 0.0)),
    margin=multiple,
    kinks=(((6.0, 2.0), (1.0, -3.0)),),
)
row(
    "remainder",
    "remainder with the sign of y, x - floor(x/y)*y",
    signature="x, y",
    aliases="mod",
    symbol="%",
    traits="opaque",
    torch=torch_remainder,
    sympy=lambda x, y: x - sympy.floor(x / y) * y,
    derivative=("1", "-floor(x/y)"),
    domain="y != 0",
    samples=((7.3, 2.25), (-7.3, 2.25)),
    outside=((1.0, 0.0), (0.0, 0.0)),
    margin=multiple,
    kinks=(((6.0, 2.0), (1.0, -3.0)),),
)
#: At a tie, torch gave the gradient to the first argument; since 2.14 both have half of it, but the
#: first has none beside a plain number.
_FIRST_OR_SHARED = {"2.6": (1.0, 0.0), "2.14": (0.5, 0.5)}
_FIRST_OR_NONE = {"2.6": (1.0,), "2.14": (0.0,)}
for _name, _many, _in_torch, _relation, _pick, _doc in (
    ("maximum", True, "maximum", ">", max, "the largest argument"),
    ("minimum", True, "minimum", "<", min, "the smallest argument"),
    ("fmax", False, "fmax", ">=", max, "the larger argument"),
    ("fmin", False, "fmin", "<=", min, "the smaller argument"),
):
    row(
        _name,
        _doc,
        signature="*x" if _many else "x, y",
        traits="opaque",
        torch=lambda x, y, name=_in_torch: getattr(torch, name)(x, y),
        sympy=lambda x, y, relation=_relation: sympy.Piecewise(
            (x, sympy.Rel(x, y, relation)), (y, True)
        ),
        value=balls.largest if _pick is max else balls.smallest,
        derivative=(
            f"where(x {_relation} y, 1, where(x == y, 1/2, 0))"
            if _many
            else f"where(x {_relation} y, 1, 0)",
            f"where(x {_relation} y, 0, where(x == y, 1/2, 1))"
            if _many
            else f"where(x {_relation} y, 0, 1)",
        ),
        samples=((1.5, 2.25), (3.0, -0.7)),
        margin=tie,
        kinks=(((1.0, 1.0), (0.5, 0.5) if _many else _FIRST_OR_SHARED),),
    )
row(
    "clamp",
    "x limited to the range min to max",
    signature="x, min=-inf, max=inf",
    aliases="clip hardclip",
    traits="opaque numbers",
    torch=torch_clamp,
    sympy=sympy_clamp,
    derivative=(
        "where((x >= min) & (x <= max), 1, 0)",
        "where((x < min) & (min < max), 1, 0)",
        "where((x > max) | (min > max), 1, 0)",
    ),
    samples=((0.5, -1.0, 1.0), (-2.0, -1.0, 1.0), (3.0, -1.0, 1.0), (0.5, 2.0, 1.0)),
    margin=at_bounds,
    kinks=(
        ((1.0, -1.0, 1.0), {"2.6": (1.0, 0.0, 0.0), "2.14": (0.5, 0.0, 0.5)}),
        ((-1.0, -1.0, 1.0), {"2.6": (1.0, 0.0, 0.0), "2.14": (0.5, 0.5, 0.0)}),
        ((1.0, -1.0, 1.0), _FIRST_OR_NONE),
    ),
)
row(
    "clamp_min",
    "x, but at least min",
    signature="x, min",
    traits="opaque numbers",
    sympy=lambda x, low: sympy.Piecewise((x, x >= low), (low, True)),
    value=balls.largest,
    derivative=("where(x >= min, 1, 0)", "where(x < min, 1, 0)"),
    samples=((0.5, -1.0), (-2.0, -1.0)),
    margin=tie,
    kinks=(((-1.0, -1.0), _FIRST_OR_SHARED), ((-1.0, -1.0), _FIRST_OR_NONE)),
)
row(
    "clamp_max",
    "x, but at most max",
    signature="x, max",
    traits="opaque numbers",
    sympy=lambda x, high: sympy.Piecewise((x, x <= high), (high, True)),
    value=balls.smallest,
    derivative=("where(x <= max, 1, 0)", "where(x > max, 1, 0)"),
    samples=((0.5, 1.0), (3.0, 1.0)),
    margin=tie,
    kinks=(((1.0, 1.0), _FIRST_OR_SHARED), ((1.0, 1.0), _FIRST_OR_NONE)),
)
row(
    "where",
    "x where the condition holds, else y",
    signature="condition, x, y",
    conditions=1,
    sympy=lambda condition, x, y: sympy.Piecewise((x, condition), (y, True)),
    value=lambda condition, x, y: x if condition else y,
    derivative=("0", "where(condition, 1, 0)", "where(condition, 0, 1)"),
    samples=((1.0, 2.0, 3.0), (-1.0, 2.0, 3.0)),
    margin=(lambda condition, x, y: unset(condition), never),
    kinks=(((0.0, 2.0, 3.0), (0.0, 0.0, 1.0)),),
)
row(
    "heaviside",
    "0 where x < 0, 1 where x > 0, else y",
    signature="x, static y",
    traits="opaque",
    # torch.heaviside has no derivative; calculus says 0 off the step.
    torch=lambda x, y: torch.where(x == 0, y, (x > 0).to(x.dtype)) + 0 * x,
    sympy=lambda x, y: sympy.Piecewise((0, x < 0), (1, x > 0), (y, True)),
    value=lambda x, y: y if x.is_zero() else (1 + balls.sign(x)) / 2,
    derivative="0",
    samples=((0.5, 0.5), (-2.0, 0.5)),
    margin=at(0),
    kinks=(((0.0, 0.5), (0.0,)),),
)
row(
    "copysign",
    "abs(x) with the sign of y",
    signature="x, y",
    traits="opaque",
    sympy=lambda x, y: sympy.Abs(x) * sympy.Piecewise((1, y >= 0), (-1, True)),
    derivative=("where(y >= 0, sign(x), -sign(x))", "0"),
    samples=((0.5, 2.0), (0.5, -2.0), (-1.5, 2.0)),
    margin=lambda x, y: least(abs(x), abs(y)),
    kinks=(((0.0, 1.0), (0.0, 0.0)), ((1.0, 0.0), (1.0, 0.0))),
)
