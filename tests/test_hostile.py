"""Hostile input: each kind is answered, soon, shown harmlessly, and nothing of it is executed."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fuzzing import check_harmless, check_record, lines_of, strict_json

from gradcalc.base import limits
from gradcalc.batch.records import read

DATA = Path(__file__).parent / "data"

#: Times that something long is repeated in a test of many lines.
MOST = 300_000


def literal(text: str) -> Any:
    """The value of a literal of the sample, in which strings may be multiplied and joined."""
    node = ast.parse(text, mode="eval").body
    return _value(node)


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _value(node.left) + _value(node.right)
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left), _value(node.right)
        return left * min(right, MOST) if isinstance(right, int) else right * min(left, MOST)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _value(node.func.value).join(_value(node.args[0]))
    if isinstance(node, ast.List):
        return [_value(element) for element in node.elts]
    return ast.literal_eval(node)


def as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


with (DATA / "hostile_sample.tsv").open(encoding="utf-8", newline="") as stream:
    SAMPLE = {
        row["id"]: as_bytes(literal(row["input_python_literal"]))
        for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
    }
LINES = [
    as_bytes(ast.literal_eval(line))
    for line in (DATA / "hostile.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]

#: What long lines are made of.
PIECES = [
    *("x", "x+", "x**", "(", "[", "{", ")", "]", "-", "~", "--", "- ", "1", "1 ", "x ", "1_"),
    *(" ", "\t", "#", "'", '"', "''", "=", "x=", "x=1,", "x=1;", "x;", ";", ",", "x,", "."),
    *("x.", "x.T.", "x.sin().", "sin(", "(x)", "()", "[]", "[x]", "[1,", "[1],", "x[", "x[0]"),
    *(":", "...", "²", "x²", "√", "π", "∞", "\N{MINUS SIGN}", "<", "x<", "x<1&", "|", "!", "@"),
    *("\\", "\x1b", "\u202e", "\u0315\u0300", "\uff45", "lambda ", "not ", "--at ", "--at x=1 "),
    *("--at=", "--x ", "--xyz ", "--seed 1 ", "--wrt x ", "--claim x=1 ", "--foo=1 ", "max(x,"),
    *("x+=1;", "x[0]=1;", "y=x;", "x==", "é+", "1e", "x=1 ", "a b=", "\r", "\x85", "0", "x/2y"),
]


def lines_with(long: str) -> list[bytes]:
    """Lines in which something is long: the expression, an option, a field, a name."""
    return [
        long.encode(),
        f"x --at x={long}".encode(),
        f"x --wrt {long}".encode(),
        f"x --grad-outputs {long}".encode(),
        json.dumps({"expression": long, "at": {"x": 1}}, ensure_ascii=False).encode(),
        json.dumps({"expression": "x", "at": {"x": long}}).encode(),
        json.dumps({"expression": "x", long: 1}).encode(),
        json.dumps({"expression": "x", "at": {f"{long}{k}": k for k in range(3)}}).encode(),
    ]


def answer_soon(line: bytes, seconds: float) -> None:
    started = time.process_time()
    records = list(read(io.BytesIO(line), None))
    assert len(records) == len(lines_of(line))
    for record in records[:300]:
        check_record(record)
    assert time.process_time() - started < seconds, line[:40]


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
@pytest.mark.sampled(3)
def test_long_line_is_answered_soon(piece):
    # What is quadratic would take minutes at a megabyte, and seconds here.
    for line in two_of(lines_with(piece * (10_000 // len(piece))), piece):
        answer_soon(line, 1.5)


@pytest.mark.slow
@pytest.mark.parametrize("piece", PIECES, ids=ascii)
def test_longest_line_is_answered_soon(piece):
    for size in (limits.TEXT_LENGTH - 100, limits.LINE_BYTES // 2):
        for line in two_of(lines_with(piece * (size // len(piece.encode()))), piece):
            if len(line) < limits.LINE_BYTES:
                answer_soon(line, 5)


def two_of(lines: list[bytes], piece: str) -> list[bytes]:
    """The expression alone, and one of the other lines: each of these with some of the pieces."""
    return [lines[0], lines[1 + PIECES.index(piece) % (len(lines) - 1)]]


@pytest.mark.parametrize("name", SAMPLE)
def test_sample_is_answered_soon(name):
    answer_soon(SAMPLE[name][:MOST], 3)


# --- What is shown --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["table", "csv", "jsonl"])
def test_nothing_that_a_terminal_obeys_comes_out(run, form, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1") if form == "table" else None
    data = b"\n".join(line for line in LINES if b"randn" not in line)
    code, out, err = run("batch", "--format", form, "--timeout", "2", "-", stdin=data)
    assert code in {1, 2}
    for shown in (out, err):
        check_harmless(re.sub(r"\x1b\[[0-9;]*m", "", shown) if form == "table" else shown)
    answered = {number for number, _ in lines_of(data)}
    if form == "jsonl":
        assert {strict_json(line)["line"] for line in out.splitlines()} == answered
    if form == "csv":
        assert {int(row["line"]) for row in csv.DictReader(io.StringIO(out))} == answered


def test_markup_is_text(run):
    line = "[bold]x[/bold] + [link=file:///etc/passwd]y[/link] --at x=1"
    _, out, err = run("batch", "-", stdin=line)
    for shown in (out, err):
        assert "[bold]x[/bold] + [link=file:///etc/passwd]y[/link]" in shown


def test_file_name_is_shown_harmlessly(run, tmp_path):
    path = tmp_path / "x\x1b[31m\u202e.txt"
    path.write_text("x +\n", encoding="utf-8")
    code, out, err = run("batch", str(path))
    check_harmless(out + err)
    assert code == 2
    assert r"x\x1b[31m\u202e.txt:1:3: error" in err
    code, out, err = run("batch", str(path) + "no")
    check_harmless(out + err)
    assert code == 2


# --- What is executed: nothing --------------------------------------------------------------------

#: Answers lines twice, since libraries load parts of themselves when first used; says what is done
#: the second time.
WATCHED = """
import io, json, sys
from gradcalc.batch.answers import answers
from gradcalc.base.options import Options
from gradcalc.batch.records import read

