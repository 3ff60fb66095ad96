"""The table itself: what a row is, how it is entered, how it is found.

In: the rows that the modules beside this one enter. Out: `TABLE` and `lookup`. torch, sympy and
SymEngine stand here once, as modules that are imported when first used.
"""


# A lambda keeps torch.sin from being looked up, and torch from being imported, before it is called.
# Its parameters are the signature, used or not; the numbers in it are those of the function.

from __future__ import annotations

import contextlib
import functools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from gradcalc.base.lazy import LazyModule
from gradcalc.functions import balls, enclosures

torch: Any = LazyModule("torch")
special: Any = LazyModule("torch.special")
nn: Any = LazyModule("torch.nn.functional")
sympy: Any = LazyModule("sympy")
symengine: Any = LazyModule("symengine")

Point = tuple[float, ...]
Column = Callable[..., Any]


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
        static: It must be a constant, because torch takes a plain number there.
        option: It is no value but an axis, a shape, an index, a word; the columns get it by name.
        several: It takes a list of values; or, of an option, any number of whole numbers.
        spread: The values are not in a list, but are all arguments that are left.
    """

    name: str
    default: str | None = None
    static: bool = False
    option: bool = False
    several: bool = False
    spread: bool = False

    @classmethod
    def read(cls, text: str) -> Parameter:
        """Read one of a signature: `static beta=1`, `option *shape`, `[tensors]`."""
        *kinds, declaration = text.split()
        starred, _, default = declaration.partition("=")
        name = starred.strip("*[]")
        return cls(
            name,
            default or None,
            static="static" in kinds,
            option="option" in kinds,
            several=starred != name,
            spread=starred.startswith("*"),
        )

    @property
    def default_number(self) -> Fraction | float:
        """The default as torch has it: exactly the float64 that it is, or an infinity."""
        number = float(self.default or "nan")
        return Fraction(number) if math.isfinite(number) else number

    def __str__(self) -> str:
        if self.several:
            return f"*{self.name}" if self.spread else f"[{self.name}]"
        return self.name if self.default is None else f"{self.name}={self.default}"


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


def _absent(*_: Any) -> Any:
    raise NotImplementedError("a function of tensors has no single number; see `expand`")


@dataclass(frozen=True, eq=False, kw_only=True)
class Function:
    """One row of the table: all that is known of a function. `row` enters it.

    Most work entry by entry on tensors, with broadcasting. Of those that do not, the columns
    `moves`, `entries` or `creates` say what becomes of the entries; they have no derivative,
    `sympy`, `value`, samples and kinks (only `sum` has, for its terms).

    Attributes:
        name: What the user types. `torch.`, `np.`, `F.` and the like before it are dropped by the
            parser, and `x.name()` is the same as `name(x)`.
        doc: What it is, in a few words.
        group: The heading under which it is listed.
        parameters: Its parameters, as the signature has them.
        variadic: It takes two or more arguments, which the parser nests two by two.
        aliases: Other names for it.
        symbol: How it is written, for an operator.
        torch: The function for autograd; composed of torch's operations where torch has none.
        sympy: Its definition for calculus, in sympy's functions, which are SymEngine's too as far
            as that has them.
        value: The function on balls, numbers of python-flint that enclose it: see `balls`, which
            says what it answers where there is no finite value. It raises `Undecided` where a
            choice needs more bits.
        derivative: For each parameter that is not static the derivative by it, almost everywhere,
            in gradcalc's own language: what a hand would write. The tests hold it against sympy
            and torch; calculus differentiates by it what SymEngine does not know, but for `where`.
        domain: Where it is defined, for the reader.
        samples: Points inside the domain and off the kinks.
        outside: Points where it has no finite real value.
        inside: How far the arguments are inside the domain: more than 0 inside, 0 on the border,
            less than 0 outside. None where the domain lacks but single points (y != 0), or nobody
            has said. `domains` concludes from it that there is no value, so it must not exaggerate:
            where the arguments move, it moves at most twice as far.
        margin: How far the arguments are from a point where the function may have no derivative: a
            kink, a jump, the border of the domain; 0 or less at such a point. It is a function of
            all arguments, or there is one for each argument that moves; it gets floats,
            balls, or tensors entry by entry. It, too, moves at most twice as far as the
            arguments do: arguments whose error bounds are less than half of it are off the kink.
            It may be less than the true distance, for then the limit is asked in vain, no more.
        kinks: Points where it is not differentiable, each with the gradient torch answers there.
            Where versions of torch differ, that is stated by the version from which on it does. A
            gradient of fewer numbers holds where the other arguments are plain numbers:
            clamp(x, -1, 1).
        largest: The largest constant argument, where sympy would compute a huge number exactly.
        conditions: How many of the first arguments are conditions (x > 0). Elsewhere a condition
            counts as 1 or 0; and where one is wanted, a number counts as true unless it is 0.
        opaque: Formulas keep the name (sigmoid(x), not 1/(1 + exp(-x))) and differentiate it by
            `derivative`; otherwise sympy's definition stands in formulas.
        unsound: SymEngine errs about it: asec(3) is asin(1/3) to it; or it ends the process
            outside the domain. So it is not asked.
        numbers: torch takes plain numbers after the first argument, and shows another grad_fn for
            them than for tensors; the same goes for every operator.
        moves: torch moves the entries around and calculates nothing: `expand` runs the column
            `torch` on the numbers of the entries.
        entries: On `entries.Entries`, which have the rows of the table as methods: the function,
            written with others.
        creates: torch makes a new tensor, which is a constant; it gets `dtype` and `generator`.
        reads: The argument whose values choose what is calculated, such as class indices;
            `entries` gets them too.
        pairwise: The row that is meant when it is called with two tensors: max(x, y).
        parts: Names of the results where torch gives several: slogdet(x).logabsdet.
        attribute: It is written without brackets: x.T.
        trials: Lines of a batch file that use it, as the tests do with every row of tensors.
        refused: Lines that must be refused, because shapes do not fit.
    """

    name: str
    doc: str
    group: str
    parameters: tuple[Parameter, ...]
    variadic: bool = False
    aliases: tuple[str, ...] = ()
    symbol: str | None = None
    torch: Column
    sympy: Column = _absent
    value: Column = _absent
    derivative: tuple[str, ...] = ()
    domain: str = "all real numbers"
    samples: tuple[Point, ...] = ()
    outside: tuple[Point, ...] = ()
    inside: Column | None = None
    margin: tuple[Column, ...] = ()
    kinks: tuple[Kink, ...] = ()
    largest: float = math.inf
    conditions: int = 0
    opaque: bool = False
    unsound: bool = False
    numbers: bool = False
    moves: bool = False
    entries: Column | None = None
    creates: bool = False
    reads: int | None = None
    pairwise: str | None = None
    parts: tuple[str, ...] = ()
    attribute: bool = False
    trials: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @functools.cached_property
    def entrywise(self) -> bool:
        """Whether it works on numbers, and on tensors entry by entry."""
        return self.entries is None and not (self.moves or self.creates)

    @functools.cached_property
    def is_called(self) -> bool:
        """Whether it can be called by its name; x[0] and x[0] = y have rows that cannot."""
        return all(parameter.name != "index" for parameter in self.parameters)

    @functools.cached_property
    def is_partial(self) -> bool:
        """Whether there are numbers where it has no value."""
        return bool(self.outside) or self.domain != Function.domain

    @functools.cached_property
    def is_linear(self) -> bool:
        """Whether its derivatives are numbers."""
        return all(text.lstrip("-").isdigit() for text in self.derivative)

    @functools.cached_property
    def is_stepped(self) -> bool:
        """Whether it jumps, so that a small part of a large argument tells."""
        jumps = any(word in text for text in self.derivative for word in ("floor(", "trunc("))
        return bool(self.margin) and (self.is_linear or jumps)

    @functools.cached_property
    def is_choice(self) -> bool:
        """Whether it chooses between values, by a condition."""
        return bool(self.conditions) and self.group != "comparison"

    @functools.cached_property
    def required(self) -> int:
        """The least number of arguments."""
        return sum(parameter.default is None for parameter in self.parameters)

    @functools.cached_property
    def single(self) -> bool:
        """Whether each argument is one value: no option, and no list of values."""
        return not any(parameter.option or parameter.several for parameter in self.parameters)

    @property
    def signature(self) -> str:
        """How it is called, as in `gradcalc functions`."""
        more = ["..."] if self.variadic else []
        return f"{self.name}({', '.join([*map(str, self.parameters), *more])})"

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

    def margin_of(self, position: int) -> Column:
        """The margin for the argument at `position`, of a row that has any."""
        return self.margin[min(position, len(self.margin) - 1)]


#: The table, by name. Aliases are found with `lookup`.
TABLE: dict[str, Function] = {}
_NAMES: dict[str, str] = {}


def lookup(name: str) -> Function | None:
    """Return the row that goes by `name` or has it as an alias."""
    return TABLE.get(_NAMES.get(name, ""))


def callable_names() -> list[str]:
    """All names and aliases that can be called, for "did you mean"."""
    return list(_NAMES)


@functools.cache
def _in_torch(name: str) -> Column:
    """The function of that name, wherever torch keeps it."""
    home = next(module for module in (torch, special, nn) if hasattr(module, name))
    function: Column = getattr(home, name)
    return function


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _point(value: Point | float) -> Point:
    return value if isinstance(value, tuple) else (float(value),)


def _points(values: Sequence[Point | float]) -> tuple[Point, ...]:
    return tuple(map(_point, values))


def _kinks(
    kinks: Sequence[tuple[Point | float, Point | float | Mapping[str, Point]]],
) -> tuple[Kink, ...]:
    return tuple(
        Kink(_point(at), answer if isinstance(answer, Mapping) else {OLDEST: _point(answer)})
        for at, answer in kinks
    )


#: How columns are read that are written more shortly than they are kept.
_READERS: dict[str, Callable[[Any], Any]] = {
    "aliases": lambda words: tuple(words.split()),
    "parts": lambda words: tuple(words.split()),
    "derivative": _several,
    "margin": _several,
    "samples": _points,
    "outside": _points,
    "kinks": _kinks,
}


def row(name: str, doc: str, *, signature: str = "x", traits: str = "", **columns: Any) -> None:
    """Enter a row.

    Args:
        name: The function's name. Of a function that works entry by entry, the columns `torch`,
            `sympy` and `value` are the functions of this name there, if nothing else is said; of
            another, the column `torch` is.
        doc: What it is.
        signature: Parameters as in Python, "x, y"; "static beta=1" for a constant, "option dim" for
            what is no value, "[tensors]" for a list of values, "*tensors" for all that are left.
            "*x" alone takes two or more arguments.
        traits: The columns that are true, as words.
        columns: The others: see `Function`. Points of one coordinate may be written as plain
            numbers, tuples of one text or margin without the brackets, and words as one text.
    """
    variadic = signature == "*x"
    columns |= {column: _READERS[column](columns[column]) for column in _READERS.keys() & columns}
    columns |= dict.fromkeys(traits.split(), True)
    columns.setdefault("torch", lambda *args, **options: _in_torch(name)(*args, **options))
    if columns.keys().isdisjoint({"moves", "entries", "creates"}):
        columns.setdefault("sympy", lambda *args: getattr(algebra, name)(*args))
        if "value" not in columns:
            columns["value"] = getattr(balls if hasattr(balls, name) else enclosures, name)
    parameters = map(Parameter.read, ("x, y" if variadic else signature).split(", "))
    function = Function(
        name=name, doc=doc, parameters=tuple(parameters), variadic=variadic, **columns
    )
    TABLE[name] = function
    for called in (name, *function.aliases) if function.is_called else ():
        if called in _NAMES:
            raise ValueError(f"two rows of the function table are called {called}")
        _NAMES[called] = name


def rows_of(group: str, **columns: Any) -> Callable[..., None]:
    """`row` for the rows of a group, which may have more in common."""
    return functools.partial(row, group=group, **columns)
