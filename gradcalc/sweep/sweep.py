"""One program at many points: chunks of points to tables of checked derivatives.

In: a scalar program, the points by chunks, fixed values. Out: a `Table` for each chunk, in order,
with a verdict for each point. `vectors` certifies what it can, and `domains` proves where there is
no value; every other point is judged by itself (`spot_checks`), as `grad` judges it. So are some
points that are settled: should the two differ there, both answers are shown as a disagreement.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from gradcalc.results.report import Outcome, Verdict
from gradcalc.results.summary import Summary
from gradcalc.results.table import Table
from gradcalc.rounding.domains import NONE, has_borders, undefined_at
from gradcalc.sweep.draft import BESIDE, Draft
from gradcalc.sweep.spot_checks import SpotChecks
from gradcalc.sweep.vectors import Comparison, Vectors

#: Points of a sweep that are drawn at random, to be held against the engine.
SAMPLES = 1_000

#: Points that are checked together, and of which a table consists.
CHUNK = 262_144


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
        self._spot_checks = SpotChecks(
            program, dict(zip(self.names, entries, strict=True)), self._variables, options
        )
        self._has_borders = has_borders(program)
        self._random = random.Random(0)  # noqa: S311 - no secret
        self._samples_left = SAMPLES
        self.summary = Summary(unit="point", one_by_one=0)

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
        columns = []
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
            columns.append(column)
        return columns

    def _ask_torch(self, columns: Sequence[Any]) -> None:
        """Let torch refuse what it refuses, at the first point, in the words of `grad`."""
        how = autodiff.Backward(second_order=self._options.second_order)
        inputs = [Array((), (column[0].item(),)) for column in columns]
        wanted = [number in self._variables for number in range(len(inputs))]
        autodiff.testify(self._program, inputs, wanted, self._options.dtype, how, {})

    def _table(self, columns: Sequence[Any], *, last: bool) -> Table:
        comparison = self._vectors.check(columns)
        draft = self._draft(columns, comparison)
        certified = comparison.certified.cpu()
        (left,) = torch.nonzero(~certified, as_tuple=True)
        undefined = self._find_undefined(draft, columns, left)
        self._spot_checks.decide(draft, left[~undefined].tolist())
        places = [place for place in self._places(comparison, last=last) if certified[place]]
        self._spot_checks.cross_check(draft, dict.fromkeys(places), Verdict.AGREE)
        samples = [place for place in self._samples(len(certified)) if certified[place]]
        self._spot_checks.sample(draft, samples)
        self._spot_checks.cross_check(draft, left[undefined][:1].tolist(), Verdict.UNDEFINED)
        self.summary.one_by_one = self._spot_checks.count
        self.summary.add(Outcome(Verdict.AGREE), draft.length - len(draft.findings))
        for verdict, count in Counter(verdict for verdict, _ in draft.findings.values()).items():
            self.summary.add(Outcome(verdict), count)
        return draft

    def _draft(self, columns: Sequence[Any], comparison: Comparison) -> Draft:
        """A table of a comparison."""
        numbers = dict(zip(self._program.names, map(_numbers, columns), strict=True))
        numbers["value"] = _numbers(comparison.value)
        parts = zip(self.names, comparison.autograd, comparison.exact, comparison.ulps, strict=True)
        for name, *three in parts:
            for which, column in zip(("", *BESIDE), three, strict=True):
                numbers[f"{name}{which}"] = _numbers(column)
        draft = Draft(numbers, len(columns[0]))
        for position in comparison.lacking:
            for which in ("", " ulps"):
                draft.leave_out(f"{self.names[position]}{which}", slice(None))
        return draft

    def _find_undefined(self, draft: Draft, columns: Sequence[Any], left: Any) -> Any:
        """Tell at which of those points the function certainly has no value, and write it down."""
        steps = torch.full_like(left, NONE)
        if self._has_borders and len(left):
            with torch.no_grad():
                steps = undefined_at(self._program, [c[left] for c in columns], self._dtype)
        for step in steps.unique().tolist():
            if step != NONE:
                self._write_undefined(draft, left[steps == step].numpy(), step)
        return steps != NONE

    def _write_undefined(self, draft: Draft, places: Any, step: int) -> None:
        """Write down that the function has no value at those points, because of that step."""
        note = without_value(self._program.source(step))
        notes: list[list[str]] = []
        for name in self.names:
            answers = [draft.cell(name, place) for place in places]
            head = f"{name}: {Verdict.UNDEFINED}: {note}"
            notes.append([head + all_the_same(answer) for answer in answers])
            for which in BESIDE:
                draft.leave_out(f"{name}{which}", places)
        for place, *said in zip(places.tolist(), *notes, strict=True):
            draft.findings[place] = Verdict.UNDEFINED, "; ".join(said)

    def _places(self, comparison: Comparison, *, last: bool) -> list[int]:
        """Points that are judged whatever is certain: the first, the last and the furthest off."""
        places = []
        if not self.summary.total:
            places = [0, *(int(torch.nan_to_num(ulps).argmax()) for ulps in comparison.ulps)]
        return [*places, len(comparison.certified) - 1] if last else places

    def _samples(self, length: int) -> list[int]:
        """Of so many points a random sample, to be held against exact numbers."""
        places = self._random.sample(range(length), min(length, self._samples_left))
        self._samples_left -= len(places)
        return places


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
