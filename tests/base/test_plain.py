"""Values of Python keep every bit that a float64 has; what is no value is refused with a hint."""

from __future__ import annotations

import decimal
from collections import deque
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
import torch

from gradcalc import GradcalcError, grad
from gradcalc.base.options import OPTIONS
from gradcalc.language.bindings import parse_bindings, parse_weights
from gradcalc.program.program import Array

THIRD = 1 / 3
THIRD32 = float(np.float32(THIRD))

NUMBERS = {
    "float": (THIRD, THIRD),
    "whole": (2**60 + 1, float(2**60)),
    "tensor": (torch.tensor(THIRD, dtype=torch.float64), THIRD),
    "float32 tensor": (torch.tensor(THIRD), THIRD32),
    "float16 tensor": (torch.tensor(THIRD, dtype=torch.float16), float(np.float16(THIRD))),
    "bfloat16 tensor": (torch.tensor(THIRD, dtype=torch.bfloat16), 0.333984375),
    "whole tensor": (torch.tensor(3), 3.0),
    "leaf": (torch.tensor(THIRD, requires_grad=True), THIRD32),
    "float32": (np.float32(THIRD), THIRD32),
    "longdouble": (np.longdouble(1) / 3, THIRD),
    "int64": (np.int64(7), 7.0),
    "Fraction": (Fraction(1, 3), THIRD),
    "long Fraction": (Fraction(3**999, 3**1000), THIRD),
    "Decimal": (decimal.Decimal(1) / 3, THIRD),
    "mpf": (mpmath.mpf(1) / 3, THIRD),
    "sympy": (sympy.Rational(1, 3), THIRD),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_number_keeps_every_bit(name):
    number, exact = NUMBERS[name]
    assert grad("x*2", {"x": number}).bindings == (("x", exact),)
    assert grad("x.sum()", {"x": [number, 0.5]}).bindings == (("x", (exact, 0.5)),)
    weighed = grad("x*2", {"x": [1, 2]}, grad_outputs=(number, 1))
    assert weighed.gradients[0].autograd == (2 * exact, 2.0)


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        (np.array([THIRD]), (THIRD,)),
        (np.array([[THIRD, 1]], dtype=np.float32), ((THIRD32, 1.0),)),
        (np.array([1, 2], dtype=np.longdouble) / 3, (THIRD, 2 / 3)),
        (np.array([Fraction(1, 3)]), (THIRD,)),
        (np.array([True, False]), (1.0, 0.0)),
        (torch.tensor([True, False]), (1.0, 0.0)),
        (torch.tensor([THIRD], requires_grad=True), (THIRD32,)),
        (torch.nn.Parameter(torch.tensor([THIRD])), (THIRD32,)),
        (torch.eye(2, dtype=torch.float64).to_sparse(), ((1.0, 0.0), (0.0, 1.0))),
        (torch.arange(4.0)[::2], (0.0, 2.0)),
        ((np.float32(THIRD), THIRD), (THIRD32, THIRD)),
        ([torch.tensor(THIRD), 1], (THIRD32, 1.0)),
        ([np.array([THIRD]), [1]], ((THIRD,), (1.0,))),
        (["pi", Fraction(1, 3)], (3.141592653589793, THIRD)),
        (range(2), (0.0, 1.0)),
        (deque([1, 2]), (1.0, 2.0)),
        (map(float, "12"), (1.0, 2.0)),
        (torch.zeros(0, 3), ()),
        ([-0.0, 5e-324, 1e-320, 1e308], (-0.0, 5e-324, 1e-320, 1e308)),
    ],
    ids=repr,
)
def test_arrays_and_lists_keep_every_bit(value, numbers):
    assert repr(grad("(x*1e-9).sum()", {"x": value}).bindings) == repr((("x", numbers),))


