"""Words that were not meant as they were typed: what is told of them, and in which format."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from gradcalc.base import limits
from gradcalc.base.errors import internal_error


@pytest.mark.parametrize(
    ("words", "expression"),
    [
        ("grad --at x=1 --bogus x**2", "x**2"),
        ("grad --timeout abc x", "x"),
        ("grad --timeout=abc -x", "-x"),
        ("grad --timeout abc -- -x", "-x"),
        ("grad x --at x=two", "x"),
        ("grad --second-order x --wrt", "x"),
        ("grad x y", "x"),
        ("grad --bogus 3 x", ""),
        ("grad --at x=1", ""),
        ("grad - --at x=two", "-"),
        ("grad - --at x=1", "x +"),
        ("check x --claim x=+", "x"),
        ("--format json grad x", ""),
        ("x**2", ""),
        ("batch no/such/file", ""),
    ],
)
def test_expression_of_an_error_is_no_value_of_an_option(run, words, expression):
    more = [] if words.startswith("--format") else ["--format", "json"]
    command, *others = words.split(" ")
    code, out, _ = run(command, *more, *others, stdin="x +")
    assert code == 2
    assert json.loads(out)["expression"] == expression


@pytest.mark.parametrize("words", [["sweep", "x"], ["functions", "x"]], ids=str)
def test_format_is_that_of_commands_that_have_one(run, words):
    code, out, err = run(*words, "--format", "json")
    assert (code, out) == (2, "")
    assert err.startswith("error: No such option: --format")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-x**2"], "there is no command `-x**2`"),
        (["-V"], "there is no command `-V`"),
        (["functions", "-x"], "unknown function `-x`"),
        (["batch", "-x"], "-x: no such file or directory"),
        (["grad", "x", "-f", "json"], "(-f json)"),
        (
            ["grad", "x", "--at", "x=1", "--grad-outputs", "-inf"],
            "the value of `--grad-outputs` is -inf, and weights must be finite\n  | -inf\n  | ^^^^",
        ),
        (["grad", "x", "--at", "x=1", "--seed", "-y"], "--seed needs a whole number, not `-y`"),
    ],
    ids=str,
)
def test_word_with_a_minus_sign_is_shown_as_typed(run, words, message):
    code, _, err = run(*words)
    assert code == 2
    assert err.startswith("error: ")
    assert f" {message}\n" in err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["u**3", "--at", "u=1"], "write gradcalc grad 'u**3' --at u=1; gradcalc -h lists"),
        (["-x"], "write gradcalc grad -x; gradcalc -h lists the commands"),
        (["GRAD", "x"], "did you mean `gradcalc grad`?"),
        (["sweeep", "x"], "did you mean `gradcalc sweep`?"),
        (["help"], "write gradcalc --help\n"),
        (["help", "grad"], "write gradcalc grad --help\n"),
        (["-V"], "write gradcalc --version\n"),
        (["--format", "json", "grad", "x"], "options follow the command, as in gradcalc grad "),
        (["--nonsense"], "gradcalc --help lists the options\n"),
    ],
    ids=str,
)
def test_what_is_no_command_is_told_what_to_write(run, words, hint):
    code, _, err = run(*words)
    assert code == 2
    assert f"  = help: {hint}" in err


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("grad x --dtype float32 --dtype float64", "--dtype"),
        ("grad x --format=json --format csv", "--format"),
        ("grad x --second-order --second-order", "--second-order"),
        ("sweep x --over x=1:2:3 -o a.csv --output b.csv", "--output"),
        ("batch --jobs 1 --jobs 2", "--jobs"),
    ],
)
def test_option_with_a_single_value_is_given_once(run, words, option):
    code, _, err = run(*words.split(" "))
    assert code == 2
    assert err == f"error: {option} is given twice\n  = help: leave one out\n"


@pytest.mark.parametrize("option", ["--install-completion", "--show-completion"])
def test_completion_takes_no_word(run, monkeypatch, tmp_path, option):
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "bash"))
    monkeypatch.setenv("HOME", str(tmp_path))
    code, out, err = run(option, "nosuch")
    assert (code, out) == (2, "")
    assert f"{option} stands alone, without `nosuch`" in err
    assert not [*tmp_path.iterdir()]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
@pytest.mark.parametrize("option", ["-h", "--show-completion", "--version"])
def test_what_typer_writes_may_meet_a_full_disk(run, monkeypatch, option):
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "bash"))
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code, _, err = run(option)
        monkeypatch.undo()
    assert (code, err) == (2, "error: standard output: no space left on device\n")


@pytest.mark.parametrize("command", [[], ["grad"], ["batch"], ["sweep"], ["functions"]], ids=str)
def test_help_is_not_cut(run, command):
    assert not re.search(r"\w,?\.\.\.$", run(*command, "-h")[1], re.MULTILINE)


def test_long_command_can_be_reported(run, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("by nothing " * 100)

    monkeypatch.setattr("gradcalc.ask.calculate.calculate", fail)
    expression = "+".join(f"x{number}" for number in range(200))
    code, out, err = run("grad", expression, "--format", "csv")
    assert code == 70
    assert err.endswith(f" and the command: gradcalc grad {expression} --format csv\n")
    assert ',"internal error: ZeroDivisionError in gradcalc.' in out
    hint = internal_error(ValueError(), "x" * 10**6).hint or ""
    assert len(hint) < limits.REPORTED_LENGTH + 100


@pytest.mark.parametrize("names", ["none,disagree", "disagree, none"])
def test_fail_on_none_stands_alone(run, names):
    code, _, err = run("batch", "--fail-on", names, stdin="x")
    assert code == 2
    assert err.startswith("error: --fail-on: `none` stands alone\n")


@pytest.mark.parametrize(
    ("axis", "end", "place"),
    [
        ("u=a:b:3", "START", "  ^"),
        ("u=1:b:3", "STOP", "    ^"),
        ("u=-inf:inf:3", "START", "  ^^^^"),
        ("u=0:inf:3", "STOP", "    ^^^"),
        ("u=nan:2:3", "START", "  ^^^"),
        ("u=2:[1]:3", "STOP", "    ^^^"),
        ("u=2::3", "STOP", "   ^"),
    ],
)
def test_end_of_a_grid_is_named_and_underlined(run, axis, end, place):
    code, _, err = run("sweep", "u*v", "--over", axis, "--at", "v=1")
    assert code == 2
    first, *excerpt, hint = err.splitlines()
    assert f"`{end} of u`" in first
    assert excerpt == [f"  | {axis}", f"  | {place}"]
    assert "end" not in hint


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("foo", "x**2"), "write gradcalc grad 'x**2'; gradcalc -h lists the commands"),
        (("x", "+", "y", "--at", "x=1"),
         "write gradcalc grad 'x + y' --at x=1; gradcalc -h lists the commands"),
        (("x**2", "--at", "x=1"),
         "write gradcalc grad 'x**2' --at x=1; gradcalc -h lists the commands"),
        (("grad", "x**2", "-at", "x=3"), "options have two dashes: --at"),
        (("grad", "x**2", "--at", "x=3", "--claim", "x=2*x"), "gradcalc check takes --claim"),
        (("sweep", "x**2", "--jobs=3"), "gradcalc batch takes --jobs"),
        (("batch", ""), "name a file, or - for standard input"),
        (("sweep", "u", "--points", "p.csv", "--over", "u=0:1:3"),
         "leave --points or --over out"),
        (("check", "(x**2).sum()", "--at", "x=[1,2]", "--claim", "x=2*x"),
         "leave --claim out; `gradcalc grad` answers without"),
    ],
)  # fmt: skip
def test_hint_can_be_followed(run, words, hint):
    code, _, err = run(*words)
    assert (code, err.splitlines()[1]) == (2, f"  = help: {hint}")


@pytest.mark.parametrize("words", [("-o", "."), ("--points", ".")])
def test_directory_is_called_so(run, words):
    code, _, err = run("sweep", "u", *words)
    assert (code, err.splitlines()[0]) == (2, "error: `.` is a directory")
    code, _, err = run("sweep", "u", words[0], "")
    assert (code, err.splitlines()[0]) == (2, "error: `` is of no known kind")
