"""What is said of torch's kernels: every row has an entry, and each holds all over the domain."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from strategies import ROWS, moving

from gradcalc.base.dtypes import EXACT, FLOAT64
from gradcalc.exact.precise import Undefined, values
from gradcalc.functions import TABLE, Function, Point, mp, torch
from gradcalc.language.parser import parse_row
from gradcalc.rounding.kernels import KERNELS, backward
from gradcalc.rounding.rules import RULES

#: Rows of which nobody has said how exact torch is: `bounds` asks mpmath, or their `forward`.
UNMEASURED = """
cbrt logaddexp logaddexp2 asec acsc asech acoth logit softplus elu celu gelu tanhshrink
erfcx lgamma gamma factorial beta digamma polygamma sinc ndtr log_ndtr
frac fmod remainder heaviside hardsigmoid softshrink hardshrink i0 i1 i0e i1e
""".split()  # noqa: SIM905 - as in test_functions

MEASURED = [row for row in ROWS if KERNELS[row.name].accuracy < math.inf and row.required == 1]


def test_every_row_has_an_entry_and_no_entry_lacks_a_row() -> None:
    assert set(KERNELS) == {*(row.name for row in ROWS), "sum"}
    assert set(RULES) <= set(TABLE)


def test_what_is_not_measured_is_declared() -> None:
    without = {row.name for row in ROWS if math.isinf(KERNELS[row.name].accuracy)}
    conditions = {row.name for row in ROWS if row.group == "comparison"}
    assert without - conditions - set(RULES) == set(UNMEASURED)


# --- Formulas -------------------------------------------------------------------------------------


def each_sample() -> pytest.MarkDecorator:
    cases = [pytest.param(row, at, id=f"{row.name}{at}") for row in ROWS for at in row.samples]
    return pytest.mark.parametrize(("row", "point"), cases)


def exactly(row: Function, text: str, point: Point) -> Any:
    """The value of a text of the row's at the point."""
    given = row.bound(list(map(mp.mpf, point)), lambda default: mp.mpf(float(default)))
    program = parse_row(text, row)
    value = values(program, [given[name] for name in program.names], EXACT)[program.output]
    assert not isinstance(value, Undefined), text
    return mp.mpf(value)


def close(value: Any, wanted: Any) -> bool:
    return bool(abs(value - wanted) <= 2.0**-200 * max(abs(wanted), mp.mpf(2) ** -200))


@each_sample()
def test_backward_is_the_derivative(row: Function, point: Point) -> None:
    assert len(backward(row)) == len(moving(row, row.parameters))
    with mp.workprec(400):
        for text, derivative in zip(backward(row), row.derivative, strict=True):
            assert close(exactly(row, text, point), exactly(row, derivative, point))


@each_sample()
def test_forward_is_the_value(row: Function, point: Point) -> None:
    forward = KERNELS[row.name].forward
    if forward:
        with mp.workprec(400):
            assert close(exactly(row, forward, point), row.mpmath(*map(mp.mpf, point)))


def test_stated_approximation_is_that_of_torch() -> None:
    with mp.workprec(400):
        approximate = torch.polygamma(1, torch.tensor(1.1, dtype=torch.float64)).item()
        exact = mp.polygamma(1, mp.mpf(1.1))
        stated = KERNELS["polygamma"].approximation
        assert stated / 10 < abs(approximate - exact) / exact < stated
    assert [name for name, kernel in KERNELS.items() if kernel.approximation] == ["polygamma"]


# --- Errors ---------------------------------------------------------------------------------------


def arguments(row: Function) -> list[float]:
    """Points all over the real line; those outside of the domain are dropped where they matter."""
    rng = random.Random(row.name)
    points = [rng.uniform(-1.5, 1.5) for _ in range(150)]
    points += [rng.choice((-1, 1)) * math.exp(rng.uniform(-30, 6)) for _ in range(150)]
    return points


def value_at(row: Function, x: float) -> Any:
    try:
        exact = row.mpmath(mp.mpf(x))
    except (ValueError, ZeroDivisionError):
        return None
    if isinstance(exact, mp.mpc) or not mp.isfinite(exact):
        return None
    return mp.mpf(exact)


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row.name)
@pytest.mark.sampled(3)
def test_accuracy_is_no_better_than_stated(row: Function) -> None:
    points = arguments(row)
    answers = row.torch(torch.tensor(points, dtype=torch.float64)).to(torch.float64).tolist()
    most = KERNELS[row.name].accuracy * FLOAT64.unit
    with mp.workprec(300):
        for x, value in zip(points, answers, strict=True):
            exact = value_at(row, x)
            if exact is None or abs(exact) < 1e-290 or abs(exact) > 1e300:
                continue
            assert abs(mp.mpf(value) - exact) <= most * abs(exact)


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row.name)
@pytest.mark.sampled(3)
def test_errors_grow_no_faster_than_stated(row: Function) -> None:
    kernel = KERNELS[row.name]
    with mp.workprec(300):
        for x in arguments(row):
            exact = value_at(row, x)
            if exact is None or row.on_kink(0, (mp.mpf(x),)):
                continue
            slope = exactly(row, row.derivative[0], (x,))
            assert abs(slope) <= kernel.lipschitz
            if exact and kernel.elasticity < math.inf:
                assert abs(slope * x / exact) <= kernel.elasticity * (1 + 1e-9)
            if exact and kernel.growth < math.inf:
                assert abs(slope / exact) <= kernel.growth
            if kernel.shift < math.inf:
                assert abs(slope * x) <= kernel.shift * (1 + 1e-9)
