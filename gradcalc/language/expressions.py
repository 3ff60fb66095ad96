"""Expressions to steps.

In: an expression's tokens, and what the names before it mean. Out: steps, constants and inputs,
collected for `parser`, which reads the statements.
"""

from __future__ import annotations

import ast
import functools
import itertools
import math
import re
from collections.abc import Callable, Collection, Iterable
from fractions import Fraction
from typing import Any, ClassVar

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, MendableError, Span
from gradcalc.functions import TABLE, Function, lookup
from gradcalc.language.calls import NOTEBOOK, Call, Calls, Default, Node, is_prefix
from gradcalc.language.literals import NotWrittenOut, index
from gradcalc.language.notation import Notation, as_typed, rewrite
from gradcalc.language.source import CONSTANTS, Source
from gradcalc.language.tokens import Token
from gradcalc.language.writer import write
from gradcalc.program.program import Constant, Input, Program, Statement, Step

BINARY = {
    ast.Add: TABLE["add"],
    ast.Sub: TABLE["sub"],
    ast.Mult: TABLE["mul"],
    ast.Div: TABLE["div"],
    ast.FloorDiv: TABLE["floor_divide"],
    ast.Mod: TABLE["remainder"],
    ast.Pow: TABLE["pow"],
    ast.MatMult: TABLE["matmul"],
    ast.BitAnd: TABLE["logical_and"],
    ast.BitOr: TABLE["logical_or"],
}
_UNARY = {ast.USub: TABLE["neg"], ast.Invert: TABLE["logical_not"]}
_COMPARE = {
    ast.Gt: TABLE["gt"],
    ast.GtE: TABLE["ge"],
    ast.Lt: TABLE["lt"],
    ast.LtE: TABLE["le"],
    ast.Eq: TABLE["eq"],
    ast.NotEq: TABLE["ne"],
}
_AND, _POW = TABLE["logical_and"], TABLE["pow"]

_NUMBERS = frozenset({int, float})

#: Nodes without operands.
_LEAVES = frozenset({ast.Name, ast.Constant, Default})

#: Operators on constants whose value is known exactly.
_RATIONAL = frozenset({"add", "sub", "mul", "neg", "div", "pow"})

#: Rows that are written as an attribute, without brackets.
_PROPERTIES = {
    name: row.name for row in TABLE.values() if row.attribute for name in (row.name, *row.aliases)
}

#: A variable's name, where it stands before a bracket: one letter, with an index perhaps.
_LETTER = re.compile(r"[^\W\d](_?\d*|_\w+)")

#: A step whose arguments have not got their final numbers.
_Unnumbered = tuple[str, list[int], Span, tuple[tuple[str, Any], ...], bool, bool]


@functools.lru_cache(maxsize=1024)
def _exact(text: str) -> Fraction | None:
    """A literal's value. 0e999999999 is zero, too: `Fraction` would calculate that power of ten."""
    if text.lstrip("-") in CONSTANTS:
        return None
    return Fraction(text) if float(text) else Fraction(0)


