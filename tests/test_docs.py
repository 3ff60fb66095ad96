"""README.md and docs/: commands print what is shown there, and nothing is left out.

`pytest --update-golden tests/test_docs.py` writes the outputs, the list of functions and the list
of rooms into the pages; read the difference before you commit it.
"""

from __future__ import annotations

import ast
import dataclasses
import doctest
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from test_imports import ROOMS

import gradcalc
from gradcalc.base import limits
from gradcalc.base.errors import Kind
from gradcalc.batch.json_records import FIELDS
from gradcalc.cli import app, main
from gradcalc.functions import TABLE
from gradcalc.render import formats
from gradcalc.results.report import EXIT_CODES, Blame, Report, Verdict

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *DOCS]
#: All that the pages say.
TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)

Show = Callable[[Path, str, str], None]

_SECONDS = re.compile(r"in \d+\.\d s$", re.MULTILINE)


def fences(language: str) -> list[tuple[Path, str]]:
    """The insides of the code blocks in a language, each with its page."""
    block = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(page, inside) for page in PAGES for inside in block.findall(page.read_text("utf-8"))]


@pytest.fixture
def shown(request: pytest.FixtureRequest) -> Show:
    """Require that a page shows the second text where it now shows the first, or write it there."""

    def compare(page: Path, old: str, new: str) -> None:
        before, after = (_SECONDS.sub("in 0.0 s", text) for text in (old, new))
        if before != after and request.config.getoption("--update-golden"):
            text = page.read_text("utf-8")
            assert text.count(old) == 1
            page.write_text(text.replace(old, new), "utf-8")
        else:
            assert before == after

    return compare


# --- Commands ---------------------------------------------------------------------------------

#: What commands printed: one that several pages show runs once.
_PRINTED: dict[str, str] = {}


def output(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command line prints, standard output first, as it does off a terminal."""
    if command not in _PRINTED:
        words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
        _PRINTED[command] = shell(command) if "|" in words else called(command, capsys)
    return _PRINTED[command]


def called(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command of gradcalc prints, called within this process."""
    assert shlex.split(command)[0] == "gradcalc"
    with pytest.raises(SystemExit):
        main(shlex.split(command)[1:])
    printed = capsys.readouterr()
    return printed.out + printed.err


def shell(command: str) -> str:
    """What bash prints for a command line with a pipe."""
    function = 'gradcalc() { "$PYTHON" -m gradcalc "$@"; }'
    run = subprocess.run(  # noqa: S603  our own commands
        ["bash", "-c", f"{function}\n{command}"],  # noqa: S607
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHON": sys.executable},
        timeout=100,
        check=False,
    )
    return run.stdout + run.stderr


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run from the checkout, without colour."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.mark.parametrize(
    ("page", "block"),
    fences("console"),
    ids=lambda value: value.stem if isinstance(value, Path) else value.partition("\n")[0],
)
@pytest.mark.usefixtures("plain")
def test_pages_show_what_commands_print(
    page: Path, block: str, shown: Show, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    printed = "".join(f"{line}\n{output(line[2:], capsys)}" for line in commands)
    shown(page, f"```console\n{block}```\n", f"```console\n{printed}```\n")


def test_readme_begins_with_the_main_job_and_the_tests() -> None:
    first, second, *_ = (block for page, block in fences("sh") if page == README)
    assert first == 'pip install . && gradcalc grad "u**3+v**2+4*u*v" --at u=1,v=1.1\n'
    assert second == 'pip install -e ".[dev]" && pytest\n'


def test_python_runs() -> None:
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    blocks = fences("python")
    assert {page.name for page, _ in blocks} >= {"README.md", "python.md"}
    for page, block in blocks:
        runner.run(parser.get_doctest(block, {}, page.name, str(page), 0))
    assert runner.summarize(verbose=False).failed == 0


# --- Verdicts ---------------------------------------------------------------------------------

VERDICTS = re.findall(r"^\| `(\w+)` \| .*? \| `(gradcalc .*)` \| (\d) \|$", TEXT, re.MULTILINE)


def test_every_verdict_is_explained() -> None:
    assert [name for name, *_ in VERDICTS] == list(Verdict)  # the most serious last


@pytest.mark.parametrize(("name", "command", "code"), VERDICTS, ids=[row[0] for row in VERDICTS])
def test_the_command_beside_a_verdict_gives_it(
    name: str, command: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*shlex.split(command)[1:], "--format", "jsonl"])
    assert json.loads(capsys.readouterr().out)["verdict"] == name
    assert ended.value.code == int(code) == EXIT_CODES[Verdict(name)]


# --- Nothing left out ---------------------------------------------------------------------------


def command_words() -> Iterator[str]:
    """Each command and each option of the command line."""
    top = typer.main.get_command(app)
    for name, command in [("", top), *top.commands.items()]:
        if name:
            yield f"gradcalc {name}"
        for parameter in command.params:
            if parameter.param_type_name == "option":
                yield from (*parameter.opts, *parameter.secondary_opts)


