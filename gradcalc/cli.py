"""The command line: options in, `calculate`, `render`, exit code out.

`main` is the only place that exits. Help, listings and errors in the input import neither torch nor
sympy: those are imported when a witness first needs them.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from gradcalc import __version__, limits
from gradcalc.errors import GradcalcError, Kind
from gradcalc.render import FORMATS, error_text, warning_text

if TYPE_CHECKING:
    from gradcalc.report import Report

app = typer.Typer(
    name="gradcalc",
    help="Gradients by calculus (sympy) and by autograd (torch), and whether the two agree.",
    epilog="Try: gradcalc grad 'u**3+v**2+4*u*v' --at u=1,v=1.1",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: The parent of typer.BadParameter: what typer raises for an unknown option and the like. Typer
#: exports no name for it.
_UsageError: Any = typer.BadParameter.__mro__[1]

_Expression = Annotated[
    str | None,
    typer.Argument(
        metavar="EXPR", help="The expression or program; - reads it from standard input."
    ),
]
_File = Annotated[
    str | None, typer.Option("--file", metavar="PATH", help="Read the program from a file.")
]
_At = Annotated[
    list[str] | None,
    typer.Option(
        "--at", metavar="NAME=VALUE,...", help="Values, as in u=1,v=pi/4; may be repeated."
    ),
]
_Wrt = Annotated[
    str | None,
    typer.Option(
        "--wrt", metavar="NAMES", help="Differentiate by these; the others are constants."
    ),
]
_SecondOrder = Annotated[bool, typer.Option("--second-order", help="Give the Hessian too.")]
_Seed = Annotated[int, typer.Option("--seed", metavar="N", help="What rand and randn begin with.")]
_RetainGrad = Annotated[
    str | None,
    typer.Option(
        "--retain-grad", metavar="NAMES|all", help="Named values that keep their gradients."
    ),
]
_GradOutputs = Annotated[
    list[str] | None,
    typer.Option(
        "--grad-outputs",
        metavar="VALUE|ones",
        help="Weights of a result that is no single number; of several results, one for each.",
    ),
]
_Backward = Annotated[
    int, typer.Option("--backward", metavar="N", help="Run backward so often; gradients add up.")
]
_ZeroGrad = Annotated[
    bool, typer.Option("--zero-grad", help="Set gradients to 0 between the passes.")
]
_NoRetainGraph = Annotated[
    bool, typer.Option("--no-retain-graph", help="Free the graph with the first pass.")
]
_DtypeName = Annotated[str, typer.Option("--dtype", metavar="DTYPE", help="float64 or float32.")]
_Format = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.")
]


_Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", help="What has no verdict by then is undecided."),
]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character shows its code instead of failing.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    arguments = [_protected(word) for word in (sys.argv[1:] if argv is None else argv)]
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except (BrokenPipeError, _ClosedPipe):
        # Whoever read our output has seen enough. Python would complain once more on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Run a command; return the exit code."""
    try:
        result = app(arguments, standalone_mode=False, prog_name="gradcalc")
    except GradcalcError as error:
        return _fail(error, arguments)
    except _UsageError as problem:
        command = f"{arguments[0]} " if arguments and arguments[0] in _COMMANDS else ""
        message = problem.format_message().rstrip(".")
        hint = f"gradcalc {command}--help lists the options"
        return _fail(GradcalcError(Kind.USAGE, message, hint=hint), arguments)
    except typer.Abort:
        return 130
    return result if isinstance(result, int) else 0


_COMMANDS = frozenset({"grad", "check", "batch", "functions"})


def _protected(word: str) -> str:
    """Keep an expression such as -x**2 from being read as an option, by a space before it."""
    # No option has one letter: --x is minus minus x.
    is_option = word in {"-", "-h", "--"} or re.fullmatch(r"--[a-z][a-z-]+(=.*)?", word, re.DOTALL)
    return word if is_option or not word.startswith("-") else f" {word}"


