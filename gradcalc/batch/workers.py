"""Processes of their own, in which a call may hang, run out of memory or crash.

In: a generator function and its arguments, as pickle takes them. Out: what it yields, one by one;
or `Lost`, when the process says nothing for too long or is gone. It is replaced then. Knows nothing
of what is called.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection
from pathlib import Path
from typing import Any

from gradcalc.base import limits

#: Where there is a fork server, it imports once what all workers need, and forks them from that:
#: a new one is there at once. A fork of this process, which has threads, would not be safe.
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"

#: Seconds within which a new process must be there; importing torch takes one or two.
_START = 120.0

#: Seconds for which results are gathered: a message of its own for each takes longer than most.
_GATHERED = 0.02

_RESULTS, _END, _FAILED = range(3)


class Lost(Exception):  # noqa: N818 - it says what happened, in plain words
    """A call did not come to its end; the message says how it went."""


class Worker:
    """One process, which does one call at a time."""

    def __init__(self, prepare: Callable[[], None]) -> None:
        context: Any = multiprocessing.get_context(_METHOD)
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, prepare), daemon=True)
        with _may_have_children():
            self._process.start()
        other.close()

    def results(
        self, seconds: float | None, function: Callable[..., Iterator[Any]], *arguments: Any
    ) -> Iterator[Any]:
        """Yield what the function yields over there.

        Args:
            seconds: How long each of its results may take; None for ever. Results that take little
                come together; those that were not sent when the process is lost are lost too.
            function: It is found by its module and name, so it must have one.
            arguments: What it is called with.

        Raises:
            Lost: If the process is silent for longer, or dies, or the function raises.
        """
        try:
            self._pipe.send((function, arguments))
            while True:
                kind, value = self._received(seconds)
                if kind == _FAILED:
                    raise Lost(f"failed: {value}")
                yield from value
                if kind == _END:
                    return
        except (EOFError, OSError):
            raise Lost(f"ended its process, {self._cause()}") from None

    def wait(self) -> None:
        """Wait until the process is ready."""
        try:
            self._received(_START)
        except (EOFError, OSError):
            raise Lost(f"got no process, {self._cause()}") from None

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def stop(self) -> None:
        """End the process while another thread may be waiting for it: that gets `Lost`."""
        self._process.kill()

    def _received(self, seconds: float | None) -> tuple[int, Any]:
        if not self._pipe.poll(seconds):
            raise Lost(f"was stopped after {seconds:g} s")
        message: tuple[int, Any] = self._pipe.recv()
        return message

    def _cause(self) -> str:
        """How the process ended."""
        self._process.join(1)
        code = self._process.exitcode
        if code is not None and code < 0:
            # What memory the system is out of, its killer of processes frees by SIGKILL.
            return f"by {signal.Signals(-code).name}"
        return f"with exit code {code}"


class Workers:
    """Processes that are lent to threads, each to one at a time."""

    def __init__(self, prepare: Callable[[], None]) -> None:
        self._prepare = prepare
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._closed = False

    @contextlib.contextmanager
    def lent(self) -> Iterator[Worker]:
        """Lend a process; it comes back for the next one unless it fails.

        Raises:
            Lost: If there are none any more.
        """
        with self._lock:
            if self._closed:
                raise Lost("was given up")
            new = not self._idle
            worker = Worker(self._prepare) if new else self._idle.pop()
            self._all.add(worker)
        try:
            if new:
                worker.wait()
            yield worker
        except BaseException:
            worker.kill()
            with self._lock:
                self._all.discard(worker)
            raise
        with self._lock:
            self._idle.append(worker)

    @property
    def closed(self) -> bool:
        """Whether there are none any more."""
        return self._closed

    def close(self) -> None:
        """End all processes; calls that are under way get `Lost`."""
        with self._lock:
            self._closed = True
            for worker in self._all:
                worker.stop()


def start_server(preload: str) -> None:
    """Start the fork server, if there is one, with a module that it imports beforehand."""
    if _METHOD != "forkserver":
        return
    from multiprocessing import forkserver

    # It is a fresh interpreter: it must find the modules that we have, and none beside them that
    # happens to lie in the user's directory. Ctrl-C is for us; it must not even see it.
    path = os.pathsep.join(filter(None, sys.path))
    multiprocessing.set_forkserver_preload([preload])
    with _environment(PYTHONPATH=path, PYTHONSAFEPATH="1"), _interrupts_blocked():
        forkserver.ensure_running()


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _may_have_children() -> Iterator[None]:
    """Let a process have children that is a daemon itself, as those of a Dask worker are.

    What is forbidden to it would be orphans; ours end with it.
    """
    process = multiprocessing.current_process()
    daemon = process.daemon
    if daemon:
        process.daemon = False
    try:
        yield
    finally:
        if daemon:
            process.daemon = True


# --- In the worker --------------------------------------------------------------------------------


def _serve(pipe: connection.Connection, prepare: Callable[[], None]) -> None:
    """Do calls until there is nobody who asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare()
    _bound_memory()
    pipe.send((_END, []))
    # When the other end is gone, so is what we are for.
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            function, arguments = pipe.recv()
            _do(pipe, function(*arguments))


def _do(pipe: connection.Connection, results: Iterator[Any]) -> None:
    """Send the results of a call, and how it ended."""
    gathered: list[Any] = []
    sent = time.monotonic()
    try:
        for result in results:
            gathered.append(result)
            if time.monotonic() - sent > _GATHERED:
                pipe.send((_RESULTS, gathered))
                gathered, sent = [], time.monotonic()
    except BrokenPipeError:
        raise
    except Exception as problem:  # noqa: BLE001 - it is told, and costs only this call
        pipe.send((_RESULTS, gathered))
        pipe.send((_FAILED, f"{type(problem).__name__}: {problem}"))
    else:
        pipe.send((_END, gathered))


def _end_with_parent() -> None:
    """End when the parent is gone, even by SIGKILL, and whatever is under way."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _bound_memory() -> None:
    """Let this process take only so much memory from now on; beyond, Python has a MemoryError."""
    sizes = Path("/proc/self/statm")
    if not sizes.exists():
        return
    import resource

    now = int(sizes.read_text("ascii").split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = now + limits.WORKER_MEMORY
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
