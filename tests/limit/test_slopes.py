"""The limit: difference quotients of a program's values in balls, from both sides."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from gradcalc import grad
from gradcalc.base.dtypes import FLOAT32, FLOAT64, Dtype
from gradcalc.functions.balls import flint
from gradcalc.language.parser import parse
from gradcalc.limit.convergence import Trend
from gradcalc.limit.slopes import Slope, slope

if TYPE_CHECKING:
    from gradcalc.program.program import Program

INF = float("inf")


def point(program: Program, at: dict[str, float], dtype: Dtype) -> list[float]:
    return [dtype.round(Fraction(at[name])) for name in program.names]


def slope_of(text: str, wrt: str = "x", dtype: Dtype = FLOAT64, **at: float) -> Slope:
    """Return the limit's finding; `wrt` names one variable or two, as in "xy"."""
    program = parse(text, variables=set(at))
    axes = tuple(program.names.index(name) for name in wrt)
    return slope(program, point(program, at, dtype), axes, dtype)


def derivative(text: str, wrt: str = "x", **at: float) -> float | None:
    value = slope_of(text, wrt, **at).value
    return None if value is None else float(value)


def sides(sloped: Slope) -> tuple[float | str, float | str]:
    """Return each side's value, or its trend where it has none."""
    left, right = (
        side.trend.name.lower() if side.value is None else float(side.value)
        for side in (sloped.left, sloped.right)
    )
    return left, right


@pytest.mark.parametrize(
    ("text", "at", "wanted"),
    [
        ("x**2", {"x": 3}, 6),
        ("x**2", {"x": 0}, 0),
        ("3.5", {"x": 0}, 0),
        ("x*y + sin(y)", {"x": 2, "y": 5}, 5),
        ("sin(x)", {"x": 0}, 1),
        ("exp(x)", {"x": 1}, math.e),
        ("abs(x)*x", {"x": 0}, 0),
        ("abs(x)", {"x": -1e-300}, -1),
        ("relu(x)**2", {"x": 0}, 0),
        ("sqrt(x**4)", {"x": 0}, 0),
        ("sinc(x)", {"x": 0}, 0),
        ("x**3*abs(x)", {"x": 0}, 0),
        ("where(x < 1, x**2, 2*x - 1)", {"x": 1}, 2),
        ("cbrt(x)**3", {"x": 0}, 1),
        ("max(x, 0) + min(x, 0)", {"x": 0}, 1),
        # Scales: far beyond what a difference in float64 would see.
        ("x**2", {"x": 1e300}, 2e300),
        ("x**2", {"x": 1e-300}, 2e-300),
        ("x**2", {"x": 5e-324}, 1e-323),
        ("x/(x**2 + 1e-200)", {"x": 0}, 1e200),
        ("x/(x + 1e-300)", {"x": 0}, 1e300),
        ("1e-200*x + x**2", {"x": 0}, 1e-200),
        ("1 + exp(x)", {"x": -700}, 9.859676543759770e-305),
        ("exp(x)", {"x": 709}, 8.218407461554972e307),
        ("sin(exp(x))", {"x": 700}, -8.721565972909406e303),
        ("sin(x)", {"x": 1e308}, -0.8913089376870335),
        ("exp(x)/(1 + exp(x))", {"x": 1000}, 0),
        ("log(1 + exp(x))", {"x": 1000}, 1),
        ("tanh(x)", {"x": 20}, 1.6993417021166355e-17),
        ("sqrt(x + 1) - sqrt(x)", {"x": 1e15}, -7.905694150420942e-24),
        ("(1 - cos(x))/x**2", {"x": 1e-8}, -8.333333333333334e-10),
        ("x + y - y", {"x": 1e-300, "y": 1e300}, 1),
        # What is detached stays what it was.
        ("x*detach(x)", {"x": 3}, 3),
        ("x + detach(exp(x*y))", {"x": 3, "y": 2}, 1),
        ("detach(x**2)", {"x": 3}, 0),
    ],
)
def test_slope(text: str, at: dict[str, float], wanted: float) -> None:
    assert derivative(f"{text} + 0*x", **at) == pytest.approx(wanted, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("text", "wrt", "at", "wanted"),
    [
        ("x**3", "xx", {"x": 2}, 12),
        ("x**2*y**3", "xy", {"x": 2, "y": 3}, 108),
        ("x**2*y**3", "yx", {"x": 2, "y": 3}, 108),
        ("x**2*y**3", "yy", {"x": 2, "y": 3}, 72),
        ("x*y", "xx", {"x": 2, "y": 3}, 0),
        ("sinc(x)", "xx", {"x": 0}, -3.289868133696453),
        ("exp(x)", "xx", {"x": -600}, 2.6503965530043108e-261),
        ("x**2", "xx", {"x": 1e300}, 2),
        ("x**3", "xx", {"x": 1e-300}, 6e-300),
        ("sin(x)/x", "xx", {"x": 1e-10}, -1 / 3),
        ("abs(x)**3", "xx", {"x": 0}, 0),
        ("log(1 + exp(x))", "xx", {"x": 0}, 0.25),
        ("x**2*detach(x)", "xx", {"x": 3}, 6),
        ("x*detach(x)", "xx", {"x": 3}, 0),
    ],
)
def test_second_slope(text: str, wrt: str, at: dict[str, float], wanted: float) -> None:
    assert derivative(text, wrt, **at) == pytest.approx(wanted, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("text", "x", "left", "right", "jump"),
    [
        ("abs(x)", 0, -1, 1, False),
        ("abs(x - 1)", 1, -1, 1, False),
        ("relu(x)", 0, 0, 1, False),
        ("3*x + 2*abs(x)", 0, 1, 5, False),
        ("sqrt(x**2)", 0, -1, 1, False),
        ("maximum(x, x**2)", 1, 1, 2, False),
        ("1e-200*abs(x)", 0, -1e-200, 1e-200, False),
        ("1e200*abs(x)", 0, -1e200, 1e200, False),
        ("x + 1e-7*abs(x)", 0, 1 - 1e-7, 1 + 1e-7, False),
        ("x + 1e-15*abs(x)", 0, 1 - 1e-15, 1 + 1e-15, False),
        # Jumps: the value at the point belongs to one side.
        ("floor(x)", 2, INF, 0, True),
        ("floor(1e200*x)", 1, INF, 0, True),
        ("ceil(x)", 2, 0, INF, True),
        ("sign(x)", 0, INF, INF, True),
        ("-floor(x)", 2, -INF, 0, True),
        ("frac(x)", 3, -INF, 1, True),
        ("where(x > 0, x + 1, x)", 0, 1, INF, True),
        # Vertical tangents are no jumps, nor are the ends of a domain.
        ("cbrt(x)", 0, INF, INF, False),
        ("-cbrt(x)", 0, -INF, -INF, False),
        ("sqrt(abs(x))", 0, -INF, INF, False),
        ("sqrt(x)", 0, "undefined", INF, False),
        ("asin(x)", 1, INF, "undefined", False),
        ("xlogy(x, x)", 0, "undefined", -INF, False),
        ("x**1.5", 0, "undefined", 0, False),
        ("sqrt(-x)**3", 0, 0, "undefined", False),
        ("sqrt(-x**2)", 0, "undefined", "undefined", False),
    ],
)
def test_sides(text: str, x: float, left: float | str, right: float | str, jump: bool) -> None:
    sloped = slope_of(text, x=x)
    assert sides(sloped) == (left, right)
    assert sloped.jump is jump
    assert sloped.value is None


