"""CSV: rows that scripts and spreadsheets read."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from importlib import import_module

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reports import (
    AGREE,
    CHECKED,
    FAILED,
    SECOND_ORDER,
    UNCHECKED,
    VALUE,
    VALUES,
    draw,
    entry,
    of_tensor,
    tensor,
)

from gradcalc.language.parser import parse
from gradcalc.render import FORMATS
from gradcalc.results.report import Claim, Derivative, Report


def rows(reports: list[Report]) -> list[dict[str, str]]:
    text = FORMATS["csv"].header + "".join(draw("csv", report) for report in reports)
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_row_for_each_derivative_and_each_error() -> None:
    read = rows([SECOND_ORDER, FAILED])
    assert [row["wrt"] for row in read] == ["u", "v", "u,u", "u,v", "v,v", ""]
    assert float(read[0]["autograd"]) == 7.4
    assert read[-1]["error"] == "name: unknown function 'sqr'"
    assert (read[-1]["line"], read[-1]["id"]) == ("3", "a-7")
    assert set(FORMATS["csv"].header.rstrip().split(",")) == set(read[0])


def test_csv_tells_what_is_proved() -> None:
    read = rows([of_tensor(tensor("x", (2,), {1: CHECKED})), FAILED, UNCHECKED])
    assert [row["proved"] for row in read] == ["true", "false", "", "false", "false"]


def test_csv_has_a_row_for_a_value_that_does_not_agree() -> None:
    number, *derivatives = rows([VALUE])
    assert [row["wrt"] for row in derivatives] == ["x", "y"]
    cells = [number[name] for name in ("wrt", "symbolic", "autograd", "verdict", "proved")]
    assert cells == ["", "1.25e+308", "inf", "disagree", ""]
    tensor = rows([VALUES])[0]
    assert (tensor["wrt"], tensor["symbolic"], tensor["verdict"]) == ("", "", "undefined")
    constant = rows([replace(VALUE, gradients=())])
    assert [row["verdict"] for row in constant] == ["disagree"]


@pytest.mark.parametrize(
    ("derivative", "cells", "parts"),
    [
        (tensor("x", (1, 2)), ["x[0,0]", "x[0,1]"], ["x[0,1]"]),
        (tensor("x", (1,), output=(2,)), ["f[0]/x[0]", "f[1]/x[0]"], ["f[1]", "x[0]"]),
        (tensor("w_1", (1, 1), second=True), ["w_1[0,0],w_1[0,0]"], ["w_1[0,0]", "w_1[0,0]"]),
        (tensor("x", (0,)), [], []),
    ],
)
def test_csv_names_each_entry(derivative: Derivative, cells: list[str], parts: list[str]) -> None:
    read = [row["wrt"] for row in rows([of_tensor(derivative)])]
    assert read == cells
    documented = re.compile(r"\w+(?:\[[\d,]+\])?")
    assert documented.pattern in str(import_module("gradcalc.render.csv").__doc__)
    assert [part for cell in read[-1:] for part in documented.findall(cell)] == parts


@pytest.mark.parametrize(
    ("report", "cell"),
    [
        (replace(AGREE, expression="-x**2"), "'-x**2"),
        (replace(AGREE, expression="+x"), "'+x"),
        (replace(FAILED, expression="'x'"), "''x'"),
        (replace(FAILED, expression="\uff1d1"), "'\uff1d1"),
        (replace(FAILED, expression="\t=1"), r"'\t=1"),
        *(
            (replace(FAILED, expression=f"{blank}=1"), f"'{blank}=1")
            for blank in (" ", "  ", "\u3000")
        ),
        (replace(AGREE, expression="-1 # |cmd"), "'-1 # |cmd"),
        (replace(FAILED, expression="-x**"), "'-x**"),
        (replace(FAILED, expression="=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0"),
        (replace(FAILED, expression="@SUM(A1)"), "'@SUM(A1)"),
    ],
)
def test_csv_cell_is_no_spreadsheet_formula(report: Report, cell: str) -> None:
    assert rows([report])[0]["expression"] == cell


def read(cell: str) -> str:
    """As the module documents it."""
    text = cell.removeprefix("'").encode("latin-1", "backslashreplace")
    return text.decode("unicode_escape")


@given(st.text())
@example("\\x41")
@example("\udce9")
@example("'=")
@example(" '=")
@example(" =1")
def test_csv_text_reads_back(text: str) -> None:
    row = rows([replace(FAILED, expression=text, id=text)])[0]
    assert read(row["expression"]) == read(row["id"]) == text
    assert not row["id"].lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))


def test_csv_numbers_stay_numbers() -> None:
    derivative = entry("x", "-x", -1.0)
    row = rows([replace(AGREE, gradients=(derivative,), id=-5)])[0]
    assert (row["id"], row["symbolic"], row["formula"]) == ("-5", "-1.0", "(-x)")


@pytest.mark.parametrize(
    ("formula", "cell"),
    [
        ("-x**2", "(-x**2)"),
        ("-1/3", "(-1/3)"),
        ("2*x", "2*x"),
        ("-3", "-3"),
        ("-2.5e-10", "-2.5e-10"),
    ],
)
def test_csv_formula_is_one_and_none_of_a_spreadsheet(formula: str, cell: str) -> None:
    derivative = entry("x", formula, -1.0)
    row = rows([replace(AGREE, gradients=(derivative,))])[0]
    assert (row["formula"], read(row["formula"])) == (cell, cell)
    assert parse(cell, variables=["x"]).text == cell


@pytest.mark.parametrize(("claim", "cell"), [("-2*x*y", "(-2*x*y)"), ("+x", "(+x)"), ("-2", "-2")])
def test_claim_is_a_formula_that_no_spreadsheet_runs(claim: str, cell: str) -> None:
    (row,) = rows(
        [
            Report(
                "x",
                claims=(
                    Claim(
                        "x",
                        claim,
                        correct=True,
                        proof="symbolic",
                        counterexample=None,
                        diagnosis=None,
                    ),
                ),
            )
        ]
    )
    assert row["formula"] == cell
