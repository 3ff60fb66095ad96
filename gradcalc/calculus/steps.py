"""Formulas as programs, so that they have values as every program has them.

In: expressions of SymEngine or of sympy. Out: a scalar `Program` of the same variables, whose
results are the expressions. What occurs more than once is calculated once, and a quotient has one
bar, as in its text. Literals are the fractions that they are: run it with the dtype `EXACT`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from gradcalc.base.dtypes import EXACT, Dtype
from gradcalc.base.errors import Span
from gradcalc.calculus.nodes import CONSTANTS, NoText, applied, branches, is_e, name_of
from gradcalc.calculus.terms import Number, Term, is_fraction, split, summands
from gradcalc.exact.values import values_at
from gradcalc.functions.balls import flint
from gradcalc.program.program import Constant, Input, Program, Unnumbered, arranged

#: The engines round decimals to 2,000 bits, which are 602 digits: one of fewer was never rounded.
#: Operations on rounded ones may lose some bits more.
_DIGITS = 590
_ROUNDED_BITS = 1_900

_NOWHERE = Span(0, 0)


def program_of(formulas: Sequence[Any], names: Sequence[str]) -> Program:
    """The program whose results are the formulas.

    Its inputs are the variables of these names; and one more, `almost_one`, if there is a decimal
    in the formulas that the engine rounded. In place of None, and of a formula with something in it
    that the function table has no row for, it has nan.
    """
    collection = _Collection(names)
    outputs = list(map(collection.output, formulas))
    inputs, constants, steps, numbers = arranged(collection.values)
    return Program("", "", inputs, constants, steps, tuple([numbers[place] for place in outputs]))


def formula_values(program: Program, point: Sequence[float], dtype: Dtype) -> list[Any]:
    """The values of the formulas of such a program: see `values_at`."""
    inputs = list(point)
    if len(program.inputs) > len(point):
        # What rounding multiplied decimals with.
        inputs.append(flint.arb(1, flint.arb(2) ** -_ROUNDED_BITS))
    return values_at(program, inputs, dtype, literals=EXACT)


class _Collection:
    """Collects inputs, constants and steps, each once, known by their places in `values`."""

    def __init__(self, names: Sequence[str]) -> None:
        self.values: list[Input | Constant | Unnumbered] = [Input(name, _NOWHERE) for name in names]
        self._symbols = {name: place for place, name in enumerate(names)}
        self._places: dict[Any, int] = {}
        self._known: dict[Any, int] = {}

    def output(self, formula: Any) -> int:
        """The place of a formula's value; of nan where it has none here."""
        try:
            return self._named("nan") if formula is None else self.place(formula)
        except NoText:
            return self._named("nan")

    def place(self, expression: Any) -> int:
        """The place of an expression's value."""
        place = self._places.get(expression)
        if place is None:
            kind = type(expression)
            way = _WAYS.get(kind)
            if way is None:
                way = _WAYS[kind] = _way(expression)
            place = self._places[expression] = way(self, expression)
        return place

    def symbol(self, symbol: Any) -> int:
        """The place of a variable."""
        return self._symbols[symbol.name]

    # --- Numbers ----------------------------------------------------------------------------------

    def _number(self, number: Number) -> int:
        if not is_fraction(number):  # to look sympy's up beside fractions is an error
            return self._decimal(number)
        place = self._known.get(number)
        return self._new(number, _constant(number)) if place is None else place

    def _decimal(self, number: Any) -> int:
        if name_of(number) in CONSTANTS:
            return self.constant(number)
        if not getattr(number, "is_Float", False):
            raise NoText(number)
        value, is_rounded = _exact(number)
        place = self._number(value)
        if not is_rounded:
            return place
        rounding = self._new(None, Input("almost_one", _NOWHERE))
        return self._step("mul", place, rounding)

    def constant(self, constant: Any) -> int:
        """The place of a constant."""
        if name_of(constant) == "EulerGamma":
            return self._step("neg", self._step("digamma", self._number(1)))
        return self._named(CONSTANTS[name_of(constant)])

    def _named(self, text: str) -> int:
        return self._new(text, Constant(text, None, _NOWHERE))

    def truth(self, truth: Any) -> int:
        """The place of a condition that is known to hold, or not to."""
        return self._step("eq" if truth else "ne", self._number(0), self._number(0))

    # --- Sums, products, powers -------------------------------------------------------------------

    def sum(self, total: Any) -> int:
        """The place of a sum."""
        terms = [self._size(term) for term in summands(total)]
        # A positive one first, where there is one.
        terms.sort(key=lambda term: term[1])
        place = self._signed(*terms[0])
        for size, negative in terms[1:]:
            place = self._step("sub" if negative else "add", place, size)
        return place

    def product(self, expression: Any) -> int:
        """The place of a product, or of a number."""
        return self._signed(*self._size(split(expression)))

    def _signed(self, size: int, negative: bool) -> int:
        return self._step("neg", size) if negative else size

    def _size(self, term: Term) -> tuple[int, bool]:
        """The place of a product without the sign of its number; and whether that is negative."""
        number, powers = term
        negative = is_fraction(number) and number < 0
        number = -number if negative else number
        above: list[int] = []
        below: list[int] = []
        for base, exponent in powers.items():
            (below if exponent < 0 else above).append(self._raised(base, abs(exponent)))
        if not above or not is_fraction(number) or number != 1:
            above.insert(0, self._number(number))
        place = self._folded("mul", above)
        return self._step("div", place, self._folded("mul", below)) if below else place, negative

    def _raised(self, base: Any, exponent: int | Fraction) -> int:
        place = self.place(base)
        if exponent == 1:
            return place
        if exponent == 2:
            return self._step("square", place)
        return self._to(base, place, self._number(exponent))

    def power(self, expression: Any) -> int:
        """The place of a power."""
        base, exponent = expression.args
        if exponent.is_Rational:
            return self.product(expression)
        return self._to(base, self.place(base), self.place(exponent))

    def _to(self, base: Any, place: int, exponent: int) -> int:
        if is_e(base):
            return self._step("exp", exponent)
        return self._step("pow", place, exponent)

    # --- Functions --------------------------------------------------------------------------------

    def call(self, expression: Any) -> int:
        """The place of a function's value."""
        row, args = applied(expression)
        places = list(map(self.place, args))
        # And and Or take any number of conditions, as a variadic row does of values.
        if len(places) > 2 and (row.variadic or row.conditions == 2):
            return self._folded(row.name, places)
        return self._step(row.name, *places)

    def piecewise(self, expression: Any) -> int:
        """The place of one of some values, by conditions."""
        place: int | None = None
        for value, condition in reversed(branches(expression)):
            if name_of(condition) == "BooleanTrue":
                place = self.place(value)
                continue
            rest = self._named("nan") if place is None else place
            place = self._step("where", self.place(condition), self.place(value), rest)
        return self._named("nan") if place is None else place

    # --- Steps ------------------------------------------------------------------------------------

    def _folded(self, function: str, places: Sequence[int]) -> int:
        return functools.reduce(lambda left, right: self._step(function, left, right), places)

    def _step(self, function: str, *args: int) -> int:
        return self._new((function, args), (function, args, _NOWHERE, (), False, False))

    def _new(self, key: Any, value: Input | Constant | Unnumbered) -> int:
        place = self._known.setdefault(key, len(self.values))
        if place == len(self.values):
            self.values.append(value)
        return place


