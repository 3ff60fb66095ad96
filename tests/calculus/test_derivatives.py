"""Calls: what SymEngine lacks is differentiated, evaluated and written by the function table."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from gradcalc import grad
from gradcalc.ask.calculate import calculate
from gradcalc.base.dtypes import FLOAT64
from gradcalc.base.options import Options
from gradcalc.calculus import algebra, by_sympy
from gradcalc.calculus.derivatives import Differentiation
from gradcalc.calculus.formulas import writer
from gradcalc.calculus.steps import formula_values, program_of
from gradcalc.calculus.symbolic import forget
from gradcalc.calculus.tidy import with_calls_merged
from gradcalc.exact.policies import number_of, value_of
from gradcalc.exact.tape import Tape
from gradcalc.functions import TABLE, Function, symengine
from gradcalc.functions.balls import flint
from gradcalc.functions.precision import precision
from gradcalc.language.bindings import parse_bindings
from gradcalc.language.parser import parse
from gradcalc.results.report import Verdict

write = writer(15)


def expression(text: str) -> Any:
    program = parse(text)
    return algebra.as_number(algebra.expressed(program, FLOAT64)[program.output])


def derivative(text: str) -> str:
    derived = Differentiation(algebra.symbol("x")).of(expression(text))
    return write(with_calls_merged(derived))


def value(text: str, **at: float) -> Any:
    program = program_of([expression(text)], list(at))
    (ball,) = formula_values(program, list(at.values()), FLOAT64)
    return ball


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("relu(x)", "where(x > 0, 1, 0)"),
        ("sigmoid(3*x)", "3*sigmoid(-3*x)*sigmoid(3*x)"),
        ("sigmoid(relu(x)*x)", None),
        ("where(x > 0, x**2, -x)", "where(x > 0, 2*x, -1)"),
        # The conditions stay as they were typed.
        ("where((x < 1) & (2*y <= x), x*y, 3)", "where((x < 1) & (2*y <= x), y, 0)"),
        ("where(~(x > y), x, 2*x)", "where(~(x > y), 1, 2)"),
        ("where(x, x**2, 0)", "where(x != 0, 2*x, 0)"),
        ("(x > 0)*x**2", "2*x*where(x > 0, 1, 0)"),
        ("x > y", "0"),
        ("floor(x)*x", "floor(x)"),
        ("x//2*x", "x//2"),
        ("3*(x*y//(y + 1))*x**2", "6*x*((x*y)//(y + 1))"),
        ("detach(x)*x", "detach(x)"),
        ("lgamma(x)", "digamma(x)"),
        # Parameters that are not given have the values of the table.
        ("hardtanh(x)", "where((x > -1) & (x < 1), 1, 0)"),
        ("clamp(x, 0)", "where(x >= 0, 1, 0)"),
        ("leaky_relu(x)", "where(x > 0, 1, 0.01)"),
        ("softplus(x, 2)", "where(2*x > 20, 1, sigmoid(2*x))"),
        # What is known of them is said shorter.
        ("abs(x)", "sign(x)"),
        ("abs(-2*x)", "2*sign(x)"),
        ("abs(x**2 + exp(y))", "2*x"),
        ("abs(x)*x", "2*abs(x)"),
        ("abs(x)**2", "2*x"),
        ("abs(x)**3", "3*x*abs(x)"),
        ("1/abs(x)", "-sign(x)/x**2"),
        ("relu(x)**2", "2*relu(x)*where(x > 0, 1, 0)"),
        ("where(x > y, abs(x)**3, y)", "where(x > y, 3*x*abs(x), 0)"),
        ("max(x, x)", "1"),
        ("x*abs(-3)", "3"),
        ("x*floor(5/2)", "2"),
        ("x*where(2 > 1, y, 3)", "y"),
        ("where(x > 0, y, y)*x", "y"),
        ("x*max(2, 3)", "maximum(2, 3)"),
    ],
)
def test_calls_are_differentiated(text: str, wanted: str | None) -> None:
    derived = derivative(text)
    assert wanted in (None, derived)
    # And that is what the difference quotient says.
    exact = value(f"({derived}) + 0*x*y", x=0.3, y=0.1)
    with precision(512):
        step = flint.arb(2) ** -100
        below, above = (moved(text, side * step) for side in (-1, 1))
        assert abs((above - below) / (2 * step) - exact) < 2.0**-90


def moved(text: str, by: Any) -> Any:
    """The program's value at x = 0.3 and a little, y = 0.1; what is detached stays as it is."""
    program = parse(text)
    base: Tape | None = None
    for x in (flint.arb(0.3), 0.3 + by):
        point = {"x": x, "y": flint.arb(0.1)}
        tape = Tape([point[name] for name in program.names], FLOAT64, base=base)
        base, numbers = tape, tape.run(program)
    return number_of(tape.values[numbers[program.output]])


