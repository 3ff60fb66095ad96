"""Thirty formulas from Feynman's lectures, whose values and gradients were computed elsewhere.

tests/data/feynman.tsv has a formula a line: id, expr, point, value, grad. They run as a user would
run them, through one `gradcalc batch`.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).parent / "data" / "feynman.tsv"
TOLERANCE = 1e-9

with TABLE.open(encoding="utf-8", newline="") as file:
    FORMULAS = list(csv.DictReader(file, delimiter="\t"))


def numbers(text: str) -> dict[str, float]:
    """Read "x=1.5,y=2"."""
    pairs = (part.split("=") for part in text.split(","))
    return {name: float(number) for name, number in pairs}


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """Return gradcalc's answers, by the formula's id."""
    lines = [
        json.dumps({"expression": row["expr"], "at": numbers(row["point"]), "id": row["id"]})
        for row in FORMULAS
    ]
    run = subprocess.run(
        [sys.executable, "-m", "gradcalc", "batch", "--format", "jsonl"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert [answer["id"] for answer in found] == [row["id"] for row in FORMULAS]
    return {answer["id"]: answer for answer in found}


def test_feynman_table_is_whole() -> None:
    assert len({row["id"] for row in FORMULAS}) == 30


@pytest.mark.parametrize("row", FORMULAS, ids=lambda row: row["id"])
def test_feynman_gradient_matches(row: dict[str, str], answers: dict[str, Any]) -> None:
    answer = answers[row["id"]]
    assert answer["verdict"] == "agree"
    assert answer["value"] == pytest.approx(float(row["value"]), rel=TOLERANCE, abs=0)
    for witness in ("symbolic", "autograd"):
        found = {entry["wrt"]: entry[witness] for entry in answer["gradients"]}
        assert found == pytest.approx(numbers(row["grad"]), rel=TOLERANCE, abs=0)
    assert {entry["verdict"] for entry in answer["gradients"]} == {"agree"}
