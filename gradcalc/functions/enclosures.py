"""The functions of the column `value`: Arb's, mended where it answers nan, and others.

In: balls. Out: a ball, or what `balls` says of infinities and of what is not known. No call takes
more than a second (`base.limits`).
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any

from gradcalc.base import limits
from gradcalc.functions.balls import (
    Ball,
    Undecided,
    anything,
    ball,
    between,
    clamp,
    flint,
    ge,
    greater,
    infinite,
    infinity,
    mul,
    nan,
    power,
)

Unary = Callable[[Ball], Ball]


# --- Functions of Arb -----------------------------------------------------------------------------


def _function(
    name: str,
    *,
    ends: Mapping[float, float] | None = None,
    limit: tuple[float | None, float | None] = (None, None),
    bounds: tuple[float, float] | None = None,
    total: bool = False,
) -> Unary:
    """Return Arb's function of that name, mended where it answers nan.

    Args:
        name: The method of `flint.arb`.
        ends: Infinite values at single points.
        limit: The limits at minus infinity and infinity; None where there is none, or Arb knows it.
        bounds: What the values lie between.
        total: There is a value at every real number.
    """
    method = operator.methodcaller(name)

    def function(x: Ball) -> Ball:
        result = method(x)
        if result.is_finite() or x.is_nan():
            return result
        side = infinity(x)
        if side:
            end = limit[side > 0]
            return result if end is None else flint.arb(end)
        for point, value in (ends or {}).items():
            if x == point:
                return flint.arb(value)
        if bounds:
            return between(*bounds)
        return anything() if total else result

    function.__name__ = name
    function.__doc__ = f"{name} on balls."
    return function


def _wave(name: str) -> Unary:
    """Return a function that has no limit at infinity, though it is bounded."""
    method = operator.methodcaller(name)
    return lambda x: nan() if infinity(x) else method(x)


_INF = float("inf")
exp = _function("exp", total=True)
expm1 = _function("expm1", total=True)
log = _function("log", ends={0: -_INF})
log1p = _function("log1p", ends={-1: -_INF})
sqrt = _function("sqrt")
rsqrt = _function("rsqrt", ends={0: _INF})
sin = _wave("sin")
cos = _wave("cos")
tan = _wave("tan")
sec = _wave("sec")
csc = _wave("csc")
cot = _wave("cot")
asin = _function("asin")
acos = _function("acos")
atan = _function("atan", bounds=(-1.6, 1.6))
sinh = _function("sinh", total=True)
cosh = _function("cosh", total=True)
tanh = _function("tanh", bounds=(-1, 1))
sech = _function("sech", bounds=(0, 1))
csch = _function("csch", limit=(0, 0))
coth = _function("coth")
asinh = _function("asinh", total=True)
acosh = _function("acosh")
erf = _function("erf", limit=(-1, 1), bounds=(-1, 1))
erfc = _function("erfc", limit=(2, 0), bounds=(0, 2))
erfinv = _function("erfinv")
sinc = _function("sinc_pi", bounds=(-0.25, 1))
digamma = _function("digamma", limit=(None, _INF))
rgamma = _function("rgamma")
_atanh = _function("atanh", ends={1: _INF})


def atanh(x: Ball) -> Ball:
    """Arb's is the more accurate one at positive numbers."""
    return -_atanh(-x) if x < 0 else _atanh(x)


def cbrt(x: Ball) -> Ball:
    """The real cube root."""
    if x > 0:
        return x.root(3)
    if x < 0:
        return -(-x).root(3)
    if x.is_zero() or x.is_nan():
        return x
    end = abs(x).upper().root(3)
    return between(-end, end)


def asec(x: Ball) -> Ball:
    """Inverse secant."""
    return (1 / x).acos()


def acsc(x: Ball) -> Ball:
    """Inverse cosecant."""
    return (1 / x).asin()


def acot(x: Ball) -> Ball:
    """Inverse cotangent, pi/2 at 0, where it jumps."""
    if x.is_zero():
        return flint.arb.pi() / 2
    if not (x.is_nan() or x > 0 or x < 0):
        raise Undecided
    return (1 / x).atan()


def asech(x: Ball) -> Ball:
    """Inverse hyperbolic secant."""
    return infinite() if x.is_zero() else (1 / x).acosh()


def acsch(x: Ball) -> Ball:
    """Inverse hyperbolic cosecant."""
    return (1 / x).asinh()


def acoth(x: Ball) -> Ball:
    """Inverse hyperbolic cotangent."""
    return atanh(1 / x)


def atan2(y: Ball, x: Ball) -> Ball:
    """The angle of the point (x, y), from -pi to pi; 0 at the origin.

    Raises:
        Undecided: The point may lie on either side of the cut.
    """
    if y.is_nan() or x.is_nan() or (infinity(x) and infinity(y)):
        return nan()
    if not (x > 0 or y > 0 or y < 0 or y.is_zero()):
        raise Undecided
    return flint.arb.atan2(y, x)


