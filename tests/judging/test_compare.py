"""The comparator: a wrong derivative in any witness is found, every verdict can be reached.

A comparator that cannot fail is a defect. So each row of the function table that has a derivative
is spoilt at its samples, one witness at a time, and the verdict must be `disagree` with the right
blame.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from strategies import CONDITIONS, question

from gradcalc.ask.calculate import calculate
from gradcalc.ask.question import parsed
from gradcalc.base.dtypes import EXACT, FLOAT32, FLOAT64, Dtype
from gradcalc.base.options import Options
from gradcalc.calculus import algebra, by_sympy, symbolic
from gradcalc.exact import tape
from gradcalc.exact.point import Findings
from gradcalc.exact.policies import Lack
from gradcalc.exact.values import values_at
from gradcalc.functions import TABLE, Function, sympy, torch
from gradcalc.functions.balls import flint
from gradcalc.judging.compare import (
    NEARER,
    Evidence,
    Exact,
    Judgement,
    judge_derivative,
    judge_direction,
    unchecked,
    undecided,
)
from gradcalc.language.bindings import parse_bindings
from gradcalc.language.parser import parse, row_program
from gradcalc.limit.convergence import Limit, Trend
from gradcalc.limit.directions import Finding
from gradcalc.limit.slopes import Slope
from gradcalc.results.report import Blame, Verdict
from gradcalc.rounding.budget import budget
from gradcalc.rounding.sensitivities import Sensitivity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gradcalc.functions import Point
    from gradcalc.program.program import Program
    from gradcalc.results.report import Entry, Report

INF = math.inf
NAN = math.nan


def report_of(
    text: str, at: str, dtype: str = "float64", *, thorough: bool = True, second_order: bool = False
) -> Report:
    options = Options(dtype=dtype, thorough=thorough, second_order=second_order, timeout=10)
    return calculate(text, parse_bindings(at.split(",")), options)


def entry_of(text: str, at: str, dtype: str = "float64", *, thorough: bool = True) -> Entry:
    """Return the judgement on the derivative by the first variable."""
    return report_of(text, at, dtype, thorough=thorough).gradients[0]


# --- Planting a wrong derivative ------------------------------------------------------------------


def slopes(row: Function, point: Point, shift: float = 0) -> list[Any]:
    """Return the row's derivatives, by their text in the table; none where one has no value."""
    rest = tuple(float(p.default) for p in row.parameters[len(point) :])
    fixed = {p.name: str(v) for p, v in zip(row.parameters, point, strict=False) if p.static}
    at = {
        p.name: v + (shift if k < len(point) else 0)
        for k, (p, v) in enumerate(zip(row.parameters, point + rest, strict=True))
    }
    moved = []
    for text in row.derivative:
        program = parse(substituted(text, fixed), variables=set(at))
        (value,) = values_at(program, [at[name] for name in program.names], EXACT)
        if type(value) is Lack:
            return []
        moved.append(float(value))
    return moved[: len(point) - len(fixed)]


def substituted(text: str, by: dict[str, str]) -> str:
    """Put other texts in the place of variables."""
    return re.sub(r"\b\w+\b", lambda match: by.get(match.group(), match.group()), text)


SHIFT = 0.01


def spoils(row: Function, point: Point, *, shifted: bool) -> bool:
    """Whether a plant changes any derivative there: one that is 0 stays 0."""
    here = slopes(row, point)
    if not shifted:
        return any(here)
    there = slopes(row, point, SHIFT)
    return bool(there) and any(abs(a - b) > 1e-5 * abs(a) for a, b in zip(here, there, strict=True))


def soil(
    *, shifted: bool = False, every: int = 1, rows: Callable[[Function], bool] = lambda _: True
) -> pytest.MarkDecorator:
    """Parametrise with the rows in which a plant can grow, or every n-th, and their samples."""
    cases = []
    for row in TABLE.values():
        points = [point for point in row.samples if spoils(row, point, shifted=shifted)]
        if row.name not in CONDITIONS and points and rows(row):
            cases.append(pytest.param(row, points, id=row.name))
    assert len(cases) >= 50
    return pytest.mark.parametrize(("row", "points"), cases[::every])


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Replace columns of a row."""

    def forget() -> None:
        by_sympy._opaque.cache_clear()
        symbolic._recent.clear()
        row_program.cache_clear()
        tape._parsed.cache_clear()
        parsed.cache_clear()  # programs know their rows

    def columns(row: Function, **changed: Any) -> None:
        monkeypatch.setitem(TABLE, row.name, replace(TABLE[row.name], **changed))
        forget()

    yield columns
    forget()


def by_torch(row: Function, spoil: Callable[[Any], Any]) -> dict[str, Any]:
    """Columns in which torch has the right value, and a spoilt gradient for each argument."""

    class Spoilt(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(_: Any, gradient: Any) -> Any:
            return spoil(gradient)

    def wrong(*args: Any) -> Any:
        return row.torch(*(Spoilt.apply(arg) if grows(arg) else arg for arg in args))

    return {"torch": wrong}


def grows(arg: Any) -> bool:
    return isinstance(arg, torch.Tensor) and arg.requires_grad


def by_torch_shifted(row: Function) -> dict[str, Any]:
    """Columns in which torch has the right value, and the gradient at a point near by."""

    def wrong(*args: Any) -> Any:
        there = row.torch(*(arg + SHIFT if grows(arg) else arg for arg in args))
        return row.torch(*args).detach() + (there - there.detach())

    return {"torch": wrong}


def by_torch_bent(row: Function) -> dict[str, Any]:
    """Columns in which torch has the right gradient, and a second derivative 1 too large."""

    def wrong(*args: Any) -> Any:
        return row.torch(*args) + sum((a - a.detach()) ** 2 / 2 for a in args if grows(a))

    return {"torch": wrong}


def by_table(row: Function) -> bool:
    """Whether calculus has the row's derivative from the function table, and not from SymEngine."""
    return not algebra.is_known(row.name)


