"""From torch's testimony to judged entries, one scalar function after the other.

In: a program, its inputs, what torch returned. Out: the blocks of the derivatives, and their
entries. A program that is too large to be written out is checked along random directions, with one
verdict for all entries of a variable.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from gradcalc.autograd import anomaly, autodiff
from gradcalc.autograd.autodiff import Testimony
from gradcalc.base import limits
from gradcalc.base.deadline import TimeUp, time_limit
from gradcalc.base.dtypes import Dtype
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options
from gradcalc.base.stages import Steps, at_once
from gradcalc.judging import compare
from gradcalc.judging.derivative_blocks import Block, blocks_of, expansion_of, targets_of
from gradcalc.judging.jury import Case, Jury
from gradcalc.limit import directions
from gradcalc.program import expand
from gradcalc.program.program import Array, Program
from gradcalc.results.report import Entry, Verdict
from gradcalc.rounding.budget import budget

#: The blocks of the gradient and of the Hessian; a row of entries for each entry of the output that
#: is asked; and the scalar program that was judged, if it is one.
Judged = tuple[tuple[list[Block], list[Block]], list[list[Entry]], Program | None]


@dataclass(frozen=True)
class _Run:
    """A run of torch, and what is asked about it: see `judging`."""

    program: Program
    inputs: Sequence[Array]
    variables: Sequence[int]
    testimony: Testimony
    dtype: Dtype
    options: Options

    @property
    def required(self) -> list[bool]:
        """Of each input, whether it is differentiated with respect to."""
        return [number in self.variables for number in range(len(self.inputs))]

    @property
    def late(self) -> str:
        """The note of what there was no time to judge."""
        return self.options.late

    def first_anomaly(self, output: int, axes: tuple[int, ...]) -> tuple[str, float, str] | None:
        """Torch's first nan or infinity on the way to a derivative."""
        weights = self.testimony.weights or _one_hot(self.testimony.outputs[0], output)
        return anomaly.first_anomaly(
            self.program, self.inputs, self.dtype.name, axes, weights, self.testimony.seen
        )

    @functools.cached_property
    def _again(self) -> Testimony:
        """What torch answers in the other dtype."""
        how = autodiff.Backward(self.testimony.weights, second_order=self.options.second_order)
        other, seen = self.dtype.other.name, self.testimony.seen
        return autodiff.testify(self.program, self.inputs, self.required, other, how, seen)

    def in_other_dtype(self, output: int, axes: tuple[int, ...]) -> float | None:
        """A derivative in the other dtype; torch is run for the first."""
        return self._again.derivative(output, axes)

    def gradient_in_other_dtype(self) -> Sequence[float]:
        """The gradient in the other dtype."""
        other, weights = self.dtype.other.name, self.testimony.weights or ()
        return autodiff.gradient_in(
            other, self.program, self.inputs, self.required, weights, self.testimony.seen
        )


def judging(
    program: Program,
    inputs: Sequence[Array],
    variables: Sequence[int],
    testimony: Testimony,
    dtype: Dtype,
    options: Options,
) -> Steps[Judged]:
    """Judge what torch returned.

    Args:
        program: What torch ran.
        inputs: The values that it ran at.
        variables: The numbers of those that it is differentiated with respect to.
        testimony: What it returned.
        dtype: What it calculated in.
        options: What is asked.

    Returns:
        The blocks, and the entries of all of them, for each entry of the output that is asked.
    """
    run = _Run(program, inputs, variables, testimony, dtype, options)
    try:
        expansion = expansion_of(program, [value.shape for value in inputs], testimony.seen)
    except expand.TooManySteps:
        return _along_directions(run)
    blocks = blocks_of(expansion, variables, second_order=options.second_order)
    axes = [pair for block in (*blocks[0], *blocks[1]) for pair in block.axes]
    targets = targets_of(expansion, testimony.weights)
    juries = _juries(run, targets, axes)
    rows: list[list[Entry]] = [[] for _ in juries]
    for jury, row in zip(juries, rows, strict=True):
        row.extend((yield from jury.at_once()) or ())
    if not all(rows):
        _fill(rows, juries, len(axes), run)
    return blocks, rows, targets[0][1] if len(targets) == 1 else None


#: `judging`, all steps at once.
judged = at_once(judging)


