"""What the commands take, as typer wants to know it: the declared options, and their own in common.

In: `base.options`, where options are declared. Out: the signatures of the commands.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Option, Options, options_in, read_texts
from gradcalc.base.readings import FLAG
from gradcalc.render import formats

if TYPE_CHECKING:
    from gradcalc.language.bindings import Binding

Command = Callable[..., int]
Parameter = inspect.Parameter


def completed(words: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """What a shell completes a word to; of words parted by commas, the last one."""

    def completions(incomplete: str) -> list[str]:
        before, comma, _ = incomplete.rpartition(",")
        return [f"{before}{comma}{word}" for word in words()]

    return completions


def format_option(note: str = "") -> Any:
    """The option `--format`; the note goes on with its help."""
    names = formats("report")
    return typer.Option(
        "--format",
        metavar="FORMAT",
        help=f"One of {', '.join(names)}{note}.",
        autocompletion=completed(lambda: names),
    )


Expression = Annotated[
    str | None,
    typer.Argument(
        metavar="EXPR", help="The expression or program; - reads it from standard input."
    ),
]
File = Annotated[
    str | None, typer.Option("--file", metavar="PATH", help="Read the program from a file.")
]
Format = Annotated[str, format_option()]


def takes(*needed: str, first: Collection[str] = ()) -> Callable[[Command], Command]:
    """Give a command the options that are declared for it; it gets them as `**given`.

    In its help those stand first which it is called for, and its own others last.

    Args:
        needed: The names of those without which it cannot be called.
        first: The parameters of its own options that it is called for.
    """

    def with_options(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True)
        leading: list[Parameter] = []
        others: list[Parameter] = []
        for parameter in own.parameters.values():
            if parameter.kind is not Parameter.VAR_KEYWORD:
                info = parameter.annotation.__metadata__[0]
                is_option = isinstance(info, typer.models.OptionInfo)
                kind = others if is_option and parameter.name not in first else leading
                kind.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
        # Sorting is stable: the others keep the order of their declaration.
        declared = sorted(
            options_in(command.__name__), key=lambda option: option.name not in needed
        )
        options = [_parameter(option, needed=option.name in needed) for option in declared]
        command.__signature__ = own.replace(  # type: ignore[attr-defined]
            parameters=[*leading, *options, *others]
        )
        return command

    return with_options


def _parameter(option: Option, *, needed: bool) -> Parameter:
    """An option as a parameter of a command: what was typed, not read yet."""
    default: Any = str(option.default) if option.default not in (None, ()) else None
    typed: Any = str | None
    if option.reading is FLAG:
        typed, default = bool, False
    elif option.reading.repeated:
        typed = list[str] | None
    info = typer.Option(
        f"--{option.name}",
        metavar=option.metavar,
        help=option.help,
        autocompletion=completed(option.words),
    )
    return Parameter(
        option.key,
        Parameter.KEYWORD_ONLY,
        default=Parameter.empty if needed else default,
        annotation=Annotated[typed, info],
    )


def asked(given: Mapping[str, Any], **more: Any) -> tuple[tuple[Binding, ...], Options]:
    """The bindings and the options that were typed.

    Args:
        given: What a command got as `**given`.
        more: Fields of `Options`, where nothing else is typed.
    """
    values = read_texts(given)
    at = values.pop("at", ())
    from gradcalc.language.bindings import parse_bindings

    options = Options(**{**more, **values})
    return parse_bindings(at, files=options.files), options


def check_format(name: str) -> None:
    """Refuse a format that there is none of."""
    if name not in formats("report"):
        raise GradcalcError(
            Kind.USAGE, f"unknown format `{name}`", hint=f"use {', '.join(formats('report'))}"
        )
