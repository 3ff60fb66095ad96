"""Values of variables: what cannot be calculated is refused, and soon."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
import torch

from gradcalc import grad
from gradcalc.base.errors import GradcalcError

TOO_LARGE = "the value of `x` is too large to be calculated"
TOO_MANY = "the value of `x` takes over 400,000 operations"


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("pi**pi**pi**pi**pi", "binding", TOO_LARGE),
        ("e**e**e**e**e", "binding", TOO_LARGE),
        ("exp(1e308)", "binding", "the value of `x` is inf, where no derivative exists"),
        ("exp(exp(exp(exp(exp(2)))))", "binding", TOO_LARGE),
        ("[1, e**e**e**e**e]", "binding", TOO_LARGE),
        ("factorial(factorial(factorial(9)))", "binding", TOO_LARGE),
        ("exp(800)", "binding", "the value of `x` is inf, where no derivative exists"),
        ("log(-1)", "binding", "the value of `x` is nan, where no derivative exists"),
        ("1/0", "binding", "the value of `x` is nan, where no derivative exists"),
        ("randn(100, 100) @ randn(100, 100)", "limit", TOO_MANY),
        pytest.param("2*randn(1000, 500)", "limit", TOO_MANY, marks=pytest.mark.slow),
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


@pytest.mark.parametrize("size", [65, 100])
def test_lists_and_files_share_one_limit_of_dimensions(size, tmp_path):
    nested = "[" * size + "1" + "]" * size
    (tmp_path / "deep.json").write_text(nested, "utf-8")
    np.save(tmp_path / "deep.npy", np.ones((1,) * 64))
    for value in (nested, f"@{tmp_path}/deep.json", f"ones({','.join('1' * size)})"):
        with pytest.raises(GradcalcError) as caught:
            grad("x.sum()", {"x": value})
        assert caught.value.message == f"a tensor of {size} dimensions; the limit is 64"
    (tmp_path / "deeper.json").write_text("[" * 100_000 + "]" * 100_000, "utf-8")
    with pytest.raises(GradcalcError, match="nested too deeply; the limit is 64"):
        grad("x.sum()", {"x": f"@{tmp_path}/deeper.json"})
    with pytest.raises(GradcalcError, match="dimensions; the limit is 64"):
        grad("x*1", {"x": 1}, grad_outputs=nested)
    assert grad("x.sum()", {"x": f"@{tmp_path}/deep.npy"}).value == 1


def test_random_numbers_are_drawn_in_the_order_of_the_values():
    generator = torch.Generator().manual_seed(5)
    y, x = (torch.randn(2, dtype=torch.float64, generator=generator) for _ in "yx")
    for text in ("(x*y).sum()", "(y*x).sum()"):
        report = grad(text, {"y": "randn(2)", "x": "randn(2)"}, seed=5)
        assert dict(report.bindings) == {"x": tuple(x.tolist()), "y": tuple(y.tolist())}
    # What is left out was drawn all the same.
    report = grad("x.sum()", {"y": "randn(2)", "x": "randn(2)"}, seed=5, wrt="x")
    assert dict(report.bindings) == {"x": tuple(x.tolist())}


@pytest.mark.parametrize("weights", ["1,ones", "ones, ones", "1, [1, 1]"])
def test_ones_may_be_the_weight_of_one_of_several_results(weights):
    report = grad("x.sum(), x*3", {"x": [1, 2]}, grad_outputs=weights)
    assert [entry.autograd for entry in report.entries] == [4, 4]


@pytest.mark.parametrize(
    ("text", "weights", "message"),
    [
        ("x*2, x*3", "1", "1 weight for 2 results"),
        ("x*2", "[1, 2]", "the weights have shape (2,), the result ()"),
    ],
)
def test_weights_that_do_not_fit_are_refused_without_a_point_too(text, weights, message):
    with pytest.raises(GradcalcError, match=re.escape(message)):
        grad(text, grad_outputs=weights)


def test_weights_count_without_a_point_too():
    assert [entry.formula for entry in grad("x*2", grad_outputs="3").entries] == ["6"]


def test_weights_are_refused_like_values():
    with pytest.raises(GradcalcError, match="is too large to be calculated"):
        grad("x", {"x": 1}, grad_outputs="e**e**e**e**e")


@pytest.mark.parametrize(
    ("weight", "said"), [("nan", "is nan"), ("-inf", "is -inf"), ("[nan]", "holds nan")]
)
def test_weights_that_are_not_finite_are_named(weight, said):
    message = f"the value of `grad_outputs` {said}, and weights must be finite"
    with pytest.raises(GradcalcError, match=re.escape(message)):
        grad("x", {"x": 1}, grad_outputs=weight)
