"""Records in, answers out: in order, with a bounded number under way, and nothing kept.

In: an iterator of records, and a function that submits a chunk of them to an executor and returns
its future. Out: the answers of one chunk after another. Records are read ahead by a thread, so that
an answer never waits for more input; a chunk holds what has come in, up to some tenths of a second
of work.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from gradcalc.base import limits
from gradcalc.batch.jobs import Answer
from gradcalc.batch.records import Record

#: A record, and how far in the input it ends, in bytes.
Placed = tuple[Record, int]

#: Submits a chunk; its future gives an answer for each record, and the seconds that they took.
Submit = Callable[[Sequence[Record]], "Future[tuple[list[Answer], float]]"]


class Undone(Exception):  # noqa: N818 - it says what is, not who erred
    """A chunk was not answered; the reason is its cause."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The answers of one chunk.

    Attributes:
        answers: One for each record.
        position: How many bytes of the input are answered with them.
    """

    answers: Sequence[Answer]
    position: int


def in_order(records: Generator[Placed], submit: Submit, ahead: int) -> Iterator[Batch]:
    """Yield the answers to records, each chunk's as soon as it and those before it are there.

    Args:
        records: Read by a thread of its own, which also closes it.
        submit: Called with chunks.
        ahead: How many chunks may be under way.

    Raises:
        Undone: If the executor gave a chunk up.
    """
    woken = threading.Event()
    inbox = _Inbox(records, woken)
    flying: deque[tuple[int, int, Future[tuple[list[Answer], float]]]] = deque()
    size = 1
    try:
        while True:
            woken.clear()
            while len(flying) < ahead and (chunk := inbox.take(size)):
                future = submit([record for record, _ in chunk])
                flying.append((len(chunk), chunk[-1][1], future))
                future.add_done_callback(lambda _: woken.set())
            if not flying and inbox.finished:
                return
            if flying and flying[0][2].done():
                count, position, future = flying.popleft()
                try:
                    answers, seconds = future.result()
                except Exception as problem:
                    raise Undone from problem
                size = _next_size(size, count, seconds)
                yield Batch(answers, position)
            else:
                woken.wait()
    finally:
        inbox.close()


def _next_size(size: int, count: int, seconds: float) -> int:
    """Records of the next chunk, for one of so many that took so long."""
    fitting = int(count * limits.CHUNK_SECONDS / max(seconds, 1e-9))
    return max(1, min(fitting, 2 * size, limits.CHUNK_RECORDS))


class _Inbox:
    """Records that were read and not yet taken."""

    def __init__(self, records: Generator[Placed], woken: threading.Event) -> None:
        self._records = records
        self._woken = woken
        self._changed = threading.Condition()
        self._waiting: deque[Placed] = deque()
        self._text = 0
        self._ended = self._closed = False
        self._problem: Exception | None = None
        # A daemon, because it may wait for input that never comes.
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        """Whether there will be no more.

        Raises:
            Exception: What went wrong with reading.
        """
        with self._changed:
            if not self._ended or self._waiting:
                return False
        if self._problem is not None:
            raise self._problem
        return True

    def take(self, count: int) -> list[Placed]:
        """Take at most so many, and of long ones fewer; none if none is there."""
        taken: list[Placed] = []
        with self._changed:
            text = 0
            while self._waiting and len(taken) < count and text < limits.CHUNK_TEXT:
                taken.append(self._waiting.popleft())
                text += _length(taken[-1][0])
            self._text -= text
            self._changed.notify()
        return taken

    def close(self) -> None:
        """Read no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _read(self) -> None:
        try:
            for record, position in self._records:
                with self._changed:
                    self._changed.wait_for(self._has_room)
                    if self._closed:
                        break
                    self._waiting.append((record, position))
                    self._text += _length(record)
                self._woken.set()
        except Exception as problem:  # noqa: BLE001 - raised where the records are taken
            self._problem = problem
        finally:
            self._records.close()
            with self._changed:
                self._ended = True
            self._woken.set()

    def _has_room(self) -> bool:
        few = len(self._waiting) < limits.CHUNK_RECORDS and self._text < limits.CHUNK_TEXT
        return few or self._closed


def _length(record: Record) -> int:
    return len(record.expression) + sum(map(len, record.at))
