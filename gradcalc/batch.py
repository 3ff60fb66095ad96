"""A stream of records to a stream of reports, in order, one at a time.

Each report is given as soon as its record is read, and nothing is kept of it. What one record does
wrong becomes its report; the others never notice.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

from gradcalc import limits
from gradcalc.bindings import parse_bindings
from gradcalc.calculate import Options, calculate
from gradcalc.errors import GradcalcError, Kind
from gradcalc.records import Record
from gradcalc.report import Report
from gradcalc.symbolic import forget

#: Records after which sympy's caches are emptied, so that memory does not grow with their number.
FORGET_EVERY = 500

#: Counts all records that this process answers: a chunk may be smaller than that.
_answered = itertools.count(1)


def answers(records: Iterable[Record], defaults: Options) -> Iterator[Report]:
    """Answer each record."""
    for record in records:
        yield answer(record, defaults)
        if next(_answered) % FORGET_EVERY == 0:
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
    except MemoryError:
        error = GradcalcError(
            Kind.LIMIT,
            f"the line takes more than the {limits.WORKER_MEMORY // 2**30} GiB of memory that a"
            " worker may have",
        )
    except GradcalcError as problem:
        error = problem
    return Report(record.expression, dtype=options.dtype, error=error, **marks)
