"""The judge of derivatives by hand.

In: a program and formulas that somebody derived for its partial derivatives. Out: a `Claim` each:
right for all values, by proof or at many random points; or wrong, with a point that shows it and
the slip that explains it.

Literals are exact decimals here: 0.3*x**2 is the derivative of 0.1*x**3, whatever torch makes of
0.1.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from gradcalc.base import limits
from gradcalc.base.deadline import TimeUp, time_limit
from gradcalc.base.dtypes import EXACT, FLOAT64
from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.base.names import normal
from gradcalc.calculus.by_sympy import derivative, evaluator, expressed, unfolded
from gradcalc.calculus.symbolic import formula_text
from gradcalc.exact.convergence import close
from gradcalc.exact.precise import TooLarge, Undefined, values
from gradcalc.exact.surveys import survey
from gradcalc.functions import TABLE, mp, sympy
from gradcalc.language.parser import parse
from gradcalc.program.program import Program
from gradcalc.program.sizes import too_large
from gradcalc.results.report import Claim, Counterexample

#: Points at which a claim that cannot be proved is tried, points that a diagnosis must hold at, and
#: tries at finding one.
POINTS = 60
DIAGNOSIS_POINTS = 6
TRIES = 20
SHORT_POINTS = 20

#: Constants beyond that, or beyond one over it, tell no size of a coordinate.
_FAR = 1e12

#: Two values are equal if they agree to so many bits; random points of a wrong claim never do.
EQUAL_BITS = 100
_PRECISION = 2000

#: Seconds for one way of proving.
PROOF_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim as it was made: the variable's name, the formula, and the text both stand in."""

    wrt: str
    program: Program
    text: str


def parse_claims(texts: Iterable[str], program: Program) -> tuple[Claimed, ...]:
    """Parse the texts of `--claim`: each "u=3*u**2 + 4*v".

    Raises:
        GradcalcError: With the place in the claim's text.
    """
    found: dict[str, Claimed] = {}
    for text in texts:
        name, sign, formula = text.partition("=")
        wrt = normal(name.strip())
        span = Span(0, len(text))
        if not sign or not formula.strip():
            raise GradcalcError(
                Kind.USAGE, "a claim is NAME=FORMULA", text=text, span=span, hint="write u='3*u**2'"
            )
        if wrt not in program.names:
            hint = f"claim the derivative by {' or '.join(program.names) or 'a variable in it'}"
            raise GradcalcError(
                Kind.NAME, f"`{wrt}` does not occur in the expression", text=text,
                span=Span(0, len(name)), hint=hint,
            )  # fmt: skip
        if wrt in found:
            raise GradcalcError(
                Kind.USAGE, f"there are two claims for `{wrt}`", text=text, span=Span(0, len(name))
            )
        found[wrt] = Claimed(wrt, _formula(text, len(name) + 1, program), text)
    return tuple(found.values())


def _formula(text: str, start: int, program: Program) -> Program:
    try:
        claimed = parse(text[start:], known=program.names)
    except GradcalcError as error:
        span = error.span and Span(error.span.start + start, error.span.stop + start)
        raise GradcalcError(
            error.kind, error.message, text=text, span=span, hint=error.hint
        ) from None
    for variable in claimed.inputs:
        if variable.name not in program.names:
            raise GradcalcError(
                Kind.NAME,
                f"`{variable.name}` does not occur in the expression, nor in its derivative",
                text=text,
                span=Span(variable.span.start + start, variable.span.stop + start),
            )
    return claimed


def judge_claims(
    program: Program,
    claims: Sequence[Claimed],
    at: Mapping[str, float] | None,
    timeout: float | None,
) -> tuple[Claim, ...]:
    """Judge claims about a program's derivatives.

    Args:
        program: The function.
        claims: What is claimed.
        at: A point to try first; None for none.
        timeout: Seconds for each claim.
    """
    if any(map(too_large, (program, *(claimed.program for claimed in claims)))):
        raise GradcalcError(
            Kind.LIMIT,
            f"claims are judged for expressions of up to {limits.FORMULA_STEPS} operations",
        )
    symbols = [sympy.Symbol(name, real=True) for name in program.names]
    by_name = dict(zip(program.names, symbols, strict=True))
    judged = []
    for claimed in claims:
        try:
            with time_limit(timeout):
                function = expressed(program, symbols, EXACT)
                judged.append(_judge(program, symbols, by_name, function, claimed, at))
        except TimeUp:
            judged.append(_claim(claimed, diagnosis=f"no answer within {timeout:g} seconds"))
        except Exception:  # noqa: BLE001 - sympy raises anything, a KeyError from Piecewise for one
            judged.append(_claim(claimed, diagnosis="sympy cannot differentiate this"))
    return tuple(judged)


def _claim(
    claimed: Claimed,
    *,
    correct: bool | None = None,
    proof: str | None = None,
    counterexample: Counterexample | None = None,
    diagnosis: str | None = None,
) -> Claim:
    text = claimed.program.canonical
    return Claim(claimed.wrt, text, correct, proof, counterexample, diagnosis)