class Expressions:
    """Collects the inputs, constants and steps of one program, in order of appearance.

    While it builds, all values are numbered in that order; `finish` gives them their final numbers,
    inputs first, then constants, then steps.
    """

    def __init__(self, text: str, known: Collection[str], fixed: Collection[str]) -> None:
        """Begin a program.

        Args:
            text: The user's whole text.
            known: Names that are variables for certain.
            fixed: Names that are constants, though their values are not known.
        """
        self._text = text
        self._known = known
        self._fixed_names = fixed
        self._squares = 0  # of constants so far
        self._number = itertools.count().__next__  # of the next value
        self._done: list[int] = []  # operands that wait for their operation
        self._inputs: list[tuple[int, Input]] = []
        self._constants: list[tuple[int, Constant]] = []
        self._steps: list[tuple[int, _Unnumbered]] = []
        self._exact: dict[int, Fraction] = {}  # values that are known exactly, for limits
        self.names: dict[str, int] = {}  # what each name means at present
        self.fixed: set[int] = set()  # values that are plain numbers
        self.changed = False  # whether the last step changed its tensor in place

    @property
    def steps(self) -> int:
        """How many steps there are so far."""
        return len(self._steps)

    def as_typed(self) -> Source | None:
        """Begin with the whole text as an expression, if it needs no rewriting."""
        notation = as_typed(self._text, self._is_function)
        return None if notation is None else self._begin(notation)

    def source(self, tokens: list[Token]) -> Source:
        """Begin with an expression."""
        return self._begin(rewrite(self._text, tokens, self._is_function))

    def _begin(self, notation: Notation) -> Source:
        self._source = Source(notation)
        self._calls = Calls(self._source, self._is_assigned, self._known)
        self._unwatched: list[Span] = []  # of what stands within no_grad(...)
        return self._source

    def _is_function(self, name: str) -> bool:
        """Whether a name before a bracket is called; a longer name, unknown, is a misspelt one."""
        if self._is_assigned(name):
            return False
        if lookup(name) is not None or name in NOTEBOOK:
            return True
        return not (name in self._known or name in CONSTANTS or _LETTER.fullmatch(name))

    def _is_assigned(self, name: str) -> bool:
        """Whether a statement gave the name a value."""
        return name in self.names and all(name != variable.name for _, variable in self._inputs)

    def value(self, tree: ast.expr) -> int:
        """Turn the tree into steps, operands first; return the number of its value."""
        nodes: list[Any] = []
        todo: list[Any] = [tree]
        while todo:
            node = todo.pop()
            kind = type(node)
            if kind is ast.BinOp:
                todo += (node.left, node.right)
            elif kind in _LEAVES:
                pass
            elif kind is ast.UnaryOp:
                if self._literal(node) is None:
                    todo.append(node.operand)
            elif kind is ast.Compare:
                todo += (node.left, *node.comparators)
            elif (call := self._call_of(node)) is not None:
                node = call
                todo += call.values
            elif kind is ast.Subscript or self._is_property(node):
                todo.append(node.value)
            nodes.append(node)
        readers, leaf = self._READERS, Expressions._leaf
        # Each node stands before its operands, and these from right to left.
        for node in reversed(nodes):
            self._done.append(readers.get(type(node), leaf)(self, node))
        return self._done.pop()

    def _call_of(self, node: Node) -> Call | None:
        """The node as a call, if it is one, or a list, or a part of a call's results."""
        if isinstance(node, ast.Call):
            call = self._calls.read(node)
            if call.row.name == "no_grad":
                self._unwatched.append(call.span)
            return call
        if isinstance(node, ast.List):
            values, shape = self._calls.elements(node)
            return Call(TABLE["tensor"], values, {"shape": shape}, self._source.span(node))
        if isinstance(node, ast.Attribute | ast.Subscript):
            return self._calls.part(node)
        return None

    # Each takes the operands of a node off the waiting ones and returns the value of the node.

    def _binary(self, node: ast.BinOp) -> int:
        row = BINARY.get(type(node.op))
        if row is None:
            raise self._source.error("this operator is not part of the language", node)
        right, left = self._done.pop(), self._done.pop()
        return self.step(row, [left, right], self._source.span(node))

    def _unary(self, node: ast.UnaryOp) -> int:
        text = self._literal(node)
        if text is not None:
            return self._constant(text, self._source.span(node))
        if isinstance(node.op, ast.UAdd):
            return self._done.pop()
        row = _UNARY.get(type(node.op))
        if row is None:
            raise self._source.error("this operator is not part of the language", node)
        return self.step(row, [self._done.pop()], self._source.span(node))

    def _name(self, node: ast.Name) -> int:
        name = self._source.name(node)
        if name in self.names:
            return self.names[name]
        span = self._source.span(node)
        return self.named(name, span) if self._literal(node) is None else self._constant(name, span)

    def _leaf(self, node: ast.expr) -> int:
        text = self._literal(node)
        if text is not None:
            return self._constant(text, self._source.span(node))
        if isinstance(node, ast.Attribute) and self._is_property(node):
            return self.step(self._property(node), [self._done.pop()], self._source.span(node))
        raise self._unknown(node)

    def _default(self, node: Default) -> int:
        return self._constant(node.text, node.span)

    def _subscript(self, node: ast.Subscript) -> int:
        options = (("index", self.index(node)),)
        return self.step(TABLE["getitem"], [self._done.pop()], self._source.span(node), options)

    def index(self, node: ast.Subscript) -> tuple[Any, ...]:
        """The items of an index."""
        try:
            return index(node.slice)
        except NotWrittenOut as problem:
            raise GradcalcError(
                Kind.SYNTAX,
                "an index is written out: whole numbers, slices, `...`, None, lists of numbers",
                text=self._text,
                span=self._source.span(problem.node),
                hint="write it as in x[0], x[:, 1:3] or x[[0, 2]]; where(condition, x, 0) "
                "chooses by a condition",
            ) from None

    # -- numbers and names --

    def _literal(self, node: ast.expr) -> str | None:
        """The text of a constant, with a minus sign before it perhaps; None for anything else."""
        if isinstance(node, ast.Name):
            if node.id not in CONSTANTS or node.id in self._known or node.id in self.names:
                return None
            return node.id
        if isinstance(node, ast.Constant):
            return self._source.python(node) if type(node.value) in _NUMBERS else None
        if isinstance(node, ast.Attribute):
            return node.attr if node.attr in CONSTANTS and is_prefix(node.value) else None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            # Of --2 only the inner minus sign is part of the number.
            text = None if isinstance(node.operand, ast.UnaryOp) else self._literal(node.operand)
            return text and f"-{text}"
        return None

    def _constant(self, text: str, span: Span) -> int:
        value = _exact(text)
        number = self._number()
        self._constants.append((number, Constant(text, value, span)))
        self.fixed.add(number)
        if value is not None:
            self._exact[number] = value
        return number

    def named(self, name: str, where: Span) -> int:
        """The value that a name means; one that nothing was assigned to is a variable."""
        if name not in self.names:
            self.names[name] = number = self._number()
            self._inputs.append((number, Input(name, where)))
            if name in self._fixed_names:
                self.fixed.add(number)
        return self.names[name]

    # -- comparisons --

    def _comparison(self, node: ast.Compare) -> int:
        for operand in (node.left, *node.comparators):
            self._check_condition(node, operand)
        span = self._source.span(node)
        count = len(node.ops) + 1
        values = self._done[-count:]
        del self._done[-count:]
        result = None
        for op, left, right in zip(node.ops, values, values[1:], strict=False):
            link = self.step(_COMPARE[type(op)], [left, right], span)
            result = link if result is None else self.step(_AND, [result, link], span)
        return values[0] if result is None else result

    def _check_condition(self, node: ast.Compare, operand: ast.expr) -> None:
        """Refuse x > 0 & y > 0, where Python compares 0 & y."""
        if not isinstance(operand, ast.BinOp) or not isinstance(operand.op, ast.BitAnd | ast.BitOr):
            return
        if self._source.in_brackets(operand):
            return
        sign = "&" if isinstance(operand.op, ast.BitAnd) else "|"
        source = self._source.piece(self._source.span(node))
        raise MendableError(
            Kind.SYNTAX,
            f"`{sign}` binds tighter than a comparison",
            text=self._text,
            span=self._source.span(operand),
            lead="write",
            corrected=(_with_brackets(source),),
            hint="put each comparison in brackets, as in (x > 0) & (x < 1)",
        )

    # -- calls --

    def _is_property(self, node: Node) -> bool:
        """Whether it is an attribute such as x.T."""
        return (
            isinstance(node, ast.Attribute)
            and node.attr in _PROPERTIES
            and self._literal(node) is None
        )

    def _property(self, node: ast.Attribute) -> Function:
        return TABLE[_PROPERTIES[node.attr]]

    def _called(self, call: Call) -> int:
        """The value of a call, whose values wait."""
        row, span, options = call.row, call.span, call.options
        first = len(self._done) - len(call.values)
        args = self._done[first:]
        del self._done[first:]
        if row.name == "no_grad":
            self._calls.check_count(row, len(args), by_name=0, span=span)
            return args[0]
        if row.parts and len(row.parts) > 1 and "part" not in options:
            raise GradcalcError(
                Kind.SYNTAX,
                f"{row.name} gives {len(row.parts)} results",
                text=self._text,
                span=span,
                hint=f"write {self._source.piece(span)}.{row.parts[-1]}",
            )
        if row.entrywise:
            self._calls.check_count(row, len(args), by_name=0, span=span)
            self._check_arguments(row, args, span)
        else:
            values = [p for p in row.parameters if not p.option]
            if not any(p.several for p in values) and len(args) != len(values):
                least = sum(p.default is None for p in values)
                if not least <= len(args) <= len(values):
                    self._calls.check_count(row, len(args), by_name=0, span=span)
        if not row.variadic:
            given = tuple(options.items())
            return self.step(row, args, span, given, in_place=call.in_place)
        result = args[0]
        for value in args[1:]:
            result = self.step(row, [result, value], span)
        return result

    def _check_arguments(self, row: Function, args: list[int], span: Span) -> None:
        for parameter, value in zip(row.parameters, args, strict=False):
            if parameter.static and value not in self.fixed:
                problem = f"`{parameter.name}` of {row.name} must be a number, not an expression"
                raise self._calls.argument_error(row, problem, span)
        for value in args if row.largest < math.inf else ():
            if abs(self._exact.get(value, Fraction(0))) > row.largest:
                raise GradcalcError(
                    Kind.LIMIT,
                    f"a constant argument of {row.name} is limited to {row.largest:,}",
                    text=self._text,
                    span=span,
                )

    # -- steps --

    def step(
        self,
        row: Function,
        args: list[int],
        span: Span,
        options: tuple[tuple[str, Any], ...] = (),
        *,
        in_place: bool = False,
    ) -> int:
        """Add a step; return the number of its value."""
        if len(self._steps) >= limits.STEPS:
            raise GradcalcError(
                Kind.LIMIT,
                f"the expression has more than {limits.STEPS:,} operations",
                text=self._text,
                span=span,
                hint="write loops over entries as operations on tensors",
            )
        if row is _POW:
            self._check_power(args[0], args[1], span)
        number = self._number()
        if row.entrywise and self.fixed.issuperset(args):
            self._note_fixed(number, row, args, span)
        no_grad = bool(self._unwatched) and any(
            s.start <= span.start and span.stop <= s.stop for s in self._unwatched
        )
        if in_place and no_grad:
            raise GradcalcError(
                Kind.SYNTAX,
                "a change in place within no_grad(...) cannot be followed",
                text=self._text,
                span=span,
                hint="make a new tensor, as in y = no_grad(x + 1)",
            )
        self._steps.append((number, (row.name, args, span, options, in_place, no_grad)))
        self.changed = in_place
        if in_place:
            # All names of the tensor mean what it has become.
            self.names |= {name: number for name, value in self.names.items() if value == args[0]}
        return number

    def _note_fixed(self, number: int, row: Function, args: list[int], span: Span) -> None:
        """Remember that a value is a plain number, and which one if it is rational."""
        self.fixed.add(number)
        self._squares += row.name == "square"
        if self._squares > limits.CONSTANT_SQUARES:
            # Each may double the digits, and sympy would calculate them all.
            raise GradcalcError(
                Kind.LIMIT,
                f"more than {limits.CONSTANT_SQUARES} squares of constants",
                text=self._text,
                span=span,
                hint="write a power instead, as in 3**8",
            )
        if row.name in _RATIONAL and all(arg in self._exact for arg in args):
            exact = _calculated(row, [self._exact[arg] for arg in args])
            if exact is not None:
                self._exact[number] = exact

    def _check_power(self, base: int, exponent: int, span: Span) -> None:
        """Refuse a power that would be immense."""
        size = self._exact.get(exponent)
        if size is None or (
            size.denominator == 1 and base not in self._exact and -9 <= size.numerator <= 9
        ):
            return
        number = self._exact.get(base)
        if number is None:
            too_large = abs(size) > limits.CONSTANT_EXPONENT
            message = f"an exponent beyond {limits.CONSTANT_EXPONENT:,}"
        else:
            width = max(number.numerator.bit_length(), number.denominator.bit_length())
            too_large = width > 1 and abs(size) * width > limits.CONSTANT_BITS
            message = f"a constant of over {limits.CONSTANT_BITS:,} bits; float64 ends at 1,024"
        if too_large:
            raise GradcalcError(
                Kind.LIMIT,
                message,
                text=self._text,
                span=span,
                hint="use a smaller number",
            )

    #: What gives the value of a node; `_leaf` gives that of any other.
    _READERS: ClassVar[dict[type, Callable[[Expressions, Any], int]]] = {
        ast.Name: _name,
        ast.BinOp: _binary,
        ast.UnaryOp: _unary,
        ast.Compare: _comparison,
        ast.Subscript: _subscript,
        Call: _called,
        Default: _default,
    }

    # -- what is no part of the language --

    def _unknown(self, node: ast.expr) -> GradcalcError:
        """What is said of a node that is not part of the language."""
        text, span = self._text, self._source.span(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return GradcalcError(
                Kind.SYNTAX,
                "text in quotes is no part of an expression",
                text=text,
                span=span,
                hint="text stands only where a function takes a word, as in "
                "einsum('ij,j->i', A, x)",
            )
        if isinstance(node, ast.Attribute):
            name, place = self._source.attribute(node)
            return MendableError(
                Kind.NAME,
                f"unknown attribute `{name}`",
                text=text,
                span=place,
                lead="to call the function write",
                corrected=(f"{self._source.piece(span)}()", f"{self._source.piece(span)}(x)"),
                hint="a method is called with brackets, as in x.sin()",
            )
        if isinstance(node, ast.Tuple) and node.elts:
            return MendableError(
                Kind.SYNTAX,
                "a comma stands only between the arguments of a function",
                text=text,
                span=span,
                lead="a decimal number is written with a point:",
                corrected=(re.sub(r"(?<=\d),(?=\d)", ".", text.strip()),),
                hint="write one expression at a time",
            )
        if isinstance(node, ast.Tuple):
            return self._source.error("there is nothing between the brackets", node)
        return self._source.error("this is not part of the language", node)

    # -- the program --

    def finish(self, statements: Iterable[Statement]) -> Program:
        """Number the values for good; nothing can be added after that."""
        # It asks us for names, and so would keep us alive until the next garbage collection.
        del self._calls
        values = (*self._inputs, *self._constants, *self._steps)
        number_of = {before: number for number, (before, _) in enumerate(values)}.__getitem__

        inputs = tuple([variable for _, variable in self._inputs])
        constants = tuple([constant for _, constant in self._constants])
        steps = tuple(
            [
                Step(name, tuple(map(number_of, args)), span, options, in_place, no_grad)
                for _, (name, args, span, options, in_place, no_grad) in self._steps
            ]
        )
        renumbered = tuple(
            [
                Statement(name, tuple(map(number_of, numbers)), span, count)
                for name, numbers, span, count in statements
            ]
        )
        canonical = write(inputs, constants, steps, renumbered)
        outputs = renumbered[-1].numbers
        return Program(self._text, canonical, inputs, constants, steps, outputs, renumbered)


def _calculated(row: Function, values: list[Fraction]) -> Fraction | None:
    """The exact value of an operator on constants, where it is rational and not immense."""
    bits = sum(v.numerator.bit_length() + v.denominator.bit_length() for v in values)
    if bits > limits.CONSTANT_BITS:
        return None
    if row is _POW:
        base, exponent = values
        if exponent.denominator != 1 or not base:
            return None
        return base**exponent.numerator
    if row.name == "div" and not values[1]:
        return None
    exact: Fraction = row.mpmath(*values)
    return exact


def _with_brackets(source: str) -> str:
    """The comparisons between `&` and `|`, each in brackets."""
    pieces, depth, start = [], 0, 0
    for position, character in enumerate(source):
        depth += (character == "(") - (character == ")")
        if character in "&|" and depth == 0:
            pieces += [f"({source[start:position].strip()})", f" {character} "]
            start = position + 1
    return "".join([*pieces, f"({source[start:].strip()})"])