def test_array_may_be_longer_than_any_text():
    values = torch.randn(300, 300, dtype=torch.float64)
    (binding,) = parse_bindings(OPTIONS["at"].from_python({"x": values}))
    assert binding.program == Array((300, 300), tuple(values.flatten().tolist()))
    (weights,) = parse_weights(OPTIONS["grad-outputs"].from_python(values))
    assert weights.program == binding.program


def endless() -> list[Any]:
    held: list[Any] = []
    held += [held, held]
    return held


@pytest.mark.parametrize(
    "value",
    [
        *(True, 1j, np.array([1j]), None, {}, {1.0}, b"12", object(), print),
        *(np.array(["2020-01-01"], dtype="datetime64[ns]"), sympy.Symbol("x"), mpmath.mpc(1, 1)),
        *(torch.empty(2, device="meta"), torch.zeros(1).expand(10**12), endless(), 10**400),
        *(Fraction(10**400), float("nan"), -np.inf, decimal.Decimal("sNaN"), torch.float64),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_value_is_refused_with_a_hint(value):
    for asked in ({"at": {"x": value}}, {"at": {"x": [0.5, value]}}):
        with pytest.raises(GradcalcError) as caught:
            grad("x.sum()", **asked)
        assert caught.value.hint
    if value is not None:
        with pytest.raises(GradcalcError) as caught:
            grad("x.sum()", {"x": 1}, grad_outputs=value)
        assert caught.value.hint


@pytest.mark.parametrize(
    "asked",
    [
        *({"expression": wrong} for wrong in (3, None, b"x", ["x"], sympy.Symbol("x"), print)),
        *({"at": wrong} for wrong in ([1], [("x", 1)], "x=1", 3, 0, np.array([1, 2]), {1: 2})),
        *({"at": wrong} for wrong in ({None: 1}, {("x",): 1}, {"2x": 1}, {"": 1}, {b"x": 1})),
        *({"wrt": wrong} for wrong in (3, [3], {"x": 1}, True, b"x")),
        *({"retain_grad": wrong} for wrong in (True, 3, [None])),
        *({"grad_outputs": wrong} for wrong in ({}, True)),
        *({"second_order": wrong} for wrong in (1, "yes")),
        *({"zero_grad": 1}, {"retain_graph": "no"}),
        *({"dtype": wrong} for wrong in (torch.float16, float, np.int8, torch, "float16", 64)),
        *({"seed": wrong} for wrong in (1.5, "1", True, 2**64)),
        *({"backward": wrong} for wrong in (2.0, 0, True, "2")),
        *({"timeout": wrong} for wrong in ("10", True, -1, 0, -np.inf, np.nan, [1])),
    ],
    ids=repr,
)
def test_wrong_type_is_refused_with_a_hint(asked):
    with pytest.raises(GradcalcError) as caught:
        grad(**{"expression": "x", "at": {"x": 1}} | asked)
    assert caught.value.hint


@pytest.mark.parametrize(
    "timeout", [None, np.inf, 1e12, 1e300, 10**400, np.float32(3), Fraction(1, 2)]
)
def test_any_time_is_a_limit_or_none(timeout):
    assert grad("x**2", {"x": 3}, timeout=timeout).verdict.value == "agree"


@pytest.mark.parametrize("names", ["y", ["y"], ("y",), {"y"}, {"y": 1}.keys(), np.array(["y"])])
def test_names_are_a_text_or_any_collection(names):
    (entry,) = grad("x*y", {"x": 2, "y": 3}, wrt=names).gradients
    assert entry.wrt == ("y",)


@pytest.mark.parametrize("true", [np.True_, torch.tensor(True)])
def test_truth_value_of_a_library_is_a_number_as_in_its_arrays(true):
    assert grad("x + 1", {"x": true}).value == 2
    assert grad("x.sum()", {"x": [true, true]}).value == 2


def test_unknown_keyword_is_told_of_as_python_does():
    with pytest.raises(TypeError, match=r"^grad\(\) got an unexpected keyword argument 'foo'$"):
        grad("x", foo=1)
