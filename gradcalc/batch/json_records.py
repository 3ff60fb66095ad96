"""Records in JSON: lines of a batch file that begin with a brace.

In: the line. Out: an object, and the bindings and options that its fields are. `records` reads the
other lines.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.base.names import did_you_mean
from gradcalc.base.options import options_in
from gradcalc.base.readings import FLAG, FieldError

#: The fields of a record.
FIELDS = ("expression", "id", *(option.key for option in options_in("line")))

#: What Python says of a text that is no JSON, in plain words.
_NO_JSON = {
    "Unterminated string starting at": "this string is never closed",
    "Invalid control character at": "a control character within a string",
    "Extra data": "something follows the object",
}

#: What is not finite.
_STRICT = 'numbers are finite; a text may hold a formula, as in {"x": "pi/4"}'


def placed(error: FieldError, text: str) -> FieldError:
    """The error with its place in the text; at its beginning, if the piece is written otherwise."""
    start = text.rfind(error.piece)
    error.text = text
    error.span = Span(start, start + len(error.piece)) if start >= 0 else Span(0, 1)
    return error


def json_object(text: str) -> tuple[dict[str, Any], list[FieldError]]:
    """The object that the text is, and what is wrong within it."""
    problems: list[FieldError] = []

    def constant(name: str) -> float:
        problems.append(FieldError(f"{name} is not JSON", name, _STRICT, Kind.SYNTAX))
        return 0.0

    def real(digits: str) -> float:
        number = float(digits)
        lost = number == 0 and re.search("[1-9]", re.split("[eE]", digits)[0])
        if math.isinf(number) or lost:
            message = f"the number {digits} is out of the range of float64"
            problems.append(FieldError(message, digits, "use a number that is", Kind.LIMIT))
        return number

    def whole(digits: str) -> int:
        if len(digits) <= limits.NUMBER_LENGTH:
            return int(digits)
        message = "the JSON record has a number that is too long"
        problems.append(FieldError(message, digits, "round it", Kind.LIMIT))
        return 0

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for key, value in pairs:
            if key in fields:
                message = f"`{key}` is given twice"
                problems.append(FieldError(message, f'"{key}"', "leave one out"))
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
        message = "the JSON record is nested too deeply"
        raise FieldError(message, text[:1], kind=Kind.LIMIT) from None
    except json.JSONDecodeError as problem:
        place = Span(problem.pos, problem.pos + 1)
        said = _NO_JSON.get(problem.msg, f"{problem.msg[:1].lower()}{problem.msg[1:]}")
        message = f"this is not JSON: {said.rstrip(': ')}"
        hint = 'a record is one line, as in {"expression": "x**2", "at": {"x": 3}}'
        raise GradcalcError(Kind.SYNTAX, message, text=text, span=place, hint=hint) from None
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
    """What a `Record` has for the fields of the object, but for its id."""
    for key in fields:
        if key not in FIELDS:
            hint = did_you_mean(key, FIELDS, f"known are {', '.join(FIELDS)}")
            raise FieldError(f"unknown field `{key}`", f'"{key}"', hint)
    expression = fields.get("expression")
    _expect(isinstance(expression, str), "expression", "a text, and is needed")
    values = {
        option.field: option.from_value(value, option.key)
        for option in options_in("line")
        if (value := fields.get(option.key)) is not None
        # As on the command line, a flag can only be set.
        and not (value is False and option.reading is FLAG)
    }
    return {"expression": expression, "at": values.pop("at", ()), "options": values}


def _expect(fine: bool, name: str, what: str) -> None:
    if not fine:
        raise FieldError(f"`{name}` must be {what}", f'"{name}"')