def _juries(
    run: _Run, targets: Sequence[tuple[str, Program]], axes: Sequence[tuple[int, ...]]
) -> list[Jury]:
    """A jury for each scalar function."""
    testimony, options = run.testimony, run.options
    numbers = [number for value in run.inputs for number in value.numbers]
    formulas = limits.FORMULA_ENTRIES // max(len(targets), 1) if options.formulas else 0
    allowed = budget(len(run.program.steps))
    juries = []
    for number, (output, scalar) in enumerate(targets):
        written_out = scalar is not run.program
        case = Case(
            program=scalar,
            numbers=numbers,
            entries=axes,
            autograd={pair: testimony.derivative(number, pair) for pair in axes},
            budget=allowed,
            anomaly=functools.partial(run.first_anomaly, number),
            output=output,
            other=functools.partial(run.in_other_dtype, number) if written_out else None,
            defined=testimony.defined,
            spread=testimony.spread,
        )
        juries.append(
            Jury(case, run.dtype, formulas=formulas, latex=options.latex, thorough=options.thorough)
        )
    return juries


def _fill(rows: Sequence[list[Entry]], juries: Sequence[Jury], count: int, run: _Run) -> None:
    """Judge what could not be judged at once: rows that are empty get so many entries."""
    with contextlib.suppress(TimeUp), time_limit(run.options.timeout):
        for jury, row in zip(juries, rows, strict=True):
            row.extend(() if row else jury.verdicts())  # those in time stay
    for jury, row in zip(juries, rows, strict=True):
        row += [jury.undecided(k, run.late) for k in range(len(row), count)]


def _one_hot(output: Array, position: int) -> tuple[Array]:
    """Weights that pick one entry of an output."""
    numbers = tuple(float(k == position) for k in range(len(output.numbers)))
    return (Array(output.shape, numbers),)


# --- Programs that are too large to be written out ------------------------------------------------


def _along_directions(run: _Run) -> Judged:
    """The entries of such a program: one verdict for all of a variable."""
    if run.testimony.weights is None or run.options.second_order:
        raise GradcalcError(
            Kind.LIMIT,
            f"written out, the program has over {limits.SCALAR_STEPS:,} operations, "
            "which is too many for a Jacobian or a Hessian",
            hint="use smaller tensors",
        )
    inert = expand.Expansion(
        replace(run.program, steps=()), tuple(value.shape for value in run.inputs), ()
    )
    blocks, _ = blocks_of(inert, run.variables, second_order=False)
    judgements: list[compare.Judgement] = []
    with contextlib.suppress(TimeUp), time_limit(run.options.timeout):
        judgements.extend(_judgements(run, blocks))  # those in time stay
    late = compare.Judgement(Verdict.UNDECIDED, None, run.late)
    judgements += [late] * (len(blocks) - len(judgements))
    row = [
        Entry(
            wrt=(expand.entry_name(run.program.names[block.variables[0]], index),),
            formula=None,
            symbolic=None,
            autograd=run.testimony.gradients[0][axis],
            limit=None,
            ulps=None,
            verdict=judgement.verdict,
            blame=judgement.blame,
            note=judgement.note,
        )
        for block, judgement in zip(blocks, judgements, strict=True)
        for index, (axis,) in zip(expand.indices(block.shape), block.axes, strict=True)
    ]
    return (blocks, []), [row], None


def _judgements(run: _Run, blocks: Sequence[Block]) -> Iterator[compare.Judgement]:
    """The judgement on the gradient by each variable."""
    program, seen, gradients = run.program, run.testimony.seen, run.testimony.gradients
    shapes = [value.shape for value in run.inputs]
    point = [Fraction(number) for value in run.inputs for number in value.numbers]
    weights = [list(map(Fraction, weight.numbers)) for weight in run.testimony.weights or ()]
    ranges = [[axis for (axis,) in block.axes] for block in blocks]

    def calculate(sink: directions.Calculation) -> int:
        return expand.weighted_sum(program, shapes, seen, weights, sink)

    def shrinks(finding: directions.Finding, axes: Sequence[int]) -> bool:
        again = run.gradient_in_other_dtype()
        return directions.shrinks(finding, [again[axis] for axis in axes], run.dtype)

    allowed = budget(len(program.steps))
    findings = directions.findings(calculate, point, ranges, gradients[0], run.dtype)
    for finding, axes in zip(findings, ranges, strict=True):
        asked = functools.partial(shrinks, finding, axes)
        yield compare.judge_direction(finding, allowed, run.dtype, asked)
