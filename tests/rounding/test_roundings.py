"""What rounding explains of a distance is judged an agreement; nothing else is explained."""

from __future__ import annotations

from typing import Any

import pytest

from gradcalc.base.dtypes import FLOAT64
from gradcalc.exact.point import Findings, at_point
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
    balls = [at_point(program, point, [(0,)], FLOAT64).derivatives[0] for point in POINTS]
    exact = torch.tensor([FLOAT64.nearest(ball) for ball in balls], dtype=torch.float64)
    columns = [torch.tensor(c, dtype=torch.float64) for c in zip(*POINTS, strict=True)]
    derivatives = Derivatives(columns, [exact * (1 + off)], [exact], [exact.abs() * error])
    return Roundings(program, [(0,)], FLOAT64), derivatives


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
    monkeypatch.setattr(roundings, "at_point", lambda *_: Findings(derivatives=[None]))
    assert not made.explained(derivatives).any()


def test_exact_values_outside_the_bounds_are_not_believed(monkeypatch: Any) -> None:
    made, derivatives = asked(0, 1e-6)

    def wrong(*args: Any) -> Findings:
        return Findings(derivatives=[ball * 2 for ball in at_point(*args).derivatives])

    monkeypatch.setattr(roundings, "at_point", wrong)
    derivatives.autograd[0] *= 2
    assert not made.explained(derivatives).any()


@pytest.mark.parametrize(
    ("text", "point", "factor", "explained"),
    [
        ("sin(x*y)", (1e4, 1e4), 1 + 1e-15, True),
        ("sin(x*y)", (1e4, 1e4), 1 + 1e-11, False),  # 1e8 is exact
        ("sin(x*y)", (1e4 + 0.1, 1e4), 1 + 1e-11, True),  # x*y is not
        ("cos(x + y)", (2.0**40, 0.5), 1 + 1e-11, False),
        ("cos(x + y)", (2.0**40, 0.1), 1 + 1e-11, True),
    ],
)
def test_what_is_exact_is_not_rounded(
    text: str, point: tuple[float, ...], factor: float, explained: bool
) -> None:
    program = parse(text)
    (ball,) = at_point(program, point, [(0,)], FLOAT64).derivatives
    exact = torch.tensor([FLOAT64.nearest(ball)], dtype=torch.float64)
    columns = [torch.tensor([value], dtype=torch.float64) for value in point]
    derivatives = Derivatives(columns, [exact * factor], [exact], [exact.abs() * 1e-16])
    assert Roundings(program, [(0,)], FLOAT64).explained(derivatives).tolist() == [explained]
