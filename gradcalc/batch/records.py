"""Lines of a batch file, read into records.

In: the bytes of a line. Out: a `Record`, which says what to calculate, or the error that the line
is. A line is what one would type after `gradcalc grad`, without quotes, or a JSON object. `batch`
answers them.
"""

from __future__ import annotations

import codecs
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, Any

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.base.names import nearest
from gradcalc.base.options import OPTIONS as DECLARED
from gradcalc.base.options import Option, options_in
from gradcalc.base.readings import FLAG, FieldError
from gradcalc.batch.json_records import fields_of, id_of, json_object, placed

#: `--name`, and what comes after it in the line.
_OPTION = re.compile(r"(?<!\S)--(?P<name>[A-Za-z][A-Za-z_-]*)(?P<sign>=(?!=)|\s+|$)")
_OPERAND = re.compile(r"[\w.]")
#: A name that the line gives a value to, in the expression or in `--at`.
_NAMED = re.compile(r"\b(\w++)\s*+=(?!=)")
#: The options of a line, by name.
OPTIONS = {option.name: option for option in options_in("line")}
#: What may be meant by a word with two dashes: these, and options that only commands have.
_TYPED = (*DECLARED, "file", "format", "help", "version")
#: A line that was copied with its command.
_COMMAND = re.compile(r"(?:\$ )?gradcalc (?:grad|check)(?= )")
#: The end of a line that asks for help, unless `h` is a variable.
_HELP = re.compile(r"(?<=\s)-h$")

#: Characters within a line that are no part of it, and what to do about them.
_BROKEN = re.compile("[\r\0]")
_REPAIRS = {
    "\r": ("a carriage return within the line", "end lines with LF or CRLF"),
    "\0": ("a NUL character", "if the file is UTF-16, save it as UTF-8"),
}


@dataclass(frozen=True, slots=True)
class Record:
    """One line's question.

    Attributes:
        expression: The expression.
        at: Binding texts, as for `--at`.
        options: The fields of `Options` that it sets.
        id: What a JSON record gives as its `id`.
        line: The line's number in its file, from 1.
        source: The file's name; None for standard input.
        error: Why the line is no question.
        is_json: Whether the line is an object, whose fields hints name.
    """

    expression: str
    at: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    id: Any = None
    line: int | None = None
    source: str | None = None
    error: GradcalcError | None = None
    is_json: bool = False


def read(stream: IO[bytes], source: str | None) -> Iterator[Record]:
    """Read the records of a stream, each as soon as its line has arrived.

    A line that is too long is skipped without being held in memory.
    """
    number = 0
    while raw := stream.readline(limits.LINE_BYTES + 1):
        number += 1
        comment = raw.lstrip().startswith(b"#")
        too_long = len(raw) > limits.LINE_BYTES
        while too_long and not raw.endswith(b"\n"):
            raw = stream.readline(limits.LINE_BYTES)
            if not raw:
                break
        if too_long and not comment:
            error = GradcalcError(
                Kind.LIMIT,
                f"the line has over {limits.LINE_BYTES:,} bytes, which is the limit",
                hint="put many numbers into a file, as in --at x=@x.csv",
            )
            yield Record("", line=number, source=source, error=error)
            continue
        record = None if comment else _record(raw, number, source)
        if record is not None:
            yield record


def _record(raw: bytes, number: int, source: str | None) -> Record | None:
    """One line's record; None for a comment or a blank."""
    if number == 1:
        raw = raw.removeprefix(codecs.BOM_UTF8)
    text = raw.decode("utf-8", errors="backslashreplace").strip("\r\n")
    stripped = text.strip()
    if not stripped or stripped.startswith("#"):
        return None
    is_json = stripped.startswith("{")
    record = Record(stripped, line=number, source=source, is_json=is_json)
    try:
        _check_encoding(raw, text, number)
        if not is_json:
            return replace(record, **_from_line(text))
        fields, problems = json_object(stripped)
        # Whatever else is wrong: an answer without its id could not be found again.
        if isinstance(fields.get("expression"), str):
            record = replace(record, expression=fields["expression"])
        record = replace(record, id=id_of(fields))
        if problems:
            raise problems[0]
        return replace(record, **fields_of(fields))
    except FieldError as error:
        return replace(record, error=placed(error, stripped))
    except GradcalcError as error:
        return replace(record, error=error)


