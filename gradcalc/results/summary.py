"""What a run of many reports, or a sweep of many points, comes to.

In: outcomes, one after the other. Out: counts in a line, and an exit code.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.names import did_you_mean
from gradcalc.results.report import ERROR, EXIT_CODES, Outcome, Verdict, worst_code

#: What `--only` and `--fail-on` take: the verdicts, and input that has none.
NAMES: tuple[str, ...] = (*(verdict.value for verdict in Verdict), ERROR)

#: What makes a run fail unless the user says otherwise.
FAILING = frozenset(name for name in NAMES if EXIT_CODES[name])

_WRONG_CLAIM = "with a wrong claim"


@dataclass(slots=True)
class Summary:
    """Counts of a run, kept while it goes on.

    Attributes:
        failing: The names of the outcomes that make it fail.
        unit: What is counted, a "line" or a "point".
        total: How many there are.
        counts: How many there are by verdict, by "error", and those with a wrong claim.
        proved: How many of a verdict are proved.
        one_by_one: Of the points of a sweep, how many were judged one by one; None for other runs.
        exit_codes: Those that occurred.
        started: When it began, in seconds of the monotonic clock.
    """

    failing: Collection[str] = FAILING
    unit: str = "line"
    total: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    proved: Counter[str] = field(default_factory=Counter)
    one_by_one: int | None = None
    exit_codes: set[int] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)

    def add(self, outcome: Outcome, count: int = 1) -> None:
        """Count one more, or several."""
        self.total += count
        self.counts[outcome.verdict] += count
        self.proved[outcome.verdict] += count * outcome.proved
        if outcome.wrong_claim:
            self.counts[_WRONG_CLAIM] += count
        if count:
            # Who fails on a verdict that is fine by itself gets the code of a disagreement.
            self.exit_codes |= {outcome.code(name) or 1 for name in outcome.names & {*self.failing}}

    @property
    def exit_code(self) -> int:
        """The most serious of the exit codes."""
        return worst_code(self.exit_codes)

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    def text(self) -> str:
        """The counts in one line."""
        # Claims last: those lines are counted by their verdict too.
        counts = sorted(self.counts.most_common(), key=lambda pair: pair[0] == _WRONG_CLAIM)
        parts = ", ".join(f"{count:,} {what}{self._share(what)}" for what, count in counts if count)
        total = f"{self.total:,} {self.unit}{'s' * (self.total != 1)}"
        alone = "" if self.one_by_one is None else f", {self.one_by_one:,} judged one by one"
        return f"{total}{alone}: {parts or 'nothing to do'} in {self.seconds:.1f} s"

    def _share(self, what: str) -> str:
        """How many of those are proved, in brackets; nothing where none is."""
        count, proved = self.counts[what], self.proved[what]
        if not proved:
            return ""
        share = f"{proved:,} " if proved < count else "all " * (count > 1)
        return f" ({share}proved)"


def chosen(text: str, option: str, *, none: bool = False) -> frozenset[str]:
    """The outcomes of a list such as "disagree,error".

    Args:
        text: The list.
        option: What it is given with.
        none: Whether "none" is a list too.

    Raises:
        GradcalcError: If there is none of that name, or "none" does not stand alone.
    """
    if none and text.strip() == "none":
        return frozenset()
    names = frozenset(filter(None, (name.strip() for name in text.split(","))))
    if none and "none" in names and len(names) > 1:
        hint = "leave it out, or all others"
        raise GradcalcError(Kind.USAGE, f"{option}: `none` stands alone", hint=hint)
    for name in sorted(names - {*NAMES}):
        hint = did_you_mean(name, NAMES, f"use {', '.join(NAMES)}")
        raise GradcalcError(Kind.USAGE, f"{option}: there is no verdict `{name}`", hint=hint)
    if not names:
        raise GradcalcError(Kind.USAGE, f"{option} needs a verdict", hint=f"use {', '.join(NAMES)}")
    return names
