"""Shorter forms of SymEngine's formulas.

In: a derivative, as the rules of differentiation leave it. Out: the shortest of a few equal forms
that are cheap to find: numbers and powers that all terms of a sum share are taken out, and terms
are put over one bar. Only forms are tried that are equal wherever the formula has a value.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any

from gradcalc.functions import symengine

#: Terms of a sum beyond which it is left as it is, and powers of sums that are multiplied out.
_TERMS = 12
_POWER = 3

#: A term: its number, and the powers that it is made of, by their bases.
_Term = tuple[Any, dict[Any, Any]]


def shortest(formula: Any) -> Any:
    """The form of a formula with the fewest operations, the first of equals."""
    kind = type(formula).__name__
    if kind == "Mul":
        if not any(map(_is_sum, formula.args)):
            return formula
        formula = _by_factors(formula)
        forms = [formula, *_by_sums(formula)]
    elif kind == "Add" and len(formula.args) <= _TERMS:
        forms = [formula, *_by_terms(formula)]
    else:
        return formula
    return min(forms, key=symengine.count_ops) if len(forms) > 1 else formula


def _is_sum(factor: Any) -> bool:
    """Whether it is a sum, or a power of one."""
    kind = type(factor)
    if kind is symengine.Pow:
        kind = type(factor.args[0])
    return kind is symengine.Add


def _by_factors(product: Any) -> Any:
    """A product without what the terms of a sum in it share: (2*x*y + 2*x)/2 is x*(y + 1)."""
    number, powers = _split(product)
    changed = False
    factors = []
    for base, exponent in powers.items():
        plain = type(base).__name__ == "Add" and len(base.args) <= _TERMS
        if not plain or not _is_whole(exponent):
            factors.append(base**exponent)
            continue
        content, shared, inside = _divided_out(base)
        # -2*(y - x) is 2*(x - y).
        if int(exponent) % 2 and _is_negative(number) and _has_both_signs(base):
            content, inside = -content, symengine.expand(-inside)
        if content != 1 or shared:
            changed = True
            number *= content**exponent
            factors += [one ** (power * exponent) for one, power in shared.items()]
        factors.append(inside**exponent)
    return symengine.Mul(number, *factors) if changed else product


@functools.lru_cache(maxsize=1024)
def _divided_out(total: Any) -> tuple[Any, dict[Any, Any], Any]:
    """What all terms of a sum share, a number and powers, and the sum without it."""
    terms = [_split(term) for term in total.args]
    content, shared = _content(terms), _shared(terms, everywhere=True)
    if content == 1 and not shared:
        return content, shared, total
    inside = symengine.Add(
        *(_divided(number / content, powers, shared) for number, powers in terms)
    )
    if type(inside).__name__ == "Add":
        # What was divided may have merged: u*v + v*(u + 1) is v*(2*u + 1).
        more, others, inside = _divided_out(inside)
        content *= more
        shared = {base: shared.get(base, 0) + others.get(base, 0) for base in {**shared, **others}}
    return content, shared, inside


def _by_sums(product: Any) -> list[Any]:
    """A product with the sums in it in other forms, and with exp taken out of them."""
    number, powers = _split(product)
    sums = [b for b in powers if type(b).__name__ == "Add" and len(b.args) <= _TERMS]
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
                inside = symengine.expand(total / growth)
                forms.append(symengine.Mul(number, growth ** (1 + power), inside**power, *others))
    return forms


def _is_exponential(base: Any) -> bool:
    return type(base).__name__ == "Pow" and base.args[0] == symengine.E


def _has_both_signs(total: Any) -> bool:
    negative = [_is_negative(_split(term)[0]) for term in total.args]
    return any(negative) and not all(negative)


@functools.lru_cache(maxsize=1024)
def _by_terms(total: Any) -> tuple[Any, ...]:
    """A sum with what all terms share taken out, and over one bar."""
    terms = [_split(term) for term in total.args]
    content, shared, inside = _divided_out(total)
    forms = []
    if shared or content != 1:
        forms.append(symengine.Mul(content, *(b**p for b, p in shared.items()), inside))
    over = _shared(terms, everywhere=False)
    if over and _is_small(terms, over):
        forms.append(_multiplied_out(terms, over))
    return tuple(forms)


def _shared(terms: Sequence[_Term], *, everywhere: bool) -> dict[Any, Any]:
    """The least power of each base; of those in all terms, or with 0 where a term has none."""
    least: dict[Any, Any] = {}
    for base in dict.fromkeys(base for _, powers in terms for base in powers):
        exponents = [powers.get(base) for _, powers in terms]
        present = [exponent for exponent in exponents if exponent is not None]
        if len(present) < len(terms):
            if everywhere:
                continue
            present.append(symengine.Integer(0))
        lowest = min(present, key=float)
        if lowest != 0:
            least[base] = lowest
    return least


def _multiplied_out(terms: Sequence[_Term], over: dict[Any, Any]) -> Any:
    """The terms as one product or quotient, the sum in it multiplied out and tidied."""
    above = symengine.expand(
        symengine.Add(*(_divided(number, powers, over) for number, powers in terms))
    )
    outside = [base**power for base, power in over.items()]
    if type(above).__name__ != "Add":
        return symengine.Mul(above, *outside)
    content, shared, inside = _divided_out(above)
    return symengine.Mul(content, *outside, *(b**p for b, p in shared.items()), inside)


def _divided(number: Any, powers: dict[Any, Any], by: dict[Any, Any]) -> Any:
    left = dict(powers)
    for base, power in by.items():
        left[base] = left.get(base, symengine.Integer(0)) - power
    return _joined(number, left)


def _is_small(terms: Sequence[_Term], over: dict[Any, Any]) -> bool:
    """Whether there is something to multiply out, and that is done in no time."""
    sums = [
        (base, powers.get(base, 0) - over.get(base, 0))
        for _, powers in terms
        for base in {**powers, **over}
        if type(base).__name__ == "Add"
    ]
    bars = any(float(power) < 0 for power in over.values())
    return (bars or any(power > 0 for _, power in sums)) and all(
        power <= _POWER and len(base.args) <= _TERMS for base, power in sums
    )


# --- Terms ----------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def _split(term: Any) -> _Term:
    """A term's number and its powers; one with an exponent that is no number counts as a base."""
    number: Any = symengine.Integer(1)
    powers: dict[Any, Any] = {}
    for part in term.args if type(term).__name__ == "Mul" else (term,):
        if part.is_Number:
            number = part
            continue
        if type(part).__name__ == "Pow":
            base, exponent = part.args
            if exponent.is_Rational:
                powers[base] = exponent
                continue
        powers[part] = symengine.Integer(1)
    return number, powers


def _joined(number: Any, powers: dict[Any, Any]) -> Any:
    return symengine.Mul(number, *(base**power for base, power in powers.items()))


def _content(terms: Iterable[_Term]) -> Any:
    """The greatest number that all terms are whole multiples of, negative if all are negative."""
    top, bottom, positive = 0, 1, False
    for number, _ in terms:
        if not number.is_Rational:
            return symengine.Integer(1)
        top = math.gcd(top, int(number.p))
        bottom = math.lcm(bottom, int(number.q))
        positive = positive or number.p > 0
    content = symengine.Rational(top, bottom)
    return content if positive else -content


def _is_whole(number: Any) -> bool:
    return bool(number.is_Integer)


def _is_negative(number: Any) -> bool:
    return bool(number.is_Rational and number.p < 0)
