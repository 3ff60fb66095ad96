"""From a question to its answer: text, bindings and options to a `Report`.

This is the one place where the witnesses meet; each is asked on its own and none sees another's
answer. `grad` is the Python interface, the command line and `batch` use `calculate`.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gradcalc import limits
from gradcalc.bindings import Binding, bind, parse_bindings, parse_weights
from gradcalc.deadline import TimeUp, time_limit
from gradcalc.dtypes import DTYPES, Dtype
from gradcalc.errors import GradcalcError, Kind
from gradcalc.functions import TABLE, lookup
from gradcalc.parser import CONSTANTS, parse
from gradcalc.program import Array
from gradcalc.report import Derivative, Entry, Report, Verdict, nested

if TYPE_CHECKING:
    from gradcalc.autodiff import Backward, Draws, Testimony
    from gradcalc.claims import Claimed
    from gradcalc.expand import Expansion
    from gradcalc.program import Program


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a program, beside its values.

    Attributes:
        wrt: Variables of differentiation; None for all.
        second_order: Whether the Hessian is wanted too.
        dtype: "float64" or "float32".
        seed: What random numbers begin with.
        grad_outputs: The weights of the results, as text: values parted by commas, or "ones".
        retain_grad: Names of the intermediate values that keep their gradients; None for all.
        passes: How often backward is run.
        zero_grad: Whether gradients are set to 0 between the passes.
        retain_graph: Whether the graph is kept for the next pass.
        latex: Whether formulas are wanted in LaTeX too.
        thorough: Whether the limit is always called, or only where it may change the verdict.
        timeout: Seconds after which what has no verdict yet is undecided; None for no limit.
        claims: Derivatives by hand to judge, each "u=3*u**2 + 4*v".
    """

    wrt: tuple[str, ...] | None = None
    second_order: bool = False
    dtype: str = "float64"
    seed: int = 0
    grad_outputs: str | None = None
    retain_grad: tuple[str, ...] | None = ()
    passes: int = 1
    zero_grad: bool = False
    retain_graph: bool = True
    latex: bool = False
    thorough: bool = True
    timeout: float | None = None
    claims: tuple[str, ...] = ()


def grad(
    expression: str,
    at: Mapping[str, float | str | Sequence[Any]] | None = None,
    *,
    wrt: Sequence[str] | None = None,
    second_order: bool = False,
    dtype: str = "float64",
    seed: int = 0,
    grad_outputs: str | Sequence[Any] | None = None,
    retain_grad: Sequence[str] = (),
    backward: int = 1,
    zero_grad: bool = False,
    retain_graph: bool = True,
    timeout: float | None = 10,
) -> Report:
    """Differentiate a program by calculus and by autograd, and compare.

    Args:
        expression: In gradcalc's language, such as "u**3 + v**2 + 4*u*v", or several statements.
        at: The value of each variable: a number, nested lists of numbers, or a constant expression
            such as "randn(2, 3)"; without it, formulas only.
        wrt: The variables to differentiate with respect to; all, if not given.
        second_order: Whether to give the Hessian too.
        dtype: "float64" or "float32".
        seed: What random numbers begin with.
        grad_outputs: The weights of a result that is no scalar: "ones", or nested lists of its
            shape.
        retain_grad: The named intermediate values that keep their gradients; ("all",) for all.
        backward: How often backward is run; gradients add up in `.grad`.
        zero_grad: Whether they are set to 0 between the passes.
        retain_graph: Whether the graph is kept for the next pass.
        timeout: Seconds after which what has no verdict yet is undecided; None for no limit.
            Outside the main thread there is none.

    Returns:
        The report, whose `verdict` says whether the two agree.

    Raises:
        GradcalcError: For what cannot be understood or calculated.

    Example:
        >>> from gradcalc import grad
        >>> report = grad("u**3 + v**2 + 4*u*v", {"u": 1, "v": 1.1})
        >>> report.verdict.value
        'agree'
        >>> [(entry.wrt, entry.formula, entry.autograd) for entry in report.gradients]
        [(('u',), '3*u**2 + 4*v', 7.4), (('v',), '4*u + 2*v', 6.2)]
    """
    texts = [f"{name}={value}" for name, value in (at or {}).items()]
    options = Options(
        wrt=None if wrt is None else tuple(wrt),
        second_order=second_order,
        dtype=dtype,
        seed=seed,
        grad_outputs=None if grad_outputs is None else str(grad_outputs),
        retain_grad=None if "all" in retain_grad else tuple(retain_grad),
        passes=backward,
        zero_grad=zero_grad,
        retain_graph=retain_graph,
        timeout=timeout,
    )
    return calculate(expression, parse_bindings(texts), options)


