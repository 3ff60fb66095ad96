"""From torch's testimony to judged entries, one scalar function after the other.

In: a program, its inputs, what torch returned. Out: the blocks of the derivatives, and their
entries. A program that is too large to be written out is checked along random directions, with one
verdict for all entries of a variable.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

from gradcalc.autograd import anomaly, autodiff
from gradcalc.autograd.autodiff import Testimony
from gradcalc.autograd.forward import steps_of
from gradcalc.base import limits
from gradcalc.base.deadline import TimeUp, time_limit
from gradcalc.base.dtypes import Dtype
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options
from gradcalc.exact.tape import Tape
from gradcalc.exact.values import values_at
from gradcalc.judging import compare
from gradcalc.judging.derivative_blocks import Block, blocks_of, expansion_of, targets_of
from gradcalc.judging.jury import Case, Jury
from gradcalc.limit import directions
from gradcalc.program import expand
from gradcalc.program.program import Array, Program
from gradcalc.results.report import RANKS, Entry, ValueCheck, Verdict, nested
from gradcalc.rounding.budget import budget
from gradcalc.rounding.sensitivities import FACTORING


class Judged(NamedTuple):
    """What was judged.

    Attributes:
        blocks: The blocks of the gradient, and those of the Hessian.
        rows: The entries of all blocks, for each entry of the output that is asked.
        value_check: The verdict on the value.
        scalar: The scalar program that was judged, if it is one.
    """

    blocks: tuple[list[Block], list[Block]]
    rows: list[list[Entry]]
    value_check: ValueCheck | None
    scalar: Program | None


@dataclass(frozen=True)
class _Run:
    """A run of torch, and what is asked about it: see `judged`."""

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
    def matrices(self) -> list[range]:
        """The numbers of the inputs' entries, by tensor, if torch factors matrices."""
        if FACTORING.isdisjoint(step.function for step in self.program.steps):
            return []
        ends = itertools.accumulate((len(value.numbers) for value in self.inputs), initial=0)
        return [range(*pair) for pair in itertools.pairwise(ends)]

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

    def steps_of(self, scalar: Program) -> list[float]:
        """Torch's value of each step of a scalar program."""
        numbers = [number for value in self.inputs for number in value.numbers]
        return steps_of(scalar, numbers, self.dtype.name)

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


def judged(
    program: Program,
    inputs: Sequence[Array],
    variables: Sequence[int],
    testimony: Testimony,
    dtype: Dtype,
    options: Options,
) -> Judged:
    """Judge what torch returned.

    Args:
        program: What torch ran.
        inputs: The values that it ran at.
        variables: The numbers of those that it is differentiated with respect to.
        testimony: What it returned.
        dtype: What it calculated in.
        options: What is asked.
    """
    run = _Run(program, inputs, variables, testimony, dtype, options)
    started = time.monotonic()
    try:
        # A program of numbers is written out as it stands.
        with time_limit(None if program.is_scalar else options.timeout):
            expansion = expansion_of(program, [value.shape for value in inputs], testimony.seen)
    except expand.TooManySteps:
        return _along_directions(run)
    except TimeUp:
        return _unjudged(run)
    blocks = blocks_of(expansion, variables, second_order=options.second_order)
    axes = [pair for block in (*blocks[0], *blocks[1]) for pair in block.axes]
    targets = targets_of(expansion, testimony.weights)
    juries = _juries(run, targets, axes)
    rows: list[list[Entry]] = [[] for _ in juries]
    value_check = None
    left = options.timeout and max(options.timeout - (time.monotonic() - started), 0.0)
    with contextlib.suppress(TimeUp), time_limit(left):
        value_check = _value_check(run, expansion, juries)
        for jury, row in zip(juries, rows, strict=True):
            row.extend(jury.verdicts())  # those in time stay
    for jury, row in zip(juries, rows, strict=True):
        row += [jury.undecided(k, run.late) for k in range(len(row), len(axes))]
    return Judged(blocks, rows, value_check, targets[0][1] if len(targets) == 1 else None)


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
        case = Case(
            program=scalar,
            numbers=numbers,
            entries=axes,
            autograd={pair: testimony.derivative(number, pair) for pair in axes},
            budget=allowed,
            anomaly=functools.partial(run.first_anomaly, number),
            output=output,
            value=_value_of(testimony, number),
            steps=functools.partial(run.steps_of, scalar),
            matrices=run.matrices,
            again=None if scalar is run.program else functools.partial(run.in_other_dtype, number),
        )
        juries.append(
            Jury(case, run.dtype, formulas=formulas, latex=options.latex, thorough=options.thorough)
        )
    return juries


def _value_of(testimony: Testimony, target: int) -> float | None:
    """Torch's value of a target; None if that is a weighted sum, which torch does not calculate."""
    outputs = testimony.outputs
    if testimony.weights is None:
        return outputs[0].numbers[target]
    weights = [weight.numbers for weight in testimony.weights]
    return outputs[0].numbers[0] if weights == [(1.0,)] else None


