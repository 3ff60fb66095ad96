"""Where the first nan or infinity comes from."""

from __future__ import annotations

import pytest
from asking import Value, array

from gradcalc.autograd import anomaly
from gradcalc.language.parser import parse
from gradcalc.program.program import Array


def anomaly_of(
    text: str, axes: tuple[int, ...] = (0,), dtype: str = "float64", **at: Value
) -> tuple[str, str, str] | None:
    """Return the step that made the first nan or infinity, what it made, and the pass."""
    program = parse(text, variables=set(at))
    inputs = [array(at[name]) for name in program.names]
    step = anomaly.first_anomaly(program, inputs, dtype, axes, [Array((), (1.0,))], {})
    # As text, since a nan equals nothing.
    return step and (step[0], str(step[1]), step[2])


@pytest.mark.parametrize(
    ("text", "at", "wanted"),
    [
        ("log(1 + exp(x))", {"x": 1000}, ("exp(x)", "inf", "forward")),
        ("exp(x)/(1 + exp(x))", {"x": 1000}, ("exp(x)", "inf", "forward")),
        ("1 + sqrt(log(x))", {"x": -1}, ("log(x)", "nan", "forward")),
        ("where(x > 0, sqrt(x), x)", {"x": -1}, ("sqrt(x)", "nan", "forward")),
        ("sqrt(x**4)", {"x": 0}, ("sqrt(x**4)", "inf", "backward")),
        ("1 + 3*sqrt(x**4)", {"x": 0}, ("sqrt(x**4)", "inf", "backward")),
        ("where(x > 1, sqrt(x), x + 1)", {"x": 0}, ("sqrt(x)", "nan", "backward")),
        ("where(x < 1, x, log(x))", {"x": 0}, ("log(x)", "-inf", "forward")),
        ("2 - sqrt(x)", {"x": 0}, ("sqrt(x)", "-inf", "backward")),
        ("x/x", {"x": 0}, ("x/x", "nan", "forward")),
        ("x**2 + 1", {"x": 1}, None),
    ],
)
def test_first_anomaly(text, at, wanted) -> None:
    assert anomaly_of(text, **at) == wanted


@pytest.mark.parametrize(
    ("text", "x", "wanted"),
    [
        ("sinc(x)", 0, ("sinc(x)", "nan", "backward")),
        ("2*sinc(x) + x", 0, ("sinc(x)", "nan", "backward")),
        ("x**1.5", 0, ("x**1.5", "inf", "backward")),
        ("log(1 + exp(x))", 1000, ("exp(x)", "inf", "forward")),
        ("x**3", 0, None),
    ],
)
def test_anomaly_in_the_second_derivative(text, x, wanted) -> None:
    assert anomaly_of(text, (0, 0), x=x) == wanted


def test_anomaly_depends_on_the_dtype() -> None:
    assert anomaly_of("log(1 + exp(x))", dtype="float32", x=100) == ("exp(x)", "inf", "forward")
    assert anomaly_of("log(1 + exp(x))", dtype="float64", x=100) is None
