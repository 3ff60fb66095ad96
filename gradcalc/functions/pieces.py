"""Margins, and pieces of columns that several rows share.

A margin takes a step's arguments: floats, balls, or torch tensors entry by entry.
Of balls it is a ball: about all that it may be, and exactly 0 where it certainly is. Other pieces
are named after the witness that they calculate for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcalc.functions import balls
from gradcalc.functions.table import algebra as sympy
from gradcalc.functions.table import torch


def least(first: Any, *others: Any) -> Any:
    """The least of numbers; of tensors, entry by entry."""
    for other in others:
        if hasattr(other, "clamp"):
            first = other.clamp(max=first)
        elif hasattr(first, "clamp"):
            first = first.clamp(max=other)
        elif _is_ball(first) or _is_ball(other):
            first = balls.smallest(balls.ball(first), other)
        else:
            first = min(first, other)
    return first


def _is_ball(value: Any) -> bool:
    return hasattr(value, "rel_accuracy_bits")


def greatest(*values: Any) -> Any:
    """The greatest of numbers; of tensors, entry by entry."""
    return -least(*(-value for value in values))


def apart(x: Any, y: Any) -> Any:
    """How far two numbers are apart: 0 also for two equal infinities."""
    if hasattr(x, "clamp") or hasattr(y, "clamp"):
        return abs(x - y)
    return 0 if x == y else abs(x - y)


def at(*points: float) -> Callable[..., Any]:
    """Return the margin "how far the first argument is from the nearest of these"."""
    return lambda x, *_: least(*(abs(x - point) for point in points))


def tie(x: Any, y: Any, *_: Any) -> Any:
    """How far the first two arguments are apart."""
    return apart(x, y)


def never(*_: Any) -> float:
    """The row is smooth wherever it is defined."""
    return math.inf


def unset(condition: Any, *others: Any) -> Any:
    """How far a number that stands for a condition is from changing; a condition never does."""
    margins = [math.inf if _is_condition(arg) else abs(arg) for arg in (condition, *others)]
    return least(*margins)


def _is_condition(value: Any) -> bool:
    return isinstance(value, bool) or (hasattr(value, "clamp") and not value.is_floating_point())


def whole(x: Any, *_: Any) -> Any:
    """How far the first argument is from the nearest whole number."""
    if _is_ball(x):
        return balls.from_whole(x)
    if hasattr(x, "clamp"):
        return apart(x, x.round())
    return abs(x - round(x)) if math.isfinite(x) else 0.0


def half(x: Any) -> Any:
    """How far the argument is from lying half-way between two whole numbers."""
    return abs(whole(x) - 0.5)


def positive(x: Any) -> Any:
    """1 where the number is more than 0, else 0; both in one ball, if it may be."""
    if _is_ball(x) and not (x > 0 or x <= 0):
        return balls.between(0, 1)
    return balls.ball(x > 0) if _is_ball(x) else (x > 0) * 1.0


def smooth_powers(y: Any) -> Any:
    """More than 0 for the exponents 1, 2, 3, ..., whose powers are smooth at 0, and they alone."""
    return least(y - 0.5, 0.5 - positive(whole(y)))


def is_off(x: Any) -> bool:
    """Whether a ball is certainly not 0; of other numbers that is not asked."""
    return _is_ball(x) and not x.contains(0)


def multiple(x: Any, y: Any) -> Any:
    """How far the arguments are from a whole quotient; 0 where the second is 0."""
    if not (hasattr(y, "clamp") or y > 0 or y < 0):
        return abs(y)
    quotient = x / y
    # So much the arguments would have to change: the quotient changes faster than they do.
    return whole(quotient) * abs(y) / (1 + abs(quotient))


def at_bounds(x: Any, low: Any = -1, high: Any = 1) -> Any:
    """How far the first argument is from a bound; 0 where the bounds leave one value."""
    return least(apart(x, low), apart(x, high), apart(low, high))


def indicator(condition: Any) -> Any:
    """1 where the condition holds, else 0, for sympy."""
    return sympy.Piecewise((1, condition), (0, True))


def torch_gamma_sign(x: Any) -> Any:
    """The sign of gamma(x): negative where x < 0 and floor(x) is odd."""
    return 1 - 2 * ((x < 0) & (torch.remainder(torch.floor(x), 2) == 1)).to(x.dtype)


def torch_gamma(x: Any) -> Any:
    """Gamma, composed of lgamma and a sign."""
    return torch.exp(torch.lgamma(x)) * torch_gamma_sign(x)


def torch_beta(x: Any, y: Any) -> Any:
    """Beta, composed of lgamma and signs."""
    sign = torch_gamma_sign(x) * torch_gamma_sign(y) * torch_gamma_sign(x + y)
    return torch.exp(torch.lgamma(x) + torch.lgamma(y) - torch.lgamma(x + y)) * sign


def torch_clamp(x: Any, low: Any = -math.inf, high: Any = math.inf) -> Any:
    """torch.clamp with two plain bounds or two tensors."""
    # Plain numbers stay plain, as in a torch program; torch takes no mixture.
    if isinstance(low, float) and isinstance(high, float):
        return torch.clamp(x, low, high)
    low, high = (torch.as_tensor(bound, dtype=x.dtype) for bound in (low, high))
    return torch.clamp(x, low, high)


def torch_remainder(x: Any, y: Any) -> Any:
    """torch.remainder, differentiable whatever the first argument is."""
    # torch does not differentiate a plain number % a tensor.
    return torch.remainder(torch.as_tensor(x, dtype=y.dtype) if isinstance(x, float) else x, y)


def sympy_clamp(x: Any, low: Any = None, high: Any = None) -> Any:
    """The argument limited to a range; a missing bound is infinite."""
    low, high = (-sympy.oo if low is None else low), (sympy.oo if high is None else high)
    return sympy.Piecewise((high, low > high), (low, x < low), (high, x > high), (x, True))


def sympy_trunc(x: Any) -> Any:
    """Rounded towards 0."""
    return sympy.sign(x) * sympy.floor(sympy.Abs(x))


def sympy_round(x: Any) -> Any:
    """Half to even, which sympy has no function for."""
    down = sympy.floor(x + sympy.Rational(1, 2))
    tie = sympy.Eq(x + sympy.Rational(1, 2), down) & sympy.Eq(sympy.Mod(down, 2), 1)
    return down - indicator(tie)
