"""Programs of derivatives: they have the values of derivatives, and say nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradcalc.base.dtypes import FLOAT64
from gradcalc.exact.adjoint import Builder, derivatives, gradient, merged
from gradcalc.exact.values import values_at
from gradcalc.functions import Function
from gradcalc.language.parser import parse
from gradcalc.limit.slopes import slope
from gradcalc.program.program import Program
from gradcalc.rounding.kernels import backward


def column(row: Function) -> tuple[str, ...]:
    return row.derivative


def at(program: Program, *point: float) -> list[float]:
    return list(map(float, values_at(program, point, FLOAT64)))


@pytest.mark.parametrize(
    "text",
    [
        "u**3 + v**2 + 4*u*v",
        "sin(u*v)*exp(-u/v)",
        "where(u > v, u*v, log(v))",
        "tanh(u) + softplus(v, 2)",
        "clamp(u*v, -1, 3)**2",
        "a = u*v; b = a + sin(a); a*b/u",
        "hypot(u, v)**v",
        "gelu(u)*logsigmoid(v)",
        "u + 0*v",
    ],
)
@pytest.mark.parametrize("texts", [column, backward], ids=["derivative", "backward"])
def test_derivatives_are_those_of_the_limit(text: str, texts: object) -> None:
    program = parse(text)
    entries = [(0,), (1,), (0, 0), (0, 1), (1, 1)]
    point = [0.75, 0.625]
    derived = at(derivatives(program, entries, texts), *point)
    for value, axes in zip(derived, entries, strict=True):
        limit = slope(program, point, axes, FLOAT64).value
        assert value == pytest.approx(float(limit), rel=1e-12, abs=1e-15)


def test_gradient_by_what_does_not_occur_in_the_result_is_zero() -> None:
    program = parse("y = u*v; u**2")
    assert at(gradient(program, [0, 1], column), 3, 5) == [6, 0]


def test_what_is_detached_has_no_derivative() -> None:
    assert at(gradient(parse("u*detach(u)"), [0], column), 3) == [3]


def test_the_same_step_stands_once() -> None:
    program = merged([parse("sin(u*v) + v"), parse("cos(u*v)*v")], parse("u*v").inputs)
    assert sorted(step.function for step in program.steps) == ["add", "cos", "mul", "mul", "sin"]


def test_what_is_not_needed_is_left_out() -> None:
    program = parse("exp(u) + sin(v)")
    assert [s.function for s in gradient(program, [1], column).steps] == ["cos"]


def test_merged_programs_keep_the_order_of_variables_and_results() -> None:
    inputs = parse("u + v").inputs
    program = merged([parse("v - u"), replace(parse("v"), outputs=(0,))], inputs)
    assert program.names == ("u", "v")
    assert at(program, 3, 5) == [2, 5]


def test_results_come_in_the_order_of_the_entries() -> None:
    entries = [(1, 0), (0,), (1, 1), (1,), (0,)]
    derived = derivatives(parse("u**2*v**3"), entries, column)
    assert at(derived, 5, 2) == [6 * 5 * 4, 2 * 5 * 8, 6 * 25 * 2, 3 * 25 * 4, 2 * 5 * 8]


@pytest.mark.parametrize("rows", [0, 1], ids=["gradient", "and a row of the Hessian"])
def test_work_grows_with_the_steps_alone(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times as many steps and inputs take four times as much, not sixteen times."""
    counts = []

    def counted(builder: Builder, function: str, *args: int) -> int:
        counts[-1] += 1
        return step(builder, function, *args)

    step = Builder.step
    monkeypatch.setattr(Builder, "step", counted)
    for size in (32, 128):
        program = parse(" + ".join(f"sin(x{k}*x{k + 1})" for k in range(size)))
        entries = [(k,) for k in range(size)] + [(k, k + 1) for k in range(rows)]
        counts.append(0)
        derivatives(program, entries, column)
    assert 0 < counts[1] < 5 * counts[0]
