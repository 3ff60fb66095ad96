"""From question to report: what `calculate` and `grad` put together, and what they refuse."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gradcalc import calculate as module
from gradcalc import grad, symbolic
from gradcalc.bindings import parse_bindings
from gradcalc.calculate import Options, calculate
from gradcalc.errors import GradcalcError, Kind
from gradcalc.report import Report, Verdict

FORMULA = "u**3 + v**2 + 4*u*v"


def asked(text: str, at: str = "", **options: Any) -> Report:
    return calculate(text, parse_bindings(at.split(",") if at else []), Options(**options))


def refusal(text: str, at: str = "", **options: Any) -> GradcalcError:
    with pytest.raises(GradcalcError) as caught:
        asked(text, at, **options)
    return caught.value


def test_report_is_whole() -> None:
    report = asked(FORMULA, "v=1.1,u=1", second_order=True, latex=True)
    assert (report.expression, report.dtype, report.value) == (FORMULA, "float64", 6.61)
    assert report.bindings == (("u", 1.0), ("v", 1.1))
    assert [entry.wrt for entry in report.gradients] == [("u",), ("v",)]
    assert [entry.wrt for entry in report.hessian] == [("u", "u"), ("u", "v"), ("v", "v")]
    assert [entry.formula for entry in report.entries] == [
        "3*u**2 + 4*v",
        "4*u + 2*v",
        "6*u",
        "4",
        "2",
    ]
    assert [entry.latex for entry in report.hessian] == ["6 u", "4", "2"]
    for entry in report.entries:
        assert entry.verdict is Verdict.AGREE
        assert entry.symbolic == entry.limit == pytest.approx(entry.autograd, rel=1e-15)
        assert (entry.ulps, entry.note, entry.blame) == (pytest.approx(0, abs=2), None, None)
    assert [tensor.name for tensor in report.tensors[:2]] == ["u", "v"]
    assert report.graph[0].grad_fn == "AddBackward0"
    assert (report.verdict, report.exit_code, report.warnings) == (Verdict.AGREE, 0, ())


def test_report_without_a_point_has_formulas_alone() -> None:
    report = asked(FORMULA, second_order=True)
    assert [entry.verdict for entry in report.entries] == [Verdict.UNCHECKED] * 5
    assert {(e.symbolic, e.autograd, e.limit) for e in report.entries} == {(None, None, None)}
    assert (report.verdict, report.exit_code, report.value) == (Verdict.UNCHECKED, 0, None)
    assert (report.tensors, report.graph, report.bindings) == ((), (), ())


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
    ("text", "at", "options", "verdict", "code"),
    [
        ("x*y", "x=1,y=2", {}, Verdict.AGREE, 0),
        ("x + tanh(y)", "x=1,y=20", {}, Verdict.ROUNDING, 0),
        ("x + abs(y)", "x=1,y=0", {}, Verdict.NONDIFFERENTIABLE, 3),
        ("tanh(x) + abs(y)", "x=20,y=0", {}, Verdict.NONDIFFERENTIABLE, 3),
        ("abs(x) + sqrt(y**4)", "x=0,y=0", {}, Verdict.DISAGREE, 1),
        ("log(x)*y", "x=-1,y=0", {}, Verdict.UNDEFINED, 3),
        ("x**y", "x=-2,y=2", {}, Verdict.UNDEFINED, 3),
        ("sinc(x)", "x=0", {}, Verdict.AGREE, 0),
        ("sinc(x)", "x=0", {"second_order": True}, Verdict.DISAGREE, 1),
        (
            "hardsigmoid(x)*y",
            "x=1,y=6",
            {"second_order": True, "dtype": "float32"},
            Verdict.UNDECIDED,
            4,
        ),
    ],
)
def test_verdict_is_the_worst_of_the_entries(text, at, options, verdict, code) -> None:
    report = asked(text, at, **options)
    order = list(Verdict)
    assert report.verdict is max((e.verdict for e in report.entries), key=order.index) is verdict
    assert report.exit_code == code


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


def test_grad_takes_numbers_and_texts() -> None:
    report = grad("x*y", {"x": 0.1, "y": "1/3"}, wrt=["y"], second_order=True, dtype="float64")
    assert report.bindings == (("x", 0.1), ("y", 1 / 3))
    assert [entry.wrt for entry in report.entries] == [("y",), ("y", "y")]


def test_grad_without_a_point_gives_formulas() -> None:
    assert [entry.formula for entry in grad("x*y").gradients] == ["y", "x"]


def test_batch_leaves_the_limit_out_on_smooth_points() -> None:
    (entry,) = asked("sin(x)", "x=1", thorough=False).gradients
    assert (entry.verdict, entry.limit) == (Verdict.AGREE, None)
    assert asked("abs(x)", "x=0", thorough=False).verdict is Verdict.NONDIFFERENTIABLE


# --- Time -----------------------------------------------------------------------------------------


def slowly(seconds: float) -> Any:
    """Return a function that takes so long that only an interruption ends it in time."""

    def sleep(*_: Any, **__: Any) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass

    return sleep


@pytest.mark.parametrize(
    ("owner", "name", "formula"),
    [
        ("gradcalc.precise", "survey", None),
        ("gradcalc.precise", "slope", "2*x"),
        ("gradcalc.symbolic.Calculus", "differentiate", None),
        ("gradcalc.symbolic.Calculus", "values", "2*x"),
    ],
)
def test_what_takes_too_long_is_undecided_with_what_is_known(
    monkeypatch, owner, name, formula
) -> None:
    asked("x**2", "x=3")
    monkeypatch.setattr(f"{owner}.{name}", slowly(20))
    start = time.monotonic()
    report = asked("x**2", "x=3", timeout=0.1, second_order=True)
    assert time.monotonic() - start < 5
    assert (report.verdict, report.exit_code, report.value) == (Verdict.UNDECIDED, 4, 9.0)
    assert [entry.autograd for entry in report.entries] == [6.0, 2.0]
    assert [entry.formula for entry in report.gradients] == [formula]
    assert {entry.verdict for entry in report.entries} == {Verdict.UNDECIDED}
    assert all(
        "0.1 seconds" in entry.note and "--timeout" in entry.note for entry in report.entries
    )
    assert report.tensors
    assert report.graph


def test_formulas_without_a_point_are_left_out_when_time_is_up(monkeypatch) -> None:
    monkeypatch.setattr("gradcalc.symbolic.Calculus.differentiate", slowly(20))
    report = asked("x**2", timeout=0.05)
    assert [(e.formula, e.verdict) for e in report.gradients] == [(None, Verdict.UNCHECKED)]


def test_entries_judged_in_time_keep_their_verdict(monkeypatch) -> None:
    from gradcalc import precise

    slope = precise.slope

    def second_is_slow(program: Any, point: Any, axes: tuple[int, ...], dtype: Any) -> Any:
        if axes == (1,):
            slowly(20)()
        return slope(program, point, axes, dtype)

    monkeypatch.setattr(precise, "slope", second_is_slow)
    report = asked("x*y", "x=2,y=3", timeout=1)
    assert [entry.verdict for entry in report.gradients] == [Verdict.AGREE, Verdict.UNDECIDED]


def test_tiny_timeout_still_answers() -> None:
    report = asked(" + ".join(f"sin({k}*x)**{k}" for k in range(1, 60)), "x=0.3", timeout=1e-6)
    (entry,) = report.gradients
    assert entry.verdict is Verdict.UNDECIDED
    assert entry.autograd is not None


def test_same_question_has_the_same_answer() -> None:
    first, second = (asked("sqrt(x + 1) - sqrt(x)", "x=1e15", second_order=True) for _ in range(2))
    assert first == second


def test_modules_are_the_ones_meant() -> None:
    assert module.calculate is calculate
    assert hasattr(symbolic.Calculus, "differentiate")
