"""Runs end in words and with a code of their own, wherever the system is narrow or interrupts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from gradcalc import grad
from gradcalc.ask.question import Question

GRADCALC = [sys.executable, "-m", "gradcalc"]
LINE = "tanh(u*v) + softplus(v) --at u=-0.044,v=0.335\n"
QUESTION = ("grad", "u*v", "--at", "u=1,v=2")

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")


def shell(setting, *words, stdin=LINE, **environment):
    """Run gradcalc in a shell that has changed something first."""
    done = subprocess.run(  # noqa: S603 - our own program
        ["/bin/sh", "-c", f"{setting}", "sh", *GRADCALC, *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done


# --- One line, one answer -------------------------------------------------------------------------


def test_one_line_has_one_answer_wherever_it_stands(run):
    lines = [LINE, "abs(u) --at u=1\n", *[LINE] * 21, "u +\n", *[LINE] * 38]
    _, out, _ = run("batch", "--format", "jsonl", stdin="".join(lines))
    answers = [json.loads(line) for line in out.splitlines()]
    _, out, _ = run("grad", *LINE.rstrip().replace(" + ", "+").split(), "--format", "json")
    alone = json.loads(out)
    for entry in alone["gradients"]:
        entry["limit"] = None  # which a batch leaves out where it changes nothing
    same = {
        repr((answer["value"], answer["gradients"]))
        for answer, line in zip(answers, lines, strict=True)
        if line == LINE
    }
    assert same == {repr((alone["value"], alone["gradients"]))}


def test_torch_has_one_thread_and_the_caller_all(monkeypatch):
    threads, seen = torch.get_num_threads(), []
    testimony = Question._testimony

    def watched(self, *args):
        seen.append(torch.get_num_threads())
        return testimony(self, *args)

    monkeypatch.setattr(Question, "_testimony", watched)
    try:
        torch.set_num_threads(3)
        assert grad("x**2", {"x": 3}).value == 9
        assert (seen, torch.get_num_threads()) == ([1], 3)
    finally:
        torch.set_num_threads(threads)


# --- Closed streams, little room ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("closed", "words", "code"),
    [
        ("<&-", ("grad", "-"), 2),
        ("<&-", ("batch", "--format", "jsonl"), 0),
        (">&-", QUESTION, 2),
        (">&-", ("--help",), 2),
        (">&- 2>&-", ("grad", "u +"), 2),
        ("<&- >&- 2>&-", ("grad", "u +"), 2),
    ],
)
def test_closed_streams_are_empty_or_an_error(closed, words, code):
    assert shell(f'exec "$@" {closed}', *words).returncode == code


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_batch_with_closed_streams_answers_its_file(closed, tmp_path):
    (tmp_path / "in.txt").write_text(LINE)
    out = tmp_path / "out.jsonl"
    done = shell(f'exec "$@" {closed}', "batch", str(tmp_path / "in.txt"), "--resume", str(out))
    assert done.returncode == 0
    assert json.loads(out.read_text())["verdict"] == "agree"


@linux
@pytest.mark.parametrize("kilobytes", [100_000, 600_000])
def test_too_little_memory_is_said(kilobytes):
    done = shell(f'ulimit -v {kilobytes}; exec "$@"', *QUESTION)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: torch cannot be loaded: there is too little memory\n")


@linux
@pytest.mark.slow
def test_too_little_memory_for_processes_is_said():
    done = shell('ulimit -v 600000; exec "$@"', "batch")
    assert done.returncode == 2
    assert done.stderr.startswith("error: no process can be started to answer lines: torch cannot")


@pytest.mark.slow
def test_name_of_the_temporary_directory_may_be_long(tmp_path):
    place = tmp_path / ("d" * 100)
    place.mkdir()
    done = shell('exec "$@"', "batch", "--format", "jsonl", TMPDIR=str(place))
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "agree")


# --- Interrupts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["gradcalc.base.errors", "gradcalc.render", "torch._C"])
def test_interrupt_is_quiet_while_modules_are_imported(module):
    with (
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-X", "importtime", *GRADCALC[1:], *QUESTION],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process
    ):
        for line in process.stderr:
            if line.rpartition("|")[2].strip() == module:
                break
        else:
            pytest.fail(f"{module} was not imported")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err


@linux
def test_interrupt_is_quiet_while_the_fork_server_starts():
    with subprocess.Popen(  # noqa: S603 - our own program
        [*GRADCALC, "batch"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        process.stdin.write(LINE.encode())
        process.stdin.flush()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not any(map(is_fork_server, children.read_text().split())):
            time.sleep(0.005)
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, b"", b"")


def is_fork_server(pid):
    return b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
