"""What becomes of a quantity as a step goes to 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from gradcalc.functions.balls import flint
from gradcalc.functions.precision import precision
from gradcalc.limit.convergence import STEPS, Limit, Trend, close, extrapolate

if TYPE_CHECKING:
    from collections.abc import Callable

PRECISION = 2000


def limit(quantity: Callable[[Any], Any], steps: tuple[int, ...] = STEPS) -> Limit:
    """Judge a quantity's values at steps 2**-k."""
    with precision(PRECISION):
        numbers = [quantity(flint.arb(2) ** -bits) for bits in steps]
        return extrapolate([None if number is None else flint.arb(number) for number in numbers])


def missing_below(bits: int) -> Callable[[Any], Any]:
    return lambda h: None if h < flint.arb(2) ** -bits else h


# --- Limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "wanted"),
    [
        pytest.param(lambda h: 3 + 0 * h, 3, id="constant"),
        pytest.param(lambda h: 3 + h, 3, id="3+h"),
        pytest.param(lambda h: -3 + 1000 * h**2, -3, id="-3+1000h2"),
        pytest.param(lambda h: 1e300 * (1 + h), 1e300, id="huge"),
        pytest.param(lambda h: 1e-300 * (1 + h), 1e-300, id="tiny"),
        pytest.param(lambda h: 5 + h.sqrt(), 5, id="5+sqrt(h)"),
        pytest.param(lambda h: h, 0, id="h"),
        pytest.param(lambda h: -(h**3), 0, id="-h3"),
        pytest.param(lambda h: h.sqrt(), 0, id="sqrt(h)"),
        pytest.param(lambda h: (-1 / h).exp(), 0, id="exp(-1/h)"),
        pytest.param(lambda h: h * h.log(), 0, id="hlog(h)"),
        pytest.param(lambda h: 0 * h, 0, id="0"),
    ],
)
def test_limit_is_settled(quantity: Callable[[Any], Any], wanted: float) -> None:
    judged = limit(quantity)
    assert judged.trend is Trend.SETTLED
    assert abs(judged.value - wanted) <= abs(wanted) * 2.0**-40


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "quantity",
    [
        pytest.param(lambda h: 1 / h, id="1/h"),
        pytest.param(lambda h: h**-3, id="h-3"),
        pytest.param(lambda h: 1 / h.sqrt(), id="h-1/2"),
        pytest.param(lambda h: h ** (-flint.arb(1) / 10), id="h-1/10"),
        pytest.param(lambda h: 1e-300 / h**20, id="tiny"),
        pytest.param(lambda h: -h.log(), id="log"),
        pytest.param(lambda h: 5 - h.log(), id="5+log"),
        pytest.param(lambda h: 74 - h.log() / flint.arb(2).log(), id="74+log2"),
        pytest.param(lambda h: -31 - h.log() / flint.arb(2).log(), id="-31+log2"),
        pytest.param(lambda h: h ** (-flint.arb(1) / 57), id="h-1/57"),
        pytest.param(lambda h: 7 + 1 / h, id="7+1/h"),
    ],
)
def test_limit_is_infinite(quantity: Callable[[Any], Any], sign: int) -> None:
    judged = limit(lambda h: sign * quantity(h))
    assert (judged.trend, float(judged.value)) == (Trend.INFINITE, sign * math.inf)


@pytest.mark.parametrize("count", [1, 2])
def test_limit_is_undefined_where_the_smallest_steps_have_no_value(count: int) -> None:
    assert limit(missing_below(STEPS[-count] - 1)) == Limit(Trend.UNDEFINED)


def test_limit_is_defined_where_all_steps_have_a_value() -> None:
    judged = limit(missing_below(STEPS[-1]))
    assert (judged.trend, float(judged.value)) == (Trend.SETTLED, 0)


def test_limit_forgives_a_missing_first_value() -> None:
    two = flint.arb(2)
    assert extrapolate([None, two, two]) == Limit(Trend.SETTLED, two)


@pytest.mark.parametrize(
    "sequence",
    [
        pytest.param([1, -1], id="sign"),
        pytest.param([0.5, 0.3], id="sin(1/h)"),
        pytest.param([1, 1.2], id="creeps"),
        pytest.param([2, -4], id="grows-and-flips"),
        pytest.param([0, 1, 2], id="0-first"),
        pytest.param([1, 0, 2], id="0-before"),
        pytest.param([1, 2.0**-20, 0], id="0-last"),
        pytest.param([1, -2, 4], id="grows-and-flips-twice"),
        pytest.param([1, 2.0**-9, 2.0**-18], id="shrinks-like-no-power"),
        pytest.param([1, 1.5, 4], id="grows-like-no-power"),
    ],
)
def test_limit_is_unsettled(sequence: list[float]) -> None:
    assert extrapolate([flint.arb(value) for value in sequence]) == Limit(Trend.UNSETTLED)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("value", "other", "bits", "wanted"),
    [
        (1, 1, 96, True),
        (0, 0, 96, True),
        (0, 1e-300, 96, False),
        (1, -1, 1, False),
        (1, 1 + 2.0**-20, 20, True),
        (1, 1 + 2.0**-19, 20, False),
        (1e300, 1e300 * (1 + 2.0**-30), 29, True),
        (1e-300, 1e-300 * (1 + 2.0**-30), 31, False),
    ],
)
def test_close(value: float, other: float, bits: int, wanted: bool, sign: int) -> None:
    assert close(sign * flint.arb(value), sign * flint.arb(other), bits) is wanted
    assert close(sign * flint.arb(other), sign * flint.arb(value), bits) is wanted