@functools.lru_cache(maxsize=1024)
def _constant(number: int | Fraction) -> Constant:
    return Constant(str(number), Fraction(number), _NOWHERE)


@functools.lru_cache(maxsize=1024)
def _exact(decimal: Any) -> tuple[Fraction, bool]:
    """A decimal of an engine as a fraction; and whether the engine rounded it."""
    near = float(decimal)
    if math.isfinite(near) and decimal - near == 0:
        return Fraction(near), False
    text = str(decimal)
    digits = text.partition("e")[0].replace(".", "").strip("-0")
    return Fraction(text), len(digits) >= _DIGITS


#: What collects a node, by the name of its type, and by the type itself once it was met.
_NAMED: Mapping[str, Callable[[_Collection, Any], int]] = {
    "Symbol": _Collection.symbol,
    "Add": _Collection.sum,
    "Mul": _Collection.product,
    "Pow": _Collection.power,
    "Piecewise": _Collection.piecewise,
    **dict.fromkeys(("BooleanTrue", "BooleanFalse"), _Collection.truth),
    **dict.fromkeys(CONSTANTS, _Collection.constant),
}
_WAYS: dict[type, Callable[[_Collection, Any], int]] = {}


def _way(expression: Any) -> Callable[[_Collection, Any], int]:
    is_number = getattr(expression, "is_Number", False)
    usual = _Collection.product if is_number else _Collection.call
    return _NAMED.get(name_of(expression), usual)
