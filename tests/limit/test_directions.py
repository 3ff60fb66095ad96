"""The limit along random directions: one finding on all entries of a variable."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from gradcalc.base.dtypes import FLOAT32, FLOAT64, Dtype
from gradcalc.functions.balls import flint
from gradcalc.language.parser import parse
from gradcalc.limit.directions import Finding, findings, shrinks
from gradcalc.program.expand import weighted_sum

Tensor = list[float] | list[list[float]] | float


def shape_of(value: Tensor) -> tuple[int, ...]:
    return (len(value), *shape_of(value[0])) if isinstance(value, list) else ()


def flat(value: Tensor) -> list[float]:
    return [n for part in value for n in flat(part)] if isinstance(value, list) else [value]


def findings_of(
    text: str, gradient: list[float], dtype: Dtype = FLOAT64, **at: Tensor
) -> dict[str, Finding]:
    """Return the finding on each variable, in the order of the expression."""
    program = parse(text, variables=set(at))
    inputs = [at[name] for name in program.names]
    shapes = [shape_of(value) for value in inputs]
    point = [number for value in inputs for number in flat(value)]
    counts = iter(range(len(point)))
    variables = [[next(counts) for _ in flat(value)] for value in inputs]

    def run(sink: Any) -> int:
        return weighted_sum(program, shapes, {}, [[Fraction(1)]], sink)

    together = findings(run, point, variables, gradient, dtype)
    return dict(zip(program.names, together, strict=True))


RIGHT: list[tuple[str, dict[str, Tensor], list[float]]] = [
    ("(x*y).sum()", {"x": [1.0, 2.0], "y": [3.0, 5.0]}, [3, 5, 1, 2]),
    ("(x @ y).sum()", {"x": [[1.0, 2.0]], "y": [[3.0, 4.0], [5.0, 6.0]]}, [7, 11, 1, 1, 2, 2]),
    ("(x @ x).sum()", {"x": [[1.0, 2.0], [3.0, 4.0]]}, [7, 11, 9, 13]),
    ("(x @ [[0.5], [4]]).sum()", {"x": [[0.0, 2.0]]}, [0.5, 4]),
    ("(x**2).sum()", {"x": [0.0, 1e-200, 1e200]}, [0, 2e-200, 2e200]),
    ("x.sum()", {"x": [0.0, 0.0]}, [1, 1]),
    ("(x.detach()*x**2).sum()", {"x": [3.0, 5.0]}, [18, 50]),
    ("relu(x).sum()", {"x": [-1.0, 2.0]}, [0, 1]),
    ("where(x > 1, x**2, 3*x).sum()", {"x": [0.5, 2.0]}, [3, 4]),
    # On a kink, both sides may still be the same.
    ("(x*abs(x)).sum()", {"x": [0.0, -2.0]}, [0, 4]),
    ("(abs(x.detach())*x).sum()", {"x": [-2.0, 1.0]}, [2, 1]),
]


@pytest.mark.parametrize(("text", "at", "gradient"), RIGHT, ids=[case[0] for case in RIGHT])
def test_right_gradient_has_no_error(text, at, gradient) -> None:
    for finding in findings_of(text, gradient, **at).values():
        assert (finding.kinked, finding.undefined) == (False, False)
        assert finding.error < 2.0**-50


@pytest.mark.parametrize("wrong", range(6))
def test_one_wrong_entry_shows_in_its_variable_alone(wrong) -> None:
    gradient = [7.0, 11.0, 1.0, 1.0, 2.0, 2.0]
    gradient[wrong] *= 1 + 1e-9
    by_name = findings_of("(x @ y).sum()", gradient, x=[[1.0, 2.0]], y=[[3.0, 4.0], [5.0, 6.0]])
    names = ("x", "y") if wrong < 2 else ("y", "x")
    assert by_name[names[0]].error > 1e-11
    assert by_name[names[1]].error < 1e-15


def test_entries_of_the_wrong_order_show() -> None:
    assert findings_of("(x*[3, 5]).sum()", [5, 3], x=[1.0, 1.0])["x"].error > 1e-3


def test_error_is_in_proportion_to_the_terms() -> None:
    # The wrong entry is a billionth of the other.
    finding = findings_of("(x*[1e9, 1]).sum()", [1e9, 1 + 1e-3], x=[1.0, 1.0])["x"]
    assert finding.scale > 4e8
    assert 1e-13 < finding.error < 4e-12
    assert Finding(flint.arb(3), flint.arb(2), flint.arb(4)).error == 0.25
    assert Finding(flint.arb(3), flint.arb(2), flint.arb(0)).error == 1


@pytest.mark.parametrize(
    ("text", "x", "kinked"),
    [
        ("abs(x).sum()", [0.0, 1.0], True),
        ("abs(x).sum()", [0.5, 1.0], False),
        ("relu(x - 1).sum()", [1.0, 1.0], True),
        ("sqrt(x).sum()", [0.0, 1.0], True),  # no value to the left
        ("floor(x).sum()", [2.0, 0.5], True),
        ("(1e-9*abs(x) + x).sum()", [0.0, 1.0], True),
        ("(x.detach().abs() + x).sum()", [0.0, 1.0], False),
    ],
)
def test_kinks(text, x, kinked) -> None:
    finding = findings_of(text, [1.0, 1.0], x=x)["x"]
    assert (finding.kinked, finding.slope is None) == (kinked, kinked)


def test_kink_of_another_variable_is_none() -> None:
    by_name = findings_of("abs(x).sum() + y", [0.0, 0.0, 1.0], x=[0.0, 1.0], y=2.0)
    assert [by_name[name].kinked for name in "xy"] == [True, False]
    assert by_name["y"].error < 2.0**-50


@pytest.mark.parametrize(
    "text", ["log(x).sum()", "(log(x).reshape(1, 2) @ [[0], [1]]).sum()", "(x/0).sum()"]
)
def test_undefined(text) -> None:
    finding = findings_of(text, [1.0, 1.0], x=[-1.0, 1.0])["x"]
    assert finding.undefined
    assert finding.slope is None


def test_literals_are_those_of_the_dtype() -> None:
    gradient = [FLOAT32.round(Fraction(1, 10))]
    assert findings_of("0.1*x", gradient, FLOAT32, x=1.0)["x"].error < 2.0**-50
    assert findings_of("0.1*x", gradient, FLOAT64, x=1.0)["x"].error > 1e-9


def test_infinite_gradient_has_no_finite_slope_of_its_own() -> None:
    finding = findings_of("x.sum()", [1.0, float("inf")], x=[1.0, 2.0])["x"]
    assert not finding.autograd.is_finite()


def off_by(bits: int) -> Finding:
    """Return a finding whose slope is 1, and autograd's more by 2**-bits."""
    return Finding(flint.arb(1), 1 + flint.arb(2) ** -bits, flint.arb(1), direction=(flint.arb(1),))


