"""Autograd's testimony: values and derivatives, of one result and of several."""

from __future__ import annotations

import math

import pytest
from asking import SECOND, array, told, weights

from gradcalc.autograd import autodiff
from gradcalc.language.parser import parse
from gradcalc.program.program import Array

NAN = math.nan


@pytest.mark.parametrize(
    ("text", "at", "value", "gradient"),
    [
        ("u**3 + v**2 + 4*u*v", {"u": 1, "v": 1.1}, 6.61, [7.4, 6.2]),
        ("x", {"x": 2}, 2, [1]),
        ("x + 0*y", {"x": 2, "y": 3}, 2, [1, 0]),
        ("floor(x) + y", {"x": 2.5, "y": 1}, 3, [0, 1]),
        ("(x > 0) + x", {"x": 2}, 3, [1]),
        ("where(x > 0, 2*x, y)", {"x": 2, "y": 3}, 4, [2, 0]),
        ("abs(x)", {"x": 0}, 0, [0]),
        ("log(x)", {"x": -1}, NAN, [-1]),
        ("sqrt(4)*x", {"x": 1}, 2, [2]),
    ],
)
def test_values_and_gradient(text, at, value, gradient) -> None:
    testimony = told(text, **at)
    assert testimony.value == pytest.approx(value, rel=1e-15, nan_ok=True)
    (row,) = testimony.gradients
    assert row == pytest.approx(gradient, rel=1e-15)


def test_hessian_has_each_pair_once() -> None:
    testimony = told("x**2*y**3", how=SECOND, x=2, y=3)
    assert testimony.hessian == {(0, 0): 54.0, (0, 1): 108.0, (1, 1): 72.0}


def test_hessian_counts_entries_of_all_inputs() -> None:
    testimony = told("(x**2).sum()*y*k", fixed="k", how=SECOND, x=[2, 3], k=1, y=5)
    assert testimony.hessian == {
        (0, 0): 10.0,
        (0, 1): 0.0,
        (0, 2): 4.0,
        (1, 0): 0.0,
        (1, 1): 10.0,
        (1, 2): 6.0,
        (2, 2): 0.0,
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2*x", 0.0),
        ("floor(x)", 0.0),
        ("hardsigmoid(x)", None),
        ("x**3", 3.0),
        ("hardsigmoid(x)*x", None),
    ],
)
def test_second_derivative(text: str, wanted: float | None) -> None:
    assert told(text, how=SECOND, x=0.5).hessian == {(0, 0): wanted}


def test_hessian_is_empty_unless_asked_for() -> None:
    assert told("x**3", x=1).hessian == {}


def test_dtype_is_the_one_asked_for() -> None:
    assert told("0.1*x", "float32", x=1).value == 0.10000000149011612
    assert told("x/3", "float32", x=1).gradients == ([0.3333333432674408],)
    assert told("x/3", "float64", x=1).gradients == ([1 / 3],)


# --- Several results, and results of several entries ----------------------------------------------


@pytest.mark.parametrize(
    ("text", "how", "wanted"),
    [
        ("x*y", {}, [[5, 0, 2], [0, 5, 3]]),
        ("x*y", weights(1), [[5, 5, 5]]),
        ("x*y", weights([1, 10]), [[5, 50, 32]]),
        ("x[0], x[1]*y", {}, [[1, 5, 3]]),
        ("x[0], x[1]*y", weights(2, 10), [[2, 50, 30]]),
        ("x, y", weights([1, 2], 3), [[1, 2, 3]]),
        ("x, y", weights(1, 0), [[1, 1, 0]]),
        ("x.sum().reshape(1)*y", {}, [[5, 5, 5]]),
    ],
    ids=str,
)
def test_gradients_of_several_entries(text, how, wanted) -> None:
    testimony = told(text, how=how, x=[2, 3], y=5)
    assert list(testimony.gradients) == wanted
    assert (testimony.weights is None) is (len(wanted) > 1)


def test_random_numbers_are_seen_and_drawn_in_order() -> None:
    program = parse("a = rand(2); b = rand(2); (a + b)*x")
    draws = autodiff.Draws(7)
    how = autodiff.Backward(weights=(array(1),))
    asked = (program, [array(1)], [True], "float64", how)
    first, second = autodiff.testify(*asked, draws), autodiff.testify(*asked, draws)
    again = autodiff.testify(*asked, autodiff.Draws(7))
    seen = [value.tolist() for value in first.seen.values()]
    assert first.outputs == again.outputs != second.outputs
    assert first.outputs[0].numbers == tuple(a + b for a, b in zip(*seen, strict=True))


@pytest.mark.parametrize(
    "made",
    ["linspace(5, 6, 300000)", "arange(5, 300005)", "arange(9, 0, -1)", "eye(900)", "full(9, 2)"],
)
def test_tensors_of_many_entries_are_made(made) -> None:
    assert told(f"{made}.sum()*x", x=1).gradients[0][0] > 1


def test_look_runs_forward_only() -> None:
    (output,), seen = autodiff.look(
        parse("x > zeros(2)"), [array([-1, 1])], "float64", autodiff.Draws(0)
    )
    assert output == Array((2,), (False, True))
    assert [value.tolist() for value in seen.values()] == [[0, 0]]


@pytest.mark.filterwarnings("error")
def test_constant_that_is_changed_in_place_is_no_leaf_any_more() -> None:
    testimony = told("x += w; x**2", fixed="x", how=SECOND, x=2, w=3)
    assert (testimony.gradients, testimony.hessian) == (([10.0, 0.0],), {(0, 0): 2.0})