def _fail(error: GradcalcError, arguments: Sequence[str]) -> int:
    """Say what is wrong on standard error, and on standard output in the asked format."""
    from gradcalc.report import Report

    sys.stderr.write(error_text(error, color=_color(sys.stderr)))
    asked = _asked_format(arguments)
    if asked != "table" and asked in FORMATS:
        expression = error.text or next((w for w in arguments[1:] if not w.startswith("--")), "")
        _write(
            FORMATS[asked].header + FORMATS[asked].report(Report(expression.strip(), error=error))
        )
    return 2


def _asked_format(arguments: Sequence[str]) -> str:
    asked = "table"
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word == "--format":
            asked = following
        elif word.startswith("--format="):
            asked = word.partition("=")[2]
    return asked


# --- Streams --------------------------------------------------------------------------------------


def _color(stream: IO[str]) -> bool:
    """Whether a stream gets colour: see https://no-color.org and https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _width() -> int | None:
    """Columns of the terminal; None where output goes elsewhere and is not to be wrapped."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class _ClosedPipe(Exception):  # noqa: N818 - no error, nor an OSError: typer would exit with 1
    """Whoever read our output has gone."""


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise _ClosedPipe from None


def _warn(report: Report) -> None:
    for warning in report.warnings:
        sys.stderr.write(warning_text(warning, color=_color(sys.stderr)))


def _check_format(name: str) -> None:
    if name not in FORMATS:
        raise GradcalcError(
            Kind.USAGE, f"unknown format `{name}`", hint=f"use {', '.join(FORMATS)}"
        )


def _seconds(timeout: float) -> float:
    if not 0 < timeout < float("inf"):
        raise GradcalcError(
            Kind.USAGE,
            f"--timeout {timeout:g} is no time",
            hint="write seconds, as in --timeout 10",
        )
    return timeout


# --- Commands -------------------------------------------------------------------------------------


def _version(wanted: bool) -> None:
    if wanted:
        _write(f"gradcalc {__version__}\n")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def grad(
    expr: _Expression = None,
    at: _At = None,
    wrt: _Wrt = None,
    second_order: _SecondOrder = False,
    dtype: _DtypeName = "float64",
    seed: _Seed = 0,
    retain_grad: _RetainGrad = None,
    grad_outputs: _GradOutputs = None,
    backward: _Backward = 1,
    zero_grad: _ZeroGrad = False,
    no_retain_graph: _NoRetainGraph = False,
    file: _File = None,
    format: _Format = "table",
    timeout: _Timeout = 10.0,
) -> int:
    """Differentiate a program, and check autograd against calculus."""
    from gradcalc.bindings import parse_bindings
    from gradcalc.calculate import Options, calculate
    from gradcalc.records import names, retained

    _check_format(format)
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
        timeout=_seconds(timeout),
    )
    return _show(calculate(_text(expr, file), parse_bindings(at or ()), options), format)


@app.command()
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
    at: _At = None,
    dtype: _DtypeName = "float64",
    format: _Format = "table",
    timeout: _Timeout = 10.0,
) -> int:
    """Judge derivatives by hand: right for all values, or wrong, where and why."""
    from gradcalc.bindings import parse_bindings
    from gradcalc.calculate import Options, calculate

    _check_format(format)
    options = Options(
        dtype=dtype, latex=format == "latex", timeout=_seconds(timeout), claims=tuple(claim)
    )
    return _show(calculate(_text(expr), parse_bindings(at or ()), options), format)


def _text(expr: str | None, file: str | None = None) -> str:
    """The program itself, or what standard input or the file holds."""
    if (expr is None) == (file is None):
        message = "there is no program" if expr is None else "a program is given twice"
        raise GradcalcError(
            Kind.USAGE, message, hint='write one, as in "u**3 + v**2", or name a --file'
        )
    if file is not None:
        with _open(file) as stream:
            return _decoded(stream.read(limits.TEXT_LENGTH * 4 + 1), file)
    if expr == "-":
        return _decoded(sys.stdin.buffer.read(limits.TEXT_LENGTH * 4 + 1), "standard input")
    return (expr or "").removeprefix(" ").rstrip("\r\n")