def _judge(
    program: Program,
    symbols: Sequence[Any],
    by_name: Mapping[str, Any],
    function: Any,
    claimed: Claimed,
    at: Mapping[str, float] | None,
) -> Claim:
    right = derivative(function, by_name[claimed.wrt])
    claim = expressed(claimed.program, [by_name[name] for name in claimed.program.names], EXACT)
    both = evaluator(symbols, [right, claim])
    points: list[tuple[Any, ...]] = []
    with mp.workprec(_PRECISION):
        sizes = _sizes(program, claimed.program)
        axis = program.names.index(claimed.wrt)
        for number, point in enumerate(_points(program, at, sizes)):
            exact, shown = both(*point)
            if exact is None or (number < SHORT_POINTS and _on_kink(program, point, axis)):
                continue
            if shown is None or not _equal(exact, shown):
                diagnosis = _diagnosis(
                    program, symbols, by_name, function, claimed.wrt, right, claim
                )
                example = Counterexample(
                    tuple(
                        (name, float(value))
                        for name, value in zip(program.names, point, strict=True)
                    ),
                    None if shown is None else FLOAT64.nearest(shown),
                    FLOAT64.nearest(exact),
                )
                return _claim(claimed, correct=False, counterexample=example, diagnosis=diagnosis)
            points.append(point)
    if not points:
        return _claim(claimed, diagnosis="the function has no real value at any point tried")
    if _is_zero(right - claim):
        return _claim(claimed, correct=True, proof="symbolic")
    if len(points) < POINTS // 2:
        return _claim(claimed, diagnosis="too few points were found where it could be tried")
    return _claim(claimed, correct=True, proof="numeric")


def _equal(value: Any, other: Any) -> bool:
    # Below any number that can be written, there is but noise.
    return close(value, other, EQUAL_BITS) or abs(value - other) < mp.ldexp(1, 300 - _PRECISION)


# --- Points ---------------------------------------------------------------------------------------


def _points(
    program: Program, at: Mapping[str, float] | None, sizes: Sequence[float] = ()
) -> Iterator[tuple[Any, ...]]:
    """The given point and random ones at which the function is defined; the same on each run.

    Args:
        program: The function.
        at: The given point.
        sizes: What some of the coordinates are near to, of either sign.
    """
    if at is not None:
        yield tuple(mp.mpf(at[name]) for name in program.names)
    source = random.Random(0)  # noqa: S311 - no secret
    found = 0
    for number in range(TRIES * POINTS):
        point = tuple(_coordinate(source, number, sizes) for _ in program.names)
        if not _defined(program, point):
            continue
        yield point
        found += 1
        if found == POINTS:
            return


def _coordinate(source: random.Random, number: int, sizes: Sequence[float]) -> Any:
    """A number of either sign and a size from a tenth to ten, more often near 1; or near a size.

    The first ones are short, since they may be shown; the later ones are not, lest a claim be right
    at short numbers alone.
    """
    size = 10 ** source.uniform(-1, 1) if source.random() < 0.5 else source.uniform(0, 2)
    if sizes and source.random() < 0.4:
        size = source.choice(sizes) * source.uniform(0, 4)
    size = (round(4 * size) or 1) / 4 if number < SHORT_POINTS else size
    return mp.mpf(size * source.choice((1, 1, -1)))


def _sizes(*programs: Program) -> Sequence[float]:
    """Those of the constants where functions change over: x > 100 is for a size of 100 to tell."""
    constants = [
        abs(float(constant.value))
        for program in programs
        if any(TABLE[step.function].margin for step in program.steps)
        for constant in program.constants
        if constant.value
    ]
    return sorted({size for size in constants if 1 / _FAR < size < _FAR})


def _on_kink(program: Program, point: Sequence[Any], axis: int) -> bool:
    """Whether there may be no derivative at a point, so that no claim is wrong there."""
    exact = [Fraction(*mp.libmp.to_rational(number._mpf_)) for number in point]
    return survey(program, exact, EXACT).is_near_kink((axis,))


def _defined(program: Program, point: Sequence[Any]) -> bool:
    try:
        found = values(program, point, EXACT)[program.output]
    except TooLarge:
        return False
    return not isinstance(found, Undefined)


# --- Proof ----------------------------------------------------------------------------------------


def _is_zero(difference: Any) -> bool:
    """Whether sympy shows that an expression is 0."""
    if difference == 0:
        return True
    ways: list[Callable[[Any], Any]] = [
        sympy.expand,
        lambda e: sympy.powsimp(sympy.expand(unfolded(e))),
        lambda e: sympy.cancel(sympy.together(unfolded(e))),
        lambda e: sympy.expand(sympy.expand_trig(unfolded(e)).rewrite(sympy.exp)),
        lambda e: sympy.simplify(unfolded(e)),
    ]
    for way in ways:
        # Whatever goes wrong in sympy, this way has proved nothing.
        with contextlib.suppress(TimeUp, Exception), time_limit(PROOF_SECONDS):
            if way(difference) == 0:
                return True
    return False


