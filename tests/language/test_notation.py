"""What people type, and how it is rewritten for Python's parser."""

# ruff: noqa: RUF001 - the signs that look like others are what this module is about

from __future__ import annotations

import ast
import sys
import unicodedata

import pytest

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.language.notation import Notation, as_typed, rewrite
from gradcalc.language.tokens import SIGNS, lines


def is_function(name: str) -> bool:
    return name in {"sin", "sqrt", "f"}


def rewritten(text: str) -> Notation:
    """Rewrite a text that is one expression."""
    (line,) = lines(text)
    assert (line.target, line.sign) == (None, "")
    return rewrite(text, line.tokens, is_function)


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
        # indexes, lists, words
        ("x[0]", "x[0]"),
        ("2x[0]y", "2*x[0]*y"),
        ("x[0](y)", "x[0]*(y)"),
        ("f(x)[0]", "f(x)[0]"),
        ("(x)[0](y)", "(x)[0]*(y)"),
        ("[x][0]", "[x][0]"),
        ("√x[0]", "sqrt(x[0])"),
        ("√x[0](y)", "sqrt(x[0])*(y)"),
        ("x[:, 1:-1, ::2]", "x[:,1:-1,::2]"),
        ("x[..., None, [0, 1]]", "x[...,None,[0,1]]"),
        ("[[1, 2], [3, x]]", "[[1,2],[3,x]]"),
        ("f('ij,j->i', x)", "f('ij,j->i',x)"),
        ('f("ij", x)', 'f("ij",x)'),
        ("f(x, dim=0)", "f(x,dim=0)"),
        ("x.f(dim=(0, 1)).T", "x .f(dim=(0,1)) .T"),
        ("x @ y^2", "x@y**2"),
        ("x, y", "x,y"),
        ("True", "True"),
        # line ends and comments are nothing within brackets
        ("(x\n+ 1)", "(x+1)"),
        ("f(x, # of x\n y)", "f(x,y)"),
        ("[1,\n 2;]", "[1,2]"),
        ("x + 1 # ; y", "x+1"),
    ],
)
def test_notation_is_rewritten_for_python(text, python):
    assert rewritten(text).python == python
    ast.parse(python, mode="eval")


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "-x",
        "2.5e-3*x**-2",
        "f(x, +.5) // (1. - y_1) % 3",
        "((a + b)*(sin (x)) - 0)",
        "x, y",
        "lambda_*notx",
    ],
)
def test_text_in_pythons_notation_is_taken_as_typed(text):
    notation = as_typed(text, is_function)
    assert notation is not None
    assert notation.python == text
    assert notation.span(0, len(text)) == (0, len(text))
    line = "".join(text.split())
    assert rewritten(text).python == line
    assert ast.dump(ast.parse(text, mode="eval")) == ast.dump(ast.parse(line, mode="eval"))


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", " x", "x ", "x y", "2x", "x^2", "x²", "θ", "x\n", "x; y", "x = 1", "x # y"),
        *("x(1+x)", "(f)(x)", "2(x)", "f(x)(y)", "f()", "f(x,)", "f(*x)", "f(x, dim=0)"),
        *("x.T", "x[0]", "[x]", "x > 0", "~x", "x @ y", "x +", "* x", "x * * y", "x, , y"),
        *("007", "00", "1_0", "0x1", "1j", "1e400", "1e-400", "1..", "1if x", "9" * 61),
        *("lambda", "x*not - y", "await(x)", "None", "x"*101),
        *("(x", "x)", "x)*(y", "("*191 + "x" + ")"*191, "x*"*100_001 + "x"),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_text_that_python_reads_otherwise_is_not_taken_as_typed(text):
    assert as_typed(text, is_function) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x", [(None, "", "x")]),
        ("y = x + 1; y", [("y", "=", "x + 1"), (None, "", "y")]),
        ("y = x\n\ny\n", [("y", "=", "x"), (None, "", "y")]),
        (" y=x ;; # nothing\n;y", [("y", "=", "x"), (None, "", "y")]),
        ("y = (x\n + 1)\ny", [("y", "=", "(x\n + 1)"), (None, "", "y")]),
        ("y += 1", [("y", "+=", "1")]),
        ("y ^= 2", [("y", "**=", "2")]),
        ("y **= 2; y //= x", [("y", "**=", "2"), ("y", "//=", "x")]),
        ("y @= x; y |= 2", [("y", "@=", "x"), ("y", "|=", "2")]),
        ("y[0, 1] = f(x, dim=0)", [("y[0, 1]", "=", "f(x, dim=0)")]),
        ("x == 1", [(None, "", "x == 1")]),
        ("x <= 1", [(None, "", "x <= 1")]),
        ("f(x, dim=0)", [(None, "", "f(x, dim=0)")]),
        ("y = x == 1", [("y", "=", "x == 1")]),
        ("y = x = 1", [("y", "=", "x = 1")]),
        ("x) = 1; y", [("x)", "=", "1"), (None, "", "y")]),
    ],
)
def test_text_is_cut_into_statements(text, wanted):
    def source(tokens):
        return text[tokens[0].start : tokens[-1].stop] if tokens else None

    statements = [(source(line.target), line.sign, source(line.tokens)) for line in lines(text)]
    assert statements == wanted
    for line in lines(text):
        assert text[line.span.start : line.span.stop].endswith(source(line.tokens))


@pytest.mark.parametrize("text", ["", " ", "\n", ";", "# x", " ;\n# x\n;"])
def test_text_without_statements_is_no_expression(text):
    with pytest.raises(GradcalcError, match="there is no expression"):
        lines(text)


def test_notation_maps_positions_back_to_the_users_text():
    notation = rewritten("2θ² + √x")
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
        rewritten(text)
    assert caught.value.kind is Kind.LIMIT
