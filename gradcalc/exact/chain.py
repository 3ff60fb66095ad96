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
from fractions import Fraction
from typing import Any

from gradcalc.base.dtypes import Dtype
from gradcalc.exact.precise import Reals, Undefined, number_of
from gradcalc.functions import TABLE, Function, mp
from gradcalc.language.parser import row_program
from gradcalc.program.interpret import run
from gradcalc.program.program import Constant, Program, Step


@dataclass(frozen=True, slots=True)
class Dual:
    """A number and its derivative along one axis; a number without one is a plain mpmath number."""

    value: Any
    tangent: Any


def as_dual(number: Any, *, moves: bool) -> Any:
    """A coordinate of the point, which moves along the axis or does not."""
    return Dual(number, mp.mpf(1)) if moves else number


def _times(left: Any, right: Any) -> Any:
    """The product, by the product rule."""
    if type(left) is not Dual:
        if type(right) is not Dual:
            return left * right
        return Dual(left * right.value, left * right.tangent)
    if type(right) is not Dual:
        return Dual(left.value * right, left.tangent * right)
    tangent = left.tangent * right.value + right.tangent * left.value
    return Dual(left.value * right.value, tangent)


def _plus(left: Any, right: Any) -> Any:
    """The sum."""
    if type(left) is not Dual:
        if type(right) is not Dual:
            return left + right
        return Dual(left + right.value, right.tangent)
    if type(right) is not Dual:
        return Dual(left.value + right, left.tangent)
    return Dual(left.value + right.value, left.tangent + right.tangent)


def plain(number: Any) -> Any:
    """The number without its tangent."""
    return number.value if type(number) is Dual else number


def tangent(number: Any) -> Any:
    """The derivative along the axis."""
    return number.tangent if type(number) is Dual else mp.mpf(0)


class Errors:
    """The formulas and the errors of operations: the table's, and none. `conditioning` has others.

    An operation is named by a path of numbers that begins with that of its step.
    """

    def forward(self, row: Function) -> str | None:  # noqa: ARG002 - see `conditioning`
        """The text of the row's value; None for what mpmath makes of it."""
        return None

    def backward(self, row: Function) -> tuple[str, ...]:
        """The texts of the row's derivatives."""
        return row.derivative

    def on(self, value: Any, path: tuple[int, ...], row: Function | None = None) -> Any:  # noqa: ARG002 - as above
        """The value with the operation's error; the row's, if it is its value."""
        return value

    def summed(self, terms: Sequence[Any], path: tuple[int, ...]) -> Any:  # noqa: ARG002 - as above
        """The sum of many terms, with its error."""
        return mp.fsum(terms)


class _Duals:
    """Arithmetic on numbers, dual ones among them, in which every operation is off by its error."""

    def __init__(self, dtype: Dtype, errors: Errors, path: tuple[int, ...] = ()) -> None:
        self._dtype = dtype
        self._errors = errors
        self._path = path
        self._numbers = Reals(dtype)

    def constant(self, constant: Constant) -> Any:
        value = self._numbers.constant(constant)
        if constant.value is None and mp.isfinite(value):
            # Torch gets pi and e rounded; all of one program get the same error.
            value = self._errors.on(value, (-1, len(constant.text)))
        return value

    def number(self, value: Any) -> Any:
        return self._numbers.number(value)

    def condition(self, value: Any) -> Any:
        return self._numbers.condition(plain(value))

    def call(self, row: Function, args: list[Any], number: int, step: Step) -> Any:
        path = (*self._path, number)
        duals = [position for position, arg in enumerate(args) if type(arg) is Dual]
        if not duals:
            return self._value(row, args, path, step)
        bare = [plain(arg) for arg in args]
        result = self._value(row, bare, path, step)
        if isinstance(result, bool | Undefined):
            return result
        for position in duals:
            if not args[position].tangent:
                continue
            slope = partial(row, position, bare, self._dtype, self._errors, path)
            if isinstance(slope, Undefined):
                return Undefined(number)
            result = _plus(result, Dual(mp.mpf(0), args[position].tangent * slope))
            result = self.noisy(result, (*path, -1 - position))
        return result

    def noisy(self, number: Any, path: tuple[int, ...]) -> Any:
        """The number with an error on its tangent."""
        if type(number) is not Dual or not number.tangent:
            return number
        return Dual(number.value, self._errors.on(number.tangent, path))

    def _value(self, row: Function, args: list[Any], path: tuple[int, ...], step: Step) -> Any:
        errors = self._errors
        text = None if self._path or _any_undefined(args) else errors.forward(row)
        if text is not None:
            return plain(_row_program(text, row, args, self._dtype, errors, path))
        if row.name == "sum" and not _any_undefined(args):
            return errors.summed(args, path)
        value = self._numbers.call(row, args, path[-1], step)
        return errors.on(value, path, row)


