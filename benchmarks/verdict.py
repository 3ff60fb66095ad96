"""What a verdict costs: all three witnesses and the engine, on twelve formulas.

    python benchmarks/verdict.py [--runs N] [--against TREE] [--check]

The formulas are smooth, cancelling, special and kinked. For each, the verdict of one `grad` (the
limit is always asked) and how far rounding can carry are timed, imports and autograd aside, and
held against autograd's own time for the same formula: forward and backward in torch. `--against`
names a checkout of another commit, which is measured in turns with this one, each run in a process
of its own; then the ratio is that commit's time over this one's. Medians count. With `--check` the
program fails if the median verdict takes more than so many times autograd.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
GOAL = 8.0

#: Kind, expression, point.
FORMULAS = (
    ("smooth", "u**3 + v**2 + 4*u*v", {"u": 1.0, "v": 1.1}),
    ("smooth", "exp(sin(x*y)/(1 + x**2))*tanh(y)", {"x": 0.3, "y": 0.7}),
    ("smooth", "x/(x + y)**2 + sqrt(x*y)", {"x": 0.1, "y": 0.4}),
    ("cancelling", "sqrt(x + 1) - sqrt(x)", {"x": 1000000000000000.0}),
    ("cancelling", "(1 - cos(x))/x**2", {"x": 1e-08}),
    ("cancelling", "log(1 + exp(x)) - x", {"x": 30.0}),
    ("special", "lgamma(x)*digamma(x)", {"x": 2.3}),
    ("special", "erf(x)*gamma(y)", {"x": 0.3, "y": 2.2}),
    ("special", "i0(x)*polygamma(1, y)", {"x": 0.4, "y": 1.7}),
    ("kinked", "x*abs(x) + relu(y)", {"x": 0.0, "y": 1.0}),
    ("kinked", "max(x, y)*abs(x - y)", {"x": 1.0, "y": 1.0}),
    ("kinked", "relu(x - 1 + exp(-y))", {"x": 1.0, "y": 20.0}),
)


def best(work: Callable[[], Any], seconds: float = 0.2) -> float:
    """The least of the times that the work takes, tried again for so long."""
    work()
    times = []
    ends = time.perf_counter() + seconds
    while not times or time.perf_counter() < ends:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def times() -> list[tuple[float, float, float]]:
    """For each formula the seconds of autograd, of the verdict, and of measuring rounding."""
    from fractions import Fraction

    try:
        from gradcalc.autograd.autodiff import Backward, testify
        from gradcalc.base.dtypes import FLOAT64
        from gradcalc.base.options import Options
        from gradcalc.judging.verdicts import judged
        from gradcalc.language.parser import parse
        from gradcalc.program.program import Array
        from gradcalc.rounding.sensitivities import measure
    except ImportError:  # of commits before the rooms
        from gradcalc.autodiff import Backward, testify
        from gradcalc.conditioning import measure
        from gradcalc.dtypes import FLOAT64
        from gradcalc.parser import parse
        from gradcalc.question import Options
        from gradcalc.verdicts import judged

        from gradcalc.program import Array

    results = []
    for _, text, at in FORMULAS:
        program = parse(text)
        numbers = [at[name] for name in program.names]
        inputs = [Array((), (number,)) for number in numbers]
        axes = [(axis,) for axis in range(len(numbers))]
        everywhere = [True] * len(inputs)
        options = Options(timeout=None)

        def autograd() -> Any:
            return testify(program, inputs, everywhere, "float64", Backward(), {})  # noqa: B023

        testimony = autograd()

        def verdict() -> Any:
            variables = list(range(len(inputs)))  # noqa: B023
            return judged(program, inputs, variables, testimony, FLOAT64, options)  # noqa: B023

        def rounding() -> Any:
            if "conditioning" in measure.__module__:
                point = list(map(Fraction, numbers))  # noqa: B023
                return [measure(program, point, pair, FLOAT64) for pair in axes]  # noqa: B023
            return measure(program, numbers, axes, FLOAT64)  # noqa: B023

        results.append((best(autograd), best(verdict), best(rounding)))
    return results


def in_tree(tree: Path) -> list[list[float]]:
    """The times of a checkout, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(tree)}
    command = [sys.executable, __file__, "--times"]
    ran = subprocess.run(
        command, env=environment, cwd=tree, capture_output=True, text=True, check=True
    )
    numbers: list[list[float]] = json.loads(ran.stdout)
    return numbers


def medians(runs: list[list[list[float]]]) -> list[list[float]]:
    """For each formula the median of each of its times."""
    return [
        [statistics.median(column) for column in zip(*formula, strict=True)]
        for formula in zip(*runs, strict=True)
    ]


def main() -> None:
    """Measure, print, and check if asked."""
    parser = argparse.ArgumentParser(description="What a verdict costs.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--against", type=Path, help="a checkout of another commit")
    parser.add_argument("--check", action="store_true", help=f"fail beyond {GOAL} times autograd")
    parser.add_argument("--times", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.times:
        print(json.dumps(times()))
        return
    trees = [ROOT] if options.against is None else [ROOT, options.against.resolve()]
    runs: dict[Path, list[list[list[float]]]] = {tree: [] for tree in trees}
    for _ in range(options.runs):
        for tree in trees:
            runs[tree].append(in_tree(tree))
    here = medians(runs[ROOT])
    there = medians(runs[trees[-1]])
    ratios = []
    print(
        f"{'':45}   verdict  /autograd  rounding" + "  that commit's/this one's" * (len(trees) > 1)
    )
    for (kind, text, _), (autograd, verdict, rounding), other in zip(
        FORMULAS, here, there, strict=True
    ):
        ratios.append(verdict / autograd)
        line = f"{kind:10} {text:34} {verdict * 1e3:7.2f} ms {verdict / autograd:7.1f}"
        line += f" {rounding * 1e6:7.0f} us"
        if len(trees) > 1:
            line += f"   verdict {other[1] / verdict:6.1f}   rounding {other[2] / rounding:6.1f}"
        print(line)
    median = statistics.median(ratios)
    print(f"verdict / autograd: median {median:.1f} (goal {GOAL}), {options.runs} runs")
    if len(trees) > 1:
        for name, place in (("verdict", 1), ("rounding", 2)):
            faster = [old[place] / new[place] for old, new in zip(there, here, strict=True)]
            print(f"{name}: {statistics.median(faster):.1f} times as fast, least {min(faster):.1f}")
    if options.check and median > GOAL:
        sys.exit(1)


if __name__ == "__main__":
    main()
