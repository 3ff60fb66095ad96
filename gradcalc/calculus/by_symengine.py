"""Formulas and exact values where all is smooth, by SymEngine and the table, without sympy.

In: a scalar program, the entries of its derivatives. Out: `SymEngineFormulas`: for each entry a
formula, its text, and its value at a point. This is what most lines of a batch need, and all they
need, once autograd agrees with it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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


class _Kink(NamedTuple):
    """Where a step may have no derivative along one of its arguments.

    Attributes:
        margin: How far it is from there, of the values of all its arguments.
        args: The numbers of these.
    """

    margin: Callable[..., float]
    args: tuple[int, ...]

    def is_near(self, values: Sequence[float], least: float) -> bool:
        """Whether the limit has to look: the distance is next to nothing beside the arguments."""
        return self.margin(*values) <= max(_NEAR * max(map(abs, values)), least)


def _arguments(kinks: Sequence[_Kink]) -> list[int]:
    """The arguments of all kinks, each once."""
    return list(dict.fromkeys(arg for kink in kinks for arg in kink.args))


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
        """The formulas' values, where the program has one, and no kink is near: see `Calculus`."""
        kinks, evaluation = self._watched
        try:
            # A call may be beyond mpmath: polygamma(1, -1e8) takes it hours.
            seconds = limits.AT_ONCE_SECONDS if self._has_calls else None
            with time_limit(seconds, of_processor=True):
                values = evaluation.at(point, self._more(point) + more)
        except TimeUp:
            return None
        if any(value is None for value in values):
            return None
        # First the formulas' values, then the program's own, then those of the kinks' arguments.
        count = len(self.formulas)
        args = dict(zip(_arguments(kinks), map(_rounded, values[count + 1 :]), strict=True))
        least = _NOTHING * max(map(abs, point), default=1.0)
        if any(kink.is_near([args[arg] for arg in kink.args], least) for kink in kinks):
            return None
        return values[:count]

    def settled(self, point: Sequence[float], more: int = 0) -> list[Any] | None:
        """The values, if two precisions agree on all of them."""
        evaluation = Evaluation(self._program.names, self.formulas, calls=self._has_calls)
        values = evaluation.settled(point, self._more(point) + more)
        return None if any(value is None for value in values) else values

    @functools.cached_property
    def _watched(self) -> tuple[list[_Kink], Evaluation]:
        """The kinks, and what has the values of the formulas, the program and these arguments."""
        kinks = self._kinks()
        args = [self._parts[arg] for arg in _arguments(kinks)]
        wanted = [*self.formulas, self._expression, *args]
        return kinks, Evaluation(self._program.names, wanted, calls=self._has_calls)

    def _kinks(self) -> list[_Kink]:
        """The kinks of the steps, along each of their arguments that moves."""
        program = self._program
        active = program.active
        return [
            _Kink(row.margin_of(position), step.args)
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
