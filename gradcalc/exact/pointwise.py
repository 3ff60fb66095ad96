"""A function's values at many points, one by one: for rows of which nobody knows how torch rounds.

In: a row of the table, a tensor for each argument. Out: a tensor of its values by mpmath, rounded
once; nan where there is none. Each point is calculated once: a grid of a million points has no more
than a thousand values of lgamma(u).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gradcalc.base.dtypes import FLOAT64
from gradcalc.base.errors import Span
from gradcalc.exact.precise import Reals, Undefined
from gradcalc.functions import Function, mp, torch
from gradcalc.functions.reals import TooLarge
from gradcalc.program.program import Step

#: Bits to calculate with, beside those that numbers of very different sizes take.
_BITS = 200

#: The values belong to no step in particular.
_NO_STEP = Step("", (), Span(0, 0))


def exact_values(row: Function, args: Sequence[Any]) -> Any:
    """The row's values at tensors of float64, an entry for each point or one for all of them."""
    together = torch.stack(torch.broadcast_tensors(*args)).reshape(len(args), -1)
    if len(args) == 1:
        points, places = torch.unique(together[0], return_inverse=True)
        points = points[None]
    else:
        points, places = torch.unique(together, dim=1, return_inverse=True)
    values = [_value(row, point) for point in points.T.tolist()]
    shape = torch.broadcast_shapes(*(arg.shape for arg in args))
    return together.new_tensor(values)[places].reshape(shape)


def _value(row: Function, point: Sequence[float]) -> float:
    """The value at one point; nan where there is no finite real one."""
    if not all(map(math.isfinite, point)):
        return math.nan
    spread = max(abs(math.frexp(number)[1]) for number in point)
    with mp.workprec(_BITS + 2 * spread):
        try:
            value = Reals(FLOAT64).call(row, list(map(mp.mpf, point)), 0, _NO_STEP)
        except TooLarge:
            return math.nan
        if isinstance(value, Undefined) or not mp.isfinite(value):
            return math.nan
        return FLOAT64.nearest(value)
