"""A program, written back as text.

In: the parts of a `Program` that was parsed. Out: its statements in Python's notation, with as few
brackets as it takes, which parse to an equal program. Visited with a stack, and of a length that
grows with the program's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradcalc.functions import TABLE, Function
from gradcalc.functions.table import Parameter
from gradcalc.language.literals import index_text, option_text
from gradcalc.program.program import Constant, Input, Statement, Step

_COMPARISONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne"})
_CONDITIONS = _COMPARISONS | {"logical_and"}

#: How tightly the operators bind, as in Python. Higher is tighter.
_TIGHTNESS = {
    **dict.fromkeys(_COMPARISONS, 1),
    "logical_or": 2,
    "logical_and": 3,
    "add": 4,
    "sub": 4,
    **dict.fromkeys(("mul", "div", "floor_divide", "remainder", "matmul"), 5),
    "neg": 6,
    "logical_not": 6,
    "pow": 7,
}
_ATOM = 8


def _between(row: Function) -> str:
    """What stands between the operands of an operator."""
    spaced = _TIGHTNESS[row.name] <= _TIGHTNESS["add"] or row.symbol == "@"
    return f" {row.symbol} " if spaced else str(row.symbol)


#: Operators with two operands: how tight the left one is at least, what stands between, and how
#: tight the right one is.
_BINARY = {
    row.name: (_TIGHTNESS[row.name], _between(row), _TIGHTNESS[row.name] + 1)
    for row in TABLE.values()
    if row.symbol and len(row.parameters) > 1
} | {"pow": (_TIGHTNESS["pow"] + 1, "**", _TIGHTNESS["pow"])}

#: What an expression is made of: texts, numbers of values, and what changes once we get there.
_Part = str | int | Callable[[], None]


def write(
    inputs: Sequence[Input],
    constants: Sequence[Constant],
    steps: Sequence[Step],
    statements: Sequence[Statement],
) -> str:
    """Write a program in Python's notation."""
    writer = _Writer(inputs, constants, steps, statements)
    return "; ".join(map(writer.statement, statements))


