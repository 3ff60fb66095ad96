"""The column `value` held against another library's functions, at points and over whole balls."""

from __future__ import annotations

import contextlib
import math
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from by_mpmath import mp
from by_mpmath import value as oracle
from flint import arb, ctx, fmpz
from strategies import ROWS

from gradcalc.functions import TABLE, balls
from gradcalc.functions.balls import Undecided

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcalc.functions import Function, Point

INF = math.inf
each_row = pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])

#: Rows for which the oracle takes seconds at thousands of bits.
SLOW = {"gamma", "factorial", "lgamma", "beta", "digamma", "polygamma"}

#: Rows whose values are immense, or 1 over that, where an argument is large.
IMMENSE = {
    *("pow", "exp", "exp2", "expm1", "sinh", "cosh", "sech", "csch", "sigmoid", "softplus"),
    *("gelu", "silu", "mish", "logsigmoid", "erfc", "erfcx", "ndtr", "log_ndtr", "i0", "i1"),
}

#: Bits up to which a ball must become as narrow as is asked, whatever the point.
MOST = 8192


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    before = ctx.prec
    yield
    ctx.prec = before


# --- The oracle -----------------------------------------------------------------------------------


def exact(value: Any) -> Any:
    """An mpmath number as a ball without a radius."""
    negative, mantissa, exponent, _ = value._mpf_
    size = arb(fmpz(int(mantissa))) * arb(2) ** exponent
    return -size if negative else size


def settled(row: Function, point: Point, bits: int) -> Any:
    """The oracle's value as a ball of so many bits: two precisions must agree."""
    before = None
    # x - tanh(x) is as small as x**3.
    sizes = [abs(math.frexp(a)[1]) for a in point if math.isfinite(a)]
    precision = 2 * bits + 64 + 3 * max(sizes)
    while precision < 40_000:
        with mp.workprec(precision):
            args = [a != 0 if k < row.conditions else mp.mpf(a) for k, a in enumerate(point)]
            value = oracle(row, args)
            if value is None or isinstance(value, bool):
                return value
            if before is not None and abs(value - before) <= abs(value) * mp.ldexp(1, -bits):
                with ctx.workprec(precision):
                    # log_ndtr(1000) is no 0, but smaller than these bits tell.
                    least = 0 if value else arb(2) ** (max(sizes) - precision)
                    return exact(value) * (1 + arb(0, arb(2) ** -bits)) + arb(0, least)
        before, precision = value, 2 * precision
    pytest.skip("the oracle does not settle")


def value(row: Function, args: list[Any], bits: int) -> Any:
    """The column at numbers and balls, as a ball or a condition."""
    with ctx.workprec(bits):
        given = [a != 0 if k < row.conditions else arb(a) for k, a in enumerate(args)]
        result = row.value(*given)
    assert isinstance(result, arb | bool)
    return result


# --- Points ---------------------------------------------------------------------------------------


def points(row: Function, count: int) -> Iterator[Point]:
    """Points all over the domain, near its ends and kinks, and of extreme sizes."""
    rng = random.Random(row.name)
    ends = [*row.outside, *(kink.at for kink in row.kinks)]
    for number in range(count):
        near = bool(ends) and rng.random() < 0.4
        base = rng.choice(ends if near else row.samples)
        size = (-16, 0) if near else (-8, 3)

        def moved(end: float, near: bool = near, size: Any = size) -> float:
            away = rng.choice((-1, 1)) * 10 ** rng.uniform(*size)
            return end + away if near else away

        point = [
            end if p.static else moved(end) for p, end in zip(row.parameters, base, strict=False)
        ]
        if number % 8 == 0:
            # Extremes: as small as there are, and as large as the oracle can take.
            free = [k for k, p in enumerate(row.parameters[: len(point)]) if not p.static]
            small = -30 if row.name in SLOW else -300
            large = 3 if row.name in SLOW | IMMENSE else 300
            point[rng.choice(free)] = rng.choice((-1, 1)) * 10.0 ** rng.choice((small, -30, large))
        yield tuple(point)


