"""The chain rule over the steps of a scalar program, backwards.

In: a scalar program, a point. Out: the derivative by every input at once, at mpmath's present
precision, in one pass forward and one backward: the cost grows with the number of steps, and no
formula is ever written out. `symbolic` takes exact values from it where formulas would be too
large; `conditioning` runs it with an error on every operation.

The derivatives of the steps are the texts of the function table. Second derivatives are the
tangents of the first: numbers carry their derivative along one axis with them (dual numbers).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.dtypes import Dtype
from gradcalc.functions import TABLE, Function, mp
from gradcalc.interpret import run
from gradcalc.parser import parse_row
from gradcalc.precise import Numbers, Undefined
from gradcalc.program import Constant, Program, Step


@dataclass(frozen=True, slots=True)
class Dual:
    """A number and its derivative along one axis (None: 0)."""

    value: Any
    tangent: Any = None

    def times(self, other: Dual) -> Dual:
        """The product, by the product rule."""
        if self.tangent is None and other.tangent is None:
            return Dual(self.value * other.value)
        terms = [
            tangent * value
            for tangent, value in ((self.tangent, other.value), (other.tangent, self.value))
            if tangent is not None
        ]
        return Dual(self.value * other.value, sum(terms[1:], terms[0]) if terms else None)

    def plus(self, other: Dual) -> Dual:
        """The sum."""
        if self.tangent is None and other.tangent is None:
            return Dual(self.value + other.value)
        tangents = [t for t in (self.tangent, other.tangent) if t is not None]
        return Dual(self.value + other.value, sum(tangents[1:], tangents[0]) if tangents else None)


class Errors:
    """The errors of operations: none. `conditioning` has others.

    An operation is named by a path of numbers that begins with that of its step.
    """

    #: Whether steps are calculated as torch does it, by the columns `forward` and `backward`.
    as_torch = False

    def on(self, value: Any, path: tuple[int, ...], approximation: float = 0) -> Any:  # noqa: ARG002 - see `conditioning`
        """The value with the operation's error."""
        return value

    def summed(self, terms: Sequence[Any], path: tuple[int, ...]) -> Any:  # noqa: ARG002 - as above
        """The sum of many terms, with its error."""
        return mp.fsum(terms)


class Duals:
    """Arithmetic on dual numbers whose every operation is off by its error."""

    def __init__(self, dtype: Dtype, errors: Errors, path: tuple[int, ...] = ()) -> None:
        self._dtype = dtype
        self._errors = errors
        self._path = path
        self._numbers = Numbers(dtype)

    def constant(self, constant: Constant) -> Any:
        value = self._numbers.constant(constant)
        if constant.value is None and mp.isfinite(value):
            # Torch gets pi and e rounded; all of one program get the same error.
            value = self._errors.on(value, (-1, len(constant.text)))
        return Dual(value)

    def number(self, value: Any) -> Any:
        return Dual(self._numbers.number(value)) if isinstance(value, bool) else value

    def condition(self, value: Any) -> Any:
        return self._numbers.condition(value.value if isinstance(value, Dual) else value)

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:
        path = (*self._path, number)
        plain = [arg.value if isinstance(arg, Dual) else arg for arg in args]
        value = self._value(row, plain, path, step)
        if isinstance(value, bool | Undefined):
            return value
        result = Dual(value)
        for position, arg in enumerate(args):
            if not isinstance(arg, Dual) or not arg.tangent:
                continue
            slope = partial(row, position, plain, self._dtype, self._errors, path)
            if isinstance(slope, Undefined):
                return Undefined(number)
            total = result.plus(Dual(mp.mpf(0), arg.tangent * slope.value))
            result = self.noisy(total, (*path, -1 - position))
        return result

    def noisy(self, dual: Dual, path: tuple[int, ...]) -> Dual:
        """The dual number with an error on its tangent."""
        if not dual.tangent:
            return dual
        return Dual(dual.value, self._errors.on(dual.tangent, path))

    def _value(self, row: Function, plain: list[Any], path: tuple[int, ...], step: Step) -> Any:
        errors = self._errors
        strange = any(isinstance(arg, Undefined) for arg in plain)
        if errors.as_torch and row.forward and not self._path and not strange:
            value = _row_program(row.forward, row, plain, self._dtype, errors, path)
            return value.value if isinstance(value, Dual) else value
        if row.name == "sum" and not strange:
            return errors.summed(plain, path)
        value = self._numbers.call(row, plain, path[-1], step)
        return errors.on(value, path, row.approximation)


