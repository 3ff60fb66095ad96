"""A chunk of records to their answers, drawn, whatever a line does to the process that answers it.

In: records, and a `Job` that says how they are answered and drawn. Out: one `Answer` for each, in
order. The work is done in a worker, all records at once; if that is lost, those that have no answer
are asked again one by one, and one that loses its worker on its own is `undecided`.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from gradcalc.base import limits
from gradcalc.base.options import Options
from gradcalc.batch.answers import answers
from gradcalc.batch.records import Record
from gradcalc.batch.workers import Lost, Workers, start_server
from gradcalc.render import FORMATS, error_text, warning_text
from gradcalc.results.report import Outcome, Report, Verdict


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked of all chunks of a run.

    Attributes:
        options: The defaults of the records.
        format: One of `render.FORMATS`.
        width: Columns of the terminal; None off a terminal.
        color: Whether results are coloured.
        message_color: Whether errors and warnings are.
        only: The outcomes that are drawn; None for all.
        grace: Seconds beyond `options.timeout` after which a worker is stopped.
    """

    options: Options
    format: str = "jsonl"
    width: int | None = None
    color: bool = False
    message_color: bool = False
    only: frozenset[str] | None = None
    grace: float = limits.GRACE

    @property
    def seconds(self) -> float | None:
        """How long a worker may be silent; None for ever."""
        return None if self.options.timeout is None else self.options.timeout + self.grace


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it leaves a worker.

    Attributes:
        text: The report, drawn; empty if it is not among those that are asked for.
        messages: Its error and its warnings, drawn.
        outcome: What it comes to.
    """

    text: str
    messages: str
    outcome: Outcome


#: A generator function that answers records; it runs in a worker.
Answering = Callable[[Sequence[Record], Job], Iterator[Answer]]


def draw_answers(records: Sequence[Record], job: Job) -> Iterator[Answer]:
    """Answer records and draw the answers."""
    for report in answers(records, job.options):
        yield drawn(report, job)


def drawn(report: Report, job: Job) -> Answer:
    """Draw a report."""
    outcome = report.outcome
    if job.only is not None and not job.only & outcome.names:
        return Answer("", "", outcome)
    messages = [warning_text(warning, color=job.message_color) for warning in report.warnings]
    if report.error is not None:
        messages.append(
            error_text(report.error, report.source, report.line, color=job.message_color)
        )
    if job.format == "table":
        # Many reports: on a terminal, tables of tensors and graphs would hide the verdicts.
        report = replace(report, tensors=(), graph=())
    text = FORMATS[job.format].report(report, width=job.width, color=job.color)
    return Answer(text, "".join(messages), outcome)


def answer_chunk(
    workers: Workers, records: Sequence[Record], job: Job, answering: Answering = draw_answers
) -> tuple[list[Answer], float]:
    """Answer a chunk in a worker.

    Returns:
        An answer for each record, and the seconds that it took.

    Raises:
        Lost: If the workers were closed meanwhile.
    """
    started = time.monotonic()
    done: list[Answer] = []
    one_by_one = len(records) == 1
    while len(done) < len(records):
        todo = records[len(done) :][: 1 if one_by_one else None]
        try:
            with workers.lent() as worker:
                # What it yields before it is lost stays.
                for answer in worker.results(job.seconds, answering, todo, job):
                    done.append(answer)  # noqa: PERF402
        except Lost as lost:
            if workers.closed:
                raise
            if one_by_one:
                done.append(drawn(_given_up(todo[0], lost, job), job))
            # Whose fault it was is not known: another line may have taken the memory.
            one_by_one = True
    return done, time.monotonic() - started


def _given_up(record: Record, lost: Lost, job: Job) -> Report:
    return Report(
        record.expression,
        dtype=record.options.get("dtype", job.options.dtype),
        verdict=Verdict.UNDECIDED,
        warnings=(f"the line {lost}",),
        id=record.id,
        source=record.source,
        line=record.line,
    )


def started_workers(jobs: int) -> Workers:
    """Workers for so many chunks at a time on this machine."""
    start_server("gradcalc.batch.preloaded")
    return Workers(functools.partial(_prepare, max(1, (os.cpu_count() or 1) // jobs)))


def _prepare(threads: int) -> None:
    """Leave the other processors to the other workers."""
    from gradcalc.functions import torch

    torch.set_num_threads(threads)
