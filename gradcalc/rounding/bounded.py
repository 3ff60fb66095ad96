"""Numbers at many points at once, each with a bound of its error.

In: float64 tensors, an entry for each point. Out: `Bounded`, on which `bounds` calculates. What is
known for all points together (a relative error, the range of the values) is kept in plain numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.base.dtypes import FLOAT64
from gradcalc.functions import torch


@dataclass(frozen=True, slots=True)
class Bounded:
    """A number at each point.

    Attributes:
        value: A tensor; one without axes where it is the same at all points.
        relative: How far off it may be, relative to its size.
        absolute: How far off it may be on top of that: None, a number or a tensor.
        low: The least of the values.
        high: The greatest of them.
        least: A size that all of them have which are not 0.
        doubt: None, or a tensor that is less than 0 where the bounds hold; elsewhere nothing is
            known.
    """

    value: Any
    relative: float = 0.0
    absolute: Any = None
    low: float = -math.inf
    high: float = math.inf
    least: float = 0.0
    doubt: Any = None

    @property
    def constant(self) -> bool:
        """Whether it is the same at all points."""
        return not self.value.dim()

    @property
    def most(self) -> float:
        """A size that none of them is beyond."""
        return max(abs(self.low), abs(self.high))

    @property
    def size(self) -> Any:
        """How large they are, not to be written over."""
        return self.value if self.low >= 0 else self.value.abs()

    @property
    def exact(self) -> bool:
        """Whether it is free of errors."""
        return not self.relative and self.absolute is None

    @property
    def error(self) -> Any:
        """How far off it may be in all, or None."""
        return plus(self.size * self.relative if self.relative else None, self.absolute)


def plus(first: Any, second: Any, times: Any = 1) -> Any:
    """The sum of an error and so many times another; None is none."""
    if second is None:
        return first
    if first is None:
        return second if isinstance(times, int) else second * times
    if isinstance(times, torch.Tensor):
        return torch.addcmul(first, second, times)
    return torch.add(first, second, alpha=times)


def worse(first: Any, second: Any) -> Any:
    """The greater of two doubts, of which None is none."""
    if first is None or second is None:
        return second if first is None else first
    return torch.maximum(first, second)


def unbounded(value: Any) -> Any:
    """Doubt where numbers are not finite, or None."""
    ends = torch.aminmax(value)
    return None if all(map(math.isfinite, map(float, ends))) else (value - value) - 1


def measured(
    value: Any, *, relative: float = 0.0, absolute: Any = None, doubt: Any = None
) -> Bounded:
    """A tensor with those errors and doubt, and with its range, by looking at it."""
    low, high = (end.item() for end in torch.aminmax(value))
    sizes = None
    if not (math.isfinite(low) and math.isfinite(high)):
        doubt = worse(doubt, (value - value) - 1)
        low, high = -math.inf, math.inf
        sizes = value.abs().nan_to_num_(math.inf, math.inf)
    least = min(abs(low), abs(high))
    if low <= 0 <= high:
        sizes = value.abs() if sizes is None else sizes
        least = sizes.amin().item()
        if not least:
            least = sizes.masked_fill_(sizes == 0, math.inf).amin().item()
    return Bounded(value, relative, absolute, low, high, least, doubt)


def slack(args: Sequence[Bounded]) -> Any:
    """How far a margin of these arguments may be off, or None."""
    total: Any = None
    for arg in args:
        error = arg.error
        total = plus(total, None if error is None else 4 * error)
        if len(args) > 1 and not arg.constant and arg.value.dtype != torch.bool:
            total = plus(total, arg.value.abs() * (8 * FLOAT64.unit))
    return total


def number_of(value: float, relative: float = 0.0) -> Bounded:
    """A number that is the same at all points."""
    tensor = torch.tensor(value, dtype=torch.float64)
    return Bounded(tensor, relative, low=value, high=value, least=abs(value) or math.inf)
