"""`gradcalc functions`: what the function table holds."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.names import did_you_mean
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
    """List the functions, or tell about one: derivative, domain, kinks."""
    from gradcalc.functions import TABLE, lookup
    from gradcalc.render.functions import FunctionPage, functions_table

    width, color = columns(), use_color(sys.stdout)
    if name is None:
        rows = [FunctionPage(row.name, row.aliases, row.doc, row.group) for row in TABLE.values()]
        write(functions_table(rows, width=width, color=color))
        return 0
    row = lookup(name.strip())
    if row is None:
        raise _unknown_function(name)
    from gradcalc.render.functions import function_page

    write(function_page(_page(row), width=width, color=color))
    return 0


def _unknown_function(name: str) -> GradcalcError:
    from gradcalc.functions import callable_names

    hint = did_you_mean(name, callable_names(), "`gradcalc functions` lists them all")
    return GradcalcError(Kind.NAME, f"unknown function `{name}`", hint=hint)


def _page(row: Any) -> Any:
    """A row of the function table as its renderer wants it."""
    from gradcalc.render.functions import FunctionPage

    moving = [parameter.name for parameter in row.parameters if not parameter.static]

    if not row.entrywise:
        program, _, at = row.trials[0].partition(" --at ")
        example = f'gradcalc grad "{program}" --at "{at.partition(" --")[0]}"'
        return FunctionPage(row.signature, row.aliases, row.doc, row.group, example=example)
    kinks = "; ".join(_kink(kink, len(moving)) for kink in row.kinks)
    return FunctionPage(
        name=row.signature,
        aliases=row.aliases,
        doc=row.doc,
        group=row.group,
        derivative=tuple(zip(moving, row.derivative, strict=True)),
        domain=row.domain,
        kinks=kinks or "none",
    )


def _kink(kink: Any, moving: int) -> str:
    """A kink and what torch answers there: the one installed, and those that answer otherwise."""
    from importlib.metadata import version

    versions = list(kink.gradients)
    place = versions.index(kink.answered_by(version("torch")))
    answers = [", ".join(f"{number:g}" for number in g) for g in kink.gradients.values()]
    # Of older versions it is told until when they did, of newer ones since when they do.
    others = [f"before {versions[k + 1]}: {answers[k]}" for k in range(place)]
    others += [f"since {versions[k]}: {answers[k]}" for k in range(place + 1, len(versions))]
    return (
        f"at {', '.join(f'{number:g}' for number in kink.at)}, where torch answers {answers[place]}"
        + (" beside plain numbers" if len(kink.gradients[versions[place]]) < moving else "")
        + (f" ({', '.join(others)})" if others else "")
    )
