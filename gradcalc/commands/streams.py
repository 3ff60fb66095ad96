"""Standard output and standard error, as the commands use them.

In: text. Out: text where it belongs, in colour where that is wanted.
"""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import os
import shutil
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, NoReturn

from gradcalc.base import interrupts, limits
from gradcalc.base.errors import GradcalcError, Kind, reason
from gradcalc.render import Drawn, Start, warning_text

#: Seconds within which somebody must begin to read a pipe, and those between looks.
_PATIENCE = 5.0
_GLANCE = 0.05


def open_streams() -> None:
    """Get the standard streams into order."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before we began
            # What is written to standard output fails then, as it does for other programs.
            rights = os.O_WRONLY if name == "stderr" else os.O_RDONLY
            stream = os.fdopen(os.open(os.devnull, rights), mode, encoding="utf-8")
            # Its number is the one that was free. Our processes need it too, lest what they open
            # gets that number, and what is printed.
            os.set_inheritable(stream.fileno(), True)  # noqa: FBT003 - it takes no name
            setattr(sys, name, stream)
        # A terminal that lacks a character shows its code instead of failing. What goes into a file
        # or a pipe is UTF-8, whatever the locale is: XML says so, and CSV has no codes.
        encoding = "utf-8" if name == "stdout" and not stream.isatty() else None
        if name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        # PYTHONUNBUFFERED: Python then drops what a signal, or a full pipe, cuts off a write.
        sys.stdout = open(  # noqa: SIM115 - it stays open
            sys.stdout.fileno(),
            "w",
            encoding=sys.stdout.encoding,
            errors="backslashreplace",
            closefd=False,
        )


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
        with interrupts.Held():
            sys.stdout.write(text)
            sys.stdout.flush()
    except BrokenPipeError:
        raise ClosedPipe from None
    except OSError as problem:
        drop_output()
        why = reason(problem, "it cannot be written")
        raise GradcalcError(Kind.USAGE, f"standard output: {why}") from None


@contextlib.contextmanager
def writing(
    output: str | None, inputs: Iterable[str] = (), *, twice: bool = False
) -> Iterator[Callable[[Drawn], None]]:
    """Yield what writes to a file, or to standard output.

    A file is written beside its place, with `.partial` after its name. It takes its place when it
    is complete; until then, what stood there stays. If it never is, standard error names it.

    Args:
        output: The file's name; None for standard output.
        inputs: The names of files that are read meanwhile; - is standard input.
        twice: Whether the beginning is written again at the end.

    Raises:
        ClosedPipe: If whoever reads it has gone.
        GradcalcError: If it cannot be written, is an input, or is a pipe that nobody reads.
    """
    refuse_inputs(output, inputs)
    if output is None:
        yield lambda drawn: write(str(drawn))
        return

    def put(drawn: Drawn) -> None:
        if isinstance(drawn, Start):
            file.seek(0)
        file.write(drawn if isinstance(drawn, bytes) else drawn.encode())

    place = Path(output)
    # A pipe or a device takes what it gets; a directory refuses.
    in_place = place.exists() and not place.is_file()
    if not in_place and place.is_symlink():
        place = Path(os.path.realpath(output))
        if place.is_symlink():  # links that lead round in a circle
            why = os.strerror(errno.ELOOP).lower()
            raise GradcalcError(Kind.USAGE, f"{output}: {why}", hint="choose another -o")
    if twice and in_place and not place.is_dir():
        message = f"{output} is no file; the beginning of this format is written when all is known"
        raise GradcalcError(Kind.USAGE, message, hint="name a new file, or a pipe ending in .csv")
    try:
        with _opened_in_place(place) if in_place else _replacing(place) as file:
            yield put
    except BrokenPipeError:
        raise ClosedPipe from None
    except OSError as problem:
        why = reason(problem, "it cannot be written")
        raise GradcalcError(Kind.USAGE, f"{output}: {why}") from None


def _opened_in_place(place: Path) -> IO[bytes]:
    """A pipe or a device, open; of a pipe somebody must begin to read within some seconds."""
    until = time.monotonic() + _PATIENCE
    while place.is_fifo():
        try:
            number = os.open(place, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as problem:
            if problem.errno != errno.ENXIO:
                raise
            if time.monotonic() > until:
                raise GradcalcError(
                    Kind.USAGE,
                    f"{place} is a pipe that nobody reads",
                    hint=f"start its reader first, as in: cat {place} &",
                ) from None
            time.sleep(_GLANCE)
        else:
            os.set_blocking(number, True)
            return os.fdopen(number, "wb")
    return place.open("wb")


def refuse_inputs(output: str | None, inputs: Iterable[str]) -> None:
    """Refuse to write to a file that is read, whatever name, link or stream leads to it.

    Args:
        output: The name of a file; None for standard output. Messages go to standard error.
        inputs: As in `writing`.
    """
    written = {output or "standard output": output or sys.stdout, "standard error": sys.stderr}
    for name in inputs:
        theirs = _status(sys.stdin if name == "-" else name)
        for shown, file in written.items():
            ours = _status(file)
            if ours is None or theirs is None or not stat.S_ISREG(ours.st_mode):
                continue
            if os.path.samestat(ours, theirs):
                message = f"{shown} is an input of this run, and would be written to"
                hint = "choose another -o" if output else "send it to another file"
                raise GradcalcError(Kind.USAGE, message, hint=hint)


def _status(file: str | IO[str] | None) -> os.stat_result | None:
    """What the system knows of a file; None if there is none."""
    try:
        return os.stat(file if isinstance(file, str) else file.fileno()) if file else None  # noqa: PTH116 - a number too
    except OSError:
        return None


@contextlib.contextmanager
def _replacing(place: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place, with the rights of what stood there, when it is complete."""
    before = _status(str(place))
    if before is not None and not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    partial, file = _beside(place)
    try:
        with interrupts.Raised(), terminated_by_exception(), file:
            if before is not None:
                _give_rights(partial, before)
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(place)
    except BaseException:
        _tell_of(partial, place, before)
        raise