def check_point(row: Function, point: Point, bits: int) -> None:
    wanted = settled(row, point, bits)
    while True:
        try:
            result = value(row, list(point), bits)
        except Undecided:
            result = arb.nan()
        if wanted is None:
            assert isinstance(result, arb)
            assert not result.is_finite(), (point, result)
            return
        if isinstance(wanted, bool):
            assert result is wanted, point
            return
        if result.is_finite():
            assert result.overlaps(wanted), (point, result, wanted)
        if result.is_exact() or result.rel_accuracy_bits() >= bits // 2:
            return
        bits *= 2
        assert bits <= MOST, (point, result, wanted)


@each_row
@pytest.mark.parametrize("bits", [53, 128])
def test_value_is_enclosed(row: Function, bits: int) -> None:
    for point in [*row.samples, *points(row, 12)]:
        check_point(row, point, bits)


@pytest.mark.slow
@each_row
@pytest.mark.parametrize("bits", [53, 128, 1024])
def test_value_is_enclosed_at_many_points(row: Function, bits: int) -> None:
    for point in points(row, 200 if bits < 1024 else 10):
        check_point(row, point, bits)


@each_row
def test_value_keeps_most_bits_at_ordinary_points(row: Function) -> None:
    for point in row.samples:
        for bits in (128, 1024):
            result = value(row, list(point), bits)
            narrow = isinstance(result, bool) or result.is_exact()
            assert narrow or result.rel_accuracy_bits() >= bits - 12, (point, result)


# --- Balls that are wide --------------------------------------------------------------------------


def check_ball(row: Function, point: Point, width: float, rng: random.Random) -> None:
    """The result at a ball must hold the values at numbers in it."""
    free = [not p.static and k >= row.conditions for k, p in enumerate(row.parameters)]
    radii = [abs(x) * width if move else 0.0 for x, move in zip(point, free, strict=False)]
    try:
        result = value(row, [arb(x, r) for x, r in zip(point, radii, strict=True)], 64)
    except Undecided:
        return
    if not isinstance(result, bool) and result.is_nan():
        return
    for _ in range(4):
        inner = tuple(
            x + r * rng.choice((-1, 1, rng.uniform(-1, 1))) * (1 - 2**-30)
            for x, r in zip(point, radii, strict=True)
        )
        wanted = settled(row, inner, 64)
        if wanted is None:
            assert not result.is_finite(), (point, inner, result)
        elif isinstance(wanted, bool):
            assert result is wanted, (point, inner)
        else:
            assert result.overlaps(wanted), (point, inner, result, wanted)


def check_balls(row: Function, count: int) -> None:
    rng = random.Random(row.name)
    for point in points(row, count):
        for width in (1e-6, 0.1, 0.9, 1.5):
            check_ball(row, point, width, rng)


@each_row
def test_value_at_a_ball_holds_those_at_its_points(row: Function) -> None:
    check_balls(row, 2)


@pytest.mark.parametrize("name", ["i0e", "i1e"])
def test_scaled_bessel_functions_about_0_have_both_sides(name: str) -> None:
    about = value(TABLE[name], [arb(0, 1e-4)], 128)
    for x in (-9e-5, 0.0, 9e-5):
        assert about.contains(settled(TABLE[name], (x,), 100))


@pytest.mark.slow
@each_row
def test_value_at_a_ball_holds_those_at_its_points_everywhere(row: Function) -> None:
    check_balls(row, 100)


# --- How far from kinks and from the ends of domains ----------------------------------------------


def distances(row: Function) -> list[Any]:
    """The columns `margin` and `inside`."""
    return [*row.margin, *filter(None, [row.inside])]


def plain(value: float) -> float:
    """What is compared: a margin of nan says nothing."""
    return value if math.isfinite(value) else INF


