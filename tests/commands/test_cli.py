"""The command line: options, streams, exit codes."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import typer

from gradcalc import __version__
from gradcalc.ask import question
from gradcalc.base.deadline import TimeUp
from gradcalc.cli import app

GRADCALC = [sys.executable, "-m", "gradcalc"]
COMMANDS = sorted(typer.main.get_command(app).commands)


def answer(result: tuple[int, str, str]) -> dict:
    """The one JSON object on standard output."""
    return json.loads(result[1])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["grad", "x**2", "--at", "x=3"], 0),
        (["grad", "x**2"], 0),
        (["check", "x**2", "--claim", "x=2*x"], 0),
        (["check", "x**2", "--claim", "x=x"], 1),
        (["grad", "x +"], 2),
        (["grad", "x", "--at", "x=two"], 2),
        (["grad", "x*y", "--at", "x=1"], 2),
        (["grad", "x", "--at", "x=1", "--wrt", "y"], 2),
        (["grad", "x", "--format", "xml"], 2),
        (["grad", "x", "--dtype", "float16"], 2),
        (["grad", "x", "--timeout", "0"], 2),
        (["grad", "x", "--nonsense"], 2),
        (["grad"], 2),
        (["grad", "x", "--file", "x.txt"], 2),
        (["grad", "--file", "no/such/file"], 2),
        (["grad", "x", "--at", "x=1", "--backward", "0"], 2),
        (["grad", "x", "--at", "x=1", "--seed", "1.5"], 2),
        (["grad", "x", "--at", "x=1", "--dtype", "int64"], 2),
        (["grad", "x @ y", "--at", "x=[1,2],y=[1,2,3]"], 2),
        (["grad", "y = x**2; y.sum()", "--at", "x=[1,2]"], 0),
        (["grad", "x*y", "--at", "x=[1,2],y=3"], 0),
        (["grad", "abs(x).sum()", "--at", "x=[1,0]"], 3),
        (["functions", "matmul"], 0),
        (["nonsense"], 2),
        (["functions", "sni"], 2),
        (["batch", "no/such/file"], 2),
        (["grad", "1/x", "--at", "x=0"], 3),
        (["grad", "abs(x)", "--at", "x=0"], 3),
        (["--version"], 0),
        (["--help"], 0),
        ([], 0),
        (["functions"], 0),
        (["functions", "sin"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_exit_code(run, words, code):
    ended, out, err = run(*words)
    assert ended == code
    assert bool(err) == (code == 2)
    assert bool(out) == (code != 2)


@pytest.mark.parametrize(
    "words",
    [
        ["grad", "-x**2", "--at", "x=3"],
        ["grad", "-x**2", "--at=x=3"],
        ["grad", "-", "--at", "x=3"],
        ["grad", "--at", "x=3", "-x**2"],
        ["grad", "-(x**2)", "--at", "x = 3 "],
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_expression_may_begin_with_a_minus_or_come_from_standard_input(run, words):
    result = run(*words, "--format", "json", stdin="-x**2\n")
    assert (result[0], answer(result)["value"]) == (0, -9.0)


PROGRAM = "# a program\r\ny = (x\r\n  * 2)\r\ny.sum()  # its result\r\n"


@pytest.mark.parametrize("way", ["--file", "-", "--file -", "text"])
def test_program_may_come_from_a_file_or_from_standard_input(run, tmp_path, way):
    file = tmp_path / "program.txt"
    file.write_bytes(b"\xef\xbb\xbf" + PROGRAM.encode())
    source = {
        "--file": ["--file", str(file)],
        "-": ["-"],
        "--file -": ["--file", "-"],
        "text": [PROGRAM],
    }[way]
    result = run("grad", *source, "--at", "x=[3,4]", "--format", "json", stdin=PROGRAM)
    assert result[0] == 0
    assert answer(result)["canonical"] == "y = x*2; sum(y)"
    assert answer(result)["value"] == 14.0


@pytest.mark.parametrize(
    ("raw", "kind", "message"),
    [
        (b"", "syntax", "there is no expression"),
        (b"# nothing\n", "syntax", "there is no expression"),
        (b"x \xff", "syntax", "byte 3 is not UTF-8"),
        (b"x\n" * 150_000, "limit", "the limit is 200,000"),
        (b"y = x\nz = y +\nz", "syntax", "something is missing after `+`"),
    ],
    ids=lambda value: repr(value[:20]),
)
@pytest.mark.parametrize("way", ["--file", "-"])
def test_bad_program_in_a_file_is_refused(run, tmp_path, raw, kind, message, way):
    file = tmp_path / "program.txt"
    file.write_bytes(raw)
    source = ["--file", str(file)] if way == "--file" else ["-"]
    code, out, err = run("grad", *source, "--format", "json", stdin=raw)
    error = json.loads(out)["error"]
    assert (code, error["kind"]) == (2, kind)
    assert message in error["message"]
    assert error["message"] in err


def test_error_in_a_program_tells_its_line_and_column(run):
    code, out, err = run("grad", "y = x**2\nz = 2*sqt(y)\nz", "--format", "json")
    error = json.loads(out)["error"]
    assert (code, error["line"], error["column"]) == (2, 2, 7)
    assert " 2 | z = 2*sqt(y)\n   |       ^^^\n" in err


@pytest.mark.parametrize("expression", ["(x*y).sum()", "(x*rand(2)).sum()*y[0]"])
def test_seed_makes_random_numbers_reproducible(run, expression):
    words = ["grad", expression, "--at", "x=randn(2),y=rand(2)", "--format", "json"]
    first, again, other, default = (
        run(*words, *more) for more in (["--seed", "7"], ["--seed=7"], ["--seed", "8"], [])
    )
    assert first[0] == 0
    assert first == again
    assert default == run(*words, "--seed", "0")
    values = [answer(result)["bindings"]["x"] for result in (first, other, default)]
    assert len({tuple(value) for value in values}) == 3


@pytest.mark.parametrize(
    ("names", "kept"),
    [("all", ["y", "z"]), ("y", ["y"]), ("z, y", ["y", "z"]), (None, [])],
)
def test_retain_grad_keeps_gradients_of_named_values(run, names, kept):
    more = [] if names is None else ["--retain-grad", names]
    report = answer(run("grad", "y = x**2; z = y*3; z.sum()", "--at", "x=[1,2]", *more,
                       "--format", "json"))  # fmt: skip
    rows = {row["name"]: row for row in report["tensors"]}
    assert [name for name in rows if rows[name]["retains_grad"]] == kept
    assert {name: rows[name]["grad"] for name in kept} == {
        name: {"y": [3.0, 3.0], "z": [1.0, 1.0]}[name] for name in kept
    }


@pytest.mark.parametrize(
    ("more", "grad"),
    [
        ([], 6.0),
        (["--backward", "3"], 18.0),
        (["--backward=3", "--zero-grad"], 6.0),
        (["--no-retain-graph"], 6.0),
    ],
    ids=str,
)
def test_backward_runs_as_often_as_asked(run, more, grad):
    report = answer(run("grad", "x**2", "--at", "x=3", *more, "--format", "json"))
    assert (report["tensors"][0]["grad"], report["gradients"][0]["autograd"]) == (grad, 6.0)


@pytest.mark.parametrize(
    ("weights", "wanted"),
    [
        (["--grad-outputs", "ones"], [[1.0, 1.0], 1.0]),
        (["--grad-outputs", "[1,2], 3"], [[1.0, 2.0], 3.0]),
        (["--grad-outputs", "[1,2]", "--grad-outputs=3"], [[1.0, 2.0], 3.0]),
    ],
    ids=str,
)
def test_grad_outputs_weigh_the_results(run, weights, wanted):
    report = answer(run("grad", "x, y", "--at", "x=[1,2],y=1", *weights, "--format", "json"))
    assert [entry["autograd"] for entry in report["gradients"]] == wanted


def test_at_may_be_repeated(run):
    report = answer(run("grad", "u*v*w", "--at", "u=1,v=2", "--at", "w=pi/4", "--format", "json"))
    assert list(report["bindings"]) == ["u", "v", "w"]
    assert report["gradients"][2]["autograd"] == 2.0


def test_wrt_chooses_the_variables(run):
    report = answer(run("grad", "u*v", "--at", "u=2,v=3", "--wrt", "v", "--format", "json"))
    assert [(entry["wrt"], entry["autograd"]) for entry in report["gradients"]] == [("v", 2.0)]
    assert [t["requires_grad"] for t in report["tensors"] if t["name"] in "uv"] == [False, True]


def test_second_order_gives_the_hessian(run):
    report = answer(run("grad", "u*v", "--at", "u=2,v=3", "--second-order", "--format", "json"))
    assert [entry["wrt"] for entry in report["hessian"]] == [["u", "u"], ["u", "v"], ["v", "v"]]
    assert [entry["autograd"] for entry in report["hessian"]] == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("words", "kind", "column"),
    [
        (["grad", "x +"], "syntax", 3),
        (["grad", "2*sqt(x)"], "name", 3),
        (["grad", "x", "--at", "x=1,y=q"], "binding", 7),
        (["grad", "x", "--dtype", "half"], "usage", None),
        (["grad", "9**9**9"], "limit", 1),
        (["grad", "y = x[0; y"], "syntax", 6),
        (["grad", "y = x*2; y.backward()", "--at", "x=1"], "name", 12),
        (["grad", "x.sum(dim=n)"], "syntax", 1),
        (["grad", "x + [[1, 2], [3]]"], "shape", 5),
        (["grad", "x", "--at", "x=[1,2"], "binding", 3),
        (["grad", "x", "--at", "x=[[1,2],[3]]"], "shape", 3),
        (["grad", "x", "--at", "y=1, x=@no.npy"], "binding", 8),
        (["grad", "1 + x @ y", "--at", "x=[1,2],y=[1,2,3]"], "shape", 5),
        (["grad", "x[5]", "--at", "x=[1,2]"], "shape", 1),
        (["grad", "x += 1; x", "--at", "x=[1]"], "autograd", 1),
        (["grad", "x[0] = 1; x", "--at", "x=[1]"], "autograd", 1),
        (["grad", "x.detach()*2", "--at", "x=1"], "autograd", 1),
        (["grad", "x > 0", "--at", "x=1"], "autograd", 1),
        (["grad", "y = x*1; z = y**2; y += 1; z", "--at", "x=2"], "autograd", 20),
        (["grad", "x**2", "--at", "x=2", "--backward", "2", "--no-retain-graph"], "autograd", 1),
        (["grad", "x", "--at", "x=1", "--dtype", "int64"], "autograd", None),
        (["grad", "x*tensor([1], dtype=torch.int64)", "--at", "x=1"], "autograd", 3),
        (["grad", "x, x*2", "--at", "x=[1,2]"], "autograd", 1),
        (["grad", "x*2", "--at", "x=[1,2]", "--grad-outputs", "[1,2,3]"], "shape", 1),
        (["grad", "x", "--at", "x=1", "--retain-grad", "y"], "usage", None),
        (["grad", "x", "--at", "x=1", "--seed", "9" * 30], "usage", None),
        (["grad", "ones(3000, 3000)*x", "--at", "x=1"], "limit", 1),
        (["grad", "x", "--nonsense"], "usage", None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_error_is_answered_in_the_asked_format_too(run, words, kind, column):
    code, out, err = run(*words, "--format", "json")
    error = json.loads(out)["error"]
    assert (code, error["kind"], error["column"]) == (2, kind, column)
    assert error["message"] in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["x @ y", "--at", "x=randn(2,3),y=randn(4)"], ["(2, 3)", "(4,)"]),
        (["mse_loss(x, y)", "--at", "x=[1,2],y=[1,2,3]"], ["(2,)", "(3,)"]),
        (["cat([x, y])", "--at", "x=[[1,2]],y=[[1,2,3]]"], ["(1, 2)", "(1, 3)"]),
        (["y = zeros(2); y[0] = x; y.sum()", "--at", "x=[1,2]"], ["(2,)"]),
    ],
    ids=lambda value: value[0],
)
def test_shapes_that_do_not_fit_are_named(run, words, parts):
    code, out, err = run("grad", *words, "--format", "json")
    error = json.loads(out)["error"]
    assert (code, error["kind"]) == (2, "shape")
    assert [part for part in parts if part not in error["message"]] == []
    assert error["message"] in err


def test_error_is_underlined_on_standard_error(run):
    code, out, err = run("grad", "2*sqt(x)")
    assert (code, out) == (2, "")
    assert err == (
        "error: unknown function `sqt`\n"
        "  | 2*sqt(x)\n"
        "  |   ^^^\n"
        "  = help: did you mean `sqrt`? 2*sqrt(x)\n"
    )


@pytest.mark.parametrize(
    "form",
    [
        "table",
        "json",
        "csv",
        "markdown",
        "latex",
    ],
)
@pytest.mark.parametrize("words", [["x\x1b[31m"], ["x", "--at", "x\x1b]0;=1"]], ids=["text", "at"])
def test_terminal_escapes_never_come_out_raw(run, words, form):
    code, out, err = run("grad", *words, "--format", form)
    assert code == 2
    assert "\x1b" not in out + err


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS)], ids=str)
def test_help_has_a_short_name(run, words):
    code, out, err = run(*words, "-h")
    assert (code, err) == (0, "")
    assert out == run(*words, "--help")[1]
    assert words or out == run()[1]


@pytest.mark.parametrize(
    ("command", "first"),
    [("sweep", ["--points", "--over", "--at"]), ("check", ["--claim", "--at"])],
)
def test_help_begins_with_what_a_command_is_called_for(run, command, first):
    _, out, _ = run(command, "--help")
    assert re.findall(r"^  (--[a-z-]+)", out, re.MULTILINE)[: len(first)] == first


@pytest.mark.parametrize(
    ("options", "heading"),
    [
        ([], "Tensors\nbackward was not run, so no .grad is set: torch would say"),
        (["--grad-outputs", "ones"], "Tensors after backward\n"),
    ],
    ids=["jacobian", "weights"],
)
def test_tensors_of_a_jacobian_are_not_said_to_be_after_backward(run, options, heading):
    code, out, _ = run("grad", "x**2", "--at", "x=[1,2]", *options)
    assert code == 0
    assert heading in out
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError) as refusal:
        (x**2).backward()
    assert (f'"{refusal.value}"' in out) == (not options)


@pytest.mark.parametrize(
    ("text", "at", "left_out"),
    [
        ("sum(A*A)", "A=randn(10, 10)", None),
        ("prod(x)", "x=rand(50)", None),
        ("sum(A*A)", "A=randn(101)", "101 of 101 formulas left out: they are given for up to 100"),
        ("sin(sum(A*A))", "A=randn(100)", "100 of 100 formulas left out: written out, they are"),
        ("sum(A @ A)", "A=randn(8,8)", "64 of 64 formulas left out: written out, the program is"),
        ("A**2", "A=randn(11)", "121 of 121 formulas left out: they are given for up to 100"),
    ],
)
def test_formulas_that_are_left_out_are_told(run, text, at, left_out):
    told = [run("grad", text, "--at", at, "--format", form)[1] for form in ("table", "json")]
    assert [("left out" in out) for out in told] == [left_out is not None] * 2
    assert all((left_out or "") in out for out in told)


#: What each command calls, to be broken.
PLANTED = {
    "grad": (["x**2"], "gradcalc.ask.question.parse"),
    "check": (["x**2", "--claim", "x=x"], "gradcalc.ask.question.parse"),
    "batch": ([], "gradcalc.batch.stream.in_order"),
    "sweep": (["x", "--over", "x=1:2:3"], "gradcalc.sweep.points.grid"),
    "functions": ([], "gradcalc.render.functions.functions_table"),
}


@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize(
    "problem", [ZeroDivisionError("by\x1b nothing"), RecursionError(), TimeUp()]
)
@pytest.mark.parametrize("command", COMMANDS)
def test_error_of_our_own_is_told_in_words(run, monkeypatch, command, problem, form):
    def fail(*_, **__):
        raise problem

    more, planted = PLANTED[command]
    question.parsed.cache_clear()
    monkeypatch.setattr(planted, fail)
    takes_format = command not in {"sweep", "functions"}
    words = [command, *more, *(["--format", form] if takes_format else [])]
    code, out, err = run(*words)
    assert code == 70
    assert err.startswith(f"error: internal error: {type(problem).__name__} in gradcalc.")
    assert (
        f"please report it, with gradcalc {__version__} and the command: gradcalc {command}" in err
    )
    assert "Traceback" not in err
    assert "\x1b" not in err
    if takes_format and form == "json":
        error = json.loads(out)["error"]
        assert (error["kind"], error["message"][:14]) == ("internal", "internal error")
    else:
        assert out == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
@pytest.mark.parametrize("words", [["functions"], ["grad", "x +", "--format", "json"]], ids=str)
def test_full_disk_is_told_in_words(words):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(  # noqa: S603 - our own program
            [*GRADCALC, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert "error: standard output: no space left on device\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_standard_output_that_is_closed_is_told():
    done = subprocess.run(  # noqa: S602 - our own program
        f"{shlex.join(GRADCALC)} --version >&-",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "error: standard output: bad file descriptor\n")


def test_shadowing_a_constant_warns(run):
    code, out, err = run("grad", "e*x", "--at", "e=2,x=1")
    assert code == 0
    assert err.startswith("warning: `e` is bound")
    assert "warning" not in out


BATCH = """\
# comment