def _any_undefined(args: Sequence[Any]) -> bool:
    return any(type(arg) is Undefined for arg in args)


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
        A number, or `Undefined`.
    """
    text = row.text(errors.backward(row), position)
    simple = _simple(text, row.name)
    if type(simple) is int:
        value = args[simple]
        return mp.mpf(value) if isinstance(value, bool) else value
    if simple is not None:
        return simple
    return _row_program(text, row, args, dtype, errors, (*path, position))


@functools.cache
def _simple(text: str, name: str) -> Any:
    """What a text is that is only a parameter (its number) or a whole number; else None."""
    names = [parameter.name for parameter in TABLE[name].parameters]
    if text in names:
        return names.index(text)
    return mp.mpf(int(text)) if text.lstrip("-").isdigit() else None


def _as_number(value: Any) -> Any:
    return number_of(value) if isinstance(value, Fraction) else mp.mpf(value)


def _row_program(
    text: str,
    row: Function,
    args: Sequence[Any],
    dtype: Dtype,
    errors: Errors,
    path: tuple[int, ...],
) -> Any:
    """The value of a row's text at arguments."""
    program = row_program(text, row.name)
    given = row.bound(args, _as_number)
    arithmetic = _Duals(dtype, errors, path)
    point = [
        arithmetic.number(given[variable]) if row.conditions == 0 else given[variable]
        for variable in program.names
    ]
    return arithmetic.number(run(program, point, arithmetic)[program.output])


def gradient(
    program: Program,
    point: Sequence[Any],
    dtype: Dtype,
    errors: Errors,
    watch: Sums | None = None,
) -> dict[int, Any]:
    """Reverse-mode differentiation: the derivative by each input that the result depends on.

    Args:
        program: The scalar program.
        point: Its inputs, mpmath numbers or dual ones.
        dtype: What literals are rounded to.
        errors: The errors of its operations.
        watch: What is to see every sum.

    Returns:
        By the input's number its derivative, or `Undefined`; an input that is missing has 0.

    Raises:
        TooLarge: Where a number is too large to be calculated with.
    """
    arithmetic = _Duals(dtype, errors)
    values = run(program, point, arithmetic)
    if watch is not None:
        _watch_forward(program, values, watch)
    adjoints: dict[int, Any] = {program.output: mp.mpf(1)}
    active = program.active
    for number, step in reversed(program.numbered_steps):
        adjoint = adjoints.pop(number, None)
        if adjoint is None or not (type(adjoint) is Dual or adjoint):
            continue
        row = TABLE[step.function]
        args = [values[arg] for arg in step.args]
        for position, arg in enumerate(step.args):
            if not active[arg] or row.is_static(position):
                continue
            slope = partial(row, position, args, dtype, errors, (number,))
            before = adjoints.get(arg)
            if _any_undefined((slope, adjoint, before)):
                adjoints[arg] = Undefined(number)
                continue
            total = _times(adjoint, slope)
            if before is not None:
                total = _plus(before, total)
                if watch is not None:
                    watch.look(plain(total), plain(before))
            adjoints[arg] = _with_errors(total, arithmetic, errors, (number, -1 - position))
    return adjoints


def _with_errors(total: Any, arithmetic: _Duals, errors: Errors, path: tuple[int, ...]) -> Any:
    """An adjoint with the error of the operations that it comes from."""
    if type(total) is not Dual:
        return errors.on(total, path)
    return arithmetic.noisy(Dual(errors.on(total.value, path), total.tangent), (*path, 0))


def _watch_forward(program: Program, values: Sequence[Any], watch: Sums) -> None:
    """Show every sum of the forward pass."""
    for step, total in zip(program.steps, values[program.first_step :], strict=True):
        if step.function in {"add", "sub", "sum"} and step.args:
            term = values[step.args[0]]
            if not isinstance(total, bool | Undefined) and not isinstance(term, bool | Undefined):
                watch.look(plain(total), plain(term))


class Sums:
    """Watches sums for cancellation: a result much smaller than its terms."""

    def __init__(self) -> None:
        self.cancel = False

    def look(self, total: Any, term: Any) -> None:
        """Look at a sum and one of its terms."""
        self.cancel = self.cancel or bool(abs(total) < abs(term) / 64)
