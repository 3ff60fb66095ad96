"""From question to report: what `calculate` and `grad` put together, and what they refuse."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from gradcalc import grad
from gradcalc.ask import calculate as module
from gradcalc.ask.calculate import calculate
from gradcalc.base.deadline import TimeUp
from gradcalc.base.options import Options
from gradcalc.calculus import symbolic
from gradcalc.cli import main
from gradcalc.judging import jury
from gradcalc.language.bindings import parse_bindings
from gradcalc.render import formats
from gradcalc.results.report import Report, Verdict

FORMULA = "u**3 + v**2 + 4*u*v"


def asked(text: str, at: str = "", **options: Any) -> Report:
    return calculate(text, parse_bindings([at] if at else []), Options(**options))


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


# --- Programs -------------------------------------------------------------------------------------


def by_name(report: Report) -> dict[str, Any]:
    """Return what each tensor's `.grad` holds."""
    return {tensor.name: tensor.grad for tensor in report.tensors}


def test_formulas_may_be_done_without():
    report = grad("x*exp(x)", {"x": 1}, second_order=True, formulas=False)
    assert [entry.formula for entry in report.entries] == [None, None]
    assert [entry.symbolic for entry in report.entries] == [2 * math.e, 3 * math.e]
    assert (report.verdict, report.left_out) == (Verdict.AGREE, None)
    (entry,) = grad("x*exp(x)", formulas=False).entries
    assert (entry.formula, entry.symbolic, entry.verdict) == (None, None, Verdict.UNCHECKED)


@pytest.mark.parametrize(
    ("text", "at", "formulas"),
    [
        ("y = x**2; y*x", "x=3", ["3*x**2"]),
        ("y = x**2; y = y*y; y", "x=3", ["4*x**3"]),
        ("y = u*v\nz = y + v # twice\nz*y", "u=2,v=3", ["v**2*(2*u + 1)", None]),
        ("x = x*2; x*w", "x=3,w=2", ["2*w", "2*x"]),
        ("y = x*1; y += w; y *= w; y", "x=3,w=2", ["w", "2*w + x"]),
        ("y = x*1; y.exp_(); y*x", "x=3", ["(x + 1)*exp(x)"]),
        ("y = [x, w]; y[0] = w**2; y.sum()*x", "x=3,w=2", ["w**2 + w", None]),
        ("max(x, y, z)", "x=1,y=2,z=3", [None, None, None]),
    ],
)
def test_program_of_statements_is_differentiated(text, at, formulas) -> None:
    report = asked(text, at)
    assert report.verdict is Verdict.AGREE
    shown = [entry.formula for entry in report.gradients]
    assert [b for _, b in zip(shown, formulas, strict=True) if b] == [
        a for a, b in zip(shown, formulas, strict=True) if b
    ]


@pytest.mark.parametrize(
    ("text", "grad"),
    [
        ("x*detach(x)", 3.0),
        ("x.detach() + x", 1.0),
        ("y = x**2; y.detach()*y", 54.0),
        ("no_grad(x*2 + 1)*x", 7.0),
        ("a = no_grad(x**2); b = a*x; b*a", 81.0),
    ],
)
def test_gradient_flows_around_what_is_detached(text, grad) -> None:
    (entry,) = asked(text, "x=3").gradients
    assert (entry.symbolic, entry.autograd, entry.limit) == (grad, grad, grad)
    assert entry.verdict is Verdict.AGREE


@pytest.mark.parametrize(
    ("names", "kept"), [((), set()), (("y",), {"y"}), (("y", "z"), {"y", "z"}), (None, {"y", "z"})]
)
def test_named_values_keep_their_gradients_where_asked(names, kept) -> None:
    report = asked("y = x**2; z = 3*y; z + x", "x=3", retain_grad=names)
    wanted = {"y": 3.0, "z": 1.0}
    assert {n: g for n, g in by_name(report).items() if n in wanted and g is not None} == {
        name: wanted[name] for name in kept
    }
    assert {t.name for t in report.tensors if t.retains_grad} == kept


@pytest.mark.parametrize(("seed", "same"), [(0, False), (7, True)])
def test_random_numbers_are_those_of_the_seed(seed: int, same: bool) -> None:
    first = asked("(x*rand(2)).sum()", "x=randn(2)", seed=7)
    second = asked("(x*rand(2)).sum()", "x=randn(2)", seed=seed)
    assert (first == second) is same
    assert first.verdict is second.verdict is Verdict.AGREE


