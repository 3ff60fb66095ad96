"""Pieces of formulas: texts that are put together as a hand would write them.

In: texts, with how tightly they hold together. Out: sums, products with one bar, powers and calls,
in brackets where they need them, and what they are sorted by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradcalc.calculus.nodes import NoText
from gradcalc.functions import TABLE


class Tight:
    """How tightly a text holds together, as in Python. Higher is tighter."""

    LOOSE, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)


class Rank:
    """What stands where in a product: 2*pi*x*y**x*(x + 1)*sin(x)."""

    NUMBER, SYMBOL, TOWER, PARENTHESIS, FUNCTION = range(5)


#: What comes last in the key of a product, and in that of a number, so that x*y < x < 1 in a sum.
_END = (Rank.FUNCTION + 1, "", 0.0)

#: Functions stand in the order of the function table: sin before cos.
_ORDER = {name: f"{place:03}" for place, name in enumerate(TABLE)}


class Factor(NamedTuple):
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


class Piece(NamedTuple):
    """A part of a formula.

    Attributes:
        text: How it is written.
        tight: How tightly that holds together.
        above: Its factors, but for numbers; what is no product is one itself.
        below: Its factors below the bar.
    """

    text: str
    tight: int
    above: Sequence[Factor] = ()
    below: Sequence[Factor] = ()


def single(text: str, tight: int, rank: int) -> Piece:
    """A piece that is its own only factor."""
    return Piece(text, tight, (Factor(rank, text, 1.0, text, tight),))


def function(text: str) -> Piece:
    """A call, such as sin(x)."""
    base = _ORDER.get(text.partition("(")[0], "") + text
    return Piece(text, Tight.ATOM, (Factor(Rank.FUNCTION, base, 1.0, text, Tight.ATOM),))


def place(term: Piece) -> tuple[tuple[int, str, float], ...]:
    """Where a term stands in a sum: x**2, then x*y, x, 1/x and numbers."""
    factors = [(f.rank, f.base, -f.power) for f in term.above if f.rank != Rank.NUMBER]
    factors += [(f.rank, f.base, f.power) for f in term.below if f.rank != Rank.NUMBER]
    factors.sort()
    factors.append(_END)
    return tuple(factors)


def quotient(number: str, above: Sequence[Factor], below: Sequence[Factor]) -> str:
    """The text of a product with one bar: its number, and its factors on either side of the bar."""
    if number == "nan":
        raise NoText(number)
    top, _, bottom = number.removeprefix("-").partition("/")
    over = [within(factor, Tight.PRODUCT) for factor in above]
    if top != "1" or not over:
        over.insert(0, top)
    under = [within(factor, Tight.POWER) for factor in below]
    if bottom:
        under.insert(0, bottom)
    text = "-" + "*".join(over) if number[0] == "-" else "*".join(over)
    if under:
        text += f"/{under[0]}" if len(under) == 1 else f"/({'*'.join(under)})"
    return text


def raised(base: Piece, top: int, bottom: int) -> tuple[str, int]:
    """The text of a power, and how tightly it holds together."""
    if top == 1 and bottom == 2:
        return f"sqrt({base.text})", Tight.ATOM
    if top == bottom:
        return base.text, base.tight
    power = str(top) if bottom == 1 else f"({top}/{bottom})"
    return f"{within(base, Tight.ATOM)}**{power}", Tight.POWER


def within(part: Piece | Factor, least: int) -> str:
    """The text, in brackets where it holds together too loosely."""
    return part.text if part.tight >= least else f"({part.text})"
