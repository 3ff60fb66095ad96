"""Autograd's testimony: values, gradients, leaves, the graph, and where a nan was born."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from gradcalc import autodiff
from gradcalc.dtypes import DTYPES
from gradcalc.errors import GradcalcError, Kind
from gradcalc.parser import parse

if TYPE_CHECKING:
    from gradcalc.report import GraphNode

NAN = math.nan


def told(
    text: str, dtype: str = "float64", *, fixed: str = "", second_order: bool = False, **at: float
) -> autodiff.Testimony:
    program = parse(text, known=set(at))
    inputs = [DTYPES[dtype].round(Fraction(at[name])) for name in program.names]
    required = [name not in fixed.split() for name in program.names]
    return autodiff.testify(program, inputs, required, dtype, second_order=second_order)


def born(
    text: str, axes: tuple[int, ...] = (0,), dtype: str = "float64", **at: float
) -> tuple[str, str, str] | None:
    """Return the step that made the first nan or infinity, what it made, and the pass."""
    program = parse(text, known=set(at))
    found = autodiff.birth(program, [at[name] for name in program.names], dtype, axes)
    # As text, since a nan equals nothing.
    return found and (program.source(found[0]), str(found[1]), found[2])


def drawn(graph: tuple[GraphNode, ...]) -> list[str]:
    """Write each node of a graph in one line."""
    return [
        f"{n.id} {n.grad_fn} {n.source} -> {' '.join(map(str, n.inputs))}".strip() for n in graph
    ]


# --- Values and derivatives -----------------------------------------------------------------------


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
    found = told(text, **at)
    assert found.value == pytest.approx(value, rel=1e-15, nan_ok=True)
    assert [found.derivative((k,)) for k in range(len(at))] == pytest.approx(gradient, rel=1e-15)


def test_hessian_has_each_pair_once_and_is_found_in_any_order() -> None:
    found = told("x**2*y**3", second_order=True, x=2, y=3)
    assert found.hessian == {(0, 0): 54.0, (0, 1): 108.0, (1, 1): 72.0}
    assert found.derivative((0, 1)) == found.derivative((1, 0)) == 108.0


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
    assert told(text, second_order=True, x=0.5).hessian == {(0, 0): wanted}


def test_hessian_is_empty_unless_asked_for() -> None:
    assert told("x**3", x=1).hessian == {}


def test_dtype_is_the_one_asked_for() -> None:
    assert told("0.1*x", "float32", x=1).value == 0.10000000149011612
    assert told("x/3", "float32", x=1).gradient == {0: 0.3333333432674408}
    assert told("x/3", "float64", x=1).gradient == {0: 1 / 3}


# --- Leaves ---------------------------------------------------------------------------------------


def test_leaf_table() -> None:
    rows = told("x*w + b", fixed="x", x=2, w=3, b=4).tensors
    found = [(r.name, r.is_leaf, r.requires_grad, r.retains_grad, r.grad_fn, r.grad) for r in rows]
    assert found == [
        ("x", True, False, False, None, None),
        ("w", True, True, False, None, 2.0),
        ("b", True, True, False, None, 1.0),
        ("x*w + b", False, True, False, "AddBackward0", None),
    ]
    assert {row.shape for row in rows} == {()}


def test_output_that_is_an_input_stands_once() -> None:
    (row,) = told("x", x=2).tensors
    assert (row.name, row.is_leaf, row.grad) == ("x", True, 1.0)


def test_leaf_that_nothing_depends_on_has_no_grad() -> None:
    rows = told("y + (x > 0)", x=2, y=3).tensors
    assert [(row.name, row.grad) for row in rows] == [
        ("y", 1.0),
        ("x", None),
        ("y + (x > 0)", None),
    ]


# --- The graph ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "wanted"),
    [
        ("x", {"x": 2}, ["0 AccumulateGrad x ->"]),
        (
            "x*w + b",
            {"x": 2, "w": 3, "b": 4},
            [
                "0 AddBackward0 x*w + b -> 1 4",
                "1 MulBackward0 x*w -> 2 3",
                "2 AccumulateGrad x ->",
                "3 AccumulateGrad w ->",
                "4 AccumulateGrad b ->",
            ],
        ),
        (
            "exp(x)*exp(x)",
            {"x": 1},
            [
                "0 MulBackward0 exp(x)*exp(x) -> 1 3",
                "1 ExpBackward0 exp(x) -> 2",
                "2 AccumulateGrad x ->",
                "3 ExpBackward0 exp(x) -> 2",
            ],
        ),
        ("x*x", {"x": 1}, ["0 MulBackward0 x*x -> 1 1", "1 AccumulateGrad x ->"]),
        (
            "sin(x)**2 + 3",
            {"x": 1},
            [
                "0 AddBackward0 sin(x)**2 + 3 -> 1",
                "1 PowBackward0 sin(x)**2 -> 2",
                "2 SinBackward0 sin(x) -> 3",
                "3 AccumulateGrad x ->",
            ],
        ),
    ],
)
def test_graph(text, at, wanted) -> None:
    assert drawn(told(text, **at).graph) == wanted


def test_graph_leaves_out_what_needs_no_grad() -> None:
    graph = told("x*w + b", fixed="x b", x=2, w=3, b=4).graph
    assert drawn(graph) == [
        "0 AddBackward0 x*w + b -> 1",
        "1 MulBackward0 x*w -> 2",
        "2 AccumulateGrad w ->",
    ]


def test_graph_ids_are_the_order_of_visit() -> None:
    graph = told("sin(x)*cos(y) + exp(x*y)/x", x=1, y=2).graph
    assert [node.id for node in graph] == list(range(len(graph)))
    first_seen = list(dict.fromkeys(child for node in graph for child in node.inputs))
    assert sorted(first_seen) == list(range(1, len(graph)))


def test_graph_is_the_same_each_time() -> None:
    text = "sigmoid(x)*tanh(y) + softplus(x*y) + hypot(x, y)"
    assert told(text, x=1, y=2).graph == told(text, x=1, y=2).graph


def test_composed_function_gives_its_nodes_one_source() -> None:
    graph = told("sech(x)", x=1).graph
    assert {node.source for node in graph[:-1]} == {"sech(x)"}
    assert len(graph) > 2


def test_deep_graph_needs_no_recursion() -> None:
    terms = 2_000
    before = sys.getrecursionlimit()
    found = told(" + ".join(["x"] * terms), x=1)
    assert found.gradient == {0: terms}
    assert len(found.graph) == terms
    assert found.graph[-1].id == terms - 1
    assert sys.getrecursionlimit() == before


# --- Births ---------------------------------------------------------------------------------------


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
def test_birth(text, at, wanted) -> None:
    assert born(text, **at) == wanted


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
def test_birth_in_the_second_derivative(text, x, wanted) -> None:
    assert born(text, (0, 0), x=x) == wanted


def test_birth_depends_on_the_dtype() -> None:
    assert born("log(1 + exp(x))", dtype="float32", x=100) == ("exp(x)", "inf", "forward")
    assert born("log(1 + exp(x))", dtype="float64", x=100) is None


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "hint"),
    [
        ("2 + 3", {}, "write a variable"),
        ("x > 0", {"x": 1}, "where(condition, a, b)"),
        ("(x > 0) + 1", {"x": 1}, "where(condition, a, b)"),
    ],
)
def test_nothing_to_differentiate(text, at, hint) -> None:
    with pytest.raises(GradcalcError) as caught:
        told(text, **at)
    assert caught.value.kind is Kind.AUTOGRAD
    assert "does not require grad" in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.span is not None
