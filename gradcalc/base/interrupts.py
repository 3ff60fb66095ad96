"""Ctrl-C: it ends a command at once, unless there is something to clean up.

In: nothing. Out: a handler for the whole of a command, and a block in which an interrupt is raised
as Python raises it. An exception would not do elsewhere: where a module is being imported, it may
be taken for a failure of that. It imports next to nothing, because it has to be there first.
"""

from __future__ import annotations

import os
import signal
from typing import Any


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


class Held:
    """A block that no signal cuts in two: the first one takes effect behind it, the next at once.

    A write is such a block: what a pipe has taken of a line, nobody can take back.
    """

    def __enter__(self) -> None:
        import threading

        self._came: int | None = None
        self._inside = True
        self._handlers: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows has but the first two
                number = getattr(signal, name, None)
                if number is not None and callable(signal.getsignal(number)):
                    self._handlers[number] = signal.signal(number, self._hold)

    def __exit__(self, *_: object) -> None:
        self._inside = False
        self._restore()
        if self._came is not None:
            signal.raise_signal(self._came)

    def _hold(self, number: int, _: object) -> None:
        self._restore()
        if self._inside:
            self._came = number
        else:
            signal.raise_signal(number)

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)


def _end(*_: object) -> None:
    os._exit(130)
