"""What it costs to judge programs with tensors, beside torch's own forward and backward.

    python benchmarks/tensors.py [--runs N] [--small] [--check]

- a chain of statements like `x = sin(x)*x`: the cost of a statement must not grow with their
  number, though the formula, written out, would double with each;
- mean(y - x @ w), 10 by 20 times 20 by 5: all 350 entries judged;
- the gradient of a least-squares loss, 200 by 200: all 40,400 entries judged;
- the same with two matrices of 200 by 200, which is checked along random directions.

Each is timed in one process beside torch's own forward and backward; medians of the runs. With
`--check` the program fails if a goal in seconds is missed, or if the chain's cost is not linear.
`--small` uses smaller sizes, to see that all of it still runs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch

from gradcalc import grad
from gradcalc.results.report import Verdict

#: Seconds beyond imports, at full size.
GOALS = {"mean of a product": 2.0, "least squares": 10.0}

#: How much more a statement of the longest chain may cost than one of the shortest.
GROWTH = 2.0


def median(work: Callable[[], object], runs: int) -> float:
    """The median time of the work, in seconds."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def judged(program: str, at: dict[str, object], entries: int) -> None:
    """Judge a program; every entry must agree."""
    report = grad(program, at, timeout=600)
    found = [entry.verdict for entry in report.entries]
    if len(found) != entries or set(found) != {Verdict.AGREE}:
        sys.exit(f"{program[:60]}: {len(found)} entries, {set(found)}")


def chain_in_torch(length: int) -> None:
    """Run the chain forward and backward."""
    start = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    x = start
    for _ in range(length):
        x = torch.sin(x) * x
    x.backward()


def product_in_torch(n: int, k: int, m: int) -> None:
    """Run mean(y - x @ w) forward and backward."""
    x, w, y = (
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((n, k), (k, m), (n, m))
    )
    (y - x @ w).mean().backward()


def squares_in_torch(n: int, *columns: int) -> None:
    """Run the sum of (A @ x - b)**2 forward and backward."""
    a, x, b = (
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((n, n), (n, *columns), (n, *columns))
    )
    ((a @ x - b) ** 2).sum().backward()


def main() -> None:
    """Measure, print, and check if asked."""
    parser = argparse.ArgumentParser(description="The cost of judging programs with tensors.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="smaller sizes")
    parser.add_argument("--check", action="store_true", help="fail if a goal is missed")
    options = parser.parse_args()
    lengths = (50, 200) if options.small else (250, 500, 1_000, 2_000)
    size = 20 if options.small else 200
    failed = False
    judged("x**2", {"x": 1.0}, 1)  # imports

    def show(name: str, own: float, peer: float) -> None:
        print(f"{name:<34} {own:8.3f} s {own / peer:10.0f} times torch")

    costs = []
    for length in lengths:
        text = "; ".join(["x = sin(x)*x"] * length)
        own = median(lambda text=text: judged(text, {"x": 2.0}, 1), options.runs)
        peer = median(lambda length=length: chain_in_torch(length), options.runs)
        costs.append(own / length)
        show(f"chain of {length:,} statements", own, peer)
    growth = costs[-1] / costs[0]
    print(f"{'a statement of the last / the first':<34} {growth:8.2f}")
    failed = failed or growth > GROWTH

    def shape(*sizes: int) -> str:
        return f"randn({','.join(map(str, sizes))})"

    cases = {
        "mean of a product": (
            "mean(y - x @ w)",
            {"x": shape(10, 20), "w": shape(20, 5), "y": shape(10, 5)},
            350,
            lambda: product_in_torch(10, 20, 5),
        ),
        "least squares": (
            "((A @ x - b)**2).sum()",
            {"A": shape(size, size), "x": shape(size), "b": shape(size)},
            size * size + 2 * size,
            lambda: squares_in_torch(size),
        ),
        "least squares, along directions": (
            "((A @ x - b)**2).sum()",
            {name: shape(max(size, 80), max(size, 80)) for name in ("A", "x", "b")},
            3 * max(size, 80) ** 2,
            lambda: squares_in_torch(max(size, 80), max(size, 80)),
        ),
    }
    for name, (program, at, entries, in_torch) in cases.items():
        own = median(lambda p=program, a=at, e=entries: judged(p, a, e), options.runs)
        show(f"{name}, {entries:,} entries", own, median(in_torch, options.runs))
        failed = failed or (not options.small and own > GOALS.get(name, own))
    if options.check and failed:
        sys.exit("a goal was missed")


if __name__ == "__main__":
    main()