def by_calculus(row: Function, factor: str) -> dict[str, Any]:
    """Columns in which calculus has a multiple of the derivative."""
    if by_table(row):
        return {"derivative": tuple(f"{factor}*({text})" for text in row.derivative)}
    return {"sympy": lambda *args: sympy.Rational(factor) * row.sympy(*args)}


def by_calculus_shifted(row: Function) -> dict[str, Any]:
    """Columns in which calculus has the derivative at a point near by."""
    names = {p.name for p in row.parameters if not p.static}
    if by_table(row):
        moved_names = {name: f"({name} + {SHIFT})" for name in names}
        return {"derivative": tuple(substituted(text, moved_names) for text in row.derivative)}

    def moved(*args: Any) -> Any:
        return row.sympy(
            *(
                arg + sympy.Rational(str(SHIFT))
                if p.name in names and hasattr(arg, "free_symbols")
                else arg
                for p, arg in zip(row.parameters, args, strict=False)
            )
        )

    return {"sympy": moved}


def by_calculus_nowhere(row: Function) -> dict[str, Any]:
    """Columns in which calculus has a derivative without a real value."""
    if by_table(row):
        nowhere = f"sqrt(-1 - {row.parameters[-1].name}**2)"
        return {"derivative": tuple(f"({text})*{nowhere}" for text in row.derivative)}
    return {"sympy": lambda *args: row.sympy(*args) * sympy.sqrt(-1 - args[-1] ** 2)}


def in_own_formula(row: Function) -> bool:
    """Whether a row's derivative is made of the row, whose values then serve calculus too."""
    return any(
        step.function == row.name
        for text in row.derivative
        for step in row_program(text, row.name).steps
    )


def by_limit(row: Function, factor: float) -> dict[str, Any]:
    return {"value": lambda *args: factor * row.value(*args)}


def judged(
    row: Function, points: list[Point], *, shifted: bool = False, **options: Any
) -> list[Entry]:
    """Return the judgements on the derivatives that a plant has spoilt, at all points."""
    entries = []
    for point in points:
        asked = question(row, point)
        at = ",".join(f"{name}={value!r}" for name, value in asked.at)
        here = slopes(row, point)
        there = slopes(row, point, SHIFT) if shifted else [0] * len(here)
        for entry, a, b in zip(
            report_of(asked.text, at, **options).gradients, here, there, strict=True
        ):
            if abs(a - b) > 1e-5 * abs(a):
                entries.append(entry)
    assert entries
    return entries


def assert_blamed(entries: list[Entry], blame: Blame | None) -> None:
    assert [(e.verdict, e.blame) for e in entries] == [(Verdict.DISAGREE, blame)] * len(entries)
    assert all(entry.note for entry in entries)


def honest(row: Function) -> bool:
    """Whether torch is right at the row's samples; the table's own tests say by how much not."""
    return row.name not in {"digamma", "polygamma", "hardsigmoid"}


def exact(row: Function) -> bool:
    """Whether torch is right to a few ulps, so that it can testify for one of the other two."""
    return honest(row) and row.name not in {"factorial", "beta"}


def has_derivatives(row: Function) -> bool:
    """Whether calculus has derivatives of it by its columns.

    Those of a choice are choices of others; a minus goes into the sum that it stands before, and a
    power into the exponent of a root.
    """
    return not row.is_choice and row.name not in {"neg", "pow"}


def spoilt_by_calculus(row: Function) -> bool:
    """Whether calculus can be wrong about it, and torch testify to that."""
    return exact(row) and has_derivatives(row)


# The simplest plants grow in all rows, at several samples, the others here and there: that is
# enough, and takes a tenth of the time.

thoroughly = pytest.mark.parametrize("thorough", [True, False], ids=["grad", "batch"])


@soil()
@pytest.mark.sampled(4)
def test_wrong_autograd_is_blamed(plant, row, points) -> None:
    plant(row, **by_torch(row, lambda gradient: 1.001 * gradient))
    assert_blamed(judged(row, points[:1]), Blame.AUTOGRAD)
    assert_blamed(judged(row, points[-1:], thorough=False), Blame.AUTOGRAD)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda gradient: -gradient, id="sign"),
        pytest.param(lambda gradient: 0 * gradient, id="0"),
        pytest.param(lambda gradient: NAN * gradient, id="nan"),
        pytest.param(lambda gradient: INF * gradient, id="inf"),
        pytest.param(lambda gradient: (1 + 1e-9) * gradient, id="1e-9"),
    ],
)
@thoroughly
@soil(every=7)
@pytest.mark.sampled(3)
def test_badly_wrong_autograd_is_blamed(plant, row, points, thorough, spoil) -> None:
    plant(row, **by_torch(row, spoil))
    assert_blamed(judged(row, points[-1:], thorough=thorough), Blame.AUTOGRAD)


@soil(every=4)
@pytest.mark.sampled(2)
def test_wrong_autograd_is_blamed_in_float32(plant, row, points) -> None:
    plant(row, **by_torch(row, lambda gradient: 1.001 * gradient))
    assert_blamed(judged(row, points[:1], dtype="float32"), Blame.AUTOGRAD)


