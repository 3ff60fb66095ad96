"""What sympy is asked: formulas that SymEngine cannot write, proofs and LaTeX.

In: a scalar program, symbols. Out: sympy expressions, and their derivatives in a short form. sympy
recurses over its expressions, so it is asked only within `limits.FORMULA_*`.
"""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from gradcalc.base import limits
from gradcalc.base.deadline import TimeUp, time_limit
from gradcalc.base.dtypes import EXACT, Dtype
from gradcalc.calculus.algebra import as_sympy
from gradcalc.functions import TABLE, Function, sympy
from gradcalc.language.parser import row_program
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Program, Step

#: What sympy was asked since its caches were emptied last.
_asked_of_sympy: set[str] = set()


class _SympyArithmetic:
    """Arithmetic on sympy expressions."""

    def __init__(self, dtype: Dtype) -> None:
        self._dtype = dtype

    def constant(self, constant: Constant) -> Any:
        """A number in the text; a literal is the number of the dtype that torch sees.

        Numbers such as 0.5 are fractions, which cancel in formulas (0.5*x**2 gives x); others stay
        decimal (0.1*x**2 gives 0.2*x), with digits enough never to round.
        """
        if constant.value is not None:
            value = self._dtype.literal(constant.value)
            if self._dtype is EXACT:  # for proofs
                return sympy.Rational(value.numerator, value.denominator)
            return _number(value)
        name = constant.text.lstrip("-")
        size = {"pi": sympy.pi, "e": sympy.E, "inf": sympy.oo, "nan": sympy.nan}[name]
        return -size if constant.text.startswith("-") else size

    def number(self, value: Any) -> Any:
        if isinstance(value, sympy.logic.boolalg.Boolean) and not value.is_Symbol:
            return sympy.Piecewise((1, value), (0, True))
        return value

    def condition(self, value: Any) -> Any:
        if isinstance(value, sympy.logic.boolalg.Boolean) and not value.is_Symbol:
            return value
        return sympy.Ne(value, 0)

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:  # noqa: ARG002 - see Arithmetic
        return of_row(row, args)


def of_row(row: Function, args: Sequence[Any]) -> Any:
    """What a row is to sympy, of sympy's expressions."""
    return _opaque(row.name)(*args) if row.opaque else row.sympy(*args)


@functools.cache
def _opaque(name: str) -> Any:
    """A sympy function that keeps its name and is differentiated by its row's own derivative."""
    row = TABLE[name]

    def fdiff(self: Any, argindex: int = 1) -> Any:
        program = row_program(row.text(row.derivative, argindex - 1), row.name)
        given = row.bound(self.args, _number)
        arithmetic = _SympyArithmetic(EXACT)
        values = run(program, [given[name] for name in program.names], arithmetic)
        return arithmetic.number(values[program.output])

    def as_it_stands(self: Any, prec: int) -> Any:  # noqa: ARG001 - sympy's
        # sympy would ask mpmath's function of that name: its sinc(x) is not sin(pi*x)/(pi*x).
        return None

    members = {"fdiff": fdiff, "_eval_evalf": as_it_stands}
    return type(name, (sympy.Function,), {**members, "is_extended_real": True, "is_real": True})


def _number(value: Fraction | float) -> Any:
    """A number as sympy's: a short fraction, an infinity, or a decimal of many digits."""
    if not isinstance(value, Fraction):
        return sympy.oo if value > 0 else -sympy.oo
    if value.denominator <= 1024 and abs(value) < 2**53:
        return sympy.Rational(value.numerator, value.denominator)
    return sympy.Float(value.numerator, precision=2000) / value.denominator


def expressed(program: Program, symbols: Sequence[Any], dtype: Dtype) -> Any:
    """The program as one sympy expression of the symbols that stand for its inputs."""
    _asked_of_sympy.add("expressions")
    arithmetic = _SympyArithmetic(dtype)
    return arithmetic.number(run(program, symbols, arithmetic)[program.output])


def converted(formula: Any, symbols: Mapping[str, Any]) -> Any:
    """SymEngine's formula as sympy's, with sympy's symbols of these names."""
    _asked_of_sympy.add("formulas")
    return as_sympy(formula, symbols, of_row)


def unfolded(expression: Any) -> Any:
    """The expression with the functions that keep their names replaced by their definitions."""
    rows = {row.name: row for row in TABLE.values() if row.opaque}
    return expression.replace(
        lambda part: type(part).__name__ in rows,
        lambda part: rows[type(part).__name__].sympy(*part.args),
    )


def is_immense(formula: Any) -> bool:
    """Whether a number in the formula is longer than anyone reads, and than Python prints."""
    return any(
        max(abs(number.p), number.q).bit_length() > limits.CONSTANT_BITS
        for number in formula.atoms(sympy.Rational)
    )


def derivative(expression: Any, symbol: Any) -> Any:
    """The derivative, almost everywhere.

    That of floor or sign, which sympy leaves as it stands or as a DiracDelta, is 0 off the jumps.
    """
    result = sympy.diff(expression, symbol)
    if result.has(sympy.Derivative, sympy.DiracDelta, sympy.Subs):
        result = result.replace(
            lambda part: isinstance(part, sympy.Derivative | sympy.DiracDelta | sympy.Subs),
            lambda _: sympy.Integer(0),
        )
    return result


def tidied(formula: Any, seconds: float) -> Any:
    """The shortest of a few equal forms that are cheap to find, in so many seconds for each.

    `cancel` and `factor` multiply powers out, so they see only small formulas with small exponents.
    """
    if not formula.args or length(formula) > limits.TIDY_NODES:
        return formula
    # y*x**y/x becomes y*x**(y - 1), which is no shorter but what a hand writes.
    forms = [sympy.powsimp(formula)]
    exponents = [abs(power.exp) for power in formula.atoms(sympy.Pow) if power.exp.is_Integer]
    most = max(exponents, default=0)
    if most > 100:
        # Some forms take a factor out of a power and raise it to thousands of digits.
        return formula
    ways: list[Callable[[Any], Any]] = [sympy.factor_terms, sympy.together]
    if most <= 8 and _can_be_cancelled(formula):
        ways.append(lambda f: sympy.factor_terms(sympy.cancel(f)))
    for way in ways:
        # sympy raises anything, or takes too long; then there is no such form.
        with contextlib.suppress(TimeUp, Exception), time_limit(seconds, of_processor=True):
            forms.append(sympy.powsimp(way(formula)))
    return min(forms, key=length)


def _can_be_cancelled(formula: Any) -> bool:
    """Whether sympy cancels it in no time, and rightly."""
    return (
        length(formula) <= limits.CANCEL_NODES
        and len(formula.free_symbols) <= limits.CANCEL_SYMBOLS
        and not formula.has(sympy.Piecewise, sympy.Float)
    )


def length(formula: Any) -> int:
    """How long a formula is to read: operations, with brackets weighing too."""
    return int(sympy.count_ops(formula)) + sum(1 for _ in formula.atoms(sympy.Add)) + 1


def forget() -> None:
    """Empty sympy's caches, which grow with every new expression up to some hundred megabytes."""
    if _asked_of_sympy:
        _asked_of_sympy.clear()
        sympy.core.cache.clear_cache()
        # Expressions and what sympy knows of them refer to each other.
        gc.collect()
