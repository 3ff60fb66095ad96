"""Values of variables: what cannot be calculated is refused, and soon."""

from __future__ import annotations

import time

import pytest

from gradcalc import grad
from gradcalc.base.errors import GradcalcError

TOO_LARGE = "the value of `x` is too large to be calculated"
TOO_MANY = "the value of `x` takes over 400,000 operations"


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("pi**pi**pi**pi**pi", "binding", TOO_LARGE),
        ("e**e**e**e**e", "binding", TOO_LARGE),
        ("exp(1e308)", "binding", TOO_LARGE),
        ("exp(exp(exp(exp(exp(2)))))", "binding", TOO_LARGE),
        ("[1, exp(1e308)]", "binding", TOO_LARGE),
        ("factorial(factorial(factorial(9)))", "binding", TOO_LARGE),
        ("exp(800)", "binding", "the value of `x` is inf, where no derivative exists"),
        ("log(-1)", "binding", "the value of `x` is nan, where no derivative exists"),
        ("1/0", "binding", "the value of `x` is nan, where no derivative exists"),
        ("randn(100, 100) @ randn(100, 100)", "limit", TOO_MANY),
        ("2*randn(1000, 500)", "limit", TOO_MANY),
        ("randn(2000, 2000)", "limit", "a tensor of over 1,000,000 entries"),
    ],
)
def test_value_that_cannot_be_calculated_is_refused(value, kind, message):
    started = time.process_time()
    with pytest.raises(GradcalcError) as caught:
        grad("x", {"x": value})
    assert (caught.value.kind, caught.value.message) == (kind, message)
    assert caught.value.text.startswith("x=") or kind == "limit"
    assert time.process_time() - started < 4


def test_weights_are_refused_like_values():
    with pytest.raises(GradcalcError, match="is too large to be calculated"):
        grad("x", {"x": 1}, grad_outputs="exp(1e308)")
