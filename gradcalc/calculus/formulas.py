"""Formulas, written in gradcalc's own language.

In: an expression of SymEngine or of sympy. Out: its text, which `parser` reads. Both are visited in
the same way, so that a formula reads the same whichever of the two has made it: numbers first, then
symbols, functions and sums, each in alphabetical order; quotients with one bar; a positive term
before a negative one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gradcalc.base import limits
from gradcalc.calculus.terms import Number, Term, is_fraction, split, summands
from gradcalc.functions import TABLE, lookup

#: How tightly a text holds together, as in Python. Higher is tighter.
_LOOSE, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(6)

#: What stands where in a product: 2*pi*x*y**x*(x + 1)*sin(x).
_NUMBER, _SYMBOL, _TOWER, _PARENTHESIS, _FUNCTION = range(5)

#: What comes last in the key of a product, and in that of a number, so that x*y < x < 1 in a sum.
_END = (_FUNCTION + 1, "", 0.0)

#: Bits of a whole number beyond which there may be no float of that size.
_LONG = 1_000

#: Functions stand in the order of the function table: sin before cos.
_ORDER = {name: f"{place:03}" for place, name in enumerate(TABLE)}

#: Functions of the engines that go by another name here.
_NAMES = {"Abs": "abs", "ceiling": "ceil", "Mod": "remainder", "Max": "max", "Min": "min"}

_CONSTANTS = {
    "Exp1": "e",
    "E": "e",
    "Pi": "pi",
    "pi": "pi",
    "EulerGamma": "0.5772156649015329",
    "Infinity": "inf",
    "NegativeInfinity": "-inf",
    "ComplexInfinity": "nan",
    "NaN": "nan",
}

_RELATIONS = {
    "Equality": "==",
    "Unequality": "!=",
    "LessThan": "<=",
    "StrictLessThan": "<",
    "GreaterThan": ">=",
    "StrictGreaterThan": ">",
}


class NoText(Exception):  # noqa: N818 - no error, but a finding
    """There is something in an expression that gradcalc's language has no word for."""


class _Factor(NamedTuple):
    """A factor of a product.

    Attributes:
        rank: Its place among the others.
        base: What it is sorted by within its rank.
        power: Its exponent, without the sign; 0 if that is no number.
        text: How it is written, on its own side of the bar.
        tight: How tightly that holds together.
    """

    rank: int
    base: str
    power: float
    text: str
    tight: int


class _Piece(NamedTuple):
    """A part of a formula.

    Attributes:
        text: How it is written.
        tight: How tightly that holds together.
        above: Its factors, but for numbers; what is no product is one itself.
        below: Its factors below the bar.
    """

    text: str
    tight: int
    above: Sequence[_Factor] = ()
    below: Sequence[_Factor] = ()


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


class _Pieces(dict[Any, _Piece]):
    """Expressions of one type (to sympy, 2 and 2.0 are equal), written when first asked for."""

    def __init__(self, way: Callable[[Any], _Piece]) -> None:
        super().__init__()
        self._way = way

    def __missing__(self, expression: Any) -> _Piece:
        piece = self[expression] = self._way(expression)
        return piece


