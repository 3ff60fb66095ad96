"""Rows: the activation functions of neural networks."""

from __future__ import annotations

from fractions import Fraction

from gradcalc.functions import balls, enclosures
from gradcalc.functions.pieces import (
    apart,
    at,
    at_bounds,
    greatest,
    least,
)
from gradcalc.functions.table import algebra as sympy
from gradcalc.functions.table import rows_of

row = rows_of("activations")

row(
    "sigmoid",
    "logistic function, 1/(1 + exp(-x))",
    aliases="expit",
    traits="opaque",
    sympy=lambda x: 1 / (1 + sympy.exp(-x)),
    derivative="sigmoid(x)*sigmoid(-x)",
    samples=(0.5, -2.0),
)
row(
    "logit",
    "inverse of sigmoid, log(x/(1 - x))",
    traits="opaque",
    sympy=lambda x: sympy.log(x / (1 - x)),
    derivative="1/(x*(1 - x))",
    domain="0 < x < 1",
    samples=(0.3, 0.8),
    inside=lambda x: least(x, 1 - x),
    outside=(0.0, 1.0, -0.5, 2.0),
)
row(
    "softplus",
    "log(1 + exp(beta*x))/beta, but x itself where beta*x > threshold",
    signature="x, static beta=1, static threshold=20",
    traits="opaque",
    sympy=lambda x, beta=1, threshold=20: sympy.Piecewise(
        (x, beta * x > threshold), (sympy.log(1 + sympy.exp(beta * x)) / beta, True)
    ),
    value=enclosures.softplus_below,
    derivative="where(beta*x > threshold, 1, sigmoid(beta*x))",
    samples=(0.5, -2.0, 25.0, (0.7, 2.0, 20.0), (3.0, 2.0, 4.0)),
    outside=((1.0, 0.0),),
    # It jumps at the threshold; beyond it, torch gives the argument.
    margin=lambda x, beta=1, threshold=20: apart(beta * x, threshold) / greatest(abs(beta), 1),
    kinks=((20.0, 0.9999999979388463),),
)
row(
    "relu",
    "x where positive, else 0",
    traits="opaque",
    sympy=lambda x: sympy.Piecewise((x, x > 0), (0, True)),
    derivative="where(x > 0, 1, 0)",
    samples=(0.5, -2.0),
    margin=at(0),
    kinks=((0.0, 0.0),),
)
row(
    "relu6",
    "x clamped to 0 to 6",
    traits="opaque",
    sympy=lambda x: sympy.Piecewise((0, x < 0), (x, x <= 6), (6, True)),
    value=lambda x: balls.clamp(x, 0, 6),
    derivative="where((x > 0) & (x < 6), 1, 0)",
    samples=(0.5, -2.0, 7.0),
    margin=at(0, 6),
    kinks=((0.0, 0.0), (6.0, 0.0)),
)
row(
    "leaky_relu",
    "x where positive, else negative_slope*x",
    signature="x, static negative_slope=0.01",
    traits="opaque",
    sympy=lambda x, slope=0.01: sympy.Piecewise((x, x > 0), (sympy.Rational(slope) * x, True)),
    derivative="where(x > 0, 1, negative_slope)",
    samples=(0.5, -2.0, (-1.5, 0.25)),
    margin=at(0),
    kinks=((0.0, 0.01), ((0.0, 0.25), 0.25)),
)
row(
    "elu",
    "x where positive, else alpha*(exp(x) - 1)",
    signature="x, static alpha=1",
    traits="opaque",
    sympy=lambda x, alpha=1: sympy.Piecewise((x, x > 0), (alpha * (sympy.exp(x) - 1), True)),
    derivative="where(x > 0, 1, alpha*exp(x))",
    samples=(0.5, -2.0, (-1.5, 2.0)),
    margin=at(0),
    kinks=(((0.0, 2.0), 2.0),),
)
#: Klambauer et al., Self-Normalizing Neural Networks (2017), with the digits that torch uses.
_SELU = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"
_SCALE, _ALPHA = map(Fraction, _SELU)
row(
    "selu",
    "scaled elu of self-normalizing networks",
    traits="opaque",
    sympy=lambda x: sympy.Piecewise(
        (sympy.Rational(_SELU[0]) * x, x > 0),
        (sympy.Rational(_SELU[0]) * sympy.Rational(_SELU[1]) * (sympy.exp(x) - 1), True),
    ),
    value=lambda x: balls.ball(_SCALE) * enclosures.elu(x, balls.ball(_ALPHA)),
    derivative=f"where(x > 0, {_SELU[0]}, {_SELU[0]}*{_SELU[1]}*exp(x))",
    samples=(0.5, -2.0),
    margin=at(0),
    kinks=((0.0, 1.7580993408473766),),
)
row(
    "celu",
    "x where positive, else alpha*(exp(x/alpha) - 1)",
    signature="x, static alpha=1",
    traits="opaque",
    sympy=lambda x, alpha=1: sympy.Piecewise(
        (x, x > 0), (alpha * (sympy.exp(x / alpha) - 1), True)
    ),
    derivative="where(x > 0, 1, exp(x/alpha))",
    samples=(0.5, -2.0, (-1.5, 2.0)),
    margin=at(0),
)
row(
    "gelu",
    "x*ndtr(x), Gaussian error linear unit",
    traits="opaque",
    sympy=lambda x: x * sympy.erfc(-x / sympy.sqrt(2)) / 2,
    derivative="ndtr(x) + x*exp(-x**2/2)/sqrt(2*pi)",
    samples=(0.5, -2.0),
)
row(
    "silu",
    "x*sigmoid(x), also called swish",
    aliases="swish",
    traits="opaque",
    sympy=lambda x: x / (1 + sympy.exp(-x)),
    derivative="sigmoid(x)*(1 + x*sigmoid(-x))",
    samples=(0.5, -2.0),
)
row(
    "mish",
    "x*tanh(log(1 + exp(x)))",
    traits="opaque",
    sympy=lambda x: x * sympy.tanh(sympy.log(1 + sympy.exp(x))),
    derivative="tanh(logaddexp(x, 0)) + x*sigmoid(x)*(1 - tanh(logaddexp(x, 0))**2)",
    samples=(0.5, -2.0),
)
row(
    "softsign",
    "x/(1 + abs(x))",
    traits="opaque",
    sympy=lambda x: x / (1 + sympy.Abs(x)),
    derivative="1/(1 + abs(x))**2",
    samples=(0.5, -2.0),
    margin=at(0),
)
row(
    "tanhshrink",
    "x - tanh(x)",
    traits="opaque",
    sympy=lambda x: x - sympy.tanh(x),
    value=lambda x: x - enclosures.tanh(x),
    derivative="tanh(x)**2",
    samples=(0.5, -2.0),
)
row(
    "hardtanh",
    "x clamped to min_val to max_val",
    signature="x, static min_val=-1, static max_val=1",
    traits="opaque",
    sympy=lambda x, low=-1, high=1: sympy.Piecewise((low, x < low), (x, x <= high), (high, True)),
    value=lambda x, low=-1, high=1: balls.clamp(x, low, high),
    derivative="where((x > min_val) & (x < max_val), 1, 0)",
    samples=(0.5, -2.0, (1.5, -2.0, 2.0)),
    margin=at_bounds,
    kinks=((1.0, 0.0), (-1.0, 0.0)),
)
row(
    "hardsigmoid",
    "x/6 + 1/2 clamped to 0 to 1",
    traits="opaque",
    sympy=lambda x: sympy.Piecewise((0, x < -3), (x / 6 + sympy.Rational(1, 2), x <= 3), (1, True)),
    value=lambda x: balls.clamp(x + 3, 0, 6) / 6,
    derivative="where((x > -3) & (x < 3), 1/6, 0)",
    samples=(0.5, -4.0, 5.0),
    margin=at(-3, 3),
    kinks=((-3.0, 0.0), (3.0, 0.0)),
)
row(
    "hardswish",
    "x*hardsigmoid(x)",
    traits="opaque",
    sympy=lambda x: sympy.Piecewise((0, x < -3), (x * (x + 3) / 6, x <= 3), (x, True)),
    derivative="where(x <= -3, 0, where(x < 3, x/3 + 1/2, 1))",
    samples=(0.5, -4.0, 5.0),
    margin=at(-3, 3),
    kinks=((-3.0, 0.0), (3.0, 1.0)),
)
row(
    "logsigmoid",
    "log(sigmoid(x))",
    traits="opaque",
    sympy=lambda x: -sympy.log(1 + sympy.exp(-x)),
    derivative="sigmoid(-x)",
    samples=(0.5, -2.0),
)
row(
    "softshrink",
    "x moved towards 0 by lambd, 0 in between",
    signature="x, static lambd=0.5",
    traits="opaque",
    sympy=lambda x, lambd=0.5: sympy.Piecewise(
        (x - lambd, x > lambd), (x + lambd, x < -lambd), (0, True)
    ),
    derivative="where(abs(x) > lambd, 1, 0)",
    samples=(1.5, -2.0, 0.25),
    margin=lambda x, lambd=0.5: apart(abs(x), lambd),
    kinks=((0.5, 0.0), (-0.5, 0.0)),
)
row(
    "hardshrink",
    "x, but 0 where abs(x) <= lambd",
    signature="x, static lambd=0.5",
    traits="opaque",
    sympy=lambda x, lambd=0.5: sympy.Piecewise((x, sympy.Abs(x) > lambd), (0, True)),
    derivative="where(abs(x) > lambd, 1, 0)",
    samples=(1.5, -2.0, 0.25),
    margin=lambda x, lambd=0.5: apart(abs(x), lambd),
    kinks=((0.5, 0.0), (-0.5, 0.0)),
)
