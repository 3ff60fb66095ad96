"""What rounding explains of a distance is judged an agreement; nothing else is explained."""

from __future__ import annotations

from typing import Any

import pytest

from gradcalc.base.dtypes import FLOAT64
from gradcalc.base.stages import finished
from gradcalc.calculus.symbolic import Calculus
from gradcalc.functions import torch
from gradcalc.language.parser import parse
from gradcalc.rounding import roundings
from gradcalc.rounding.roundings import Derivatives, Roundings

#: Its derivative by x is 3*x**2 - 3*y; at these points the terms cancel but for a thousandth.
TEXT = "x**3 - 3*x*y"
POINTS = [(1.1, 1.1**2 * 0.999), (2.3, 2.3**2 * 1.001)]


def asked(off: float, error: float) -> tuple[Roundings, Derivatives]:
    """Torch's answer is off, and calculus may be so, both by such a part of the derivative."""
    program = parse(TEXT)
    calculus = Calculus(program, [(0,)], FLOAT64)
    values = [finished(calculus.at_once(point)) or [0] for point in POINTS]
    exact = torch.tensor([float(value) for (value,) in values], dtype=torch.float64)
    columns = [torch.tensor(c, dtype=torch.float64) for c in zip(*POINTS, strict=True)]
    derivatives = Derivatives(columns, [exact * (1 + off)], [exact], [exact.abs() * error])
    return Roundings(program, [(0,)], FLOAT64, calculus), derivatives


@pytest.mark.parametrize(
    ("off", "error", "explained"),
    [
        (0, 0, True),
        (1e-13, 1e-15, True),
        (1e-9, 1e-15, False),
        (0, 1e-6, True),  # exact values make up for coarse bounds
        (1e-9, 1e-6, False),
        (1e-3, 1.0, False),
    ],
)
def test_distance_is_explained_by_rounding_alone(off: float, error: float, explained: bool) -> None:
    made, derivatives = asked(off, error)
    assert made.explained(derivatives).tolist() == [explained, explained]


def test_coarse_bounds_alone_explain_nothing(monkeypatch: Any) -> None:
    made, derivatives = asked(0, 1e-6)
    monkeypatch.setattr(roundings.Calculus, "settled", lambda *_: None)
    assert not made.explained(derivatives).any()


def test_exact_values_outside_the_bounds_are_not_believed(monkeypatch: Any) -> None:
    made, derivatives = asked(0, 1e-6)
    settled = roundings.Calculus.settled

    def wrong(*args: Any) -> Any:
        return [value * 2 for value in settled(*args) or ()]

    monkeypatch.setattr(roundings.Calculus, "settled", wrong)
    derivatives.autograd[0] *= 2
    assert not made.explained(derivatives).any()
