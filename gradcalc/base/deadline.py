"""A time limit that really stops what is under way.

In: seconds. Out: `TimeUp` is raised in the running code when they are over. sympy cannot be
asked to stop, so it is interrupted: in the main thread of a Unix process by the operating system's
timer; in other threads, on Windows, and where the caller has set that timer, by a thread that
watches. Either way it is between two of Python's instructions: what runs in C ends first.
Work in a thread of its own is stopped in the same way.
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
from typing import TypeVar

from gradcalc.base import limits

_Result = TypeVar("_Result")

#: Seconds between one ring and the next.
_AGAIN = 0.01

#: Seconds after which who waits for a thread looks whether there is a Ctrl-C.
_WAKE = 0.1

#: The files whose code enters and leaves a block with a limit.
_OWN_FILES = frozenset({__file__, contextlib.__file__, threading.__file__})

#: What imports modules, and what a limit is made of: all that they call is to end, too.
_TO_END = frozenset(
    {__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>"}
)

#: How many limits are on, in all threads; what told of unraisable exceptions before the first.
_limits, _tell = 0, sys.unraisablehook
_counting = threading.RLock()


class TimeUp(BaseException):
    """The time is over.

    No `Exception`, so that no handler in a library takes it for a failure of its own.
    """


@contextlib.contextmanager
def time_limit(seconds: float | None, *, of_processor: bool = False) -> Iterator[None]:
    """Raise `TimeUp` in the block when it has run for so many seconds.

    Args:
        seconds: How many; None for no limit. If there are none left, the block is not begun.
        of_processor: Whether only those count that a processor was at work on it, where the system
            says so: then the limit is the same on a busy machine.
    """
    if seconds is None or seconds > limits.FOREVER:
        yield
        return
    if seconds <= 0:
        raise TimeUp

    block = sys._getframe(2)  # noqa: SLF001 - documented; between is contextlib's
    with (
        _unraisable_dropped(),
        (_timer if _timer_is_ours() else _watcher)(seconds, _clock(of_processor), block),
    ):
        yield


@contextlib.contextmanager
def _unraisable_dropped() -> Iterator[None]:
    """Say nothing of a `TimeUp` within a finalizer, where Python drops it; it rings again.

    There is one hook for all threads, and their limits end in any order: the first puts ours
    there, and the last takes it away.
    """
    global _limits, _tell  # noqa: PLW0603 - as the hook is
    with _counting:
        _limits += 1
        if sys.unraisablehook is not _drop:
            _tell, sys.unraisablehook = sys.unraisablehook, _drop
    try:
        yield
    finally:
        with _counting:
            _limits -= 1
            if not _limits and sys.unraisablehook is _drop:
                sys.unraisablehook = _tell


def _drop(unraisable: sys.UnraisableHookArgs) -> None:
    if unraisable.exc_type is not TimeUp:
        _tell(unraisable)


def _clock(of_processor: bool) -> Callable[[], float]:
    """What counts the seconds of this thread, in any thread."""
    if of_processor and hasattr(time, "pthread_getcpuclockid"):
        return partial(time.clock_gettime, time.pthread_getcpuclockid(threading.get_ident()))
    return time.monotonic


def _may_ring(frame: FrameType | None, block: FrameType) -> bool:
    """Whether a thread may be stopped there.

    Not where a block is just being entered or left, which would leave the limit on; and not in an
    import, which would leave half a module to all that is asked later.

    Args:
        frame: Where the thread is.
        block: The frame that has the limit, or has called the work of its own thread.
    """
    if frame is None or frame.f_code.co_filename in _OWN_FILES:
        return False
    while frame is not None and frame is not block:
        if frame.f_code.co_filename in _TO_END:
            return False
        frame = frame.f_back
    return True


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
def _timer(seconds: float, clock: Callable[[], float], block: FrameType) -> Iterator[None]:
    """Let the operating system's timer ring."""

    def ring(_number: int, frame: FrameType | None) -> None:
        over = clock() >= end or (outer and time.monotonic() - started >= outer)
        if over and _may_ring(frame, block):
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
def _watcher(seconds: float, clock: Callable[[], float], block: FrameType) -> Iterator[None]:
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
                if not over.is_set() and _may_ring(frame, block):
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


def in_thread(work: Callable[[], _Result]) -> _Result:
    """Call something in a thread of its own, and wait for it.

    What interrupts the waiting, such as Ctrl-C, stops the work.

    Returns:
        What it returns; what it raises is raised here.
    """
    returned: list[_Result] = []
    raised: list[BaseException] = []
    running: list[FrameType] = []
    over = threading.Event()

    def run() -> None:
        try:
            running.append(sys._getframe())  # noqa: SLF001 - documented
            returned.append(work())
        except BaseException as problem:  # noqa: BLE001 - it is raised where it was called
            raised.append(problem)
        finally:
            over.set()

    thread = threading.Thread(target=run, name="gradcalc", daemon=True)
    try:
        thread.start()
        # Windows interrupts no thread that waits for ever; and who is interrupted when it joins
        # another takes that for ended in Python 3.11.
        while not over.wait(_WAKE):
            pass
    except BaseException:
        let_raise = _raiser(thread.ident or 0)
        with _unraisable_dropped():
            while thread.is_alive() and not over.wait(_AGAIN):
                frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - documented
                if running and _may_ring(frame, running[0]):
                    let_raise(TimeUp)
        raise
    thread.join()
    try:
        if raised:
            raise raised[0]
        return returned[0]
    finally:
        raised.clear()  # it has the frames that would have it
        running.clear()


def _raiser(thread: int) -> Callable[[type[BaseException] | None], None]:
    """What lets a thread raise before its next instruction of Python; None takes that back."""
    import ctypes

    set_exception, ident = ctypes.pythonapi.PyThreadState_SetAsyncExc, ctypes.c_ulong(thread)

    def let_raise(kind: type[BaseException] | None) -> None:
        set_exception(ident, None if kind is None else ctypes.py_object(kind))

    return let_raise
