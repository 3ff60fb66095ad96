"""The progress of a batch on standard error, if that is a terminal: rate, and time left.

In: how many lines are answered, and how much of the input that is. Out: a bar where the input's
size is known, a spinner where it is a pipe.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO

#: Called with the number of lines answered so far, and the bytes of the input that they are.
Advance = Callable[[int, int], None]


@contextlib.contextmanager
def progress(streams: Sequence[IO[bytes]]) -> Iterator[Advance]:
    """Show a bar while the block runs; yield what moves it."""
    if not sys.stderr.isatty():
        yield lambda _lines, _bytes: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    total = _size(streams)
    known = (BarColumn(), TaskProgressColumn()) if total is not None else (SpinnerColumn(),)
    left = (TimeRemainingColumn(), TextColumn("left")) if total is not None else ()
    bar = Progress(
        *known,
        TextColumn("{task.fields[lines]:,} lines, {task.fields[rate]:,.0f}/s"),
        *(left or (TimeElapsedColumn(),)),
        console=Console(stderr=True),
        transient=True,
        # Where results go to the same terminal, rich prints them above the bar.
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=True,
    )
    started = time.monotonic()
    with bar:
        task = bar.add_task("", total=total, lines=0, rate=0.0)

        def advance(lines: int, done: int) -> None:
            rate = lines / max(time.monotonic() - started, 1e-3)
            bar.update(task, completed=done, lines=lines, rate=rate)

        yield advance


def _size(streams: Sequence[IO[bytes]]) -> int | None:
    """The bytes of all streams; None unless all are files."""
    total = 0
    for stream in streams:
        try:
            found = os.fstat(stream.fileno())
        except OSError:  # no file of the system's
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        total += found.st_size
    return total
