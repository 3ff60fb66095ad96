"""The command line: the commands put together, errors, exit code out.

`main` is the only place that exits. Help, listings and errors in the input import neither torch nor
sympy: those are imported when a witness first needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from gradcalc import __version__
from gradcalc.base.errors import GradcalcError, Kind, internal_error, too_little_memory
from gradcalc.commands.batch import batch
from gradcalc.commands.functions import functions
from gradcalc.commands.grad import check, grad
from gradcalc.commands.streams import ClosedPipe, drop_output, open_streams, use_color, write
from gradcalc.commands.sweep import sweep
from gradcalc.commands.words import Command, Group, Words, commands_with
from gradcalc.render import FORMATS, error_text, formats

app = typer.Typer(
    name="gradcalc",
    cls=Group,
    help="Gradients by calculus (SymEngine, sympy) and by autograd (torch), "
    "and whether the two agree.",
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
    arguments = list(sys.argv[1:] if argv is None else argv) or ["-h"]
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
        message = problem.format_message().rstrip(".")
        hint = _usage_hint(arguments)
        return _fail(GradcalcError(Kind.USAGE, message, hint=hint), arguments)
    except typer.Abort:
        return 130
    except SystemExit as left:
        # So typer ends where whoever reads its help has gone; 1 would say that something disagrees.
        if isinstance(left.__context__, BrokenPipeError):
            raise ClosedPipe from None
        raise
    except (BrokenPipeError, ClosedPipe, KeyboardInterrupt):
        raise
    except MemoryError:
        return _fail(too_little_memory(), arguments)
    except BaseException as problem:  # noqa: BLE001 - a user can do nothing with a traceback
        try:
            # typer writes help and completions without us. What the system refused then, it
            # refuses again.
            write("")
        except GradcalcError as unwritten:
            return _fail(unwritten, arguments)
        import shlex

        command = shlex.join(["gradcalc", *arguments])
        return _fail(internal_error(problem, f"the command: {command}"), arguments)
    return result if isinstance(result, int) else 0


_COMMANDS = {command.__name__: command for command in (grad, check, batch, sweep, functions)}


def _usage_hint(arguments: Sequence[str]) -> str:
    """What to write instead of words that typer refused."""
    if commands_with(arguments[0], app):
        return "options follow the command, as in gradcalc grad 'x**2' --at x=3"
    with_one_dash = [word for word in arguments if commands_with(f"-{word}", app)]
    if with_one_dash:
        return f"options have two dashes: -{with_one_dash[0]}"
    for word in arguments if arguments[0] in _COMMANDS else ():
        others = commands_with(word, app)
        if others and arguments[0] not in others:
            return f"gradcalc {others[0]} takes {word.partition('=')[0]}"
    command = f"{arguments[0]} " if arguments[0] in _COMMANDS else ""
    return f"gradcalc {command}--help lists the options"


def _fail(error: GradcalcError, arguments: Sequence[str]) -> int:
    """Say what is wrong on standard error, and on standard output in the asked format."""
    sys.stderr.write(error_text(error, color=use_color(sys.stderr)))
    if not any(word.startswith("--format") for word in arguments):
        return error.exit_code
    words = Words.of(arguments, app)
    if words.asked_format in formats("report") and words.asked_format != "table":
        from gradcalc.results.report import Report

        try:
            report = Report(words.expression(error).strip(), error=error)
            write(FORMATS[words.asked_format].whole(report))
        except GradcalcError as unwritten:
            sys.stderr.write(error_text(unwritten, color=use_color(sys.stderr)))
    return error.exit_code


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
    app.command(cls=Command)(_command)
