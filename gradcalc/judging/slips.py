"""Slips: what somebody did wrong who derived a formula by hand.

In: a function, its derivative and a formula that is not that, all sympy's. Out: one sentence on the
simple slip that turns the derivative into the formula, if there is one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import Any

from gradcalc.base.dtypes import EXACT
from gradcalc.calculus.by_sympy import derivative, expressed
from gradcalc.calculus.steps import formula_values, program_of
from gradcalc.calculus.symbolic import formula_text
from gradcalc.functions import sympy
from gradcalc.functions.precision import precision
from gradcalc.program.program import Program

#: Points that a diagnosis must hold at.
POINTS = 6

#: Bits that values are calculated with once more: more than they are known to.
_BITS = 512

#: A formula's values at the points, as balls. Two formulas are taken for one if they overlap at all
#: points, which some 240 bits of different ones never do at random points.
_Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Derived:
    """A function and its derivative, to sympy.

    Attributes:
        program: The function as it was parsed.
        symbols: The symbols of its variables, in order, by name.
        function: The function.
        wrt: The variable of differentiation.
        right: The derivative.
    """

    program: Program
    symbols: Mapping[str, Any]
    function: Any
    wrt: str
    right: Any


@dataclass(frozen=True, slots=True)
class _Table:
    """The formulas that a slip may be about, with their values.

    Attributes:
        right: The derivative.
        claim: What is claimed instead.
        function: The function itself.
        others: The derivatives by the other variables, by name.
        terms: The terms of the derivative; none if it is no sum.
        claimed_terms: Those of the claim.
        factors: What gets lost in products: inner derivatives, and variables.
    """

    right: _Values
    claim: _Values
    function: _Values
    others: Mapping[str, _Values]
    terms: Mapping[Any, _Values]
    claimed_terms: Mapping[Any, _Values]
    factors: Mapping[Any, _Values]


def diagnosis(derived: Derived, claim: Any, points: Iterable[Sequence[Any]]) -> str | None:
    """The simple slip that turns the derivative into the claim, if there is one.

    Args:
        derived: The function and its derivative.
        claim: What is claimed.
        points: Random points at which the function is defined.
    """
    table = _table(derived, claim, points)
    if table is None:
        return None
    with precision(_BITS):
        if _same(table.claim, table.right):
            return None  # what is wrong with it shows at other points only
        for holds, sentence, *formulas in _slips(table):
            if holds:
                return sentence.format(*map(formula_text, formulas))
    return None


def _slips(table: _Table) -> Iterator[tuple[Any, str, *tuple[Any, ...]]]:
    """Of each slip whether it is this one, the sentence, and the formulas that it is about."""
    right, claim = table.right, table.claim
    yield _same(claim, [-value for value in right]), "the sign is wrong"
    for factor, values in table.factors.items():
        missing = f"the factor {{}} is missing{_chain(factor)}"
        yield _same(right, _each(operator.mul, claim, values)), missing, factor
        extra = "the factor {} is one too many"
        yield _same(claim, _each(operator.mul, right, values)), extra, factor
    for name, values in table.others.items():
        yield _same(claim, values), f"this is the derivative with respect to {name}"
    yield _same(claim, table.function), "this is the function itself, not its derivative"
    ratio = _constant_ratio(claim, right)
    yield ratio, f"it is {ratio} times the derivative"
    gap = _each(operator.sub, right, claim)
    for term, values in table.terms.items():
        yield _same(gap, values), "the term {} is missing", term
        twice = [2 * value for value in values]
        yield _same(gap, twice), "the term {} has the wrong sign", term
    for term, values in table.claimed_terms.items():
        yield _same(_each(operator.sub, claim, right), values), "the term {} is one too many", term
    for term, values in table.terms.items():
        for factor, sizes in table.factors.items():
            # The claim has term/factor where the derivative has term.
            lost = [a if b.contains(0) else a - a / b for a, b in zip(values, sizes, strict=True)]
            missing = f"in the term {{}} the factor {{}} is missing{_chain(factor)}"
            yield _same(gap, lost), missing, term, factor
    for term, values in table.terms.items():
        ratio = _constant_ratio(_each(operator.sub, values, gap), values)
        yield ratio, f"the term {{}} is off by a factor of {ratio}", term


def _table(derived: Derived, claim: Any, points: Iterable[Sequence[Any]]) -> _Table | None:
    """All formulas with their values; None where they have none at enough points."""
    symbols = list(derived.symbols.values())
    terms, claimed_terms = map(_terms, (derived.right, claim))
    # A variable is a factor that gets lost too, as in 2*cos(x**2).
    factors = [*dict.fromkeys([*_inner_derivatives(derived), *symbols])]
    others = {
        name: derivative(derived.function, symbol)
        for name, symbol in derived.symbols.items()
        if name != derived.wrt
    }
    whole = [derived.right, claim, derived.function]
    formulas = [*whole, *others.values(), *terms, *claimed_terms, *factors]
    program = program_of(formulas, derived.program.names)
    tried = (formula_values(program, point, EXACT) for point in points)
    rows = list(islice((row for row in tried if None not in row), POINTS))
    if len(rows) < POINTS:
        return None
    columns = iter(zip(*rows, strict=True))
    right, claimed, function = islice(columns, 3)
    by_name, by_term, by_claimed_term, by_factor = (
        dict(zip(some, columns, strict=False)) for some in (others, terms, claimed_terms, factors)
    )
    return _Table(right, claimed, function, by_name, by_term, by_claimed_term, by_factor)


def _terms(formula: Any) -> Sequence[Any]:
    """The terms of a sum."""
    terms: Sequence[Any] = sympy.Add.make_args(sympy.expand(formula))
    return terms if len(terms) > 1 else ()


def _inner_derivatives(derived: Derived) -> Sequence[Any]:
    """The intermediate values' derivatives: the factors that the chain rule wants."""
    program, symbols = derived.program, list(derived.symbols.values())
    inner = []
    for number in range(program.first_step, program.first_step + len(program.steps)):
        if number != program.output:
            part = replace(program, outputs=(number,))
            value = expressed(part, symbols, EXACT)
            inner.append(derivative(value, derived.symbols[derived.wrt]))
    return [factor for factor in inner if factor not in (0, 1)]


def _chain(factor: Any) -> str:
    return "" if factor.is_Symbol else " (chain rule)"


# --- Values ---------------------------------------------------------------------------------------


def _same(values: _Values, others: _Values) -> bool:
    return all(value.overlaps(other) for value, other in zip(values, others, strict=True))


def _each(operation: Callable[[Any, Any], Any], values: _Values, others: _Values) -> _Values:
    return list(map(operation, values, others))


def _constant_ratio(values: _Values, others: _Values) -> str | None:
    """The simple number that `others` times it is `values`, as text; None if there is none."""
    if any(other.contains(0) for other in others) or all(value.contains(0) for value in values):
        return None
    ratios = _each(operator.truediv, values, others)
    if not _same(ratios, [ratios[0]] * len(ratios)):
        return None
    simple = Fraction(float(ratios[0])).limit_denominator(1000)
    # A factor that was written with 15 digits counts too.
    if simple and abs(ratios[0] * simple.denominator / simple.numerator - 1) < 2.0**-45:
        return str(simple)
    return f"{float(ratios[0]):.6g}"
