"""A chunk of records to their answers, drawn, whatever a line does to the process that answers it.

In: records, and a `Job` that says how they are answered and drawn. Out: one `Answer` for each, in
order. The work is done in a worker, all records at once; if that is lost, those that have no answer
are asked again one by one. One that is lost on its own is `undecided`; but if the process died, it
has a second try, because who killed it may have meant something else.
"""

from __future__ import annotations

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
        stint: Seconds after which no further line of a chunk is begun; None if all are answered.
    """

    options: Options
    format: str = "jsonl"
    width: int | None = None
    color: bool = False
    message_color: bool = False
    only: frozenset[str] | None = None
    grace: float = limits.GRACE
    stint: float | None = None

    @property
    def seconds(self) -> float | None:
        """How long a worker may be silent; None for ever."""
        timeout = self.options.timeout
        return None if timeout is None or timeout > limits.FOREVER else timeout + self.grace


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
    """Answer records and draw the answers, of all records or of as many as a stint has."""
    started = time.monotonic()
    for report in answers(records, job.options):
        yield drawn(report, job)
        if job.stint is not None and time.monotonic() - started > job.stint:
            return


def drawn(report: Report, job: Job) -> Answer:
    """Draw a report."""
    outcome = report.outcome
    if job.only is not None and not job.only & outcome.names:
        return Answer("", "", outcome)
    messages = [
        warning_text(warning, report.source, report.line, color=job.message_color)
        for warning in FORMATS[job.format].warnings(report)
    ]
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
    workers: Workers,
    records: Sequence[Record],
    deliver: Callable[[Sequence[Answer]], None],
    job: Job,
    answering: Answering = draw_answers,
) -> float:
    """Answer a chunk in a worker, or as much of it as a stint has.

    Args:
        workers: One of them is asked.
        records: The chunk.
        deliver: Called with the next answers, as soon as they are there.
        job: How they are answered.
        answering: What answers them over there.

    Returns:
        The seconds that it took.

    Raises:
        Lost: If the workers were closed meanwhile.
        NoWorkers: If there can be none.
    """
    started = time.monotonic()
    done = tries = 0
    one_by_one = len(records) == 1
    while done < len(records):
        todo = records[done : done + 1] if one_by_one else records[done:]
        before = done
        try:
            with workers.lent() as worker:
                # What it sends before it is lost stays.
                for answers in worker.messages(job.seconds, answering, todo, job):
                    deliver(answers)
                    done += len(answers)
        except Lost as lost:
            if workers.closed:
                raise
            tries = tries + 1 if one_by_one and done == before else 0
            if tries == 2 or (tries and not lost.excused):
                deliver([drawn(_given_up(todo[0], lost, job), job)])
                done, tries = done + 1, 0
            # Whose fault it was is not known: another line may have taken the memory.
            one_by_one = True
        else:
            tries = 0
            if job.stint is not None:
                break
    return time.monotonic() - started


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


def started_workers() -> Workers:
    """Workers on this machine; those that are not needed are not started."""
    start_server("gradcalc.batch.preloaded")
    return Workers(_prepare)


def _prepare() -> None:
    """Let torch use one thread: with more, it adds up a large tensor in another order."""
    from gradcalc.batch import preloaded  # noqa: F401 - where there is no fork server
    from gradcalc.functions import torch

    torch.set_num_threads(1)
