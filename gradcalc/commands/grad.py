"""`gradcalc grad` and `gradcalc check`: one question, one report."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gradcalc.commands.arguments import (
    At,
    Backward,
    DtypeName,
    Expression,
    File,
    Format,
    GradOutputs,
    NoRetainGraph,
    RetainGrad,
    SecondOrder,
    Seed,
    Timeout,
    Wrt,
    ZeroGrad,
    check_format,
    seconds,
)
from gradcalc.commands.streams import columns, program_text, use_color, warn, write
from gradcalc.render import FORMATS

if TYPE_CHECKING:
    from gradcalc.results.report import Report


def grad(
    expr: Expression = None,
    at: At = None,
    wrt: Wrt = None,
    second_order: SecondOrder = False,
    dtype: DtypeName = "float64",
    seed: Seed = 0,
    retain_grad: RetainGrad = None,
    grad_outputs: GradOutputs = None,
    backward: Backward = 1,
    zero_grad: ZeroGrad = False,
    no_retain_graph: NoRetainGraph = False,
    file: File = None,
    format: Format = "table",
    timeout: Timeout = 10.0,
) -> int:
    """Differentiate a program, and check autograd against calculus."""
    from gradcalc.ask.calculate import calculate
    from gradcalc.base.names import names, retained
    from gradcalc.base.options import Options
    from gradcalc.language.bindings import parse_bindings

    check_format(format)
    options = Options(
        wrt=None if wrt is None else names(wrt),
        second_order=second_order,
        dtype=dtype,
        seed=seed,
        retain_grad=retained(retain_grad),
        grad_outputs=",".join(grad_outputs) if grad_outputs else None,
        passes=backward,
        zero_grad=zero_grad,
        retain_graph=not no_retain_graph,
        latex=format == "latex",
        timeout=seconds(timeout),
    )
    return _show(calculate(program_text(expr, file), parse_bindings(at or ()), options), format)


def check(
    expr: Annotated[
        str, typer.Argument(metavar="EXPR", help="The expression; - reads it from standard input.")
    ],
    claim: Annotated[
        list[str],
        typer.Option(
            "--claim", metavar="NAME=FORMULA", help="A derivative by hand; may be repeated."
        ),
    ],
    at: At = None,
    dtype: DtypeName = "float64",
    format: Format = "table",
    timeout: Timeout = 10.0,
) -> int:
    """Judge derivatives by hand: right for all values, or wrong, where and why."""
    from gradcalc.ask.calculate import calculate
    from gradcalc.base.options import Options
    from gradcalc.language.bindings import parse_bindings

    check_format(format)
    options = Options(
        dtype=dtype, latex=format == "latex", timeout=seconds(timeout), claims=tuple(claim)
    )
    return _show(calculate(program_text(expr), parse_bindings(at or ()), options), format)


def _show(report: Report, format: str) -> int:
    """Print one report; return its exit code."""
    warn(report)
    write(FORMATS[format].whole(report, width=columns(), color=use_color(sys.stdout)))
    return report.exit_code