def _value_check(
    run: _Run, expansion: expand.Expansion, juries: Sequence[Jury]
) -> ValueCheck | None:
    """The verdict on the value of the forward pass, that on the worst of its entries."""
    outputs = run.testimony.outputs
    numbers = [number for output in outputs for number in output.numbers]
    if len(juries) == len(numbers):
        checks = [jury.value_check() for jury in juries]
    else:
        checks = _checks_of_entries(run, expansion, numbers)
    known = [check for check in checks if check is not None]
    if len(known) < len(checks) or not known:
        return None
    worst = max(range(len(known)), key=lambda k: (RANKS[known[k].verdict], known[k].ulps or 0))
    note = known[worst].note
    if note is not None and len(known) > 1:
        note = f"{_entry_names(outputs)[worst]}: {note}"
    places = iter(known)
    exact = [
        nested([next(places).exact for _ in output.numbers], output.shape) for output in outputs
    ]
    return known[worst]._replace(exact=exact[0] if len(exact) == 1 else tuple(exact), note=note)


def _entry_names(outputs: Sequence[Array]) -> list[str]:
    """What each entry of the results is called: f[1], or of several results f[0][1]."""
    return [
        expand.entry_name("f" if len(outputs) == 1 else f"f[{k}]", index)
        for k, output in enumerate(outputs)
        for index in expand.indices(output.shape)
    ]


def _checks_of_entries(
    run: _Run, expansion: expand.Expansion, numbers: Sequence[float]
) -> list[ValueCheck | None]:
    """The verdict on each entry of the results."""
    results = tuple(number for _, entries in expansion.results for number in entries)
    point = [number for value in run.inputs for number in value.numbers]
    allowed = budget(len(run.program.steps))
    balls = values_at(replace(expansion.program, outputs=results), point, run.dtype)

    def check(result: int, ball: Any, number: float) -> ValueCheck:
        target = expansion.output(result)
        case = Case(
            target,
            point,
            (),
            {},
            allowed,
            lambda _: None,
            value=number,
            steps=functools.partial(run.steps_of, target),
            matrices=run.matrices,
        )
        return Jury(case, run.dtype).check_of(ball)

    return [
        None if ball is None else check(result, ball, number)
        for result, ball, number in zip(results, balls, numbers, strict=True)
    ]


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
    blocks, _ = blocks_of(_inert(run), run.variables, second_order=False)
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
    return Judged((blocks, []), [row], None, None)


def _unjudged(run: _Run) -> Judged:
    """The entries of a program that there was no time to write out."""
    shapes = [value.shape for value in run.inputs]
    names = [
        expand.entry_name(name, index)
        for name, shape in zip(run.program.names, shapes, strict=True)
        for index in expand.indices(shape)
    ]
    blocks = blocks_of(_inert(run), run.variables, second_order=run.options.second_order)
    pairs = [pair for block in (*blocks[0], *blocks[1]) for pair in block.axes]
    outputs = [""]
    if run.testimony.weights is None:
        outputs = [
            expand.entry_name("", index) for index in expand.indices(run.testimony.outputs[0].shape)
        ]
    rows = [
        [
            Entry(
                wrt=tuple(names[axis] for axis in pair),
                formula=None,
                symbolic=None,
                autograd=run.testimony.derivative(number, pair),
                limit=None,
                ulps=None,
                verdict=Verdict.UNDECIDED,
                note=run.late,
                output=output,
            )
            for pair in pairs
        ]
        for number, output in enumerate(outputs)
    ]
    return Judged(blocks, rows, None, None)


def _inert(run: _Run) -> expand.Expansion:
    """The expansion of no steps: where the entries of the inputs would be."""
    shapes = tuple(value.shape for value in run.inputs)
    return expand.Expansion(replace(run.program, steps=()), shapes, ())


def _judgements(run: _Run, blocks: Sequence[Block]) -> Iterator[compare.Judgement]:
    """The judgement on the gradient by each variable."""
    program, seen, gradients = run.program, run.testimony.seen, run.testimony.gradients
    shapes = [value.shape for value in run.inputs]
    point = [number for value in run.inputs for number in value.numbers]
    weights = [list(map(Fraction, weight.numbers)) for weight in run.testimony.weights or ()]
    ranges = [[axis for (axis,) in block.axes] for block in blocks]

    def calculate(sink: Tape) -> int:
        return expand.weighted_sum(program, shapes, seen, weights, sink)

    def shrinks(finding: directions.Finding, axes: Sequence[int]) -> bool:
        again = run.gradient_in_other_dtype()
        return directions.shrinks(finding, [again[axis] for axis in axes], run.dtype)

    allowed = budget(len(program.steps))
    findings = directions.findings(calculate, point, ranges, gradients[0], run.dtype)
    for finding, axes in zip(findings, ranges, strict=True):
        asked = functools.partial(shrinks, finding, axes)
        yield compare.judge_direction(finding, allowed, run.dtype, asked)
