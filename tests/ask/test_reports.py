"""Reports: formulas alone, Jacobians and weights, and the Hessian's blocks."""

from __future__ import annotations

from typing import Any

import pytest

from gradcalc import grad
from gradcalc.ask.calculate import calculate
from gradcalc.base.errors import GradcalcError
from gradcalc.base.options import Options
from gradcalc.language.bindings import parse_bindings
from gradcalc.results.report import Report, Verdict

FORMULA = "u**3 + v**2 + 4*u*v"


def asked(text: str, at: str = "", **options: Any) -> Report:
    return calculate(text, parse_bindings([at] if at else []), Options(**options))


def test_report_without_a_point_has_formulas_alone() -> None:
    report = asked(FORMULA, second_order=True)
    assert [entry.verdict for entry in report.entries] == [Verdict.UNCHECKED] * 5
    assert {(e.symbolic, e.autograd, e.limit) for e in report.entries} == {(None, None, None)}
    assert (report.verdict, report.exit_code, report.value) == (Verdict.UNCHECKED, 0, None)
    assert (report.tensors, report.graph, report.bindings) == ((), (), ())


def test_result_of_several_entries_has_a_jacobian() -> None:
    report = asked("x*y[0]", "x=[1,2],y=[3,4]")
    by_x, by_y = report.gradients
    assert (by_x.shape, by_y.shape) == ((2, 2), (2, 2))
    assert by_x.autograd == by_x.symbolic == by_x.limit == ((3.0, 0.0), (0.0, 3.0))
    assert by_y.autograd == ((1.0, 0.0), (2.0, 0.0))
    assert by_y.formula == (("x[0]", "0"), ("x[1]", "0"))
    assert [entry.output for entry in by_x.entries] == ["[0]", "[0]", "[1]", "[1]"]
    assert [entry.wrt for entry in by_x.entries] == [("x[0]",), ("x[1]",)] * 2
    assert report.value == (3.0, 6.0)


def test_result_of_one_entry_has_no_jacobian() -> None:
    report = asked("x.sum(0, keepdim=True)", "x=[1,2]")
    assert (report.value, report.gradients[0].autograd) == ((3.0,), (1.0, 1.0))


@pytest.mark.parametrize(
    ("text", "weights", "wanted"),
    [
        ("x*y", "ones", ((5.0, 5.0), 3.0)),
        ("x*y", "[1, 10]", ((5.0, 50.0), 21.0)),
        ("x*y", "2", ((10.0, 10.0), 6.0)),
        ("x, y", "[1,2], -pi", ((1.0, 2.0), -3.141592653589793)),
        ("x, y", "ones", ((1.0, 1.0), 1.0)),
        ("x, y", "1/2,0", ((0.5, 0.5), 0.0)),
        ("x[0]*y, y**2", None, ((5.0, 0.0), 11.0)),
        ("x[0]*y, y**2", "3,0.5", ((15.0, 0.0), 8.0)),
        ("x*y, x", "[1,0],[0,2]", ((5.0, 2.0), 1.0)),
    ],
)
def test_several_results_are_weighed(text, weights, wanted) -> None:
    report = asked(text, "x=[1,2],y=5", grad_outputs=weights)
    assert tuple(entry.autograd for entry in report.gradients) == wanted
    assert tuple(entry.symbolic for entry in report.gradients) == wanted
    assert report.verdict is Verdict.AGREE


def test_weights_are_rounded_to_the_dtype() -> None:
    report = asked("x*[1, 1]", "x=1", grad_outputs="[0.1, 0]", dtype="float32")
    assert report.gradients[0].autograd == 0.10000000149011612


def test_hessian_has_a_block_for_each_pair_of_variables() -> None:
    report = asked("(x**2).sum()*y*x[0]", "x=[1,2],y=3", second_order=True)
    assert [block.wrt for block in report.hessian] == [("x", "x"), ("x", "y"), ("y", "y")]
    assert [block.shape for block in report.hessian] == [(2, 2), (2,), ()]
    xx, xy, yy = report.hessian
    assert xx.autograd == xx.symbolic == xx.limit == ((18.0, 12.0), (12.0, 6.0))
    assert xy.autograd == xy.symbolic == (7.0, 4.0)
    assert (yy.autograd, yy.formula, yy.verdict) == (0.0, "0", Verdict.AGREE)
    assert [entry.wrt for entry in xx.entries] == [
        ("x[0]", "x[0]"),
        ("x[0]", "x[1]"),
        ("x[1]", "x[0]"),
        ("x[1]", "x[1]"),
    ]


