"""How torch calculates each function, where that differs from the function table's formulas.

In: the name of a row that works entry by entry, or of `sum`. Out: its `Kernel`. Every such row has
one: by default its derivative is calculated as the table writes it, and nobody has measured its
errors.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gradcalc.functions import Function

#: The error of a kernel that nobody has measured, in units of the roundoff.
UNMEASURED = 10


class Kernel(NamedTuple):
    """What torch's own code makes of a row.

    `bounds` reads the first five; where nothing is known of the accuracy, it has exact values. The
    texts are in gradcalc's own language, in the row's parameters. In a text, the row's own name is
    torch's function where that is as good as `accuracy` says; other names have texts of their own.

    Attributes:
        accuracy: The relative error of torch's function at exact arguments, in units of the
            roundoff; measured, and no less than that.
        lipschitz: The value moves at most so much as an argument does, for all of them.
        elasticity: The same with relative moves: 1/2 for sqrt.
        growth: A relative move of the value, for an absolute one of the argument: 1 for exp.
        shift: A move of the value, for a relative one of the argument: 1 for log.
        forward: The value as torch computes it, where that cancels: (1 + erf(x/sqrt(2)))/2 for
            ndtr.
        backward: The derivatives as torch computes them, where that rounds differently: 1 -
            tanh(x)**2 cancels where sech(x)**2 would not.
        approximation: The relative error of torch's formula, where that is a series or a fit that
            no precision improves; measured.
    """

    accuracy: float = math.inf
    lipschitz: float = math.inf
    elasticity: float = math.inf
    growth: float = math.inf
    shift: float = math.inf
    forward: str | None = None
    backward: tuple[str, ...] = ()
    approximation: float = 0.0


def backward(row: Function) -> tuple[str, ...]:
    """The row's derivatives as torch computes them."""
    return KERNELS[row.name].backward or row.derivative


_DIGAMMA = """
    where(x < 0, digamma(1 - x) - pi*cot(pi*frac(x)),
    -1/x - 1/(x + 1) - 1/(x + 2) - 1/(x + 3) + digamma(x + 4))
""".strip()
_POLYGAMMA = """
    where(n == 0, digamma(x),
    where((n == 1) & (x < 1/2), pi**2/sin(pi*x)**2 - polygamma(1, 1 - x), polygamma(n, x)))
""".strip()
_BETA = "sign(beta(x, y))*exp(lgamma(x) + lgamma(y) - lgamma(x + y))"
_NDTR = "(1 + erf(x*sqrt(1/2)))/2"
_HALF = "(x*sqrt(1/2))"
_LOG_NDTR = f"where(x < -1, log(erfcx(-{_HALF})/2) - {_HALF}*{_HALF}, log1p(-erfc({_HALF})/2))"
#: The digits of selu that torch uses.
_SCALE, _ALPHA = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"

#: Rows that are rounded once, and rows whose value is exact.
_ROUNDED = "add sub mul remainder softshrink"
_EXACT = """
    neg gt ge lt le eq ne logical_and logical_or logical_not where detach
    frac fmod heaviside hardshrink
"""

#: Rows whose value may be 0 for want of room alone, as exp(-800) is; not those that are flat there
#: (hardswish), nor products.
_UNDERFLOWING = """
    pow exp exp2 sech csch sigmoid softplus gelu silu mish tanhshrink logsigmoid atan2
    erfc gamma factorial beta polygamma ndtr log_ndtr i1 i1e
"""
UNDERFLOWING = frozenset(_UNDERFLOWING.split())

