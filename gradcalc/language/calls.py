"""Calls: which row of the function table is meant, and which argument is which.

In: a call in Python's syntax tree. Out: `Call`: the row, the nodes that are its values in the order
of its parameters, and its options. The values are read by `expressions`.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from gradcalc.base.errors import GradcalcError, Kind, MendableError, Span
from gradcalc.base.names import nearest
from gradcalc.functions import TABLE, Function, callable_names, lookup
from gradcalc.functions.table import Parameter
from gradcalc.language import notebook
from gradcalc.language.literals import Calculate, NotConstant, is_arithmetic, option
from gradcalc.language.scope import PREFIXES, Scope
from gradcalc.language.source import Source

#: How alike a word and a function's name are, for "did you mean"; and a word of at most 3 letters,
#: of which one may be wrong.
_ALIKE, _ALIKE_SHORT = 0.7, 0.65

#: Other spellings of parameters, from numpy.
_SPELLINGS = {"axis": "dim", "keepdims": "keepdim", "size": "shape"}

#: Arguments by name with which max and min are along an axis.
_ALONG = frozenset({"dim", "keepdim"})


#: Arguments of torch's that are options of gradcalc's, or of no use here, and what to do instead.
_ELSEWHERE = {
    "dtype": "leave it out: --dtype says it for all",
    "device": "leave it out: gradcalc calculates on the CPU",
    "requires_grad": "leave it out, and bind the variable with --at: --at x=[1,2]",
    "generator": "leave it out: --seed says it for all",
}


class Literal(NamedTuple):
    """A number: one that is written out, or a parameter's default where no argument is given."""

    text: str
    span: Span


#: What stands for a value.
Node = ast.expr | Literal


@dataclass(slots=True)
class Call:
    """A call, its arguments told apart.

    Attributes:
        row: What is called.
        values: What it is applied to, in the order of the row's parameters.
        options: Its other arguments, by name.
        span: Where it stands.
        in_place: Whether it changes its first value, as x.add_(1) does.
    """

    row: Function
    values: list[Node]
    options: dict[str, Any]
    span: Span
    in_place: bool = False


