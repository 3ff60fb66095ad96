"""A stream of records to a stream of reports, in order, one at a time.

Each report is given as soon as its record is read, and nothing is kept of it. What one record does
wrong becomes its report; the others never notice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from gradcalc.bindings import parse_bindings
from gradcalc.calculate import Options, calculate
from gradcalc.errors import GradcalcError
from gradcalc.records import Record
from gradcalc.report import SERIOUSNESS, Report
from gradcalc.symbolic import forget

#: Records after which sympy's caches are emptied, so that memory does not grow with their number.
FORGET_EVERY = 500


@dataclass(slots=True)
class Summary:
    """Counts of a run, kept while it goes on.

    Attributes:
        lines: Reports in all.
        counts: Reports by verdict, by "error", and those with a wrong claim.
        exit_codes: Those that occurred.
        started: When it began, in seconds of the monotonic clock.
    """

    lines: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    exit_codes: set[int] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)

    def add(self, report: Report) -> None:
        """Count one more report."""
        self.lines += 1
        self.counts["error" if report.verdict is None else report.verdict.value] += 1
        if any(claim.correct is False for claim in report.claims):
            self.counts["with a wrong claim"] += 1
        self.exit_codes.add(report.exit_code)

    @property
    def exit_code(self) -> int:
        """The most serious of the exit codes."""
        return next((code for code in SERIOUSNESS if code in self.exit_codes), 0)

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    def text(self) -> str:
        """The counts in one line."""
        parts = ", ".join(f"{count} {what}" for what, count in self.counts.most_common())
        lines = f"{self.lines} line{'s' * (self.lines != 1)}"
        return f"{lines}: {parts or 'nothing to do'} in {self.seconds:.1f} s"


def answers(records: Iterable[Record], defaults: Options) -> Iterator[Report]:
    """Answer each record."""
    for number, record in enumerate(records, 1):
        yield answer(record, defaults)
        if number % FORGET_EVERY == 0:
            forget()


def answer(record: Record, defaults: Options) -> Report:
    """Answer one record; an error of its own becomes the report."""
    marks = {"id": record.id, "line": record.line, "source": record.source}
    options = replace(
        defaults,
        wrt=record.wrt,
        second_order=record.second_order or defaults.second_order,
        dtype=record.dtype or defaults.dtype,
        claims=record.claims,
        **record.how,
    )
    try:
        if record.error is not None:
            raise record.error
        bindings = parse_bindings(record.at)
        return replace(calculate(record.expression, bindings, options), **marks)
    except GradcalcError as error:
        return Report(record.expression, dtype=options.dtype, error=error, **marks)
