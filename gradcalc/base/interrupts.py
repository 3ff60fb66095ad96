"""Ctrl-C: it ends a command at once, unless there is something to clean up.

In: nothing. Out: a handler for the whole of a command, and a block in which an interrupt is raised
as Python raises it. An exception would not do elsewhere: where a module is being imported, it may
be taken for a failure of that.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator


def end_at_once() -> None:
    """Let an interrupt end this process, unless someone else looks after interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Raise an interrupt in the block, which has something to clean up."""
    if signal.getsignal(signal.SIGINT) is not _end:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _end)


def _end(*_: object) -> None:
    os._exit(130)
