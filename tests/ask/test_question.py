"""What is asked, and what of it is refused or warned of."""

from __future__ import annotations

from typing import Any

import pytest

from gradcalc.ask.calculate import calculate
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options
from gradcalc.language.bindings import parse_bindings
from gradcalc.results.report import Report

FORMULA = "u**3 + v**2 + 4*u*v"


def asked(text: str, at: str = "", **options: Any) -> Report:
    return calculate(text, parse_bindings([at] if at else []), Options(**options))


def refusal(text: str, at: str = "", **options: Any) -> GradcalcError:
    with pytest.raises(GradcalcError) as caught:
        asked(text, at, **options)
    return caught.value


@pytest.mark.parametrize(
    ("wrt", "wanted"),
    [
        (None, [("u",), ("v",), ("u", "u"), ("u", "v"), ("v", "v")]),
        (("v",), [("v",), ("v", "v")]),
        (("v", "u"), [("v",), ("u",), ("v", "v"), ("v", "u"), ("u", "u")]),
        (("u", "u"), [("u",), ("u", "u")]),
    ],
)
def test_wrt_gives_entries_in_its_order(wrt, wanted) -> None:
    report = asked(FORMULA, "u=1,v=1.1", wrt=wrt, second_order=True)
    assert [entry.wrt for entry in report.entries] == wanted
    mixed = {frozenset(e.wrt): (e.symbolic, e.autograd, e.limit) for e in report.hessian}
    assert mixed.get(frozenset("uv"), (4.0, 4.0, 4.0)) == (4.0, 4.0, 4.0)


def test_other_inputs_are_leaves_without_grad() -> None:
    report = asked(FORMULA, "u=1,v=1.1", wrt=("v",))
    assert [(t.name, t.requires_grad, t.is_leaf) for t in report.tensors[:2]] == [
        ("u", False, True),
        ("v", True, True),
    ]


@pytest.mark.parametrize(
    ("value", "dtype", "wanted"),
    [
        ("0.1", "float64", 0.1),
        ("0.1", "float32", 0.10000000149011612),
        ("1/3", "float32", 0.3333333432674408),
        ("pi", "float64", 3.141592653589793),
        ("-2", "float64", -2.0),
        ("1e-46", "float32", 0.0),
        ("sqrt(2)", "float64", 2**0.5),
    ],
)
def test_binding_is_what_torch_sees(value, dtype, wanted) -> None:
    report = asked("2*x", f"x={value}", dtype=dtype)
    assert report.bindings == (("x", wanted),)
    assert report.value == 2 * wanted


