"""The table itself: what a row is, how it is entered, how it is found.

In: the rows that the modules beside this one enter. Out: `TABLE` and `lookup`. The package's
docstring says what each column holds. torch, sympy and mpmath stand here once, as modules that are
imported when first used.
"""


# A lambda keeps torch.sin from being looked up, and torch from being imported, before it is called.
# Its parameters are the signature, used or not; the numbers in it are those of the function.

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from gradcalc.base.lazy import LazyModule

torch: Any = LazyModule("torch")
special: Any = LazyModule("torch.special")
nn: Any = LazyModule("torch.nn.functional")
sympy: Any = LazyModule("sympy")
symengine: Any = LazyModule("symengine")
mp: Any = LazyModule("mpmath")

Point = tuple[float, ...]


class Algebra:
    """The functions of a computer algebra system, sympy's unless another is asked.

    SymEngine has most of sympy's functions, by the same names; so one column serves both.
    """

    def __init__(self) -> None:
        self._engine = sympy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    @contextlib.contextmanager
    def of(self, engine: Any) -> Iterator[None]:
        """Ask another system meanwhile."""
        before = self._engine
        try:  # at once, since a time limit may end it anywhere
            self._engine = engine
            yield
        finally:
            self._engine = before


#: What the column `sympy` calls.
algebra: Any = Algebra()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function.

    Attributes:
        name: What it is called.
        default: The text of its default; None if it has none.
        static: It must be a constant number.
        option: It is no value but an axis, a shape, a word or the like.
        several: It takes a list of values; or, of an option, any number of whole numbers.
        spread: The values are not in a list, but are all arguments that are left.
    """

    name: str
    default: str | None = None
    static: bool = False
    option: bool = False
    several: bool = False
    spread: bool = False

    @property
    def default_number(self) -> Fraction | float:
        """The default as torch has it: exactly the float64 that it is, or an infinity."""
        number = float(self.default or "nan")
        return Fraction(number) if math.isfinite(number) else number


class Kink(NamedTuple):
    """A point where a function is not differentiable, and what torch answers there.

    Attributes:
        at: The arguments.
        gradients: The gradient that torch answers, by the version from which on it does, oldest
            first. If it is shorter than `at`, the arguments that are left are plain numbers.
    """

    at: Point
    gradients: Mapping[str, Point]

    def answered_by(self, version: str) -> str:
        """The key of `gradients` that holds for a version of torch, such as 2.13.0+cpu."""
        running = _release(version)
        return [since for since in self.gradients if _release(since) <= running][-1]


def _release(version: str) -> tuple[int, ...]:
    """The two numbers that a version begins with."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


#: The oldest torch that gradcalc runs with.
OLDEST = "2.6"


@dataclass(frozen=True, slots=True)
class Function:
    """One row of the table; the package's docstring says what each column holds.

    Attributes:
        entrywise: Whether it works on numbers, and on tensors entry by entry.
        is_partial: Whether there are numbers where it has no value.
        is_linear: Whether its derivatives are numbers.
        is_stepped: Whether it jumps, so that a small part of a large argument tells.
        is_choice: Whether it chooses between values, by a condition.
        required: The least number of arguments.
        single: Whether each argument is one value: no option, and no list of values.
    """

    name: str
    group: str
    doc: str
    parameters: tuple[Parameter, ...]
    variadic: bool
    derivative: tuple[str, ...]
    torch: Callable[..., Any]
    sympy: Callable[..., Any]
    mpmath: Callable[..., Any]
    aliases: tuple[str, ...]
    domain: str
    samples: tuple[Point, ...]
    outside: tuple[Point, ...]
    inside: Callable[..., Any] | None
    margin: tuple[Callable[..., Any], ...]
    kinks: tuple[Kink, ...]
    opaque: bool
    unsound: bool
    largest: float
    any_size: bool
    cancels: bool
    poles: bool
    commutes: bool
    numbers: bool
    conditions: int
    symbol: str | None
    entries: Callable[..., Any] | None
    moves: bool
    creates: bool
    reads: int | None
    pairwise: str | None
    attribute: bool
    parts: tuple[str, ...]
    trials: tuple[str, ...]
    refused: tuple[str, ...]
    entrywise: bool
    is_partial: bool
    is_linear: bool
    is_stepped: bool
    is_choice: bool
    required: int
    single: bool

    @property
    def signature(self) -> str:
        """How it is called, as in `gradcalc functions`."""
        if self.variadic:
            return f"{self.name}({self.parameters[0].name}, {self.parameters[1].name}, ...)"
        return f"{self.name}({', '.join(map(_parameter_text, self.parameters))})"

    def text(self, column: tuple[str, ...], position: int) -> str:
        """The text of such a column as `derivative` for the argument at `position`."""
        if len(column) == 1:
            return column[0]
        static = sum(parameter.static for parameter in self.parameters[:position])
        return column[position - static]

    def bound(self, args: Sequence[Any], default: Callable[[Any], Any]) -> dict[str, Any]:
        """What each parameter is, by name: its argument, or what `default` makes of its default."""
        bound = {p.name: arg for p, arg in zip(self.parameters, args, strict=False)}
        left = self.parameters[len(args) :]
        return bound | {p.name: default(p.default_number) for p in left if p.default is not None}

    def is_static(self, position: int) -> bool:
        """Whether the argument at `position` must be a constant number."""
        return position < len(self.parameters) and self.parameters[position].static

    def on_kink(self, position: int, args: tuple[Any, ...]) -> bool:
        """Whether the limit should look at the argument at `position`, given all arguments."""
        if not self.margin:
            return False
        return bool(self.margin_of(position)(*args) <= 0)

    def margin_of(self, position: int) -> Callable[..., Any]:
        """The margin for the argument at `position`, of a row that has any."""
        return self.margin[min(position, len(self.margin) - 1)]


