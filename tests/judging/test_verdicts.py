"""From torch's testimony to entries: what is asked of a program, whole or too large for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gradcalc import grad
from gradcalc.autograd import autodiff
from gradcalc.base import limits
from gradcalc.base.dtypes import FLOAT64
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options
from gradcalc.judging import verdicts
from gradcalc.judging.verdicts import Judged, judged
from gradcalc.language.bindings import parse_bindings
from gradcalc.language.parser import parse
from gradcalc.program.program import Array

if TYPE_CHECKING:
    from gradcalc.results.report import Entry


def judged_of(text: str, *inputs: Array, scalar: bool) -> Judged:
    """Judge a program as `grad` does: with the weight 1, or as a Jacobian."""
    program, options = parse(text), Options(timeout=20)
    how = autodiff.Backward((Array((), (1.0,)),) if scalar else None)
    testimony = autodiff.testify(program, inputs, [True] * len(inputs), "float64", how, {})
    return judged(program, inputs, range(len(inputs)), testimony, FLOAT64, options)


PAIR = Array((2,), (0.5, 2.0))
ONE = Array((), (0.5,))


def formulas(rows: list[list[Entry]]) -> list[str | None]:
    return [entry.formula for row in rows for entry in row]


def test_formulas_are_written_up_to_a_number_of_entries(monkeypatch) -> None:
    monkeypatch.setattr(limits, "FORMULA_ENTRIES", 4)
    _, rows, _ = judged_of("stack([x**2, sin(x)])", PAIR, scalar=False)
    assert formulas(rows) == [None] * 8  # four entries of the output by two of the input
    _, rows, _ = judged_of("x**2", PAIR, scalar=False)
    assert formulas(rows) == ["2*x[0]", "0", "0", "2*x[1]"]
    monkeypatch.setattr(limits, "FORMULA_ENTRIES", 3)
    _, rows, _ = judged_of("x**2", PAIR, scalar=False)
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
    _, rows, only = judged_of(text, *inputs, scalar=scalar)
    assert (only and only.names) == names
    assert len(rows) == (1 if scalar else 2)


def test_rows_of_a_jacobian_are_named_after_the_entries_of_the_output() -> None:
    _, rows, _ = judged_of("stack([x, x**2])", ONE, scalar=False)
    assert [entry.output for row in rows for entry in row] == ["[0]", "[1]"]


def test_what_there_was_no_time_for_is_undecided(monkeypatch) -> None:
    monkeypatch.setattr(verdicts.Jury, "verdicts", lambda jury: iter(()))
    report = grad("abs(x)*y", at={"x": 0.0, "y": 1.0}, timeout=7)
    notes = {entry.note for entry in report.gradients}
    assert notes == {"no verdict within 7 seconds; --timeout gives it more"}
    assert report.verdict == "undecided"
