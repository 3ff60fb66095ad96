"""How long a program and its derivatives are, written out: whether they are worth a formula.

In: a scalar program, the entries of its derivatives. Out: whether an algebra system should be asked
at all. SymEngine's C++ code cannot be interrupted, and sympy recurses.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.functions import TABLE
from gradcalc.program.program import Program


def too_large(program: Program, entries: Sequence[tuple[int, ...]] = ((0,),)) -> bool:
    """Whether the program, or derivatives of it, are beyond what a formula is asked for."""
    if len(program.steps) > limits.FORMULA_STEPS:
        return True
    depths = [0] * program.first_step
    # Written out, a value that is used twice stands there twice: x = sin(x)*x doubles each time.
    sizes = [1] * program.first_step
    for step in program.steps:
        # A sum of many terms is flat.
        own = 0 if step.function in {"add", "mul", "sum"} else 1
        args = step.args
        depths.append(own + max(map(depths.__getitem__, args), default=0))
        sizes.append(1 + sum(map(sizes.__getitem__, args)))
    size = sizes[program.output]
    if size > limits.FORMULA_SIZE or len(entries) * size > limits.FORMULA_TOTAL:
        return True
    if depths[program.output] > limits.FORMULA_DEPTH:
        return True
    if (
        max(map(len, entries), default=1) == 1
        and len(entries) * size**2 <= limits.FORMULA_DERIVATIVES
    ):
        return False  # a first derivative has a term for each operand, no longer than the whole
    first, second = _derivatives(program, sizes)
    total = sum(first if len(axes) == 1 else second for axes in entries)
    return total > limits.FORMULA_DERIVATIVES


def _derivatives(program: Program, sizes: Sequence[int]) -> tuple[int, int]:
    """About the sizes of a first and of a second derivative, by the rules of chain and product."""
    active = program.active
    first = [int(active[number]) for number in range(program.first_step)]
    second = [0] * program.first_step
    for number, step in program.numbered_steps:
        moving = [arg for arg in step.args if active[arg]]
        # What the derivatives of the arguments are multiplied by is as long as the step itself.
        own = 0 if TABLE[step.function].is_linear else sizes[number]
        first.append(sum(own + first[arg] for arg in moving))
        inner = sum(own + second[arg] for arg in moving)
        if own:
            inner += sum(own + first[arg] + first[other] for arg in moving for other in moving)
        second.append(inner)
    return first[program.output], second[program.output]


def check_hessian(size: int) -> None:
    """Refuse a Hessian by so many numbers that nobody would read it."""
    if size * size > limits.HESSIAN_ENTRIES:
        raise GradcalcError(
            Kind.LIMIT,
            f"a Hessian of {size * size:,} entries; the limit is {limits.HESSIAN_ENTRIES:,}",
            hint="name fewer variables in --wrt",
        )