@pytest.mark.parametrize(
    ("text", "x", "wanted"),
    [
        ("relu(x)*2", -1.5, 0),
        ("abs(x)", -1.5, 1.5),
        ("sigmoid(relu(x))", 0.0, 0.5),
        ("(x > 0) + (x > 1)", 0.5, 1),
        # The branch that is not taken need not have a value.
        ("where(x > 0, log(x), 7)", -1.0, 7),
        ("where(x > 0, erfinv(2 + x), 7)", -1.0, 7),
        ("where(x > 0, where(x > 1, log(x - 1), sqrt(x)), 7)", 0.25, 0.5),
        # These have none.
        ("where(x > 0, log(x), 7)*log(x)", -1.0, None),
        ("where(x < 0, log(x), 7)", -1.0, None),
        ("erfinv(x)", 2.0, None),
        ("digamma(x)", -1.0, None),
        ("relu(1/x)", 0.0, None),
        ("gamma(x)", 1e300, math.inf),
        # Digits that another precision would lose.
        ("softplus(x)", -800.0, math.exp(-800)),
        ("max(x, x + 1) - x", 1e100, 1),
    ],
)
def test_calls_have_values(text: str, x: float, wanted: float | None) -> None:
    number = value(text, x=x)
    assert (None if number is None else float(number)) == wanted


CALLS = [row for row in TABLE.values() if row.entrywise and not algebra.is_known(row.name)]


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row.name)
def test_calls_have_the_values_of_the_table(row: Function) -> None:
    points = {*row.samples, *row.outside, *(kink.at for kink in row.kinks)}
    points |= {tuple(0.0 for _ in at) for at in points}
    for at in points:
        names = [f"x{place}" for place in range(len(at))]
        call = symengine.function_symbol(row.name, *map(as_given(row), map(algebra.symbol, names)))
        (ball,) = formula_values(program_of([call], names), at, FLOAT64)
        with precision(512):
            wanted = number_of(value_of(row, list(map(flint.arb, at)), 0))
        if type(wanted) is flint.arb and wanted.is_finite():
            assert ball.overlaps(wanted), at
        else:
            assert ball is None, at


def as_given(row: Function) -> Callable[[Any], Any]:
    """What makes a condition of each argument that is to be one."""
    places = itertools.count()

    def given(argument: Any) -> Any:
        if next(places) >= row.conditions:
            return argument
        return symengine.function_symbol("ne", argument, symengine.Integer(0))

    return given


def test_calls_have_values_of_any_size() -> None:
    with precision(512):
        assert value("sigmoid(x)", x=-1e6).overlaps(1 / (1 + flint.arb(10**6).exp()))


def test_constant_calls_of_what_symengine_knows_are_numbers() -> None:
    # sinc(2) keeps its name, since SymEngine has no sinc; gamma(1/2) need not.
    assert write(expression("x*sinc(2)")) == "x*sinc(2)"
    assert write(expression("x*gamma(1/2)")) == "sqrt(pi)*x"


@pytest.mark.parametrize(
    "name", ["asec", "acot", "digamma", "abs", "where", "sigmoid", "gamma", "gt"]
)
def test_rows_that_symengine_errs_about_or_lacks_are_calls(name: str) -> None:
    assert not algebra.is_known(name)


@pytest.mark.parametrize("name", ["sin", "pow", "sum", "atan2", "erf", "hypot", "exp2", "div"])
def test_rows_that_symengine_knows_are_its_own(name: str) -> None:
    assert algebra.is_known(name)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("sigmoid(2*x)*y", "x=0.3,y=-2"),
        ("max(x*y, 1)*relu(x - y)", "x=3,y=1.5"),
        ("where((x > 0) & (y < x), gelu(x*y), x**2)", "x=0.7,y=0.2"),
        ("digamma(x + 2)", "x=1"),
        ("abs(x)*clamp(y, -1, 1)", "x=-0.7,y=0.2"),
    ],
)
@pytest.mark.parametrize("second_order", [False, True])
def test_no_line_of_calls_needs_sympy(text: str, at: str, second_order: bool) -> None:
    forget()
    options = Options(thorough=False, second_order=second_order)
    report = calculate(text, parse_bindings(at.split(",")), options)
    verdicts = {entry.verdict for entry in report.entries}
    assert verdicts
    assert verdicts <= {Verdict.AGREE, Verdict.ROUNDING}
    assert not by_sympy._asked_of_sympy


@pytest.mark.parametrize(
    ("text", "x"), [("abs(x)", 0.0), ("relu(x - 0.5)", 0.5), ("max(x, 1)", 1.0), ("floor(x)", 2.0)]
)
def test_kink_is_still_seen(text: str, x: float) -> None:
    assert grad(text, {"x": x}).verdict is Verdict.NONDIFFERENTIABLE


@pytest.mark.parametrize(
    "text", ["x*(k >= 3)", "x*(k <= 3)", "x*(k == 3)", "where(k < 3, x**2, x)", "x*(3 >= k)"]
)
def test_comparison_of_equals_is_what_it_is(text: str) -> None:
    report = grad(text, {"x": 2, "k": 3}, wrt=["x"])
    assert report.verdict is Verdict.AGREE


def test_latex_of_calls_is_sympy_s() -> None:
    options = Options(latex=True)
    report = calculate("sigmoid(x) + where(x > y, x, 2*y)", parse_bindings(["x=2", "y=1"]), options)
    latex = [entry.latex or "" for entry in report.gradients]
    assert r"\begin{cases} 1 & \text{for}\: x > y" in latex[0]
    assert r"\operatorname{sigmoid}" in latex[0]


def test_no_call_takes_long() -> None:
    began = time.monotonic()
    options = Options(thorough=False, timeout=1)
    report = calculate("polygamma(1, x)", parse_bindings(["x=-1e8"]), options)
    assert report.verdict is Verdict.UNDEFINED
    assert time.monotonic() - began < 5
