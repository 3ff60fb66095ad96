"""A program, written back as text.

In: a `Program`. Out: its text in Python's notation, with as few brackets as it takes, which parses
to an equal program. Visited with a stack, and of a length that grows with the program's.
"""

from __future__ import annotations

from gradcalc.functions import TABLE, Function
from gradcalc.program import Program

_COMPARISONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne"})

#: How tightly the operators bind, as in Python. Higher is tighter.
_TIGHTNESS = {
    **dict.fromkeys(_COMPARISONS, 1),
    "logical_or": 2,
    "logical_and": 3,
    "add": 4,
    "sub": 4,
    **dict.fromkeys(("mul", "div", "floor_divide", "remainder"), 5),
    "neg": 6,
    "logical_not": 6,
    "pow": 7,
}
_ATOM = 8


def write(program: Program) -> str:
    """Write a program in Python's notation."""
    return _Writer(program).write()


class _Writer:
    """Writes one program, from its output down to its inputs."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._first_step = program.first_step
        leaves = [variable.name for variable in program.inputs]
        bound = set(leaves)
        for constant in program.constants:
            size = constant.text.lstrip("-")
            # Where the user's pi is a variable, the constant is math.pi.
            leaves.append(
                constant.text.replace(size, f"math.{size}") if size in bound else constant.text
            )
        self._leaves = leaves
        # Whether what is written for a value begins with a minus sign.
        self._minus = [text.startswith("-") for text in leaves]
        for step in program.steps:
            self._minus.append(self._begins_with_minus(step.function, step.args))

    def write(self) -> str:
        """Write the output."""
        pieces: list[str] = []
        todo: list[str | int] = [self._program.output]
        while todo:
            item = todo.pop()
            if isinstance(item, str):
                pieces.append(item)
            elif item < self._first_step:
                pieces.append(self._leaves[item])
            else:
                todo += reversed(self._parts(item))
        return "".join(pieces)

    def _parts(self, number: int) -> list[str | int]:
        """What a step is written as: texts, and numbers of values."""
        step = self._program.steps[number - self._first_step]
        row, args = TABLE[step.function], step.args
        if row.symbol is None or (row.name == "neg" and self._is_literal(args[0])):
            # neg(2) is no literal: -2 would be one.
            parts: list[str | int] = [f"{row.name}("]
            for position, arg in enumerate(self._flat(number) if row.variadic else args):
                parts += [", ", arg] if position else [arg]
            return [*parts, ")"]
        chain = self._chain(number)
        if chain is not None:
            return self._comparison(*chain)
        tight = _TIGHTNESS[row.name]
        if len(args) == 1:
            return [row.symbol, *self._operand(args[0], tight)]
        if row.name in _COMPARISONS:
            return self._comparison([row], list(args))
        space = " " if tight <= _TIGHTNESS["add"] else ""
        power = row.name == "pow"
        return [
            *self._operand(args[0], tight + power),
            f"{space}{row.symbol}{space}",
            *self._operand(args[1], tight + (not power), minus=False),
        ]

    def _operand(self, number: int, at_least: int, *, minus: bool = True) -> list[str | int]:
        """An operand, in brackets where it binds too loosely, or may not begin with a minus."""
        if self._tight(number) >= at_least and (minus or not self._minus[number]):
            return [number]
        return ["(", number, ")"]

    def _tight(self, number: int) -> int:
        """How tightly what is written for a value holds together."""
        if number < self._first_step:
            return _TIGHTNESS["neg"] if self._minus[number] else _ATOM
        if self._chain(number) is not None:
            return _TIGHTNESS["lt"]
        step = self._program.steps[number - self._first_step]
        if step.function == "neg" and self._is_literal(step.args[0]):
            return _ATOM
        return _TIGHTNESS.get(step.function, _ATOM)

    def _begins_with_minus(self, function: str, args: tuple[int, ...]) -> bool:
        """Whether a step does, its arguments being known."""
        if function == "neg":
            return not self._is_literal(args[0])
        if len(args) == 1 or function not in _TIGHTNESS or not self._minus[args[0]]:
            return False
        return self._tight(args[0]) >= _TIGHTNESS[function] + (function == "pow")

    def _is_literal(self, number: int) -> bool:
        """Whether a minus sign before the value would become part of a number."""
        first_constant = len(self._program.inputs)
        return first_constant <= number < self._first_step and not self._minus[number]

    # -- steps that are written together --

    def _flat(self, number: int) -> list[int]:
        """The arguments of max(max(x, y), z) as those of max(x, y, z)."""
        steps, last = self._program.steps, []
        step = steps[number - self._first_step]
        while True:
            left, right = step.args
            last.append(right)
            number -= 1
            # Only if nothing comes between the two: the steps of z would come earlier otherwise.
            if left != number or left < self._first_step:
                return [left, *reversed(last)]
            inner = steps[left - self._first_step]
            if inner.function != step.function:
                return [left, *reversed(last)]
            step = inner

    def _chain(self, number: int) -> tuple[list[Function], list[int]] | None:
        """The comparisons and operands of (0 < x) & (x < 1), which is 0 < x < 1; None for others."""
        symbols, operands = [], []
        while True:
            step = self._step(number, "logical_and")
            if step is None:
                break
            link = self._step(number - 1)
            if step != (number - 2, number - 1) or link is None:
                return None
            symbols.append(TABLE[self._function(number - 1)])
            operands.append(link)
            number -= 2
        first = self._step(number)
        if first is None or not symbols:
            return None
        symbols.append(TABLE[self._function(number)])
        operands.append(first)
        symbols.reverse()
        operands.reverse()
        if any(left[1] != right[0] for left, right in zip(operands, operands[1:], strict=False)):
            return None
        return symbols, [operands[0][0], *(right for _, right in operands)]

    def _function(self, number: int) -> str:
        return self._program.steps[number - self._first_step].function

    def _step(self, number: int, function: str | None = None) -> tuple[int, int] | None:
        """The arguments of a step, if it is of that function, or a comparison if none is given."""
        if number < self._first_step:
            return None
        step = self._program.steps[number - self._first_step]
        if step.function != function if function else step.function not in _COMPARISONS:
            return None
        return step.args[0], step.args[1]

    def _comparison(self, rows: list[Function], operands: list[int]) -> list[str | int]:
        """A comparison, or a chain of them. & and | in it get brackets, which people expect there."""
        parts = self._operand(operands[0], _TIGHTNESS["add"])
        for row, operand in zip(rows, operands[1:], strict=True):
            parts += [f" {row.symbol} ", *self._operand(operand, _TIGHTNESS["add"])]
        return parts
