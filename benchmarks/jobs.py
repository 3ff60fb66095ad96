"""What `gradcalc batch --jobs 2` gains over one process, and whether memory stays flat.

    python benchmarks/jobs.py [--lines N] [--runs N] [--jobs N] [--memory SHORT LONG] [--check]

- Speed: lines a second with N processes against those with one, of distinct formulas; goal 1.7 for
  two. The marginal cost counts: the time for the lines is that of a long run less that of a short
  one, so that starting and importing cancel. The runs take turns, and medians count.
- Memory: what the command and all its processes hold when so many lines are answered, 10,000 and
  300,000 if nothing else is said; goal: 50 MB of growth. Shared pages count once for each process
  that shares them (resident size), so what is growth here is growth.

`--check` fails beyond the goals. On a machine whose processors are busy the speed says nothing.
gradcalc must be installed, or on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

BATCH = [sys.executable, "-m", "gradcalc", "batch", "--format", "jsonl"]

#: Formulas with a place for a number, so that no two lines are alike.
SHAPES = (
    "{a}*x**3 + 5*x*y - z/{a}",
    "sin({a}*x)*exp(-y/{a}) + z",
    "log(x**2 + {a})*tanh(y/3)*z",
    "sqrt(x**2 + y**2 + {a}*z**2)/3",
)

#: The goals: the gain for each of two processes, and megabytes.
GAIN, GROWTH = 1.7, 50.0


def lines(count: int) -> Iterator[str]:
    """Yield lines of a batch, all distinct."""
    for number in range(count):
        yield SHAPES[number % len(SHAPES)].format(a=number + 2) + " --at x=0.7,y=1.3,z=2.1\n"


def seconds(count: int, jobs: int) -> float:
    """Return the wall time of a batch of so many lines."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(lines(count))
        file.flush()
        start = time.perf_counter()
        subprocess.run(
            [*BATCH, "--jobs", str(jobs), file.name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
        )
        return time.perf_counter() - start


def speed(count: int, runs: int, jobs: int) -> float:
    """Print milliseconds for a line with one process and with several; return the gain."""
    short = max(1, count // 10)
    taken: dict[int, list[float]] = {1: [], jobs: []}
    for _ in range(runs):
        for number, times in taken.items():
            marginal = seconds(count, number) - seconds(short, number)
            times.append(marginal / (count - short) * 1e3)
    one, several = (statistics.median(taken[number]) for number in (1, jobs))
    print(f"--jobs 1 {one:8.2f} ms a line")
    print(f"--jobs {jobs} {several:8.2f} ms a line, {one / several:.2f} times as fast")
    return one / several


def megabytes(session: int) -> float:
    """Return the resident size of all processes of a session."""
    pages = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[3]) == session:
            pages += int(fields[21])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory(short: int, long: int, jobs: int) -> float:
    """Print megabytes after a short and after a long run of lines; return the growth."""
    with subprocess.Popen(
        [*BATCH, "--jobs", str(jobs)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin  # noqa: S101 - for mypy
        assert process.stdout  # noqa: S101
        feed = process.stdin

        def write() -> None:
            feed.writelines(lines(long))
            feed.flush()

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        found = []
        for number, _ in enumerate(process.stdout, 1):
            if number in {short, long}:
                found.append(megabytes(process.pid))
                print(f"{number:>9,} lines {found[-1]:8.1f} MB")
            if number == long:
                # Only now, or the processes might be gone before they are looked at.
                writer.join()
                feed.close()
    return found[1] - found[0]


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description="Processes and memory of a batch.")
    parser.add_argument("--lines", type=int, default=600, help="of a timed run; default 600")
    parser.add_argument("--runs", type=int, default=3, help="of each kind; default 3")
    parser.add_argument("--jobs", type=int, default=2, help="processes; default 2")
    parser.add_argument(
        "--memory",
        type=int,
        nargs=2,
        default=(10_000, 300_000),
        metavar=("SHORT", "LONG"),
        help="lines after which memory is read; default 10000 300000",
    )
    parser.add_argument("--check", action="store_true", help="fail beyond the goals")
    options = parser.parse_args()
    gain = speed(options.lines, options.runs, options.jobs)
    growth = memory(*options.memory, options.jobs)
    print(f"growth {growth:.1f} MB")
    if options.check:
        wanted = 1 + (GAIN - 1) * (options.jobs - 1)
        if gain < wanted:
            sys.exit(f"{gain:.2f} times as fast is less than {wanted:.2f}")
        if growth > GROWTH:
            sys.exit(f"{growth:.1f} MB is more than {GROWTH:.0f}")


if __name__ == "__main__":
    main()
