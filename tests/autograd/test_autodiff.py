"""Autograd's testimony: values, gradients, leaves, the graph, and where a nan was born."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from gradcalc.autograd import anomaly, autodiff
from gradcalc.base.dtypes import DTYPES
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.language.parser import parse
from gradcalc.program.program import Array

if TYPE_CHECKING:
    from gradcalc.results.report import GraphNode

NAN = math.nan

#: Fields of `Backward`.
SECOND = {"second_order": True}

#: A number or a vector.
Value = float | list[float]


def told(
    text: str, dtype: str = "float64", *, fixed: str = "", how: Any = None, **at: Value
) -> autodiff.Testimony:
    """Ask torch; `how` holds fields of `Backward`."""
    program = parse(text, known=set(at))
    inputs = [array(at[name], dtype) for name in program.names]
    required = [name not in fixed.split() for name in program.names]
    backward = autodiff.Backward(**(how or {}))
    return autodiff.testify(program, inputs, required, dtype, backward, autodiff.Draws(0))


def array(value: Value, dtype: str = "float64") -> Array:
    """Return a number, or a list of them, as an input."""
    numbers = value if isinstance(value, list) else [value]
    shape = (len(numbers),) if isinstance(value, list) else ()
    return Array(shape, tuple(DTYPES[dtype].round(Fraction(number)) for number in numbers))


def refused(text: str, **options: Any) -> GradcalcError:
    with pytest.raises(GradcalcError) as caught:
        told(text, **options)
    return caught.value


def born(
    text: str, axes: tuple[int, ...] = (0,), dtype: str = "float64", **at: Value
) -> tuple[str, str, str] | None:
    """Return the step that made the first nan or infinity, what it made, and the pass."""
    program = parse(text, known=set(at))
    inputs = [array(at[name]) for name in program.names]
    found = anomaly.birth(program, inputs, dtype, axes, [Array((), (1.0,))], {})
    # As text, since a nan equals nothing.
    return found and (found[0], str(found[1]), found[2])


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
    (row,) = found.gradients
    assert row == pytest.approx(gradient, rel=1e-15)


def test_hessian_has_each_pair_once() -> None:
    found = told("x**2*y**3", how=SECOND, x=2, y=3)
    assert found.hessian == {(0, 0): 54.0, (0, 1): 108.0, (1, 1): 72.0}


def test_hessian_counts_entries_of_all_inputs() -> None:
    found = told("(x**2).sum()*y*k", fixed="k", how=SECOND, x=[2, 3], k=1, y=5)
    assert found.hessian == {
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


def kept(found: autodiff.Testimony) -> dict[str, object]:
    """What each tensor's `.grad` holds, by its name."""
    return {row.name: row.grad for row in found.tensors}


CHAIN = "a = x*w; b = a + 1; c = a*b; c"


@pytest.mark.parametrize(
    ("text", "names", "wanted"),
    [
        (CHAIN, [], {"x": 39.0, "w": 26.0, "a": None, "b": None, "c": None}),
        (CHAIN, ["a"], {"x": 39.0, "w": 26.0, "a": 13.0, "b": None, "c": None}),
        (CHAIN, ["c", "b"], {"x": 39.0, "w": 26.0, "a": None, "b": 6.0, "c": 1.0}),
        (CHAIN, ["x"], {"x": 39.0, "w": 26.0, "a": None, "b": None, "c": None}),
        (CHAIN, None, {"x": 39.0, "w": 26.0, "a": 13.0, "b": 6.0, "c": 1.0}),
        # Of a name that was given twice, the last value keeps its gradient.
        ("a = x*w; a = a*a; a*2", ["a"], {"x": 72.0, "w": 48.0, "a": 2.0, "a*2": None}),
        ("k = 3; k*x*w", None, {"x": 9.0, "w": 6.0, "k*x*w": None}),
    ],
)
def test_named_values_keep_gradients_where_asked(text, names, wanted) -> None:
    how = {"retain_grad": None if names is None else frozenset(names)}
    assert kept(told(text, how=how, x=2, w=3)) == wanted


