"""What torch refuses, in plain words.

In: an exception of torch's, and the step that it came from. Out: a `GradcalcError` that says what
is wrong, where, and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.functions import TABLE
from gradcalc.program.program import Program

#: Words in a reason of torch's that is about shapes.
_SHAPES = re.compile(
    "shape|size|dimension|dim |broadcast|must match|1D|2D|1-D|2-D|square|batch|index|"
    "dims|number of|subscript|expects|target",
    re.IGNORECASE,
)


def changes_in_place(program: Program) -> Iterator[tuple[int, Program]]:
    """The steps that change a tensor in place, and the program in which a step makes a new one."""
    for position, step in enumerate(program.steps):
        if step.in_place:
            steps = list(program.steps)
            steps[position] = step._replace(in_place=False)
            yield program.first_step + position, replace(program, steps=tuple(steps))


def refusal(
    program: Program,
    problem: Exception,
    number: int,
    args: Sequence[Any],
    changed: int | None = None,
) -> GradcalcError:
    """What torch refuses, in plain words.

    Args:
        program: What was run.
        problem: What torch raised.
        number: The value that it could not make.
        args: What it was to be made of.
        changed: The step that changed in place what backward needs, if that is the problem.
    """
    if isinstance(problem, GradcalcError):
        return problem
    reason = str(problem).strip().splitlines()[0].rstrip(".") if str(problem).strip() else ""
    message, hint, place, kind = f"torch refuses: {reason}", None, number, Kind.AUTOGRAD
    if "leaf" in reason and "in-place" in reason:
        name = program.source(program.step(number).args[0])
        message = f"`{name}` is a leaf that requires grad, so it cannot be changed in place"
        if "view" in reason and program.step(number).args[0] >= len(program.inputs):
            message = (
                f"`{name}` is a view of a leaf that requires grad, so it cannot be changed in place"
            )
        hint = f"make a new tensor, as in y = {name} + 1, or leave the variable out of --wrt"
    elif "second time" in reason:
        message = "the graph was freed by the first backward, so it cannot be run a second time"
        hint = "leave out --no-retain-graph"
    elif "modified by an inplace operation" in reason:
        place = number if changed is None else changed
        message = "this changes in place a value that backward needs"
        hint = "make a new tensor instead, as in z = y + 1"
    elif isinstance(problem, AttributeError):
        step = program.step(number)
        message = f"torch has no `{step.function}_`, which would work in place"
        hint = f"make a new tensor, as in y = {step.function}(x)"
    elif "singular" in reason:
        message = "the matrix is singular, so this has no value"
    elif "whole numbers" in reason:
        message, _, hint = reason.partition("; ")
    elif number >= program.first_step and _is_misfit(program, problem, number, reason):
        kind, message, hint = Kind.SHAPE, _misfit(program, number, args), f"torch says: {reason}"
    return GradcalcError(kind, message, text=program.text, span=program.span(place), hint=hint)


def _is_misfit(program: Program, problem: Exception, number: int, reason: str) -> bool:
    """Whether it is about shapes; a ValueError of a row that takes any is not."""
    row = TABLE[program.step(number).function]
    if isinstance(problem, IndexError) or _SHAPES.search(reason):
        return True
    return isinstance(problem, ValueError) and not row.entrywise


def _misfit(program: Program, number: int, args: Sequence[Any]) -> str:
    """Name the shapes that do not go together."""
    step = program.step(number)
    row = TABLE[step.function]
    shapes = [str(tuple(getattr(arg, "shape", ()))) for arg in args]
    if step.function in {"getitem", "setitem"}:
        return f"the index does not fit shape {shapes[0]}" + (
            f" and a value of shape {shapes[1]}" if len(shapes) > 1 else ""
        )
    what = f"`{row.symbol or row.name}`"
    if not shapes:
        return f"{what} has no entries"
    if len(shapes) == 1:
        return f"{what} does not fit shape {shapes[0]}"
    return f"{what} does not fit shapes {', '.join(shapes[:-1])} and {shapes[-1]}"