def answer(data):
    options = Options(thorough=False, timeout=5.0)
    return [report.line for report in answers(read(io.BytesIO(data), None), options)]

answer({data!r})
events = []
def watch(event, args):
    if event.partition(".")[0] in {watched!r}:
        events.append([event, *(ascii(getattr(arg, "co_filename", arg))[:80] for arg in args)])
sys.addaudithook(watch)
answered = answer({data!r})
print(json.dumps([answered, events]))
"""
WATCHED_EVENTS = {
    *("exec", "compile", "open", "import", "os", "subprocess", "socket", "shutil", "ctypes"),
    *("code", "pty", "tempfile", "urllib", "webbrowser", "marshal", "pickle", "glob", "ftplib"),
}


def is_known(event: str, what: str, name: str = "", *_: str) -> bool:
    """Whether an event is no execution of a line's text, not even in part."""
    if event == "compile":
        # Python's parser calls what it reads "<unknown>", and makes a tree of it, which never runs.
        # sympy writes functions of numbered dummies, and of monomials; a user's names are in none.
        return name == "'<unknown>'" or what.startswith(
            ("b'def _lambdifygenerated(_Dummy_", "b'def monomial_")
        )
    return event == "exec" and (what == "'<string>'" or what.startswith("'<lambdifygenerated-"))


def test_nothing_is_executed(tmp_path):
    lines = [line for line in [*LINES, *SAMPLE.values()] if b"randn" not in line]
    data = b"\n".join(line[:5_000].rstrip(b"\n") for line in lines)
    code = WATCHED.format(data=data, watched=WATCHED_EVENTS)
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    answered, events = json.loads(done.stdout)
    assert answered == [number for number, _ in lines_of(data)]
    assert [event for event in events if not is_known(*event)] == []
    assert list(tmp_path.iterdir()) == []


def test_watch_sees_what_is_executed(tmp_path):
    """The test above can fail: its hook sees what `eval`, `open` and the like do."""
    code = WATCHED.format(data=b"x", watched=WATCHED_EVENTS).replace(
        "answered = ", "eval('1'); open('y', 'w'); __import__('os').system('true'); answered = "
    )
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True, timeout=300
    )
    surprising = {event[0] for event in json.loads(done.stdout)[1] if not is_known(*event)}
    assert {"compile", "open", "os.system"} <= surprising
