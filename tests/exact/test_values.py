"""Results of programs as balls: known as the dtype asks, infinite, lacking, or not known."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from gradcalc.base.dtypes import EXACT, FLOAT32, FLOAT64
from gradcalc.exact.policies import Lack
from gradcalc.exact.values import results_at, values_at
from gradcalc.functions.balls import flint
from gradcalc.language.parser import parse


def test_ball_holds_the_value_and_is_narrow() -> None:
    (ball,) = values_at(parse("sqrt(x + 1) - sqrt(x)"), [1e15], EXACT)
    assert ball.rel_accuracy_bits() > 200
    assert float(ball) == pytest.approx(1.5811388300841893e-08, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1/3 > 0", 1.0),
        ("exp(-inf)", 0.0),
        ("where(x > 0, log(x), log(-x))", 0.0),
        ("(sin(x)**2 + cos(x)**2 - 1)*x", 0.0),
        ("where(x > 0, 1/(x + 1), x)", -1.0),
    ],
)
def test_value(text: str, wanted: float) -> None:
    program = parse(text)
    assert [float(v) for v in values_at(program, [-1.0] * len(program.inputs), FLOAT64)] == [wanted]


def test_literals_are_numbers_of_a_dtype() -> None:
    program = parse("0.1*x")
    for literals, wanted in ((FLOAT32, 13421773 / 2**27), (EXACT, Fraction(1, 10))):
        (ball,) = values_at(program, [1.0], FLOAT64, literals=literals)
        exact = Fraction(wanted)
        assert ball.overlaps(flint.arb(flint.fmpq(exact.numerator, exact.denominator)))


#: The results log(x), log(x - 1), infinity and 2.
SEVERAL = replace(parse("log(x) + log(x - 1) + inf*2"), outputs=(4, 6, 8, 3))


def test_what_is_no_finite_number_says_what_it_is() -> None:
    results = results_at(SEVERAL, [0.0], FLOAT64)
    assert [results[0], *results[2:]] == [-flint.arb.pos_inf(), flint.arb.pos_inf(), 2]
    assert isinstance(results[1], Lack)
    assert results[1].certain
    assert values_at(SEVERAL, [0.0], FLOAT64) == [None] * 3 + [2]
