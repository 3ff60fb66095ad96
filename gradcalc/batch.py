"""A stream of records to a stream of reports, in order.

Some records are read ahead, and nothing is kept of them. What one record does wrong becomes its
report; the others never notice.
"""

from __future__ import annotations

import functools
import gc
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from gradcalc import limits
from gradcalc.bindings import parse_bindings
from gradcalc.calculate import Options, Question, ask_together
from gradcalc.errors import GradcalcError, Kind
from gradcalc.functions import mp, symengine, sympy, torch
from gradcalc.records import Record
from gradcalc.report import Report
from gradcalc.symbolic import forget

#: Records after which caches are emptied, so that memory does not grow with their number.
FORGET_EVERY = 500

#: Lines with the same expression from which on torch is asked about all of them at once; that costs
#: as much as asking about two or three one by one.
TOGETHER = 4

#: Records whose steps are taken together: each step for all of them.
BLOCK = limits.CHUNK_RECORDS

#: Seconds after which answers are handed out, though there are more to come.
_MOMENT = 0.05

#: Counts all records that this process answers: a chunk may be smaller than that.
_answered = itertools.count(1)


def answers(records: Iterable[Record], defaults: Options) -> Iterator[Report]:
    """Answer each record; so many as a block has are read ahead."""
    leave_libraries_alone()
    waiting = iter(records)
    while block := list(itertools.islice(waiting, BLOCK)):
        lines = [_Line(record, defaults) for record in block]
        for line in lines:
            line.take(_Line.ask)
        _ask_together(lines)
        for line in lines:
            line.take(_Line.ask_torch)
        yield from _judged(lines)


def _judged(lines: Iterable[_Line]) -> Iterator[Report]:
    """Judge lines; hand out what is there after a moment, so that a slow line delays few others."""
    ready: list[Report] = []
    handed = time.monotonic()
    for line in lines:
        line.take(_Line.judge)
        ready.append(line.report)
        if next(_answered) % FORGET_EVERY == 0:
            forget()
        if time.monotonic() - handed > _MOMENT:
            yield from ready
            ready, handed = [], time.monotonic()
    yield from ready


def _ask_together(lines: Sequence[_Line]) -> None:
    """Ask torch at once about lines that have the same expression at different points."""
    kin: dict[Any, list[Question]] = {}
    for line in lines:
        question = line.question
        if question is not None and question.kin is not None:
            kin.setdefault(question.kin, []).append(question)
    for questions in kin.values():
        if len(questions) >= TOGETHER:
            ask_together(questions)


@functools.cache
def leave_libraries_alone() -> None:
    """Import the libraries and take what is in memory out of garbage collection, once.

    They stay, and looking through them again and again is a third of a line's time.
    """
    for library, name in ((torch, "Tensor"), (sympy, "Symbol"), (symengine, "Symbol"), (mp, "mpf")):
        getattr(library, name)  # imports it
    gc.collect()
    gc.freeze()


def answer(record: Record, defaults: Options) -> Report:
    """Answer one record; an error of its own becomes the report."""
    (report,) = answers([record], defaults)
    return report


class _Line:
    """A record on its way to its report; an error of its own becomes that."""

    def __init__(self, record: Record, defaults: Options) -> None:
        self._record = record
        self._marks = {"id": record.id, "line": record.line, "source": record.source}
        self.question: Question | None = None
        self._report: Report | None = None
        self._options = defaults
        if not record.plain:
            self._options = replace(
                defaults,
                wrt=record.wrt,
                second_order=record.second_order or defaults.second_order,
                dtype=record.dtype or defaults.dtype,
                claims=record.claims,
                **record.how,
            )

    @property
    def report(self) -> Report:
        """The report, once all steps are taken."""
        if self._report is None:
            raise RuntimeError("there are steps to take")
        return self._report

    def take(self, step: Callable[[_Line], None]) -> None:
        """Take a step, unless it is over."""
        if self._report is not None:
            return
        try:
            step(self)
        except MemoryError:
            gibibytes = limits.WORKER_MEMORY // 2**30
            self._fail(
                GradcalcError(
                    Kind.LIMIT,
                    f"the line takes more than the {gibibytes} GiB of memory that a worker may"
                    " have",
                )
            )
        except GradcalcError as error:
            self._fail(error)

    def _fail(self, error: GradcalcError) -> None:
        self._report = Report(
            self._record.expression, dtype=self._options.dtype, error=error, **self._marks
        )

    def ask(self) -> None:
        """Understand the question."""
        if self._record.error is not None:
            raise self._record.error
        bindings = parse_bindings(self._record.at)
        self.question = Question(self._record.expression, bindings, self._options)

    def ask_torch(self) -> None:
        """Hear autograd."""
        if self.question is not None:
            self.question.ask_torch()

    def judge(self) -> None:
        """Judge it."""
        if self.question is not None:
            self._report = self.question.report(**self._marks)
            self.question = None
