"""Resuming: wherever a run was cut off, nothing is lost and nothing is done twice."""

from __future__ import annotations

import io
import json
import random
import resource
import subprocess
import sys
import time

import pytest

from gradcalc.base.errors import GradcalcError
from gradcalc.batch.records import read
from gradcalc.batch.resume import Answers
from gradcalc.results.report import Outcome

INPUT = b"x --at x=1\n# a comment\nx +\n\n\xff\n" + 'é*x\n{"expression": "y"}\n'.encode()


def placed(data=INPUT):
    for record in read(io.BytesIO(data), None):
        yield record, record.line


def answer(record):
    """Something like an answer, which needs no calculation."""
    error = record.error and {"kind": str(record.error.kind)}
    fields = {"line": record.line, "expression": record.expression, "error": error}
    return json.dumps({**fields, "verdict": None if error else "agree"}) + "\n"


ANSWERS = [answer(record) for record, _ in placed()]
WHOLE = "".join(ANSWERS).encode()


def resumed(path, data=INPUT):
    """Continue the run that wrote the file; give the lines that it still had to answer."""
    counted = []
    with Answers(str(path)) as answers:
        todo = [record for record, _ in answers.skip(placed(data), counted.append)]
        for record in todo:
            answers.write(answer(record))
    return [record.line for record in todo], counted


@pytest.mark.parametrize("length", range(len(WHOLE) + 1))
def test_file_cut_anywhere_is_continued_to_the_same_end(length, tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes(WHOLE[:length])
    there = WHOLE[:length].count(b"\n")
    todo, counted = resumed(path)
    assert todo == [record.line for record, _ in placed()][there:]
    assert len(counted) == there
    assert path.read_bytes() == WHOLE


def test_answers_that_are_there_are_counted(tmp_path):
    (tmp_path / "out.jsonl").write_bytes(WHOLE)
    _, counted = resumed(tmp_path / "out.jsonl")
    assert [outcome.verdict for outcome in counted] == ["agree", "agree", "error", "agree", "agree"]
    assert counted[0] == Outcome("agree")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (WHOLE + ANSWERS[0].encode(), "6: this answers line 1, `x`, where the input has its end"),
        (ANSWERS[1].encode(), "1: this answers line 3, `x +`, where the input has line 1, `x`"),
        (ANSWERS[0].replace("1", "2").encode(), "1: this answers line 2, `x`, where the input has"),
        (b"hello\n", "1: this is no answer of a batch"),
        (b"[1]\n", "1: this is no answer of a batch"),
        (b"{}\n", "1: this is no answer of a batch"),
        (b"\x00\xff\n", "1: this is no answer of a batch"),
    ],
)
def test_file_of_another_input_is_refused_and_left_as_it_is(content, message, tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes(content)
    with pytest.raises(GradcalcError) as refused:
        resumed(path)
    assert refused.value.message.startswith(f"{path}:{message}")
    assert path.read_bytes() == content


def test_file_that_another_run_writes_is_refused(tmp_path):
    path = str(tmp_path / "out.jsonl")
    with Answers(path), pytest.raises(GradcalcError, match="another run is writing to it"):
        Answers(path)
    with Answers(path):
        pass


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no/such/out.jsonl", "no such file or directory"),
        (".", "is a directory"),
        ("/dev/null", "is no file that could be resumed"),
    ],
)
def test_file_that_cannot_be_continued_is_refused(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GradcalcError, match=message):
        Answers(name)


def test_full_disk_is_one_clear_error(tmp_path):
    def bound():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = batch("--resume", tmp_path / "out.jsonl", preexec_fn=bound, lines=1)
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'out.jsonl'}: file too large\n"


# --- The command, killed --------------------------------------------------------------------------


def batch(*words, lines, **options):
    text = "".join(f"sin({k}*x)*y --at x=0.5,y={k}\n" for k in range(lines))
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "gradcalc", "batch", *map(str, words)],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        **options,
    )


def killed(path, out, more):
    """Start a run and kill it when so many bytes were added to its output."""
    size = out.stat().st_size if out.exists() else 0
    command = [sys.executable, "-m", "gradcalc", "batch", "--resume", str(out), "--jobs", "2"]
    with subprocess.Popen([*command, path], stderr=subprocess.PIPE) as process:  # noqa: S603
        until = time.monotonic() + 60
        while not out.exists() or out.stat().st_size < size + more:
            assert time.monotonic() < until
            if process.poll() is not None:
                break
            time.sleep(random.random() / 100)
        process.kill()


def check_kills(tmp_path, lines, kills):
    path, out = tmp_path / "in.txt", tmp_path / "out.jsonl"
    path.write_text("".join(f"sin({k}*x)*y --at x=0.5,y={k}\n" for k in range(lines)))
    whole = batch("--format", "jsonl", lines=lines)
    assert whole.returncode == 0
    sizes = []
    for more in kills:
        killed(path, out, more)
        sizes.append(out.stat().st_size)
    assert sizes[0] > 0
    assert sizes[-1] < len(whole.stdout), "it was never interrupted"
    done = batch("--resume", out, path, lines=0)
    assert done.returncode == 0
    assert f"{lines} lines: {lines} agree in " in done.stderr
    assert out.read_text() == whole.stdout


def test_run_that_was_killed_is_continued_without_loss(tmp_path):
    check_kills(tmp_path, 60, [random.randrange(1, 30_000)])


@pytest.mark.slow
def test_run_that_was_killed_many_times_is_continued_without_loss(tmp_path):
    check_kills(tmp_path, 1500, [random.randrange(1, 100_000) for _ in range(8)])


def test_command_of_a_resumed_run_says_what_does_not_fit(run, tmp_path):
    out = str(tmp_path / "out.jsonl")
    for words, message in (
        (("--format", "csv"), "--resume writes JSON lines, not csv"),
        (("--only", "agree"), "--resume needs an answer to every line in its file"),
    ):
        code, _, err = run("batch", "--resume", out, *words, stdin="x")
        assert (code, err.splitlines()[0]) == (2, f"error: {message}")
    assert not list(tmp_path.iterdir())
