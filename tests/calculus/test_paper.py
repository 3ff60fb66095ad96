"""Formulas read as on paper, and mean the function's derivatives wherever it has them."""

from __future__ import annotations

import itertools

import pytest

from gradcalc.base.dtypes import FLOAT64
from gradcalc.calculus.symbolic import Calculus
from gradcalc.exact.point import at_point
from gradcalc.functions import TABLE, Function
from gradcalc.language.parser import parse


def formulas(text: str) -> tuple[Calculus, list[tuple[int, ...]]]:
    program = parse(text)
    axes = range(len(program.names))
    entries = [(axis,) for axis in axes]
    entries += itertools.combinations_with_replacement(axes, 2)
    witness = Calculus(program, entries, FLOAT64)
    witness.differentiate()
    return witness, entries


#: The first derivative by x, and the second.
WRITTEN = [
    # functions keep their names
    ("y*log1p(x)", "y/(x + 1)", "-y/(x + 1)**2"),
    ("x*log1p(y)", "log1p(y)", "0"),
    ("x*expm1(y)", "expm1(y)", "0"),
    ("x*log2(y)", "log2(y)", "0"),
    ("x*entr(y)", "entr(y)", "0"),
    ("x*factorial(y)", "factorial(y)", "0"),
    ("logaddexp(x, y)", "sigmoid(x - y)", "sigmoid(x - y)*sigmoid(y - x)"),
    ("x*sinc(x)", "cos(pi*x)", "-pi*sin(pi*x)"),
    # but powers and roots are written as such
    ("x*square(y)", "y**2", "0"),
    ("x*rsqrt(y)", "1/sqrt(y)", "0"),
    ("x*hypot(y, z)", "sqrt(y**2 + z**2)", "0"),
    # one bar, nothing that cancels
    ("x*cot(x)", "cot(x) - x*(cot(x)**2 + 1)", "2*(cot(x)**2 + 1)*(x*cot(x) - 1)"),
    ("x*sqrt(abs(x))**0.02", "1.01*abs(x)**0.01", "0.0101*sign(x)*abs(x)**(-0.99)"),
    # no 0 times infinity where the function is defined
    ("entr(relu(x - y))", "where(x - y > 0, -(log(x - y) + 1), 0)",
        "where(x - y > 0, -1/(x - y), 0)"),
    ("xlogy(relu(x), y)", "where(x > 0, log(y), 0)", "0"),
    ("sqrt(relu(x))", "where(x > 0, 1/(2*sqrt(x)), 0)", "where(x > 0, -1/(4*x**(3/2)), 0)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "first", "second"), WRITTEN, ids=[text for text, *_ in WRITTEN])
def test_formula_reads_as_on_paper(text: str, first: str, second: str) -> None:
    witness, entries = formulas(text)
    axis = parse(text).names.index("x")
    assert witness.text(entries.index((axis,))) == first
    assert witness.text(entries.index((axis, axis))) == second


#: Contexts of a row's function: products, quotients, a composition, roots of it.
CONTEXTS = ("{}*exp(x)", "log(1 + {}**2)", "x**2*{}", "{}*y/x", "({} + x)/(x**2 + y**2)")

MORE = [
    "logit(x)*exp(x)",
    "x*cot(x)",
    "exp(x*y/hypot(x, y))",
    "x*sqrt(abs(x))**0.02",
    "log(1 + logaddexp(x, y)**2)",
    "abs(x)**x",
    "acos(acsc(x))",
    "x**2*log1p(sinh(x))",
    "entr(relu(x - y))",
    "entr(maximum(x, 0))",
    "entr(clamp(x, 0, 1))*y",
    "xlogy(relu(x), relu(x))",
    "xlog1py(relu(x), y)",
    "acos(clamp(x, -1, 1))*y",
    "x/(y + sqrt(x**2 + y**2))",
    "(x - y)**3/(x + y)**2*sqrt(x**2 + 1)",
    "tanh(x*y)**2/(1 + tanh(x)**2)",
]

#: Near 0, negative, large, and usual.
POINTS = [
    (0.3, 0.7, 1.9),
    (1e-6, -2e-5, 0.1),
    (-1.3, 0.4, -0.2),
    (2.6, -0.8, 0.5),
    (37.0, 51.0, -40.0),
    (-0.4, -3e3, 2.0),
]


def assert_formulas_are_the_chain_rule(text: str) -> int:
    """How many values were held against each other."""
    witness, entries = formulas(text)
    program = parse(text)
    compared = 0
    for point in POINTS:
        inputs = list(point[: len(program.names)])
        findings = at_point(program, inputs, entries, FLOAT64)
        if not findings.defined or not findings.derivatives:
            continue
        balls = witness.balls(inputs)
        for entry, ball, exact in zip(entries, balls, findings.derivatives, strict=True):
            if ball is not None and exact is not None:
                place = entries.index(entry)
                assert ball.overlaps(exact), (point, witness.text(place), ball, exact)
                compared += 1
    return compared


def called(row: Function) -> str:
    names = iter("xyz")
    args = [
        repr(value) if row.is_static(place) else next(names)
        for place, value in enumerate(row.samples[0])
    ]
    if row.conditions:
        args[0] = "x > y"
    return f"{row.name}({', '.join(args)})"


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=row.name) for row in TABLE.values() if row.samples and row.is_called],
)
def test_formulas_of_a_row_in_contexts_are_the_chain_rule(row: Function) -> None:
    texts = [context.format(called(row)) for context in CONTEXTS]
    assert sum(map(assert_formulas_are_the_chain_rule, texts)) > 0


@pytest.mark.parametrize("text", MORE)
def test_formulas_are_the_chain_rule(text: str) -> None:
    assert assert_formulas_are_the_chain_rule(text) > 0


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("entr(relu(x - y))", [0.3, 0.7]),
        ("entr(maximum(x, 0))", [-1.0]),
        ("entr(clamp(x, 0, 1))", [-0.5]),
        ("xlogy(relu(x), y)", [-1.0, -2.0]),
        ("sqrt(relu(x))", [-1.0]),
        ("y*cbrt(relu(x))", [1.5, -1.0]),
    ],
)
def test_formula_has_a_value_where_a_choice_is_zero_and_a_factor_infinite(text, point) -> None:
    witness, _ = formulas(text)
    first = witness.balls(point)[parse(text).names.index("x")]
    assert first == 0
