"""A program at a point, in balls: every value with what it was calculated from.

In: a program, or single operations, on flint's `arb` numbers, at flint's present precision. Out: a
`Tape`. A value is a ball, which certainly holds the exact number; a bool; or a `Lack`, where there
is no number, or where it is not known yet. Derivatives are written on the same tape (see
`gradient`), so that their own derivatives can be taken in the same way.

It is a `Sink`: a program of tensors is run on it entry by entry, its matrix products by flint's.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

from gradcalc.base.dtypes import EXACT, Dtype
from gradcalc.base.errors import Span
from gradcalc.exact import policies
from gradcalc.exact.policies import Lack
from gradcalc.functions import TABLE, Function
from gradcalc.functions.balls import flint
from gradcalc.language.parser import row_program
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Program, Step

#: Which text is a row's value: none, for what its column says; or that of torch's kernel.
Forward = Callable[[Function], str | None]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """A matrix product: the numbers of the left matrix by rows, of the right one by columns.

    Attributes:
        left: Rows.
        right: Columns.
        first: The number of the first of the results, which follow row by row.
    """

    left: Sequence[Sequence[int]]
    right: Sequence[Sequence[int]]
    first: int

    def arguments(self, number: int) -> Sequence[int]:
        """What one of the results is made of."""
        row, column = divmod(number - self.first, len(self.right))
        return [*self.left[row], *self.right[column]]


#: What gave a value: a row and the numbers of its arguments; a matrix product; or nothing.
Operation = tuple[Function, Sequence[int]] | Products | None


class Tape:
    """Values and operations, by number: first 0, which is the number 0, then the inputs.

    Attributes:
        inputs: How many inputs there are.
        values: The values.
        operations: What gave them.
        active: Of each value, whether it moves with an input that is differentiated by.
        origins: Of each value the number of the program's step that it belongs to.
        origin: That of what comes next.
        assumed: The numbers of values that a policy decided about.
        has_kinks: Whether any operation may be on a kink, or at an end of its domain.
        texts: For a value that `forward` has a text for, the number of what the text came to.
    """

    def __init__(
        self,
        inputs: Sequence[Any],
        dtype: Dtype,
        *,
        active: Collection[int] | None = None,
        last: bool = False,
        forward: Forward | None = None,
        base: Tape | None = None,
        branches: Mapping[int, Sequence[float]] | None = None,
    ) -> None:
        """Begin.

        Args:
            inputs: Their balls.
            dtype: What literals are rounded to.
            active: The places of the inputs that are differentiated by; None for all.
            last: Whether no more bits will be spent, so that policies decide.
            forward: Which texts stand for the rows' values.
            base: The same program at another point: what is detached is as it is there.
            branches: What the arguments of steps with kinks are taken to be, by the step's number,
                though they move as they do.
        """
        self.values: list[Any] = [flint.arb(0), *inputs]
        self.operations: list[Operation] = [None] * len(self.values)
        self.origins: list[int] = [-1] * len(self.values)
        self.active: list[bool] = [
            False,
            *(active is None or k in active for k in range(len(inputs))),
        ]
        self.inputs = len(inputs)
        self.origin = -1
        self.assumed: list[int] = []
        self.has_kinks = False
        self.texts: dict[int, int] = {}
        self.one = self._add(flint.arb(1))
        self._dtype = dtype
        self._last = last
        self._forward = forward
        self._base = base
        self.branches = branches or {}
        self._within: set[str] = set()  # rows whose own texts are being calculated
        self._constants: dict[object, int] = {}
        self._decimals: dict[object, int] = {}

    # --- A sink: what tensors, written out, come to -----------------------------------------------

    def at(self, span: Span) -> None:
        """What follows stands there in the text, which is nothing to a tape."""

    def constant(self, constant: Constant) -> int:
        """A number in the text, as the dtype has it."""
        value = constant.value
        key = constant.text if value is None else (value.numerator, value.denominator)
        place = self._constants.get(key)
        if place is None:
            is_zero = value is not None and not value
            ball = policies.constant(constant, len(self.values), self._dtype)
            place = 0 if is_zero else self._add(ball)
            self._constants[key] = place
        return place

    def number(self, value: Fraction) -> int:
        """An exact number."""
        return self._add(policies.literal(value, EXACT)) if value else 0

    def call(self, row: Function, args: Sequence[int]) -> int:
        """A row of the table, applied to values; the number of the result."""
        if self._forward is not None and row.name not in self._within:
            text = self._forward(row)
            if text is not None:
                return self._by_text(text, row, args)
        values = self.values
        given = [values[arg] for arg in args]
        if self._last:
            value, assumed = policies.last_value_of(row, given, len(values))
            if assumed:
                self.assumed.append(len(values))
        else:
            value = policies.value_of(row, given, len(values))
        if row.margin or (type(value) is flint.arb and not value.is_finite()):
            self.has_kinks = True
        if row.name == "detach":
            value = value if self._base is None else self._base.values[len(values)]
            return self._add(value, (row, args))
        return self._add(value, (row, args), moves=True in map(self.active.__getitem__, args))

    def _by_text(self, text: str, row: Function, args: Sequence[int]) -> int:
        """The value of a row by a text, whose derivatives are the row's."""
        self._within.add(row.name)
        try:
            result = self.text(text, row, args)
        finally:
            self._within.discard(row.name)
        number = self._add(self.values[result], (row, args), moves=self.active[result])
        self.texts[number] = result
        return number

    def products(self, left: Sequence[Sequence[int]], right: Sequence[Sequence[int]]) -> list[int]:
        """For each row of the left and each of the right, the sum of their entries' products."""
        first = len(self.values)
        matrices = [[[self.values[n] for n in line] for line in side] for side in (left, right)]
        lacks = [
            [next((v for v in line if type(v) is Lack), None) for line in side] for side in matrices
        ]
        whole = [
            flint.arb_mat(
                [[self.values[0] if type(v) is Lack else v for v in line] for line in side]
            )
            for side in matrices
        ]
        moves = [[any(self.active[n] for n in line) for line in side] for side in (left, right)]
        product = (whole[0] * whole[1].transpose()).entries()
        operation = Products(left, right, first)
        for value, lack, movement in zip(
            product, itertools.product(*lacks), itertools.product(*moves), strict=True
        ):
            self._add(lack[0] or lack[1] or value, operation, moves=any(movement))
        return list(range(first, len(self.values)))

    # --- Programs ---------------------------------------------------------------------------------

    def run(self, program: Program) -> list[int]:
        """Run a scalar program whose variables are the inputs; the numbers of all its values."""
        numbers = run(program, range(1, len(program.inputs) + 1), _OnTape(self, is_program=True))
        self.origin = -1
        return numbers

    def text(self, text: str, row: Function, args: Sequence[int]) -> int:
        """A text of a row, applied to values; its literals are the decimals that they are."""
        program, places = _parsed(text, row.name)
        if not program.steps and places and places[0] < len(args):  # as in the derivative of x*y
            return args[places[0]]
        before = self._dtype, self._constants
        self._dtype, self._constants = EXACT, self._decimals
        try:
            inputs = [
                args[place] if place < len(args) else self.constant(_default(row, place))
                for place in places
            ]
            numbers: list[int] = run(program, inputs, _OnTape(self))
            return numbers[program.output]
        finally:
            self._dtype, self._constants = before

    def passing(
        self, row: Function, args: Sequence[int], *, conditions: bool = False
    ) -> list[tuple[int, int]]:
        """The positions and numbers of the arguments that a derivative goes on to.

        Args:
            row: The row.
            args: The numbers of all arguments.
            conditions: Whether conditions count too, along which there may be a jump.
        """
        positions: Sequence[int] = range(len(args))
        chosen = self.chosen(row, args)
        if chosen:
            positions = (0, chosen) if conditions else (chosen,)
        return [
            (position, args[position])
            for position in positions
            if self.active[args[position]] and not row.is_static(position)
        ]

    def chosen(self, row: Function, args: Sequence[int]) -> int:
        """The position of the argument that a choice takes; 0 if it is not known, and of others."""
        condition = policies.condition_of(self.values[args[0]]) if row.is_choice else None
        return (1 if condition else 2) if type(condition) is bool else 0

    def moved(self, arg: int, value: float) -> int:
        """A value that is taken to be another number, and moves as it does."""
        here = self.values[arg]
        if type(here) is not flint.arb or not math.isfinite(value):
            return arg
        there = flint.arb(value)
        if not value and math.copysign(1, value) < 0:
            there = -(flint.arb(2) ** _BELOW)  # torch's -0 is on the other side of a jump at 0
        if (there - here).is_zero():
            return arg
        shift = self._add(there - here)
        return self._add(there, (TABLE[_ADD], (arg, shift)), moves=self.active[arg])

    def _add(self, value: Any, operation: Operation = None, *, moves: bool = False) -> int:
        self.values.append(value)
        self.operations.append(operation)
        self.origins.append(self.origin)
        self.active.append(moves)
        return len(self.values) - 1


