"""Calls: which row of the function table is meant, and which argument is which.

In: a call in Python's syntax tree. Out: `Call`: the row, the nodes that are its values in the order
of its parameters, and its options. The values are read by `expressions`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from gradcalc.base.errors import GradcalcError, Kind, MendableError, Span
from gradcalc.base.names import nearest
from gradcalc.functions import TABLE, Function, callable_names, lookup
from gradcalc.language.literals import NotWrittenOut, index, option
from gradcalc.language.source import PREFIXES, Source

#: Calls of a notebook that gradcalc makes itself, and what to type instead.
NOTEBOOK = {
    "backward": "leave it out: gradcalc runs backward itself; --grad-outputs weighs the result",
    "retain_grad": "leave it out, and ask with --retain-grad NAMES",
    "requires_grad_": "leave it out: every variable requires grad, unless --wrt says otherwise",
    "print": "leave it out: gradcalc prints all of it",
    "manual_seed": "leave it out, and give --seed",
    "grad": "leave it out: gradcalc differentiates by itself",
    "zero_grad": "leave it out, and ask with --zero-grad",
}

#: How alike a word and a function's name are, for "did you mean".
_ALIKE = 0.7

#: Other spellings of parameters, from numpy.
_SPELLINGS = {"axis": "dim", "keepdims": "keepdim", "size": "shape"}


class Default(NamedTuple):
    """A parameter's default, in the place of an argument that is not given."""

    text: str
    span: Span


#: What stands for a value: a node of the tree, or a default.
Node = ast.expr | Default


@dataclass(slots=True)
class Call:
    """A call, its arguments told apart.

    Attributes:
        row: What is called.
        values: What it is applied to, in the order of the row's parameters.
        options: Its other arguments, by name.
        span: Where it stands.
        receiver: The expression whose method it is; None for a function.
        in_place: Whether it changes its receiver, as x.add_(1) does.
    """

    row: Function
    values: list[Node]
    options: dict[str, Any]
    span: Span
    receiver: ast.expr | None = None
    in_place: bool = False