def calculate(expression: str, bindings: Iterable[Binding], options: Options) -> Report:
    """Answer one question.

    Raises:
        GradcalcError: For what cannot be understood or calculated.
    """
    bindings = tuple(bindings)
    bound = {binding.name for binding in bindings}
    program = parse(expression, known=bound)
    dtype = _dtype(options.dtype)
    variables = _variables(program, options.wrt)
    warnings = _name_warnings(program, bound) + _constant_warnings(program)
    if options.wrt is not None:
        # A value that is not needed does no harm to a derivative by another variable.
        unused = [binding.name for binding in bindings if binding.name not in program.names]
        warnings += tuple(f"`{name}` does not occur in the expression" for name in unused)
        bindings = tuple(binding for binding in bindings if binding.name in program.names)
    _check_passes(options)
    claimed = _claimed(program, options)
    if bindings or not program.inputs:
        report, scalar = _checked(program, bind(program, bindings), variables, dtype, options)
    else:
        report, scalar = _formulas(program, variables, dtype, options)
    if claimed:
        from gradcalc import claims

        at = {name: value for name, value in report.bindings if isinstance(value, float)}
        if scalar is None or scalar.names != program.names:
            raise GradcalcError(
                Kind.USAGE,
                "claims are judged for programs whose variables are numbers",
                hint="leave --claim out",
            )
        judged = claims.judge(scalar, claimed, at if bindings else None, options.timeout)
        report = replace(report, claims=judged)
    return replace(report, warnings=warnings + report.warnings)


def _check_passes(options: Options) -> None:
    if not 1 <= options.passes <= limits.PASSES:
        raise GradcalcError(
            Kind.USAGE,
            f"--backward {options.passes}: backward is run 1 to {limits.PASSES:,} times",
            hint="write --backward 2",
        )


def _constant_warnings(program: Program) -> tuple[str, ...]:
    """What of the program is a constant to backward, and to calculus too."""
    sources = []
    for number, step in enumerate(program.steps, program.first_step):
        if step.no_grad or step.function == "detach":
            sources.append(program.source(number))
    # Of no_grad(a*b + c) the whole is named, and not its parts.
    whole = [s for s in sources if not any(s != other and s in other for other in sources)]
    return tuple(
        f"`{' '.join(source.split())}` is a constant to backward, and to calculus here too"
        for source in dict.fromkeys(whole)
    )


def _name_warnings(program: Program, bound: Collection[str]) -> tuple[str, ...]:
    """Names that may have been meant otherwise: a bound pi, and sin without brackets."""
    shadowed = [
        f"`{name}` is bound, so it is a variable here and not the constant"
        for name in program.names
        if name in CONSTANTS
    ]
    # Greek letters are variables more often than functions.
    uncalled = [
        f"`{name}` is a variable here; the function is called {row.signature}"
        for name in program.names
        if name not in bound and name not in {"beta", "gamma"} and (row := lookup(name)) is not None
    ]
    return (*shadowed, *uncalled)


def _claimed(program: Program, options: Options) -> Sequence[Claimed]:
    if not options.claims:
        return ()
    from gradcalc.claims import parse_claims

    return parse_claims(options.claims, program)


def _dtype(name: str) -> Dtype:
    if name in DTYPES:
        return DTYPES[name]
    if name.startswith(("int", "uint", "long", "bool")):
        raise GradcalcError(
            Kind.AUTOGRAD,
            f"a leaf of {name} cannot require grad: only floating-point tensors can",
            hint=f"use --dtype {' or '.join(DTYPES)}",
        )
    raise GradcalcError(Kind.USAGE, f"unknown dtype `{name}`", hint=f"use {' or '.join(DTYPES)}")


def _variables(program: Program, wrt: tuple[str, ...] | None) -> list[int]:
    """The numbers of the inputs that are differentiated with respect to."""
    if wrt is None:
        return list(range(len(program.inputs)))
    variables = []
    for name in wrt:
        if name not in program.names:
            raise GradcalcError(
                Kind.BINDING,
                f"`{name}` does not occur in the expression, so nothing depends on it",
                hint=f"differentiate by {' or '.join(program.names) or 'a variable in it'}",
            )
        if program.names.index(name) not in variables:
            variables.append(program.names.index(name))
    return variables


