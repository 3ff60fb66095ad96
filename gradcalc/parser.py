"""Text to `Program`, and binding texts to `Binding`s.

The grammar is that of Python's expressions, after `notation` has rewritten what people type:

    expression  = a number | a name | pi | e | inf | nan
                | expression OP expression    OP: | & == != < <= > >= + - * / // % ** ^ (binding in
                                              this order, the loosest first; ** and ^ to the right)
                | - expression | + expression | ~ expression
                | NAME(arguments)             a row of the function table; keywords by parameter name
                | expression.NAME(arguments)  the same as NAME(expression, arguments)
    binding     = NAME = expression without names

`ast.parse` reads it; only the node types below are known, so nothing of the user's text is ever
executed. The tree is walked with a stack of our own: depth is no limit here.
"""

from __future__ import annotations

import ast
import difflib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from gradcalc import limits
from gradcalc.errors import GradcalcError, Kind, Span
from gradcalc.functions import TABLE, Function, callable_names, lookup
from gradcalc.notation import Notation, rewrite
from gradcalc.program import Constant, Input, Program, Step

#: Names that stand for numbers, unless the user binds them; with their other spellings.
CONSTANTS = {"pi": "pi", "e": "e", "inf": "inf", "nan": "nan", "π": "pi", "∞": "inf"}

#: Module names before a function's, which are dropped: torch.sin, np.sin and sin are one.
PREFIXES = frozenset(
    {"torch", "np", "numpy", "math", "F", "nn", "functional", "special", "sympy", "scipy", "jnp"}
)

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder",
    ast.Pow: "pow",
    ast.BitAnd: "logical_and",
    ast.BitOr: "logical_or",
}
_UNARY: dict[type[ast.unaryop], str] = {ast.USub: "neg", ast.Invert: "logical_not"}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}