def _parameter_text(parameter: Parameter) -> str:
    if parameter.spread:
        return f"*{parameter.name}"
    if parameter.several:
        return f"[{parameter.name}]"
    return parameter.name if parameter.default is None else f"{parameter.name}={parameter.default}"


#: The table, by name. Aliases are found with `lookup`.
TABLE: dict[str, Function] = {}
_NAMES: dict[str, str] = {}


def lookup(name: str) -> Function | None:
    """Return the row that goes by `name` or has it as an alias."""
    return TABLE.get(_NAMES.get(name, ""))


def callable_names() -> list[str]:
    """All names and aliases that can be called, for "did you mean"."""
    return list(_NAMES)


def row(
    name: str,
    doc: str,
    *,
    torch: Callable[..., Any],
    group: str,
    sympy: Callable[..., Any] | None = None,
    mpmath: Callable[..., Any] | None = None,
    derivative: str | tuple[str, ...] = (),
    samples: tuple[Point | float, ...] = (),
    signature: str = "x",
    static: str = "",
    options: str = "",
    aliases: str = "",
    domain: str = "all real numbers",
    outside: tuple[Point | float, ...] = (),
    inside: Callable[..., Any] | None = None,
    margin: Callable[..., Any] | tuple[Callable[..., Any], ...] = (),
    kinks: tuple[tuple[Point | float, Point | float | Mapping[str, Point]], ...] = (),
    opaque: bool = False,
    unsound: bool = False,
    largest: float = math.inf,
    any_size: bool = False,
    cancels: bool = False,
    poles: bool = False,
    commutes: bool = False,
    numbers: bool = False,
    conditions: int = 0,
    symbol: str | None = None,
    entries: Callable[..., Any] | None = None,
    moves: bool = False,
    creates: bool = False,
    reads: int | None = None,
    pairwise: str | None = None,
    attribute: bool = False,
    called: bool = True,
    parts: str = "",
    trials: tuple[str, ...] = (),
    refused: tuple[str, ...] = (),
) -> None:
    """Enter a row; points of one coordinate may be written as plain numbers."""

    def point(value: Point | float) -> Point:
        return value if isinstance(value, tuple) else (float(value),)

    def texts(column: str | tuple[str, ...]) -> tuple[str, ...]:
        return column if isinstance(column, tuple) else (column,)

    variadic = signature.startswith("*x")
    parameters = []
    for part in ("x, y" if variadic else signature).split(", "):
        parameter, _, default = part.partition("=")
        bare = parameter.strip("*[]")
        parameters.append(
            Parameter(
                bare,
                default or None,
                static=bare in static.split(),
                option=bare in options.split(),
                several=bare != parameter,
                spread=parameter.startswith("*"),
            )
        )

    def absent(*_: Any) -> Any:
        raise NotImplementedError(f"{name} has no single number; `expand` writes it as others")

    is_linear = all(text.lstrip("-").isdigit() for text in texts(derivative))
    wholes = any(word in text for text in texts(derivative) for word in ("floor(", "trunc("))
    row = Function(
        name=name,
        group=group,
        doc=doc,
        parameters=tuple(parameters),
        variadic=variadic,
        derivative=texts(derivative),
        torch=torch,
        sympy=sympy or absent,
        mpmath=mpmath or absent,
        aliases=tuple(aliases.split()),
        domain=domain,
        samples=tuple(map(point, samples)),
        outside=tuple(map(point, outside)),
        inside=inside,
        margin=margin if isinstance(margin, tuple) else (margin,),
        kinks=tuple(
            Kink(point(at), answer if isinstance(answer, Mapping) else {OLDEST: point(answer)})
            for at, answer in kinks
        ),
        opaque=opaque,
        unsound=unsound,
        largest=largest,
        any_size=any_size,
        cancels=cancels,
        poles=poles,
        commutes=commutes,
        numbers=numbers,
        conditions=conditions,
        symbol=symbol,
        entries=entries,
        moves=moves,
        creates=creates,
        reads=reads,
        pairwise=pairwise,
        attribute=attribute,
        parts=tuple(parts.split()),
        trials=trials,
        refused=refused,
        entrywise=entries is None and not (moves or creates),
        is_partial=bool(outside) or domain != "all real numbers",
        is_linear=is_linear,
        is_stepped=bool(margin) and (is_linear or wholes),
        is_choice=bool(conditions) and group != "comparison",
        required=2 if variadic else sum(p.default is None for p in parameters),
        single=not any(p.option or p.several for p in parameters),
    )
    TABLE[name] = row
    for known in (name, *row.aliases) if called else ():
        if known in _NAMES:
            raise ValueError(f"two rows of the function table are called {known}")
        _NAMES[known] = name
