"""Values for the variables: the texts of `--at`, read and matched to a program.

In: texts such as "u=1,v=pi/4", and the program that has the variables. Out: `Binding`s.

    bindings    = binding, binding, ...
    binding     = NAME = value
    value       = expression without names | nested lists of such
                | @FILE.npy | @FILE.csv | @FILE.json
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.base.names import did_you_mean, normal
from gradcalc.functions import TABLE, lookup
from gradcalc.language.parser import parse
from gradcalc.language.scope import looks_called, meant_call, run_together
from gradcalc.language.tokens import SIGNS
from gradcalc.program.program import Array, Program

#: A name and a number, as they are mostly written.
_PLAIN = re.compile(
    r"\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*"
    r"(?P<number>[+-]?(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?)\s*"
)

#: Nested lists of numbers, such as arrays of Python become.
_LISTS = re.compile(r"\s*\[[\[\]0-9.,+\-eE \n]*\]\s*")

#: What stands between bindings in place of a comma.
_PARTING = re.compile(r"(?<!\s)(?:\s*+[;&][\s;&]*+|\s++and\s++|\s++)(?=\w++\s*+=)")

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


def parse_bindings(texts: Iterable[str], *, files: bool = True) -> tuple[Binding, ...]:
    """Parse the values of `--at`: each "u=1,v=pi/4".

    Args:
        texts: The values.
        files: Whether one may come from a file.

    Raises:
        GradcalcError: kind `binding`; the span is in the binding's own text.
    """
    bindings: dict[str, Binding] = {}
    for text in texts:
        for start, stop in _split(text):
            binding = _number(text, start, stop) or _binding(text, start, stop, files)
            if binding.name in bindings:
                message = f"`{binding.name}` is bound twice"
                raise _refused(message, text, binding.span, "leave one of the values out")
            bindings[binding.name] = binding
            if len(bindings) > limits.BINDINGS:
                message = f"more than {limits.BINDINGS:,} bindings"
                hint = "bind a tensor, as in x=[1, 2]"
                raise _refused(message, text, binding.span, hint, Kind.LIMIT)
    return tuple(bindings.values())


def _elements(text: str) -> list[tuple[int, int]]:
    """Where the elements of the list are that the text is; nothing if it is none."""
    start, stop = len(text) - len(text.lstrip()), len(text.rstrip())
    marks = [mark[0] for mark in _MARK.finditer(text) if mark[0] != ","]
    depths = list(itertools.accumulate(1 if mark in "([" else -1 for mark in marks))
    is_list = text[start : start + 1] == "[" and text[stop - 1] == "]"
    if not is_list or 0 in depths[:-1] or depths[-1] != 0:
        return []
    return _split(text, start + 1, stop - 1)


def _split(text: str, start: int = 0, stop: int | None = None) -> list[tuple[int, int]]:
    """Cut at the commas that are in no brackets."""
    stop = len(text) if stop is None else stop
    whole, depth, parts = (start, stop), 0, []
    for mark in _MARK.finditer(text, start, stop):
        if mark[0] in "([":
            depth += 1
        elif mark[0] in ")]":
            depth -= 1
        elif depth == 0:
            parts.append((start, mark.start()))
            start = mark.end()
    parts.append((start, stop))
    return [part for part in parts if text[slice(*part)].strip()] or [whole]


def _number(text: str, start: int, stop: int) -> Binding | None:
    """A binding to a plain number, which most are: these need no parser."""
    match = _PLAIN.fullmatch(text, start, stop)
    if match is None:
        return None
    try:
        number = _float(match["number"])
    except ValueError:
        return None
    return Binding(match["name"], Array((), (number,)), text, Span(*match.span("name")))


def _float(text: str) -> float:
    """A number that is in order.

    Raises:
        ValueError: If it is out of the range of float64, or has an exponent that may be.
    """
    number = float(text)
    if math.isinf(number) or (number == 0 and text.strip("+-0.")):
        raise ValueError(text)
    return number


def _binding(text: str, start: int, stop: int, files: bool) -> Binding:
    name, sign, value = text[start:stop].partition("=")
    stripped = normal(name.strip())
    if not sign or not stripped:
        hint = f"write {stripped if stripped.isidentifier() else 'x'}=1"
        raise _refused("a binding is NAME=VALUE", text, Span(start, stop), hint)
    name_start = start + len(name) - len(name.lstrip())
    span = Span(name_start, name_start + len(name.strip()))
    if not stripped.isidentifier():
        raise _refused(f"`{stripped}` is no name", text, span, "write x=1")
    if re.search(r"\w\s*(?<![=!<>])=(?!=)", value):
        message = "two values without a comma between them"
        raise _refused(message, text, Span(start, stop), _parted(text[start:stop].strip(), files))
    bound = SIGNS.get(stripped, stripped)
    bound_to = constant(text, start + len(name) + 1, stop, bound, files=files)
    return Binding(bound, bound_to, text, span)


def _parted(text: str, files: bool) -> str:
    """A hint at the comma between bindings, at the one that is missing if that can be told."""
    apart = _PARTING.sub(",", text)
    if apart != text:
        with contextlib.suppress(GradcalcError):
            parse_bindings([apart], files=files)
            return f"write {apart}"
    return "put a comma between them, as in x=1,y=2"


def parse_weights(text: str, results: int = 1, *, files: bool = True) -> tuple[Binding, ...]:
    """Parse the weights of results: values separated by commas, as in "[1, 2], 3, ones".

    Args:
        text: The weights; those of several results may stand in a list of as many.
        results: How many results there are.
        files: Whether one may come from a file.

    Raises:
        GradcalcError: kind `binding`.
    """
    parts = _split(text)
    if len(parts) == 1 < results:
        inner = _elements(text)
        parts = inner if len(inner) == results else parts
    if len(parts) > limits.BINDINGS:
        start, stop = parts[limits.BINDINGS]
        message = f"more than {limits.BINDINGS:,} weights"
        hint = "write the weights of one result as a list, as in [1, 2]"
        raise _refused(message, text, Span(start, stop), hint, Kind.LIMIT)
    return tuple(
        Binding("--grad-outputs", _weight(text, start, stop, files), text, Span(start, stop))
        for start, stop in parts
    )


def _weight(text: str, start: int, stop: int, files: bool) -> Program | Array:
    """The weight of a result; `ones` is 1 for each of its entries."""
    if text[start:stop].strip() == "ones":
        return Array((), (1.0,))
    return constant(text, start, stop, "--grad-outputs", files=files)


def files_in(text: str) -> list[str]:
    """The names of the files that hold the values of such bindings or weights."""
    parts = [text[slice(*part)].strip() for part in _elements(text) or _split(text)]
    values = [part if part[:1] == "@" else part.partition("=")[2].strip() for part in parts]
    return [value[1:] for value in values if value[:1] == "@"]


def constant(
    text: str, start: int, stop: int, name: str, *, files: bool = False, example: str = ""
) -> Program | Array:
    """Parse a constant expression that is part of a longer text, or read a file.

    Args:
        text: The longer text.
        start: Where in it the expression begins.
        stop: Where it ends.
        name: What messages call it.
        files: Whether it may come from a file.
        example: What hints show; without it, a value of that name.

    Raises:
        GradcalcError: kind `binding`; the span is in the longer text.
    """
    value = text[start:stop]
    if value.strip().startswith("@"):
        if not files:
            shown = Span(start + len(value) - len(value.lstrip()), start + len(value.rstrip()))
            message = f"the value of `{name}` may not come from a file here"
            raise _refused(message, text, shown, "write the numbers themselves")
        from gradcalc.language.arrays import read

        try:
            return read(value.strip()[1:])
        except GradcalcError as error:
            error.span = Span(len(value) - len(value.lstrip()), len(value.rstrip()))
            raise error.within(text, start) from None
    numbers = _numbers(value)
    if numbers is not None:
        return numbers
    if not value.strip():
        hint = f"write {example or f'{name}=1'}"
        raise _refused(f"`{name}` has no value", text, Span(start - 1, start), hint)
    try:
        program = parse(value)
    except GradcalcError as error:
        kind = Kind.BINDING if error.kind in {Kind.SYNTAX, Kind.NAME} else error.kind
        raise error.within(text, start, kind) from None
    if program.inputs:
        variable = program.inputs[0]
        row = lookup(variable.name)
        example = example or (f"{name} pi/4" if name.startswith("-") else f"{name}=pi/4")
        hint = f"write a number or a constant expression, as in {example}"
        raise _refused(
            f"the value of `{name}` is no number: `{variable.name}` is not known",
            text,
            Span(variable.span.start + start, variable.span.stop + start),
            hint if row is None else f"to call the function write {row.signature}",
        )
    return program


def _numbers(value: str) -> Array | None:
    """Nested lists of numbers, which may be longer than any expression; None for all others."""
    if not _LISTS.fullmatch(value) or value.count(",") >= limits.TENSOR_ENTRIES:
        return None
    import json

    from gradcalc.language.arrays import from_lists

    try:
        return from_lists(json.loads(value, parse_float=_float))
    except (ValueError, RecursionError):  # the parser says what is wrong
        return None


def _refused(
    message: str, text: str, span: Span, hint: str, kind: Kind = Kind.BINDING
) -> GradcalcError:
    return GradcalcError(kind, message, text=text, span=span, hint=hint)


def bind(program: Program, bindings: Iterable[Binding]) -> dict[str, Binding]:
    """Match bindings to the program's variables.

    Returns:
        The bindings by name.

    Raises:
        GradcalcError: kind `binding`, for a variable without a value or a value without a variable.
    """
    by_name = {binding.name: binding for binding in bindings}
    for binding in by_name.values():
        if binding.name not in program.names:
            message = f"`{binding.name}` does not occur in the expression"
            hint = _unused_hint(program, binding.name, by_name)
            raise _refused(message, binding.text, binding.span, hint)
    missing = [variable for variable in program.inputs if variable.name not in by_name]
    if missing:
        names = [variable.name for variable in missing[:_NAMED]]
        hint = f"add --at {','.join(f'{name}=1' for name in names)}"
        number = program.names.index(names[0])
        changes = [s.function for s in program.steps if s.in_place and s.args[0] == number]
        if changes:  # a variable is a leaf, which cannot be changed
            hint = f"let it begin, as in {names[0]} = {'zeros(3)' * ('setitem' in changes) or 0}"
        call = meant_call(names[0], by_name)
        if call is not None:
            hint += f"; the function is called {call}"
        elif looks_called(names[0], program.text):
            hint += f"; `{names[0]}` is no function, {names[0]}(...) is a product"
        raise _refused(f"`{names[0]}` has no value", program.text, missing[0].span, hint)
    return by_name


def _unused_hint(program: Program, name: str, known: Collection[str]) -> str:
    calls = (run_together(other, known) for other in program.names if other not in known)
    if (call := next(filter(None, calls), None)) is not None:
        return f"the function is called {call}"
    row = lookup(name)
    if row is not None and any(TABLE[step.function] is row for step in program.steps):
        return f"`{name}(...)` calls the function; for a product write {name}*(...)"
    return did_you_mean(name, program.names, "leave it out")
