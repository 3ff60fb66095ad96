"""Resuming: wherever a run was cut off, nothing is lost and nothing is done twice.

Nor is anything overwritten that `--resume` did not write, or kept that answers another question.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import pytest

from gradcalc.base.errors import GradcalcError
from gradcalc.base.options import Options
from gradcalc.batch.records import read
from gradcalc.batch.resume import AnswerFile
from gradcalc.cli import main
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


def resumed(path, data=INPUT):
    """Continue the run that wrote the file; give the lines that it still had to answer."""
    counted = []
    with AnswerFile(str(path), Options()) as answers:
        todo = [record for record, _ in answers.skip(placed(data), counted.append)]
        for record in todo:
            answers.write(answer(record))
    return [record.line for record in todo], counted


def written():
    """What a run that nothing stopped writes."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "out.jsonl"
        resumed(path)
        return path.read_bytes()


WHOLE = written()


@pytest.mark.parametrize("length", range(len(WHOLE) + 1))
def test_file_cut_anywhere_is_continued_to_the_same_end(length, tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes(WHOLE[:length])
    if 0 < length <= len('{"question":"'):
        with pytest.raises(GradcalcError, match=r"out\.jsonl:1: "):
            resumed(path)
        assert path.read_bytes() == WHOLE[:length]
        return
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


def test_file_that_another_run_writes_is_refused(tmp_path):
    path = str(tmp_path / "out.jsonl")
    with (
        AnswerFile(path, Options()),
        pytest.raises(GradcalcError, match="another run is writing to it"),
    ):
        AnswerFile(path, Options())
    with AnswerFile(path, Options()):
        pass


def test_without_locks_a_run_is_continued_too(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
    resumed(tmp_path / "out.jsonl")
    assert resumed(tmp_path / "out.jsonl")[0] == []


def test_full_disk_is_one_clear_error(tmp_path):
    def bound():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = batch("--resume", tmp_path / "out.jsonl", preexec_fn=bound, lines=1)
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'out.jsonl'}: file too large\n"


# --- The command: what it keeps, and what it refuses ----------------------------------------------

FILES = {
    "one.txt": """\
x**2 --at x=1
x*w --at x=@x.csv,w=2 --grad-outputs @weights.json
x*y --at x=1,y=2 --wrt x
abs(x) --at x=0 --claim x=1
""",
    "two.txt": """\
rand(2).sum()*x --at x=1 --seed 3
{"expression": "sin(x)", "at": {"x": 0.5}, "id": "a"}
x +
""",
    "x.csv": "1,2\n",
    "weights.json": "[1, 1]",
}
RUN = ("one.txt", "two.txt", "--resume", "out.jsonl")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A directory where a run has answered all of its input."""
    directory = tmp_path_factory.mktemp("finished")
    for name, text in FILES.items():
        (directory / name).write_text(text)
    before = Path.cwd()
    os.chdir(directory)
    try:
        with pytest.raises(SystemExit):
            main(("batch", *RUN))
    finally:
        os.chdir(before)
    return directory


@pytest.fixture
def there(finished, tmp_path, monkeypatch):
    """A copy of that directory, to be changed; the current one."""
    directory = tmp_path / "there"
    shutil.copytree(finished, directory)
    monkeypatch.chdir(directory)
    return directory


def seen(path):
    """All that a careless run could change, but not when it was read last."""
    status = path.stat()
    return path.read_bytes(), status.st_mtime_ns, status.st_ino, status.st_mode


def refused(run, *words, path="out.jsonl", stdin=""):
    """Run the command, which must leave the file and the directory as they are."""
    path = Path(path)
    os.utime(path, ns=(10**18, 10**18))
    before, names = seen(path), sorted(path.parent.iterdir())
    code, out, err = run("batch", *words, stdin=stdin)
    assert (code, out) == (2, "")
    assert seen(path) == before
    assert sorted(path.parent.iterdir()) == names
    message, hint = err.splitlines()
    assert message.startswith("error: ")
    assert hint.startswith("  = help: ")
    return message.removeprefix("error: ")


def test_answers_of_the_same_question_are_kept_and_counted(run, there):
    before = seen(there / "out.jsonl")
    code, out, err = run("batch", *RUN)
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == "7 answers kept, 0 lines asked"
    assert "7 lines: " in err.splitlines()[1]
    assert seen(there / "out.jsonl") == before
    # The file holds the same answers as a run without --resume gives, each with its `question`.
    _, plain, _ = run("batch", *RUN[:2], "--format", "jsonl")
    assert re.sub('"question":"[0-9a-f]{64}",', "", before[0].decode()) == plain


@pytest.mark.parametrize("words", [("--jobs", "2"), ("--fail-on", "none")], ids=" ".join)
def test_options_that_change_no_answer_need_not_be_the_same(run, there, words):
    assert run("batch", *RUN, *words)[2].startswith("7 answers kept, 0 lines asked\n")


def test_comments_blanks_and_touched_files_change_no_question(run, there):
    text = (there / "one.txt").read_text()
    (there / "one.txt").write_text(text.replace("\n", "   # done\n").replace("--at", "  --at"))
    os.utime(there / "x.csv", ns=(0, 0))
    assert run("batch", *RUN)[2].startswith("7 answers kept, 0 lines asked\n")


def test_lines_that_are_added_at_the_end_are_asked(run, there):
    with (there / "two.txt").open("a") as file:
        file.write("x**3 --at x=1\n")
    before = (there / "out.jsonl").read_bytes()
    code, _, err = run("batch", *RUN)
    assert (code, "7 answers kept, 1 line asked\n" in err) == (1, True)
    after = (there / "out.jsonl").read_bytes()
    assert after.startswith(before)
    assert [json.loads(line)["line"] for line in after.splitlines()] == [1, 2, 3, 4, 1, 2, 3, 4]


SAME = ", but in another file, or with other values or options"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("one.txt", "x=1\n", "x=2\n", f"1: this answers line 1, `x**2`{SAME}"),
        ("one.txt", "x=1\n", "x=1 --second-order\n", f"1: this answers line 1, `x**2`{SAME}"),
        ("one.txt", "x=1\n", "x=1 --dtype float32\n", f"1: this answers line 1, `x**2`{SAME}"),
        ("one.txt", "x=1\n", "x=1 --backward 2\n", f"1: this answers line 1, `x**2`{SAME}"),
        ("one.txt", "wrt x", "wrt y", f"3: this answers line 3, `x*y`{SAME}"),
        ("one.txt", "claim x=1", "claim x=2", f"4: this answers line 4, `abs(x)`{SAME}"),
        ("one.txt", "w=2", "w=3", f"2: this answers line 2, `x*w`{SAME}"),
        ("two.txt", "seed 3", "seed 4", f"5: this answers line 1, `rand(2).sum()*x`{SAME}"),
        ("two.txt", '"a"', '"b"', f"6: this answers line 2, `sin(x)`{SAME}"),
        ("two.txt", "0.5", "0.25", f"6: this answers line 2, `sin(x)`{SAME}"),
        ("x.csv", "2", "3", f"2: this answers line 2, `x*w`{SAME}"),
        ("weights.json", "1, 1", "1, 2", f"2: this answers line 2, `x*w`{SAME}"),
        ("one.txt", "x**2", "x**3", "1: this answers line 1, `x**2`, where the input has line 1,"),
        (
            "one.txt",
            "x**2",
            "#\nx**2",
            "1: this answers line 1, `x**2`, where the input has line 2,",
        ),
        ("two.txt", "x +\n", "", "7: this answers line 3, `x +`, where the input has its end"),
        ("two.txt", "x +\n", "x + --wrt x\n", f"7: this answers line 3, `x +`{SAME}"),
    ],
)
def test_answer_to_another_question_is_refused(run, there, file, old, new, message):
    text = (there / file).read_text()
    assert old in text
    (there / file).write_text(text.replace(old, new, 1))
    assert refused(run, *RUN).startswith(f"out.jsonl:{message}")


def test_file_of_values_that_is_gone_is_another_question(run, there):
    (there / "x.csv").unlink()
    assert refused(run, *RUN) == f"out.jsonl:2: this answers line 2, `x*w`{SAME}"


def test_swapped_lines_are_refused(run, there):
    lines = FILES["one.txt"].splitlines(keepends=True)
    (there / "one.txt").write_text("".join([lines[0], lines[2], lines[1], lines[3]]))
    message = "out.jsonl:2: this answers line 2, `x*w`, where the input has line 2, `x*y`"
    assert refused(run, *RUN) == message


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (("two.txt", "one.txt"), ""),
        (("one.txt",), ""),
        (("./one.txt", "two.txt"), ""),
        (("one.txt", "one.txt", "two.txt"), ""),
        (("-", "two.txt"), FILES["one.txt"]),
        (("one.txt", "two.txt", "--second-order"), ""),
        (("one.txt", "two.txt", "--dtype", "float32"), ""),
        (("one.txt", "two.txt", "--timeout", "3"), ""),
        (("-",), ""),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_other_files_another_order_and_other_defaults_are_refused(run, there, words, stdin):
    assert "this answers" in refused(run, *words, *RUN[2:], stdin=stdin)


def test_answers_of_another_version_are_refused(run, there, monkeypatch):
    monkeypatch.setattr("gradcalc.batch.resume.__version__", "0.0.1")
    assert refused(run, *RUN) == f"out.jsonl:1: this answers line 1, `x**2`{SAME}"


# --- The command: files that are none of its own --------------------------------------------------

DEEP = b"[" * 200_000
OTHERS = "this was not written by --resume"
FOREIGN = {
    "one line without its end": b'{"precious": [1, 2, 3]}',
    "one line": b'{"precious": [1, 2, 3]}\n',
    "the beginning of an answer": b'{"question":"00',
    "an answer without digests": b'{"schema":1,"line":1,"expression":"x**2","error":null}\n',
    "wrong digests": b'{"question":"' + b"0" * 64 + b'","line":{},"expression":"x**2"}\n',
    "a blank line": b"\n",
    "nested deeply": DEEP,
    "a deep question": b'{"question":' + DEEP + b"\n",
    "a long number": b"1" * 5000 + b"\n",
    "no UTF-8": b"\xff\xfe\x00{\n",
    "NULs": b"\0" * 1000,
    "text": b"hello\nworld\n",
    "a list": b"[1]\n",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_file_of_others_is_refused(run, there, content):
    (there / "out.jsonl").write_bytes(content)
    assert refused(run, *RUN) == f"out.jsonl:1: {OTHERS}"


def lines_of(content):
    return content.splitlines(keepends=True)


CHANGED = "this answer was changed or damaged"
DAMAGES = {
    "a digit": (lambda whole: whole.replace(b'"value":1.0', b'"value":2.0', 1), 1, CHANGED),
    "a verdict": (lambda whole: whole.replace(b'"agree"', b'"maybe"', 1), 1, CHANGED),
    "a type": (lambda whole: whole.replace(b'"graph":[', b'"graph":5,"a":[', 1), 1, CHANGED),
    "a line cut": (lambda whole: whole[:100] + whole[200:], 1, CHANGED),
    "a mark": (lambda whole: b"\xef\xbb\xbf" + whole, 1, CHANGED),
    "an indent": (lambda whole: b" " + whole, 1, CHANGED),
    "blanks": (lambda whole: whole.replace(b'":', b'": '), 1, CHANGED),
    "ends of lines": (lambda whole: whole.replace(b"\n", b"\r\n"), 1, CHANGED),
    "a line twice": (lambda whole: lines_of(whole)[0] + whole, 2, "this answers line 1"),
    "no first line": (lambda whole: b"".join(lines_of(whole)[1:]), 1, "this answers line 2"),
    "a blank line": (lambda whole: whole.replace(b"\n", b"\n\n", 1), 2, OTHERS),
    "a digest cut": (lambda whole: whole[:60] + b"\n" + whole[60:], 1, CHANGED),
    "no digest": (lambda whole: re.sub(rb'"question":"\w+",', b"", whole, count=1), 1, OTHERS),
    "a line more": (lambda whole: whole + lines_of(whole)[0], 8, "this answers line 1"),
    "a piece more": (lambda whole: whole + b"and", 8, OTHERS),
    "a byte more": (lambda whole: whole + b"{", 8, OTHERS),
}


@pytest.mark.parametrize(("damage", "line", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damaged_file_is_refused(run, there, damage, line, message):
    path = there / "out.jsonl"
    before = path.read_bytes()
    path.write_bytes(damage(before))
    assert path.read_bytes() != before
    assert refused(run, *RUN).startswith(f"out.jsonl:{line}: {message}")


def signed(there, rest):
    """A first line that somebody who knows how made up of those bytes."""
    question = (there / "out.jsonl").read_bytes()[: len('{"question":"') + 32]
    return question + hashlib.sha256(rest).hexdigest()[:32].encode() + b'",' + rest


@pytest.mark.parametrize(
    "rest",
    [
        b"\n",
        b"}\n",
        b"\xff\n",
        b'"verdict":' + DEEP + b"\n",
        b'"verdict":"agree"}\n',
        b'"error":null}\n',
        b'"verdict":"maybe","error":null}\n',
        b'"verdict":"error","error":null}\n',
        b'"verdict":["agree"],"error":null}\n',
        b'"verdict":null,"error":null}\n',
        b'"verdict":null,"error":"syntax"}\n',
        b'"verdict":null,"error":{"kind":"maybe"}}\n',
        b'"verdict":null,"error":{"kind":{}}}\n',
        b'"verdict":"agree","error":null,"claims":5}\n',
        b'"verdict":"agree","error":null,"claims":{}}\n',
        b'"verdict":"agree","error":null,"claims":[{}]}\n',
        b'"verdict":"agree","error":null,"claims":[{"correct":"yes"}]}\n',
        b'"verdict":"agree","error":null,"value":' + b"1" * 5000 + b"}\n",
    ],
    ids=lambda rest: repr(rest[:60]),
)
def test_crafted_answer_is_refused(run, there, rest):
    (there / "out.jsonl").write_bytes(signed(there, rest))
    assert refused(run, *RUN) == f"out.jsonl:1: {CHANGED}"


@pytest.mark.parametrize("ours", [False, True])
def test_line_of_any_length_is_refused_without_being_held_in_memory(run, there, ours):
    path = there / "out.jsonl"
    begin = path.read_bytes()[:100]
    with path.open("wb") as file:
        file.write(begin if ours else b"{")
        file.truncate(2**26)
        file.seek(0, os.SEEK_END)
        file.write(b"\n")
    length = path.stat().st_size
    tracemalloc.start()
    try:
        code, _, err = run("batch", *RUN)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code == 2
    assert err.startswith(f"error: out.jsonl:1: {CHANGED if ours else OTHERS}\n")
    assert path.stat().st_size == length
    assert peak < 2**24


@pytest.mark.parametrize(
    "name", ["one.txt", "./one.txt", "two.txt", "hard.txt", "soft.txt", "empty"]
)
def test_input_is_never_written_to(run, there, name):
    (there / "hard.txt").hardlink_to(there / "one.txt")
    (there / "soft.txt").symlink_to("one.txt")
    (there / "empty").touch()
    message = refused(run, "one.txt", "two.txt", "empty", "--resume", name, path=name)
    assert message == f"{name} is an input of this run, and would be written to"


def test_standard_input_is_never_written_to(there):
    path = there / "one.txt"
    before = seen(path)
    command = [sys.executable, "-m", "gradcalc", "batch", "--resume", "./one.txt"]
    with path.open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, seen(path)) == (2, before)
    assert done.stderr.startswith("error: ./one.txt is an input of this run")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_file_of_other_output_is_never_written_to(there, stream):
    path = there / "out.jsonl"
    command = [sys.executable, "-m", "gradcalc", "batch", "one.txt", "--resume", "./out.jsonl"]
    before = path.read_bytes()
    with path.open("a") as file:
        done = subprocess.run(command, check=False, **{stream: file})  # noqa: S603 - our own
    assert done.returncode == 2
    if stream == "stdout":
        assert path.read_bytes() == before
    else:
        told = path.read_bytes().removeprefix(before)
        assert told.startswith(b"error: standard output or standard error goes to ./out.jsonl too")


@pytest.mark.parametrize("content", ["1,2\n", ""])
def test_file_of_values_is_never_written_to(run, there, content):
    (there / "own.txt").write_text("x*w --at x=@./x.csv,w=2\n")
    (there / "x.csv").write_text(content)
    message = refused(run, "own.txt", "--resume", "x.csv", path="x.csv")
    assert message == "x.csv is an input of this run, and would be written to"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "--resume needs the name of a file"),
        ("-", "--resume needs the name of a file"),
        ("a\0b", r"a\x00b: no file can have that name"),
        ("\udcff\ud800", r"\udcff\ud800: no file can have that name"),
        ("a" * 300, "a" * 140),
        ("no/such/out.jsonl", "no/such/out.jsonl: no such file or directory"),
        ("one.txt/out.jsonl", "one.txt/out.jsonl: not a directory"),
        ("directory", "directory: is a directory"),
        ("loop", "loop: too many levels of symbolic links"),
        ("pipe", "pipe is no file that could be resumed"),
        ("socket", "socket is no file that could be resumed"),
        ("/dev/null", "/dev/null is no file that could be resumed"),
        ("/dev/full", "/dev/full is no file that could be resumed"),
    ],
)
def test_what_is_no_file_is_refused(run, there, name, message):
    (there / "directory").mkdir()
    (there / "loop").symlink_to("loop")
    os.mkfifo(there / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
    names = sorted(there.iterdir())
    code, out, err = run("batch", "one.txt", "--resume", name)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.splitlines()[1].startswith("  = help: give ")
    assert sorted(there.iterdir()) == names


# --- The command, killed --------------------------------------------------------------------------


def batch(*words, lines, **options):
    text = "".join(f"sin({k}*x)*y --at x=0.5,y={k}\n" for k in range(lines))
    # -B: Python keeps the half of a compiled module that a limit on files lets it write.
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-B", "-m", "gradcalc", "batch", *map(str, words)],
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
    assert f"{lines:,} lines: {lines:,} agree (all proved) in " in done.stderr
    assert re.sub('"question":"[0-9a-f]{64}",', "", out.read_text()) == whole.stdout


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
