"""What torch refuses, in plain words."""

from __future__ import annotations

import re

import pytest
from asking import SECOND, refused, weights

from gradcalc import grad
from gradcalc.autograd.refusals import refusal, words_of
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.functions import torch
from gradcalc.language.parser import parse


@pytest.mark.parametrize(
    ("text", "options", "place", "hint"),
    [
        ("2 + 3", {}, "2 + 3", "write a variable in it, as in x**2"),
        ("x > 0", {"x": 1}, "x > 0", "where(condition, a, b)"),
        ("(x > 0) + 1", {"x": 1}, "(x > 0) + 1", "where(condition, a, b)"),
        ("x**2", {"x": 1, "fixed": "x"}, "x**2", "name it in --wrt: x"),
        ("x.detach()*2", {"x": 1}, "x.detach()*2", "detach() and no_grad() make constants"),
        ("no_grad(x*2)", {"x": 1}, "x*2", "detach() and no_grad() make constants"),
        ("x, x.sign() > 0", {"x": 1}, "x.sign() > 0", "where(condition, a, b)"),
    ],
)
def test_nothing_to_differentiate(text, options, place, hint) -> None:
    error = refused(text, **options)
    assert error.kind is Kind.AUTOGRAD
    assert "does not require grad" in error.message
    assert hint in error.hint
    assert underlined(error) == place


def underlined(error: GradcalcError) -> str:
    return error.text[error.span.start : error.span.stop]