@pytest.mark.parametrize(
    ("how", "grad"),
    [
        ({}, 6.0),
        ({"passes": 3}, 18.0),
        ({"passes": 3, "zero_grad": True}, 6.0),
        ({"retain_graph": False}, 6.0),
    ],
)
@pytest.mark.parametrize("name", ["x", "y"])
def test_gradients_add_up_over_passes(how, grad, name) -> None:
    found = told("y = 1*x; y**2", how={"retain_grad": frozenset("y"), **how}, x=3)
    assert kept(found)[name] == grad
    # The derivative is what one pass adds.
    assert found.gradients == ([6.0],)


# --- Several results, and results of several entries ----------------------------------------------


def weights(*values: Value) -> dict[str, object]:
    return {"weights": tuple(map(array, values))}


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
    found = told(text, how=how, x=[2, 3], y=5)
    assert list(found.gradients) == wanted
    assert (found.weights is None) is (len(wanted) > 1)


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
    assert found.gradients == ([terms],)
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
    ("text", "options", "place", "hint"),
    [
        ("2 + 3", {}, "2 + 3", "write a variable in it, as in x**2"),
        ("x > 0", {"x": 1}, "x > 0", "where(condition, a, b)"),
        ("(x > 0) + 1", {"x": 1}, "(x > 0) + 1", "where(condition, a, b)"),
        ("x**2", {"x": 1, "fixed": "x"}, "x**2", "name it in --wrt: x"),
        ("x.detach()*2", {"x": 1}, "x.detach()*2", "detach() and no_grad() make constants"),
        ("no_grad(x*2)", {"x": 1}, "x*2", "detach() and no_grad() make constants"),
        ("x, x.sign() > 0", {"x": 1}, "x.sign() > 0", "where(condition, a, b)"),
    ],
)
def test_nothing_to_differentiate(text, options, place, hint) -> None:
    error = refused(text, **options)
    assert error.kind is Kind.AUTOGRAD
    assert "does not require grad" in error.message
    assert hint in error.hint
    assert underlined(error) == place


def underlined(error: GradcalcError) -> str:
    return error.text[error.span.start : error.span.stop]


