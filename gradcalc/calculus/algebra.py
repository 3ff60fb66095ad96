"""SymEngine: a program as its expression.

In: a scalar program. Out: SymEngine's expressions of its values. SymEngine is the SymPy project's
core in C++, about a hundred times as fast as sympy. It takes symbols for complex ones and rewrites
nothing that does not hold for those.

What it lacks (abs, where, sigmoid), or errs about, is a *call*: a function that SymEngine knows
nothing of, by the name of its row. `derivatives` differentiates calls by the function table.
Conditions are calls too.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any

from gradcalc.base.dtypes import Dtype
from gradcalc.calculus.terms import is_fraction, split
from gradcalc.functions import TABLE, Function, algebra, symengine
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Program, Step

#: Bits of a decimal that is no short fraction: with so many, nothing is ever seen to be rounded.
_LITERAL_BITS = 2_000

#: Whole numbers up to which every dtype has all of them.
_WHOLE = 2**24

#: What SymEngine raises of what it cannot do.
_CANNOT = (AttributeError, TypeError, ValueError, RuntimeError, ZeroDivisionError)


class Lacking(Exception):  # noqa: N818 - no error, but a finding
    """There is no such expression, or no derivative of it, of SymEngine's."""


class SymEngineArithmetic:
    """Arithmetic on SymEngine's expressions."""

    def __init__(self, dtype: Dtype) -> None:
        self._dtype = dtype

    def constant(self, constant: Constant) -> Any:
        """A number in the text; a literal is the number of the dtype that torch sees."""
        value = constant.value
        if value is not None:
            if value.denominator == 1 and abs(value.numerator) <= _WHOLE:
                return symengine.Integer(value.numerator)
            return number(self._dtype.literal(value))
        sign = -1 if constant.text.startswith("-") else 1
        return sign * _named(constant.text.lstrip("-"))

    def number(self, value: Any) -> Any:
        """A value that may be a condition, as a number."""
        return as_number(value)

    def condition(self, value: Any) -> Any:
        """A value that may be a number, as a condition: that it is not 0."""
        if is_condition(value):
            return value
        return _called(TABLE["ne"], [value, symengine.Integer(0)])

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:  # noqa: ARG002 - see Arithmetic
        """The row's definition, in SymEngine's functions of the same names; or a call."""
        if not is_known(row.name):
            return _called(row, args)
        result = _ARITHMETIC.get(row.name, row.sympy)(*args)
        if not isinstance(result, symengine.Basic):
            raise Lacking
        return result


def _negated(value: Any) -> Any:
    """Minus a value; a sum term by term, so that -(x - y) is y - x."""
    return symengine.Add(*(-term for term in value.args)) if value.is_Add else -value


def _raised(base: Any, exponent: Any) -> Any:
    """A power; of a root, and of a power of what is never negative, one with one exponent."""
    if type(base) is symengine.Pow and not exponent.is_Integer:
        inner, power = base.args
        if power.is_Rational and (power.q % 2 == 0 or _is_never_negative(inner)):
            return inner ** (power * exponent)
    return base**exponent


#: Rows that are not quite what SymEngine makes of them.
_ARITHMETIC: Mapping[str, Callable[..., Any]] = {"neg": _negated, "pow": _raised}


@functools.cache
def is_known(name: str) -> bool:
    """Whether SymEngine has the row's function, derivatives of it, and values of those."""
    row = TABLE[name]
    if row.opaque or row.unsound or row.conditions or row.group == "comparison":
        return False
    # `sum` takes any number of terms, and has no samples.
    sample = row.samples[0] if row.samples else (0.5, -2.0)
    point = {symengine.Dummy(): symengine.RealDouble(value) for value in sample}
    try:
        with algebra.of(symengine):
            value = row.sympy(*point)
        for wanted in (value, *map(value.diff, point)):
            wanted.msubs(point).n(real=True)
    except _CANNOT:
        return False
    return True


