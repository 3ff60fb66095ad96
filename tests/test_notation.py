"""What people type, and how it is rewritten for Python's parser."""

# ruff: noqa: RUF001 - the signs that look like others are what this module is about

from __future__ import annotations

import ast
import sys
import unicodedata

import pytest

from gradcalc.errors import GradcalcError, Kind
from gradcalc.notation import SIGNS, rewrite


def is_function(name: str) -> bool:
    return name in {"sin", "sqrt", "f"}


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("x^2", "x**2"),
        ("x**2", "x**2"),
        ("x²", "x**(2)"),
        ("x⁻¹²", "x**(-12)"),
        ("x⁺²", "x**(2)"),
        ("2x", "2*x"),
        ("2 x", "2*x"),
        ("2(x+1)", "2*(x+1)"),
        ("(a)(b)", "(a)*(b)"),
        ("x(1+x)", "x*(1+x)"),
        ("f(1+x)", "f(1+x)"),
        ("f(x)(y)", "f(x)*(y)"),
        ("2f(x)f(y)", "2*f(x)*f(y)"),
        ("x²y", "x**(2)*y"),
        ("a·b⋅c×d÷k−1", "a*b*c*d/k-1"),
        ("x≤1", "x<=1"),
        ("x≥1", "x>=1"),
        ("x≠1", "x!=1"),
        ("2πr", "2*pi*r"),
        ("∞", "inf"),
        ("√x", "sqrt(x)"),
        ("√√x", "sqrt(sqrt(x))"),
        ("√-x", "sqrt(-x)"),
        ("√2x", "sqrt(2)*x"),
        ("√f(x)", "sqrt(f(x))"),
        ("√x(y)", "sqrt(x)*(y)"),
        ("√(x+1)²", "sqrt((x+1))**(2)"),
        ("√x.sin()", "sqrt(x .sin())"),
        ("2 .sin()", "2 .sin()"),
        ("lambda", "v"),
        ("θ", "v"),
        ("𝑥", "x"),
        ("x₁", "x1"),
        ("007", "7"),
        ("00", "0"),
        ("1_000.5_0", "1000.50"),
        ("2e", "2*e"),
        ("2e3", "2e3"),
        ("2e3x", "2e3*x"),
        (" x\t+ 1 ", "x+1"),
    ],
)
def test_notation_is_rewritten_for_python(text, python):
    assert rewrite(text, is_function).python == python
    ast.parse(python, mode="eval")


def test_notation_maps_positions_back_to_the_users_text():
    notation = rewrite("2θ² + √x", is_function)
    assert notation.python == "2*v**(2)+sqrt(x)"
    assert [notation.text[notation.starts[k]] for k in (0, 2, 9)] == ["2", "θ", "√"]
    assert notation.span(2, 8).stop == len("2θ²")
    assert notation.name("v", 2) == "θ"
    assert notation.name("x", 14) == "x"


def test_notation_knows_every_pi_of_unicode():
    letters = {
        c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.normalize("NFKC", c) == "π"
    }
    assert letters == {sign for sign, name in SIGNS.items() if name == "pi"}


@pytest.mark.parametrize("sign", ["√", "√-", "√("])
def test_notation_of_many_roots_takes_linear_time_and_hits_the_limit(sign):
    text = sign * 50_000 + "x" + ")" * (50_000 * sign.count("("))
    with pytest.raises(GradcalcError) as caught:
        rewrite(text, is_function)
    assert caught.value.kind is Kind.LIMIT
