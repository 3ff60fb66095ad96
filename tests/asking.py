"""Asking torch, as several tests do: a program as text, and its inputs by name."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from gradcalc.autograd import autodiff
from gradcalc.base.dtypes import DTYPES
from gradcalc.base.errors import GradcalcError
from gradcalc.language.parser import parse
from gradcalc.program.program import Array

#: A number or a vector.
Value = float | list[float]

#: Fields of `Backward`.
SECOND = {"second_order": True}


def told(
    text: str, dtype: str = "float64", *, fixed: str = "", how: Any = None, **at: Value
) -> autodiff.Testimony:
    """Ask torch; `how` holds fields of `Backward`."""
    program = parse(text, variables=set(at))
    inputs = [array(at[name], dtype) for name in program.names]
    required = [name not in fixed.split() for name in program.names]
    backward = autodiff.Backward(**(how or {}))
    return autodiff.testify(program, inputs, required, dtype, backward, autodiff.Draws(0))


def array(value: Value, dtype: str = "float64") -> Array:
    """Return a number, or a list of them, as an input."""
    numbers = value if isinstance(value, list) else [value]
    shape = (len(numbers),) if isinstance(value, list) else ()
    return Array(shape, tuple(DTYPES[dtype].round(Fraction(number)) for number in numbers))


def refused(text: str, **options: Any) -> GradcalcError:
    with pytest.raises(GradcalcError) as caught:
        told(text, **options)
    return caught.value


def weights(*values: Value) -> dict[str, object]:
    return {"weights": tuple(map(array, values))}
