"""Tidied formulas are shorter, mean the same, and are found in no time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gradcalc.base.dtypes import FLOAT64
from gradcalc.calculus import algebra, tidy
from gradcalc.calculus.formulas import writer
from gradcalc.functions import symengine
from gradcalc.language.parser import parse


def expression(text: str) -> Any:
    program = parse(text)
    return algebra.expressed(program, FLOAT64)[program.output]


def derivative(text: str) -> Any:
    return expression(text).diff(algebra.symbol("x"))


FORMS = [
    ("2*x*y + 2*x", "2*x*(y + 1)"),
    ("(2*x*y + 2*x)/2", "x*(y + 1)"),
    ("u*v + v*(u + 1)", "v*(2*u + 1)"),
    ("-2*(y - x)", "2*(x - y)"),
    ("-2*(-x - y)", "2*(x + y)"),
    ("(x - y)**2*(2*y - 2*x)**3/-8", "(x - y)**5"),
    ("exp(-x)/(1 + exp(-x))", "1/(exp(x) + 1)"),
    ("1/(x + 1) - x/(x + 1)**2", "1/(x + 1)**2"),
    ("2*x*sqrt(x) - sqrt(x)", "sqrt(x)*(2*x - 1)"),
    ("x*(x + 1)**50 - (x + 1)**50", "(x + 1)**50*(x - 1)"),
    ("x**y*y/x", "y*x**(y - 1)"),
    # sums within sums
    ("3*(x**2 + y**2) - 3*y**2", "3*x**2"),
    ("2*x*y*(y**2 + 1) - (y**2 + 1) - y**2 - 1", "2*(x*y - 1)*(y**2 + 1)"),
    ("x*(y/(x + 1) + 2*x) - x*y/(x + 1)", "2*x**2"),
    # what is short stays
    ("1/x + 1/y", "1/x + 1/y"),
    ("1/(x + 1) + 1/(x + 2)", "1/(x + 1) + 1/(x + 2)"),
    ("x**2 + x", "x**2 + x"),
    ("(x + 1)**2*(x - 1)", "(x + 1)**2*(x - 1)"),
    # the minus stays within the product's sum: nothing else is multiplied out
    ("-3*((x + 1)**9 - y)", "3*(y - (x + 1)**9)"),
]


@pytest.mark.parametrize(("text", "wanted"), FORMS, ids=[text for text, _ in FORMS])
def test_form(text: str, wanted: str) -> None:
    assert writer(15)(tidy.shortest(expression(text))) == wanted


#: Their derivatives are tidied. Some have roots of negative sums, and towers of towers.
MEANT = [
    *(text for text, _ in FORMS if "v" not in text),
    "sqrt(-x - y)*2*x",
    "sqrt(-2*x - 4*y)/x",
    "(-3*x - 3*y)**(1/3)*(x + 1)",
    "(x - y)**3/(y - x)**2*exp(-x)",
    "atanh(sin(x + y)*(x**x)**(-3/2)/9)",
    "x**x*(x**x)**(-5/2)*(x + 1)",
    "log(-x - y)/(x + 1)/(x + 2)**2",
    "exp(-x)*x/(exp(-x) + exp(-2*x))**2",
    "(x + y + 1)**(3/2)/(x + y + 1)",
    "x/(x + 1/(x + 1/(x + y)))",
]


@pytest.mark.parametrize("point", [(0.7, 1.9), (-2.3, 0.4), (1.3, -1.9), (-0.6, -0.3)], ids=str)
@pytest.mark.parametrize("text", MEANT)
def test_form_means_the_same(text: str, point: tuple[float, float]) -> None:
    raw = derivative(text)
    numbers = dict(zip(map(algebra.symbol, "xy"), point, strict=True))
    one, other = (
        complex(formula.subs(numbers).n(53, real=False)) for formula in (raw, tidy.shortest(raw))
    )
    assert abs(one - other) <= 1e-9 * (abs(one) + 1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 15 + "x" + "+ y)**3*y/(x + 1)" * 15,
        "1/(1 + " * 40 + "x" + ")" * 40,
        "x" + "".join(f"+ 1/(x + {k}*y)**3" for k in range(1, 12)),
        "1" + "".join(f"/(x + {k}*y + z)**3" for k in range(1, 12)),
        "x" + "".join(f"*(x**{k} + y + z + x*y + y*z + 1)**3" for k in range(1, 9)),
    ],
    ids=["nested powers", "continued fraction", "sum", "quotient", "product"],
)
def test_nothing_explodes(text: str) -> None:
    raw = derivative(text)
    started = time.process_time()
    again = tidy.shortest(raw).diff(algebra.symbol("x"))
    tidy.shortest(again)
    assert time.process_time() - started < 0.3


def test_sum_of_many_terms_stays() -> None:
    x = algebra.symbol("x")
    total = symengine.Add(*(2 * x**k for k in range(1, 20)))
    assert tidy.shortest(total) is total
