"""What there is at a point: whether the function has a value, and which inputs reach a kink."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from gradcalc.base.dtypes import FLOAT64, Dtype
from gradcalc.exact.surveys import Survey, survey
from gradcalc.language.parser import parse

if TYPE_CHECKING:
    from gradcalc.program.program import Program


def point(program: Program, at: dict[str, float], dtype: Dtype) -> list[Fraction]:
    return [Fraction(dtype.round(Fraction(at[name]))) for name in program.names]


def survey_of(text: str, dtype: Dtype = FLOAT64, **at: float) -> tuple[Survey, str | None]:
    """Return the finding, and the text of the first value that is none."""
    program = parse(text, variables=set(at))
    there = survey(program, point(program, at, dtype), dtype)
    return there, None if there.undefined_at is None else program.source(there.undefined_at)


@pytest.mark.parametrize(
    ("text", "at", "undefined_at"),
    [
        ("log(x)", {"x": -1}, "log(x)"),
        ("exp(log(x))", {"x": -1}, "log(x)"),
        ("x/x", {"x": 0}, "x/x"),
        ("0*log(x)", {"x": 0}, "log(x)"),
        ("sqrt(x)*sqrt(x)", {"x": -1}, "sqrt(x)"),
        ("1 + sqrt(log(x) + asin(x + 2))", {"x": 0.5}, "asin(x + 2)"),
        ("lgamma(x)", {"x": -1}, "lgamma(x)"),
        ("x**y", {"x": 0, "y": -1}, "x**y"),
        ("where(x > 0, log(x), sqrt(x))", {"x": -1}, "sqrt(x)"),
    ],
)
def test_survey_names_the_first_step_without_a_value(
    text: str, at: dict[str, float], undefined_at: str
) -> None:
    there, source = survey_of(text, **at)
    assert (there.defined, source) == (False, undefined_at)


@pytest.mark.parametrize(
    ("text", "x", "pole"),
    [
        ("1/sin(pi*x)", 1, "1/sin(pi*x)"),
        ("2*atan(1/sin(pi*x)) + x", 1, "1/sin(pi*x)"),
        ("tan(pi*x)", 0.5, "tan(pi*x)"),
        ("x*sec(pi/2)", 3, "sec(pi/2)"),
        pytest.param("gamma(sin(pi*x))", 1, "gamma(sin(pi*x))", marks=pytest.mark.slow),
        ("sin(pi*x)/sin(pi*x)", 1, "sin(pi*x)/sin(pi*x)"),
        # Small and large numbers that are what they are.
        ("1/exp(-x)", 600, None),
        ("1/(1e-200*x)", 1, None),
        ("x**50/1e-300", 1e10, None),
        ("gamma(x)", 90, None),
        ("log(exp(-x))", 600, None),
        ("1/(x - 1)", 1 + 2**-52, None),
        ("where(x > 0, x, 1/sin(pi*x))", 1, None),
        ("cosh(x)*sin(exp(x))", 300, None),
        ("where(x > 0, x, nan)", 1, None),
    ],
)
def test_pole_is_one_whatever_rounding_makes_of_it(text: str, x: float, pole: str | None) -> None:
    there, source = survey_of(text, x=x)
    assert (there.defined, source) == (pole is None, pole)


@pytest.mark.parametrize(
    ("text", "x"),
    [("1/(1 - tanh(x))", 200), ("logit(sigmoid(x))", 300), ("log(1 - sigmoid(x))", 300)],
)
def test_number_that_is_0_to_400_bits_only_is_one(text: str, x: float) -> None:
    assert survey_of(text, x=x)[0].defined


@pytest.mark.parametrize(
    ("text", "x", "tie"),
    [
        ("where(sin(x)**2 + cos(x)**2 <= 1, 1, 2)", 1.455, "sin(x)**2 + cos(x)**2 <= 1"),
        ("where(exp(log(x)) == x, x, 2*x)", 3, "exp(log(x)) == x"),
        ("where(~(exp(log(x)) < x), x, 2*x)", 0.1, "exp(log(x)) < x"),
        ("where(x < 0, where(exp(log(x)) == x, 1, 2), x)", 3, None),
        ("where(2*x >= 2, 1, 2)", 1, None),
        ("where(x >= 1, 1, 2)", 1, None),
        ("where(x - 1e-60 >= 1, 1, 2)", 1, None),
    ],
)
def test_comparison_that_only_rounding_decides(text: str, x: float, tie: str | None) -> None:
    program = parse(text)
    there = survey(program, [Fraction(x)], FLOAT64)
    assert (None if there.undecidable is None else program.source(there.undecidable)) == tie


@pytest.mark.parametrize(
    ("text", "x", "near_kink"),
    [
        ("floor(x**x)", 21, True),  # a whole number that takes more than 53 bits
        ("floor(x**x + 0.5)", 21, False),
        ("abs(x)", 0, True),
        ("abs(x)", 1, False),
        ("abs(x - 1)", 1, True),
        ("sin(floor(x))", 3, True),
        ("sin(floor(x))", 3.5, False),
        ("maximum(x, 1)", 1, True),
        ("x + abs(0)", 0, False),
        ("where(x > 0, x, sqrt(x))", 2, False),
        ("x**2 + exp(x)", 0, False),
    ],
)
def test_survey_sees_steps_on_a_kink(text: str, x: float, near_kink: bool) -> None:
    there, undefined_at = survey_of(text, x=x)
    assert (there.defined, undefined_at, there.is_near_kink((0,))) == (True, None, near_kink)


@pytest.mark.parametrize(
    ("text", "at", "near_kink"),
    [
        ("abs(x) + y", {"x": 0, "y": 0}, "x"),
        ("abs(x*y)", {"x": 0, "y": 1}, "xy"),
        ("abs(x)*abs(y)", {"x": 0, "y": 1}, "x"),
        ("relu(sin(x) + z) + exp(y)", {"x": 0, "z": 0, "y": 0}, "xz"),
        ("abs(detach(x)) + abs(y)", {"x": 0, "y": 0}, "y"),
        ("abs(x*detach(y))", {"x": 0, "y": 1}, "x"),
        # What the result does not need does not count.
        ("a = abs(x); a = x + y; a", {"x": 0, "y": 0}, ""),
    ],
)
def test_survey_names_the_inputs_that_reach_the_kink(
    text: str, at: dict[str, float], near_kink: str
) -> None:
    there, _ = survey_of(text, **at)
    names = parse(text, variables=set(at)).names
    assert {names[number] for number in there.near_kink} == set(near_kink)
    for pair in ((a, b) for a in range(len(names)) for b in range(len(names))):
        assert there.is_near_kink(pair) is any(names[axis] in near_kink for axis in pair)


def test_survey_of_an_infinite_value() -> None:
    assert survey_of("x + inf", x=1) == (Survey(), None)


def test_survey_of_what_is_too_large() -> None:
    there, _ = survey_of("exp(exp(exp(x)))", x=1e5)
    assert there == Survey(defined=True)
    assert there.is_near_kink((0,))