# --- Diagnosis ------------------------------------------------------------------------------------


def _diagnosis(
    program: Program,
    symbols: Sequence[Any],
    by_name: Mapping[str, Any],
    function: Any,
    wrt: str,
    right: Any,
    claim: Any,
) -> str | None:
    """The simple slip that turns the right derivative into the claim, if there is one."""
    terms = list(sympy.Add.make_args(sympy.expand(right)))
    own_terms = list(sympy.Add.make_args(sympy.expand(claim)))
    # A variable is a factor that gets lost too, as in 2*cos(x**2).
    inner = [*_inner_derivatives(program, symbols, by_name[wrt]), *symbols]
    others = {name: derivative(function, symbol) for name, symbol in by_name.items() if name != wrt}
    formulas = [right, claim, function, *terms, *own_terms, *inner, *others.values()]
    evaluate = evaluator(symbols, formulas)
    rows: list[list[Any]] = []
    for point in _points(program, None):
        found = evaluate(*point)
        if None not in found:
            rows.append(found)
        if len(rows) == DIAGNOSIS_POINTS:
            break
    if len(rows) < DIAGNOSIS_POINTS:
        return None
    columns = [list(column) for column in zip(*rows, strict=True)]
    take = iter(columns)
    exact, shown, whole = next(take), next(take), next(take)
    term_values = [next(take) for _ in terms]
    own_values = [next(take) for _ in own_terms]
    inner_values = [next(take) for _ in inner]
    other_values = [next(take) for _ in others]

    def same(left: Iterable[Any], other: Iterable[Any]) -> bool:
        return all(_equal(a, b) for a, b in zip(left, other, strict=True))

    if same(shown, exact):
        return None  # what is wrong with it shows at other points only
    if same(shown, [-value for value in exact]):
        return "the sign is wrong"
    for inside, found in zip(inner, inner_values, strict=True):
        if same(exact, [a * b for a, b in zip(shown, found, strict=True)]):
            return f"the factor {formula_text(inside)} is missing{_chain(inside, symbols)}"
        if same(shown, [a * b for a, b in zip(exact, found, strict=True)]):
            return f"the factor {formula_text(inside)} is one too many"
    for name, found in zip(others, other_values, strict=True):
        if same(shown, found):
            return f"this is the derivative with respect to {name}"
    if same(shown, whole):
        return "this is the function itself, not its derivative"
    ratio = _constant_ratio(shown, exact)
    if ratio is not None:
        return f"it is {ratio} times the derivative"
    gap = [a - b for a, b in zip(exact, shown, strict=True)]
    if len(terms) > 1:
        for term, found in zip(terms, term_values, strict=True):
            if same(gap, found):
                return f"the term {formula_text(term)} is missing"
            if same(gap, [2 * value for value in found]):
                return f"the term {formula_text(term)} has the wrong sign"
    for term, found in zip(own_terms, own_values, strict=True):
        if len(own_terms) > 1 and same([-value for value in gap], found):
            return f"the term {formula_text(term)} is one too many"
    for term, found in zip(terms, term_values, strict=True):
        for inside, factor in zip(inner, inner_values, strict=True):
            # The claim has term/inside where the derivative has term.
            lost = [a - a / b if b else a for a, b in zip(found, factor, strict=True)]
            if len(terms) > 1 and same(gap, lost):
                factor_text = f"{formula_text(inside)} is missing{_chain(inside, symbols)}"
                return f"in the term {formula_text(term)} the factor {factor_text}"
    for term, found in zip(terms, term_values, strict=True):
        ratio = _constant_ratio([a - b for a, b in zip(found, gap, strict=True)], found)
        if len(terms) > 1 and ratio is not None:
            return f"the term {formula_text(term)} is off by a factor of {ratio}"
    return None


def _chain(factor: Any, symbols: Sequence[Any]) -> str:
    return "" if factor in symbols else " (chain rule)"


def _inner_derivatives(program: Program, symbols: Sequence[Any], symbol: Any) -> list[Any]:
    """The intermediate values' derivatives: the factors that the chain rule wants."""
    found: dict[Any, None] = {}
    for number in range(program.first_step, program.first_step + len(program.steps)):
        if number == program.output:
            continue
        part = replace(program, outputs=(number,))
        inside = derivative(expressed(part, symbols, EXACT), symbol)
        if inside not in (0, 1):
            found[inside] = None
    return list(found)


def _constant_ratio(values: Sequence[Any], others: Sequence[Any]) -> str | None:
    """The simple number that `others` times it is `values`, as text; None if there is none."""
    if not all(others) or not any(values):
        return None
    ratios = [a / b for a, b in zip(values, others, strict=True)]
    if not all(_equal(ratio, ratios[0]) for ratio in ratios[1:]):
        return None
    simple = Fraction(float(ratios[0])).limit_denominator(1000)
    if simple and close(mp.mpf(simple.numerator) / simple.denominator, ratios[0], 45):
        return str(simple)
    return str(mp.nstr(ratios[0], 6))