@soil(shifted=True, every=3)
@pytest.mark.sampled(2)
def test_autograd_at_another_point_is_blamed(plant, row, points) -> None:
    plant(row, **by_torch_shifted(row))
    assert_blamed(judged(row, points[:1], shifted=True), Blame.AUTOGRAD)


@soil(every=4)
@pytest.mark.sampled(3)
def test_wrong_second_derivative_is_blamed(plant, row, points) -> None:
    plant(row, **by_torch_bent(row))
    asked = question(row, points[0])
    at = ",".join(f"{name}={value!r}" for name, value in asked.at)
    report = report_of(asked.text, at, second_order=True)
    assert_blamed(
        [entry for entry in report.hessian if entry.wrt == (asked.at[0][0],) * 2], Blame.AUTOGRAD
    )


@soil(rows=spoilt_by_calculus)
@pytest.mark.sampled(4)
def test_wrong_calculus_is_blamed(plant, row, points) -> None:
    plant(row, **by_calculus(row, "1.001"))
    assert_blamed(judged(row, points[:1]), Blame.CALCULUS)
    assert_blamed(judged(row, points[-1:], thorough=False), Blame.CALCULUS)


@thoroughly
@pytest.mark.parametrize("factor", ["-1", "2", "1.000000001"])
@soil(every=7, rows=spoilt_by_calculus)
@pytest.mark.sampled(5)
def test_badly_wrong_calculus_is_blamed(plant, row, points, factor, thorough) -> None:
    plant(row, **by_calculus(row, factor))
    assert_blamed(judged(row, points[-1:], thorough=thorough), Blame.CALCULUS)


@soil(every=4, rows=spoilt_by_calculus)
@pytest.mark.sampled(2)
def test_wrong_calculus_is_blamed_in_float32(plant, row, points) -> None:
    plant(row, **by_calculus(row, "1.001"))
    assert_blamed(judged(row, points[:1], dtype="float32"), Blame.CALCULUS)


@soil(shifted=True, every=3, rows=spoilt_by_calculus)
@pytest.mark.sampled(2)
def test_calculus_at_another_point_is_blamed(plant, row, points) -> None:
    plant(row, **by_calculus_shifted(row))
    assert_blamed(judged(row, points[:1], shifted=True), Blame.CALCULUS)


#: What the chain rule itself calculates with.
CHAIN = {"add", "mul", "neg", "where"}


@pytest.mark.parametrize("factor", [1.001, 1 + 1e-9])
@soil(every=3, rows=lambda row: exact(row) and not in_own_formula(row) and row.name not in CHAIN)
@pytest.mark.sampled(3)
def test_wrong_limit_is_blamed(plant, row, points, factor) -> None:
    plant(row, **by_limit(row, factor))
    assert_blamed(judged(row, points[:1]), Blame.LIMIT)


@soil(every=4, rows=has_derivatives)
def test_three_different_answers_blame_nobody(plant, row, points) -> None:
    plant(row, **by_torch(row, lambda gradient: 1.001 * gradient), **by_calculus(row, "1.002"))
    assert_blamed(judged(row, points[:1]), None)


@thoroughly
@soil(every=4, rows=has_derivatives)
@pytest.mark.sampled(3)
def test_nan_on_both_sides_is_no_agreement(plant, row, points, thorough) -> None:
    plant(row, **by_torch(row, lambda gradient: NAN * gradient), **by_calculus_nowhere(row))
    assert_blamed(judged(row, points[:1], thorough=thorough), Blame.AUTOGRAD)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@thoroughly
@soil(every=4, rows=honest)
@pytest.mark.sampled(3)
def test_honest_witnesses_agree(row, points, thorough, dtype) -> None:
    entries = judged(row, points[:1], thorough=thorough, dtype=dtype)
    assert {entry.verdict for entry in entries} <= {Verdict.AGREE, Verdict.ROUNDING}


@pytest.mark.parametrize(("name", "at"), [("factorial", "x=-1.5"), ("beta", "y=3.2,x=0.7")])
def test_rounding_of_autograd_does_not_hide_who_is_wrong(plant, name, at) -> None:
    plant(TABLE[name], **by_calculus(TABLE[name], "1.001"))
    call = f"{name}({', '.join(p.name for p in TABLE[name].parameters)})"
    assert_blamed(list(report_of(call, at).gradients), Blame.CALCULUS)


def test_plant_is_removed_again() -> None:
    assert entry_of("sigmoid(x)*tanh(x)", "x=0.3").verdict is Verdict.AGREE


# --- Verdicts on hand-made evidence ---------------------------------------------------------------

#: One step, so that the budget is known.
PROGRAM = parse("exp(x)")
BUDGET = budget(len(PROGRAM.steps))
FINE = Findings(value=flint.arb(1))
KINK = Findings(value=flint.arb(1), near_kink=frozenset({0}))
#: The kink is on another variable's way.
ASIDE = Findings(value=flint.arb(1), near_kink=frozenset({1}))
NOWHERE = Findings(undefined_at=0)
INFINITE = Findings(undefined_at=1)
UNSETTLED = Limit(Trend.UNSETTLED)
UNDEFINED = Limit(Trend.UNDEFINED)


def to(value: float) -> Limit:
    trend = Trend.INFINITE if math.isinf(value) else Trend.SETTLED
    return Limit(trend, flint.arb(value))


def smooth(value: float) -> Slope:
    return Slope(to(value), to(value), flint.arb(value))


def ulps(count: float, dtype: Dtype = FLOAT64) -> float:
    """Return 1 and so many ulps."""
    return dtype.round(1 + Fraction(count) * Fraction(2) ** (1 - dtype.bits))