x**2 --at x=3
x +
{"expression": "1/x", "at": {"x": 0}, "id": "zero"}
{"expression": "x", "at": {"x": [null]}}
\x1b[31mx
sin(x) --at x=0.5
y = x**2; y.sum() --at x=[1,2] --retain-grad y --seed 1
{"expression": "y = x**2\\ny.sum()", "at": {"x": [[1], [2]]}, "grad_outputs": 2}
"""


def test_batch_answers_every_line_in_order(run):
    code, out, err = run("batch", "--format", "jsonl", stdin=BATCH)
    answers = [json.loads(line) for line in out.splitlines()]
    assert [(a["line"], a["verdict"], a["error"] and a["error"]["kind"]) for a in answers] == [
        (3, "agree", None),
        (4, None, "syntax"),
        (5, "undefined", None),
        (6, None, "usage"),
        (7, None, "syntax"),
        (8, "agree", None),
        (9, "agree", None),
        (10, "agree", None),
    ]
    assert answers[2]["id"] == "zero"
    assert answers[6]["tensors"][1]["grad"] == [1.0, 1.0]
    assert answers[7]["gradients"][0]["autograd"] == [[4.0], [8.0]]
    assert code == 2
    assert "8 lines: 4 agree (all proved), 3 error, 1 undefined (proved) in " in err
    assert "\x1b" not in out + err


def test_batch_reads_files_and_standard_input_alike(run, tmp_path):
    file = tmp_path / "lines.txt"
    file.write_bytes(b"\xef\xbb\xbfx --at x=1\r\n+\r\n")
    code, out, err = run("batch", str(file), "-", "--format", "jsonl", stdin="y --at y=2")
    assert [json.loads(line)["expression"] for line in out.splitlines()] == ["x", "+", "y"]
    assert code == 2
    assert f"{file}:2:1: error: something is missing after `+`" in err


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "markdown", "latex"])
def test_batch_of_nothing_succeeds(run, form):
    code, _, err = run("batch", "--format", form, stdin="# nothing\n")
    assert code == 0
    assert err.startswith("0 lines: nothing to do")


def test_batch_of_a_missing_file_says_so_in_one_line(run):
    code, out, err = run("batch", "no/such/file")
    assert (code, out) == (2, "")
    assert err.splitlines()[0] == "error: no/such/file: no such file or directory"


def test_batch_on_a_terminal_without_input_shows_help():
    terminal, other = os.openpty()
    done = subprocess.run(  # noqa: S603 - our own program
        [*GRADCALC, "batch"], stdin=other, capture_output=True, check=False, timeout=60
    )
    os.close(terminal)
    os.close(other)
    assert done.returncode == 0
    assert b"gradcalc batch FILE" in done.stdout


def test_batch_answers_before_its_input_ends_and_stops_when_interrupted():
    with subprocess.Popen(  # noqa: S603 - our own program
        [*GRADCALC, "batch", "--format", "jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(b"x**2 --at x=3\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["value"] == 9.0
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize("words", [[], ["-h"], ["grad", "-h"], ["functions"], ["--version"]])
def test_closed_pipe_ends_help_quietly(words):
    with subprocess.Popen(  # noqa: S603 - our own program
        [*GRADCALC, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.close()
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


def test_closed_pipe_ends_a_batch_quietly():
    with subprocess.Popen(  # noqa: S603 - our own program
        [*GRADCALC, "batch", "--format", "jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        process.stdout.close()
        _, err = process.communicate(b"x +\n" * 100, timeout=60)
    assert process.returncode == 0
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err


def test_module_is_the_command():
    done = subprocess.run(  # noqa: S603 - our own program
        [*GRADCALC, "grad", "x +"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: something is missing after `+`")


def test_csv_tells_of_formulas_that_are_left_out(run):
    words = ("(A@A).sum()", "--at", "A=ones(11,11)", "--format", "csv")
    assert "warning: 121 of 121 formulas left out: " in run("grad", *words)[2]
    assert run("grad", *words, "--no-formulas")[2] == ""


def test_without_a_point_and_formulas_there_is_nothing(run):
    out = run("grad", "x**2", "--no-formulas")[1]
    assert "unchecked: no point was given, and no formulas" in out
