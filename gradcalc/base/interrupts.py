"""Ctrl-C: it ends a command at once, unless there is something to clean up.

In: nothing. Out: a handler for the whole of a command, and a block in which an interrupt is raised
as Python raises it. An exception would not do elsewhere: where a module is being imported, it may
be taken for a failure of that. It imports next to nothing, because it has to be there first.
"""

from __future__ import annotations

import os
import signal


def end_at_once() -> None:
    """Let an interrupt end this process, unless someone else looks after interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


class Raised:
    """A block in which an interrupt is raised, because there is something to clean up."""

    def __enter__(self) -> None:
        self._ours = signal.getsignal(signal.SIGINT) is _end
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, _end)


def _end(*_: object) -> None:
    os._exit(130)
