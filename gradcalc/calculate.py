"""From a question to its answer: text, bindings and options to a `Report`.

This is the one place where the witnesses meet; each is asked on its own and none sees another's
answer. `grad` is the Python interface, the command line and `batch` use `calculate`.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gradcalc import limits
from gradcalc.bindings import Binding, bind, parse_bindings
from gradcalc.deadline import TimeUp, time_limit
from gradcalc.dtypes import DTYPES, Dtype
from gradcalc.errors import GradcalcError, Kind
from gradcalc.functions import lookup
from gradcalc.parser import CONSTANTS, parse
from gradcalc.report import Entry, Report, Verdict

if TYPE_CHECKING:
    from gradcalc.claims import Claimed
    from gradcalc.program import Program


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of an expression, beside its values.

    Attributes:
        wrt: Variables of differentiation; None for all.
        second_order: Whether the Hessian is wanted too.
        dtype: "float64" or "float32".
        latex: Whether formulas are wanted in LaTeX too.
        thorough: Whether the limit is always called, or only where it may change the verdict.
        timeout: Seconds after which what has no verdict yet is undecided; None for no limit.
        claims: Derivatives by hand to judge, each "u=3*u**2 + 4*v".
    """

    wrt: tuple[str, ...] | None = None
    second_order: bool = False
    dtype: str = "float64"
    latex: bool = False
    thorough: bool = True
    timeout: float | None = None
    claims: tuple[str, ...] = ()


