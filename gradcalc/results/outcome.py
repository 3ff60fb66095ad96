"""What a report comes to, in the words that a batch counts, chooses and fails by.

In: a `Report`, or the JSON that was made of one. Out: an `Outcome`, small enough to go from process
to process, and a run's `Summary`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.names import did_you_mean
from gradcalc.results.report import EXIT_CODES, SERIOUSNESS, Report, Verdict

#: What `--only` and `--fail-on` take: the verdicts, and input that has none.
ERROR = "error"
NAMES: tuple[str, ...] = (*(verdict.value for verdict in Verdict), ERROR)

#: The exit code for each, and that of our own errors.
_CODES = {verdict.value: code for verdict, code in EXIT_CODES.items()} | {ERROR: 2}
_INTERNAL = 70

_WRONG_CLAIM = "with a wrong claim"

#: What makes a run fail unless the user says otherwise.
FAILING = frozenset(name for name, code in _CODES.items() if code)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one report comes to.

    Attributes:
        verdict: Its verdict, or "error".
        wrong_claim: Whether a derivative by hand is wrong.
        open_claim: Whether one could not be judged.
        internal: Whether the error is gradcalc's own.
    """

    verdict: str
    wrong_claim: bool = False
    open_claim: bool = False
    internal: bool = False

    @classmethod
    def of(cls, report: Report) -> Outcome:
        """The outcome of a report."""
        failed = report.error is not None or report.verdict is None
        return cls(
            ERROR if failed else str(report.verdict),
            any(claim.correct is False for claim in report.claims),
            any(claim.correct is None for claim in report.claims),
            report.error is not None and report.error.kind is Kind.INTERNAL,
        )

    @classmethod
    def of_json(cls, answer: Mapping[str, Any]) -> Outcome:
        """The outcome of a report that was written as JSON."""
        correct = [claim["correct"] for claim in answer.get("claims", ())]
        error = answer["error"]
        verdict = str(answer["verdict"]) if error is None else ERROR
        internal = error is not None and error["kind"] == Kind.INTERNAL
        return cls(verdict, False in correct, None in correct, internal)

    @property
    def names(self) -> frozenset[str]:
        """What it counts as: a wrong claim is a disagreement, one without judgement undecided."""
        claims = {Verdict.DISAGREE.value} if self.wrong_claim else set()
        claims |= {Verdict.UNDECIDED.value} if self.open_claim else set()
        return frozenset({self.verdict, *claims})


@dataclass(slots=True)
class Summary:
    """Counts of a run, kept while it goes on.

    Attributes:
        failing: The names of the outcomes that make it fail.
        lines: Reports in all.
        counts: Reports by verdict, by "error", and those with a wrong claim.
        exit_codes: Those that occurred.
        started: When it began, in seconds of the monotonic clock.
    """

    failing: Collection[str] = FAILING
    lines: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    exit_codes: set[int] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.lines += 1
        self.counts[outcome.verdict] += 1
        if outcome.wrong_claim:
            self.counts[_WRONG_CLAIM] += 1
        # Who fails on a verdict that is fine by itself gets the code of a disagreement.
        codes = {_CODES[name] or 1 for name in outcome.names if name in self.failing}
        self.exit_codes |= {_INTERNAL} if outcome.internal and codes else codes

    @property
    def exit_code(self) -> int:
        """The most serious of the exit codes."""
        return next((code for code in (1, _INTERNAL, *SERIOUSNESS) if code in self.exit_codes), 0)

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    def text(self) -> str:
        """The counts in one line."""
        # Claims last: those lines are counted by their verdict too.
        counts = sorted(self.counts.most_common(), key=lambda pair: pair[0] == _WRONG_CLAIM)
        parts = ", ".join(f"{count} {what}" for what, count in counts)
        lines = f"{self.lines} line{'s' * (self.lines != 1)}"
        return f"{lines}: {parts or 'nothing to do'} in {self.seconds:.1f} s"


def chosen(text: str, option: str, *, none: bool = False) -> frozenset[str]:
    """The outcomes of a list such as "disagree,error".

    Args:
        text: The list.
        option: What it is given with.
        none: Whether "none" is a list too.

    Raises:
        GradcalcError: If there is none of that name.
    """
    if none and text.strip() == "none":
        return frozenset()
    names = frozenset(filter(None, (name.strip() for name in text.split(","))))
    for name in sorted(names - {*NAMES}):
        hint = did_you_mean(name, NAMES, f"use {', '.join(NAMES)}")
        raise GradcalcError(Kind.USAGE, f"{option}: there is no verdict `{name}`", hint=hint)
    if not names:
        raise GradcalcError(Kind.USAGE, f"{option} needs a verdict", hint=f"use {', '.join(NAMES)}")
    return names