class _Writer:
    """Writes formulas; parts that come again are written once."""

    def __init__(self, digits: int) -> None:
        self._digits = digits
        self._pieces: dict[type, _Pieces] = {}
        self._factors: dict[tuple[Any, Number], tuple[_Factor, bool]] = {}

    def forget(self) -> None:
        """Drop what was written; how types are written stays."""
        for pieces in self._pieces.values():
            pieces.clear()
        self._factors.clear()

    def piece(self, expression: Any) -> _Piece:
        """Write an expression, by way of its parts."""
        pieces = self._pieces.get(type(expression))
        if pieces is None:
            pieces = self._pieces[type(expression)] = _Pieces(self._way(expression))
        return pieces[expression]

    def _way(self, expression: Any) -> Callable[[Any], _Piece]:
        """What writes expressions of that type."""
        name = type(expression).__name__
        ways: dict[str, Callable[[Any], _Piece]] = {
            "Symbol": self._symbol,
            "Add": self._sum,
            "Mul": self._product,
            "Pow": self._power,
            "Piecewise": self._piecewise,
            "FunctionSymbol": self._call,
            "polygamma": self._polygamma,
            "And": self._junction,
            "Or": self._junction,
            "Not": self._negation,
            "BooleanTrue": self._truth,
            "BooleanFalse": self._truth,
            **dict.fromkeys(_RELATIONS, self._relation),
            **dict.fromkeys(_CONSTANTS, self._constant),
        }
        if name in ways:
            return ways[name]
        if getattr(expression, "is_Rational", False):
            return self._product
        if getattr(expression, "is_Float", False):
            return self._decimal
        if name in {"Derivative", "Subs", "ImaginaryUnit", "Complex"}:
            raise NoText(name)
        if getattr(expression, "is_Function", False) or name in _NAMES:
            return self._function
        raise NoText(name)

    # -- atoms --

    def _symbol(self, symbol: Any) -> _Piece:
        return _single(str(symbol.name), _ATOM, _SYMBOL)

    def _constant(self, constant: Any) -> _Piece:
        text = _CONSTANTS[type(constant).__name__]
        return _single(text, _SIGN if text.startswith("-") else _ATOM, _NUMBER)

    def _decimal(self, number: Any) -> _Piece:
        text = self._digits_of(number)
        return _Piece(text, _SIGN if text.startswith("-") else _ATOM)

    def _digits_of(self, number: Any) -> str:
        value = float(number)
        if math.isinf(value) or (not value and not number.is_zero):
            raise NoText("beyond float64")
        return f"{value:.{self._digits}g}".removesuffix(".0")

    # -- sums --

    def _sum(self, expression: Any) -> _Piece:
        terms = sorted(map(self._term, summands(expression)), key=_place)
        # cos(x)**2 - sin(x)**2 rather than -sin(x)**2 + cos(x)**2: a positive term comes first.
        first = next((k for k, term in enumerate(terms) if term.text[0] != "-"), 0)
        terms.insert(0, terms.pop(first))
        text = terms[0].text
        for term in terms[1:]:
            if term.tight == _LOOSE:
                text += f" + ({term.text})"
            else:
                text += f" - {term.text[1:]}" if term.text[0] == "-" else f" + {term.text}"
        return _single(text, _SUM, _PARENTHESIS)

    # -- products, quotients and powers --

    def _product(self, expression: Any) -> _Piece:
        return self._term(split(expression))

    def _term(self, term: Term) -> _Piece:
        """Write a product, with one bar at most."""
        number, powers = term
        if not powers:
            return self._number(number)
        above: list[_Factor] = []
        below: list[_Factor] = []
        for base, exponent in powers.items():
            written = self._factors.get((base, exponent))
            factor, negative = written or self._factor(base, exponent)
            (below if negative else above).append(factor)
        if type(number) is int and number == 1 and len(above) == 1 and not below:
            return _Piece(above[0].text, above[0].tight, above)
        above.sort()
        below.sort()
        return _Piece(_quotient(self._number(number).text, above, below), _PRODUCT, above, below)

    def _number(self, number: Number) -> _Piece:
        if not is_fraction(number):
            return self.piece(number)
        top, bottom = _fraction(number)
        if bottom == 1:
            return _Piece(str(top), _SIGN if top < 0 else _ATOM)
        return _Piece(f"{top}/{bottom}", _PRODUCT)

    def _factor(self, base: Any, exponent: Number) -> tuple[_Factor, bool]:
        """A power in a product, without the sign of its exponent; and whether that is negative."""
        inner = self.piece(base)
        first = inner.above[0] if len(inner.above) == 1 else None
        negative = exponent < 0
        if exponent == 1 and first is not None and first.text == inner.text:
            factor = first
        elif _is_e(base):
            factor = _function(f"exp({self._number(exponent).text})").above[0]
            negative = False
        else:
            top, bottom = _fraction(abs(exponent))
            text, tight = _raised(inner, top, bottom)
            place = inner.text if first is None else first.base
            size = top / bottom if top.bit_length() < _LONG else math.inf
            factor = _Factor(_rank(base, inner), place, size, text, tight)
        self._factors[base, exponent] = factor, negative
        return factor, negative

    def _power(self, expression: Any) -> _Piece:
        base, exponent = expression.args
        if getattr(exponent, "is_Rational", False):
            return self._term(split(expression))
        if _is_e(base):
            return _function(f"exp({self.piece(exponent).text})")
        return self._tower(base, exponent)

    def _tower(self, base: Any, exponent: Any) -> _Piece:
        inner, shown = self.piece(base), self.piece(exponent)
        rank = _TOWER if _has_symbols(exponent) else _rank(base, inner)
        text = f"{_within(inner.text, inner.tight, _ATOM)}**"
        text += _within(shown.text, shown.tight, _POWER)
        return _Piece(text, _POWER, (_Factor(rank, inner.text, 0.0, text, _POWER),))

    # -- functions and conditions --

    def _function(self, expression: Any) -> _Piece:
        name = type(expression).__name__
        name = _NAMES.get(name, name)
        if lookup(name) is None:
            raise NoText(name)
        return self._called(name, expression.args)

    def _called(self, name: str, args: Sequence[Any]) -> _Piece:
        return _function(f"{name}({', '.join(self.piece(arg).text for arg in args)})")

    def _call(self, call: Any) -> _Piece:
        """One of `algebra`'s calls."""
        row = TABLE[call.get_name()]
        if row.symbol == "//":
            return self._floored(*map(self.piece, call.args))
        if row.group != "comparison":
            return self._called(row.name, call.args)
        if not row.conditions:
            return self._compared(str(row.symbol), call.args)
        return self._negation(call) if len(call.args) == 1 else self._joined(row.symbol, call.args)

    def _floored(self, left: _Piece, right: _Piece) -> _Piece:
        above, below = (_within(part.text, part.tight, _POWER) for part in (left, right))
        text = f"{above}//{below}"
        # 2*(x//3) is no 2*x//3.
        return _Piece(text, _PRODUCT, (_Factor(_FUNCTION, text, 1.0, text, _SUM),))

    def _polygamma(self, expression: Any) -> _Piece:
        order, argument = map(self.piece, expression.args)
        if order.text == "0":
            return _function(f"digamma({argument.text})")
        return _function(f"polygamma({order.text}, {argument.text})")

    def _piecewise(self, expression: Any) -> _Piece:
        text = "nan"
        for value, condition in reversed(_branches(expression)):
            if type(condition).__name__ == "BooleanTrue":
                text = self.piece(value).text
            else:
                text = f"where({self.piece(condition).text}, {self.piece(value).text}, {text})"
        return _function(text)

    def _relation(self, expression: Any) -> _Piece:
        return self._compared(_RELATIONS[type(expression).__name__], expression.args)

    def _compared(self, sign: str, args: Sequence[Any]) -> _Piece:
        left, right = map(self.piece, args)
        text = f"{_within(left.text, left.tight, _SUM)} {sign} "
        return _Piece(text + _within(right.text, right.tight, _SUM), _LOOSE)

    def _junction(self, expression: Any) -> _Piece:
        return self._joined("&" if type(expression).__name__ == "And" else "|", expression.args)

    def _joined(self, sign: str | None, conditions: Sequence[Any]) -> _Piece:
        parts = [self.piece(part).text for part in conditions]
        return _Piece(f" {sign} ".join(f"({part})" for part in parts), _LOOSE)

    def _negation(self, expression: Any) -> _Piece:
        return _Piece(f"~({self.piece(expression.args[0]).text})", _SIGN)

    def _truth(self, expression: Any) -> _Piece:
        return _Piece("1 > 0" if expression else "1 < 0", _LOOSE)


