"""What a forward pass says of calculating the same exactly."""

from __future__ import annotations

import pytest
from asking import told


@pytest.mark.parametrize(
    ("text", "x", "wanted"),
    [
        ("log(x)", 2, True),
        ("log(x)", -1, False),
        ("sqrt(x) + 1/x", 0, False),
        ("exp(x)", 1000, False),
        ("where(x > 0, sqrt(x), x)", -1, False),
        ("1 + x - 1 - x", 0.1, True),
        ("log(1 + x - 1 - x)", 0.1, False),
        ("log(3*(1 + x - 1 - x))", 0.1, False),
        ("x/sin(pi)", 1, False),
        ("x/sin(3)", 1, True),
        ("x*tan(pi/2)", 1, False),
        ("x*tan(1.5)", 1, True),
    ],
)
def test_doubt_that_a_step_is_defined(text, x, wanted) -> None:
    assert told(text, x=x).defined is wanted
    entries = [2.0, x] if wanted else [0.5, x]
    assert told(f"({text}).sum()", x=entries).defined is wanted


@pytest.mark.parametrize(
    ("text", "x", "bits"),
    [
        ("exp(x)", 1, 0),
        ("exp(-x)", 500, 2 * (721 - 32)),  # exp(-500) is 0.59 * 2**-721
        ("exp(x)", 500, 2 * (722 - 32)),
        ("exp(x) + 1", 500, 4 * (722 - 32)),
        ("exp(x)", 1000, 0),
    ],
)
def test_bits_that_values_take_beyond_the_usual(text, x, bits) -> None:
    assert told(text, x=x).spread == bits
