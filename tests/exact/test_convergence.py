"""Numbers that keep their value as the precision grows, and limits of sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gradcalc.exact.convergence import (
    BITS,
    PRECISIONS,
    STEPS,
    Limit,
    Trend,
    close,
    extrapolate,
    settle,
)
from gradcalc.functions import mp

if TYPE_CHECKING:
    from collections.abc import Callable

PRECISION = 2000


def limit(quantity: Callable[[Any], Any], steps: tuple[int, ...] = STEPS) -> Limit:
    """Judge a quantity's values at steps 2**-k."""
    with mp.workprec(PRECISION):
        return extrapolate([quantity(mp.ldexp(1, -bits)) for bits in steps])


def missing_below(bits: int) -> Callable[[Any], Any]:
    return lambda h: None if h < mp.ldexp(1, -bits) else h


# --- Limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "wanted"),
    [
        pytest.param(lambda h: mp.mpf(3) + 0 * h, 3, id="constant"),
        pytest.param(lambda h: 3 + h, 3, id="3+h"),
        pytest.param(lambda h: -3 + 1000 * h**2, -3, id="-3+1000h2"),
        pytest.param(lambda h: 1e300 * (1 + h), 1e300, id="huge"),
        pytest.param(lambda h: 1e-300 * (1 + h), 1e-300, id="tiny"),
        pytest.param(lambda h: 5 + mp.sqrt(h), 5, id="5+sqrt(h)"),
        pytest.param(lambda h: h, 0, id="h"),
        pytest.param(lambda h: -(h**3), 0, id="-h3"),
        pytest.param(mp.sqrt, 0, id="sqrt(h)"),
        pytest.param(lambda h: mp.exp(-1 / h), 0, id="exp(-1/h)"),
        pytest.param(lambda h: h * mp.log(h), 0, id="hlog(h)"),
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
        pytest.param(lambda h: 1 / mp.sqrt(h), id="h-1/2"),
        pytest.param(lambda h: h ** (-mp.mpf(1) / 10), id="h-1/10"),
        pytest.param(lambda h: 1e-300 / h**20, id="tiny"),
        pytest.param(lambda h: -mp.log(h), id="log"),
        pytest.param(lambda h: 5 - mp.log(h), id="5+log"),
        pytest.param(lambda h: 74 - mp.log(h, 2), id="74+log2"),
        pytest.param(lambda h: -31 - mp.log(h, 2), id="-31+log2"),
        pytest.param(lambda h: h ** (-mp.mpf(1) / 57), id="h-1/57"),
        pytest.param(lambda h: 7 + 1 / h, id="7+1/h"),
    ],
)
def test_limit_is_infinite(quantity: Callable[[Any], Any], sign: int) -> None:
    assert limit(lambda h: sign * quantity(h)) == Limit(Trend.INFINITE, sign * mp.inf)


@pytest.mark.parametrize("count", [1, 2])
def test_limit_is_undefined_where_the_smallest_steps_have_no_value(count: int) -> None:
    assert limit(missing_below(STEPS[-count] - 1)) == Limit(Trend.UNDEFINED)


def test_limit_is_defined_where_all_steps_have_a_value() -> None:
    assert limit(missing_below(STEPS[-1])) == Limit(Trend.SETTLED, 0)


def test_limit_forgives_a_missing_first_value() -> None:
    with mp.workprec(PRECISION):
        assert extrapolate([None, mp.mpf(2), mp.mpf(2)]) == Limit(Trend.SETTLED, 2)


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
    assert extrapolate([mp.mpf(value) for value in sequence]) == Limit(Trend.UNSETTLED)


# --- Digits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calculate", "wanted"),
    [
        pytest.param(lambda: mp.mpf(1) / 3, "0.333333333333333333333333333333333", id="third"),
        pytest.param(lambda: mp.mpf(0), "0", id="zero"),
        pytest.param(
            lambda: 1 - mp.cos(mp.mpf(10) ** -30),
            "5.00000000000000000000000000000000e-61",
            id="cancels",
        ),
        pytest.param(lambda: mp.sin(mp.mpf(1e308)), "0.4533964905016491", id="sin(1e308)"),
        pytest.param(
            lambda: mp.mpf(10) ** 300 * mp.pi, "3.14159265358979323846264338327950e300", id="huge"
        ),
    ],
)
def test_settled_value_has_all_its_digits(calculate: Callable[[], Any], wanted: str) -> None:
    digits = 15 if len(wanted) < 20 else 28
    with mp.workprec(PRECISION):
        exact = mp.mpf(wanted)
        assert abs(settle(calculate) - exact) <= abs(exact) * mp.mpf(10) ** -digits


@pytest.mark.parametrize(
    "calculate",
    [
        pytest.param(lambda: mp.mpf(0), id="0"),
        pytest.param(lambda: mp.sqrt(2) ** 2 - 2, id="sqrt(2)2-2"),
        pytest.param(lambda: mp.sin(mp.pi), id="sin(pi)"),
        pytest.param(lambda: mp.exp(mp.log(3)) - 3, id="exp(log(3))-3"),
        pytest.param(lambda: 1e300 * (mp.sin(1) ** 2 + mp.cos(1) ** 2 - 1), id="huge"),
    ],
)
def test_what_shrinks_with_every_precision_is_0(calculate: Callable[[], Any]) -> None:
    assert settle(calculate) == 0


@pytest.mark.parametrize(
    "calculate",
    [
        pytest.param(lambda: None, id="none"),
        pytest.param(lambda: mp.inf, id="infinite"),
        pytest.param(lambda: mp.nan, id="nan"),
        pytest.param(lambda: mp.mpf(mp.mp.prec), id="grows"),
        pytest.param(lambda: mp.mpf((-1) ** (mp.mp.prec // 100)) + mp.mp.prec, id="jumps"),
        pytest.param(lambda: 1 / mp.mpf(mp.mp.prec), id="shrinks-slowly"),
    ],
)
def test_what_does_not_settle_has_no_value(calculate: Callable[[], Any]) -> None:
    assert settle(calculate) is None


def test_settling_sees_what_is_small_with_more_bits() -> None:
    value = settle(lambda: (1 + mp.mpf(1e-300)) - 1, more=1000)
    assert float(value) == 1e-300


def test_settling_restores_the_precision() -> None:
    before = mp.mp.prec
    settle(lambda: mp.sin(mp.pi))
    assert mp.mp.prec == before


def test_settling_stops_at_two_that_agree() -> None:
    asked: list[int] = []

    def calculate() -> Any:
        asked.append(mp.mp.prec)
        return mp.mpf(1) / 3

    settle(calculate)
    assert asked == list(PRECISIONS[:2])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("value", "other", "bits", "wanted"),
    [
        (1, 1, BITS, True),
        (0, 0, BITS, True),
        (0, 1e-300, BITS, False),
        (1, -1, 1, False),
        (1, 1 + 2.0**-20, 20, True),
        (1, 1 + 2.0**-19, 20, False),
        (1e300, 1e300 * (1 + 2.0**-30), 29, True),
        (1e-300, 1e-300 * (1 + 2.0**-30), 31, False),
    ],
)
def test_close(value: float, other: float, bits: int, wanted: bool, sign: int) -> None:
    assert close(sign * mp.mpf(value), sign * mp.mpf(other), bits) is wanted
    assert close(sign * mp.mpf(other), sign * mp.mpf(value), bits) is wanted
