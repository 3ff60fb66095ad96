"""What is certified at many points at once, is judged the same one by one."""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from strategies import Sketch, sketches

from gradcalc.autograd import autodiff
from gradcalc.base.dtypes import DTYPES
from gradcalc.base.options import Options
from gradcalc.calculus.symbolic import Calculus
from gradcalc.functions import torch
from gradcalc.judging.verdicts import judged
from gradcalc.language.parser import parse
from gradcalc.program.program import Array, Program
from gradcalc.results.report import Verdict
from gradcalc.sweep import vectors
from gradcalc.sweep.vectors import Comparison, Vectors

DATA = Path(__file__).parents[1] / "data"


class Asked:
    """A program that was checked at points."""

    def __init__(
        self,
        text: str,
        points: list[tuple[float, ...]],
        dtype: str = "float64",
        second: bool = False,
    ) -> None:
        self.program: Program = parse(text)
        size = range(len(self.program.inputs))
        self.entries: list[tuple[int, ...]] = [(k,) for k in size]
        self.entries += [(i, j) for i in size for j in size if i <= j] if second else []
        self.options = Options(second_order=second, dtype=dtype, thorough=False, timeout=10)
        self.calculus = Calculus(self.program, self.entries, DTYPES[dtype])
        self.calculus.differentiate()
        kind = getattr(torch, dtype)
        self.columns = [
            torch.tensor(column, dtype=torch.float64).to(kind).to(torch.float64)
            for column in zip(*points, strict=True)
        ]

    def compared(self) -> Comparison:
        dtype = DTYPES[self.options.dtype]
        return Vectors(self.program, self.entries, dtype, self.calculus).check(self.columns)

    def verdicts(self, comparison: Comparison, number: int) -> list[Verdict]:
        """The jury's, at one point."""
        answers = [autograd[number].item() for autograd in comparison.autograd]
        size = len(self.program.inputs)
        testimony = autodiff.Testimony(
            outputs=(Array((), (comparison.value[number].item(),)),),
            weights=(Array((), (1.0,)),),
            gradients=(answers[:size],),
            hessian=dict(zip(self.entries[size:], answers[size:], strict=True)),
            tensors=(),
            graph=(),
            seen={},
        )
        inputs = [Array((), (column[number].item(),)) for column in self.columns]
        answer = judged(
            self.program,
            inputs,
            list(range(size)),
            testimony,
            DTYPES[self.options.dtype],
            self.options,
        )
        return [entry.verdict for entry in answer.rows[0]]


def check_certified(asked: Asked, most: int) -> int:
    """Require that what is certified is judged the same one by one, at up to so many points."""
    comparison = asked.compared()
    certified = torch.nonzero(comparison.certified).reshape(-1).tolist()
    for number in random.Random(1).sample(certified, min(most, len(certified))):
        assert set(asked.verdicts(comparison, number)) == {Verdict.AGREE}, [
            column[number].item() for column in asked.columns
        ]
    return len(certified)


def about(point: list[float], count: int, seed: int) -> list[tuple[float, ...]]:
    """A point, and points about it, near and far, and on the edge of this and that."""
    rng = random.Random(seed)

    def moved(value: float) -> float:
        return rng.choice(
            (
                value * rng.uniform(0.5, 1.5),
                value + rng.gauss(0, 3),
                value * 10 ** rng.uniform(-12, 3),
                rng.choice((value, 0.0, 1.0, -1.0, 0.5, 2.0, 1e-9, 1e-17, 30.0, -800.0, 1e160)),
            )
        )

    return [tuple(point), *(tuple(map(moved, point)) for _ in range(count))]


def lines(name: str) -> list[tuple[str, dict[str, float]]]:
    """Formulas of a data file, and the point of each."""
    with (DATA / name).open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    formulas = []
    for row in rows:
        pairs = [pair.split("=") for pair in row["point"].split(",")]
        formulas.append((row["expr"], {name: float(value) for name, value in pairs}))
    return formulas


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["feynman.tsv", "integrals.tsv"])
def test_the_jury_agrees_on_formulas_of_the_data_files(name: str, dtype: str) -> None:
    certified = 0
    for text, at in lines(name)[::13]:
        names = parse(text, variables=at).names
        points = about([at[n] for n in names], 30, 1)
        certified += check_certified(Asked(text, points, dtype), 2)
    assert certified > 40


