"""What there is at a point: the value, the derivatives, and which inputs reach a kink."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gradcalc.base.dtypes import FLOAT32, FLOAT64, Dtype
from gradcalc.exact.point import Findings, at_point
from gradcalc.exact.values import values_at
from gradcalc.functions.balls import flint
from gradcalc.functions.precision import PRECISIONS
from gradcalc.language.parser import parse


def findings_of(
    text: str, dtype: Dtype = FLOAT64, *, second_order: bool = False, **at: float
) -> tuple[Findings, str | None]:
    """Return the findings, and the text of the first value that is none or not known."""
    program = parse(text, variables=set(at))
    point = [dtype.round(Fraction(at[name])) for name in program.names]
    axes = range(len(point))
    entries = [(k,) for k in axes]
    if second_order:
        entries += [(i, j) for i in axes for j in axes]
    there = at_point(program, point, entries, dtype)
    number = there.unknown_at if there.undefined_at is None else there.undefined_at
    return there, None if number is None else program.source(number)


def derivatives(text: str, dtype: Dtype = FLOAT64, **at: float) -> list[float | None]:
    """Return the rounded derivatives, the first and then the second ones."""
    there, _ = findings_of(text, dtype, second_order=True, **at)
    return [None if ball is None else dtype.nearest(ball) for ball in there.derivatives]


@pytest.mark.parametrize(
    ("text", "at", "wanted"),
    [
        ("x**3", {"x": 2}, [12, 12]),
        ("x**2*y**3", {"x": 2, "y": 3}, [108, 108, 54, 108, 108, 72]),
        ("x**2*detach(x)", {"x": 3}, [18, 6]),
        ("relu(x)*y", {"x": -1, "y": 2}, [0, 0, 0, 0, 0, 0]),
        ("abs(x) + y**2", {"x": 0, "y": 2}, [None, 4, None, None, None, 2]),
        ("where(x > 0, x**2, 1/(x - x))", {"x": 3}, [6, 2]),
        ("1 + exp(x)", {"x": -700}, [9.859676543759770e-305] * 2),
        ("exp(x)/(1 + exp(x))", {"x": 1000}, [0, 0]),
        ("sin(x)**2 + cos(x)**2", {"x": 0.3}, [0, 0]),
        (
            "relu(x - 1 + exp(-y))",
            {"x": 1, "y": 230},
            [1, -1.2949981925089835e-100, 0, 0, 0, 1.2949981925089835e-100],
        ),
        ("0.1*x", {"x": 1}, [0.1, 0]),
    ],
)
def test_derivatives_are_those_of_the_chain_rule(
    text: str, at: dict[str, float], wanted: list[float | None]
) -> None:
    exact = derivatives(text, **at)
    assert [ball is None for ball in exact] == [value is None for value in wanted]
    there = [value for value in wanted if value is not None]
    assert [ball for ball in exact if ball is not None] == pytest.approx(there, rel=1e-15, abs=0)


@pytest.mark.parametrize("text", ["x**2 - 2*x*y", "exp(x*y)", "sqrt(x)/y", "tanh(x)*y - x"])
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
def test_balls_are_as_narrow_as_the_dtype_asks(text: str, dtype: Dtype) -> None:
    there, _ = findings_of(text, dtype, x=1.0625, y=3.14159)
    assert there.value.rel_accuracy_bits() > dtype.bits + 30
    assert all(ball.rel_accuracy_bits() > dtype.bits + 30 for ball in there.derivatives)


def test_bits_are_doubled_for_what_cancels() -> None:
    assert derivatives("((x + 1e200) - 1e200)**2", x=3) == [6, 2]
    assert derivatives("log(1 - tanh(x))", x=1000)[0] == -2


def test_precision_is_as_it_was() -> None:
    before = flint.ctx.prec
    derivatives("sin(pi*x)/(1 - x)", x=1)
    assert flint.ctx.prec == before != PRECISIONS[0]


@pytest.mark.parametrize(("dtype", "tenth"), [(FLOAT64, 0.1), (FLOAT32, 0.10000000149011612)])
def test_numbers_are_those_of_the_dtype(dtype: Dtype, tenth: float) -> None:
    assert derivatives("0.1*x", dtype, x=1)[0] == tenth
    assert derivatives("x**2", dtype, x=0.1)[0] == 2 * tenth


def test_values_of_results_that_have_one() -> None:
    program = parse("x/3, log(x), x*exp(x), 1/x")
    third, *others = values_at(program, [-1.0], FLOAT64)
    assert FLOAT64.nearest(third) == -1 / 3
    assert [type(ball).__name__ for ball in others] == ["NoneType", "arb", "arb"]


@pytest.mark.parametrize(
    ("text", "at", "undefined_at"),
    [
        ("log(x)", {"x": -1}, "log(x)"),
        ("exp(log(x))", {"x": -1}, "log(x)"),
        ("x/x", {"x": 0}, "x/x"),
        ("0*log(x)", {"x": 0}, "0*log(x)"),
        ("sqrt(x)*sqrt(x)", {"x": -1}, "sqrt(x)"),
        ("1 + sqrt(log(x) + asin(x + 2))", {"x": 0.5}, "asin(x + 2)"),
        ("lgamma(x)", {"x": -1}, "lgamma(x)"),
        ("x**y", {"x": 0, "y": -1}, "x**y"),
        ("where(x > 0, log(x), sqrt(x))", {"x": -1}, "sqrt(x)"),
    ],
)
def test_look_names_the_first_step_without_a_value(
    text: str, at: dict[str, float], undefined_at: str
) -> None:
    there, source = findings_of(text, **at)
    assert (there.defined, source) == (False, undefined_at)


@pytest.mark.parametrize(
    ("text", "x", "pole"),
    [
        ("1/sin(pi*x)", 1, "1/sin(pi*x)"),
        ("2*atan(1/sin(pi*x)) + x", 1, "1/sin(pi*x)"),
        ("tan(pi*x)", 0.5, "tan(pi*x)"),
        ("x*sec(pi/2)", 3, "sec(pi/2)"),
        ("gamma(sin(pi*x))", 1, "gamma(sin(pi*x))"),
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
    there, source = findings_of(text, x=x)
    assert (there.defined, source) == (pole is None, pole)


@pytest.mark.parametrize(
    ("text", "x"),
    [("1/(1 - tanh(x))", 200), ("logit(sigmoid(x))", 300), ("log(1 - sigmoid(x))", 300)],
)
def test_number_that_is_0_to_400_bits_only_is_one(text: str, x: float) -> None:
    assert findings_of(text, x=x)[0].defined


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
    there, source = findings_of(text, x=x)
    assert (there.defined, source) == (True, tie)


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
def test_look_sees_steps_on_a_kink(text: str, x: float, near_kink: bool) -> None:
    there, source = findings_of(text, x=x)
    assert (there.defined, source, there.is_near_kink((0,))) == (True, None, near_kink)


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
def test_look_names_the_inputs_that_reach_the_kink(
    text: str, at: dict[str, float], near_kink: str
) -> None:
    there, _ = findings_of(text, **at)
    names = parse(text, variables=set(at)).names
    assert {names[number] for number in there.near_kink} == set(near_kink)
    for pair in ((a, b) for a in range(len(names)) for b in range(len(names))):
        assert there.is_near_kink(pair) is any(names[axis] in near_kink for axis in pair)


def test_infinite_value_is_none() -> None:
    there, source = findings_of("x + inf", x=1)
    assert (there.defined, there.value, source) == (False, None, "x + inf")


@pytest.mark.parametrize("text", ["exp(exp(exp(x)))", "sin(exp(exp(x)))*x"])
def test_what_is_too_large_is_not_known(text: str) -> None:
    there, source = findings_of(text, x=1e5)
    assert (there.defined, there.value) == (True, None)
    assert source in {"exp(exp(exp(x)))", "exp(exp(x))", "sin(exp(exp(x)))"}


@pytest.mark.parametrize(
    ("text", "assumed"),
    [("log(-x)", False), ("1/(x - 1)", False), ("1/(sin(x)**2 + cos(x)**2 - 1)", True)],
)
def test_what_a_policy_decides_is_assumed(text: str, assumed: bool) -> None:
    there, _ = findings_of(text, x=1.0)
    assert (there.defined, there.assumed) == (False, assumed)
