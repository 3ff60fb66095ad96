"""The values of variables and of weights, as torch sees them.

In: bindings, which are programs without inputs or the numbers of a file. Out: `Array`s, correctly
rounded to the dtype. torch is asked only for what it alone can make, such as random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from gradcalc.base import limits
from gradcalc.base.dtypes import FLOAT64, Dtype
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options
from gradcalc.functions import TABLE
from gradcalc.language.bindings import Binding, parse_weights
from gradcalc.program.program import Array, Program

if TYPE_CHECKING:
    from gradcalc.autograd.forward import Draws


def draws_of(options: Options) -> Callable[[], Draws]:
    """Where random numbers come from, for all values of a question, once it is asked for."""
    made: list[Draws] = []

    def draws() -> Draws:
        from gradcalc.autograd.autodiff import Draws

        if not made:
            made.append(Draws(options.seed))
        return made[0]

    return draws


def draws_numbers(binding: Binding) -> bool:
    """Whether a value holds random numbers."""
    value = binding.program
    return isinstance(value, Program) and any(
        step.function.startswith("rand") for step in value.steps
    )


def value_of(binding: Binding, dtype: Dtype, draws: Callable[[], Draws]) -> Array:
    """A binding's value as torch sees it.

    Raises:
        GradcalcError: kind `binding` or `limit`, for what is no finite number or too large.
    """
    value = binding.program
    if not isinstance(value, Array):
        value = _constant(binding, value, dtype, draws)
    elif dtype is not FLOAT64:
        value = Array(value.shape, tuple(map(dtype.round_float, value.numbers)))
    if len(value.shape) > limits.DIMENSIONS:
        raise GradcalcError(
            Kind.LIMIT,
            f"a tensor of {len(value.shape):,} dimensions; the limit is {limits.DIMENSIONS}",
            text=binding.text,
            span=binding.span,
        )
    strange = next((number for number in value.numbers if not math.isfinite(number)), None)
    if strange is not None:
        verb = "holds" if value.shape else "is"
        why, hint = "where no derivative exists", "bind a finite number"
        if binding.name.startswith("-"):  # of weights
            why, hint = "and weights must be finite", "give a finite number"
        raise GradcalcError(
            Kind.BINDING,
            f"the value of `{binding.name}` {verb} {strange}, {why}",
            text=binding.text,
            span=binding.span,
            hint=hint,
        )
    return value


def _constant(
    binding: Binding, program: Program, dtype: Dtype, draws: Callable[[], Draws]
) -> Array:
    """The value of a binding's program, which has no inputs."""
    literals = _literals(program, dtype)
    if literals is not None:
        return literals
    from gradcalc.program import expand

    if program.is_scalar:
        return Array((), _calculated(binding, program, dtype))
    from gradcalc.autograd import autodiff

    outputs, seen = autodiff.look(program, (), dtype.name, draws())
    if len(outputs) > 1:
        raise GradcalcError(
            Kind.BINDING,
            "a binding has one value",
            text=program.text,
            span=program.span(program.output),
        )
    if TABLE[program.steps[-1].function].creates:
        return outputs[0]  # what torch made needs no rounding
    try:
        expansion = expand.expand(program, (), seen)
    except expand.TooManySteps:
        raise GradcalcError(
            Kind.LIMIT,
            f"the value of `{binding.name}` takes over {limits.SCALAR_STEPS:,} operations",
            text=binding.text,
            span=binding.span,
            hint="bind its numbers, from a file perhaps",
        ) from None
    return Array(outputs[0].shape, _calculated(binding, expansion.program, dtype))


def _literals(program: Program, dtype: Dtype) -> Array | None:
    """The value of a program that is a number or nested lists of numbers; None if it is more."""
    literals = [constant.value for constant in program.constants]
    shape: tuple[int, ...] = ()
    if program.steps:
        [*others, step] = program.steps
        if others or step.function != "tensor" or step.args != tuple(range(len(literals))):
            return None
        shape = dict(step.options)["shape"]
    numbers = [Fraction(float(number)) for number in literals if number is not None]
    if len(numbers) < len(literals):
        return None
    return Array(shape, tuple(map(dtype.round, numbers)))


def _calculated(binding: Binding, program: Program, dtype: Dtype) -> tuple[float, ...]:
    """The numbers of a binding, calculated with many digits."""
    from gradcalc.exact.policies import Lack
    from gradcalc.exact.values import results_at

    results = results_at(program, (), dtype)
    if any(type(result) is Lack and not result.certain for result in results):
        raise GradcalcError(
            Kind.BINDING,
            f"the value of `{binding.name}` is too large to be calculated",
            text=binding.text,
            span=binding.span,
            hint="bind a number of up to 1.8e308",
        )
    return tuple(math.nan if type(result) is Lack else dtype.nearest(result) for result in results)


def weights_of(
    options: Options, dtype: Dtype, outputs: int, draws: Draws
) -> tuple[Array, ...] | None:
    """The weights of the results; None if there are none."""
    if options.grad_outputs is None:
        return None
    if options.grad_outputs.strip() == "ones":
        return tuple(Array((), (1.0,)) for _ in range(outputs))
    given = parse_weights(options.grad_outputs, outputs, files=options.files)
    return tuple(value_of(binding, dtype, lambda: draws) for binding in given)