@pytest.mark.parametrize("word", sorted(set(command_words())))
def test_commands_and_options_are_documented(word: str) -> None:
    assert re.search(rf"`(gradcalc )?{re.escape(word)}[ `]", TEXT)


def json_fields(value: Any) -> Iterator[str]:
    """The names of all fields within, but those that are the user's own names."""
    if isinstance(value, list):
        for item in value:
            yield from json_fields(item)
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from json_fields({} if name in {"at", "bindings"} else item)


@pytest.mark.parametrize(
    ("page", "words"),
    {
        "commands.md": [*formats("report")],
        "json.md": [*FIELDS, *Kind, *Blame, *Verdict],
        "python.md": [
            *inspect.signature(gradcalc.grad).parameters,
            *(field.name for field in dataclasses.fields(Report)),
            *gradcalc.__all__,
        ],
        "verdicts.md": [*Verdict, *Blame],
    }.items(),
)
def test_names_are_documented(page: str, words: list[str]) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    assert [word for word in words if f"`{word}`" not in text] == []


def test_json_fields_are_documented() -> None:
    answers = [json.loads(path.read_text()) for path in (ROOT / "tests/golden").glob("*.json")]
    names = set(json_fields(answers))
    assert {"gradients", "findings", "kind"} <= names
    text = (ROOT / "docs/json.md").read_text("utf-8")
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_the_bounds_are_those_of_limits() -> None:
    _, _, section = (ROOT / "docs/language.md").read_text("utf-8").partition("## Bounds")
    numbers = {int(digits.replace(",", "")) for digits in re.findall(r"\d[\d,]*", section)}
    assert numbers
    assert numbers <= {value for value in vars(limits).values() if isinstance(value, int)}


def test_readme_lists_the_exit_codes() -> None:
    listed = re.findall(r"^\| (\d+) \|", README.read_text("utf-8"), re.MULTILINE)
    # 2, 70 and 130 belong to no verdict: bad input, an internal error, an interruption.
    assert [*map(int, listed)] == sorted({*EXIT_CODES.values(), 2, 70, 130})


# --- Lists that are generated -----------------------------------------------------------------


def listed(page: Path, marker: str) -> str:
    """The generated list of a page, with the comments that name it."""
    inside = re.search(
        rf"<!-- {marker} -->\n(.*?)<!-- end of {marker} -->", page.read_text("utf-8"), re.DOTALL
    )
    assert inside
    return inside[0]


def test_the_functions_are_listed(shown: Show) -> None:
    groups: dict[str, list[str]] = {}
    for row in TABLE.values():
        names = [f"`{row.symbol}`"] * bool(row.symbol) + [f"`{alias}`" for alias in row.aliases]
        cells = [f"`{row.signature}`", " ".join(names), row.doc.replace("*", r"\*")]
        line = " | ".join(cell.replace("|", r"\|") for cell in cells)
        groups.setdefault(row.group, []).append(f"| {line} |\n")
    head = "| function | also written | what it is |\n| --- | --- | --- |\n"
    links = ", ".join(f"[{group}](#{group.replace(' ', '-')})" for group in groups)
    tables = [f"## {group.capitalize()}\n\n{head}{''.join(groups[group])}" for group in groups]
    page = ROOT / "docs/functions.md"
    new = f"<!-- functions -->\n{links}.\n\n" + "\n".join(tables) + "<!-- end of functions -->"
    shown(page, listed(page, "functions"), new)


def summary(path: Path) -> str:
    """The first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "gradcalc").glob("*/__init__.py")), ids=lambda path: path.parent.name
)
def test_a_room_says_what_goes_in_and_what_comes_out(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    assert summary(path).endswith(".")
    assert re.search(r"^In: .*\sOut: ", text, re.MULTILINE | re.DOTALL)


def test_the_modules_are_listed_by_room(shown: Show) -> None:
    package = ROOT / "gradcalc"
    lines = []
    for name in (room for line in ROOMS for room in line):
        room = package / name
        if not room.is_dir():
            lines.append(f"- **`{name}.py`**: {summary(package / f'{name}.py')}\n")
            continue
        lines.append(f"- **`{name}/`**: {summary(room / '__init__.py')}\n")
        modules = sorted({*room.glob("*.py")} - {room / "__init__.py"})
        lines += [f"  - `{path.name}`: {summary(path)}\n" for path in modules]
    page = ROOT / "docs/architecture.md"
    new = f"<!-- modules -->\n{''.join(lines)}<!-- end of modules -->"
    shown(page, listed(page, "modules"), new)


# --- Pages ------------------------------------------------------------------------------------


def test_readme_is_short_and_links_every_page() -> None:
    text = README.read_text("utf-8")
    assert text.count("\n") <= 260
    assert [page.name for page in DOCS if f"](docs/{page.name})" not in text] == []


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, ROOT / ".github/CONTRIBUTING.md"], ids=lambda p: p.stem)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    for link in links:
        name, _, anchor = link.partition("#")
        if not name.startswith("https://"):
            target = (page.parent / name).resolve() if name else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_the_source_distribution_holds_the_manual() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "docs" in settings["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
