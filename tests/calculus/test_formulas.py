"""Formulas are written as a hand would, the same for both engines, and read back as they are."""

from __future__ import annotations

from typing import Any

import pytest

from gradcalc.base.dtypes import FLOAT64
from gradcalc.calculus import algebra
from gradcalc.calculus.by_sympy import expressed
from gradcalc.calculus.formulas import writer
from gradcalc.calculus.nodes import NoText
from gradcalc.calculus.steps import formula_values, program_of
from gradcalc.exact.values import values_at
from gradcalc.functions import symengine, sympy
from gradcalc.language.parser import parse


def by_symengine(text: str) -> Any:
    program = parse(text)
    return algebra.expressed(program, FLOAT64)[program.output]


def by_sympy(text: str) -> Any:
    program = parse(text)
    symbols = [sympy.Symbol(name, real=True) for name in program.names]
    return expressed(program, symbols, FLOAT64)


def written(formula: Any) -> str:
    return writer(15)(formula)


#: What is typed, and how it is written; where nothing is said, both engines write the same.
STYLE = [
    # sums: powers, products, symbols, quotients, numbers; a positive term first
    ("1 + x", "x + 1"),
    ("b + a", "a + b"),
    ("x + x**2 + 1/x + x*y + 7", "x**2 + x*y + x + 1/x + 7"),
    ("-x + y", "y - x"),
    ("-x - y", "-x - y"),
    ("sin(x) - cos(x)", "sin(x) - cos(x)"),
    # products: numbers, symbols, towers, sums, functions
    ("y*x*2*pi", "2*pi*x*y"),
    ("sin(x)*x*exp(x)*(x + 1)", "x*(x + 1)*exp(x)*sin(x)"),
    ("cos(x)*sin(x)", "sin(x)*cos(x)"),
    ("sin(x)*x**y*2", "2*x**y*sin(x)"),
    # quotients: one bar
    ("x/y/z", "x/(y*z)"),
    ("-1/x", "-1/x"),
    ("3*x/4", "3*x/4"),
    ("x/(2*y)", "x/(2*y)"),
    ("x**-2", "1/x**2"),
    ("1/(x + 1)**2", "1/(x + 1)**2"),
    ("x/sqrt(2)", "sqrt(2)*x/2"),
    ("x**2*y**-3*sqrt(z)/w", "x**2*sqrt(z)/(w*y**3)"),
    # powers and towers
    ("x**(1/2)", "sqrt(x)"),
    ("x**(3/2)", "x**(3/2)"),
    ("x**(-1/3)", "1/x**(1/3)"),
    ("-x**2", "-x**2"),
    ("(-x)**y", "(-x)**y"),
    ("(-2)**x", "(-2)**x"),
    ("2**x**y", "2**x**y"),
    ("x**(y + 1)", "x**(y + 1)"),
    ("x**-y", "x**(-y)"),
    ("1/exp(x)", "exp(-x)"),
    ("e*x", "e*x"),
    ("e**2*x", "x*exp(2)"),
    ("x/e**(3/2)", "x*exp(-3/2)"),
    # decimals that are no short fractions stay
    ("x/3", "x/3"),
    ("0.5*x", "x/2"),
    ("-0.1*x", "-0.1*x"),
    ("0.1 + x", "x + 0.1"),
    ("1e300*x", "1e+300*x"),
    ("0.3333333333333333*x*3", "x"),
    # names
    ("abs(x)", "abs(x)"),
    ("ceil(x)", "ceil(x)"),
    ("atan2(y, x)", "atan2(y, x)"),
]


@pytest.mark.parametrize("engine", [by_symengine, by_sympy])
@pytest.mark.parametrize(("text", "wanted"), STYLE, ids=[text for text, _ in STYLE])
def test_style(engine: Any, text: str, wanted: str) -> None:
    assert written(engine(text)) == wanted


@pytest.mark.parametrize("text", [text for text, _ in STYLE])
def test_written_formula_means_what_was_typed(text: str) -> None:
    formula = by_symengine(text)
    programs = [parse(text), parse(written(formula))]
    at = {"w": 1.2, "x": 0.7, "y": 1.6, "z": 2.3, "a": 0.1, "b": 0.4}
    if text == "(-x)**y":
        at["y"] = 2.0
    if text == "(-2)**x":
        at["x"] = 3.0
    typed, shown = (
        values_at(program, [at[name] for name in program.names], FLOAT64)[0] for program in programs
    )
    assert abs(typed - shown) <= abs(typed) * 1e-14
    (calculated,) = formula_values(program_of([formula], list(at)), list(at.values()), FLOAT64)
    assert calculated.overlaps(typed)


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        (lambda x: sympy.Piecewise((x, x > 0), (-x, True)), "where(x > 0, x, -x)"),
        (
            lambda x: sympy.Piecewise((1, (x > 0) & (x < 2)), (0, True)),
            "where((x > 0) & (x < 2), 1, 0)",
        ),
        (lambda x: sympy.polygamma(0, x), "digamma(x)"),
        (lambda x: sympy.polygamma(2, x), "polygamma(2, x)"),
        (lambda x: sympy.oo * sympy.sign(x), "inf*sign(x)"),
    ],
    ids=["where", "and", "digamma", "polygamma", "infinity"],
)
def test_what_only_sympy_has(formula: Any, wanted: str) -> None:
    assert written(formula(sympy.Symbol("x", real=True))) == wanted


@pytest.mark.parametrize(
    "formula",
    [
        lambda: sympy.re(sympy.Symbol("x")),
        lambda: sympy.I * sympy.Symbol("x"),
        lambda: sympy.Derivative(sympy.floor(sympy.Symbol("x")), sympy.Symbol("x")),
        lambda: symengine.I * symengine.Symbol("x"),
        lambda: symengine.floor(symengine.Symbol("x")).diff(symengine.Symbol("x")),
        lambda: (symengine.Integer(0) ** symengine.Symbol("x")).diff(symengine.Symbol("x")),
        lambda: symengine.Symbol("x") ** symengine.Integer(2**5000),
        lambda: symengine.Symbol("x") * symengine.Integer(10**600).n(200, real=True),
        lambda: symengine.Symbol("x") / symengine.Integer(10**600).n(200, real=True),
    ],
    ids=[
        "re",
        "i",
        "derivative",
        "i-symengine",
        "derivative-symengine",
        "0**x",
        "long",
        "huge",
        "tiny",
    ],
)
def test_what_the_language_has_no_word_for(formula: Any) -> None:
    with pytest.raises(NoText):
        written(formula())


@pytest.mark.parametrize(("digits", "wanted"), [(15, "0.333333343267441*x"), (6, "0.333333*x")])
def test_digits_of_decimals(digits: int, wanted: str) -> None:
    third = symengine.Rational(11184811, 2**25).n(200, real=True)
    assert writer(digits)(third * symengine.Symbol("x")) == wanted


def test_exponent_beyond_float64() -> None:
    assert written(symengine.Symbol("x") ** symengine.Integer(10**400)) == f"x**{10**400}"
