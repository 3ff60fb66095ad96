"""The answers of a sweep at many points: columns of numbers, a verdict and a note for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradcalc.results.report import Verdict


@dataclass(frozen=True, slots=True)
class Table:
    """Some of the points of a sweep, one after the other.

    Attributes:
        columns: By its name each column of numbers, a float64 array: the variables, the value, and
            for each derivative what autograd returned, the exact number, and their distance.
        length: How many points there are.
        missing: By the name of a column an array that tells at which points it has no number.
        findings: By its place each point that is not `agree`: the worst of its derivatives'
            verdicts, and what to say about them.
    """

    columns: Mapping[str, Any]
    length: int
    missing: Mapping[str, Any] = field(default_factory=dict)
    findings: Mapping[int, tuple[Verdict, str]] = field(default_factory=dict)

    def cell(self, name: str, place: int) -> float | None:
        """The number of a column at a point."""
        if name in self.missing and self.missing[name][place]:
            return None
        return float(self.columns[name][place])

    @property
    def verdicts(self) -> list[str]:
        """Each point's verdict."""
        verdicts = [str(Verdict.AGREE)] * self.length
        for place, (verdict, _) in self.findings.items():
            verdicts[place] = str(verdict)
        return verdicts

    @property
    def notes(self) -> list[str]:
        """What to say about each point; nothing where all is well."""
        notes = [""] * self.length
        for place, (_, note) in self.findings.items():
            notes[place] = note
        return notes
