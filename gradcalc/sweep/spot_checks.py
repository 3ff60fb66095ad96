"""Points of a sweep that are judged one by one, as `grad` judges them.

In: a table with torch's answers, the places of some of its points. Out: the table, with a
verdict on each of those points.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from gradcalc.autograd.autodiff import Testimony
from gradcalc.base.dtypes import DTYPES
from gradcalc.base.options import Options
from gradcalc.calculus.symbolic import forget
from gradcalc.exact import adjoint
from gradcalc.exact.values import columns_at
from gradcalc.judging.verdicts import judged
from gradcalc.program.program import Array, Program
from gradcalc.results.report import RANKS, Entry, Verdict, worst
from gradcalc.rounding.budget import budget
from gradcalc.sweep.draft import BESIDE, Draft

#: After so many points, sympy's caches are emptied.
_BLOCK = 500


class SpotChecks:
    """A program, and the derivatives that are judged.

    Attributes:
        count: How many points it judged; those of the sample do not count.
    """

    def __init__(
        self,
        program: Program,
        axes: dict[str, tuple[int, ...]],
        variables: Sequence[int],
        options: Options,
    ) -> None:
        """Prepare.

        Args:
            program: The scalar program.
            axes: By the name of its column each derivative: the numbers of one or two inputs.
            variables: The numbers of the inputs of differentiation.
            options: What is asked.
        """
        self._program = program
        self._axes = axes
        self._variables = variables
        self._options = options
        self._dtype = DTYPES[options.dtype]
        self._budget = budget(len(program.steps))
        self.count = 0

    def decide(self, draft: Draft, places: Sequence[int]) -> None:
        """Judge points, and write down what comes of it."""
        for place in places:
            self.count += 1
            entries = self._judged(draft, place)
            for name, entry in zip(self._axes, entries, strict=True):
                for which, value in zip(BESIDE, (entry.symbolic, entry.ulps), strict=True):
                    if value is None:
                        draft.leave_out(f"{name}{which}", place)
                    else:
                        draft.columns[f"{name}{which}"][place] = value
            verdict = worst(entry.verdict for entry in entries)
            if verdict is not Verdict.AGREE:
                notes = [
                    f"{name}: {_said(entry)}"
                    for name, entry in zip(self._axes, entries, strict=True)
                    if entry.verdict is not Verdict.AGREE
                ]
                draft.findings[place] = verdict, "; ".join(notes)
            if self.count % _BLOCK == 0:
                forget()

    def cross_check(self, draft: Draft, places: Iterable[int], expected: Verdict) -> None:
        """Judge points that are settled already; a contradiction is a finding."""
        for place in places:
            self.count += 1
            self._cross_check(draft, place, expected)

    def sample(self, draft: Draft, places: Sequence[int]) -> None:
        """Hold points that agree against exact numbers; only what is too far off is judged."""
        if not places:
            return
        columns = [draft.columns[name][places].tolist() for name in self._program.names]
        exact = columns_at(self._exactly, columns, self._dtype)
        for place, *balls in zip(places, *exact, strict=True):
            if not self._is_confirmed(draft, place, balls):
                self._cross_check(draft, place, Verdict.AGREE)

    @functools.cached_property
    def _exactly(self) -> Program:
        """The program of the value and the derivatives."""
        entries = list(self._axes.values())
        derived = adjoint.derivatives(self._program, entries, lambda row: row.derivative)
        return adjoint.merged([self._program, derived], self._program.inputs)

    def _cross_check(self, draft: Draft, place: int, expected: Verdict) -> None:
        for name, entry in zip(self._axes, self._judged(draft, place), strict=True):
            # That there was too little time to judge says nothing.
            if entry.verdict not in {expected, Verdict.UNDECIDED}:
                note = (
                    f"{name}: the sweep is certain of `{expected}`, but judged alone the point "
                    f"is {_said(entry)}; one of them is at fault, please report this"
                )
                draft.findings[place] = Verdict.DISAGREE, note

    def _is_confirmed(self, draft: Draft, place: int, balls: Sequence[Any]) -> bool:
        """Whether torch's numbers are within the rounding budget of the exact ones."""
        for name, ball in zip(("value", *self._axes), balls, strict=True):
            answer = draft.cell(name, place)
            if ball is None or answer is None:
                return False
            if not self._dtype.ulps(answer, self._dtype.nearest(ball)) <= self._budget:
                return False
        return True

    def _point(self, draft: Draft, place: int) -> list[float]:
        return [float(draft.columns[name][place]) for name in self._program.names]

    def _judged(self, draft: Draft, place: int) -> list[Entry]:
        """Judge one point."""
        inputs = [Array((), (number,)) for number in self._point(draft, place)]
        answers = {axes: draft.cell(name, place) for name, axes in self._axes.items()}
        testimony = Testimony(
            outputs=(Array((), (float(draft.columns["value"][place]),)),),
            weights=(Array((), (1.0,)),),
            gradients=([answers.get((axis,)) or 0.0 for axis in range(len(inputs))],),
            hessian={(a[0], a[1]): answers[a] for a in self._axes.values() if len(a) == 2},
            tensors=(),
            graph=(),
            seen={},
        )
        of_point = judged(
            self._program, inputs, self._variables, testimony, self._dtype, self._options
        )
        (row,) = of_point.rows
        check = of_point.value_check
        if check is not None and RANKS[check.verdict] > RANKS[worst(e.verdict for e in row)]:
            # It is the more serious finding, and says why.
            row[0] = row[0]._replace(verdict=check.verdict, note=check.note, proved=False)
        return row


def _said(entry: Entry) -> str:
    return f"{entry.verdict}{': ' * bool(entry.note)}{entry.note or ''}"