@pytest.mark.parametrize(
    ("text", "gradient"),
    [("x.sum()*y", 0.0), ("x.prod()*y", 1.0), ("(x*y).sum()", 0.0), ("cat([x, x]).sum() + y", 1.0)],
)
def test_tensor_without_entries_is_a_tensor(text, gradient) -> None:
    by_x, by_y = asked(text, "x=[],y=2").gradients
    assert (by_x.shape, by_x.autograd, by_x.verdict) == ((0,), (), Verdict.AGREE)
    assert by_y.autograd == by_y.symbolic == gradient


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ([1, 2], (1.0, 2.0)),
        ([[1, 0.1], [3, 4]], ((1.0, 0.1), (3.0, 4.0))),
        ("[1, pi/4]", (1.0, 0.7853981633974483)),
        ("-eye(2)", ((-1.0, 0.0), (0.0, -1.0))),
        ("[[1, 2], [3, 4]] @ [1, 1/3]", (5 / 3, 13 / 3)),
        ("arange(3)*2", (0.0, 2.0, 4.0)),
        ((), ()),
    ],
    ids=str,
)
def test_grad_takes_tensors(value, wanted) -> None:
    report = grad("(3*x).sum()", {"x": list(value) if value == () else value})
    assert report.bindings[0][1] == wanted
    flat = [entry.autograd for entry in report.gradients[0].entries]
    assert flat == [3.0] * len(flat)


def test_grad_takes_all_options() -> None:
    report = grad(
        "y = x*w\ny.sum(), x",
        {"x": [1, 2], "w": 3},
        wrt=["x"],
        dtype="float32",
        seed=3,
        grad_outputs="1, [0, 1]",
        retain_grad=["y"],
        backward=2,
        timeout=None,
    )
    assert report.gradients[0].autograd == (3.0, 4.0)
    assert list(by_name(report).values())[:3] == [(6.0, 8.0), None, (2.0, 2.0)]
    assert grad("y = x*2; y", {"x": 1}, retain_grad=["all"]).tensors[1].grad == 1.0


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
        ("gradcalc.judging.jury", "at_point", None),
        ("gradcalc.judging.jury", "slope", "2*x"),
        ("gradcalc.calculus.symbolic.Calculus", "differentiate", None),
        ("gradcalc.calculus.symbolic.Calculus", "balls", "2*x"),
    ],
)
def test_what_takes_too_long_is_undecided_with_what_is_known(
    monkeypatch, owner, name, formula
) -> None:
    asked("x**3", "x=3")  # what is imported, is imported; what is known of x**2, is not
    symbolic._recent.clear()
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


def test_entries_judged_in_time_keep_their_verdict(monkeypatch) -> None:
    slope = jury.slope

    def second_is_slow(program: Any, point: Any, axes: tuple[int, ...], dtype: Any) -> Any:
        if axes == (1,):
            slowly(20)()
        return slope(program, point, axes, dtype)

    monkeypatch.setattr(jury, "slope", second_is_slow)
    report = asked("x*y", "x=2,y=3", timeout=1)
    assert [entry.verdict for entry in report.gradients] == [Verdict.AGREE, Verdict.UNDECIDED]


@pytest.mark.parametrize("thorough", [True, False])
@pytest.mark.parametrize(
    ("text", "at", "wanted"),
    [
        # A difference beside an immense value is lost in its digits.
        ("gamma(y) + x", "x=710,y=1e5", {"x": "agree", "y": "undefined"}),
        ("x + 2**y", "x=2,y=1e10", {"x": "agree", "y": "undefined"}),
        # A value such as 10**-1e205 is none.
        ("gelu(x*y)", "x=1e100,y=-745", {"x": "agree", "y": "agree"}),
        # The steps are finer than what a large number makes of them.
        ("trunc(x*y)", "x=1e200,y=1", {"x": "nondifferentiable", "y": "nondifferentiable"}),
        ("floor(exp(x))", "x=300.5", {"x": "agree"}),
        # What overflows is not where it is looked.
        ("elu(x)/x**1", "x=1e308", {"x": "agree"}),
        ("x**-1*elu(x)", "x=1e308", {"x": "rounding"}),
        # Of an immense argument of sin no digit is left.
        ("sinc(x)", "x=1e100", {"x": "rounding"}),
        # A slope that 500 bits do not show.
        ("tanh(x) + y", "x=200,y=1", {"x": "rounding", "y": "agree"}),
    ],
)
def test_numbers_of_extreme_sizes_are_no_alarm(
    text: str, at: str, wanted: dict[str, str], thorough: bool
) -> None:
    report = asked(text, at, thorough=thorough)
    assert {entry.wrt[0]: entry.verdict.value for entry in report.gradients} == wanted


