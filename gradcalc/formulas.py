"""Formulas, written in gradcalc's own language.

In: an expression of SymEngine or of sympy. Out: its text, which `parser` reads. Both are visited in
the same way, so that a formula reads the same whichever of the two has made it: numbers first, then
symbols, functions and sums, each in alphabetical order; quotients with one bar; a positive term
before a negative one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gradcalc import limits
from gradcalc.functions import TABLE

#: How tightly a text holds together, as in Python. Higher is tighter.
_LOOSE, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(6)

#: What stands where in a product: 2*pi*x*y**x*(x + 1)*sin(x).
_NUMBER, _SYMBOL, _TOWER, _PARENTHESIS, _FUNCTION = range(5)

#: What comes last in the key of a product, and in that of a number, so that x*y < x < 1 in a sum.
_END = (_FUNCTION + 1, "", 0.0)

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


class _Piece(NamedTuple):
    """A part of a formula.

    Attributes:
        text: How it is written.
        tight: How tightly that holds together.
        key: Where it stands in a sum.
    """

    text: str
    tight: int
    key: tuple[tuple[int, str, float], ...]


class _Factor(NamedTuple):
    """A factor of a product: its place, its base's text and power, and how it is written."""

    rank: int
    base: str
    power: float
    text: str
    tight: int


def writer(digits: int) -> Callable[[Any], str]:
    """What writes formulas, decimals to so many digits."""
    memory = _writer(digits)

    def write(formula: Any) -> str:
        return memory.piece(formula).text

    return write


@functools.cache
def _writer(digits: int) -> _Writer:
    return _Writer(digits)


def forget() -> None:
    """Drop what was kept of the formulas written so far."""
    _writer.cache_clear()


