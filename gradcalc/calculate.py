"""From a question to its answer: text, bindings and options to a `Report`.

This is the one place where the witnesses meet; each is asked on its own and none sees another's answer. `grad` is
the Python interface, the command line and `batch` use `calculate`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gradcalc import autodiff, compare, conditioning, precise
from gradcalc.dtypes import DTYPES, Dtype
from gradcalc.errors import GradcalcError, Kind
from gradcalc.functions import mp
from gradcalc.parser import CONSTANTS, Binding, bind, parse, parse_bindings
from gradcalc.report import Entry, Report, Verdict
from gradcalc.symbolic import Calculus

if TYPE_CHECKING:
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
    """

    wrt: tuple[str, ...] | None = None
    second_order: bool = False
    dtype: str = "float64"
    latex: bool = False
    thorough: bool = True


def grad(
    expression: str,
    at: Mapping[str, float | str] | None = None,
    *,
    wrt: Sequence[str] | None = None,
    second_order: bool = False,
    dtype: str = "float64",
) -> Report:
    """Differentiate an expression by calculus and by autograd, and compare.

    Args:
        expression: In gradcalc's language, such as "u**3 + v**2 + 4*u*v".
        at: The value of each variable, a number or a constant expression; without it, formulas only.
        wrt: The variables to differentiate with respect to; all, if not given.
        second_order: Whether to give the Hessian too.
        dtype: "float64" or "float32".

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
    options = Options(None if wrt is None else tuple(wrt), second_order, dtype)
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
    entries = [(axis,) for axis in axes]
    if options.second_order:
        entries += [(first, second) for k, first in enumerate(axes) for second in axes[k:]]
    warnings = tuple(
        f"`{name}` is bound, so it is a variable here and not the constant {CONSTANTS[name]}"
        for name in program.names
        if name in CONSTANTS
    )
    if not bindings:
        found = _formulas(program, entries, dtype, options)
        return _report(program, options, found, len(axes), verdict=Verdict.UNCHECKED, warnings=warnings)
    return _checked(program, bind(program, bindings), axes, entries, dtype, options, warnings)


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
                hint=f"differentiate with respect to {' or '.join(program.names) or 'a variable in it'}",
            )
        if program.names.index(name) not in axes:
            axes.append(program.names.index(name))
    return axes


def _formulas(
    program: Program, entries: Sequence[tuple[int, ...]], dtype: Dtype, options: Options
) -> list[Entry]:
    """Formulas alone, without a point."""
    calculus = Calculus(program, entries, dtype)
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
    warnings: tuple[str, ...],
) -> Report:
    """Formulas and values at a point, compared."""
    inputs = [_value(bindings[name], dtype) for name in program.names]
    testimony = autodiff.testify(
        program,
        inputs,
        [number in axes for number in range(len(inputs))],
        options.dtype,
        second_order=options.second_order,
    )
    # torch answers in the program's order, the entries stand in the order of `wrt`.
    order = sorted(axes)
    by_torch: dict[tuple[int, ...], float | None] = {
        (axis,): value for axis, value in zip(order, testimony.gradient, strict=True)
    }
    pairs = [(a, b) for k, a in enumerate(order) for b in order[k:]]
    by_torch.update(zip(pairs, testimony.hessian, strict=False))
    calculus = Calculus(program, entries, dtype)
    exact = [Fraction(value) for value in inputs]
    trouble = _trouble(program, exact, dtype)
    symbolic = [None] * len(entries) if trouble else calculus.values(exact)
    found = []
    for position, entry in enumerate(entries):
        evidence = compare.Evidence(
            wrt=_names(program, entry),
            formula=calculus.text(position),
            latex=calculus.latex(position) if options.latex else None,
            symbolic=symbolic[position],
            autograd=by_torch[tuple(sorted(entry))],
            slope=None if trouble else _slope(program, exact, entry, dtype),
            conditioning=functools.partial(conditioning.measure, program, exact, entry, dtype),
        )
        found.append(
            compare.undefined(evidence, trouble, dtype)
            if trouble
            else compare.judge(evidence, program, dtype)
        )
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
        warnings=warnings,
    )


def _slope(program: Program, inputs: Sequence[Fraction], axes: tuple[int, ...], dtype: Dtype) -> Any:
    """The limit's finding, or None where the numbers are too large for it."""
    try:
        return precise.slope(program, inputs, axes, dtype)
    except precise.TooLarge:
        return None


def _value(binding: Binding, dtype: Dtype) -> float:
    """A binding's value as torch sees it."""
    literal = binding.program.constants[0].value if not binding.program.steps else None
    value = (
        dtype.round(Fraction(float(literal)))
        if literal is not None
        else precise.constant_value(binding.program, dtype)
    )
    if value != value or abs(value) == float("inf"):
        raise GradcalcError(
            Kind.BINDING,
            f"the value of `{binding.name}` is {value}, where no derivative exists",
            text=binding.text,
            span=binding.span,
            hint="bind a finite number",
        )
    return value


def _trouble(program: Program, inputs: Sequence[Fraction], dtype: Dtype) -> str | None:
    """Why the function has no finite real value at the point, or None if it has one."""
    try:
        with mp.workprec(400):
            point = [mp.mpf(value.numerator) / value.denominator for value in inputs]
            value = precise.values(program, point, dtype)[program.output]
    except precise.TooLarge:
        return None
    if isinstance(value, precise.Undefined):
        return f"`{program.source(value.number)}` has no finite real value here, so there is no derivative"
    if not isinstance(value, bool) and not mp.isfinite(value):
        return "the value is not finite, so there is no derivative"
    return None


def _names(program: Program, axes: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(program.names[axis] for axis in axes)


def _report(
    program: Program, options: Options, found: Sequence[Entry], first_order: int, **fields: Any
) -> Report:
    return Report(
        expression=program.text,
        canonical=program.canonical,
        dtype=options.dtype,
        gradients=tuple(found[:first_order]),
        hessian=tuple(found[first_order:]),
        **fields,
    )
