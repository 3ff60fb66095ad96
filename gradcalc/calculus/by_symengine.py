"""Formulas and exact values where all is smooth, by SymEngine and the table, without sympy.

In: a scalar program, the entries of its derivatives. Out: `SymEngineFormulas`: for each entry a
formula, its text, and its value at a point. This is what most lines of a batch need, and all they
need, once autograd agrees with it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from gradcalc.base import limits
from gradcalc.base.deadline import TimeUp, time_limit
from gradcalc.base.dtypes import Dtype
from gradcalc.calculus import algebra, tidy
from gradcalc.calculus.derivatives import Differentiation
from gradcalc.calculus.evaluation import Evaluation
from gradcalc.calculus.formulas import writer
from gradcalc.functions import TABLE, symengine
from gradcalc.program.program import Program

#: How near a kink the limit looks, beside the size of the arguments.
_NEAR = 2.0**-40

#: What is left, beside the point's numbers, of an argument that is 0 but for rounding.
_NOTHING = 2.0**-300


class SymEngineFormulas:
    """Formulas and values by SymEngine.

    Attributes:
        formulas: For each entry SymEngine's formula.
        texts: The same, written.
    """

    def __init__(self, program: Program, entries: Sequence[tuple[int, ...]], dtype: Dtype) -> None:
        """Express the program.

        Raises:
            algebra.Lacking: Where SymEngine has no such expression: a number such as inf.
        """
        self._program = program
        self._entries = entries
        self._dtype = dtype
        self._parts = algebra.expressed(program, dtype)
        self._expression = algebra.as_number(self._parts[program.output])
        # What is a call is one when it is made, before it becomes a part of others.
        self._has_calls = symengine.FunctionSymbol in map(type, self._parts)
        self._along: dict[int, Differentiation] = {}
        self.formulas: list[Any] = []
        self.texts: list[str] = []

    def differentiate(self) -> None:
        """Find the formulas."""
        first: dict[int, Any] = {}
        for axes in self._entries:
            formula = first.get(axes[0])
            if formula is None:
                formula = first[axes[0]] = self._derivative(self._expression, axes[0])
            if len(axes) == 2:
                formula = self._derivative(formula, axes[1])
            self.formulas.append(formula)

    def _derivative(self, expression: Any, axis: int) -> Any:
        if not self._has_calls:
            return tidy.shortest(expression.diff(algebra.symbol(self._program.names[axis])))
        along = self._along.get(axis)
        if along is None:
            symbol = algebra.symbol(self._program.names[axis])
            along = self._along[axis] = Differentiation(symbol)
        merged = tidy.with_calls_merged(along.of(expression))
        # Over one bar, there may be more to merge: abs(x)/x has the derivative 0.
        return tidy.with_calls_merged(tidy.shortest(merged))

    def write(self) -> None:
        """Write them.

        Raises:
            NoText: Where there is no word for one: it turned complex, or infinite.
        """
        self.texts = list(map(writer(self._dtype.digits), self.formulas))

    def values(self, point: Sequence[float], more: int = 0) -> list[Any] | None:
        """The formulas' values: see `Calculus.at_once`."""
        kinked, watched, together = self._watched
        try:
            # A call may be beyond mpmath: polygamma(1, -1e8) takes it hours.
            with time_limit(limits.AT_ONCE_SECONDS if self._has_calls else None):
                found = together.at(point, self._more(point) + more)
        except TimeUp:
            return None
        if any(value is None for value in found):
            return None
        count = len(self.formulas)
        numbers = dict(zip(watched, map(_rounded, found[count + 1 :]), strict=True))
        scale = max(map(abs, point), default=1.0)
        for margin, args in kinked:
            given = [numbers[arg] for arg in args]
            if margin(*given) <= max(_NEAR * max(map(abs, given)), _NOTHING * scale):
                return None
        return found[:count]

    def settled(self, point: Sequence[float], more: int = 0) -> list[Any] | None:
        """The values, if two precisions agree on all of them."""
        values = Evaluation(self._program.names, self.formulas, calls=self._has_calls)
        found = values.settled(point, self._more(point) + more)
        return None if any(value is None for value in found) else found

    @functools.cached_property
    def _watched(self) -> tuple[list[tuple[Any, tuple[int, ...]]], list[int], Evaluation]:
        """Margins with their arguments, all these arguments, and what has the values of all."""
        kinked = self._kinked()
        watched = list(dict.fromkeys(arg for _, args in kinked for arg in args))
        parts = self._parts
        wanted = [*self.formulas, self._expression, *(parts[arg] for arg in watched)]
        return kinked, watched, Evaluation(self._program.names, wanted, calls=self._has_calls)

    def _kinked(self) -> list[tuple[Any, tuple[int, ...]]]:
        """For each step that has kinks, how far its arguments are from one, and which those are."""
        program = self._program
        active = program.active
        return [
            (row.margin_of(position), step.args)
            for step in program.steps
            if (row := TABLE[step.function]).margin and not program.is_whole_power(step)
            # A comparison has a margin of its own; what is chosen by it has no other.
            if not (row.conditions and self._are_conditions(step.args[: row.conditions]))
            for position, arg in enumerate(step.args)
            if active[arg]
        ]

    def _are_conditions(self, args: Sequence[int]) -> bool:
        return all(algebra.is_condition(self._parts[arg]) for arg in args)

    def _more(self, point: Sequence[float]) -> int:
        """Bits that numbers of very different sizes take beyond the usual."""
        literals = [float(c.value) for c in self._program.constants if c.value is not None]
        return 2 * max(0, *map(_exponent, point), *map(_exponent, literals))


def _rounded(value: Any) -> float:
    """A value as margins take it: what is whole only once rounded must not look so."""
    if isinstance(value, bool):
        return value
    near = float(value)
    if near.is_integer() and not (value - int(near)).is_zero:
        return math.nextafter(near, math.inf)
    return near


def _exponent(number: float) -> int:
    """The exponent of a number, of either sign; numbers of very different sizes take more bits."""
    return abs(math.frexp(number)[1])
