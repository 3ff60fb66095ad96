"""Errors planted in one place, and which path finds how small a one: the table of docs/verdicts.md.

An error is planted in torch's gradient; in its gradient and its value alike; in a row's derivative,
which the chain rule has, and calculus too for a function that SymEngine lacks; in a formula of
calculus; in a row's value. It is found where the verdict is `disagree`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from paths import PATHS, sweep

from gradcalc.ask import question
from gradcalc.calculus import by_sympy, symbolic
from gradcalc.exact import tape
from gradcalc.functions import TABLE, Function
from gradcalc.functions.balls import flint
from gradcalc.language.parser import row_program

DOCS = Path(__file__).parents[1] / "docs" / "verdicts.md"

#: Relative sizes tried: 1e-1, 1e-2, ...
EXPONENTS = range(1, 17)

Plant = Callable[[Function, str], Mapping[str, Any]]


def _forget() -> None:
    """Empty the caches that keep a row's columns."""
    question.parsed.cache_clear()
    by_sympy._opaque.cache_clear()
    symbolic._recent.clear()
    row_program.cache_clear()
    tape._parsed.cache_clear()


@contextlib.contextmanager
def planted(name: str, plant: Plant, factor: str) -> Iterator[None]:
    """Let a row of the table have columns that are wrong by a factor."""
    row = TABLE[name]
    TABLE[name] = replace(row, **plant(row, factor))
    _forget()
    try:
        yield
    finally:
        TABLE[name] = row
        _forget()


class _Times(torch.autograd.Function):
    """The identity, whose gradient is a multiple of what it should be."""

    @staticmethod
    def forward(ctx: Any, x: Any, factor: float) -> Any:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return ctx.factor * gradients[0], None


def in_torch(row: Function, factor: str) -> Mapping[str, Any]:
    def wrong(*args: Any) -> Any:
        return row.torch(*(_Times.apply(arg, float(factor)) for arg in args))

    return {"torch": wrong}


def in_torch_and_its_value(row: Function, factor: str) -> Mapping[str, Any]:
    return {"torch": lambda *args: float(factor) * row.torch(*args)}


def in_the_row(row: Function, factor: str) -> Mapping[str, Any]:
    return {"derivative": tuple(f"{factor}*({text})" for text in row.derivative)}


def in_the_formula(row: Function, factor: str) -> Mapping[str, Any]:
    import sympy

    return {"sympy": lambda *args: sympy.Rational(factor) * row.sympy(*args)}


def in_the_value(row: Function, factor: str) -> Mapping[str, Any]:
    return {"value": lambda *args: flint.arb(factor) * row.value(*args)}


#: By the words of the manual: what is planted, and the functions that it is planted in. SymEngine
#: knows the first ones, and lacks the others.
PLANTS: dict[str, tuple[Plant, tuple[str, ...]]] = {
    "torch's gradient": (in_torch, ("sin", "log", "tanh", "sigmoid")),
    "torch's gradient and value alike": (in_torch_and_its_value, ("sin", "log", "tanh", "sigmoid")),
    "the row's derivative": (in_the_row, ("sin", "log", "tanh")),
    "the same, of a function that SymEngine lacks": (in_the_row, ("sigmoid", "silu")),
    "the formula": (in_the_formula, ("sin", "log", "tanh")),
    "the row's value": (in_the_value, ("sin", "log", "tanh", "sigmoid")),
}

POINT = {"x": 0.7, "y": 1.3}


def is_found(path: str, text: str, at: Mapping[str, float]) -> bool:
    return PATHS[path](text, at).verdict == "disagree"


def threshold(plant: Plant, names: tuple[str, ...], path: str) -> int | None:
    """The exponent of the smallest error that is found in all functions, as are all larger ones."""
    for exponent in EXPONENTS:
        for name in names:
            with planted(name, plant, f"1.{'0' * (exponent - 1)}1"):
                if not is_found(path, f"{name}(x)*y", POINT):
                    return exponent - 1 or None
    return EXPONENTS[-1]