#: How tightly the operators bind, for writing a program back. Higher is tighter.
_TIGHTNESS = {
    **dict.fromkeys(_COMPARE.values(), 1),
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


@dataclass(frozen=True, slots=True)
class Binding:
    """A value given to a name.

    Attributes:
        name: The variable.
        program: The value, a program without inputs.
        text: The binding's whole text, in which `span` lies.
        span: Where the name stands in `text`.
    """

    name: str
    program: Program
    text: str
    span: Span


def parse(text: str, known: Collection[str] = ()) -> Program:
    """Parse an expression.

    Args:
        text: The expression.
        known: Names that are variables for certain, because they are bound: `theta(1 + x)` is then a product,
            and a bound `pi` or `e` is no constant.

    Raises:
        GradcalcError: With the place in `text` and a hint.
    """

    def is_function(name: str) -> bool:
        # A name of one letter, with an index perhaps, is a variable; a longer one that is not known
        # is a misspelt function.
        if lookup(name):
            return True
        return not (
            name in known or name in CONSTANTS or re.fullmatch(r"[^\W\d]_?\d*|[^\W\d]_\w+", name)
        )

    notation = rewrite(text, is_function)
    tree = _tree(notation)
    builder = _Builder(notation, known)
    output = builder.build(tree)
    return builder.finish(output)


def _tree(notation: Notation) -> ast.expr:
    """Python's parse of the rewritten text."""
    text = notation.text
    try:
        return ast.parse(notation.python, mode="eval").body
    except (RecursionError, MemoryError):
        raise GradcalcError(
            Kind.LIMIT,
            "the expression is nested too deeply (a sum of n terms nests n deep; the limit is near 2,500)",
        ) from None
    except (SyntaxError, ValueError):
        pass
    if "=" in notation.python:
        place = re.search(r"(?<![=!<>])=(?!=)", text)
        if place:
            raise GradcalcError(
                Kind.SYNTAX,
                "unexpected `=`",
                text=text,
                span=Span(*place.span()),
                hint="bind values with --at, as in --at x=1, or compare with ==",
            )
    raise GradcalcError(
        Kind.SYNTAX, "this is no expression", text=text, span=Span(0, len(text.rstrip()) or 1)
    )


class _Builder:
    """Collects the inputs, constants and steps of one program, in order of appearance.

    While it builds, a value is written as (list, index), since their final numbers are known only
    when all inputs and constants are.
    """

    def __init__(self, notation: Notation, known: Collection[str]) -> None:
        self._notation = notation
        self._known = known
        self._inputs: dict[str, Input] = {}
        self._constants: list[Constant] = []
        self._steps: list[tuple[Function, list[tuple[str, int]], Span]] = []
        # Exact values of the constant ones among the values, as far as they are known: for limits.
        self._exact: dict[tuple[str, int], Fraction] = {}
        self._fixed: set[tuple[str, int]] = set()  # the constant ones, known or not

    # -- the tree, arguments first --

    def build(self, tree: ast.expr) -> tuple[str, int]:
        """Turn the tree into steps; return its value."""
        todo: list[tuple[ast.expr, bool]] = [(tree, False)]
        done: list[tuple[str, int]] = []
        while todo:
            node, visited = todo.pop()
            if visited:
                self._apply(node, done)
                continue
            children = self._children(node)
            if children is None:
                done.append(self._leaf(node))
            else:
                todo.append((node, True))
                todo += [(child, False) for child in reversed(children)]
        return done.pop()

    def _children(self, node: ast.expr) -> list[ast.expr] | None:
        """The operands of an operation, or None for a leaf."""
        if isinstance(node, ast.BinOp):
            if type(node.op) not in _BINARY:
                raise self._error("this operator is not part of the language", node)
            return [node.left, node.right]
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
                return None
            return [node.operand]
        if isinstance(node, ast.Compare):
            return [node.left, *node.comparators]
        if isinstance(node, ast.Call):
            function, method_of = self._called(node)
            arguments = [*([method_of] if method_of is not None else []), *node.args]
            return [*arguments, *(keyword.value for keyword in node.keywords)]
        return None

    def _leaf(self, node: ast.expr) -> tuple[str, int]:
        span = self._span(node)
        if isinstance(node, ast.UnaryOp):
            assert isinstance(node.operand, ast.Constant)
            return self._constant(f"-{self._python(node.operand)}", span)
        if isinstance(node, ast.Constant):
            return self._constant(self._python(node), span)
        if isinstance(node, ast.Name):
            return self._variable(self._name(node), span)
        if isinstance(node, ast.Attribute):
            path = self._path(node)
            if path and path[0] in PREFIXES and path[-1] in CONSTANTS:
                return self._constant(path[-1], span)
            raise GradcalcError(
                Kind.NAME,
                f"unknown attribute `{node.attr}`",
                text=self._notation.text,
                span=span,
                hint="a method is called with brackets, as in x.sin()",
            )
        raise self._error("this is not part of the language", node)

    def _apply(self, node: ast.expr, done: list[tuple[str, int]]) -> None:
        """Take the operands of `node` off `done` and put its value there."""
        span = self._span(node)
        if isinstance(node, ast.BinOp):
            right, left = done.pop(), done.pop()
            done.append(self._step(TABLE[_BINARY[type(node.op)]], [left, right], span))
        elif isinstance(node, ast.UnaryOp):
            if not isinstance(node.op, ast.UAdd):
                done.append(self._step(TABLE[_UNARY[type(node.op)]], [done.pop()], span))
        elif isinstance(node, ast.Compare):
            values = [done.pop() for _ in range(len(node.ops) + 1)][::-1]
            result: tuple[str, int] | None = None
            for op, left, right in zip(node.ops, values, values[1:], strict=False):
                if type(op) not in _COMPARE:
                    raise self._error("this comparison is not part of the language", node)
                link = self._step(TABLE[_COMPARE[type(op)]], [left, right], span)
                # 0 < x < 1 means (0 < x) & (x < 1).
                result = link if result is None else self._step(TABLE["logical_and"], [result, link], span)
            assert result is not None
            done.append(result)
        elif isinstance(node, ast.Call):
            done.append(self._call(node, done))

    # -- calls --

    def _called(self, node: ast.Call) -> tuple[Function, ast.expr | None]:
        """The row that is called, and the expression whose method it is, if it is one."""
        callee = node.func
        if isinstance(callee, ast.Name):
            name = self._name(callee)
            return self._function(name, self._span(callee)), None
        if isinstance(callee, ast.Attribute):
            path = self._path(callee)
            prefixed = path and path[0] in PREFIXES and (node.args or path[0] not in self._known)
            method_of = None if prefixed else callee.value
            stop = self._span(callee).stop
            name_span = Span(stop - len(callee.attr), stop)
            return self._function(callee.attr, name_span), method_of
        raise self._error("only a function can be called", node)

    def _function(self, name: str, span: Span) -> Function:
        row = lookup(name)
        if row is not None:
            return row
        near = difflib.get_close_matches(name, callable_names(), n=1, cutoff=0.6)
        text = self._notation.text
        hint = f"for a product write {name}*(...); `gradcalc functions` lists all functions"
        if near:
            corrected = text[: span.start] + near[0] + text[span.stop :]
            hint = f"did you mean `{near[0]}`? {corrected.strip()}"
        raise GradcalcError(
            Kind.NAME, f"unknown function `{name}`", text=text, span=span, hint=hint
        )

    def _call(self, node: ast.Call, done: list[tuple[str, int]]) -> tuple[str, int]:
        row, method_of = self._called(node)
        span = self._span(node)
        named = [done.pop() for _ in node.keywords][::-1]
        count = len(node.args) + (method_of is not None)
        args = [done.pop() for _ in range(count)][::-1]
        self._check_count(row, count, bool(named), span)
        for keyword, value in zip(node.keywords, named, strict=True):
            self._place(row, args, str(keyword.arg), value, node)
        if len(args) < row.required:
            self._check_count(row, len(args), False, span)
        for parameter, value in zip(row.parameters, args, strict=False):
            if parameter.static and value not in self._fixed:
                raise self._error(
                    f"`{parameter.name}` of {row.name} must be a number, not an expression", node
                )
        for value in args:
            if abs(self._exact.get(value, Fraction(0))) > row.largest:
                raise GradcalcError(
                    Kind.LIMIT,
                    f"a constant argument of {row.name} is limited to {row.largest:,}",
                    text=self._notation.text,
                    span=span,
                )
        result = self._step(row, args[:2] if row.variadic else args, span)
        for value in args[2:] if row.variadic else ():
            result = self._step(row, [result, value], span)
        return result

    def _check_count(self, row: Function, count: int, more: bool, span: Span) -> None:
        most = None if row.variadic else len(row.parameters)
        if (count < row.required and not more) or (most is not None and count > most):
            if most is None:
                wanted = f"{row.required} or more arguments"
            elif most == row.required:
                wanted = f"{most} argument{'s' * (most != 1)}"
            else:
                wanted = f"{row.required} to {most} arguments"
            raise GradcalcError(
                Kind.SYNTAX,
                f"{row.name} takes {wanted}, not {count}",
                text=self._notation.text,
                span=span,
                hint=f"write {row.signature}",
            )

    def _place(
        self, row: Function, args: list[tuple[str, int]], name: str, value: tuple[str, int], node: ast.Call
    ) -> None:
        """Put a keyword argument in its place, with the defaults of those before it."""
        names = [parameter.name for parameter in row.parameters]
        if row.variadic or name not in names or names.index(name) < len(args):
            problem = "gets its argument twice" if name in names and not row.variadic else "has none"
            raise GradcalcError(
                Kind.SYNTAX,
                f"{row.name} {problem}: `{name}`" if problem != "has none" else f"{row.name} has no `{name}`",
                text=self._notation.text,
                span=self._span(node),
                hint=f"write {row.signature}",
            )
        while len(args) < names.index(name):
            default = row.parameters[len(args)].default
            if default is None:
                raise GradcalcError(
                    Kind.SYNTAX,
                    f"{row.name} lacks `{names[len(args)]}`",
                    text=self._notation.text,
                    span=self._span(node),
                    hint=f"write {row.signature}",
                )
            args.append(self._constant(default, self._span(node)))
        args.append(value)

    # -- values --

    def _variable(self, name: str, span: Span) -> tuple[str, int]:
        if name in CONSTANTS and name not in self._known:
            return self._constant(CONSTANTS[name], span)
        if name not in self._inputs:
            self._inputs[name] = Input(name, span)
        return ("input", list(self._inputs).index(name))

    def _constant(self, text: str, span: Span) -> tuple[str, int]:
        if text.lstrip("-") in CONSTANTS:
            value = None
        else:
            value = Fraction(text)
        self._constants.append(Constant(text, value, span))
        number = ("constant", len(self._constants) - 1)
        self._fixed.add(number)
        if value is not None:
            self._exact[number] = value
        return number

    def _step(self, row: Function, args: list[tuple[str, int]], span: Span) -> tuple[str, int]:
        if len(self._steps) >= limits.STEPS:
            raise GradcalcError(
                Kind.LIMIT, f"the expression has more than {limits.STEPS:,} operations"
            )
        number = ("step", len(self._steps))
        if self._fixed.issuperset(args):
            self._fixed.add(number)
        exact = self._fold(row, args, span)
        if exact is not None:
            self._exact[number] = exact
        self._steps.append((row, args, span))
        return number

    def _fold(self, row: Function, args: list[tuple[str, int]], span: Span) -> Fraction | None:
        """The exact value of a constant step, where that is rational; refuses immense ones."""
        if row.name == "pow":
            self._check_power(*args, span)
        values = [self._exact.get(arg) for arg in args]
        if row.symbol is None or any(value is None for value in values):
            return None
        if sum(v.numerator.bit_length() + v.denominator.bit_length() for v in values if v) > limits.CONSTANT_BITS:
            return None
        if row.name == "pow":
            base, exponent = values
            assert base is not None and exponent is not None
            if exponent.denominator != 1 or not base:
                return None
            return base**exponent.numerator
        if row.name in {"add", "sub", "mul", "neg"} or (row.name == "div" and values[1]):
            return Fraction(row.mpmath(*values))
        return None

    def _check_power(self, base: tuple[str, int], exponent: tuple[str, int], span: Span) -> None:
        size = self._exact.get(exponent)
        if size is None:
            return
        bits = abs(size)
        number = self._exact.get(base)
        if number is not None:
            width = max(number.numerator.bit_length(), number.denominator.bit_length())
            bits = bits * (width if width > 1 else 0)
        if bits > (limits.CONSTANT_EXPONENT if number is None else limits.CONSTANT_BITS):
            message = (
                f"an exponent beyond {limits.CONSTANT_EXPONENT:,}"
                if number is None
                else f"this constant has over {limits.CONSTANT_BITS:,} bits; float64 ends at 1,024"
            )
            raise GradcalcError(
                Kind.LIMIT, message, text=self._notation.text, span=span, hint="use a smaller number"
            )

    # -- the user's text --

    def _span(self, node: ast.expr) -> Span:
        assert node.end_col_offset is not None
        return self._notation.span(node.col_offset, node.end_col_offset)

    def _python(self, node: ast.expr) -> str:
        return self._notation.python[node.col_offset : node.end_col_offset]

    def _name(self, node: ast.Name) -> str:
        span = self._span(node)
        name = unicodedata.normalize("NFKC", self._notation.text[span.start : span.stop])
        return "sqrt" if name.startswith("√") else name

    def _path(self, node: ast.Attribute) -> list[str]:
        """The names of torch.special.erf; empty if it does not begin with a name."""
        names = [node.attr]
        value = node.value
        while isinstance(value, ast.Attribute):
            names.append(value.attr)
            value = value.value
        return [*reversed(names), ""][: len(names)] if not isinstance(value, ast.Name) else [
            self._name(value),
            *reversed(names),
        ]

    def _error(self, message: str, node: ast.expr) -> GradcalcError:
        return GradcalcError(
            Kind.SYNTAX, message, text=self._notation.text, span=self._span(node)
        )

    # -- the program --

    def finish(self, output: tuple[str, int]) -> Program:
        """Number the values and write the program back as text."""
        base = {
            "input": 0,
            "constant": len(self._inputs),
            "step": len(self._inputs) + len(self._constants),
        }

        def number(value: tuple[str, int]) -> int:
            return base[value[0]] + value[1]

        steps = tuple(
            Step(row.name, tuple(map(number, args)), span) for row, args, span in self._steps
        )
        program = Program(
            text=self._notation.text,
            canonical="",
            inputs=tuple(self._inputs.values()),
            constants=tuple(self._constants),
            steps=steps,
            output=number(output),
        )
        return replace(program, canonical=write(program))


def write(program: Program) -> str:
    """Write a program in Python's notation, with as few brackets as it takes."""
    written: list[tuple[str, int]] = [(variable.name, _ATOM) for variable in program.inputs]
    for constant in program.constants:
        tight = _TIGHTNESS["neg"] if constant.text.startswith("-") else _ATOM
        written.append((constant.text, tight))
    for step in program.steps:
        row = TABLE[step.function]
        args = [written[arg] for arg in step.args]
        if row.symbol is None:
            written.append((f"{row.name}({', '.join(text for text, _ in args)})", _ATOM))
            continue
        tight = _TIGHTNESS[row.name]
        if len(args) == 1:
            written.append((row.symbol + _bracketed(*args[0], at_least=tight + 1), tight))
            continue
        to_right = row.name == "pow"
        comparison = row.name in _COMPARE.values()
        left = _bracketed(*args[0], at_least=tight + (to_right or comparison))
        right = _bracketed(*args[1], at_least=tight + (not to_right))
        space = " " if tight <= _TIGHTNESS["add"] else ""
        written.append((f"{left}{space}{row.symbol}{space}{right}", tight))
    return written[program.output][0]


def _bracketed(text: str, tight: int, at_least: int) -> str:
    return text if tight >= at_least else f"({text})"


# --- Bindings ----------------------------------------------------------------------------------------


def parse_bindings(texts: Iterable[str]) -> tuple[Binding, ...]:
    """Parse the values of `--at`: each "u=1,v=pi/4".

    Raises:
        GradcalcError: kind `binding`; the span is in the binding's own text.
    """
    bindings: dict[str, Binding] = {}
    for text in texts:
        for start, stop in _split(text):
            binding = _binding(text, start, stop)
            if binding.name in bindings:
                raise GradcalcError(
                    Kind.BINDING,
                    f"`{binding.name}` is bound twice",
                    text=text,
                    span=binding.span,
                    hint="leave one of the values out",
                )
            bindings[binding.name] = binding
    return tuple(bindings.values())


def _split(text: str) -> list[tuple[int, int]]:
    """Cut at the commas that are in no brackets."""
    depth, start, parts = 0, 0, []
    for position, character in enumerate(text):
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append((start, position))
            start = position + 1
    parts.append((start, len(text)))
    return [part for part in parts if text[slice(*part)].strip()] or [(0, len(text))]


def _binding(text: str, start: int, stop: int) -> Binding:
    name, sign, value = text[start:stop].partition("=")
    stripped = unicodedata.normalize("NFKC", name.strip())
    span = Span(start, stop)
    if not sign or not stripped:
        raise GradcalcError(
            Kind.BINDING,
            "a binding is NAME=VALUE",
            text=text,
            span=span,
            hint=f"write {stripped or 'x'}=1" if stripped.isidentifier() or not stripped else "write x=1",
        )
    name_start = start + len(name) - len(name.lstrip())
    name_span = Span(name_start, name_start + len(name.strip()))
    if not stripped.isidentifier():
        raise GradcalcError(
            Kind.BINDING, f"`{stripped}` is no name", text=text, span=name_span, hint="write x=1"
        )
    value_start = start + len(name) + 1
    return Binding(stripped, _value(text, value_start, stop, stripped), text, name_span)


def _value(text: str, start: int, stop: int, name: str) -> Program:
    """Parse a constant expression that is part of a longer text."""

    def moved(error: GradcalcError) -> GradcalcError:
        span = error.span and Span(error.span.start + start, error.span.stop + start)
        kind = error.kind if error.kind is Kind.LIMIT else Kind.BINDING
        return GradcalcError(
            kind, error.message, text=text, span=span or Span(start, max(stop, start + 1)), hint=error.hint
        )

    value = text[start:stop]
    if not value.strip():
        raise GradcalcError(
            Kind.BINDING,
            f"`{name}` has no value",
            text=text,
            span=Span(start - 1, start),
            hint=f"write {name}=1",
        )
    try:
        program = parse(value)
    except GradcalcError as error:
        raise moved(error) from None
    if program.inputs:
        raise moved(
            GradcalcError(
                Kind.BINDING,
                f"the value of `{name}` is no number: `{program.inputs[0].name}` is not known",
                span=program.inputs[0].span,
                hint=f"write a number or a constant expression, as in {name}=pi/4",
            )
        )
    return program


def bind(program: Program, bindings: Iterable[Binding]) -> dict[str, Binding]:
    """Match bindings to the program's variables.

    Raises:
        GradcalcError: kind `binding`, for a variable without a value or a value without a variable.
    """
    by_name = {binding.name: binding for binding in bindings}
    for binding in by_name.values():
        if binding.name not in program.names:
            near = difflib.get_close_matches(binding.name, program.names, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "leave it out"
            raise GradcalcError(
                Kind.BINDING,
                f"`{binding.name}` does not occur in the expression",
                text=binding.text,
                span=binding.span,
                hint=hint,
            )
    for variable in program.inputs:
        if variable.name not in by_name:
            hint = f"add --at {variable.name}=1"
            row = lookup(variable.name)
            if row is not None:
                hint += f"; to call the function write {row.signature}"
            raise GradcalcError(
                Kind.BINDING,
                f"`{variable.name}` has no value",
                text=program.text,
                span=variable.span,
                hint=hint,
            )
    return by_name


