"""`gradcalc functions`: what the function table holds."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.names import nearest
from gradcalc.commands.arguments import completed
from gradcalc.commands.streams import columns, use_color, write


def _names() -> Iterable[str]:
    from gradcalc.functions import callable_names

    return callable_names()


def functions(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Tell all about this one.",
            autocompletion=completed(_names),
        ),
    ] = None,
) -> int:
    """List the functions, or tell all about one of them."""
    from gradcalc.functions import TABLE
    from gradcalc.render.functions import FunctionPage, functions_table

    width, color = columns(), use_color(sys.stdout)
    if name is None:
        rows = [FunctionPage(row.name, row.aliases, row.doc, row.group) for row in TABLE.values()]
        write(functions_table(rows, width=width, color=color))
        return 0
    from gradcalc.render.functions import function_page

    write(function_page(_page(_row(name.strip())), width=width, color=color))
    return 0


def _row(name: str) -> Any:
    """The row of a name, of an alias, of an operator, or of a call such as torch.sin.

    Raises:
        GradcalcError: kind `name`, if there is none.
    """
    from gradcalc.functions import TABLE, callable_names, lookup
    from gradcalc.language.scope import CONSTANTS, PREFIXES

    *modules, bare = name.split(".")
    bare = bare if PREFIXES.issuperset(modules) else name
    operators = (row for row in TABLE.values() if name in {row.symbol, row.name})
    row = lookup(bare) or next(operators, None)
    if row is not None:
        return row
    if bare in CONSTANTS:
        message = f"`{bare}` is a constant and no function"
        raise GradcalcError(Kind.NAME, message, hint=f"use it in an expression, as in {bare}*x")
    names = {known.lower(): known for known in reversed(callable_names())}
    near = nearest(bare.lower(), names)
    hint = f"did you mean `{names[near]}`?" if near else "`gradcalc functions` lists them all"
    raise GradcalcError(Kind.NAME, f"unknown function `{name}`", hint=hint)


def _page(row: Any) -> Any:
    """A row of the function table as its renderer wants it."""
    from gradcalc.render.functions import FunctionPage

    if not row.entrywise:
        program, _, at = row.trials[0].partition(" --at ")
        example = f'gradcalc grad "{program}" --at "{at.partition(" --")[0]}"'
        return FunctionPage(row.signature, row.aliases, row.doc, row.group, example=example)
    moving = [parameter.name for parameter in row.parameters if not parameter.static]
    return FunctionPage(
        name=row.signature,
        aliases=row.aliases,
        doc=row.doc,
        group=row.group,
        derivative=tuple(zip(moving, row.derivative, strict=True)),
        domain=row.domain,
        kinks=tuple(_kink(kink, row) for kink in row.kinks) or ("none",),
    )


def _kink(kink: Any, row: Any) -> str:
    """A kink and what torch answers there: the one installed, and those that answer otherwise."""
    from importlib.metadata import version

    versions = list(kink.gradients)
    place = versions.index(kink.answered_by(version("torch")))
    answers = [", ".join(f"{number:g}" for number in g) for g in kink.gradients.values()]
    # Of older versions it is told until when they did, of newer ones since when they do.
    others = [f"before {versions[k + 1]}: {answers[k]}" for k in range(place)]
    others += [f"since {versions[k]}: {answers[k]}" for k in range(place + 1, len(versions))]
    at = [f"{p.name}={number:g}" for p, number in zip(row.parameters, kink.at, strict=False)]
    plain = [p.name for p in row.parameters if not p.static][len(kink.gradients[versions[place]]) :]
    return (
        f"at {', '.join(at)}"
        + (f" with {' and '.join(plain)} plain numbers" if len(plain) > 1 else "")
        + (f" with {plain[0]} a plain number" if len(plain) == 1 else "")
        + f", where torch answers {answers[place]}"
        + (f" ({', '.join(others)})" if others else "")
    )
