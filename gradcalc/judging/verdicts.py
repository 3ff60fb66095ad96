"""From torch's testimony to judged entries: each scalar function goes to the jury.

In: a program, its inputs, what torch returned. Out: the blocks of the derivatives, and their
entries. A program that is too large to be written out is checked along random directions, with one
verdict for all entries of a variable.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

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


def judging(
    program: Program,
    inputs: Sequence[Array],
    variables: Sequence[int],
    testimony: Testimony,
    dtype: Dtype,
    options: Options,
) -> Steps[Judged]:
    """The blocks, and the entries of all of them, for each entry of the output that is asked."""
    try:
        expansion = expansion_of(program, [value.shape for value in inputs], testimony.seen)
    except expand.TooManySteps:
        return _together(program, inputs, variables, testimony, dtype, options)
    blocks = blocks_of(expansion, variables, second_order=options.second_order)
    axes = [pair for block in (*blocks[0], *blocks[1]) for pair in block.axes]
    numbers = [number for value in inputs for number in value.numbers]
    targets = targets_of(expansion, testimony.weights)
    formulas = len(axes) * len(targets) <= limits.FORMULA_ENTRIES
    juries: list[Jury] = []
    in_other = _in_other_dtype(program, inputs, variables, testimony, dtype, options)
    for number, (output, scalar) in enumerate(targets):
        weights = testimony.weights or _one_hot(testimony.outputs[0], number)
        case = Case(
            program=scalar,
            numbers=numbers,
            entries=axes,
            autograd={pair: testimony.derivative(number, pair) for pair in axes},
            budget=budget(len(program.steps)),
            anomaly=functools.partial(
                _birth, program, inputs, options.dtype, weights=weights, seen=testimony.seen
            ),
            output=output,
            other=None if scalar is program else functools.partial(in_other, number),
            defined=testimony.defined,
            spread=testimony.spread,
        )
        juries.append(
            Jury(
                case,
                dtype,
                formulas=formulas,
                latex=options.latex,
                thorough=options.thorough,
            )
        )
    rows: list[list[Entry]] = [[] for _ in juries]
    for jury, row in zip(juries, rows, strict=True):
        row.extend((yield from jury.at_once()) or ())
    only = targets[0][1] if len(targets) == 1 else None
    if all(rows):
        return blocks, rows, only
    try:
        with time_limit(options.timeout):
            for jury, found in zip(juries, rows, strict=True):
                for entry in () if found else jury.verdicts():
                    found.append(entry)
    except TimeUp:
        note = f"no verdict within {options.timeout:g} seconds; --timeout gives it more"
        for jury, found in zip(juries, rows, strict=True):
            found += [jury.undecided(k, note) for k in range(len(found), len(axes))]
    return blocks, rows, only


#: `judging`, all steps at once.
judged = at_once(judging)


def _in_other_dtype(
    program: Program,
    inputs: Sequence[Array],
    variables: Sequence[int],
    testimony: Testimony,
    dtype: Dtype,
    options: Options,
) -> Callable[[int, tuple[int, ...]], tuple[float | None, Dtype]]:
    """What torch answers in the other dtype: run when it is asked for, and only once."""
    found: list[Testimony] = []

    def derivative(output: int, axes: tuple[int, ...]) -> tuple[float | None, Dtype]:
        other = dtype.other
        if not found:
            how = autodiff.Backward(testimony.weights, second_order=options.second_order)
            wanted = [number in variables for number in range(len(inputs))]
            again = autodiff.testify(program, inputs, wanted, other.name, how, testimony.seen)
            found.append(again)
        return found[0].derivative(output, axes), other

    return derivative


def _birth(
    program: Program,
    inputs: Sequence[Array],
    dtype: str,
    axes: tuple[int, ...],
    *,
    weights: Sequence[Array],
    seen: Mapping[int, Any],
) -> tuple[str, float, str] | None:

    return anomaly.birth(program, inputs, dtype, axes, weights, seen)


def _one_hot(output: Array, position: int) -> tuple[Array]:
    """Weights that pick one entry of an output."""
    numbers = tuple(float(k == position) for k in range(len(output.numbers)))
    return (Array(output.shape, numbers),)


def _together(
    program: Program,
    inputs: Sequence[Array],
    variables: Sequence[int],
    testimony: Testimony,
    dtype: Dtype,
    options: Options,
) -> Judged:
    """The entries of a program that is too large to be written out: one verdict for a variable."""
    if testimony.weights is None or options.second_order:
        raise GradcalcError(
            Kind.LIMIT,
            f"written out, the program has over {limits.SCALAR_STEPS:,} operations, "
            "which is too many for a Jacobian or a Hessian",
            hint="use smaller tensors",
        )
    shapes = tuple(value.shape for value in inputs)
    point = [Fraction(number) for value in inputs for number in value.numbers]
    factors = [list(map(Fraction, weight.numbers)) for weight in testimony.weights]
    inert = replace(program, steps=())
    blocks, _ = blocks_of(expand.Expansion(inert, shapes, ()), variables, second_order=False)
    gradient = testimony.gradients[0]

    def run(sink: directions.Calculation) -> int:
        return expand.weighted_sum(program, shapes, testimony.seen, factors, sink)

    ranges = [[pair[0] for pair in block.axes] for block in blocks]
    judgements: list[compare.Judgement] = []
    with contextlib.suppress(TimeUp), time_limit(options.timeout):
        for finding, axes in zip(
            directions.findings(run, point, ranges, gradient, dtype), ranges, strict=True
        ):

            def shrinks(finding: Any = finding, axes: Sequence[int] = axes) -> bool:
                other = dtype.other
                wanted = [number in variables for number in range(len(inputs))]
                again = autodiff.gradient_in(
                    other.name, program, inputs, wanted, testimony.weights or (), testimony.seen
                )
                return directions.shrinks(finding, [again[axis] for axis in axes], dtype)

            allowed = budget(len(program.steps))
            judgements.append(compare.judge_direction(finding, allowed, dtype, shrinks))
    late = compare.Judgement(
        Verdict.UNDECIDED,
        None,
        f"no verdict within {options.timeout or 0:g} seconds; --timeout gives it more",
    )
    judgements += [late] * (len(blocks) - len(judgements))
    row = []
    for block, judgement in zip(blocks, judgements, strict=True):
        name = program.names[block.variables[0]]
        indices = expand.indices(block.shape)
        row += [
            Entry(
                wrt=(expand.entry_name(name, index),),
                formula=None,
                symbolic=None,
                autograd=gradient[axis],
                limit=None,
                ulps=None,
                verdict=judgement.verdict,
                blame=judgement.blame,
                note=judgement.note,
            )
            for index, (axis,) in zip(indices, block.axes, strict=True)
        ]
    return (blocks, []), [row], None
