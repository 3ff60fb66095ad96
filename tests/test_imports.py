"""Imports go one way, and what is slow to import is imported late."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gradcalc

PACKAGE = Path(gradcalc.__file__).parent

#: The layers, lowest first. A module imports from lower layers only, so modules of one layer never
#: see each other.
LAYERS = [
    {"limits"},
    {"errors", "lazy", "deadline", "lockstep", "options", "spelling"},
    {"workers", "tokens", "functions"},
    {"order"},
    {"program", "report", "json_records", "notation", "terms"},
    {"dtypes", "digits", "writer", "interpret", "arrays", "source", "refusals", "records", "sizes"},
    {"precise", "tensors", "expand", "question", "calls", "formulas", "algebra"},
    {
        "slopes",
        "surveys",
        "tidy",
        "autodiff",
        "births",
        "blocks",
        "directions",
        "expressions",
        "evaluation",
    },
    {"parser", "together", "pointwise", "bounded"},
    {"bindings", "chain", "bounds", "adjoint", "points", "derivatives"},
    {"swift", "by_sympy"},
    {"symbolic", "conditioning", "values", "domains", "tables"},
    {"claims", "compare"},
    {"jury"},
    {"verdicts", "roundings"},
    {"vectors"},
    {"calculate", "hearing"},
    {"batch", "outcome", "sweep"},
    {"chunks"},
    {"stream", "preloaded"},
    {"executors", "resume"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
TORCH = {"autodiff", "tensors", "births", "refusals", "together"}
CALCULUS = {
    *("symbolic", "chain", "conditioning", "claims", "swift"),
    *("formulas", "tidy", "terms", "algebra", "derivatives", "evaluation", "by_sympy"),
}
LIMIT = {"precise", "slopes", "surveys", "digits", "directions"}
#: What a module never comes to see, by whatever way: the three witnesses not each other above all.
#: (`symbolic` has the numbers of `precise` to calculate with.)
APART = {
    **dict.fromkeys(TORCH, CALCULUS | LIMIT | {"expand", "parser", "compare"}),
    **dict.fromkeys(CALCULUS, TORCH | {"directions", "expand", "compare"}),
    **dict.fromkeys(LIMIT, TORCH | CALCULUS | {"expand", "parser", "compare"}),
    "expand": TORCH | CALCULUS | LIMIT | {"parser"},
    "compare": TORCH | {"symbolic", "expand"},
    "jury": TORCH | {"expand"},
    "parser": TORCH | CALCULUS | LIMIT | {"expand", "interpret"},
    "records": TORCH | CALCULUS | LIMIT | {"parser", "functions"},
}
#: `__init__` is the front door: what it offers it imports when asked.
FRONT = "__init__"
#: Renderers know what is reported and what went wrong, and nothing of how it was found.
RENDERERS_KNOW = {"errors", "report", "render"}
ABOVE_RENDERERS = {"chunks", "commands", "cli", "__main__"}

SLOW = {"torch", "sympy", "symengine", "mpmath"}


def imports(path: Path) -> set[str]:
    """All that a file imports, wherever the statement stands, by full name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            if node.module == "gradcalc":
                found |= {f"gradcalc.{alias.name}" for alias in node.names}
            else:
                found.add(str(node.module))
    return found


def own(path: Path) -> set[str]:
    """The modules of gradcalc that a file imports; `render` stands for all renderers."""
    names = {name.split(".")[1] for name in imports(path) if name.startswith("gradcalc.")}
    return names & {*MODULES, "render"}


#: The files of each module; the function table and the commands are packages.
MODULES = {path.stem: [path] for path in PACKAGE.glob("*.py")}
for package in ("functions", "commands"):
    MODULES[package] = sorted((PACKAGE / package).glob("*.py"))
RENDERERS = {path.stem: path for path in (PACKAGE / "render").glob("*.py")}


def test_every_module_has_its_layer():
    layered = [name for layer in LAYERS for name in layer]
    assert len(layered) == len(set(layered))
    assert set(layered) | {FRONT} == set(MODULES)


@pytest.mark.parametrize("height", range(len(LAYERS)), ids=lambda k: "+".join(sorted(LAYERS[k])))
def test_modules_import_from_lower_layers_only(height):
    lower = set().union(*LAYERS[:height])
    for name in LAYERS[height]:
        allowed = lower | ({"render"} if name in ABOVE_RENDERERS else set())
        for path in MODULES[name]:
            assert own(path) - {FRONT, name} <= allowed, path


@pytest.mark.parametrize("name", APART)
def test_modules_never_come_to_see_what_they_must_not(name):
    seen: set[str] = set()
    todo = [name]
    while todo:
        for path in MODULES[todo.pop()]:
            new = (own(path) & set(MODULES)) - seen - {FRONT}
            seen |= new
            todo += new
    assert not (seen - {name}) & APART[name]


def test_expansion_knows_the_function_table_and_little_else():
    (path,) = MODULES["expand"]
    assert own(path) - {FRONT} == {"functions", "interpret", "program", "limits", "errors"}


@pytest.mark.parametrize("name", RENDERERS)
def test_renderers_import_only_what_is_reported(name):
    assert own(RENDERERS[name]) <= RENDERERS_KNOW


def test_slow_libraries_are_named_in_the_function_table_only():
    files = [(name, path) for name, paths in MODULES.items() for path in paths]
    for name, path in [*files, *RENDERERS.items()]:
        named = {full for full in imports(path) if full.split(".")[0] in SLOW}
        assert not named, name
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "LazyModule":
                assert name == "functions"


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