# --- Blocks: derivatives by whole variables -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Block:
    """A derivative by one variable, or by two: their numbers, and the axes of its entries."""

    variables: tuple[int, ...]
    axes: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]

    def derivative(
        self, program: Program, entries: Sequence[Entry], output: tuple[int, ...]
    ) -> Derivative:
        """The report's derivative, of these entries."""
        names = tuple(program.names[number] for number in self.variables)
        return Derivative(names, (*output, *self.shape), tuple(entries))


def _blocks(
    expansion: Expansion, variables: Sequence[int], *, second_order: bool
) -> tuple[list[_Block], list[_Block]]:
    """The blocks of the gradient, and of the Hessian where it is asked for."""
    shapes = expansion.shapes
    gradient = [
        _Block((v,), tuple((axis,) for axis in expansion.axes(v)), shapes[v]) for v in variables
    ]
    hessian = [
        _Block(
            (u, v),
            tuple((i, j) for i in expansion.axes(u) for j in expansion.axes(v)),
            (*shapes[u], *shapes[v]),
        )
        for k, u in enumerate(variables if second_order else ())
        for v in variables[k:]
    ]
    return gradient, hessian


def _expansion(
    program: Program, shapes: Sequence[tuple[int, ...]], seen: Mapping[int, Any]
) -> Expansion:
    """The program as a scalar one; one that is scalar already stays as it is."""
    from gradcalc import expand

    if expand.is_scalar(program, shapes):
        return expand.Expansion(program, tuple(shapes), (((), program.outputs),))
    return expand.expand(program, shapes, seen)


def _targets(
    expansion: Expansion, weights: Sequence[Array] | None
) -> list[tuple[str, Program]]:
    """The scalar functions to differentiate: one, or for a Jacobian one for each entry."""
    if weights is not None:
        exact = [list(map(Fraction, weight.numbers)) for weight in weights]
        return [("", expansion.weighted(exact))]
    from gradcalc.expand import entry_name, indices

    shape, numbers = expansion.results[0]
    return [
        (entry_name("", index), expansion.output(number))
        for index, number in zip(indices(shape), numbers, strict=True)
    ]


def _derivatives(
    program: Program, blocks: Sequence[_Block], rows: Sequence[Sequence[Entry]], output: tuple[int, ...]
) -> tuple[Derivative, ...]:
    """Deal the entries out to the blocks; each row of entries is that of an entry of the output."""
    found = []
    first = 0
    for block in blocks:
        count = len(block.axes)
        entries = [entry for row in rows for entry in row[first : first + count]]
        found.append(block.derivative(program, entries, output))
        first += count
    return tuple(found)


# --- Formulas alone, and formulas with values -----------------------------------------------------


def _formulas(
    program: Program, variables: Sequence[int], dtype: Dtype, options: Options
) -> tuple[Report, Program | None]:
    """Formulas alone, without a point: every variable is a number."""
    from gradcalc import compare, expand
    from gradcalc.symbolic import Calculus

    shapes: list[tuple[int, ...]] = [()] * len(program.inputs)
    weights: Sequence[Array] | None = (Array((), (1.0,)),)
    if expand.is_scalar(program):
        expansion = _expansion(program, shapes, {})
    else:
        expansion, weights = _without_point(program, shapes, dtype, options)
    gradient, hessian = _blocks(expansion, variables, second_order=options.second_order)
    axes = [pair for block in (*gradient, *hessian) for pair in block.axes]
    targets = _targets(expansion, weights)
    rows = []
    for output, scalar in targets:
        calculus = Calculus(scalar, axes, dtype)
        with contextlib.suppress(TimeUp), time_limit(options.timeout):
            calculus.differentiate()
        rows.append(
            [
                compare.unchecked(
                    tuple(scalar.inputs[axis].name for axis in pair),
                    calculus.text(position),
                    calculus.latex(position) if options.latex else None,
                    output,
                )
                for position, pair in enumerate(axes)
            ]
        )
    report = _report(
        program,
        options,
        (gradient, hessian),
        rows,
        () if weights is not None else expansion.results[0][0],
        verdict=Verdict.UNCHECKED,
    )
    return report, targets[0][1] if len(targets) == 1 else None


