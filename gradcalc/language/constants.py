"""Numbers of expressions that hold no variables, where an option is wanted: linspace(0, 2*pi, 25).

In: the values of a `Draft`. Out: the plain Python number that one of them is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcalc.base.dtypes import FLOAT64
from gradcalc.functions import TABLE, mp
from gradcalc.functions.reals import TooLarge, applied
from gradcalc.program.program import Constant, Input, Unnumbered

#: Bits of the calculation.
_BITS = 2000

#: What makes whole numbers of whole numbers, as Python has it: 6/2 is none.
_WHOLE = frozenset({"add", "sub", "mul", "neg", "floor_divide", "remainder", "pow", "square"})


def number_of(values: Sequence[Input | Constant | Unnumbered], wanted: int) -> int | float | None:
    """The number that a value is, calculated with many digits and rounded to float64.

    Args:
        values: All values of a draft.
        wanted: The place of one that is made of constants.

    Returns:
        A whole number where Python's operators make one of whole numbers; None if there is no real
        one, or none that can be calculated.
    """
    numbers: dict[int, Any] = {}
    whole: set[int] = set()
    with mp.workprec(_BITS):
        for place in _needed(values, wanted):
            number = _calculated(values[place], numbers)
            if number is None or isinstance(number, bool) or mp.isnan(number):
                return None
            numbers[place] = number
            if _may_be_whole(values[place], whole) and mp.isint(number):
                whole.add(place)
        number = numbers[wanted]
        if wanted in whole:
            return int(number)
        return FLOAT64.nearest(number) if mp.isfinite(number) else float(number)


def _needed(values: Sequence[Input | Constant | Unnumbered], wanted: int) -> list[int]:
    """The places of the values that a value is made of, and its own, in order."""
    needed, todo = {wanted}, [wanted]
    while todo:
        value = values[todo.pop()]
        if isinstance(value, tuple) and not isinstance(value, Input | Constant):
            new = set(value[1]) - needed
            needed |= new
            todo += new
    return sorted(needed)


def _may_be_whole(value: Input | Constant | Unnumbered, whole: set[int]) -> bool:
    """Whether Python would have a whole number there, if it is one at all."""
    if isinstance(value, Constant):
        return value.text.lstrip("-").isdigit()
    return value[0] in _WHOLE and whole.issuperset(value[1])


def _calculated(value: Input | Constant | Unnumbered, numbers: dict[int, Any]) -> Any:
    """A constant or a step of constants at the present precision; None if it has no number."""
    if isinstance(value, Input):
        return None
    if isinstance(value, Constant):
        if value.value is not None:
            return mp.mpf(value.value.numerator) / value.value.denominator
        size = +getattr(mp, value.text.lstrip("-"))
        return -size if value.text.startswith("-") else size
    name, args, _, options, *_ = value
    if options:
        return None
    try:
        return applied(TABLE[name], [numbers[arg] for arg in args])
    except TooLarge:
        return None
