"""Calls and programs from the rows of the function table, for its tests and the property tests.

In: `gradcalc.functions.TABLE`. Out: texts and bindings that the rest of gradcalc is asked about.
"""

from __future__ import annotations

import functools
import random
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from by_mpmath import Undefined, mp, values
from hypothesis import assume
from hypothesis import strategies as st

from gradcalc import grad
from gradcalc.base.dtypes import FLOAT64, Dtype
from gradcalc.functions import TABLE, Function
from gradcalc.language.parser import parse, parse_row

if TYPE_CHECKING:
    from gradcalc.functions import Point
    from gradcalc.program.program import Program
    from gradcalc.results.report import Report

#: Rows that work on numbers; tests/test_tensors.py has the others.
ROWS = [row for row in TABLE.values() if row.entrywise]

#: Rows whose value is a condition, and all whose value torch does not differentiate.
CONDITIONS = frozenset(row.name for row in ROWS if row.group == "comparison")
CONSTANT = CONDITIONS | {"detach"}


@dataclass(frozen=True)
class Question:
    """A call of a row at a point: what the user would type."""

    text: str
    at: tuple[tuple[str, float], ...]

    def ask(self, dtype: str = "float64", *, second_order: bool = False) -> Report:
        return grad(self.text, dict(self.at), dtype=dtype, second_order=second_order)


def question(row: Function, point: Point) -> Question:
    """Call a row at a point: static parameters as numbers, the others as bound variables.

    What is a constant to torch is added to its first argument, so that there is something to
    differentiate.
    """
    names = [None if p.static else p.name for p in row.parameters[: len(point)]]
    args = [name or repr(value) for name, value in zip(names, point, strict=True)]
    text = f"{row.name}({', '.join(args)})"
    if row.name in CONSTANT:
        text = f"x + {text}"
    return Question(text, tuple((n, v) for n, v in zip(names, point, strict=True) if n))


def moving(row: Function, values: tuple[Any, ...]) -> list[Any]:
    """Return those of the values that belong to parameters which are not static."""
    return [v for p, v in zip(row.parameters, values, strict=False) if not p.static]


def sweep(row: Function, count: int, dtype: Dtype = FLOAT64) -> list[Point]:
    """Points all over a row's domain and near its ends and kinks; the same each time.

    Magnitudes are log-uniform from 1e-8 to 1e3; static parameters are those of the row's samples.
    """
    rng = random.Random(row.name)
    found: list[Point] = []
    ends = [*row.outside, *(kink.at for kink in row.kinks)]
    for _ in range(100 * count):
        if len(found) == count:
            return found
        base = rng.choice([*row.samples, *row.samples, *ends])
        at_end = base in ends

        def moved(value: float, at_end: bool = at_end) -> float:
            away = rng.choice((-1, 1)) * 10 ** rng.uniform(-8, 0 if at_end else 3)
            return dtype.round(Fraction(value * at_end + away))

        point = tuple(
            value if p.static else moved(value)
            for p, value in zip(row.parameters, base, strict=False)
        )
        if inside(row, point):
            found.append(point)
    return found


def on_kink(row: Function, position: int, point: Point) -> bool:
    """Whether a row may have no derivative by an argument at a point."""
    return bool(row.margin) and row.margin_of(position)(*point) <= 0


def inside(row: Function, point: Point, margin: int = 40) -> bool:
    """Whether a row has a value at a point and about it, and no kink there."""
    if any(on_kink(row, position, point) for position in range(len(point))):
        return False
    asked = question(row, point)
    program = parse(asked.text)
    with mp.workprec(400):
        for side in (-1, 0, 1):
            at = [mp.mpf(v) * (1 + side * mp.ldexp(1, -margin)) for _, v in asked.at]
            if isinstance(values(program, at, FLOAT64)[program.output], Undefined):
                return False
    return True


def shape(program: Program) -> tuple[Any, ...]:
    """Return all of a program but its texts and spans."""
    return (
        program.names,
        [(constant.text, constant.value) for constant in program.constants],
        [(s.function, s.args, s.options, s.in_place, s.no_grad) for s in program.steps],
        program.outputs,
        [(statement.name, statement.numbers, statement.steps) for statement in program.statements],
    )


# --- Random programs ------------------------------------------------------------------------------

VARIABLES = ("x", "y", "z")

#: Rows left out of random programs: those that have no gradient of their own, and those in which
#: torch itself is wrong (tests/test_functions.py says where).
LEFT_OUT = CONSTANT | {"digamma", "polygamma", "hardsigmoid", "softplus", "sech", "csch"}

#: How near a kink or an end of a domain a step may lie, relative to its argument, and how large a
#: value may be.
NEAR = 1e-6
LARGEST = 1e6


