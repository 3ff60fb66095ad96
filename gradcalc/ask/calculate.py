"""From a question to its answer: text, bindings and options to a `Report`.

This is the one place where the witnesses meet; each is asked on its own and none sees another's
answer. `grad` is the Python interface; the command line uses `calculate`, and `batch`, which takes
each step for many, a `Question`.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gradcalc.ask.question import constant_warnings, name_warnings, variables_of
from gradcalc.ask.values import draws_of, value_of, weights_of
from gradcalc.base import limits
from gradcalc.base.deadline import TimeUp, time_limit
from gradcalc.base.dtypes import Dtype
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import OPTIONS, Options, dtype_of, options_in, read_values
from gradcalc.base.readings import plain
from gradcalc.base.stages import Steps, finished
from gradcalc.judging.derivative_blocks import (
    Block,
    blocks_of,
    derivatives_of,
    expansion_of,
    targets_of,
)
from gradcalc.language.bindings import Binding, bind, parse_bindings
from gradcalc.language.parser import parse
from gradcalc.program.program import Array
from gradcalc.results.report import Entry, Report, Verdict, nested, worst

__all__ = ["Options", "calculate", "grad"]

if TYPE_CHECKING:
    from gradcalc.autograd.autodiff import Backward, Draws, Testimony
    from gradcalc.judging.claims import Claimed
    from gradcalc.program.expand import Expansion
    from gradcalc.program.program import Program


def _with_options(ask: Callable[..., Report]) -> Callable[..., Report]:
    """Give `grad` the signature and the documentation of the options that are declared for it."""
    signature = inspect.signature(ask)
    parameters = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    text = ""
    for option in options_in("python"):
        name = option.keyword
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option.default)
        )
        text += f"        {name}: {'If False: ' * (name != option.key)}{option.help}\n"
    ask.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    ask.__doc__ = (ask.__doc__ or "").replace("        options: As declared.\n", text)
    return ask


@_with_options
def grad(
    expression: str, at: Mapping[str, float | str | Sequence[Any]] | None = None, **options: Any
) -> Report:
    """Differentiate a program by calculus and by autograd, and compare.

    Args:
        expression: In gradcalc's language, such as "u**3 + v**2 + 4*u*v", or several statements.
        at: The value of each variable: a number, nested lists of numbers, or a constant expression
            such as "randn(2, 3)"; without it, formulas only.
        options: As declared.

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
    given = inspect.signature(grad).bind(expression, at, **options)
    given.apply_defaults()
    bindings = OPTIONS["at"].from_value(plain(at or {}), "at")
    return calculate(expression, parse_bindings(bindings), Options(**read_values(given.arguments)))


def calculate(expression: str, bindings: Iterable[Binding], options: Options) -> Report:
    """Answer one question.

    Raises:
        GradcalcError: For what cannot be understood or calculated.
    """
    question = Question(expression, bindings, options)
    limit = None if options.timeout is None else options.timeout + limits.GRACE
    try:
        # Within it the jury has its own; but a large tensor takes long before it gets there.
        with time_limit(limit):
            return finished(question.answer())
    except TimeUp:
        return question.given_up()


class Question:
    """A question on its way to the answer.

    It is understood first; then `answer` takes the rest in steps, so that who has many questions
    can take each step for all of them.

    Attributes:
        program: What is asked about.
        options: What is asked.
        variables: The numbers of the inputs that are differentiated by.
        inputs: The point; None if there is none.
        testimony: What torch said of it, once it was asked.
    """

    def __init__(self, expression: str, bindings: Iterable[Binding], options: Options) -> None:
        """Understand it; neither torch nor sympy is needed for that.

        Raises:
            GradcalcError: For what cannot be understood.
        """
        bindings = tuple(bindings)
        bound = {binding.name for binding in bindings}
        program = parsed(expression, frozenset(bound))
        self.program = program
        self.options = options
        self._dtype = dtype_of(options.dtype)
        self.variables = variables_of(program, options.wrt)
        self._warnings = name_warnings(program, bound) + constant_warnings(program)
        if options.wrt is not None:
            # A value that is not needed does no harm to a derivative by another variable.
            unused = [binding.name for binding in bindings if binding.name not in program.names]
            self._warnings += tuple(f"`{name}` does not occur in the expression" for name in unused)
            bindings = tuple(binding for binding in bindings if binding.name in program.names)
        self._claimed = _claimed(program, options)
        self.inputs: list[Array] | None = None
        self.testimony: Testimony | None = None
        if bindings or not program.inputs:
            self._draws = draws_of(options)
            by_name = bind(program, bindings)
            self.inputs = [
                value_of(by_name[name], self._dtype, self._draws) for name in program.names
            ]

    @property
    def kin(self) -> tuple[Any, ...] | None:
        """What it has in common with those that torch can be asked together with; None if alone."""
        options = self.options
        plain = (
            options.passes == 1
            and options.retain_grad == ()
            and options.grad_outputs is None
            and options.retain_graph
        )
        shapes = [value.shape for value in self.inputs or ()]
        if not (plain and shapes and not any(shapes) and self.program.is_scalar):
            return None
        return id(self.program), tuple(self.variables), options.dtype, options.second_order

    def answer(self, **marks: Any) -> Steps[Report]:
        """Hear autograd, unless it was heard, and judge.

        Args:
            marks: Fields of the report that are not ours: where the question comes from.
        """
        program, options = self.program, self.options
        if self.inputs is None:
            report, scalar = _formulas(program, self.variables, self._dtype, options, marks)
        else:
            if self.testimony is None:
                self.testimony = yield from self._testimony(self.inputs)
                yield
            report, scalar = yield from _judged(
                program, self.inputs, self.variables, self.testimony, self._dtype, options, marks
            )
        if self._claimed:
            from gradcalc.judging import claims

            at = {name: value for name, value in report.bindings if isinstance(value, float)}
            if scalar is None or scalar.names != program.names:
                raise GradcalcError(
                    Kind.USAGE,
                    "claims are judged for programs whose variables are numbers",
                    hint="leave --claim out",
                )
            point = None if self.inputs is None else at
            judged = claims.judge_claims(scalar, self._claimed, point, options.timeout)
            report = replace(report, claims=judged)
        if self._warnings:
            report = replace(report, warnings=self._warnings + report.warnings)
        return report

    def _testimony(self, inputs: Sequence[Array]) -> Steps[Testimony]:
        from gradcalc.autograd import autodiff

        return autodiff.testimony(
            self.program,
            inputs,
            [number in self.variables for number in range(len(inputs))],
            self.options.dtype,
            _backward(self.options, self._dtype, len(self.program.outputs), self._draws),
            self._draws(),
        )

    def given_up(self) -> Report:
        """What is known when there is no time to judge."""
        return Report(
            self.program.text,
            canonical=self.program.canonical,
            variables=self.program.names,
            dtype=self.options.dtype,
            value=None if self.testimony is None else self.testimony.value,
            verdict=Verdict.UNDECIDED,
            warnings=(
                f"no verdict within {self.options.timeout:g} seconds; --timeout gives it more",
            ),
        )


