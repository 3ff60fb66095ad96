"""Values by mpmath at many points: those of each point alone."""

from __future__ import annotations

import math

import pytest

from gradcalc.exact import pointwise
from gradcalc.exact.pointwise import exact_values
from gradcalc.functions import TABLE, mp, torch


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "args", "wanted"),
    [
        ("lgamma", [tensor(0.5, 3.0, 0.5)], [math.lgamma(0.5), math.lgamma(3), math.lgamma(0.5)]),
        ("lgamma", [tensor(-1.0, 1.0)], [math.nan, 0.0]),
        ("i0", [tensor(math.inf, math.nan, 0.0)], [math.nan, math.nan, 1.0]),
        ("remainder", [tensor(1e300, -1.0), tensor(0.1, 3.0)], [math.fmod(1e300, 0.1), 2.0]),
        ("remainder", [tensor(7.5, 8.5), torch.tensor(2.0)], [1.5, 0.5]),
        ("polygamma", [torch.tensor(1.0), tensor(1.0)], [math.pi**2 / 6]),
        ("gamma", [tensor(200.0)], [math.inf]),
    ],
)
def test_values_are_exact(name: str, args: list[torch.Tensor], wanted: list[float]) -> None:
    values = exact_values(TABLE[name], [arg.to(torch.float64) for arg in args])
    assert values.tolist() == pytest.approx(wanted, rel=1e-15, abs=0, nan_ok=True)


def test_what_is_the_same_at_all_points_has_no_axes() -> None:
    assert exact_values(TABLE["digamma"], [torch.tensor(0.5, dtype=torch.float64)]).shape == ()


def test_each_point_is_calculated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    value = pointwise._value
    monkeypatch.setattr(pointwise, "_value", lambda row, at: asked.append(at) or value(row, at))
    exact_values(TABLE["lgamma"], [tensor(0.5, 1.5, 2.5).repeat(50)])
    assert sorted(asked) == [[0.5], [1.5], [2.5]]


def test_values_of_very_different_sizes_take_more_digits() -> None:
    value = exact_values(TABLE["remainder"], [tensor(1e300), tensor(1e-300)]).item()
    with mp.workprec(4000):
        assert value == float(mp.mpf(1e300) % mp.mpf(1e-300))