class Calls:
    """Reads the calls of one expression."""

    def __init__(
        self, source: Source, is_assigned: Callable[[str], bool], known: Collection[str]
    ) -> None:
        """Prepare to read.

        Args:
            source: The expression.
            is_assigned: Whether a statement gave the name a value: `F.sum(0)` calls its method.
            known: Names of variables: `F.sum()` calls its method, but F.relu(x) is a function's.
        """
        self._source = source
        self._is_assigned = is_assigned
        self._known = known

    def read(self, node: ast.Call) -> Call:
        """Tell a call's arguments apart.

        Raises:
            GradcalcError: For an unknown function, and for arguments that it does not take.
        """
        row, in_place = self._callee(node)
        receiver = self._receiver(node)
        args: list[Node] = [*node.args] if receiver is None else [receiver, *node.args]
        if in_place and receiver is None and node.args:
            receiver = node.args[0]  # torch.exp_(x)
        call = Call(row, args, {}, self._source.span(node), receiver, in_place)
        if row.single and not node.keywords:
            return call
        keywords = self._keywords(node)
        names = [name for name, _ in keywords]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise self.argument_error(row, f"{row.name} gets `{twice}` twice", call.span)
        if row.name == "tensor" and len(args) == 1:
            self._refuse_torch_words(call, dict(keywords))
            listed = args[0] if isinstance(args[0], ast.List) else ast.List(elts=[*args])  # type: ignore[list-item]
            call.values, shape = self.elements(listed)
            call.options["shape"] = shape if listed is args[0] else ()
        elif row.single:
            self._by_name(call, keywords)
        else:
            self._with_options(call, args, dict(keywords))
        return call

    def part(self, node: ast.Attribute | ast.Subscript) -> Call | None:
        """The call of which the node takes a part, as in slogdet(A).logabsdet; None for others."""
        call = node.value
        if not isinstance(call, ast.Call):
            return None
        row, _ = self._callee(call)
        found = self.read(call) if row.parts else None
        if found is None or (row.pairwise and "dim" not in found.options):
            return None
        if isinstance(node, ast.Attribute):
            part = row.parts.index(node.attr) if node.attr in row.parts else None
        else:
            part = next((k for k in range(len(row.parts)) if _is_number(node.slice, k)), None)
            if part is None and row.pairwise and _is_number(node.slice, 1):
                message = "indices are no numbers to differentiate"
                raise GradcalcError(
                    Kind.SYNTAX,
                    message,
                    text=self._source.text,
                    span=self._source.span(node),
                    hint=f"take the values: {self._source.piece(found.span)}.values",
                )
        if part is None:
            return None
        found.span = self._source.span(node)
        if len(row.parts) > 1:
            found.options["part"] = part
        return found

    def elements(self, node: ast.List) -> tuple[list[Node], tuple[int, ...]]:
        """The elements of a list of lists, and its shape."""
        shape: list[int] = []
        level: list[ast.expr] = [node]
        while isinstance(level[0], ast.List | ast.Tuple):
            sizes = {len(getattr(part, "elts", ())) for part in level}
            lists = all(isinstance(part, ast.List | ast.Tuple) for part in level)
            if len(sizes) > 1 or not lists:
                raise GradcalcError(
                    Kind.SHAPE,
                    "the rows of this list are not of the same length",
                    text=self._source.text,
                    span=self._source.span(node),
                    hint="write as many numbers in each row, as in [[1, 2], [3, 4]]",
                )
            shape.append(sizes.pop())
            level = [element for part in level for element in part.elts]  # type: ignore[attr-defined]
            if not level:
                break
        if any(isinstance(element, ast.List | ast.Tuple) for element in level):
            raise GradcalcError(
                Kind.SHAPE, "a list holds numbers or lists, not both", text=self._source.text,
                span=self._source.span(node), hint="write as in [[1, 2], [3, 4]]",
            )  # fmt: skip
        return list(level), tuple(shape)

    def _receiver(self, node: ast.Call) -> ast.expr | None:
        """The expression whose method is called; None for a function."""
        callee = node.func
        if not isinstance(callee, ast.Attribute):
            return None
        value = callee.value
        if isinstance(value, ast.Name) and (
            self._is_assigned(value.id) or (value.id in self._known and not node.args)
        ):
            return value
        return None if is_prefix(value) else value

    def _callee(self, node: ast.Call) -> tuple[Function, bool]:
        """The row that is called, and whether it changes its tensor in place, as x.add_(1) does."""
        name = self._callee_name(node.func)
        row = lookup(name)
        if row is None and isinstance(node.func, ast.Attribute) and name.endswith("_"):
            row = lookup(name[:-1])
            if row is not None:
                return row, True
        if row is None:
            raise self._unknown(node.func, name)
        if row.pairwise is not None:
            receiver = self._receiver(node)
            others = node.args[1:] if receiver is None else node.args
            # As in torch, where max(x, 0) is along an axis; alone it is the larger of two.
            method = isinstance(node.func, ast.Attribute)
            axis = method and bool(others) and _is_whole(others[0])
            if others and not axis and not _has_dim(node):
                return TABLE[row.pairwise], False
        return row, False

    def _by_name(self, call: Call, keywords: list[tuple[str, ast.expr]]) -> None:
        """Put arguments that are given by name in their places."""
        row, args, span = call.row, call.values, call.span
        self.check_count(row, len(args), by_name=len(keywords), span=span)
        parameters = () if row.variadic else row.parameters
        named: dict[str, ast.expr] = {}
        for name, value in keywords:
            if all(parameter.name != name for parameter in parameters):
                raise self.argument_error(row, f"{row.name} has no `{name}`", span)
            if name in named or any(
                parameter.name == name for parameter in parameters[: len(args)]
            ):
                raise self.argument_error(row, f"{row.name} gets `{name}` twice", span)
            named[name] = value
        for parameter in parameters[len(args) :]:
            if parameter.name in named:
                args.append(named.pop(parameter.name))
            elif parameter.default is None:
                raise self.argument_error(row, f"{row.name} lacks `{parameter.name}`", span)
            elif named:
                args.append(Default(parameter.default, span))

    def _keywords(self, node: ast.Call) -> list[tuple[str, ast.expr]]:
        found = []
        for keyword in node.keywords:
            name = self._source.name(keyword)
            found.append((_SPELLINGS.get(name, name), keyword.value))
        return found

    def _with_options(self, call: Call, args: list[Node], named: dict[str, ast.expr]) -> None:
        """Part the values of a call from its options."""
        row, span, options = call.row, call.span, call.options
        self._refuse_torch_words(call, named)
        values: list[Node] = []
        rest = list(args)
        for parameter in row.parameters:
            given: Any = None
            if parameter.option and parameter.several and rest and parameter.name not in named:
                listed = len(rest) == 1 and isinstance(rest[0], ast.List | ast.Tuple)
                given = rest[0] if listed else ast.Tuple(elts=rest)  # type: ignore[arg-type]
                rest = []
            elif rest:
                given = rest.pop(0)
                if parameter.name in named:
                    raise self.argument_error(
                        row, f"{row.name} gets `{parameter.name}` twice", span
                    )
            elif parameter.name in named:
                given = named.pop(parameter.name)
            elif parameter.option and parameter.several and parameter.default is None:
                options[parameter.name] = ()
                continue
            elif parameter.default is None:
                raise self.argument_error(row, f"{row.name} lacks `{parameter.name}`", span)
            elif not parameter.option:
                continue
            if given is None:
                continue
            if parameter.spread and not parameter.option:
                values += [given, *rest]
                rest = []
                continue
            if not parameter.option:
                values += self._listed(call, given) if parameter.several else [given]
                continue
            try:
                value = option(given)
            except NotWrittenOut:
                raise self.argument_error(
                    row, f"`{parameter.name}` of {row.name} is written out, not calculated", span
                ) from None
            if parameter.several and not isinstance(value, tuple):
                value = (value,)
            options[parameter.name] = value
        if rest:
            most = len(row.parameters)
            raise self.argument_error(row, f"{row.name} takes {most} arguments at most", span)
        if named:
            raise self.argument_error(row, f"{row.name} has no `{next(iter(named))}`", span)
        call.values = values

    def _listed(self, call: Call, given: Node) -> list[Node]:
        """The values of an argument that is a list of them."""
        if not isinstance(given, ast.List | ast.Tuple) or not given.elts:
            problem = f"{call.row.name} takes a list of tensors"
            raise self.argument_error(call.row, problem, call.span)
        return list(given.elts)

    def _refuse_torch_words(self, call: Call, named: dict[str, ast.expr]) -> None:
        """Say what to do about `dtype`, `device` and `requires_grad`, which are options here."""
        advice = {
            "dtype": "leave it out: --dtype says it for all",
            "device": "leave it out: gradcalc calculates on the CPU",
            "requires_grad": "leave it out, and bind the variable with --at: --at x=[1,2]",
            "generator": "leave it out: --seed says it for all",
        }
        for name, value in named.items():
            if name not in advice or any(p.name == name for p in call.row.parameters):
                continue
            if name == "dtype" and re.search("int|long|bool", _word(value)):
                raise GradcalcError(
                    Kind.AUTOGRAD,
                    "a tensor of whole numbers cannot require grad: only floating-point ones can",
                    text=self._source.text,
                    span=call.span,
                    hint="leave the dtype out",
                )
            problem = f"`{name}` is no argument here"
            raise GradcalcError(
                Kind.SYNTAX, problem, text=self._source.text, span=call.span, hint=advice[name]
            )

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
        if name in NOTEBOOK:
            return GradcalcError(
                Kind.NAME,
                f"`{name}` is no part of the program",
                text=self._source.text,
                span=place,
                hint=NOTEBOOK[name],
            )
        text = self._source.text
        before, after = text[: place.start].lstrip(), text[place.stop :].rstrip()
        near = nearest(name, callable_names(), alike=_ALIKE)
        if near:
            hint = f"did you mean `{near}`?"
            lead, corrected = hint, f"{before}{near}{after}"
        else:
            hint = "`gradcalc functions` lists them all"
            lead, corrected = f"{hint}; for a product write", f"{before}{name}*{after}"
        return MendableError(
            Kind.NAME,
            f"unknown function `{name}`",
            text=text,
            span=place,
            lead=lead,
            corrected=(corrected,),
            hint=hint,
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
        hint = f"write {row.signature}"
        return GradcalcError(Kind.SYNTAX, message, text=self._source.text, span=span, hint=hint)


def is_prefix(node: ast.expr) -> bool:
    """Whether the expression before a dot is a module's name, such as torch.special."""
    while isinstance(node, ast.Attribute) and node.attr in PREFIXES:
        node = node.value
    return isinstance(node, ast.Name) and node.id in PREFIXES


def _word(node: ast.expr) -> str:
    """The last word of a name such as torch.int64, or of the text 'int64'."""
    return str(getattr(node, "attr", getattr(node, "id", getattr(node, "value", ""))))


def _has_dim(node: ast.Call) -> bool:
    return any(keyword.arg in {"dim", "axis", "keepdim", "keepdims"} for keyword in node.keywords)


def _is_whole(node: ast.expr) -> bool:
    """Whether it is a whole number, written out."""
    try:
        return type(option(node)) is int
    except NotWrittenOut:
        return False


def _is_number(node: ast.expr, number: int) -> bool:
    try:
        return index(node) == (number,)
    except NotWrittenOut:
        return False