def test_slope_of_what_has_a_value_with_many_bits_alone() -> None:
    assert derivative("atanh(tanh(300))*x", x=1) == 300


def test_slope_exists_on_neither_side_of_an_isolated_point() -> None:
    assert sides(slope_of("x**y", "y", x=-2, y=2)) == ("undefined", "undefined")
    assert derivative("x**y", "x", x=-2, y=2) == -4


@pytest.mark.parametrize("text", ["exp(exp(exp(exp(x))))", "sin(exp(exp(x)))"])
def test_slope_of_what_is_too_large_is_unsettled(text: str) -> None:
    sloped = slope_of(text, x=1e5)
    assert (sloped.left.trend, sloped.right.trend, sloped.value) == (*[Trend.UNSETTLED] * 2, None)


def test_slope_leaves_the_precision_as_it_was() -> None:
    before = flint.ctx.prec
    slope_of("sin(x)", x=1)
    assert flint.ctx.prec == before


@pytest.mark.parametrize(("dtype", "tenth"), [(FLOAT64, 0.1), (FLOAT32, 0.10000000149011612)])
def test_numbers_are_those_of_the_dtype(dtype: Dtype, tenth: float) -> None:
    assert float(slope_of("0.1*x", dtype=dtype, x=1).value) == tenth
    assert float(slope_of("x**2", dtype=dtype, x=0.1).value) == 2 * tenth


def test_what_is_0_only_by_cancellation_has_second_derivatives() -> None:
    # The sum of standardized values is 0; the differences of its noise are no corner.
    report = grad("((x - x.mean())/x.std()).sum()", {"x": [1, 2, 4]}, second_order=True)
    assert {entry.limit for entry in report.entries} == {0.0}
    assert {entry.verdict.value for entry in report.entries} <= {"agree", "rounding"}