@functools.lru_cache(maxsize=4096)
def number(value: Fraction | float) -> Any:
    """A number as SymEngine's: a short fraction, an infinity, or a decimal of many digits."""
    if not isinstance(value, Fraction):
        return symengine.oo if value > 0 else -symengine.oo
    whole = symengine.Rational(value.numerator, value.denominator)
    if value.denominator <= 1024 and abs(value) < 2**53:
        return whole
    return whole.n(_LITERAL_BITS, real=True)


def _named(name: str) -> Any:
    if name not in {"pi", "e"}:
        raise Lacking
    return symengine.pi if name == "pi" else symengine.E


@functools.lru_cache(maxsize=4096)
def symbol(name: str) -> Any:
    """The symbol of that name."""
    return symengine.Symbol(name)


def expressed(program: Program, dtype: Dtype) -> list[Any]:
    """All values of the program as expressions of its inputs' symbols.

    Raises:
        Lacking: Where SymEngine has no such expression.
    """
    symbols = [symbol(name) for name in program.names]
    return calculated(program, symbols, dtype)


def calculated(program: Program, inputs: Sequence[Any], dtype: Dtype) -> list[Any]:
    """All values of the program as expressions, for inputs that are expressions themselves.

    Raises:
        Lacking: Where SymEngine has no such expression.
    """
    try:
        with algebra.of(symengine):
            return run(program, inputs, SymEngineArithmetic(dtype))
    except _CANNOT as problem:
        raise Lacking from problem


# --- Calls ----------------------------------------------------------------------------------------


def row_of(call: Any) -> Function:
    """The row that a call is named after."""
    return TABLE[call.get_name()]


def is_call(expression: Any) -> bool:
    """Whether an expression is one."""
    return type(expression) is symengine.FunctionSymbol


@functools.cache
def calls_in(expression: Any) -> Collection[Any]:
    """All calls in an expression, those within calls too."""
    return () if expression.is_Atom else frozenset(expression.atoms(symengine.FunctionSymbol))


def forget() -> None:
    """Drop what was kept of expressions."""
    calls_in.cache_clear()


def is_condition(expression: Any) -> bool:
    """Whether it is true or false, and no number."""
    if is_call(expression):
        return row_of(expression).group == "comparison"
    return is_truth(expression)


def as_number(expression: Any) -> Any:
    """The expression; a condition as 1 or 0."""
    if not is_condition(expression):
        return expression
    return _called(TABLE["where"], [expression, symengine.Integer(1), symengine.Integer(0)])


def is_truth(expression: Any) -> bool:
    """Whether it is a condition that is known to hold, or not to."""
    return type(expression) in _truths()


@functools.cache
def _truths() -> frozenset[type]:
    return frozenset(map(type, (symengine.true, symengine.false)))


def called(row: Function, args: Sequence[Any]) -> Any:
    """A row's function of expressions, as a call, or as what that is known to be.

    Raises:
        Lacking: Where SymEngine has no such expression.
    """
    try:
        with algebra.of(symengine):
            return _called(row, args)
    except _CANNOT as problem:
        raise Lacking from problem


def _called(row: Function, args: Sequence[Any]) -> Any:
    if row.group == "comparison":
        value = _junction(row, args) if row.conditions else _comparison(row, args)
    elif row.is_choice:
        value = _chosen(*args)
    elif row.name in {"abs", "sign"}:
        value = _without_numbers(row, *args)
    else:
        value = _constant(row, args)
    return symengine.function_symbol(row.name, *args) if value is None else value


def _comparison(row: Function, args: Sequence[Any]) -> Any:
    """A comparison of numbers; or of anything with an infinity, beside which it is as good as 0."""
    compare = getattr(operator, row.name)
    if args[0] == args[1]:
        return truth(compare(0, 0))
    numbers = list(map(_number, args))
    if any(number in (math.inf, -math.inf) for number in numbers):
        numbers = [0 if number is None else number for number in numbers]
    return None if None in numbers else truth(compare(*numbers))