@pytest.mark.parametrize(
    ("text", "options", "kind", "message", "place", "hint"),
    [
        ("x + y", {"x": [1, 2], "y": [1, 2, 3]}, "shape",
         "`+` does not fit shapes (2,) and (3,)", "x + y", "torch says: "),
        ("1 + (x @ y)", {"x": [1, 2], "y": [1, 2, 3]}, "shape",
         "`@` does not fit shapes (2,) and (3,)", "x @ y", "torch says: "),
        ("x.sum(dim=3)", {"x": [1, 2]}, "shape",
         "`sum` does not fit shape (2,)", "x.sum(dim=3)", "torch says: "),
        ("x[4]", {"x": [1, 2]}, "shape",
         "the index does not fit shape (2,)", "x[4]", "torch says: "),
        ("y = x*1; y[0] = [1, 2]; y", {"x": [1, 2]}, "shape",
         "the index does not fit shape (2,) and a value of shape (2,)", "y[0] = [1, 2]",
         "torch says: "),
        ("x*2", {"x": [1, 2], "how": SECOND}, "autograd",
         "the result has shape (2,): backward wants a weight for each of its entries", "x*2",
         "add --grad-outputs ones"),
        ("x*2", {"x": [1, 2], "how": {"passes": 2}}, "autograd",
         "the result has shape (2,): backward wants a weight for each of its entries", "x*2",
         "add --grad-outputs ones"),
        ("x[0], x", {"x": [1, 2]}, "autograd",
         "the result has shape (2,): backward wants a weight for each of its entries", "x",
         "add --grad-outputs ones"),
        ("x, x*2", {"x": 2, "how": weights(1)}, "shape", "1 weight for 2 results", "x",
         "give --grad-outputs one value for each result, separated by commas"),
        ("x*2", {"x": [1, 2], "how": weights([1, 2, 3])}, "shape",
         "the weights have shape (3,), the result (2,)", "x*2",
         "give --grad-outputs a value of the result's shape, or ones"),
        ("y = x*2; y", {"x": 2, "how": {"retain_grad": frozenset("q")}}, "usage",
         "--retain-grad: nothing is called `q`", None, "name one of y"),
        ("x*2", {"x": 2, "how": {"retain_grad": frozenset("q")}}, "usage",
         "--retain-grad: nothing is called `q`", None, "give a value a name, as in y = x**2"),
        ("y = x.detach(); z = y*2; x + z",
         {"x": 2, "how": {"retain_grad": frozenset("z")}}, "autograd",
         "`z` does not require grad, so it can retain none", "y*2",
         "leave it out of --retain-grad"),
        ("x**2", {"x": 2, "how": {"passes": 2, "retain_graph": False}}, "autograd",
         "the graph was freed by the first backward, so it cannot be run a second time", "x**2",
         "leave out --no-retain-graph"),
        ("x += 1; x", {"x": 2}, "autograd",
         "`x` is a leaf that requires grad, so it cannot be changed in place", "x += 1",
         "make a new tensor instead: `y = x + 1`, and y for x from there on; torch says: a leaf"),
        ("x[0] = 1; x.sum()", {"x": [1, 2]}, "autograd",
         "`x` is a leaf that requires grad, so it cannot be changed in place", "x[0] = 1",
         "change a copy instead: `y = x.clone()` before this, and y for x from there on"),
        ("y = x[:1]; y += 1; y", {"x": [1, 2]}, "autograd",
         "`x[:1]` is a view of a leaf that requires grad, so it cannot be changed in place",
         "y += 1", "make a new tensor instead: `z = y + 1`, and z for y from there on; torch says"),
        ("y = x*1; z = y**2; y += 1; z", {"x": 2}, "autograd",
         "this changes in place a value that `y**2` saved for backward", "y += 1",
         "make a new tensor instead: `w = y + 1`; torch says: one of the variables needed for"),
        ("y = x*1; z = y**2; y += 1; w = x*1; w += 1; z + w", {"x": 2}, "autograd",
         "this changes in place a value that `y**2` saved for backward", "y += 1",
         "make a new tensor instead: `v = y + 1`; torch says"),
        ("y = x*1; z = y**2 + sin( y ); y.mul_(z); y.sum()", {"x": [1, 2]}, "autograd",
         "this changes in place a value that `sin( y )` saved for backward", "y.mul_(z)",
         "make a new tensor instead: `w = y.mul(z)`, and w for y from there on; torch says"),
        ("y = x*1; z = softmax(y, 0); z[0] = 2; z.sum()", {"x": [1, 2]}, "autograd",
         "this changes in place a value that `softmax(y, 0)` saved for backward", "z[0] = 2",
         "change a copy instead: `w = z.clone()` before this, and w for z from there on; torch"),
        ("y = x*1; y.silu_()", {"x": 2}, "autograd",
         "torch has no `silu_`, which would work in place", "y.silu_()",
         "make a new tensor instead: `z = y.silu()`"),
        ("x.sum() + zeros(1000, 1000, 2).sum()", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "zeros(1000, 1000, 2)", None),
        ("x.expand(2000, 1000)", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "x.expand(2000, 1000)", None),
        ("linspace(0, 1, 2000000)*x", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "linspace(0, 1, 2000000)", None),
        ("eye(2, 600000)*x", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "eye(2, 600000)", None),
        ("arange(0, 1, 1e-7)*x", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "arange(0, 1, 1e-7)", None),
        ("x.reshape(10000000, 0)", {"x": []}, "limit",
         "a tensor of over 1,000,000 entries", "x.reshape(10000000, 0)", None),
        ("x.std(correction=99999999999999999999)", {"x": [1, 2]}, "autograd",
         "torch refuses: int too big to convert", "x.std(correction=99999999999999999999)", None),
        ("x*hardtanh(2, 3, 1)", {"x": 2}, "autograd",
         "torch refuses: min_val cannot be greater than max_val", "hardtanh(2, 3, 1)", None),
        ("hardtanh(x, 3, 1)", {"x": [1, 2]}, "autograd",
         "torch refuses: min_val cannot be greater than max_val", "hardtanh(x, 3, 1)", None),
        ("outer(ones(2000), ones(2000))*x", {"x": 2}, "limit",
         "a tensor of over 1,000,000 entries", "outer(ones(2000), ones(2000))", None),
        ("(x**2).sum()", {"x": [1.0] * 60, "how": SECOND}, "limit",
         "a Hessian of 3,600 entries; the limit is 2,500", None, "name fewer variables in --wrt"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_what_torch_refuses_is_said_in_plain_words(
    text, options, kind, message, place, hint
) -> None:
    error = refused(text, **options)
    assert error.kind == kind
    assert error.message.startswith(message)
    assert (error.span and underlined(error)) == place
    assert hint is None or error.hint.startswith(hint)


#: Words that a version of torch has, or might have: the same is said for all of them.
@pytest.mark.parametrize(
    ("text", "reason", "shape", "message", "hint"),
    [
        ("x @ y", "mat1 and mat2 shapes cannot be multiplied (1x3 and 1x3)", (1, 3),
         "`@` does not fit shapes (1, 3) and (1, 3)",
         "torch says: mat1 and mat2 shapes cannot be multiplied (1x3 and 1x3)"),
        ("x @ y", "mm: mat1 and mat2 shapes cannot be multiplied (1x3 and 1x3)", (1, 3),
         "`@` does not fit shapes (1, 3) and (1, 3)",
         "torch says: mat1 and mat2 shapes cannot be multiplied (1x3 and 1x3)"),
        ("x += y", "a leaf Variable that requires grad is being used in an in-place operation.",
         (), "`x` is a leaf that requires grad, so it cannot be changed in place", "make a new"),
        ("x += y", "add_: an inplace operation is not allowed on a leaf Tensor that requires grad",
         (), "`x` is a leaf that requires grad, so it cannot be changed in place", "make a new"),
    ],
)  # fmt: skip
def test_words_of_other_versions_are_understood(text, reason, shape, message, hint) -> None:
    program = parse(text, variables={"x", "y"})
    args = [torch.ones(shape, requires_grad=True), torch.ones(shape)]
    error = refusal(program, RuntimeError(reason), program.output, args)
    assert error.message == message
    assert error.hint.startswith(hint)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("x.T is odd. (Triggered internally at /__w/pytorch/aten/src/ATen/Shape.cpp:4314.)",
         "x.T is odd."),
        ("x.T is odd (Triggered internally at ../aten/src/ATen/Shape.cpp:4314.).", "x.T is odd"),
        ('"self" INTERNAL ASSERT FAILED at "/build/torch/csrc/node.cpp":12, please report a bug',
         '"self" INTERNAL ASSERT FAILED, please report a bug'),
        ("it fails in /home/me/gradcalc/functions/shapes.py:53", "it fails"),
        (r"it fails at C:\\torch\\nn\\loss.py, line 7: no", "it fails: no"),
        ("it is odd\n  more of it", "it is odd"),
        ("a/b is no path, and 1/2 is none", "a/b is no path, and 1/2 is none"),
        ("changed. Hint: enable anomaly detection", "changed."),
    ],
)  # fmt: skip
def test_words_of_torch_name_no_files(said, words) -> None:
    assert words_of(said) == words


def test_warnings_are_in_words_and_the_same_each_time(capfd) -> None:
    both = [grad(text, {"x": [[[1.0]]]}).warnings for text in ("x.T.sum()", "x.T.sum()*2")]
    assert both[0] == both[1]
    assert both[0][0].startswith("The use of `x.T`")
    assert not re.search(r"[/\\]|\.cpp|\.py|internally", both[0][0])
    assert capfd.readouterr() == ("", "")
    assert not torch.is_warn_always_enabled()


def test_words_of_the_torch_that_runs_are_the_known_ones() -> None:
    leaf = torch.ones(1, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"leaf.*in.?place"):
        leaf.add_(1)
    with pytest.raises(RuntimeError, match=r"^(mm: )?mat1 and mat2 shapes cannot be multiplied"):
        leaf @ leaf
