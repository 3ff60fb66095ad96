"""Shorter forms of SymEngine's formulas.

In: a derivative, as the rules of differentiation leave it. Out: the shortest of a few equal forms
that are cheap to find: numbers and powers that all terms of a sum share are taken out, and terms
are put over one bar. Only forms are tried that are equal wherever the formula has a value.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from gradcalc.calculus.algebra import called, calls_in, is_call, row_of
from gradcalc.calculus.terms import Number, Powers, Term, is_fraction, split, summands
from gradcalc.functions import TABLE, symengine

#: Terms of a sum beyond which it is left as it is, and powers of sums that are multiplied out.
_TERMS = 12
_POWER = 3

#: Terms beyond which nothing is multiplied out: what comes of more is hardly ever shorter. A sum of
#: ten to the power of three has 220.
_EXPANDED = 250


def shortest(formula: Any) -> Any:
    """The form of a formula with the fewest operations, the first of equals."""
    kind = type(formula)
    if kind is symengine.Mul:
        forms = _by_factors(formula)
    elif kind is symengine.Add and len(formula.args) <= _TERMS:
        forms = [formula, *_by_terms(formula)]
    else:
        return formula
    return min(forms, key=symengine.count_ops) if len(forms) > 1 else forms[0]


def with_calls_merged(formula: Any) -> Any:
    """A formula in which calls are merged: abs(x)*sign(x) is x, abs(x)**2 is x**2."""
    if formula.is_Add:
        return symengine.Add(*map(with_calls_merged, formula.args))
    if is_call(formula) and row_of(formula).is_choice:
        return called(row_of(formula), list(map(with_calls_merged, formula.args)))
    number, powers = split(formula)
    if formula in powers or not calls_in(formula):
        return formula
    merged: dict[Any, Number] = {}
    for base, power in powers.items():
        inner, exponent = _choice_raised(with_calls_merged(base), power)
        merged[inner] = merged.get(inner, 0) + exponent
    for base in filter(is_call, list(merged)):
        if base.get_name() in {"abs", "sign"}:
            (inside,) = base.args
            _merge_signs(merged, inside)
    return _joined(number, merged)


def _choice_raised(base: Any, power: Number) -> tuple[Any, Number]:
    """A base and its power; where(x > 0, 1, 0)**2 is where(x > 0, 1, 0)."""
    if not (is_call(base) and row_of(base).is_choice and type(power) is int and power > 1):
        return base, power
    condition, *branches = base.args
    if not all(branch.is_Number for branch in branches):
        return base, power
    return called(row_of(base), [condition, *(branch**power for branch in branches)]), 1


def _merge_signs(powers: dict[Any, Number], inside: Any) -> None:
    """Merge powers of abs(x), of sign(x) and of x: each rule holds at 0 too."""
    size, sign = (called(TABLE[name], [inside]) for name in ("abs", "sign"))
    sizes, signs, insides = (powers.get(base, 0) for base in (size, sign, inside))
    if any(type(power) is not int for power in (sizes, signs, insides)):
        return
    pairs = max(0, min(sizes, signs))  # abs(x)*sign(x), which is x
    sizes, signs, insides = sizes - pairs, signs - pairs, insides + pairs
    even = math.trunc(sizes / 2) * 2  # abs(x)**2, which is x**2
    sizes, insides = sizes - even, insides + even
    pairs = max(0, min(insides, signs))  # x*sign(x), which is abs(x)
    sizes, signs, insides = sizes + pairs, signs - pairs, insides - pairs
    powers.update({size: sizes, sign: signs, inside: insides})


def forget() -> None:
    """Drop what was kept of formulas."""
    for cached in (_by_terms, _divided_out, _shared, _expanded, _exact, _raised):
        cached.cache_clear()


# --- Products -------------------------------------------------------------------------------------


def _by_factors(product: Any) -> list[Any]:
    """A product without what the terms of sums in it share, and with the sums in other forms."""
    number, powers = split(product)
    sums = _sums(powers)
    if not sums:
        return [product]
    number, tidier = _without_shared(number, powers, sums)
    if tidier is not powers:
        product, powers, sums = _joined(number, tidier), tidier, _sums(tidier)
    forms = [product]
    for total in sums:
        if shorter := _by_terms(total):
            others = _joined(number, {**powers, total: 0})
            forms += [symengine.Mul(_raised(form, powers[total]), others) for form in shorter]
    return forms + _by_growth(number, powers, sums)


def _sums(powers: Powers) -> list[Any]:
    sums = [base for base in powers if type(base) is symengine.Add]
    return [base for base in sums if len(summands(base)) <= _TERMS]


def _without_shared(number: Number, powers: Powers, sums: Sequence[Any]) -> Term:
    """A product without what the terms of sums in it share: (2*x*y + 2*x)/2 is x*(y + 1)."""
    left = powers
    for total in sums:
        exponent = powers[total]
        if type(exponent) is not int:
            continue
        content, shared, inside = _divided_out(total)
        # -2*(y - x) is 2*(x - y).
        if exponent % 2 and _is_negative(number) and _has_both_signs(total):
            content, inside = -content, _each_by(inside, _exact(-1))
        if inside is not total:
            number = _times(number, content, exponent)
            left = _multiplied(left, {total: 1}, -exponent)
            left = _multiplied(left, shared, exponent)
            left = _multiplied(left, {inside: 1}, exponent)
    return number, left


def _by_growth(number: Number, powers: Powers, sums: Sequence[Any]) -> list[Any]:
    """A product with exp taken out of sums: exp(-x)/(1 + exp(-x)) is 1/(exp(x) + 1)."""
    forms = []
    for growth in filter(_is_exponential, powers):
        for total in sums:
            if any(_is_exponential(base) for _, inner in summands(total) for base in inner):
                power = powers[total]
                others = _joined(number, {**powers, total: 0, growth: 1 + power})
                inside = _each_by(total, _raised(growth, -1))
                forms.append(symengine.Mul(_raised(inside, power), others))
    return forms


def _is_exponential(base: Any) -> bool:
    return type(base) is symengine.Pow and base.args[0] == symengine.E


def _has_both_signs(total: Any) -> bool:
    negative = [_is_negative(number) for number, _ in summands(total)]
    return any(negative) and not all(negative)


# --- Sums -----------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def _by_terms(total: Any) -> tuple[Any, ...]:
    """A sum with what all terms share taken out, and over one bar."""
    forms = []
    terms = summands(total)
    over = {**_bars(terms), **_shared(total)}
    if over:
        above = [(number, _multiplied(powers, over, -1)) for number, powers in terms]
        if _is_small(above, over):
            forms.append(_multiplied_out(above, over))
    content, shared, inside = _divided_out(total)
    if inside is not total:
        forms.append(symengine.Mul(_joined(content, shared), inside))
    return tuple(forms)


@functools.lru_cache(maxsize=1024)
def _divided_out(total: Any) -> tuple[Number, Powers, Any]:
    """What all terms of a sum share, a number and powers, and the sum without it."""
    terms = summands(total)
    content, shared = _content(terms), _shared(total)
    if content == 1 and not shared:
        return content, shared, total
    left = [(_over(number, content), _multiplied(powers, shared, -1)) for number, powers in terms]
    inside = _sum(left)
    if type(inside) is symengine.Add and any(map(_may_merge, left)):
        more, others, inside = _divided_out(inside)
        content *= more
        shared = _multiplied(shared, others)
    return content, shared, inside


def _may_merge(term: Term) -> bool:
    """Whether SymEngine may write it otherwise: u*v + v*(u + 1) is v*(u + u + 1)."""
    number, powers = term
    kinds = set(map(type, powers))
    if kinds == {symengine.Add}:
        return bool(number == 1)
    return not kinds.isdisjoint(
        {symengine.Mul, symengine.Pow, symengine.Integer, symengine.Rational}
    )


@functools.lru_cache(maxsize=1024)
def _shared(total: Any) -> Powers:
    """The least power of each base that all terms of a sum have."""
    first, *others = [powers for _, powers in summands(total)]
    shared = first.keys() & others[0].keys()
    for powers in others[1:]:
        shared &= powers.keys()
    return {base: min([powers[base] for powers in (first, *others)]) for base in shared}


def _bars(terms: Sequence[Term]) -> Powers:
    """The least power of each base that is below a bar."""
    least: dict[Any, Number] = {}
    for _, powers in terms:
        for base, power in powers.items():
            if power < 0 and power < least.get(base, 0):
                least[base] = power
    return least


def _multiplied_out(above: Sequence[Term], over: Powers) -> Any:
    """The terms above a bar as one product or quotient, the sum in it multiplied out and tidied."""
    total = symengine.expand(_sum(above))
    if type(total) is not symengine.Add:
        return symengine.Mul(total, _joined(1, over))
    content, shared, inside = _divided_out(total)
    return symengine.Mul(_joined(content, shared), _joined(1, over), inside)


def _sum(terms: Iterable[Term]) -> Any:
    return symengine.Add(*(_joined(number, powers) for number, powers in terms))


def _each_by(total: Any, factor: Any) -> Any:
    """A sum with each of its terms times a factor."""
    return symengine.Add(*(term * factor for term in total.args))


def _multiplied(powers: Powers, by: Powers, times: int = 1) -> Powers:
    """Powers times so many others; divided by them, if times is negative."""
    product = dict(powers)
    for base, power in by.items():
        product[base] = product.get(base, 0) + power * times
    return {base: power for base, power in product.items() if power}


def _is_small(above: Sequence[Term], over: Powers) -> bool:
    """Whether there is something to multiply out, and that is done in no time."""
    sums = [
        (base, power)
        for _, powers in above
        for base, power in powers.items()
        if type(base) is symengine.Add
    ]
    return (
        (any(power < 0 for power in over.values()) or any(power > 0 for _, power in sums))
        and all(power <= _POWER and len(summands(base)) <= _TERMS for base, power in sums)
        and sum(_expanded_product(powers) for _, powers in above) <= _EXPANDED
    )


def _expanded_product(powers: Powers) -> int:
    """How many terms it has once multiplied out, below bars too; `_EXPANDED` + 1 for any more."""
    count = 1
    for base, power in powers.items():
        if type(base) is symengine.Add and type(power) is int and power:
            terms = _expanded(base)
            # So many ways there are to choose that many of the terms, with repetition.
            count *= math.comb(min(abs(power), _EXPANDED) + terms - 1, terms - 1)
            if power < 0:
                # SymEngine multiplies out below a bar twice over: 2**n times for n nested bars.
                count *= 2
    return min(count, _EXPANDED + 1)


@functools.lru_cache(maxsize=4096)
def _expanded(total: Any) -> int:
    """The same of a sum."""
    return min(sum(_expanded_product(powers) for _, powers in summands(total)), _EXPANDED + 1)


# --- Numbers and products -------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096, typed=True)
def _exact(number: Number) -> Any:
    """The number as SymEngine's."""
    if is_fraction(number):
        return symengine.Rational(number.numerator, number.denominator)
    return number