def ask_together(questions: Sequence[Question]) -> None:
    """Hear autograd on questions with the same `kin` in one pass, if torch can do that."""
    from gradcalc.autograd.vectorized import testify_at_points

    one = questions[0]
    try:
        found = testify_at_points(
            one.program,
            [question.inputs or () for question in questions],
            [number in one.variables for number in range(len(one.program.inputs))],
            one.options.dtype,
            second_order=one.options.second_order,
        )
    except (GradcalcError, RuntimeError):
        return  # each is asked alone, and told alone what is wrong
    for question, testimony in zip(questions, found, strict=True):
        question.testimony = testimony


@functools.lru_cache(maxsize=limits.RECENT)
def parsed(expression: str, bound: frozenset[str]) -> Program:
    """The program, which may have been asked at another point."""
    return parse(expression, known=bound)


def _claimed(program: Program, options: Options) -> Sequence[Claimed]:
    if not options.claims:
        return ()
    from gradcalc.judging.claims import parse_claims

    return parse_claims(options.claims, program)


# --- Formulas alone, and formulas with values -----------------------------------------------------


def _formulas(
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
    if program.is_scalar:
        expansion = expansion_of(program, shapes, {})
    else:
        expansion, weights = _without_point(program, shapes, dtype, options)
    gradient, hessian = blocks_of(expansion, variables, second_order=options.second_order)
    axes = [pair for block in (*gradient, *hessian) for pair in block.axes]
    targets = targets_of(expansion, weights)
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
        **marks,
    )
    return report, targets[0][1] if len(targets) == 1 else None


def _without_point(
    program: Program, shapes: Sequence[tuple[int, ...]], dtype: Dtype, options: Options
) -> tuple[Expansion, Sequence[Array] | None]:
    """The expansion of a program whose variables are numbers, and the weights of its results."""
    from gradcalc.autograd import autodiff
    from gradcalc.program.expand import TooManySteps

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
    try:
        expansion = expansion_of(program, shapes, seen)
    except TooManySteps:
        message = f"written out, the program has over {limits.SCALAR_STEPS:,} operations"
        raise GradcalcError(
            Kind.LIMIT, f"{message}, which is too many for formulas", hint="bind the variables"
        ) from None
    weights = weights_of(options, dtype, len(outputs), draws)
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


def _judged(
    program: Program,
    inputs: Sequence[Array],
    variables: Sequence[int],
    testimony: Testimony,
    dtype: Dtype,
    options: Options,
    marks: Mapping[str, Any],
) -> Steps[tuple[Report, Program | None]]:
    """Formulas and values at a point, compared."""
    from gradcalc.judging.verdicts import judging

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
        "passes": options.passes,
        "graph": testimony.graph,
        "warnings": testimony.warnings,
        **marks,
    }
    shape = () if testimony.weights is not None else testimony.outputs[0].shape
    blocks, rows, scalar = yield from judging(program, inputs, variables, testimony, dtype, options)
    facts["verdict"] = worst(entry.verdict for row in rows for entry in row)
    return _report(program, options, blocks, rows, shape, **facts), scalar


def _backward(options: Options, dtype: Dtype, outputs: int, draws: Callable[[], Draws]) -> Backward:
    from gradcalc.autograd import autodiff

    return autodiff.Backward(
        weights=weights_of(options, dtype, outputs, draws()),
        passes=options.passes,
        zero_grad=options.zero_grad,
        retain_graph=options.retain_graph,
        retain_grad=None if options.retain_grad is None else frozenset(options.retain_grad),
        second_order=options.second_order,
    )


def _report(
    program: Program,
    options: Options,
    blocks: tuple[Sequence[Block], Sequence[Block]],
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
        gradients=derivatives_of(program, gradient, [row[:first_order] for row in rows], output),
        hessian=derivatives_of(program, hessian, [row[first_order:] for row in rows], output),
        **fields,
    )
