"""Numbers of expressions that hold no variables, where an option is wanted: linspace(0, 2*pi, 25).

In: the values of a `Draft`. Out: the plain Python number that one of them is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcalc.functions import TABLE
from gradcalc.functions.balls import Undecided, ball, flint, named
from gradcalc.functions.precision import precision
from gradcalc.program.program import Constant, Input, Unnumbered

#: Bits of the calculation.
_BITS = 2048

#: Bits to which a number must be known.
_KNOWN = 64

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
    with precision(_BITS):
        for place in _needed(values, wanted):
            number = _calculated(values[place], numbers)
            if number is None:
                return None
            numbers[place] = number
            if _may_be_whole(values[place], whole) and number.is_integer():
                whole.add(place)
        number = numbers[wanted]
        return int(number.unique_fmpz()) if wanted in whole else float(number)


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
    number = _number(value, numbers)
    if type(number) is not flint.arb or number.is_nan():
        return None  # a condition, perhaps
    is_known = number.is_exact() or number.rel_accuracy_bits() >= _KNOWN
    # What is left of an exact 0 is as good as that.
    return number if is_known or abs(number) < flint.arb(2) ** (-_BITS // 2) else None


def _number(value: Input | Constant | Unnumbered, numbers: dict[int, Any]) -> Any:
    if isinstance(value, Input):
        return None
    if isinstance(value, Constant):
        return named(value.text) if value.value is None else ball(value.value)
    name, args, _, options, *_ = value
    if options:
        return None
    given = [numbers[arg] for arg in args]
    try:
        number = TABLE[name].value(*given)
    except Undecided:
        return None
    # An infinity that the user wrote goes on; log(0) is no number.
    return number if any(not arg.is_finite() for arg in given) or _is_finite(number) else None


def _is_finite(number: Any) -> bool:
    return type(number) is flint.arb and bool(number.is_finite())
