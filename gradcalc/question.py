"""What is asked of a program, and whether it can be asked.

In: options as they were typed. Out: `Options`, the dtype, the variables of differentiation, and the
warnings that a program and its bindings deserve. Knows nothing of the witnesses.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from gradcalc import limits
from gradcalc.dtypes import DTYPES, Dtype
from gradcalc.errors import GradcalcError, Kind
from gradcalc.functions import lookup
from gradcalc.program import Program
from gradcalc.source import CONSTANTS


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a program, beside its values.

    Attributes:
        wrt: Variables of differentiation; None for all.
        second_order: Whether the Hessian is wanted too.
        dtype: "float64" or "float32".
        seed: What random numbers begin with.
        grad_outputs: The weights of the results, as text: values parted by commas, or "ones".
        retain_grad: Names of the intermediate values that keep their gradients; None for all.
        passes: How often backward is run.
        zero_grad: Whether gradients are set to 0 between the passes.
        retain_graph: Whether the graph is kept for the next pass.
        latex: Whether formulas are wanted in LaTeX too.
        thorough: Whether the limit is always called, or only where it may change the verdict.
        timeout: Seconds after which what has no verdict yet is undecided; None for no limit.
        claims: Derivatives by hand to judge, each "u=3*u**2 + 4*v".
    """

    wrt: tuple[str, ...] | None = None
    second_order: bool = False
    dtype: str = "float64"
    seed: int = 0
    grad_outputs: str | None = None
    retain_grad: tuple[str, ...] | None = ()
    passes: int = 1
    zero_grad: bool = False
    retain_graph: bool = True
    latex: bool = False
    thorough: bool = True
    timeout: float | None = None
    claims: tuple[str, ...] = ()


def check_passes(options: Options) -> None:
    """Refuse a number of backward passes that nobody means."""
    if not 1 <= options.passes <= limits.PASSES:
        raise GradcalcError(
            Kind.USAGE,
            f"--backward {options.passes}: backward is run 1 to {limits.PASSES:,} times",
            hint="write --backward 2",
        )


def check_seed(options: Options) -> None:
    """Refuse a seed that torch does not take."""
    if not -(2**63) <= options.seed < 2**64:
        raise GradcalcError(
            Kind.USAGE, f"--seed {options.seed} is out of range", hint="write --seed 0"
        )


def check_hessian(size: int) -> None:
    """Refuse a Hessian by so many numbers that nobody would read it."""
    if size * size > limits.HESSIAN_ENTRIES:
        raise GradcalcError(
            Kind.LIMIT,
            f"a Hessian of {size * size:,} entries; the limit is {limits.HESSIAN_ENTRIES:,}",
            hint="name fewer variables in --wrt",
        )


def constant_warnings(program: Program) -> tuple[str, ...]:
    """What of the program is a constant to backward, and to calculus too."""
    sources = [
        program.source(number)
        for number, step in enumerate(program.steps, program.first_step)
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


def dtype_of(name: str) -> Dtype:
    """The dtype of that name."""
    if name in DTYPES:
        return DTYPES[name]
    if name.startswith(("int", "uint", "long", "bool")):
        raise GradcalcError(
            Kind.AUTOGRAD,
            f"a leaf of {name} cannot require grad: only floating-point tensors can",
            hint=f"use --dtype {' or '.join(DTYPES)}",
        )
    raise GradcalcError(Kind.USAGE, f"unknown dtype `{name}`", hint=f"use {' or '.join(DTYPES)}")


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
