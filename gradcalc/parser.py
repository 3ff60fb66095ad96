"""Text to `Program`.

The grammar is that of Python's expressions, after `notation` has rewritten what people type:

    expression  = a number | a name | pi | e | inf | nan
                | expression OP expression    OP, the loosest first: == != < <= > >=, then |, &,
                                              + -, * / // %, and ** ^, which bind to the right
                | - expression | + expression | ~ expression
                | NAME(arguments)             a row of the function table; keywords by parameter
                | expression.NAME(arguments)  the same as NAME(expression, arguments)

A chain 0 < x < 1 means (0 < x) & (x < 1). Refused is x > 0 & y > 0, where Python compares 0 & y.

`ast.parse` reads it; only the node types below are known, so nothing of the user's text is ever
executed. The tree is walked with a stack of our own: depth is no limit here.
"""

from __future__ import annotations

import ast
import difflib
import functools
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

from gradcalc import limits
from gradcalc.errors import GradcalcError, Kind, Span
from gradcalc.functions import TABLE, Function, callable_names, lookup
from gradcalc.notation import MendableError, Notation, rewrite
from gradcalc.program import Constant, Input, Program, Step
from gradcalc.writer import write

#: Names that stand for numbers, unless the user binds them, by themselves.
CONSTANTS = frozenset({"pi", "e", "inf", "nan"})

#: Module names before a function's, which are dropped: torch.sin, np.sin and sin are one.
PREFIXES = frozenset(
    {"torch", "np", "numpy", "math", "F", "nn", "functional", "special", "sympy", "scipy", "jnp"}
)

_BINARY = {
    ast.Add: TABLE["add"],
    ast.Sub: TABLE["sub"],
    ast.Mult: TABLE["mul"],
    ast.Div: TABLE["div"],
    ast.FloorDiv: TABLE["floor_divide"],
    ast.Mod: TABLE["remainder"],
    ast.Pow: TABLE["pow"],
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

#: Operators on constants whose value is known exactly.
_RATIONAL = frozenset({"add", "sub", "mul", "neg", "div", "pow"})

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
    def is_function(name: str) -> bool:
        # A longer name that is not known is a misspelt function.
        if lookup(name) is not None:
            return True
        return not (name in known or name in CONSTANTS or _LETTER.fullmatch(name))

    notation = rewrite(text, is_function)
    builder = _Builder(notation, known, fixed)
    builder.build(_tree(notation))
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
                span=Span(0, len(text.rstrip())),
                hint="put the arguments by name last",
            ) from None
    place = re.search(r"(?<![=!<>])=(?!=)", text)
    if place is not None:
        raise GradcalcError(
            Kind.SYNTAX,
            "unexpected `=`",
            text=text,
            span=Span(*place.span()),
            hint="bind values with --at, as in --at x=1, or compare with ==",
        )
    raise GradcalcError(
        Kind.SYNTAX, "this is no expression", text=text, span=Span(0, len(text.rstrip()))
    )


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


