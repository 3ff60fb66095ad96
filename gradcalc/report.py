"""The results: all that a renderer may know, frozen, with nothing left to compute.

`calculate` fills a `Report`; `render` draws it. Numbers are Python floats in the asked dtype;
None stands for an answer that a witness could not give or was not asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcalc.errors import GradcalcError


class Verdict(StrEnum):
    """What the witnesses' testimony comes to; scripts rely on these names.

    Members stand in order of seriousness, least first: the verdict of a report is the worst of its
    entries'.
    """

    AGREE = "agree"
    UNCHECKED = "unchecked"
    ROUNDING = "rounding"
    UNDECIDED = "undecided"
    NONDIFFERENTIABLE = "nondifferentiable"
    UNDEFINED = "undefined"
    DISAGREE = "disagree"


#: Exit code of the command line for each verdict. 2 is bad input, which has no verdict.
EXIT_CODES = {
    Verdict.AGREE: 0,
    Verdict.UNCHECKED: 0,
    Verdict.ROUNDING: 0,
    Verdict.DISAGREE: 1,
    Verdict.UNDEFINED: 3,
    Verdict.NONDIFFERENTIABLE: 3,
    Verdict.UNDECIDED: 4,
}

#: Exit codes, most serious first: `batch` ends with the first of these that occurred.
SERIOUSNESS = (1, 2, 3, 4, 0)


class Blame(StrEnum):
    """The odd one out of a disagreement."""

    CALCULUS = "calculus"
    AUTOGRAD = "autograd"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Entry:
    """One derivative: an entry of the gradient (one name in `wrt`) or of the Hessian (two).

    Attributes:
        wrt: The variables of differentiation.
        formula: The derivative in gradcalc's own language; None where it is left out.
        latex: The same in LaTeX, where that was asked for.
        symbolic: The formula's value at the point, correctly rounded to the dtype.
        autograd: What torch returned; may be nan or infinite.
        limit: The difference quotient at high precision; None where it was not needed.
        ulps: Distance of autograd's value from the exact one, in units in the last place.
        verdict: What it all comes to.
        blame: The odd one out, when the verdict is disagree.
        note: One plain sentence for the reader, unless all is well.
    """

    wrt: tuple[str, ...]
    formula: str | None
    symbolic: float | None
    autograd: float | None
    limit: float | None
    ulps: float | None
    verdict: Verdict
    blame: Blame | None = None
    note: str | None = None
    latex: str | None = None


@dataclass(frozen=True, slots=True)
class TensorRow:
    """What torch says of one named tensor, after backward.

    Attributes:
        name: The user's name for it; the output that has none is called by the expression.
        shape: Its sizes; () for a scalar.
        is_leaf: As torch's `is_leaf`.
        requires_grad: As torch's `requires_grad`.
        retains_grad: As torch's `retains_grad`.
        grad_fn: The name of its grad_fn node; None for a leaf.
        grad: What its `.grad` holds; None where torch holds none.
    """

    name: str
    shape: tuple[int, ...]
    is_leaf: bool
    requires_grad: bool
    retains_grad: bool
    grad_fn: str | None
    grad: float | None


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of the backward graph.

    Attributes:
        id: Its number, by order of visit from the output, depth first.
        grad_fn: The name torch gives it.
        source: The piece of the user's text it comes from.
        inputs: The ids of the nodes that it passes gradients on to.
    """

    id: int
    grad_fn: str
    source: str
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A derivative by hand, judged.

    Attributes:
        wrt: The variable of differentiation.
        claim: The formula claimed.
        correct: Whether it is the derivative for all values; None if that could not be found out.
        proof: How that was shown: "symbolic", or "numeric" (at many random points); None if it is
            wrong.
        counterexample: Values of all variables where it is wrong, with both results: of the claim
            and of the derivative.
        diagnosis: What simple slip explains it, in one sentence.
    """

    wrt: str
    claim: str
    correct: bool | None
    proof: str | None
    counterexample: Counterexample | None
    diagnosis: str | None


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A point at which a claim is wrong.

    Attributes:
        at: The value of each variable.
        claimed: The claim's value; None where it has none.
        derivative: The derivative's value.
    """

    at: tuple[tuple[str, float], ...]
    claimed: float | None
    derivative: float


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to one expression: results, or the error that prevented them.

    Attributes:
        expression: The text as given.
        canonical: The text as understood.
        variables: The expression's variables, in order of appearance.
        bindings: Each bound variable's value, as torch sees it.
        dtype: "float64" or "float32".
        value: The expression's value by torch; None without a point.
        verdict: The worst of the entries' verdicts; None with an error.
        gradients: One entry for each variable of differentiation.
        hessian: One entry for each unordered pair of them, where second order was asked for.
        tensors: What torch says of each tensor, inputs first.
        graph: The backward graph, the output's node first.
        claims: Derivatives by hand, judged.
        warnings: One plain sentence each.
        error: What went wrong, if anything did.
        id: The identifier of a batch record, given back as it came.
        source: The file of a batch record, for messages.
        line: The line of a batch record, from 1.
    """

    expression: str
    canonical: str | None = None
    variables: tuple[str, ...] = ()
    bindings: tuple[tuple[str, float], ...] = ()
    dtype: str = "float64"
    value: float | None = None
    verdict: Verdict | None = None
    gradients: tuple[Entry, ...] = ()
    hessian: tuple[Entry, ...] = ()
    tensors: tuple[TensorRow, ...] = ()
    graph: tuple[GraphNode, ...] = ()
    claims: tuple[Claim, ...] = ()
    warnings: tuple[str, ...] = ()
    error: GradcalcError | None = None
    id: object = None
    source: str | None = None
    line: int | None = None

    @property
    def exit_code(self) -> int:
        """0 agree, 1 disagree or wrong claim, 2 error, 3 no derivative here, 4 undecided."""
        if self.error is not None or self.verdict is None:
            return 2
        if any(claim.correct is False for claim in self.claims):
            return 1
        if any(claim.correct is None for claim in self.claims):
            return min(EXIT_CODES[self.verdict] or 4, 4)
        return EXIT_CODES[self.verdict]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All derivatives: the gradient's, then the Hessian's."""
        return self.gradients + self.hessian
