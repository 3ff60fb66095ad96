"""Rows: powers, roots, exponentials and logarithms."""

from __future__ import annotations

import math

from gradcalc.base import limits
from gradcalc.functions.pieces import at
from gradcalc.functions.table import algebra as sympy
from gradcalc.functions.table import rows_of, torch

row = rows_of("powers and logarithms")

row(
    "sqrt",
    "square root",
    aliases="√",
    derivative="1/(2*sqrt(x))",
    domain="x >= 0",
    samples=(0.25, 2.0),
    inside=lambda x: x,
    outside=(-1.0,),
    margin=at(0),
    kinks=((0.0, math.inf),),
)
row(
    "rsqrt",
    "1 over the square root",
    sympy=lambda x: 1 / sympy.sqrt(x),
    derivative="-1/(2*x**(3/2))",
    domain="x > 0",
    samples=(0.25, 2.0),
    inside=lambda x: x,
    outside=(0.0, -1.0),
)
row(
    "cbrt",
    "real cube root",
    traits="opaque",
    torch=lambda x: torch.sign(x) * torch.pow(torch.abs(x), 1 / 3),
    sympy=lambda x: sympy.sign(x) * sympy.Abs(x) ** sympy.Rational(1, 3),
    derivative="1/(3*cbrt(x)**2)",
    samples=(8.0, -0.3),
    margin=at(0),
    kinks=((0.0, math.nan),),
)
row(
    "square",
    "square",
    sympy=lambda x: x**2,
    value=lambda x: x * x,
    derivative="2*x",
    samples=(1.5, -0.3),
)
row(
    "reciprocal",
    "1 over x",
    sympy=lambda x: 1 / x,
    value=lambda x: 1 / x,
    derivative="-1/x**2",
    domain="x != 0",
    samples=(1.5, -0.3),
    outside=(0.0,),
)
row("exp", "e to the power of x", derivative="exp(x)", samples=(0.5, -1.3))
row(
    "exp2",
    "2 to the power of x",
    largest=limits.CONSTANT_BITS,
    sympy=lambda x: 2**x,
    derivative="2**x*log(2)",
    samples=(0.5, -1.3),
)
row(
    "expm1",
    "exp(x) - 1, accurate near 0",
    traits="opaque",
    sympy=lambda x: sympy.exp(x) - 1,
    derivative="exp(x)",
    samples=(0.5, -1.3),
)
for _name, _base, _aliases in (("log", "e", "ln"), ("log2", "2", ""), ("log10", "10", "")):
    row(
        _name,
        f"logarithm to base {_base}",
        aliases=_aliases,
        traits="" if _base == "e" else "opaque",
        sympy=(lambda x: sympy.log(x))
        if _base == "e"
        else lambda x, base=int(_base): sympy.log(x) / sympy.log(base),
        derivative="1/x" if _base == "e" else f"1/(x*log({_base}))",
        domain="x > 0",
        samples=(0.3, 2.5),
        inside=lambda x: x,
        outside=(0.0, -1.0),
    )
row(
    "log1p",
    "log(1 + x), accurate near 0",
    traits="opaque",
    sympy=lambda x: sympy.log(1 + x),
    derivative="1/(x + 1)",
    domain="x > -1",
    samples=(0.3, -0.4),
    inside=lambda x: x + 1,
    outside=(-1.0, -2.0),
)
row(
    "hypot",
    "sqrt(x**2 + y**2)",
    signature="x, y",
    sympy=lambda x, y: sympy.sqrt(x**2 + y**2),
    derivative=("x/hypot(x, y)", "y/hypot(x, y)"),
    samples=((3.0, 4.0), (-0.5, 1.2)),
    margin=lambda x, y: abs(x) + abs(y),
    kinks=(((0.0, 0.0), (math.nan, math.nan)),),
)
row(
    "logaddexp",
    "log(exp(x) + exp(y)) without overflow",
    signature="x, y",
    traits="opaque",
    sympy=lambda x, y: sympy.log(sympy.exp(x) + sympy.exp(y)),
    derivative=("sigmoid(x - y)", "sigmoid(y - x)"),
    samples=((0.5, 1.2), (-2.0, 0.3)),
)
row(
    "logaddexp2",
    "log2(2**x + 2**y) without overflow",
    signature="x, y",
    traits="opaque",
    largest=limits.CONSTANT_BITS,
    sympy=lambda x, y: sympy.log(2**x + 2**y) / sympy.log(2),
    derivative=("1/(2**(y - x) + 1)", "1/(2**(x - y) + 1)"),
    samples=((0.5, 1.2), (-2.0, 0.3)),
)
