"""What must hold for any input: for hypothesis in test_fuzz.py, and for atheris in fuzz/.

In: bytes that nobody chose. Out: nothing, or an AssertionError, or the exception that should never
have come out.
"""

from __future__ import annotations

import io
import json
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

from strategies import shape

from gradcalc.base.errors import GradcalcError
from gradcalc.batch.records import Record, read
from gradcalc.language.bindings import parse_bindings, parse_weights
from gradcalc.language.parser import parse
from gradcalc.render import error_text, formats
from gradcalc.results.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcalc.program.program import Program

#: Inputs tried so far, by what they were given to; conftest.py prints them.
TRIED: Counter[str] = Counter()

#: Unicode's categories of characters that a terminal obeys instead of showing them.
OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def lines_of(data: bytes) -> list[tuple[int, bytes]]:
    """The lines that deserve an answer, with their numbers: neither blank nor a comment.

    Written without `records`, to be held against it.
    """
    found = []
    for number, line in enumerate(data.split(b"\n"), 1):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        shown = text.decode("utf-8", errors="replace").strip()
        if shown and not shown.startswith("#"):
            found.append((number, line))
    return found


def check_text(text: str) -> None:
    """Any text is a program, or a `GradcalcError` in its place."""
    TRIED["text"] += 1
    try:
        program = parse(text)
    except GradcalcError as error:
        check_error(error)
    else:
        check_round_trip(program)


def check_file(data: bytes) -> None:
    """Any bytes are a batch file: a record for each line, in order, with what can be read."""
    TRIED["file"] += 1
    records = list(read(io.BytesIO(data), None))
    assert [record.line for record in records] == [number for number, _ in lines_of(data)]
    for record in records:
        check_record(record)


def check_record(record: Record) -> None:
    """A record is an error, or a question whose texts are read or refused; and can be shown."""
    error = record.error
    if error is None:
        try:
            bindings = parse_bindings(record.at)
            program = parse(record.expression, variables={binding.name for binding in bindings})
            check_round_trip(program)
            if record.options.get("grad_outputs") is not None:
                parse_weights(record.options["grad_outputs"])
        except GradcalcError as problem:
            error = problem
    if error is not None:
        check_error(error)
        check_shown(Report(record.expression, error=error, id=record.id, line=record.line))


def check_round_trip(program: Program) -> None:
    """A program's canonical text is the same program, and its own canonical text."""
    again = parse(program.canonical, variables=program.names)
    assert shape(again) == shape(program), program.canonical
    assert again.canonical == program.canonical


def check_error(error: GradcalcError) -> None:
    """An error says one thing on one line, and points into its text."""
    assert error.message
    assert not error.message.endswith(".")
    if error.span is not None:
        assert 0 <= error.span.start <= error.span.stop <= len(error.text) + 1
        assert error.line is not None
        assert error.line >= 1
        assert error.column is not None
        assert error.column >= 1


def check_shown(report: Report) -> None:
    """No format says anything that a terminal would obey; JSON is strict."""
    if report.error is not None:
        check_harmless(error_text(report.error, "file.txt", report.line))
    for name, form in formats("report").items():
        shown = form.report(report)
        check_harmless(shown)
        if name in {"json", "jsonl"}:
            found = strict_json(shown)
            assert found["line"] == report.line
            assert shown.count("\n") == 1 or name == "json"


def check_harmless(text: str) -> None:
    """No character of a text moves a cursor, turns the direction or is invisible."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return
    raw = {c for c in text if unicodedata.category(c) in OBEYED} - {"\n"}
    assert not raw, f"raw {[f'U+{ord(c):04X}' for c in raw]} in {text!r}"


def strict_json(text: str) -> Any:
    """The value of a JSON text, which has no NaN and no Infinity."""

    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def check_answers(data: bytes, answers: Iterable[Report]) -> int:
    """Each line of a file has one answer, in order; returns how many there are."""
    reports = list(answers)
    assert [report.line for report in reports] == [number for number, _ in lines_of(data)]
    for report in reports:
        assert (report.error is None) is (report.verdict is not None)
        check_shown(report)
    return len(reports)
