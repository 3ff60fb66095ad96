"""One program at many points: chunks of points to tables of checked derivatives.

In: a scalar program, the points by chunks, fixed values. Out: a `Table` for each chunk, in order,
with a verdict for each point. `vectors` certifies what it can; every other point goes to the jury,
the same that `grad` calls. The jury also hears some points that are certified: should it say
otherwise, both answers are shown as a disagreement.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradcalc import autodiff
from gradcalc.autodiff import Testimony
from gradcalc.dtypes import DTYPES, FLOAT64
from gradcalc.errors import GradcalcError, Kind
from gradcalc.functions import TABLE, torch
from gradcalc.program import Array, Program
from gradcalc.question import Options, variables_of
from gradcalc.report import EXIT_CODES, SERIOUSNESS, Entry, Verdict
from gradcalc.symbolic import calculus_of, forget
from gradcalc.vectors import Found, Vectors
from gradcalc.verdicts import judged

#: Points that are checked together, and of which a table consists.
CHUNK = 262_144

#: Points for the jury after which sympy's caches are emptied.
_FORGET_EVERY = 500

#: What stands beside each derivative, in columns of their own.
_BESIDE = (" symbolic", " ulps")

_ORDER = list(Verdict)


@dataclass(slots=True)
class Table:
    """A chunk of answers.

    Attributes:
        columns: By its name each column of numbers, a float64 array.
        missing: By the name of a column, the points at which there is no number.
        findings: For each point that is not `agree`, the worst of its derivatives' verdicts, and
            what to say about them.
        length: How many points there are.
    """

    columns: dict[str, Any]
    missing: dict[str, set[int]]
    findings: dict[int, tuple[Verdict, str]]
    length: int


@dataclass(slots=True)
class Summary:
    """Counts of a run, kept while it goes on.

    Attributes:
        counts: Points by verdict.
        heard: Points that the jury heard.
        started: When it began, in seconds of the monotonic clock.
    """

    counts: Counter[Verdict] = field(default_factory=Counter)
    heard: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def points(self) -> int:
        """All points."""
        return self.counts.total()

    @property
    def exit_code(self) -> int:
        """The most serious of the verdicts' exit codes."""
        codes = {EXIT_CODES[verdict] for verdict, count in self.counts.items() if count}
        return next((code for code in SERIOUSNESS if code in codes), 0)

    def text(self) -> str:
        """The counts in one line."""
        parts = ", ".join(f"{count:,} {what}" for what, count in self.counts.most_common() if count)
        points = f"{self.points:,} point{'s' * (self.points != 1)}"
        seconds = time.monotonic() - self.started
        return f"{points}, {self.heard:,} heard by the jury: {parts} in {seconds:.1f} s"


