"""Names: one spelling for all ways to write a name."""

from __future__ import annotations

import time

import pytest

from gradcalc.base import limits
from gradcalc.base.names import did_you_mean, names, nearest, normal


@pytest.mark.parametrize(
    ("typed", "spelled"),
    [
        ("x", "x"),
        ("\N{MATHEMATICAL ITALIC SMALL X}", "x"),
        ("\N{FULLWIDTH LATIN SMALL LETTER E}val", "eval"),
        ("e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("", ""),
    ],
)
def test_name_is_spelled_as_python_compares_it(typed, spelled):
    assert normal(typed) == spelled


def test_long_run_of_marks_takes_no_time():
    marks = "x" + "\u0315\u0300" * 100_000
    started = time.process_time()
    assert normal(marks) == marks
    assert time.process_time() - started < 0.1
    longest = ("x" + "\u0315\u0300" * limits.NAME_LENGTH)[: limits.NAME_LENGTH]
    assert normal(longest) != longest


def test_names_of_a_list_are_spelled_as_in_programs():
    assert names(" u, \N{MATHEMATICAL ITALIC SMALL X} ,,θ") == ("u", "x", "θ")


@pytest.mark.parametrize(
    ("name", "alike", "candidate"),
    [("sqt", 0.6, "sqrt"), ("sni", 0.6, "sin"), ("sni", 0.7, None), ("", 0.6, None)],
)
def test_nearest_is_what_is_spelled_most_alike(name, alike, candidate):
    assert nearest(name, ("sin", "sqrt", "tanh"), alike=alike) == candidate


def test_hint_names_the_nearest_or_says_something_else():
    assert did_you_mean("mas", ["mass"], "leave it out") == "did you mean `mass`?"
    assert did_you_mean("v", ["mass"], "leave it out") == "leave it out"
