"""Rows: special functions, and angles."""

from __future__ import annotations

import math

from gradcalc.base import limits
from gradcalc.functions import balls
from gradcalc.functions.pieces import (
    at,
    greatest,
    least,
    torch_beta,
    torch_gamma,
)
from gradcalc.functions.table import algebra as sympy
from gradcalc.functions.table import rows_of, torch

row = rows_of("special")

row("erf", "error function", derivative="2*exp(-x**2)/sqrt(pi)", samples=(0.5, -1.2))
row(
    "erfc",
    "1 - erf(x), accurate for large x",
    derivative="-2*exp(-x**2)/sqrt(pi)",
    samples=(0.5, -1.2),
)
row(
    "erfinv",
    "inverse of erf",
    derivative="sqrt(pi)*exp(erfinv(x)**2)/2",
    domain="-1 < x < 1",
    samples=(0.5, -0.8),
    inside=lambda x: 1 - abs(x),
    outside=(1.0, -1.0, 2.0),
)
row(
    "erfcx",
    "exp(x**2)*erfc(x), scaled against underflow",
    traits="opaque",
    sympy=lambda x: sympy.exp(x**2) * sympy.erfc(x),
    derivative="2*x*erfcx(x) - 2/sqrt(pi)",
    samples=(0.5, -1.2),
)
row(
    "lgamma",
    "log of the absolute value of gamma",
    aliases="loggamma gammaln",
    traits="opaque",
    largest=limits.CONSTANT_GAMMA,
    sympy=lambda x: sympy.log(sympy.Abs(sympy.gamma(x))),
    derivative="digamma(x)",
    domain="x not 0, -1, -2, ...",
    samples=(0.7, 3.2, -1.5),
    outside=(0.0, -1.0),
)
row(
    "gamma",
    "gamma function",
    largest=limits.CONSTANT_GAMMA,
    torch=torch_gamma,
    derivative="gamma(x)*digamma(x)",
    domain="x not 0, -1, -2, ...",
    samples=(0.7, 3.2, -1.5),
    outside=(0.0, -1.0),
)
row(
    "factorial",
    "x!, which is gamma(x + 1)",
    traits="opaque",
    largest=limits.CONSTANT_GAMMA,
    torch=lambda x: torch_gamma(x + 1),
    sympy=lambda x: sympy.gamma(x + 1),
    derivative="factorial(x)*digamma(x + 1)",
    domain="x not -1, -2, ...",
    samples=(0.7, 3.0, -1.5),
    outside=(-1.0, -2.0),
)
row(
    "beta",
    "beta function, gamma(x)*gamma(y)/gamma(x + y)",
    signature="x, y",
    traits="opaque",
    largest=limits.CONSTANT_GAMMA,
    torch=torch_beta,
    sympy=lambda x, y: sympy.gamma(x) * sympy.gamma(y) / sympy.gamma(x + y),
    derivative=(
        "beta(x, y)*(digamma(x) - digamma(x + y))",
        "beta(x, y)*(digamma(y) - digamma(x + y))",
    ),
    domain="x and y not 0, -1, -2, ...",
    samples=((0.7, 3.2), (1.5, 0.4)),
    outside=((0.0, 1.0), (-1.0, 0.5)),
)
row(
    "digamma",
    "derivative of lgamma",
    aliases="psi",
    traits="unsound",
    largest=limits.CONSTANT_GAMMA,
    derivative="polygamma(1, x)",
    domain="x not 0, -1, -2, ...",
    samples=(0.7, 3.2, -1.5),
    outside=(0.0, -1.0),
)
row(
    "polygamma",
    "n-th derivative of digamma",
    signature="static n, x",
    traits="unsound",
    largest=limits.CONSTANT_ORDER,
    torch=lambda n, x: torch.polygamma(int(n), x),
    derivative="polygamma(n + 1, x)",
    domain="x not 0, -1, -2, ...; n = 0, 1, 2, ...",
    samples=((1.0, 0.7), (2.0, 3.2), (0.0, 1.5)),
    outside=((1.0, 0.0), (1.0, -1.0)),
)
row(
    "sinc",
    "sin(pi*x)/(pi*x), and 1 at 0",
    traits="opaque",
    sympy=lambda x: sympy.sin(sympy.pi * x) / (sympy.pi * x),
    derivative="(cos(pi*x) - sinc(x))/x",
    samples=(0.5, -1.2),
)
row(
    "xlogy",
    "x*log(y), and 0 where x is 0",
    signature="x, y",
    traits="opaque",
    sympy=lambda x, y: x * sympy.log(y),
    derivative=("log(y)", "x/y"),
    domain="y > 0",
    samples=((0.5, 1.2), (-2.0, 0.3)),
    inside=lambda x, y: greatest(y, -abs(x)),
    outside=((1.0, 0.0), (1.0, -1.0)),
    margin=lambda x, y: least(abs(x), y),
)
row(
    "xlog1py",
    "x*log(1 + y), and 0 where x is 0",
    signature="x, y",
    traits="opaque",
    sympy=lambda x, y: x * sympy.log(1 + y),
    derivative=("log1p(y)", "x/(y + 1)"),
    domain="y > -1",
    samples=((0.5, 1.2), (-2.0, 0.3)),
    inside=lambda x, y: greatest(y + 1, -abs(x)),
    outside=((1.0, -1.0), (1.0, -2.0)),
    margin=lambda x, y: least(abs(x), y + 1),
)
row(
    "entr",
    "-x*log(x), and 0 at 0",
    traits="opaque",
    sympy=lambda x: -x * sympy.log(x),
    derivative="-log(x) - 1",
    domain="x >= 0",
    samples=(0.5, 2.0),
    inside=lambda x: x,
    outside=(-1.0,),
    margin=at(0),
    kinks=((0.0, math.inf),),
)
row(
    "ndtr",
    "standard normal distribution function",
    traits="opaque",
    sympy=lambda x: sympy.erfc(-x / sympy.sqrt(2)) / 2,
    derivative="exp(-x**2/2)/sqrt(2*pi)",
    samples=(0.5, -1.2),
)
row(
    "log_ndtr",
    "log of ndtr, accurate far below 0",
    traits="opaque",
    sympy=lambda x: sympy.log(sympy.erfc(-x / sympy.sqrt(2)) / 2),
    derivative="exp(-x**2/2)/(sqrt(2*pi)*ndtr(x))",
    samples=(0.5, -1.2),
)
row(
    "i0",
    "modified Bessel function of order 0",
    traits="opaque",
    sympy=lambda x: sympy.besseli(0, x),
    derivative="i1(x)",
    samples=(0.5, -1.2),
)
row(
    "i1",
    "modified Bessel function of order 1",
    traits="opaque",
    sympy=lambda x: sympy.besseli(1, x),
    derivative="i0(x) - i1(x)/x",
    samples=(0.5, -1.2),
)
row(
    "i0e",
    "exp(-abs(x))*i0(x)",
    traits="opaque",
    sympy=lambda x: sympy.exp(-sympy.Abs(x)) * sympy.besseli(0, x),
    derivative="i1e(x) - sign(x)*i0e(x)",
    samples=(0.5, -1.2),
    margin=at(0),
    kinks=((0.0, 0.0),),
)
row(
    "i1e",
    "exp(-abs(x))*i1(x)",
    traits="opaque",
    sympy=lambda x: sympy.exp(-sympy.Abs(x)) * sympy.besseli(1, x),
    derivative="i0e(x) - i1e(x)*(sign(x) + 1/x)",
    samples=(0.5, -1.2),
    margin=at(0),
)
row(
    "deg2rad",
    "degrees to radians",
    aliases="radians",
    sympy=lambda x: x * sympy.pi / 180,
    value=lambda x: x * balls.flint.arb.pi() / 180,
    derivative="pi/180",
    samples=(30.0, -45.0),
    group="trigonometric",
)
row(
    "rad2deg",
    "radians to degrees",
    aliases="degrees",
    sympy=lambda x: x * 180 / sympy.pi,
    value=lambda x: x * 180 / balls.flint.arb.pi(),
    derivative="180/pi",
    samples=(0.5, -1.2),
    group="trigonometric",
)
