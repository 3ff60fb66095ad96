"""What to write instead of a change in place: it is tried, and it is the user's own operation."""

from __future__ import annotations

import re

import pytest

from gradcalc import grad
from gradcalc.base.errors import GradcalcError

AT = {"x": [1.0, 2.0]}

#: Programs that torch refuses, what is underlined, what is to be written, and what comes of it.
PROGRAMS = [
    ("y = exp(x); z = y*2; y *= 3; sum(z + y)", "y *= 3", "w = y*3",
     "y = exp(x); z = y*2; w = y*3; sum(z + w)"),
    ("y = exp(x); z = 2; y -= z - x; sum(y)", "y -= z - x", "w = y - (z - x)",
     "y = exp(x); z = 2; w = y - (z - x); sum(w)"),
    ("y = exp(x); y **= 2; sum(y)", "y **= 2", "z = y**2", "y = exp(x); z = y**2; sum(z)"),
    ("y = sqrt(x); y /= y.sum(); y[0]", "y /= y.sum()", "z = y/y.sum()",
     "y = sqrt(x); z = y/y.sum(); z[0]"),
    ("y = exp(x); y.mul_(x); sum(y)", "y.mul_(x)", "z = y.mul(x)",
     "y = exp(x); z = y.mul(x); sum(z)"),
    ("sum(exp(x).mul_(x))", "exp(x).mul_(x)", "exp(x).mul(x)", "sum(exp(x).mul(x))"),
    ("y = x*x; z = y*y; y.add_(1); sum(z)", "y.add_(1)", "w = y.add(1)",
     "y = x*x; z = y*y; w = y.add(1); sum(z)"),
    ("y = sigmoid(x); y[0] = 0; sum(y)", "y[0] = 0", "z = y.clone()",
     "y = sigmoid(x); z = y.clone(); z[0] = 0; sum(z)"),
    ("a = x*2; b = a**2; a[1] += 3; sum(b)", "a[1] += 3", "y = a.clone()",
     "a = x*2; b = a**2; y = a.clone(); y[1] += 3; sum(b)"),
    ("y = tanh(x); v = y[:1]; v.add_(1); sum(y)", "v.add_(1)", "clone(tanh(x))",
     "y = clone(tanh(x)); v = y[:1]; v.add_(1); sum(y)"),
    ("y = tanh(x); v = y; v -= x; sum(y)", "v -= x", "clone(tanh(x))",
     "y = clone(tanh(x)); v = y; v -= x; sum(y)"),
    ("x += 1; sum(x**2)", "x += 1", "y = x + 1", "y = x + 1; sum(y**2)"),
    ("y = 2; x.mul_(y); sum(x)", "x.mul_(y)", "z = x.mul(y)", "y = 2; z = x.mul(y); sum(z)"),
    ("x[0] = 1; sum(x**2)", "x[0] = 1", "y = x.clone()", "y = x.clone(); y[0] = 1; sum(y**2)"),
    ("v = x[:1]; v.mul_(3); sum(x)", "v.mul_(3)", "y = x.clone()",
     "y = x.clone(); v = y[:1]; v.mul_(3); sum(y)"),
    ("v = x.view(2, 1); v[0] = 5; sum(x*x)", "v[0] = 5", "y = x.clone()",
     "y = x.clone(); v = y.view(2, 1); v[0] = 5; sum(y*y)"),
    ("y = exp(x); y.prod_()", "y.prod_()", "z = y.prod()", "y = exp(x); z = y.prod()"),
    ("y = rand(2)*x; z = exp(y); z *= 2; sum(z)", "z *= 2", "w = z*2",
     "y = rand(2)*x; z = exp(y); w = z*2; sum(w)"),
]  # fmt: skip


def refused(text: str) -> GradcalcError:
    with pytest.raises(GradcalcError) as caught:
        grad(text, AT)
    return caught.value


@pytest.mark.parametrize(("text", "place", "piece", "mended"), PROGRAMS)
def test_what_a_hint_says_instead_of_a_change_in_place_works(text, place, piece, mended) -> None:
    error = refused(text)
    assert error.span is not None
    assert text[slice(*error.span)] == place
    assert re.findall("`([^`]+)`", error.hint or "")[0] == piece
    assert piece in mended
    assert grad(mended, AT).verdict == "agree"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("y = exp(x); y += 1; z = exp(x); z *= 2; sum(y + z)", "z *= 2"),
        ("y = exp(x); sum(exp(y).exp_().exp_() + y.sin_())", "exp(y).exp_().exp_()"),
    ],
)
def test_of_several_changes_one_that_spoils_is_shown_and_nothing_untried_said(text, place) -> None:
    error = refused(text)
    assert error.span is not None
    assert text[slice(*error.span)] == place
    assert (error.hint or "").startswith("make a new tensor instead; torch says: one of the")


def test_leaving_a_leaf_out_is_no_advice_where_it_is_alone() -> None:
    assert "--wrt" not in (refused("x += 1; sum(x)").hint or "")
    with pytest.raises(GradcalcError) as caught:
        grad("x += a; sum(x*a)", {**AT, "a": 2})
    assert "or leave the variable out of" in (caught.value.hint or "")
