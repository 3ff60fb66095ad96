"""What the jury adds to a batch, where the first two witnesses agree and no kink is near.

    python benchmarks/jury.py [--lines N] [--runs N] [--check]

The same formulas are answered as `gradcalc batch` answers them, and once more with the jury sent
home: no run at high precision to look for kinks and domain ends, no distance, no verdict; just the
formulas, their exact values, autograd's values and the report. The ratio is the median of the runs,
which take turns. With `--check` the program fails if the jury adds more than a fifth.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any
from unittest import mock

from batch import POINT, formulas

from gradcalc.bindings import parse_bindings
from gradcalc.calculate import Options, calculate
from gradcalc.compare import Evidence
from gradcalc.precise import Survey
from gradcalc.report import Entry, Report, Verdict

GOAL = 1.2


def answer(texts: list[str]) -> list[Report]:
    """Answer each formula at the point, as a batch does."""
    bindings = parse_bindings([",".join(f"{name}={value}" for name, value in POINT.items())])
    return [calculate(text, bindings, Options(thorough=False, timeout=10)) for text in texts]


def without_verdict(evidence: Evidence, *_: Any, **__: Any) -> Entry:
    """The entry of a jury that is not there."""
    return Entry(
        evidence.wrt,
        evidence.formula,
        float(evidence.symbolic),
        evidence.autograd,
        None,
        None,
        Verdict.UNDECIDED,
    )


def without_jury(texts: list[str]) -> list[Report]:
    """Answer each formula with nothing checked."""
    nothing = Survey(defined=True, suspects=frozenset(), computable=True)
    with (
        mock.patch("gradcalc.precise.survey", return_value=nothing),
        mock.patch("gradcalc.compare.judge", without_verdict),
    ):
        return answer(texts)


def seconds(work: Any, texts: list[str]) -> float:
    """The time that the work takes, in seconds."""
    started = time.perf_counter()
    work(texts)
    return time.perf_counter() - started


def main() -> None:
    """Measure, print, and check if asked."""
    parser = argparse.ArgumentParser(description="What the jury adds to a batch.")
    parser.add_argument("--lines", type=int, default=60)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--check", action="store_true", help=f"fail beyond {GOAL}")
    options = parser.parse_args()
    texts = formulas(options.lines)
    verdicts = {report.verdict for report in answer(texts)}
    if verdicts != {Verdict.AGREE}:
        sys.exit(f"these formulas are not all smooth here: {verdicts}")
    without_jury(texts)
    ratios = [seconds(answer, texts) / seconds(without_jury, texts) for _ in range(options.runs)]
    ratio = statistics.median(ratios)
    print(f"with the jury / without: {ratio:.2f} (goal {GOAL}), {options.runs} runs")
    if options.check and ratio > GOAL:
        sys.exit(1)


if __name__ == "__main__":
    main()
