"""Changes in place that torch refuses: which step, who kept the value, what to write instead.

In: a program, and what torch made of it. Out: the number of a step, and words for a hint. What they
tell to write was put into the program, and torch has run that forward and backward, to the value
that the program has without autograd.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from gradcalc.autograd.forward import Draws, Forward, forward, memory
from gradcalc.autograd.graph import origins_of, walk
from gradcalc.base.errors import GradcalcError, Span
from gradcalc.functions import TABLE, Function, torch
from gradcalc.language.parser import parse
from gradcalc.language.tokens import Line, Token, lines
from gradcalc.program.program import Array, Program, Step

#: Names for new tensors, the likeliest first.
_NAMES = ("y", "z", "w", "v", "u", "t", "s", *(f"new_{k}" for k in range(1, 100)))

#: What needs no brackets as an operand: a name, a number, a call.
_IS_ONE = re.compile(r"[\w.]+(\([^()]*\))?")

#: Characters of a piece of a program that a hint quotes.
_QUOTED = 60


def spoiler(
    program: Program,
    ran: Forward,
    again: Callable[[Program], Forward],
    weights: Sequence[Any] | None,
    kept: int | None,
) -> int | None:
    """The step that changed in place what backward needs.

    It is the one without which backward runs; where there are several, the first that changed what
    the last keeper saved.

    Args:
        program: The program.
        ran: Its forward pass.
        again: Runs a program forward, as the one that failed was run.
        weights: Those of the outputs; None for 1.
        kept: The step that saved for backward what was changed.
    """
    changes = [(number, step) for number, step in program.numbered_steps if step.in_place]
    for number, step in changes:
        steps = list(program.steps)
        steps[number - program.first_step] = step._replace(in_place=False)
        outputs = again(replace(program, steps=tuple(steps))).outputs
        factors = list(map(torch.ones_like, outputs)) if weights is None else weights
        with contextlib.suppress(RuntimeError):
            torch.autograd.backward(outputs, factors)
            return number
    if kept is None:
        return None
    saved = memory([ran.values[number] for number in (kept, *program.step(kept).args)])
    return next(
        (
            number
            for number, step in changes
            if number > kept and memory([ran.values[step.args[0]]]) & saved
        ),
        None,
    )


def keeper(program: Program, ran: Forward) -> int | None:
    """The last step that saved for backward what was changed in place afterwards."""
    outputs = list(zip(ran.outputs, program.outputs, strict=True))
    keepers = [number for node, number, _ in walk(outputs, origins_of(ran)) if _is_spoilt(node)]
    return max(keepers, default=None)


def _is_spoilt(node: Any) -> bool:
    """Whether a node saved a tensor that was changed since, of which torch says so when asked."""
    for name in dir(node):
        if name.startswith("_saved_"):
            try:
                getattr(node, name)
            except RuntimeError as problem:
                if "inplace" in str(problem):
                    return True
    return False


class _Candidate(NamedTuple):
    """A program without a change in place, and the words that lead to it."""

    text: str
    words: str


def instead(
    program: Program,
    number: int,
    inputs: Sequence[Array],
    requires_grad: Sequence[bool],
    dtype: str,
    *,
    second_order: bool = False,
) -> str | None:
    """What to write instead of a step that changes something in place; None if nothing does.

    Args:
        program: The program.
        number: The step.
        inputs: The values that it was run at.
        requires_grad: For each of them, whether it is differentiated with respect to.
        dtype: "float64" or "float32".
        second_order: Whether backward is run through backward.
    """
    wanted = dict(zip(program.names, requires_grad, strict=True))
    values = dict(zip(program.names, inputs, strict=True))

    def outputs_of(other: Program, *, grad: bool) -> list[Any]:
        wants = [grad and wanted[name] for name in other.names]
        ran = forward(other, [values[name] for name in other.names], wants, dtype, Draws(0))
        slopes: list[Any] = list(ran.outputs)
        for _ in range((1 + second_order) * grad):
            ones = list(map(torch.ones_like, slopes))
            slopes = [
                slope
                for slope in torch.autograd.grad(
                    slopes, ran.wanted, ones, allow_unused=True, create_graph=second_order
                )
                if slope is not None and slope.requires_grad
            ] or slopes
        return ran.outputs

    expected: list[Any] | None = None
    with contextlib.suppress(GradcalcError):  # torch may not even have the step
        expected = outputs_of(program, grad=False)
    for candidate in _candidates(program, number):
        with contextlib.suppress(GradcalcError, RuntimeError):
            other = parse(candidate.text, variables=program.names)
            if set(other.names) == set(program.names) and _are_same(
                outputs_of(other, grad=True), expected
            ):
                return candidate.words
    return None


def _are_same(outputs: Sequence[Any], expected: Sequence[Any] | None) -> bool:
    """Whether results are those that are expected, if any are."""
    return expected is None or (
        len(outputs) == len(expected)
        and all(
            one.shape == torch.as_tensor(other).shape
            and torch.allclose(one, torch.as_tensor(other, dtype=one.dtype), equal_nan=True)
            for one, other in zip(outputs, expected, strict=True)
        )
    )


def _candidates(program: Program, number: int) -> Iterator[_Candidate]:
    """What may be written instead, the plainest first."""
    statements = lines(program.text)
    step = program.step(number)
    line = next(each for each in statements if _holds(each.span, step.span))
    tokens = [token for each in statements for token in (*(each.target or ()), *each.tokens)]
    names = {token.spelling for token in tokens}
    draft = _Draft(program.text, tokens, next(name for name in _NAMES if name not in names))
    for candidate in (
        draft.operation(line, step),
        draft.method(line, step),
        draft.copy_before(line, step),
        *draft.copies(program, number),
    ):
        if candidate is not None:
            yield candidate


def _may_be_view(row: Function) -> bool:
    """Whether what it returns may share the memory of its argument."""
    return row.moves or row.name == "detach"


def _holds(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.stop <= outer.stop


class _Draft:
    """A text that is being changed, and a name that is free in it."""

    def __init__(self, text: str, tokens: Sequence[Token], new: str) -> None:
        self._text = text
        self._tokens = tokens
        self._new = new

    def operation(self, line: Line, step: Step) -> _Candidate | None:
        """`z = y*3` for `y *= 3`."""
        target = line.target or []
        if len(target) != 1 or line.sign == "=" or line.span != step.span:
            return None
        sign, right = line.sign.removesuffix("="), line.tokens
        value = self._text[right[0].start : right[-1].stop]
        operator = f" {sign} " if sign in {"+", "-", "@"} else sign
        value = value if _IS_ONE.fullmatch(value) else f"({value})"
        return self._new_tensor(line, target[0], f"{self._piece(target[0])}{operator}{value}")

    def method(self, line: Line, step: Step) -> _Candidate | None:
        """`z = y.mul(3)` for `y.mul_(3)`."""
        within = [token for token in self._tokens if _holds(step.span, token.span)]
        depth, method = 0, None
        for token in within:
            depth += (token.sort == "open") - (token.sort == "close")
            if depth == 0 and token.spelling == f"{step.function}_":
                method = token
        if method is None:
            return None
        before, after = self._text[step.span.start : method.start], method.stop
        piece = f"{before}{step.function}{self._text[after : step.span.stop]}"
        if line.target is None and line.span == step.span and within[0].sort == "name":
            return self._new_tensor(line, within[0], piece)
        words = f"make a new tensor instead: `{piece}`"
        return self._mended([(*step.span, piece)], words, piece)

    def _new_tensor(self, line: Line, old: Token, value: str) -> _Candidate | None:
        statement = f"{self._new} = {value}"
        renamed = self._renamed(old, line.span.stop)
        words = f"make a new tensor instead: `{statement}`"
        words += self._from_there_on(old) if renamed else ""
        return self._mended([(*line.span, statement), *renamed], words, statement)

    def copy_before(self, line: Line, step: Step) -> _Candidate | None:
        """`z = y.clone(); z[0] = 3` for `y[0] = 3`."""
        first = next(token for token in self._tokens if token.start >= step.span.start)
        if first.sort != "name" or first.start != line.span.start:
            return None
        copy = f"{self._new} = {self._piece(first)}.clone()"
        words = f"change a copy instead: `{copy}` before this{self._from_there_on(first)}"
        renamed = self._renamed(first, line.span.start)
        return self._mended([(line.span.start,) * 2 + (f"{copy}; ",), *renamed], words, copy)

    def copies(self, program: Program, number: int) -> Iterator[_Candidate | None]:
        """Copies of what the tensor that is changed may be a part of, from where that is made."""
        base = number
        while base >= program.first_step:
            step = program.step(base)
            if not step.in_place:
                yield self._copy_of(program, base)
            if not (step.in_place or _may_be_view(TABLE[step.function])):
                return
            base = step.args[0]
        yield self._copy_of(program, base)

    def _copy_of(self, program: Program, base: int) -> _Candidate | None:
        span, source = program.span(base), program.source(base)
        if base >= program.first_step:
            words = f"change a copy instead: write `clone({source})` for `{source}`"
            return self._mended([(*span, f"clone({source})")], words, source)
        old = next((token for token in self._tokens if token.span == span), None)
        if old is None:
            return None
        copy = f"{self._new} = {self._piece(old)}.clone()"
        words = f"change a copy instead: begin with `{copy}`{self._from_there_on(old)}"
        return self._mended([(0, 0, f"{copy}; "), *self._renamed(old, 0)], words, copy)

    def _from_there_on(self, old: Token) -> str:
        return f", and {self._new} for {self._piece(old)} from there on"

    def _piece(self, token: Token) -> str:
        return self._text[token.start : token.stop]

    def _renamed(self, old: Token, start: int) -> list[tuple[int, int, str]]:
        """The edits that give the new name to all that has the old one, from a place on."""
        pairs = zip([None, *self._tokens], self._tokens, strict=False)
        return [
            (token.start, token.stop, self._new)
            for before, token in pairs
            if token.spelling == old.spelling
            and token.start >= start
            and (before is None or before.spelling != ".")
        ]

    def _mended(
        self, edits: Sequence[tuple[int, int, str]], words: str, quoted: str
    ) -> _Candidate | None:
        """The text with these edits, unless what would be quoted is too long."""
        if len(quoted) > _QUOTED or "\n" in quoted:
            return None
        text = self._text
        for start, stop, piece in sorted(edits, reverse=True):
            text = text[:start] + piece + text[stop:]
        return _Candidate(text, words)
