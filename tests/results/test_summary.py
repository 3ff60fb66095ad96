"""What reports come to: counted, chosen, and turned into an exit code."""

from __future__ import annotations

import io
import json

import pytest
from reports import REPORTS

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options
from gradcalc.batch.answers import answers
from gradcalc.batch.records import read
from gradcalc.render import FORMATS
from gradcalc.results.report import Outcome, Report
from gradcalc.results.summary import FAILING, NAMES, Summary, chosen

OPTIONS = Options(thorough=False, timeout=2.0)


def reports(*lines):
    return list(answers(read(io.BytesIO("\n".join(lines).encode()), None), OPTIONS))


def summary(*lines, failing=FAILING):
    counts = Summary(failing)
    for report in reports(*lines):
        counts.add(report.outcome)
    return counts


@pytest.mark.parametrize(
    ("lines", "code", "text"),
    [
        ([], 0, "0 lines: nothing to do in "),
        (["x --at x=1"], 0, "1 line: 1 agree (proved) in "),
        (["x --at x=1", "x"], 0, "2 lines: 1 agree (proved), 1 unchecked in "),
        (["x --at x=1", "x +", "y --at y=1"], 2, "3 lines: 2 agree (all proved), 1 error in "),
        (["1/x --at x=0", "x"], 3, "2 lines: 1 undefined (proved), 1 unchecked in "),
        (["1/x --at x=0", "x +"], 2, "2 lines: 1 undefined (proved), 1 error in "),
        (["x --claim x=2", "1/x --at x=0", "x +"], 1, None),
        (["x**2 --claim x=x", "x**2 --claim x=2*x"], 1, "2 lines: 2 unchecked, 1 with a wrong"),
    ],
)
def test_summary_counts_and_gives_the_most_serious_code(lines, code, text):
    counts = summary(*lines)
    assert counts.exit_code == code
    assert text is None or counts.text().startswith(text)


@pytest.mark.parametrize(("lines", "code"), [(["1/x --at x=0", "x +"], 70), (["x --claim x=2"], 1)])
def test_error_of_our_own_has_a_code_of_its_own(lines, code):
    counts = summary(*lines)
    report = Report("x", error=GradcalcError(Kind.INTERNAL, "internal error"))
    counts.add(report.outcome)
    assert counts.exit_code == code
    assert Outcome.of_json(json.loads(FORMATS["jsonl"].report(report))) == report.outcome


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        ([Outcome("agree", proved=True)] * 33 + [Outcome("agree")], "34 agree (33 proved)"),
        ([Outcome("agree", proved=True)] * 2 + [Outcome("undecided")], "2 agree (all proved), 1 u"),
        ([Outcome("disagree", proved=True)], "1 disagree (proved)"),
        ([Outcome("agree")] * 2, "2 agree in"),
    ],
)
def test_summary_counts_what_is_proved(outcomes, text):
    counts = Summary()
    for outcome in outcomes:
        counts.add(outcome)
    assert f": {text}" in counts.text()


@pytest.mark.parametrize("name", REPORTS)
def test_outcome_of_any_report_is_read_back_from_json(name):
    outcome = REPORTS[name].outcome
    assert Outcome.of_json(json.loads(FORMATS["jsonl"].report(REPORTS[name]))) == outcome
    assert outcome.proved != (name in {"unchecked", "error", "values", "tensor", "long"})


MIXED = ["x --at x=1", "x", "x +", "1/x --at x=0", "abs(x) --at x=0", "x**2 --claim x=x"]


@pytest.mark.parametrize(
    ("failing", "code"),
    [
        (FAILING, 1),
        ({"error", "undefined"}, 2),
        ({"undefined"}, 3),
        ({"nondifferentiable"}, 3),
        ({"disagree"}, 1),  # the wrong claim
        ({"unchecked"}, 1),  # fine by itself
        ({"undecided"}, 0),
        ((), 0),
    ],
    ids=str,
)
def test_run_fails_by_what_was_chosen(failing, code):
    assert summary(*MIXED, failing=failing).exit_code == code


@pytest.mark.parametrize("line", [*MIXED, "hardsigmoid(x) --at x=5 --second-order"])
def test_outcome_is_read_back_from_json_and_fails_as_the_report(line):
    (report,) = reports(line)
    outcome = report.outcome
    assert Outcome.of_json(json.loads(FORMATS["jsonl"].report(report))) == outcome
    counts = Summary()
    counts.add(outcome)
    assert counts.exit_code == report.exit_code


@pytest.mark.parametrize("name", NAMES)
def test_every_verdict_can_be_chosen(name):
    assert chosen(f" {name},agree", "--only") == {name, "agree"}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("agree,disagre", "--only: there is no verdict `disagre`", "did you mean `disagree`?"),
        ("all", "--only: there is no verdict `all`", f"use {', '.join(NAMES)}"),
        (" , ", "--only needs a verdict", f"use {', '.join(NAMES)}"),
    ],
)
def test_unknown_verdict_is_refused_with_the_nearest(text, message, hint):
    with pytest.raises(GradcalcError) as refused:
        chosen(text, "--only")
    assert (refused.value.message, refused.value.hint) == (message, hint)