@pytest.mark.parametrize("row", [row for row in ROWS if distances(row)], ids=lambda row: row.name)
def test_margins_of_balls_are_those_of_floats(row: Function) -> None:
    for at in [*row.samples, *row.outside, *(kink.at for kink in row.kinks)]:
        for distance in distances(row):
            alone = plain(float(distance(*at)))
            exactly = arb(distance(*map(arb, at)))
            if alone < INF:
                assert abs(exactly - alone) <= 1e-12, (at, alone, exactly)
                assert (exactly > 0) == (alone > 0)
            # About the point, it holds what it is there, and never claims to be off a kink.
            widths = [0 if p.static else 2.0**-7 for p in row.parameters]
            about = arb(distance(*(arb(x, r) for x, r in zip(at, widths, strict=False))))
            if alone < INF and about.is_finite():
                assert about.overlaps(arb(alone)), (at, alone, about)
                assert alone > 0 or not about > 0


def test_a_power_of_a_ball_is_smooth_off_zero() -> None:
    """However near a whole number the exponent may be."""
    by_base = TABLE["pow"].margin_of(0)
    assert by_base(arb(3), arb(2, 1e-9)) > 0
    assert by_base(arb(0), arb(2)) > 0
    assert not by_base(arb(0), arb(2, 1e-9)) > 0
    assert by_base(arb(0), arb(1.5)) <= 0


# --- Infinities, and no value ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "point"),
    [pytest.param(row, point, id=f"{row.name}{point}") for row in ROWS for point in row.outside],
)
def test_there_is_no_finite_value_outside(row: Function, point: Point) -> None:
    assert not value(row, list(point), 128).is_finite()


