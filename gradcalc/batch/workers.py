"""Processes of their own, in which a call may hang, run out of memory or crash.

In: a generator function and its arguments, as pickle takes them. Out: what it yields, one by one
or as it comes; or `Lost`, when the process says nothing for too long or is gone. It is replaced
then. Knows nothing of what is called.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.util
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any

from gradcalc.base import limits

#: Where there is a fork server, it imports once what all workers need, and forks them from that:
#: a new one is there at once. A fork of this process, which has threads, would not be safe.
_method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"

#: Bytes that the name of a directory for sockets may have.
_DIRECTORY = 50

#: Seconds within which a new process must be there; importing torch takes one or two.
_START = 120.0

#: Seconds for which results are gathered: a message of its own for each takes longer than most.
_GATHERED = 0.02

_RESULTS, _END, _FAILED = range(3)


#: Starts of a process that fail one after the other before nobody tries any more.
_STARTS = 3


class Lost(Exception):  # noqa: N818 - it says what happened, in plain words
    """A call did not come to its end; the message says how it went.

    Attributes:
        excused: Whether it may have been through no fault of the call's: its process died.
    """

    def __init__(self, message: str, *, excused: bool = False) -> None:
        super().__init__(message)
        self.excused = excused


class NoWorkers(Exception):  # noqa: N818 - it says what is, not who erred
    """No process can be started; the message says why."""


class Worker:
    """One process, which does one call at a time."""

    def __init__(self, prepare: Callable[[], None]) -> None:
        context: Any = multiprocessing.get_context(_method)
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, prepare), daemon=True)
        with _may_have_children():
            self._process.start()
        other.close()

    def results(
        self, seconds: float | None, function: Callable[..., Iterator[Any]], *arguments: Any
    ) -> Iterator[Any]:
        """Yield what the function yields over there: see `messages`."""
        for message in self.messages(seconds, function, *arguments):
            yield from message

    def messages(
        self, seconds: float | None, function: Callable[..., Iterator[Any]], *arguments: Any
    ) -> Iterator[Sequence[Any]]:
        """Yield what the function yields over there, as many results at a time as come together.

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
                yield value
                if kind == _END:
                    return
        except (EOFError, OSError):
            raise Lost(f"ended its process, {self._cause()}", excused=True) from None

    def wait(self) -> None:
        """Wait until the process is ready."""
        try:
            kind, value = self._received(_START)
        except (EOFError, OSError):
            raise Lost(f"it ended {self._cause()}") from None
        if kind == _FAILED:
            raise Lost(value)

    def kill(self) -> None:
        """End the process, whatever it does."""
        _wake_server()  # it tells of the end
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
            names = {number.value: number.name for number in signal.Signals}
            return f"by {names.get(-code, f'signal {-code}')}"
        return f"with exit code {code}"


class Workers:
    """Processes that are lent to threads, each to one at a time."""

    def __init__(self, prepare: Callable[[], None]) -> None:
        self._prepare = prepare
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._starting = 0
        self._closed = False

    @contextlib.contextmanager
    def lent(self) -> Iterator[Worker]:
        """Lend a process; it comes back for the next one unless it fails.

        Raises:
            Lost: If there are none any more.
            NoWorkers: If none can be started.
        """
        with self._lock:
            self._check_open()
            worker = self._idle.pop() if self._idle else None
        worker = worker or self._started()
        try:
            yield worker
        except BaseException:
            self._drop(worker)
            raise
        with self._lock:
            self._idle.append(worker)

    @property
    def closed(self) -> bool:
        """Whether there are none any more."""
        return self._closed

    def close(self) -> None:
        """End all processes; calls that are under way get `Lost`."""
        _wake_server()
        with self._lock:
            self._closed = True
            for worker in self._all:
                worker.stop()
            if self._starting:
                # Who waits for the fork server would wait until it has imported all.
                _kill_server()

    def _check_open(self) -> None:
        if self._closed:
            raise Lost("was given up")

    def _started(self) -> Worker:
        """A new process, ready; one that was killed on its way there is replaced."""
        for tries_left in reversed(range(_STARTS)):
            worker = None
            with self._lock:
                self._check_open()
                self._starting += 1
            try:
                worker = self._new()
                worker.wait()
            except (Lost, EOFError, OSError) as problem:
                if worker is not None:
                    self._drop(worker)
                with self._lock:
                    self._check_open()
                if not tries_left:
                    raise NoWorkers(str(problem) or "it ended at once") from None
            else:
                return worker
            finally:
                with self._lock:
                    self._starting -= 1
        raise AssertionError

    def _new(self) -> Worker:
        _wake_server()
        worker = Worker(self._prepare)
        with self._lock:
            self._all.add(worker)
            if self._closed:
                worker.stop()
        return worker

    def _drop(self, worker: Worker) -> None:
        worker.kill()
        with self._lock:
            self._all.discard(worker)


