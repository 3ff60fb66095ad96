"""Products, seen as a number and powers.

In: an expression of SymEngine or of sympy. Out: the number in it, and the exponents of its bases,
as numbers of Python's. A look into an expression takes ten times as long as one into a dictionary,
so each is looked into once; and equal bases are one object, which dictionaries find fast.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

#: A number: Python's where it is a fraction, or else the engine's.
Number = Any

#: Exponents by their bases. A power with an exponent that is no fraction counts as a base.
Powers = Mapping[Any, Number]

#: A product: its number, and the powers that it is made of.
Term = tuple[Number, Powers]


@functools.lru_cache(maxsize=None, typed=True)
def split(expression: Any) -> Term:
    """An expression's number and its powers; what is no product is one of one factor."""
    return _split(expression)


@functools.lru_cache(maxsize=None, typed=True)
def summands(total: Any) -> Sequence[Term]:
    """The same for each term of a sum."""
    return tuple(map(_split, total.args))


def _split(expression: Any) -> Term:
    number: Number = 1
    powers: dict[Any, Number] = {}
    for part in expression.args if expression.is_Mul else (expression,):
        if part.is_Number:
            number = value(part)
        else:
            base, exponent = power(part)
            # Of y**y*(y**y)**(-5/2), both are powers of y**y.
            powers[base] = powers.get(base, 0) + exponent
    return number, powers


@functools.lru_cache(maxsize=None, typed=True)
def power(factor: Any) -> tuple[Any, Number]:
    """A factor's base and exponent, which is 1 where it is no power with a fraction for one."""
    if factor.is_Pow:
        base, exponent = factor.args
        if exponent.is_Rational:
            return base if base.is_Pow else power(base)[0], value(exponent)
    return factor, 1


@functools.lru_cache(maxsize=None, typed=True)
def value(number: Any) -> Number:
    """A number of the engine's."""
    if number.is_Integer:
        return int(number)
    return Fraction(int(number.p), int(number.q)) if number.is_Rational else number


def is_fraction(number: Number) -> bool:
    """Whether it is a number of Python's."""
    return type(number) is int or type(number) is Fraction


def forget() -> None:
    """Drop what was kept of expressions."""
    for cached in (split, summands, power, value):
        cached.cache_clear()