class _Builder:
    """Collects the inputs, constants and steps of one program, in order of appearance.

    While it builds, all values are numbered in that order; `finish` gives them their final numbers,
    inputs first, then constants, then steps.
    """

    def __init__(self, notation: Notation, known: Collection[str], fixed: Collection[str]) -> None:
        self._notation = notation
        self._known = known
        self._fixed_names = fixed
        self._squares = 0  # of constants so far
        self._count = 0  # values so far
        self._done: list[int] = []  # operands that wait for their operation
        self._operands: dict[ast.Call, list[_Node]] = {}
        self._inputs: dict[str, tuple[int, Input]] = {}
        self._constants: list[tuple[int, Constant]] = []
        self._steps: list[tuple[int, Function, list[int], Span]] = []
        self._fixed: set[int] = set()  # values that are constant
        self._exact: dict[int, Fraction] = {}  # those whose exact value is known, for limits

    def build(self, tree: ast.expr) -> None:
        """Turn the tree into steps, operands first."""
        nodes: list[_Node] = []
        todo: list[_Node] = [tree]
        while todo:
            node = todo.pop()
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
        readers: dict[type, Callable[[Any], int]] = {
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.Compare: self._comparison,
            ast.Call: self._call,
            _Default: self._default,
        }
        # Each node stands before its operands, and these from right to left.
        for node in reversed(nodes):
            read = readers.get(type(node), self._leaf)
            self._done.append(read(node))

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
        return self._step(_UNARY[type(node.op)], [self._done.pop()], self._span(node))

    def _leaf(self, node: ast.expr) -> int:
        text = self._literal(node)
        if text is not None:
            return self._constant(text, self._span(node))
        if isinstance(node, ast.Name):
            return self._variable(node)
        raise self._unknown(node)

    def _default(self, node: _Default) -> int:
        return self._constant(node.text, node.span)

    # -- numbers and names --

    def _literal(self, node: ast.expr) -> str | None:
        """The text of a constant, with a minus sign before it perhaps; None for anything else."""
        if isinstance(node, ast.Constant):
            return self._notation.python[node.col_offset : node.end_col_offset]
        if isinstance(node, ast.Name):
            return node.id if node.id in CONSTANTS and node.id not in self._known else None
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

    def _variable(self, node: ast.Name) -> int:
        name = self._notation.name(node.id, node.col_offset)
        found = self._inputs.get(name)
        if found is None:
            found = self._inputs[name] = (self._number(), Input(name, self._span(node)))
            if name in self._fixed_names:
                self._fixed.add(found[0])
        return found[0]

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
            text=self._notation.text,
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

    def _receiver(self, node: ast.Call) -> ast.expr | None:
        """The expression whose method is called; None for a function."""
        callee = node.func
        if not isinstance(callee, ast.Attribute):
            return None
        value = callee.value
        if isinstance(value, ast.Name) and value.id in self._known and not node.args:
            return value  # F.sin(), where the user binds F
        return None if self._is_prefix(value) else value

    def _arguments(self, node: ast.Call) -> list[_Node]:
        """The arguments of a call in the order of the function's parameters."""
        receiver = self._receiver(node)
        args: list[_Node] = [*node.args] if receiver is None else [receiver, *node.args]
        if not node.keywords:
            return args
        row, span = self._function(node.func), self._span(node)
        self._check_count(row, len(args), by_name=len(node.keywords), span=span)
        parameters = () if row.variadic else row.parameters
        named: dict[str, ast.expr] = {}
        for keyword in node.keywords:
            name = self._notation.name(keyword.arg or "", keyword.col_offset)
            if all(parameter.name != name for parameter in parameters):
                raise self._argument_error(row, f"{row.name} has no `{name}`", span)
            if name in named or any(
                parameter.name == name for parameter in parameters[: len(args)]
            ):
                raise self._argument_error(row, f"{row.name} gets `{name}` twice", span)
            named[name] = keyword.value
        for parameter in parameters[len(args) :]:
            if parameter.name in named:
                args.append(named.pop(parameter.name))
            elif parameter.default is None:
                raise self._argument_error(row, f"{row.name} lacks `{parameter.name}`", span)
            elif named:
                args.append(_Default(parameter.default, span))
        return args

    def _call(self, node: ast.Call) -> int:
        row, span = self._function(node.func), self._span(node)
        first = len(self._done) - len(self._operands[node])
        args = self._done[first:]
        del self._done[first:]
        self._check_count(row, len(args), by_name=0, span=span)
        self._check_arguments(row, args, span)
        if not row.variadic:
            return self._step(row, args, span)
        result = args[0]
        for value in args[1:]:
            result = self._step(row, [result, value], span)
        return result

    def _function(self, callee: ast.expr) -> Function:
        """The row that is called."""
        place = self._span(callee)
        if isinstance(callee, ast.Name):
            name = self._notation.name(callee.id, callee.col_offset)
        elif isinstance(callee, ast.Attribute):
            start = (callee.end_col_offset or 0) - len(callee.attr)
            name = self._notation.name(callee.attr, start)
            place = Span(self._notation.starts[start], place.stop)
        else:
            raise self._error("only a function can be called", callee)
        row = lookup(name)
        if row is not None:
            return row
        text = self._notation.text
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
                    text=self._notation.text,
                    span=span,
                )

    def _argument_error(self, row: Function, message: str, span: Span) -> GradcalcError:
        hint = f"write {row.signature}"
        return GradcalcError(Kind.SYNTAX, message, text=self._notation.text, span=span, hint=hint)

    # -- steps --

    def _step(self, row: Function, args: list[int], span: Span) -> int:
        if len(self._steps) >= limits.STEPS:
            raise GradcalcError(
                Kind.LIMIT, f"the expression has more than {limits.STEPS:,} operations"
            )
        if row is _POW:
            self._check_power(args[0], args[1], span)
        number = self._number()
        if args[0] in self._fixed and self._fixed.issuperset(args):
            self._fixed.add(number)
            self._squares += row.name == "square"
            if self._squares > limits.CONSTANT_SQUARES:
                # Each may double the digits, and sympy would calculate them all.
                raise GradcalcError(
                    Kind.LIMIT,
                    f"more than {limits.CONSTANT_SQUARES} squares of constants",
                    text=self._notation.text,
                    span=span,
                    hint="write a power instead, as in 3**8",
                )
            if row.name in _RATIONAL and all(arg in self._exact for arg in args):
                exact = _calculated(row, [self._exact[arg] for arg in args])
                if exact is not None:
                    self._exact[number] = exact
        self._steps.append((number, row, args, span))
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
                text=self._notation.text,
                span=span,
                hint="use a smaller number",
            )

    # -- the user's text --

    def _span(self, node: ast.expr) -> Span:
        notation = self._notation
        return Span(notation.starts[node.col_offset], notation.stops[node.end_col_offset or 0])

    def _source(self, span: Span) -> str:
        return self._notation.text[span.start : span.stop]

    def _error(self, message: str, node: ast.expr) -> GradcalcError:
        return GradcalcError(Kind.SYNTAX, message, text=self._notation.text, span=self._span(node))

    def _unknown(self, node: ast.expr) -> GradcalcError:
        """What is said of a node that is not part of the language."""
        text, span = self._notation.text, self._span(node)
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
        inputs = list(self._inputs.values())
        order = [entry[0] for entry in (*inputs, *self._constants, *self._steps)]
        final = dict(zip(order, range(self._count), strict=True))
        return Program(
            text=self._notation.text,
            canonical="",
            inputs=tuple(variable for _, variable in inputs),
            constants=tuple(constant for _, constant in self._constants),
            steps=tuple(
                Step(row.name, tuple([final[arg] for arg in args]), span)
                for _, row, args, span in self._steps
            ),
            output=final[self._done[-1]],
        )


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
