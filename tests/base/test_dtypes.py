"""Rounding and ulps, held against Python's own float64 and torch's float32."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import pytest
from flint import arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st

from gradcalc.base.dtypes import DTYPES, EXACT, FLOAT32, FLOAT64, Dtype
from gradcalc.functions import torch

HALF = Fraction(1, 2)
INF = math.inf

finite64 = st.floats(allow_nan=False, allow_infinity=False)
finite32 = st.floats(allow_nan=False, allow_infinity=False, width=32)
fractions = st.builds(
    lambda numerator, denominator, power: Fraction(numerator, denominator) * Fraction(2) ** power,
    st.integers(-(10**25), 10**25),
    st.integers(1, 10**25),
    st.integers(-1200, 1200),
)


def python_round(value: Fraction) -> float:
    """Round as Python does, which rounds quotients of integers correctly."""
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return INF if value > 0 else -INF


def torch_round(value: float) -> float:
    return torch.tensor(value, dtype=torch.float64).to(torch.float32).item()


def number(value: Fraction) -> arb:
    """Return the binary fraction, exactly."""
    with ctx.workprec(9000):
        return arb(fmpq(value.numerator, value.denominator))


def next_up(dtype: Dtype, value: float) -> float:
    tensor = torch.tensor(value, dtype=getattr(torch, dtype.name))
    return torch.nextafter(tensor, torch.tensor(INF, dtype=tensor.dtype)).item()


@given(fractions)
def test_round_is_that_of_python(value: Fraction) -> None:
    assert FLOAT64.round(value) == python_round(value)


@given(finite64)
def test_round_is_that_of_torch_in_float32(value: float) -> None:
    assert FLOAT32.round(Fraction(value)) == torch_round(value)


@given(finite64)
def test_round_keeps_float64(value: float) -> None:
    assert FLOAT64.round(Fraction(value)) == value


@given(finite32)
def test_round_keeps_float32(value: float) -> None:
    assert FLOAT32.round(Fraction(value)) == FLOAT64.round(Fraction(value)) == value


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES.keys())
@given(value=finite64, power=st.integers(-3000, 3000))
def test_nearest_is_round(dtype: Dtype, value: float, power: int) -> None:
    exact = Fraction(value) * Fraction(2) ** power
    assert dtype.nearest(number(exact)) == dtype.round(exact)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("dtype", "exact", "wanted"),
    [
        # Ties go to the even neighbour, and anything beyond them does not.
        (FLOAT64, 1 + HALF**53, 1.0),
        (FLOAT64, 1 + HALF**53 + HALF**900, 1 + 2.0**-52),
        (FLOAT64, 1 + 3 * HALF**53, 1 + 2.0**-51),
        (FLOAT32, 1 + HALF**24, 1.0),
        (FLOAT32, 1 + HALF**24 + HALF**60, 1 + 2.0**-23),
        (FLOAT32, 1 + 3 * HALF**24, 1 + 2.0**-22),
        # Subnormal numbers.
        (FLOAT64, HALF**1074, 5e-324),
        (FLOAT64, HALF**1075, 0.0),
        (FLOAT64, HALF**1075 + HALF**1200, 5e-324),
        (FLOAT64, 3 * HALF**1075, 1e-323),
        (FLOAT64, HALF**1022 - HALF**1075, 2.0**-1022),
        (FLOAT32, HALF**149, 2.0**-149),
        (FLOAT32, HALF**150, 0.0),
        (FLOAT32, HALF**150 + HALF**200, 2.0**-149),
        (FLOAT32, 5 * HALF**150, 2.0**-148),
        (FLOAT32, Fraction(0), 0.0),
        # The end of the range: half an ulp beyond the largest number is infinite.
        (FLOAT64, Fraction(2**1024 - 2**971), 1.7976931348623157e308),
        (FLOAT64, Fraction(2**1024 - 2**970 - 1), 1.7976931348623157e308),
        (FLOAT64, Fraction(2**1024 - 2**970), INF),
        (FLOAT64, Fraction(2) ** 5000, INF),
        (FLOAT32, Fraction(2**128 - 2**104), 3.4028234663852886e38),
        (FLOAT32, Fraction(2**128 - 2**103 - 1), 3.4028234663852886e38),
        (FLOAT32, Fraction(2**128 - 2**103), INF),
        # Decimal numbers are not what they look like.
        (FLOAT32, Fraction(1, 10), 0.10000000149011612),
        (FLOAT64, Fraction(1, 10), 0.1),
    ],
)
def test_round_at_the_edges(dtype: Dtype, exact: Fraction, wanted: float, sign: int) -> None:
    assert dtype.round(sign * exact) == sign * wanted
    if not exact.denominator & (exact.denominator - 1):
        assert dtype.nearest(number(sign * exact)) == sign * wanted


@pytest.mark.parametrize(
    ("power", "wanted"),
    [
        *((2**100, INF), (10**9, INF), (1024, INF), (1023, 2.0**1023)),
        *((-1075, 0.0), (-(10**9), 0.0), (-(2**100), 0.0)),
    ],
)
def test_nearest_takes_immense_exponents(power: int, wanted: float) -> None:
    ball = arb((1, power))
    assert FLOAT64.nearest(ball) == wanted
    assert FLOAT64.nearest(-ball) == -wanted
    assert FLOAT32.nearest(ball) == (wanted if wanted in {0, INF} else INF)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES.keys())
def test_nearest_to_an_infinity_is_itself(dtype: Dtype) -> None:
    assert dtype.nearest(arb.pos_inf()) == -dtype.nearest(arb.neg_inf()) == INF


@pytest.mark.parametrize(
    ("dtype", "typed", "wanted"),
    [
        (FLOAT64, Fraction("0.1"), Fraction(0.1)),
        (FLOAT32, Fraction("0.1"), Fraction(0.10000000149011612)),
        (EXACT, Fraction("0.1"), Fraction(1, 10)),
        # By way of float64, as torch does: rounded at once it would be 1 + 2**-23.
        (FLOAT32, 1 + HALF**24 + HALF**60, Fraction(1)),
        # What float32 cannot hold stays a float64.
        (FLOAT32, Fraction(10) ** 300, Fraction(1e300)),
        (FLOAT32, Fraction(1, 10**300), Fraction(1e-300)),
        (FLOAT32, Fraction(0), Fraction(0)),
    ],
)
def test_literal_is_the_number_torch_sees(dtype: Dtype, typed: Fraction, wanted: Fraction) -> None:
    assert dtype.literal(typed) == wanted
    assert dtype.literal(-typed) == -wanted


@given(finite64, st.integers(0, 1000))
def test_ulps_are_those_of_python(value: float, count: int) -> None:
    moved = value + math.copysign(count, value) * math.ulp(value)
    wanted = (
        INF
        if math.isinf(moved)
        else abs(Fraction(moved) - Fraction(value)) / Fraction(math.ulp(value))
    )
    assert FLOAT64.ulps(moved, value) == wanted


@given(finite64, finite64)
def test_ulps_are_no_more_than_the_numbers_between(value: float, exact: float) -> None:
    ulps = FLOAT64.ulps(value, exact)
    assert ulps < 2.0**64
    places = [
        math.copysign(struct.unpack("q", struct.pack("d", abs(x)))[0], x) for x in (value, exact)
    ]
    if ulps >= 2**53:
        assert ulps <= abs(places[0] - places[1])


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES.keys())
@given(value=finite32)
def test_neighbour_is_an_ulp_away(dtype: Dtype, value: float) -> None:
    above = next_up(dtype, value)
    wanted = INF if math.isinf(above) else 1
    # Below a power of two the numbers are twice as dense.
    assert dtype.ulps(above, value) in {wanted, 0.5 * wanted}
    assert dtype.ulps(value, value) == 0


@pytest.mark.parametrize(
    ("dtype", "value", "exact", "wanted"),
    [
        (FLOAT64, 1 + 2.0**-52, 1.0, 1),
        (FLOAT64, 1 - 2.0**-53, 1.0, 0.5),
        (FLOAT32, 1 + 2.0**-23, 1.0, 1),
        (FLOAT32, 1 + 2.0**-20, 1.0, 8),
        (FLOAT64, 1 + 2.0**-20, 1.0, 2**32),
        (FLOAT64, -1.0, 1.0, 2**53),
        (FLOAT64, 5e-324, 0.0, 1),
        (FLOAT32, 2.0**-149, 0.0, 1),
        (FLOAT32, 1.0, 0.0, 127 * 2**23),
        (FLOAT32, 0.0, 2.0**-100, 2**23),
        (FLOAT64, 1e-16, 0.0, float(4367597403136100796)),
        (FLOAT64, -1e-16, 5e-324, float(4367597403136100796)),
        (FLOAT64, 1.0, 1e-300, float(4607182418800017408) - 118622047889322841.0),
        (FLOAT64, 1.0, -1.0, 2**53),
        (FLOAT64, 0.0, 1e-300, 1e-300 / math.ulp(1e-300)),
        (FLOAT64, 0.0, 5e-324, 1),
        (FLOAT64, 0.0, -0.0, 0),
        (FLOAT64, INF, 1.0, INF),
        (FLOAT64, 1.0, INF, INF),
        (FLOAT64, -INF, INF, INF),
        (FLOAT64, INF, INF, 0),
        (FLOAT64, math.nan, 1.0, INF),
        (FLOAT64, 1.0, math.nan, INF),
        (FLOAT64, math.nan, math.nan, INF),
    ],
)
def test_ulps(dtype: Dtype, value: float, exact: float, wanted: float) -> None:
    assert dtype.ulps(value, exact) == wanted


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES.keys())
def test_formats_are_those_of_torch(dtype: Dtype) -> None:
    info = torch.finfo(getattr(torch, dtype.name))
    assert DTYPES[dtype.name] is dtype
    assert dtype.unit == info.eps / 2
    assert 2.0**dtype.least == info.smallest_normal * info.eps
    assert dtype.round(Fraction(info.max)) == info.max
    assert dtype.round(Fraction(info.max) * (1 + Fraction(dtype.unit))) == INF
    assert dtype.digits == math.floor((dtype.bits - 1) * math.log10(2))


def test_each_of_the_two_is_the_other_s_other() -> None:
    assert [dtype.other for dtype in (FLOAT64, FLOAT32)] == [FLOAT32, FLOAT64]
