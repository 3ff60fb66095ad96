"""Derivatives of SymEngine's expressions, with calls in them.

In: an expression, the symbol to differentiate by. Out: the derivative, almost everywhere. SymEngine
differentiates what it knows; calls (see `algebra`) are differentiated by the function table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcalc.base.dtypes import EXACT
from gradcalc.calculus import algebra
from gradcalc.functions import Function, symengine
from gradcalc.language.parser import row_program


class Differentiation:
    """Derivatives along one axis; each call is differentiated once."""

    def __init__(self, symbol: Any) -> None:
        self.symbol = symbol
        self._of_calls: dict[Any, Any] = {}

    def of(self, expression: Any) -> Any:
        """The derivative of an expression.

        Raises:
            algebra.Lacking: Where SymEngine has none.
        """
        # The chain rule, with a symbol in place of each call.
        stand_ins = {call: symengine.Dummy() for call in algebra.calls_in(expression)}
        if not stand_ins:
            return expression.diff(self.symbol)
        bare = expression.msubs(stand_ins)
        total = bare.diff(self.symbol)
        there = bare.free_symbols
        for call, stand_in in stand_ins.items():
            if stand_in in there:
                total += bare.diff(stand_in) * self._of_call(call)
        return total.msubs({stand_in: call for call, stand_in in stand_ins.items()})

    def _of_call(self, call: Any) -> Any:
        derivative = self._of_calls.get(call)
        if derivative is None:
            row = algebra.row_of(call)
            find = self._of_choice if row.is_choice else self._by_table
            derivative = self._of_calls[call] = find(row, call.args)
        return derivative

    def _of_choice(self, row: Function, args: Sequence[Any]) -> Any:
        """That of a choice is the choice of derivatives, of which the other may not exist."""
        values = map(self.of, args[row.conditions :])
        return algebra.called(row, [*args[: row.conditions], *values])

    def _by_table(self, row: Function, args: Sequence[Any]) -> Any:
        total = symengine.Integer(0)
        for position, arg in enumerate(args):
            inner = 0 if row.is_static(position) else self.of(arg)
            if inner != 0:
                total += _partial(row, position, args) * inner
        return total


def _partial(row: Function, position: int, args: Sequence[Any]) -> Any:
    """The derivative of a row's function by one of its arguments."""
    program = row_program(row.text(row.derivative, position), row.name)
    given = row.bound(args, algebra.number)
    inputs = [given[name] for name in program.names]
    return algebra.as_number(algebra.calculated(program, inputs, EXACT)[program.output])
