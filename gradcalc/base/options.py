"""The options of a question, each declared once, for all who ask one.

In: options as they are typed, or as JSON and Python have them. Out: `Options`, read and checked.

A field of `Options` and its declaration make an option of the commands that it names, of the lines
and JSON records of a batch, and of `grad()`: with its name, its default, its check, its help and
the words that a shell completes. To add an option is to add a field.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.plain import plain
from gradcalc.base.readings import (
    BINDINGS,
    CLAIMS,
    DTYPE,
    FLAG,
    KEPT,
    NAMES,
    NUMBER,
    SECONDS,
    WEIGHTS,
    FieldError,
    Reading,
    last,
)

if TYPE_CHECKING:
    from gradcalc.base.dtypes import Dtype


#: What to write for a dtype.
_DTYPES = "use --dtype float64 or --dtype float32"


def dtypes() -> Mapping[str, Dtype]:
    """The dtypes by name; help and errors do without them."""
    from gradcalc.base.dtypes import DTYPES

    return DTYPES


def dtype_of(name: str) -> Dtype:
    """The dtype of that name."""
    named = dtypes()
    if name in named:
        return named[name]
    if name.startswith(("int", "uint", "long", "bool")):
        raise GradcalcError(
            Kind.AUTOGRAD,
            f"a leaf of {name} cannot require grad: only floating-point tensors can",
            hint=_DTYPES,
        )
    raise GradcalcError(Kind.USAGE, f"unknown dtype `{name}`", hint=_DTYPES)


class Check(NamedTuple):
    """What values an option takes.

    Attributes:
        accepts: Whether it takes the value; it may raise an error of its own.
        problem: What is wrong with others; {} stands for the option with the value.
        hint: What to write instead; {} stands for the option as it is typed.
    """

    accepts: Callable[[Any], object]
    problem: str = ""
    hint: str = ""


_PASSES = Check(
    lambda passes: 1 <= passes <= limits.PASSES,
    f"{{}}: backward is run 1 to {limits.PASSES:,} times",
    "write {} 2",
)
# What torch takes.
_SEED = Check(lambda seed: -(2**63) <= seed < 2**64, "{} is out of range", "write {} 0")
# One that is infinite is no limit.
_TIME = Check(lambda seconds: seconds > 0, "{} is no time", "write seconds, as in {} 10")


# --- Options --------------------------------------------------------------------------------------


class Option(NamedTuple):
    """The declaration of an option.

    Attributes:
        name: As it is typed, without dashes.
        field: The field of `Options` that it fills; `at` is none of them.
        reading: How its values are read.
        help: What it does, in one line. Of a flag that is on unless it is turned off: what
            happens then.
        where: The commands that take it; "line" for the lines and records of a batch, and "python"
            for `grad()`.
        default: What it is where it is not given.
        metavar: What stands for its value in the help.
        check: What values it takes.
        words: Gives what a shell may complete its value to.
    """

    name: str
    field: str
    reading: Reading
    help: str
    where: frozenset[str]
    default: Any
    metavar: str | None = None
    check: Check | None = None
    words: Callable[[], Iterable[str]] = tuple

    @property
    def key(self) -> str:
        """Its name in a JSON record."""
        return self.name.replace("-", "_")

    @property
    def keyword(self) -> str:
        """Its name in Python, where a flag is turned off by False."""
        return self.field if self.reading is FLAG else self.key

    def from_text(self, given: Any) -> Any:
        """The value that was typed: a text, or of an option that may be repeated all of them.

        Raises:
            GradcalcError: If the option does not take it.
        """
        if self.reading is FLAG:
            return not self.default
        given = given if self.reading.repeated else given.strip()
        try:
            value = self.reading.read(given)
        except ValueError:
            message = f"--{self.name} needs {self.reading.takes}, not `{given}`"
            hint = f"write --{self.name} {self.reading.example}"
            raise GradcalcError(Kind.USAGE, message, hint=hint) from None
        return self._checked(value, f"--{self.name}", given)

    def from_value(self, given: Any, name: str) -> Any:
        """The value that a field of that name has, in JSON or in Python.

        Raises:
            FieldError: If the option does not take it.
        """
        try:
            written = self.reading.written(given, name)
        except TypeError:
            raise FieldError(f"`{name}` must be {self.reading.takes}", last(name)) from None
        if self.reading is FLAG:
            return written if name == self.field else not written
        several = self.reading.repeated and isinstance(written, str)
        value = self.reading.read([written] if several else written)
        try:
            return self._checked(value, f"`{name}`", given)
        except GradcalcError as error:
            raise FieldError(error.message, last(name), error.hint, error.kind) from None

    def from_python(self, given: Any) -> Any:
        """The value that `grad()` gets for it.

        Raises:
            GradcalcError: If the option does not take it.
        """
        name = self.keyword
        try:
            return self.from_value(plain(given), name)
        except GradcalcError as error:
            error.message = error.message.replace("an object, as in", "a dict, as in")
            error.hint = (
                error.hint or f"give a value as in {name}={self.reading.example}"
            ).replace("an object, as in", "a dict, as in")
            raise

    def _checked(self, value: Any, shown: str, given: object) -> Any:
        if self.check is not None and not self.check.accepts(value):
            problem = self.check.problem.format(f"{shown} {given}")
            raise GradcalcError(Kind.USAGE, problem, hint=self.check.hint.format(f"--{self.name}"))
        return value


def _option(reading: Reading, help: str, where: str, *, default: Any, **more: Any) -> Any:
    """A field of `Options`, with its declaration.

    Args:
        reading: As in `Option`, like those that are not named here.
        help: As in `Option`.
        where: As in `Option`, parted by blanks.
        default: What the field is in an `Options()`.
        more: Other attributes of the `Option`; and `asked`, the default that users meet, if that is
            another.
    """
    more |= {"reading": reading, "help": help, "where": frozenset(where.split())}
    return field(default=default, metadata=more)


@dataclass(frozen=True)
class Options:
    """What is asked of a program, beside its values; each field says of itself what it is.

    Attributes:
        wrt: None for all.
        grad_outputs: Text: values separated by commas, or "ones".
        retain_grad: None for all.
        passes: How often backward is run.
        latex: Whether formulas are wanted in LaTeX too.
        thorough: Whether the limit is always called, or only where it may change the verdict.
        timeout: None for no limit.
        claims: Each "u=3*u**2 + 4*v".
        from_python: Whether `grad()` asks, and options are named as it has them.
    """

    # fmt: off
    wrt: tuple[str, ...] | None = _option(
        NAMES, "Differentiate by these; the others are constants.", "grad sweep line python",
        metavar="NAMES", default=None,
    )
    second_order: bool = _option(
        FLAG, "Give the Hessian too.", "grad batch sweep line python", default=False
    )
    dtype: str = _option(
        DTYPE, "float64 or float32.", "grad check batch sweep line python",
        metavar="DTYPE", check=Check(dtype_of), words=dtypes, default="float64",
    )
    seed: int = _option(
        NUMBER, "What rand and randn begin with.", "grad line python",
        metavar="N", check=_SEED, default=0,
    )
    retain_grad: tuple[str, ...] | None = _option(
        KEPT, "Named values that keep their gradients.", "grad line python",
        metavar="NAMES|all", default=(),
    )
    grad_outputs: str | None = _option(
        WEIGHTS, "Weights of a result that is no single number; of several results, one for each.",
        "grad line python", metavar="VALUE|ones", default=None,
    )
    passes: int = _option(
        NUMBER, "Run backward N times; gradients add up.", "grad line python",
        name="backward", metavar="N", check=_PASSES, default=1,
    )
    zero_grad: bool = _option(
        FLAG, "Set gradients to 0 between the passes.", "grad line python", default=False
    )
    retain_graph: bool = _option(
        FLAG, "Free the graph with the first pass.", "grad line python", default=True
    )
    claims: tuple[str, ...] = _option(
        CLAIMS, "A derivative by hand; may be repeated.", "check line",
        name="claim", metavar="NAME=FORMULA", default=(),
    )
    files: bool = _option(
        FLAG, "Refuse values from files, such as x=@x.npy.", "grad check batch sweep python",
        default=True,
    )
    timeout: float | None = _option(
        SECONDS, "What has no verdict by then is undecided.", "grad check batch sweep python",
        metavar="SECONDS", check=_TIME, default=None, asked=10.0,
    )
    formulas: bool = _option(
        FLAG, "Give verdicts and values alone, which is faster.", "grad batch line python",
        default=True,
    )
    latex: bool = False
    thorough: bool = True
    from_python: bool = False
    # fmt: on

    @property
    def late(self) -> str:
        """What is said of what there was no time to judge."""
        option = "timeout=" if self.from_python else "--timeout"
        return f"no verdict within {self.timeout or 0:g} seconds; {option} gives it more"


def _declared() -> Iterable[Option]:
    yield Option(
        "at",
        "at",
        BINDINGS,
        "Values, as in u=1,v=pi/4; may be repeated.",
        frozenset({"grad", "check", "sweep", "line"}),
        (),
        "NAME=VALUE,...",
    )
    for declared in fields(Options):
        if declared.metadata:
            more = dict(declared.metadata)
            off = "no-" if more["reading"] is FLAG and declared.default else ""
            more.setdefault("name", f"{off}{declared.name}".replace("_", "-"))
            default = more.pop("asked", declared.default)
            yield Option(field=declared.name, default=default, **more)


#: All options, by name.
OPTIONS = {option.name: option for option in _declared()}


def options_in(place: str) -> Sequence[Option]:
    """The options of a command, of a "line", or of "python"."""
    return [option for option in OPTIONS.values() if place in option.where]


def read_texts(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Options`, and `at`, for the texts that were typed, by key."""
    return {
        option.field: option.from_text(given[option.key])
        for option in OPTIONS.values()
        if given.get(option.key) not in (None, False, [])
    }


