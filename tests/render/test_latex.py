"""LaTeX that can be pasted."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from reports import AGREE, HOSTILE, SECOND_ORDER, UNCHECKED, agreed, draw, entry, of_tensor, tensor

from gradcalc.results.report import Derivative


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("omega_0", r"\omega_{0}"),
        ("lambda", r"\lambda"),
        ("x12", "x_{12}"),
        ("learning_rate", "learning_{rate}"),
        ("a_b_c", "a_{b c}"),
        ("_", r"\_"),
        ("p%", r"p\%"),
        ("a\\b", r"a\backslash{}b"),
        ("x[0,1]", "x_{0,1}"),
        ("omega[2]", r"\omega_{2}"),
        ("w_1[0]", "{w_{1}}_{0}"),
        ("x1[0]", "{x_{1}}_{0}"),
    ],
)
def test_latex_writes_any_name(name: str, latex: str) -> None:
    derivative = Derivative((name,), (), (agreed((name,), None),))
    text = draw("latex", replace(UNCHECKED, gradients=(derivative,)))
    assert rf"\frac{{\partial f}}{{\partial {latex}}} &= " in text


def test_latex_rows_are_parted_but_the_last_is_not() -> None:
    lines = draw("latex", SECOND_ORDER).split("\n")
    body = lines[lines.index(r"\begin{align*}") + 1 : lines.index(r"\end{align*}")]
    assert [r"\\" in line for line in body] == [True] * 4 + [False]


def test_latex_of_a_long_jacobian_has_dots() -> None:
    text = draw("latex", of_tensor(tensor("x", (100,), output=(2,))))
    assert r"\frac{\partial f_{1}}{\partial x_{99}} &= 2 k_{199} = " in text
    assert r"\vdots \\  % 194 more: 194 agree, 0 ulps" in text


def test_latex_comment_cannot_be_left() -> None:
    text = draw("latex", replace(HOSTILE, expression="x\n\\input{a}\u2028\\input{b}"))
    assert all(line.startswith("%") for line in text.split("\n") if "input" in line)


@pytest.mark.parametrize(
    ("value", "latex"),
    [(1e-17, r"1 \cdot 10^{-17}"), (math.inf, r"\infty"), (math.nan, r"\mathrm{nan}")],
)
def test_latex_number(value: float, latex: str) -> None:
    assert f"= {latex}" in draw("latex", replace(AGREE, gradients=(entry("x", None, value),)))
