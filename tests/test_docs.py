"""README.md: its commands run and print what it shows, and it leaves nothing out.

`pytest --update-golden tests/test_docs.py` writes the outputs, the function list and the module
list into README.md; read the difference before you commit it.
"""

from __future__ import annotations

import ast
import doctest
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from gradcalc.base.errors import Kind
from gradcalc.batch.json_records import FIELDS
from gradcalc.cli import app, main
from gradcalc.functions import TABLE
from gradcalc.render import FORMATS
from gradcalc.results.report import EXIT_CODES, Blame, Verdict

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TEXT = README.read_text("utf-8")

Show = Callable[[str, str], None]

_SECONDS = re.compile(r"in \d+\.\d s$", re.MULTILINE)


def fences(language: str) -> list[str]:
    """Return the insides of README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def shown(request: pytest.FixtureRequest) -> Show:
    """Require that README shows the second text where it now shows the first, or write it there."""

    def compare(old: str, new: str) -> None:
        if request.config.getoption("--update-golden"):
            text = README.read_text("utf-8")
            assert text.count(old) == 1
            README.write_text(text.replace(old, new), "utf-8")
        else:
            assert _SECONDS.sub("in 0.0 s", old) == _SECONDS.sub("in 0.0 s", new)

    return compare


# --- Commands ---------------------------------------------------------------------------------


def output(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command line prints, standard output first, as it does off a terminal."""
    words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
    if "|" in words:
        return shell(command)
    assert shlex.split(command)[0] == "gradcalc"
    with pytest.raises(SystemExit):
        main(shlex.split(command)[1:])
    printed = capsys.readouterr()
    return printed.out + printed.err


def shell(command: str) -> str:
    """Return what bash prints for a command line with a pipe."""
    function = 'gradcalc() { "$PYTHON" -m gradcalc "$@"; }'
    run = subprocess.run(  # noqa: S603  README's own commands
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


@pytest.mark.parametrize("block", fences("console"), ids=lambda block: block.splitlines()[0])
@pytest.mark.usefixtures("plain")
def test_readme_shows_what_commands_print(
    block: str, shown: Show, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    printed = "".join(f"{line}\n{output(line[2:], capsys)}" for line in commands)
    shown(f"```console\n{block}```\n", f"```console\n{printed}```\n")


def test_readme_begins_with_the_main_job_and_the_tests() -> None:
    first, second = fences("sh")
    assert first == 'pip install . && gradcalc grad "u**3+v**2+4*u*v" --at u=1,v=1.1\n'
    assert second == 'pip install -e ".[dev]" && pytest\n'


def test_readme_python_runs() -> None:
    parser = doctest.DocTestParser()
    blocks = fences("python")
    assert blocks
    for block in blocks:
        test = parser.get_doctest(block, {}, "README.md", str(README), 0)
        runner = doctest.DocTestRunner()
        runner.run(test)
        assert runner.summarize(verbose=False) == (0, len(test.examples))


# --- Verdicts ---------------------------------------------------------------------------------

VERDICTS = re.findall(r"^\| `(\w+)` \| .*? \| `(gradcalc .*)` \| (\d) \|$", TEXT, re.MULTILINE)


def test_readme_explains_every_verdict() -> None:
    assert {name for name, *_ in VERDICTS} == set(Verdict)


@pytest.mark.parametrize(("name", "command", "code"), VERDICTS, ids=[row[0] for row in VERDICTS])
def test_readme_command_gives_the_verdict(
    name: str, command: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*shlex.split(command)[1:], "--format", "jsonl"])
    assert json.loads(capsys.readouterr().out)["verdict"] == name
    assert ended.value.code == int(code) == EXIT_CODES[Verdict(name)]


# --- Nothing left out ---------------------------------------------------------------------------


def command_words() -> Iterator[str]:
    """Yield each command and each option of the command line."""
    top = typer.main.get_command(app)
    for name, command in [("", top), *top.commands.items()]:
        if name:
            yield f"gradcalc {name}"
        for parameter in command.params:
            if parameter.param_type_name == "option":
                yield from (*parameter.opts, *parameter.secondary_opts)


@pytest.mark.parametrize("word", sorted(set(command_words())))
def test_readme_documents_commands_and_options(word: str) -> None:
    assert re.search(rf"`(gradcalc )?{re.escape(word)}[ `]", TEXT)


@pytest.mark.parametrize("word", [*FORMATS, *Kind, *Blame, *FIELDS])
def test_readme_documents_names(word: str) -> None:
    assert f"`{word}`" in TEXT


def listed(marker: str) -> str:
    """Return the generated list of README between the comments that name it."""
    inside = re.search(rf"<!-- {marker} -->\n(.*?)<!-- end of {marker} -->", TEXT, re.DOTALL)
    assert inside
    return inside[0]


def test_readme_lists_the_functions(shown: Show) -> None:
    groups: dict[str, list[str]] = {}
    for row in TABLE.values():
        name = f"`{row.symbol}`" if row.symbol else f"`{row.name}`"
        others = ([row.name] if row.symbol else []) + list(row.aliases)
        also = f" ({', '.join(f'`{other}`' for other in others)})" if others else ""
        groups.setdefault(row.group, []).append(name + also)
    lines = [f"- **{group}**: {', '.join(names)}\n" for group, names in groups.items()]
    old = listed("functions")
    shown(old, f"<!-- functions -->\n{''.join(lines)}<!-- end of functions -->")


def summary(path: Path) -> str:
    """The first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def test_readme_lists_the_modules_by_room(shown: Show) -> None:
    package = ROOT / "gradcalc"
    lines = [f"- `cli.py`: {summary(package / 'cli.py')}\n"]
    for room in sorted(package.glob("*/__init__.py")):
        lines.append(f"- **`{room.parent.name}/`**: {summary(room)}\n")
        modules = sorted({*room.parent.glob("*.py")} - {room})
        lines += [f"  - `{path.name}`: {summary(path)}\n" for path in modules]
    shown(listed("modules"), f"<!-- modules -->\n{''.join(lines)}<!-- end of modules -->")