@pytest.mark.parametrize(
    ("text", "options", "kind", "message", "place", "hint"),
    [
        ("x + y", {"x": [1, 2], "y": [1, 2, 3]}, "shape",
         "`+` does not fit shapes (2,) and (3,)", "x + y", "torch says: "),
        ("1 + (x @ y)", {"x": [1, 2], "y": [1, 2, 3]}, "shape",
         "`@` does not fit shapes (2,) and (3,)", "x @ y", "torch says: "),
        ("x.sum(dim=3)", {"x": [1, 2]}, "shape",
         "`sum` does not fit shape (2,)", "x.sum(dim=3)", "torch says: "),
        ("x[4]", {"x": [1, 2]}, "shape",
         "the index does not fit shape (2,)", "x[4]", "torch says: "),
        ("y = x*1; y[0] = [1, 2]; y", {"x": [1, 2]}, "shape",
         "the index does not fit shape (2,) and a value of shape (2,)", "y[0] = [1, 2]",
         "torch says: "),
        ("x*2", {"x": [1, 2], "how": SECOND}, "autograd",
         "the result has shape (2,): backward wants a weight for each of its entries", "x*2",
         "add --grad-outputs ones"),
        ("x*2", {"x": [1, 2], "how": {"passes": 2}}, "autograd",
         "the result has shape (2,): backward wants a weight for each of its entries", "x*2",
         "add --grad-outputs ones"),
        ("x[0], x", {"x": [1, 2]}, "autograd",
         "the result has shape (2,): backward wants a weight for each of its entries", "x",
         "add --grad-outputs ones"),
        ("x, x*2", {"x": 2, "how": weights(1)}, "shape", "1 weights for 2 results", "x",
         "give --grad-outputs one value for each result, parted by commas"),
        ("x*2", {"x": [1, 2], "how": weights([1, 2, 3])}, "shape",
         "the weights have shape (3,), the result (2,)", "x*2",
         "give --grad-outputs a value of the result's shape, or ones"),
        ("y = x*2; y", {"x": 2, "how": {"retain_grad": frozenset("q")}}, "usage",
         "--retain-grad: nothing is called `q`", None, "name one of y"),
        ("x*2", {"x": 2, "how": {"retain_grad": frozenset("q")}}, "usage",
         "--retain-grad: nothing is called `q`", None, "give a value a name, as in y = x**2"),
        ("y = x.detach(); z = y*2; x + z",
         {"x": 2, "how": {"retain_grad": frozenset("z")}}, "autograd",
         "`z` does not require grad, so it can retain none", "y*2",
         "leave it out of --retain-grad"),
        ("x**2", {"x": 2, "how": {"passes": 2, "retain_graph": False}}, "autograd",
         "the graph was freed by the first backward, so it cannot be run a second time", "x**2",
         "leave out --no-retain-graph"),
        ("x += 1; x", {"x": 2}, "autograd",
         "`x` is a leaf that requires grad, so it cannot be changed in place", "x += 1",
         "make a new tensor, as in y = x + 1, or leave the variable out of --wrt"),
        ("x[0] = 1; x.sum()", {"x": [1, 2]}, "autograd",
         "`x` is a leaf that requires grad, so it cannot be changed in place", "x[0] = 1",
         "make a new tensor, as in y = x + 1, or leave the variable out of --wrt"),
        ("y = x[:1]; y += 1; y", {"x": [1, 2]}, "autograd",
         "`x[:1]` is a view of a leaf that requires grad, so it cannot be changed in place",
         "y += 1", "make a new tensor"),
        ("y = x*1; z = y**2; y += 1; z", {"x": 2}, "autograd",
         "this changes in place a value that backward needs", "y += 1",
         "make a new tensor instead, as in z = y + 1"),
        ("y = x*1; z = y**2; y += 1; w = x*1; w += 1; z + w", {"x": 2}, "autograd",
         "this changes in place a value that backward needs", "y += 1",
         "make a new tensor instead, as in z = y + 1"),
        ("y = x*1; y.silu_()", {"x": 2}, "autograd",
         "torch has no `silu_`, which would work in place", "y.silu_()",
         "make a new tensor, as in y = silu(x)"),
        ("x.sum() + zeros(1000, 1000, 2).sum()", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "zeros(1000, 1000, 2)", None),
        ("x.expand(2000, 1000)", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "x.expand(2000, 1000)", None),
        ("linspace(0, 1, 2000000)*x", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "linspace(0, 1, 2000000)", None),
        ("eye(2, 600000)*x", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "eye(2, 600000)", None),
        ("arange(0, 1, 1e-7)*x", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "arange(0, 1, 1e-7)", None),
        ("x.reshape(10000000, 0)", {"x": []}, "limit",
         "a tensor of over 1,000,000 entries", "x.reshape(10000000, 0)", None),
        ("x.std(correction=99999999999999999999)", {"x": [1, 2]}, "autograd",
         "torch refuses: int too big to convert", "x.std(correction=99999999999999999999)", None),
        ("x*hardtanh(2, 3, 1)", {"x": 2}, "autograd",
         "torch refuses: min_val cannot be greater than max_val", "hardtanh(2, 3, 1)", None),
        ("hardtanh(x, 3, 1)", {"x": [1, 2]}, "autograd",
         "torch refuses: min_val cannot be greater than max_val", "hardtanh(x, 3, 1)", None),
        ("outer(ones(2000), ones(2000))*x", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "outer(ones(2000), ones(2000))", None),
        ("(x**2).sum()", {"x": [1.0] * 60, "how": SECOND}, "limit",
         "a Hessian of 3,600 entries; the limit is 2,500", None, "name fewer variables in --wrt"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_what_torch_refuses_is_said_in_plain_words(
    text, options, kind, message, place, hint
) -> None:
    error = refused(text, **options)
    assert error.kind == kind
    assert error.message.startswith(message)
    assert (error.span and underlined(error)) == place
    assert hint is None or error.hint.startswith(hint)
