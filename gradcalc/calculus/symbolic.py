"""The first witness: calculus, by SymEngine and by sympy.

In: a program, the variables of differentiation. Out: `Calculus`, the formulas of the derivatives,
tidied and written in gradcalc's own language, and their values at a point, as many digits as it
takes. SymEngine is asked first (see `by_symengine`), sympy for what that cannot (see `by_sympy`).
All symbols are real.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from gradcalc.base import limits
from gradcalc.base.dtypes import Dtype
from gradcalc.base.names import in_latex
from gradcalc.base.stages import Steps, finished
from gradcalc.calculus import algebra, by_sympy, formulas, terms, tidy
from gradcalc.calculus.by_symengine import SymEngineFormulas
from gradcalc.calculus.formulas import writer
from gradcalc.calculus.nodes import NoText
from gradcalc.calculus.steps import formula_values, program_of
from gradcalc.exact.chain import Errors, as_dual, gradient, plain, tangent
from gradcalc.exact.convergence import BITS, PRECISIONS, STEPS, Trend, close, extrapolate, settle
from gradcalc.exact.policies import Lack
from gradcalc.exact.precise import Undefined, number_of, spread_of
from gradcalc.functions import mp, sympy
from gradcalc.functions.reals import TooLarge
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
        self._by_symengine: SymEngineFormulas | None = None
        self._texts: dict[int, str] = {}
        self._differentiated = False
        self._asking = self._ask_symengine()
        self._evaluators: dict[tuple[int, ...], Callable[..., list[Any]]] = {}
        self._formulas: list[Any] = [None] * len(entries)
        self._room = limits.TIDY_TOTAL
        self._seconds = limits.TIDY_SECONDS

    @functools.cached_property
    def _symbols(self) -> list[Any]:
        return [sympy.Symbol(name, real=True) for name in self._program.names]

    @property
    def formulas(self) -> list[Any]:
        """Sympy's formula for each of the entries; None where there is none, or none yet."""
        if self._by_symengine is not None:
            symbols = {symbol.name: symbol for symbol in self._symbols}
            for position, formula in zip(self._places, self._by_symengine.formulas, strict=True):
                if self._formulas[position] is None:
                    self._formulas[position] = by_sympy.converted(formula, symbols)
        return self._formulas

    def differentiate(self) -> None:
        """Fill in the formulas, one after the other; those that are there stay."""
        if self._differentiated:
            return
        finished(self._asking)
        if self._by_symengine is None and self._places:
            self._by_sympy()
        self._differentiated = True

    def _ask_symengine(self) -> Steps[None]:
        """SymEngine's formulas, if it has all that are asked for; it is asked once."""
        if not self._places:
            return
        entries = [self._entries[place] for place in self._places]
        with contextlib.suppress(algebra.Lacking, NoText):
            fast = SymEngineFormulas(self._program, entries, self._dtype)
            yield
            fast.differentiate()
            yield
            fast.write()
            self._texts = dict(zip(self._places, fast.texts, strict=True))
            self._by_symengine = fast

    def _by_sympy(self) -> None:
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
                self._formulas[position] = None if by_sympy.is_immense(formula) else formula
        except Exception:  # noqa: BLE001 - sympy raises anything, a KeyError from Piecewise for one
            # It cannot differentiate this: the entries that are left have no formula, which the
            # report shows, and the limit takes calculus' place.
            return

    def at_once(self, inputs: Sequence[float], more: int = 0) -> Steps[list[Any] | None]:
        """The formulas' values, as SymEngine's numbers, where it has all of them.

        They are calculated once, to hundreds of bits, and to thousands where there is a 0. Who
        relies on them has another witness that says the same, or asks `settled`. None where the
        function has no finite real value, and where a step stands near a kink: then `values` and
        the limit have to look closer.

        Args:
            inputs: The point.
            more: Bits beyond the usual that the values in between take, by their sizes.
        """
        # Another question may have begun with it, and be waiting; it goes on wherever it is.
        for _ in self._asking:
            yield
        yield
        if self._by_symengine is None or len(self._places) < len(self._entries):
            return None
        return self._by_symengine.values(inputs, more)

    def settled(self, inputs: Sequence[float], more: int = 0) -> list[Any] | None:
        """The values of `at_once`, if two precisions agree on them; None where no formula is."""
        fast = self._by_symengine
        values = None if fast is None else fast.settled(inputs, more)
        if values is None:
            return None
        settled: list[Any] = [None] * len(self._entries)
        for place, value in zip(self._places, values, strict=True):
            settled[place] = value
        return settled

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
        if self._by_symengine is not None:
            text = self._texts.get(position, "")
        elif self._formulas[position] is None:
            return None
        else:
            try:
                text = self._write(self._formulas[position])
            except NoText:
                return None
        return text if text and len(text) <= limits.FORMULA_LENGTH else None

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
        values = formula_values(self._as_program, inputs, self._dtype)
        return [None if type(value) is Lack else value for value in values]

    @functools.cached_property
    def _as_program(self) -> Program:
        """The program whose results are the formulas."""
        formulas: list[Any] = self._formulas
        if self._by_symengine is not None:
            by_place = dict(zip(self._places, self._by_symengine.formulas, strict=True))
            formulas = [by_place.get(place) for place in range(len(self._entries))]
        return program_of(formulas, self._program.names)

    def values(self, inputs: Sequence[Fraction], more: int = 0) -> list[Any]:
        """The formulas' values as mpmath numbers; None where there is no real one.

        Where a formula has no value at the point itself (sin(x)/x at 0), its limit from both sides
        stands for it.

        Args:
            inputs: The point.
            more: Bits beyond the usual that the values in between take, by their sizes.
        """
        present = [number for number, formula in enumerate(self.formulas) if formula is not None]
        if not present:
            return list(self.formulas)
        try:
            together = self._evaluator(tuple(present))
        except Exception:  # noqa: BLE001 - sympy cannot print this as Python; there are no values then
            return [None] * len(self.formulas)
        results: list[Any] = [None] * len(self.formulas)
        for place, number in enumerate(present):

            def here(place: int = place) -> Any:
                return together(*map(number_of, inputs))[place]

            value = settle(here, 2 * self._spread(inputs) + more)
            results[number] = self.continued(number, inputs) if value is None else value
        return results

    def _evaluator(self, positions: tuple[int, ...]) -> Callable[..., list[Any]]:
        """The function of some of the formulas, for this point and the next."""
        if positions not in self._evaluators:
            formulas = [self.formulas[position] for position in positions]
            self._evaluators[positions] = by_sympy.evaluator(self._symbols, formulas)
        return self._evaluators[positions]

    def _spread(self, inputs: Sequence[Fraction]) -> int:
        """The largest exponent, of either sign, of the numbers that meet."""
        return spread_of([*inputs, *(constant.value for constant in self._program.constants)])

    def continued(self, position: int, inputs: Sequence[Fraction]) -> Any:
        """A formula's limit at a point, from both sides; None if there is none.

        Along the axis of the last differentiation: there, the limit of a derivative is the
        derivative, if the function is continuous (a theorem of real analysis); along other lines it
        need not be.
        """
        alone = self._evaluator((position,))
        axis = self._entries[position][-1]
        sides = []
        for side in (-1, 1):
            sequence = []
            for bits in STEPS:
                with mp.workprec(4 * bits + 300 + 2 * self._spread(inputs)):
                    moved = list(map(number_of, inputs))
                    moved[axis] += side * mp.ldexp(mp.sqrt(2), -bits) * (abs(moved[axis]) or 1)
                    sequence.append(alone(*moved)[0])
            limit = extrapolate(sequence)
            if limit.trend is not Trend.SETTLED:
                return None
            sides.append(limit.value)
        below, above = sides
        return above if below == above or close(below, above, 30) else None


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


