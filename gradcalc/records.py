"""Lines of a batch file, read into records.

In: the bytes of a line. Out: a `Record`, which says what to calculate, or the error that the line is. A line is what one
would type after `gradcalc grad`, without quotes, or a JSON object.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from gradcalc import limits
from gradcalc.errors import GradcalcError, Kind, Span

_OPTION = re.compile(r"(?:^|\s)--(?=[a-z])(?P<name>[a-z-]+)(?:=|\s+|$)")
_FLAGS = frozenset({"second-order"})
_VALUED = frozenset({"at", "wrt", "dtype"})
_FIELDS = ("expression", "at", "wrt", "second_order", "dtype", "id")


@dataclass(frozen=True, slots=True)
class Record:
    """One line's question.

    Attributes:
        expression: The expression.
        at: Binding texts, as for `--at`.
        wrt: Variables of differentiation; None for all.
        second_order: Whether the Hessian is wanted.
        dtype: The dtype's name; None for the default.
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
    id: Any = None
    line: int | None = None
    source: str | None = None
    error: GradcalcError | None = field(default=None)


def read(stream: IO[bytes], source: str | None) -> Iterator[Record]:
    """Read the records of a stream, each as soon as its line has arrived.

    A line that is too long is skipped without being held in memory.
    """
    number = 0
    while raw := stream.readline(limits.LINE_BYTES + 1):
        number += 1
        too_long = len(raw) > limits.LINE_BYTES
        while too_long and not raw.endswith(b"\n"):
            raw = stream.readline(limits.LINE_BYTES)
            if not raw:
                break
        if too_long:
            error = GradcalcError(
                Kind.LIMIT, f"the line has over {limits.LINE_BYTES:,} bytes, which is the limit"
            )
            yield Record("", line=number, source=source, error=error)
            continue
        record = _record(raw, number, source)
        if record is not None:
            yield record


def _record(raw: bytes, number: int, source: str | None) -> Record | None:
    """One line's record; None for a comment or a blank."""
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
    except UnicodeDecodeError as problem:
        shown = raw.decode("utf-8", errors="backslashreplace").strip("\r\n")
        error = GradcalcError(
            Kind.SYNTAX,
            f"byte {problem.start + 1} of the line is not UTF-8",
            hint="save the file as UTF-8",
        )
        return Record(shown, line=number, source=source, error=error)
    stripped = text.strip()
    if not stripped or stripped.startswith("#"):
        return None
    try:
        fields = _from_json(stripped) if stripped.startswith("{") else _from_line(text)
    except GradcalcError as error:
        return Record(stripped, line=number, source=source, error=error)
    return Record(line=number, source=source, **fields)


# --- A line as on the command line ---------------------------------------------------------------------


def _from_line(text: str) -> dict[str, Any]:
    text = text.partition("#")[0].rstrip()
    known = _FLAGS | _VALUED
    matches = list(_OPTION.finditer(text))
    # `x --y` is x minus minus y: only a known option, or what follows one, is an option.
    first = next((k for k, match in enumerate(matches) if match["name"] in known), len(matches))
    matches = matches[first:]
    fields: dict[str, Any] = {"expression": _unquoted(text[: matches[0].start() if matches else None])}
    at: list[str] = []
    for match, following in zip(matches, [*matches[1:], None], strict=True):
        value = text[match.end() : following.start() if following else None].strip()
        name = match["name"]
        span = Span(match.start("name") - 2, match.end("name"))
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean --{near[0]}?" if near else f"use --{', --'.join(sorted(known))}"
            raise GradcalcError(
                Kind.USAGE, f"unknown option --{name}", text=text, span=span, hint=hint
            )
        if bool(value) is (name in _FLAGS):
            problem = f"takes no value, not `{value}`" if value else "needs a value"
            raise GradcalcError(Kind.USAGE, f"--{name} {problem}", text=text, span=span)
        if name == "at":
            at.append(_unquoted(value))
        elif name == "wrt":
            fields["wrt"] = names(value)
        elif name == "dtype":
            fields["dtype"] = value
        else:
            fields["second_order"] = True
    return {**fields, "at": tuple(at)}


def _unquoted(text: str) -> str:
    """Without the quotes that a shell would want."""
    bare = text.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        return bare[1:-1]
    return bare


def names(text: str) -> tuple[str, ...]:
    """The names of a list such as "u,v"."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


# --- A JSON record -------------------------------------------------------------------------------------


def _from_json(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise GradcalcError(Kind.LIMIT, "the JSON record is nested too deeply") from None
    except json.JSONDecodeError as problem:
        place = Span(problem.pos, problem.pos + 1)
        message = f"this is not JSON: {problem.msg[:1].lower()}{problem.msg[1:]}"
        raise GradcalcError(Kind.SYNTAX, message, text=text, span=place) from None
    except ValueError as problem:
        raise GradcalcError(Kind.LIMIT, f"this is not JSON: {problem}".splitlines()[0]) from None
    for key in record:
        if key not in _FIELDS:
            near = difflib.get_close_matches(key, _FIELDS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(_FIELDS)}"
            raise GradcalcError(Kind.USAGE, f"unknown field `{key}`", hint=hint)
    wrt = record.get("wrt")
    if isinstance(wrt, str):
        wrt = list(names(wrt))
    _expect(isinstance(record.get("expression"), str), "expression", "a text, and is needed")
    _expect(
        wrt is None or (isinstance(wrt, list) and all(isinstance(name, str) for name in wrt)),
        "wrt",
        "a name or a list of names",
    )
    second_order = record.get("second_order", False)
    _expect(isinstance(second_order, bool), "second_order", "true or false")
    dtype = record.get("dtype")
    _expect(dtype is None or isinstance(dtype, str), "dtype", "a text")
    return {
        "expression": record["expression"],
        "at": _bindings(record.get("at")),
        "wrt": None if wrt is None else tuple(wrt),
        "second_order": second_order,
        "dtype": dtype,
        "id": record.get("id"),
    }


def _refuse_constant(name: str) -> None:
    raise GradcalcError(Kind.SYNTAX, f"{name} is not JSON", hint=f'write the text "{name.lower()[:4]}"')


def _bindings(at: Any) -> tuple[str, ...]:
    if at is None:
        return ()
    _expect(isinstance(at, dict), "at", 'an object, as in {"x": 0.5}')
    texts = []
    for name, value in at.items():
        _expect(
            isinstance(value, int | float | str) and not isinstance(value, bool),
            f"at.{name}",
            "a number or a text",
        )
        texts.append(f"{name}={value}")
    return tuple(texts)


def _expect(fine: bool, name: str, what: str) -> None:
    if not fine:
        raise GradcalcError(Kind.USAGE, f"`{name}` must be {what}")
