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
import difflib
import functools
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

from gradcalc import limits
from gradcalc.errors import GradcalcError, Kind, Span
from gradcalc.functions import TABLE, Function, callable_names, lookup
from gradcalc.notation import Line, MendableError, Notation, lines, rewrite
from gradcalc.options import NotWrittenOut, index, option
from gradcalc.program import Constant, Input, Program, Statement, Step
from gradcalc.writer import write

#: Names that stand for numbers, unless the user binds them, by themselves.
CONSTANTS = frozenset({"pi", "e", "inf", "nan"})

#: Module names before a function's, which are dropped: torch.sin, np.sin and sin are one.
PREFIXES = frozenset(
    {
        *("torch", "np", "numpy", "math", "F", "nn", "functional", "special", "linalg", "Tensor"),
        *("sympy", "scipy", "jnp"),
    }
)

_BINARY = {
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
_ASSIGNED = {
    **{
        f"{row.symbol}=": row
        for row in _BINARY.values()
        if row.name not in {"logical_and", "logical_or"}
    },
}

#: Calls of a notebook that gradcalc makes itself, and what to type instead.
_NOTEBOOK = {
    "backward": "leave it out: gradcalc runs backward itself; --grad-outputs weighs the result",
    "retain_grad": "leave it out, and ask with --retain-grad NAMES",
    "requires_grad_": "leave it out: every variable requires grad, unless --wrt says otherwise",
    "print": "leave it out: gradcalc prints all of it",
    "manual_seed": "leave it out, and give --seed",
    "grad": "leave it out: gradcalc differentiates by itself",
    "zero_grad": "leave it out, and ask with --zero-grad",
}

#: Operators on constants whose value is known exactly.
_RATIONAL = frozenset({"add", "sub", "mul", "neg", "div", "pow"})

#: Rows that are written as an attribute, without brackets.
_PROPERTIES = {
    name: row.name for row in TABLE.values() if row.attribute for name in (row.name, *row.aliases)
}

#: A variable's name, where it stands before a bracket: one letter, with an index perhaps.
_LETTER = re.compile(r"[^\W\d](_?\d*|_\w+)")

#: How alike a word and a function's name are, for "did you mean".
_ALIKE = 0.7


def parse_row(text: str, row: Function) -> Program:
    """Parse a text of the function table, in which the row's parameters are the variables.

    Static parameters are constants there, though they are not known yet: polygamma(n + 1, x).
    """
    names = {parameter.name for parameter in row.parameters}
    static = {parameter.name for parameter in row.parameters if parameter.static}
    return _parse(text, names, static)


def parse(text: str, known: Collection[str] = ()) -> Program:
    """Parse an expression.

    Args:
        text: The expression.
        known: Names that are variables for certain, because they are bound: `theta(1 + x)` is then
            a product, and a bound `pi` or `e` is no constant.

    Raises:
        GradcalcError: With the place in `text` and a hint.
    """
    try:
        return _parse(text, known)
    except MendableError as error:
        error.show(functools.partial(_parses, known=known))
        raise


def _parse(text: str, known: Collection[str], fixed: Collection[str] = ()) -> Program:
    cut = lines(text)
    builder = _Builder(text, known, fixed)
    for position, line in enumerate(cut, 1):
        builder.read(line, last=position == len(cut))
    program = builder.finish()
    program = replace(program, canonical=write(program))
    _check_canonical(program)
    return program


def _parses(text: str, known: Collection[str]) -> bool:
    try:
        _parse(text, known)
    except GradcalcError:
        return False
    return True


def _tree(notation: Notation) -> ast.expr:
    """Python's parse of the rewritten text."""
    text = notation.text
    try:
        return ast.parse(notation.python, mode="eval").body
    except (RecursionError, MemoryError):
        raise GradcalcError(
            Kind.LIMIT,
            "the expression is nested too deeply (a sum of n terms nests n deep; the limit is near "
            "2,500)",
        ) from None
    except SyntaxError as problem:
        if "follows keyword argument" in problem.msg:
            raise GradcalcError(
                Kind.SYNTAX,
                "an argument by name comes before one without",
                text=text,
                span=notation.span(0, len(notation.python)),
                hint="put the arguments by name last",
            ) from None
    span = notation.span(0, len(notation.python))
    place = re.search(r"(?<![=!<>])=(?!=)", text[span.start : span.stop])
    if place is not None:
        raise GradcalcError(
            Kind.SYNTAX,
            "unexpected `=`",
            text=text,
            span=Span(span.start + place.start(), span.start + place.end()),
            hint="bind values with --at, as in --at x=1, or compare with ==",
        )
    raise GradcalcError(Kind.SYNTAX, "this is no expression", text=text, span=span)


def _check_canonical(program: Program) -> None:
    """Hold the promise that the canonical text parses, also where it is longer or deeper."""
    if len(program.canonical) > limits.TEXT_LENGTH:
        raise GradcalcError(
            Kind.LIMIT,
            f"written out in full, the expression has over {limits.TEXT_LENGTH:,} characters",
        )
    if len(program.steps) > limits.BRACKETS:
        depth = 0
        for bracket in re.findall(r"[()]", program.canonical):
            depth += 1 if bracket == "(" else -1
            if depth > limits.BRACKETS:
                raise GradcalcError(
                    Kind.LIMIT, f"calls or signs nested more than {limits.BRACKETS} deep"
                )


@functools.lru_cache(maxsize=1024)
def _exact(text: str) -> Fraction:
    """A literal's value. 0e999999999 is zero, too: `Fraction` would calculate that power of ten."""
    return Fraction(text) if float(text) else Fraction(0)


class _Default(NamedTuple):
    """A parameter's default, in the place of an argument that is not given."""

    text: str
    span: Span


_Node = ast.expr | _Default

#: Other spellings of parameters, from numpy.
_SPELLINGS = {"axis": "dim", "keepdims": "keepdim", "size": "shape"}


class _Builder:
    """Collects the inputs, constants and steps of one program, in order of appearance.

    While it builds, all values are numbered in that order; `finish` gives them their final numbers,
    inputs first, then constants, then steps.
    """

    def __init__(self, text: str, known: Collection[str], fixed: Collection[str]) -> None:
        self._text = text
        self._known = known
        self._fixed_names = fixed
        self._squares = 0  # of constants so far
        self._count = 0  # values so far
        self._done: list[int] = []  # operands that wait for their operation
        self._names: dict[str, int] = {}  # what each name means at present
        self._inputs: list[tuple[int, Input]] = []
        self._constants: list[tuple[int, Constant]] = []
        self._steps: list[tuple[int, Step]] = []
        self._statements: list[Statement] = []
        self._fixed: set[int] = set()  # values that are plain numbers
        self._exact: dict[int, Fraction] = {}  # those whose exact value is known, for limits
        self._in_place: set[ast.expr] = set()  # calls that change their tensor

    # -- statements --

    def read(self, line: Line, *, last: bool) -> None:
        """Turn a line into steps."""
        self._start(line.tokens)
        if line.target is None:
            self._result(line, last=last)
            return
        if len(line.target) == 1 and line.target[0].sort == "name":
            name, where = line.target[0].spelling, line.target[0].span
            value = self._value(self._tree())
            if line.sign == "=":
                self._names[name] = value
            else:
                value = self._changed(line, name, where, value)
            self._state(name, value, where)
            return
        self._assign_entries(line)

    def _start(self, tokens: list[Any]) -> None:
        """Begin with an expression."""
        self._notation = rewrite(self._text, tokens, self._is_function)
        self._operands: dict[ast.expr, list[_Node]] = {}
        self._called: dict[ast.expr, tuple[Function, dict[str, Any]]] = {}
        self._spans: dict[ast.expr, Span] = {}  # of calls of which a part is taken
        self._unwatched: list[Span] = []  # those within no_grad(...)

    def _tree(self) -> ast.expr:
        return _tree(self._notation)

    def _is_function(self, name: str) -> bool:
        """Whether a name before a bracket is called; a longer name, unknown, is a misspelt one."""
        if name in self._names and name not in self._input_names():
            return False
        if lookup(name) is not None or name in _NOTEBOOK:
            return True
        return not (name in self._known or name in CONSTANTS or _LETTER.fullmatch(name))

    def _input_names(self) -> Collection[str]:
        return {variable.name for _, variable in self._inputs}

    def _state(self, name: str | None, value: int, where: Span) -> None:
        self._names |= {} if name is None else {name: value}
        self._statements.append(Statement(name, (value,), where, len(self._steps)))

    def _result(self, line: Line, *, last: bool) -> None:
        """Read a line that is an expression, or on the last line several."""
        tree = self._tree()
        whole = self._notation.span(0, len(self._notation.python))
        if last and isinstance(tree, ast.Tuple) and tree.elts:
            values = tuple(self._value(element) for element in tree.elts)
            self._statements.append(Statement(None, values, whole, len(self._steps)))
            return
        value = self._value(tree)
        if not last and not (self._steps and self._steps[-1][1].in_place):
            raise MendableError(
                Kind.SYNTAX,
                "the value of this line is not used",
                text=self._text,
                span=line.span,
                lead="put it on one line:",
                corrected=(" ".join(self._text.split()),),
                hint="give it a name, as in y = x**2",
            )
        self._state(None, value, whole)

    def _changed(self, line: Line, name: str, where: Span, value: int) -> int:
        """The value of `x += 1`: in place for a tensor, a new number for a plain one."""
        row = _ASSIGNED.get(line.sign)
        if row is None:
            raise GradcalcError(
                Kind.SYNTAX, f"`{line.sign}` is not part of the language", text=self._text, span=where
            )
        before = self._named(name, where)
        tensor = before not in self._fixed
        return self._step(row, [before, value], line.span, in_place=tensor)

    def _assign_entries(self, line: Line) -> None:
        """Read `x[0, 1] = expression`, and `x[0, 1] += expression`."""
        value = self._value(self._tree())
        target = line.target or []
        self._start(target)
        node = self._tree()
        plain = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
        if not plain or not isinstance(node, ast.Subscript):
            place = target[0].span.to(target[-1].span)
            raise GradcalcError(
                Kind.SYNTAX,
                "this is no name that a value can be given to",
                text=self._text,
                span=place,
                hint="write NAME = expression, as in y = x**2",
            )
        where = self._span(node.value)
        name = self._source(where)
        options = (("index", self._index(node)),)
        before = self._named(name, where)
        if line.sign != "=":
            row = _ASSIGNED.get(line.sign)
            if row is None:
                raise self._error(f"`{line.sign}` is not part of the language", node)
            part = self._step(TABLE["getitem"], [before], self._span(node), options)
            value = self._step(row, [part, value], line.span)
        changed = self._step(TABLE["setitem"], [before, value], line.span, options, in_place=True)
        self._state(name, changed, where)

    # -- expressions --

    def _value(self, tree: ast.expr) -> int:
        """Turn the tree into steps, operands first; return the number of its value."""
        nodes: list[_Node] = []
        todo: list[_Node] = [tree]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Attribute | ast.Subscript):
                node = self._whole_call(node)
            nodes.append(node)
            if isinstance(node, ast.BinOp):
                todo.append(node.left)
                todo.append(node.right)
            elif isinstance(node, ast.UnaryOp):
                if self._literal(node) is None:
                    todo.append(node.operand)
            elif isinstance(node, ast.Compare):
                todo.append(node.left)
                todo += node.comparators
            elif isinstance(node, ast.Call):
                self._operands[node] = self._arguments(node)
                todo += self._operands[node]
            elif isinstance(node, ast.List):
                self._operands[node] = self._elements(node)
                todo += self._operands[node]
            elif isinstance(node, ast.Subscript) or self._is_property(node):
                todo.append(node.value)  # type: ignore[union-attr]
        readers: dict[type, Callable[[Any], int]] = {
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.Compare: self._comparison,
            ast.Call: self._call,
            ast.List: self._list,
            ast.Subscript: self._subscript,
            _Default: self._default,
        }
        # Each node stands before its operands, and these from right to left.
        for node in reversed(nodes):
            read = readers.get(type(node), self._leaf)
            self._done.append(read(node))
        return self._done.pop()

    # Each takes the operands of a node off the waiting ones and returns the value of the node.

    def _binary(self, node: ast.BinOp) -> int:
        row = _BINARY.get(type(node.op))
        if row is None:
            raise self._error("this operator is not part of the language", node)
        right, left = self._done.pop(), self._done.pop()
        return self._step(row, [left, right], self._span(node))

    def _unary(self, node: ast.UnaryOp) -> int:
        text = self._literal(node)
        if text is not None:
            return self._constant(text, self._span(node))
        if isinstance(node.op, ast.UAdd):
            return self._done.pop()
        row = _UNARY.get(type(node.op))
        if row is None:
            raise self._error("this operator is not part of the language", node)
        return self._step(row, [self._done.pop()], self._span(node))

    def _leaf(self, node: ast.expr) -> int:
        text = self._literal(node)
        if text is not None:
            return self._constant(text, self._span(node))
        if isinstance(node, ast.Name):
            name = self._notation.name(node.id, node.col_offset)
            return self._named(name, self._span(node))
        if isinstance(node, ast.Attribute) and self._is_property(node):
            return self._step(self._property(node), [self._done.pop()], self._span(node))
        raise self._unknown(node)

    def _default(self, node: _Default) -> int:
        return self._constant(node.text, node.span)

    def _subscript(self, node: ast.Subscript) -> int:
        options = (("index", self._index(node)),)
        return self._step(TABLE["getitem"], [self._done.pop()], self._span(node), options)

    def _index(self, node: ast.Subscript) -> tuple[Any, ...]:
        try:
            return index(node.slice)
        except NotWrittenOut as problem:
            raise GradcalcError(
                Kind.SYNTAX,
                "an index is written out: whole numbers, slices, `...`, None, lists of numbers",
                text=self._text,
                span=self._span(problem.node),
                hint="write it as in x[0], x[:, 1:3] or x[[0, 2]]; to choose by a condition, where(condition, x, 0)",
            ) from None

    def _elements(self, node: ast.List) -> list[_Node]:
        """The elements of a list of lists, and its shape, which goes with the node."""
        shape: list[int] = []
        level: list[ast.expr] = [node]
        while isinstance(level[0], ast.List | ast.Tuple):
            sizes = {len(getattr(part, "elts", ())) for part in level}
            lists = all(isinstance(part, ast.List | ast.Tuple) for part in level)
            if len(sizes) > 1 or not lists:
                raise GradcalcError(
                    Kind.SHAPE,
                    "the rows of this list are not of the same length",
                    text=self._text,
                    span=self._span(node),
                    hint="write as many numbers in each row, as in [[1, 2], [3, 4]]",
                )
            shape.append(sizes.pop())
            level = [element for part in level for element in part.elts]  # type: ignore[attr-defined]
            if not level:
                break
        if any(isinstance(element, ast.List | ast.Tuple) for element in level):
            raise GradcalcError(
                Kind.SHAPE, "a list holds numbers or lists, not both", text=self._text,
                span=self._span(node), hint="write as in [[1, 2], [3, 4]]",
            )  # fmt: skip
        self._called[node] = (TABLE["tensor"], {"shape": tuple(shape)})
        return list(level)

    def _list(self, node: ast.List) -> int:
        row, options = self._called[node]
        count = len(self._operands[node])
        values = self._done[len(self._done) - count :]
        del self._done[len(self._done) - count :]
        return self._step(row, values, self._span(node), tuple(options.items()))

    # -- numbers and names --

    def _literal(self, node: ast.expr) -> str | None:
        """The text of a constant, with a minus sign before it perhaps; None for anything else."""
        if isinstance(node, ast.Constant):
            if type(node.value) not in {int, float}:
                return None
            return self._notation.python[node.col_offset : node.end_col_offset]
        if isinstance(node, ast.Name):
            given = node.id in self._known or node.id in self._names
            return node.id if node.id in CONSTANTS and not given else None
        if isinstance(node, ast.Attribute):
            return node.attr if node.attr in CONSTANTS and self._is_prefix(node.value) else None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            # Of --2 only the inner minus sign is part of the number.
            text = None if isinstance(node.operand, ast.UnaryOp) else self._literal(node.operand)
            return text and f"-{text}"
        return None

    def _constant(self, text: str, span: Span) -> int:
        value = None if text.lstrip("-") in CONSTANTS else _exact(text)
        number = self._number()
        self._constants.append((number, Constant(text, value, span)))
        self._fixed.add(number)
        if value is not None:
            self._exact[number] = value
        return number

    def _named(self, name: str, where: Span) -> int:
        """The value that a name means; one that nothing was assigned to is a variable."""
        if name not in self._names:
            self._names[name] = number = self._number()
            self._inputs.append((number, Input(name, where)))
            if name in self._fixed_names:
                self._fixed.add(number)
        return self._names[name]

    def _number(self) -> int:
        self._count += 1
        return self._count - 1

    # -- comparisons --

    def _comparison(self, node: ast.Compare) -> int:
        for operand in (node.left, *node.comparators):
            self._check_condition(node, operand)
        span = self._span(node)
        count = len(node.ops) + 1
        values = self._done[-count:]
        del self._done[-count:]
        result = None
        for op, left, right in zip(node.ops, values, values[1:], strict=False):
            link = self._step(_COMPARE[type(op)], [left, right], span)
            result = link if result is None else self._step(_AND, [result, link], span)
        return values[0] if result is None else result

    def _check_condition(self, node: ast.Compare, operand: ast.expr) -> None:
        """Refuse x > 0 & y > 0, where Python compares 0 & y."""
        if not isinstance(operand, ast.BinOp) or not isinstance(operand.op, ast.BitAnd | ast.BitOr):
            return
        python, start, stop = self._notation.python, operand.col_offset, operand.end_col_offset
        if stop is None or (python[start - 1 : start] == "(" and python[stop : stop + 1] == ")"):
            return
        sign = "&" if isinstance(operand.op, ast.BitAnd) else "|"
        source = self._source(self._span(node))
        raise MendableError(
            Kind.SYNTAX,
            f"`{sign}` binds tighter than a comparison",
            text=self._text,
            span=self._span(operand),
            lead="write",
            corrected=(_with_brackets(source),),
            hint="put each comparison in brackets, as in (x > 0) & (x < 1)",
        )

    # -- calls --

    def _is_prefix(self, node: ast.expr) -> bool:
        """Whether the expression before a dot is a module's name, such as torch.special."""
        while isinstance(node, ast.Attribute) and node.attr in PREFIXES:
            node = node.value
        return isinstance(node, ast.Name) and node.id in PREFIXES

    def _is_property(self, node: _Node) -> bool:
        """Whether it is an attribute such as x.T."""
        return (
            isinstance(node, ast.Attribute)
            and node.attr in _PROPERTIES
            and self._literal(node) is None
        )

    def _property(self, node: ast.Attribute) -> Function:
        return TABLE[_PROPERTIES[node.attr]]

    def _receiver(self, node: ast.Call) -> ast.expr | None:
        """The expression whose method is called; None for a function."""
        callee = node.func
        if not isinstance(callee, ast.Attribute):
            return None
        value = callee.value
        if isinstance(value, ast.Name) and value.id in self._names:
            return value  # F = x*2; F.sum()
        if isinstance(value, ast.Name) and value.id in self._known and not node.args:
            return value  # F.sin(), where the user binds F
        return None if self._is_prefix(value) else value

    def _whole_call(self, node: ast.Attribute | ast.Subscript) -> ast.expr:
        """Of a call of which a part is taken, as in slogdet(A).logabsdet, the call."""
        call = node.value
        if not isinstance(call, ast.Call):
            return node
        row, _ = self._callee(call)
        if not row.parts or (row.pairwise and not _has_dim(call)):
            return node
        if isinstance(node, ast.Attribute):
            part = row.parts.index(node.attr) if node.attr in row.parts else None
        else:
            numbered = dict(enumerate(row.parts))
            part = next((k for k in numbered if index(node.slice) == (k,)), None)
        if part is None:
            return node
        self._spans[call] = self._span(node)
        self._called[call] = (row, {"part": part} if len(row.parts) > 1 else {})
        return call

    def _callee(self, node: ast.Call) -> tuple[Function, bool]:
        """The row that is called, and whether it changes its tensor in place, as x.add_(1) does."""
        name = self._callee_name(node.func)
        if isinstance(node.func, ast.Attribute) and name.endswith("_") and lookup(name) is None:
            row = lookup(name[:-1])
            if row is not None:
                return row, True
        row = self._function(node.func)
        if row.pairwise is not None:
            receiver = self._receiver(node)
            second = node.args[len(node.args) - 1] if node.args else None
            pair = len(node.args) > 1 if receiver is None else len(node.args) == 1
            axis = receiver is not None and second is not None and _is_whole(second)
            if pair and not axis and not _has_dim(node):
                return TABLE[row.pairwise], False
        return row, False

    def _arguments(self, node: ast.Call) -> list[_Node]:
        """The values that a call takes, in the order of the function's parameters."""
        row, in_place = self._callee(node)
        receiver = self._receiver(node)
        args: list[_Node] = [*node.args] if receiver is None else [receiver, *node.args]
        span = self._span(node)
        options = dict(self._called.get(node, (row, {}))[1])
        self._called[node] = (row, options)
        if in_place:
            self._in_place.add(node)
        if row.name == "no_grad":
            self._unwatched.append(span)
        if row.name == "tensor" and len(args) == 1:
            self._refuse_torch_words(row, dict(self._keywords(node)), span)
            listed = args[0] if isinstance(args[0], ast.List) else ast.List(elts=[args[0]])
            values = self._elements(listed)
            shape = self._called[listed][1]["shape"] if listed is args[0] else ()
            self._called[node] = (row, {"shape": shape})
            return values
        if any(parameter.option or parameter.several for parameter in row.parameters):
            return self._with_options(node, row, args, options)
        if not node.keywords:
            return args
        self._check_count(row, len(args), by_name=len(node.keywords), span=span)
        parameters = () if row.variadic else row.parameters
        named: dict[str, ast.expr] = {}
        for name, value in self._keywords(node):
            if all(parameter.name != name for parameter in parameters):
                raise self._argument_error(row, f"{row.name} has no `{name}`", span)
            if name in named or any(
                parameter.name == name for parameter in parameters[: len(args)]
            ):
                raise self._argument_error(row, f"{row.name} gets `{name}` twice", span)
            named[name] = value
        for parameter in parameters[len(args) :]:
            if parameter.name in named:
                args.append(named.pop(parameter.name))
            elif parameter.default is None:
                raise self._argument_error(row, f"{row.name} lacks `{parameter.name}`", span)
            elif named:
                args.append(_Default(parameter.default, span))
        return args

    def _keywords(self, node: ast.Call) -> list[tuple[str, ast.expr]]:
        found = []
        for keyword in node.keywords:
            name = self._notation.name(keyword.arg or "", keyword.col_offset)
            found.append((_SPELLINGS.get(name, name), keyword.value))
        return found

    def _with_options(
        self, node: ast.Call, row: Function, args: list[_Node], options: dict[str, Any]
    ) -> list[_Node]:
        """Part the values of a call from its options, which go into `options`."""
        span = self._span(node)
        named = dict(self._keywords(node))
        self._refuse_torch_words(row, named, span)
        values: list[_Node] = []
        rest = list(args)
        for parameter in row.parameters:
            given: Any = None
            if parameter.option and parameter.several and rest and parameter.name not in named:
                listed = len(rest) == 1 and isinstance(rest[0], ast.List | ast.Tuple)
                given = rest[0] if listed else ast.Tuple(elts=rest)
                rest = []
            elif parameter.name in named:
                given = named.pop(parameter.name)
            elif rest:
                given = rest.pop(0)
            elif parameter.option and parameter.several and parameter.default is None:
                options[parameter.name] = ()
                continue
            elif parameter.default is None:
                raise self._argument_error(row, f"{row.name} lacks `{parameter.name}`", span)
            elif not parameter.option:
                continue
            if given is None:
                continue
            if parameter.spread and not parameter.option:
                values += [given, *rest]
                rest = []
                continue
            if not parameter.option:
                values += self._listed(row, given, span) if parameter.several else [given]
                continue
            try:
                value = option(given)
            except NotWrittenOut:
                raise self._argument_error(
                    row, f"`{parameter.name}` of {row.name} is written out, not calculated", span
                ) from None
            if parameter.several and not isinstance(value, tuple):
                value = (value,)
            options[parameter.name] = value
        if rest:
            most = len(row.parameters)
            raise self._argument_error(row, f"{row.name} takes {most} arguments at most", span)
        if named:
            raise self._argument_error(row, f"{row.name} has no `{next(iter(named))}`", span)
        return values

    def _listed(self, row: Function, given: _Node, span: Span) -> list[_Node]:
        """The values of an argument that is a list of them."""
        if not isinstance(given, ast.List | ast.Tuple) or not given.elts:
            problem = f"{row.name} takes a list of tensors"
            raise self._argument_error(row, problem, span)
        return list(given.elts)

    def _refuse_torch_words(self, row: Function, named: dict[str, ast.expr], span: Span) -> None:
        """Say what to do about `dtype`, `device` and `requires_grad`, which are options here."""
        advice = {
            "dtype": "leave it out: --dtype says it for all",
            "device": "leave it out: gradcalc calculates on the CPU",
            "requires_grad": "leave it out, and bind the variable with --at: --at x=[1,2]",
            "generator": "leave it out: --seed says it for all",
        }
        for name in named:
            if name not in advice or any(p.name == name for p in row.parameters):
                continue
            if name == "dtype" and re.search("int|long|bool", ast.unparse(named[name])):
                raise GradcalcError(
                    Kind.AUTOGRAD,
                    "a tensor of whole numbers cannot require grad: only floating-point ones can",
                    text=self._text,
                    span=span,
                    hint="leave the dtype out",
                )
            problem = f"`{name}` is no argument here"
            raise GradcalcError(Kind.SYNTAX, problem, text=self._text, span=span, hint=advice[name])

    def _call(self, node: ast.Call) -> int:
        row, options = self._called[node]
        span = self._spans.get(node) or self._span(node)
        first = len(self._done) - len(self._operands[node])
        args = self._done[first:]
        del self._done[first:]
        if row.name == "no_grad":
            self._check_count(row, len(args), by_name=0, span=span)
            return args[0]
        if row.parts and len(row.parts) > 1 and "part" not in options:
            raise GradcalcError(
                Kind.SYNTAX,
                f"{row.name} gives {len(row.parts)} results",
                text=self._text,
                span=span,
                hint=f"write {self._source(span)}.{row.parts[-1]}",
            )
        if row.entrywise:
            self._check_count(row, len(args), by_name=0, span=span)
            self._check_arguments(row, args, span)
        else:
            values = [p for p in row.parameters if not p.option]
            if not any(p.several for p in values) and len(args) != len(values):
                least = sum(p.default is None for p in values)
                if not least <= len(args) <= len(values):
                    self._check_count(row, len(args), by_name=0, span=span)
        if not row.variadic:
            in_place = node in self._in_place
            number = self._step(row, args, span, tuple(options.items()), in_place=in_place)
            receiver = self._receiver(node) if in_place else None
            if isinstance(receiver, ast.Name):
                self._names[self._notation.name(receiver.id, receiver.col_offset)] = number
            return number
        result = args[0]
        for value in args[1:]:
            result = self._step(row, [result, value], span)
        return result

    def _callee_name(self, callee: ast.expr) -> str:
        if isinstance(callee, ast.Name):
            return self._notation.name(callee.id, callee.col_offset)
        if isinstance(callee, ast.Attribute):
            start = (callee.end_col_offset or 0) - len(callee.attr)
            return self._notation.name(callee.attr, start)
        raise self._error("only a function can be called", callee)

    def _function(self, callee: ast.expr) -> Function:
        """The row that is called."""
        name = self._callee_name(callee)
        place = self._span(callee)
        if isinstance(callee, ast.Attribute):
            start = (callee.end_col_offset or 0) - len(callee.attr)
            place = Span(self._notation.starts[start], place.stop)
        row = lookup(name)
        if row is not None:
            return row
        if name in _NOTEBOOK:
            raise GradcalcError(
                Kind.NAME,
                f"`{name}` is no part of the program",
                text=self._text,
                span=place,
                hint=_NOTEBOOK[name],
            )
        text = self._text
        before, after = text[: place.start].lstrip(), text[place.stop :].rstrip()
        near = difflib.get_close_matches(name, callable_names(), n=1, cutoff=_ALIKE)
        if near:
            hint = f"did you mean `{near[0]}`?"
            lead, corrected = hint, f"{before}{near[0]}{after}"
        else:
            hint = "`gradcalc functions` lists them all"
            lead, corrected = f"{hint}; for a product write", f"{before}{name}*{after}"
        raise MendableError(
            Kind.NAME,
            f"unknown function `{name}`",
            text=text,
            span=place,
            lead=lead,
            corrected=(corrected,),
            hint=hint,
        )

    def _check_count(self, row: Function, count: int, *, by_name: int, span: Span) -> None:
        """Refuse too many arguments, or too few, of which `by_name` more are still to come."""
        most = count if row.variadic else len(row.parameters)
        if count <= most and (by_name or count >= row.required):
            return
        if row.variadic:
            wanted = f"{row.required} or more arguments"
        elif most == row.required:
            wanted = f"{most} argument{'s' * (most != 1)}"
        else:
            wanted = f"{row.required} to {most} arguments"
        raise self._argument_error(row, f"{row.name} takes {wanted}, not {count}", span)

    def _check_arguments(self, row: Function, args: list[int], span: Span) -> None:
        for parameter, value in zip(row.parameters, args, strict=False):
            if parameter.static and value not in self._fixed:
                problem = f"`{parameter.name}` of {row.name} must be a number, not an expression"
                raise self._argument_error(row, problem, span)
        for value in args:
            if abs(self._exact.get(value, Fraction(0))) > row.largest:
                raise GradcalcError(
                    Kind.LIMIT,
                    f"a constant argument of {row.name} is limited to {row.largest:,}",
                    text=self._text,
                    span=span,
                )

    def _argument_error(self, row: Function, message: str, span: Span) -> GradcalcError:
        hint = f"write {row.signature}"
        return GradcalcError(Kind.SYNTAX, message, text=self._text, span=span, hint=hint)

    # -- steps --

    def _step(
        self,
        row: Function,
        args: list[int],
        span: Span,
        options: tuple[tuple[str, Any], ...] = (),
        *,
        in_place: bool = False,
    ) -> int:
        if len(self._steps) >= limits.STEPS:
            raise GradcalcError(
                Kind.LIMIT, f"the expression has more than {limits.STEPS:,} operations"
            )
        if row is _POW:
            self._check_power(args[0], args[1], span)
        number = self._number()
        if row.entrywise and self._fixed.issuperset(args):
            self._fixed.add(number)
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
        no_grad = any(s.start <= span.start and span.stop <= s.stop for s in self._unwatched)
        if in_place and no_grad:
            raise GradcalcError(
                Kind.SYNTAX,
                "a change in place within no_grad(...) cannot be followed",
                text=self._text,
                span=span,
                hint="make a new tensor, as in y = no_grad(x + 1)",
            )
        step = Step(row.name, tuple(args), span, options, in_place, no_grad)
        self._steps.append((number, step))
        return number

    def _check_power(self, base: int, exponent: int, span: Span) -> None:
        """Refuse a power that would be immense."""
        size = self._exact.get(exponent)
        if size is None:
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

    # -- the user's text --

    def _span(self, node: ast.expr) -> Span:
        notation = self._notation
        return Span(notation.starts[node.col_offset], notation.stops[node.end_col_offset or 0])

    def _source(self, span: Span) -> str:
        return self._text[span.start : span.stop]

    def _error(self, message: str, node: ast.expr) -> GradcalcError:
        return GradcalcError(Kind.SYNTAX, message, text=self._text, span=self._span(node))

    def _unknown(self, node: ast.expr) -> GradcalcError:
        """What is said of a node that is not part of the language."""
        text, span = self._text, self._span(node)
        if isinstance(node, ast.Attribute):
            start = (node.end_col_offset or 0) - len(node.attr)
            name = self._notation.name(node.attr, start)
            return MendableError(
                Kind.NAME,
                f"unknown attribute `{name}`",
                text=text,
                span=Span(self._notation.starts[start], span.stop),
                lead="to call the function write",
                corrected=(f"{self._source(span)}()", f"{self._source(span)}(x)"),
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
            return self._error("there is nothing between the brackets", node)
        return self._error("this is not part of the language", node)

    # -- the program --

    def finish(self) -> Program:
        """Number the values for good."""
        order = [entry[0] for entry in (*self._inputs, *self._constants, *self._steps)]
        final = dict(zip(order, range(self._count), strict=True))

        def renumbered(numbers: Iterable[int]) -> tuple[int, ...]:
            return tuple([final[number] for number in numbers])

        statements = [
            replace(statement, numbers=renumbered(statement.numbers))
            for statement in self._statements
        ]
        return Program(
            text=self._text,
            canonical="",
            inputs=tuple(variable for _, variable in self._inputs),
            constants=tuple(constant for _, constant in self._constants),
            steps=tuple(
                Step(s.function, renumbered(s.args), s.span, s.options, s.in_place, s.no_grad)
                for _, s in self._steps
            ),
            outputs=statements[-1].numbers,
            statements=tuple(statements),
        )


def _has_dim(node: ast.Call) -> bool:
    return any(keyword.arg in {"dim", "axis", "keepdim", "keepdims"} for keyword in node.keywords)


def _is_whole(node: ast.expr) -> bool:
    """Whether it is a whole number, written out."""
    try:
        return type(option(node)) is int
    except NotWrittenOut:
        return False


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
    return Fraction(row.mpmath(*values))


def _with_brackets(source: str) -> str:
    """The comparisons between `&` and `|`, each in brackets."""
    pieces, depth, start = [], 0, 0
    for position, character in enumerate(source):
        depth += (character == "(") - (character == ")")
        if character in "&|" and depth == 0:
            pieces += [f"({source[start:position].strip()})", f" {character} "]
            start = position + 1
    return "".join([*pieces, f"({source[start:].strip()})"])