@pytest.mark.parametrize(
    ("dtype", "bits", "other", "wanted"),
    [
        # Found in float32; float64 is off by so much less, or not.
        (FLOAT32, 10, 1 + 2.0**-39, True),
        (FLOAT32, 10, 1 + 2.0**-30, True),
        (FLOAT32, 10, 1 + 2.0**-29, False),
        (FLOAT32, 10, 1 + 2.0**-10, False),
        (FLOAT32, 10, 1.0, True),
        # Found in float64; float32 is off by so much more, or not.
        (FLOAT64, 40, 1 + 2.0**-11, True),
        (FLOAT64, 40, 1 + 2.0**-20, True),
        (FLOAT64, 40, 1 + 2.0**-21, False),
        (FLOAT64, 40, 1 + 2.0**-40, False),
        # Float32 may happen to be right: then it counts as off by its unit.
        (FLOAT64, 44, 1.0, True),
        (FLOAT64, 43, 1.0, False),
    ],
)
def test_rounding_shrinks_with_the_precision(dtype, bits, other, wanted) -> None:
    assert shrinks(off_by(bits), [other], dtype) is wanted


def test_error_of_another_gradient_is_along_the_same_direction() -> None:
    moves = (flint.arb(2), flint.arb(-1))
    finding = Finding(flint.arb(5), flint.arb(5), flint.arb(8), direction=moves)
    errors = [finding.error_of(gradient) for gradient in ([3.0, 1.0], [3.0, 2.0], [1.0, 1.0])]
    assert errors == [0, 1 / 8, 4 / 8]
