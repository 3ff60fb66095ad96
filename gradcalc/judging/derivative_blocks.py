"""Derivatives by whole variables, and the scalar functions that they are derivatives of.

In: a program's expansion, the variables of differentiation, the weights of the results. Out: blocks
of axes, one for each variable or pair of them, and targets, the scalar programs to differentiate;
and back, from judged entries to the report's derivatives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from gradcalc.program.expand import Expansion, entry_name, expand, indices
from gradcalc.program.program import Array, Program
from gradcalc.program.sizes import check_hessian
from gradcalc.results.report import Derivative, Entry


class Block(NamedTuple):
    """A derivative by one variable, or by two: their numbers, and the axes of its entries."""

    variables: tuple[int, ...]
    axes: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]

    def derivative(
        self, program: Program, entries: Sequence[Entry], output: tuple[int, ...]
    ) -> Derivative:
        """The report's derivative, of these entries."""
        names = tuple(program.names[number] for number in self.variables)
        return Derivative(names, (*output, *self.shape), tuple(entries))


def blocks_of(
    expansion: Expansion, variables: Sequence[int], *, second_order: bool
) -> tuple[list[Block], list[Block]]:
    """The blocks of the gradient, and of the Hessian where it is asked for."""
    shapes = expansion.shapes
    if second_order:
        check_hessian(sum(len(expansion.axes(v)) for v in variables))
    gradient = [
        Block((v,), tuple((axis,) for axis in expansion.axes(v)), shapes[v]) for v in variables
    ]
    hessian = [
        Block(
            (u, v),
            tuple((i, j) for i in expansion.axes(u) for j in expansion.axes(v)),
            (*shapes[u], *shapes[v]),
        )
        for k, u in enumerate(variables if second_order else ())
        for v in variables[k:]
    ]
    return gradient, hessian


def expansion_of(
    program: Program, shapes: Sequence[tuple[int, ...]], seen: Mapping[int, Any]
) -> Expansion:
    """The program as a scalar one; one that is scalar already stays as it is."""
    if program.is_scalar and not any(shapes):
        return Expansion(program, tuple(shapes), (((), program.outputs),))
    return expand(program, shapes, seen)


def targets_of(expansion: Expansion, weights: Sequence[Array] | None) -> list[tuple[str, Program]]:
    """The scalar functions to differentiate: one, or for a Jacobian one for each entry."""
    if weights is not None:
        if all(weight.numbers == (1.0,) for weight in weights) and len(weights) == 1:
            return [("", expansion.output(expansion.results[0][1][0]))]
        exact = [list(map(Fraction, weight.numbers)) for weight in weights]
        return [("", expansion.weighted(exact))]
    shape, numbers = expansion.results[0]
    return [
        (entry_name("", index), expansion.output(number))
        for index, number in zip(indices(shape), numbers, strict=True)
    ]


def derivatives_of(
    program: Program,
    blocks: Sequence[Block],
    rows: Sequence[Sequence[Entry]],
    output: tuple[int, ...],
) -> tuple[Derivative, ...]:
    """Deal the entries out to the blocks; each row of entries is that of an entry of the output."""
    derivatives = []
    first = 0
    for block in blocks:
        count = len(block.axes)
        entries = [entry for row in rows for entry in row[first : first + count]]
        derivatives.append(block.derivative(program, entries, output))
        first += count
    return tuple(derivatives)
