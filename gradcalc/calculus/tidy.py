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

from gradcalc.calculus.algebra import called, calls_in, is_call, is_positive, row_of
from gradcalc.calculus.nodes import applied
from gradcalc.calculus.terms import Number, Powers, Term, is_fraction, split, summands
from gradcalc.functions import TABLE, Function, symengine

#: Terms of a sum beyond which it is left as it is, and powers of sums that are multiplied out.
_TERMS = 12
_POWER = 3

#: How deep sums within sums are gathered: each level is looked at in several forms.
_DEPTH = 2

#: Terms beyond which nothing is multiplied out: what comes of more is hardly ever shorter. A sum of
#: ten to the power of three has 220.
_EXPANDED = 250


def shortest(formula: Any) -> Any:
    """The form of a formula with the fewest operations, the first of equals."""
    return _shortest(formula, _DEPTH, turns=True)


@functools.lru_cache(maxsize=4096)
def _shortest(formula: Any, depth: int, *, turns: bool) -> Any:
    """The same; a sum with both signs may be turned around, unless others should be like it."""
    kind = type(formula)
    if kind is symengine.Mul:
        forms = _by_factors(formula, depth, turns=turns)
    elif kind is symengine.Add and len(formula.args) <= _TERMS:
        forms = [formula, *_by_terms(formula, depth)]
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
    raised = []
    for branch in branches:
        inner, exponent = _choice_raised(branch, power)
        if exponent != 1 and not branch.is_Number:
            return base, power
        raised.append(inner**exponent)
    return called(row_of(base), [condition, *raised]), 1


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
    pairs = max(0, min(-sizes, signs))  # sign(x)/abs(x), which is 1/x
    sizes, signs, insides = sizes + pairs, signs - pairs, insides - pairs
    pairs = max(0, min(insides, signs))  # x*sign(x), which is abs(x)
    sizes, signs, insides = sizes + pairs, signs - pairs, insides - pairs
    powers.update({size: sizes, sign: signs, inside: insides})


def with_choices_outside(formula: Any) -> Any:
    """A formula in which nothing without a value is multiplied by a choice's 0.

    Of log(relu(x))*where(x > 0, 1, 0) it is where(x > 0, log(x), 0).
    """
    if not any(row_of(call).is_choice for call in calls_in(formula)):
        return formula
    if formula.is_Add:
        return symengine.Add(*map(with_choices_outside, formula.args))
    if is_call(formula) and row_of(formula).is_choice:
        return _chosen(row_of(formula), *formula.args)
    if not formula.is_Mul:
        return formula
    parts = list(map(with_choices_outside, formula.args))
    for place, part in enumerate(parts):
        if is_call(part) and row_of(part).is_choice:
            condition, *branches = part.args
            others = symengine.Mul(*parts[:place], *parts[place + 1 :])
            simple = all(branch.is_Number for branch in branches) or _has_bound(others)
            if simple and any(map(_has_zero, branches)) and _may_lack_value(others):
                return _chosen(row_of(part), condition, *(branch * others for branch in branches))
    return symengine.Mul(*parts)


def _has_bound(formula: Any) -> bool:
    """Whether it has a call such as maximum(x, 0), which may be a number at many points."""
    calls = [call for call in calls_in(formula) if call.get_name() in {"maximum", "minimum"}]
    return any(arg.is_Number for call in calls for arg in call.args)


def _has_zero(branch: Any) -> bool:
    """Whether a branch is 0, or a choice that may be."""
    if is_call(branch) and row_of(branch).is_choice:
        return any(map(_has_zero, branch.args[1:]))
    return bool(branch == 0)


def _chosen(row: Function, condition: Any, yes: Any, no: Any) -> Any:
    """A choice, in which nothing is chosen by its condition again.

    Where it is made because u > 0, relu(u) and abs(u) are u.
    """
    yes, no = (
        value.msubs(
            {
                call: call.args[place]
                for call in calls_in(value)
                if row_of(call).is_choice and call.args[0] == condition
            }
        )
        for place, value in ((1, yes), (2, no))
    )
    if is_call(condition) and condition.get_name() in {"gt", "ge"}:
        above, below = condition.args
        if below == 0:
            yes = yes.msubs({called(TABLE[name], [above]): above for name in ("relu", "abs")})
    return called(row, [condition, *map(with_choices_outside, (yes, no))])


@functools.lru_cache(maxsize=1024)
def _may_lack_value(formula: Any) -> bool:
    """Whether there may be more than single points where it has none."""
    if formula.is_Atom or formula.is_Number:
        return False
    if formula.is_Pow:
        base, exponent = formula.args
        if exponent.is_Integer:
            # A call, such as relu(x), may be 0 at more than single points; a square plus 1 is not.
            bar = exponent.p < 0 and calls_in(base) and not is_positive(base)
            return bool(bar) or _may_lack_value(base)
        return (not base.is_Number and base != symengine.E) or _may_lack_value(exponent)
    if not (formula.is_Add or formula.is_Mul) and applied(formula)[0].inside is not None:
        return True
    return any(map(_may_lack_value, formula.args))


