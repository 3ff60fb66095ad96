"""The samples in tests/data, each line on all three paths: grad, batch and sweep.

A trap and a fault of verdicts name the verdicts that are acceptable; a formula of Feynman's and an
antiderivative are right. A hostile text is answered or refused, in words.
"""

from __future__ import annotations

import contextlib
import csv
from pathlib import Path
from typing import Any

import pytest
from paths import PATHS, Said
from test_hostile import literal

from gradcalc.base.errors import GradcalcError

DATA = Path(__file__).parent / "data"

#: What a right formula may be called where its value cancels.
RIGHT = ("agree", "rounding")


def lines(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def numbers(text: str) -> dict[str, float]:
    pairs = (part.split("=") for part in text.split(","))
    return {name: float(number) for name, number in pairs}


def options(line: dict[str, str], path: str) -> dict[str, Any]:
    """The command line's options, as the path takes them."""
    words = line.get("options", "").split()
    asked: dict[str, Any] = {"second_order": True} if "--second-order" in words else {}
    if "--dtype" in words:
        asked["dtype"] = words[words.index("--dtype") + 1]
    wrt = words[words.index("--wrt") + 1] if "--wrt" in words else line.get("wrt")
    if wrt:
        asked["wrt"] = wrt.split(",") if path == "batch" else wrt
    return asked


def told(line: dict[str, str], path: str) -> Said:
    try:
        return PATHS[path](line["expr"], numbers(line["point"]), **options(line, path))
    except GradcalcError as error:
        # Losses are functions of tensors, which a sweep does not take.
        if path == "sweep" and "a sweep takes programs of numbers alone" in error.message:
            pytest.skip(error.message)
        raise


JUDGED = [
    {**line, "point": line["at"]}
    for name in ("traps", "verdict_faults", "found_faults")
    for line in lines(f"{name}.tsv")
]
EXACT = [line for name in ("feynman", "integrals") for line in lines(f"{name}.tsv")]

on_each_path = pytest.mark.parametrize("path", PATHS)


def test_samples_are_all_there() -> None:
    assert len(lines("verdict_faults.tsv")) == 26
    assert len(JUDGED) == 29 + 26 + 22
    assert len(EXACT) == 60


@on_each_path
@pytest.mark.parametrize("line", JUDGED, ids=lambda line: line["id"])
def test_verdict_is_acceptable(line: dict[str, str], path: str) -> None:
    said = told(line, path)
    assert said.verdict in line["accept"].split("|"), said


@on_each_path
@pytest.mark.sampled(4)
@pytest.mark.parametrize("line", EXACT, ids=lambda line: line["id"])
def test_right_formula_is_right(line: dict[str, str], path: str) -> None:
    said = told(line, path)
    assert said.verdict in RIGHT, said


@pytest.mark.parametrize("command", ["grad", "sweep"])  # test_hostile.py has the batch
@pytest.mark.sampled(4)
@pytest.mark.parametrize("line", lines("hostile_sample.tsv"), ids=lambda line: line["id"])
def test_hostile_text_is_answered_or_refused(run, line: dict[str, str], command: str) -> None:
    text = line["input_python_literal"]
    with contextlib.suppress(ValueError, TypeError, SyntaxError):  # arithmetic of texts
        text = str(literal(text))[:100_000]
    where = ("--at", "x=0.5") if command == "grad" else ("--over", "x=0:1:2")
    code, out, err = run(command, *where, "-", stdin=text.encode("utf-8", "surrogatepass"))
    assert code in range(5)
    assert out or err
    assert "Traceback" not in err
