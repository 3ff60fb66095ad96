"""What the values of a forward pass say of calculating the same exactly.

In: a program and all its values. Out: whether all steps are certainly defined, and how many bits
the sizes of the values take.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from gradcalc.functions import TABLE, Function, torch
from gradcalc.program.program import Program

#: What values that are single numbers are.
_NUMBERS = frozenset({float, bool})

#: Sizes of values, as exponents of 2, that take no bits beyond the usual.
_USUAL = 32

#: A difference that is smaller than its terms by more than this may be their rounding alone, in
#: float32 too.
_LEFT = 2.0**-16


def assess(program: Program, values: Sequence[Any]) -> tuple[bool, int]:
    """What the forward pass says of calculating the same exactly.

    Args:
        program: What was run.
        values: All its values, those that are single numbers as such.

    Returns:
        Whether it leaves no doubt that all steps are defined; and how many bits the sizes of the
        steps' values take beyond the usual, all together. What one step makes as small as
        exp(-500), beside 1, another may make as large as exp(600).
    """
    bits = 0
    for value in values[program.first_step :]:
        exponent = _exponent(value)
        if exponent > _USUAL:
            bits += exponent - _USUAL
    # Twice, since derivatives are made of quotients and products of values.
    return _is_certainly_defined(program, values), 2 * bits


def assess_points(
    program: Program, values: Sequence[Any], count: int
) -> Iterator[tuple[bool, int]]:
    """What `assess` says at each of so many points, of values with an entry for each."""
    columns = [
        value.tolist() if isinstance(value, torch.Tensor) and value.ndim else [value] * count
        for value in values
    ]
    for point in zip(*columns, strict=True):
        yield assess(program, point)


def plain(value: Any) -> Any:
    """A value, if it is a single number, as one of Python's."""
    return value if type(value) in _NUMBERS or value.ndim else value.item()


def _is_certainly_defined(program: Program, values: Sequence[Any]) -> bool:
    """Whether there is no doubt that all steps are defined, and the results finite.

    A value is unreliable if it may be nothing but rounding, as 1 + x - 1 - x is, or if it is made
    of one that may be. Unreliable arguments leave doubt where a function is not defined everywhere,
    as in log(1 + x - 1 - x).
    """
    unreliable: set[int] = set()
    for number, step in program.numbered_steps:
        row, value = TABLE[step.function], values[number]
        args = [values[arg] for arg in step.args]
        inherited = bool(unreliable) and not unreliable.isdisjoint(step.args)
        if (row.is_partial and inherited) or _may_be_undefined(row, value, args):
            return False
        if inherited or (row.cancels and _cancelled(value, args)):
            unreliable.add(number)
    return all(_all_finite(values[number]) for number in program.outputs)


def _may_be_undefined(row: Function, value: Any, args: Sequence[Any]) -> bool:
    """Whether a function's value, beside its arguments, looks like one of where it has none."""
    if row.is_partial and not _all_finite(value):
        return True
    # tan(pi/2) is large, but finite.
    return row.poles and _is_pole(value, args)


def _all_finite(value: Any) -> bool:
    return math.isfinite(value) if type(value) in _NUMBERS else bool(value.isfinite().all())


def _exponent(value: Any) -> int:
    """The largest exponent of a value's entries, of either sign; 0 for nan and infinities."""
    if type(value) in _NUMBERS:
        return abs(math.frexp(value)[1])
    if not value.is_floating_point() or not value.numel():
        return 0
    return int(torch.frexp(value.detach()).exponent.abs().max())


def _cancelled(value: Any, terms: Sequence[Any]) -> bool:
    """Whether so little is left of the terms, somewhere, that it may be their rounding."""
    if not _NUMBERS.issuperset(map(type, terms)):
        size = value.detach().abs()
        return any(bool((size < _LEFT * abs(term)).any()) for term in terms)
    return bool(abs(value) < _LEFT * max(map(abs, terms)))


def _is_pole(value: Any, terms: Sequence[Any]) -> bool:
    """Whether one over the value, somewhere, is so small beside an argument."""
    if not _NUMBERS.issuperset(map(type, terms)):
        size = value.detach().abs()
        return any(bool((size * abs(term) * _LEFT > 1).any()) for term in terms)
    return bool(abs(value) * max(map(abs, terms)) * _LEFT > 1)