def _beside(place: Path) -> tuple[Path, IO[bytes]]:
    """A new file beside the place, whose name says that it is not complete."""
    name = place.name if len(os.fsencode(place.name)) < 240 else place.name[:60]
    for number in itertools.count(1):
        partial = place.with_name(f"{name}{f'.{number}' if number > 1 else ''}.partial")
        try:
            return partial, partial.open("xb")
        except FileExistsError:  # of another run
            continue
        except OSError as problem:
            raise GradcalcError(
                Kind.USAGE,
                f"no file can be made in {place.parent}: {reason(problem, 'refused')}",
                hint="choose another -o; answers are written beside it until they are complete",
            ) from None
    raise AssertionError


def _give_rights(partial: Path, before: os.stat_result) -> None:
    if hasattr(os, "chown"):  # not on Windows
        with contextlib.suppress(OSError):  # only root may give files away
            os.chown(partial, before.st_uid, before.st_gid)
    partial.chmod(stat.S_IMODE(before.st_mode))


@contextlib.contextmanager
def terminated_by_exception() -> Iterator[None]:
    """Let the signals to terminate, and of a terminal that closes, raise an exception."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    with contextlib.ExitStack() as undone:
        for name in ("SIGTERM", "SIGHUP"):  # Windows has but the first
            number = getattr(signal, name, None)
            # What `nohup` lets us ignore stays ignored.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                undone.callback(signal.signal, number, signal.signal(number, stop))
        yield


def _tell_of(partial: Path, place: Path, before: os.stat_result | None) -> None:
    """Say where the answers are that never were complete; without any, leave nothing."""
    left = _status(str(partial))
    if left is None:
        return
    if not left.st_size:
        partial.unlink()
        return
    rest = "was not made" if before is None else "is as it was"
    warning = f"{partial} holds what was written until then; {place} {rest}"
    tell(warning_text(warning, color=use_color(sys.stderr)))


def drop_output() -> None:
    """Let what is left for standard output vanish; Python would complain of it on exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(text: str) -> None:
    """Write to standard error."""
    sys.stderr.write(text)


def warn(warnings: Iterable[str]) -> None:
    """Write warnings to standard error."""
    for warning in warnings:
        tell(warning_text(warning, color=use_color(sys.stderr)))


def opened(name: str) -> IO[bytes]:
    """A file of that name, to read; - is standard input."""
    if name == "-":
        try:
            # A stream of our own: a thread may wait for it when Python closes that of `sys`.
            return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
        except OSError:
            return sys.stdin.buffer
    if not name:
        message = "the name of a file is empty"
        raise GradcalcError(Kind.USAGE, message, hint="name a file, or - for standard input")
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
    return (expr or "").rstrip("\r\n")


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
