"""Rows: trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcalc.functions.pieces import at, greatest, least
from gradcalc.functions.table import algebra as sympy
from gradcalc.functions.table import mp, row, torch


def _trigonometric(
    name: str,
    doc: str,
    derivative: str,
    *,
    samples: tuple[float, ...],
    torch: Callable[..., Any] | None = None,
    group: str = "trigonometric",
    **columns: Any,
) -> None:
    """Enter a row whose name is the same in torch (unless composed), sympy and mpmath."""
    row(
        name,
        doc,
        group=group,
        torch=torch or (lambda x: getattr(globals()["torch"], name)(x)),
        sympy=lambda x: getattr(sympy, name)(x),
        mpmath=lambda x: getattr(mp, name)(x),
        derivative=derivative,
        samples=samples,
        **columns,
    )


_trigonometric(
    "sin",
    "sine; x in radians",
    "cos(x)",
    samples=(0.5, -2.0),
    cancels=True,
)
_trigonometric(
    "cos",
    "cosine; x in radians",
    "-sin(x)",
    samples=(0.5, -2.0),
    cancels=True,
)
_trigonometric(
    "tan",
    "tangent; x in radians",
    "tan(x)**2 + 1",
    samples=(0.5, -2.0),
    domain="cos(x) != 0",
    cancels=True,
    poles=True,
)
_trigonometric(
    "sec",
    "secant, 1/cos(x)",
    "tan(x)*sec(x)",
    samples=(0.5, -2.0),
    torch=lambda x: torch.reciprocal(torch.cos(x)),
    domain="cos(x) != 0",
    poles=True,
)
_trigonometric(
    "csc",
    "cosecant, 1/sin(x)",
    "-cot(x)*csc(x)",
    samples=(0.5, -2.0),
    torch=lambda x: torch.reciprocal(torch.sin(x)),
    domain="sin(x) != 0",
    outside=(0.0,),
    poles=True,
)
_trigonometric(
    "cot",
    "cotangent, 1/tan(x)",
    "-cot(x)**2 - 1",
    samples=(0.5, -2.0),
    torch=lambda x: torch.reciprocal(torch.tan(x)),
    domain="sin(x) != 0",
    outside=(0.0,),
    cancels=True,
    poles=True,
)
_trigonometric(
    "asin",
    "inverse sine",
    "1/sqrt(1 - x**2)",
    samples=(0.5, -0.3),
    aliases="arcsin",
    domain="-1 <= x <= 1",
    inside=lambda x: 1 - abs(x),
    outside=(2.0, -1.5),
    margin=at(-1, 1),
    kinks=((1.0, math.inf), (-1.0, math.inf)),
)
_trigonometric(
    "acos",
    "inverse cosine",
    "-1/sqrt(1 - x**2)",
    samples=(0.5, -0.3),
    aliases="arccos",
    domain="-1 <= x <= 1",
    inside=lambda x: 1 - abs(x),
    outside=(2.0, -1.5),
    margin=at(-1, 1),
    kinks=((1.0, -math.inf), (-1.0, -math.inf)),
)
_trigonometric(
    "atan",
    "inverse tangent",
    "1/(x**2 + 1)",
    samples=(0.5, -3.0),
    aliases="arctan",
)
_trigonometric(
    "asec",
    "inverse secant, acos(1/x)",
    "1/(x**2*sqrt(1 - 1/x**2))",
    samples=(1.5, -3.0),
    torch=lambda x: torch.acos(torch.reciprocal(x)),
    aliases="arcsec",
    domain="|x| >= 1",
    inside=lambda x: abs(x) - 1,
    outside=(0.5, 0.0),
    margin=at(-1, 1),
    kinks=((1.0, math.inf), (-1.0, math.inf)),
    unsound=True,
)
_trigonometric(
    "acsc",
    "inverse cosecant, asin(1/x)",
    "-1/(x**2*sqrt(1 - 1/x**2))",
    samples=(1.5, -3.0),
    torch=lambda x: torch.asin(torch.reciprocal(x)),
    aliases="arccsc",
    domain="|x| >= 1",
    inside=lambda x: abs(x) - 1,
    outside=(0.5, 0.0),
    margin=at(-1, 1),
    kinks=((1.0, -math.inf), (-1.0, -math.inf)),
    unsound=True,
)
_trigonometric(
    "acot",
    "inverse cotangent, atan(1/x)",
    "-1/(x**2 + 1)",
    samples=(0.5, -3.0),
    torch=lambda x: torch.atan(torch.reciprocal(x)),
    aliases="arccot",
    domain="all real numbers; jumps at 0",
    margin=at(0),
    kinks=((0.0, math.nan),),
    unsound=True,
)
row(
    "atan2",
    "angle of the point (y, x)",
    group="trigonometric",
    signature="x, y",
    aliases="arctan2",
    torch=lambda x, y: torch.atan2(x, y),
    sympy=lambda x, y: sympy.atan2(x, y),
    mpmath=lambda x, y: mp.atan2(x, y),
    derivative=("y/(x**2 + y**2)", "-x/(x**2 + y**2)"),
    samples=((1.0, 2.0), (-0.5, -1.2), (0.7, -0.4)),
    domain="all real numbers; jumps where y = 0 and x < 0, the arguments being (y, x)",
    margin=lambda x, y: greatest(abs(x), y),
    kinks=(((0.0, -1.0), (-1.0, 0.0)), ((0.0, 0.0), (0.0, 0.0))),
)
_trigonometric("sinh", "hyperbolic sine", "cosh(x)", samples=(0.5, -2.0), group="hyperbolic")
_trigonometric(
    "cosh",
    "hyperbolic cosine",
    "sinh(x)",
    samples=(0.5, -2.0),
    group="hyperbolic",
)
_trigonometric(
    "tanh",
    "hyperbolic tangent",
    "1 - tanh(x)**2",
    samples=(0.5, -2.0),
    group="hyperbolic",
)
_trigonometric(
    "sech",
    "hyperbolic secant, 1/cosh(x)",
    "-tanh(x)*sech(x)",
    samples=(0.5, -2.0),
    torch=lambda x: torch.reciprocal(torch.cosh(x)),
    group="hyperbolic",
)
_trigonometric(
    "csch",
    "hyperbolic cosecant, 1/sinh(x)",
    "-coth(x)*csch(x)",
    samples=(0.5, -2.0),
    torch=lambda x: torch.reciprocal(torch.sinh(x)),
    group="hyperbolic",
    domain="x != 0",
    outside=(0.0,),
)
_trigonometric(
    "coth",
    "hyperbolic cotangent, 1/tanh(x)",
    "-1/sinh(x)**2",
    samples=(0.5, -2.0),
    torch=lambda x: torch.reciprocal(torch.tanh(x)),
    group="hyperbolic",
    domain="x != 0",
    outside=(0.0,),
)
_trigonometric(
    "asinh",
    "inverse hyperbolic sine",
    "1/sqrt(x**2 + 1)",
    samples=(0.5, -2.0),
    aliases="arcsinh",
    group="hyperbolic",
)
_trigonometric(
    "acosh",
    "inverse hyperbolic cosine",
    "1/(sqrt(x - 1)*sqrt(x + 1))",
    samples=(1.5, 3.0),
    aliases="arccosh",
    group="hyperbolic",
    domain="x >= 1",
    inside=lambda x: x - 1,
    outside=(0.5, -2.0),
    margin=at(1),
    kinks=((1.0, math.inf),),
)
_trigonometric(
    "atanh",
    "inverse hyperbolic tangent",
    "1/(1 - x**2)",
    samples=(0.5, -0.3),
    aliases="arctanh",
    group="hyperbolic",
    domain="-1 < x < 1",
    inside=lambda x: 1 - abs(x),
    outside=(1.0, -1.0, 2.0),
)
_trigonometric(
    "asech",
    "inverse hyperbolic secant, acosh(1/x)",
    "-1/(x*sqrt(1 - x**2))",
    samples=(0.5, 0.9),
    torch=lambda x: torch.acosh(torch.reciprocal(x)),
    aliases="arcsech",
    group="hyperbolic",
    domain="0 < x <= 1",
    inside=lambda x: least(x, 1 - x),
    outside=(0.0, 2.0, -0.5),
    margin=at(1),
    kinks=((1.0, -math.inf),),
    unsound=True,
)
_trigonometric(
    "acsch",
    "inverse hyperbolic cosecant, asinh(1/x)",
    "-1/(x**2*sqrt(1 + 1/x**2))",
    samples=(0.5, -2.0),
    torch=lambda x: torch.asinh(torch.reciprocal(x)),
    aliases="arccsch",
    group="hyperbolic",
    domain="x != 0",
    outside=(0.0,),
)
_trigonometric(
    "acoth",
    "inverse hyperbolic cotangent, atanh(1/x)",
    "1/(1 - x**2)",
    samples=(1.5, -3.0),
    torch=lambda x: torch.atanh(torch.reciprocal(x)),
    aliases="arccoth",
    group="hyperbolic",
    domain="|x| > 1",
    inside=lambda x: abs(x) - 1,
    outside=(0.5, 1.0, -1.0),
    unsound=True,
)
