"""Tensors that would not fit are refused, before torch tries to make them where that can be told.

In: a step and its arguments, or its result. Out: nothing, or a `GradcalcError` of kind `limit`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.functions import Function
from gradcalc.program.program import Program


def check_call(
    program: Program, row: Function, args: Sequence[Any], number: int, options: Mapping[str, Any]
) -> None:
    """Refuse a step whose result would have too many entries."""
    if row.entrywise and len({arg.shape for arg in args if not isinstance(arg, float)}) < 2:
        return  # the result is as large as they are
    if _size_of_result(row, args, options) > limits.TENSOR_ENTRIES:
        raise _too_large(program, number)


def _size_of_result(row: Function, args: Sequence[Any], options: Mapping[str, Any]) -> int:
    """Entries of the result, or more, if those are few enough."""
    # There are no more than ways to take one entry of each argument.
    size: int = math.prod(1 if isinstance(arg, float) else arg.numel() or 1 for arg in args)
    if row.creates or row.name in {"expand", "repeat"}:
        size = _asked_size(options) * (size if row.name == "repeat" else 1)
    elif size > limits.TENSOR_ENTRIES:
        metas = [arg if isinstance(arg, float) else arg.detach().to("meta") for arg in args]
        # In place, nothing grows; and what does not fit is told by torch itself.
        with contextlib.suppress(RuntimeError, IndexError, ValueError, TypeError):
            size = row.torch(*metas, **options).numel()
    return size


def check_result(program: Program, result: Any, number: int) -> None:
    """Refuse a result whose sizes are immense."""
    # A tensor without entries may have immense sizes: (10**9, 0) is as many empty rows.
    if math.prod(max(size, 1) for size in result.shape) > limits.TENSOR_ENTRIES:
        raise _too_large(program, number)
    if result.ndim > limits.DIMENSIONS:
        raise GradcalcError(
            Kind.LIMIT,
            f"a tensor of {result.ndim:,} dimensions; the limit is {limits.DIMENSIONS}",
            text=program.text,
            span=program.span(number),
        )


def _too_large(program: Program, number: int) -> GradcalcError:
    return GradcalcError(
        Kind.LIMIT,
        f"a tensor of over {limits.TENSOR_ENTRIES:,} entries",
        text=program.text,
        span=program.span(number),
    )


def _asked_size(options: Mapping[str, Any]) -> int:
    """Entries of the tensor that the options ask for."""
    if "steps" in options:
        sizes = [options["steps"]]
    elif "start" in options:
        start, end = options["start"], options.get("end")
        length = abs(start if end is None else end - start)
        sizes = [length / (abs(options.get("step", 1)) or 1)]
    elif "n" in options:
        sizes = [options["n"], options.get("m") or options["n"]]
    else:
        asked = options.get("shape", options.get("sizes", ()))
        sizes = list(asked) if isinstance(asked, tuple) else [asked]
    size = 1
    for length in sizes:
        if isinstance(length, int | float) and length > 0:
            size = math.ceil(min(size * length, limits.TENSOR_ENTRIES + 1))
    return size
