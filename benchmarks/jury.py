"""What the verdict adds to a line of a batch, where all is smooth and autograd is right.

    python benchmarks/jury.py [--copies N] [--runs N] [--check]

The formulas of `batch.py` are answered as `gradcalc batch` answers them, and once more with nobody
asking whether a kink is near, whether a step has a value, and how far the two witnesses are apart;
just the formulas, their exact values, autograd's values and the report. The ratio is the median of
the runs, which take turns. With `--check` the program fails if the verdict adds more than a fifth.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any
from unittest import mock

from batch import Line, renamed, table

from gradcalc.base.dtypes import Dtype
from gradcalc.base.options import Options
from gradcalc.batch.answers import answers
from gradcalc.batch.records import read
from gradcalc.calculus.by_symengine import SymEngineFormulas
from gradcalc.results.report import Report

GOAL = 1.2


def answer(lines: list[Line]) -> list[Report]:
    """Answer each line, as a batch does."""
    data = "".join(line.written for line in lines).encode()
    return list(answers(read(io.BytesIO(data), None), Options(thorough=False, timeout=10)))


def always(value: Any) -> Callable[..., Any]:
    """A function that gives that value; a mock would take longer than what it stands for."""
    return lambda *_: value


def without_jury(lines: list[Line]) -> list[Report]:
    """Answer each line with nothing checked."""
    with (
        mock.patch("gradcalc.autograd.autodiff.assess", always((True, 0))),
        mock.patch.object(SymEngineFormulas, "_kinks", always([])),
        mock.patch.object(Dtype, "ulps", always(0)),
    ):
        return answer(lines)


def seconds(work: Callable[[list[Line]], list[Report]], lines: list[Line]) -> float:
    """The time that the work takes, in seconds."""
    started = time.perf_counter()
    work(lines)
    return time.perf_counter() - started


def main() -> None:
    """Measure, print, and check if asked."""
    parser = argparse.ArgumentParser(description="What the jury adds to a batch.")
    parser.add_argument("--copies", type=int, default=4, help="of 30 formulas; default 4")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--check", action="store_true", help=f"fail beyond {GOAL}")
    options = parser.parse_args()
    numbers = count()
    verdicts = {report.verdict for report in answer(renamed(table(), numbers))}
    if verdicts != {"agree"}:
        sys.exit(f"these formulas are not all smooth here: {verdicts}")
    without_jury(renamed(table(), numbers))
    ratios = []
    for _ in range(options.runs):
        with_it, without = (renamed(table() * options.copies, numbers) for _ in range(2))
        ratios.append(seconds(answer, with_it) / seconds(without_jury, without))
    ratio = statistics.median(ratios)
    print(f"with the verdict / without: {ratio:.2f} (goal {GOAL}), {options.runs} runs")
    if options.check and ratio > GOAL:
        sys.exit(1)


if __name__ == "__main__":
    main()
