"""A program on its way: what has been read of it so far.

In: numbers, names and operations, in the order in which they stand in the text. Out: the `Program`.
Refused here is what would take for ever: too many operations, immense powers of constants.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.functions import TABLE, Function
from gradcalc.language import constants
from gradcalc.language.scope import CONSTANTS, Scope
from gradcalc.language.writer import write
from gradcalc.program.program import Constant, Input, Program, Statement, Unnumbered, arranged

_POW = TABLE["pow"]

#: Operators on constants whose value is known exactly.
_RATIONAL = frozenset({"add", "sub", "mul", "neg", "div", "pow"})


@functools.lru_cache(maxsize=1024)
def _exact(text: str) -> Fraction | None:
    """A literal's value. 0e999999999 is zero, too: `Fraction` would calculate that power of ten."""
    if text.lstrip("-") in CONSTANTS:
        return None
    return Fraction(text) if float(text) else Fraction(0)


class Draft:
    """Collects the values of one program, which are numbered in order of appearance.

    Attributes:
        scope: What the program's names mean.
        fixed: The values that are plain numbers.
        steps: How many steps there are.
        is_aside: Whether what is read now is no part of the program: see `aside`.
        changed: Whether the last step changed its tensor in place.
        unwatched: Where no_grad(...) stands in the expression that is being read.
    """

    def __init__(self, text: str, scope: Scope, fixed: Collection[str]) -> None:
        """Begin a program.

        Args:
            text: The user's whole text.
            scope: What its names mean; new variables are declared there.
            fixed: Names that are constants, though their values are not known.
        """
        self.scope = scope
        self.fixed: set[int] = set()
        self.steps = 0
        self.changed = False
        self.is_aside = False
        self.unwatched: list[Span] = []
        self._text = text
        self._fixed_names = fixed
        self._values: list[Input | Constant | Unnumbered] = []
        self._exact: dict[int, Fraction] = {}  # values that are known exactly, for limits
        self._squares = 0  # of constants so far

    def constant(self, text: str, span: Span) -> int:
        """Add a number; return its number among the values, as all these methods do."""
        value = _exact(text)
        number = len(self._values)
        self._values.append(Constant(text, value, span))
        self.fixed.add(number)
        if value is not None:
            self._exact[number] = value
        return number

    def named(self, name: str, where: Span) -> int:
        """The value that a name means; one that nothing was assigned to is a variable."""
        number = self.scope.values.get(name)
        if number is None:
            number = len(self._values)
            self._values.append(Input(name, where))
            self.scope.add_input(name, number)
            if name in self._fixed_names:
                self.fixed.add(number)
        return number

    def step(
        self,
        row: Function,
        args: Sequence[int],
        span: Span,
        options: tuple[tuple[str, Any], ...] = (),
        *,
        in_place: bool = False,
    ) -> int:
        """Add a step."""
        if self.steps >= limits.STEPS:
            raise self._limit(
                f"the expression has more than {limits.STEPS:,} operations",
                span,
                "write loops over entries as operations on tensors",
            )
        if row is _POW:
            self._check_power(args[0], args[1], span)
        elif row.largest < math.inf:
            self._check_sizes(row, args, span)
        number = len(self._values)
        if row.entrywise and self.fixed.issuperset(args):
            self._note_fixed(number, row, args, span)
        no_grad = bool(self.unwatched) and self._is_unwatched(span)
        if in_place and no_grad:
            raise GradcalcError(
                Kind.SYNTAX,
                "a change in place within no_grad(...) cannot be followed",
                text=self._text,
                span=span,
                hint="make a new tensor, as in y = no_grad(x + 1)",
            )
        self._values.append((row.name, args, span, options, in_place, no_grad))
        self.steps += 1
        self.changed = in_place
        if in_place:
            self.scope.change(args[0], number)
        return number

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Read something that is calculated at once, and no part of the program."""
        count, unwatched = len(self._values), self.unwatched
        steps, squares, changed = self.steps, self._squares, self.changed
        self.is_aside = True
        try:
            yield
        finally:
            self.is_aside, self.unwatched = False, unwatched
            self.steps, self._squares, self.changed = steps, squares, changed
            for number in range(count, len(self._values)):
                value = self._values[number]
                if isinstance(value, Input):
                    self.scope.remove_input(value.name)
                self.fixed.discard(number)
                self._exact.pop(number, None)
            del self._values[count:]

    def number_of(self, number: int) -> int | float | None:
        """The plain number that a value is; None if it is none."""
        return constants.number_of(self._values, number) if number in self.fixed else None

    def finish(self, statements: Iterable[Statement]) -> Program:
        """The program of these statements, whose values are those of the draft."""
        inputs, constants, steps, numbers = arranged(self._values)
        number_of = numbers.__getitem__
        renumbered = tuple(
            [
                Statement(name, tuple(map(number_of, values)), span, count)
                for name, values, span, count in statements
            ]
        )
        canonical = write(inputs, constants, steps, renumbered)
        outputs = renumbered[-1].numbers
        return Program(self._text, canonical, inputs, constants, steps, outputs, renumbered)

    def _is_unwatched(self, span: Span) -> bool:
        return any(o.start <= span.start and span.stop <= o.stop for o in self.unwatched)

    def _limit(self, message: str, span: Span, hint: str | None = None) -> GradcalcError:
        return GradcalcError(Kind.LIMIT, message, text=self._text, span=span, hint=hint)

    def _note_fixed(self, number: int, row: Function, args: Sequence[int], span: Span) -> None:
        """Remember that a value is a plain number, and which one if it is rational."""
        self.fixed.add(number)
        self._squares += row.name == "square"
        if self._squares > limits.CONSTANT_SQUARES:
            # Each may double the digits, and sympy would calculate them all.
            raise self._limit(
                f"more than {limits.CONSTANT_SQUARES} squares of constants",
                span,
                "write a power instead, as in 3**8",
            )
        if row.name in _RATIONAL and all(arg in self._exact for arg in args):
            exact = _calculated(row, [self._exact[arg] for arg in args])
            if exact is not None:
                self._exact[number] = exact

    def _check_sizes(self, row: Function, args: Sequence[int], span: Span) -> None:
        """Refuse constant arguments for which sympy would calculate an immense number."""
        for arg in args:
            if arg in self._exact and abs(self._exact[arg]) > row.largest:
                message = f"a constant argument of {row.name} is limited to {row.largest:,}"
                raise self._limit(message, span)

    def _check_power(self, base: int, exponent: int, span: Span) -> None:
        """Refuse a power that would be immense."""
        size = self._exact.get(exponent)
        if size is None:
            return
        number = self._exact.get(base)
        if number is None:
            if abs(size.numerator) <= limits.CONSTANT_EXPONENT * size.denominator:
                return
            message = f"an exponent beyond {limits.CONSTANT_EXPONENT:,}"
        else:
            width = max(number.numerator.bit_length(), number.denominator.bit_length())
            bits = abs(size.numerator) * width
            if width == 1 or bits <= limits.CONSTANT_BITS * size.denominator:
                return  # 1 and -1 stay what they are
            message = f"a constant of over {limits.CONSTANT_BITS:,} bits; float64 ends at 1,024"
        raise self._limit(message, span, "use a smaller number")


def _calculated(row: Function, values: list[Fraction]) -> Fraction | None:
    """The exact value of an operator on constants, where it is rational and not immense."""
    bits = sum(v.numerator.bit_length() + v.denominator.bit_length() for v in values)
    if bits > limits.CONSTANT_BITS:
        return None
    if row is _POW:
        base, exponent = values
        if exponent.denominator != 1 or not base:
            return None
        return base**exponent.numerator
    if row.name == "div" and not values[1]:
        return None
    exact: Fraction = row.torch(*values)  # which are operators of Python
    return exact
