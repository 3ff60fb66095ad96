"""Kinks: where a step of a program may have no derivative.

In: a tape that has run a program. Out: which inputs reach a step on a kink of its row, and how far
off the steps are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gradcalc.exact import policies
from gradcalc.exact.tape import Products, Tape
from gradcalc.functions import TABLE, Function
from gradcalc.program.program import Program


class Passage(NamedTuple):
    """A way on which a value moves the result: the argument `arg` of the value `number`.

    Attributes:
        number: The number of a value of the tape.
        arg: That of one of its arguments.
        margin: How far the step is from a kink along it, as `policies.margin` has it.
    """

    number: int
    arg: int
    margin: Any


def passages(tape: Tape, output: int) -> Iterator[Passage]:
    """All ways by which active values move a result, those of the last values first."""
    reached = {output}
    for number in range(output, tape.inputs, -1):
        operation = tape.operations[number]
        if number not in reached or operation is None or not tape.active[number]:
            continue
        if type(operation) is Products:
            for arg in operation.arguments(number):
                if tape.active[arg]:
                    reached.add(arg)
                    yield Passage(number, arg, policies.SMOOTH)
            continue
        row, numbers = operation
        given = [tape.values[arg] for arg in numbers] if row.margin else ()
        at_end = policies.is_infinite(tape.values[number])  # of the domain, or of the line
        for position, arg in tape.passing(row, numbers, conditions=True):
            reached.add(arg)
            margin = policies.margin(row, position, given)
            yield Passage(number, arg, policies.KINK if at_end else margin)


def near_kink(tape: Tape, output: int, *, last: bool) -> frozenset[int] | None:
    """The inputs that reach a step on a kink, counted from 0; None if that is not known.

    Args:
        tape: What ran the program.
        output: The number of the result.
        last: Whether no more bits will be spent: then what may be on a kink counts as on it.
    """
    if not tape.has_kinks:
        return frozenset()
    kinked = {output: False}
    for number, arg, margin in passages(tape, output):
        on_kink = policies.is_kink(margin, last=last)
        if on_kink is None:
            return None
        kinked[arg] = kinked.get(arg, False) or kinked[number] or on_kink
    return frozenset(number - 1 for number, on in kinked.items() if on and number <= tape.inputs)


def branches_of(program: Program, values: Sequence[float]) -> Mapping[int, Sequence[float]]:
    """What the arguments of some steps are, by the step's number, of all values by number.

    Of those that rounding may carry far: steps with kinks, or with an end of their domain.
    """
    return {
        number: [values[arg] for arg in step.args]
        for number, step in program.numbered_steps
        if _may_be_carried_far(TABLE[step.function])
    }


def _may_be_carried_far(row: Function) -> bool:
    return bool(row.margin or row.inside) and not row.conditions


def margins(tape: Tape, output: int) -> Mapping[tuple[int, int], Any]:
    """The margin of each passage, by the numbers of the value and of its argument."""
    return {(number, arg): margin for number, arg, margin in passages(tape, output)}
