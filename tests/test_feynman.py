"""Thirty formulas from Feynman's lectures, whose values and gradients were computed elsewhere.

tests/data/feynman.tsv has a formula a line: id, expr, point, value, grad. They run in one
`gradcalc batch`.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from gradcalc.cli import main

TABLE = Path(__file__).parent / "data" / "feynman.tsv"
TOLERANCE = 1e-9

with TABLE.open(encoding="utf-8", newline="") as file:
    FORMULAS = list(csv.DictReader(file, delimiter="\t"))


def numbers(text: str) -> dict[str, float]:
    """Read "x=1.5,y=2"."""
    pairs = (part.split("=") for part in text.split(","))
    return {name: float(number) for name, number in pairs}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return gradcalc's answers, by the formula's id."""
    lines = [
        json.dumps({"expression": row["expr"], "at": numbers(row["point"]), "id": row["id"]})
        for row in FORMULAS
    ]
    file = tmp_path_factory.mktemp("feynman") / "formulas.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    with contextlib.redirect_stdout(io.StringIO()) as printed, pytest.raises(SystemExit) as ended:
        main(["batch", str(file), "--format", "jsonl"])
    assert ended.value.code == 0
    found = [json.loads(line) for line in printed.getvalue().splitlines()]
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
