"""Without what Python has only on Unix, everything is there, and works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GRADCALC = ["-m", "gradcalc"]

IMPORTS = """
import pkgutil, sys, gradcalc
assert sys.unixless
for module in pkgutil.walk_packages(gradcalc.__path__, "gradcalc."):
    if module.name not in {"gradcalc.batch.preloaded", "gradcalc.__main__"}:
        __import__(module.name)
"""

ASKS = """
from gradcalc import grad
assert grad("x**2", {"x": 3}, timeout=5).verdict == "agree"
"""


@pytest.fixture
def python(tmp_path):
    """Run Python in an empty directory; give exit code, output and errors."""

    def run(*words, stdin=""):
        path = os.pathsep.join([str(Path(__file__).parent / "data/windows"), str(ROOT)])
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_all_modules_can_be_imported(python):
    assert python("-c", IMPORTS) == (0, "", "")


@pytest.mark.slow
def test_one_question_is_answered(python):
    assert python("-c", ASKS) == (0, "", "")
    code, out, err = python(*GRADCALC, "grad", "u*v", "--at", "u=1,v=2", "--format", "json")
    assert (code, err, json.loads(out)["verdict"]) == (0, "", "agree")


@pytest.mark.slow
def test_batch_is_answered_and_continued(python, tmp_path):
    text = "x**2 --at x=3\nx +\nabs(x) --at x=0\n"
    code, out, err = python(*GRADCALC, "batch", "--format", "jsonl", "--jobs", "2", stdin=text)
    assert code == 2
    assert [json.loads(line)["verdict"] for line in out.splitlines()] == [
        *("agree", None, "nondifferentiable")
    ]
    assert "Traceback" not in err
    (tmp_path / "in.txt").write_text("x**2 --at x=3\n")
    assert python(*GRADCALC, "batch", "in.txt", "--resume", "out.jsonl")[0] == 0
    (tmp_path / "in.txt").write_text("x**2 --at x=3\nx**3 --at x=3\n")
    code, _, err = python(*GRADCALC, "batch", "in.txt", "--resume", "out.jsonl")
    assert code == 0
    assert "1 answer kept, 1 line asked" in err
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_sweep_is_written(python, tmp_path):
    words = ["sweep", "x**2", "--over", "x=0:1:11", "-o", "out.csv"]
    code, out, err = python(*GRADCALC, *words)
    assert (code, out) == (0, "")
    assert ": 11 agree in " in err
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 12
