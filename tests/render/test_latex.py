"""LaTeX that can be pasted."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from reports import AGREE, HOSTILE, SECOND_ORDER, UNCHECKED, agreed, draw, entry, of_tensor, tensor

from gradcalc.base.names import in_latex
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
        ("__", r"\_\_"),
        ("_1", r"{\_}_{1}"),
        ("__x", r"{\_}_{\_ x}"),
        ("x_", r"x_{\_}"),
        ("x__y", r"x_{\_ y}"),
        ("__[0]", r"{\_\_}_{0}"),
        ("\u03b1_β", r"\alpha_{\beta}"),
        ("Λx", r"{\Lambda}x"),
        ("\u0391", "A"),
        ("é", r"\acute{e}"),
        ("ж1", r"\mathrm{U+0436}_{1}"),
        ("变", r"\mathrm{U+53D8}"),
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


ASCII = ["_", "__", "___", "_1", "__1", "_1_", "x_", "x__", "x__2", "x___y_", "l_", "a_b_c", "xhat"]
OTHERS = ["\u03b1", "Ω_\u03b1", "ψ1", "\u039f", "alpha_β", "é", "ñ_ü", "ж", "变_1", "x٣"]


@pytest.mark.parametrize(("text", "right"), [("-2*x", "-2"), ("x", "1"), ("x**2", "2 x = 2")])
def test_latex_has_a_formula_that_is_its_value_once(run, text: str, right: str) -> None:
    out = run("grad", text, "--at", "x=1", "--format", "latex")[1]
    assert rf"\frac{{\partial f}}{{\partial x}} &= {right}  %" in out


@pytest.mark.parametrize("name", ASCII + OTHERS)
@pytest.mark.parametrize(
    "text", ["sin({0})*{0}**2/(1 + {0})", "({0}**2).sum()", "sigmoid({0})", "beta({0}, 2.5)"]
)
@pytest.mark.sampled(5)
def test_latex_of_any_name_compiles(run, text: str, name: str) -> None:
    value = "[1, 2]" if "sum" in text else "1"
    words = ("--at", f"{name}={value}", "--format", "latex", "--second-order")
    code, out, err = run("grad", text.format(name), *words)
    assert (code, err) == (0, "")
    body = "".join(line.partition(" % ")[0] for line in out.split("\n") if line[:1] != "%")
    check_latex(body)
    assert in_latex(name) in body


def check_latex(text: str) -> None:
    """Refuse what TeX would: letters without a font, braces that do not match, double scripts."""
    assert text.isascii()
    signs = re.sub(r"\\(?:[A-Za-z]+|.)", "m", text).replace(" ", "")
    while inner := re.search(r"\{([^{}]*)\}", signs):
        check_scripts(inner[1])
        signs = signs.replace(inner[0], "g", 1)
    assert not re.search("[{}]", signs)
    check_scripts(signs)


def check_scripts(signs: str) -> None:
    assert not re.search(r"(?:^|[-+=&])[_^]", signs), "a script of nothing"
    assert not re.search(r"[_^](?:$|[-+=&_^])", signs), "an empty script"
    assert not re.search(r"_.(?:\^.)?_|\^.(?:_.)?\^", signs), "a double script"
