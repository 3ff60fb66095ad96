"""The progress of a long run on standard error, if that is a terminal: rate, and time left.

In: how many are answered, and how much of the input that is. Out: a bar where the size of the input
is known, a spinner where it is a pipe.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO

#: Called with the number answered so far, and with how much of the input that is.
Advance = Callable[[int, int], None]


@contextlib.contextmanager
def progress(unit: str, total: int | None, *, shown: bool = True) -> Iterator[Advance]:
    """Show a bar while the block runs; yield what moves it.

    Args:
        unit: What is counted, such as "lines".
        total: How much input there is, in any unit; None where that is not known.
        shown: Whether there is a bar at all.
    """
    if not (shown and sys.stderr.isatty()):
        yield lambda _count, _done: None
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

    sized = total is not None
    bar = Progress(
        *((BarColumn(), TaskProgressColumn()) if sized else (SpinnerColumn(),)),
        TextColumn(f"{{task.fields[count]:,}} {unit}, {{task.fields[rate]:,.0f}}/s"),
        *((TimeRemainingColumn(), TextColumn("left")) if sized else (TimeElapsedColumn(),)),
        console=Console(stderr=True),
        transient=True,
        # Where results go to the same terminal, rich prints them above the bar.
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=True,
    )
    started = time.monotonic()
    with bar:
        task = bar.add_task("", total=total, count=0, rate=0.0)

        def advance(count: int, done: int) -> None:
            rate = count / max(time.monotonic() - started, 1e-3)
            bar.update(task, completed=done, count=count, rate=rate)

        yield advance


def size(streams: Sequence[IO[bytes]]) -> int | None:
    """The bytes of all streams; None unless all are files."""
    total = 0
    for stream in streams:
        try:
            status = os.fstat(stream.fileno())
        except OSError:  # no file of the system's
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        total += status.st_size
    return total