def forget() -> None:
    """Drop what was kept of formulas."""
    for cached in (
        _may_lack_value,
        _shortest,
        _by_terms,
        _divided_out,
        _shared,
        _expanded,
        _exact,
        _raised,
    ):
        cached.cache_clear()


# --- Products -------------------------------------------------------------------------------------


def _by_factors(product: Any, depth: int, *, turns: bool) -> list[Any]:
    """A product without what the terms of sums in it share, and with the sums in other forms."""
    number, powers = split(product)
    sums = _sums(powers)
    if not sums:
        return [product]
    number, tidier = _without_shared(number, powers, sums, turns=turns)
    if tidier is not powers:
        product, powers, sums = _joined(number, tidier), tidier, _sums(tidier)
    forms = [product]
    for total in sums:
        if shorter := _by_terms(total, depth):
            others = _joined(number, {**powers, total: 0})
            forms += [symengine.Mul(_raised(form, powers[total]), others) for form in shorter]
    return forms + _by_growth(number, powers, sums)


def _sums(powers: Powers) -> list[Any]:
    sums = [base for base in powers if type(base) is symengine.Add]
    return [base for base in sums if len(summands(base)) <= _TERMS]


def _without_shared(number: Number, powers: Powers, sums: Sequence[Any], *, turns: bool) -> Term:
    """A product without what the terms of sums in it share: (2*x*y + 2*x)/2 is x*(y + 1)."""
    left = powers
    for total in sums:
        exponent = powers[total]
        if type(exponent) is not int:
            continue
        content, shared, inside = _divided_out(total)
        # -2*(y - x) is 2*(x - y).
        if turns and exponent % 2 and _is_negative(number) and _has_both_signs(total):
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
def _by_terms(total: Any, depth: int) -> tuple[Any, ...]:
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
    for other in _gathered(total, depth) if depth else ():
        forms += [other, *(_by_terms(other, depth - 1) if type(other) is symengine.Add else ())]
    return tuple(forms)


def _gathered(total: Any, depth: int) -> list[Any]:
    """A sum with sums in its terms: those tidied, multiplied out, or taken out of the others."""
    if not any(map(_has_sum, summands(total))):
        return []
    tidied = symengine.Add(*(_shortest(term, depth - 1, turns=False) for term in total.args))
    if tidied != total:
        return [tidied]
    forms = []
    pieces = [piece for term in total.args for piece in _pieces(term)]
    if len(total.args) < len(pieces) <= _TERMS:
        together = symengine.Add(*pieces)
        # Worth it where something merges or cancels: 3*(x**2 + y**2) - 3*y**2 is 3*x**2.
        if type(together) is not symengine.Add or len(together.args) < len(pieces):
            forms.append(together)
    return [*forms, *_collected(total, depth)]


def _has_sum(term: Term) -> bool:
    return symengine.Add in map(type, term[1])


def _pieces(term: Any) -> Sequence[Any]:
    """What a term is the sum of, once a sum in it is multiplied out."""
    if type(term) is symengine.Mul:
        number, powers = split(term)
        sums = [base for base, power in powers.items() if type(base) is symengine.Add]
        power = powers[sums[0]] if len(sums) == 1 else 0
        if power in {1, 2} and len(sums[0].args) ** power <= _TERMS:
            others = _joined(number, {**powers, sums[0]: 0})
            total = symengine.expand(sums[0] ** power)
            # 1 - (1 + x) has but one term.
            parts = total.args if type(total) is symengine.Add else [total]
            return [part * others for part in parts]
    return [term]


def _collected(total: Any, depth: int) -> Iterable[Any]:
    """A sum with a sum taken out of all its terms: u*(x + y) + v*x + v*y is (u + v)*(x + y)."""
    terms = summands(total)
    for base in {base: None for _, powers in terms for base in powers}:
        if type(base) is not symengine.Add:
            continue
        inside = [term for term in terms if term[1].get(base, 0) >= 1]
        others = _sum([term for term in terms if term[1].get(base, 0) < 1])
        if type(others) is not symengine.Add or len(others.args) != len(base.args) or not inside:
            continue
        content, shared, left = _divided_out(others)
        sign = 1 if left == base else -1 if left == _each_by(base, -1) else 0
        if sign:
            factors = [(number, _multiplied(powers, {base: 1}, -1)) for number, powers in inside]
            together = base * _sum([*factors, (sign * content, shared)])
            yield _shortest(together, depth - 1, turns=True)


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
