"""examples.txt: every line runs, and gets the verdict that the comment above it names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gradcalc.cli import main
from gradcalc.functions import TABLE, lookup
from gradcalc.results.report import EXIT_CODES, Verdict

EXAMPLES = Path(__file__).parents[1] / "examples.txt"
_CLAIM = re.compile(r"# verdict: (?P<verdict>\w+)")


def claims() -> dict[int, Verdict]:
    """Return the verdict that examples.txt claims for each of its lines, by line number."""
    claimed: dict[int, Verdict] = {}
    current = None
    for number, line in enumerate(EXAMPLES.read_text("utf-8").splitlines(), start=1):
        if claim := _CLAIM.fullmatch(line):
            current = Verdict(claim["verdict"])
        elif line.strip() and not line.startswith("#"):
            assert current is not None, f"line {number} stands above the first verdict"
            claimed[number] = current
    return claimed


def test_examples_get_the_verdicts_they_claim(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["batch", str(EXAMPLES), "--format", "jsonl"])
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    errors = {answer["line"]: answer["error"] for answer in answers if answer["error"]}
    assert not errors
    assert {answer["line"]: answer["verdict"] for answer in answers} == claims()
    assert ended.value.code == EXIT_CODES[Verdict.DISAGREE]


def test_examples_show_every_verdict() -> None:
    assert set(claims().values()) == set(Verdict)


def test_examples_show_every_group_of_functions() -> None:
    text = "\n".join(line.partition("#")[0] for line in EXAMPLES.read_text("utf-8").splitlines())
    rows = {row.name for name in re.findall(r"\w+", text) if (row := lookup(name))}
    operators = {name for name, row in TABLE.items() if row.symbol or name.startswith("logical")}
    groups = {row.group for row in TABLE.values() if row.name not in operators}
    missing = {
        group: {row.name for row in TABLE.values() if row.group == group} - rows
        for group in groups
        if not rows & {row.name for row in TABLE.values() if row.group == group}
    }
    assert not missing