@pytest.mark.parametrize(
    ("name", "args", "wanted"),
    [
        ("log", (0,), -INF),
        ("log2", (0,), -INF),
        ("log10", (0,), -INF),
        ("log1p", (-1,), -INF),
        ("logit", (0,), -INF),
        ("logit", (1,), INF),
        ("atanh", (1,), INF),
        ("atanh", (-1,), -INF),
        ("acoth", (-1,), -INF),
        ("asech", (0,), INF),
        ("erfinv", (-1,), -INF),
        ("erfinv", (1,), INF),
        ("rsqrt", (0,), INF),
        ("lgamma", (-2,), INF),
        ("polygamma", (1, -2), INF),
        ("polygamma", (2, -2), math.nan),
        ("gamma", (-2,), math.nan),
        ("xlogy", (2, 0), -INF),
        ("xlogy", (-2, 0), INF),
        ("xlogy", (0, -1), 0),
        ("xlog1py", (2, -1), -INF),
        ("entr", (0,), 0),
        ("acot", (0,), math.pi / 2),
        ("pow", (0, 0), 1),
        ("pow", (0, 0.5), 0),
        ("pow", (0, -2), INF),
        ("pow", (0, -1), math.nan),
        ("pow", (0, -0.5), INF),
        ("pow", (-8, 3), -512),
        ("pow", (-8, 1 / 3), math.nan),
        ("pow", (INF, 0), 1),
        ("pow", (INF, -3), 0),
        ("pow", (-INF, 3), -INF),
        ("pow", (-INF, 2), INF),
        ("pow", (INF, 0.5), INF),
        ("pow", (2, INF), INF),
        ("pow", (2, -INF), 0),
        ("pow", (0.5, INF), 0),
        ("pow", (0.5, -INF), INF),
        ("pow", (-2, INF), math.nan),
        ("add", (INF, 1), INF),
        ("add", (INF, -INF), math.nan),
        ("sub", (INF, INF), math.nan),
        ("sub", (0.1, 0.1), 0),
        ("mul", (INF, -2), -INF),
        ("mul", (INF, 0), math.nan),
        ("div", (1, -INF), 0),
        ("div", (1, 0), math.nan),
        ("neg", (INF,), -INF),
        ("abs", (-INF,), INF),
        ("sign", (-INF,), -1),
        ("floor", (INF,), INF),
        ("ceil", (-INF,), -INF),
        ("round", (INF,), INF),
        ("trunc", (-INF,), -INF),
        ("frac", (INF,), math.nan),
        ("fmod", (-2, INF), -2),
        ("remainder", (-2, INF), INF),
        ("remainder", (2, INF), 2),
        ("gt", (INF, 1), True),
        ("ge", (INF, INF), True),
        ("eq", (INF, INF), True),
        ("ne", (INF, -INF), True),
        ("maximum", (-INF, 2), 2),
        ("minimum", (INF, INF), INF),
        ("clamp", (INF, -1, 1), 1),
        ("exp", (-INF,), 0),
        ("exp", (INF,), INF),
        ("exp2", (-INF,), 0),
        ("expm1", (-INF,), -1),
        ("log", (INF,), INF),
        ("sqrt", (INF,), INF),
        ("rsqrt", (INF,), 0),
        ("cbrt", (-INF,), -INF),
        ("square", (-INF,), INF),
        ("reciprocal", (INF,), 0),
        ("hypot", (-INF, 3), INF),
        ("logaddexp", (-INF, 2), 2),
        ("logaddexp", (INF, 2), INF),
        ("logaddexp", (-INF, -INF), -INF),
        ("logaddexp2", (-INF, 2), 2),
        ("sin", (INF,), math.nan),
        ("cos", (-INF,), math.nan),
        ("tan", (INF,), math.nan),
        ("atan", (-INF,), -math.pi / 2),
        ("acot", (INF,), 0),
        ("asec", (INF,), math.pi / 2),
        ("atan2", (-1, -INF), -math.pi),
        ("atan2", (1, INF), 0),
        ("atan2", (INF, INF), math.nan),
        ("sinh", (-INF,), -INF),
        ("cosh", (-INF,), INF),
        ("tanh", (INF,), 1),
        ("sech", (INF,), 0),
        ("csch", (-INF,), 0),
        ("coth", (-INF,), -1),
        ("asinh", (-INF,), -INF),
        ("acosh", (INF,), INF),
        ("sigmoid", (-INF,), 0),
        ("sigmoid", (INF,), 1),
        ("softplus", (-INF,), 0),
        ("softplus", (INF,), INF),
        ("logsigmoid", (-INF,), -INF),
        ("relu", (-INF,), 0),
        ("relu6", (INF,), 6),
        ("leaky_relu", (-INF,), -INF),
        ("elu", (-INF,), -1),
        ("celu", (-INF, 2), -2),
        ("gelu", (-INF,), 0),
        ("silu", (-INF,), 0),
        ("silu", (INF,), INF),
        ("mish", (-INF,), 0),
        ("mish", (INF,), INF),
        ("softsign", (-INF,), -1),
        ("tanhshrink", (INF,), INF),
        ("hardsigmoid", (INF,), 1),
        ("hardswish", (-INF,), 0),
        ("hardswish", (INF,), INF),
        ("softshrink", (-INF,), -INF),
        ("hardshrink", (INF,), INF),
        ("erf", (-INF,), -1),
        ("erfc", (-INF,), 2),
        ("erfcx", (INF,), 0),
        ("erfcx", (-INF,), INF),
        ("ndtr", (-INF,), 0),
        ("log_ndtr", (-INF,), -INF),
        ("log_ndtr", (INF,), 0),
        ("lgamma", (INF,), INF),
        ("gamma", (INF,), INF),
        ("digamma", (INF,), INF),
        ("polygamma", (1, INF), 0),
        ("i0", (-INF,), INF),
        ("i1", (-INF,), -INF),
        ("i0e", (INF,), 0),
        ("sinc", (INF,), 0),
        ("copysign", (-INF, 1), INF),
        ("heaviside", (INF, 0.5), 1),
    ],
)
def test_limits(name: str, args: tuple[float, ...], wanted: float | bool) -> None:
    result = value(TABLE[name], list(args), 128)
    if isinstance(wanted, bool):
        assert result is wanted
    elif math.isnan(wanted):
        assert result.is_nan()
    elif math.isinf(wanted):
        assert result == arb(wanted)
    else:
        assert result.is_finite()
        assert abs(result - wanted) < 1e-15


