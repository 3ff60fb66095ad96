"""Standard output and standard error, as the commands use them.

In: text. Out: text where it belongs, in colour where that is wanted.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, reason
from gradcalc.render import Drawn, Start, warning_text

if TYPE_CHECKING:
    from gradcalc.results.report import Report


def open_streams() -> None:
    """Get the standard streams into order."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before we began
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123, SIM115 - as Python opens them
            # Its number is the one that was free. Our processes need it too, lest what they open
            # gets that number, and what is printed.
            os.set_inheritable(stream.fileno(), True)  # noqa: FBT003 - it takes no name
            setattr(sys, name, stream)
        # A terminal that lacks a character shows its code instead of failing.
        if name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def use_color(stream: IO[str]) -> bool:
    """Whether a stream gets colour: see https://no-color.org and https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def columns() -> int | None:
    """Columns of the terminal; None where output goes elsewhere and is not to be wrapped."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class ClosedPipe(Exception):  # noqa: N818 - no error, nor an OSError: typer would exit with 1
    """Whoever read our output has gone."""


def write(text: str) -> None:
    """Write to standard output, and let it out.

    Raises:
        ClosedPipe: If whoever reads it has gone.
        GradcalcError: If it cannot be written, such as on a full disk.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise ClosedPipe from None
    except OSError as problem:
        drop_output()
        why = reason(problem, "it cannot be written")
        raise GradcalcError(Kind.USAGE, f"standard output: {why}") from None


@contextlib.contextmanager
def writing(output: str | None) -> Iterator[Callable[[Drawn], None]]:
    """Yield what writes to a file, which is made anew; or to standard output.

    Args:
        output: The file's name; None for standard output.

    Raises:
        ClosedPipe: If whoever reads it has gone.
        GradcalcError: If it cannot be written.
    """
    if output is None:
        yield lambda drawn: write(str(drawn))
        return

    def put(drawn: Drawn) -> None:
        if isinstance(drawn, Start):
            file.seek(0)
        file.write(drawn if isinstance(drawn, bytes) else drawn.encode())

    try:
        with Path(output).open("wb") as file:
            yield put
    except BrokenPipeError:
        raise ClosedPipe from None
    except OSError as problem:
        why = reason(problem, "it cannot be written")
        raise GradcalcError(Kind.USAGE, f"{output}: {why}") from None


def drop_output() -> None:
    """Let what is left for standard output vanish; Python would complain of it on exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(text: str) -> None:
    """Write to standard error."""
    sys.stderr.write(text)


def warn(report: Report) -> None:
    """Write a report's warnings to standard error."""
    for warning in report.warnings:
        tell(warning_text(warning, color=use_color(sys.stderr)))


def opened(name: str) -> IO[bytes]:
    """A file of that name, to read; - is standard input."""
    if name == "-":
        try:
            # A stream of our own: a thread may wait for it when Python closes that of `sys`.
            return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
        except OSError:
            return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as problem:
        why = reason(problem, "it cannot be read")
        raise GradcalcError(
            Kind.USAGE, f"{name}: {why}", hint="give the name of a file, or - for standard input"
        ) from None


def program_text(expr: str | None, file: str | None = None) -> str:
    """The program itself, or what standard input or the file holds.

    Raises:
        GradcalcError: If there is none, or two, or it is no text.
    """
    if (expr is None) == (file is None):
        message = "there is no program" if expr is None else "a program is given twice"
        raise GradcalcError(
            Kind.USAGE, message, hint='write one, as in "u**3 + v**2", or name a --file'
        )
    if file is not None:
        with opened(file) as stream:
            return _decoded(stream.read(limits.TEXT_LENGTH * 4 + 1), file)
    if expr == "-":
        return _decoded(sys.stdin.buffer.read(limits.TEXT_LENGTH * 4 + 1), "standard input")
    return (expr or "").removeprefix(" ").rstrip("\r\n")


def _decoded(raw: bytes, source: str) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise GradcalcError(
            Kind.SYNTAX,
            f"{source}: byte {problem.start + 1} is not UTF-8",
            hint="save it as UTF-8",
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
