"""Verdicts on random programs, held against an oracle that shares nothing with the engine.

`near_misses` draws the programs, `oracle` tells by mpmath what there is.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from near_misses import near_miss, ordinary
from oracle import Oracle, Told, mp
from paths import batch, by_sweep, said

from gradcalc import grad
from gradcalc.base.errors import GradcalcError
from gradcalc.results.report import Entry

#: What float64 can hold, how much of its last bits is noise, and two thirds of its digits.
LARGEST, EXACT, GOOD = 1.79e308, 1e-14, 2.0**-34

#: A few of float64's smallest numbers, of which rounding takes and gives some.
SMALLEST = 64 * 5e-324


def faults(entry: Entry, told: Told) -> list[str]:
    """What is wrong with an entry."""
    verdict = str(entry.verdict)
    if told.kind == "unknown" or verdict == "undecided":
        return []
    if told.kind != "exists":
        kinds = {"corner": "nondifferentiable", "undefined": "undefined"}
        return [] if verdict == kinds[told.kind] else [f"{verdict}, but it is {told.kind}"]
    if abs(told.value) > LARGEST:
        return [] if verdict == "undefined" else [f"{verdict}, but it is too large"]
    exact = float(told.value)
    if verdict in ("nondifferentiable", "undefined"):
        return [f"{verdict}, but it is {exact!r}"]
    assert entry.autograd is not None
    assert entry.symbolic is not None
    off = abs(entry.autograd - exact)
    found = []
    if abs(entry.symbolic - exact) > EXACT * abs(exact) + 5e-324:
        found.append(f"{entry.symbolic!r} is not {exact!r}")
    if verdict == "agree" and not off <= GOOD * abs(exact) + SMALLEST:
        found.append(f"agree, but {entry.autograd!r} is not {exact!r}")
    if verdict == "disagree" and off <= EXACT * abs(exact):
        found.append(f"disagree, but {entry.autograd!r} is {exact!r}")
    return found


def check(seed: int) -> None:
    """One program: its entries against the oracle, and the verdict of all three paths."""
    text, at = near_miss(seed)
    report = grad(text, dict(at), timeout=60)
    oracle = Oracle(text, at)
    found = [
        fault for entry in report.gradients for fault in faults(entry, oracle.tell(*entry.wrt))
    ]
    if report.value_check is not None and str(report.value_check.verdict) == "agree":
        value = oracle.tell().value
        assert value is not None
        assert abs(mp.mpf(report.value) - value) <= GOOD * abs(value) + SMALLEST, (text, at)
    assert not found, (text, at, found)
    (batched,) = batch([{"expression": text, "at": at}])
    verdicts = [said(report).verdict, said(batched).verdict, by_sweep(text, at).verdict]
    assert len(set(verdicts)) == 1, (text, at, verdicts)


@pytest.mark.parametrize("seed", range(24))
def test_verdict_near_a_kink_or_a_pole_is_the_oracles(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("hundred", range(1, 5))
def test_verdicts_near_kinks_and_poles_are_the_oracles(hundred: int) -> None:
    for seed in range(100 * hundred, 100 * hundred + 100):
        check(seed)


def asked(seed: int) -> tuple[Any, float]:
    """The report on an ordinary program, and the processor's seconds that it took."""
    text, at = ordinary(seed)
    started = time.process_time()
    try:
        report = grad(text, at, second_order=seed % 4 == 0)
    except GradcalcError:
        return None, 0.0
    return report, time.process_time() - started


@pytest.mark.slow
def test_ordinary_entries_are_decided_and_soon() -> None:
    asked(0)  # imports
    answers = [asked(seed) for seed in range(1_500)]
    reports = [report for report, _ in answers if report is not None]
    entries = [entry for report in reports for entry in report.entries]
    undecided = [entry for entry in entries if str(entry.verdict) == "undecided"]
    late = [report.expression for report, seconds in answers if seconds > 2]
    assert len(undecided) < 0.002 * len(entries), undecided
    assert len(late) < 0.001 * len(answers), late


# --- The oracle itself ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "kind", "value"),
    [
        ("x**3", 2.0, "exists", 12),
        ("abs(x)", 0.0, "corner", None),
        ("abs(x)", 1e-300, "exists", 1),
        ("x*abs(x)", 0.0, "exists", 0),
        ("sqrt(x)", 0.0, "corner", None),
        ("x*log(x)", 0.0, "undefined", None),
        ("log(x)", -1.0, "undefined", None),
        ("where(x > 0, 1/x, x)", 0.0, "corner", None),
        ("relu(x-1+exp(-700))", 1.0, "exists", 1),
        ("sinc(x)", 0.0, "exists", 0),
        ("floor(x)", 1.0, "corner", None),
        ("lgamma(x)", 1.0, "exists", -0.5772156649015329),
    ],
)
def test_oracle_knows_what_is_known(text: str, at: float, kind: str, value: float | None) -> None:
    told = Oracle(text, {"x": at}).tell("x")
    assert told.kind == kind
    assert value is None or float(told.value) == pytest.approx(value, rel=1e-15, abs=1e-300)


def test_faults_are_found() -> None:
    entry = grad("x**2", {"x": 3.0}).gradients[0]
    assert faults(entry, Told("exists", mp.mpf(6))) == []
    assert faults(entry, Told("exists", mp.mpf(6) * (1 + mp.mpf(2) ** -30)))
    assert faults(entry, Told("corner"))
    assert faults(entry, Told("undefined"))
    assert faults(grad("abs(x)", {"x": 0.0}).gradients[0], Told("exists", mp.one))
