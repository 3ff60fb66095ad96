"""Bindings: what `--at` says, whatever it says."""

from __future__ import annotations

import time

import pytest

from gradcalc import grad
from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError
from gradcalc.language.bindings import parse_bindings, parse_weights


@pytest.mark.parametrize(
    ("text", "kind", "message", "hint"),
    [
        ("x=1" + " " * 500_000 + "y=2", "binding", "two values without a comma between them",
         "write x=1,y=2"),
        ("x=1" + " " * 500_000 + "=2", "binding", "two values without a comma between them", None),
        (",".join(f"x{k}=1" for k in range(limits.BINDINGS + 1)), "limit",
         "more than 5,000 bindings", None),
        ("," * 500_000, "binding", "a binding is NAME=VALUE", "write x=1"),
        ("(" * 500_000, "binding", "a binding is NAME=VALUE", "write x=1"),
    ],
    ids=lambda value: ascii(value)[:20],
)  # fmt: skip
def test_hostile_binding_is_refused_soon(text, kind, message, hint):
    started = time.process_time()
    with pytest.raises(GradcalcError) as caught:
        parse_bindings([text])
    error = caught.value
    assert (error.kind, error.message) == (kind, message)
    assert hint is None or error.hint == hint
    assert time.process_time() - started < 3


def test_many_weights_are_refused_soon():
    started = time.process_time()
    with pytest.raises(GradcalcError, match="more than 5,000 weights"):
        parse_weights("[1]," * 100_000)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    "words",
    [
        ["grad", "x", "--at", "x=@x.json"],
        ["grad", "x*[1, 2]", "--at", "x=1", "--grad-outputs", " @x.json"],
        ["check", "x", "--claim", "x=1", "--at", "x = @x.json"],
        ["sweep", "x*y", "--over", "y=0:1:2", "--at", "x=@x.json"],
    ],
)
def test_files_may_be_forbidden(run, tmp_path, monkeypatch, words) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.json").write_text("7" if "--grad-outputs" not in words else "[7, 8]")
    assert run(*words)[0] == 0
    code, _, err = run(*words, "--no-files")
    assert code == 2
    assert "may not come from a file here" in err.splitlines()[0]
    assert err.splitlines()[2].strip(" |") == "^" * len("@x.json")


@pytest.mark.parametrize(
    "line",
    [
        "x --at x=@x.json",
        "x --at x=@x.json --no-files",
        "x --at x=@x.json --files",
        '{"expression": "x", "at": {"x": "@x.json"}}',
        '{"expression": "x", "at": {"x": "@x.json"}, "files": true}',
        '{"expression": "x", "at": {"x": "@x.json"}, "no_files": false}',
        '{"expression": "[x, 1]", "at": {"x": 1}, "grad_outputs": "@x.json"}',
    ],
)
def test_no_line_of_a_batch_reads_a_file_that_is_forbidden(
    run, tmp_path, monkeypatch, line
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.json").write_text("7.25")
    code, out, err = run("batch", "--no-files", "--resume", "out.jsonl", stdin=line)
    assert code == 2
    assert "7.25" not in out + err + (tmp_path / "out.jsonl").read_text()
    assert "error" in err


def test_files_may_be_forbidden_in_python(tmp_path) -> None:
    path = tmp_path / "x.json"
    path.write_text("7")
    assert grad("x", {"x": f"@{path}"}).value == 7
    with pytest.raises(GradcalcError, match="may not come from a file here"):
        grad("x", {"x": f"@{path}"}, files=False)
    with pytest.raises(GradcalcError, match="may not come from a file here"):
        grad("[x, x]", {"x": 1}, grad_outputs=f"@{path}", files=False)
