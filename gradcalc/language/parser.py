"""Text to `Program`.

    program     = statement, statement, ...   each on a line of its own, or parted by `;`
    statement   = NAME = expression | NAME[index] = expression | NAME OP= expression
                | expression | expression, expression, ...    several results, on the last line

The grammar of an expression is Python's, after `notation` has rewritten what people type:

    expression  = a number | a name | pi | e | inf | nan
                | expression OP expression    OP, the loosest first: == != < <= > >=, then |, &,
                                              + -, * / // % @, and ** ^, which bind to the right
                | - expression | + expression | ~ expression
                | NAME(arguments)             a row of the function table; keywords by parameter
                | expression.NAME(arguments)  the same as NAME(expression, arguments)
                | expression.T                a row that is written without brackets
                | expression[index]           as in torch: numbers, slices, None, ..., lists
                | [expression, ...]           a tensor of numbers

A chain 0 < x < 1 means (0 < x) & (x < 1). Refused is x > 0 & y > 0, where Python compares 0 & y.

`ast.parse` reads it; only the node types below are known, so nothing of the user's text is ever
executed. The tree is walked with a stack of our own: depth is no limit here.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Collection

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, MendableError, Span
from gradcalc.functions import TABLE, Function, lookup
from gradcalc.language.draft import Draft
from gradcalc.language.expressions import BINARY, Expression
from gradcalc.language.notation import as_typed, rewrite
from gradcalc.language.notebook import advice
from gradcalc.language.scope import GREEK, Scope, run_together
from gradcalc.language.source import Source
from gradcalc.language.syntax import depths
from gradcalc.language.tokens import NAME, Line, Token, lines
from gradcalc.program.program import Program, Statement

_ASSIGNED = {
    f"{row.symbol}=": row
    for row in BINARY.values()
    if row.name not in {"logical_and", "logical_or"}
}


#: What looks like the beginning of a definition: f(x).
_CALLED = re.compile(r"(?P<name>[^\W\d]\w*)\s*\([^()]*\)")


@functools.cache
def row_program(text: str, name: str) -> Program:
    """A text of the row of that name in the function table, parsed once: see `parse_row`."""
    return parse_row(text, TABLE[name])


def parse_row(text: str, row: Function) -> Program:
    """Parse a text of the function table, in which the row's parameters are the variables.

    Static parameters are constants there, though they are not known yet: polygamma(n + 1, x).
    """
    names = {parameter.name for parameter in row.parameters}
    static = {parameter.name for parameter in row.parameters if parameter.static}
    return _parse(text, names, static)


def parse(text: str, variables: Collection[str] = ()) -> Program:
    """Parse an expression.

    Args:
        text: The expression.
        variables: Names that are variables for certain, because they are bound: `theta(1 + x)` is
            then a product, and a bound `pi` or `e` is no constant.

    Raises:
        GradcalcError: With the place in `text` and a hint.
    """
    try:
        return _parse(text, variables)
    except MendableError as error:
        error.show([text for text in error.corrected if _mends(text, error, variables)])
        raise


def _parse(text: str, variables: Collection[str], fixed: Collection[str] = ()) -> Program:
    program = _Parser(text, variables, fixed).read()
    _check_canonical(program)
    return program


def _mends(corrected: str, error: MendableError, variables: Collection[str]) -> bool:
    """Whether a corrected text means something: it has the variables that stood in the wrong place.

    A function's name that has become a variable, as in sin²*(x), was meant otherwise; and so was
    one that is written together with its argument, as in sinx*y.
    """
    try:
        program = _parse(corrected, variables)
    except GradcalcError:
        return False
    span = error.span or Span(0, 0)
    there = set(NAME.findall(error.text[span.start : span.stop]))
    functions = {word for word in there if lookup(word) or run_together(word)}
    functions -= {*GREEK, *variables}
    if not functions.isdisjoint(program.names):
        return False
    return error.replaces or there - functions <= set(NAME.findall(corrected))


def _check_canonical(program: Program) -> None:
    """Hold the promise that the canonical text parses, also where it is longer or deeper."""
    if len(program.canonical) > limits.TEXT_LENGTH:
        raise GradcalcError(
            Kind.LIMIT,
            f"written out in full, the expression has over {limits.TEXT_LENGTH:,} characters",
            text=program.text,
            span=Span(0, len(program.text)),
            hint="put many numbers into a file, as in --at x=@x.csv",
        )
    many = len(program.steps) > limits.BRACKETS  # fewer cannot nest so deep
    if many and max(depths(program.canonical), default=0) > limits.BRACKETS:
        raise GradcalcError(
            Kind.LIMIT,
            f"calls or signs nested more than {limits.BRACKETS} deep",
            text=program.text,
            span=Span(0, len(program.text)),
            hint="name a part, as in y = x + 1; y**2",
        )


class _Parser:
    """Reads the statements of one program."""

    def __init__(self, text: str, variables: Collection[str], fixed: Collection[str]) -> None:
        self._text = text
        self._scope = Scope(variables)
        self._draft = Draft(text, self._scope, fixed)
        self._statements: list[Statement] = []

    def read(self) -> Program:
        """Turn the text into a program."""
        plain = as_typed(self._text, self._scope.is_function)
        if plain is not None:
            self._result(Source(plain), last=True)
        else:
            cut = lines(self._text)
            for position, line in enumerate(cut, 1):
                self._line(line, last=position == len(cut))
        return self._draft.finish(self._statements)

    def _line(self, line: Line, *, last: bool) -> None:
        source = self._source(line.tokens)
        if line.target is None:
            self._result(source, last=last)
        elif len(line.target) == 1 and line.target[0].sort == "name":
            name, where = line.target[0].spelling, line.target[0].span
            value = self._value(source)
            if line.sign != "=":
                value = self._changed(line, name, where, value)
            self._state(name, value, where)
        else:
            self._assign_entries(line, self._source(line.target), source)

    def _source(self, tokens: list[Token]) -> Source:
        return Source(rewrite(self._text, tokens, self._scope.is_function))

    def _value(self, source: Source) -> int:
        return Expression(source, self._draft).value(source.tree())

    def _state(self, name: str | None, value: int, where: Span) -> None:
        if name is not None:
            self._scope.values[name] = value
        self._statements.append(Statement(name, (value,), where, self._draft.steps))

    def _result(self, source: Source, *, last: bool) -> None:
        """Read a line that is an expression, or on the last line several."""
        tree = source.tree()
        expression = Expression(source, self._draft)
        parts = tree.elts if isinstance(tree, ast.Tuple) else []
        # 1,5*x is no pair of results but a decimal number with a comma.
        if last and parts and not any(isinstance(part, ast.Constant) for part in parts):
            if len(parts) > limits.STATEMENTS:
                message = f"the program has more than {limits.STATEMENTS:,} results"
                raise source.error(message, source.whole, kind=Kind.LIMIT)
            values = tuple([expression.value(part) for part in parts])
            self._statements.append(Statement(None, values, source.whole, self._draft.steps))
            return
        value = expression.value(tree)
        if not last and not self._draft.changed:
            raise MendableError(
                Kind.SYNTAX,
                "the value of this line is not used",
                text=self._text,
                span=source.whole,
                lead="put it on one line:",
                corrected=(" ".join(self._text.split()),),
                hint="give it a name, as in y = x**2",
            )
        self._state(None, value, source.whole)

    def _changed(self, line: Line, name: str, where: Span, value: int) -> int:
        """The value of `x += 1`: in place for a tensor, a new number for a plain one."""
        row = self._operator(line, where)
        if self._scope.is_constant(name):
            message = f"`{name}` is a constant, which cannot be changed"
            hint = f"give the new value a name, as in y = {name} + 1"
            raise GradcalcError(Kind.SYNTAX, message, text=self._text, span=where, hint=hint)
        before = self._draft.named(name, where)
        tensor = before not in self._draft.fixed
        return self._draft.step(row, [before, value], line.span, in_place=tensor)

    def _operator(self, line: Line, where: Span) -> Function:
        """The operator of a line such as `x += 1`."""
        if line.sign in _ASSIGNED:
            return _ASSIGNED[line.sign]
        message = f"`{line.sign}` is not part of the language"
        raise GradcalcError(Kind.SYNTAX, message, text=self._text, span=where)

    def _assign_entries(self, line: Line, target: Source, source: Source) -> None:
        """Read `x[0, 1] = expression`, and `x[0, 1] += expression`."""
        draft, node = self._draft, target.tree()
        if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
            raise self._no_target(line, target, node)
        name, where, place = target.name(node.value), target.span(node.value), target.span(node)
        options = (("index", Expression(target, draft).index(node)),)
        if line.sign == "=":
            value = self._value(source)
            before = draft.named(name, where)
        else:
            row = self._operator(line, place)
            before = draft.named(name, where)
            part = draft.step(TABLE["getitem"], [before], place, options)
            value = draft.step(row, [part, self._value(source)], line.span)
        changed = draft.step(TABLE["setitem"], [before, value], line.span, options, in_place=True)
        self._state(name, changed, where)

    def _no_target(self, line: Line, target: Source, node: ast.expr) -> GradcalcError:
        """What is said where a value is given to what is no name, nor entries of one."""
        lead, hint = "", "write NAME = expression, as in y = x**2"
        mended = None
        root, indices = _indices(node)
        if isinstance(node, ast.Tuple):
            hint = "give one name a value at a time, as in a = x[0]; b = x[1]"
        elif (called := _CALLED.fullmatch(target.piece(target.whole))) is not None:
            hint = "functions are not defined here: give the value a name, as in y = x**2"
            if line.span == Span(0, len(self._text)):  # nothing calls it
                lead, mended = "functions are not defined here: write", called["name"]
        elif isinstance(root, ast.Name) and len(indices) > 1:
            hint = "all indices stand in one pair of brackets, as in y = x*1; y[0, 1] = 2"
            written = [target.piece(target.span(index)) for index in indices]
            if all(re.fullmatch(r"-?\d+", index) for index in written[:-1]):
                lead, mended = "write", f"{target.name(root)}[{', '.join(written)}]"
        elif isinstance(root, ast.Attribute):
            name, place = target.attribute(root)
            hint = advice(name) or hint
            if name == "data":
                # Behind backward's back: the gradients would be those of the value before.
                whole = target.whole
                before, after = Span(whole.start, place.start), Span(place.stop, whole.stop)
                lead = "a change that backward sees is written without .data:"
                mended = target.piece(before).rstrip(" .") + target.piece(after)
        start, stop = target.whole
        return MendableError(
            Kind.SYNTAX,
            "this is no name that a value can be given to",
            text=self._text,
            span=target.whole,
            lead=lead,
            corrected=() if mended is None else (self._text[:start] + mended + self._text[stop:],),
            hint=hint,
            replaces=True,
        )


def _indices(node: ast.expr) -> tuple[ast.expr, list[ast.expr]]:
    """What `y[0][1]` takes an entry of, and the indices."""
    indices: list[ast.expr] = []
    while isinstance(node, ast.Subscript):
        indices.insert(0, node.slice)
        node = node.value
    return node, indices
