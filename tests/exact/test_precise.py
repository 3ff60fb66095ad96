"""A program at high precision: values, constants, and what has no value."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from gradcalc.base.dtypes import FLOAT32, FLOAT64, Dtype
from gradcalc.exact.precise import Undefined, constant_values, values
from gradcalc.functions import mp
from gradcalc.language.parser import parse

if TYPE_CHECKING:
    from gradcalc.program.program import Program

INF = float("inf")


def point(program: Program, at: dict[str, float], dtype: Dtype) -> list[Fraction]:
    return [Fraction(dtype.round(Fraction(at[name]))) for name in program.names]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("pi", float(mp.pi)),
        ("1/3", 1 / 3),
        ("2**0.5", 2**0.5),
        ("0.1 + 0.2", 0.1 + 0.2),
        ("1e308*10/10", 1e308),
        ("1e16 + 1 - 1e16", 1),
        ("sqrt(1 + 1e-300) - 1", 5e-301),
        ("inf", INF),
        ("-inf", -INF),
    ],
)
def test_constant_value_is_rounded_once(text: str, wanted: float) -> None:
    assert constant_values(parse(text), FLOAT64) == [wanted]


@pytest.mark.parametrize("text", ["log(-1)", "1/0", "nan", "sqrt(-1)*0"])
def test_constant_without_a_value_is_nan(text: str) -> None:
    (value,) = constant_values(parse(text), FLOAT64)
    assert value != value  # noqa: PLR0124 - nan


def test_constants_of_several_results_are_rounded_each() -> None:
    assert constant_values(parse("1/3, 2 > 1, -inf"), FLOAT32) == [0.3333333432674408, 1, -INF]


def all_values(text: str, **at: float) -> list[Any]:
    program = parse(text, variables=set(at))
    return values(program, [mp.mpf(at[name]) for name in program.names], FLOAT64)


def test_values_spread_what_is_undefined() -> None:
    values = all_values("sqrt(x) + log(y)", x=-1, y=2)
    assert [isinstance(value, Undefined) for value in values] == [False, False, True, False, True]
    assert values[-1] == values[2] == Undefined(2)


def test_branch_not_taken_may_be_undefined() -> None:
    assert all_values("where(x > 0, sqrt(x), x)", x=-1)[-1] == -1
