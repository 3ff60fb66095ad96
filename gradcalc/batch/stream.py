"""Records in, answers out: in order, with a bounded number under way, and nothing kept.

In: an iterator of records, and a function that submits a chunk of them to an executor and returns
its future. Out: the answers as they come, those of one chunk after those of another. Records are
read ahead by a thread, so that an answer never waits for more input; a chunk holds what has come
in, up to some tenths of a second of work.
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

#: Takes the next answers to the records of a chunk, in order, from any thread.
Deliver = Callable[[Sequence[Answer]], None]

#: Submits a chunk; its future is done when all answers are delivered, with the seconds they took.
Submit = Callable[[Sequence[Record], Deliver], "Future[float]"]


class Undone(Exception):  # noqa: N818 - it says what is, not who erred
    """A chunk was not answered; the reason is its cause."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The next answers.

    Attributes:
        answers: One for each record.
        position: How many bytes of the input are answered with them.
    """

    answers: Sequence[Answer]
    position: int


def in_order(records: Generator[Placed], submit: Submit, ahead: int) -> Iterator[Batch]:
    """Yield the answers to records, as soon as they and those before them are there.

    Args:
        records: Read by a thread of its own, which also closes it.
        submit: Called with chunks.
        ahead: How many chunks may be under way.

    Raises:
        Undone: If the executor gave a chunk up.
    """
    woken = threading.Event()
    inbox = _Inbox(records, woken)
    flying: deque[_Flight] = deque()
    size = 1
    try:
        while True:
            woken.clear()
            while len(flying) < ahead and (chunk := inbox.take(size)):
                flying.append(_Flight(chunk, submit, woken))
            if not flying and inbox.finished:
                return
            over = bool(flying) and flying[0].over  # looked at before its last answers are
            if flying and (batch := flying[0].arrived()) is not None:
                yield batch
            elif over:
                flight = flying.popleft()
                size = _next_size(size, flight.count, flight.seconds())
            else:
                woken.wait()
    finally:
        inbox.close()


def _next_size(size: int, count: int, seconds: float) -> int:
    """Records of the next chunk, for one of so many that took so long."""
    fitting = int(count * limits.CHUNK_SECONDS / max(seconds, 1e-9))
    return max(1, min(fitting, 2 * size, limits.CHUNK_RECORDS))


class _Flight:
    """A chunk that is under way."""

    def __init__(self, chunk: Sequence[Placed], submit: Submit, woken: threading.Event) -> None:
        self.count = len(chunk)
        self._positions = deque(position for _, position in chunk)
        self._arrived: deque[Answer] = deque()
        self._woken = woken
        self._future = submit([record for record, _ in chunk], self._deliver)
        self._future.add_done_callback(lambda _: woken.set())

    def _deliver(self, answers: Sequence[Answer]) -> None:
        self._arrived.extend(answers)
        self._woken.set()

    def arrived(self) -> Batch | None:
        """The answers that came since the last time, if any did."""
        answers = [self._arrived.popleft() for _ in range(len(self._arrived))]
        if not answers:
            return None
        positions = [self._positions.popleft() for _ in answers]
        return Batch(answers, positions[-1])

    @property
    def over(self) -> bool:
        """Whether no more will come."""
        return self._future.done()

    def seconds(self) -> float:
        """How long it took.

        Raises:
            Undone: If the executor gave it up.
        """
        try:
            return self._future.result()
        except Exception as problem:
            raise Undone from problem


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
