"""What a shell completes, asked as its script asks: by environment variables."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gradcalc.functions import callable_names
from gradcalc.render import formats
from gradcalc.results.summary import NAMES

#: A line to be completed at its end, and what it may become.
LINES = [
    ("gradcalc f", ["functions"]),
    ("gradcalc grad x --format ", formats("report")),
    ("gradcalc grad x --format js", ["json", "jsonl"]),
    ("gradcalc batch --format ju", ["junit"]),
    ("gradcalc grad -x**2 --dtype ", ["float64", "float32"]),
    ("gradcalc sweep x --dtype float3", ["float32"]),
    ("gradcalc batch --only ", NAMES),
    ("gradcalc batch --only agree,und", ["agree,undefined", "agree,undecided"]),
    ("gradcalc batch --fail-on n", ["nondifferentiable", "none"]),
    ("gradcalc functions soft", [name for name in callable_names() if name.startswith("soft")]),
    ("gradcalc check x --cl", ["--claim"]),
    ('gradcalc grad "x +', []),
]

ASK = """
import os, sys
from gradcalc.cli import main
for line in {lines!r}:
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = line, str(len(line.split(" ")) - 1)
    try:
        main([])
    except SystemExit as end:
        assert not end.code, line
    print("--")
assert not {{"torch", "sympy", "symengine", "mpmath", "numpy"}} & set(sys.modules)
"""


def test_shell_completes_words_and_nothing_slow_is_imported():
    code = ASK.format(lines=[line for line, _ in LINES])
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        env={**os.environ, "_GRADCALC_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    completions = [part.split() for part in done.stdout.split("--\n")[:-1]]
    assert [set(words) for words in completions] == [set(words) for _, words in LINES]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_of_the_shell_is_shown(run, monkeypatch, shell):
    monkeypatch.setattr("shellingham.detect_shell", lambda: (shell, shell))
    code, out, err = run("--show-completion")
    assert (code, err) == (0, "")
    assert f"_GRADCALC_COMPLETE=complete_{shell}" in out


def test_completion_is_installed(run, monkeypatch, tmp_path):
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "bash"))
    monkeypatch.setenv("HOME", str(tmp_path))
    code, out, err = run("--install-completion")
    assert (code, err) == (0, "")
    assert "completion installed in" in out
    (script,) = tmp_path.rglob("*gradcalc*")
    assert "complete_bash" in script.read_text("utf-8")
    assert str(script) in (tmp_path / ".bashrc").read_text("utf-8")


@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
def test_shell_without_completion_is_told_in_words(run, monkeypatch, option):
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("dash", "dash"))
    code, _, err = run(option)
    assert code == 2
    assert "there is no completion for the shell that this was started from" in err
    assert "start bash, zsh, fish or PowerShell" in err
