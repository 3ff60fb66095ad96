"""Records in JSON: lines of a batch file that begin with a brace.

In: the line. Out: an object whose fields are of the right types, and the texts that `--at` and the
other options would have been given. `records` reads the other lines.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.base.names import did_you_mean, names, normal

#: The fields of a record.
FIELDS = (
    *("expression", "at", "wrt", "second_order", "dtype", "claim", "id", "seed"),
    *("retain_grad", "grad_outputs", "backward", "zero_grad", "no_retain_graph"),
)

#: What Python says of a text that is no JSON, in plain words.
_NO_JSON = {
    "Unterminated string starting at": "this string is never closed",
    "Invalid control character at": "a control character within a string",
    "Extra data": "something follows the object",
}

#: What is not finite.
_STRICT = 'numbers are finite; a text may hold a formula, as in {"x": "pi/4"}'


class FieldError(GradcalcError):
    """Something is wrong with a field or a number of a record.

    Attributes:
        piece: What to look for in the record's text.
    """

    def __init__(self, kind: Kind, message: str, piece: str, hint: str | None = None) -> None:
        super().__init__(kind, message, hint=hint)
        self.piece = piece

    def placed(self, text: str) -> FieldError:
        """The same, with its place in the text; at its beginning, if it is written otherwise."""
        start = text.rfind(self.piece)
        self.text = text
        self.span = Span(start, start + len(self.piece)) if start >= 0 else Span(0, 1)
        return self


def json_object(text: str) -> tuple[dict[str, Any], list[FieldError]]:
    """The object that the text is, and what is wrong within it."""
    problems: list[FieldError] = []

    def constant(name: str) -> float:
        problems.append(FieldError(Kind.SYNTAX, f"{name} is not JSON", name, _STRICT))
        return 0.0

    def real(digits: str) -> float:
        number = float(digits)
        lost = number == 0 and re.search("[1-9]", re.split("[eE]", digits)[0])
        if math.isinf(number) or lost:
            message = f"the number {digits} is out of the range of float64"
            problems.append(FieldError(Kind.LIMIT, message, digits, "use a number that is"))
        return number

    def whole(digits: str) -> int:
        if len(digits) <= limits.NUMBER_LENGTH:
            return int(digits)
        message = "the JSON record has a number that is too long"
        problems.append(FieldError(Kind.LIMIT, message, digits, "round it"))
        return 0

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for key, value in pairs:
            if key in fields:
                message = f"`{key}` is given twice"
                problems.append(FieldError(Kind.USAGE, message, f'"{key}"', "leave one out"))
            fields[key] = value
        return fields

    try:
        fields = json.loads(
            text,
            parse_constant=constant,
            parse_float=real,
            parse_int=whole,
            object_pairs_hook=unique,
        )
    except RecursionError:
        raise FieldError(Kind.LIMIT, "the JSON record is nested too deeply", text[:1]) from None
    except json.JSONDecodeError as problem:
        place = Span(problem.pos, problem.pos + 1)
        said = _NO_JSON.get(problem.msg, f"{problem.msg[:1].lower()}{problem.msg[1:]}")
        message = f"this is not JSON: {said.rstrip(': ')}"
        raise GradcalcError(Kind.SYNTAX, message, text=text, span=place) from None
    return fields, problems


def id_of(fields: dict[str, Any]) -> Any:
    """The record's id; None where it has none.

    Raises:
        GradcalcError: For one that could not be given back, such as a list.
    """
    given = fields.get("id")
    plain = given is None or (isinstance(given, str | int | float) and not isinstance(given, bool))
    _expect(plain, "id", "a text or a number")
    return given if given not in {math.inf, -math.inf} else None


def fields_of(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a `Record` for those of the object; `how` as in the object."""
    for key in fields:
        if key not in FIELDS:
            hint = did_you_mean(key, FIELDS, f"known are {', '.join(FIELDS)}")
            raise FieldError(Kind.USAGE, f"unknown field `{key}`", f'"{key}"', hint)
    expression, dtype = fields.get("expression"), fields.get("dtype")
    second_order, wrt = fields.get("second_order"), fields.get("wrt")
    if isinstance(wrt, list) and all(isinstance(name, str) for name in wrt):
        wrt = ",".join(wrt)
    _expect(isinstance(expression, str), "expression", "a text, and is needed")
    _expect(wrt is None or isinstance(wrt, str), "wrt", "a name or a list of names")
    _expect(second_order is None or isinstance(second_order, bool), "second_order", "true or false")
    _expect(dtype is None or isinstance(dtype, str), "dtype", "a text")
    return {
        "how": _backward_fields(fields),
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
            _check_value(value, name)
            given[name] = _value_text(value)
    return given


def _check_value(value: Any, field: str) -> None:
    """Refuse what is no number, no text, and no nested lists of such."""
    level = [value]
    for _ in range(limits.BRACKETS):
        lists = [part for part in level if isinstance(part, list)]
        fine = all(
            isinstance(part, int | float | str | list) and not isinstance(part, bool)
            for part in level
        )
        _expect(fine, field, "a number, a list of numbers, or a text")
        level = [element for part in lists for element in part]
        if any(isinstance(part, str) and not _is_single(part) for part in level):
            raise _field_error(
                field, f"a text in `{field}` is no single value", 'write a list, as in [1, "pi/4"]'
            )
        if not level:
            return
    raise _field_error(field, f"`{field}` is nested too deeply", kind=Kind.LIMIT)


def _is_single(text: str) -> bool:
    """Whether the text would be one element of a list, no comma or half a pair of brackets."""
    depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if depth < 0 or (character == "," and not depth):
            return False
    return depth == 0


def _value_text(value: Any) -> str:
    """A value as `--at` takes it; texts in a list are expressions, and stand without quotes."""
    return f"[{', '.join(map(_value_text, value))}]" if isinstance(value, list) else str(value)


def _pairs(field: str, pairs: Any, what: str) -> tuple[str, ...]:
    """Texts such as "x=0.5" for an object such as {"x": 0.5}."""
    if pairs is None:
        return ()
    _expect(isinstance(pairs, dict), field, what)
    for name, value in pairs.items():
        if not normal(name.strip()).isidentifier():
            raise _field_error(name, f"`{name}` in `{field}` is no name", f"`{field}` is {what}")
        _check_value(value, f"{field}.{name}")
        # `--at` would cut it, and a second name could hide there.
        if field == "at" and isinstance(value, str) and "," in value and not _is_single(value):
            raise _field_error(
                name, f"`{field}.{name}` is no single value", "give each name its own"
            )
    return tuple(f"{name}={_value_text(value)}" for name, value in pairs.items())


def _expect(fine: bool, name: str, what: str) -> None:
    if not fine:
        raise _field_error(name, f"`{name}` must be {what}")


def _field_error(
    name: str, message: str, hint: str | None = None, kind: Kind = Kind.USAGE
) -> FieldError:
    """An error about the field of that name, in which a dot parts an object's from its own."""
    return FieldError(kind, message, f'"{name.rpartition(".")[2]}"', hint)
