"""What names mean: those that everybody has, and those of one program.

In: the names that are bound, and those that statements give to values. Out: `Scope`, which tells
`notation`, `calls` and `expressions` what a name stands for.
"""

from __future__ import annotations

import re
from collections.abc import Collection

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

#: Calls of a notebook that gradcalc makes itself, and what to type instead.
NOTEBOOK = {
    "backward": "leave it out: gradcalc runs backward itself; --grad-outputs weighs the result",
    "retain_grad": "leave it out, and ask with --retain-grad NAMES",
    "requires_grad_": "leave it out: every variable requires grad, unless --wrt says otherwise",
    "print": "leave it out: gradcalc prints all of it",
    "manual_seed": "leave it out, and give --seed",
    "grad": "leave it out: gradcalc differentiates by itself",
    "zero_grad": "leave it out, and ask with --zero-grad",
}

#: A variable's name, where it stands before a bracket: one letter, with an index perhaps.
_LETTER = re.compile(r"[^\W\d](_?\d*|_\w+)")


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
        if lookup(name) is not None or name in NOTEBOOK:
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
