"""The front door: text, bindings and options to a `Report`.

`grad` is the Python interface; the command line uses `calculate`, and `batch`, which takes each
step for many, a `Question`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from gradcalc.ask.isolation import alone, one_thread
from gradcalc.ask.question import Question
from gradcalc.base import limits
from gradcalc.base.deadline import TimeUp, time_limit
from gradcalc.base.errors import GradcalcError, Kind, too_little_memory
from gradcalc.base.options import OPTIONS, Options, in_python, options_in, read_values, reword
from gradcalc.base.stages import finished
from gradcalc.language.bindings import Binding, parse_bindings

if TYPE_CHECKING:
    from gradcalc.results.report import Report


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
        GradcalcError: For what cannot be understood or calculated; for too little memory too. What
            else a value of yours raises when it is read is raised, as is a KeyboardInterrupt.

    Example:
        >>> from gradcalc import grad
        >>> report = grad("u**3 + v**2 + 4*u*v", {"u": 1, "v": 1.1})
        >>> report.verdict.value
        'agree'
        >>> [(entry.wrt, entry.formula, entry.autograd) for entry in report.gradients]
        [(('u',), '3*u**2 + 4*v', 7.4), (('v',), '4*u + 2*v', 6.2)]
    """
    try:
        given = inspect.signature(grad).bind(expression, at, **options)
    except TypeError as problem:
        raise TypeError(f"grad() {problem}") from None
    given.apply_defaults()
    if not isinstance(expression, str):
        raise GradcalcError(
            Kind.USAGE,
            f"the expression must be a text, not {type(expression).__name__}",
            hint='write it in quotes, as in grad("x**2", {"x": 3})',
        )

    def ask() -> Report:
        asked = Options(**read_values(given.arguments), from_python=True)
        values = OPTIONS["at"].from_python({} if at is None else at)
        bindings = parse_bindings(values, files=asked.files)
        return calculate(str(expression), bindings, asked)

    try:
        return alone(ask)
    except MemoryError:
        raise too_little_memory() from None
    except GradcalcError as error:
        reword(error, in_python)
        raise


def calculate(expression: str, bindings: Iterable[Binding], options: Options) -> Report:
    """Answer one question.

    Raises:
        GradcalcError: For what cannot be understood or calculated.
    """
    question = Question(expression, bindings, options)
    limit = None if options.timeout is None else options.timeout + limits.GRACE
    # Within it judging has its own; but a large tensor takes long before it gets there.
    with suppress(TimeUp), one_thread() if question.inputs else nullcontext(), time_limit(limit):
        return finished(question.answer())
    return question.given_up()