def partial(
    row: Function,
    position: int,
    args: Sequence[Any],
    dtype: Dtype,
    errors: Errors,
    path: tuple[int, ...],
) -> Any:
    """The derivative of one step by one argument.

    Args:
        row: The step's function.
        position: The number of the argument.
        args: All arguments: dual numbers, or plain ones where no tangent is wanted.
        dtype: What literals are rounded to.
        errors: The errors of its operations.
        path: The step.

    Returns:
        A dual number, or `Undefined`.
    """
    text = row.text(row.backward if errors.as_torch else row.derivative, position)
    known = _simple(text, row.name)
    if isinstance(known, int):
        found = args[known]
        if isinstance(found, Dual | Undefined):
            return found
        return Dual(mp.mpf(found) if isinstance(found, bool) else found)
    if known is not None:
        return known
    return _row_program(text, row, args, dtype, errors, (*path, position))


@functools.cache
def _simple(text: str, name: str) -> int | Dual | None:
    """What a text is that is only a parameter (its number) or a whole number; else None."""
    names = [parameter.name for parameter in TABLE[name].parameters]
    if text in names:
        return names.index(text)
    return Dual(mp.mpf(int(text))) if text.lstrip("-").isdigit() else None


def _row_program(
    text: str,
    row: Function,
    args: Sequence[Any],
    dtype: Dtype,
    errors: Errors,
    path: tuple[int, ...],
) -> Any:
    """The value of a row's text at arguments."""
    program = _parsed(text, row.name)
    given = dict(zip((parameter.name for parameter in row.parameters), args, strict=False))
    for parameter in row.parameters[len(args) :]:
        given[parameter.name] = mp.mpf(parameter.default)
    point = [
        value if isinstance(value, Dual | bool | Undefined) else Dual(value)
        for value in (given[name] for name in program.names)
    ]
    arithmetic = Duals(dtype, errors, path)
    return arithmetic.number(run(program, point, arithmetic)[program.output])


@functools.cache
def _parsed(text: str, name: str) -> Program:
    return parse_row(text, TABLE[name])


def gradient(
    program: Program,
    point: Sequence[Dual],
    dtype: Dtype,
    errors: Errors,
    watch: Sums | None = None,
) -> dict[int, Any]:
    """Reverse-mode differentiation: the derivative by each input that the result depends on.

    Args:
        program: The scalar program.
        point: Its inputs.
        dtype: What literals are rounded to.
        errors: The errors of its operations.
        watch: What is to see every sum.

    Returns:
        By the input's number a dual number, or `Undefined`; an input that is missing has 0.

    Raises:
        TooLarge: Where a number is too large to be calculated with.
    """
    arithmetic = Duals(dtype, errors)
    values = run(program, point, arithmetic)
    adjoints: dict[int, Any] = {program.output: Dual(mp.mpf(1))}
    active = program.active()
    if watch is not None:
        for number, step in enumerate(program.steps, program.first_step):
            found, term = values[number], values[step.args[0]] if step.args else None
            if (
                step.function in {"add", "sub", "sum"}
                and isinstance(found, Dual)
                and isinstance(term, Dual)
            ):
                watch.look(found.value, term.value)
    for number in range(len(values) - 1, program.first_step - 1, -1):
        adjoint = adjoints.pop(number, None)
        if adjoint is None or (
            isinstance(adjoint, Dual) and not (adjoint.value or adjoint.tangent)
        ):
            continue
        step = program.steps[number - program.first_step]
        row = TABLE[step.function]
        args = [values[arg] for arg in step.args]
        for position, arg in enumerate(step.args):
            if not active[arg] or row.is_static(position):
                continue
            slope = partial(row, position, args, dtype, errors, (number,))
            before = adjoints.get(arg)
            if any(isinstance(part, Undefined) for part in (slope, adjoint, before)):
                adjoints[arg] = Undefined(number)
                continue
            total = adjoint.times(slope)
            if before is not None:
                total = before.plus(total)
                if watch is not None:
                    watch.look(total.value, before.value)
            path = (number, -1 - position)
            value = errors.on(total.value, path)
            if value is not total.value:
                total = Dual(value, total.tangent)
            adjoints[arg] = arithmetic.noisy(total, (*path, 0)) if total.tangent else total
    return adjoints


class Sums:
    """Watches sums for cancellation: a result much smaller than its terms."""

    def __init__(self) -> None:
        self.cancel = False

    def look(self, total: Any, term: Any) -> None:
        """Look at a sum and one of its terms."""
        self.cancel = self.cancel or bool(abs(total) < abs(term) / 64)
