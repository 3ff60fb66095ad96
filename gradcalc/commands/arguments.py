"""The options that several commands share, and the checks of their values."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.render import formats

Expression = Annotated[
    str | None,
    typer.Argument(
        metavar="EXPR", help="The expression or program; - reads it from standard input."
    ),
]
File = Annotated[
    str | None, typer.Option("--file", metavar="PATH", help="Read the program from a file.")
]
At = Annotated[
    list[str] | None,
    typer.Option(
        "--at", metavar="NAME=VALUE,...", help="Values, as in u=1,v=pi/4; may be repeated."
    ),
]
Wrt = Annotated[
    str | None,
    typer.Option(
        "--wrt", metavar="NAMES", help="Differentiate by these; the others are constants."
    ),
]
SecondOrder = Annotated[bool, typer.Option("--second-order", help="Give the Hessian too.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="What rand and randn begin with.")]
RetainGrad = Annotated[
    str | None,
    typer.Option(
        "--retain-grad", metavar="NAMES|all", help="Named values that keep their gradients."
    ),
]
GradOutputs = Annotated[
    list[str] | None,
    typer.Option(
        "--grad-outputs",
        metavar="VALUE|ones",
        help="Weights of a result that is no single number; of several results, one for each.",
    ),
]
Backward = Annotated[
    int, typer.Option("--backward", metavar="N", help="Run backward so often; gradients add up.")
]
ZeroGrad = Annotated[
    bool, typer.Option("--zero-grad", help="Set gradients to 0 between the passes.")
]
NoRetainGraph = Annotated[
    bool, typer.Option("--no-retain-graph", help="Free the graph with the first pass.")
]
DtypeName = Annotated[str, typer.Option("--dtype", metavar="DTYPE", help="float64 or float32.")]
Format = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help=f"One of {', '.join(formats('report'))}.")
]


Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", help="What has no verdict by then is undecided."),
]


def check_format(name: str) -> None:
    """Refuse a format that there is none of."""
    if name not in formats("report"):
        raise GradcalcError(
            Kind.USAGE, f"unknown format `{name}`", hint=f"use {', '.join(formats('report'))}"
        )


def seconds(timeout: float) -> float:
    """The time limit, if it is one."""
    if not 0 < timeout < float("inf"):
        raise GradcalcError(
            Kind.USAGE,
            f"--timeout {timeout:g} is no time",
            hint="write seconds, as in --timeout 10",
        )
    return timeout
