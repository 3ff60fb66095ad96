"""How many bits balls are calculated with.

In: a number of bits. Out: a block that has them. Flint has one precision for the whole process, so
threads take turns; the caller's precision is as it was afterwards.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from gradcalc.functions.balls import flint

#: Bits tried in turn. The first are enough for most; the last tell float64's smallest number from
#: any rounding beside its largest, and exp(-5000) beside 1.
PRECISIONS = (128, 512, 2048, 8192)

_turn = threading.RLock()


@contextlib.contextmanager
def precision(bits: int) -> Iterator[None]:
    """Calculate with so many bits."""
    with _turn:
        before = flint.ctx.prec
        try:
            flint.ctx.prec = bits
            yield
        finally:
            flint.ctx.prec = before