# --- Exponentials and logarithms ------------------------------------------------------------------


def exp2(x: Ball) -> Ball:
    """2 to the power of x."""
    return power(flint.arb(2), x)


def log2(x: Ball) -> Ball:
    """Logarithm to base 2."""
    return log(x) / flint.arb.const_log2()


def log10(x: Ball) -> Ball:
    """Logarithm to base 10."""
    return log(x) / flint.arb.const_log10()


def softplus(x: Ball) -> Ball:
    """log(1 + exp(x)), at any size of x."""
    return x.max(0) + log1p(exp(-abs(x)))


def softplus_below(x: Ball, beta: Any = 1, threshold: Any = 20) -> Ball:
    """softplus(beta*x)/beta; but x itself where beta*x > threshold, as torch documents."""
    scaled = x * beta
    if x.is_nan() or greater(scaled, threshold):
        return x
    return softplus(scaled) / beta


def logsigmoid(x: Ball) -> Ball:
    """log(sigmoid(x))."""
    return -softplus(-x)


def sigmoid(x: Ball) -> Ball:
    """1/(1 + exp(-x))."""
    if x < 0:
        part = exp(x)
        return part / (1 + part)
    result = 1 / (1 + exp(-x))
    return result if result.is_finite() or x.is_nan() else between(0, 1)


def logit(x: Ball) -> Ball:
    """log(x/(1 - x)), the inverse of sigmoid."""
    return infinite() if x == 1 else log(x / (1 - x))


def logaddexp(x: Ball, y: Ball) -> Ball:
    """log(exp(x) + exp(y))."""
    if infinity(x) or infinity(y):
        return x.max(y)
    return x.max(y) + log1p(exp(-abs(x - y)))


def logaddexp2(x: Ball, y: Ball) -> Ball:
    """log2(2**x + 2**y)."""
    if infinity(x) or infinity(y):
        return x.max(y)
    return x.max(y) + log1p(exp2(-abs(x - y))) / flint.arb.const_log2()


def xlogy(x: Ball, y: Ball) -> Ball:
    """x*log(y), and 0 where x is 0, as torch has it."""
    return x if x.is_zero() and not y.is_nan() else mul(x, log(y))


def xlog1py(x: Ball, y: Ball) -> Ball:
    """x*log(1 + y), and 0 where x is 0."""
    return x if x.is_zero() and not y.is_nan() else mul(x, log1p(y))


def entr(x: Ball) -> Ball:
    """-x*log(x), 0 at 0, and nothing below, where torch has minus infinity."""
    return -xlogy(x, x)


# --- Activations ----------------------------------------------------------------------------------


def relu(x: Ball) -> Ball:
    """X where positive, else 0."""
    return x.max(0)


def leaky_relu(x: Ball, slope: Any = 0.01) -> Ball:
    """X where positive, else slope*x."""
    return x.max(0) + mul(x.min(0), ball(slope))


def elu(x: Ball, alpha: Any = 1) -> Ball:
    """X where positive, else alpha*(exp(x) - 1)."""
    return x.max(0) + alpha * expm1(x.min(0))


def celu(x: Ball, alpha: Any = 1) -> Ball:
    """X where positive, else alpha*(exp(x/alpha) - 1)."""
    return x.max(0) + alpha * expm1(x.min(0) / alpha)


def gelu(x: Ball) -> Ball:
    """x*ndtr(x)."""
    return _times(x, ndtr)


def silu(x: Ball) -> Ball:
    """x*sigmoid(x)."""
    return _times(x, sigmoid)


def mish(x: Ball) -> Ball:
    """x*tanh(softplus(x))."""
    return _times(x, lambda x: tanh(softplus(x)))


def hardswish(x: Ball) -> Ball:
    """x*(x + 3)/6, with the second factor limited to 0 to 6."""
    return _times(x, lambda x: clamp(x + 3, 0, 6) / 6)


def _times(x: Ball, gate: Unary) -> Ball:
    """X times a gate that closes faster than x grows."""
    return flint.arb(0) if infinity(x) < 0 else mul(x, gate(x))


def copysign(x: Ball, y: Ball) -> Ball:
    """The size of x with the sign of y, where 0 counts as positive."""
    return abs(x) if x.is_zero() or ge(y, 0) else -abs(x)


def softsign(x: Ball) -> Ball:
    """x/(1 + abs(x))."""
    return flint.arb(infinity(x)) if infinity(x) else x / (1 + abs(x))


def softshrink(x: Ball, lambd: Any = 0.5) -> Ball:
    """X moved towards 0 by lambd, 0 in between."""
    return (x - lambd).max(0) + (x + lambd).min(0)


def hardshrink(x: Ball, lambd: Any = 0.5) -> Ball:
    """x, but 0 where abs(x) <= lambd.

    Raises:
        Undecided: It may jump here.
    """
    return x if x.is_nan() or greater(abs(x), lambd) else flint.arb(0)


# --- Special functions ----------------------------------------------------------------------------


