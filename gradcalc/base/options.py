"""What is asked of a program, beside its values.

In: options as they were typed. Out: `Options`, and the dtype.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradcalc.base import limits
from gradcalc.base.dtypes import DTYPES, Dtype
from gradcalc.base.errors import GradcalcError, Kind


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
