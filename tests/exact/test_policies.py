"""What balls do not settle by themselves: each policy."""

from __future__ import annotations

from typing import Any

import pytest

from gradcalc.base.dtypes import FLOAT64
from gradcalc.exact import policies
from gradcalc.exact.point import at_point
from gradcalc.exact.policies import Lack
from gradcalc.functions import TABLE
from gradcalc.functions.balls import flint
from gradcalc.functions.precision import PRECISIONS, precision
from gradcalc.language.parser import parse

arb = flint.arb


def around(middle: float, radius: float) -> Any:
    return arb(middle, radius)


def value(name: str, *args: Any) -> Any:
    return policies.value_of(TABLE[name], args, 7)


# --- Exact zeros ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "x", "assumed"),
    [
        ("abs(sin(pi*x))", 1, True),
        ("abs(x - 1)", 1, False),
        ("relu(exp(log(x)) - x)", 3, True),
        ("x*sin(pi)", 2, False),  # the ball of the result is narrow enough
        ("where(x > 0, x, abs(sin(pi)))", 2, False),
    ],
)
def test_what_is_left_of_an_exact_zero_counts_as_0_at_the_last_precision(
    text: str, x: float, assumed: bool
) -> None:
    there = at_point(parse(text), [x], [(0,)], FLOAT64)
    assert (there.assumed, there.defined) == (assumed, True)


def test_small_ball_around_0_counts_as_0() -> None:
    with precision(PRECISIONS[-1]):
        assert policies.is_nothing(arb.pi().sin())
        assert not policies.is_nothing(arb(0))
        assert not policies.is_nothing(around(0, 1))
        assert not policies.is_nothing(arb(2) ** -PRECISIONS[-1])


# --- No value, or not known -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args", "certain"),
    [
        ("log", [arb(-1)], True),
        ("log", [around(-1, 0.5)], True),
        ("log", [around(0, 1)], False),
        ("sqrt", [around(0, 1)], False),
        ("div", [arb(1), arb(0)], True),
        ("div", [arb(1), around(0, 1)], False),
        ("exp", [arb(2) ** 1_000_000], False),
        ("asin", [around(3, 1)], True),
        ("gt", [around(0, 1), arb(0)], False),
        ("floor", [around(1, 0.5)], False),
    ],
)
def test_lack_is_certain_where_arguments_are_exact_or_outside(
    name: str, args: list[Any], certain: bool
) -> None:
    assert value(name, *args) == Lack(7, certain)


def test_lack_spreads_but_for_the_branch_not_taken() -> None:
    lack = Lack(3, certain=True)
    assert value("add", arb(1), lack) == lack
    assert value("where", False, lack, arb(2)) == 2
    assert value("where", True, lack, arb(2)) == lack


# --- Infinities -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "wanted"),
    [
        ("exp(log(x))", [0.0], 0),
        ("x*exp(-inf)", [2.0], 0),
        ("sigmoid(log(x))", [0.0], 0),
        ("log(x)", [0.0], None),
        ("x*log(x)", [0.0], None),
        ("1/x", [0.0], None),
        ("x + inf - inf", [1.0], None),
        ("sin(log(x))", [0.0], None),
    ],
)
def test_infinity_is_a_value_where_the_result_forgets_it(
    text: str, at: list[float], wanted: float | None
) -> None:
    there = at_point(parse(text), at, [], FLOAT64)
    assert (None if there.value is None else float(there.value)) == wanted
    assert there.defined is (wanted is not None)


def test_end_of_a_domain_that_the_value_forgets_is_a_kink() -> None:
    assert at_point(parse("exp(log(x))"), [0.0], [(0,)], FLOAT64).near_kink == {0}


# --- Comparisons, kinks, sizes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "wanted"),
    [(arb(0), False), (arb(2), True), (around(2, 1), True), (around(0, 1), Lack(-1, False))],
)
def test_number_is_a_condition_if_it_is_certainly_0_or_not(number: Any, wanted: object) -> None:
    assert policies.condition_of(number) == wanted


@pytest.mark.parametrize(
    ("x", "on_kink", "at_last"),
    [
        (arb(1), False, False),
        (around(1, 0.5), False, False),
        (arb(0), True, True),
        (around(0, 1), None, True),
    ],
)
def test_kink_is_certain_or_counts_as_one_at_the_last(
    x: Any, on_kink: bool | None, at_last: bool
) -> None:
    margin = policies.margin(TABLE["abs"], 0, [x])
    assert policies.is_kink(margin, last=False) is on_kink
    assert policies.is_kink(margin, last=True) is at_last


def test_number_of_any_size_is_a_number() -> None:
    there = at_point(parse("log(exp(x)**x)"), [1e6], [(0,)], FLOAT64)
    assert [float(there.value), float(there.derivatives[0])] == [1e12, 2e6]


@pytest.mark.parametrize(
    ("text", "x", "wanted"),
    [("floor(log10(x))", 1000, 3), ("ceil(log2(x))", 8, 3), ("trunc(exp(log(x)))", 5, 5)],
)
def test_what_is_left_of_a_whole_number_counts_as_one(text: str, x: float, wanted: float) -> None:
    there = at_point(parse(f"{text}*y"), [x, 1.0], [(0,), (1,)], FLOAT64)
    assert (float(there.value), there.assumed) == (wanted, True)
    assert there.near_kink == {0}
