"""What balls do not settle by themselves: the stated policies, each of them here.

In: a row, balls, and whether more bits will be spent. Out: a value.

- Exact zeros: a ball around 0 that is left of an exact zero at the last precision counts as 0; and
  one around a whole number as that where nothing else is known: floor(log10(1000)) is 3.
- No value, or not known: a function that gives no number has none there if its arguments are exact,
  or certainly outside of its domain; else more bits must tell. At the last precision arguments are
  as good as exact: tan(pi/2) has no value.
- Infinities: those that the user wrote, and those that a function has at an end of its domain
  (log(0)), are values, and a result that forgets them (exp(-inf)) is one too.
- Comparisons: certainly so, certainly not, or not known.
- Kinks: a step is certainly off its kinks, on one, or not known; at the last precision, on one.
- Sizes: numbers of any size are numbers, until they are too slow; then they are not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from gradcalc.base.dtypes import Dtype
from gradcalc.functions import Function
from gradcalc.functions.balls import Undecided, flint, named
from gradcalc.program.program import Constant

#: Literals that are remembered.
_REMEMBERED = 4096


class Lack(NamedTuple):
    """In place of a value.

    Attributes:
        number: That of the first value that lacks.
        certain: Whether there is none; else it is not known.
    """

    number: int
    certain: bool


#: A ball around 0 counts as 0 if it is so much smaller than the precision says of a number of size
#: 1: 2 to the power of minus this part of the bits.
_NOTHING = 4


#: Literals that are exact as balls, by their numerator, denominator and dtype.
_literals: dict[tuple[int, int, str], Any] = {}


def literal(value: Fraction, dtype: Dtype) -> Any:
    """A number in a text, as the dtype has it."""
    key = (value.numerator, value.denominator, dtype.name)
    ball = _literals.get(key)
    if ball is None:
        number = dtype.literal(value)
        ball = flint.arb(flint.fmpq(number.numerator, number.denominator))
        if ball.is_exact():  # whatever the precision
            if len(_literals) >= _REMEMBERED:
                _literals.clear()
            _literals[key] = ball
    return ball


def constant(constant: Constant, number: int, dtype: Dtype) -> Any:
    """A number in a text, as the value of that number: a ball, or a `Lack` for nan."""
    if constant.value is not None:
        return literal(constant.value, dtype)
    value = named(constant.text)
    return Lack(number, certain=True) if value.is_nan() else value


def value_of(row: Function, args: Sequence[Any], number: int, *, last: bool = False) -> Any:
    """A row's value at balls and conditions: a ball, a bool or a `Lack`.

    Args:
        row: The row.
        args: Its arguments.
        number: That of the value.
        last: Whether no more bits will be spent.
    """
    arb = flint.arb
    mixed = row.conditions
    for arg in args:
        if type(arg) is not arb:
            mixed = True
    if mixed:
        args = typed(row, args)
        if row.is_choice and type(args[0]) is bool:
            return args[1] if args[0] else args[2]  # the branch not taken may well lack a value
        for arg in args:
            if type(arg) is Lack:
                return arg
    try:
        value = row.value(*args)
    except Undecided:
        return Lack(number, certain=False)
    if type(value) is bool or value.is_finite() or is_infinite(value):
        return value
    return Lack(number, certain=_is_outside(row, args, value, last=last))


def typed(row: Function, args: Sequence[Any]) -> Sequence[Any]:
    """The arguments, as the conditions and numbers that the row takes."""
    return [
        condition_of(arg) if position < row.conditions else number_of(arg)
        for position, arg in enumerate(args)
    ]


def condition_of(value: Any) -> Any:
    """A value that may be a number, as a condition: that it is not 0; or a `Lack`."""
    if type(value) is not flint.arb:
        return value
    if value.is_zero():
        return False
    return True if not value.contains(0) else Lack(-1, certain=False)


def number_of(value: Any) -> Any:
    """A value that may be a condition, as a number."""
    return flint.arb(int(value)) if type(value) is bool else value


def _is_outside(row: Function, args: Sequence[Any], value: Any, *, last: bool) -> bool:
    """Whether a row certainly has no value at arguments where it gave none."""
    if not value.is_nan():
        return False  # too large
    balls = [arg for arg in args if type(arg) is flint.arb]
    if all(ball.is_exact() or (last and is_as_good_as_exact(ball)) for ball in balls):
        return True
    if row.inside is None:
        return False
    try:
        return bool(row.inside(*args) < 0)
    except Undecided:
        return False


def is_infinite(ball: Any) -> bool:
    """Whether a value is plus or minus infinity, for certain."""
    return (
        type(ball) is flint.arb and not ball.is_finite() and ball.is_exact() and not ball.is_nan()
    )


def is_as_good_as_exact(ball: Any) -> bool:
    """Whether a ball has kept a good part of the bits of the last precision."""
    return bool(ball.rel_accuracy_bits() > flint.ctx.prec // _NOTHING)


def is_zero(value: Any) -> bool:
    """Whether a value is exactly 0."""
    return type(value) is flint.arb and value.is_zero()


def is_nothing(ball: Any) -> bool:
    """Whether a value counts as 0 at the last precision: a ball that is not exact, around 0."""
    if type(ball) is not flint.arb or ball.is_exact() or not ball.contains(0):
        return False
    return bool(ball.abs_upper() < flint.arb(2) ** (-flint.ctx.prec // _NOTHING))


#: The margins of what has no kink, and of what is on one.
SMOOTH, KINK = 1.0, 0.0


def margin(row: Function, position: int, args: Sequence[Any]) -> Any:
    """How far a step is from a kink along one of its arguments: a number, or None if not known.

    Args:
        row: The step's row.
        position: That of the argument.
        args: All of them; none of a row without kinks.
    """
    if not row.margin:
        return SMOOTH
    # A number where a condition is wanted is near its kink near 0.
    args = [*args[: row.conditions], *map(number_of, args[row.conditions :])]
    condition = condition_of(args[0]) if row.is_choice else None
    if type(condition) is bool:
        args = (args[0], *[args[1 if condition else 2]] * 2)  # the other branch counts for nothing
    if any(type(arg) is Lack for arg in args):
        return None
    try:
        return row.margin_of(position)(*args)
    except Undecided:
        return None


def is_kink(margin: Any, *, last: bool) -> bool | None:
    """Whether a margin is that of a kink; None if it is not known."""
    if margin is not None:
        if margin > 0:
            return False
        if margin <= 0:
            return True
    return True if last else None


def last_value_of(row: Function, args: Sequence[Any], number: int) -> tuple[Any, bool]:
    """What `value_of` gives at the last precision, and whether a policy decided about it."""
    value = value_of(row, args, number, last=True)
    if is_nothing(value):
        return flint.arb(0), True
    if type(value) is Lack and not value.certain and row.group != "comparison":
        whole = list(map(_whole, args))
        if any(one is not arg for one, arg in zip(whole, args, strict=True)):
            return value_of(row, whole, number, last=True), True
    return value, False


def _whole(value: Any) -> Any:
    """A value; a whole number if it is as good as one at the last precision."""
    if type(value) is not flint.arb or not value.is_finite() or value.is_exact():
        return value
    near = value.mid()
    if not abs(near) < flint.arb(2) ** (flint.ctx.prec // 2):
        return value
    whole = (near + flint.arb(0.5)).floor().mid()
    return whole if is_nothing(value - whole) else value
