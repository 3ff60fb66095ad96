"""Rows: trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import math

from gradcalc.functions.pieces import at, greatest, least
from gradcalc.functions.table import rows_of, torch

row = rows_of("trigonometric")
hyperbolic = rows_of("hyperbolic")


row("sin", "sine; x in radians", derivative="cos(x)", samples=(0.5, -2.0))
row("cos", "cosine; x in radians", derivative="-sin(x)", samples=(0.5, -2.0))
row(
    "tan",
    "tangent; x in radians",
    derivative="tan(x)**2 + 1",
    domain="cos(x) != 0",
    samples=(0.5, -2.0),
)
row(
    "sec",
    "secant, 1/cos(x)",
    torch=lambda x: torch.reciprocal(torch.cos(x)),
    derivative="tan(x)*sec(x)",
    domain="cos(x) != 0",
    samples=(0.5, -2.0),
)
row(
    "csc",
    "cosecant, 1/sin(x)",
    torch=lambda x: torch.reciprocal(torch.sin(x)),
    derivative="-cot(x)*csc(x)",
    domain="sin(x) != 0",
    samples=(0.5, -2.0),
    outside=(0.0,),
)
row(
    "cot",
    "cotangent, 1/tan(x)",
    torch=lambda x: torch.reciprocal(torch.tan(x)),
    derivative="-cot(x)**2 - 1",
    domain="sin(x) != 0",
    samples=(0.5, -2.0),
    outside=(0.0,),
)
row(
    "asin",
    "inverse sine",
    aliases="arcsin",
    derivative="1/sqrt(1 - x**2)",
    domain="-1 <= x <= 1",
    samples=(0.5, -0.3),
    inside=lambda x: 1 - abs(x),
    outside=(2.0, -1.5),
    margin=at(-1, 1),
    kinks=((1.0, math.inf), (-1.0, math.inf)),
)
row(
    "acos",
    "inverse cosine",
    aliases="arccos",
    derivative="-1/sqrt(1 - x**2)",
    domain="-1 <= x <= 1",
    samples=(0.5, -0.3),
    inside=lambda x: 1 - abs(x),
    outside=(2.0, -1.5),
    margin=at(-1, 1),
    kinks=((1.0, -math.inf), (-1.0, -math.inf)),
)
row("atan", "inverse tangent", aliases="arctan", derivative="1/(x**2 + 1)", samples=(0.5, -3.0))
row(
    "asec",
    "inverse secant, acos(1/x)",
    aliases="arcsec",
    traits="unsound",
    torch=lambda x: torch.acos(torch.reciprocal(x)),
    derivative="1/(x**2*sqrt(1 - 1/x**2))",
    domain="|x| >= 1",
    samples=(1.5, -3.0),
    inside=lambda x: abs(x) - 1,
    outside=(0.5, 0.0),
    margin=at(-1, 1),
    kinks=((1.0, math.inf), (-1.0, math.inf)),
)
row(
    "acsc",
    "inverse cosecant, asin(1/x)",
    aliases="arccsc",
    traits="unsound",
    torch=lambda x: torch.asin(torch.reciprocal(x)),
    derivative="-1/(x**2*sqrt(1 - 1/x**2))",
    domain="|x| >= 1",
    samples=(1.5, -3.0),
    inside=lambda x: abs(x) - 1,
    outside=(0.5, 0.0),
    margin=at(-1, 1),
    kinks=((1.0, -math.inf), (-1.0, -math.inf)),
)
row(
    "acot",
    "inverse cotangent, atan(1/x)",
    aliases="arccot",
    traits="unsound",
    torch=lambda x: torch.atan(torch.reciprocal(x)),
    derivative="-1/(x**2 + 1)",
    domain="all real numbers; jumps at 0",
    samples=(0.5, -3.0),
    margin=at(0),
    kinks=((0.0, math.nan),),
)
row(
    "atan2",
    "angle of the point (y, x)",
    signature="x, y",
    aliases="arctan2",
    derivative=("y/(x**2 + y**2)", "-x/(x**2 + y**2)"),
    domain="all real numbers; jumps where y = 0 and x < 0, the arguments being (y, x)",
    samples=((1.0, 2.0), (-0.5, -1.2), (0.7, -0.4)),
    margin=lambda x, y: greatest(abs(x), y),
    kinks=(((0.0, -1.0), (-1.0, 0.0)), ((0.0, 0.0), (0.0, 0.0))),
)
hyperbolic("sinh", "hyperbolic sine", derivative="cosh(x)", samples=(0.5, -2.0))
hyperbolic("cosh", "hyperbolic cosine", derivative="sinh(x)", samples=(0.5, -2.0))
hyperbolic("tanh", "hyperbolic tangent", derivative="1 - tanh(x)**2", samples=(0.5, -2.0))
hyperbolic(
    "sech",
    "hyperbolic secant, 1/cosh(x)",
    torch=lambda x: torch.reciprocal(torch.cosh(x)),
    derivative="-tanh(x)*sech(x)",
    samples=(0.5, -2.0),
)
hyperbolic(
    "csch",
    "hyperbolic cosecant, 1/sinh(x)",
    torch=lambda x: torch.reciprocal(torch.sinh(x)),
    derivative="-coth(x)*csch(x)",
    domain="x != 0",
    samples=(0.5, -2.0),
    outside=(0.0,),
)
hyperbolic(
    "coth",
    "hyperbolic cotangent, 1/tanh(x)",
    torch=lambda x: torch.reciprocal(torch.tanh(x)),
    derivative="-1/sinh(x)**2",
    domain="x != 0",
    samples=(0.5, -2.0),
    outside=(0.0,),
)
hyperbolic(
    "asinh",
    "inverse hyperbolic sine",
    aliases="arcsinh",
    derivative="1/sqrt(x**2 + 1)",
    samples=(0.5, -2.0),
)
hyperbolic(
    "acosh",
    "inverse hyperbolic cosine",
    aliases="arccosh",
    derivative="1/(sqrt(x - 1)*sqrt(x + 1))",
    domain="x >= 1",
    samples=(1.5, 3.0),
    inside=lambda x: x - 1,
    outside=(0.5, -2.0),
    margin=at(1),
    kinks=((1.0, math.inf),),
)
hyperbolic(
    "atanh",
    "inverse hyperbolic tangent",
    aliases="arctanh",
    derivative="1/(1 - x**2)",
    domain="-1 < x < 1",
    samples=(0.5, -0.3),
    inside=lambda x: 1 - abs(x),
    outside=(1.0, -1.0, 2.0),
)
hyperbolic(
    "asech",
    "inverse hyperbolic secant, acosh(1/x)",
    aliases="arcsech",
    traits="unsound",
    torch=lambda x: torch.acosh(torch.reciprocal(x)),
    derivative="-1/(x*sqrt(1 - x**2))",
    domain="0 < x <= 1",
    samples=(0.5, 0.9),
    inside=lambda x: least(x, 1 - x),
    outside=(0.0, 2.0, -0.5),
    margin=at(1),
    kinks=((1.0, -math.inf),),
)
hyperbolic(
    "acsch",
    "inverse hyperbolic cosecant, asinh(1/x)",
    aliases="arccsch",
    torch=lambda x: torch.asinh(torch.reciprocal(x)),
    derivative="-1/(x**2*sqrt(1 + 1/x**2))",
    domain="x != 0",
    samples=(0.5, -2.0),
    outside=(0.0,),
)
hyperbolic(
    "acoth",
    "inverse hyperbolic cotangent, atanh(1/x)",
    aliases="arccoth",
    traits="unsound",
    torch=lambda x: torch.atanh(torch.reciprocal(x)),
    derivative="1/(1 - x**2)",
    domain="|x| > 1",
    samples=(1.5, -3.0),
    inside=lambda x: abs(x) - 1,
    outside=(0.5, 1.0, -1.0),
)