def exact_values(
    program: Program,
    entries: Sequence[tuple[int, ...]],
    inputs: Sequence[Fraction],
    dtype: Dtype,
    more: int = 0,
) -> list[Any]:
    """Values of derivatives without their formulas, by the chain rule over the steps.

    Two precisions must agree on a value. None stands where there is none, as at a point where a
    step has no derivative.

    Args:
        program: The scalar program.
        entries: For each derivative, the numbers of one or two inputs.
        inputs: The point.
        dtype: What literals are rounded to.
        more: Bits beyond the usual that the values in between take, by their sizes.
    """
    numbers = [*inputs, *(constant.value for constant in program.constants)]
    more += 2 * spread_of(numbers)
    values: dict[tuple[int, ...], Any] = {}
    for along in dict.fromkeys(axes[1:] for axes in entries):
        wanted = [axes for axes in entries if axes[1:] == along]
        rounds = []
        for precision in PRECISIONS[:2]:
            with mp.workprec(precision + more):
                rounds.append(_chain_values(program, wanted, inputs, along, dtype))
        values |= zip(wanted, map(_settled, *rounds), strict=True)
    return [values[axes] for axes in entries]


def _settled(rough: Any, fine: Any) -> Any:
    """The value that two precisions agree on; None if there is none."""
    if rough is None or fine is None:
        return None
    if close(rough, fine, BITS):
        return fine
    # A value that shrinks with the precision is an exact 0.
    return mp.mpf(0) if abs(fine) < mp.ldexp(1, -200) else None


def _chain_values(
    program: Program,
    wanted: Sequence[tuple[int, ...]],
    inputs: Sequence[Fraction],
    along: tuple[int, ...],
    dtype: Dtype,
) -> list[Any]:
    """Derivatives that all end along one axis (or are first ones), at the present precision."""
    point = [
        as_dual(number_of(value), moves=along == (number,)) for number, value in enumerate(inputs)
    ]
    try:
        derivatives = gradient(program, point, dtype, Errors())
    except TooLarge:
        return [None] * len(wanted)
    part = tangent if along else plain
    numbers = [derivatives.get(axes[0], mp.mpf(0)) for axes in wanted]
    return [None if isinstance(number, Undefined) else part(number) for number in numbers]


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
