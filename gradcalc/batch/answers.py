"""A stream of records to a stream of reports, in order.

Some records are read ahead, and nothing is kept of them. What one record does wrong becomes its
report; the others never notice.
"""

from __future__ import annotations

import collections
import functools
import gc
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from gradcalc.ask.question import Question, ask_together
from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, internal_error
from gradcalc.base.options import Options, in_json, reword
from gradcalc.base.stages import Steps
from gradcalc.batch.records import Record
from gradcalc.calculus.symbolic import forget
from gradcalc.functions import symengine, sympy, torch
from gradcalc.functions.balls import flint
from gradcalc.language.bindings import parse_bindings
from gradcalc.results.report import Report

#: Records after which caches are emptied, so that memory does not grow with their number.
FORGET_EVERY = 500

#: Lines with the same expression from which on torch is asked about all of them at once; that costs
#: as much as asking about two or three one by one.
TOGETHER = 4

#: Records whose steps are taken together: each step for all of them.
BLOCK = limits.CHUNK_RECORDS

#: Operations on numbers that take no time to speak of; most formulas have fewer.
_FEW = 60

#: Seconds after which answers are handed out, though there are more to come.
_MOMENT = 0.05

#: Objects that are made before garbage collection looks through them: more than a block has.
_YOUNG = 50_000

#: Counts all records that this process answers: a chunk may be smaller than that.
_count = itertools.count(1)


def answers(records: Iterable[Record], defaults: Options) -> Iterator[Report]:
    """Answer each record; so many as a block has are read ahead."""
    leave_libraries_alone()
    waiting = iter(records)
    while block := list(itertools.islice(waiting, BLOCK)):
        lines = [_Line(record, defaults) for record in block]
        for line in lines:
            line.advance()
        _ask_together(lines)
        for report in _answered(lines):
            if next(_count) % FORGET_EVERY == 0:
                forget()
            yield report


def _answered(lines: Iterable[_Line]) -> Iterator[Report]:
    """Take the steps that are left: of a large line all at once, as one may take seconds."""
    for large, group in itertools.groupby(lines, _Line.is_large):
        if large:
            yield from map(_Line.finished, group)
        else:
            yield from _in_stages(list(group))


def _in_stages(lines: Sequence[_Line]) -> Iterator[Report]:
    """Take the steps that are left, each for all lines; hand out reports as soon as they are there.

    Where that takes longer than a moment, the first line is finished at once: no answer waits until
    all lines of a block have taken a slow step.
    """
    waiting = collections.deque(lines)
    under_way = lines
    handed = time.monotonic()
    while under_way:
        for line in under_way:
            line.advance()
            while waiting and (waiting[0].report or time.monotonic() - handed > _MOMENT):
                yield waiting.popleft().finished()
                handed = time.monotonic()
        under_way = [line for line in under_way if line.report is None]
    yield from map(_Line.finished, waiting)


def _ask_together(lines: Sequence[_Line]) -> None:
    """Ask torch at once about lines that have the same expression at different points."""
    alike: dict[Any, list[Question]] = {}
    for line in lines:
        question = line.question
        if question is not None and question.batch_key is not None:
            alike.setdefault(question.batch_key, []).append(question)
    for questions in alike.values():
        if len(questions) >= TOGETHER:
            ask_together(questions)


@functools.cache
def leave_libraries_alone() -> None:
    """Import the libraries and take what is in memory out of garbage collection, once.

    They stay, and looking through them again and again takes a good part of a line's time. What
    lines make is freed without any collection, but for a few cycles: these may wait.
    """
    for library, name in (
        (torch, "Tensor"),
        (sympy, "Symbol"),
        (symengine, "Symbol"),
        (flint, "arb"),
    ):
        getattr(library, name)  # imports it
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)


def answer(record: Record, defaults: Options) -> Report:
    """Answer one record; an error of its own becomes the report."""
    (report,) = answers([record], defaults)
    return report


class _Line:
    """A record on its way to its report; an error of its own becomes that.

    Attributes:
        question: What it asks, once that is understood.
        report: The answer, once all steps are taken.
    """

    def __init__(self, record: Record, defaults: Options) -> None:
        self._record = record
        self._marks = {"id": record.id, "line": record.line, "source": record.source}
        self._options = replace(defaults, **record.options) if record.options else defaults
        self._steps = self._answer()
        self.question: Question | None = None
        self.report: Report | None = None

    def _answer(self) -> Steps[Report]:
        """Understand the question, then answer it."""
        if self._record.error is not None:
            raise self._record.error
        bindings = parse_bindings(self._record.at, files=self._options.files)
        self.question = Question(self._record.expression, bindings, self._options)
        yield
        return (yield from self.question.answer(**self._marks))

    def advance(self) -> None:
        """Take the next step, unless it is over."""
        if self.report is not None:
            return
        try:
            next(self._steps)
        except StopIteration as end:
            self.report = end.value
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
        except Exception as problem:  # noqa: BLE001 - it costs only this line
            self._fail(internal_error(problem, "this line"))
        else:
            return
        self.question = None

    def finished(self) -> Report:
        """The report, after all steps that are left."""
        while self.report is None:
            self.advance()
        return self.report

    def is_large(self) -> bool:
        """Whether it is more than a question of few operations on numbers."""
        question = self.question
        if question is None:
            return False
        return question.batch_key is None or len(question.program.steps) > _FEW

    def _fail(self, error: GradcalcError) -> None:
        if self._record.is_json:
            reword(error, in_json)
        self.report = Report(
            self._record.expression, dtype=self._options.dtype, error=error, **self._marks
        )
