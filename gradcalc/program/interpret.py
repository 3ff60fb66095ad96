"""The one loop: a program's steps in order, in the arithmetic of a witness.

In: a program, a value for each input, an `Arithmetic`. Out: the value of every input, constant and
    step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gradcalc.functions import Function
from gradcalc.program.program import Constant, Program, Step


class Arithmetic(Protocol):
    """What a witness calculates with: torch tensors, SymEngine's expressions, balls."""

    def constant(self, constant: Constant) -> Any:
        """The value of a number in the text."""

    def number(self, value: Any) -> Any:
        """A value that may be a condition, as a number: 1 if it holds, else 0."""

    def condition(self, value: Any) -> Any:
        """A value that may be a number, as a condition: that it is not 0."""

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:
        """Apply a row of the function table, as the step says; it gives the value `number`."""


def run(program: Program, inputs: Sequence[Any], arithmetic: Arithmetic) -> list[Any]:
    """Return all values of the program, by number; the results are at `program.outputs`."""
    values = [*inputs, *map(arithmetic.constant, program.constants)]
    for number, (row, step, is_mixed) in enumerate(program.calls, len(values)):
        args = [values[arg] for arg in step.args]
        if is_mixed:
            args = [
                arithmetic.condition(arg) if position < row.conditions else arithmetic.number(arg)
                for position, arg in enumerate(args)
            ]
        values.append(arithmetic.call(row, args, number, step))
    return values
