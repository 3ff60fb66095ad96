"""Lines of a batch file, read into records.

In: the bytes of a line. Out: a `Record`, which says what to calculate, or the error that the line
is. A line is what one would type after `gradcalc grad`, without quotes, or a JSON object. `batch`
answers them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import IO, Any

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.base.names import names, nearest, retained
from gradcalc.batch.json_records import FieldError, fields_of, id_of, json_object

#: `--name`, and what comes after it in the line.
_OPTION = re.compile(r"(?<!\S)--(?P<name>[a-z][a-z_-]*)(?P<sign>=(?!=)|\s+|$)")
_OPERAND = re.compile(r"[\w.]")
_FLAGS = frozenset({"second-order", "zero-grad", "no-retain-graph"})
_WHOLE = frozenset({"seed", "backward"})
_REPEATED = frozenset({"at", "claim", "grad-outputs"})
_VALUED = frozenset({"dtype", "wrt", "retain-grad"}) | _WHOLE | _REPEATED
#: The options of a line.
OPTIONS = _FLAGS | _VALUED

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
        wrt: Variables of differentiation; None for all.
        second_order: Whether the Hessian is wanted.
        dtype: The dtype's name; None for the default.
        claims: Claim texts, as for `--claim`.
        how: Fields of `calculate.Options` that say how backward is run.
        id: What a JSON record gives as its `id`.
        line: The line's number in its file, from 1.
        source: The file's name; None for standard input.
        error: Why the line is no question.
    """

    expression: str
    at: tuple[str, ...] = ()
    wrt: tuple[str, ...] | None = None
    second_order: bool = False
    dtype: str | None = None
    claims: tuple[str, ...] = ()
    how: dict[str, Any] = field(default_factory=dict)
    id: Any = None
    line: int | None = None
    source: str | None = None
    error: GradcalcError | None = None

    @property
    def plain(self) -> bool:
        """Whether it leaves all options as they are."""
        asked = self.second_order or self.dtype or self.claims or self.how
        return self.wrt is None and not asked


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
    try:
        if number == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        text = raw.decode("utf-8").strip("\r\n")
    except UnicodeDecodeError as problem:
        shown = raw.decode("utf-8", errors="backslashreplace").strip("\r\n")
        if shown.strip().startswith("#"):
            return None
        place = len(raw[: problem.start].decode("utf-8"))
        utf16 = number == 1 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        what = f"byte {problem.start + 1} of the line is not UTF-8"
        error = GradcalcError(
            Kind.SYNTAX,
            "the file is UTF-16" if utf16 else what,
            text=shown,
            span=Span(place, place + len(r"\xff")),
            hint="save the file as UTF-8",
        )
        return Record(shown, line=number, source=source, error=error)
    stripped = text.strip()
    if not stripped or stripped.startswith("#"):
        return None
    record = Record(stripped, line=number, source=source)
    try:
        if stripped.startswith("{"):
            fields, problems = json_object(stripped)
            # Whatever else is wrong: an answer without its id could not be found again.
            record = replace(record, id=id_of(fields))
            if problems:
                return replace(record, error=problems[0].placed(stripped))
            found = fields_of(fields)
            return replace(record, **{**found, "how": _how(found["how"])})
        return replace(record, **_from_line(text))
    except FieldError as error:
        return replace(record, error=error.placed(stripped))
    except GradcalcError as error:
        return replace(record, error=error)


# --- A line as on the command line ----------------------------------------------------------------


def _from_line(text: str) -> dict[str, Any]:
    """The fields of a line such as `x**2 --at x=1 --second-order`."""
    broken = _BROKEN.search(text)
    if broken is not None:
        message, hint = _REPAIRS[broken.group()]
        raise GradcalcError(Kind.SYNTAX, message, text=text, span=Span(*broken.span()), hint=hint)
    text = text.partition("#")[0].rstrip()
    matches = list(_OPTION.finditer(text))
    first = next((k for k, match in enumerate(matches) if _is_option(match, text)), len(matches))
    matches = matches[first:]
    fields: dict[str, Any] = {"expression": _unquoted(text[: _start(matches, 0)])}
    repeated: dict[str, list[str]] = {name: [] for name in _REPEATED}
    given: dict[str, Any] = {}
    seen: set[str] = set()
    for k, match in enumerate(matches):
        name = match["name"].replace("_", "-")
        value = _unquoted(text[match.end() : _start(matches, k + 1)])
        _check_option(text, match, name, value)
        if name in seen:
            span = Span(match.start("name") - 2, match.end("name"))
            raise GradcalcError(
                Kind.USAGE, f"--{name} is given twice", text=text, span=span, hint="leave one out"
            )
        seen |= {name} - _REPEATED
        if name in repeated:
            repeated[name].append(value)
        elif name == "wrt":
            fields["wrt"] = names(value)
        elif name == "dtype":
            fields["dtype"] = value
        elif name == "second-order":
            fields["second_order"] = True
        elif name in _WHOLE and not re.fullmatch("-?[0-9]{1,18}", value):
            span = Span(match.start("name") - 2, match.end("name"))
            raise GradcalcError(
                Kind.USAGE, f"--{name} needs a whole number, not `{value}`", text=text, span=span
            )
        else:
            given[name.replace("-", "_")] = int(value) if name in _WHOLE else value or True
    if repeated["grad-outputs"]:
        given["grad_outputs"] = ",".join(repeated["grad-outputs"])
    return {
        **fields,
        "at": tuple(repeated["at"]),
        "claims": tuple(repeated["claim"]),
        "how": _how(given),
    }


def _how(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Options` for the options of a line, or the fields of a JSON record."""
    how: dict[str, Any] = {
        name: given[name] for name in ("seed", "grad_outputs", "zero_grad") if name in given
    }
    if "backward" in given:
        how["passes"] = given["backward"]
    if "retain_grad" in given:
        how["retain_grad"] = retained(given["retain_grad"])
    if given.get("no_retain_graph"):
        how["retain_graph"] = False
    return how


def _is_option(match: re.Match[str], text: str) -> bool:
    """Whether it is no part of the expression: `x --y` is x minus minus y."""
    if match["name"].replace("_", "-") in OPTIONS or match["sign"] == "=":
        return True
    # A name and then an operand is no expression.
    return _OPERAND.match(text, match.end()) is not None


def _start(matches: list[re.Match[str]], number: int) -> int | None:
    return matches[number].start() if number < len(matches) else None


def _check_option(text: str, match: re.Match[str], name: str, value: str) -> None:
    problem = hint = None
    if name not in OPTIONS:
        problem = f"unknown option --{name}"
        near = nearest(name, OPTIONS)
        hint = f"did you mean --{near}?" if near else f"use --{', --'.join(sorted(OPTIONS))}"
    elif name in _FLAGS and value:
        problem = f"--{name} takes no value, not `{value}`"
    elif name in _VALUED and not value:
        problem = f"--{name} needs a value"
    if problem is not None:
        span = Span(match.start("name") - 2, match.end("name"))
        raise GradcalcError(Kind.USAGE, problem, text=text, span=span, hint=hint)


def _unquoted(text: str) -> str:
    """Without the quotes that a shell would want."""
    bare = text.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        return bare[1:-1]
    return bare