def test_weights_hold_for_the_hessian_too() -> None:
    report = asked("x**2, x**3", "x=2", grad_outputs="1,10", second_order=True)
    assert report.gradients[0].autograd == 124.0
    assert report.hessian[0].autograd == report.hessian[0].symbolic == 122.0


def test_note_on_a_tensor_names_the_entry() -> None:
    (block,) = asked("abs(x).sum()", "x=[1,0,-2]").gradients
    assert block.verdict is Verdict.NONDIFFERENTIABLE
    assert block.note == "x[1]: the slope has a corner: left -1, right 1; torch answers 0"
    assert [entry.verdict for entry in block.entries] == [
        Verdict.AGREE,
        Verdict.NONDIFFERENTIABLE,
        Verdict.AGREE,
    ]


def test_results_without_a_point_are_weighed_too() -> None:
    report = asked("x*y, y**2", grad_outputs="1,10")
    assert [entry.formula for entry in report.gradients] == ["y", "x + 20*y"]
    assert report.verdict is Verdict.UNCHECKED


def test_what_is_too_large_for_formulas_is_refused():
    with pytest.raises(GradcalcError, match="400,000 operations, which is too many for formulas"):
        grad("x*sum(randn(80, 80) @ randn(80, 80))")


def test_hessian_of_formulas_has_its_limit_too():
    with pytest.raises(GradcalcError, match="a Hessian of 3,600 entries; the limit is 2,500"):
        grad("+".join(f"x{k}" for k in range(60)), second_order=True)


@pytest.mark.parametrize(
    ("text", "at", "exact"),
    [
        (FORMULA, "u=1,v=1.1", 6.61),
        ("x*2", "x=[1,2]", (2.0, 4.0)),
        ("a = x*2; b = x + 1; (a, b)", "x=[1,2]", ((2.0, 4.0), (2.0, 3.0))),
    ],
)
def test_value_is_held_against_the_exact_one(text: str, at: str, exact: object) -> None:
    report = asked(text, at, grad_outputs="ones" if "b" in text else None)
    check = report.value_check
    assert check is not None
    assert (check.exact, check.verdict, check.note) == (exact, Verdict.AGREE, None)
    assert report.verdict is Verdict.AGREE


@pytest.mark.parametrize(
    ("text", "at"), [(FORMULA, ""), ("log(x)", "x=-1"), ("(A@A).sum()", "A=ones(200,200)")]
)
def test_value_is_not_checked_where_there_is_none_or_it_is_too_large(text: str, at: str) -> None:
    assert asked(text, at).value_check is None


@pytest.mark.parametrize(
    ("text", "at", "verdict", "code"),
    [
        ("(x + y)/2", "x=1e308,y=1.5e308", Verdict.DISAGREE, 1),
        ("(x + 1)*y - x*y", "x=1e15,y=0.1", Verdict.ROUNDING, 0),
        ("x.mean()", "x=[1e308,1e308]", Verdict.DISAGREE, 1),
        ("x*1e300", "x=1e300", Verdict.UNDEFINED, 3),
    ],
)
def test_verdict_on_the_value_counts_in_the_whole(
    text: str, at: str, verdict: Verdict, code: int
) -> None:
    report = asked(text, at)
    assert {entry.verdict for entry in report.entries} == {Verdict.AGREE}
    assert report.value_check is not None
    assert (report.value_check.verdict, report.verdict, report.exit_code) == (
        verdict,
        verdict,
        code,
    )


@pytest.mark.parametrize("formulas", [True, False])
@pytest.mark.parametrize(
    ("text", "at", "proved"),
    [("x*y", "x=2,y=3", True), ("x*abs(x)", "x=0", False), ("relu(x)", "x=[1,-2]", True)],
)
def test_agreement_has_an_exact_value_beside_it(
    text: str, at: str, *, proved: bool, formulas: bool
) -> None:
    entries = asked(text, at, formulas=formulas, thorough=False).entries
    assert {(entry.verdict, entry.proved) for entry in entries} == {(Verdict.AGREE, proved)}
    assert [entry.symbolic for entry in entries] == [entry.autograd for entry in entries]


@pytest.mark.parametrize(
    ("text", "at", "name"),
    [
        ("x*1e300", "x=[1,1e300]", "f[1]: "),
        ("(x.sum(), x*1e300)", "x=[1,1e300]", "f[1][1]: "),
        ("x*1e300", "x=1e300", ""),
    ],
)
def test_note_on_the_value_names_the_entry(text: str, at: str, name: str) -> None:
    check = asked(text, at, grad_outputs="ones").value_check
    assert check is not None
    assert check.note == f"{name}the exact value, 1e+600, is beyond the range of float64"
