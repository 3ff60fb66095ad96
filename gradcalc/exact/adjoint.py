"""Programs made of programs: the gradient of one, and several merged into one.

In: scalar programs in the same variables. Out: a scalar program whose results are all that is asked
for, in which what is calculated twice stands once. The gradient is reverse-mode differentiation
written down as steps, with the derivatives of the function table; that of a gradient is the second
derivative, as torch makes it with create_graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from gradcalc.base.errors import Span
from gradcalc.functions import TABLE, Function
from gradcalc.language.parser import row_program
from gradcalc.program.program import Constant, Input, Program, Step

#: Which texts of a row are meant: what a hand would write, or what torch computes.
Column = Callable[[Function], tuple[str, ...]]

#: Rows for which the order of the two arguments is nothing, to floating-point numbers either.
_COMMUTATIVE = frozenset({"add", "mul"})

_NOWHERE = Span(0, 0)


class Builder:
    """Collects steps, each once. A value is known by its place in the collection."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        """Begin with the variables, which are the first values."""
        self._inputs = tuple(inputs)
        self._nodes: list[Constant | Step | None] = [None] * len(inputs)
        self._places: dict[object, int] = {}

    def constant(self, constant: Constant) -> int:
        """The value of a number."""
        return self._node((constant.text, constant.value), constant)

    def whole(self, value: int) -> int:
        """The value of a whole number."""
        return self.constant(Constant(str(value), Fraction(value), _NOWHERE))

    def step(self, function: str, *args: int) -> int:
        """The value of a function of values."""
        if function == "mul" and self.whole(1) in args:
            return args[0] if args[1] == self.whole(1) else args[1]
        if function in _COMMUTATIVE:
            args = tuple(sorted(args))
        return self._node((function, args), Step(function, args, _NOWHERE))

    def include(self, program: Program, inputs: Sequence[int]) -> list[int]:
        """Add a program's steps; return all its values."""
        values = [*inputs, *map(self.constant, program.constants)]
        for step in program.steps:
            values.append(self.step(step.function, *(values[arg] for arg in step.args)))
        return values

    def finish(self, outputs: Sequence[int]) -> Program:
        """The program of those results, and of nothing that they do not need."""
        needed = set(outputs)
        for place in range(len(self._nodes) - 1, -1, -1):
            node = self._nodes[place]
            if place in needed and isinstance(node, Step):
                needed.update(node.args)
        nodes = {place: self._nodes[place] for place in sorted(needed)}
        constants = {place: node for place, node in nodes.items() if isinstance(node, Constant)}
        steps = {place: node for place, node in nodes.items() if isinstance(node, Step)}
        order = [*range(len(self._inputs)), *constants, *steps]
        numbers = {place: number for number, place in enumerate(order)}
        return Program(
            text="",
            canonical="",
            inputs=self._inputs,
            constants=tuple(constants.values()),
            steps=tuple(
                step._replace(args=tuple(map(numbers.__getitem__, step.args)))
                for step in steps.values()
            ),
            outputs=tuple(map(numbers.__getitem__, outputs)),
        )

    def _node(self, key: object, node: Constant | Step) -> int:
        place = self._places.setdefault(key, len(self._nodes))
        if place == len(self._nodes):
            self._nodes.append(node)
        return place


def merged(programs: Sequence[Program], inputs: Sequence[Input]) -> Program:
    """The programs as one, whose variables are these."""
    builder = Builder(inputs)
    places = {variable.name: place for place, variable in enumerate(inputs)}
    outputs = []
    for program in programs:
        values = builder.include(program, [places[name] for name in program.names])
        outputs += [values[number] for number in program.outputs]
    return builder.finish(outputs)


def gradient(program: Program, axes: Sequence[int], column: Column) -> Program:
    """The program whose results are the derivatives of the (first) result by those inputs."""
    builder = Builder(program.inputs)
    values = builder.include(program, range(len(program.inputs)))
    active = program.active
    adjoints: dict[int, int] = {program.output: builder.whole(1)}
    for number, step in reversed(program.numbered_steps):
        adjoint = adjoints.pop(number, None)
        if adjoint is None:
            continue
        row = TABLE[step.function]
        args = [values[arg] for arg in step.args]
        for position, arg in enumerate(step.args):
            text = "0" if row.is_static(position) else row.text(column(row), position)
            if text == "0" or not active[arg]:
                continue
            total = builder.step("mul", adjoint, _inlined(builder, text, row, args))
            if arg in adjoints:
                total = builder.step("add", adjoints[arg], total)
            adjoints[arg] = total
    return builder.finish([adjoints.get(axis, builder.whole(0)) for axis in axes])


def derivatives(program: Program, entries: Sequence[tuple[int, ...]], column: Column) -> Program:
    """The program whose results are first and second derivatives: one for each of the entries.

    It takes the work of one gradient, and of one more for each row of second derivatives.
    """
    seconds: dict[int, list[int]] = {}
    for axes in entries:
        seconds.setdefault(axes[0], []).extend(axes[1:])
    slopes = gradient(program, list(seconds), column)
    builder = Builder(program.inputs)
    variables = range(len(program.inputs))
    values = builder.include(slopes, variables)
    places: dict[tuple[int, ...], int] = {}
    for (axis, others), output in zip(seconds.items(), slopes.outputs, strict=True):
        places[axis,] = values[output]
        if others:
            row = gradient(replace(slopes, outputs=(output,)), others, column)
            second = builder.include(row, variables)
            places |= {(axis, k): second[o] for k, o in zip(others, row.outputs, strict=True)}
    return builder.finish([places[axes] for axes in entries])


def _constant(value: Fraction | float) -> Constant:
    return Constant(str(float(value)), value if isinstance(value, Fraction) else None, _NOWHERE)


def _inlined(builder: Builder, text: str, row: Function, args: Sequence[int]) -> int:
    """The value of a row's text, at those arguments."""
    program = row_program(text, row.name)
    given = row.bound(args, lambda value: builder.constant(_constant(value)))
    values = builder.include(program, [given[name] for name in program.names])
    return values[program.output]