@functools.cache
def _parsed(text: str, name: str) -> tuple[Program, Sequence[int]]:
    """A row's text, and for each of its variables which parameter it is."""
    program = row_program(text, name)
    parameters = [parameter.name for parameter in TABLE[name].parameters]
    return program, [parameters.index(variable) for variable in program.names]


def _default(row: Function, place: int) -> Constant:
    """A parameter's default."""
    value = row.parameters[place].default_number
    exact = value if isinstance(value, Fraction) else None
    return Constant(str(float(value)), exact, Span(0, 0))


class _OnTape:
    """The arithmetic of `run`, on numbers of a tape's values."""

    def __init__(self, tape: Tape, *, is_program: bool = False) -> None:
        self._tape = tape
        self._is_program = is_program  # and no text of a row
        self.constant = tape.constant

    def number(self, value: int) -> int:
        return value

    def condition(self, value: int) -> int:
        return value

    def call(self, row: Function, args: list[int], number: int, step: Step) -> int:  # noqa: ARG002 - see Arithmetic
        tape = self._tape
        if self._is_program:
            tape.origin = number
            if number in tape.branches:
                args = list(map(tape.moved, args, tape.branches[number]))
        return tape.call(row, args)


#: The exponent of what is smaller than any number of a dtype.
_BELOW = -1_200

