"""The jury: asks the witnesses about the derivatives of a scalar program, and judges them.

In: a `Case`: the program, the point, and what autograd answered. Out: an `Entry` for each
derivative, in order, each as soon as it is judged. Calculus and the limit are asked here, each on
its own; neither sees the other's answer, nor autograd's.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.base import limits
from gradcalc.base.dtypes import Dtype
from gradcalc.calculus.symbolic import calculus_of
from gradcalc.exact.kinks import branches_of
from gradcalc.exact.point import Findings, at_point
from gradcalc.functions.balls import flint
from gradcalc.judging import compare
from gradcalc.judging.distance import Exact, judge_value
from gradcalc.limit.slopes import slope
from gradcalc.program.program import Program
from gradcalc.results.report import Entry, ValueCheck
from gradcalc.rounding.sensitivities import Sensitivity, measure


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be judged.

    Attributes:
        program: The function, as a scalar program.
        numbers: The value of each of its inputs.
        entries: For each derivative, the numbers of one or two inputs.
        autograd: What torch answered to each; None where it has no such derivative.
        budget: How far off torch may be, in ulps.
        anomaly: Finds torch's first nan or infinity on the way to a derivative.
        output: Which entry of the result it is about, in a Jacobian.
        value: What torch answered for the function itself; None if it did not calculate that.
        steps: Asks torch for the value of each step; None where that tells nothing.
        matrices: As in `measure`.
        again: Asks torch for a derivative in the other dtype; None for a program that is scalar as
            it stands.
    """

    program: Program
    numbers: Sequence[float]
    entries: Sequence[tuple[int, ...]]
    autograd: Mapping[tuple[int, ...], float | None]
    budget: int
    anomaly: Callable[[tuple[int, ...]], tuple[str, float, str] | None]
    output: str = ""
    value: float | None = None
    steps: Callable[[], Sequence[float]] | None = None
    matrices: Sequence[Sequence[int]] = ()
    again: Callable[[tuple[int, ...]], float | None] | None = None

    def names(self, axes: tuple[int, ...]) -> tuple[str, ...]:
        """The names of the variables of differentiation."""
        return tuple(self.program.inputs[axis].name for axis in axes)


