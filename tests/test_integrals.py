"""Antiderivatives from the Rubi rule collection: the derivative of each is its integrand.

tests/data/integrals.tsv has one a line: id, expr, wrt, point, value, expected_derivative,
expected_value. The expected numbers were computed elsewhere.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gradcalc.ask.calculate import calculate
from gradcalc.base.options import Options
from gradcalc.language.bindings import parse_bindings
from gradcalc.results.report import Verdict

TABLE = Path(__file__).parent / "data" / "integrals.tsv"
TOLERANCE = 1e-9

with TABLE.open(encoding="utf-8", newline="") as file:
    INTEGRALS = list(csv.DictReader(file, delimiter="\t"))


def test_integrals_are_all_there() -> None:
    assert len({row["id"] for row in INTEGRALS}) == len(INTEGRALS) == 30


@pytest.mark.parametrize("row", INTEGRALS, ids=lambda row: row["id"])
def test_derivative_of_antiderivative_is_integrand(row: dict[str, str]) -> None:
    options = Options(wrt=(row["wrt"],), timeout=10)
    report = calculate(row["expr"], parse_bindings(row["point"].split(",")), options)
    (entry,) = report.gradients
    expected = pytest.approx(float(row["expected_value"]), rel=TOLERANCE, abs=0)
    assert (entry.symbolic, entry.autograd, entry.limit) == (expected, expected, expected)
    assert report.value == pytest.approx(float(row["value"]), rel=TOLERANCE, abs=0)
    assert (entry.verdict, entry.blame) == (Verdict.AGREE, None)
    # The value of an antiderivative may cancel.
    assert report.verdict in {Verdict.AGREE, Verdict.ROUNDING}