def verdict_on(
    calculus: float | None,
    autograd: float | None,
    limit: Slope | float | None,
    findings: Findings = FINE,
    *,
    error: float = 0,
    dtype: Dtype = FLOAT64,
    thorough: bool = True,
    cancels: bool = False,
    other: float | None = None,
    anomaly: tuple[str, float, str] | None = ("exp(x)", NAN, "backward"),
) -> Entry:
    """Judge what the three witnesses are said to say; a limit of None must not be asked.

    The chain rule says what calculus says, but on a kink, where it says nothing.
    """

    def asked(_axes: tuple[int, ...]) -> Slope:
        assert limit is not None, "the limit was asked"
        return limit if isinstance(limit, Slope) else smooth(limit)

    def rounding() -> Sensitivity:
        return Sensitivity(flint.arb(error), 1, cancels)

    ball = None if calculus is None else flint.arb(calculus)
    evidence = Evidence(
        program=PROGRAM,
        dtype=dtype,
        wrt=("x",),
        axes=(0,),
        formula="exp(x)",
        latex=None,
        exact=None if findings.is_near_kink((0,)) else ball,
        calculus=ball,
        autograd=autograd,
        slope=asked,
        rounding=rounding,
        other=lambda _: None if other is None else Exact(flint.arb(other), rounding),
        anomaly=lambda: anomaly,
        budget=BUDGET,
    )
    return judge_derivative(evidence, findings, thorough=thorough)


AGREE, ROUNDING, DISAGREE = Verdict.AGREE, Verdict.ROUNDING, Verdict.DISAGREE
UNDECIDED, BROKEN, NO_VALUE = Verdict.UNDECIDED, Verdict.NONDIFFERENTIABLE, Verdict.UNDEFINED
CALCULUS, AUTOGRAD, LIMIT = Blame.CALCULUS, Blame.AUTOGRAD, Blame.LIMIT


@pytest.mark.parametrize(
    ("calculus", "autograd", "limit", "findings", "error", "verdict", "blame"),
    [
        # All three say the same, or nearly.
        (1, 1, 1, FINE, 0, AGREE, None),
        (0, 0, 0, FINE, 0, AGREE, None),
        (0, -0.0, 0, FINE, 0, AGREE, None),
        (1, 1, 1, KINK, 0, AGREE, None),
        (1, 1, 1, ASIDE, 0, AGREE, None),
        (1, ulps(BUDGET), 1, FINE, 0, AGREE, None),
        (1, ulps(-BUDGET), 1, FINE, 0, AGREE, None),
        # Further off: what rounding explains, and what it does not.
        (1, ulps(BUDGET + 1), 1, FINE, 0, DISAGREE, AUTOGRAD),
        (1, ulps(BUDGET + 1), 1, FINE, 1e-10, AGREE, None),
        (1, ulps(2**16), 1, FINE, 1e-10, AGREE, None),
        (1, ulps(2**18), 1, FINE, 1e-10, ROUNDING, None),
        (1, ulps(2**20), 1, FINE, 1e-10, DISAGREE, AUTOGRAD),
        (1, 0, 1, FINE, 2, ROUNDING, None),
        (0, 1, 0, FINE, 2, ROUNDING, None),
        (1e-300, 0, 1e-300, FINE, 1, ROUNDING, None),
        (1, -1, 1, FINE, 1, DISAGREE, AUTOGRAD),
        (1e-17, 0, 1e-17, FINE, 0, DISAGREE, AUTOGRAD),
        # Autograd alone fails where the derivative exists.
        (1, NAN, 1, FINE, INF, DISAGREE, AUTOGRAD),
        (1, INF, 1, FINE, INF, DISAGREE, AUTOGRAD),
        (0, -INF, 0, KINK, 0, DISAGREE, AUTOGRAD),
        (None, NAN, 1, FINE, 0, DISAGREE, AUTOGRAD),
        # One witness is silent.
        (None, 1, 1, FINE, 0, AGREE, None),
        (None, 2, 1, FINE, 0, DISAGREE, AUTOGRAD),
        (1, None, 1, FINE, 0, UNDECIDED, None),
        (1, 1, Slope(UNSETTLED, UNSETTLED), FINE, 0, AGREE, None),
        (1, 2, Slope(UNSETTLED, UNSETTLED), FINE, 0, DISAGREE, AUTOGRAD),
        (1, 1, Slope(UNSETTLED, UNSETTLED), KINK, 0, UNDECIDED, None),
        (1, 1, Slope(UNSETTLED, UNSETTLED), ASIDE, 0, AGREE, None),
        (None, 1, Slope(UNSETTLED, UNSETTLED), FINE, 0, UNDECIDED, None),
        (None, NAN, Slope(UNSETTLED, UNSETTLED), KINK, 0, UNDECIDED, None),
        # Two against one.
        (2, 1, 1, FINE, 0, DISAGREE, CALCULUS),
        (1, 1, 2, FINE, 0, DISAGREE, LIMIT),
        (3, 1, 2, FINE, 0, DISAGREE, None),
        (2, NAN, 1, FINE, 0, DISAGREE, None),
        (2, None, 1, FINE, 0, DISAGREE, None),
        (1 + 1e-9, 1, 1, FINE, INF, DISAGREE, CALCULUS),
        # Rounding of autograd does not hide whom it sides with, if it is small beside the gap.
        (2, 1 + 0.9 / NEARER, 1, FINE, 0, DISAGREE, CALCULUS),
        (2, 1 + 1.1 / NEARER, 1, FINE, 0, DISAGREE, None),
        (2, 2 - 0.9 / NEARER, 1, FINE, 0, DISAGREE, LIMIT),
        (2, 2 - 1.1 / NEARER, 1, FINE, 0, DISAGREE, None),
        (1 + 1e-9, 1 + 1e-10, 1, FINE, INF, DISAGREE, None),
        (2, INF, 1, FINE, 0, DISAGREE, None),
        # No derivative, whatever the others say.
        (0, 0, Slope(to(-1), to(1)), KINK, 0, BROKEN, None),
        (0, 0, Slope(to(-1), to(1)), FINE, 0, DISAGREE, LIMIT),
        (None, INF, Slope(to(INF), to(INF)), KINK, 0, BROKEN, None),
        (0, 0, Slope(to(INF), to(0), jump=True), KINK, 0, BROKEN, None),
        (1, 1, Slope(UNDEFINED, to(1)), KINK, 0, BROKEN, None),
        (1, 1, Slope(to(1), UNDEFINED), KINK, 0, BROKEN, None),
        (None, NAN, Slope(UNDEFINED, to(INF)), KINK, 0, BROKEN, None),
        # No function.
        (1, 1, None, NOWHERE, 0, NO_VALUE, None),
        (None, NAN, None, NOWHERE, 0, NO_VALUE, None),
        (-1, -1, None, INFINITE, 0, NO_VALUE, None),
        (None, NAN, Slope(UNDEFINED, UNDEFINED), KINK, 0, NO_VALUE, None),
        (1, 1, Slope(UNDEFINED, UNDEFINED), FINE, 0, DISAGREE, LIMIT),
    ],
)
def test_verdict(calculus, autograd, limit, findings, *, error, verdict, blame) -> None:
    entry = verdict_on(calculus, autograd, limit, findings, error=error)
    assert (entry.verdict, entry.blame) == (verdict, blame)
    assert (entry.note is None) is (verdict is AGREE)
    assert entry.autograd is autograd
    assert entry.note is None or is_plain(entry.note)


