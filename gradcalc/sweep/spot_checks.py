"""Points of a sweep before the jury, the same that `grad` calls.

In: a table with torch's answers, the numbers of some of its points. Out: the jury's entries for
each, what they say written into the table.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from gradcalc.autograd.autodiff import Testimony
from gradcalc.autograd.forward import forward_of
from gradcalc.autograd.together import sizes_of
from gradcalc.base.dtypes import DTYPES
from gradcalc.base.options import Options
from gradcalc.calculus.symbolic import forget
from gradcalc.functions import torch
from gradcalc.judging.verdicts import judged
from gradcalc.program.program import Array, Program
from gradcalc.results.report import Entry, Verdict, worst
from gradcalc.sweep.tables import BESIDE, Table

#: Points that are asked for together; after so many, sympy's caches are emptied.
_BLOCK = 500


class Hearing:
    """A program, and the derivatives that the jury is asked about.

    Attributes:
        heard: How many points it has heard.
    """

    def __init__(
        self,
        program: Program,
        entries: dict[str, tuple[int, ...]],
        variables: Sequence[int],
        options: Options,
    ) -> None:
        """Prepare to hear.

        Args:
            program: The scalar program.
            entries: By the name of its column each derivative: the numbers of one or two inputs.
            variables: The numbers of the inputs of differentiation.
            options: What is asked.
        """
        self._program = program
        self._entries = entries
        self._variables = variables
        self._options = options
        self.heard = 0

    def decide(self, table: Table, numbers: Sequence[int]) -> None:
        """Let the jury decide on points, and write down what it says."""
        for number, entries in self.entries(table, numbers):
            named = list(zip(self._entries, entries, strict=True))
            for name, entry in named:
                for which, value in zip(BESIDE, (entry.symbolic, entry.ulps), strict=True):
                    if value is None:
                        table.leave_out(f"{name}{which}", number)
                    else:
                        table.columns[f"{name}{which}"][number] = value
            verdict = worst(entry.verdict for entry in entries)
            if verdict is not Verdict.AGREE:
                notes = [
                    f"{name}: {_said(entry)}"
                    for name, entry in named
                    if entry.verdict is not Verdict.AGREE
                ]
                table.findings[number] = verdict, "; ".join(notes)

    def cross_check(self, table: Table, number: int, expected: Verdict) -> None:
        """Let the jury hear what is certain already; what it says against that is a finding."""
        ((_, entries),) = self.entries(table, [number])
        for name, entry in zip(self._entries, entries, strict=True):
            # That the jury had too little time says nothing.
            if entry.verdict not in {expected, Verdict.UNDECIDED}:
                note = (
                    f"{name}: the sweep is certain of `{expected}`, but the jury says "
                    f"{_said(entry)}; one of them is at fault, please report this"
                )
                table.findings[number] = Verdict.DISAGREE, note

    def entries(self, table: Table, numbers: Sequence[int]) -> Iterator[tuple[int, list[Entry]]]:
        """The jury's judgement of torch's derivatives, point by point."""
        waiting = iter(numbers)
        while block := list(itertools.islice(waiting, _BLOCK)):
            for number, (defined, spread) in zip(block, self._sizes(table, block), strict=True):
                self.heard += 1
                yield number, self._judged(table, number, defined=defined, spread=spread)
                if self.heard % _BLOCK == 0:
                    forget()

    def _sizes(self, table: Table, numbers: Sequence[int]) -> Iterator[tuple[bool, int]]:
        """What the forward pass says of each point."""
        kind = getattr(torch, self._options.dtype)
        leaves = [
            torch.from_numpy(table.columns[name][numbers]).to(kind) for name in self._program.names
        ]
        with torch.no_grad():
            values = forward_of(self._program, leaves, kind, {}).values
        return sizes_of(self._program, values, len(numbers))

    def _judged(self, table: Table, number: int, *, defined: bool, spread: int) -> list[Entry]:
        """The jury's judgement at one point."""
        inputs = [Array((), (float(table.columns[name][number]),)) for name in self._program.names]
        answers = {axes: table.cell(name, number) for name, axes in self._entries.items()}
        testimony = Testimony(
            outputs=(Array((), (float(table.columns["value"][number]),)),),
            weights=(Array((), (1.0,)),),
            gradients=([answers.get((axis,)) or 0.0 for axis in range(len(inputs))],),
            hessian={(e[0], e[1]): answers[e] for e in self._entries.values() if len(e) == 2},
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
