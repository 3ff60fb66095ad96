"""Lines of a batch file, read into records.

In: the bytes of a line. Out: a `Record`, which says what to calculate, or the error that the line
is. A line is what one would type after `gradcalc grad`, without quotes, or a JSON object. `batch`
answers them.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import IO, Any

from gradcalc import limits
from gradcalc.errors import GradcalcError, Kind, Span

#: `--name`, and what comes after it in the line.
_OPTION = re.compile(r"(?<!\S)--(?P<name>[a-z][a-z_-]*)(?P<sign>=(?!=)|\s+|$)")
_FLAGS = frozenset({"second-order", "zero-grad", "no-retain-graph"})
_WHOLE = frozenset({"seed", "backward"})
_REPEATED = frozenset({"at", "claim", "grad-outputs"})
_VALUED = frozenset({"dtype", "wrt", "retain-grad"}) | _WHOLE | _REPEATED
_OPTIONS = _FLAGS | _VALUED
_FIELDS = (
    *("expression", "at", "wrt", "second_order", "dtype", "claim", "id", "seed"),
    *("retain_grad", "grad_outputs", "backward", "zero_grad", "no_retain_graph"),
)


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
    record = Record(stripped, line=number, source=source)
    try:
        if stripped.startswith("{"):
            fields = _json_object(stripped)
            # Whatever else is wrong: an answer without its id could not be found again.
            record = replace(record, id=_id(fields))
            return replace(record, **_from_json(fields))
        return replace(record, **_from_line(text))
    except GradcalcError as error:
        return replace(record, error=error)


# --- A line as on the command line ----------------------------------------------------------------


def _from_line(text: str) -> dict[str, Any]:
    """The fields of a line such as `x**2 --at x=1 --second-order`."""
    text = text.partition("#")[0].rstrip()
    matches = list(_OPTION.finditer(text))
    first = next((k for k, match in enumerate(matches) if _is_option(match, text)), len(matches))
    matches = matches[first:]
    fields: dict[str, Any] = {"expression": _unquoted(text[: _start(matches, 0)])}
    repeated: dict[str, list[str]] = {name: [] for name in _REPEATED}
    given: dict[str, Any] = {}
    for k, match in enumerate(matches):
        name = match["name"].replace("_", "-")
        value = _unquoted(text[match.end() : _start(matches, k + 1)])
        _check_option(text, match, name, value)
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


def retained(text: str | None) -> tuple[str, ...] | None:
    """The names of `--retain-grad`; None for all."""
    if text is None:
        return ()
    return None if text.strip() == "all" else names(text)


def _is_option(match: re.Match[str], text: str) -> bool:
    """Whether it is no part of the expression: `x --y` is x minus minus y."""
    if match["name"].replace("_", "-") in _OPTIONS or match["sign"] == "=":
        return True
    # A name and then an operand is no expression.
    return re.match(r"[\w.]", text[match.end() :]) is not None


def _start(matches: list[re.Match[str]], number: int) -> int | None:
    return matches[number].start() if number < len(matches) else None


def _check_option(text: str, match: re.Match[str], name: str, value: str) -> None:
    problem = hint = None
    if name not in _OPTIONS:
        problem = f"unknown option --{name}"
        near = difflib.get_close_matches(name, _OPTIONS, n=1)
        hint = f"did you mean --{near[0]}?" if near else f"use --{', --'.join(sorted(_OPTIONS))}"
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


def names(text: str) -> tuple[str, ...]:
    """The names of a list such as "u,v", spelled as `Program` spells them."""
    parts = (unicodedata.normalize("NFKC", part.strip()) for part in text.split(","))
    return tuple(part for part in parts if part)


# --- A JSON record --------------------------------------------------------------------------------


def _json_object(text: str) -> dict[str, Any]:
    """The object that the text is."""
    try:
        record: dict[str, Any] = json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=_unique
        )
    except RecursionError:
        raise GradcalcError(Kind.LIMIT, "the JSON record is nested too deeply") from None
    except json.JSONDecodeError as problem:
        place = Span(problem.pos, problem.pos + 1)
        message = f"this is not JSON: {problem.msg[:1].lower()}{problem.msg[1:]}"
        raise GradcalcError(Kind.SYNTAX, message, text=text, span=place) from None
    except ValueError:
        # Python reads no whole numbers of over 4,300 digits.
        raise GradcalcError(Kind.LIMIT, "the JSON record has a number that is too long") from None
    return record


def _refuse_constant(name: str) -> None:
    raise GradcalcError(Kind.SYNTAX, f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise GradcalcError(Kind.USAGE, f"`{twice}` is given twice")
    return fields


def _id(fields: dict[str, Any]) -> Any:
    given = fields.get("id")
    plain = given is None or isinstance(given, str | int | float)
    _expect(plain and given not in {math.inf, -math.inf}, "id", "a text or a number")
    return given


def _from_json(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a `Record` for those of the object."""
    for key in fields:
        if key not in _FIELDS:
            near = difflib.get_close_matches(key, _FIELDS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(_FIELDS)}"
            raise GradcalcError(Kind.USAGE, f"unknown field `{key}`", hint=hint)
    expression, dtype = fields.get("expression"), fields.get("dtype")
    second_order, wrt = fields.get("second_order"), fields.get("wrt")
    if isinstance(wrt, list) and all(isinstance(name, str) for name in wrt):
        wrt = ",".join(wrt)
    _expect(isinstance(expression, str), "expression", "a text, and is needed")
    _expect(wrt is None or isinstance(wrt, str), "wrt", "a name or a list of names")
    _expect(second_order is None or isinstance(second_order, bool), "second_order", "true or false")
    _expect(dtype is None or isinstance(dtype, str), "dtype", "a text")
    return {
        "how": _how(_backward_fields(fields)),
        "expression": expression,
        "at": _pairs("at", fields.get("at"), 'an object, as in {"x": 0.5}'),
        "wrt": None if wrt is None else names(wrt),
        "second_order": bool(second_order),
        "dtype": dtype,
        "claims": _pairs("claim", fields.get("claim"), 'an object, as in {"x": "cos(x)"}'),
    }


