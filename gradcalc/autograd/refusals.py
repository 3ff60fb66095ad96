"""What torch refuses, in plain words.

In: an exception of torch's, and the step that it came from. Out: a `GradcalcError` that says what
is wrong, where, and what to do. Where it can, it goes by the step and not by torch's words, which
change between versions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.functions import TABLE
from gradcalc.program.program import Program, Step

#: Words in a reason of torch's that is about shapes.
_SHAPES = re.compile(
    "shape|size|dimension|dim |broadcast|must match|1D|2D|1-D|2-D|square|batch|index|"
    "dims|number of|subscript|expects|target",
    re.IGNORECASE,
)

#: The kernel that newer versions name before a reason: "mm: mat1 and mat2 shapes cannot ..."
_KERNEL = re.compile(r"^[a-z_]+: ")

#: What torch's words alone tell: the words, what is said for them, and the hint.
_BY_WORDS = (
    (
        "second time",
        "the graph was freed by the first backward, so it cannot be run a second time",
        "leave out --no-retain-graph",
    ),
    (
        "modified by an inplace operation",
        "a value that backward needs was changed in place",
        "make a new tensor instead",
    ),
    ("singular", "the matrix is singular, so this has no value", ""),
)

#: Where in the files of torch, or of ours, something happened; and advice on torch's own options.
_PLACES = re.compile(
    r"""
    \s*\(Triggered\ internally\ at\ [^)]*\)\.?
  | \s*Hint:.*
  | (?:,?\s*(?:at|in|from))?\s*"?(?:[A-Za-z]:)?[^\s"()]*[/\\][^\s"()]*
    \.(?:py|c|cc|cpp|cu|h|hpp|cuh)\b"? (?::\d+|,\ line\ \d+)?
    """,
    re.VERBOSE,
)


def words_of(said: object) -> str:
    """What torch says, on one line, without the places in files where it happened.

    >>> words_of("std(): too few. (Triggered internally at /build/aten/src/ReduceOps.cpp:1861.)")
    'std(): too few.'
    """
    return _PLACES.sub("", str(said).strip().partition("\n")[0]).strip()


class InPlaceError(GradcalcError):
    """A change in place that torch refuses.

    Attributes:
        number: The step.
    """

    def __init__(
        self, program: Program, number: int, message: str, reason: str, otherwise: str = ""
    ) -> None:
        """Say what is wrong; `advise` adds what to write instead.

        Args:
            program: The program.
            number: The step.
            message: What is wrong.
            reason: Torch's words; those on versions of tensors are left out.
            otherwise: What else helps.
        """
        span = program.span(number)
        super().__init__(Kind.AUTOGRAD, message, text=program.text, span=span)
        self.number = number
        said = f"torch says: {reason.partition(': [')[0]}" if reason else ""
        self._rest = [part for part in (otherwise, said) if part]
        self.advise("make a new tensor instead")

    def advise(self, words: str | None) -> None:
        """Say what to write instead; None leaves it general."""
        self.hint = self.hint if words is None else "; ".join([words, *self._rest])


def refusal(
    program: Program,
    problem: Exception,
    number: int,
    args: Sequence[Any] = (),
    changed: int | None = None,
    keeper: int | None = None,
) -> GradcalcError:
    """What torch refuses, in plain words.

    Args:
        program: What was run.
        problem: What torch raised.
        number: The value that it could not make; the output, where backward failed.
        args: What it was to be made of; nothing, where backward failed.
        changed: The step that changed in place what backward needs, if that is the problem.
        keeper: The step that saved it for backward.
    """
    if isinstance(problem, GradcalcError):
        return problem
    reason = _KERNEL.sub("", words_of(problem).rstrip("."))
    if changed is not None and "inplace operation" in reason:
        message = (
            f"this changes in place a value that {_quoted(program, keeper)} saved for backward"
        )
        return InPlaceError(program, changed, message, reason)
    if number >= program.first_step and (said := _in_place(program, number, problem, reason, args)):
        return said
    kind, message, hint = Kind.AUTOGRAD, f"torch refuses: {reason}", None
    by_words = [row for row in _BY_WORDS if row[0] in reason]
    if by_words:
        _, message, advice = by_words[0]
        hint = "; ".join(filter(None, (advice, f"torch says: {reason.partition('. ')[0]}")))
    elif number >= program.first_step:
        kind, message, hint = _of_step(program.step(number), problem, reason, args)
    return GradcalcError(kind, message, text=program.text, span=program.span(number), hint=hint)


def _quoted(program: Program, number: int | None) -> str:
    """The text of a step, on one line."""
    return "a step" if number is None else f"`{' '.join(program.source(number).split())}`"


def _in_place(
    program: Program, number: int, problem: Exception, reason: str, args: Sequence[Any]
) -> InPlaceError | None:
    """What is wrong, where torch cannot change a tensor in place at all."""
    step = program.step(number)
    if step.in_place and args and "leaf" in reason:
        what = "a leaf" if args[0].is_leaf else "a view of a leaf"
        name = program.source(step.args[0])
        message = f"`{name}` is {what} that requires grad, so it cannot be changed in place"
        otherwise = "or leave the variable out of --wrt" if len(program.inputs) > 1 else ""
        return InPlaceError(program, number, message, reason, otherwise)
    if step.in_place and isinstance(problem, AttributeError):
        message = f"torch has no `{step.function}_`, which would work in place"
        return InPlaceError(program, number, message, "")
    return None


def _of_step(
    step: Step, problem: Exception, reason: str, args: Sequence[Any]
) -> tuple[Kind, str, str | None]:
    """What a step cannot do: kind, message and hint."""
    if "whole numbers" in reason:  # a row of the table says so
        message, _, hint = reason.partition("; ")
        return Kind.AUTOGRAD, message, hint
    # A ValueError of a row that takes any shapes is not about them.
    is_misfit = isinstance(problem, ValueError) and not TABLE[step.function].entrywise
    if is_misfit or isinstance(problem, IndexError) or _SHAPES.search(reason):
        return Kind.SHAPE, _misfit(step, args), f"torch says: {reason}"
    return Kind.AUTOGRAD, f"torch refuses: {reason}", None


def _misfit(step: Step, args: Sequence[Any]) -> str:
    """Name the shapes that do not go together."""
    row = TABLE[step.function]
    shapes = [str(tuple(getattr(arg, "shape", ()))) for arg in args]
    if step.function in {"getitem", "setitem"}:
        return f"the index does not fit shape {' and a value of shape '.join(shapes[:2])}"
    what = f"`{row.symbol or row.name}`"
    if not shapes:
        return f"{what} has no entries"
    if len(shapes) == 1:
        return f"{what} does not fit shape {shapes[0]}"
    return f"{what} does not fit shapes {', '.join(shapes[:-1])} and {shapes[-1]}"


def nothing_to_differentiate(program: Program, number: int) -> GradcalcError:
    """A result that does not require grad, of which torch would say so."""
    if not program.inputs:
        hint = "write a variable in it, as in x**2"
    elif any(step.no_grad or step.function == "detach" for step in program.steps):
        hint = "detach() and no_grad() make constants: leave them out where a gradient should flow"
    elif any(TABLE[step.function].group == "comparison" for step in program.steps):
        hint = "conditions have no gradient; where(condition, a, b) chooses between two values"
    else:
        names = ", ".join(program.names)
        hint = f"let the result depend on a variable, and name it in --wrt: {names}"
    return GradcalcError(
        Kind.AUTOGRAD,
        "the result does not require grad: nothing in it can be differentiated",
        text=program.text,
        span=program.span(number),
        hint=hint,
    )