class Calls:
    """Reads the calls of one expression."""

    def __init__(self, source: Source, scope: Scope, calculate: Calculate) -> None:
        """Prepare to read.

        Args:
            source: The expression.
            scope: What names mean: F.relu(x) is a function's call, but where F is a variable,
                `F.sum()` calls its method.
            calculate: Gives the numbers of constant expressions, where options are such.
        """
        self._source = source
        self._scope = scope
        self._calculate = calculate

    def read(self, node: ast.Call) -> Call:
        """Tell a call's arguments apart.

        Raises:
            GradcalcError: For an unknown function, and for arguments that it does not take.
        """
        row, in_place = self._callee(node)
        receiver = self._receiver(node)
        args: list[Node] = [*node.args] if receiver is None else [receiver, *node.args]
        call = Call(row, args, {}, self._source.span(node), in_place)
        if row.single and not node.keywords:
            return call
        named = self._named(call, node)
        if row.name == "tensor" and len(args) == 1:
            self._refuse_elsewhere(call, named)
            call.options["shape"] = ()
            if isinstance(args[0], ast.List | ast.Tuple):
                call.values, call.options["shape"] = self.elements(args[0])
        elif row.single:
            self._by_name(call, named)
        else:
            self._refuse_elsewhere(call, named)
            self._with_options(call, named)
        return call

    def part(self, node: ast.Attribute | ast.Subscript) -> Call | None:
        """The call of which the node takes a part, as in slogdet(A).logabsdet; None for others."""
        if not isinstance(node.value, ast.Call) or not self._callee(node.value)[0].parts:
            return None
        call = self.read(node.value)
        row = call.row
        if row.pairwise and "dim" not in call.options:
            return None
        if isinstance(node, ast.Subscript):
            items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            part = self._whole_number(items[0]) if len(items) == 1 else None
            if row.pairwise and part == 1:
                hint = f"take the values: {self._source.piece(call.span)}.values"
                message = "indices are no numbers to differentiate"
                raise self._source.error(message, node, hint)
        else:
            part = row.parts.index(node.attr) if node.attr in row.parts else None
        if part not in range(len(row.parts)):
            return None
        call.span = self._source.span(node)
        if len(row.parts) > 1:
            call.options["part"] = part
        return call

    def elements(self, node: ast.List | ast.Tuple) -> tuple[list[Node], tuple[int, ...]]:
        """The elements of a list of lists, and its shape."""
        shape: list[int] = []
        level: list[ast.expr] = [node]
        while isinstance(level[0], ast.List | ast.Tuple):
            sizes = {len(getattr(part, "elts", ())) for part in level}
            lists = all(isinstance(part, ast.List | ast.Tuple) for part in level)
            if len(sizes) > 1 or not lists:
                message = "the rows of this list are not of the same length"
                hint = "write as many numbers in each row, as in [[1, 2], [3, 4]]"
                raise self._source.error(message, node, hint, kind=Kind.SHAPE)
            shape.append(sizes.pop())
            level = [element for part in level for element in part.elts]  # type: ignore[attr-defined]
            if not level:
                break
        if any(isinstance(element, ast.List | ast.Tuple) for element in level):
            message = "a list holds numbers or lists, not both"
            raise self._source.error(message, node, "write as in [[1, 2], [3, 4]]", kind=Kind.SHAPE)
        return list(level), tuple(shape)

    def _receiver(self, node: ast.Call) -> ast.expr | None:
        """The expression whose method is called; None for a function."""
        callee = node.func
        if not isinstance(callee, ast.Attribute):
            return None
        value = callee.value
        if isinstance(value, ast.Name) and (
            self._scope.is_assigned(value.id)
            or (value.id in self._scope.variables and not node.args)
        ):
            return value
        return None if is_prefix(value) else value

    def _callee(self, node: ast.Call) -> tuple[Function, bool]:
        """The row that is called, and whether it changes its tensor in place, as x.add_(1) does."""
        name = self._callee_name(node.func)
        row = lookup(name)
        in_place = row is None and isinstance(node.func, ast.Attribute) and name.endswith("_")
        if in_place:
            row = lookup(name[:-1])
        if row is None or (in_place and (row.attribute or row.name == "tensor")):
            raise self._unknown(node.func, name)
        if row.pairwise is not None and not in_place and self._is_of_pairs(node):
            row = TABLE[row.pairwise]
        return row, in_place

    def _is_of_pairs(self, node: ast.Call) -> bool:
        """Whether max(...) or min(...) is the larger or smaller of values, not along an axis.

        As in torch, where max(x, 0) is along an axis; alone it is the larger of two.
        """
        others = node.args[1:] if self._receiver(node) is None else node.args
        if not others or any(_SPELLINGS.get(k.arg or "", k.arg) in _ALONG for k in node.keywords):
            return False
        return isinstance(node.func, ast.Name) or self._whole_number(others[0]) is None

    def _named(self, call: Call, node: ast.Call) -> dict[str, ast.expr]:
        """The arguments that are given by name."""
        named: dict[str, ast.expr] = {}
        for keyword in node.keywords:
            name = self._source.name(keyword)
            name = _SPELLINGS.get(name, name)
            if name in named:
                raise self._twice(call, name)
            named[name] = keyword.value
        return named

    def _by_name(self, call: Call, named: dict[str, ast.expr]) -> None:
        """Put the arguments that are given by name in their places."""
        row, args = call.row, call.values
        self.check_count(row, len(args), by_name=len(named), span=call.span)
        parameters = () if row.variadic else row.parameters
        names = [parameter.name for parameter in parameters]
        for name in named:
            if name not in names:
                raise self.argument_error(row, f"{row.name} has no `{name}`", call.span)
            if name in names[: len(args)]:
                raise self._twice(call, name)
        for parameter in parameters[len(args) :]:
            if parameter.name in named:
                args.append(named.pop(parameter.name))
            elif parameter.default is None:
                raise self._lacking(call, parameter)
            elif named:
                args.append(Literal(parameter.default, call.span))

    def _with_options(self, call: Call, named: dict[str, ast.expr]) -> None:
        """Part the values of a call from its options."""
        values: list[Node] = []
        for parameter, given in self._matched(call, named):
            if parameter.option:
                call.options[parameter.name] = self._option(call, parameter, given)
            elif parameter.spread:
                values += given
            elif parameter.several:
                values += self._listed(call, given)
            else:
                values.append(given)
        call.values = values

    def _matched(self, call: Call, named: dict[str, ast.expr]) -> Iterator[tuple[Parameter, Any]]:
        """For each parameter that an argument is given for, that argument.

        For one that takes all arguments that are left, these are given as a list; but a list or a
        tuple that is the only one, or given by name, stands for itself.
        """
        row = call.row
        rest = list(call.values)
        for parameter in row.parameters:
            if rest and parameter.name in named:
                raise self._twice(call, parameter.name)
            given = _taken(parameter, rest, named)
            if given is not None:
                yield parameter, given
            elif parameter.default is None:
                raise self._lacking(call, parameter)
        if rest:
            most = f"{row.name} takes {len(row.parameters)} arguments at most"
            raise self.argument_error(row, most, call.span)
        if named:
            raise self.argument_error(row, f"{row.name} has no `{next(iter(named))}`", call.span)

    def _option(self, call: Call, parameter: Parameter, given: Any) -> Any:
        """The value of an option."""
        if isinstance(given, list):  # the arguments of a shape
            alone = len(given) == 1 and isinstance(given[0], ast.List | ast.Tuple)
            given = given[0] if alone else ast.Tuple(elts=given)
        try:
            value = option(given, self._calculate)
        except NotConstant:
            message = f"`{parameter.name}` of {call.row.name} must be a constant"
            raise self.argument_error(call.row, message, call.span) from None
        return (value,) if parameter.several and not isinstance(value, tuple) else value

    def _whole_number(self, node: ast.expr) -> int | None:
        """The whole number that is written out there, as 1 or 2 - 1; None for anything else."""
        value = None
        if is_arithmetic(node):
            with contextlib.suppress(NotConstant):
                value = option(node, self._calculate)
        return value if type(value) is int else None

    def _listed(self, call: Call, given: Node) -> list[Node]:
        """The values of an argument that is a list of them."""
        if not isinstance(given, ast.List | ast.Tuple) or not given.elts:
            problem = f"{call.row.name} takes a list of tensors"
            raise self.argument_error(call.row, problem, call.span)
        return list(given.elts)

    def _refuse_elsewhere(self, call: Call, named: dict[str, ast.expr]) -> None:
        """Say what to do about `dtype`, `device` and `requires_grad`, which are options here."""
        for name, value in named.items():
            if name not in _ELSEWHERE or any(p.name == name for p in call.row.parameters):
                continue
            if name == "dtype" and re.search("int|long|bool", _word(value)):
                message = (
                    "a tensor of whole numbers cannot require grad: only floating-point ones can"
                )
                hint = "leave the dtype out"
                raise self._source.error(message, call.span, hint, kind=Kind.AUTOGRAD)
            raise self._source.error(f"`{name}` is no argument here", call.span, _ELSEWHERE[name])

    def _callee_name(self, callee: ast.expr) -> str:
        if isinstance(callee, ast.Name):
            return self._source.name(callee)
        if isinstance(callee, ast.Attribute):
            return self._source.attribute(callee)[0]
        raise self._source.error("only a function can be called", callee)

    def _unknown(self, callee: ast.expr, name: str) -> GradcalcError:
        """What is said of a name that no row goes by."""
        place = self._source.span(callee)
        if isinstance(callee, ast.Attribute):
            place = self._source.attribute(callee)[1]
        text = self._source.text
        if (advice := notebook.advice(name)) is not None:
            message = f"`{name}` is no part of the program"
            return self._source.error(message, place, advice, kind=Kind.NAME)
        if (row := notebook.layer(name)) is not None:
            return MendableError(
                Kind.NAME,
                f"`{name}` is no part of the program",
                text=text,
                span=place,
                lead="layers are functions here: write",
                corrected=(row.signature,),
                hint=f"layers are functions here; the arguments are {row.signature}",
                replaces=True,
            )
        before, after = text[: place.start].lstrip(), text[place.stop :].rstrip()
        alike = _ALIKE if len(name) > 3 else _ALIKE_SHORT
        near = notebook.abroad(name) or nearest(name, callable_names(), alike=alike)
        meant = near and lookup(near)
        if meant:
            hint = f"did you mean {meant.signature}?"
            lead, corrected = f"did you mean `{near}`?", f"{before}{near}{after}"
        else:
            hint = "`gradcalc functions` lists them all"
            lead, corrected = f"{hint}; if `{name}` is a variable write", f"{before}{name}*{after}"
        return MendableError(
            Kind.NAME,
            f"unknown function `{name}`",
            text=text,
            span=place,
            lead=lead,
            corrected=(corrected,),
            hint=hint,
            replaces=True,
        )

    def check_count(self, row: Function, count: int, *, by_name: int, span: Span) -> None:
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
        raise self.argument_error(row, f"{row.name} takes {wanted}, not {count}", span)

    def argument_error(self, row: Function, message: str, span: Span) -> GradcalcError:
        """An error about the arguments of a call."""
        hint = f"its arguments are {row.signature}"
        return self._source.error(message, span, hint)

    def _twice(self, call: Call, name: str) -> GradcalcError:
        return self.argument_error(call.row, f"{call.row.name} gets `{name}` twice", call.span)

    def _lacking(self, call: Call, parameter: Parameter) -> GradcalcError:
        message = f"{call.row.name} lacks `{parameter.name}`"
        return self.argument_error(call.row, message, call.span)


def is_prefix(node: ast.expr) -> bool:
    """Whether the expression before a dot is a module's name, such as torch.special."""
    while isinstance(node, ast.Attribute) and node.attr in PREFIXES:
        node = node.value
    return isinstance(node, ast.Name) and node.id in PREFIXES


def _word(node: ast.expr) -> str:
    """The last word of a name such as torch.int64, or of the text 'int64'."""
    return str(getattr(node, "attr", getattr(node, "id", getattr(node, "value", ""))))


def _taken(parameter: Parameter, rest: list[Node], named: dict[str, ast.expr]) -> Any:
    """Take what is given for a parameter off the arguments that are left; None if nothing is."""
    if parameter.name in named:
        given: Any = named.pop(parameter.name)
        return [given] if parameter.spread and not parameter.option else given
    # Of a shape without a default, no sizes are a shape too.
    if parameter.spread and (rest or (parameter.option and parameter.default is None)):
        given, rest[:] = rest[:], []
        return given
    return rest.pop(0) if rest else None
