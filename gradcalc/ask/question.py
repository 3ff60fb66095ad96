"""Whether a program can be asked what it is asked, and what to warn of.

In: a program, the names of options and bindings. Out: the variables of differentiation, and
warnings. Knows nothing of the witnesses.
"""

from __future__ import annotations

from collections.abc import Collection

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.functions import lookup
from gradcalc.language.scope import CONSTANTS
from gradcalc.program.program import Program


def constant_warnings(program: Program) -> tuple[str, ...]:
    """What of the program is a constant to backward, and to calculus too."""
    sources = [
        program.source(number)
        for number, step in program.numbered_steps
        if step.no_grad or step.function == "detach"
    ]
    # Of no_grad(a*b + c) the whole is named, and not its parts.
    whole = [s for s in sources if not any(s != other and s in other for other in sources)]
    return tuple(
        f"`{' '.join(source.split())}` is a constant to backward, and to calculus here too"
        for source in dict.fromkeys(whole)
    )


def name_warnings(program: Program, bound: Collection[str]) -> tuple[str, ...]:
    """Names that may have been meant otherwise: a bound pi, and sin without brackets."""
    shadowed = [
        f"`{name}` is bound, so it is a variable here and not the constant"
        for name in program.names
        if name in CONSTANTS
    ]
    # Greek letters are variables more often than functions.
    uncalled = [
        f"`{name}` is a variable here; the function is called {row.signature}"
        for name in program.names
        if name not in bound and name not in {"beta", "gamma"} and (row := lookup(name)) is not None
    ]
    return (*shadowed, *uncalled)


def variables_of(program: Program, wrt: tuple[str, ...] | None) -> list[int]:
    """The numbers of the inputs that are differentiated with respect to."""
    if wrt is None:
        return list(range(len(program.inputs)))
    variables = []
    for name in wrt:
        if name not in program.names:
            raise GradcalcError(
                Kind.BINDING,
                f"`{name}` does not occur in the expression, so nothing depends on it",
                hint=f"differentiate by {' or '.join(program.names) or 'a variable in it'}",
            )
        if program.names.index(name) not in variables:
            variables.append(program.names.index(name))
    return variables
