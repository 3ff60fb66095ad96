"""What is said of torch's kernels: every row has an entry, and each holds all over the domain."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from strategies import ROWS, moving, on_kink

from gradcalc.base.dtypes import DTYPES, FLOAT64, Dtype
from gradcalc.exact.tape import Tape
from gradcalc.functions import TABLE, Function, Point, torch
from gradcalc.functions.balls import Undecided, flint
from gradcalc.functions.precision import precision
from gradcalc.rounding.kernels import KERNELS, UNDERFLOWING, backward
from gradcalc.rounding.rules import RULES

#: Rows of which nobody has said how exact torch is, since they lose digits by their `forward`.
UNMEASURED = """
cbrt logaddexp logaddexp2 asec acsc asech acoth logit gelu tanhshrink
erfcx lgamma gamma factorial beta digamma polygamma sinc ndtr log_ndtr
""".split()  # noqa: SIM905 - as in test_functions

MEASURED = [
    row
    for row in ROWS
    if KERNELS[row.name].accuracy < math.inf and row.required == 1 and not row.conditions
]


def test_every_row_has_an_entry_and_no_entry_lacks_a_row() -> None:
    assert set(KERNELS) == {*(row.name for row in ROWS), "sum"}
    assert set(RULES) | UNDERFLOWING <= set(TABLE)


def test_what_is_not_measured_is_declared() -> None:
    without = {row.name for row in ROWS if math.isinf(KERNELS[row.name].accuracy)}
    assert without == set(UNMEASURED)
    assert all(KERNELS[name].forward for name in UNMEASURED)


# --- Formulas -------------------------------------------------------------------------------------


def each_sample() -> pytest.MarkDecorator:
    cases = [pytest.param(row, at, id=f"{row.name}{at}") for row in ROWS for at in row.samples]
    return pytest.mark.parametrize(("row", "point"), cases)


def exactly(row: Function, text: str, point: Point) -> Any:
    """The value of a text of the row's at the point."""
    tape = Tape(list(map(flint.arb, point)), FLOAT64)
    return tape.values[tape.text(text, row, range(1, len(point) + 1))]


@each_sample()
def test_backward_is_the_derivative(row: Function, point: Point) -> None:
    assert len(backward(row)) == len(moving(row, row.parameters))
    with precision(400):
        for text, derivative in zip(backward(row), row.derivative, strict=True):
            assert exactly(row, text, point).overlaps(exactly(row, derivative, point))


@each_sample()
def test_forward_is_the_value(row: Function, point: Point) -> None:
    forward = KERNELS[row.name].forward
    if forward:
        with precision(400):
            value = row.value(*map(flint.arb, point))
            assert exactly(row, forward, point).overlaps(value)


def test_stated_approximation_is_that_of_torch() -> None:
    with precision(400):
        approximate = torch.polygamma(1, torch.tensor(1.1, dtype=torch.float64)).item()
        exact = TABLE["polygamma"].value(flint.arb(1), flint.arb(1.1))
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
    """The value; None where there is none."""
    try:
        exact = row.value(flint.arb(x))
    except Undecided:
        return None
    return exact if exact.is_finite() else None


@pytest.mark.parametrize(
    "row",
    [
        row
        for row in ROWS
        if row.required == 1 and not row.conditions and math.isinf(KERNELS[row.name].elasticity)
    ],
    ids=lambda row: row.name,
)
def test_what_is_0_for_want_of_room_is_declared(row: Function) -> None:
    for x in (1e-300, -1e-300, 800.5, -800.5, 1e5, -1e5):
        with precision(4000):
            exact = value_at(row, x)
            if exact is not None and not exact.contains(0) and not FLOAT64.nearest(exact):
                assert row.name in UNDERFLOWING


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES.keys())
@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row.name)
@pytest.mark.sampled(3)
def test_accuracy_is_no_better_than_stated(row: Function, dtype: Dtype) -> None:
    points = list(map(dtype.round_float, arguments(row)))
    answers = row.torch(torch.tensor(points, dtype=getattr(torch, dtype.name))).double().tolist()
    most = KERNELS[row.name].accuracy * dtype.unit
    with precision(300):
        least, largest = flint.arb(2) ** (dtype.least + 100), flint.arb(2) ** (dtype.most - 10)
        for x, value in zip(points, answers, strict=True):
            exact = value_at(row, x)
            if exact is not None and least < abs(exact) < largest:
                assert abs(flint.arb(value) - exact) <= most * abs(exact)


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row.name)
@pytest.mark.sampled(3)
def test_errors_grow_no_faster_than_stated(row: Function) -> None:
    kernel = KERNELS[row.name]
    with precision(300):
        for x in arguments(row):
            exact = value_at(row, x)
            if exact is None or on_kink(row, 0, (x,)):
                continue
            slope = abs(exactly(row, row.derivative[0], (x,)))
            assert slope <= kernel.lipschitz
            if kernel.elasticity < math.inf:
                assert slope * abs(x) <= kernel.elasticity * (1 + 1e-9) * abs(exact)
            if kernel.growth < math.inf:
                assert slope <= kernel.growth * (1 + 1e-9) * abs(exact)
            if kernel.shift < math.inf:
                assert slope * abs(x) <= kernel.shift * (1 + 1e-9)
