"""SymEngine's values: right where all is smooth, and None where it must be looked closer."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import pytest

from gradcalc import functions, grad
from gradcalc.ask.calculate import calculate
from gradcalc.base.dtypes import FLOAT64
from gradcalc.base.options import Options
from gradcalc.calculus import algebra, evaluation
from gradcalc.calculus.by_symengine import SymEngineFormulas
from gradcalc.calculus.nodes import NoText
from gradcalc.functions import TABLE, Function, mp, symengine
from gradcalc.language.bindings import parse_bindings
from gradcalc.language.parser import parse
from gradcalc.program.sizes import too_large

if TYPE_CHECKING:
    from gradcalc.results.report import Report


def formulas_of(text: str) -> SymEngineFormulas:
    """The derivative by x."""
    program = parse(text)
    formulas = SymEngineFormulas(program, [(program.names.index("x"),)], FLOAT64)
    formulas.differentiate()
    formulas.write()
    return formulas


def values(text: str, at: str) -> list[float] | None:
    by_name = dict(binding.split("=") for binding in at.split(","))
    values = formulas_of(text).values([float(by_name[name]) for name in parse(text).names])
    return None if values is None else [evaluation.nearest(value, FLOAT64) for value in values]


def in_batch(text: str, at: str) -> Report:
    return calculate(text, parse_bindings(at.split(",")), Options(thorough=False))


@pytest.mark.parametrize(
    ("text", "at", "wanted"),
    [
        ("x**2", "x=0", 0.0),
        ("x**3/3", "x=1.5", 2.25),
        ("sin(x)", "x=1e22", math.cos(1e22)),
        ("sqrt(x)", "x=1e-300", 5e149),
        ("sqrt(x - y)", "x=1.25,y=1", 1.0),
        ("x**y", "x=2,y=3", 12.0),
        ("tanh(x)", "x=400", 0.0),
        ("tanh(x)", "x=200", 7.660678386856023e-174),  # 0 to 500 bits
        ("x*1e-300 + x*1e300", "x=1", 1e300),
        ("((1 + x) - 1)/x + x", "x=1e-17", 1.0),
    ],
)
def test_values(text: str, at: str, wanted: float) -> None:
    assert values(text, at) == [pytest.approx(wanted, rel=1e-15, abs=0)]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        # on a kink, or nearer than rounding
        ("sqrt(x - y)", "x=1,y=1"),
        ("(x - y)**1.5", "x=1,y=1"),
        ("(x + y)**1.5", "x=1e-20,y=0"),
        ("(1 + sin(pi*x))**1.5", "x=1.5"),
        ("hypot(x, y)", "x=0,y=0"),
        ("sqrt(x**2)", "x=0"),
        ("sqrt(x**4)", "x=0"),
        ("asin(x)", "x=1"),
        ("x**0.5", "x=0"),
        ("x**(0.1*20)", "x=0"),  # 0.1 is a little more than that
        ("x**0", "x=0"),
        ("x**y", "x=-2,y=2"),
        ("atan2(y, x)", "x=-1,y=0"),
        # no finite real value
        ("log(x)", "x=-1"),
        ("1/x", "x=0"),
        ("sin(x)/x", "x=0"),
        ("sqrt(x - 2)", "x=1"),
    ],
)
def test_none_where_it_must_be_looked_closer(text: str, at: str) -> None:
    assert values(text, at) is None


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
        formulas_of(text)


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


def exact(value: Any, bits: int) -> Any:
    return evaluation.as_mpmath(value if value.is_Rational else value.n(bits, real=True))


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
            (evaluated,) = evaluation.Evaluation((), [value]).at((), 0)
        except (AttributeError, RuntimeError, TypeError, ZeroDivisionError):
            continue  # it lacks this one
        if evaluated is None:
            continue
        with mp.workprec(400):
            wanted = row.mpmath(*(exact(arg, 1500) for arg in args))
            assert mp.almosteq(evaluation.as_mpmath(evaluated), wanted, 1e-60, 1e-60), args
        compared += 1
    assert compared
