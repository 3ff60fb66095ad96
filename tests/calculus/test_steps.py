"""Formulas as programs: every node of either engine is a step of the function table."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from gradcalc.base.dtypes import EXACT, FLOAT64
from gradcalc.calculus.steps import formula_values, program_of
from gradcalc.functions import symengine, sympy
from gradcalc.functions.balls import flint

X, Y = 1.5, -0.25


def value(formula: Any) -> Any:
    """The ball of a formula at (X, Y)."""
    (ball,) = formula_values(program_of([formula], ["x", "y"]), [X, Y], FLOAT64)
    return ball


x, y = sympy.symbols("x y", real=True)


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        (x - y, X - Y),
        (-x - y, -X - Y),
        (-3 * x / (2 * y**2), -3 * X / (2 * Y**2)),
        (x**-2, X**-2),
        (sympy.sqrt(x) / x, X**-0.5),
        (sympy.exp(-2 * x), 0.049787068367863944),
        (x**y, X**Y),
        (sympy.Integer(7), 7.0),
        (sympy.Float(0.5) * x + sympy.Rational(1, 2), 0.5 * X + 0.5),
        (x / 2 + sympy.Float(0.5) * y, 0.5 * X + 0.5 * Y),
        (sympy.Rational(-1, 3), -1 / 3),
        (sympy.pi + sympy.E, 5.859874482048838),
        (sympy.EulerGamma, 0.5772156649015329),
        (sympy.Abs(y) + sympy.ceiling(x) + sympy.floor(y), 1.25),
        (sympy.Max(x, y, 1) - sympy.Min(x, y, 1), X - Y),
        (sympy.Mod(x, 1), 0.5),
        (sympy.polygamma(0, x), 0.03648997397857652),
        (sympy.Piecewise((x, x < 0), (y, x < 1), (x * y, True)), X * Y),
        (sympy.Piecewise((1, (x > 0) & (y < 0) & ~(x > 2)), (0, True)), 1.0),
        (sympy.Piecewise((1, (x < 0) | (y > 0) | sympy.Ne(x, 1.5)), (0, True)), 0.0),
        (sympy.Piecewise((1 / (x - 1.5), x > 2), (5, True)), 5.0),
        # There is no value, or no step.
        (sympy.Piecewise((x, x < 0)), None),
        (sympy.oo * x, None),
        (sympy.log(y), None),
        (1 / (x - 1.5), None),
        (sympy.zeta(x), None),
        (sympy.I * x, None),
        (None, None),
    ],
    ids=str,
)
def test_value_of_a_node(formula: Any, wanted: float | None) -> None:
    ball = value(formula)
    assert ball is wanted if wanted is None else float(ball) == pytest.approx(wanted, rel=1e-15)


@pytest.mark.parametrize(
    "text", ["x - 2*y/x**2", "exp(x*y)*sin(x)", "x**(3/2)*erf(y)", "E**2*pi - x**y", "asin(y)/7"]
)
def test_engines_have_the_same_steps(text: str) -> None:
    by_name = {"x": x, "y": y}
    programs = [
        program_of([formula], ["x", "y"])
        for formula in (sympy.sympify(text, by_name), symengine.sympify(text))
    ]
    balls = [formula_values(program, [X, Y], EXACT)[0] for program in programs]
    assert balls[0].overlaps(balls[1])
    assert len(programs[0].steps) == len(programs[1].steps)


def test_what_occurs_twice_is_calculated_once() -> None:
    formulas = [sympy.sin(x * y) + x * y, sympy.sin(x * y) ** 2]
    steps = [step.function for step in program_of(formulas, ["x", "y"]).steps]
    assert sorted(steps) == ["add", "mul", "sin", "square"]


def test_one_formula_without_steps_leaves_the_others_theirs() -> None:
    program = program_of([x, sympy.zeta(x), None, y], ["x", "y"])
    assert formula_values(program, [X, Y], FLOAT64) == [X, None, None, Y]


def test_decimal_that_an_engine_rounded_is_a_ball_around_it() -> None:
    tenth = symengine.Rational(1, 10).n(2000, real=True)
    (ball,) = formula_values(program_of([tenth - tenth / 3], []), [], FLOAT64)
    assert ball.overlaps(flint.arb(1) / 15)
    # What is exact stays so: no policy takes it for 0.
    half = symengine.Rational(1, 2**60).n(2000, real=True)
    program = program_of([half], [])
    assert [constant.value for constant in program.constants] == [Fraction(1, 2**60)]
    assert not program.inputs
    (one,) = formula_values(program_of([tenth * 10 - 1], []), [], FLOAT64)
    assert one is None or one.contains(0)