@pytest.mark.parametrize(
    ("calculus", "autograd", "limit", "verdict"),
    [
        (1, ulps(8, FLOAT32), 1, AGREE),
        (1, ulps(BUDGET + 1, FLOAT32), 1, DISAGREE),
        (1, 1.001, 1, DISAGREE),
        (1e300, INF, 1e300, NO_VALUE),
        (1e-300, 0, 1e-300, AGREE),
        (1e-300, 0, 2e-300, AGREE),
    ],
)
def test_verdict_is_in_the_ulps_of_float32(calculus, autograd, limit, verdict) -> None:
    assert verdict_on(calculus, autograd, limit, dtype=FLOAT32).verdict is verdict


@pytest.mark.parametrize(
    ("calculus", "autograd", "findings"),
    [(1, 2, FINE), (1, NAN, FINE), (None, 1, FINE), (1, 1, KINK)],
)
def test_limit_is_asked_where_it_may_change_the_verdict(calculus, autograd, findings) -> None:
    with pytest.raises(AssertionError, match="the limit was asked"):
        verdict_on(calculus, autograd, None, findings, thorough=False)


@pytest.mark.parametrize("findings", [FINE, ASIDE])
def test_limit_is_not_asked_where_it_cannot_change_the_verdict(findings) -> None:
    entry = verdict_on(1, ulps(BUDGET), None, findings, thorough=False)
    assert (entry.verdict, entry.limit, entry.ulps) == (AGREE, None, BUDGET)


@pytest.mark.parametrize(
    ("autograd", "error", "verdict"),
    [(ulps(BUDGET + 1), 1e-10, AGREE), (ulps(2**18), 1e-10, ROUNDING)],
)
def test_limit_is_not_asked_where_rounding_explains_the_gap(autograd, error, verdict) -> None:
    entry = verdict_on(1, autograd, None, error=error, thorough=False)
    assert (entry.verdict, entry.limit) == (verdict, None)


@pytest.mark.parametrize(("steps", "wanted"), [(0, 8), (1, 12), (10, 48)])
def test_budget_grows_with_the_steps(steps, wanted) -> None:
    assert budget(steps) == wanted


def test_limit_is_always_asked_by_the_thorough() -> None:
    with pytest.raises(AssertionError, match="the limit was asked"):
        verdict_on(1, 1, None)


def test_formula_on_a_kink_is_no_testimony() -> None:
    entry = verdict_on(0, 1, 1, KINK)
    assert (entry.verdict, entry.symbolic, entry.proved) == (AGREE, 1, False)


def test_formula_is_blamed_that_contradicts_the_chain_rule() -> None:
    program = replace(PROGRAM)
    evidence = hand_made(program, exact=1, calculus=1 + 1e-9, autograd=1)
    entry = judge_derivative(evidence, FINE, thorough=False)
    assert (entry.verdict, entry.blame, entry.proved) == (DISAGREE, CALCULUS, False)
    evidence = hand_made(program, exact=1, calculus=3, autograd=2)
    entry = judge_derivative(evidence, FINE, thorough=False)
    assert (entry.verdict, entry.blame) == (DISAGREE, None)


def hand_made(program: Program, exact: float, calculus: float, autograd: float) -> Evidence:
    """Evidence in which the limit sides with the chain rule."""
    return Evidence(
        program=program,
        dtype=FLOAT64,
        wrt=("x",),
        axes=(0,),
        formula="exp(x)",
        latex=None,
        exact=flint.arb(exact),
        calculus=flint.arb(calculus),
        autograd=autograd,
        slope=lambda _axes: smooth(exact),
        rounding=lambda: Sensitivity(flint.arb(0)),
        other=lambda _: None,
        anomaly=lambda: None,
        budget=BUDGET,
    )