def _without_point(
    program: Program, shapes: Sequence[tuple[int, ...]], dtype: Dtype, options: Options
) -> tuple[Expansion, Sequence[Array] | None]:
    """The expansion of a program whose variables are numbers, and the weights of its results."""
    from gradcalc import autodiff

    # Any numbers will do: torch tells the shapes, and what does not fit.
    numbers = [Array((), (0.5,)) for _ in shapes]
    draws = autodiff.Draws(options.seed)
    try:
        outputs, seen = autodiff.look(program, numbers, options.dtype, draws)
    except GradcalcError as error:
        if error.kind is Kind.SHAPE:
            names = ",".join(f"{name}=randn(2,2)" for name in program.names)
            hint = f"without --at every variable is a number; bind them, as in --at {names}"
            raise GradcalcError(
                error.kind, error.message, text=error.text, span=error.span, hint=hint
            ) from None
        raise
    expansion = _expansion(program, shapes, seen)
    weights = _given_weights(options, dtype, len(outputs), draws)
    if weights is None and all(len(output.numbers) == 1 for output in outputs):
        weights = tuple(Array((), (1.0,)) for _ in outputs)
    if weights is None and len(outputs) > 1:
        raise GradcalcError(
            Kind.USAGE,
            "several results, of which one is no number",
            hint="add --grad-outputs ones",
        )
    if weights is not None:
        weights = tuple(
            Array(output.shape, weight.numbers * len(output.numbers))
            if len(weight.numbers) == 1
            else weight
            for weight, output in zip(weights, outputs, strict=True)
        )
    return expansion, weights


def _checked(
    program: Program,
    bindings: Mapping[str, Binding],
    variables: Sequence[int],
    dtype: Dtype,
    options: Options,
) -> tuple[Report, Program | None]:
    """Formulas and values at a point, compared."""
    # An error in the input is told without waiting for the witnesses' libraries.
    draws = _draws(options)
    inputs = [_value(bindings[name], dtype, draws) for name in program.names]
    from gradcalc import autodiff

    testimony = autodiff.testify(
        program,
        inputs,
        [number in variables for number in range(len(inputs))],
        options.dtype,
        _backward(options, dtype, len(program.outputs), draws),
        draws(),
    )
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
        "graph": testimony.graph,
        "warnings": testimony.warnings,
    }
    shape = () if testimony.weights is not None else testimony.outputs[0].shape
    judged = _judged(program, inputs, variables, testimony, dtype, options)
    blocks, rows, scalar = judged
    report = _report(program, options, blocks, rows, shape, **facts)
    verdicts = [entry.verdict for entry in report.entries]
    worst = max(verdicts, key=list(Verdict).index, default=Verdict.AGREE)
    return replace(report, verdict=worst), scalar


