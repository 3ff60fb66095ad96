"""A time limit that really stops what is under way.

In: seconds. Out: `TimeUp` is raised in the running code when they are over. sympy and mpmath cannot
be asked to stop, so the operating system's timer interrupts them; that works in the main thread of
a Unix process, elsewhere there is no limit.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

#: Seconds between one ring and the next.
_AGAIN = 0.01

#: The files whose code enters and leaves a block with a limit.
_OWN_FILES = frozenset({__file__, contextlib.__file__})


class TimeUp(BaseException):
    """The time is over.

    No `Exception`, so that no handler in a library takes it for a failure of its own.
    """


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise `TimeUp` in the block when it has run for so many seconds."""
    if (
        seconds is None
        or not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(_number: int, frame: FrameType | None) -> None:
        # Not while the block is entered or left, or the timer would stay on; it rings again.
        if frame is None or frame.f_code.co_filename not in _OWN_FILES:
            raise TimeUp

    def dropped(unraisable: sys.UnraisableHookArgs) -> None:
        # Raised within a finalizer, where Python drops it with a message; it rings again.
        if unraisable.exc_type is not TimeUp:
            tell(unraisable)

    tell, sys.unraisablehook = sys.unraisablehook, dropped
    started = time.monotonic()
    before = signal.signal(signal.SIGALRM, ring)
    # A limit around this one goes on counting; if it is the nearer one, it is the one that counts.
    outer, _ = signal.getitimer(signal.ITIMER_REAL)
    # It rings again, because Python drops what is raised within a finalizer.
    signal.setitimer(signal.ITIMER_REAL, min(seconds, outer) if outer else seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.unraisablehook = tell
        if outer:
            left = max(outer - (time.monotonic() - started), 1e-6)
            signal.setitimer(signal.ITIMER_REAL, left, _AGAIN)
