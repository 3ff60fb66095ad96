"""Where a program certainly has no value, neither mpmath nor the exact engine finds one."""

from __future__ import annotations

import math
import random

import pytest
from by_mpmath import TooLarge, mp, value
from strategies import ROWS

from gradcalc.base.dtypes import DTYPES, FLOAT64
from gradcalc.exact.point import at_point
from gradcalc.functions import Function, torch
from gradcalc.language.parser import parse
from gradcalc.rounding.domains import NONE, has_borders, undefined_at

BORDERED = [row for row in ROWS if row.inside is not None]

#: Values near borders, and all over.
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, -1e-17, 1e-200, 1 + 2**-52, -1e300, 1e160)


def values_about(count: int, seed: int) -> list[float]:
    rng = random.Random(seed)
    return [
        rng.choice((rng.gauss(0, 2), rng.choice(SPECIAL), rng.uniform(-1.5, 1.5)))
        for _ in range(count)
    ]


@pytest.mark.parametrize("row", BORDERED, ids=lambda row: row.name)
@pytest.mark.sampled(3)
def test_row_has_values_inside_and_none_outside(row: Function) -> None:
    assert row.inside is not None
    columns = [values_about(300, seed) for seed in range(len(row.parameters))]
    tensors = [torch.tensor(column, dtype=torch.float64) for column in columns]
    distances = torch.as_tensor(row.inside(*tensors)).tolist()
    outside = 0
    with mp.workprec(2500):
        for point, inside in zip(zip(*columns, strict=True), distances, strict=True):
            try:
                exact = value(row, list(map(mp.mpf, point)))
            except TooLarge:
                assert inside >= 0
                continue
            if inside:
                assert (exact is None) == (inside < 0), point
            outside += inside < 0
    assert outside > 20


@pytest.mark.parametrize("row", BORDERED, ids=lambda row: row.name)
def test_row_moves_no_faster_than_its_arguments(row: Function) -> None:
    """At most twice as fast: so much is reckoned with."""
    assert row.inside is not None
    rng = random.Random(row.name)
    for _ in range(300):
        at = [rng.gauss(0, 2) for _ in row.parameters]
        moved = [value + rng.gauss(0, 1) * 10 ** rng.uniform(-9, 0) for value in at]
        before, after = (
            float(row.inside(*(torch.tensor(v, dtype=torch.float64) for v in point)))
            for point in (at, moved)
        )
        most = sum(abs(a - b) for a, b in zip(at, moved, strict=True))
        assert abs(after - before) <= 2 * most + 1e-12


TEXTS = """
log(u)*v
sqrt(u) + log(v)
log(v) + sqrt(u)
u**v
(u - v)**0.5
where(u > 0, log(u), log(v))
where(log(u) > v, u, v)
log(-1)*u + v
asin(u + v)*acosh(v)
log(sqrt(u) - 2) + v
xlogy(u, v)
(log(u) > 0)*v
exp(u*1e3)*log(v)
log(0.1 + u)*atanh(v*0.3)
""".strip().splitlines()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.sampled(5)
def test_value_without_one_is_that_of_the_engine(text: str, dtype: str) -> None:
    program = parse(text, variables=("u", "v"))
    points = list(zip(values_about(200, 1), values_about(200, 2), strict=True))
    if dtype == "float32":
        points = [(float(torch.tensor(u)), float(torch.tensor(v))) for u, v in points]
        points = [point for point in points if all(map(math.isfinite, point))]
    given = dict(zip("uv", zip(*points, strict=True), strict=True))
    columns = [torch.tensor(given[name], dtype=torch.float64) for name in program.names]
    undefined = undefined_at(program, columns, DTYPES[dtype]).tolist()
    for place, number in enumerate(undefined):
        if number != NONE:
            point = [column[place].item() for column in columns]
            assert at_point(program, point, [], DTYPES[dtype]).undefined_at == number
    assert sum(number != NONE for number in undefined) > 30


@pytest.mark.parametrize(
    "text",
    ["a = log(x); x**2", "log(x*0.1 - x/10)", "x**(0.1*20)"],
)
def test_nothing_is_said_without_certainty(text: str) -> None:
    column = torch.tensor(values_about(100, 3), dtype=torch.float64)
    assert set(undefined_at(parse(text), [column], FLOAT64).tolist()) == {NONE}


def test_numbers_that_are_not_finite_are_nobodys() -> None:
    column = torch.tensor([-math.inf, math.nan, -1.0], dtype=torch.float64)
    assert undefined_at(parse("log(x)"), [column], FLOAT64).tolist() == [NONE, NONE, 1]


@pytest.mark.parametrize(("text", "borders"), [("log(x)", True), ("sin(x)/x", False)])
def test_programs_without_borders_need_not_be_asked(text: str, borders: bool) -> None:
    assert has_borders(parse(text)) == borders
