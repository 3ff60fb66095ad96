"""Chunks: whatever a line does to its worker, it gets an answer, and so does every other line."""

from __future__ import annotations

import csv
import functools
import io
import json
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import misbehaviour
import pytest

from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.base.options import Options
from gradcalc.batch.jobs import Job, answer_chunk, drawn, started_workers
from gradcalc.batch.records import Record
from gradcalc.batch.stream import in_order
from gradcalc.render import FORMATS, formats
from gradcalc.results.report import Report, Verdict

JOB = Job(Options(thorough=False, timeout=1.0), grace=0.5)


@pytest.fixture(scope="module")
def workers():
    lent = started_workers()
    yield lent
    lent.close()


def answered(workers, *expressions, job=JOB):
    records = [Record(text, at=("x=3",), line=n) for n, text in enumerate(expressions, 1)]
    answers = []
    assert answer_chunk(workers, records, answers.extend, job, misbehaviour.misbehave) > 0
    return [json.loads(answer.text) for answer in answers]


@pytest.mark.parametrize("seconds", [1e6, 1e12, 1e300])
def test_long_time_is_a_limit_or_none(workers, seconds):
    job = replace(JOB, options=replace(JOB.options, timeout=seconds))
    assert answered(workers, "x**2", job=job)[0]["verdict"] == "agree"


LOST = {
    "hang": "the line was stopped after 1.5 s",
    "die": "the line ended its process, by SIGSEGV",
    "leave": "the line ended its process, with exit code 3",
    "exhaust": "the line failed: MemoryError: ",
    "fail": "the line failed: ZeroDivisionError: by nothing",
}


@pytest.mark.parametrize("deed", LOST)
def test_lost_line_is_undecided_and_the_others_are_answered_once_in_order(workers, deed):
    given = answered(workers, "x", "x**2", deed, "x**3", "x +")
    assert [answer["line"] for answer in given] == [1, 2, 3, 4, 5]
    assert [answer["verdict"] for answer in given] == [
        "agree",
        "agree",
        "undecided",
        "agree",
        None,
    ]
    assert given[2]["warnings"] == [LOST[deed]]
    assert given[2]["expression"] == deed
    assert [given[k]["value"] for k in (0, 1, 3)] == [3.0, 9.0, 27.0]


def test_two_workers_are_nearly_twice_as_fast():
    """The work is waiting here, so that it does not depend on how busy the processors are."""
    taken = {}
    records = [Record("x", line=number) for number in range(400)]
    for jobs in (1, 2):
        lent = started_workers()
        with ThreadPoolExecutor(jobs) as threads:
            submit = functools.partial(
                threads.submit, answer_chunk, lent, job=JOB, answering=misbehaviour.doze
            )
            list(
                threads.map(
                    lambda _, lent=lent: answer_chunk(lent, records[:1], len, JOB), range(jobs)
                )
            )
            started = time.monotonic()
            batches = in_order(((record, 0) for record in records), submit, 4 * jobs)
            assert sum(len(batch.answers) for batch in batches) == 400
            taken[jobs] = time.monotonic() - started
        lent.close()
    assert taken[1] > 1.6 * taken[2]


def test_several_lines_of_a_chunk_may_be_lost(workers):
    objects = answered(workers, "die", "leave", "x", "die")
    assert [answer["verdict"] for answer in objects] == [
        "undecided",
        "undecided",
        "agree",
        "undecided",
    ]


def test_line_alone_is_lost_too(workers):
    (lost,) = answered(workers, "fail")
    assert lost["verdict"] == "undecided"


@pytest.mark.parametrize("count", [1, 3])
def test_line_whose_worker_is_killed_is_asked_again(workers, count, tmp_path):
    records = [
        Record("x**2", at=("x=3",), line=line, source=str(tmp_path / "killed"))
        for line in range(1, count + 1)
    ]
    answers = []
    answer_chunk(workers, records, answers.extend, JOB, misbehaviour.die_once)
    assert (tmp_path / "killed").exists()
    assert [json.loads(answer.text)["line"] for answer in answers] == list(range(1, count + 1))
    assert {answer.outcome.verdict for answer in answers} == {"agree"}


def test_stint_ends_after_the_line_in_which_it_is_over(workers):
    records = [Record("x", at=("x=1",), line=line) for line in (1, 2, 3)]
    answers = []
    answer_chunk(workers, records, answers.extend, replace(JOB, stint=0.0))
    assert [json.loads(answer.text)["line"] for answer in answers] == [1]


def test_torch_has_one_thread_in_a_worker(workers):
    with workers.lent() as worker:
        assert list(worker.results(20, misbehaviour.threads)) == [1]


UNDECIDED = Report("x = 1", verdict=Verdict.UNDECIDED, warnings=("the line hung",), line=7, id="a")


@pytest.mark.parametrize("name", formats("report"))
def test_line_without_an_answer_is_drawn_in_every_format(name):
    answer = drawn(UNDECIDED, replace(JOB, format=name))
    assert "undecided" in answer.text
    assert answer.messages == "line 7: warning: the line hung\n"
    assert answer.outcome.names == {"undecided"}
    assert UNDECIDED.exit_code == 4


def test_line_without_an_answer_has_a_row_in_csv():
    text = FORMATS["csv"].header + FORMATS["csv"].report(UNDECIDED)
    (row,) = csv.DictReader(io.StringIO(text))
    cells = {name: cell for name, cell in row.items() if cell}
    assert cells == {
        "line": "7",
        "id": "a",
        "expression": "x = 1",
        "verdict": "undecided",
        "note": "the line hung",
    }


def test_only_what_was_chosen_is_drawn_but_all_is_counted(workers):
    job = replace(JOB, only=frozenset({"error"}))
    records = [Record("x", at=("x=1",), line=1), Record("x +", line=2)]
    answers = []
    answer_chunk(workers, records, answers.extend, job)
    fine, bad = answers
    assert (fine.text, fine.messages, fine.outcome.verdict) == ("", "", "agree")
    assert json.loads(bad.text)["line"] == 2
    assert bad.messages.startswith("line 2:3: error: ")


def test_error_survives_the_way_between_processes():
    error = GradcalcError(Kind.NAME, "no such", text="a b", span=Span(1, 2), hint="try")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert vars(again) == vars(error)
    assert again.args == error.args
