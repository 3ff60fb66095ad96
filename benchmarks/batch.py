"""What a line of `gradcalc batch` costs, against torch alone and against doing the same by hand.

    python benchmarks/batch.py [--copies N] [--runs N] [--check]

Thirty formulas from Feynman's lectures (tests/data/feynman.tsv), each with the names of its
variables changed in every copy, so that no two lines are the same, are differentiated by

- gradcalc: read, parsed, differentiated by the witnesses, compared, and written as JSON;
- a script: sympy's parse_expr, diff and evalf to 15 digits, torch's backward, and a comparison; it
  is what one writes in ten lines, and it checks neither kinks nor domains nor rounding;
- torch alone: forward and backward of the same formula, compiled by Python beforehand, in a loop.

Then the same formulas at new points each time: they are parsed and differentiated once; and
formulas of functions that SymEngine does not know, against torch alone. The figures
are microseconds for a line, without imports and after a warm-up: the marginal cost. A run times all
sides one after the other; the ratios are medians over the runs. gradcalc must be installed, or on
PYTHONPATH.
"""

from __future__ import annotations

import argparse
import collections
import csv
import io
import math
import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import sympy
import torch
from sympy.parsing.sympy_parser import parse_expr
from torch.nn import functional

from gradcalc.base.options import Options
from gradcalc.batch.answers import answers
from gradcalc.batch.records import read
from gradcalc.render import FORMATS

FORMULAS = Path(__file__).parents[1] / "tests" / "data" / "feynman.tsv"

#: gradcalc takes at most so many times what torch does; a script at least so many times as long.
AT_MOST = 4.0
AT_LEAST = 20.0


def root(value: Any) -> Any:
    """The square root of a tensor or a number, as the formulas take it."""
    return torch.sqrt(value) if isinstance(value, torch.Tensor) else math.sqrt(value)


#: Formulas of functions that SymEngine does not know.
CALLS = (
    ("relu(w*x + b)", "w=0.7,x=1.3,b=-0.2"),
    ("sigmoid(w*x + b)*(1 - y)", "w=0.7,x=1.3,b=-0.2,y=0.4"),
    ("abs(x - y)/(abs(x) + abs(y))", "x=1.3,y=-0.4"),
    ("softplus(x*y) - x", "x=1.3,y=-0.4"),
    ("x*sigmoid(1.702*x)", "x=0.8"),
    ("maximum(x**2, y)*exp(-y)", "x=1.3,y=0.4"),
    ("where(abs(x) < d, x**2/2, d*(abs(x) - d/2))", "x=1.3,d=0.9"),
    ("y*log(sigmoid(x)) + (1 - y)*log(1 - sigmoid(x))", "x=1.3,y=0.4"),
    ("gelu(x)*silu(y)", "x=1.3,y=-0.4"),
    ("lgamma(a + b) - lgamma(a) - lgamma(b)", "a=1.7,b=2.4"),
)

NAMESPACE = {
    **{name: getattr(torch, name) for name in ("sin", "cos", "tan", "exp", "log", "tanh")},
    **{name: getattr(torch, name) for name in ("relu", "sigmoid", "maximum", "where", "lgamma")},
    **{name: getattr(functional, name) for name in ("softplus", "gelu", "silu")},
    **{name: getattr(torch, name) for name in ("arcsin", "arccos", "arctan")},
    "sqrt": root,
    "pi": math.pi,
}


@dataclass(frozen=True)
class Line:
    """A formula and a point."""

    text: str
    point: dict[str, float]

    @property
    def written(self) -> str:
        """The line of a batch file."""
        at = ",".join(f"{name}={value!r}" for name, value in self.point.items())
        return f"{self.text} --at {at}\n"


def line_of(text: str, at: str) -> Line:
    """A formula at a point such as x=1,y=2."""
    pairs = (part.split("=") for part in at.split(","))
    return Line(text, {name: float(value) for name, value in pairs})


def table() -> list[Line]:
    """The formulas from Feynman's lectures with their points."""
    with FORMULAS.open(encoding="utf-8", newline="") as file:
        return [line_of(row["expr"], row["point"]) for row in csv.DictReader(file, delimiter="\t")]


def calls() -> list[Line]:
    """The formulas of functions that SymEngine does not know."""
    return [line_of(text, at) for text, at in CALLS]


def renamed(lines: list[Line], numbers: Iterator[int]) -> list[Line]:
    """Formulas with variables that have names of their own."""
    found = []
    for line in lines:
        text, number = line.text, next(numbers)
        for name in line.point:
            text = re.sub(rf"\b{name}\b", f"{name}_{number}", text)
        found.append(Line(text, {f"{n}_{number}": value for n, value in line.point.items()}))
    return found


def elsewhere(copies: int, numbers: random.Random) -> list[Line]:
    """Copies of the formulas at points near theirs."""
    return [
        Line(line.text, {n: value * numbers.uniform(0.95, 1.05) for n, value in line.point.items()})
        for line in table() * copies
    ]