class _Writer:
    """Writes formulas; parts that come again are written once."""

    def __init__(self, digits: int) -> None:
        self._digits = digits
        self._pieces: dict[Any, _Piece] = {}
        self._ways: dict[type, Callable[[Any], _Piece]] = {}

    def piece(self, expression: Any) -> _Piece:
        """Write an expression, by way of its parts."""
        # With its type: 2 and 2.0 are equal to sympy.
        known = (type(expression), expression)
        found = self._pieces.get(known)
        if found is None:
            way = self._ways.get(known[0])
            if way is None:
                way = self._ways[known[0]] = self._way(expression)
            found = self._pieces[known] = way(expression)
        return found

    def _way(self, expression: Any) -> Callable[[Any], _Piece]:
        """What writes expressions of that type."""
        name = type(expression).__name__
        ways: dict[str, Callable[[Any], _Piece]] = {
            "Symbol": self._symbol,
            "Add": self._sum,
            "Mul": self._product,
            "Pow": self._product,
            "Piecewise": self._piecewise,
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
            return self._rational
        if getattr(expression, "is_Float", False):
            return self._decimal
        if name in {"Derivative", "Subs", "ImaginaryUnit", "Complex"}:
            raise NoText(name)
        if getattr(expression, "is_Function", False) or name in _NAMES:
            return self._function
        raise NoText(name)

    # -- atoms --

    def _symbol(self, symbol: Any) -> _Piece:
        name = str(symbol.name)
        return _Piece(name, _ATOM, ((_SYMBOL, name, -1.0), _END))

    def _constant(self, constant: Any) -> _Piece:
        text = _CONSTANTS[type(constant).__name__]
        return _signed(text, ((_END[0], text, 0.0),))

    def _rational(self, number: Any) -> _Piece:
        top, bottom = _fraction(number)
        if bottom == 1:
            return _signed(str(top), (_END,))
        return _Piece(f"{top}/{bottom}", _PRODUCT, (_END,))

    def _decimal(self, number: Any) -> _Piece:
        return _signed(self._digits_of(number), (_END,))

    def _digits_of(self, number: Any) -> str:
        return f"{float(number):.{self._digits}g}".removesuffix(".0")

    # -- sums --

    def _sum(self, expression: Any) -> _Piece:
        terms = sorted(map(self.piece, expression.args), key=lambda term: term.key)
        # cos(x)**2 - sin(x)**2 rather than -sin(x)**2 + cos(x)**2: a positive term comes first.
        first = next((k for k, term in enumerate(terms) if term.text[0] != "-"), 0)
        terms.insert(0, terms.pop(first))
        texts = [terms[0].text]
        for text, tight, _ in terms[1:]:
            if tight == _LOOSE:
                texts.append(f" + ({text})")
            else:
                texts.append(f" - {text[1:]}" if text[0] == "-" else f" + {text}")
        text = "".join(texts)
        return _Piece(text, _SUM, ((_PARENTHESIS, text, -1.0), _END))

    # -- products, quotients and powers --

    def _product(self, expression: Any) -> _Piece:
        top, bottom, decimal = 1, 1, ""
        above: list[_Factor] = []
        below: list[_Factor] = []
        for part in expression.args if type(expression).__name__ == "Mul" else (expression,):
            way = type(part).__name__
            if way == "Pow":
                factor, divides = self._power(*part.args)
                (below if divides else above).append(factor)
            elif getattr(part, "is_Rational", False):
                top, bottom = _fraction(part)
            elif getattr(part, "is_Float", False):
                decimal = self._digits_of(part)
            else:
                above.append(self._plain(part))
        above.sort()
        below.sort()
        key = (
            *sorted(
                [(f.rank, f.base, -f.power) for f in above]
                + [(f.rank, f.base, f.power) for f in below]
            ),
            _END,
        )
        sign = "-" if (top < 0) != decimal.startswith("-") else ""
        numbers = [decimal.removeprefix("-")] if decimal else []
        if abs(top) != 1 or not (above or numbers):
            numbers.insert(0, str(abs(top)))
        over = [*numbers, *(_within(f.text, f.tight, _PRODUCT) for f in above)]
        under = [*([str(bottom)] if bottom != 1 else []), *(_bracketed(f) for f in below)]
        if not under and len(over) == 1 and not sign:
            # A power, or a factor that a number was divided out of.
            tight = above[0].tight if above else _ATOM
            return _Piece(above[0].text if above else over[0], tight, key)
        text = sign + "*".join(over)
        if under:
            text += f"/{under[0]}" if len(under) == 1 else f"/({'*'.join(under)})"
        return _Piece(text, _PRODUCT, key)

    def _plain(self, part: Any) -> _Factor:
        piece = self.piece(part)
        rank = _rank(part)
        base = _placed(piece.text) if rank == _FUNCTION else piece.text
        return _Factor(rank, base, 1.0, piece.text, piece.tight)

    def _power(self, base: Any, exponent: Any) -> tuple[_Factor, bool]:
        """A power as a factor, and whether it stands below the bar."""
        if type(base).__name__ in {"E", "Exp1"}:
            text = f"exp({self.piece(exponent).text})"
            return _Factor(_FUNCTION, _placed(text), 1.0, text, _ATOM), False
        inner = self.piece(base)
        if not getattr(exponent, "is_Rational", False):
            rank = _TOWER if _has_symbols(exponent) else _rank(base)
            shown = self.piece(exponent)
            text = f"{_within(inner.text, inner.tight, _ATOM)}**"
            text += _within(shown.text, shown.tight, _POWER)
            return _Factor(rank, inner.text, 0.0, text, _POWER), False
        top, bottom = abs(int(exponent.p)), int(exponent.q)
        if top == 1 and bottom == 2:
            text, tight = f"sqrt({inner.text})", _ATOM
        elif top == bottom:
            text, tight = inner.text, inner.tight
        else:
            power = str(top) if bottom == 1 else f"({top}/{bottom})"
            text, tight = f"{_within(inner.text, inner.tight, _ATOM)}**{power}", _POWER
        rank = _rank(base)
        place = _placed(inner.text) if rank == _FUNCTION else inner.text
        return _Factor(rank, place, top / bottom, text, tight), exponent.p < 0

    # -- functions and conditions --

    def _function(self, expression: Any) -> _Piece:
        name = type(expression).__name__
        if name == "FunctionSymbol":
            name = str(expression.get_name())
        inside = ", ".join(self.piece(part).text for part in expression.args)
        return _function(f"{_NAMES.get(name, name)}({inside})")

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
        left, right = map(self.piece, expression.args)
        sign = _RELATIONS[type(expression).__name__]
        text = f"{_within(left.text, left.tight, _SUM)} {sign} "
        return _Piece(text + _within(right.text, right.tight, _SUM), _LOOSE, (_END,))

    def _junction(self, expression: Any) -> _Piece:
        sign = "&" if type(expression).__name__ == "And" else "|"
        parts = [self.piece(part).text for part in expression.args]
        return _Piece(f" {sign} ".join(f"({part})" for part in parts), _LOOSE, (_END,))

    def _negation(self, expression: Any) -> _Piece:
        return _Piece(f"~({self.piece(expression.args[0]).text})", _SIGN, (_END,))

    def _truth(self, expression: Any) -> _Piece:
        return _Piece("1 > 0" if expression else "1 < 0", _LOOSE, (_END,))


def _fraction(number: Any) -> tuple[int, int]:
    """The two parts of a fraction; one that is longer than anyone reads has no text."""
    top, bottom = int(number.p), int(number.q)
    if max(top.bit_length(), bottom.bit_length()) > limits.CONSTANT_BITS:
        raise NoText
    return top, bottom


def _signed(text: str, key: tuple[tuple[int, str, float], ...]) -> _Piece:
    return _Piece(text, _SIGN if text.startswith("-") else _ATOM, key)


def _function(text: str) -> _Piece:
    return _Piece(text, _ATOM, ((_FUNCTION, _placed(text), -1.0), _END))


def _placed(text: str) -> str:
    """What a call is sorted by."""
    return _ORDER.get(text.partition("(")[0], "") + text


def _within(text: str, tight: int, least: int) -> str:
    """The text, in brackets where it binds too loosely."""
    return text if tight >= least else f"({text})"


def _bracketed(factor: _Factor) -> str:
    """A factor below the bar."""
    return _within(factor.text, factor.tight, _POWER)


def _rank(expression: Any) -> int:
    """The place of a base in a product."""
    name = type(expression).__name__
    if name == "Symbol":
        return _SYMBOL
    if name == "Add":
        return _PARENTHESIS
    if name in {"Mul", "Pow"}:
        return _FUNCTION if _has_symbols(expression) else _NUMBER
    return _FUNCTION if getattr(expression, "args", ()) else _NUMBER


def _has_symbols(expression: Any) -> bool:
    return bool(expression.free_symbols)


def _branches(expression: Any) -> Sequence[tuple[Any, Any]]:
    """The values of a piecewise function and their conditions; SymEngine lists them flat."""
    args = expression.args
    if (args and isinstance(args[0], tuple)) or hasattr(args[0], "cond"):
        return [tuple(part) for part in args]
    return list(zip(args[::2], args[1::2], strict=True))
