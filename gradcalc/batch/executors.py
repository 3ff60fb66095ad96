"""Where chunks are answered: in processes of this machine, or on a Dask cluster.

In: the job that all chunks have in common. Out: a `Submit` of `stream`, made of an executor as
`concurrent.futures` has it, and how many chunks are answered at a time. Both run the same function;
a node of the cluster, too, runs it in processes of its own, because a thread of Dask's can neither
be stopped nor survive a crash.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError, ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, reason
from gradcalc.batch.jobs import Answer, Job, answer_chunk, started_workers
from gradcalc.batch.records import Record
from gradcalc.batch.stream import Deliver, Submit, Undone
from gradcalc.batch.workers import NoWorkers, Workers

#: Seconds within which a scheduler must answer, and have a worker.
_PATIENCE = 5.0

#: What the first message of a scheduler contains, after its length, and bytes that it stays within.
_GREETING = b"pickle-protocol"
_GREETING_BYTES = 4096

#: Seconds between looks at whether the scheduler is still there.
_GLANCE = 0.5


@contextlib.contextmanager
def local(jobs: int, job: Job) -> Iterator[tuple[Submit, int]]:
    """Answer so many chunks at a time on this machine; at the end all processes are gone."""
    workers = started_workers()
    # A thread for each worker, which waits for it and replaces it.
    threads = ThreadPoolExecutor(jobs)
    answer = functools.partial(answer_chunk, workers, job=job)
    try:
        yield functools.partial(threads.submit, answer), jobs
    except Undone as undone:
        if isinstance(undone.__cause__, NoWorkers):
            raise no_processes(undone.__cause__) from None
        raise
    finally:
        workers.close()
        threads.shutdown(cancel_futures=True)


@contextlib.contextmanager
def cluster(address: str, job: Job) -> Iterator[tuple[Submit, int]]:
    """Answer chunks on the Dask cluster whose scheduler has that address.

    What a node that is lost had not answered, Dask gives to another one.

    Raises:
        GradcalcError: If it cannot be reached, or gives up.
    """
    _check_reachable(address)
    client = _connected(address)
    # What Dask says of nodes that come and go is not for the user, who gets an answer or an error.
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    executor = client.get_executor(pure=False)
    job = replace(job, stint=limits.STINT_SECONDS)
    answer: Callable[[Sequence[Record]], Any] = functools.partial(answer_on_node, job=job)
    flying: set[Future[float]] = set()
    over = threading.Event()

    def submit(records: Sequence[Record], deliver: Deliver) -> Future[float]:
        promised: Future[float] = Future()
        flying.add(promised)
        promised.add_done_callback(flying.discard)
        send(records, deliver, promised)
        return promised

    def send(records: Sequence[Record], deliver: Deliver, promised: Future[float]) -> None:
        def hand_on(done: Future[tuple[list[Answer], float]]) -> None:
            left = _hand_on(records, deliver, promised, done)
            if left:
                send(left, deliver, promised)

        try:
            done = executor.submit(answer, records)
        except Exception as problem:  # noqa: BLE001 - as Dask closes, it raises several things
            promised.set_exception(CancelledError() if client.status != "running" else problem)
        else:
            done.add_done_callback(hand_on)

    threading.Thread(target=_watch, args=(client, flying, over), daemon=True).start()
    try:
        yield submit, _threads(client, address)
    except Undone as undone:
        cause = undone.__cause__
        if isinstance(cause, CancelledError):
            message = f"the scheduler at {address} is gone"
            hint = "with --resume OUT a run goes on where it stopped"
        else:
            message = f"the cluster at {address} gave up: {type(cause).__name__}: {cause}"
            hint = "every node needs the same version of gradcalc"
        raise GradcalcError(Kind.USAGE, message, hint=hint) from None
    finally:
        over.set()
        executor.shutdown(wait=False)
        client.close(_PATIENCE)


def _hand_on(
    records: Sequence[Record],
    deliver: Deliver,
    promised: Future[float],
    done: Future[tuple[list[Answer], float]],
) -> Sequence[Record]:
    """Give answers on, unless they were given up meanwhile; return the records that have none."""
    with contextlib.suppress(InvalidStateError):
        if done.cancelled():
            promised.set_exception(CancelledError())
        elif (problem := done.exception()) is not None:
            promised.set_exception(problem)
        elif not promised.done():
            answers, seconds = done.result()
            deliver(answers)
            if len(answers) < len(records):
                return records[len(answers) :]
            promised.set_result(seconds)
    return ()


def _watch(client: Any, flying: set[Future[Any]], over: threading.Event) -> None:
    """Give up what a scheduler that is gone will never answer.

    Dask cancels what it was asked before; but what it is asked while it tries to connect again is
    lost without a word.
    """
    while not over.wait(_GLANCE):
        for promised in flying.copy() if client.status != "running" else ():
            with contextlib.suppress(InvalidStateError):
                promised.set_exception(CancelledError())


def _check_reachable(address: str) -> None:
    """Refuse an address where nobody answers, at once and without importing Dask."""
    if importlib.util.find_spec("distributed") is None:
        raise GradcalcError(Kind.USAGE, "--scheduler needs Dask", hint="pip install gradcalc[dask]")
    try:
        parts = urlsplit(address)
        host, port, scheme = parts.hostname, parts.port, parts.scheme
    except ValueError:
        host, port, scheme = None, None, ""
    if not host or not port or scheme not in {"tcp", "tls"}:
        raise GradcalcError(
            Kind.USAGE,
            f"--scheduler {address or repr(address)} is no address",
            hint="write one such as tcp://127.0.0.1:8786",
        )
    try:
        with socket.create_connection((host, port), _PATIENCE) as connection:
            if scheme == "tcp":
                _check_greeting(address, connection)
    except OSError as problem:
        raise _unreachable(address, reason(problem, str(problem))) from None
    except UnicodeError:
        raise _unreachable(address, "no host can have that name") from None


def _check_greeting(address: str, connection: socket.socket) -> None:
    """Refuse a server that does not speak as a scheduler does, which speaks first.

    For a server that says nothing Dask would wait for ever, and what another one says it would take
    for a length, of terabytes.
    """
    until = time.monotonic() + _PATIENCE
    said = b""
    while _GREETING not in said:
        connection.settimeout(max(until - time.monotonic(), 1e-3))
        piece = connection.recv(_GREETING_BYTES)
        if not piece:
            raise _unreachable(address, "the connection was closed")
        said += piece
        length = int.from_bytes(said[:8], sys.byteorder) if len(said) >= 8 else 0
        if max(length, len(said)) > _GREETING_BYTES:
            raise _unreachable(address, "another server does")


def _connected(address: str) -> Any:
    import distributed

    client: Any = distributed.Client
    try:
        return client(address, timeout=_PATIENCE, set_as_default=False)
    except Exception as problem:  # noqa: BLE001 - whatever else may listen there answers anything
        raise _unreachable(address, f"{type(problem).__name__}: {problem}") from None


def _threads(client: Any, address: str) -> int:
    """How many chunks the cluster answers at a time."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError:
        raise GradcalcError(
            Kind.USAGE,
            f"the scheduler at {address} has no workers",
            hint=f"start some: dask worker {address}",
        ) from None
    return sum(client.nthreads().values())


def _unreachable(address: str, reason: str) -> GradcalcError:
    return GradcalcError(
        Kind.USAGE,
        f"no Dask scheduler answers at {address}: {reason}",
        hint="start one: dask scheduler",
    )


def no_processes(problem: NoWorkers) -> GradcalcError:
    """The error that no process can be started on this machine."""
    return GradcalcError(
        Kind.LIMIT,
        f"no process can be started to answer lines: {problem}",
        hint="each takes about a gigabyte of memory; `ulimit -v` shows what may be taken",
    )


# --- On a node ------------------------------------------------------------------------------------

_lock = threading.Lock()


def answer_on_node(records: Sequence[Record], job: Job) -> tuple[list[Answer], float]:
    """Answer the first records of a chunk in a worker of this node."""
    with _lock:
        workers = _workers()
    answers: list[Answer] = []
    seconds = answer_chunk(workers, records, answers.extend, job)
    return answers, seconds


@functools.cache
def _workers() -> Workers:
    """The workers of this node: as many as it has threads; they end with it."""
    return started_workers()
