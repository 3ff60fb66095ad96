"""All formats, on reports made by hand: nothing is computed here."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from reports import CORNER, HOSTILE, HOSTILE_TEXT, REPORTS, agreed, draw, tensor

from gradcalc.base.errors import GradcalcError
from gradcalc.render import FORMATS, format_of, formats
from gradcalc.results.report import Derivative, Report

if TYPE_CHECKING:
    from collections.abc import Callable

    Golden = Callable[[str, str], None]


@pytest.mark.parametrize("label", REPORTS)
@pytest.mark.parametrize("name", formats("report"))
def test_format_looks_as_it_did(name: str, label: str, golden: Golden) -> None:
    ending = ".table.txt" if name == "table" else FORMATS[name].ending
    golden(f"{label}{ending}", draw(name, REPORTS[label], width=80))


@pytest.mark.parametrize("label", REPORTS)
def test_table_off_a_terminal_looks_as_it_did(label: str, golden: Golden) -> None:
    golden(f"{label}.plain.txt", draw("table", REPORTS[label]))


@pytest.mark.parametrize("kind", ["report", "tables"])
def test_each_format_has_an_ending_of_its_own(kind: str) -> None:
    for name, form in formats(kind).items():
        assert format_of(f"a.b/OUT{form.ending.upper()}", kind) is FORMATS[name]


@pytest.mark.parametrize(
    ("file", "kind"),
    [("out.xlsx", "tables"), ("out", "tables"), ("out.npy", "report"), ("out.json", "tables")],
)
def test_file_of_no_known_kind_is_refused(file: str, kind: str) -> None:
    with pytest.raises(GradcalcError, match="of no known kind") as caught:
        format_of(file, kind)
    endings = [form.ending for form in formats(kind).values()]
    assert caught.value.hint == f"write to a {', '.join(endings)} file"


@pytest.mark.parametrize("name", formats("report"))
def test_format_has_the_signature_that_the_registry_calls(name: str) -> None:
    function = import_module(FORMATS[name].module).report
    assert str(inspect.signature(function)) == (
        "(report: 'Report', *, width: 'int | None' = None, color: 'bool' = False) -> 'str'"
    )


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("name", formats("report"))
@pytest.mark.parametrize("width", [None, 20, 80, 140])
def test_format_ends_in_a_newline(name: str, report: Report, width: int | None) -> None:
    assert draw(name, report, width=width).endswith("\n")


@pytest.mark.parametrize("name", ["table", "latex", "markdown", "json", "jsonl", "junit"])
@pytest.mark.parametrize("width", [None, 40, 200])
def test_format_lets_no_control_character_through(name: str, width: int | None) -> None:
    entries = (
        agreed((f"{HOSTILE_TEXT}[{k}]",), HOSTILE_TEXT, 1.0)._replace(output=HOSTILE_TEXT, **CORNER)
        for k in range(20)
    )
    tensors = (Derivative((HOSTILE_TEXT,), (20,), tuple(entries)), tensor(HOSTILE_TEXT, (0,)))
    program = replace(
        HOSTILE,
        expression=f"{HOSTILE_TEXT}\n{HOSTILE_TEXT}",
        canonical=f"{HOSTILE_TEXT}; {HOSTILE_TEXT}",
        bindings=((HOSTILE_TEXT, (1.0, 2.0)),),
        gradients=tensors,
    )
    for report in (HOSTILE, program):
        text = draw(name, report, width=width)
        assert not {"\x1b", "\u202e", "\x9b"} & set(text)


@pytest.mark.parametrize("width", [None, 1000])
def test_table_prints_markup_of_the_user_literally(width: int | None) -> None:
    text = draw("table", HOSTILE, width=width)
    assert text.count("[bold red]x[/bold red] | `y` \\x1b[31m \\u202e") >= 6
    assert ":smile:" in text


def test_render_imports_no_witness() -> None:
    modules = [f"gradcalc.render.{name}" for name in ("table", "json", "csv", "functions", "latex")]
    code = f"import sys, {', '.join(modules)}; print([m for m in sys.modules if m in %r])"
    wanted = {"torch", "sympy", "mpmath", "gradcalc.ask.calculate"}
    command = [sys.executable, "-c", code % sorted(wanted)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own code
    assert out == "[]\n"


def test_errors_are_drawn_without_rich() -> None:
    code = "import sys, gradcalc.render; print('rich' in sys.modules)"
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own code
    assert out == "False\n"
