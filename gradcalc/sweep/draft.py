"""The table of a sweep while it is written.

In: columns of numbers, and what is found out about single points. Out: a `Table`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from gradcalc.results.report import Verdict
from gradcalc.results.table import Table

#: What stands beside each derivative, in columns of their own.
BESIDE = (" symbolic", " ulps")


@dataclass(frozen=True, slots=True)
class Draft(Table):
    """A table that is not finished."""

    columns: dict[str, Any]
    missing: dict[str, Any] = field(default_factory=dict)
    findings: dict[int, tuple[Verdict, str]] = field(default_factory=dict)

    def leave_out(self, name: str, places: Any) -> None:
        """Let a column have no number at one point, or at those of a slice or an array."""
        import numpy as np

        if name not in self.missing:
            self.missing[name] = np.zeros(self.length, dtype=bool)
        self.missing[name][places] = True
        self.columns[name][places] = math.nan
