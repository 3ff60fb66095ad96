"""Shorter forms of SymEngine's formulas.

In: a derivative, as the rules of differentiation leave it. Out: the shortest of a few equal forms
that are cheap to find: numbers and powers that all terms of a sum share are taken out, and terms
are put over one bar. Only forms are tried that are equal wherever the formula has a value.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from gradcalc.functions import symengine

#: Terms of a sum beyond which it is left as it is, and powers of sums that are multiplied out.
_TERMS = 12
_POWER = 3

#: Terms beyond which nothing is multiplied out: a sum of twelve to the power of three has 364.
_EXPANDED = 400

#: Powers by their bases. Whole exponents are Python's numbers, others SymEngine's fractions.
_Powers = Mapping[Any, Any]

#: A term: its number, and the powers that it is made of.
_Term = tuple[Any, _Powers]


def shortest(formula: Any) -> Any:
    """The form of a formula with the fewest operations, the first of equals."""
    kind = type(formula)
    if kind is symengine.Mul:
        if not any(map(_has_sum, formula.args)):
            return formula
        formula = _by_factors(formula)
        forms = [formula, *_by_sums(formula)]
    elif kind is symengine.Add and len(formula.args) <= _TERMS:
        forms = [formula, *_by_terms(formula)]
    else:
        return formula
    return min(forms, key=symengine.count_ops) if len(forms) > 1 else formula


def forget() -> None:
    """Drop what was kept of formulas."""
    for known in (_split, _divided_out, _by_terms, _least, _expanded):
        known.cache_clear()


def _has_sum(factor: Any) -> bool:
    """Whether it is a sum, or a power of one."""
    return _is_sum(factor.args[0] if type(factor) is symengine.Pow else factor)


def _is_sum(base: Any) -> bool:
    return type(base) is symengine.Add and len(base.args) <= _TERMS


# --- Products -------------------------------------------------------------------------------------


def _by_factors(product: Any) -> Any:
    """A product without what the terms of a sum in it share: (2*x*y + 2*x)/2 is x*(y + 1)."""
    number, powers = _split(product)
    new: dict[Any, Any] = {}
    for base, exponent in powers.items():
        if not _is_sum(base) or type(exponent) is not int:
            continue
        content, shared, inside = _divided_out(base)
        # -2*(y - x) is 2*(x - y).
        if exponent % 2 and _is_negative(number) and _has_both_signs(base):
            content, inside = -content, _each_by(inside, symengine.Integer(-1))
        if content != 1 or shared:
            number *= _number(content) ** exponent
            new[base] = symengine.Mul(
                *(one ** (power * exponent) for one, power in shared.items()), inside**exponent
            )
    if not new:
        return product
    return symengine.Mul(number, *(new.get(base) or base**e for base, e in powers.items()))


def _by_sums(product: Any) -> list[Any]:
    """A product with the sums in it in other forms, and with exp taken out of them."""
    number, powers = _split(product)
    sums = list(filter(_is_sum, powers))
    forms = []
    for total in sums:
        shorter = _by_terms(total)
        if shorter:
            others = [base**power for base, power in powers.items() if base != total]
            forms += [symengine.Mul(number, form ** powers[total], *others) for form in shorter]
    for growth in [base for base in powers if _is_exponential(base)]:
        for total in sums:
            # exp(-x)/(1 + exp(-x)) is 1/(exp(x) + 1).
            if any(_is_exponential(base) for term in total.args for base in _split(term)[1]):
                power = powers[total]
                others = [b**p for b, p in powers.items() if b not in (total, growth)]
                inside = _each_by(total, 1 / growth)
                forms.append(symengine.Mul(number, growth ** (1 + power), inside**power, *others))
    return forms


def _is_exponential(base: Any) -> bool:
    return type(base) is symengine.Pow and base.args[0] == symengine.E


def _has_both_signs(total: Any) -> bool:
    negative = [_is_negative(_split(term)[0]) for term in total.args]
    return any(negative) and not all(negative)


# --- Sums -----------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def _by_terms(total: Any) -> tuple[Any, ...]:
    """A sum with what all terms share taken out, and over one bar."""
    forms = []
    _, over = _least(total)
    terms = [_split(term) for term in total.args]
    if over and _is_small(terms, over):
        forms.append(_multiplied_out(terms, over))
    content, shared, inside = _divided_out(total)
    if content != 1 or shared:
        forms.append(_joined(_number(content), shared) * inside)
    return tuple(forms)


@functools.lru_cache(maxsize=1024)
def _divided_out(total: Any) -> tuple[Fraction, _Powers, Any]:
    """What all terms of a sum share, a number and powers, and the sum without it."""
    terms = [_split(term) for term in total.args]
    content, (shared, _) = _content(terms), _least(total)
    if content == 1 and not shared:
        return content, shared, total
    by = _number(content)
    inside = symengine.Add(*(_divided(number / by, powers, shared) for number, powers in terms))
    if type(inside) is symengine.Add:
        # What was divided may have merged: u*v + v*(u + 1) is v*(2*u + 1).
        more, others, inside = _divided_out(inside)
        content *= more
        shared = {base: shared.get(base, 0) + others.get(base, 0) for base in {**shared, **others}}
    return content, shared, inside


@functools.lru_cache(maxsize=1024)
def _least(total: Any) -> tuple[_Powers, _Powers]:
    """The least power of each base that all terms of a sum have; and 0 counting as a power, too."""
    count = len(total.args)
    times: dict[Any, int] = {}
    least: dict[Any, Any] = {}
    for term in total.args:
        for base, power in _split(term)[1].items():
            times[base] = times.get(base, 0) + 1
            if base not in least or power < least[base]:
                least[base] = power
    shared = {base: power for base, power in least.items() if times[base] == count}
    return shared, {**shared, **{base: power for base, power in least.items() if power < 0}}


def _multiplied_out(terms: Sequence[_Term], over: _Powers) -> Any:
    """The terms as one product or quotient, the sum in it multiplied out and tidied."""
    above = symengine.expand(_over(terms, over))
    outside = _joined(1, over)
    if type(above) is not symengine.Add:
        return above * outside
    content, shared, inside = _divided_out(above)
    return symengine.Mul(_number(content), outside, _joined(1, shared), inside)


def _over(terms: Sequence[_Term], over: _Powers) -> Any:
    """What stands above the bar once the terms have these powers in common."""
    return symengine.Add(*(_divided(number, powers, over) for number, powers in terms))


def _each_by(total: Any, factor: Any) -> Any:
    """A sum with each of its terms times a factor."""
    return symengine.Add(*(term * factor for term in total.args))


def _divided(number: Any, powers: _Powers, by: _Powers) -> Any:
    left = dict(powers)
    for base, power in by.items():
        left[base] = left.get(base, 0) - power
    return _joined(number, left)


def _is_small(terms: Sequence[_Term], over: _Powers) -> bool:
    """Whether there is something to multiply out, and that is done in no time."""
    sums = [
        (base, powers.get(base, 0) - over.get(base, 0))
        for _, powers in terms
        for base in {**powers, **over}
        if type(base) is symengine.Add
    ]
    bars = any(power < 0 for power in over.values())
    return (
        (bars or any(power > 0 for _, power in sums))
        and all(power <= _POWER and len(base.args) <= _TERMS for base, power in sums)
        and _expanded(_over(terms, over)) <= _EXPANDED
    )


@functools.lru_cache(maxsize=4096)
def _expanded(formula: Any) -> int:
    """How many terms it has once multiplied out, below bars too; `_EXPANDED` + 1 for any more."""
    kind = type(formula)
    if kind is symengine.Add:
        count = sum(map(_expanded, formula.args))
    elif kind is symengine.Mul:
        count = math.prod(map(_expanded, formula.args))
    elif kind is symengine.Pow and formula.args[1].is_Integer:
        terms, power = _expanded(formula.args[0]), int(formula.args[1])
        # So many ways there are to choose that many of the terms, with repetition.
        count = 1 if terms == 1 else math.comb(min(abs(power), _EXPANDED) + terms - 1, terms - 1)
        if terms > 1 and power < 0:
            # SymEngine multiplies out below a bar twice over: 2**n times for n bars in each other.
            count *= 2
    else:
        count = 1
    return min(count, _EXPANDED + 1)


# --- Terms ----------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def _split(term: Any) -> _Term:
    """A term's number and its powers; one with an exponent that is no number counts as a base."""
    number: Any = 1
    powers: dict[Any, Any] = {}
    for part in term.args if type(term) is symengine.Mul else (term,):
        kind = type(part)
        if kind is symengine.Symbol:
            powers[part] = 1
        elif kind is symengine.Pow:
            base, exponent = part.args
            if exponent.is_Integer:
                _add(powers, base, int(exponent))
            elif exponent.is_Rational:
                _add(powers, base, exponent)
            else:
                _add(powers, part, 1)
        elif part.is_Number:
            number = part
        else:
            powers[part] = 1
    return number, powers


