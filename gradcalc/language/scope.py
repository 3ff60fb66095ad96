"""What names mean: those that everybody has, and those of one program.

In: the names that are bound, and those that statements give to values. Out: `Scope`, which tells
`notation`, `calls` and `expressions` what a name stands for.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from gradcalc.base.names import normal
from gradcalc.functions import lookup

#: Names that stand for numbers, unless the user binds them, by themselves.
CONSTANTS = frozenset({"pi", "e", "inf", "nan"})

#: Module names before a function's, which are dropped: torch.sin, np.sin and sin are one.
PREFIXES = frozenset(
    {
        *("torch", "np", "numpy", "math", "F", "nn", "functional", "special", "linalg", "Tensor"),
        *("sympy", "scipy", "jnp"),
    }
)

#: Greek letters that are functions too; they are variables more often.
GREEK = frozenset({"beta", "gamma"})

#: A variable's name, where it stands before a bracket: one letter, with an index perhaps.
_LETTER = re.compile(r"[^\W\d](_?\d*|_\w+)")


_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")

#: What an argument without brackets mostly is: 2x of sin2x.
_ARGUMENT = re.compile(r"(\d*)(([^\W\d])\w*)")
_USUAL = frozenset("xyzuvθ")


def run_together(name: str, known: Collection[str] = ()) -> str | None:
    """The call that was meant by a name such as sinx or cos2x; None for other names.

    Args:
        name: A name that is no function's.
        known: Names of variables, beside the usual x, y, z, u, v, θ.
    """
    if lookup(name) is not None:
        return None
    for cut in range(len(name) - 1, 1, -1):
        row = lookup(name[:cut])
        if row is None or row.required != 1 or row.creates or row.attribute:
            continue
        rest = _ARGUMENT.fullmatch(name, cut)
        if rest is None:
            continue
        factor, variable, letter = rest.groups()
        usual = letter in _USUAL and variable[1:].isdigit() | (variable == letter)
        if variable in known or usual:
            return f"{name[:cut]}({f'{factor}*' if factor else ''}{variable})"
    return None


def meant_call(name: str, known: Collection[str]) -> str | None:
    """The call that may be meant by a variable called sin, or sinx."""
    row = lookup(name)
    return run_together(name, known) if row is None else row.signature


def looks_called(name: str, text: str) -> bool:
    """Whether a variable stands in the text only as in f(x), which is a product here."""
    places = [word.end() for word in _NAME.finditer(text) if normal(word[0]) == name]
    return bool(places) and all(text.startswith("(", place) for place in places)


class Scope:
    """The names of one program, so far.

    Attributes:
        variables: Names that are variables for certain, because they are bound.
        values: For each name that has occurred the number of the value that it means at present.
    """

    def __init__(self, variables: Collection[str]) -> None:
        """Begin a program."""
        self.variables = variables
        self.values: dict[str, int] = {}
        self._inputs: set[str] = set()

    def is_assigned(self, name: str) -> bool:
        """Whether a statement gave the name its first value."""
        return name in self.values and name not in self._inputs

    def is_constant(self, name: str) -> bool:
        """Whether the name is pi or the like, and nothing else."""
        return name in CONSTANTS and name not in self.variables and name not in self.values

    def is_function(self, name: str) -> bool:
        """Whether a name before a bracket is called; a longer name, unknown, is a misspelt one."""
        if self.is_assigned(name):
            return False
        if lookup(name) is not None:
            return True
        return not (name in self.variables or name in CONSTANTS or _LETTER.fullmatch(name))

    def add_input(self, name: str, number: int) -> None:
        """Take a name for a variable's, whose value has that number."""
        self._inputs.add(name)
        self.values[name] = number

    def remove_input(self, name: str) -> None:
        """Forget a variable that has occurred nowhere else."""
        self._inputs.remove(name)
        del self.values[name]

    def change(self, before: int, after: int) -> None:
        """Let all names of a tensor mean what it has become."""
        self.values |= {name: after for name, number in self.values.items() if number == before}
