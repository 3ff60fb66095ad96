"""Expressions to steps.

In: an expression, as Python's syntax tree. Out: the number of its value, in the `Draft` that its
steps are added to.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable
from typing import Any, ClassVar

from gradcalc.base.errors import Kind, MendableError
from gradcalc.functions import TABLE
from gradcalc.language import notebook
from gradcalc.language.calls import Call, Calls, Literal, is_prefix
from gradcalc.language.draft import Draft
from gradcalc.language.literals import NotConstant, index
from gradcalc.language.scope import CONSTANTS
from gradcalc.language.source import Source

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
_AND = TABLE["logical_and"]

_NUMBERS = frozenset({int, float})

#: Nodes that may be a constant, and those without operands.
_LITERALS = frozenset({ast.Constant, ast.Name, ast.Attribute, ast.UnaryOp})
_LEAVES = frozenset({ast.Constant, ast.Name, Literal})

#: Rows that are written as an attribute, without brackets.
_PROPERTIES = {
    name: row for row in TABLE.values() if row.attribute for name in (row.name, *row.aliases)
}


class Expression:
    """Reads one expression of a program."""

    def __init__(self, source: Source, draft: Draft) -> None:
        """Prepare to read; its steps will be added to the draft."""
        self._source = source
        self._draft = draft
        self._scope = draft.scope
        draft.unwatched = []
        self._number = functools.partial(_number, source, draft)
        self._calls = Calls(source, draft.scope, self._number)
        self._done: list[int] = []  # operands that wait for their operation

    def value(self, tree: ast.expr) -> int:
        """Turn a tree into steps, operands first; return the number of its value."""
        nodes: list[Any] = []
        todo: list[Any] = [tree]
        while todo:
            node = todo.pop()
            kind = type(node)
            if kind is ast.BinOp:
                todo += (node.left, node.right)
            elif kind in _LITERALS and (text := self._literal(node)) is not None:
                node = Literal(text, self._source.span(node))
            elif kind in _LEAVES:
                pass
            elif kind is ast.UnaryOp:
                todo.append(node.operand)
            elif kind is ast.Compare:
                todo += (node.left, *node.comparators)
            elif (call := self._call_of(node)) is not None:
                node = call
                todo += call.values
            elif kind is ast.Subscript or (kind is ast.Attribute and node.attr in _PROPERTIES):
                todo.append(node.value)
            nodes.append(node)
        readers, unknown = self._READERS, Expression._unknown
        # Each node stands before its operands, and these from right to left.
        for node in reversed(nodes):
            self._done.append(readers.get(type(node), unknown)(self, node))
        return self._done.pop()

    def index(self, node: ast.Subscript) -> tuple[Any, ...]:
        """The items of an index."""
        try:
            return index(node.slice, self._number)
        except NotConstant as problem:
            raise self._source.error(
                "an index is constant: whole numbers, slices, `...`, None, lists of numbers",
                problem.node,
                "write it as in x[0], x[:, 1:3] or x[[0, 2]]; where(condition, x, 0) "
                "chooses by a condition",
            ) from None

    def _literal(self, node: Any) -> str | None:
        """The text of a constant, with a minus sign before it perhaps; None for anything else."""
        kind = type(node)
        if kind is ast.Name:
            name = node.id
            return name if name in CONSTANTS and self._scope.is_constant(name) else None
        if kind is ast.Constant:
            return self._source.python(node) if type(node.value) in _NUMBERS else None
        if kind is ast.Attribute:
            return node.attr if node.attr in CONSTANTS and is_prefix(node.value) else None
        return self._negative(node) if kind is ast.UnaryOp else None

    def _negative(self, node: ast.UnaryOp) -> str | None:
        """The text of a constant with a minus sign; of --2 only the inner one is part of it."""
        if not isinstance(node.op, ast.USub) or isinstance(node.operand, ast.UnaryOp):
            return None
        text = self._literal(node.operand)
        return text and f"-{text}"

    def _call_of(self, node: ast.expr) -> Call | None:
        """The node as a call, if it is one, or a list, or a part of a call's results."""
        if isinstance(node, ast.Call):
            call = self._calls.read(node)
            if call.row.name == "no_grad":
                self._draft.unwatched.append(call.span)
            return call
        if isinstance(node, ast.List):
            values, shape = self._calls.elements(node)
            return Call(TABLE["tensor"], values, {"shape": shape}, self._source.span(node))
        if isinstance(node, ast.Attribute | ast.Subscript):
            return self._calls.part(node)
        return None

    def _waiting(self, count: int) -> list[int]:
        """Take that many operands off those that wait."""
        first = len(self._done) - count
        operands = self._done[first:]
        del self._done[first:]
        return operands

    # -- each takes the operands of a node off the waiting ones and returns the value of the node --

    def _binary(self, node: ast.BinOp) -> int:
        row = BINARY.get(type(node.op))
        if row is None:
            raise self._source.error("this operator is not part of the language", node)
        right, left = self._done.pop(), self._done.pop()
        return self._draft.step(row, [left, right], self._source.span(node))

    def _unary(self, node: ast.UnaryOp) -> int:
        if isinstance(node.op, ast.UAdd):
            return self._done.pop()
        row = _UNARY.get(type(node.op))
        if row is None:
            raise self._source.error("this operator is not part of the language", node)
        return self._draft.step(row, [self._done.pop()], self._source.span(node))

    def _name(self, node: ast.Name) -> int:
        name = self._source.name(node)
        number = self._scope.values.get(name)
        return self._draft.named(name, self._source.span(node)) if number is None else number

    def _constant(self, literal: Literal) -> int:
        return self._draft.constant(literal.text, literal.span)

    def _attribute(self, node: ast.Attribute) -> int:
        row = _PROPERTIES.get(node.attr)
        if row is None:
            return self._unknown(node)
        return self._draft.step(row, [self._done.pop()], self._source.span(node))

    def _subscript(self, node: ast.Subscript) -> int:
        options = (("index", self.index(node)),)
        return self._draft.step(
            TABLE["getitem"], [self._done.pop()], self._source.span(node), options
        )

    def _comparison(self, node: ast.Compare) -> int:
        for operand in (node.left, *node.comparators):
            self._check_condition(node, operand)
        span = self._source.span(node)
        values = self._waiting(len(node.ops) + 1)
        result = None
        for op, left, right in zip(node.ops, values, values[1:], strict=False):
            link = self._draft.step(_COMPARE[type(op)], [left, right], span)
            result = link if result is None else self._draft.step(_AND, [result, link], span)
        return values[0] if result is None else result

    def _check_condition(self, node: ast.Compare, operand: ast.expr) -> None:
        """Refuse x > 0 & y > 0, where Python compares 0 & y."""
        if not isinstance(operand, ast.BinOp) or not isinstance(operand.op, ast.BitAnd | ast.BitOr):
            return
        if self._source.in_brackets(operand):
            return
        sign = "&" if isinstance(operand.op, ast.BitAnd) else "|"
        raise MendableError(
            Kind.SYNTAX,
            f"`{sign}` binds tighter than a comparison",
            text=self._source.text,
            span=self._source.span(operand),
            lead="write",
            corrected=(_with_brackets(self._source.piece(self._source.span(node))),),
            hint="put each comparison in brackets, as in (x > 0) & (x < 1)",
        )

    def _called(self, call: Call) -> int:
        row, span = call.row, call.span
        args = self._waiting(len(call.values))
        self._check_call(call, args)
        if row.name == "no_grad":
            return args[0]
        if not row.variadic:
            return self._draft.step(
                row, args, span, tuple(call.options.items()), in_place=call.in_place
            )
        result = args[0]
        for value in args[1:]:
            result = self._draft.step(row, [result, value], span)
        return result

    def _check_call(self, call: Call, args: list[int]) -> None:
        """Refuse too many arguments or too few, and values where numbers are wanted."""
        row, span = call.row, call.span
        if len(row.parts) > 1 and "part" not in call.options:
            message = f"{row.name} gives {len(row.parts)} results"
            hint = f"write {self._source.piece(span)}.{row.parts[-1]}"
            raise self._source.error(message, span, hint)
        if not row.single:
            return  # its arguments were counted when they were told apart
        self._calls.check_count(row, len(args), by_name=0, span=span)
        for parameter, value in zip(row.parameters, args, strict=False):
            if parameter.static and value not in self._draft.fixed:
                message = f"`{parameter.name}` of {row.name} must be a number, not an expression"
                raise self._calls.argument_error(row, message, span)

    def _unknown(self, node: ast.expr) -> int:
        """Say that a node is not part of the language."""
        text, span = self._source.text, self._source.span(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            raise self._source.error(
                "text in quotes is no part of an expression",
                node,
                "text stands only where a function takes a word, as in einsum('ij,j->i', A, x)",
            )
        if isinstance(node, ast.Attribute):
            name, place = self._source.attribute(node)
            if (advice := notebook.advice(name)) is not None:
                message = f"`{name}` is no part of the program"
                raise self._source.error(message, place, advice, kind=Kind.NAME)
            raise MendableError(
                Kind.NAME,
                f"unknown attribute `{name}`",
                text=text,
                span=place,
                lead="to call the function write",
                corrected=(f"{self._source.piece(span)}()", f"{self._source.piece(span)}(x)"),
                hint="a method is called with brackets, as in x.sin()",
            )
        if isinstance(node, ast.Tuple) and node.elts:
            called = re.search(r"[^\W\d]\w*$", text[: span.start])
            raise MendableError(
                Kind.SYNTAX,
                f"`{called[0]}` is no function, to be given several arguments"
                if called
                else "a comma stands only between the arguments of a function",
                text=text,
                span=span,
                lead="a decimal number is written with a point:",
                corrected=(re.sub(r"(?<=\d),(?=\d)", ".", text.strip()),),
                hint="give one expression at a time",
            )
        if isinstance(node, ast.Tuple):
            raise self._source.error("there is nothing between the brackets", node)
        raise self._source.error("this is not part of the language", node)

    #: What gives the value of a node; any other is unknown.
    _READERS: ClassVar[dict[type, Callable[[Expression, Any], int]]] = {
        ast.Name: _name,
        ast.BinOp: _binary,
        ast.UnaryOp: _unary,
        ast.Compare: _comparison,
        ast.Subscript: _subscript,
        ast.Attribute: _attribute,
        Call: _called,
        Literal: _constant,
    }


def _number(source: Source, draft: Draft, node: ast.expr) -> int | float:
    """The number that an expression is, whose steps are not added to the draft.

    Raises:
        NotConstant: If it is none, or has itself an option that would have to be calculated.
    """
    if draft.is_aside:
        raise NotConstant(node)
    with draft.aside():
        number = draft.number_of(Expression(source, draft).value(node))
    if number is None:
        raise NotConstant(node)
    return number


def _with_brackets(source: str) -> str:
    """The comparisons between `&` and `|`, each in brackets."""
    pieces, depth, start = [], 0, 0
    for position, character in enumerate(source):
        depth += (character == "(") - (character == ")")
        if character in "&|" and depth == 0:
            pieces += [f"({source[start:position].strip()})", f" {character} "]
            start = position + 1
    return "".join([*pieces, f"({source[start:].strip()})"])
