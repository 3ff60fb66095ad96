"""What goes wrong, said so that the user can mend it.

In: a message, a place in the user's text, a hint. Out: `GradcalcError`, the only exception that
reaches the user. Those that modules raise for each other, such as `TimeUp` and `Lost`, are caught
before. `render.error_text` draws it; nothing here prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from gradcalc import __version__
from gradcalc.base import limits

#: Characters of a corrected text beyond which a hint does not show it.
_SHOWN = 200


class Span(NamedTuple):
    """A half-open range of character offsets into the text that the user typed."""

    start: int
    stop: int

    def to(self, other: Span) -> Span:
        """Return the smallest span that covers both."""
        return Span(min(self.start, other.start), max(self.stop, other.stop))


class Kind(StrEnum):
    """What sort of thing went wrong; scripts rely on these names."""

    USAGE = "usage"
    SYNTAX = "syntax"
    NAME = "name"
    BINDING = "binding"
    SHAPE = "shape"
    LIMIT = "limit"
    AUTOGRAD = "autograd"
    INTERNAL = "internal"


class GradcalcError(Exception):
    """Something that the user can put right; of kind `internal`, something that only we can.

    Attributes:
        kind: The sort of error.
        message: One line, without a full stop, that says what is wrong. It may quote the user, who
            may have typed a megabyte: it is shortened, and so is the hint.
        text: The text in which `span` lies (an expression or a binding); empty if there is none.
        span: Where in `text` it is wrong.
        hint: What to type instead.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        text: str = "",
        span: Span | None = None,
        hint: str | None = None,
    ) -> None:
        message = _shortened(message)
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.text = text
        self.span = span
        self.hint = hint and _shortened(hint)

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception's own way hands the constructor its message only.
        return _remade, (self.kind, self.message, self.text, self.span, self.hint)

    @property
    def exit_code(self) -> int:
        """2 for what the user can put right; 70, EX_SOFTWARE of sysexits.h, for our own errors."""
        return 70 if self.kind is Kind.INTERNAL else 2

    def within(self, text: str, start: int, kind: Kind | None = None) -> GradcalcError:
        """The same error, where what it is about is a part of a longer text.

        Args:
            text: The longer text.
            start: Where in it the part begins.
            kind: The kind that it is then; the same if None.
        """
        span = self.span and Span(self.span.start + start, self.span.stop + start)
        return GradcalcError(kind or self.kind, self.message, text=text, span=span, hint=self.hint)

    @property
    def line(self) -> int | None:
        """Line of the error within `text`, counted from 1."""
        if self.span is None:
            return None
        return self.text.count("\n", 0, self.span.start) + 1

    @property
    def column(self) -> int | None:
        """Column of the error within its line, counted from 1."""
        if self.span is None:
            return None
        return self.span.start - (self.text.rfind("\n", 0, self.span.start) + 1) + 1


def reason(problem: OSError, otherwise: str) -> str:
    """Why the system refused, as part of a message; it does not always say."""
    return (problem.strerror or otherwise).lower()


def no_file(path: Path) -> str:
    """What is wrong with a path that leads to no regular file, as a message.

    Raises:
        OSError: If that cannot be found out.
    """
    if path.is_dir():
        return f"`{path}` is a directory"
    if path.exists():
        return f"`{path}` is no file but a pipe or a device"
    return f"there is no file `{path}`"


class MendableError(GradcalcError):
    """An error for which corrected texts are at hand; its hint shows those that are in order.

    Attributes:
        lead: What the hint says before the corrected texts.
        corrected: Texts, or pieces of the text, that may be what was meant; none that is too long.
        replaces: Whether what stands at `span` stands there by mistake; else they have its names.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        text: str,
        span: Span,
        lead: str,
        corrected: tuple[str, ...],
        hint: str | None = None,
        replaces: bool = False,
    ) -> None:
        super().__init__(kind, message, text=text, span=span, hint=hint)
        self.lead = lead
        self.replaces = replaces
        self.corrected = tuple(p for p in corrected if len(p) <= _SHOWN and "\n" not in p)

    def show(self, sound: Sequence[str]) -> None:
        """Put the corrected texts that are in order into the hint; without any it stays."""
        if sound:
            self.hint = f"{self.lead} {' or '.join(sound)}"


def too_little_memory() -> GradcalcError:
    """What a MemoryError is to the user."""
    message = "there is too little memory for this"
    return GradcalcError(Kind.LIMIT, message, hint="make it smaller")


def internal_error(problem: BaseException, asked: str) -> GradcalcError:
    """An exception that gradcalc should not have raised, in words for whoever is to mend it.

    Args:
        problem: The exception, with its traceback.
        asked: What is to be reported with it, such as the command.
    """
    place, trace = "", problem.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.startswith("gradcalc."):
            place = f" in {module}, line {trace.tb_lineno}"
        trace = trace.tb_next
    where = f"internal error: {type(problem).__name__}{place}: "
    error = GradcalcError(Kind.INTERNAL, f"{where}{problem}".rstrip(": ."))
    # Only what is asked may be cut, and late: a report needs all of it.
    asked = _shortened(asked, limits.REPORTED_LENGTH)
    error.hint = f"please report it, with gradcalc {__version__} and {asked}"
    return error


def _remade(
    kind: Kind, message: str, text: str, span: Span | None, hint: str | None
) -> GradcalcError:
    """An error that was pickled, on its way from one process to another."""
    return GradcalcError(kind, message, text=text, span=span, hint=hint)


def _shortened(text: str, length: int = limits.MESSAGE_LENGTH) -> str:
    """Both ends of a text that is too long."""
    half = length // 2
    return text if len(text) <= length else f"{text[:half]} … {text[-half:]}"
