"""One program at many points: chunks of points to tables of checked derivatives.

In: a scalar program, the points by chunks, fixed values. Out: a `Table` for each chunk, in order,
with a verdict for each point. `vectors` certifies what it can, and `domains` proves where there is
no value; every other point goes to the jury (`hearing`), the same that `grad` calls. The jury also
hears some points that are settled: should it say otherwise, both answers are shown as a
disagreement.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradcalc.ask.question import variables_of
from gradcalc.autograd import autodiff
from gradcalc.base.dtypes import DTYPES, FLOAT64
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options
from gradcalc.calculus.symbolic import calculus_of
from gradcalc.functions import TABLE, torch
from gradcalc.judging.notes import all_the_same, without_value
from gradcalc.program.program import Array, Program
from gradcalc.results.report import EXIT_CODES, SERIOUSNESS, Verdict
from gradcalc.rounding.domains import NONE, has_borders, strangers
from gradcalc.sweep.spot_checks import Hearing
from gradcalc.sweep.tables import BESIDE, Table
from gradcalc.sweep.vectors import Found, Vectors

#: Points that are checked together, and of which a table consists.
CHUNK = 262_144


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
        entries: list[tuple[int, ...]] = [(v,) for v in self._variables]
        entries += pairs if options.second_order else []
        self.names = [derivative_name([program.names[v] for v in e]) for e in entries]
        calculus = calculus_of(program, tuple(entries), self._dtype)
        calculus.differentiate()
        self._vectors = Vectors(program, entries, self._dtype, calculus, device)
        self._hearing = Hearing(
            program, dict(zip(self.names, entries, strict=True)), self._variables, options
        )
        self._has_borders = has_borders(program)
        self.summary = Summary()

    @property
    def columns(self) -> list[str]:
        """The names of the columns of numbers, in order."""
        derived = [f"{name}{which}" for name in self.names for which in ("", *BESIDE)]
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
        table = self._written(columns, found)
        certified = found.certified.cpu()
        (left,) = torch.nonzero(~certified, as_tuple=True)
        undefined = self._find_undefined(table, columns, left)
        self._hearing.decide(table, left[~undefined].tolist())
        for number in self._samples(found, last=last):
            if certified[number]:
                self._hearing.cross_check(table, number, Verdict.AGREE)
        for number in left[undefined][:1].tolist():
            self._hearing.cross_check(table, number, Verdict.UNDEFINED)
        self.summary.heard = self._hearing.heard
        self.summary.counts[Verdict.AGREE] += table.length - len(table.findings)
        self.summary.counts.update(verdict for verdict, _ in table.findings.values())
        return table

    def _written(self, columns: Sequence[Any], found: Found) -> Table:
        """A table of what was found."""
        names = self._program.names
        table = Table(dict(zip(names, map(_numbers, columns), strict=True)), len(columns[0]))
        table.columns["value"] = _numbers(found.value)
        parts = zip(self.names, found.autograd, found.exact, found.ulps, strict=True)
        for name, *numbers in parts:
            for which, column in zip(("", *BESIDE), numbers, strict=True):
                table.columns[f"{name}{which}"] = _numbers(column)
        for position in found.lacking:
            for which in ("", " ulps"):
                table.leave_out(f"{self.names[position]}{which}", slice(None))
        return table

    def _find_undefined(self, table: Table, columns: Sequence[Any], left: Any) -> Any:
        """Tell at which of those points the function certainly has no value, and write it down."""
        found = torch.full_like(left, NONE)
        if self._has_borders and len(left):
            with torch.no_grad():
                found = strangers(self._program, [c[left] for c in columns], self._dtype)
        for stranger in found.unique().tolist():
            if stranger != NONE:
                self._write_undefined(table, left[found == stranger].numpy(), stranger)
        return found != NONE

    def _write_undefined(self, table: Table, points: Any, stranger: int) -> None:
        """Write down that the function has no value at those points, because of that step."""
        note = without_value(self._program.source(stranger))
        notes: list[list[str]] = []
        for name in self.names:
            answers = [table.cell(name, number) for number in points]
            head = f"{name}: {Verdict.UNDEFINED}: {note}"
            notes.append([head + all_the_same(answer) for answer in answers])
            for which in BESIDE:
                table.leave_out(f"{name}{which}", points)
        for number, *said in zip(points.tolist(), *notes, strict=True):
            table.findings[number] = Verdict.UNDEFINED, "; ".join(said)

    def _samples(self, found: Found, *, last: bool) -> list[int]:
        """Certified points that the jury hears too: the first, the last, the furthest off."""
        numbers = []
        if not self.summary.points:
            numbers.append(0)
            numbers += [int(torch.nan_to_num(ulps).argmax()) for ulps in found.ulps]
        if last:
            numbers.append(len(found.certified) - 1)
        return list(dict.fromkeys(numbers))


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
    for number, step in program.numbered_steps:
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
