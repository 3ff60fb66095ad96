"""The program: a flat list of steps, in single-assignment form.

The parser writes it, the three witnesses read it with the loop of `interpret`. Every value has a
number: first the inputs, then the constants, then the steps, each in order of appearance. A step's
`args` are such numbers, always smaller than its own, so one pass in order visits arguments first.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcalc.errors import Span


@dataclass(frozen=True, slots=True)
class Input:
    """A variable of the user's, at its first place in the text."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Constant:
    """A number in the text: a literal, or one of the names pi, e, inf, nan.

    Attributes:
        text: How it is written back, in ASCII.
        value: The literal's exact value; None for a named constant.
        span: Where it stands.
    """

    text: str
    value: Fraction | None
    span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the function table, applied to earlier values.

    Attributes:
        function: The row's name in `functions.TABLE`.
        args: Numbers of the values it is applied to.
        span: Where it stands in the text.
        name: What the user called the result, if anything.
    """

    function: str
    args: tuple[int, ...]
    span: Span
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A parsed expression.

    Attributes:
        text: What the user typed; spans point into it.
        canonical: The same as it was understood, in Python's notation; it parses to an equal
            program.
        inputs: The variables.
        constants: The numbers.
        steps: The operations, arguments first.
        output: The number of the value that is the result.
    """

    text: str
    canonical: str
    inputs: tuple[Input, ...]
    constants: tuple[Constant, ...]
    steps: tuple[Step, ...]
    output: int

    @property
    def first_step(self) -> int:
        """The number of the value that the first step gives."""
        return len(self.inputs) + len(self.constants)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables' names, in order of appearance."""
        return tuple(variable.name for variable in self.inputs)

    def span(self, number: int) -> Span:
        """Where the value of that number stands in the text."""
        if number < len(self.inputs):
            return self.inputs[number].span
        if number < self.first_step:
            return self.constants[number - len(self.inputs)].span
        return self.steps[number - self.first_step].span

    def source(self, number: int) -> str:
        """The piece of the user's text that the value of that number comes from."""
        span = self.span(number)
        return self.text[span.start : span.stop]

    def active(self) -> tuple[bool, ...]:
        """For each value, whether it depends on any input."""
        flags = [True] * len(self.inputs) + [False] * len(self.constants)
        for step in self.steps:
            flags.append(any(flags[arg] for arg in step.args))
        return tuple(flags)