def in_the_manual() -> dict[str, list[str]]:
    """The table of the manual: by what is planted the smallest error that each path finds."""
    size = r"(1e-\d+|none)"
    rows = re.findall(
        rf"^\| (.+?) \| {size} \| {size} \| {size} \|$", DOCS.read_text(), re.MULTILINE
    )
    return {what: found for what, *found in rows}


def test_nothing_is_found_where_nothing_is_planted() -> None:
    for name in ("sin", "log", "tanh", "sigmoid", "silu"):
        for plant, _ in PLANTS.values():
            with planted(name, plant, "1"):
                assert not any(is_found(path, f"{name}(x)*y", POINT) for path in PATHS), name


@pytest.mark.sampled(3)
@pytest.mark.parametrize("what", PLANTS)
def test_manual_says_how_small_an_error_is_found(what: str) -> None:
    plant, names = PLANTS[what]
    exponents = [threshold(plant, names, path) for path in PATHS]
    assert ["none" if e is None else f"1e-{e}" for e in exponents] == in_the_manual()[what]


# --- Where rounding is large ----------------------------------------------------------------------

#: At an end of a domain; at a branch that noise flips; where an exact product is not rounded.
TREACHEROUS = [
    ("asin", "asin(x)", {"x": 0.9999999999999999}),
    ("acos", "acos(x)", {"x": 0.9999999999999999}),
    ("acosh", "acosh(x)", {"x": 1.0000000000000002}),
    ("atanh", "atanh(x)", {"x": 0.9999999999999999}),
    ("sqrt", "sqrt(x*x-1)", {"x": 1.0000000000000002}),
    ("sqrt", "sqrt(1-x*x)", {"x": 0.9999999999999999}),
    ("log", "log(x*x-1)", {"x": 1.0000000000000002}),
    ("asin", "asin(sin(x))", {"x": 1.5707963}),
    ("sin", "sin(x)*floor(y*10)", {"x": 1.0, "y": 0.3}),
    ("sin", "sin(x)*ceil(y*10)", {"x": 1.0, "y": 0.7}),
    ("sin", "sin(x)*where(y*3 < 0.9, 1, 2)", {"x": 1.0, "y": 0.3}),
    ("relu", "relu(x-1+exp(-y))", {"x": 1.0, "y": 30.0}),
    ("hardtanh", "hardtanh(x-1-exp(-y)+1)", {"x": 1.0, "y": 20.0}),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("name", "text", "at"), TREACHEROUS, ids=[t for _, t, _ in TREACHEROUS])
def test_rounding_does_not_excuse_everything(
    name: str, text: str, at: dict[str, float], path: str
) -> None:
    assert not is_found(path, text, at)
    for factor in ("-1", "0", "2"):
        with planted(name, in_torch, factor):
            assert is_found(path, text, at), factor


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("plant", [in_torch, in_torch_and_its_value])
def test_what_is_exact_is_not_rounded(plant: Plant, path: str) -> None:
    # 1e4*1e4 is exact, so that sin magnifies nothing.
    with planted("sin", plant, "1.00000000001"):
        assert is_found(path, "sin(x*y)", {"x": 1e4, "y": 1e4})


def test_error_at_few_points_of_a_sweep_is_found() -> None:
    def here_and_there(row: Function, factor: str) -> Mapping[str, Any]:
        def wrong(x: Any) -> Any:
            value = row.torch(x)
            return torch.where(x.detach() > 0.9, float(factor) * value, value)

        return {"torch": wrong}

    points = [{"x": k / 500} for k in range(500)]
    with planted("sin", here_and_there, "1.000000000001"):
        verdicts = [said.verdict for said in sweep("sin(x)", points)]
    assert verdicts == ["disagree" if point["x"] > 0.9 else "agree" for point in points]