def _check_encoding(raw: bytes, shown: str, number: int) -> None:
    """Refuse a line that is not UTF-8, and is shown with codes for what it is not."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        place = len(raw[: problem.start].decode("utf-8"))
        utf16 = number == 1 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        what = f"byte {problem.start + 1} of the line is not UTF-8"
        raise GradcalcError(
            Kind.SYNTAX,
            "the file is UTF-16" if utf16 else what,
            text=shown,
            span=Span(place, place + len(r"\xff")),
            hint="save the file as UTF-8",
        ) from None


# --- A line as on the command line ----------------------------------------------------------------


def _from_line(text: str) -> dict[str, Any]:
    """What a `Record` has for a line such as `x**2 --at x=1 --second-order`."""
    broken = _BROKEN.search(text)
    if broken is not None:
        message, hint = _REPAIRS[broken.group()]
        raise GradcalcError(Kind.SYNTAX, message, text=text, span=Span(*broken.span()), hint=hint)
    text = text.partition("#")[0].rstrip()
    command = _COMMAND.match(text)
    if command is not None:
        span, hint = Span(*command.span()), "leave it out: a line begins with the expression"
        message = f"`{command.group()}` is no part of a line"
        raise GradcalcError(Kind.SYNTAX, message, text=text, span=span, hint=hint)
    asks_help = _HELP.search(text)
    if asks_help is not None and len(re.findall(r"\bh\b", text)) == 1:
        span, hint = Span(*asks_help.span()), "for a difference write - h"
        raise GradcalcError(Kind.USAGE, "unknown option -h", text=text, span=span, hint=hint)
    expression, options = _split(text)
    given: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    span = Span(0, 0)
    try:
        for name, value, span in options:  # noqa: B007 - it is where an error stands
            option = _option(name, value, again=name in given)
            given.setdefault(name, []).append(value)
            if not option.reading.repeated:
                values[option.field] = option.from_text(value)
        places = {name: place for name, _, place in options}
        # Those that may be repeated are read once each: there may be a hundred thousand of them.
        for name in [name for name in given if OPTIONS[name].reading.repeated]:
            span = places[name]
            values[OPTIONS[name].field] = OPTIONS[name].from_text(given[name])
    except GradcalcError as error:
        error.text, error.span = text, span
        raise
    return {"expression": expression, "at": values.pop("at", ()), "options": values}


def _split(text: str) -> tuple[str, list[tuple[str, str, Span]]]:
    """A line's expression, and the name, the value and the place of each option."""
    matches = list(_OPTION.finditer(text))
    named = frozenset(_NAMED.findall(text)) if matches else frozenset()
    options_begin = (k for k, match in enumerate(matches) if _is_option(match, text, named))
    first = next(options_begin, len(matches))
    matches = matches[first:]
    ends = [*(match.start() for match in matches), len(text)]
    options = [
        (
            match["name"],
            _unquoted(text[match.end() : end]),
            Span(match.start("name") - 2, match.end("name")),
        )
        for match, end in zip(matches, ends[1:], strict=True)
    ]
    return _unquoted(text[: ends[0]]), options


def _is_option(match: re.Match[str], text: str, named: frozenset[str]) -> bool:
    """Whether it is no part of the expression: `x --y` is x minus minus y."""
    name, end = match["name"], match.end()
    # A name and then an operand is no expression.
    if name in OPTIONS or match["sign"] == "=" or _OPERAND.match(text, end):
        return True
    if end < len(text) and text[end] != "-":
        return False
    return not named.issuperset(name.split("-")) and _is_mistyped(name)


@functools.lru_cache(limits.RECENT)
def _is_mistyped(name: str) -> bool:
    """Whether a name that has no value is like an option's; a letter is like none."""
    return len(name) > 1 and nearest(name.lower(), _TYPED) is not None


def _option(name: str, value: str, *, again: bool) -> Option:
    """The option of that name, which takes a value or none, and perhaps another one."""
    option = OPTIONS.get(name)
    if option is None:
        near = None if name in DECLARED else nearest(name.lower(), OPTIONS)
        hint = f"did you mean --{near}?" if near else f"use --{', --'.join(sorted(OPTIONS))}"
        raise GradcalcError(Kind.USAGE, f"unknown option --{name}", hint=hint)
    if option.reading is FLAG and value:
        raise GradcalcError(Kind.USAGE, f"--{name} takes no value, not `{value}`")
    if option.reading is not FLAG and not value:
        raise GradcalcError(Kind.USAGE, f"--{name} needs a value")
    if again and not option.reading.repeated:
        raise GradcalcError(Kind.USAGE, f"--{name} is given twice", hint="leave one out")
    return option


def _unquoted(text: str) -> str:
    """Without the quotes that a shell would want."""
    bare = text.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        return bare[1:-1]
    return bare