def _number(expression: Any) -> Any:
    """The fraction or the infinity that an expression is; or None."""
    if not expression.is_Number:
        return None
    if expression.is_Rational:
        return Fraction(int(expression.p), int(expression.q))
    return {symengine.oo: math.inf, -symengine.oo: -math.inf}.get(expression)


def _junction(row: Function, args: Sequence[Any]) -> Any:
    """What conditions are together, where all but one are known: true and x > 0 is x > 0."""
    unknown = [arg for arg in args if not is_truth(arg)]
    if len(unknown) == len(args) or len(unknown) > 1:
        return None
    if_false, if_true = (
        row.value(*(arg == symengine.true if is_truth(arg) else value for arg in args))
        for value in (False, True)
    )
    if if_false == if_true:
        return truth(if_true)
    return unknown[0] if if_true else None


def _chosen(condition: Any, yes: Any, no: Any) -> Any:
    """One of two values, where it is known which."""
    if yes == no:
        return yes
    if is_truth(condition):
        return yes if condition == symengine.true else no
    return None


def _constant(row: Function, args: Sequence[Any]) -> Any:
    """The function of constants, where SymEngine knows better: abs(-3) is 3."""
    if row.opaque or row.unsound or any(arg.free_symbols for arg in args):
        return None
    value = row.sympy(*args)
    return value if _has_value(value) else None


def _without_numbers(row: Function, arg: Any) -> Any:
    """The absolute value or the sign: abs(-2*x) is 2*abs(x), abs(x**2) is x**2."""
    if not arg.free_symbols:
        return _constant(row, [arg])
    if row.name == "abs" and _is_never_negative(arg):
        return arg
    number, _ = split(arg)
    if not is_fraction(number) or number == 1:
        return None
    number = symengine.Rational(number.numerator, number.denominator)
    return row.sympy(number) * _called(row, [arg / number])


def _is_never_negative(expression: Any) -> bool:
    """Whether it is certain: squares, exponentials, and their sums and products."""
    if expression.is_Add:
        return all(map(_is_never_negative, expression.args))
    number, powers = split(expression)
    return is_fraction(number) and number >= 0 and all(map(_is_square, powers.items()))


def is_positive(total: Any) -> bool:
    """Whether it is certain of a sum: a positive number and what is never negative."""
    return _is_never_negative(total) and any(term.is_Number for term in total.args)


def _is_square(power: tuple[Any, Any]) -> bool:
    """Whether a power is as good as a square; roots are positive where they have a value."""
    base, exponent = power
    if exponent.denominator % 2 == 0 or exponent.numerator % 2 == 0:
        return True
    if is_call(base):
        return bool(base.get_name() == "abs")
    return bool(base.is_Pow and base.args[0] == symengine.E)


def _has_value(constant: Any) -> bool:
    try:
        constant.n(real=True)
    except RuntimeError:
        return False
    return True


def truth(value: Any) -> Any:
    """A condition that is known to hold, or not to."""
    return symengine.true if value else symengine.false


# --- For sympy ------------------------------------------------------------------------------------


def as_sympy(
    formula: Any, symbols: Mapping[str, Any], call: Callable[[Function, list[Any]], Any]
) -> Any:
    """The same for sympy.

    Args:
        formula: An expression of SymEngine's.
        symbols: Sympy's symbols, by name.
        call: What a row is to sympy, of sympy's expressions.
    """
    # No name has a blank in it.
    stand_ins = {one: symengine.Symbol(f"call {k}") for k, one in enumerate(calls_in(formula))}
    by_name = dict(symbols)
    bare = formula.msubs(stand_ins) if stand_ins else formula
    for one, stand_in in stand_ins.items():
        if stand_in in bare.free_symbols:
            args = [as_sympy(arg, symbols, call) for arg in one.args]
            by_name[stand_in.name] = call(row_of(one), args)
    converted = bare._sympy_()
    return converted.xreplace({one: by_name[one.name] for one in converted.free_symbols})
