"""The cells of autograd tutorials: each program, run as a user runs it, prints what they print."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

CASES = json.loads((Path(__file__).parent / "data" / "seed_cases.json").read_text(encoding="utf-8"))
RTOL = 1e-9


def close(value: Any, expected: Any, rtol: float) -> bool:
    if isinstance(expected, list):
        return len(value) == len(expected) and all(
            close(a, b, rtol) for a, b in zip(value, expected, strict=True)
        )
    return math.isclose(value, expected, rel_tol=rtol, abs_tol=rtol)


def negated(value: Any) -> Any:
    return [negated(part) for part in value] if isinstance(value, list) else -value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_cell_prints_what_the_tutorial_prints(case: dict[str, Any], run) -> None:
    expect = dict(case["expect"])
    code, out, _ = run("grad", *case["args"], "--format", "json")
    answer = json.loads(out)
    rtol = expect.pop("rtol", RTOL)
    if "error_kind" in expect:
        assert answer["error"]["kind"] == expect["error_kind"]
        assert code == expect["exit"]
        assert expect["message_has"] in answer["error"]["message"]
        return
    assert answer["error"] is None
    tensors = {row["name"]: row for row in answer["tensors"]}
    gradients = {entry["wrt"]: entry for entry in answer["gradients"]}
    checks = {
        "verdict": lambda: answer["verdict"] == expect["verdict"],
        "value": lambda: close(answer["value"], expect["value"], rtol),
        "gradients": lambda: all(
            close(gradients[name][witness], value, rtol)
            for name, value in expect["gradients"].items()
            for witness in ("autograd", "symbolic")
        ),
        "formulas": lambda: all(gradients[name]["formula"] for name in expect["formulas"]),
        "hessian": lambda: all(
            close(entry["autograd"], expect["hessian"][",".join(entry["wrt"])], rtol)
            for entry in answer["hessian"]
        ),
        "tensor_grad": lambda: all(
            close(tensors[name]["grad"], value, rtol)
            for name, value in expect["tensor_grad"].items()
        ),
        "tensor_grad_is_minus": lambda: all(
            close(tensors[name]["grad"], negated(answer["bindings"][other]), rtol)
            for name, other in expect["tensor_grad_is_minus"].items()
        ),
        "grad_none": lambda: all(tensors[name]["grad"] is None for name in expect["grad_none"]),
        **{
            field: lambda field=field: all(
                tensors[name][field] == value for name, value in expect[field].items()
            )
            for field in ("is_leaf", "requires_grad", "grad_fn")
        },
    }
    for name in expect:
        assert checks[name](), name
