"""The rounding budget: how far off a derivative may be before anybody asks why.

In: how many steps torch ran. Out: a distance in ulps.
"""

from __future__ import annotations

#: A few ulps, and two for each operation, forward and backward.
_ULPS = 8
_PER_STEP = 4


def budget(steps: int) -> int:
    """The rounding budget in ulps of a program of so many steps."""
    return _ULPS + _PER_STEP * steps