@pytest.mark.parametrize(
    ("calculus", "autograd", "limit", "findings", "proved"),
    [
        (1, 1, 1, FINE, True),
        (1, 2, 1, FINE, True),
        (1, 1, 1, ASIDE, True),
        (1, 1, 1, KINK, False),
        (None, 1, 1, FINE, False),
        (2, 1, 1, FINE, False),
        (1, 1, 1, replace(FINE, assumed=True), False),
        (1, 1, None, NOWHERE, True),
        (1, 1, None, replace(NOWHERE, assumed=True), False),
        (0, 0, Slope(to(-1), to(1)), KINK, False),
    ],
)
def test_verdict_is_proved_where_a_ball_decided(
    calculus, autograd, limit, findings, *, proved
) -> None:
    assert verdict_on(calculus, autograd, limit, findings).proved is proved


@pytest.mark.parametrize(
    ("autograd", "other", "verdict"),
    [(3, 3, ROUNDING), (ulps(3), 1, AGREE), (3, 2, DISAGREE), (6, 3, DISAGREE), (-1, 1, DISAGREE)],
)
def test_rounding_may_carry_torch_across_a_kink(autograd, other, verdict) -> None:
    assert verdict_on(1, autograd, 1, other=other).verdict is verdict


def test_what_is_not_known_is_undecided() -> None:
    entry = verdict_on(1, 1, None, Findings(unknown_at=1))
    assert (entry.verdict, entry.proved) == (UNDECIDED, False)
    assert "`exp(x)` is too large" in entry.note


def test_ulps_are_from_the_exact_value() -> None:
    assert verdict_on(1, ulps(3), 1).ulps == 3
    assert verdict_on(1, NAN, 1).ulps == INF


def test_formula_has_no_value_where_there_is_no_derivative() -> None:
    assert verdict_on(0, 0, Slope(to(-1), to(1)), KINK).symbolic is None
    assert verdict_on(1, 1, None, NOWHERE).symbolic is None


def test_undecided_keeps_what_is_known() -> None:
    evidence = replace(hand_made(PROGRAM, 1, 1, 6.0), formula="2*x", latex="2 x")
    entry = undecided(evidence, "no time")
    assert (entry.formula, entry.latex, entry.autograd) == ("2*x", "2 x", 6.0)
    assert (entry.verdict, entry.note, entry.symbolic) == (UNDECIDED, "no time", None)


def test_unchecked_is_the_formula_alone() -> None:
    entry = unchecked(("x",), "2*x", None)
    assert (entry.formula, entry.verdict, entry.autograd) == ("2*x", Verdict.UNCHECKED, None)


# --- Verdicts along a random direction ------------------------------------------------------------


def along(autograd: float, dtype: Dtype = FLOAT64, *, shrinks: bool | None = None) -> Judgement:
    """Judge a slope of 1, at a budget of 4 ulps; shrinks of None must not be asked."""

    def asked() -> bool:
        assert shrinks is not None, "it was asked whether the error shrinks"
        return shrinks

    finding = Finding(flint.arb(1), flint.arb(autograd), flint.arb(1))
    return judge_direction(finding, 4, dtype, asked)


@pytest.mark.parametrize(
    ("autograd", "dtype", "shrinks", "verdict", "blame"),
    [
        (1, FLOAT64, None, AGREE, None),
        (1 + 2.0**-51, FLOAT64, None, AGREE, None),
        (1 + 3 * 2.0**-52, FLOAT64, False, DISAGREE, AUTOGRAD),
        (1 - 3 * 2.0**-52, FLOAT64, False, DISAGREE, AUTOGRAD),
        (1 + 2.0**-22, FLOAT32, None, AGREE, None),
        (1 + 2.0**-21, FLOAT32, False, DISAGREE, AUTOGRAD),
        # Two thirds of the digits are right, or fewer.
        (1 + 2.0**-37, FLOAT64, True, AGREE, None),
        (1 + 2.0**-36, FLOAT64, True, ROUNDING, None),
        (1 + 2.0**-17, FLOAT32, True, AGREE, None),
        (1 + 2.0**-16, FLOAT32, True, ROUNDING, None),
        (2, FLOAT64, True, ROUNDING, None),
        (NAN, FLOAT64, None, DISAGREE, AUTOGRAD),
        (-INF, FLOAT64, None, DISAGREE, AUTOGRAD),
    ],
)
def test_verdict_along_a_direction(autograd, dtype, shrinks, verdict, blame) -> None:
    judgement = along(autograd, dtype, shrinks=shrinks)
    assert (judgement.verdict, judgement.blame) == (verdict, blame)
    assert "all entries were checked together" in judgement.note


def test_note_along_a_direction_gives_both_slopes() -> None:
    assert "the limit is 1, autograd's 1.5, more than" in along(1.5, shrinks=False).note
    assert along(1.5, shrinks=True).note.endswith("autograd's 1.5")
    assert "torch returns nan" in along(NAN).note


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (Finding(None, None, flint.arb(0), undefined=True), NO_VALUE),
        (Finding(None, flint.arb(1), flint.arb(1), kinked=True), BROKEN),
        (Finding(flint.arb(1), flint.arb(1), flint.arb(1), kinked=True), BROKEN),
        (Finding(None, flint.arb(1), flint.arb(1)), BROKEN),
    ],
)
def test_no_derivative_along_a_direction(finding, verdict) -> None:
    judgement = judge_direction(finding, 4, FLOAT64, lambda: True)
    assert (judgement.verdict, judgement.blame) == (verdict, None)
    assert is_plain(judgement.note)


# --- Notes ----------------------------------------------------------------------------------------


