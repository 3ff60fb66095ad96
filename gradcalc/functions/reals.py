"""The table's functions of real numbers: a row's column `mpmath`, guarded.

In: a row, real numbers or conditions. Out: a real number or a condition, or that there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gradcalc.functions.table import Function, mp

#: Arguments beyond 2**MAGNITUDE are refused by functions that would need as many digits.
MAGNITUDE = 20_000


class TooLarge(Exception):  # noqa: N818 - no error, but a finding
    """A value is too large to be calculated with at any precision."""


def applied(row: Function, args: Sequence[Any]) -> Any:
    """A row's value at real numbers or conditions: a number or a bool; None where it has none.

    Raises:
        TooLarge: Where the numbers are too large to be calculated with.
    """
    special = _special(args, math.inf if row.any_size else MAGNITUDE)
    if any(map(mp.isnan, special)):
        return None
    result = _real(row, args)
    if result is None or isinstance(result, bool):
        return result
    _, mantissa, exponent, length = result._mpf_
    if not mantissa and exponent:
        # An infinity that the user wrote goes on; one that a step made ends here.
        return result if special and not mp.isnan(result) else None
    if abs(exponent + length).bit_length() > 1000:
        raise TooLarge
    return result


def _special(args: Sequence[Any], most: float) -> Sequence[Any]:
    """The arguments that are infinite or nan; the others must have exponents up to so many bits."""
    special = []
    for arg in args:
        if not isinstance(arg, bool):
            _, mantissa, exponent, length = arg._mpf_
            if exponent and not mantissa:
                special.append(arg)
            elif exponent + length > most:
                raise TooLarge
    return special


def _real(row: Function, args: Sequence[Any]) -> Any:
    """What mpmath makes of a row: a real number, infinite or nan perhaps, or a bool; or None."""
    try:
        result = row.mpmath(*args)
    except (ZeroDivisionError, ValueError):
        return None
    except (OverflowError, MemoryError, mp.libmp.NoConvergence):
        raise TooLarge from None
    if isinstance(result, mp.mpc):
        return None if result.imag else result.real
    return result if isinstance(result, mp.mpf | bool) else mp.mpf(result)