def _joined(number: Number, powers: Powers) -> Any:
    """The product."""
    factors = [_raised(base, power) for base, power in powers.items() if power]
    if type(number) is not int or number != 1:
        factors.append(_exact(number))
    return factors[0] if len(factors) == 1 else symengine.Mul(*factors)


@functools.lru_cache(maxsize=4096)
def _raised(base: Any, power: int | Fraction) -> Any:
    return base if power == 1 else base ** _exact(power)


def _content(terms: Sequence[Term]) -> int | Fraction:
    """The greatest number that all terms are whole multiples of, negative if all are negative."""
    numbers = [number for number, _ in terms]
    if not all(map(is_fraction, numbers)):
        return 1
    tops = [number.numerator for number in numbers]
    bottom = math.lcm(*[number.denominator for number in numbers])
    top = -math.gcd(*tops) if max(tops) < 0 else math.gcd(*tops)
    return top if bottom == 1 else Fraction(top, bottom)


def _over(number: Number, content: int | Fraction) -> Number:
    """A multiple of the content, by that."""
    if content == 1:
        return number
    return number.numerator // content.numerator * (content.denominator // number.denominator)


def _times(number: Number, factor: int | Fraction, power: int) -> Number:
    factor = factor**power if power > 0 else 1 / Fraction(factor) ** -power
    return number * factor if is_fraction(number) else number * _exact(factor)


def _is_negative(number: Number) -> bool:
    return is_fraction(number) and number < 0