def start_server(preload: str) -> None:
    """Start the fork server, if there is one, with a module that it imports beforehand."""
    global _method  # noqa: PLW0603 - there is one fork server for a process
    if _method != "forkserver":
        return
    from multiprocessing import forkserver, resource_tracker

    # It is a fresh interpreter: it must find the modules that we have, and none beside them that
    # happens to lie in the user's directory. Ctrl-C is for us; it must not even see it.
    path = os.pathsep.join(filter(None, sys.path))
    multiprocessing.set_forkserver_preload([preload])
    # It would let interrupts through again when it is started together with the server.
    resource_tracker.ensure_running()
    with _environment(PYTHONPATH=path, PYTHONSAFEPATH="1"), _interrupts_blocked():
        try:
            _place_sockets()
            forkserver.ensure_running()
        except OSError:  # there is no place for its socket
            _method = "spawn"


def _place_sockets() -> None:
    """Let multiprocessing have its sockets where their names are short enough: for about 100 bytes.

    Within a TMPDIR with a long name they would not be.
    """
    usual = tempfile.gettempdir()
    try:
        if len(os.fsencode(usual)) > _DIRECTORY:
            tempfile.tempdir = "/tmp"  # noqa: S108 - what is made there has a name that nobody knows
        multiprocessing.util.get_temp_dir()
    finally:
        tempfile.tempdir = usual


def _kill_server() -> None:
    """End the fork server; the next process that is started gets a new one."""
    _signal_server("SIGKILL")


def _wake_server() -> None:
    """Let the fork server go on if somebody stopped it: we would wait for it for ever."""
    _signal_server("SIGCONT")


def _signal_server(name: str) -> None:
    if _method != "forkserver":
        return
    from multiprocessing import forkserver

    # Nothing public says so.
    pid = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, getattr(signal, name))


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
    # When the other end is gone, so is what we are for.
    with contextlib.suppress(EOFError, ConnectionError):
        try:
            prepare()
            _bound_memory()
        except Exception as problem:  # noqa: BLE001 - it is told
            pipe.send((_FAILED, str(problem) or type(problem).__name__))
            return
        pipe.send((_END, []))
        outbox = _Outbox(pipe)
        while True:
            function, arguments = pipe.recv()
            _do(outbox, function(*arguments))


def _do(outbox: _Outbox, results: Iterator[Any]) -> None:
    """Send the results of a call, and how it ended."""
    try:
        for result in results:
            outbox.put(result)
    except ConnectionError:
        raise
    except Exception as problem:  # noqa: BLE001 - it is told, and costs only this call
        outbox.end(f"{type(problem).__name__}: {problem}")
    else:
        outbox.end()


class _Outbox:
    """Results on their way: what comes within a moment is sent together, by a thread of its own.

    So no result waits for the next one, which may take long.
    """

    def __init__(self, pipe: connection.Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._filled = threading.Event()
        self._gathered: list[Any] = []
        threading.Thread(target=self._send_in_time, daemon=True).start()

    def put(self, result: Any) -> None:
        """Let one more result be sent."""
        with self._lock:
            self._gathered.append(result)
        self._filled.set()

    def end(self, problem: str | None = None) -> None:
        """Send what is left, and how the call ended."""
        with self._lock:
            if problem is None:
                self._send(_END)
            else:
                self._send(_RESULTS)
                self._pipe.send((_FAILED, problem))

    def _send(self, kind: int) -> None:
        gathered, self._gathered = self._gathered, []
        self._filled.clear()
        self._pipe.send((kind, gathered))

    def _send_in_time(self) -> None:
        # When the other end is gone, this process ends.
        with contextlib.suppress(ConnectionError):
            while self._filled.wait():
                time.sleep(_GATHERED)
                with self._lock:
                    if self._gathered:
                        self._send(_RESULTS)


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
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = now + limits.WORKER_MEMORY
    if soft != resource.RLIM_INFINITY:  # the user's own
        most = min(most, soft)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