class Jury:
    """Judges one case."""

    def __init__(
        self,
        case: Case,
        dtype: Dtype,
        *,
        formulas: int = 0,
        latex: bool = False,
        thorough: bool = False,
    ) -> None:
        """Prepare to judge.

        Args:
            case: What is to be judged.
            dtype: What torch calculated in.
            formulas: How many formulas are given at most; for the others, values alone.
            latex: Whether formulas are wanted in LaTeX too.
            thorough: Whether the limit is always asked, or only where it may change a verdict.
        """
        self._case = case
        self._dtype = dtype
        self._latex = latex
        self._thorough = thorough and len(case.entries) * len(case.program.steps) <= limits.THOROUGH
        self._roundings: dict[tuple[int, ...], Sensitivity] = {}
        self._calculus = (
            calculus_of(case.program, tuple(case.entries), dtype, formulas) if formulas else None
        )

    @functools.cached_property
    def _findings(self) -> Findings:
        """What there is at the point."""
        case = self._case
        return at_point(case.program, case.numbers, case.entries, self._dtype)

    def verdicts(self) -> Iterator[Entry]:
        """Judge the derivatives, in order."""
        findings = self._findings
        formulas: Sequence[Any] = [None] * len(self._case.entries)
        if self._calculus is not None:
            # The formula is of interest also where it has no value.
            self._calculus.differentiate()
            if findings.value is not None:
                formulas = self._calculus.balls(self._case.numbers)
        for position, formula in enumerate(formulas):
            evidence = self._evidence(position, findings.derivatives[position], formula)
            yield compare.judge_derivative(evidence, findings, thorough=self._thorough)

    def value_check(self) -> ValueCheck | None:
        """Judge the value; None where there is none, or torch did not calculate it."""
        if self._case.value is None or self._findings.value is None:
            return None
        return self.check_of(self._findings.value)

    def check_of(self, value: Any) -> ValueCheck:
        """Judge torch's value, which is there, by the ball of the exact one."""
        case = self._case
        exact = Exact(
            value, functools.partial(self._rounding, ()), functools.partial(self._other, ())
        )
        number = case.value or 0.0
        return judge_value(case.program, exact, number, self._dtype, case.budget)

    def undecided(self, position: int, note: str) -> Entry:
        """The entry for a derivative that there was no time to judge."""
        return compare.undecided(self._evidence(position, None, None), note)

    def _rounding(self, axes: tuple[int, ...]) -> Sensitivity:
        """How far rounding can carry a derivative; () for the value."""
        if axes not in self._roundings:
            # All that are far off are measured together, and the others one by one.
            together = [axes] if not axes or axes not in self._far else self._far
            self._roundings |= self._measured(together)
        return self._roundings[axes]

    @functools.cached_property
    def _far(self) -> list[tuple[int, ...]]:
        """The derivatives that autograd is further off from than a few ulps."""
        case = self._case
        far = []
        for axes, ball in zip(case.entries, self._findings.derivatives, strict=True):
            number = case.autograd[axes]
            if ball is not None and number is not None:
                exact = self._dtype.nearest(ball)
                if not self._dtype.ulps(number, exact) <= case.budget:
                    far.append(axes)
        return far

    def _measured(
        self,
        entries: Sequence[tuple[int, ...]],
        branches: Mapping[int, Sequence[float]] | None = None,
    ) -> Mapping[tuple[int, ...], Sensitivity]:
        case = self._case
        return measure(
            case.program,
            case.numbers,
            entries,
            self._dtype,
            branches=branches,
            matrices=case.matrices,
        )

    @functools.cached_property
    def _branches(self) -> Mapping[int, Sequence[float]]:
        """The choices as torch makes them.

        Rounding may carry an argument across a kink or a jump, or far near an end of a domain.
        """
        case = self._case
        return {} if case.steps is None else branches_of(case.program, case.steps())

    @functools.cached_property
    def _by_convention(self) -> tuple[Findings, Findings]:
        """What there is at the point with the right choices, and with torch's.

        On a kink, derivatives are what the conventions of the rows make of them.
        """
        case = self._case
        right, torchs = (
            at_point(case.program, case.numbers, case.entries, self._dtype, branches)
            for branches in ({}, self._branches)
        )
        return right, torchs

    def _other(self, axes: tuple[int, ...], truth: Any) -> Exact | None:
        """A derivative, or with () the value, with torch's choices.

        None if there is none; and where it is the convention of a kink, and no choice of torch's,
        that makes another number of the exact one: that is no rounding.
        """
        if not self._branches:
            return None
        place = self._case.entries.index(axes) if axes else 0
        right, ball = (
            findings.derivatives[place] if axes else findings.value
            for findings in self._by_convention
        )
        if ball is None:
            return None
        if right is not None and right.overlaps(ball) and not right.overlaps(truth):
            return None
        return Exact(ball, lambda: self._measured([axes], self._branches)[axes])

    @functools.cached_property
    def _second_shrinks(self) -> bool:
        """Whether the errors of second derivatives are what rounding makes of them.

        Of the second derivatives of some functions of tensors (det, prod), torch makes products and
        quotients that have no likeness in the program that is written out. But it can be run in
        both dtypes: a wrong derivative is as wrong in either. One error may happen to be 0; the
        largest ones are compared.
        """
        case = self._case
        if case.again is None:
            return False
        here, there = flint.arb(0), flint.arb(0)
        for axes, ball in zip(case.entries, self._findings.derivatives, strict=True):
            if len(axes) == 2 and ball is not None:
                one, other = case.autograd[axes], case.again(axes)
                if (
                    one is None
                    or other is None
                    or not (math.isfinite(one) and math.isfinite(other))
                ):
                    return False
                here = here.max(abs(flint.arb(one) - ball))
                there = there.max(abs(flint.arb(other) - ball))
        return self._dtype.shrinks(here, there)

    def _evidence(self, position: int, exact: Any, formula: Any) -> compare.Evidence:
        case, calculus = self._case, self._calculus
        axes = case.entries[position]
        # functools.partial: these are called only if they can change the verdict.
        return compare.Evidence(
            program=case.program,
            dtype=self._dtype,
            wrt=case.names(axes),
            axes=axes,
            formula=None if calculus is None else calculus.text(position),
            latex=calculus.latex(position) if self._latex and calculus is not None else None,
            exact=exact,
            calculus=formula,
            autograd=case.autograd[axes],
            slope=lambda along: slope(case.program, case.numbers, along, self._dtype),
            rounding=functools.partial(self._rounding, axes),
            other=functools.partial(self._other, axes),
            shrinks=lambda: len(axes) == 2 and self._second_shrinks,
            anomaly=functools.partial(case.anomaly, axes),
            budget=case.budget,
            output=case.output,
        )
