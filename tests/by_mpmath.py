"""The function table by mpmath, an oracle that shares no code with the column `value`.

In: a row and numbers, or a program and a point. Out: mpmath's numbers at its present precision,
conditions, or `Undefined`. Only here does anybody say where mpmath's functions stand.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mpmath import libmp
from mpmath.ctx_mp import MPContext

from gradcalc.base.dtypes import Dtype
from gradcalc.functions import Function
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Program, Step

mp: Any = MPContext()

#: Arguments of 2**LARGEST and more may ask for gigabytes.
LARGEST = 20_000


class TooLarge(Exception):  # noqa: N818 - no error, but a finding
    """A value is too large to be calculated with."""


@dataclass(frozen=True, slots=True)
class Undefined:
    """In place of a value: there is no finite real one, since the step of this number."""

    number: int


# --- Functions ------------------------------------------------------------------------------------


def _trunc(x: Any) -> Any:
    return mp.floor(x) if x >= 0 else mp.ceil(x)


def _softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(-abs(x))) + max(x, 0)


def _softplus_below(x: Any, beta: Any = 1, threshold: Any = 20) -> Any:
    return x if beta * x > threshold else _softplus(beta * x) / beta


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _elu(x: Any, alpha: Any = 1) -> Any:
    return x if x > 0 else alpha * mp.expm1(x)


def _softshrink(x: Any, lambd: Any = 0.5) -> Any:
    return x - lambd if x > lambd else x + lambd if x < -lambd else mp.zero


def _ndtr(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _xlog(x: Any, log: Callable[[Any], Any], y: Any) -> Any:
    return mp.zero if x == 0 else x * log(y)


def _logaddexp(x: Any, y: Any) -> Any:
    return max(x, y) + mp.log1p(mp.exp(-abs(x - y)))


def _lgamma(x: Any) -> Any:
    if x <= 0 and x == mp.floor(x):
        raise ValueError("lgamma has a pole here")
    return mp.re(mp.loggamma(x))


def _polygamma(n: Any, x: Any) -> Any:
    if n < 0 or n != int(n):
        raise ValueError("the order of polygamma is a whole number")
    return mp.polygamma(int(n), x)


def _clamp(x: Any, low: Any = -math.inf, high: Any = math.inf) -> Any:
    return min(max(x, low), high)


#: The functions that mpmath calls differently, or has not, by their rows.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floor_divide": lambda x, y: mp.floor(x / y),
    "neg": operator.neg,
    "pow": mp.power,
    **{name: getattr(operator, name) for name in ("gt", "ge", "lt", "le", "eq", "ne")},
    "logical_and": operator.and_,
    "logical_or": operator.or_,
    "logical_not": operator.not_,
    "sum": lambda *terms: mp.fsum(terms),
    "detach": lambda x: x,
    "rsqrt": lambda x: 1 / mp.sqrt(x),
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "exp2": lambda x: mp.power(2, x),
    "log2": lambda x: mp.log(x) / mp.log(2),
    "log10": lambda x: mp.log(x) / mp.log(10),
    "logaddexp": _logaddexp,
    "logaddexp2": lambda x, y: _logaddexp(x * mp.log(2), y * mp.log(2)) / mp.log(2),
    "abs": abs,
    "round": mp.nint,
    "trunc": _trunc,
    "frac": lambda x: x - _trunc(x),
    "fmod": lambda x, y: x - _trunc(x / y) * y,
    "remainder": lambda x, y: x - mp.floor(x / y) * y,
    **dict.fromkeys(("maximum", "fmax", "clamp_min"), max),
    **dict.fromkeys(("minimum", "fmin", "clamp_max"), min),
    "clamp": _clamp,
    "where": lambda condition, x, y: x if condition else y,
    "heaviside": lambda x, y: y if x == 0 else x > 0,
    "copysign": lambda x, y: abs(x) if y >= 0 else -abs(x),
    "sigmoid": _sigmoid,
    "logit": lambda x: mp.log(x / (1 - x)),
    "softplus": _softplus_below,
    "relu": lambda x: max(x, 0),
    "relu6": lambda x: _clamp(x, 0, 6),
    "leaky_relu": lambda x, slope=0.01: x if x > 0 else slope * x,
    "elu": _elu,
    # Klambauer et al., Self-Normalizing Neural Networks (2017), with the digits that torch uses.
    "selu": lambda x: (
        mp.mpf("1.0507009873554804934193349852946")
        * _elu(x, mp.mpf("1.6732632423543772848170429916717"))
    ),
    "celu": lambda x, alpha=1: x if x > 0 else alpha * mp.expm1(x / alpha),
    "gelu": lambda x: x * _ndtr(x),
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * mp.tanh(_softplus(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "tanhshrink": lambda x: x - mp.tanh(x),
    "hardtanh": lambda x, low=-1, high=1: _clamp(x, low, high),
    "hardsigmoid": lambda x: _clamp(x + 3, 0, 6) / 6,
    "hardswish": lambda x: x * _clamp(x + 3, 0, 6) / 6,
    "logsigmoid": lambda x: -_softplus(-x),
    "softshrink": _softshrink,
    "hardshrink": lambda x, lambd=0.5: x if abs(x) > lambd else 0,
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
    "lgamma": _lgamma,
    "factorial": lambda x: mp.gamma(x + 1),
    "beta": lambda x, y: mp.gamma(x) * mp.gamma(y) * mp.rgamma(x + y),
    "polygamma": _polygamma,
    "sinc": mp.sincpi,
    "xlogy": lambda x, y: _xlog(x, mp.log, y),
    "xlog1py": lambda x, y: _xlog(x, mp.log1p, y),
    "entr": lambda x: -_xlog(x, mp.log, x),
    "ndtr": _ndtr,
    "log_ndtr": lambda x: mp.log(_ndtr(x)),
    "i0": lambda x: mp.besseli(0, x),
    "i1": lambda x: mp.besseli(1, x),
    "i0e": lambda x: mp.exp(-abs(x)) * mp.besseli(0, x),
    "i1e": lambda x: mp.exp(-abs(x)) * mp.besseli(1, x),
    "deg2rad": lambda x: x * mp.pi / 180,
    "rad2deg": lambda x: x * 180 / mp.pi,
}


def value(row: Function, args: Sequence[Any]) -> Any:
    """A row's value at numbers and conditions: a finite number or a bool; None where it has none.

    Raises:
        TooLarge: Where the numbers are too large to be calculated with.
    """
    if any(type(arg) is mp.mpf and mp.isfinite(arg) and mp.mag(arg) > LARGEST for arg in args):
        raise TooLarge
    function = FUNCTIONS.get(row.name) or getattr(mp, row.name)
    try:
        result = function(*args)
    except (ZeroDivisionError, ValueError):
        return None
    except (OverflowError, MemoryError, libmp.NoConvergence):
        raise TooLarge from None
    if isinstance(result, bool) and row.group == "comparison":
        return result
    if isinstance(result, mp.mpc):
        result = mp.nan if result.imag else result.real
    result = mp.mpf(result)
    return result if mp.isfinite(result) else None


# --- Programs -------------------------------------------------------------------------------------


class _Reals:
    """Arithmetic on real numbers; where there is none, `Undefined`, which spreads."""

    def __init__(self, dtype: Dtype) -> None:
        self._dtype = dtype

    def constant(self, constant: Constant) -> Any:
        if constant.value is not None:
            literal = self._dtype.literal(constant.value)
            return mp.mpf(literal.numerator) / literal.denominator
        size = +getattr(mp, constant.text.lstrip("-"))
        return -size if constant.text.startswith("-") else size

    def number(self, value: Any) -> Any:
        return mp.mpf(value) if isinstance(value, bool) else value

    def condition(self, value: Any) -> Any:
        return value if isinstance(value, bool | Undefined) else value != 0

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:
        if row.is_choice and isinstance(args[0], bool):
            return args[1] if args[0] else args[2]  # the branch not taken may well be undefined
        for arg in args:
            if isinstance(arg, Undefined):
                return arg
        result = value(row, args)
        return Undefined(number) if result is None else result


def values(program: Program, point: Sequence[Any], dtype: Dtype) -> list[Any]:
    """All values of a program: numbers, bools or `Undefined`."""
    return run(program, point, _Reals(dtype))