def is_plain(note: str) -> bool:
    """Whether a note is one sentence, without a full stop, and nothing of the program's inside."""
    inside = re.compile(r"None|mpf|Trend|\bTrue\b|\bFalse\b|[<>\n`]|  ")
    words = re.sub(r"`[^`]*`", "it", note)
    return bool(note) and not inside.search(words) and not note.endswith(".")


@pytest.mark.parametrize(
    ("text", "at", "verdict", "parts"),
    [
        # Kinks: left, right, and torch's convention.
        ("abs(x)", "x=0", BROKEN, ["left -1", "right 1", "torch answers 0"]),
        ("relu(x)", "x=0", BROKEN, ["left 0", "right 1", "torch answers 0"]),
        ("leaky_relu(x)", "x=0", BROKEN, ["left 0.01", "right 1", "torch answers 0.01"]),
        ("hardtanh(x)", "x=1", BROKEN, ["left 1", "right 0", "torch answers 0"]),
        ("maximum(x, 2*x)", "x=0", BROKEN, ["left 1", "right 2", "torch answers 1.5"]),
        ("3*abs(x - 2) + x", "x=2", BROKEN, ["left -2", "right 4", "torch answers 1"]),
        ("sqrt(x**2)", "x=0", BROKEN, ["left -1", "right 1", "torch answers nan"]),
        ("floor(x)", "x=2", BROKEN, ["jumps", "torch answers 0"]),
        ("sign(x)", "x=0", BROKEN, ["jumps", "torch answers 0"]),
        ("where(x > 0, 1, x)", "x=0", BROKEN, ["jumps", "torch answers 1"]),
        ("cbrt(x)", "x=0", BROKEN, ["slope is infinite", "left +infinity", "right +infinity"]),
        (
            "sqrt(x)",
            "x=0",
            BROKEN,
            ["domain ends", "from the right", "+infinity", "torch answers inf"],
        ),
        (
            "asin(x)",
            "x=1",
            BROKEN,
            ["domain ends", "from the left", "+infinity", "torch answers inf"],
        ),
        ("sqrt(abs(x))", "x=0", BROKEN, ["left -infinity", "right +infinity"]),
        # The first step that left the reals.
        ("log(x)", "x=-1", NO_VALUE, ["`log(x)` has no finite real value", "torch answers"]),
        ("exp(log(x))", "x=-1", NO_VALUE, ["`log(x)` has no finite real value"]),
        ("x/x", "x=0", NO_VALUE, ["`x/x` has no finite real value"]),
        ("sqrt(x)*sqrt(x)", "x=-1", NO_VALUE, ["`sqrt(x)` has no finite real value"]),
        ("0*log(x)", "x=0", NO_VALUE, ["`0*log(x)` has no finite real value"]),
        (
            "1 + sin(asin(x + 1) + log(-x))",
            "x=2",
            NO_VALUE,
            ["`asin(x + 1)` has no finite real value"],
        ),
        ("x + log(x - 5)", "x=1", NO_VALUE, ["`log(x - 5)`", "torch answers 0.75"]),
        # The step where a nan was born, forward or backward.
        ("log(1 + exp(x))", "x=1000", DISAGREE, ["torch returns nan", ": `exp(x)` is inf there"]),
        (
            "exp(x)/(1 + exp(x))",
            "x=1000",
            DISAGREE,
            ["torch returns nan", ": `exp(x)` is inf there"],
        ),
        (
            "where(x > 0, asin(x), x)",
            "x=-2",
            DISAGREE,
            ["torch returns nan", ": `asin(x)` is nan there"],
        ),
        ("where(x > 0, sqrt(x), x)", "x=0", BROKEN, []),
        ("where(x != 0, x**2*sqrt(x), 0*x)", "x=-1", NO_VALUE, ["`sqrt(x)`"]),
        (
            "where(x > 1, sqrt(x), x + 1)",
            "x=0",
            DISAGREE,
            ["torch returns nan", "the backward pass of `sqrt(x)` makes the first nan"],
        ),
        (
            "sqrt(x**4)",
            "x=0",
            DISAGREE,
            ["torch returns nan", "the backward pass of `sqrt(x**4)` makes the first inf"],
        ),
        (
            "sqrt(x**4) + sin(x)",
            "x=0",
            DISAGREE,
            ["the backward pass of `sqrt(x**4)` makes the first inf"],
        ),
        # Rounding: by how much, and why.
        ("tanh(x)", "x=20", ROUNDING, ["off by 1.7e-17 (100 %)", "`tanh(x)`", "saturation"]),
        ("sigmoid(x)", "x=40", ROUNDING, ["off by 4.2e-18 (100 %)", "`sigmoid(x)`", "saturation"]),
        ("sqrt(x + 1) - sqrt(x)", "x=1e15", ROUNDING, ["off by 1.3e-24", "16 %", "cancellation"]),
        (
            "(1 - cos(x))/x**2",
            "x=1e-8",
            ROUNDING,
            ["times the exact value", "`cos(x)`", "cancellation"],
        ),
        (
            "sin(exp(x))",
            "x=700",
            ROUNDING,
            ["(75 %)", "the steps after `exp(x)` magnify its rounding"],
        ),
        # Wrong.
        ("hardsigmoid(x)", "x=1", DISAGREE, ["off by", "more than rounding explains"]),
        ("1e200*x**2*1e200", "x=1", NO_VALUE, []),
    ],
)
def test_note(text: str, at: str, verdict: Verdict, parts: list[str]) -> None:
    entry = entry_of(text, at)
    assert entry.verdict is verdict
    assert entry.note is not None
    assert [part for part in parts if part not in entry.note] == []
    assert is_plain(entry.note)
    assert entry.blame is (AUTOGRAD if verdict is DISAGREE else None)