def by_gradcalc(lines: list[Line]) -> Callable[[], None]:
    """Return what answers them as `gradcalc batch --format jsonl` does."""
    data = "".join(line.written for line in lines).encode()
    renderer, options = FORMATS["jsonl"], Options(thorough=False, timeout=10)

    def run() -> None:
        for report in answers(read(io.BytesIO(data), None), options):
            if report.verdict not in {"agree", "rounding"}:
                sys.exit(f"{report.expression}: {report.verdict} {report.error}")
            renderer.report(report)

    return run


def leaves_of(line: Line) -> dict[str, Any]:
    """The point's tensors."""
    return {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for name, value in line.point.items()
    }


def by_script(lines: list[Line]) -> Callable[[], None]:
    """Return what answers them as a script of ten lines would."""

    def run() -> None:
        for line in lines:
            known = {name: sympy.Symbol(name) for name in line.point}
            formula = parse_expr(line.text, local_dict=known)
            leaves = leaves_of(line)
            eval(line.text, NAMESPACE, leaves).backward()  # noqa: S307  the naive way is the point
            for name, leaf in leaves.items():
                exact = float(formula.diff(known[name]).evalf(subs=line.point))
                if abs(leaf.grad.item() - exact) > 1e-9 * abs(exact):
                    sys.exit(f"{line.text}: {leaf.grad} {exact}")

    return run


def by_torch(lines: list[Line]) -> Callable[[], None]:
    """Return what runs them forward and backward, and nothing else."""
    codes = [(compile(line.text, line.text, "eval"), line) for line in lines]

    def run() -> None:
        for code, line in codes:
            leaves = leaves_of(line)
            eval(code, NAMESPACE, leaves).backward()  # noqa: S307  our own formulas
            for leaf in leaves.values():
                leaf.grad.item()

    return run


def seconds(side: Callable[[], None]) -> float:
    """Time one side."""
    # sympy's cache must not serve the next one.
    sympy.core.cache.clear_cache()
    began = time.perf_counter()
    side()
    return time.perf_counter() - began


def main() -> None:
    """Print microseconds for a line, and gradcalc's ratio to each of the others."""
    parser = argparse.ArgumentParser(description="The marginal cost of a line of a batch.")
    parser.add_argument("--copies", type=int, default=4, help="of the 30 formulas; default 4")
    parser.add_argument("--runs", type=int, default=9, help="of each side; default 9")
    parser.add_argument("--check", action="store_true", help="exit with 1 beyond the goals")
    options = parser.parse_args()
    numbers, chance = count(), random.Random(0)  # noqa: S311 - points, and no secrets
    for side in (by_gradcalc, by_script, by_torch):
        side(renamed(table(), numbers))()
    by_gradcalc(renamed(calls(), numbers))()
    taken: dict[str, list[float]] = collections.defaultdict(list)
    for _ in range(options.runs):
        lines = renamed(table() * options.copies, numbers)
        again = elsewhere(options.copies, chance)
        others = renamed(calls() * options.copies, numbers)
        sides = {
            "torch": by_torch(lines),
            "new": by_gradcalc(lines),
            "same": by_gradcalc(again),
            "torch, calls": by_torch(others),
            "calls": by_gradcalc(others),
            # It is as slow as all others together.
            "script": by_script(lines[: 30 * max(1, options.copies // 4)]),
        }
        sizes = dict.fromkeys(sides, len(lines))
        sizes |= {"calls": len(others), "torch, calls": len(others)}
        sizes["script"] = 30 * max(1, options.copies // 4)
        for name, side in sides.items():
            taken[name].append(seconds(side) / sizes[name] * 1e6)

    def ratio(one: str, other: str) -> float:
        pairs = zip(taken[one], taken[other], strict=True)
        return statistics.median(a / b for a, b in pairs)

    print(f"{'':<34} {'us a line':>9}")
    for name, what in (
        ("torch", "torch, forward and backward"),
        ("script", "a script with sympy and torch"),
        ("new", "gradcalc, distinct expressions"),
        ("same", "gradcalc, the same at new points"),
        ("torch, calls", "torch, what SymEngine lacks"),
        ("calls", "gradcalc, what SymEngine lacks"),
    ):
        print(f"{what:<34} {statistics.median(taken[name]):9.0f}")
    against_torch, against_script = ratio("new", "torch"), ratio("script", "new")
    print(f"distinct expressions: {against_torch:.1f} times torch (goal: at most {AT_MOST:g})")
    print(f"distinct expressions: a script takes {against_script:.1f} times gradcalc", end=" ")
    print(f"(goal: at least {AT_LEAST:g})")
    print(f"the same at new points: {ratio('same', 'torch'):.1f} times torch")
    print(f"what SymEngine lacks: {ratio('calls', 'torch, calls'):.1f} times torch")
    if options.check and (against_torch > AT_MOST or against_script < AT_LEAST):
        sys.exit(1)


if __name__ == "__main__":
    main()
