"""What a point of `gradcalc sweep` costs, against torch alone and against a loop.

    python benchmarks/sweep.py [--points N] [--runs N] [--check]

Formulas in two variables are differentiated at many points by

- gradcalc: both witnesses, ulps and a verdict at each point, with everything but the writing;
- torch alone: forward and backward of the same formula, on one tensor of all points, which checks
  nothing;
- a loop: `gradcalc.grad` at one point after the other, of which a few are timed.

The figures are nanoseconds for a point: the marginal cost, without what a sweep of nine points
takes (imports, differentiation, spot checks). Each is the median of the runs, which take
turns. Time is that of the processor, on one core, so that other work on the machine counts little.
"judged" is how many points were judged one by one: two or three spot checks, and those that were
not certified, where terms cancel until hardly a digit is left. `--check` fails if gradcalc takes
more than 3 times torch's time on a formula without such points. gradcalc must be installed, or on
PYTHONPATH.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from gradcalc import grad
from gradcalc.base.options import Options
from gradcalc.language.parser import parse
from gradcalc.sweep.points import Axis, grid
from gradcalc.sweep.sweep import CHUNK, Sweep

#: The most that gradcalc may take, in times of torch.
GOAL = 3

LOOP = 20  # points of the loop


@dataclass(frozen=True)
class Case:
    """A formula, as it is typed and as torch has it, and the range of both variables."""

    text: str
    torch: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    low: float = -2.0
    high: float = 2.0


CASES = (
    Case("u**3 + v**2 + 4*u*v", lambda u, v: u**3 + v**2 + 4 * u * v, 0.1, 2.0),
    Case("u**3 + v**2 + 4*u*v", lambda u, v: u**3 + v**2 + 4 * u * v),
    Case("exp(-u**2)*sin(v)", lambda u, v: torch.exp(-(u**2)) * torch.sin(v)),
    Case("u/(1 + v**2)", lambda u, v: u / (1 + v**2)),
    Case("log(1 + u**2)*cos(u*v)", lambda u, v: torch.log(1 + u**2) * torch.cos(u * v), 0.1, 2.0),
    Case("sqrt(u**2 + v**2) + u*v", lambda u, v: torch.sqrt(u**2 + v**2) + u * v, 0.1, 2.0),
    Case("u**v", lambda u, v: u**v, 0.1, 3.0),
)


def by_gradcalc(case: Case, asked: Sweep, count: int) -> float:
    """Return the seconds that gradcalc takes for so many points."""
    side = int(count**0.5)
    points = grid([Axis(name, case.low, case.high, side) for name in "uv"])
    began = time.process_time()
    for _ in asked.tables(points.chunks(CHUNK)):
        pass
    return time.process_time() - began


def by_torch(case: Case, count: int) -> float:
    """Return the seconds that torch takes, on one tensor of all points."""
    side = int(count**0.5)
    points = grid([Axis(name, case.low, case.high, side) for name in "uv"])
    u, v = (torch.from_numpy(column) for column in next(points.chunks(count)))
    began = time.process_time()
    u, v = u.requires_grad_(), v.requires_grad_()
    case.torch(u, v).sum().backward()
    return time.process_time() - began


def by_loop(case: Case) -> float:
    """Return the seconds that `grad` takes for a point."""
    began = time.process_time()
    for k in range(LOOP):
        grad(case.text, {"u": case.high - k / 97, "v": case.high - k / 89})
    return (time.process_time() - began) / LOOP


def measure(case: Case, count: int, runs: int) -> tuple[float, float, int]:
    """Return seconds a point of gradcalc and of torch, and the points judged one by one."""
    program = parse(case.text)
    options = Options(thorough=False, timeout=10)
    judged = 0

    def sweep(size: int) -> float:
        nonlocal judged
        asked = Sweep(program, ("u", "v"), {}, options)
        seconds = by_gradcalc(case, asked, size)
        if asked.summary.exit_code:
            sys.exit(f"{case.text}: {asked.summary.text()}")
        judged = asked.summary.one_by_one or 0
        return seconds

    ours, torchs = [], []
    for _ in range(runs + 1):
        torchs.append(by_torch(case, count) / count)
        fixed = sweep(9)
        ours.append((sweep(count) - fixed) / count)
    # The first of each warms up.
    return statistics.median(ours[1:]), statistics.median(torchs[1:]), judged


def main() -> None:
    """Print nanoseconds for a point, and gradcalc's ratio to each of the others."""
    parser = argparse.ArgumentParser(description="The marginal cost of a point of a sweep.")
    parser.add_argument("--points", type=int, default=1_000_000, help="default 1,000,000")
    parser.add_argument("--runs", type=int, default=5, help="of each side; default 5")
    parser.add_argument("--check", action="store_true", help=f"fail beyond {GOAL} times torch")
    options = parser.parse_args()
    torch.set_num_threads(1)
    heads = f"{'torch':>9}{'gradcalc':>10}{'ratio':>7}{'judged':>7}  a loop"
    print(f"{'ns a point':<28}{'range':>12}{heads}")
    slow = []
    for case in CASES:
        ours, torchs, judged = measure(case, options.points, options.runs)
        loop = by_loop(case)
        span = f"{case.low:g} to {case.high:g}"
        print(
            f"{case.text:<28}{span:>12}{torchs * 1e9:9.1f}{ours * 1e9:10.1f}{ours / torchs:7.2f}"
            f"{judged:7}  {loop / ours:,.0f} times gradcalc"
        )
        if ours > GOAL * torchs and judged <= 4:
            slow.append(case.text)
    if slow and options.check:
        sys.exit(f"more than {GOAL} times torch: {', '.join(slow)}")


if __name__ == "__main__":
    main()