#: Rows that the chain rule calculates with.
_MUL, _ADD, _NEG = "mul", "add", "neg"


def gradient(
    tape: Tape, output: int, column: Callable[[Function], tuple[str, ...]]
) -> dict[int, int]:
    """Reverse mode: the derivative of a value by every active one that it is made of.

    What it calculates is written on the tape, so that it can be differentiated again. A derivative
    that is exactly 0 stays 0, whatever it would be multiplied with: the branch that a choice does
    not take counts for nothing.

    Args:
        tape: What gave the value.
        output: Its number.
        column: Which texts are a row's derivatives.

    Returns:
        By the number of a value that of its derivative; what is missing has 0.
    """
    adjoints = {output: tape.one}
    before = tape.origin
    for number in range(output, 0, -1):
        operation = tape.operations[number]
        if type(operation) is Products:
            if number == operation.first:  # all of its results have their adjoints by now
                tape.origin = tape.origins[number]
                _into_products(tape, operation, adjoints)
            continue
        adjoint = adjoints.get(number)
        if adjoint is None or operation is None or not tape.active[number]:
            continue
        zero = policies.is_zero(tape.values[adjoint])
        if zero and not tape.active[adjoint]:
            continue
        tape.origin = tape.origins[number]
        row, args = operation
        for position, arg in tape.passing(row, args) if row.is_choice else enumerate(args):
            text = _text(row, column, position) if tape.active[arg] else "0"
            if text != "0":
                part = _times(tape, adjoint, text, row, args)
                if zero and type(tape.values[part]) is Lack:
                    continue
                adjoints[arg] = _plus(tape, adjoints.get(arg), part)
    tape.origin = before
    return adjoints


def derivatives(
    tape: Tape,
    output: int,
    entries: Sequence[tuple[int, ...]],
    column: Callable[[Function], tuple[str, ...]],
) -> dict[tuple[int, ...], int]:
    """The numbers of first and second derivatives of a value, by the axes of each.

    It takes one `gradient`, and one more for each row of second derivatives.
    """
    first = gradient(tape, output, column) if entries else {}
    second: dict[int, Mapping[int, int]] = {}
    numbers = {}
    for axes in entries:
        number = first.get(1 + axes[0], 0)
        if len(axes) == 2:
            if axes[0] not in second:
                second[axes[0]] = gradient(tape, number, column)
            number = second[axes[0]].get(1 + axes[1], 0)
        numbers[axes] = number
    return numbers


@functools.cache
def _text(row: Function, column: Callable[[Function], tuple[str, ...]], position: int) -> str:
    """The text of a row's derivative by an argument; of what is chosen or static, a number."""
    if row.is_choice:
        return "1"
    return "0" if row.is_static(position) else row.text(column(row), position)


def _times(tape: Tape, adjoint: int, text: str, row: Function, args: Sequence[int]) -> int:
    """The product of an adjoint and a row's derivative."""
    if text == "1":
        return adjoint
    if text == "-1":
        return tape.call(TABLE[_NEG], (adjoint,))
    slope = tape.text(text, row, args)
    return slope if adjoint == tape.one else tape.call(TABLE[_MUL], (adjoint, slope))


def _plus(tape: Tape, before: int | None, part: int) -> int:
    return part if before is None else tape.call(TABLE[_ADD], (before, part))


def _into_products(tape: Tape, operation: Products, adjoints: dict[int, int]) -> None:
    """From the adjoints of a matrix product to those of its factors."""
    left, right, first = operation.left, operation.right, operation.first
    height, width = len(left), len(right)
    slopes = [
        [adjoints.get(first + row * width + column, 0) for column in range(width)]
        for row in range(height)
    ]
    across = list(zip(*slopes, strict=True))
    for lines, other, side in ((slopes, right, left), (across, left, right)):
        parts = tape.products(lines, list(zip(*other, strict=True)))
        for number, part in zip(itertools.chain.from_iterable(side), parts, strict=True):
            if tape.active[number]:
                adjoints[number] = _plus(tape, adjoints.get(number), part)