def _judged(
    program: Program,
    inputs: Sequence[Array],
    variables: Sequence[int],
    testimony: Testimony,
    dtype: Dtype,
    options: Options,
) -> tuple[tuple[list[_Block], list[_Block]], list[list[Entry]], Program | None]:
    """The blocks, and the entries of all of them, for each entry of the output that is asked."""
    from gradcalc import autodiff, compare
    from gradcalc.jury import Case, Jury

    expansion = _expansion(program, [value.shape for value in inputs], testimony.seen)
    blocks = _blocks(expansion, variables, second_order=options.second_order)
    axes = [pair for block in (*blocks[0], *blocks[1]) for pair in block.axes]
    point = [Fraction(number) for value in inputs for number in value.numbers]
    targets = _targets(expansion, testimony.weights)
    formulas = len(axes) * len(targets) <= limits.FORMULA_ENTRIES
    juries = []
    for (output, scalar), row in zip(targets, testimony.gradients, strict=True):
        autograd: dict[tuple[int, ...], float | None] = {
            pair: row[pair[0]]
            if len(pair) == 1
            else testimony.hessian.get((pair[0], pair[1]), testimony.hessian.get((pair[1], pair[0])))
            for pair in axes
        }
        weights = testimony.weights or _one_hot(testimony.outputs[0], len(juries))
        birth = functools.partial(
            _birth, program, inputs, options.dtype, weights=weights, seen=testimony.seen
        )
        case = Case(
            scalar, point, axes, autograd, compare.budget(len(program.steps)), birth, output
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
    try:
        with time_limit(options.timeout):
            for jury, found in zip(juries, rows, strict=True):
                for entry in jury.verdicts():
                    found.append(entry)  # noqa: PERF402 - what is found so far stays when time is up
    except TimeUp:
        note = f"no verdict within {options.timeout:g} seconds; --timeout gives it more"
        for jury, found in zip(juries, rows, strict=True):
            found += [jury.undecided(k, note) for k in range(len(found), len(axes))]
    return blocks, rows, targets[0][1] if len(targets) == 1 else None


def _birth(
    program: Program,
    inputs: Sequence[Array],
    dtype: str,
    axes: tuple[int, ...],
    *,
    weights: Sequence[Array],
    seen: Mapping[int, Any],
) -> tuple[str, float, str] | None:
    from gradcalc import autodiff

    return autodiff.birth(program, inputs, dtype, axes, weights, seen)


def _one_hot(output: Array, position: int) -> tuple[Array]:
    """Weights that pick one entry of an output."""
    numbers = tuple(float(k == position) for k in range(len(output.numbers)))
    return (Array(output.shape, numbers),)


# --- Values and weights ---------------------------------------------------------------------------


def _draws(options: Options) -> Callable[[], Draws]:
    """Where random numbers come from, for all values of a question, once it is asked for."""

    @functools.cache
    def draws() -> Draws:
        from gradcalc.autodiff import Draws

        return Draws(options.seed)

    return draws


def _value(binding: Binding, dtype: Dtype, draws: Callable[[], Draws]) -> Array:
    """A binding's value as torch sees it."""
    value = binding.program
    found = (
        Array(value.shape, tuple(dtype.round(Fraction(number)) if math.isfinite(number) else number for number in value.numbers))
        if isinstance(value, Array)
        else _constant(value, dtype, draws)
    )
    strange = next((number for number in found.numbers if not math.isfinite(number)), None)
    if strange is not None:
        raise GradcalcError(
            Kind.BINDING,
            f"the value of `{binding.name}` is {strange}, where no derivative exists"
            if not found.shape
            else f"the value of `{binding.name}` holds {strange}, where no derivative exists",
            text=binding.text,
            span=binding.span,
            hint="bind a finite number",
        )
    return found


def _constant(program: Program, dtype: Dtype, draws: Callable[[], Draws]) -> Array:
    """The value of a program without inputs."""
    literals = [constant.value for constant in program.constants]
    plain = not program.steps or (
        len(program.steps) == 1
        and program.steps[0].function == "tensor"
        and program.steps[0].args == tuple(range(len(literals)))
    )
    if plain and None not in literals:
        numbers = tuple(dtype.round(Fraction(float(v))) for v in literals if v is not None)
        return Array(dict(program.steps[0].options)["shape"] if program.steps else (), numbers)
    from gradcalc import expand
    from gradcalc.precise import constant_values

    if expand.is_scalar(program):
        return Array((), tuple(constant_values(program, dtype)))
    from gradcalc import autodiff

    outputs, seen = autodiff.look(program, (), dtype.name, draws())
    if len(outputs) > 1:
        raise GradcalcError(
            Kind.BINDING, "a binding has one value", text=program.text, span=program.span(program.output)
        )
    if TABLE[program.steps[-1].function].creates:
        return outputs[0]  # what torch made needs no rounding
    expansion = expand.expand(program, (), seen)
    return Array(outputs[0].shape, tuple(constant_values(expansion.program, dtype)))


def _backward(
    options: Options, dtype: Dtype, outputs: int, draws: Callable[[], Draws]
) -> Backward:
    from gradcalc import autodiff

    return autodiff.Backward(
        weights=_given_weights(options, dtype, outputs, draws()),
        passes=options.passes,
        zero_grad=options.zero_grad,
        retain_graph=options.retain_graph,
        retain_grad=None if options.retain_grad is None else frozenset(options.retain_grad),
        second_order=options.second_order,
    )


def _given_weights(
    options: Options, dtype: Dtype, outputs: int, draws: Draws
) -> tuple[Array, ...] | None:
    """The weights of the results; None if there are none."""
    if options.grad_outputs is None:
        return None
    if options.grad_outputs.strip() == "ones":
        return tuple(Array((), (1.0,)) for _ in range(outputs))
    given = parse_weights(options.grad_outputs)
    return tuple(_value(binding, dtype, lambda: draws) for binding in given)


def _report(
    program: Program,
    options: Options,
    blocks: tuple[Sequence[_Block], Sequence[_Block]],
    rows: Sequence[Sequence[Entry]],
    output: tuple[int, ...],
    **fields: Any,
) -> Report:
    gradient, hessian = blocks
    first_order = sum(len(block.axes) for block in gradient)
    return Report(
        expression=program.text,
        canonical=program.canonical,
        variables=program.names,
        dtype=options.dtype,
        gradients=_derivatives(program, gradient, [row[:first_order] for row in rows], output),
        hessian=_derivatives(program, hessian, [row[first_order:] for row in rows], output),
        **fields,
    )
