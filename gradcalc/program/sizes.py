"""How long a program and its derivatives are, written out: whether they are worth a formula.

In: a scalar program, the entries of its derivatives. Out: whether an algebra system should be asked
at all. SymEngine's C++ code cannot be interrupted, and sympy recurses.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.functions import TABLE
from gradcalc.program.program import Program, Step


def too_large(program: Program, entries: Sequence[tuple[int, ...]] = ((0,),)) -> bool:
    """Whether the program, or derivatives of it, are beyond what a formula is asked for."""
    return not all(within_reach(program, entries))


def too_long(program: Program) -> bool:
    """Whether a program itself is too long for calculus, however short its derivatives are."""
    return _Lengths(program).are_beyond


def within_reach(
    program: Program, entries: Sequence[tuple[int, ...]], most: int | None = None
) -> list[bool]:
    """Which derivatives are worth a formula.

    Those of a tensor get formulas together or not at all: in order, each tensor that fits beside
    those before it. So a gradient keeps its formulas where a Hessian is too long for any.

    Args:
        program: The scalar program.
        entries: For each derivative, the numbers of one or two inputs; first derivatives first.
        most: How many formulas are given; None for any number.

    Returns:
        For each derivative, whether it gets one.
    """
    lengths = _Lengths(program)
    if lengths.are_beyond:
        return [False] * len(entries)
    left, room = len(entries) if most is None else most, limits.FORMULA_DERIVATIVES
    second_order = any(len(axes) > 1 for axes in entries)
    # A first derivative has a term for each operand, no longer than the whole.
    if not second_order and len(entries) <= left and len(entries) * lengths.whole**2 <= room:
        return [True] * len(entries)
    within = [False] * len(entries)
    for positions in _by_tensor(program, entries):
        if len(positions) > left:
            continue
        length = sum(lengths.of(entries[position]) for position in positions)
        if length > room:
            continue
        left, room = left - len(positions), room - length
        for position in positions:
            within[position] = True
    return within


def _by_tensor(program: Program, entries: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """The positions of the derivatives by each tensor, or by each two of them."""
    tensors: dict[tuple[str, ...], list[int]] = {}
    for position, axes in enumerate(entries):
        names = tuple(program.names[axis].partition("[")[0] for axis in axes)
        tensors.setdefault(names, []).append(position)
    return list(tensors.values())


class _Lengths:
    """About how long a program and its derivatives are, by the rules of chain and product."""

    def __init__(self, program: Program) -> None:
        self._program = program
        # A value that is used twice stands there twice: x = sin(x)*x doubles each time.
        self._sizes = [1] * program.first_step
        self._depths = [0] * program.first_step
        self._firsts: dict[int, list[int]] = {}
        self._seconds: dict[tuple[int, ...], int] = {}
        for step in program.steps[: limits.FORMULA_STEPS + 1]:
            # A sum of many terms is flat.
            own = 0 if step.function in {"add", "mul", "sum"} else 1
            self._depths.append(own + max(map(self._depths.__getitem__, step.args), default=0))
            self._sizes.append(1 + sum(map(self._sizes.__getitem__, step.args)))

    @property
    def whole(self) -> int:
        """How long the program is."""
        return self._sizes[self._program.output]

    @property
    def are_beyond(self) -> bool:
        """Whether the program itself is too long."""
        return (
            len(self._program.steps) > limits.FORMULA_STEPS
            or self.whole > limits.FORMULA_SIZE
            or self._depths[self._program.output] > limits.FORMULA_DEPTH
        )

    def of(self, axes: tuple[int, ...]) -> int:
        """How long a derivative is by one or two inputs."""
        if len(axes) == 1:
            return self._first(axes[0])[self._program.output]
        ordered = tuple(sorted(axes))
        if ordered not in self._seconds:
            self._seconds[ordered] = self._second(*ordered)
        return self._seconds[ordered]

    def _first(self, axis: int) -> list[int]:
        """How long the derivatives of all values by an input are; 0 for those without it."""
        if axis not in self._firsts:
            first = [int(number == axis) for number in range(self._program.first_step)]
            for number, step in self._program.numbered_steps:
                first.append(
                    sum(
                        first[arg] + self._factor(number, step, arg)
                        for arg in step.args
                        if first[arg]
                    )
                )
            self._firsts[axis] = first
        return self._firsts[axis]

    def _second(self, axis: int, other: int) -> int:
        """How long the second derivative of the program is."""
        first, beside = self._first(axis), self._first(other)
        second = [0] * self._program.first_step
        for number, step in self._program.numbered_steps:
            length = sum(
                second[arg] + self._factor(number, step, arg) for arg in step.args if second[arg]
            )
            length += sum(
                first[one] + beside[two] + self._factor(number, step, one, two)
                for one, two in self._pairs(step)
                if first[one] and beside[two]
            )
            second.append(length)
        return second[self._program.output]

    def _pairs(self, step: Step) -> list[tuple[int, int]]:
        """The pairs of arguments by which a step has a second derivative that is not 0."""
        if TABLE[step.function].is_linear:
            return []
        if step.function == "mul":
            return list(itertools.permutations(step.args, 2))
        return list(itertools.product(step.args, step.args))

    def _factor(self, number: int, step: Step, *args: int) -> int:
        """How long what the derivatives of some of a step's arguments are multiplied by is."""
        if TABLE[step.function].is_linear:
            return 0
        # Of a product it is what else is multiplied, of others as long as the step itself.
        own = sum(map(self._sizes.__getitem__, args)) if step.function == "mul" else 0
        return self._sizes[number] - own


def check_hessian(size: int) -> None:
    """Refuse a Hessian by so many numbers that nobody would read it."""
    if size * size > limits.HESSIAN_ENTRIES:
        raise GradcalcError(
            Kind.LIMIT,
            f"a Hessian of {size * size:,} entries; the limit is {limits.HESSIAN_ENTRIES:,}",
            hint="name fewer variables in --wrt",
        )
