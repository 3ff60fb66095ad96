"""The table itself: what a row is, how it is entered, how it is found.

In: the rows that the modules beside this one enter. Out: `TABLE` and `lookup`. The package's
docstring says what each column holds. torch, sympy and mpmath stand here once, as modules that are
imported when first used.
"""


# A lambda keeps torch.sin from being looked up, and torch from being imported, before it is called.
# Its parameters are the signature, used or not; the numbers in it are those of the function.

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradcalc.lazy import LazyModule

torch: Any = LazyModule("torch")
special: Any = LazyModule("torch.special")
nn: Any = LazyModule("torch.nn.functional")
sympy: Any = LazyModule("sympy")
mp: Any = LazyModule("mpmath")

Point = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function: its name, the text of its default, and whether it is static."""

    name: str
    default: str | None = None
    static: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """One row of the table; the module's docstring says what each column holds."""

    name: str
    group: str
    doc: str
    parameters: tuple[Parameter, ...]
    variadic: bool
    derivative: tuple[str, ...]
    backward: tuple[str, ...]
    forward: str | None
    approximation: float
    torch: Callable[..., Any]
    sympy: Callable[..., Any]
    mpmath: Callable[..., Any]
    aliases: tuple[str, ...]
    domain: str
    samples: tuple[Point, ...]
    outside: tuple[Point, ...]
    kink: tuple[Callable[..., bool], ...]
    kinks: tuple[tuple[Point, Point], ...]
    opaque: bool
    largest: float
    any_size: bool
    numbers: bool
    conditions: int
    symbol: str | None

    @property
    def required(self) -> int:
        """The least number of arguments."""
        if self.variadic:
            return 2
        return sum(parameter.default is None for parameter in self.parameters)

    @property
    def signature(self) -> str:
        """How it is called, as in `gradcalc functions`."""
        if self.variadic:
            return f"{self.name}({self.parameters[0].name}, {self.parameters[1].name}, ...)"
        inside = ", ".join(
            p.name if p.default is None else f"{p.name}={p.default}" for p in self.parameters
        )
        return f"{self.name}({inside})"

    def on_kink(self, position: int, args: tuple[Any, ...]) -> bool:
        """Whether the limit should look at the argument at `position`, given all arguments."""
        if not self.kink:
            return False
        return bool(self.kink[min(position, len(self.kink) - 1)](*args))


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
    sympy: Callable[..., Any],
    mpmath: Callable[..., Any],
    derivative: str | tuple[str, ...],
    samples: tuple[Point | float, ...],
    group: str,
    signature: str = "x",
    static: str = "",
    aliases: str = "",
    backward: str | tuple[str, ...] = (),
    forward: str | None = None,
    approximation: float = 0,
    domain: str = "all real numbers",
    outside: tuple[Point | float, ...] = (),
    kink: Callable[..., bool] | tuple[Callable[..., bool], ...] = (),
    kinks: tuple[tuple[Point | float, Point | float], ...] = (),
    opaque: bool = False,
    largest: float = math.inf,
    any_size: bool = False,
    numbers: bool = False,
    conditions: int = 0,
    symbol: str | None = None,
) -> None:
    """Enter a row; points of one coordinate may be written as plain numbers."""

    def point(value: Point | float) -> Point:
        return value if isinstance(value, tuple) else (float(value),)

    def texts(column: str | tuple[str, ...]) -> tuple[str, ...]:
        return column if isinstance(column, tuple) else (column,)

    variadic = signature.startswith("*")
    parameters = []
    for part in ("x, y" if variadic else signature).split(", "):
        parameter, _, default = part.partition("=")
        parameters.append(Parameter(parameter, default or None, parameter in static.split()))
    row = Function(
        name=name,
        group=group,
        doc=doc,
        parameters=tuple(parameters),
        variadic=variadic,
        derivative=texts(derivative),
        backward=texts(backward or derivative),
        forward=forward,
        approximation=approximation,
        torch=torch,
        sympy=sympy,
        mpmath=mpmath,
        aliases=tuple(aliases.split()),
        domain=domain,
        samples=tuple(map(point, samples)),
        outside=tuple(map(point, outside)),
        kink=kink if isinstance(kink, tuple) else (kink,),
        kinks=tuple((point(at), point(gradient)) for at, gradient in kinks),
        opaque=opaque,
        largest=largest,
        any_size=any_size,
        numbers=numbers,
        conditions=conditions,
        symbol=symbol,
    )
    TABLE[name] = row
    for known in (name, *row.aliases):
        if known in _NAMES:
            raise ValueError(f"two rows of the function table are called {known}")
        _NAMES[known] = name
