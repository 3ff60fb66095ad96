"""SymEngine's formulas: of what it has, and right to the last digit."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from gradcalc import functions, grad
from gradcalc.ask.calculate import calculate
from gradcalc.base.dtypes import EXACT, FLOAT64
from gradcalc.base.options import Options
from gradcalc.calculus import algebra
from gradcalc.calculus.by_symengine import derivatives
from gradcalc.calculus.formulas import writer
from gradcalc.calculus.nodes import NoText
from gradcalc.calculus.steps import formula_values, program_of
from gradcalc.functions import TABLE, Function, symengine
from gradcalc.functions.precision import precision
from gradcalc.language.bindings import parse_bindings
from gradcalc.language.parser import parse
from gradcalc.program.sizes import too_large

if TYPE_CHECKING:
    from gradcalc.results.report import Report


def formula_of(text: str) -> str:
    """The derivative by x."""
    program = parse(text)
    (formula,) = derivatives(program, [(program.names.index("x"),)], FLOAT64)
    return writer(15)(formula)


def in_batch(text: str, at: str) -> Report:
    return calculate(text, parse_bindings(at.split(",")), Options(thorough=False))


@pytest.mark.parametrize(
    "text",
    [
        "(-2)**x",
        "0**x",
        "x*inf",
    ],
)
def test_what_symengine_lacks(text: str) -> None:
    with pytest.raises((algebra.Lacking, NoText)):
        formula_of(text)


@pytest.mark.parametrize(
    ("text", "at", "verdicts"),
    [
        # What exp(-500) is beside 1 counts beside exp(600), whoever loses it.
        ("z + exp(z)*log(1 + exp(-w))", "z=600,w=500", {"rounding", "agree"}),
        ("x + log(1 + x**20)/x**30", "x=1e-10", {"rounding"}),
        # A slope that is 0 to 500 bits is none.
        ("tanh(x)", "x=200", {"rounding"}),
        ("1e160*tanh(x)", "x=180", {"rounding"}),
        # The kink is seen through what magnifies its rounding.
        ("abs(exp(x)*sin(pi*y))", "x=300,y=1", {"rounding", "nondifferentiable"}),
        ("sign(sin(pi*x))", "x=1e300", {"nondifferentiable"}),
        # A torch that rounds is inside of a domain, the numbers themselves are not.
        ("x + 0*log(1 + y - 1 - y - 1e-17)", "x=1,y=1.2e-16", {"undefined"}),
        ("(1 + y - 1 - z)/(1 + y - 1 - z)", "y=1.2e-16,z=1.2e-16", {"undefined"}),
        ("asech(x + 1e-17)", "x=1", {"undefined"}),
        # A pole, whatever torch's pi makes of it.
        ("1/sin(pi*x)", "x=1", {"undefined"}),
        ("tan(pi*x)", "x=0.5", {"undefined"}),
        ("x + csc(pi)", "x=0.5", {"undefined"}),
        ("relu(x)/sin(pi)", "x=0.5", {"undefined"}),
        ("x + atan(1/sin(pi*y))", "x=0.5,y=1", {"undefined"}),
        ("x/(sqrt(2)**2 - 2)", "x=0.5", {"undefined"}),
        ("where(x < 0, x, 1/sin(pi*y))", "x=-0.5,y=1", {"agree"}),
        # No pole, only far away from 1.
        ("x + 1/exp(-y)", "x=0.5,y=300", {"agree"}),
        ("x/exp(-y)", "x=0.5,y=300", {"agree"}),
        ("sin(pi*x)/sin(pi*x)", "x=1", {"undefined"}),
    ],
)
def test_batch_is_as_strict_as_grad(text: str, at: str, verdicts: set[str]) -> None:
    by_name = {name: float(value) for name, value in (part.split("=") for part in at.split(","))}
    thorough = [entry.verdict for entry in grad(text, by_name).entries]
    in_haste = [entry.verdict for entry in in_batch(text, at).entries]
    assert in_haste == thorough
    assert {verdict.value for verdict in in_haste} == verdicts


@pytest.mark.parametrize("text", ["u**3 + v**2 + 4*u*v", "x*exp(-x**2)", "abs(x)*x", "x**x"])
def test_batch_and_grad_write_the_same_formula(text: str) -> None:
    at = dict.fromkeys(parse(text).names, 1.5)
    both = [
        [entry.formula for entry in report.entries]
        for report in (grad(text, at), in_batch(text, ",".join(f"{k}={v}" for k, v in at.items())))
    ]
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("*".join(f"(x + {k})" for k in range(1, 200)), True),
        ("*".join(f"sin({k}*x)" for k in range(1, 100)), True),
    ],
)
def test_derivatives_too_large_for_a_formula(text: str, second: bool) -> None:
    program = parse(text)
    assert too_large(program, [(0, 0)] if second else [(0,)])


def test_sum_of_many_quotients_has_a_formula() -> None:
    program = parse("+".join(f"1/(x + {k})" for k in range(1, 80)))
    assert not too_large(program, [(0,), (0, 0)])


def constants() -> list[Any]:
    """Numbers that SymEngine keeps as they are, or has in its tables."""
    number, root, pi = symengine.Rational, symengine.sqrt, symengine.pi
    wholes = list(map(symengine.Integer, (-3, -1, 0, 1, 2, 10)))
    fractions = [number(*pair) for pair in ((1, 2), (-1, 2), (7, 3), (5, 4), (9, 4), (1, 3))]
    angles = [pi * number(*pair) for pair in ((1, 6), (1, 4), (2, 3), (5, 12), (-1, 2), (7, 6))]
    roots = [root(2) / 2, -root(3) / 2, root(3), -root(2), (root(5) - 1) / 4, 2 - root(3)]
    return [*wholes, *fractions, *angles, *roots, symengine.E]


SOUND = [row for row in TABLE.values() if row.samples and algebra.is_known(row.name)]


@pytest.mark.parametrize("row", SOUND, ids=lambda row: row.name)
def test_symengine_s_numbers_are_those_of_the_table(row: Function) -> None:
    few = constants()[:: 1 if len(row.samples[0]) == 1 else 3]
    compared = 0
    for args in itertools.product(few, repeat=len(row.samples[0])):
        if any(row.is_static(k) and not arg.is_Integer for k, arg in enumerate(args)):
            continue
        try:
            with functions.algebra.of(symengine):
                value = symengine.sympify(row.sympy(*args))
        except (AttributeError, RuntimeError, TypeError, ZeroDivisionError):
            continue  # it lacks this one
        program = program_of([value, *args], ())
        (evaluated, *balls) = formula_values(program, (), EXACT)
        if evaluated is None:
            continue
        with precision(512):
            assert evaluated.overlaps(row.value(*balls)), args
        compared += 1
    assert compared
