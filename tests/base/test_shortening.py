"""Long formulas, shortened so that they can still be read as formulas."""

from __future__ import annotations

import re

import pytest

from gradcalc.base.shortening import MORE, shorten
from gradcalc.language.parser import parse

TEXTS = {
    "quotient": "2*x*exp(-(v*x + w*y))/(exp(-(v*x + w*y)) + 1)**2 + 0.7071067811865476*x*y",
    "entries": "2*A[0,0]*exp(-(A[0,0]*x[0] + A[0,1]*x[1]))/(exp(-(A[0,0]*x[0] + A[0,1])) + 1)**3",
    "choice": "where((x > 0) & (y > 0), sin(x)*cos(y), -polygamma(2, x*y)*exp(x + y))",
    "powers": "-(x + y)**(2*x - 3*y)**(-2) - abs(-x)**(1/3) + ~(x > y)*1e-05*x**2",
    "terms": " - ".join(f"sin({k}*x)*cos({k}*y)" for k in range(30)),
    "product": "*".join(f"sin({k}*x)" for k in range(30)) + "/(x*y*(x + 1)*(y + 1))",
    "nested": "sin(" * 40 + "x + y" + ")" * 40,
    "signs": "-" * 60 + "x",
    "tensor": "y = softmax(x @ W.T + b, dim=1).log()[0].sum(dim=(0, 1)) * [1, 2, 3, 4][x]",
    "statement": "total += 0.5*sum((x - mean(x))**2)/numel(x) if x > 0 else x",
}


def numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.])\d[\w.]*(?:(?<=e)[-+]\d+)?", text))


def check_shortened(text: str, width: int) -> str:
    """Require of a shortened formula what its reader relies on."""
    short = shorten(text, width)
    assert len(short) <= max(width, len(MORE))
    assert (short == text) == (len(text) <= width)
    assert numbers(short) <= numbers(text)
    left = short.replace(MORE, " ")
    for opening, closing in ("()", "[]"):
        assert left.count(opening) == left.count(closing)
    return short


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_shortened_formula_is_a_formula_at_every_width(text: str) -> None:
    for width in range(1, 141):
        short = check_shortened(text, width)
        if text.startswith(("y =", "total")):
            continue
        # Names of entries are those of tensors without a shape: any name will do.
        named = re.sub(r"\[(\d+),?(\d*)\]", r"\1\2", short)
        parse(named.replace(MORE, "z"))


@pytest.mark.parametrize(
    ("text", "room", "short"),
    [
        ("x + y", 5, "x + y"),
        ("x + y", 0, "…"),
        ("a*b + c*d - e*f - g*h", 18, "a*b + … - g*h"),
        ("-a*b - c*d - e*f - g*h", 18, "-a*b + … - g*h"),
        ("exp(long_name*x) + 1", 11, "exp(…) + 1"),
        ("long_name/(another_name + 1)", 16, "…/(… + 1)"),
        ("a*b*c*d*e/(f*g*h*i*j*k)", 15, "a*b*c*d*e/(f*…)"),
        ("(x + 1).sum(dim=0)*weights", 24, "(…).sum(dim=0)*weights"),
        ("polygamma(1000, x + y)", 12, "…"),  # an order is no name
        ("f(x + y", 5, "…"),
        ("x + y)", 5, "…"),
    ],
)
def test_terms_and_factors_go_as_a_whole(text: str, room: int, short: str) -> None:
    assert shorten(text, room) == short


@pytest.mark.parametrize("text", ["(" * 180 + "x" + ")" * 180, "x+" * 100_000 + "x", "-" * 5_000])
def test_texts_of_any_form_are_shortened(text: str) -> None:
    for width in (1, 40, 140):
        check_shortened(text, width)


def test_width_may_be_that_of_columns() -> None:
    assert shorten("変数 + x", 7, lambda text: len(text.encode())) == "… + x"