def _add(powers: dict[Any, Any], base: Any, exponent: Any) -> None:
    # Of y**y*(y**y)**(-5/2), both are powers of y**y.
    powers[base] = powers.get(base, 0) + exponent


def _joined(number: Any, powers: _Powers) -> Any:
    """The product; of Python's numbers, only 1 comes here, which needs no factor."""
    factors = [base if power == 1 else base**power for base, power in powers.items()]
    return symengine.Mul(*factors) if type(number) is int else symengine.Mul(number, *factors)


def _content(terms: Sequence[_Term]) -> Fraction:
    """The greatest number that all terms are whole multiples of, negative if all are negative."""
    top, bottom, positive = 0, 1, False
    for number, _ in terms:
        if type(number) is int:  # SymEngine compares its numbers slowly with Python's
            top, positive = 1, True
        elif not number.is_Rational:
            return Fraction(1)
        else:
            top, bottom = math.gcd(top, int(number.p)), math.lcm(bottom, int(number.q))
            positive = positive or number.p > 0
    return Fraction(top if positive else -top, bottom)


def _number(value: Fraction) -> Any:
    return symengine.Rational(value.numerator, value.denominator)


def _is_negative(number: Any) -> bool:
    return type(number) is not int and bool(number.is_Rational and number.p < 0)
