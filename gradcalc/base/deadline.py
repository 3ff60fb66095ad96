"""A time limit that really stops what is under way.

In: seconds. Out: `TimeUp` is raised in the running code when they are over. sympy and mpmath cannot
be asked to stop, so they are interrupted: in the main thread of a Unix process by the operating
system's timer; in other threads, on Windows, and where the caller has set that timer, by a thread
that watches. Either way it is between two of Python's instructions: what runs in C ends first.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType

from gradcalc.base import limits

#: Seconds between one ring and the next.
_AGAIN = 0.01

#: The files whose code enters and leaves a block with a limit.
_OWN_FILES = frozenset({__file__, contextlib.__file__, threading.__file__})


class TimeUp(BaseException):
    """The time is over.

    No `Exception`, so that no handler in a library takes it for a failure of its own.
    """


@contextlib.contextmanager
def time_limit(seconds: float | None, *, of_processor: bool = False) -> Iterator[None]:
    """Raise `TimeUp` in the block when it has run for so many seconds.

    Args:
        seconds: How many; None for no limit.
        of_processor: Whether only those count that a processor was at work on it, where the system
            says so: then the limit is the same on a busy machine.
    """
    if seconds is None or seconds > limits.FOREVER:
        yield
        return

    def dropped(unraisable: sys.UnraisableHookArgs) -> None:
        # Raised within a finalizer, where Python drops it with a message; it rings again.
        if unraisable.exc_type is not TimeUp:
            tell(unraisable)

    tell, sys.unraisablehook = sys.unraisablehook, dropped
    try:
        with (_timer if _timer_is_ours() else _watcher)(seconds, _clock(of_processor)):
            yield
    finally:
        sys.unraisablehook = tell


def _clock(of_processor: bool) -> Callable[[], float]:
    """What counts the seconds of this thread, in any thread."""
    if of_processor and hasattr(time, "pthread_getcpuclockid"):
        return partial(time.clock_gettime, time.pthread_getcpuclockid(threading.get_ident()))
    return time.monotonic


def _may_ring(frame: FrameType | None) -> bool:
    """Whether a block is not just being entered or left, which would leave the limit on."""
    return frame is not None and frame.f_code.co_filename not in _OWN_FILES


def _timer_is_ours() -> bool:
    """Whether the system's timer can be had: a caller's own must go on."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        return False
    handler = signal.getsignal(signal.SIGALRM)
    is_set = signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0)
    return not is_set or getattr(handler, "__module__", None) == __name__


@contextlib.contextmanager
def _timer(seconds: float, clock: Callable[[], float]) -> Iterator[None]:
    """Let the operating system's timer ring."""

    def ring(_number: int, frame: FrameType | None) -> None:
        over = clock() >= end or (outer and time.monotonic() - started >= outer)
        if over and _may_ring(frame):
            raise TimeUp

    started, end = time.monotonic(), clock() + seconds
    # A limit around this one goes on counting; if it is the nearer one, it is the one that counts.
    outer, _ = signal.getitimer(signal.ITIMER_REAL)
    before = signal.signal(signal.SIGALRM, ring)
    # It rings again, because Python drops what is raised within a finalizer.
    signal.setitimer(signal.ITIMER_REAL, min(seconds, outer) if outer else seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer:
            left = max(outer - (time.monotonic() - started), 1e-6)
            signal.setitimer(signal.ITIMER_REAL, left, _AGAIN)


@contextlib.contextmanager
def _watcher(seconds: float, clock: Callable[[], float]) -> Iterator[None]:
    """Let a thread watch this one, and raise in it."""
    watched, end = threading.get_ident(), clock() + seconds
    gate, over, let_raise = threading.Lock(), threading.Event(), _raiser(watched)

    def watch() -> None:
        pause = seconds
        while not over.wait(pause):
            pause = _AGAIN
            if clock() < end:
                continue
            with gate:
                frame = sys._current_frames().get(watched)  # noqa: SLF001 - documented
                if not over.is_set() and _may_ring(frame):
                    let_raise(TimeUp)

    watcher = threading.Thread(target=watch, name="gradcalc time limit", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        while True:
            try:
                with gate:
                    over.set()
                    let_raise(None)
                break
            except TimeUp:  # it was on its way
                continue
        watcher.join()


def _raiser(thread: int) -> Callable[[type[BaseException] | None], None]:
    """What lets a thread raise before its next instruction of Python; None takes that back."""
    import ctypes

    set_exception, ident = ctypes.pythonapi.PyThreadState_SetAsyncExc, ctypes.c_ulong(thread)

    def let_raise(kind: type[BaseException] | None) -> None:
        set_exception(ident, None if kind is None else ctypes.py_object(kind))

    return let_raise
