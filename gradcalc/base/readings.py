"""How the values of options are read: what was typed, and what JSON and Python have in its place.

In: texts, or values. Out: values as `Options` has them, or `FieldError`. A value of JSON or Python
is written out as it would be typed, and read like that, so that all who ask mean the same by it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.names import names, normal


class FieldError(GradcalcError):
    """Something is wrong with a value of JSON or of Python.

    Attributes:
        piece: What to look for in a record's text.
    """

    def __init__(
        self, message: str, piece: str, hint: str | None = None, kind: Kind = Kind.USAGE
    ) -> None:
        super().__init__(kind, message, hint=hint)
        self.piece = piece


def _word(value: Any, _: str) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


class Reading(NamedTuple):
    """How the values of an option are read.

    Attributes:
        takes: What it takes, in words.
        read: Reads what was typed, all of it where the option may be repeated. A ValueError says
            that it is something else.
        written: Writes a value of JSON or Python as it would be typed; a flag's stays as it is. It
            gets the field's name, for a `FieldError`; a TypeError says that it is something else.
        example: What `grad()` takes for it.
        repeated: Whether the option may be given several times.
    """

    takes: str
    read: Callable[[Any], Any] = str
    written: Callable[[Any, str], Any] = _word
    example: str = ""
    repeated: bool = False


def _dtype(value: Any, _: str) -> str:
    """The name of a dtype of torch or numpy, or a text."""
    if isinstance(value, str):
        return value
    name = value.__name__ if isinstance(value, type) else str(value).removeprefix("torch.")
    if isinstance(value, bool) or not name.isidentifier() or value is None:
        raise TypeError
    return str(name)


def _flag(value: Any, _: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(value: Any, _: str) -> str:
    if type(value) is not int or abs(value) >= 10**limits.NUMBER_LENGTH:
        raise TypeError
    return str(value)


def _real(value: Any, _: str) -> str:
    if type(value) not in {int, float}:
        raise TypeError
    try:
        return str(float(value))
    except OverflowError:
        return str(math.inf if value > 0 else -math.inf)


def whole(text: str) -> int:
    """A whole number: digits, and perhaps a sign.

    One that is longer than any that counts is as large as those that are too large.
    """
    text = text.strip()
    if not re.fullmatch("[+-]?[0-9]+", text):
        raise ValueError(text)
    return int(text[: limits.NUMBER_LENGTH])


def real(text: str) -> float:
    """A number, as the language has them."""
    return float(written_plainly(text))


def written_plainly(text: str) -> str:
    """The text of a number.

    Raises:
        ValueError: For `1_000` and Arabic digits, which int() and float() would take.
    """
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


def _joined(value: Any, name: str) -> str:
    return ",".join(value) if isinstance(value, list) else _word(value, name)


def _retained(text: str) -> tuple[str, ...] | None:
    kept = names(text)
    return None if "all" in kept else kept


def _value(value: Any, name: str) -> str:
    """A number, a text or nested lists of them, as `--at` takes them.

    A text in a list is an expression; it stands there without quotes.
    """
    _check_nested(value, name)
    return _listed(value)


def _listed(value: Any) -> str:
    return f"[{', '.join(map(_listed, value))}]" if isinstance(value, list) else str(value)


def _check_nested(value: Any, name: str) -> None:
    """Refuse what is no number, no text, and no nested lists of such."""
    level = [value]
    for _ in range(limits.BRACKETS):
        if not all(type(part) in {int, float, str, list} for part in level):
            raise FieldError(f"`{name}` must be a number, a list of numbers, or a text", last(name))
        level = [element for part in level if isinstance(part, list) for element in part]
        if any(isinstance(part, str) and not _is_single(part) for part in level):
            message = f"a text in `{name}` is no single value"
            raise FieldError(message, last(name), 'write a list, as in [1, "pi/4"]')
        if not level:
            return
    raise FieldError(f"`{name}` is nested too deeply", last(name), kind=Kind.LIMIT)


def last(name: str) -> str:
    """How the last part of a field's name, such as `at.x`, stands in a record's text."""
    return f'"{name.rpartition(".")[2]}"'


def _is_single(text: str) -> bool:
    """Whether the text would be one element of a list, no comma or half a pair of brackets."""
    depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if depth < 0 or (character == "," and not depth):
            return False
    return depth == 0


def _pairs(takes: str, value: Callable[[Any, str], str], example: str) -> Reading:
    """Texts such as "x=0.5", and objects such as {"x": 0.5}."""

    def written(pairs: Any, name: str) -> tuple[str, ...]:
        if not isinstance(pairs, dict):
            raise TypeError
        for key in pairs:
            if not isinstance(key, str) or not normal(key.strip()).isidentifier():
                raise FieldError(
                    f"`{key}` in `{name}` is no name", f'"{key}"', f"`{name}` is {takes}"
                )
        return tuple(f"{key}={value(given, f'{name}.{key}')}" for key, given in pairs.items())

    return Reading(takes, tuple, written, example, repeated=True)


def _binding(value: Any, name: str) -> str:
    text = _value(value, name)
    # `--at` would cut it, and a second name could hide there.
    if isinstance(value, str) and "," in value and not _is_single(value):
        raise FieldError(f"`{name}` is no single value", last(name), "give each name its own")
    return text


FLAG = Reading("true or false", written=_flag, example="True")
NUMBER = Reading("a whole number", whole, _whole, "2")
SECONDS = Reading("a number of seconds", real, _real, "10")
DTYPE = Reading("a text", written=_dtype, example='"float32"')
NAMES = Reading("a name or a list of names", names, _joined, '["x"]')
KEPT = Reading('a name, a list of names, or "all"', _retained, _joined, '["y"]')
WEIGHTS = Reading(
    "a number, a list of numbers, or a text", ",".join, _value, "[1, 2]", repeated=True
)
BINDINGS = _pairs('an object, as in {"x": 0.5}', _binding, '{"x": 0.5}')
CLAIMS = _pairs('an object, as in {"x": "cos(x)"}', _value, '{"x": "cos(x)"}')