def _decoded(raw: bytes, source: str) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise GradcalcError(
            Kind.SYNTAX,
            f"{source}: byte {problem.start + 1} is not UTF-8",
            hint="save it as UTF-8",
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def _show(report: Report, format: str) -> int:
    """Print one report; return its exit code."""
    _warn(report)
    renderer = FORMATS[format]
    _write(renderer.header + renderer.report(report, width=_width(), color=_color(sys.stdout)))
    return report.exit_code


@app.command()
def batch(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|-]...", help="Files of expressions; - is standard input."),
    ] = None,
    second_order: _SecondOrder = False,
    dtype: _DtypeName = "float64",
    format: _Format = "table",
    timeout: _Timeout = 10.0,
) -> int:
    """Answer files of expressions, line by line."""
    _check_format(format)
    if not files and sys.stdin.isatty():
        _write(
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
        timeout=_seconds(timeout),
    )
    renderer, summary = FORMATS[format], Summary()
    with contextlib.ExitStack() as stack:
        streams = [(stack.enter_context(_open(name)), name) for name in files or ["-"]]
        _write(renderer.header)
        advance = stack.enter_context(_progress())
        for full in answers(_records(streams), options):
            summary.add(full)
            _warn(full)
            # Many reports: on a terminal, tables of tensors and graphs would hide the verdicts.
            report = replace(full, tensors=(), graph=()) if format == "table" else full
            _write(renderer.report(report, width=_width(), color=_color(sys.stdout)))
            if report.error is not None:
                message = error_text(
                    report.error, report.source, report.line, color=_color(sys.stderr)
                )
                sys.stderr.write(message)
            advance()
    sys.stderr.write(f"{summary.text()}\n")
    return summary.exit_code


def _records(streams: Sequence[tuple[IO[bytes], str]]) -> Iterator[Any]:
    from gradcalc.records import read

    for stream, name in streams:
        yield from read(stream, None if name == "-" else name)


def _open(name: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    if name == "-":
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return Path(name).open("rb")
    except OSError as problem:
        reason = (problem.strerror or "it cannot be read").lower()
        raise GradcalcError(
            Kind.USAGE, f"{name}: {reason}", hint="give the name of a file, or - for standard input"
        ) from None


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


@app.command()
def functions(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Tell all about this one.")
    ] = None,
) -> int:
    """List the functions, or tell about one: derivative, domain, kinks."""
    from gradcalc.functions import TABLE, lookup
    from gradcalc.render.functions import FunctionRow, functions_table

    width, color = _width(), _color(sys.stdout)
    if name is None:
        rows = [FunctionRow(row.name, row.aliases, row.group, row.doc) for row in TABLE.values()]
        _write(functions_table(rows, width=width, color=color))
        return 0
    row = lookup(name.strip())
    if row is None:
        raise _unknown_function(name)
    from gradcalc.render.functions import function_page

    _write(function_page(_page(row), width=width, color=color))
    return 0


def _unknown_function(name: str) -> GradcalcError:
    import difflib

    from gradcalc.functions import callable_names

    near = difflib.get_close_matches(name, callable_names(), n=1)
    hint = f"did you mean `{near[0]}`?" if near else "`gradcalc functions` lists them all"
    return GradcalcError(Kind.NAME, f"unknown function `{name}`", hint=hint)


def _page(row: Any) -> Any:
    """A row of the function table as its renderer wants it."""
    from gradcalc.render.functions import FunctionPage

    moving = [parameter.name for parameter in row.parameters if not parameter.static]

    def numbers(point: tuple[float, ...]) -> str:
        return ", ".join(f"{number:g}" for number in point)

    if not row.entrywise:
        program, _, at = row.trials[0].partition(" --at ")
        example = f'gradcalc grad "{program}" --at "{at.partition(" --")[0]}"'
        return FunctionPage(row.signature, row.aliases, row.doc, (), "", "", example)
    kinks = "; ".join(
        f"at {numbers(at)}, where torch answers {numbers(gradient)}" for at, gradient in row.kinks
    )
    return FunctionPage(
        name=row.signature,
        aliases=row.aliases,
        doc=row.doc,
        derivative=tuple(zip(moving, row.derivative, strict=True)),
        domain=row.domain,
        kinks=kinks or "none",
    )
