"""The program: a flat list of steps, in single-assignment form.

The parser writes it, the three witnesses read it with the loop of `interpret`. Every value has a
number: first the inputs, then the constants, then the steps, each in order of appearance. A step's
`args` are such numbers, always smaller than its own, so one pass in order visits arguments first.

A value is a tensor. A program whose values are all scalars, and whose steps are all of rows that
work entry by entry, is *scalar*; `expand` writes any program as a scalar one.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcalc.functions import TABLE, Function

if TYPE_CHECKING:
    from gradcalc.base.errors import Span


class Input(NamedTuple):
    """A variable of the user's, at its first place in the text."""

    name: str
    span: Span


class Constant(NamedTuple):
    """A number in the text: a literal, or one of the names pi, e, inf, nan.

    Attributes:
        text: How it is written back, in ASCII.
        value: The literal's exact value; None for a named constant.
        span: Where it stands.
    """

    text: str
    value: Fraction | None
    span: Span


class Step(NamedTuple):
    """One row of the function table, applied to earlier values.

    Attributes:
        function: The row's name in `functions.TABLE`.
        args: Numbers of the values it is applied to.
        span: Where it stands in the text.
        options: Arguments that are no values, with their names: an axis, a shape, an index.
        in_place: The result is the first argument's tensor, changed: `x += 1`.
        no_grad: It stands within no_grad(...), where autograd does not look.
    """

    function: str
    args: tuple[int, ...]
    span: Span
    options: tuple[tuple[str, Any], ...] = ()
    in_place: bool = False
    no_grad: bool = False


class Statement(NamedTuple):
    """What a line of the text does: it gives a name to a value, or says that it is a result.

    Attributes:
        name: The name on the left; None for an expression.
        numbers: The numbers of the values; several only where several results are asked for.
        span: Where the name stands, or the expression.
        steps: How many of the program's steps there are up to its end.
    """

    name: str | None
    numbers: tuple[int, ...]
    span: Span
    steps: int


class Array(NamedTuple):
    """The numbers of a tensor.

    Attributes:
        shape: Its sizes; () for a scalar.
        numbers: Its entries, the last index fastest.
    """

    shape: tuple[int, ...]
    numbers: tuple[float, ...]


#: The fields of a step whose arguments are places in an order of appearance.
Unnumbered = tuple[str, Sequence[int], "Span", tuple[tuple[str, Any], ...], bool, bool]


def arranged(
    values: Sequence[Input | Constant | Unnumbered],
) -> tuple[tuple[Input, ...], tuple[Constant, ...], tuple[Step, ...], list[int]]:
    """Number values as a program does.

    Args:
        values: Inputs, constants and steps, in order of appearance.

    Returns:
        The inputs, the constants, the steps, and for each place of `values` its number.
    """
    inputs: list[int] = []
    constants: list[int] = []
    steps: list[int] = []
    sorts = {Input: inputs, Constant: constants}
    for place, value in enumerate(values):
        sorts.get(type(value), steps).append(place)
    numbers = [0] * len(values)
    for number, place in enumerate(itertools.chain(inputs, constants, steps)):
        numbers[place] = number
    number_of = numbers.__getitem__
    parts: Any = values
    return (
        tuple([parts[place] for place in inputs]),
        tuple([parts[place] for place in constants]),
        tuple(
            [
                Step(function, tuple(map(number_of, args)), span, options, in_place, no_grad)
                for function, args, span, options, in_place, no_grad in map(
                    parts.__getitem__, steps
                )
            ]
        ),
        numbers,
    )


@dataclass(frozen=True)
class Program:
    """A parsed program.

    Attributes:
        text: What the user typed; spans point into it.
        canonical: The same as it was understood, in Python's notation; it parses to an equal
            program.
        inputs: The variables.
        constants: The numbers.
        steps: The operations, arguments first.
        outputs: The numbers of the values that are the results; one, unless several are asked for.
        statements: The lines of the text, in order; none in a program that was not parsed.
    """

    text: str
    canonical: str
    inputs: tuple[Input, ...]
    constants: tuple[Constant, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    statements: tuple[Statement, ...] = ()

    @property
    def output(self) -> int:
        """The number of the result; of several, the first."""
        return self.outputs[0]

    @functools.cached_property
    def first_step(self) -> int:
        """The number of the value that the first step gives."""
        return len(self.inputs) + len(self.constants)

    @property
    def numbered_steps(self) -> list[tuple[int, Step]]:
        """The steps, each with the number of its value; reversed, results before arguments."""
        return list(enumerate(self.steps, self.first_step))

    def step(self, number: int) -> Step:
        """The step that gives the value of that number."""
        return self.steps[number - self.first_step]

    @functools.cached_property
    def calls(self) -> list[tuple[Function, Step, bool]]:
        """The steps with their rows, and whether conditions and numbers may meet in them."""
        calls = []
        conditions: set[int] = set()
        for number, step in self.numbered_steps:
            row = TABLE[step.function]
            calls.append((row, step, bool(row.conditions) or not conditions.isdisjoint(step.args)))
            if row.group == "comparison":
                conditions.add(number)
        return calls

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The variables' names, in order of appearance."""
        return tuple(variable.name for variable in self.inputs)

    @functools.cached_property
    def is_scalar(self) -> bool:
        """Whether it is one of scalars if its inputs are."""
        return len(self.outputs) == 1 and all(
            TABLE[step.function].entrywise and not (step.in_place or step.no_grad)
            for step in self.steps
        )

    def is_whole_power(self, step: Step) -> bool:
        """Whether it is x**2 or the like, which most powers are: these have no kink."""
        number = step.args[-1] - len(self.inputs) if step.function == "pow" else -1
        if not 0 <= number < len(self.constants):
            return False
        value = self.constants[number].value
        return value is not None and value >= 1 and value.denominator == 1

    def span(self, number: int) -> Span:
        """Where the value of that number stands in the text."""
        if number < len(self.inputs):
            return self.inputs[number].span
        if number < self.first_step:
            return self.constants[number - len(self.inputs)].span
        return self.step(number).span

    @functools.cached_property
    def sources(self) -> list[str]:
        """For each value the piece of the user's text that it comes from."""
        text = self.text
        spans = [value.span for value in self.inputs]
        spans += [value.span for value in self.constants]
        spans += [step.span for step in self.steps]
        return [text[start:stop] for start, stop in spans]

    def source(self, number: int) -> str:
        """The piece of the user's text that the value of that number comes from."""
        span = self.span(number)
        return self.text[span.start : span.stop]

    @functools.cached_property
    def active(self) -> tuple[bool, ...]:
        """For each value, whether its derivative by some input may be other than 0."""
        flags = [True] * len(self.inputs) + [False] * len(self.constants)
        for step in self.steps:
            moves = True in map(flags.__getitem__, step.args)
            flags.append(moves and step.function != "detach")
        return tuple(flags)