def grad(
    expression: str,
    at: Mapping[str, float | str] | None = None,
    *,
    wrt: Sequence[str] | None = None,
    second_order: bool = False,
    dtype: str = "float64",
    timeout: float | None = 10,
) -> Report:
    """Differentiate an expression by calculus and by autograd, and compare.

    Args:
        expression: In gradcalc's language, such as "u**3 + v**2 + 4*u*v".
        at: The value of each variable, a number or a constant expression; without it, formulas
            only.
        wrt: The variables to differentiate with respect to; all, if not given.
        second_order: Whether to give the Hessian too.
        dtype: "float64" or "float32".
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
    axes = _axes(program, options.wrt)
    entries: list[tuple[int, ...]] = [(axis,) for axis in axes]
    if options.second_order:
        entries += [(first, second) for k, first in enumerate(axes) for second in axes[k:]]
    warnings = _name_warnings(program, bound)
    if options.wrt is not None:
        # A value that is not needed does no harm to a derivative by another variable.
        unused = [binding.name for binding in bindings if binding.name not in program.names]
        warnings += tuple(f"`{name}` does not occur in the expression" for name in unused)
        bindings = tuple(binding for binding in bindings if binding.name in program.names)
    claimed = _claimed(program, options)
    if bindings:
        report = _checked(program, bind(program, bindings), axes, entries, dtype, options)
    else:
        found = _formulas(program, entries, dtype, options)
        report = _report(program, options, found, len(axes), verdict=Verdict.UNCHECKED)
    if claimed:
        from gradcalc import claims

        judged = claims.judge(
            program, claimed, dict(report.bindings) if bindings else None, options.timeout
        )
        report = replace(report, claims=judged)
    return replace(report, warnings=warnings)


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
    if name not in DTYPES:
        raise GradcalcError(
            Kind.USAGE, f"unknown dtype `{name}`", hint=f"use {' or '.join(DTYPES)}"
        )
    return DTYPES[name]


def _axes(program: Program, wrt: tuple[str, ...] | None) -> list[int]:
    """The numbers of the inputs that are differentiated with respect to."""
    if wrt is None:
        return list(range(len(program.inputs)))
    axes = []
    for name in wrt:
        if name not in program.names:
            raise GradcalcError(
                Kind.BINDING,
                f"`{name}` does not occur in the expression, so nothing depends on it",
                hint=f"differentiate by {' or '.join(program.names) or 'a variable in it'}",
            )
        if program.names.index(name) not in axes:
            axes.append(program.names.index(name))
    return axes


def _formulas(
    program: Program, entries: Sequence[tuple[int, ...]], dtype: Dtype, options: Options
) -> list[Entry]:
    """Formulas alone, without a point."""
    from gradcalc import compare
    from gradcalc.symbolic import Calculus

    calculus = Calculus(program, entries, dtype)
    with contextlib.suppress(TimeUp), time_limit(options.timeout):
        calculus.differentiate()
    return [
        compare.unchecked(
            _names(program, axes),
            calculus.text(position),
            calculus.latex(position) if options.latex else None,
        )
        for position, axes in enumerate(entries)
    ]


def _checked(
    program: Program,
    bindings: Mapping[str, Binding],
    axes: Sequence[int],
    entries: Sequence[tuple[int, ...]],
    dtype: Dtype,
    options: Options,
) -> Report:
    """Formulas and values at a point, compared."""
    # An error in the input is told without waiting for the witnesses' libraries.
    inputs = [_value(bindings[name], dtype) for name in program.names]
    from gradcalc import autodiff, compare, conditioning, precise
    from gradcalc.symbolic import Calculus

    testimony = autodiff.testify(
        program,
        inputs,
        [number in axes for number in range(len(inputs))],
        options.dtype,
        second_order=options.second_order,
    )
    point = [Fraction(value) for value in inputs]
    calculus = Calculus(program, entries, dtype)

    def evidence(position: int, symbolic: Any) -> compare.Evidence:
        entry = entries[position]
        # functools.partial: these are called only if they can change the verdict.
        return compare.Evidence(
            wrt=_names(program, entry),
            formula=calculus.text(position),
            latex=calculus.latex(position) if options.latex else None,
            symbolic=symbolic,
            autograd=testimony.derivative(entry),
            continued=functools.partial(calculus.continued, position, point),
            slope=functools.partial(precise.slope, program, point, entry, dtype),
            conditioning=functools.partial(conditioning.measure, program, point, entry, dtype),
            birth=functools.partial(autodiff.birth, program, inputs, options.dtype, entry),
        )

    found: list[Entry] = []
    try:
        with time_limit(options.timeout):
            survey = precise.survey(program, point, dtype)
            calculus.differentiate()
            symbolic = calculus.values(point) if survey.computable else [None] * len(entries)
            thorough = options.thorough and len(entries) * len(program.steps) <= limits.THOROUGH
            for position, value in enumerate(symbolic):
                proof = evidence(position, value)
                found.append(compare.judge(proof, program, dtype, survey, thorough=thorough))
    except TimeUp:
        note = f"no verdict within {options.timeout:g} seconds; --timeout gives it more"
        rest = range(len(found), len(entries))
        found.extend(compare.undecided(evidence(position, None), note) for position in rest)
    return _report(
        program,
        options,
        found,
        len(axes),
        bindings=tuple(zip(program.names, inputs, strict=True)),
        value=testimony.value,
        verdict=max((entry.verdict for entry in found), key=list(Verdict).index),
        tensors=testimony.tensors,
        graph=testimony.graph,
    )


def _value(binding: Binding, dtype: Dtype) -> float:
    """A binding's value as torch sees it."""
    literal = binding.program.constants[0].value if not binding.program.steps else None
    if literal is not None:
        value = dtype.round(Fraction(float(literal)))
    else:
        from gradcalc.precise import constant_value

        value = constant_value(binding.program, dtype)
    if not math.isfinite(value):
        raise GradcalcError(
            Kind.BINDING,
            f"the value of `{binding.name}` is {value}, where no derivative exists",
            text=binding.text,
            span=binding.span,
            hint="bind a finite number",
        )
    return value


def _names(program: Program, axes: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(program.names[axis] for axis in axes)


def _report(
    program: Program, options: Options, found: Sequence[Entry], first_order: int, **fields: Any
) -> Report:
    return Report(
        expression=program.text,
        canonical=program.canonical,
        variables=program.names,
        dtype=options.dtype,
        gradients=tuple(found[:first_order]),
        hessian=tuple(found[first_order:]),
        **fields,
    )
