"""The command line: the commands put together, errors, exit code out.

`main` is the only place that exits. Help, listings and errors in the input import neither torch nor
sympy: those are imported when a witness first needs them.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from gradcalc import __version__
from gradcalc.base.errors import GradcalcError, Kind, internal_error
from gradcalc.commands.batch import batch
from gradcalc.commands.functions import functions
from gradcalc.commands.grad import check, grad
from gradcalc.commands.streams import ClosedPipe, drop_output, open_streams, use_color, write
from gradcalc.commands.sweep import sweep
from gradcalc.render import FORMATS, error_text, formats

app = typer.Typer(
    name="gradcalc",
    help="Gradients by calculus (SymEngine, sympy) and by autograd (torch), and if the two agree.",
    epilog="Try: gradcalc grad 'u**3+v**2+4*u*v' --at u=1,v=1.1",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: The parent of typer.BadParameter: what typer raises for an unknown option and the like. Typer
#: exports no name for it.
_UsageError: Any = typer.BadParameter.__mro__[1]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    open_streams()
    arguments = [_protected(word) for word in (sys.argv[1:] if argv is None else argv)] or ["-h"]
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except (BrokenPipeError, ClosedPipe):
        # Whoever read our output has seen enough.
        drop_output()
        code = 0
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Run a command; return the exit code."""
    try:
        result = app(arguments, standalone_mode=False, prog_name="gradcalc")
        if result and arguments[0].endswith("-completion"):
            raise GradcalcError(  # noqa: TRY301 - it is told like all others
                Kind.USAGE,
                "there is no completion for the shell that this was started from",
                hint="start bash, zsh, fish or PowerShell, and try it there",
            )
    except GradcalcError as error:
        return _fail(error, arguments)
    except _UsageError as problem:
        command = f"{arguments[0]} " if arguments[0] in _COMMANDS else ""
        message = problem.format_message().rstrip(".")
        hint = f"gradcalc {command}--help lists the options"
        return _fail(GradcalcError(Kind.USAGE, message, hint=hint), arguments)
    except typer.Abort:
        return 130
    except (BrokenPipeError, ClosedPipe, KeyboardInterrupt, SystemExit):
        raise
    except MemoryError:
        message = "there is too little memory for this"
        return _fail(GradcalcError(Kind.LIMIT, message, hint="make it smaller"), arguments)
    except BaseException as problem:  # noqa: BLE001 - a user can do nothing with a traceback
        import shlex

        command = shlex.join(word.removeprefix(" ") for word in ("gradcalc", *arguments))
        return _fail(internal_error(problem, f"the command: {command}"), arguments)
    return result if isinstance(result, int) else 0


_COMMANDS = {command.__name__: command for command in (grad, check, batch, sweep, functions)}


def _protected(word: str) -> str:
    """Keep an expression such as -x**2 from being read as an option, by a space before it."""
    # No option has one letter: --x is minus minus x.
    short = {"-", "-h", "-o", "--"}
    is_option = word in short or re.fullmatch(r"--[a-z][a-z-]+(=.*)?", word, re.DOTALL)
    return word if is_option or not word.startswith("-") else f" {word}"


def _fail(error: GradcalcError, arguments: Sequence[str]) -> int:
    """Say what is wrong on standard error, and on standard output in the asked format."""
    sys.stderr.write(error_text(error, color=use_color(sys.stderr)))
    asked = _asked_format(arguments)
    if asked != "table" and asked in formats("report"):
        from gradcalc.results.report import Report

        expression = error.text or next((w for w in arguments[1:] if not w.startswith("--")), "")
        try:
            write(FORMATS[asked].whole(Report(expression.strip(), error=error)))
        except GradcalcError as unwritten:
            sys.stderr.write(error_text(unwritten, color=use_color(sys.stderr)))
    return error.exit_code


def _asked_format(arguments: Sequence[str]) -> str:
    asked = "table"
    for word, following in itertools.pairwise([*arguments, ""]):
        if word == "--format":
            asked = following
        elif word.startswith("--format="):
            asked = word.partition("=")[2]
    return asked


def _version(wanted: bool) -> None:
    if wanted:
        write(f"gradcalc {__version__}\n")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


for _command in _COMMANDS.values():
    app.command()(_command)