def _fraction(number: Number) -> tuple[int, int]:
    """The two parts of a fraction; one that is longer than anyone reads has no text."""
    top, bottom = number.numerator, number.denominator
    if max(top.bit_length(), bottom.bit_length()) > limits.CONSTANT_BITS:
        raise NoText
    return top, bottom


def _single(text: str, tight: int, rank: int) -> _Piece:
    """A piece that is its own only factor."""
    return _Piece(text, tight, (_Factor(rank, text, 1.0, text, tight),))


def _function(text: str) -> _Piece:
    place = _ORDER.get(text.partition("(")[0], "") + text
    return _Piece(text, _ATOM, (_Factor(_FUNCTION, place, 1.0, text, _ATOM),))


def _place(term: _Piece) -> tuple[tuple[int, str, float], ...]:
    """Where a term stands in a sum: x**2, then x*y, x, 1/x and numbers."""
    factors = [(f.rank, f.base, -f.power) for f in term.above if f.rank != _NUMBER]
    factors += [(f.rank, f.base, f.power) for f in term.below if f.rank != _NUMBER]
    factors.sort()
    factors.append(_END)
    return tuple(factors)


def _is_e(base: Any) -> bool:
    return type(base).__name__ in {"E", "Exp1"}


def _quotient(number: str, above: Sequence[_Factor], below: Sequence[_Factor]) -> str:
    if number == "nan":
        raise NoText(number)
    top, _, bottom = number.removeprefix("-").partition("/")
    over = [f.text if f.tight >= _PRODUCT else f"({f.text})" for f in above]
    if top != "1" or not over:
        over.insert(0, top)
    under = [f.text if f.tight >= _POWER else f"({f.text})" for f in below]
    if bottom:
        under.insert(0, bottom)
    text = "-" + "*".join(over) if number[0] == "-" else "*".join(over)
    if under:
        text += f"/{under[0]}" if len(under) == 1 else f"/({'*'.join(under)})"
    return text


def _raised(base: _Piece, top: int, bottom: int) -> tuple[str, int]:
    """The text of a power, and how tightly it holds together."""
    if top == 1 and bottom == 2:
        return f"sqrt({base.text})", _ATOM
    if top == bottom:
        return base.text, base.tight
    power = str(top) if bottom == 1 else f"({top}/{bottom})"
    return f"{_within(base.text, base.tight, _ATOM)}**{power}", _POWER


def _within(text: str, tight: int, least: int) -> str:
    """The text, in brackets where it binds too loosely."""
    return text if tight >= least else f"({text})"


def _rank(base: Any, written: _Piece) -> int:
    """The place of a power in a product."""
    if len(written.above) == 1 and not written.below:
        return written.above[0].rank
    return _FUNCTION if _has_symbols(base) else _NUMBER


def _has_symbols(expression: Any) -> bool:
    return bool(expression.free_symbols)


def _branches(expression: Any) -> Sequence[tuple[Any, Any]]:
    """The values of a piecewise function and their conditions; SymEngine lists them flat."""
    args = expression.args
    if (args and isinstance(args[0], tuple)) or hasattr(args[0], "cond"):
        return [tuple(part) for part in args]
    return list(zip(args[::2], args[1::2], strict=True))
