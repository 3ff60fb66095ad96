"""Formulas, written in gradcalc's own language.

In: an expression of SymEngine or of sympy. Out: its text, which `parser` reads. Both are visited in
the same way, so that a formula reads the same whichever of the two has made it: numbers first, then
symbols, functions and sums, each in alphabetical order; quotients with one bar; a positive term
before a negative one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcalc.base import limits
from gradcalc.calculus.nodes import CONSTANTS, NoText, applied, branches, is_e, name_of
from gradcalc.calculus.pieces import (
    Factor,
    Piece,
    Rank,
    Tight,
    function,
    place,
    quotient,
    raised,
    single,
    within,
)
from gradcalc.calculus.terms import Number, Term, is_fraction, split, summands

#: Bits of a whole number beyond which there may be no float of that size.
_LONG = 1_000

#: Those that there are, by the digits of their decimals.
_WRITERS: dict[int, _Writer] = {}


def writer(digits: int) -> Callable[[Any], str]:
    """What writes formulas, decimals to so many digits."""
    memory = _WRITERS.get(digits)
    if memory is None:
        memory = _WRITERS[digits] = _Writer(digits)

    def write(formula: Any) -> str:
        return memory.piece(formula).text

    return write


def forget() -> None:
    """Drop what was kept of the formulas written so far."""
    for memory in _WRITERS.values():
        memory.forget()


class _Pieces(dict[Any, Piece]):
    """Expressions of one type (to sympy, 2 and 2.0 are equal), written when first asked for."""

    def __init__(self, way: Callable[[Any], Piece]) -> None:
        super().__init__()
        self._way = way

    def __missing__(self, expression: Any) -> Piece:
        piece = self[expression] = self._way(expression)
        return piece


class _Writer:
    """Writes formulas; parts that come again are written once."""

    def __init__(self, digits: int) -> None:
        self._digits = digits
        self._pieces: dict[type, _Pieces] = {}
        self._factors: dict[tuple[Any, Number], tuple[Factor, bool]] = {}

    def forget(self) -> None:
        """Drop what was written; how types are written stays."""
        for pieces in self._pieces.values():
            pieces.clear()
        self._factors.clear()

    def piece(self, expression: Any) -> Piece:
        """Write an expression, by way of its parts."""
        pieces = self._pieces.get(type(expression))
        if pieces is None:
            pieces = self._pieces[type(expression)] = _Pieces(self._way(expression))
        return pieces[expression]

    def _way(self, expression: Any) -> Callable[[Any], Piece]:
        """What writes expressions of that type."""
        name = name_of(expression)
        ways: dict[str, Callable[[Any], Piece]] = {
            "Symbol": self._symbol,
            "Add": self._sum,
            "Mul": self._product,
            "Pow": self._power,
            "Piecewise": self._piecewise,
            "BooleanTrue": self._truth,
            "BooleanFalse": self._truth,
            **dict.fromkeys(CONSTANTS, self._constant),
        }
        if name in ways:
            return ways[name]
        if getattr(expression, "is_Rational", False):
            return self._product
        return self._decimal if getattr(expression, "is_Float", False) else self._call

    # -- atoms --

    def _symbol(self, symbol: Any) -> Piece:
        return single(str(symbol.name), Tight.ATOM, Rank.SYMBOL)

    def _constant(self, constant: Any) -> Piece:
        text = CONSTANTS[name_of(constant)]
        return single(text, Tight.SIGN if text.startswith("-") else Tight.ATOM, Rank.NUMBER)

    def _decimal(self, number: Any) -> Piece:
        text = self._digits_of(number)
        return Piece(text, Tight.SIGN if text.startswith("-") else Tight.ATOM)

    def _digits_of(self, number: Any) -> str:
        value = float(number)
        if math.isinf(value) or (not value and not number.is_zero):
            raise NoText("beyond float64")
        return f"{value:.{self._digits}g}".removesuffix(".0")

    # -- sums --

    def _sum(self, expression: Any) -> Piece:
        terms = sorted(map(self._term, summands(expression)), key=place)
        # cos(x)**2 - sin(x)**2 rather than -sin(x)**2 + cos(x)**2: a positive term comes first.
        first = next((k for k, term in enumerate(terms) if term.text[0] != "-"), 0)
        terms.insert(0, terms.pop(first))
        text = terms[0].text
        for term in terms[1:]:
            if term.tight == Tight.LOOSE:
                text += f" + ({term.text})"
            else:
                text += f" - {term.text[1:]}" if term.text[0] == "-" else f" + {term.text}"
        return single(text, Tight.SUM, Rank.PARENTHESIS)

    # -- products, quotients and powers --

    def _product(self, expression: Any) -> Piece:
        return self._term(split(expression))

    def _term(self, term: Term) -> Piece:
        """Write a product, with one bar at most."""
        number, powers = term
        if not powers:
            return self._number(number)
        above: list[Factor] = []
        below: list[Factor] = []
        for base, exponent in powers.items():
            written = self._factors.get((base, exponent))
            factor, negative = written or self._factor(base, exponent)
            (below if negative else above).append(factor)
        if type(number) is int and number == 1 and len(above) == 1 and not below:
            return Piece(above[0].text, above[0].tight, above)
        above.sort()
        below.sort()
        return Piece(quotient(self._number(number).text, above, below), Tight.PRODUCT, above, below)

    def _number(self, number: Number) -> Piece:
        if not is_fraction(number):
            return self.piece(number)
        top, bottom = _fraction(number)
        if bottom == 1:
            return Piece(str(top), Tight.SIGN if top < 0 else Tight.ATOM)
        return Piece(f"{top}/{bottom}", Tight.PRODUCT)

    def _factor(self, base: Any, exponent: Number) -> tuple[Factor, bool]:
        """A power in a product, without the sign of its exponent; and whether that is negative."""
        inner = self.piece(base)
        first = inner.above[0] if len(inner.above) == 1 else None
        negative = exponent < 0
        if exponent == 1 and first is not None and first.text == inner.text:
            factor = first
        elif is_e(base):
            factor = function(f"exp({self._number(exponent).text})").above[0]
            negative = False
        else:
            top, bottom = _fraction(abs(exponent))
            text, tight = raised(inner, top, bottom)
            place = inner.text if first is None else first.base
            size = top / bottom if top.bit_length() < _LONG else math.inf
            factor = Factor(_rank(base, inner), place, size, text, tight)
        self._factors[base, exponent] = factor, negative
        return factor, negative

    def _power(self, expression: Any) -> Piece:
        base, exponent = expression.args
        if getattr(exponent, "is_Rational", False):
            return self._term(split(expression))
        if is_e(base):
            return function(f"exp({self.piece(exponent).text})")
        return self._tower(base, exponent)

    def _tower(self, base: Any, exponent: Any) -> Piece:
        inner, shown = self.piece(base), self.piece(exponent)
        rank = Rank.TOWER if _has_symbols(exponent) else _rank(base, inner)
        text = f"{within(inner, Tight.ATOM)}**{within(shown, Tight.POWER)}"
        return Piece(text, Tight.POWER, (Factor(rank, inner.text, 0.0, text, Tight.POWER),))

    # -- functions and conditions --

    def _call(self, expression: Any) -> Piece:
        row, args = applied(expression)
        pieces = list(map(self.piece, args))
        if row.symbol == "//":
            return self._floored(*pieces)
        if row.group != "comparison":
            return function(f"{row.name}({', '.join(piece.text for piece in pieces)})")
        if not row.conditions:
            left, right = (within(piece, Tight.SUM) for piece in pieces)
            return Piece(f"{left} {row.symbol} {right}", Tight.LOOSE)
        parts = [f"({piece.text})" for piece in pieces]
        if len(parts) == 1:
            return Piece(f"~{parts[0]}", Tight.SIGN)
        return Piece(f" {row.symbol} ".join(parts), Tight.LOOSE)

    def _floored(self, left: Piece, right: Piece) -> Piece:
        above, below = (within(part, Tight.POWER) for part in (left, right))
        text = f"{above}//{below}"
        # 2*(x//3) is no 2*x//3.
        return Piece(text, Tight.PRODUCT, (Factor(Rank.FUNCTION, text, 1.0, text, Tight.SUM),))

    def _piecewise(self, expression: Any) -> Piece:
        text = "nan"
        for value, condition in reversed(branches(expression)):
            if name_of(condition) == "BooleanTrue":
                text = self.piece(value).text
            else:
                text = f"where({self.piece(condition).text}, {self.piece(value).text}, {text})"
        return function(text)

    def _truth(self, expression: Any) -> Piece:
        return Piece("1 > 0" if expression else "1 < 0", Tight.LOOSE)


def _fraction(number: Number) -> tuple[int, int]:
    """The two parts of a fraction; one that is longer than anyone reads has no text."""
    top, bottom = number.numerator, number.denominator
    if max(top.bit_length(), bottom.bit_length()) > limits.CONSTANT_BITS:
        raise NoText
    return top, bottom


def _rank(base: Any, written: Piece) -> int:
    """The place of a power in a product."""
    if len(written.above) == 1 and not written.below:
        return written.above[0].rank
    return Rank.FUNCTION if _has_symbols(base) else Rank.NUMBER


def _has_symbols(expression: Any) -> bool:
    return bool(expression.free_symbols)
