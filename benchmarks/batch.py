"""What a line of `gradcalc batch` costs, against doing the same by hand.

    python benchmarks/batch.py [--lines N] [--runs N]

N distinct formulas in three variables are differentiated by

- gradcalc: parsed, differentiated by three witnesses, compared, and written as JSON;
- a script: sympy's parse_expr, diff and evalf to 15 digits, torch's backward, and a comparison; it
  is what one writes in ten lines, and it checks neither kinks nor domains nor rounding;
- torch alone: forward and backward of the same formula, compiled by Python beforehand.

The figures are milliseconds for a line, without imports and after a warm-up: the marginal cost.
Each is the median of the runs, which take turns. gradcalc must be installed, or on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable

import sympy
import torch
from sympy.parsing.sympy_parser import parse_expr

from gradcalc.batch import answers
from gradcalc.calculate import Options
from gradcalc.records import read
from gradcalc.render import FORMATS

POINT = {"x": 0.7, "y": 1.3, "z": 2.1}
NAMESPACE = {name: getattr(torch, name) for name in ("sin", "cos", "exp", "log", "sqrt", "tanh")}

SHAPES = (
    "{a}*x**3 + {b}*x*y - z/{a}",
    "sin({a}*x)*exp(-y/{b}) + z",
    "log(x**2 + {a})*tanh(y/{b})*z",
    "sqrt(x**2 + y**2 + {a}*z**2)/{b}",
    "(x + {a}*y)/(z + {b}) - x*y*z",
    "exp(-(x - {a})**2/{b})*cos(y*z)",
)


def formulas(count: int) -> list[str]:
    """Return distinct formulas in x, y and z."""
    return [
        SHAPES[number % len(SHAPES)].format(a=number + 2, b=2 * number + 3)
        for number in range(count)
    ]


def by_gradcalc(texts: list[str]) -> None:
    """Answer them as `gradcalc batch --format jsonl` does."""
    at = ",".join(f"{name}={value}" for name, value in POINT.items())
    stream = io.BytesIO("".join(f"{text} --at {at}\n" for text in texts).encode())
    renderer = FORMATS["jsonl"]
    for report in answers(read(stream, None), Options(thorough=False)):
        if report.verdict != "agree":
            sys.exit(f"{report.expression}: {report.verdict} {report.error}")
        renderer.report(report)


def by_script(texts: list[str]) -> None:
    """Answer them as a script of ten lines would."""
    for text in texts:
        formula = parse_expr(text)
        symbols = {str(symbol): symbol for symbol in formula.free_symbols}
        leaves = {
            name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
            for name, value in POINT.items()
        }
        eval(text, NAMESPACE, leaves).backward()  # noqa: S307  the naive way is the point
        for name, leaf in leaves.items():
            exact = formula.diff(symbols[name]).evalf(subs=POINT)
            if abs(leaf.grad.item() - float(exact)) > 1e-9 * abs(float(exact)):
                sys.exit(f"{text}: {leaf.grad} {exact}")


def by_torch(texts: list[str]) -> Callable[[], None]:
    """Return what runs them forward and backward, and nothing else."""
    codes = [compile(text, text, "eval") for text in texts]

    def run() -> None:
        for code in codes:
            leaves = {
                name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
                for name, value in POINT.items()
            }
            eval(code, NAMESPACE, leaves).backward()  # noqa: S307  our own formulas

    return run


def main() -> None:
    """Print milliseconds for a line, and gradcalc's ratio to each of the others."""
    parser = argparse.ArgumentParser(description="The marginal cost of a line of a batch.")
    parser.add_argument("--lines", type=int, default=120, help="formulas; default 120")
    parser.add_argument("--runs", type=int, default=3, help="of each side; default 3")
    options = parser.parse_args()
    warmup = len(SHAPES)
    total = options.lines * options.runs + warmup
    texts = formulas(total)
    by_gradcalc(texts[:warmup])
    by_script(texts[:warmup])
    by_torch(texts[:warmup])()
    taken: dict[str, list[float]] = {"gradcalc": [], "script": [], "torch": []}
    for start in range(warmup, total, options.lines):
        # New formulas each time: sympy and gradcalc keep what they have seen.
        part = texts[start : start + options.lines]
        sides = {
            "torch": by_torch(part),
            "script": lambda part=part: by_script(part),
            "gradcalc": lambda part=part: by_gradcalc(part),
        }
        for name, side in sides.items():
            # sympy's cache must not serve the next side.
            sympy.core.cache.clear_cache()
            began = time.perf_counter()
            side()
            taken[name].append((time.perf_counter() - began) / len(part) * 1e3)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    print(f"{'':<10} {'ms a line':>9}  gradcalc takes")
    for name, milliseconds in medians.items():
        ratio = medians["gradcalc"] / milliseconds
        print(f"{name:<10} {milliseconds:9.2f}  {ratio:.2f} times that")


if __name__ == "__main__":
    main()
