"""How long gradcalc takes to start, against importing what it is built on.

    python benchmarks/startup.py [--runs N] [--check]

- Help, version, listing and an error in the input, against `import typer, rich`: goal 2.0.
- One `gradcalc grad`, against `import sympy, torch`: goal 1.15.

Both sides are `python -c`, in the same directory with the same environment; gradcalc's is what its
console script does. They run in turns (A B A B ...), and the median of the ratios of neighbours
counts, so that a busy machine slows both. `--check` fails beyond the goals.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: Both sides run from bytecode, as what pip has installed does: the warm-up writes it.
ENVIRONMENT = {name: it for name, it in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

GRADCALC = "import sys; from gradcalc.cli import main; main(sys.argv[1:])"

#: Words after `gradcalc`, what they are held against, and the largest ratio that is fine.
CASES = (
    (("--help",), "import typer, rich", 2.0),
    (("--version",), "import typer, rich", 2.0),
    (("functions",), "import typer, rich", 2.0),
    (("grad", "sqr(x)", "--at", "x=1"), "import typer, rich", 2.0),
    (("grad", "u**3+v**2+4*u*v", "--at", "u=1,v=1.1"), "import sympy, torch", 1.15),
)


def seconds(code: str, *words: str) -> float:
    """Return the wall time of `python -c code words`."""
    start = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    taken = time.perf_counter() - start
    # 2 is the exit code of the case that is an error in the input.
    if run.returncode not in {0, 2}:
        sys.exit(run.stderr.decode())
    return taken


def measure(words: tuple[str, ...], peer: str, runs: int) -> tuple[float, float, float]:
    """Return the medians of gradcalc's seconds, the peer's, and their ratio."""
    seconds(GRADCALC, *words), seconds(peer)  # so that the files are in memory
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(seconds(GRADCALC, *words))
        theirs.append(seconds(peer))
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return statistics.median(ours), statistics.median(theirs), statistics.median(ratios)


def main() -> int:
    """Print the table; return 1 if asked to check and a goal is missed."""
    parser = argparse.ArgumentParser(description="Start-up time against bare imports.")
    parser.add_argument("--runs", type=int, default=15, help="of each side; default 15")
    parser.add_argument("--check", action="store_true", help="fail beyond the goals")
    options = parser.parse_args()
    print(f"{'gradcalc':<40} {'ms':>6}  {'against':<20} {'ms':>6} {'ratio':>6} {'goal':>5}")
    missed = 0
    for words, peer, goal in CASES:
        ours, theirs, ratio = measure(words, peer, options.runs)
        mark = "" if ratio <= goal else "  missed"
        missed += ratio > goal
        print(
            f"{' '.join(words):<40} {ours * 1e3:6.0f}  {peer:<20} {theirs * 1e3:6.0f}"
            f" {ratio:6.2f} {goal:5.2f}{mark}"
        )
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
