"""`gradcalc grad` and `gradcalc check`: one question, one report."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from gradcalc.commands.arguments import Expression, File, Format, asked, check_format, takes
from gradcalc.commands.streams import columns, program_text, use_color, warn, write
from gradcalc.render import FORMATS


@takes()
def grad(expr: Expression = None, file: File = None, format: Format = "table", **given: Any) -> int:
    """Differentiate a program, and check autograd against calculus."""
    return _answer(expr, file, format, given)


@takes("claim")
def check(
    expr: Annotated[
        str, typer.Argument(metavar="EXPR", help="The expression; - reads it from standard input.")
    ],
    format: Format = "table",
    **given: Any,
) -> int:
    """Judge derivatives worked out by hand: right, or where wrong."""
    return _answer(expr, None, format, given)


def _answer(expr: str | None, file: str | None, format: str, given: dict[str, Any]) -> int:
    """Print one report; return its exit code."""
    check_format(format)
    bindings, options = asked(given, latex=format == "latex", formulas=FORMATS[format].formulas)
    from gradcalc.ask.calculate import calculate

    report = calculate(program_text(expr, file), bindings, options)
    warn(FORMATS[format].warnings(report))
    write(FORMATS[format].whole(report, width=columns(), color=use_color(sys.stdout)))
    return report.exit_code