def erfcx(x: Ball) -> Ball:
    """exp(x**2)*erfc(x); where that is inf*0, by Tricomi's function (DLMF 7.11.5)."""
    if x > limits.ERFCX_PRODUCT:
        if infinity(x):
            return flint.arb(0)
        half = flint.arb(0.5)
        result = (x * x).hypgeom_u(half, half) / flint.arb.const_sqrt_pi()
        return result if result.is_finite() else between(0, 1)
    result = mul(exp(x * x), erfc(x))
    return result if result.is_finite() or infinity(x) or x.is_nan() else anything()


def ndtr(x: Ball) -> Ball:
    """The standard normal distribution function."""
    return erfc(-x / flint.arb(2).sqrt()) / 2


def log_ndtr(x: Ball) -> Ball:
    """The log of `ndtr`, accurate on both sides."""
    scaled = x / flint.arb(2).sqrt()
    if x < -1:
        return x if infinity(x) else log(erfcx(-scaled) / 2) - scaled * scaled
    return log1p(-erfc(scaled) / 2)


def gamma(x: Ball) -> Ball:
    """The gamma function; nan at its poles."""
    result = x.gamma()
    return result if result.is_finite() or not (x.is_finite() and x > 0) else anything()


def factorial(x: Ball) -> Ball:
    """gamma(x + 1)."""
    return gamma(x + 1)


def lgamma(x: Ball) -> Ball:
    """The log of the absolute value of gamma; infinite at its poles."""
    if x > 0:
        return x if infinity(x) else x.lgamma()
    if x.is_integer():
        return infinite()
    return flint.acb(x).lgamma().real if x.is_finite() else nan()


def beta(x: Ball, y: Ball) -> Ball:
    """gamma(x)*gamma(y)/gamma(x + y); nan at the poles of the numerator."""
    result = mul(mul(gamma(x), gamma(y)), rgamma(x + y))
    return anything() if result.is_nan() and x > 0 and y > 0 and (x + y).is_finite() else result


def polygamma(n: Ball, x: Ball) -> Ball:
    """The n-th derivative of digamma, for n = 0, 1, 2, ...; nan for others."""
    order = n.unique_fmpz() if n.is_integer() and 0 <= n <= limits.POLYGAMMA_ORDER else None
    if order is None or not x.is_finite():
        return flint.arb(0) if order and infinity(x) > 0 else nan()
    if order == 0:
        return digamma(x)
    if x > 0:
        if x.rad() < limits.WIDE:
            return _polygamma(int(order), x)
        return between(_polygamma(int(order), x.lower()), _polygamma(int(order), x.upper()))
    if x.is_integer():
        return infinite() if order % 2 else nan()
    # By reflection (DLMF 5.15.6): Arb would step from the left to the right of 0.
    if not x < 1:
        return nan()
    mirrored = polygamma(n, 1 - x)
    pi = flint.arb.pi()
    waves = pi ** (order + 1) * _cotangent(int(order))(x.cot_pi())
    return (-mirrored if order % 2 else mirrored) - waves


def _polygamma(order: int, x: Ball) -> Ball:
    return flint.acb(x).polygamma(flint.acb(order)).real


@functools.cache
def _cotangent(order: int) -> Any:
    """The polynomial in cot(x) that is the derivative of cot(x) of that order."""
    polynomial = flint.fmpz_poly([0, 1])
    for _ in range(order):
        polynomial = polynomial.derivative() * flint.fmpz_poly([-1, 0, -1])
    return polynomial


def _bessel(order: int, x: Ball) -> Ball:
    """The modified Bessel function of order 0 or 1."""
    if infinity(x):
        return infinite() if order == 0 or x > 0 else infinite(-1)
    if not x.is_finite():
        return x if x.is_nan() else anything()
    if x.rad() < limits.WIDE:
        result = x.bessel_i(order)
    elif order:
        result = between(x.lower().bessel_i(1), x.upper().bessel_i(1))
    else:
        result = between(x.abs_lower().bessel_i(0), x.abs_upper().bessel_i(0))
    return anything() if result.is_nan() else result


def _bessel_scaled(order: int, x: Ball) -> Ball:
    """exp(-abs(x)) times the modified Bessel function of order 0 or 1."""
    if x.is_nan():
        return x
    if infinity(x):
        return flint.arb(0)
    if not x.is_finite() or x.rad() >= limits.WIDE:
        # That of order 1 is largest near 1.5, with 0.219.
        return between(0 if order == 0 or x > 0 else -0.22, 1 if order == 0 else 0.22)
    # Arb's factor is exp(-x).
    size = abs(x).bessel_i(order, scaled=True)
    if order == 0 or x >= 0:
        return size
    return -size if x < 0 else between(-size, size)


i0 = functools.partial(_bessel, 0)
i1 = functools.partial(_bessel, 1)
i0e = functools.partial(_bessel_scaled, 0)
i1e = functools.partial(_bessel_scaled, 1)
