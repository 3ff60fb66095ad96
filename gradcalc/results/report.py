"""The results: all that a renderer may know, frozen, with nothing left to compute.

`calculate` fills a `Report`; `render` draws it. Numbers are Python floats in the asked dtype;
None stands for an answer that a witness could not give or was not asked for. A tensor is a nested
tuple of its shape; a scalar is the bare number.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from gradcalc.base.errors import GradcalcError, Kind

#: A number, or a tensor's numbers as nested tuples.
Nested = float | tuple[Any, ...]


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


#: What stands for a verdict where bad input has none.
ERROR = "error"

#: Exit code of the command line for each verdict, and for bad input.
EXIT_CODES: dict[str, int] = {
    Verdict.AGREE: 0,
    Verdict.UNCHECKED: 0,
    Verdict.ROUNDING: 0,
    Verdict.DISAGREE: 1,
    ERROR: 2,
    Verdict.UNDEFINED: 3,
    Verdict.NONDIFFERENTIABLE: 3,
    Verdict.UNDECIDED: 4,
}

#: Exit codes, most serious first; 70 is an error of gradcalc's own.
_BY_SERIOUSNESS = (1, 70, 2, 3, 4, 0)

#: How serious each verdict is, as a number.
RANKS = {verdict: rank for rank, verdict in enumerate(Verdict)}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The most serious of verdicts; of none, `agree`."""
    return max(verdicts, key=RANKS.__getitem__, default=Verdict.AGREE)


