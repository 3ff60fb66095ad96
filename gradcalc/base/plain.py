"""Values of Python as JSON would have them: texts, numbers, nested lists.

In: what a caller of `grad` gives: numbers of any library, arrays, tensors, nested sequences. Out:
the same in Python's own types, every number as the float64 nearest to it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Generator, KeysView, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, SupportsFloat, SupportsIndex

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind

#: How arrays of several libraries become lists, in the order to ask: torch's sparse tensors become
#: dense, pandas' tables arrays.
_TO_LISTS = ("to_dense", "to_numpy", "tolist")

#: What is read as a list.
_LISTS = (Collection, Generator, map)


def plain(value: Any) -> Any:
    """A value of Python as JSON would have it.

    What is neither a text nor made of numbers stays as it is, and is refused where it is read.

    Raises:
        GradcalcError: Where there are too many numbers, lists that hold themselves, or a tensor
            without numbers.
    """
    return _Plain().of(value, 0)


class _Plain:
    """Reads one value; counts what is in its lists."""

    def __init__(self) -> None:
        self._count = 0

    def of(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return str(value)
        if isinstance(value, Mapping):
            return {name: self.of(part, depth + 1) for name, part in value.items()}
        value = _unpacked(value, within=depth > 0)
        if isinstance(value, AbstractSet) and all(isinstance(name, str) for name in value):
            value = list(value) if isinstance(value, KeysView) else sorted(value)
        if isinstance(value, _LISTS) and not isinstance(value, AbstractSet | bytes | bytearray):
            if depth > limits.BRACKETS:
                raise GradcalcError(
                    Kind.LIMIT,
                    f"lists nested more than {limits.BRACKETS} deep",
                    hint=f"a tensor has up to {limits.DIMENSIONS} dimensions",
                )
            return [self._counted(part, depth) for part in value]
        return _nearest(value)

    def _counted(self, part: Any, depth: int) -> Any:
        self._count += 1
        _check_count(self._count // 2)  # lists are counted, too
        return self.of(part, depth + 1)


def _check_count(entries: int) -> None:
    if entries > limits.TENSOR_ENTRIES:
        raise GradcalcError(
            Kind.LIMIT,
            f"a value has over {limits.TENSOR_ENTRIES:,} entries",
            hint="take a part of it",
        )


def _unpacked(value: Any, *, within: bool) -> Any:
    """The lists that an array or a tensor is, or its one number; any other value as it is.

    Truth values are numbers, 0 and 1, in arrays and within other values; one alone is a flag.
    """
    dtype = getattr(value, "dtype", None)
    if dtype is None or isinstance(value, type):
        return value
    shape = tuple(getattr(value, "shape", ()))
    _check_count(math.prod(shape))
    try:
        if getattr(dtype, "kind", None) in {"m", "M"}:
            raise TypeError("times are no numbers")  # noqa: TRY301 - like what libraries raise
        if (shape or within) and str(dtype).endswith("bool"):
            value = value * 1
        for method in _TO_LISTS:
            value = getattr(value, method, lambda value=value: value)()
    except MemoryError:
        raise
    except Exception as problem:  # noqa: BLE001 - whatever the library raises
        lines = str(problem).splitlines() or [type(problem).__name__]
        # So torch fails at a tensor of vmap, which has no numbers of its own; it names its files.
        why = "it has none of its own" if "INTERNAL ASSERT" in lines[0] else lines[0]
        raise GradcalcError(
            Kind.BINDING,
            f"no numbers can be read from this {type(value).__name__}: {why}",
            hint="give its numbers, as tolist() does",
        ) from None
    return value


def _nearest(value: Any) -> Any:
    """The float64 nearest to a number; a whole one, and what is no number, as it is."""
    if value is None or type(value) in {bool, int, float}:
        return value
    try:
        return float(value) if isinstance(value, SupportsFloat | SupportsIndex) else value
    except OverflowError:  # of a fraction; there is no -inf, since both are refused
        return math.inf
    except (TypeError, ValueError):  # such as a complex one, or an unknown of sympy's
        return value
