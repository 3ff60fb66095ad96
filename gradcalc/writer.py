"""A program, written back as text.

In: a `Program`. Out: its text in Python's notation, with as few brackets as it takes, which parses
to an equal program. Visited with a stack, and of a length that grows with the program's.
"""

from __future__ import annotations

from gradcalc.functions import TABLE
from gradcalc.program import Program, Step

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
        # The last operand of each comparison, and of each `&` that is written as a chain of them.
        self._compared: dict[int, int] = {}
        for number, step in enumerate(program.steps, self._first_step):
            self._minus.append(self._begins_with_minus(step.function, step.args))
            self._note_comparison(number, step)

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
        if number in self._compared:
            return self._comparison(number)
        tight = _TIGHTNESS[row.name]
        if len(args) == 1:
            return [row.symbol, *self._operand(args[0], tight)]
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
        if number in self._compared:
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

    def _note_comparison(self, number: int, step: Step) -> None:
        if step.function in _COMPARISONS:
            self._compared[number] = step.args[1]
        elif step.function == "logical_and" and step.args == (number - 2, number - 1):
            link = self._program.steps[number - 1 - self._first_step]
            if link.function in _COMPARISONS and self._compared.get(number - 2) == link.args[0]:
                self._compared[number] = link.args[1]

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

    def _comparison(self, number: int) -> list[str | int]:
        """A comparison or a chain of them: (0 < x) & (x < 1) is 0 < x < 1."""
        links = []
        while (step := self._program.steps[number - self._first_step]).function == "logical_and":
            links.append(self._program.steps[number - 1 - self._first_step])
            number -= 2
        # People expect the brackets that & and | would not need here.
        parts = self._operand(step.args[0], _TIGHTNESS["add"])
        for link in [step, *reversed(links)]:
            parts.append(f" {TABLE[link.function].symbol} ")
            parts += self._operand(link.args[1], _TIGHTNESS["add"])
        return parts