@pytest.mark.parametrize("constant", ["sinc(0.1)", "frac(-1.5)", "fmod(-7, 3)", "beta(0.5, 2)"])
def test_constant_is_what_the_table_says_whatever_mpmath_calls_so(constant: str) -> None:
    # abs has no derivative in SymEngine, so sympy is asked.
    report = asked(f"atan({constant})*abs(x)", "x=2")
    assert report.verdict is Verdict.AGREE


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


@pytest.mark.parametrize(
    "slow", ["gradcalc.autograd.autodiff.testimony", "gradcalc.judging.verdicts.judged"]
)
def test_question_that_never_gets_to_the_jury_is_undecided(monkeypatch, slow) -> None:
    monkeypatch.setattr("gradcalc.base.limits.GRACE", 0.05)
    monkeypatch.setattr(slow, slowly(20))
    start = time.monotonic()
    report = asked("x.sum()", "x=[1,2]", timeout=0.05)
    assert time.monotonic() - start < 5
    assert (report.verdict, report.exit_code) == (Verdict.UNDECIDED, 4)
    assert (report.gradients, report.canonical) == ((), "sum(x)")
    assert "0.05 seconds" in report.warnings[0]
    for form in formats("report").values():
        assert form.report(report)


@pytest.mark.parametrize(
    ("options", "grad"),
    [
        ({}, 12.0),
        ({"passes": 3}, 36.0),
        ({"passes": 3, "zero_grad": True}, 12.0),
        ({"passes": 2, "zero_grad": True, "retain_grad": None}, 12.0),
        ({"retain_graph": False}, 12.0),
        ({"passes": 3, "second_order": True}, 36.0),
    ],
    ids=str,
)
def test_gradients_add_up_in_grad_and_not_in_the_derivative(options, grad) -> None:
    report = asked("y = x**2; y*2", "x=3", **options)
    assert by_name(report)["x"] == grad
    assert report.gradients[0].autograd == report.gradients[0].symbolic == 12.0
    assert report.verdict is Verdict.AGREE


def test_formulas_without_a_point_are_left_out_when_time_is_up(monkeypatch) -> None:
    monkeypatch.setattr("gradcalc.calculus.symbolic.Calculus.differentiate", slowly(20))
    report = asked("x**2", timeout=0.05)
    assert [(e.formula, e.verdict) for e in report.gradients] == [(None, Verdict.UNCHECKED)]


def test_reports_name_the_option_as_it_is_given() -> None:
    terms = " + ".join(f"sin({k}*x)**{k}*abs(x)" for k in range(1, 12))
    late = {entry.note for entry in asked(terms, "x=1", timeout=1e-6).entries}
    assert late == {"no verdict within 1e-06 seconds; --timeout gives it more"}
    late = {entry.note for entry in grad(terms, {"x": 1}, timeout=1e-6).entries}
    assert late == {"no verdict within 1e-06 seconds; timeout= gives it more"}


def test_report_without_time_for_anything_names_the_option(monkeypatch) -> None:
    def late(*_: Any, **__: Any) -> None:
        raise TimeUp

    monkeypatch.setattr("gradcalc.judging.verdicts.judged", late)
    assert grad("x**2", {"x": 1}, timeout=7).warnings == (
        "no verdict within 7 seconds; timeout= gives it more",
    )


def test_name_that_looks_like_a_call_is_told_as_on_the_command_line(capsys) -> None:
    [warning] = grad("sinx").warnings
    with pytest.raises(SystemExit):
        main(["grad", "sinx"])
    assert capsys.readouterr().err == f"warning: {warning}\n"
