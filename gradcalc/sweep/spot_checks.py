"""Points of a sweep that are judged one by one, as `grad` judges them.

In: a table with torch's answers, the places of some of its points. Out: the table, with a
verdict on each of those points.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from gradcalc.autograd.assessment import assess_points
from gradcalc.autograd.autodiff import Testimony
from gradcalc.autograd.forward import forward_of
from gradcalc.base.dtypes import DTYPES
from gradcalc.base.options import Options
from gradcalc.calculus.symbolic import forget
from gradcalc.functions import torch
from gradcalc.judging.verdicts import judged
from gradcalc.program.program import Array, Program
from gradcalc.results.report import Entry, Verdict, worst
from gradcalc.sweep.draft import BESIDE, Draft

#: Points that are asked for together; after so many, sympy's caches are emptied.
_BLOCK = 500


class SpotChecks:
    """A program, and the derivatives that are judged.

    Attributes:
        count: How many points it judged.
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
        self.count = 0

    def decide(self, draft: Draft, places: Sequence[int]) -> None:
        """Judge points, and write down what comes of it."""
        for place, entries in self.entries(draft, places):
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

    def cross_check(self, draft: Draft, place: int, expected: Verdict) -> None:
        """Judge a point that is settled already; a contradiction is a finding."""
        ((_, entries),) = self.entries(draft, [place])
        for name, entry in zip(self._axes, entries, strict=True):
            # That there was too little time to judge says nothing.
            if entry.verdict not in {expected, Verdict.UNDECIDED}:
                note = (
                    f"{name}: the sweep is certain of `{expected}`, but judged alone the point is "
                    f"{_said(entry)}; one of them is at fault, please report this"
                )
                draft.findings[place] = Verdict.DISAGREE, note

    def entries(self, draft: Draft, places: Sequence[int]) -> Iterator[tuple[int, list[Entry]]]:
        """Judge torch's derivatives, point by point."""
        waiting = iter(places)
        while block := list(itertools.islice(waiting, _BLOCK)):
            for place, (defined, spread) in zip(block, self._sizes(draft, block), strict=True):
                self.count += 1
                yield place, self._judged(draft, place, defined=defined, spread=spread)
                if self.count % _BLOCK == 0:
                    forget()

    def _sizes(self, draft: Draft, places: Sequence[int]) -> Iterator[tuple[bool, int]]:
        """What the forward pass says of each point."""
        kind = getattr(torch, self._options.dtype)
        leaves = [
            torch.from_numpy(draft.columns[name][places]).to(kind) for name in self._program.names
        ]
        with torch.no_grad():
            values = forward_of(self._program, leaves, kind, {}).values
        return assess_points(self._program, values, len(places))

    def _judged(self, draft: Draft, place: int, *, defined: bool, spread: int) -> list[Entry]:
        """Judge one point."""
        inputs = [Array((), (float(draft.columns[name][place]),)) for name in self._program.names]
        answers = {axes: draft.cell(name, place) for name, axes in self._axes.items()}
        testimony = Testimony(
            outputs=(Array((), (float(draft.columns["value"][place]),)),),
            weights=(Array((), (1.0,)),),
            gradients=([answers.get((axis,)) or 0.0 for axis in range(len(inputs))],),
            hessian={(a[0], a[1]): answers[a] for a in self._axes.values() if len(a) == 2},
            tensors=(),
            graph=(),
            seen={},
            defined=defined,
            spread=spread,
        )
        dtype = DTYPES[self._options.dtype]
        _, rows, _ = judged(self._program, inputs, self._variables, testimony, dtype, self._options)
        return rows[0]


def _said(entry: Entry) -> str:
    return f"{entry.verdict}{': ' * bool(entry.note)}{entry.note or ''}"