class Sweep:
    """A program that is asked for its derivatives at many points."""

    def __init__(
        self,
        program: Program,
        swept: Sequence[str],
        fixed: Mapping[str, float],
        options: Options,
        device: str = "cpu",
    ) -> None:
        """Differentiate.

        Args:
            program: The program.
            swept: The variables that the points have values for.
            fixed: The values of the others.
            options: What is asked; `second_order`, `wrt`, `dtype` and `timeout` count here.
            device: Where torch calculates: "cpu" or "cuda".
        """
        check_scalar(program)
        self._program = program
        self._swept = list(swept)
        self._fixed = dict(fixed)
        self._options = options
        self._dtype = DTYPES[options.dtype]
        self._variables = variables_of(program, options.wrt)
        pairs = [(u, v) for k, u in enumerate(self._variables) for v in self._variables[k:]]
        self._entries: list[tuple[int, ...]] = [(v,) for v in self._variables]
        self._entries += pairs if options.second_order else []
        self.names = [derivative_name([program.names[v] for v in e]) for e in self._entries]
        calculus = calculus_of(program, tuple(self._entries), self._dtype)
        calculus.differentiate()
        self._vectors = Vectors(program, self._entries, self._dtype, calculus, device)
        self.summary = Summary()

    @property
    def columns(self) -> list[str]:
        """The names of the columns of numbers, in order."""
        derived = [f"{name}{which}" for name in self.names for which in ("", *_BESIDE)]
        return [*self._program.names, "value", *derived]

    def tables(self, chunks: Iterable[Sequence[Any]]) -> Iterator[Table]:
        """Answer chunks of points: for each of the swept variables a float64 array.

        A table's numbers stand until the next one is asked for.
        """
        before: list[Any] | None = None
        for chunk in chunks:
            columns = self._columns(chunk)
            if before is None:
                self._ask_torch(columns)
            else:
                yield self._table(before, last=False)
            before = columns
        if before is not None:
            yield self._table(before, last=True)

    def _columns(self, chunk: Sequence[Any]) -> list[Any]:
        """For each variable of the program a tensor of numbers that the dtype represents."""
        given = dict(zip(self._swept, chunk, strict=True))
        length = len(chunk[0]) if chunk else 1
        kind = getattr(torch, self._dtype.name)
        found = []
        for name in self._program.names:
            if name in given:
                column = torch.from_numpy(given[name])
            else:
                column = torch.full((length,), self._fixed[name], dtype=torch.float64)
            if self._dtype is not FLOAT64:
                column = column.to(kind).to(torch.float64)
                if not column.isfinite().all():
                    raise GradcalcError(
                        Kind.BINDING,
                        f"a value of `{name}` is beyond the range of {self._dtype.name}",
                        hint="leave --dtype out",
                    )
            found.append(column)
        return found

    def _ask_torch(self, columns: Sequence[Any]) -> None:
        """Let torch refuse what it refuses, at the first point, in the words of `grad`."""
        how = autodiff.Backward(second_order=self._options.second_order)
        inputs = [Array((), (column[0].item(),)) for column in columns]
        wanted = [number in self._variables for number in range(len(inputs))]
        autodiff.testify(self._program, inputs, wanted, self._options.dtype, how, {})

    def _table(self, columns: Sequence[Any], *, last: bool) -> Table:
        found = self._vectors.check(columns)
        length = len(columns[0])
        table = Table(
            dict(zip(self._program.names, (column.numpy() for column in columns), strict=True)),
            {},
            {},
            length,
        )
        table.columns["value"] = _numbers(found.value)
        parts = zip(self.names, found.autograd, found.exact, found.ulps, strict=True)
        for name, *numbers in parts:
            for which, column in zip(("", *_BESIDE), numbers, strict=True):
                table.columns[f"{name}{which}"] = _numbers(column)
        for position in found.lacking:
            name = self.names[position]
            table.missing.update({name: set(range(length)), f"{name} ulps": set(range(length))})
        certified = found.certified.cpu()
        for number in torch.nonzero(~certified).reshape(-1).tolist():
            self._hear(table, number)
        for number in self._samples(found, last=last):
            if certified[number]:
                self._cross_check(table, number)
        self.summary.counts[Verdict.AGREE] += length - len(table.findings)
        self.summary.counts.update(verdict for verdict, _ in table.findings.values())
        return table

    def _samples(self, found: Found, *, last: bool) -> list[int]:
        """Certified points that the jury hears too: the first, the last, the furthest off."""
        numbers = []
        if not self.summary.points:
            numbers.append(0)
            numbers += [int(torch.nan_to_num(ulps).argmax()) for ulps in found.ulps]
        if last:
            numbers.append(len(found.certified) - 1)
        return list(dict.fromkeys(numbers))

    def _entries_by_jury(self, table: Table, number: int) -> list[Entry]:
        """The jury's judgement of torch's derivatives at a point."""

        def cell(name: str) -> float | None:
            if number in table.missing.get(name, ()):
                return None
            return float(table.columns[name][number])

        inputs = [Array((), (cell(name) or 0.0,)) for name in self._program.names]
        answers = dict(zip(self._entries, map(cell, self.names), strict=True))
        gradient = [answers.get((axis,)) or 0.0 for axis in range(len(inputs))]
        testimony = Testimony(
            outputs=(Array((), (cell("value") or 0.0,)),),
            weights=(Array((), (1.0,)),),
            gradients=(gradient,),
            hessian={(e[0], e[1]): answers[e] for e in self._entries if len(e) == 2},
            tensors=(),
            graph=(),
            seen={},
        )
        _, rows, _ = judged(
            self._program,
            inputs,
            self._variables,
            testimony,
            self._dtype,
            self._options,
        )
        self.summary.heard += 1
        if self.summary.heard % _FORGET_EVERY == 0:
            forget()
        return rows[0]

    def _hear(self, table: Table, number: int) -> None:
        """Let the jury decide on a point."""
        entries = self._entries_by_jury(table, number)
        for name, entry in zip(self.names, entries, strict=True):
            for column, value in (
                (f"{name} symbolic", entry.symbolic),
                (f"{name} ulps", entry.ulps),
            ):
                table.columns[column][number] = math.nan if value is None else value
                if value is None:
                    table.missing.setdefault(column, set()).add(number)
        worst = max((entry.verdict for entry in entries), key=_ORDER.index)
        if worst is not Verdict.AGREE:
            notes = [
                f"{name}: {_said(entry)}"
                for name, entry in zip(self.names, entries, strict=True)
                if entry.verdict is not Verdict.AGREE
            ]
            table.findings[number] = worst, "; ".join(notes)

    def _cross_check(self, table: Table, number: int) -> None:
        """Let the jury hear what is certified already."""
        for name, entry in zip(self.names, self._entries_by_jury(table, number), strict=True):
            # That the jury had too little time says nothing.
            if entry.verdict not in {Verdict.AGREE, Verdict.UNDECIDED}:
                note = (
                    f"{name}: the sweep certified that the two agree, but the jury says "
                    f"{_said(entry)}; one of them is at fault, please report this"
                )
                table.findings[number] = Verdict.DISAGREE, note


def _said(entry: Entry) -> str:
    return f"{entry.verdict}{': ' * bool(entry.note)}{entry.note or ''}"


def _numbers(tensor: Any) -> Any:
    """A tensor as an array."""
    return tensor.cpu().numpy()


def derivative_name(names: Sequence[str]) -> str:
    """The name of a derivative's column: df/dx, d2f/dxdy."""
    return f"df/d{names[0]}" if len(names) == 1 else f"d2f/d{names[0]}d{names[1]}"


def check_scalar(program: Program) -> None:
    """Refuse programs that a sweep cannot take."""
    if program.is_scalar:
        return
    for number, step in enumerate(program.steps, program.first_step):
        if not TABLE[step.function].entrywise or step.in_place or step.no_grad:
            raise GradcalcError(
                Kind.USAGE,
                "a sweep takes programs of numbers alone: no tensors, and nothing in place",
                text=program.text,
                span=program.span(number),
                hint="`gradcalc grad` and `gradcalc batch` take it, a point at a time",
            )
    raise GradcalcError(
        Kind.USAGE, "a sweep takes programs with one result", hint="ask for one of them"
    )