#: Where digits are lost, functions jump, bend and end.
TREACHEROUS = """
x - sin(x)
(x - sin(x))/x**3
relu(x - sin(x))*x
abs(x)*x
sqrt(x**2)
where(x > 0, x, sin(x))
log(x*x)/2
exp(-1/x**2)
tanh(20*x)
(1 - cos(x))/x**2
log(exp(x) - 1)
x**2 - y**2
atan2(x, y)
x**y
clamp(x*y, -1, 1)
floor(x)*y
maximum(x, y)*x
(x + y)**7 - x**7
1/(x - y)
sigmoid(30*x)*y
hypot(x, y)
gelu(x) + softplus(x)
erfc(x)*exp(x*x)
lgamma(x)
x*detach(x)
exp(x)/(exp(x) + exp(y))
log1p(x)*x - asin(x/3)
0.1*10*x - x*0.3*y
""".strip().splitlines()


@pytest.mark.parametrize("text", TREACHEROUS)
@pytest.mark.parametrize(
    ("second", "count"),
    [
        pytest.param(False, 150, id="gradient"),
        pytest.param(True, 40, id="hessian"),
        pytest.param(True, 150, id="hessian at many", marks=pytest.mark.slow),
    ],
)
def test_the_jury_agrees_where_it_is_treacherous(text: str, second: bool, count: int) -> None:
    points = about([0.7] * len(parse(text).inputs), count, 2)
    check_certified(Asked(text, points, second=second), 4)


@settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(sketches())
def test_the_jury_agrees_on_random_programs(sketch: Sketch) -> None:
    names = parse(sketch.text).names
    check_certified(Asked(sketch.text, about([sketch.at[n] for n in names], 20, 3)), 2)


@pytest.mark.parametrize(
    ("text", "low", "high", "least"),
    [
        ("u**3 + v**2 + 4*u*v", -2, 2, 0.999),
        ("exp(-u**2)*sin(v)", -3, 3, 1),
        ("u/(1 + v**2)", -2, 2, 1),
        ("sqrt(u**2 + v**2)*log(1 + u**2)", -2, 2, 0.99),
        ("relu(u)*tanh(v) + abs(u - v)", -2, 2, 0.999),
        ("sin(u)*cos(v) + (u - v)**5", -9, 9, 0.999),
        ("gelu(u)*v", -2, 2, 0.999),
        ("u**v", 0.1, 3, 0.999),
    ],
)
def test_most_points_need_no_jury(text: str, low: float, high: float, least: float) -> None:
    rng = random.Random(5)
    points = [(rng.uniform(low, high), rng.uniform(low, high)) for _ in range(3000)]
    assert Asked(text, points).compared().certified.double().mean().item() >= least


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("abs(x)", [(0.0,), (-0.0,)]),
        ("relu(sin(x) - x)", [(0.0,), (1e-9,)]),
        ("x*abs(x)", [(0.0,)]),
        ("1/x", [(0.0,)]),
        ("log(x)", [(0.0,), (-1.0,)]),
        ("x**0.5", [(0.0,), (-1.0,)]),
        ("floor(x)", [(2.0,), (-3.0,)]),
        ("exp(x)", [(710.0,), (-800.0,)]),
        ("atan(1/x)", [(0.0,)]),
        ("softplus(x)", [(20.0,)]),
        ("hardsigmoid(x)", [(0.5,)]),
        ("tanh(x)", [(20.0,)]),
        ("lgamma(x)", [(-1.0,)]),
        ("digamma(x)", [(1.1,)]),
    ],
)
def test_what_is_not_right_is_never_certified(text: str, points: list[tuple[float, ...]]) -> None:
    assert not Asked(text, points).compared().certified.any()


#: How far off, as a part of the derivative, an error is planted.
PLANTED = (1e-3, 1e-9, 1e-13)


