"""Points where a naive checker is wrong: each gets one of the verdicts that are acceptable.

tests/data/traps.tsv has a trap a line: id, expr, at, options, accept (verdicts, | between).
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gradcalc.ask.calculate import calculate
from gradcalc.base.options import Options
from gradcalc.language.bindings import parse_bindings

TABLE = Path(__file__).parent / "data" / "traps.tsv"

with TABLE.open(encoding="utf-8", newline="") as file:
    TRAPS = list(csv.DictReader(file, delimiter="\t"))


def options(text: str) -> Options:
    """Read the command line's options."""
    words = text.split()
    known = {"--second-order", "--dtype", "float32", "float64"}
    assert set(words) <= known, f"the test cannot read {text}"
    dtype = words[words.index("--dtype") + 1] if "--dtype" in words else "float64"
    return Options(second_order="--second-order" in words, dtype=dtype, timeout=10)


def verdict(trap: dict[str, str]) -> str:
    report = calculate(
        trap["expr"], parse_bindings(trap["at"].split(",")), options(trap["options"])
    )
    return str(report.verdict)


def test_traps_are_all_there() -> None:
    assert len({trap["id"] for trap in TRAPS}) == len(TRAPS) == 29


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap["id"])
def test_trap_gets_an_accepted_verdict(trap: dict[str, str]) -> None:
    assert verdict(trap) in trap["accept"].split("|")
