"""Reports: formulas alone, or formulas and values at a point, judged.

In: a program, and what torch said of it. Out: its `Report`; and the program as calculus saw it, if
that has a single result, for claims.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gradcalc.ask.values import weights_of
from gradcalc.base import limits
from gradcalc.base.deadline import TimeUp, time_limit
from gradcalc.base.dtypes import Dtype
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options
from gradcalc.judging.derivative_blocks import (
    Block,
    blocks_of,
    derivatives_of,
    expansion_of,
    targets_of,
)
from gradcalc.program.program import Array
from gradcalc.program.sizes import too_long, within_reach
from gradcalc.results.report import Entry, Report, Verdict, nested, worst

if TYPE_CHECKING:
    from gradcalc.autograd.autodiff import Testimony
    from gradcalc.program.expand import Expansion
    from gradcalc.program.program import Program


def formulas_report(
    program: Program,
    variables: Sequence[int],
    dtype: Dtype,
    options: Options,
    marks: Mapping[str, Any],
) -> tuple[Report, Program | None]:
    """Formulas alone, without a point: every variable is a number."""
    from gradcalc.calculus.symbolic import Calculus
    from gradcalc.judging import compare

    shapes: list[tuple[int, ...]] = [()] * len(program.inputs)
    weights: Sequence[Array] | None = (Array((), (1.0,)),)
    if program.is_scalar and options.grad_outputs is None:
        expansion = expansion_of(program, shapes, {})
    else:
        expansion, weights = _without_point(program, shapes, dtype, options)
    gradient, hessian = blocks_of(expansion, variables, second_order=options.second_order)
    axes = [pair for block in (*gradient, *hessian) for pair in block.axes]
    targets = targets_of(expansion, weights)
    rows = []
    for output, function in targets:
        calculus = Calculus(function, axes, dtype, None if options.formulas else 0)
        with contextlib.suppress(TimeUp), time_limit(options.timeout):
            calculus.differentiate()
        rows.append(
            [
                compare.unchecked(
                    tuple(function.inputs[axis].name for axis in pair),
                    calculus.text(position),
                    calculus.latex(position) if options.latex else None,
                    output,
                )
                for position, pair in enumerate(axes)
            ]
        )
    scalar = targets[0][1] if len(targets) == 1 else None
    report = _report(
        program,
        options,
        (gradient, hessian),
        rows,
        () if weights is not None else expansion.results[0][0],
        scalar,
        verdict=Verdict.UNCHECKED,
        **marks,
    )
    return report, scalar


def _without_point(
    program: Program, shapes: Sequence[tuple[int, ...]], dtype: Dtype, options: Options
) -> tuple[Expansion, Sequence[Array] | None]:
    """The expansion of a program whose variables are numbers, and the weights of its results."""
    from gradcalc.autograd import autodiff
    from gradcalc.autograd.backward import check_weights
    from gradcalc.program.expand import TooManySteps

    draws = autodiff.Draws(options.seed)
    try:
        # Any numbers will do: torch tells the shapes, and what does not fit.
        numbers = [Array((), (0.5,)) for _ in shapes]
        outputs, seen = autodiff.look(program, numbers, options.dtype, draws)
        expansion = expansion_of(program, shapes, seen)
    except GradcalcError as error:
        if error.kind is not Kind.SHAPE:
            raise
        names = ",".join(f"{name}=randn(2,2)" for name in program.names)
        hint = f"without --at every variable is a number; bind them, as in --at {names}"
        raise GradcalcError(
            error.kind, error.message, text=error.text, span=error.span, hint=hint
        ) from None
    except TooManySteps:
        message = f"written out, the program has over {limits.SCALAR_STEPS:,} operations"
        raise GradcalcError(
            Kind.LIMIT, f"{message}, which is too many for formulas", hint="bind the variables"
        ) from None
    given = weights_of(options, dtype, len(outputs), draws)
    if given is not None:
        check_weights(program, outputs, given)
    return expansion, _weights(outputs, given)


def _weights(outputs: Sequence[Array], given: Sequence[Array] | None) -> tuple[Array, ...] | None:
    """A weight for each number of the results; None for the Jacobian of a single tensor."""
    if given is None and all(len(output.numbers) == 1 for output in outputs):
        given = [Array((), (1.0,))] * len(outputs)
    if given is None and len(outputs) > 1:
        raise GradcalcError(
            Kind.USAGE,
            "several results, of which one is no number",
            hint="add --grad-outputs ones",
        )
    if given is None:
        return None
    return tuple(
        Array(output.shape, weight.numbers * len(output.numbers))
        if len(weight.numbers) == 1
        else weight
        for weight, output in zip(given, outputs, strict=True)
    )


def judged_report(
    program: Program,
    inputs: Sequence[Array],
    variables: Sequence[int],
    testimony: Testimony,
    dtype: Dtype,
    options: Options,
    marks: Mapping[str, Any],
) -> tuple[Report, Program | None]:
    """Formulas and values at a point, compared."""
    from gradcalc.judging.verdicts import judged as judgement_of

    facts: dict[str, Any] = {
        "bindings": tuple(
            (name, nested(value.numbers, value.shape))
            for name, value in zip(program.names, inputs, strict=True)
        ),
        "constants": tuple(
            name for number, name in enumerate(program.names) if number not in variables
        ),
        "value": testimony.value,
        "tensors": testimony.tensors,
        # Without weights each entry of a result is asked about alone, as `autograd.grad` does.
        "passes": options.passes if testimony.weights is not None else 0,
        "graph": testimony.graph,
        "warnings": testimony.warnings,
        **marks,
    }
    shape = () if testimony.weights is not None else testimony.outputs[0].shape
    judged = judgement_of(program, inputs, variables, testimony, dtype, options)
    check, rows = judged.value_check, judged.rows
    verdicts = [entry.verdict for row in rows for entry in row]
    facts["verdict"] = worst([*verdicts, *([] if check is None else [check.verdict])])
    facts["value_check"] = check
    report = _report(program, options, judged.blocks, rows, shape, judged.scalar, **facts)
    return report, judged.scalar


def _report(
    program: Program,
    options: Options,
    blocks: tuple[Sequence[Block], Sequence[Block]],
    rows: Sequence[Sequence[Entry]],
    output: tuple[int, ...],
    scalar: Program | None,
    **fields: Any,
) -> Report:
    gradient, hessian = blocks
    entries = [entry for row in rows for entry in row]
    first_order = sum(len(block.axes) for block in gradient)
    axes = [pair for block in (*gradient, *hessian) for pair in block.axes]
    return Report(
        expression=program.text,
        canonical=program.canonical,
        variables=program.names,
        dtype=options.dtype,
        gradients=derivatives_of(program, gradient, [row[:first_order] for row in rows], output),
        hessian=derivatives_of(program, hessian, [row[first_order:] for row in rows], output),
        left_out=_left_out(entries, scalar, axes, output) if options.formulas else None,
        **fields,
    )


def _left_out(
    entries: Sequence[Entry],
    scalar: Program | None,
    axes: Sequence[tuple[int, ...]],
    output: tuple[int, ...],
) -> str | None:
    """Why formulas are left out, if any are.

    Args:
        entries: All of the report.
        scalar: The function, as a scalar program, if it is one.
        axes: The numbers of the inputs that each entry is a derivative by.
        output: The shape of the result in a Jacobian.
    """
    missing = [entry.formula is None for entry in entries]
    if not any(missing):
        return None
    if scalar is None and not output:
        reason = "the program is too large to be written out for calculus"
    elif scalar is not None and _lacks(missing, within_reach(scalar, axes)):
        what = "the program is" if too_long(scalar) else "they are"
        reason = f"written out, {what} too long for calculus"
    elif len(entries) > limits.FORMULA_ENTRIES:
        reason = f"they are given for up to {limits.FORMULA_ENTRIES:,} entries"
    else:
        reason = f"longer than {limits.FORMULA_LENGTH:,} characters, or calculus has none"
    return f"{sum(missing):,} of {len(entries):,} formulas left out: {reason}"


def _lacks(missing: Sequence[bool], within: Sequence[bool]) -> bool:
    """Whether some of the formulas that are missing are beyond reach."""
    return any(
        is_missing > is_within for is_missing, is_within in zip(missing, within, strict=True)
    )