def test_note_on_a_second_derivative() -> None:
    sinc = report_of("sinc(x)", "x=0", second_order=True).hessian[0]
    assert (sinc.verdict, sinc.blame) == (DISAGREE, AUTOGRAD)
    assert "the backward pass of `sinc(x)` makes the first nan" in sinc.note
    corner = report_of("x*abs(x)", "x=0", second_order=True).hessian[0]
    assert corner.verdict is BROKEN
    assert (
        "the slope of the gradient has a corner: left -2, right 2; torch answers 0" in corner.note
    )


@pytest.mark.parametrize(
    ("anomaly", "end"),
    [
        (("exp(x)", INF, "forward"), ": `exp(x)` is inf there"),
        (("exp(x)", NAN, "forward"), ": `exp(x)` is nan there"),
        (("exp(x)", -INF, "backward"), ": the backward pass of `exp(x)` makes the first -inf"),
        (None, ""),
    ],
)
def test_note_says_where_a_nan_begins(anomaly, end) -> None:
    note = verdict_on(1, NAN, 1, anomaly=anomaly).note
    assert note == f"the derivative exists, but torch returns nan{end}"


def test_limit_is_not_asked_where_the_value_is_beyond_the_dtype() -> None:
    entry = verdict_on(1e300, INF, None, dtype=FLOAT32)
    assert (entry.verdict, entry.symbolic) == (NO_VALUE, INF)
    assert entry.note == "the exact value, 1e+300, is beyond the range of float32"


def test_note_shortens_a_long_step() -> None:
    inside = " + ".join(f"sin({number}*x)" for number in range(1, 12))
    note = entry_of(f"log(-1 - ({inside})**2)", "x=1").note
    assert len(note) < 150
    assert "`log(-1 - (sin(1*x) + … + sin(11*x))**2)`" in note


# --- The named cases ------------------------------------------------------------------------------


@pytest.mark.parametrize("thorough", [True, False], ids=["grad", "batch"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("text", "at", "double", "single"),
    [
        ("tanh(x)", "x=20", ROUNDING, ROUNDING),
        ("sqrt(x + 1) - sqrt(x)", "x=1e15", ROUNDING, ROUNDING),
        ("(1 - cos(x))/x**2", "x=1e-8", ROUNDING, ROUNDING),
        ("softplus(x)", "x=21", AGREE, AGREE),  # beyond the threshold it is x, by definition
        ("softplus(x)", "x=20", BROKEN, BROKEN),
        ("abs(x)*x", "x=0", AGREE, AGREE),
        ("abs(x)", "x=0", BROKEN, BROKEN),
        ("x/x", "x=0", NO_VALUE, NO_VALUE),
        ("exp(log(x))", "x=-1", NO_VALUE, NO_VALUE),
        ("0*log(x)", "x=0", NO_VALUE, NO_VALUE),
        ("0*log(x)", "x=-1", NO_VALUE, NO_VALUE),
        ("sqrt(x)*sqrt(x)", "x=-1", NO_VALUE, NO_VALUE),
        ("log(x)", "x=-1", NO_VALUE, NO_VALUE),
        ("x**3", "x=-2", AGREE, AGREE),
        ("sqrt(x**4)", "x=0", DISAGREE, DISAGREE),
        ("log(1 + exp(x))", "x=1000", DISAGREE, DISAGREE),
        ("exp(x)/(1 + exp(x))", "x=1000", DISAGREE, DISAGREE),
        # Where float32 is easily accused of what is its rounding.
        ("0.1*x", "x=0.3", AGREE, AGREE),
        ("x**2", "x=0.1", AGREE, AGREE),
        ("log(1 + exp(x))", "x=50", AGREE, AGREE),
        ("sin(x)**2 + cos(x)**2", "x=0.7", AGREE, AGREE),
        ("exp(-x**2/2)/sqrt(2*pi)", "x=1.3", AGREE, AGREE),
        ("x**7 - 7*x**6 + 21*x**5", "x=1.1", AGREE, AGREE),
        ("exp(x)", "x=88", AGREE, AGREE),
        ("exp(x)", "x=100", AGREE, NO_VALUE),
        ("exp(-x)", "x=100", AGREE, AGREE),
        ("1e-30*x**2", "x=1e-10", AGREE, AGREE),
        ("x + 1e-7*abs(x)", "x=1", AGREE, AGREE),
    ],
)
def test_named_case(text, at, dtype, *, double, single, thorough) -> None:
    entry = entry_of(text, at, dtype, thorough=thorough)
    assert entry.verdict is (double if dtype == "float64" else single)
    assert entry.blame is (AUTOGRAD if entry.verdict is DISAGREE else None)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_power_of_a_negative_base(dtype: str) -> None:
    by_x, by_y = report_of("x**y", "x=-2,y=2", dtype).gradients
    assert (by_x.verdict, by_x.symbolic, by_x.autograd, by_x.limit) == (AGREE, -4, -4, -4)
    assert (by_y.verdict, by_y.symbolic, by_y.limit) == (NO_VALUE, None, None)


@thoroughly
@pytest.mark.parametrize(
    ("text", "at", "verdict"),
    [
        ("x + 1e-7*abs(x)", "x=0", BROKEN),
        ("x + 1e-15*abs(x)", "x=0", BROKEN),
        ("x*(sqrt(1 + y) - 1)", "x=1,y=1e-300", ROUNDING),
        ("x*(cos(y) - 1)", "x=1,y=1e-100", ROUNDING),
    ],
)
def test_small_things_count(text, at, verdict, thorough) -> None:
    assert entry_of(text, at, thorough=thorough).verdict is verdict
