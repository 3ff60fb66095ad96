"""Values for the variables: the texts of `--at`, read and matched to a program.

In: texts such as "u=1,v=pi/4", and the program that has the variables. Out: `Binding`s.

    bindings    = binding, binding, ...
    binding     = NAME = value
    value       = expression without names | nested lists of such
                | @FILE.npy | @FILE.csv | @FILE.json
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.base.names import did_you_mean, normal
from gradcalc.functions import TABLE, lookup
from gradcalc.language.parser import parse
from gradcalc.language.tokens import SIGNS
from gradcalc.program.program import Array, Program

#: A name and a number, as they are mostly written.
_PLAIN = re.compile(
    r"\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*"
    r"(?P<number>[+-]?(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?)\s*"
)

#: What says where one binding ends and another begins.
_MARK = re.compile(r"[()\[\],]")

#: Missing values that a hint names; a longer list helps nobody.
_NAMED = 8


class Binding(NamedTuple):
    """A value given to a name.

    Attributes:
        name: The variable.
        program: The value, a program without inputs; or its numbers, if a file holds them.
        text: The binding's whole text, in which `span` lies.
        span: Where the name stands in `text`.
    """

    name: str
    program: Program | Array
    text: str
    span: Span


def parse_bindings(texts: Iterable[str]) -> tuple[Binding, ...]:
    """Parse the values of `--at`: each "u=1,v=pi/4".

    Raises:
        GradcalcError: kind `binding`; the span is in the binding's own text.
    """
    bindings: dict[str, Binding] = {}
    for text in texts:
        for start, stop in _split(text):
            binding = _number(text, start, stop) or _binding(text, start, stop)
            if binding.name in bindings:
                raise GradcalcError(
                    Kind.BINDING,
                    f"`{binding.name}` is bound twice",
                    text=text,
                    span=binding.span,
                    hint="leave one of the values out",
                )
            bindings[binding.name] = binding
            if len(bindings) > limits.BINDINGS:
                message = f"more than {limits.BINDINGS:,} bindings"
                raise GradcalcError(
                    Kind.LIMIT,
                    message,
                    text=text,
                    span=binding.span,
                    hint="bind a tensor, as in x=[1, 2]",
                )
    return tuple(bindings.values())


def _split(text: str) -> list[tuple[int, int]]:
    """Cut at the commas that are in no brackets."""
    depth, start, parts = 0, 0, []
    for mark in _MARK.finditer(text):
        if mark[0] in "([":
            depth += 1
        elif mark[0] in ")]":
            depth -= 1
        elif depth == 0:
            parts.append((start, mark.start()))
            start = mark.end()
    parts.append((start, len(text)))
    return [part for part in parts if text[slice(*part)].strip()] or [(0, len(text))]


def _number(text: str, start: int, stop: int) -> Binding | None:
    """A binding to a plain number, which most are: these need no parser."""
    match = _PLAIN.fullmatch(text, start, stop)
    if match is None:
        return None
    number = float(match["number"])
    if math.isinf(number) or (number == 0 and match["number"].strip("+-0.")):
        return None  # it is out of range, or has an exponent that may be
    return Binding(match["name"], Array((), (number,)), text, Span(*match.span("name")))


def _binding(text: str, start: int, stop: int) -> Binding:
    name, sign, value = text[start:stop].partition("=")
    stripped = normal(name.strip())
    if not sign or not stripped:
        raise GradcalcError(
            Kind.BINDING,
            "a binding is NAME=VALUE",
            text=text,
            span=Span(start, stop),
            hint=f"write {stripped if stripped.isidentifier() else 'x'}=1",
        )
    name_start = start + len(name) - len(name.lstrip())
    span = Span(name_start, name_start + len(name.strip()))
    if not stripped.isidentifier():
        raise GradcalcError(
            Kind.BINDING, f"`{stripped}` is no name", text=text, span=span, hint="write x=1"
        )
    if re.search(r"\w\s*(?<![=!<>])=(?!=)", value):
        apart = re.sub(r"(?<!\s)\s++(?=\w++\s*+=)", ",", text[start:stop].strip())
        raise GradcalcError(
            Kind.BINDING,
            "two values without a comma between them",
            text=text,
            span=Span(start, stop),
            hint=f"write {apart}",
        )
    bound = SIGNS.get(stripped, stripped)
    return Binding(bound, _value(text, start + len(name) + 1, stop, bound), text, span)


def parse_weights(text: str) -> tuple[Binding, ...]:
    """Parse the weights of results: values parted by commas, as in "[1, 2], 3".

    Raises:
        GradcalcError: kind `binding`.
    """
    parts = _split(text)
    if len(parts) > limits.BINDINGS:
        start, stop = parts[limits.BINDINGS]
        message = f"more than {limits.BINDINGS:,} weights"
        raise GradcalcError(
            Kind.LIMIT,
            message,
            text=text,
            span=Span(start, stop),
            hint="write the weights of one result as a list, as in [1, 2]",
        )
    return tuple(
        Binding("", _value(text, start, stop, "--grad-outputs"), text, Span(start, stop))
        for start, stop in parts
    )


def files_in(text: str) -> list[str]:
    """The names of the files that hold the values of such bindings or weights."""
    parts = [text[slice(*part)].strip() for part in _split(text)]
    values = [part if part[:1] == "@" else part.partition("=")[2].strip() for part in parts]
    return [value[1:] for value in values if value[:1] == "@"]


def _value(text: str, start: int, stop: int, name: str) -> Program | Array:
    """Parse a constant expression that is part of a longer text, or read a file."""
    value = text[start:stop]
    if value.strip().startswith("@"):
        from gradcalc.language.arrays import read

        try:
            return read(value.strip()[1:])
        except GradcalcError as error:
            place = Span(start + len(value) - len(value.lstrip()), start + len(value.rstrip()))
            raise GradcalcError(
                Kind.BINDING, error.message, text=text, span=place, hint=error.hint
            ) from None
    if not value.strip():
        raise GradcalcError(
            Kind.BINDING,
            f"`{name}` has no value",
            text=text,
            span=Span(start - 1, start),
            hint=f"write {name}=1",
        )
    try:
        program = parse(value)
    except GradcalcError as error:
        place = error.span or Span(0, len(value))
        raise GradcalcError(
            Kind.BINDING if error.kind in {Kind.SYNTAX, Kind.NAME} else error.kind,
            error.message,
            text=text,
            span=Span(place.start + start, place.stop + start),
            hint=error.hint,
        ) from None
    if program.inputs:
        unknown = program.inputs[0]
        raise GradcalcError(
            Kind.BINDING,
            f"the value of `{name}` is no number: `{unknown.name}` is not known",
            text=text,
            span=Span(unknown.span.start + start, unknown.span.stop + start),
            hint=f"write a number or a constant expression, as in {name}=pi/4",
        )
    return program


def bind(program: Program, bindings: Iterable[Binding]) -> dict[str, Binding]:
    """Match bindings to the program's variables.

    Raises:
        GradcalcError: kind `binding`, for a variable without a value or a value without a variable.
    """
    by_name = {binding.name: binding for binding in bindings}
    for binding in by_name.values():
        if binding.name not in program.names:
            raise GradcalcError(
                Kind.BINDING,
                f"`{binding.name}` does not occur in the expression",
                text=binding.text,
                span=binding.span,
                hint=_unused_hint(program, binding.name),
            )
    missing = [variable for variable in program.inputs if variable.name not in by_name]
    if missing:
        names = [variable.name for variable in missing[:_NAMED]]
        hint = f"add --at {','.join(f'{name}=1' for name in names)}"
        row = lookup(names[0])
        if row is not None:
            hint += f"; to call the function write {row.signature}"
        raise GradcalcError(
            Kind.BINDING,
            f"`{names[0]}` has no value",
            text=program.text,
            span=missing[0].span,
            hint=hint,
        )
    return by_name


def _unused_hint(program: Program, name: str) -> str:
    row = lookup(name)
    if row is not None and any(TABLE[step.function] is row for step in program.steps):
        return f"`{name}(...)` calls the function; for a product write {name}*(...)"
    return did_you_mean(name, program.names, "leave it out")
