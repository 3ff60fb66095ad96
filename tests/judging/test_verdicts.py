"""From torch's testimony to entries: what is asked of a program, whole or too large for that."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gradcalc import grad
from gradcalc.autograd import autodiff
from gradcalc.base import limits
from gradcalc.base.deadline import TimeUp
from gradcalc.base.dtypes import FLOAT32, FLOAT64, Dtype
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options
from gradcalc.judging import compare, verdicts
from gradcalc.judging.verdicts import Judged, judged
from gradcalc.language.parser import parse
from gradcalc.program.program import Array
from gradcalc.results.report import Verdict

if TYPE_CHECKING:
    from gradcalc.results.report import Entry


def judged_of(
    text: str,
    *inputs: Array,
    scalar: bool,
    dtype: Dtype = FLOAT64,
    thorough: bool = True,
    **instead: object,
) -> Judged:
    """Judge a program as `grad` does, with the weight 1 or as a Jacobian; torch may lie."""
    program, options = parse(text), Options(dtype=dtype.name, timeout=20, thorough=thorough)
    how = autodiff.Backward((Array((), (1.0,)),) if scalar else None)
    testimony = autodiff.testify(program, inputs, [True] * len(inputs), dtype.name, how, {})
    testimony = replace(testimony, **instead)
    return judged(program, inputs, range(len(inputs)), testimony, dtype, options)


PAIR = Array((2,), (0.5, 2.0))
ONE = Array((), (0.5,))
SQUARE = Array((2, 2), (1.0, 2.0, 3.0, 4.0))


def formulas(rows: list[list[Entry]]) -> list[str | None]:
    return [entry.formula for row in rows for entry in row]


def test_formulas_are_written_up_to_a_number_of_entries(monkeypatch) -> None:
    monkeypatch.setattr(limits, "FORMULA_ENTRIES", 4)
    _, rows, _, _ = judged_of("stack([x**2, sin(x)])", PAIR, scalar=False)
    assert formulas(rows) == [None] * 8  # four entries of the output by two of the input
    _, rows, _, _ = judged_of("x**2", PAIR, scalar=False)
    assert formulas(rows) == ["2*x[0]", "0", "0", "2*x[1]"]
    monkeypatch.setattr(limits, "FORMULA_ENTRIES", 3)
    _, rows, _, _ = judged_of("x**2", PAIR, scalar=False)
    assert formulas(rows) == [None] * 4
    assert {entry.verdict for row in rows for entry in row} == {"agree"}


@pytest.mark.parametrize(
    ("text", "inputs", "scalar", "names"),
    [
        ("sin(x)", [ONE], True, ("x",)),
        ("x.sum()", [PAIR], True, ("x[0]", "x[1]")),
        ("x**2", [PAIR], False, None),
        ("stack([x, x**2])", [ONE], False, None),
    ],
)
def test_scalar_program_is_told_if_there_is_one(text, inputs, scalar, names) -> None:
    _, rows, check, only = judged_of(text, *inputs, scalar=scalar)
    assert (only and only.names) == names
    assert check is not None
    assert len(rows) == (1 if scalar else 2)


def test_rows_of_a_jacobian_are_named_after_the_entries_of_the_output() -> None:
    _, rows, _, _ = judged_of("stack([x, x**2])", ONE, scalar=False)
    assert [entry.output for row in rows for entry in row] == ["[0]", "[1]"]


def test_what_is_judged_at_once_is_not_judged_again() -> None:
    wrong = ([1.0], [7.0])
    _, rows, _, _ = judged_of(
        "stack([x**2, x**3])", ONE, scalar=False, thorough=False, gradients=wrong
    )
    assert [[entry.verdict for entry in row] for row in rows] == [["agree"], ["disagree"]]


def test_what_there_was_no_time_for_is_undecided(monkeypatch) -> None:
    monkeypatch.setattr(verdicts.Jury, "verdicts", lambda jury: iter(()))
    report = grad("abs(x)*y", at={"x": 0.0, "y": 1.0}, timeout=7)
    notes = {entry.note for entry in report.gradients}
    assert notes == {"no verdict within 7 seconds; timeout= gives it more"}
    assert report.verdict == "undecided"


# --- Programs that are too large to be written out ------------------------------------------------


@pytest.fixture
def small(monkeypatch) -> None:
    """Let programs of more than ten operations be too large."""
    monkeypatch.setattr(limits, "SCALAR_STEPS", 10)


LARGE = "(x @ x).sum() + abs(y).sum()"
AT = {"x": [[1.0, 2.0], [3.0, 4.0]], "y": [0.0, 3.0]}


@pytest.mark.usefixtures("small")
def test_large_program_gets_a_verdict_for_each_variable() -> None:
    report = grad(LARGE, at=AT)
    assert [(d.wrt, {e.verdict for e in d.entries}) for d in report.gradients] == [
        (("x",), {"agree"}),
        (("y",), {"nondifferentiable"}),
    ]
    first = report.entries[0]
    assert (first.wrt, first.autograd, first.formula) == (("x[0,0]",), 7.0, None)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("full((2,), inf).sum()*x", "undefined"),
        ("linspace(0, inf, 3).sum()*x", "undefined"),
        ("huber_loss(x, 2*x, delta=inf)", "agree"),
    ],
)
def test_numbers_of_options_may_be_infinite(text, verdict) -> None:
    assert grad(text, at={"x": 2}).verdict == verdict


@pytest.mark.usefixtures("small")
def test_program_may_be_large_for_the_numbers_that_torch_made() -> None:
    assert grad("sum(arange(20))*x", at={"x": 2}).verdict == "agree"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("wrong", "verdict"), [(1 + 1e-6, "disagree"), (1.0, "agree")], ids=["wrong", "right"]
)
def test_large_program_is_held_against_torch(monkeypatch, wrong, verdict) -> None:
    gradient = [wrong * number for number in (7, 11, 9, 13)]
    monkeypatch.setattr(autodiff, "gradient_in", lambda *_: gradient)
    _, (row,), check, only = judged_of("(x @ x).sum()", SQUARE, scalar=True, gradients=(gradient,))
    assert {(entry.verdict, entry.proved) for entry in row} == {(verdict, False)}
    assert (check, only) == (None, None)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("again", "verdict"), [(7.0, "rounding"), (7.1, "disagree")])
def test_error_of_a_large_program_must_shrink_in_the_other_dtype(
    monkeypatch, again, verdict
) -> None:
    asked = []

    def gradient_in(dtype, *_):
        asked.append(dtype)
        return [again, 11.0, 9.0, 13.0]

    monkeypatch.setattr(autodiff, "gradient_in", gradient_in)
    wrong = {"gradients": ([7.1, 11.0, 9.0, 13.0],)}
    _, (row,), _, _ = judged_of("(x @ x).sum()", SQUARE, scalar=True, dtype=FLOAT32, **wrong)
    assert {entry.verdict for entry in row} == {verdict}
    assert asked == ["float64"]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "asked", [{"second_order": True}, {"grad_outputs": None}], ids=["hessian", "jacobian"]
)
def test_large_program_has_no_second_order_and_no_jacobian(asked) -> None:
    text = LARGE if "second_order" in asked else "x @ x"
    with pytest.raises(GradcalcError) as caught:
        grad(text, at=AT if "y" in text else {"x": AT["x"]}, **asked)
    assert caught.value.kind is Kind.LIMIT
    assert "over 10 operations" in caught.value.message


@pytest.mark.usefixtures("small")
def test_large_program_keeps_what_was_judged_in_time(monkeypatch) -> None:
    judge = compare.judge_direction

    def slow(finding, *rest):
        if finding.kinked:
            raise TimeUp
        return judge(finding, *rest)

    monkeypatch.setattr(compare, "judge_direction", slow)
    verdicts_of = [entry.verdict for entry in grad(LARGE, at=AT).entries]
    assert verdicts_of == ["agree"] * 4 + ["undecided"] * 2


def test_what_takes_too_long_to_be_written_out_keeps_torchs_answers() -> None:
    started = time.monotonic()
    report = grad("exp(randn(300, 300) @ x).sum()", {"x": "randn(300)"}, timeout=0.3)
    assert time.monotonic() - started < 4
    assert {entry.verdict for entry in report.entries} == {Verdict.UNDECIDED}
    assert all(math.isfinite(entry.autograd) for entry in report.entries)
    assert len(report.entries) == 300


@pytest.mark.parametrize(
    ("text", "values", "verdict"),
    [
        # torch's backward counts a repeated index twice.
        ("y = x*1; y[[0, 0]] += 2; (y*y).sum()", {"x": [1, 2, 3]}, Verdict.DISAGREE),
        ("(floor(x*10)*x).sum()", {"x": [0.3, 0.7]}, Verdict.ROUNDING),
    ],
)
def test_torchs_own_choices_are_asked_of_programs_of_tensors(text, values, verdict) -> None:
    assert grad(text, values).verdict is verdict


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "matrix", [[[2, 1], [1, 3]], [[1, 2, 3], [4, 5, 6], [7, 8, 10]], [[-0.4, -2.4], [-1.7, -1.0]]]
)
def test_second_derivatives_of_a_determinant_are_rounded(matrix, dtype) -> None:
    report = grad("det(A)", {"A": matrix}, second_order=True, dtype=dtype)
    assert report.verdict in {Verdict.AGREE, Verdict.ROUNDING}
    # What shrinks was held against torch itself, and by no ball.
    assert all(entry.proved for entry in report.entries if entry.verdict == "agree")
    assert not any(entry.proved for entry in report.entries if entry.verdict == "rounding")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("prod(x)", {"x": [1.1, 1.3]}),
        ("cumprod(x, 0).sum()", {"x": [1.1, 1.3, 0.7]}),
        ("binary_cross_entropy_with_logits(z, t)", {"z": 3, "t": 0}),
    ],
)
def test_second_derivatives_that_torch_makes_in_another_way_are_rounded(text, values) -> None:
    report = grad(text, values, wrt=next(iter(values)), second_order=True)
    assert report.verdict in {Verdict.AGREE, Verdict.ROUNDING}


@pytest.mark.parametrize(
    ("text", "x"),
    [("relu(x) - relu(-x)", 0), ("abs(x)*sign(x)", 0), ("relu(x - 1) - relu(1 - x)", 1)],
)
def test_what_torch_makes_of_a_kink_is_no_rounding(text, x) -> None:
    assert grad(text, {"x": x}).verdict is Verdict.DISAGREE


@pytest.mark.parametrize("text", ["copysign(2, -x)", "atan2(-x, x - 1)"])
def test_sign_of_a_zero_is_rounding(text) -> None:
    report = grad(text, {"x": 0})
    assert report.value_check.verdict is Verdict.ROUNDING
    assert report.gradients[0].verdict is Verdict.NONDIFFERENTIABLE
