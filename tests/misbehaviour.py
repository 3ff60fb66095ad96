"""Functions that run in a worker and do what a hostile line may, really."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from gradcalc.batch.answers import answers
from gradcalc.batch.jobs import Answer, Job, drawn
from gradcalc.batch.records import Record
from gradcalc.results.report import Outcome


def nothing() -> None:
    """Prepare nothing."""


def count(number: int) -> Iterator[int]:
    """Yield numbers."""
    yield from range(number)


def process() -> Iterator[int]:
    """Yield the process's id."""
    yield os.getpid()


def threads() -> Iterator[int]:
    """Yield the number of threads that torch has."""
    yield torch.get_num_threads()


def slowly(seconds: float, number: int, at_last: float = 0) -> Iterator[int]:
    """Yield numbers, each after some time."""
    for result in range(number):
        time.sleep(seconds)
        yield result
    time.sleep(at_last)


def hang() -> Iterator[int]:
    """Hang, deaf to all signals that a process may be deaf to."""
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL})
    while True:
        # One call into C that does not come back, nor lets another thread run.
        pow(3, 10**7)
    yield 0


def die(number: int) -> Iterator[int]:
    """Die by a signal."""
    os.kill(os.getpid(), number)
    yield 0


def leave(code: int) -> Iterator[int]:
    """End the process without a word."""
    os._exit(code)
    yield 0


def exhaust() -> Iterator[int]:
    """Take memory until there is none."""
    taken = [bytes(2**30)]
    while True:
        taken.append(bytes(2**30))
    yield 0


def fail() -> Iterator[int]:
    """Raise."""
    yield 1
    raise ZeroDivisionError("by nothing")


def die_once(records: Sequence[Record], job: Job) -> Iterator[Answer]:
    """Answer records, but be killed first, unless there is the file that marks that."""
    mark = Path(records[0].source or "")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    for report in answers(records, job.options):
        yield drawn(report, job)


def doze(records: Sequence[Record], _: Job) -> Iterator[Answer]:
    """Answer records after a wait, without work."""
    for _record in records:
        time.sleep(0.004)
        yield Answer("", "", Outcome("agree"))


#: What a record with one of these expressions does in `misbehave`.
DEEDS = {
    "hang": hang,
    "die": lambda: die(signal.SIGSEGV),
    "leave": lambda: leave(3),
    "exhaust": exhaust,
    "fail": fail,
}


def misbehave(records: Sequence[Record], job: Job) -> Iterator[Answer]:
    """Answer records, as `chunks.draw_answers` does, but for those that name a deed."""
    for record in records:
        if record.expression in DEEDS:
            list(DEEDS[record.expression]())
        for report in answers([record], job.options):
            yield drawn(report, job)
