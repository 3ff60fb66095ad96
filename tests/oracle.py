"""An oracle that shares nothing with gradcalc: what a function does at a point, by mpmath.

In: an expression, which Python's own parser reads, and a point. Out: a `Told`: whether there is a
value, one-sided derivatives, or that it cannot tell. The functions stand in a table of its own, and
derivatives are difference quotients of values at thousands of bits, one-sided, at several steps
below 1e-780. Written for the tests; slow, and not able to tell more often than gradcalc.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mpmath.ctx_mp import MPContext

mp: Any = MPContext()

#: Exponents of the steps, and bits: enough for second differences, and 4,000 for what cancels.
STEPS = (2_600, 2_800, 3_200)
BITS = 2 * STEPS[-1] + 4_000

#: The same for functions that take mpmath a second at so many bits. Nothing may be nearer than
#: 1e-90 to a kink then.
FEW_STEPS = (300, 340, 420)
FEW_BITS = 2 * FEW_STEPS[-1] + 600
SLOW = frozenset(["lgamma", "gamma", "factorial", "beta", "digamma", "erf", "erfc", "gelu", "ndtr"])

#: What is below is noise of the last bits.
NOISE = -2_500


class NoValue(Exception):  # noqa: N818 - no error, but a finding
    """The function has no real value."""


class CannotTell(Exception):  # noqa: N818 - no error, but a finding
    """A value that this oracle does not know."""


@dataclass(frozen=True)
class Side:
    """What a quotient does on one side: `kind` is number, infinite, none or unknown."""

    kind: str
    value: Any = None


@dataclass(frozen=True)
class Told:
    """What the oracle tells of a derivative: of the value, where no variables are given.

    Attributes:
        kind: exists, corner (the sides differ, are infinite, or one lacks), undefined or unknown.
        value: The derivative, where it exists.
    """

    kind: str
    value: Any = None


# --- Functions ------------------------------------------------------------------------------------


def _inside(condition: bool) -> None:
    if not condition:
        raise NoValue


def _log(x: Any) -> Any:
    _inside(x >= 0)
    return mp.log(x) if x else mp.ninf


def _div(x: Any, y: Any) -> Any:
    _inside(y != 0)
    return x / y


def _pow(x: Any, y: Any) -> Any:
    whole = mp.isfinite(y) and y == mp.floor(y)
    _inside(x >= 0 or whole)
    if not x:
        _inside(y >= 0)
        return mp.mpf(0 if y else 1)
    if whole and abs(y) < 10_000:
        return x ** int(y)
    return mp.exp(y * mp.log(abs(x))) * (-1 if x < 0 and y % 2 else 1)


def _within(low: float, high: float, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        _inside(low <= x <= high)
        return function(x)

    return call


def _sign(x: Any) -> Any:
    return mp.mpf((x > 0) - (x < 0))


def _trunc(x: Any) -> Any:
    return mp.floor(x) if x >= 0 else mp.ceil(x)


def _round(x: Any) -> Any:
    whole = mp.floor(x)
    rest = x - whole
    return whole + (rest > 0.5 or (rest == 0.5 and whole % 2 == 1))


def _gamma(x: Any) -> Any:
    _inside(not (x <= 0 and x == mp.floor(x)))
    return mp.gamma(x)


def _lgamma(x: Any) -> Any:
    return mp.log(abs(_gamma(x)))


def _digamma(x: Any) -> Any:
    _inside(not (x <= 0 and x == mp.floor(x)))
    return mp.digamma(x)


def _logaddexp(x: Any, y: Any) -> Any:
    high, low = max(x, y), min(x, y)
    return high if mp.isinf(high) else high + mp.log(1 + mp.exp(low - high))


def _softplus(x: Any, beta: Any = 1, threshold: Any = 20) -> Any:
    return x if beta * x > threshold else mp.log(1 + mp.exp(beta * x)) / beta


def _elu(x: Any, alpha: Any = 1) -> Any:
    return x if x > 0 else alpha * (mp.exp(x) - 1)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _atan2(y: Any, x: Any) -> Any:
    _inside(bool(x or y))
    return mp.atan2(y, x)


def _xlogy(x: Any, y: Any) -> Any:
    _inside(y >= 0)
    return mp.mpf(0) if not x else x * _log(y)


def _entr(x: Any) -> Any:
    _inside(x >= 0)  # -inf beyond: no finite value
    return mp.mpf(0) if not x else -x * mp.log(x)


def _choose(condition: bool, yes: Any, no: Any) -> Any:
    return yes if condition else no


_SELU = (Fraction(1.0507009873554805), Fraction(1.6732632423543772))


def _selu(x: Any) -> Any:
    scale, alpha = (mp.mpf(n.numerator) / n.denominator for n in _SELU)
    return scale * (x if x > 0 else alpha * (mp.exp(x) - 1))


def _ndtr(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": _within(0, math.inf, mp.sqrt),
    "rsqrt": _within(0, math.inf, lambda x: _div(1, mp.sqrt(x))),
    "cbrt": lambda x: _sign(x) * mp.cbrt(abs(x)),
    "square": lambda x: x * x,
    "reciprocal": lambda x: _div(1, x),
    "exp": mp.exp,
    "exp2": lambda x: mp.mpf(2) ** x,
    "expm1": lambda x: mp.exp(x) - 1,
    "log": _log,
    "log2": lambda x: _log(x) / mp.log(2),
    "log10": lambda x: _log(x) / mp.log(10),
    "log1p": lambda x: _log(1 + x),
    "hypot": lambda x, y: mp.sqrt(x * x + y * y),
    "logaddexp": _logaddexp,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "sec": lambda x: 1 / mp.cos(x),
    "csc": lambda x: _div(1, mp.sin(x)),
    "cot": lambda x: _div(mp.cos(x), mp.sin(x)),
    "asin": _within(-1, 1, mp.asin),
    "acos": _within(-1, 1, mp.acos),
    "atan": mp.atan,
    "atan2": _atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "sech": lambda x: 1 / mp.cosh(x),
    "csch": lambda x: _div(1, mp.sinh(x)),
    "coth": lambda x: _div(mp.cosh(x), mp.sinh(x)),
    "asinh": mp.asinh,
    "acosh": _within(1, math.inf, mp.acosh),
    "atanh": _within(-1, 1, lambda x: _log(1 + x) / 2 - _log(1 - x) / 2),
    "sigmoid": _sigmoid,
    "logit": _within(0, 1, lambda x: _log(x) - _log(1 - x)),
    "softplus": _softplus,
    "relu": lambda x: max(x, mp.zero),
    "relu6": lambda x: min(max(x, mp.zero), mp.mpf(6)),
    "leaky_relu": lambda x, slope=0.01: x if x > 0 else x * slope,
    "elu": _elu,
    "celu": lambda x, alpha=1: x if x > 0 else alpha * (mp.exp(x / alpha) - 1),
    "selu": _selu,
    "gelu": lambda x: x * _ndtr(x),
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * mp.tanh(mp.log(1 + mp.exp(x))),
    "softsign": lambda x: x / (1 + abs(x)),
    "tanhshrink": lambda x: x - mp.tanh(x),
    "hardtanh": lambda x, low=-1, high=1: min(max(x, mp.mpf(low)), mp.mpf(high)),
    "hardsigmoid": lambda x: min(max(x / 6 + mp.mpf(1) / 2, mp.zero), mp.one),
    "hardswish": lambda x: x * min(max(x + 3, mp.zero), mp.mpf(6)) / 6,
    "logsigmoid": lambda x: -mp.log(1 + mp.exp(-x)),
    "softshrink": lambda x, lambd=0.5: _sign(x) * max(abs(x) - lambd, mp.zero),
    "hardshrink": lambda x, lambd=0.5: x if abs(x) > lambd else mp.zero,
    "abs": abs,
    "sign": _sign,
    "floor": mp.floor,
    "ceil": mp.ceil,
    "round": _round,
    "trunc": _trunc,
    "frac": lambda x: x - _trunc(x),
    "maximum": max,
    "minimum": min,
    "fmax": max,
    "fmin": min,
    "clamp": lambda x, low, high: min(max(x, low), high),
    "clamp_min": max,
    "clamp_max": min,
    "where": _choose,
    "fmod": lambda x, y: x - _trunc(_div(x, y)) * y,
    "remainder": lambda x, y: x - mp.floor(_div(x, y)) * y,
    "copysign": lambda x, y: abs(x) if y >= 0 else -abs(x),
    "sinc": lambda x: mp.sin(mp.pi * x) / (mp.pi * x) if x else mp.one,
    "xlogy": _xlogy,
    "xlog1py": lambda x, y: _xlogy(x, 1 + y),
    "entr": _entr,
    "lgamma": _lgamma,
    "gamma": _gamma,
    "factorial": lambda x: _gamma(x + 1),
    "beta": lambda x, y: _gamma(x) * _gamma(y) / _gamma(x + y),
    "digamma": _digamma,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "ndtr": _ndtr,
    "deg2rad": lambda x: x * mp.pi / 180,
    "rad2deg": lambda x: x * 180 / mp.pi,
}

_COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _div,
    ast.Pow: _pow,
}


def _value(node: ast.expr, at: Mapping[str, Any]) -> Any:
    """The value of an expression at a point."""
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int | float)
        return mp.mpf(node.value)
    if isinstance(node, ast.Name):
        return at[node.id] if node.id in at else +getattr(mp, node.id)
    if isinstance(node, ast.UnaryOp):
        assert isinstance(node.op, ast.USub)
        return -_value(node.operand, at)
    if isinstance(node, ast.Compare):
        (operation,), (right,) = node.ops, node.comparators
        return _COMPARISONS[type(operation)](_value(node.left, at), _value(right, at))
    if isinstance(node, ast.BinOp):
        value = _OPERATORS[type(node.op)](_value(node.left, at), _value(node.right, at))
    else:
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Name)
        if node.func.id == "where":
            chosen = node.args[1 if _value(node.args[0], at) else 2]
            return _value(chosen, at)
        value = FUNCTIONS[node.func.id](*(_value(arg, at) for arg in node.args))
    if mp.isnan(value):
        raise NoValue
    return value


# --- Derivatives ----------------------------------------------------------------------------------


class Oracle:
    """An expression at a point."""

    def __init__(self, text: str, at: Mapping[str, float]) -> None:
        self._tree = ast.parse(text, mode="eval").body
        names = {n.func.id for n in ast.walk(self._tree) if isinstance(n, ast.Call)}  # type: ignore[attr-defined]
        few = not names.isdisjoint(SLOW)
        self._steps = FEW_STEPS if few else STEPS
        self._bits = FEW_BITS if few else BITS
        self._at = at

    def value(self, **moved: Any) -> Any:
        """The value where some variables are moved; None where there is none."""
        with mp.workprec(self._bits):
            point = {name: mp.mpf(value) for name, value in self._at.items()}
            for name, step in moved.items():
                point[name] += step
            try:
                value = _value(self._tree, point)
            except NoValue:
                return None
            return value if mp.isfinite(value) else None

    def tell(self, *wrt: str) -> Told:
        """What there is: the value without a variable, a first or an unmixed second derivative."""
        here = self.value()
        if here is None or not wrt:
            return Told("undefined") if here is None else Told("exists", here)
        with mp.workprec(self._bits):
            left, right = (self._side(wrt[0], sign) for sign in (-1, 1))
            if "unknown" in (left.kind, right.kind):
                return Told("unknown")
            if "none" == left.kind == right.kind:
                return Told("undefined")
            if left.kind != "number" or right.kind != "number" or not _same(left, right):
                return Told("corner")
            if len(wrt) == 1:
                return Told("exists", right.value)
            return self._second(wrt)

    def _second(self, wrt: tuple[str, ...]) -> Told:
        if len(set(wrt)) == 2:
            return Told("unknown")
        left, right = (self._side(wrt[0], sign, second=True) for sign in (-1, 1))
        if left.kind == right.kind == "number" and _same(left, right):
            return Told("exists", right.value)
        return Told("unknown" if "unknown" in (left.kind, right.kind) else "corner")

    def _side(self, name: str, sign: int, *, second: bool = False) -> Side:
        """The quotient on one side."""
        here = self.value()
        quotients = []
        for step in self._steps:
            move = sign * mp.ldexp(1, -step)
            there = self.value(**{name: move})
            if there is None:
                return Side("none")
            if second:
                beyond = self.value(**{name: 2 * move})
                if beyond is None:
                    return Side("none")
                quotients.append((beyond - 2 * there + here) / move**2)
            else:
                quotients.append((there - here) / move)
        return _limit(quotients, self._steps)


def _limit(quotients: list[Any], steps: tuple[int, ...]) -> Side:
    """What three quotients come to."""
    sizes = [float(mp.log(abs(q), 2)) if q else -math.inf for q in quotients]
    if max(sizes) < max(NOISE, -4 * steps[0]):
        return Side("number", mp.zero)
    first, before, last = quotients
    if abs(last - before) <= abs(last) * mp.ldexp(1, -120):
        return Side("number", last)
    if not (first and before and last):
        return Side("unknown")
    rates = [(sizes[k + 1] - sizes[k]) / (steps[k + 1] - steps[k]) for k in range(len(steps) - 1)]
    signs = {bool(q > 0) for q in quotients}
    if abs(rates[0] - rates[1]) > 0.01 + 0.2 * abs(rates[1]) or len(signs) == 2:
        return Side("unknown")
    if min(rates) > 0.0001:
        return Side("infinite")
    return Side("number", mp.zero) if max(rates) < -0.002 else Side("unknown")


def _same(left: Side, right: Side) -> bool:
    """Whether two limits are one."""
    largest = max(abs(left.value), abs(right.value))
    return bool(abs(left.value - right.value) <= largest * mp.ldexp(1, -100))
