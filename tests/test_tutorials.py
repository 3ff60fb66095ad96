"""Three programs of autograd tutorials, as a terminal of 100 columns shows them: golden files."""

from __future__ import annotations

import pytest

from gradcalc import grad
from gradcalc.render import FORMATS

TUTORIALS = {
    "leaves": (
        "a = torch.add(x, w)\nb = torch.add(w, 1)\ny = torch.mul(a, b)  # (x + w)*(w + 1)",
        {"x": [2.0], "w": [1.0]},
        {"retain_grad": ["a"]},
    ),
    "mean": ("y = x + 2; z = y*y*3; out = z.mean()", {"x": "ones(2,2)"}, {"backward": 2}),
    "layer": (
        "z = torch.matmul(x, w) + b\nloss = F.binary_cross_entropy_with_logits(z, y)",
        {"x": [1, 1, 1], "y": [0, 1], "w": [[0.5, -1], [0.25, 2], [-1, 0]], "b": [0, 0.5]},
        {"wrt": ["w", "b"]},
    ),
}


@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorial_on_a_terminal(name: str, golden) -> None:
    program, at, options = TUTORIALS[name]
    report = grad(program, at, **options)
    golden(f"tutorial_{name}.txt", FORMATS["table"].report(report, width=100))