KERNELS: dict[str, Kernel] = {
    **dict.fromkeys(_ROUNDED.split(), Kernel(1)),
    **dict.fromkeys(_EXACT.split(), Kernel(0)),
    "sum": Kernel(),
    "div": Kernel(1, backward=("1/y", "-(x/y/y)")),
    "hardsigmoid": Kernel(3),
    "floor_divide": Kernel(0, forward="floor(x/y)"),
    "pow": Kernel(2),
    "sqrt": Kernel(2, elasticity=0.5),
    "rsqrt": Kernel(3, elasticity=0.5, backward=("-rsqrt(x)**3/2",)),
    "cbrt": Kernel(
        forward="where(x == 0, 0, sign(x)*abs(x)**(1/3))",
        backward=("sign(x)*(1/3)*abs(x)**(1/3 - 1)*sign(x)",),
    ),
    "square": Kernel(1, elasticity=2),
    "reciprocal": Kernel(1, elasticity=1, backward=("-reciprocal(x)*reciprocal(x)",)),
    "exp": Kernel(2, growth=1),
    "exp2": Kernel(3, growth=0.7, backward=("exp2(x)*log(2)",)),
    "expm1": Kernel(2, backward=("expm1(x) + 1",)),
    "log": Kernel(2, shift=1),
    "log2": Kernel(2, shift=1 / math.log(2)),
    "log10": Kernel(2, shift=1 / math.log(10)),
    "log1p": Kernel(3),
    "hypot": Kernel(2, lipschitz=1, elasticity=1),
    "logaddexp": Kernel(
        forward="maximum(x, y) + log1p(exp(-abs(x - y)))",
        backward=("1/(1 + exp(y - x))", "1/(1 + exp(x - y))"),
    ),
    "logaddexp2": Kernel(
        forward="maximum(x, y) + log1p(2**(-abs(x - y)))/log(2)",
        backward=("1/(1 + 2**(y - x))", "1/(1 + 2**(x - y))"),
    ),
    "sin": Kernel(2, lipschitz=1),
    "cos": Kernel(2, lipschitz=1),
    "tan": Kernel(2),
    "sec": Kernel(4, backward=("sec(x)*sec(x)*sin(x)",)),
    "csc": Kernel(4, backward=("-csc(x)*csc(x)*cos(x)",)),
    "cot": Kernel(4, backward=("-cot(x)*cot(x)*(1 + tan(x)**2)",)),
    "asin": Kernel(3, backward=("rsqrt(1 - x*x)",)),
    "acos": Kernel(4, backward=("-rsqrt(1 - x*x)",)),
    "atan": Kernel(3, lipschitz=1, elasticity=1),
    "asec": Kernel(
        forward="acos(reciprocal(x))",
        backward=("reciprocal(x)*reciprocal(x)*rsqrt(1 - reciprocal(x)*reciprocal(x))",),
    ),
    "acsc": Kernel(
        forward="asin(reciprocal(x))",
        backward=("-reciprocal(x)*reciprocal(x)*rsqrt(1 - reciprocal(x)*reciprocal(x))",),
    ),
    "acot": Kernel(
        4,
        lipschitz=1,
        backward=("-reciprocal(x)*reciprocal(x)/(reciprocal(x)*reciprocal(x) + 1)",),
    ),
    "atan2": Kernel(3),
    "sinh": Kernel(3),
    "cosh": Kernel(3, growth=1),
    "tanh": Kernel(3, lipschitz=1, elasticity=1),
    "sech": Kernel(4, lipschitz=1, growth=1, backward=("-sech(x)*sech(x)*sinh(x)",)),
    "csch": Kernel(4, backward=("-csch(x)*csch(x)*cosh(x)",)),
    "coth": Kernel(4, backward=("-coth(x)*coth(x)*(1 - tanh(x)**2)",)),
    "asinh": Kernel(4, lipschitz=1, elasticity=1, backward=("rsqrt(x**2 + 1)",)),
    "acosh": Kernel(3, backward=("rsqrt(x*x - 1)",)),
    "atanh": Kernel(3),
    "asech": Kernel(
        forward="acosh(reciprocal(x))",
        backward=("-reciprocal(x)*reciprocal(x)*rsqrt(reciprocal(x)*reciprocal(x) - 1)",),
    ),
    "acsch": Kernel(6, backward=("-reciprocal(x)*reciprocal(x)*rsqrt(reciprocal(x)**2 + 1)",)),
    "acoth": Kernel(
        forward="atanh(reciprocal(x))",
        backward=("-reciprocal(x)*reciprocal(x)/(1 - reciprocal(x)**2)",),
    ),
    "deg2rad": Kernel(3, lipschitz=0.02, elasticity=1),
    "rad2deg": Kernel(3, lipschitz=58, elasticity=1),
    "sigmoid": Kernel(4, lipschitz=0.25, growth=1, backward=("(1 - sigmoid(x))*sigmoid(x)",)),
    "logit": Kernel(forward="log(x/(1 - x))"),
    "softplus": Kernel(4),
    "relu": Kernel(0, lipschitz=1, elasticity=1),
    "relu6": Kernel(0, lipschitz=1, elasticity=1),
    "leaky_relu": Kernel(2),
    "elu": Kernel(3, backward=("where(x > 0, 1, alpha*exp(minimum(x, 0)))",)),
    "selu": Kernel(
        6,
        lipschitz=1.8,
        backward=(f"where(x > 0, {_SCALE}, {_SCALE}*{_ALPHA}*exp(minimum(x, 0)))",),
    ),
    "celu": Kernel(3, backward=("where(x > 0, 1, exp(minimum(x/alpha, 0)))",)),
    "gelu": Kernel(
        forward="x*(1 + erf(x*sqrt(1/2)))/2",
        backward=("ndtr(x) + x*exp(-x*x/2)/sqrt(2*pi)",),
    ),
    "silu": Kernel(5, lipschitz=1.1, backward=("sigmoid(x)*(1 + x*(1 - sigmoid(x)))",)),
    "mish": Kernel(
        6,
        lipschitz=1.1,
        backward=("tanh(log1p(exp(x))) + x*sigmoid(x)*(1 - tanh(log1p(exp(x)))**2)",),
    ),
    "softsign": Kernel(
        4,
        lipschitz=1,
        elasticity=1,
        backward=("1/(1 + abs(x)) - x/(1 + abs(x))/(1 + abs(x))*sign(x)",),
    ),
    "tanhshrink": Kernel(forward="x - tanh(x)", backward=("1 - (1 - tanh(x)**2)",)),
    "hardtanh": Kernel(0, lipschitz=1, elasticity=1),
    "hardswish": Kernel(5, lipschitz=1.5, forward="x*minimum(maximum(x + 3, 0), 6)/6"),
    # 1 - sigmoid(x) is what its second derivative is made of.
    "logsigmoid": Kernel(4, lipschitz=1, backward=("1 - sigmoid(x)",)),
    "abs": Kernel(0, lipschitz=1, elasticity=1),
    "sign": Kernel(0),
    "floor": Kernel(0),
    "ceil": Kernel(0),
    "round": Kernel(0),
    "trunc": Kernel(0),
    "maximum": Kernel(0, lipschitz=1, elasticity=1),
    "minimum": Kernel(0, lipschitz=1, elasticity=1),
    "fmax": Kernel(0, lipschitz=1, elasticity=1),
    "fmin": Kernel(0, lipschitz=1, elasticity=1),
    "clamp": Kernel(0, lipschitz=1, elasticity=1),
    "clamp_min": Kernel(0, lipschitz=1, elasticity=1),
    "clamp_max": Kernel(0, lipschitz=1, elasticity=1),
    "copysign": Kernel(0, backward=("copysign(x, y)/x", "0")),
    "erf": Kernel(3, lipschitz=1.13, elasticity=1),
    "erfc": Kernel(4, lipschitz=1.13),
    "erfinv": Kernel(3),
    "i0": Kernel(8),
    "i1": Kernel(20),
    "i0e": Kernel(8),
    "i1e": Kernel(20),
    "erfcx": Kernel(forward="where(x < 0, 2*exp(x*x) - erfcx(-x), erfcx(x))"),
    "lgamma": Kernel(
        forward="where(x < 0, log(pi/abs(x*sin(pi*frac(x)))) - lgamma(-x), lgamma(x))"
    ),
    "gamma": Kernel(forward="sign(gamma(x))*exp(lgamma(x))"),
    "factorial": Kernel(forward="gamma(x + 1)"),
    "beta": Kernel(forward=_BETA),
    "digamma": Kernel(forward=_DIGAMMA),
    "polygamma": Kernel(
        forward=_POLYGAMMA,
        # trigamma's series, cut short: 4.9e-10 at 1.1, the worst of a sweep with torch 2.13.
        approximation=1e-9,
    ),
    "sinc": Kernel(
        forward="where(x == 0, 1, sin(pi*x)/(pi*x))",
        backward=("(pi*x*cos(pi*x) - sin(pi*x))/(pi*x*x)",),
    ),
    "xlogy": Kernel(4),
    "xlog1py": Kernel(4),
    "entr": Kernel(4),
    "ndtr": Kernel(
        forward=_NDTR,
        backward=("exp(-(x*sqrt(1/2))*(x*sqrt(1/2)))/sqrt(2*pi)",),
    ),
    "log_ndtr": Kernel(
        forward=_LOG_NDTR,
        backward=("exp(-(log_ndtr(x) + x**2/2))/sqrt(2*pi)",),
    ),
}
