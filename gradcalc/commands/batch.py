"""`gradcalc batch`: files of expressions, line by line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Annotated, Any

import typer

from gradcalc.commands.arguments import (
    DtypeName,
    Format,
    SecondOrder,
    Timeout,
    check_format,
    seconds,
)
from gradcalc.commands.streams import columns, opened, use_color, warn, write
from gradcalc.render import FORMATS, error_text


def batch(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|-]...", help="Files of expressions; - is standard input."),
    ] = None,
    second_order: SecondOrder = False,
    dtype: DtypeName = "float64",
    format: Format = "table",
    timeout: Timeout = 10.0,
) -> int:
    """Answer files of expressions, line by line."""
    check_format(format)
    if not files and sys.stdin.isatty():
        write(
            "gradcalc batch FILE... answers each line of its files, or of standard input.\n"
            "A line is what you would type after `gradcalc grad`, without the quotes:\n"
            "    u**3 + v**2 + 4*u*v   --at u=1,v=1.1\n"
            "Try: gradcalc batch examples.txt, or gradcalc batch --help\n"
        )
        return 0
    from dataclasses import replace

    from gradcalc.batch import Summary, answers
    from gradcalc.calculate import Options

    options = Options(
        second_order=second_order,
        dtype=dtype,
        latex=format == "latex",
        thorough=False,
        timeout=seconds(timeout),
    )
    renderer, summary = FORMATS[format], Summary()
    with contextlib.ExitStack() as stack:
        streams = [(stack.enter_context(opened(name)), name) for name in files or ["-"]]
        write(renderer.header)
        advance = stack.enter_context(_progress())
        for full in answers(_records(streams), options):
            summary.add(full)
            warn(full)
            # Many reports: on a terminal, tables of tensors and graphs would hide the verdicts.
            report = replace(full, tensors=(), graph=()) if format == "table" else full
            write(renderer.report(report, width=columns(), color=use_color(sys.stdout)))
            if report.error is not None:
                message = error_text(
                    report.error, report.source, report.line, color=use_color(sys.stderr)
                )
                sys.stderr.write(message)
            advance()
    sys.stderr.write(f"{summary.text()}\n")
    return summary.exit_code


def _records(streams: Sequence[tuple[IO[bytes], str]]) -> Iterator[Any]:
    from gradcalc.records import read

    for stream, name in streams:
        yield from read(stream, None if name == "-" else name)


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """A progress bar on standard error, if that is a terminal; yields what advances it."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import (
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (SpinnerColumn(), TextColumn("lines"), MofNCompleteColumn(), TimeElapsedColumn())
    # Where results go to the same terminal, rich prints them above the bar.
    bar = Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=True,
    )
    with bar:
        task = bar.add_task("lines", total=None)
        yield lambda: bar.advance(task)
