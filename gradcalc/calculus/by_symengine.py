"""Derivatives by SymEngine and the table, without sympy, which is what most lines of a batch need.

In: a scalar program, the entries of its derivatives. Out: for each entry SymEngine's formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcalc.base.dtypes import Dtype
from gradcalc.calculus import algebra, tidy
from gradcalc.calculus.derivatives import Differentiation
from gradcalc.functions import symengine
from gradcalc.program.program import Program


def derivatives(
    program: Program, entries: Sequence[tuple[int, ...]], dtype: Dtype
) -> Sequence[Any]:
    """A formula for each of the entries, in a short form.

    Raises:
        algebra.Lacking: Where SymEngine has no such expression: a number such as inf.
    """
    parts = algebra.expressed(program, dtype)
    function = algebra.as_number(parts[program.output])
    # What is a call is one when it is made, before it becomes a part of others.
    has_calls = symengine.FunctionSymbol in map(type, parts)
    axes = {axis for pair in entries for axis in pair}
    along = {axis: Differentiation(algebra.symbol(program.names[axis])) for axis in axes}

    def derivative(expression: Any, axis: int) -> Any:
        if not has_calls:
            return tidy.shortest(expression.diff(along[axis].symbol))
        merged = tidy.with_calls_merged(along[axis].of(expression))
        # Over one bar, there may be more to merge: abs(x)/x has the derivative 0.
        return tidy.with_choices_outside(tidy.with_calls_merged(tidy.shortest(merged)))

    first: dict[int, Any] = {}
    formulas = []
    for axis, *others in entries:
        formula = first.get(axis)
        if formula is None:
            formula = first[axis] = derivative(function, axis)
        formulas.append(derivative(formula, others[0]) if others else formula)
    return formulas
