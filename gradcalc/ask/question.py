"""A question on its way to the answer: what it asks, what torch says, what comes of it.

In: text, bindings and options. Out: a `Report`, in steps. This is the one place where the witnesses
meet; each is asked on its own and none sees another's answer.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gradcalc.ask.values import draws_numbers, draws_of, value_of, weights_of
from gradcalc.base import limits
from gradcalc.base.dtypes import Dtype
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options, dtype_of
from gradcalc.base.stages import Steps
from gradcalc.language.bindings import Binding, bind
from gradcalc.language.parser import parse
from gradcalc.language.scope import CONSTANTS, GREEK, looks_called, meant_call
from gradcalc.program.program import Array, Program

if TYPE_CHECKING:
    from gradcalc.autograd.autodiff import Backward, Draws, Testimony
    from gradcalc.judging.claims import Claimed
    from gradcalc.results.report import Report


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
        unused: list[str] = []
        if options.wrt is not None:
            # A value that is not needed does no harm to a derivative by another variable.
            unused = [binding.name for binding in bindings if binding.name not in program.names]
            self._warnings += tuple(f"`{name}` does not occur in the expression" for name in unused)
        self._claimed = _claimed(program, options)
        self.inputs: list[Array] | None = None
        self.testimony: Testimony | None = None
        if len(bindings) > len(unused) or not program.inputs:
            self._draws = draws_of(options)
            bind(program, [binding for binding in bindings if binding.name not in unused])
            # In the order in which they are given, as random numbers are drawn in a notebook.
            values = {
                binding.name: value_of(binding, self._dtype, self._draws)
                for binding in bindings
                if binding.name not in unused or draws_numbers(binding)
            }
            self.inputs = [values[name] for name in program.names]

    @property
    def batch_key(self) -> tuple[Any, ...] | None:
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
        """Ask torch, unless it was asked, and judge.

        Args:
            marks: Fields of the report that are not ours: where the question comes from.
        """
        from gradcalc.ask.reports import formulas_report, judged_report

        program, options = self.program, self.options
        if self.inputs is None:
            report, scalar = formulas_report(program, self.variables, self._dtype, options, marks)
        else:
            if self.testimony is None:
                self.testimony = yield from self._testimony(self.inputs)
                yield
            report, scalar = judged_report(
                program, self.inputs, self.variables, self.testimony, self._dtype, options, marks
            )
        if self._claimed:
            from gradcalc.judging import claims

            at = {name: value for name, value in report.bindings if isinstance(value, float)}
            if scalar is None or scalar.names != program.names:
                raise GradcalcError(
                    Kind.USAGE,
                    "claims are judged for programs whose variables are numbers",
                    hint="leave --claim out; `gradcalc grad` answers without",
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
        """The report when there is no time to judge."""
        from gradcalc.results.report import Report, Verdict

        return Report(
            self.program.text,
            canonical=self.program.canonical,
            variables=self.program.names,
            dtype=self.options.dtype,
            value=None if self.testimony is None else self.testimony.value,
            verdict=Verdict.UNDECIDED,
            warnings=(self.options.late,),
        )


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


def ask_together(questions: Sequence[Question]) -> None:
    """Ask torch about questions with the same `batch_key` in one pass, if torch can do that."""
    from gradcalc.autograd.many_points import testify_at_points

    one = questions[0]
    try:
        testimonies = testify_at_points(
            one.program,
            [question.inputs or () for question in questions],
            [number in one.variables for number in range(len(one.program.inputs))],
            one.options.dtype,
            second_order=one.options.second_order,
        )
    except (GradcalcError, RuntimeError):
        return  # each is asked alone, and told alone what is wrong
    for question, testimony in zip(questions, testimonies, strict=True):
        question.testimony = testimony


@functools.lru_cache(maxsize=limits.RECENT)
def parsed(expression: str, bound: frozenset[str]) -> Program:
    """The program, which may have been asked at another point."""
    return parse(expression, variables=bound)


def _claimed(program: Program, options: Options) -> Sequence[Claimed]:
    if not options.claims:
        return ()
    from gradcalc.judging.claims import parse_claims

    return parse_claims(options.claims, program)


# --- What is asked, and what may have been meant otherwise ----------------------------------------


def constant_warnings(program: Program) -> tuple[str, ...]:
    """What of the program is a constant to backward, and to calculus too."""
    sources = [
        program.source(number)
        for number, step in program.numbered_steps
        if step.no_grad or step.function == "detach"
    ]
    # Of no_grad(a*b + c) the whole is named, and not its parts.
    whole = [s for s in sources if not any(s != other and s in other for other in sources)]
    return tuple(
        f"`{' '.join(source.split())}` is a constant to backward, and to calculus here too"
        for source in dict.fromkeys(whole)
    )


def name_warnings(program: Program, bound: Collection[str]) -> tuple[str, ...]:
    """Names that may have been meant otherwise: a bound pi, sin without brackets, f of f(x)."""
    shadowed = [
        f"`{name}` is bound, so it is a variable here and not the constant"
        for name in program.names
        if name in CONSTANTS
    ]
    uncalled = [
        f"`{name}` is a variable here; the function is called {call}"
        for name in program.names
        if name not in bound and name not in GREEK and (call := meant_call(name, program.names))
    ]
    multiplied = [
        f"`{name}` is no function: it is taken for a variable, and {name}(...) for a product"
        for name in program.names
        if name not in bound and looks_called(name, program.text)
    ]
    return (*shadowed, *uncalled, *multiplied)


def variables_of(program: Program, wrt: tuple[str, ...] | None) -> list[int]:
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
