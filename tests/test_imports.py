"""Imports go one way, and what is slow to import is imported late."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gradcalc

PACKAGE = Path(gradcalc.__file__).parent

#: The rooms, lowest first. A room imports from itself and from the rooms below it. Those that stand
#: on one line never see each other: the three witnesses.
ROOMS = [
    ("base",),
    ("functions",),
    ("program",),
    ("results",),
    ("render",),
    ("language",),
    ("exact",),
    ("autograd", "calculus", "limit"),
    ("rounding",),
    ("judging",),
    ("ask",),
    ("sweep", "batch"),
    ("commands",),
    ("cli",),
    ("__main__",),
]
#: Libraries that are slow to import; only the function table names them, and imports them late.
SLOW = {"torch", "sympy", "symengine", "mpmath", "numpy"}


def imports(path: Path) -> set[str]:
    """All that a file imports, wherever the statement stands, by full name."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            named.add(str(node.module))
            if node.module == "gradcalc":
                named |= {f"gradcalc.{alias.name}" for alias in node.names}
    return named


def rooms_of(path: Path) -> set[str]:
    """The rooms that a file imports from."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("gradcalc.")}


def files(room: str) -> list[Path]:
    """The files of a room."""
    return sorted((PACKAGE / room).rglob("*.py")) or [PACKAGE / f"{room}.py"]


def test_every_module_stands_in_a_room():
    inside = {path for line in ROOMS for room in line for path in files(room)}
    assert {*PACKAGE.rglob("*.py")} - inside == {PACKAGE / "__init__.py"}


@pytest.mark.parametrize("height", range(len(ROOMS)), ids=lambda k: "+".join(ROOMS[k]))
def test_a_room_imports_from_rooms_below_it_only(height):
    below = {room for line in ROOMS[:height] for room in line}
    for room in ROOMS[height]:
        for path in files(room):
            assert rooms_of(path) - {"__version__"} <= below | {room}, path


@pytest.mark.parametrize("path", files("render"), ids=lambda path: path.stem)
def test_render_computes_nothing(path):
    assert rooms_of(path) <= {"base", "results", "render"}


FAST = """
import sys
sys.argv[0] = "gradcalc"
from gradcalc.cli import main
for words in {commands!r}:
    try:
        main(words)
    except SystemExit:
        pass
    slow = {slow!r} & set(sys.modules)
    assert not slow, (words, slow)
"""


def test_an_error_imports_nothing_that_answers_need():
    slow = {"ctypes", "json", "shlex", "gradcalc.ask.reports", "gradcalc.results.report"}
    code = FAST.format(commands=[["--help"], ["grad", "x+"], ["grad", "sen(x)"]], slow=slow)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)  # noqa: S603 - our own code


def test_help_listings_and_errors_import_neither_torch_nor_sympy():
    commands = [
        ["--help"],
        ["grad", "--help"],
        ["--version"],
        ["functions"],
        ["functions", "sin"],
        ["functions", "sni"],
        ["grad", "x +", "--at", "x=1"],
        ["grad", "sqt(x)"],
        ["grad", "x*y", "--at", "x=1"],
        ["grad", "x", "--at", "x=two"],
        ["grad", "x", "--at", "x=1", "--dtype", "float16"],
        ["grad", "x", "--format", "xml"],
        ["grad", "x +", "--format", "json"],
        ["grad", "x", "--nonsense"],
        ["batch", "no such file"],
        ["batch", "no such file", "--jobs", "2"],
        ["batch", "--only", "agre"],
        ["batch", "--resume", "no/such/directory/out.jsonl", "-"],
        ["batch", "--help"],
        ["grad", "--file", "no such file"],
        ["grad", "y = x[0; y"],
        ["grad", "y = x**2; y.backward()", "--at", "x=1"],
        ["grad", "x.sum(dim=y)", "--at", "x=[1,2]"],
        ["grad", "x", "--at", "x=[1,2"],
        ["grad", "x", "--at", "x=@no.npy"],
        ["grad", "x", "--at", "x=1", "--dtype", "int64"],
        ["grad", "x", "--at", "x=1", "--backward", "0"],
        ["grad", "x", "--seed", "one"],
    ]
    code = FAST.format(commands=commands, slow=SLOW)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own code
    assert done.returncode == 0, done.stderr[-2000:]
    assert "gradcalc 0" in done.stdout