class _Writer:
    """Writes one program, statement by statement, each from its value down to what has a name."""

    def __init__(
        self,
        inputs: Sequence[Input],
        constants: Sequence[Constant],
        steps: Sequence[Step],
        statements: Sequence[Statement],
    ) -> None:
        self._steps = steps
        self._inputs = [variable.name for variable in inputs]
        self._first_step = len(inputs) + len(constants)
        bound = {*self._inputs, *[statement.name for statement in statements]}
        self._leaves = list(self._inputs)
        for constant in constants:
            text = constant.text
            # Where the user's pi is a variable, the constant is math.pi.
            if constant.value is None and (size := text.lstrip("-")) in bound:
                text = text.replace(size, f"math.{size}")
            self._leaves.append(text)
        # What each name means at present, and by which name a value goes.
        self._names = dict(enumerate(self._inputs))
        self._meanings = {name: number for number, name in self._names.items()}
        self._aliases = {number: [name] for number, name in self._names.items()}
        # The last operand of each comparison, and of each `&` that is written as a chain of them.
        self._compared: dict[int, int] = {}
        self._seen = 0  # steps of the statements so far
        self._inside = False  # whether what is being written stands within no_grad(...)

    def statement(self, statement: Statement) -> str:
        """Write the next statement."""
        for position in range(self._seen, statement.steps):
            if self._steps[position].function in _CONDITIONS:
                self._note_comparison(self._first_step + position, self._steps[position])
        self._seen = statement.steps
        value = statement.numbers[0]
        text = self._changed(statement, value)
        if text is not None:
            self._change(self._steps[value - self._first_step].args[0], value)
        else:
            written = ", ".join(map(self._expression, statement.numbers))
            text = written if statement.name is None else f"{statement.name} = {written}"
        if statement.name is not None:
            self._rename(statement.name, value)
        return text

    def _changed(self, statement: Statement, value: int) -> str | None:
        """The text of a statement such as `x += 1` or `x[0] = y`; None for any other."""
        if statement.name is None or value < self._first_step:
            return None
        step = self._steps[value - self._first_step]
        if not step.in_place or self._meanings.get(statement.name) != step.args[0]:
            return None
        row = TABLE[step.function]
        right = self._expression(step.args[1]) if len(step.args) > 1 else ""
        if row.name == "setitem":
            return f"{statement.name}[{index_text(dict(step.options)['index'])}] = {right}"
        return f"{statement.name} {row.symbol}= {right}" if row.symbol else None

    def _change(self, before: int, number: int) -> None:
        """Let all names of a tensor mean what it has become."""
        for name in list(self._aliases.get(before, ())):
            self._rename(name, number)

    def _rename(self, name: str, number: int) -> None:
        """Let a name mean a value; a value goes by the first of its names."""
        before = self._meanings.get(name)
        if before is not None:
            self._aliases[before].remove(name)
            if self._aliases[before]:
                self._names[before] = self._aliases[before][0]
            else:
                del self._names[before]
        self._meanings[name] = number
        self._aliases.setdefault(number, []).append(name)
        self._names[number] = self._aliases[number][0]

    def _expression(self, value: int) -> str:
        """Write a value."""
        names, leaves = self._names, self._leaves
        pieces: list[str] = []
        todo: list[_Part] = [value]
        while todo:
            part = todo.pop()
            if isinstance(part, str):
                pieces.append(part)
            elif not isinstance(part, int):
                part()
            elif part in names:
                pieces.append(names[part])
            elif part < len(leaves):
                pieces.append(leaves[part])
            else:
                todo += reversed(self._parts(part))
        return "".join(pieces)

    def _turn(self) -> None:
        """Enter no_grad(...), or leave it."""
        self._inside = not self._inside

    def _unwatched(self, number: int) -> bool:
        """Whether no_grad(...) is to be written around a value."""
        if self._inside or number < self._first_step:
            return False
        return self._steps[number - self._first_step].no_grad

    def _parts(self, number: int) -> list[_Part]:
        """What a step is written as: texts, and numbers of values."""
        step = self._steps[number - self._first_step]
        if step.no_grad and not self._inside:
            return ["no_grad(", self._turn, number, self._turn, ")"]
        row, args = TABLE[step.function], step.args
        if step.in_place:
            return self._method(number, row, step)
        if number in self._compared:
            return self._comparison(number)
        if row.name in _BINARY:
            left, between, right = _BINARY[row.name]
            operand = self._operand(args[1], right, minus=False)
            return [*self._operand(args[0], left), between, *operand]
        if row.symbol is None or (row.name == "neg" and self._is_literal(args[0])):
            # neg(2) is no literal: -2 would be one.
            return self._call(number, row, step)
        return [row.symbol, *self._operand(args[0], _TIGHTNESS[row.name])]

    def _method(self, number: int, row: Function, step: Step) -> list[_Part]:
        """A call that changes its tensor in place; from there on, the tensor's name means it."""
        receiver, *args = step.args
        name = self._name_of(receiver)
        before = self._operand(receiver, _ATOM) if name is None else [name]
        method, parameters = f"{row.name}_", row.parameters[1:]
        call = self._applied(method, row, parameters, args, dict(step.options))
        return [*before, ".", *call, functools.partial(self._change, receiver, number)]

    def _name_of(self, number: int) -> str | None:
        """The name that a value goes by, that of a variable included."""
        if number < len(self._inputs):
            return self._inputs[number]
        return self._names.get(number)

    def _call(self, number: int, row: Function, step: Step) -> list[_Part]:
        """A function's call, or what is written in its place: x[0], x.T, [1, 2]."""
        options = dict(step.options)
        if row.name == "getitem":
            return [*self._operand(step.args[0], _ATOM), f"[{index_text(options['index'])}]"]
        if row.attribute:
            return [*self._operand(step.args[0], _ATOM), f".{row.name}"]
        if row.name == "tensor":
            return self._tensor(options["shape"], step.args)
        args = self._flat(number) if row.variadic else step.args
        return self._applied(row.name, row, row.parameters, args, options)

    def _applied(
        self,
        name: str,
        row: Function,
        parameters: Sequence[Parameter],
        args: Sequence[int],
        options: Mapping[str, Any],
    ) -> list[_Part]:
        """A name, in brackets the arguments for those parameters, and the part that is meant."""
        written: list[list[_Part]] = []
        rest: list[list[_Part]] = [[arg] for arg in args]
        for parameter in parameters:
            if parameter.option:
                text = _option_text(parameter, options, named=not rest)
                written += [[text]] if text else []
            elif parameter.several and not parameter.spread:
                written.append(["[", *self._listed(rest), "]"])
                rest = []
            else:
                count = len(rest) if row.variadic or parameter.spread else 1
                written += rest[:count]
                rest = rest[count:]
        return [f"{name}(", *self._listed(written), f"){_part_text(row, options)}"]

    @staticmethod
    def _listed(values: Sequence[Sequence[_Part]]) -> list[_Part]:
        parts: list[_Part] = []
        for position, value in enumerate(values):
            parts += [", ", *value] if position else value
        return parts

    def _tensor(self, shape: tuple[int, ...], args: tuple[int, ...]) -> list[_Part]:
        """A tensor of numbers, as nested lists."""
        if not shape:
            return ["tensor(", args[0], ")"]
        if 0 in shape:
            empty = "[]"
            for size in reversed(shape[: shape.index(0)]):
                empty = f"[{', '.join([empty] * size)}]"
            return [empty]
        level: list[list[_Part]] = [[arg] for arg in args]
        for size in reversed(shape):
            count = len(level) // size if size else 1
            level = [
                ["[", *self._listed(level[k * size : (k + 1) * size]), "]"] for k in range(count)
            ]
        return level[0]

    def _operand(self, number: int, at_least: int, *, minus: bool = True) -> list[_Part]:
        """An operand, in brackets where it binds too loosely, or may not begin with a minus."""
        tight = number in self._names or self._tightness(number) >= at_least
        if tight and (minus or not self._begins_with_minus(number)):
            return [number]
        return [number] if self._unwatched(number) else ["(", number, ")"]

    def _tightness(self, number: int) -> int:
        """How tightly what is written for a value holds together."""
        if number in self._names:
            return _ATOM
        if number < self._first_step:
            return _TIGHTNESS["neg"] if self._leaves[number][0] == "-" else _ATOM
        if number in self._compared:
            return _TIGHTNESS["lt"]
        step = self._steps[number - self._first_step]
        if step.in_place or (step.function == "neg" and self._is_literal(step.args[0])):
            return _ATOM
        return _TIGHTNESS.get(step.function, _ATOM)

    def _begins_with_minus(self, number: int) -> bool:
        """Whether what is written for a value does: it, or its first operand, and so on."""
        while number not in self._names and number >= self._first_step:
            step = self._steps[number - self._first_step]
            if step.function == "neg":
                return not (step.in_place or self._is_literal(step.args[0]))
            if step.in_place or step.function not in _BINARY:
                return False
            number = step.args[0]
            if self._tightness(number) < _BINARY[step.function][0]:
                return False  # it gets brackets
        return number not in self._names and self._leaves[number][0] == "-"

    def _is_literal(self, number: int) -> bool:
        """Whether a minus sign before the value would become part of a number."""
        if number in self._names or not len(self._inputs) <= number < self._first_step:
            return False
        return self._leaves[number][0] != "-"

    # -- steps that are written together --

    def _note_comparison(self, number: int, step: Step) -> None:
        if step.function in _COMPARISONS:
            self._compared[number] = step.args[1]
        elif step.function == "logical_and" and step.args == (number - 2, number - 1):
            link = self._steps[number - 1 - self._first_step]
            if number - 1 in self._names or number - 2 in self._names:
                return
            if link.function in _COMPARISONS and self._compared.get(number - 2) == link.args[0]:
                self._compared[number] = link.args[1]

    def _flat(self, number: int) -> list[int]:
        """The arguments of max(max(x, y), z) as those of max(x, y, z)."""
        steps, last = self._steps, []
        step = steps[number - self._first_step]
        while True:
            left, right = step.args
            last.append(right)
            number -= 1
            # Only if nothing comes between the two: the steps of z would come earlier otherwise.
            if left != number or left < self._first_step or left in self._names:
                return [left, *reversed(last)]
            inner = steps[left - self._first_step]
            if inner.function != step.function:
                return [left, *reversed(last)]
            step = inner

    def _comparison(self, number: int) -> list[_Part]:
        """A comparison or a chain of them: (0 < x) & (x < 1) is 0 < x < 1."""
        links = []
        while (step := self._steps[number - self._first_step]).function == "logical_and":
            links.append(self._steps[number - 1 - self._first_step])
            number -= 2
        # People expect the brackets that & and | would not need here.
        parts = self._operand(step.args[0], _TIGHTNESS["add"])
        for link in [step, *reversed(links)]:
            parts.append(f" {TABLE[link.function].symbol} ")
            parts += self._operand(link.args[1], _TIGHTNESS["add"])
        return parts


def _option_text(parameter: Parameter, options: Mapping[str, Any], *, named: bool) -> str:
    """An option as it is written; without its name before values, as in einsum('ij->i', x)."""
    if parameter.name not in options:
        return ""
    value = options[parameter.name]
    if parameter.several:
        return ", ".join(map(option_text, value))
    return f"{parameter.name}={option_text(value)}" if named else option_text(value)


def _part_text(row: Function, options: Mapping[str, Any]) -> str:
    """Which of a function's results is meant, as it is written behind the call."""
    part = options.get("part")
    if part is None and row.pairwise and "dim" in options:
        part = 0  # without it, max(x, dim=0)[0] would be read as a part of the result
    return "" if part is None else f".{row.parts[part]}"