def read_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Options` for the values that `grad()` gets, by keyword.

    None leaves a field as `Options()` has it.
    """
    return {
        option.field: option.from_python(given[option.keyword])
        for option in options_in("python")
        if given.get(option.keyword) is not None
    }


# --- Options in hints -----------------------------------------------------------------------------


@functools.cache
def _typed() -> re.Pattern[str]:
    """An option as it is typed, with a value if one is given."""
    names = "|".join(sorted(OPTIONS, key=len, reverse=True))
    value = r"ones|[0-9]+|float[0-9]+|\w+=[^\s,;=]+(?:,\w+=[^\s,;=]+)*"
    return re.compile(rf"(`?)--({names})(?![\w-])(?:[ =]({value})(?!\S*=))?\1")


def reword(error: GradcalcError, write: Callable[[Option, Any], str]) -> None:
    """Name options in an error as those know them who do not type them.

    Args:
        error: An error, whose message and hint name options as they are typed.
        write: Writes an option and a value of it, or only the option for None.
    """

    def written(match: re.Match[str]) -> str:
        option, text = OPTIONS[match[2]], match[3]
        value = None if text is None else _value_of(text)
        return write(option, value if option.reading is not FLAG else True)

    error.message = _typed().sub(written, error.message)
    error.hint = error.hint and _typed().sub(written, error.hint)
    error.args = (error.message,)


def _value_of(text: str) -> Any:
    """A value that was typed, as JSON and Python have it."""
    if "=" in text:
        pairs = (pair.partition("=") for pair in text.split(","))
        return {name: _value_of(value) for name, _, value in pairs}
    return int(text) if text.isdecimal() else text


def in_json(option: Option, value: Any) -> str:
    """An option as a field of a JSON record."""
    return f"`{option.key}`" if value is None else f'"{option.key}": {_json(value)}'


def in_python(option: Option, value: Any) -> str:
    """An option as a keyword of `grad()`."""
    if option.reading is FLAG:
        value = not option.default
    written = _json(value) if isinstance(value, str | dict) else value
    return f"`{option.keyword}`" if value is None else f"{option.keyword}={written}"


def _json(value: Any) -> str:
    import json

    return json.dumps(value)