@dataclass(frozen=True)
class Sketch:
    """An expression, and a point in the interior of the domains of all its steps.

    `program` is the same in statements, one for each step.
    """

    text: str
    at: dict[str, float]
    program: str = ""

    def renamed(self, names: dict[str, str]) -> Sketch:
        text = re.sub(r"\b[xyz]\b", lambda match: names[match.group()], self.text)
        return Sketch(text, {names[name]: value for name, value in self.at.items()})


@st.composite
def sketches(draw: st.DrawFn, most: int = 8) -> Sketch:
    """Draw a program of up to `most` steps, each applied to earlier values and numbers."""
    number = st.integers(-3000, 3000).map(lambda whole: whole / 1000)
    at = {name: draw(number) for name in VARIABLES}
    # Each value as an expression and by its name.
    pool: list[tuple[str, str, Any]] = [(n, n, mp.mpf(value)) for n, value in at.items()]
    lines: dict[str, str] = {}
    rows = [row for row in ROWS if row.name not in LEFT_OUT]
    wanted = draw(st.integers(1, most))
    for _ in range(4 * most):
        if len(pool) == len(VARIABLES) + wanted:
            break
        row = draw(st.sampled_from(rows))
        arguments = []
        for parameter in row.parameters[: row.required]:
            if parameter.static or draw(st.integers(0, 4)) == 0:
                literal = draw(number)
                arguments.append((repr(literal), repr(literal), mp.mpf(literal)))
            else:
                # The last value more often than others, for depth.
                arguments.append(draw(st.sampled_from([*pool, *pool[-1:] * 3])))
        texts, names, values = zip(*arguments, strict=True)
        value = interior(row, values)
        if value is not None:
            name = f"a{len(lines)}"
            lines[name] = write_call(row, list(names))
            pool.append((write_call(row, list(texts)), name, value))
    text = pool[-1][0]
    used = {name: value for name, value in at.items() if re.search(rf"\b{name}\b", text)}
    assume(used and text not in VARIABLES)
    program = parse(text)
    assume(len(program.steps) <= 2 * most and has_gradient(program))
    return Sketch(text, used, _statements(lines))


def _statements(lines: dict[str, str]) -> str:
    """Write the statements that the last of them needs."""
    needed: list[str] = []
    todo = list(lines)[-1:]
    for name, text in reversed(lines.items()):
        if name in todo:
            needed.append(f"{name} = {text}")
            todo += re.findall(r"\ba\d+\b", text)
    return "\n".join(reversed(needed))


def has_gradient(program: Program) -> bool:
    """Whether the result depends on a variable other than through a condition or the like."""
    flags = [number < len(program.inputs) for number in range(program.first_step)]
    for step in program.steps:
        row = TABLE[step.function]
        passed = row.name not in CONSTANT and any(flags[arg] for arg in step.args[row.conditions :])
        flags.append(passed)
    return flags[program.output]


def write_call(row: Function, arguments: list[str]) -> str:
    if row.symbol is None:
        return f"{row.name}({', '.join(arguments)})"
    if len(arguments) == 1:
        return f"({row.symbol}({arguments[0]}))"
    return f"(({arguments[0]}) {row.symbol} ({arguments[1]}))"


def interior(row: Function, args: tuple[Any, ...]) -> Any:
    """Return the row's value, or None near a kink or an end of the domain, or if too large."""
    at = tuple(float(arg) if type(arg) is mp.mpf else arg for arg in args)
    if any(on_kink(row, position, at) for position in range(len(at))):
        return None
    names = [p.name for p in row.parameters]
    written = [
        repr(float(a)) if p.static else p.name for p, a in zip(row.parameters, args, strict=False)
    ]
    texts = [write_call(row, written), *row.derivative]
    defaults = [mp.mpf(float(p.default)) for p in row.parameters[len(args) :]]
    sides = []
    with mp.workprec(200):
        for side in (-NEAR, 0, NEAR):
            given = dict(zip(names, [*(a * (1 + side) for a in args), *defaults], strict=True))
            sides.append([_value(row, text, given) for text in texts])
    if any(value is None or abs(value) > LARGEST for values in sides for value in values):
        return None
    for before, here, after in zip(*sides, strict=True):
        if abs(after - before) > 0.01 * (abs(here) + NEAR):
            return None
    return sides[1][0]


#: Most of the texts are those of the table, met again and again.
_program = functools.lru_cache(maxsize=4096)(parse_row)


def _value(row: Function, text: str, given: dict[str, Any]) -> Any:
    program = _program(text, row)
    value = values(program, [given[name] for name in program.names], FLOAT64)[program.output]
    return None if isinstance(value, Undefined) else mp.mpf(value)
