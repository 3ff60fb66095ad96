"""The words of the command line: which are options, which are their values, and which are neither.

In: words as typed. Out: commands for typer that read them so that an expression may begin with a
minus sign, and `Words`, which reads what typer refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Self

import typer
from typer.core import TyperCommand, TyperGroup

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.names import nearest

#: Stands before a word that is no option though it begins with a minus sign. No word that a system
#: hands over has it.
_MARK = "\0"

#: What other programs call our options.
_USUAL = {"help": "--help", "version": "--version", "-V": "--version", "-v": "--version"}


def _is_option(word: str) -> bool:
    # No option but these has one letter: --x is minus minus x.
    return word in {"-h", "-o"} or bool(re.fullmatch(r"--[a-z][a-z-]+(=.*)?", word, re.DOTALL))


def _marked(word: str) -> str:
    plain = word in {"-", "--"} or not word.startswith("-") or _is_option(word)
    return word if plain else _MARK + word


def _unmarked(value: Any) -> Any:
    if isinstance(value, str):
        return value.removeprefix(_MARK)
    return type(value)(map(_unmarked, value)) if isinstance(value, list | tuple) else value


class _Marking:
    """Words with a mark are what typer's parser sees, and nobody else."""

    def make_parser(self, ctx: Any) -> Any:
        """The parser of options and arguments."""
        of_typer: Any = super()
        parser = of_typer.make_parser(ctx)
        parse: Callable[..., Any] = parser.parse_args

        def parse_args(args: list[str]) -> Any:
            typed, rest, order = parse([_marked(word) for word in args])
            typed = {name: _unmarked(value) for name, value in typed.items()}
            rest = _unmarked(rest)
            if not ctx.resilient_parsing:
                _check_once(order)
                _check_alone(typed, rest)
            return typed, rest, order

        parser.parse_args = parse_args
        return parser


def _check_once(order: Sequence[Any]) -> None:
    """Refuse an option that is given twice and has a single value, as a line of a batch does."""
    single = [p for p in order if _kind(p) == "option" and not p.multiple and not p.is_eager]
    for number, option in enumerate(single):
        if option in single[:number]:
            message = f"{option.opts[-1]} is given twice"
            raise GradcalcError(Kind.USAGE, message, hint="leave one out")


def _check_alone(typed: Mapping[str, Any], rest: Sequence[str]) -> None:
    """Refuse words after the options for completion, which would act before they are looked at."""
    for name in ("install_completion", "show_completion"):
        if typed.get(name) and rest:
            option = f"--{name.replace('_', '-')}"
            raise GradcalcError(
                Kind.USAGE,
                f"{option} stands alone, without `{rest[0]}`",
                hint=f"write gradcalc {option}, in the shell that it is for",
            )


def _kind(parameter: Any) -> str:
    return str(parameter.param_type_name)


class Command(_Marking, TyperCommand):
    """A command."""


class Group(_Marking, TyperGroup):
    """The commands together."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names.

        Raises:
            GradcalcError: If it names none.
        """
        if args and not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            hint = _instead(args, list(self.commands))
            raise GradcalcError(Kind.USAGE, f"there is no command `{args[0]}`", hint=hint)
        return super().resolve_command(ctx, args)


def _instead(words: Sequence[str], commands: Sequence[str]) -> str:
    """What to write where the first word is no command."""
    name, *others = words
    if name in _USUAL:
        command = f"{others[0]} " if others and others[0] in commands else ""
        return f"write gradcalc {command}{_USUAL[name]}"
    near = nearest(name.lower(), commands)
    if near is not None:
        return f"did you mean `gradcalc {near}`? gradcalc -h lists the commands"
    import shlex

    typed = list(takewhile(lambda word: not _is_option(word), words))
    options = words[len(typed) :]
    # A word before an expression was meant for a command; several are an expression without quotes.
    parts = typed[1:] if len(typed) == 2 and name.isidentifier() else typed or words[:1]
    written = shlex.join(["gradcalc", "grad", " ".join(parts), *options])
    return f"write {written}; gradcalc -h lists the commands"


@dataclass
class Words:
    """The words of a command line that need not be in order.

    Attributes:
        command: The name of the command; None if the first word is none.
        options: The options that have values, each with its value.
        others: The words that are neither options nor values of options.
        certain: Whether all options are known, and so which words are their values.
    """

    command: str | None
    options: list[tuple[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    certain: bool = True
    _declared: Sequence[Any] = ()

    @classmethod
    def of(cls, arguments: Sequence[str], app: typer.Typer) -> Self:
        """Read words by the options that their command declares; without one, by those of grad."""
        commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
        name = arguments[0] if arguments[0] in commands else None
        words = cls(name, _declared=commands[name or "grad"].params)
        words._read(iter(arguments[name is not None :]))
        return words

    def _read(self, words: Iterator[str]) -> None:
        options = [p for p in self._declared if _kind(p) == "option"]
        values = {opt: not option.is_flag for option in options for opt in option.opts}
        for word in words:
            name, sign, value = word.partition("=")
            if word == "--":
                self.others += words
            elif not _is_option(word):
                self.others.append(word)
            elif values.get(name):
                self.options.append((name, value if sign else next(words, "")))
            else:
                self.certain &= name in {*values, "-h", "--help"}

    @property
    def asked_format(self) -> str | None:
        """The value of `--format`."""
        return dict(self.options).get("--format")

    def expression(self, error: GradcalcError) -> str:
        """The expression of a command that takes one; empty if it cannot be told."""
        if self.command is None or not any(p.name == "expr" for p in self._declared):
            return ""
        typed = self.others[0] if self.others and (self.certain or len(self.others) == 1) else ""
        if typed not in {"", "-"} or error.text in {value for _, value in self.options}:
            return typed
        return error.text or typed


def commands_with(word: str, app: typer.Typer) -> list[str]:
    """The commands that have this option."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    option = word.partition("=")[0]
    return [
        name
        for name, command in commands.items()
        if word.startswith("--") and any(option in p.opts for p in command.params)
    ]