@pytest.mark.parametrize("off", PLANTED)
@pytest.mark.parametrize("text", ["x**3 + x*y", "sin(x)*y", "x**2 - y**2 + x*y", "exp(x)/y"])
def test_planted_error_of_autograd_is_never_certified(
    text: str, off: float, monkeypatch: Any
) -> None:
    slopes = vectors._gradient

    def wrong(*args: Any, **kwargs: Any) -> list[Any]:
        return [slope * (1 + off) for slope in slopes(*args, **kwargs)]

    rng = random.Random(6)
    asked = Asked(text, [(rng.uniform(0.5, 2), rng.uniform(0.5, 2)) for _ in range(500)])
    assert asked.compared().certified.any()
    monkeypatch.setattr(vectors, "_gradient", wrong)
    assert not asked.compared().certified.any()


def test_planted_error_of_calculus_is_never_certified() -> None:
    asked = Asked("x**3 + x*y", [(0.3, 0.7), (1.1, 2.3)])
    asked.calculus.formulas[0] = asked.calculus.formulas[0] * (1 + sympy_tiny())
    assert not asked.compared().certified.any()


def sympy_tiny() -> Any:
    from gradcalc.functions import sympy

    return sympy.Rational(1, 10**12)


def test_without_formulas_the_chain_rule_stands_in() -> None:
    asked = Asked("sin(x)*y", [(0.3, 0.7), (1.1, 2.3)])
    asked.calculus.formulas[:] = [None, None]
    comparison = asked.compared()
    assert comparison.certified.all()
    assert comparison.exact[0].tolist() == pytest.approx([0.7 * math.cos(0.3), 2.3 * math.cos(1.1)])


def test_parts_make_no_difference(monkeypatch: Any) -> None:
    rng = random.Random(7)
    points = [(rng.uniform(-2, 2), rng.uniform(-2, 2)) for _ in range(1000)]
    whole = Asked("u**3 + v**2 + 4*u*v", points).compared()
    monkeypatch.setattr(vectors, "PART", 64)
    parts = Asked("u**3 + v**2 + 4*u*v", points).compared()
    assert torch.equal(whole.value, parts.value)
    assert all(torch.equal(a, b) for a, b in zip(whole.exact, parts.exact, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(whole.ulps, parts.ulps, strict=True))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_ulps_are_those_of_the_dtype(dtype: str) -> None:
    rng = random.Random(8)
    points = [(rng.gauss(0, 1) * 10 ** rng.uniform(-9, 9),) for _ in range(300)]
    comparison = Asked("sin(x)*x**3 + exp(-x**2)", points, dtype).compared()
    for autograd, exact, ulps in zip(
        comparison.autograd[0], comparison.exact[0], comparison.ulps[0], strict=True
    ):
        if math.isfinite(autograd.item() + exact.item()):
            assert DTYPES[dtype].ulps(autograd.item(), exact.item()) == ulps.item()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_ulps_of_numbers_far_apart_are_those_of_the_dtype(dtype: str) -> None:
    # The derivative is 0, and torch's a rounding error, of any size.
    points = [(0.3 + k / 7, 10.0 ** -(k % 20)) for k in range(60)]
    comparison = Asked("y*log(3*x) - y*log(x)", points, dtype).compared()
    (by_x,) = (place for place, exact in enumerate(comparison.exact) if not exact.any())
    distances = [DTYPES[dtype].ulps(value, 0.0) for value in comparison.autograd[by_x].tolist()]
    assert comparison.ulps[by_x].tolist() == distances
    assert max(distances) > 2.0 ** DTYPES[dtype].bits


def test_derivatives_beside_one_that_torch_lacks_are_compared_too() -> None:
    asked = Asked("hardsigmoid(x)*y", [(0.5, 2.0), (0.75, 4.0)], second=True)
    comparison = asked.compared()
    assert asked.entries == [(0,), (1,), (0, 0), (0, 1), (1, 1)]
    assert comparison.lacking == {2, 3}
    assert [column.tolist() for column in comparison.exact[1:]] == [
        [pytest.approx(0.5 + x / 6) for x in (0.5, 0.75)],
        [0, 0],
        [pytest.approx(1 / 6)] * 2,
        [0, 0],
    ]
    assert comparison.autograd[4].tolist() == [0, 0]
    assert not comparison.certified.any()
