"""`gradcalc sweep`: one expression at many points."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradcalc.base import interrupts
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.names import did_you_mean
from gradcalc.commands.arguments import asked, takes
from gradcalc.commands.progress import progress
from gradcalc.commands.streams import program_text, tell, use_color, writing
from gradcalc.render import FORMATS, Format, format_of, warning_text

if TYPE_CHECKING:
    from gradcalc.base.dtypes import Dtype
    from gradcalc.base.options import Options
    from gradcalc.language.bindings import Binding
    from gradcalc.program.program import Program
    from gradcalc.sweep.points import Axis, Points
    from gradcalc.sweep.sweep import Sweep

#: Names of columns beside those of the variables.
_COLUMNS = frozenset({"value", "verdict", "note"})


@takes(first=("points", "over"))
def sweep(
    expr: Annotated[
        str, typer.Argument(metavar="EXPR", help="The expression; - reads it from standard input.")
    ],
    points: Annotated[
        str | None,
        typer.Option("--points", metavar="FILE", help="Points: a .csv, .parquet or .npy file."),
    ] = None,
    over: Annotated[
        list[str] | None,
        typer.Option(
            "--over",
            metavar="NAME=START:STOP:COUNT",
            help="Evenly spaced values, both ends among them; several of these multiply.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", metavar="OUT", help="A .csv, .parquet or .npy file; else CSV."
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="DEVICE", help="Where torch calculates: cpu or cuda.")
    ] = "cpu",
    **given: Any,
) -> int:
    """Judge derivatives at many points, of files and grids."""
    from gradcalc.ask.isolation import one_thread
    from gradcalc.ask.question import name_warnings
    from gradcalc.base.options import dtype_of
    from gradcalc.language.bindings import files_in
    from gradcalc.sweep.points import parse_axis

    form = FORMATS["csv"] if output is None else format_of(output, "tables")
    if device not in {"cpu", "cuda"}:
        raise GradcalcError(Kind.USAGE, f"unknown device `{device}`", hint="use cpu or cuda")
    fixed, options = asked(given, thorough=False)
    dtype = dtype_of(options.dtype)
    if points is not None and over:
        message = "a sweep goes over the points of one file, or over a grid, not both"
        raise GradcalcError(Kind.USAGE, message, hint="leave --points or --over out")
    if points is None and not over:
        raise GradcalcError(
            Kind.USAGE,
            "a sweep goes over the points of one file, or over a grid",
            hint="add --points FILE, or --over x=-2:2:1001",
        )
    axes = [parse_axis(text, lambda end: _value(end, dtype)) for text in over or ()]
    program = _program(program_text(expr), axes, fixed, options)
    where = _points(points, axes, program, fixed)
    for warning in name_warnings(program, set(program.names)):
        tell(warning_text(warning, color=use_color(sys.stderr)))
    values = {binding.name: _value(binding, dtype) for binding in fixed}
    _check_device(device)
    from gradcalc.sweep.sweep import Sweep

    run = Sweep(program, where.names, values, options, device)
    inputs = [name for text in given["at"] or () for name in files_in(text)]
    inputs += [points] if points is not None else []
    inputs += ["-"] if expr == "-" else []
    with interrupts.Raised(), one_thread():
        _write(run, where, form, output, inputs)
    tell(f"{run.summary.text()}\n")
    return run.summary.exit_code


def _program(
    text: str, axes: Sequence[Axis], fixed: Sequence[Binding], options: Options
) -> Program:
    """The program, whose variables all get values.

    Raises:
        GradcalcError: If they do not, or a value has no variable, or a column has a variable's
            name.
    """
    from gradcalc.ask.question import variables_of
    from gradcalc.language.parser import parse

    names = [*(axis.name for axis in axes), *(binding.name for binding in fixed)]
    program = parse(text, variables=names)
    variables_of(program, options.wrt)
    for number, name in enumerate(names):
        if name in names[:number]:
            raise GradcalcError(
                Kind.BINDING, f"`{name}` is bound twice", hint="leave one of the values out"
            )
        if name not in program.names:
            raise GradcalcError(
                Kind.BINDING,
                f"`{name}` does not occur in the expression",
                hint=did_you_mean(name, program.names, "leave it out"),
            )
    for variable in program.inputs:
        if variable.name in _COLUMNS:
            raise GradcalcError(
                Kind.NAME,
                f"`{variable.name}` is the name of a column of the answers",
                text=program.text,
                span=variable.span,
                hint="give the variable another name",
            )
        if axes and variable.name not in names:
            raise GradcalcError(
                Kind.BINDING,
                f"`{variable.name}` has no value",
                text=program.text,
                span=variable.span,
                hint=f"add --over {variable.name}=-2:2:101, or --at {variable.name}=1",
            )
    return program


def _points(
    file: str | None,
    axes: Sequence[Axis],
    program: Program,
    fixed: Sequence[Binding],
) -> Points:
    """The points of a grid, or of a file."""
    from gradcalc.sweep.points import grid, read

    if file is None:
        return grid(axes)
    bound = {binding.name for binding in fixed}
    return read(file, [name for name in program.names if name not in bound])


def _value(binding: Binding, dtype: Dtype) -> float:
    from gradcalc.ask.values import draws_of, value_of
    from gradcalc.base.options import Options

    array = value_of(binding, dtype, draws_of(Options()))
    if array.shape:
        raise GradcalcError(
            Kind.BINDING,
            f"`{binding.name}` is a tensor; a sweep takes numbers alone",
            text=binding.text,
            span=binding.span,
            hint="`gradcalc grad` and `gradcalc batch` take it, a point at a time",
        )
    return array.numbers[0]


def _check_device(device: str) -> None:
    if device != "cpu" and not _has_cuda():
        raise GradcalcError(
            Kind.USAGE, "torch finds no CUDA device here", hint="leave --device out"
        )


def _has_cuda() -> bool:
    from gradcalc.functions import torch

    return bool(torch.cuda.is_available())


def _write(
    asked: Sweep, points: Points, form: Format, output: str | None, inputs: Sequence[str]
) -> None:
    """Write the answers, a chunk at a time."""
    from gradcalc.sweep.sweep import CHUNK

    drawing = form.tables(asked.columns)
    # A bar would stand among the answers where both go to the terminal.
    shown = output is not None or not sys.stdout.isatty()
    writer = writing(output, inputs, twice=form.twice)
    with progress("points", points.count, shown=shown) as advance, writer as put:
        begun = False
        try:
            for table in asked.tables(points.chunks(CHUNK)):
                if not begun:
                    put(drawing.header)
                    begun = True
                for piece in drawing.draw(table):
                    put(piece)
                advance(asked.summary.total, asked.summary.total)
        except BaseException:
            if begun:
                # With it, what is there can be read, unless it was cut off within a piece.
                with contextlib.suppress(Exception):
                    put(drawing.footer)
            raise
        put(drawing.footer)
