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
from fractions import Fraction
from typing import Any

from gradcalc.base import limits
from gradcalc.base.dtypes import SHRINKS, Dtype
from gradcalc.base.stages import Steps
from gradcalc.calculus import evaluation
from gradcalc.calculus.symbolic import calculus_of, exact_values
from gradcalc.exact import surveys
from gradcalc.functions import mp
from gradcalc.judging import compare
from gradcalc.limit import slopes
from gradcalc.program.program import Program
from gradcalc.results.report import Entry, Verdict
from gradcalc.rounding import conditioning

#: What there is at a point where all is smooth.
SMOOTH = surveys.Survey(defined=True, computable=True, near_kink=frozenset())


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
        other: What torch answers to a derivative in the other dtype; None for a program that is
            scalar as it stands.
        defined: Whether torch's forward pass leaves no doubt that all steps are defined.
        spread: How many bits the sizes of the values there take beyond the usual: how finely to
            calculate, and nothing of what the answer is.
    """

    program: Program
    numbers: Sequence[float]
    entries: Sequence[tuple[int, ...]]
    autograd: Mapping[tuple[int, ...], float | None]
    budget: int
    anomaly: Callable[[tuple[int, ...]], tuple[str, float, str] | None]
    output: str = ""
    other: Callable[[tuple[int, ...]], float | None] | None = None
    defined: bool = False
    spread: int = 0

    @property
    def point(self) -> Sequence[Fraction]:
        """The values, exactly."""
        return list(map(Fraction, self.numbers))

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
        formulas: int,
        latex: bool,
        thorough: bool,
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
        self._calculus = (
            calculus_of(case.program, tuple(case.entries), dtype, formulas) if formulas else None
        )
        self._conditioning: dict[tuple[int, ...], conditioning.Conditioning] = {}
        self._smooth = False
        self._exact: Sequence[Any] = ()
        self._far: dict[tuple[int, ...], Any] = {}

    def verdicts(self) -> Iterator[Entry]:
        """Judge the derivatives, in order; to be asked after `at_once`."""
        case, dtype = self._case, self._dtype
        # Without another witness that says the same, the values must settle.
        settled = (
            self._smooth and self._calculus and self._calculus.settled(case.numbers, case.spread)
        )
        if settled:
            survey, symbolic = SMOOTH, list(map(evaluation.as_mpmath, settled))
        else:
            survey = surveys.survey(case.program, case.point, dtype, case.spread)
            if self._calculus is not None:
                # The formula is of interest also where it has no value.
                self._calculus.differentiate()
            symbolic = self._symbolic() if survey.computable else [None] * len(case.entries)
        self._exact, self._far = symbolic, self._distances(symbolic)
        for position, value in enumerate(symbolic):
            evidence = self._evidence(position, value)
            yield compare.judge_derivative(evidence, survey, thorough=self._thorough)

    def at_once(self) -> Steps[list[Entry] | None]:
        """Judge the derivatives, if all is smooth, SymEngine has the values, and autograd agrees.

        That takes no time worth a limit. None where more must be asked.
        """
        if self._thorough or not self._case.defined or self._calculus is None:
            return None
        exact = yield from self._calculus.at_once(self._case.numbers, self._case.spread)
        self._smooth = exact is not None
        return None if exact is None else self._agreed(exact)

    def _agreed(self, exact: Sequence[Any]) -> list[Entry] | None:
        """The entries, if autograd is right about all: then there is nothing more to ask."""
        case, calculus, dtype = self._case, self._calculus, self._dtype
        entries = []
        for position, (axes, number) in enumerate(zip(case.entries, exact, strict=True)):
            autograd, value = case.autograd[axes], evaluation.nearest(number, dtype)
            if autograd is None or not (math.isfinite(autograd) and math.isfinite(value)):
                return None
            ulps = dtype.ulps(autograd, value)
            if ulps > case.budget:
                return None
            entries.append(
                Entry(
                    wrt=case.names(axes),
                    formula=None if calculus is None else calculus.text(position),
                    symbolic=value,
                    autograd=autograd,
                    limit=None,
                    ulps=ulps,
                    verdict=Verdict.AGREE,
                    latex=calculus.latex(position) if self._latex and calculus else None,
                    output=case.output,
                )
            )
        return entries

    def undecided(self, position: int, note: str) -> Entry:
        """The entry for a derivative that there was no time to judge."""
        return compare.undecided(self._evidence(position, None), note)

    def _symbolic(self) -> list[Any]:
        """The exact values by calculus; None where it has none."""
        case, calculus = self._case, self._calculus
        if calculus is None:
            return exact_values(case.program, case.entries, case.point, self._dtype, case.spread)
        calculus.differentiate()
        settled = calculus.settled(case.numbers, case.spread)
        if settled is None:
            values = calculus.values(case.point, case.spread)
            without = [k for k, formula in enumerate(calculus.formulas) if formula is None]
        else:
            values = [None if value is None else evaluation.as_mpmath(value) for value in settled]
            without = [k for k, value in enumerate(settled) if value is None]
        if without:
            entries = [case.entries[k] for k in without]
            exact = exact_values(case.program, entries, case.point, self._dtype, case.spread)
            for k, value in zip(without, exact, strict=True):
                values[k] = value
        return values

    def _distances(self, symbolic: Sequence[Any]) -> dict[tuple[int, ...], Any]:
        """The errors of the derivatives that are beyond the budget: rounding may explain them."""
        far = {}
        for axes, exact in zip(self._case.entries, symbolic, strict=True):
            value = self._case.autograd[axes]
            if exact is None or value is None or not math.isfinite(value):
                continue
            rounded = self._dtype.nearest(exact)
            if self._dtype.ulps(value, rounded) > self._case.budget:
                far[axes] = abs(mp.mpf(value) - exact)
        return far

    def _measure(self, axes: tuple[int, ...], distance: Any) -> conditioning.Conditioning:
        """How far rounding can carry a derivative; all that are far off are measured together."""
        case, dtype = self._case, self._dtype
        if not self._conditioning:
            self._conditioning = conditioning.measure_all(
                case.program, case.point, {**self._far, axes: distance}, dtype
            )
        if axes not in self._conditioning:
            self._conditioning[axes] = conditioning.measure(
                case.program, case.point, axes, dtype, distance
            )
        return self._conditioning[axes]

    def _shrinks(self, axes: tuple[int, ...], distance: Any) -> bool:
        """Whether an error is smaller in float64 than in float32 by as much as rounding makes it.

        Many functions of tensors (det, prod) have no backward pass that could be run with an error
        on each of its operations, but torch can be run in both dtypes. A wrong derivative is as
        wrong in either. One that happens to be exact in float32 is held against the errors of the
        others there.
        """
        errors = self._other_errors
        own = errors.get(axes)
        if own is None:
            return False
        if self._dtype.other.bits > self._dtype.bits:
            return bool(own * SHRINKS <= distance)
        right = [
            error
            for other, error in errors.items()
            if other not in self._far or self._far[other] * SHRINKS <= error
        ]
        return bool(distance * SHRINKS <= max([own, *right]))

    @functools.cached_property
    def _other_errors(self) -> Mapping[tuple[int, ...], Any]:
        """Torch's errors in the other dtype."""
        errors: dict[tuple[int, ...], Any] = {}
        for axes, exact in zip(self._case.entries, self._exact, strict=True):
            if exact is None or self._case.other is None:
                continue
            value = self._case.other(axes)
            if value is not None and math.isfinite(value):
                errors[axes] = abs(mp.mpf(value) - exact)
        return errors

    def _evidence(self, position: int, symbolic: Any) -> compare.Evidence:
        case, calculus = self._case, self._calculus
        axes = case.entries[position]

        def continued() -> Any:
            if calculus is None or calculus.formulas[position] is None:
                return None
            return calculus.continued(position, case.point)

        # functools.partial: these are called only if they can change the verdict.
        return compare.Evidence(
            program=case.program,
            dtype=self._dtype,
            wrt=case.names(axes),
            axes=axes,
            formula=None if calculus is None else calculus.text(position),
            latex=calculus.latex(position) if self._latex and calculus is not None else None,
            symbolic=symbolic,
            autograd=case.autograd[axes],
            continued=continued,
            slope=functools.partial(slopes.slope, case.program, case.point, axes, self._dtype),
            conditioning=functools.partial(self._measure, axes),
            anomaly=functools.partial(case.anomaly, axes),
            budget=case.budget,
            output=case.output,
            shrinks=None if case.other is None else functools.partial(self._shrinks, axes),
        )