def _backward_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a JSON record that say how backward is run, each of the right type."""
    given = {
        name: value
        for name in (
            "seed",
            "backward",
            "retain_grad",
            "grad_outputs",
            "zero_grad",
            "no_retain_graph",
        )
        if (value := fields.get(name)) is not None
    }
    for name, value in given.items():
        if name in {"seed", "backward"}:
            _expect(type(value) is int and abs(value) < 2**63, name, "a whole number")
        elif name in {"zero_grad", "no_retain_graph"}:
            _expect(isinstance(value, bool), name, "true or false")
        elif name == "retain_grad":
            if isinstance(value, list) and all(isinstance(part, str) for part in value):
                given[name] = ",".join(value)
            _expect(isinstance(given[name], str), name, 'a name, a list of names, or "all"')
        else:
            _expect(_is_value(value), name, "a number, a list of numbers, or a text")
            given[name] = _value_text(value)
    return given


def _is_value(value: Any) -> bool:
    """Whether it is a number, a text, or nested lists of such."""
    level = [value]
    while level:
        lists = [part for part in level if isinstance(part, list)]
        if any(
            isinstance(part, bool) or not isinstance(part, int | float | str | list)
            for part in level
        ):
            return False
        level = [element for part in lists for element in part]
    return True


def _value_text(value: Any) -> str:
    """A value as `--at` takes it; texts in a list are expressions, and stand without quotes."""
    return str(value).replace("'", "") if isinstance(value, list) else str(value)


def _pairs(field: str, pairs: Any, what: str) -> tuple[str, ...]:
    """Texts such as "x=0.5" for an object such as {"x": 0.5}."""
    if pairs is None:
        return ()
    _expect(isinstance(pairs, dict), field, what)
    for name, value in pairs.items():
        _expect(_is_value(value), f"{field}.{name}", "a number, a list of numbers, or a text")
    return tuple(f"{name}={_value_text(value)}" for name, value in pairs.items())


def _expect(fine: bool, name: str, what: str) -> None:
    if not fine:
        raise GradcalcError(Kind.USAGE, f"`{name}` must be {what}")
