"""The first witness: calculus, by SymEngine and by sympy.

In: a program, the variables of differentiation. Out: `Calculus`, the formulas of the derivatives,
tidied and written in gradcalc's own language, and their values at a point, as balls. SymEngine is
asked first (see `by_symengine`), sympy for what that cannot (see `by_sympy`). All symbols are real.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any

from gradcalc.base import limits
from gradcalc.base.dtypes import Dtype
from gradcalc.base.names import in_latex
from gradcalc.calculus import algebra, by_symengine, by_sympy, formulas, terms, tidy
from gradcalc.calculus.formulas import writer
from gradcalc.calculus.nodes import NoText
from gradcalc.calculus.steps import formula_values, program_of
from gradcalc.functions import sympy
from gradcalc.program.program import Program
from gradcalc.program.sizes import within_reach


class Calculus:
    """The formulas of a program's derivatives."""

    def __init__(
        self,
        program: Program,
        entries: Sequence[tuple[int, ...]],
        dtype: Dtype,
        most: int | None = None,
    ) -> None:
        """Prepare to differentiate.

        Args:
            program: What to differentiate.
            entries: For each derivative, the numbers of one or two inputs.
            dtype: What literals are rounded to.
            most: How many formulas are given; None for any number.
        """
        within = within_reach(program, entries, most)
        #: Where among the entries those stand that have a formula.
        self._places = [place for place, is_within in enumerate(within) if is_within]
        self._program = program
        self._entries = entries
        self._dtype = dtype
        self._write = writer(dtype.digits)
        self._differentiated = False
        #: The formulas as their engine has them, and those of them that are written.
        self._native: list[Any] = [None] * len(entries)
        self._texts: dict[int, str] = {}
        self._by_symengine = False
        self._room = limits.TIDY_TOTAL
        self._seconds = limits.TIDY_SECONDS

    @functools.cached_property
    def _symbols(self) -> list[Any]:
        return [sympy.Symbol(name, real=True) for name in self._program.names]

    @property
    def formulas(self) -> Sequence[Any]:
        """Sympy's formula for each of the entries; None where there is none, or none yet."""
        return self._converted if self._by_symengine else self._native

    @functools.cached_property
    def _converted(self) -> Sequence[Any]:
        symbols = {symbol.name: symbol for symbol in self._symbols}
        return [_in_sympy(formula, symbols) for formula in self._native]

    def differentiate(self) -> None:
        """Fill in the formulas; those of sympy one after the other, so that some are there."""
        if self._differentiated:
            return
        try:
            self._ask_symengine()
        except (algebra.Lacking, NoText):
            self._ask_sympy()
        self._differentiated = True

    def _ask_symengine(self) -> None:
        """SymEngine's formulas, if it has all that are asked for, and all can be written."""
        entries = [self._entries[place] for place in self._places]
        formulas = by_symengine.derivatives(self._program, entries, self._dtype) if entries else ()
        self._texts = dict(zip(self._places, map(self._write, formulas), strict=True))
        for place, formula in zip(self._places, formulas, strict=True):
            self._native[place] = formula
        self._by_symengine = True

    def _ask_sympy(self) -> None:
        try:
            expression = by_sympy.expressed(self._program, self._symbols, self._dtype)
            first: dict[int, Any] = {}
            for position in self._places:
                axes = self._entries[position]
                if axes[0] not in first:
                    raw = by_sympy.derivative(expression, self._symbols[axes[0]])
                    first[axes[0]] = self._tidied(raw)
                formula = first[axes[0]]
                if len(axes) == 2:
                    formula = self._tidied(by_sympy.derivative(formula, self._symbols[axes[1]]))
                self._native[position] = None if by_sympy.is_immense(formula) else formula
        except Exception:  # noqa: BLE001 - sympy raises anything, a KeyError from Piecewise for one
            # It cannot differentiate this: the entries that are left have no formula, which the
            # report shows, and the exact engine takes calculus' place.
            return

    def _tidied(self, formula: Any) -> Any:
        """The formula in a shorter form, as long as there is room for tidying."""
        self._room -= by_sympy.length(formula)
        if self._room <= 0 or self._seconds <= 0:
            return formula
        started = time.thread_time()
        tidied = by_sympy.tidied(formula, self._seconds)
        self._seconds -= time.thread_time() - started
        return tidied

    def text(self, position: int) -> str | None:
        """The formula in gradcalc's own language, or None where it is left out."""
        formula = self._native[position]
        if formula is None:
            return None
        if position not in self._texts:
            with contextlib.suppress(NoText):
                self._texts[position] = self._write(formula)
        text = self._texts.get(position)
        return text if text is not None and len(text) <= limits.FORMULA_LENGTH else None

    def latex(self, position: int) -> str | None:
        """The formula in LaTeX."""
        formula = self.formulas[position]
        if formula is None:
            return None
        # sympy knows nothing of x[0,1], and would make a power of x__2.
        names = {symbol: in_latex(symbol.name) for symbol in self._symbols}
        # Of the arguments of a function called beta, sympy writes the names as they are.
        formula = formula.replace(
            lambda part: part.func.__name__ == "beta", lambda part: sympy.Function("B")(*part.args)
        )
        return str(sympy.latex(formula, symbol_names=names))

    def balls(self, inputs: Sequence[float]) -> list[Any]:
        """The formulas' values at a point, as balls that hold them.

        None stands where there is no formula, where it has no finite value, and where that is not
        known.
        """
        return formula_values(self._as_program, inputs, self._dtype)

    @functools.cached_property
    def _as_program(self) -> Program:
        return program_of(self._native, self._program.names)


def _in_sympy(formula: Any, symbols: Mapping[str, Any]) -> Any:
    """SymEngine's formula as one of sympy's; None if there is none, or sympy has no such thing."""
    if formula is None:
        return None
    try:
        return by_sympy.converted(formula, symbols)
    except Exception:  # noqa: BLE001 - sympy raises anything: it compares no complex infinity
        return None


#: The formulas that were asked for last, by what they depend on.
_recent: dict[tuple[Any, ...], Calculus] = {}


def calculus_of(
    program: Program, entries: tuple[tuple[int, ...], ...], dtype: Dtype, most: int | None = None
) -> Calculus:
    """The formulas of a program, which may be known from another point: see `Calculus`."""
    if not program.canonical:
        # It was not parsed but written out, and may depend on what torch drew or chose.
        return Calculus(program, entries, dtype, most)
    key = (program.canonical, program.names, entries, dtype.name, most)
    calculus = _recent.get(key)
    if calculus is None:
        if len(_recent) >= limits.RECENT:
            del _recent[next(iter(_recent))]
        calculus = _recent[key] = Calculus(program, entries, dtype, most)
    return calculus


def forget() -> None:
    """Empty the caches, which grow with every new expression up to some hundred megabytes."""
    algebra.forget()
    formulas.forget()
    tidy.forget()
    terms.forget()
    by_sympy.forget()
    _recent.clear()


def formula_text(formula: Any, digits: int = 15) -> str:
    """A formula in gradcalc's own language, decimals to so many digits."""
    return writer(digits)(formula)