@pytest.mark.parametrize(
    ("text", "at", "options", "kind", "message"),
    [
        ("x*y", "x=1", {}, Kind.BINDING, "y"),
        ("x", "x=1,q=2", {}, Kind.BINDING, "q"),
        ("x", "x=inf", {}, Kind.BINDING, "inf"),
        ("x", "x=nan", {}, Kind.BINDING, "nan"),
        ("x", "x=log(-1)", {}, Kind.BINDING, "nan"),
        ("x", "x=1e300", {"dtype": "float32"}, Kind.BINDING, "inf"),
        ("x", "x=1", {"wrt": ("z",)}, Kind.BINDING, "z"),
        ("x", "x=1", {"dtype": "float16"}, Kind.USAGE, "float16"),
        ("x > 0", "x=1", {}, Kind.AUTOGRAD, "does not require grad"),
        ("x", "x=1", {"dtype": "int64"}, Kind.AUTOGRAD, "a leaf of int64 cannot require grad"),
        ("x", "x=1", {"dtype": "bool"}, Kind.AUTOGRAD, "a leaf of bool cannot require grad"),
        ("x", "x=[1,nan]", {}, Kind.BINDING, "holds nan"),
        ("x", "x=[[1,2],[3]]", {}, Kind.SHAPE, "not of the same length"),
        ("x", "x=(rand(2),rand(2))", {}, Kind.BINDING, "a binding has one value"),
        ("x", "x=[1,2] @ [1,2,3]", {}, Kind.SHAPE, "shapes (2,) and (3,)"),
        ("x", "x=zeros(2000,2000)", {}, Kind.LIMIT, "1,000,000 entries"),
        ("x @ y", "x=[1,2],y=[1,2,3]", {}, Kind.SHAPE, "shapes (2,) and (3,)"),
        ("x @ y", "", {}, Kind.SHAPE, "shapes () and ()"),
        ("[].sum()*x", "x=1", {}, Kind.SHAPE, "tensor"),
        ("x*2", "x=[1,2]", {"second_order": True}, Kind.AUTOGRAD, "a weight for each"),
        ("x, y", "x=[1,2],y=1", {}, Kind.AUTOGRAD, "a weight for each"),
        ("x, y", "x=1,y=1", {"grad_outputs": "1"}, Kind.SHAPE, "1 weight for 2 results"),
        ("x", "x=1", {"grad_outputs": "[1,2,3]"}, Kind.SHAPE, "the weights have shape (3,)"),
        ("x", "x=1", {"grad_outputs": "inf"}, Kind.BINDING, "inf"),
        ("x", "x=1", {"grad_outputs": "y"}, Kind.BINDING, "`y` is not known"),
        ("x", "x=1", {"retain_grad": ("q",)}, Kind.USAGE, "nothing is called `q`"),
        ("x*2", "x=[1,2]", {"claims": ("x=2",)}, Kind.USAGE, "variables are numbers"),
        ("x += 1; x", "x=2", {}, Kind.AUTOGRAD, "`x` is a leaf"),
        ("y = x*1; z = y**2; y += 1; z", "x=2", {}, Kind.AUTOGRAD, "saved for backward"),
        ("x*detach(x)", "x=1", {"passes": 2, "retain_graph": False}, Kind.AUTOGRAD, "freed"),
        ("inv(x).sum()", "x=[[1,2],[2,4]]", {}, Kind.AUTOGRAD, "singular"),
    ],
)
def test_refusal(text, at, options, kind, message) -> None:
    error = refusal(text, at, **options)
    assert error.kind is kind
    assert message in error.message


def test_unused_binding_is_a_warning_where_variables_are_chosen() -> None:
    report = asked("x", "x=1,q=2", wrt=("x",))
    assert report.warnings == ("`q` does not occur in the expression",)
    assert report.bindings == (("x", 1.0),)


@pytest.mark.parametrize(("text", "at"), [("f(x) + f", ""), ("f(x)", "f=2,x=1"), ("x(1 + x)", "")])
def test_product_with_brackets_is_plain_where_its_factor_is(text, at) -> None:
    assert asked(text, at).warnings == ()


def test_variable_that_looks_called_is_a_warning() -> None:
    warning = "`f` is no function: it is taken for a variable, and f(...) for a product"
    assert asked("f(x) + 1").warnings == (warning,)


def test_bound_constant_is_a_variable_and_a_warning() -> None:
    report = asked("e*x", "e=2,x=3")
    assert [entry.autograd for entry in report.gradients] == [3.0, 2.0]
    assert len(report.warnings) == 1
    assert "`e`" in report.warnings[0]


@pytest.mark.parametrize("name", ["lambda", "E", "I", "beta", "gamma", "zeta", "S", "N", "Q", "oo"])
def test_variables_may_be_called_as_sympy_calls_its_own(name: str) -> None:
    report = asked(f"{name}**2 + x", f"{name}=3,x=1")
    by_name = {entry.wrt: entry for entry in report.gradients}
    assert by_name[(name,)].autograd == by_name[(name,)].symbolic == 6.0
    assert by_name[(name,)].formula == f"2*{name}"


@pytest.mark.parametrize("at", ["x=3", ""])
@pytest.mark.parametrize(
    ("text", "formula", "constants"),
    [
        ("x*detach(x)", "detach(x)", ["detach(x)"]),
        ("y = x.detach(); y*x + x.detach()", "detach(x)", ["x.detach()"]),
        ("a = no_grad(x**2); a*x", "detach(x**2)", ["x**2"]),
        ("no_grad(x*2)*x + detach(x**2)", "detach(2*x)", ["x*2", "detach(x**2)"]),
    ],
)
def test_what_is_detached_is_a_constant_and_a_warning(at, text, formula, constants) -> None:
    report = asked(text, at)
    assert report.warnings == tuple(
        f"`{source}` is a constant to backward, and to calculus here too" for source in constants
    )
    assert report.gradients[0].formula == formula