def worst_code(codes: Collection[int]) -> int:
    """The most serious of exit codes; of none, 0."""
    return min(codes, key=_BY_SERIOUSNESS.index, default=0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a report comes to, small enough to go from process to process.

    Attributes:
        verdict: Its verdict, or "error".
        wrong_claim: Whether a derivative by hand is wrong.
        open_claim: Whether one could not be judged.
        internal: Whether the error is gradcalc's own.
        proved: Whether all verdicts on derivatives are proved.
    """

    verdict: str
    wrong_claim: bool = False
    open_claim: bool = False
    internal: bool = False
    proved: bool = False

    @classmethod
    def of_json(cls, answer: Any) -> Outcome:
        """The outcome of a report that was written as JSON.

        Raises:
            ValueError: If it is no report.
        """
        match answer:
            case {"verdict": None, "error": {"kind": kind}} if kind in [*Kind]:
                verdict = ERROR
            case {"verdict": verdict, "error": None as kind} if verdict in [*Verdict]:
                pass
            case _:
                raise ValueError
        match answer.get("claims", []):
            case [*claims] if all(map(_is_claim, claims)):
                correct = [claim["correct"] for claim in claims]
            case _:
                raise ValueError
        match answer:
            case {"gradients": [*gradient], "hessian": [*hessian]} if gradient:
                proved = all(map(_is_proved, [*gradient, *hessian]))
            case _:
                proved = False
        return cls(verdict, False in correct, None in correct, kind == Kind.INTERNAL, proved)

    @property
    def names(self) -> frozenset[str]:
        """What it counts as: a wrong claim is a disagreement, one without judgement undecided."""
        claims = {Verdict.DISAGREE.value} if self.wrong_claim else set()
        claims |= {Verdict.UNDECIDED.value} if self.open_claim else set()
        return frozenset({self.verdict, *claims})

    @property
    def most_serious(self) -> str:
        """That of its names which decides about the exit code."""
        return min(self.names, key=lambda name: _BY_SERIOUSNESS.index(self.code(name)))

    def code(self, name: str) -> int:
        """The exit code for one of its names."""
        return 70 if self.internal and name == ERROR else EXIT_CODES[name]


def _is_proved(derivative: object) -> bool:
    match derivative:
        case {"proved": True}:
            return True
    return False


def _is_claim(claim: object) -> bool:
    match claim:
        case {"correct": True | False | None}:
            return True
    return False


class Blame(StrEnum):
    """The odd one out of a disagreement."""

    CALCULUS = "calculus"
    AUTOGRAD = "autograd"
    LIMIT = "limit"


class Entry(NamedTuple):
    """One number: a partial derivative (one name in `wrt`) or a second one (two).

    Attributes:
        wrt: The variables of differentiation; an entry of a tensor is called x[0,1].
        formula: The derivative in gradcalc's own language; None where it is left out.
        symbolic: The formula's value at the point, correctly rounded to the dtype.
        autograd: What torch returned; may be nan or infinite.
        limit: The difference quotient; None where it was not needed.
        ulps: Distance of autograd's value from the exact one, in units in the last place.
        verdict: What it all comes to.
        blame: The odd one out, when the verdict is disagree.
        note: One plain sentence for the reader, unless all is well.
        latex: The formula in LaTeX, where that was asked for.
        output: Which entry of the output it is the derivative of, in a Jacobian: "[2]".
        proved: Whether an enclosure of the exact derivative decided the verdict.
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
    output: str = ""
    proved: bool = False


class ValueCheck(NamedTuple):
    """The forward value, held against the function's exact one; JSON has the same names.

    Attributes:
        exact: The exact value, correctly rounded to the dtype; None where there is none.
        ulps: Distance of torch's value from it, in units in the last place.
        verdict: What it comes to, by the rules of derivatives.
        note: One plain sentence for the reader, unless all is well. Of a tensor it is about the
            most serious entry.
    """

    exact: Nested | None
    ulps: float | None
    verdict: Verdict
    note: str | None = None


class Derivative(NamedTuple):
    """The derivative by one variable, or a block of the Hessian by two: all its entries.

    `formula`, `symbolic`, `autograd`, `limit` and `ulps` are those of the entries, nested in the
    derivative's shape; None where no entry has any. `verdict`, `blame` and `note` are those of the
    most serious entry; `proved` is true if it is of all.

    Attributes:
        wrt: The variables' names.
        shape: The derivative's sizes, () for a scalar by a scalar: in a Jacobian the output's
            sizes, then those of each variable.
        entries: One for each number, in the order of memory (the last index moves fastest).
    """

    wrt: tuple[str, ...]
    shape: tuple[int, ...]
    entries: tuple[Entry, ...]

    @property
    def formula(self) -> Any:
        """The formulas in gradcalc's own language."""
        return self._nested(lambda entry: entry.formula)

    @property
    def symbolic(self) -> Any:
        """The exact values, rounded to the dtype."""
        return self._nested(lambda entry: entry.symbolic)

    @property
    def autograd(self) -> Any:
        """What torch returned."""
        return self._nested(lambda entry: entry.autograd)

    @property
    def limit(self) -> Any:
        """The difference quotients."""
        return self._nested(lambda entry: entry.limit)

    @property
    def ulps(self) -> Any:
        """The distances of torch's values from the exact ones."""
        return self._nested(lambda entry: entry.ulps)

    @property
    def latex(self) -> Any:
        """The formulas in LaTeX."""
        return self._nested(lambda entry: entry.latex)

    @property
    def worst(self) -> Entry | None:
        """The most serious entry, the first of equals; None for a tensor without entries."""
        if len(self.entries) == 1:
            return self.entries[0]
        return max(self.entries, key=lambda entry: RANKS[entry.verdict], default=None)

    @property
    def verdict(self) -> Verdict:
        """The worst of the entries' verdicts."""
        return Verdict.AGREE if self.worst is None else self.worst.verdict

    @property
    def proved(self) -> bool:
        """Whether an enclosure decided the verdict of each entry."""
        return all(entry.proved for entry in self.entries)

    @property
    def blame(self) -> Blame | None:
        """The odd one out, for the most serious entry."""
        return None if self.worst is None else self.worst.blame

    @property
    def note(self) -> str | None:
        """The sentence about the most serious entry; of a tensor it names the entry."""
        worst = self.worst
        if worst is None or worst.note is None:
            return None
        if not self.shape:
            return worst.note
        return f"{worst.output}{' by ' * bool(worst.output)}{', '.join(worst.wrt)}: {worst.note}"

    def _nested(self, read: Callable[[Entry], Any]) -> Any:
        values = [read(entry) for entry in self.entries]
        if all(value is None for value in values) and values:
            return None
        return nested(values, self.shape)


def nested(values: Sequence[Any], shape: Sequence[int]) -> Any:
    """Nest the values of a tensor, the last index fastest, as tuples of its shape.

    >>> nested([1, 2, 3, 4, 5, 6], (2, 3))
    ((1, 2, 3), (4, 5, 6))
    """
    if not shape:
        return values[0]
    if 0 in shape:
        return _empty(tuple(shape))
    level = list(values)
    for size in reversed(shape[1:]):
        level = [tuple(level[k : k + size]) for k in range(0, len(level), size)]
    return tuple(level)


def _empty(shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The nesting of a tensor without entries, as deep as its shape tells."""
    return tuple(_empty(shape[1:]) for _ in range(shape[0])) if len(shape) > 1 else ()


class TensorRow(NamedTuple):
    """What torch says of one named tensor, after backward; JSON has the same names in this order.

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
    grad: Nested | None


class GraphNode(NamedTuple):
    """A node of the backward graph; JSON has the same names in this order.

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
        constants: Names of the bound variables that are not differentiated by.
        dtype: "float64" or "float32".
        value: The expression's value by torch; of several outputs a tuple of theirs. None without
            a point.
        value_check: The value, held against the function's exact one.
        verdict: The worst of the entries' verdicts and the value's; None with an error.
        gradients: One derivative for each variable of differentiation.
        hessian: One for each unordered pair of them, where second order was asked for.
        tensors: What torch says of each tensor, inputs first, then those that the user named.
        left_out: Why formulas are left out, in one sentence; None where all are there.
        passes: How often backward was run; without zeroing in between, gradients added up. 0 where
            torch refuses to, because the result is no single number and has no weights.
        graph: The backward graph, the first output's node first.
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
    bindings: tuple[tuple[str, Nested], ...] = ()
    constants: tuple[str, ...] = ()
    dtype: str = "float64"
    value: Nested | None = None
    value_check: ValueCheck | None = None
    verdict: Verdict | None = None
    gradients: tuple[Derivative, ...] = ()
    hessian: tuple[Derivative, ...] = ()
    left_out: str | None = None
    tensors: tuple[TensorRow, ...] = ()
    passes: int = 1
    graph: tuple[GraphNode, ...] = ()
    claims: tuple[Claim, ...] = ()
    warnings: tuple[str, ...] = ()
    error: GradcalcError | None = None
    id: object = None
    source: str | None = None
    line: int | None = None

    @property
    def outcome(self) -> Outcome:
        """What it comes to: its verdict and those on claims."""
        failed = self.error is not None or self.verdict is None
        correct = [claim.correct for claim in self.claims]
        internal = self.error is not None and self.error.kind is Kind.INTERNAL
        blocks = (*self.gradients, *self.hessian)
        return Outcome(
            ERROR if failed else str(self.verdict),
            False in correct,
            None in correct,
            internal,
            bool(self.gradients) and all(block.proved for block in blocks),
        )

    @property
    def exit_code(self) -> int:
        """0 agree, 1 disagree or wrong claim, 3 no derivative here, 4 undecided; or the error's."""
        return self.outcome.code(self.outcome.most_serious)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All numbers: the gradient's, then the Hessian's."""
        return tuple(entry for block in (*self.gradients, *self.hessian) for entry in block.entries)
