"""The second witness: torch's autograd.

In: a program, the inputs' values, the dtype, which inputs require grad, and how backward is run.
Out: `Testimony`: value, gradient or Jacobian, Hessian, the leaf status of each named tensor and the
backward graph, as torch has them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.autograd.backward import (
    Backward,
    gradients,
    hessian,
    jacobian,
    retain_grads,
    run_passes,
    weights_of,
)
from gradcalc.autograd.forward import (
    Draws,
    array_of,
    forward,
    in_one,
    look,
    weight_tensors,
)
from gradcalc.autograd.graph import graph_of, tensor_rows
from gradcalc.autograd.in_place import instead, keeper, spoiler
from gradcalc.autograd.refusals import InPlaceError, nothing_to_differentiate, refusal
from gradcalc.base.stages import Steps, at_once
from gradcalc.program.program import Array, Program
from gradcalc.results.report import GraphNode, Nested, TensorRow, nested

__all__ = ["Backward", "Draws", "Testimony", "gradient_in", "look", "testify", "testimony"]


@dataclass(frozen=True, slots=True)
class Testimony:
    """What torch returned.

    Attributes:
        outputs: The outputs' values.
        weights: The weights that the outputs had; None if this is a Jacobian.
        gradients: The derivatives of the weighted sum of the outputs' entries; in a Jacobian, those
            of each entry of the output.
        hessian: The second derivatives, by the numbers of two entries of the inputs; None where
            torch has none. Empty unless asked for.
        tensors: The inputs, what the user named, and the output.
        graph: The backward graph.
        seen: For steps that make tensors or read values to choose by, what they made or read.
        warnings: What torch warned of.
    """

    outputs: tuple[Array, ...]
    weights: tuple[Array, ...] | None
    gradients: tuple[Sequence[float], ...]
    hessian: Mapping[tuple[int, int], float | None]
    tensors: tuple[TensorRow, ...]
    graph: tuple[GraphNode, ...]
    seen: Mapping[int, Any]
    warnings: tuple[str, ...] = ()

    def derivative(self, output: int, axes: tuple[int, ...]) -> float | None:
        """A derivative, by the numbers of one or two entries of the inputs in any order.

        Args:
            output: In a Jacobian, which entry of the output it is of; else 0.
            axes: The entries.
        """
        if len(axes) == 1:
            return self.gradients[output][axes[0]]
        first, second = axes
        return self.hessian.get((first, second), self.hessian.get((second, first)))

    @property
    def value(self) -> Nested:
        """The outputs' values, nested; those of several outputs in a tuple."""
        values = [nested(output.numbers, output.shape) for output in self.outputs]
        return values[0] if len(values) == 1 else tuple(values)


def testimony(
    program: Program,
    inputs: Sequence[Array],
    requires_grad: Sequence[bool],
    dtype: str,
    how: Backward,
    draws: Draws | Mapping[int, Any],
) -> Steps[Testimony]:
    """Run the program forward and backward in torch.

    Args:
        program: What to run.
        inputs: One value for each of the program's inputs.
        requires_grad: For each of them, whether it is differentiated with respect to.
        dtype: "float64" or "float32".
        how: How backward is run.
        draws: Where random numbers come from; or what a run before made and read.

    Raises:
        GradcalcError: kind `shape`, `limit` or `autograd`, with what torch refuses.
    """
    try:
        ran = forward(program, inputs, requires_grad, dtype, draws)
    except InPlaceError as error:
        error.advise(instead(program, error.number, inputs, requires_grad, dtype))
        raise
    # The tensors of one question must be gone before the next one's are made, unless they are tiny.
    in_steps = ran.scalar
    if in_steps:
        yield
    _check_outputs(program, ran.outputs)
    weights = weights_of(program, ran.outputs, how, sum(leaf.numel() for leaf in ran.wanted))
    # Where torch takes 1 by itself it is not told so: for weights it imports much of its compiler.
    told = [None] * len(ran.outputs) if how.weights is None else weights
    try:
        seconds = hessian(ran, told) if how.second_order else {}
        graph = graph_of(program, ran)
        if weights is None:
            rows = jacobian(ran)
        else:
            retain_grads(program, ran, how.retain_grad)
            if in_steps:
                yield
            rows = (run_passes(program, ran, told, how),)
    except RuntimeError as problem:
        again = functools.partial(
            forward, inputs=inputs, requires_grad=requires_grad, dtype=dtype, draws=ran.seen
        )
        kept = keeper(program, ran)
        changed = spoiler(program, ran, again, weights, kept)
        refused = refusal(program, problem, program.output, (), changed, kept)
        if isinstance(refused, InPlaceError):
            refused.advise(
                instead(
                    program,
                    refused.number,
                    inputs,
                    requires_grad,
                    dtype,
                    second_order=how.second_order,
                )
            )
        raise refused from None
    if in_steps:
        yield
    return Testimony(
        outputs=tuple(map(array_of, ran.outputs)),
        weights=None if weights is None else tuple(map(array_of, weights)),
        gradients=rows,
        hessian=seconds,
        tensors=tensor_rows(program, ran),
        graph=graph,
        seen=ran.seen,
        warnings=ran.warnings,
    )


#: `testimony`, all steps at once.
testify = at_once(testimony)


def _check_outputs(program: Program, outputs: Sequence[Any]) -> None:
    for number, output in zip(program.outputs, outputs, strict=True):
        if isinstance(output, float) or not output.requires_grad:
            raise nothing_to_differentiate(program, number)


def gradient_in(
    dtype: str,
    program: Program,
    inputs: Sequence[Array],
    requires_grad: Sequence[bool],
    weights: Sequence[Array],
    seen: Mapping[int, Any],
) -> list[float]:
    """The gradient once more, in a dtype: a rounding error depends on it, a wrong derivative not.

    Args:
        dtype: "float64" or "float32".
        program: What to run.
        inputs: One value for each of the program's inputs.
        requires_grad: For each of them, whether it is differentiated with respect to.
        weights: Those of the outputs' entries.
        seen: What the run before made and read.
    """
    ran = forward(program, inputs, requires_grad, dtype, seen)
    slopes = gradients(ran.outputs, ran.wanted, weight_tensors(weights, ran.outputs))
    return in_one(ran.leaves, dict(zip(ran.wanted, slopes, strict=True)))
