"""The bounds of rounding errors hold: the exact value is within them, wherever they claim it."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from gradcalc.base.dtypes import FLOAT32, FLOAT64
from gradcalc.exact.policies import Lack
from gradcalc.exact.values import values_at
from gradcalc.functions import TABLE, torch
from gradcalc.functions.balls import flint
from gradcalc.functions.precision import precision
from gradcalc.language.parser import parse
from gradcalc.program.interpret import run
from gradcalc.rounding import bounds
from gradcalc.rounding.bounded import Bounded, measured, number_of
from gradcalc.rounding.bounds import Bounds

#: Expressions in x and y that lose digits in every way there is.
EXPRESSIONS = """
x*y + x/y - 3
x**2 - y**2
(x - y)*(x + y) - x**2 + y**2
x - sin(x)
sin(x*y)*cos(x/y)
exp(x*y) - exp(x)
exp(10*x - 7*y)
log(x**2 + y**2) - log(x**2)
log(x + y)
log1p(x*y)/expm1(x)
sqrt(x**2 + y) - x
1/(x - y)
tan(x + y)/tanh(x - y)
(x + y)**5 - (x - y)**-3
(x**2 + 0.1)**0.3
(x*x + 1)**y
where(x > y, sqrt(x - y), log(y - x))
abs(x**3 - y) + sign(x*y)
maximum(x*y, x + y) - minimum(x, y)
relu(x - y)*sigmoid(20*x)
gelu(x + y)*silu(x)
atan(x/y) + asin(sin(x))
acos(x/(1 + abs(x)))
floor(3*x) + (x % 1)
lgamma(x)*y + digamma(x)
i0(x)*sinc(y) - cbrt(x*y)
pi*x - e*y
erf(x)*erfc(y)
hypot(x - 1, y)
cosh(x)*sech(y*x)
(x > y) + ((x > 0) & (y < 1))
""".strip().splitlines()

#: Coordinates where things go wrong.
SPECIAL = (0.0, 1.0, -1.0, 0.5, 2.0, 1e-9, -1e-17, 1 + 2**-52, 3.0, math.pi, 1e5, -800.0, 1e-200)


def coordinates(count: int, seed: int) -> list[float]:
    rng = random.Random(seed)
    return [
        rng.choice((rng.gauss(0, 2), rng.choice(SPECIAL), rng.uniform(0, 1))) for _ in range(count)
    ]


def exact_values(text: str, points: list[tuple[float, ...]]) -> list[object]:
    program = parse(text)
    return [values_at(program, point[: len(program.inputs)], FLOAT64)[0] for point in points]


def bounded(text: str, points: list[tuple[float, ...]], **how: object) -> Bounded:
    program = parse(text)
    columns = [torch.tensor(column, dtype=torch.float64) for column in zip(*points, strict=True)]
    arithmetic = Bounds(FLOAT64, **how)
    inputs = [measured(column) for column in columns[: len(program.inputs)]]
    return arithmetic.number(run(program, inputs, arithmetic)[program.output])


def trusted(number: Bounded) -> list[bool]:
    doubt = number.value * 0 - 1 if number.doubt is None else number.doubt.expand_as(number.value)
    return (doubt < 0).tolist()


def error(number: Bounded) -> list[float]:
    total = torch.as_tensor(0.0 if number.error is None else number.error)
    return total.expand_as(number.value).tolist()


@pytest.mark.parametrize("text", EXPRESSIONS)
@pytest.mark.sampled(3)
def test_exact_value_is_within_the_bound(text: str) -> None:
    points = list(zip(coordinates(400, 1), coordinates(400, 2), strict=True))
    if not text.count("y"):
        points = [(x,) for x, _ in points]
    number = bounded(text, points)
    certain = 0
    for value, off, sure, exact in zip(
        number.value.tolist(),
        error(number),
        trusted(number),
        exact_values(text, points),
        strict=True,
    ):
        if sure and math.isfinite(off):
            certain += 1
            assert not isinstance(exact, Lack)
            with precision(600):
                assert abs(flint.arb(value) - exact) <= 1.02 * off
    assert certain > 100


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("log(exp(x) - exp(y))", [(0.3, 0.3), (0.3, 0.3 + 2**-54)]),
        ("sqrt(x)", [(0.0,), (-1.0,)]),
        ("relu(sin(x) - x)", [(1e-9,), (-1e-9,)]),
        ("abs(x - y)", [(2.0, 2.0)]),
        ("1/(sin(x) - x)", [(1e-9,), (4e-8,), (5e-8,)]),
        ("1/x", [(0.0,)]),
        ("exp(x)*exp(-x)", [(-800.0,), (800.0,)]),
        ("exp(x)*1e300", [(-800.0,)]),
        ("x*x", [(1e-200,), (1e200,)]),
        ("floor(x/3*3)", [(3.0,), (7.0,)]),
        ("where(sin(x) - x > 0, 1, 2)*x", [(1e-9,)]),
        ("asin(x + y)", [(0.5, 0.5)]),
        ("atanh(x + sin(y))", [(0.5, math.asin(0.5))]),
    ],
)
def test_nothing_is_claimed_there(text: str, points: list[tuple[float, ...]]) -> None:
    assert not any(trusted(bounded(text, points)))


def test_functions_of_unknown_accuracy_are_right_to_the_last_digit() -> None:
    points = [(-1.5,), (0.7,), (1.4616,)]
    number = bounded("digamma(x)", points)
    assert number.value.tolist() == [float(ball) for ball in exact_values("digamma(x)", points)]
    assert number.relative == FLOAT64.unit


def tensor(*values: float) -> Any:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "args", "wanted"),
    [
        ("lgamma", [tensor(0.5, 3.0, 0.5)], [math.lgamma(0.5), math.lgamma(3), math.lgamma(0.5)]),
        ("lgamma", [tensor(-1.0, 1.0)], [math.nan, 0.0]),
        ("i0", [tensor(math.inf, math.nan, 0.0)], [math.nan, math.nan, 1.0]),
        ("remainder", [tensor(1e300, -1.0), tensor(0.1, 3.0)], [math.fmod(1e300, 0.1), 2.0]),
        ("remainder", [tensor(7.5, 8.5), tensor(2.0)[0]], [1.5, 0.5]),
        ("polygamma", [tensor(1.0)[0], tensor(1.0)], [math.pi**2 / 6]),
        ("gamma", [tensor(200.0)], [math.inf]),
        ("digamma", [tensor(0.5)[0]], -1.9635100260214235),
    ],
)
def test_values_at_many_points_are_those_of_each(name: str, args: list[Any], wanted: Any) -> None:
    values = bounds.exact_values(TABLE[name], args)
    assert values.tolist() == pytest.approx(wanted, rel=1e-15, abs=0, nan_ok=True)


def test_each_point_is_calculated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    value = bounds._value_at
    monkeypatch.setattr(bounds, "_value_at", lambda row, at: asked.append(at) or value(row, at))
    bounds.exact_values(TABLE["lgamma"], [tensor(0.5, 1.5, 2.5).repeat(50)])
    assert sorted(asked) == [[0.5], [1.5], [2.5]]


@pytest.mark.parametrize(
    ("text", "points", "exact"),
    [
        ("x*y", [(1e4, 1e4), (0.1, 1e4), (3.0, 2.0**30 + 1)], [True, False, True]),
        ("x + y", [(2.0**40, 0.5), (2.0**40, 0.1)], [True, False]),
        ("x - y", [(2.0**40, 0.5), (2.0**40, 0.1), (0.3, 0.3)], [True, False, True]),
    ],
)
def test_what_torch_has_exactly_has_no_error(
    text: str, points: list[tuple[float, ...]], exact: list[bool]
) -> None:
    errors = error(bounded(text, points, as_torch=True))
    assert [not size for size in errors] == exact


def test_what_is_exact_in_float64_is_not_so_in_float32() -> None:
    program = parse("x*y")
    arithmetic = Bounds(FLOAT32, unit=FLOAT32.unit, as_torch=True)
    columns = [measured(tensor(1e4, 4097.0)), measured(tensor(1e4, 4099.0))]
    assert error(run(program, columns, arithmetic)[program.output])[0] == 0
    assert error(run(program, columns, arithmetic)[program.output])[1] > 0


def test_number_that_is_none_does_not_hide_that_others_are_too_small() -> None:
    points = [(math.nan,), (-800.0,), (-30.0,), (1.0,)]
    assert trusted(bounded("exp(x)*1e-280", points)) == [False, False, False, True]


def test_common_sign_needs_no_tensor_of_errors() -> None:
    points = [(0.5, 2.0), (1.5, 0.25)]
    assert bounded("x**2 + y*x + 3", points).absolute is None
    assert bounded("x**2 - y*x", points).absolute is not None


def test_branch_not_taken_casts_no_doubt() -> None:
    points = [(1.0,), (-1.0,)]
    assert trusted(bounded("where(x > 0, log(x), x**2)", points)) == [True, True]
    assert trusted(bounded("where(x < 0, log(x), x**2)", points)) == [True, False]


def test_larger_unit_gives_larger_bounds() -> None:
    points = [(0.3, 0.7)]
    near, far = (error(bounded("x*y - x", points, unit=d.unit))[0] for d in (FLOAT64, FLOAT32))
    assert far == pytest.approx(near * 2**29)


def test_number_is_the_same_at_all_points() -> None:
    two = number_of(2.0)
    assert (two.constant, two.exact, two.low, two.high, two.least) == (True, True, 2.0, 2.0, 2.0)