@pytest.mark.parametrize("name", ["exp", "cosh", "sinh", "expm1", "exp2", "i0", "i1"])
def test_what_is_too_large_is_anything(name: str) -> None:
    result = value(TABLE[name], [1e300], 128)
    assert not result.is_finite()
    assert result.overlaps(arb(-1))
    assert value(TABLE["mul"], [result, 0], 128).is_zero()


# --- Choices --------------------------------------------------------------------------------------


def test_overlapping_balls_are_not_compared() -> None:
    wide = arb(2, 1)
    assert balls.greater(arb(4), wide)
    assert not balls.greater(wide, arb(3.5))
    assert not balls.greater(arb(2), arb(2))
    for compared in (balls.greater, balls.equal):
        with pytest.raises(Undecided):
            compared(wide, arb(2))
    with pytest.raises(Undecided):
        balls.sign(arb(0, 1))


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round"])
def test_whole_numbers_are_exact_at_any_precision(name: str) -> None:
    with ctx.workprec(300):
        large = arb(2) ** 200 + 1
    assert value(TABLE[name], [large], 53) == large
    assert value(TABLE[name], [arb(2) ** 200], 53) == arb(2) ** 200
    with ctx.workprec(300):
        broken = large + 0.25
    with pytest.raises(Undecided):
        value(TABLE[name], [broken], 53)
    whole = value(TABLE[name], [broken], 300)
    with ctx.workprec(300):
        assert whole - large == (name == "ceil")


@pytest.mark.parametrize(
    ("name", "x", "wanted"),
    [
        ("floor", 200.5, 200),
        ("ceil", -200.5, -200),
        ("round", 2.5, 2),
        ("round", 3.5, 4),
        ("round", -0.5, 0),
        ("round", arb(2, 0.25), 2),
        ("trunc", arb(0, 0.5), 0),
        ("trunc", arb(-2.5, 0.25), -2),
    ],
)
def test_rounded(name: str, x: Any, wanted: int) -> None:
    assert value(TABLE[name], [x], 53) == wanted


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "frac"])
def test_jumps_are_undecided(name: str) -> None:
    with pytest.raises(Undecided):
        value(TABLE[name], [arb(2, 1e-9)], 53)


# --- Hostile arguments ----------------------------------------------------------------------------

HOSTILE = [
    *(sign * size for sign in (1, -1) for size in (1e4 + 0.5, 1e8 + 0.5, 1e10 + 0.5, 1e15 + 0.5)),
    *(1e300, -1e300, 1e-300, -1e-300, 1 - 2**-53, -1 + 2**-53, -2 + 2**-51, 171.5),
    *((3, 2.5), (0, 1), (1e10, 1e9), (-1e10, 1e9), (1e300, 1e299), (0, 1e300)),
]


def check_hostile(row: Function, bits: int, count: int) -> float:
    """Call a row at hostile arguments; return the longest time of a call."""
    rng = random.Random(row.name)
    longest = 0.0
    for number in range(count):
        base = rng.choice(row.samples)
        args = [
            x if p.static else rng.choice(HOSTILE)
            for p, x in zip(row.parameters, base, strict=False)
        ]
        if number < len(HOSTILE):
            args[-1 if row.name == "polygamma" else 0] = HOSTILE[number]
        given = [arb(*x) if isinstance(x, tuple) else arb(x) for x in args]
        if row.conditions:
            given = [True] * row.conditions + given[row.conditions :]
        ctx.prec = bits
        start = time.process_time()
        with contextlib.suppress(Undecided):
            row.value(*given)
        longest = max(longest, time.process_time() - start)
    return longest


@each_row
def test_hostile_arguments_take_no_time(row: Function) -> None:
    assert check_hostile(row, 256, len(HOSTILE)) < 0.5


@pytest.mark.slow
@each_row
@pytest.mark.parametrize("bits", [64, 1024, 8192])
def test_hostile_arguments_take_less_than_a_second(row: Function, bits: int) -> None:
    assert check_hostile(row, bits, 2 * len(HOSTILE)) < 1
