"""`gradcalc batch` as a command: options, order, and how it ends when it is not let finish."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from gradcalc.calculus.symbolic import Calculus

LINES = [
    *(f"sin({k}*x)*y --at x=0.5,y={k}" for k in range(1, 10)),
    "abs(x) --at x=0",
    "sqr(x)",
    "x**2",
    "x**2 --claim x=x",
    '{"expression": "1/x", "at": {"x": 0}, "id": "a"}',
]
TEXT = "".join(f"{line}\n" for line in LINES)
BATCH = [sys.executable, "-m", "gradcalc", "batch"]


def answered(run, *words, text=TEXT):
    code, out, err = run("batch", "--format", "jsonl", *words, stdin=text)
    return code, [json.loads(line) for line in out.splitlines()], err


def test_processes_give_the_same_answers_in_the_same_order(run):
    one, two = answered(run), answered(run, "--jobs", "3")
    assert one[:2] == two[:2]
    assert [answer["line"] for answer in two[1]] == list(range(1, len(LINES) + 1))
    assert two[1][-1]["id"] == "a"


@pytest.mark.parametrize(
    ("words", "code", "lines"),
    [
        ((), 1, range(1, 15)),
        (("--only", "nondifferentiable"), 1, [10]),
        (("--only", "error,undefined"), 1, [11, 14]),
        (("--only", "disagree"), 1, [13]),  # a wrong claim
        (("--only", "undecided"), 1, []),
        (("--fail-on", "none", "--only", "error"), 0, [11]),
        (("--fail-on", "error", "--only", "error"), 2, [11]),
        (("--fail-on", "undefined,nondifferentiable", "--only", "error"), 3, [11]),
        (("--fail-on", "undecided", "--only", "error"), 0, [11]),
    ],
)
def test_what_is_printed_and_what_fails_is_chosen(run, words, code, lines):
    answers = answered(run, *words)
    assert answers[0] == code
    assert [answer["line"] for answer in answers[1]] == list(lines)
    assert (
        ": 9 agree (all proved), 2 unchecked, 1 nondifferentiable, 1 error, 1 undef" in answers[2]
    )
    assert ("unknown function" in answers[2]) == (11 in lines)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("--jobs", "0"), "--jobs 0: there may be 1 to 256 processes", "as many as"),
        (("--jobs", "1000000"), "--jobs 1000000: there may be 1 to 256", "as many as"),
        *(
            (("--jobs", number), f"--jobs needs a whole number, not `{number}`", "as many as")
            for number in ("1_0", "\u0663", "1e1", "2.0", "")
        ),
        (("--jobs", "9" * 5000), "--jobs 99999", "as many as"),
        (("--only", "agre"), "--only: there is no verdict `agre`", "did you mean `agree`?"),
        (("--fail-on", "eror"), "--fail-on: there is no verdict `eror`", "did you mean `error`?"),
        (("--only", "none"), "--only: there is no verdict `none`", ""),
        (("--format", "xml"), "unknown format `xml`", "use table"),
    ],
)
def test_wrong_options_are_refused_with_a_hint(run, words, message, hint):
    code, _, err = run("batch", *words, stdin=TEXT)
    assert code == 2
    assert err.startswith(f"error: {message}")
    assert f"= help: {hint}" in err


@pytest.mark.parametrize(
    ("words", "code", "shown"),
    [
        (("--only", "disagree"), 1, 1),
        (("--only", "agree"), 1, 1),
        (("--fail-on", "undefined", "--only", "disagree"), 0, 1),
    ],
)
def test_verdict_on_a_value_fails_and_is_chosen_as_any(run, words, code, shown):
    text = "x --at x=1\n(x + y)/2 --at x=1e308,y=1.5e308\n"
    ended, answers, err = answered(run, *words, text=text)
    assert (ended, len(answers)) == (code, shown)
    assert "2 lines: 1 agree (proved), 1 disagree (proved) in " in err


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["--format", "jsonl"], True),
        (["--format", "jsonl", "--no-formulas"], False),
        (["--format", "junit"], False),
    ],
)
def test_formulas_are_made_where_somebody_reads_them(run, monkeypatch, words, made):
    asked = []
    monkeypatch.setattr(
        "gradcalc.commands.batch._run", lambda _, job, *others: asked.append(job.options.formulas)
    )
    run("batch", *words, stdin="x*y --at x=2,y=3")
    differentiate = Calculus.differentiate
    monkeypatch.setattr(
        Calculus, "differentiate", lambda self: (asked.append(True), differentiate(self))
    )
    run("grad", "x*y", "--at", "x=2,y=3", *words)
    assert asked == ([True, True] if made else [False])


def test_batch_without_formulas_has_the_verdicts_and_the_values(run):
    lines = "x*y --at x=2,y=3\nx**2 --at x=3\n"
    _, out, _ = run("batch", "--format", "jsonl", "--no-formulas", stdin=lines)
    entries = [entry for line in out.splitlines() for entry in json.loads(line)["gradients"]]
    assert [(entry["formula"], entry["symbolic"], entry["verdict"]) for entry in entries] == [
        (None, 3.0, "agree"), (None, 2.0, "agree"), (None, 6.0, "agree"),
    ]  # fmt: skip


def test_junit_is_one_document_with_a_case_for_each_line(run, tmp_path):
    file = tmp_path / "formulas.txt"
    file.write_text(TEXT)
    code, out, _ = run("batch", "--format", "junit", str(file))
    suite = ET.fromstring(out)[0]  # noqa: S314 - our own
    assert code == 1
    assert [case.get("name").partition(":")[0] for case in suite] == [
        f"line {k}" for k in range(1, len(LINES) + 1)
    ]
    assert {case.get("classname") for case in suite} == {str(file)}
    wrong = [(child.tag, child.get("type")) for case in suite for child in case]
    assert wrong == [
        ("failure", "nondifferentiable"),
        ("error", "name"),
        ("skipped", None),
        ("failure", "claim"),
        ("failure", "undefined"),
    ]
    for words in (["grad", "x"], ["grad", "x +"]):
        _, out, _ = run(*words, "--format", "junit")
        assert len(ET.fromstring(out)[0]) == 1  # noqa: S314 - our own


# --- How it ends ----------------------------------------------------------------------------------


def of_session(session):
    """The processes of a session that still run."""
    running = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            running.append(int(stat.parent.name))
    return running


def check_gone(session):
    until = time.monotonic() + 10
    while of_session(session) and time.monotonic() < until:
        time.sleep(0.05)
    assert not of_session(session)


@pytest.fixture
def started(tmp_path):
    """Start a batch of many lines in a session of its own; give the process and its first line."""
    file = tmp_path / "many.txt"
    file.write_text("".join(f"sin({k}*x)*y --at x=0.5,y={k}\n" for k in range(20_000)))
    running = []

    def start(*words):
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*BATCH, "--jobs", "2", *(words or ("--format", "jsonl")), str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # what readline() had read ahead, communicate() would not find
            start_new_session=True,
        )
        running.append(process)
        return process, process.stdout.readline()

    yield start
    for process in running:
        process.kill()
        process.communicate()
        check_gone(process.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_signal_at_a_full_pipe_leaves_whole_lines(started, monkeypatch, unbuffered, number):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    process, first = started()
    time.sleep(1)  # a pipe holds 64 KiB, about 40 answers
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (128 + number, b"")
    answers = [json.loads(line)["line"] for line in (first + out).splitlines()]
    assert answers == list(range(1, len(answers) + 1))
    assert (first + out).endswith(b"\n")


def test_interrupt_ends_all_processes_and_leaves_whole_lines(started):
    process, first = started()
    assert len(of_session(process.pid)) >= 4
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, b"")
    answers = [json.loads(line) for line in (first + out).splitlines()]
    assert [answer["line"] for answer in answers] == list(range(1, len(answers) + 1))
    assert (first + out).endswith(b"\n")
    check_gone(process.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_document_is_closed(started, number):
    process, first = started("--format", "junit")
    for _ in range(9):
        first += process.stdout.readline()
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    cases = ET.fromstring(first + out)[0]  # noqa: S314 - our own
    names = [case.get("name").partition(":")[0] for case in cases]
    assert names == [f"line {count}" for count in range(1, len(names) + 1)]


def test_closed_pipe_ends_all_processes_quietly(started):
    process, first = started()
    assert json.loads(first)["line"] == 1
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == b""
    check_gone(process.pid)


def test_full_disk_is_one_line_and_the_code_of_an_error(tmp_path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - our own program
            [*BATCH, "--format", "jsonl"],
            input=b"x --at x=1\n",
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert done.returncode == 2
    assert done.stderr == b"error: standard output: no space left on device\n"


def test_answer_comes_before_the_next_line_even_behind_a_comment():
    with subprocess.Popen(  # noqa: S603 - our own program
        [*BATCH, "--format", "jsonl", "--jobs", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        for number in (1, 3, 5):
            process.stdin.write(b"x**2 --at x=3\n# and a comment\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["line"] == number
        process.stdin.close()
        assert process.wait(20) == 0
