"""Derivatives by hand.

In: a program and formulas that somebody derived for its partial derivatives. Out: a `Claim` each:
right for all values, by sympy's proof or at many random points; or wrong, with a point that shows
it and the slip that explains it (see `slips`).

At a point a claim is held against the derivative that the exact engine has there: it is right if
the balls of the two, some 240 bits narrow, overlap, and wrong if they do not, or if the claim
certainly has no value.

Literals are exact decimals here: 0.3*x**2 is the derivative of 0.1*x**3, whatever torch makes of
0.1.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from gradcalc.base import limits
from gradcalc.base.deadline import TimeUp, time_limit
from gradcalc.base.dtypes import EXACT, FLOAT64
from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.base.names import normal
from gradcalc.calculus.by_sympy import derivative, expressed, unfolded
from gradcalc.exact.point import at_point
from gradcalc.exact.policies import Lack
from gradcalc.exact.values import results_at
from gradcalc.functions import TABLE, sympy
from gradcalc.judging.slips import Derived, diagnosis
from gradcalc.language.parser import parse
from gradcalc.program.program import Program
from gradcalc.program.sizes import too_large
from gradcalc.results.report import Claim, Counterexample

#: Points at which a claim that cannot be proved is tried, and tries at finding one. The first ones
#: have short numbers, since they may be shown.
POINTS = 60
TRIES = 20
SHORT_POINTS = 20

#: Constants beyond that, or beyond one over it, tell no size of a coordinate.
_FAR = 1e12

#: Seconds for one way of proving.
PROOF_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim as it was made: the variable's name, the formula, and the text both stand in."""

    wrt: str
    program: Program
    text: str

    def unsettled(self, why: str | None = None) -> Claim:
        """The claim, neither proved nor refuted."""
        return Claim(self.wrt, self.program.canonical, None, None, None, why)


def parse_claims(texts: Iterable[str], program: Program) -> tuple[Claimed, ...]:
    """Parse the texts of `--claim`: each "u=3*u**2 + 4*v".

    Raises:
        GradcalcError: With the place in the claim's text.
    """
    claims: dict[str, Claimed] = {}
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
        if wrt in claims:
            raise GradcalcError(
                Kind.USAGE, f"there are two claims for `{wrt}`", text=text, span=Span(0, len(name))
            )
        claims[wrt] = Claimed(wrt, _formula(text, len(name) + 1, program), text)
    return tuple(claims.values())


def _formula(text: str, start: int, program: Program) -> Program:
    try:
        claimed = parse(text[start:], variables=program.names)
    except GradcalcError as error:
        raise error.within(text, start) from None
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
    judged = []
    for claimed in claims:
        try:
            with time_limit(timeout):
                judged.append(_judged(program, claimed, at))
        except TimeUp:
            judged.append(claimed.unsettled(f"no answer within {timeout:g} seconds"))
    return tuple(judged)


def _judged(program: Program, claimed: Claimed, at: Mapping[str, float] | None) -> Claim:
    axis = program.names.index(claimed.wrt)
    places = list(map(program.names.index, claimed.program.names))
    tried = 0
    for point, exact in _points(program, axis, at, _sizes(program, claimed.program)):
        if exact is None:
            continue  # there is no derivative to be wrong about
        (shown,) = results_at(claimed.program, [point[place] for place in places], EXACT)
        if type(shown) is Lack and not shown.certain:
            continue
        lacks = type(shown) is Lack or not shown.is_finite()
        if lacks or not exact.overlaps(shown):
            example = Counterexample(
                tuple(zip(program.names, point, strict=True)),
                None if lacks else FLOAT64.nearest(shown),
                FLOAT64.nearest(exact),
            )
            slip = _slip(program, claimed)
            return replace(claimed.unsettled(slip), correct=False, counterexample=example)
        tried += 1
    if not tried:
        return claimed.unsettled("the function has no derivative at any point tried")
    if _is_proved(program, claimed):
        return replace(claimed.unsettled(), correct=True, proof="symbolic")
    if tried < POINTS // 2:
        return claimed.unsettled("too few points were found where it could be tried")
    return replace(claimed.unsettled(), correct=True, proof="numeric")


# --- Points ---------------------------------------------------------------------------------------


def _points(
    program: Program, axis: int, at: Mapping[str, float] | None = None, sizes: Sequence[float] = ()
) -> Iterator[tuple[Sequence[float], Any]]:
    """The given point and random ones at which the function is defined; the same on each run.

    Args:
        program: The function.
        axis: The number of the variable of differentiation.
        at: The given point.
        sizes: What some of the coordinates are near to, of either sign.

    Returns:
        Each point, with the ball of the derivative there; None if there is none, or it is not
        known.
    """
    source = random.Random(0)  # noqa: S311 - no secret
    given = [] if at is None else [[at[name] for name in program.names]]
    random_points = (
        [_coordinate(source, number, sizes) for _ in program.names]
        for number in range(TRIES * POINTS)
    )
    looks = (
        (point, at_point(program, point, [(axis,)], EXACT)) for point in chain(given, random_points)
    )
    defined = ((point, look.derivatives[0]) for point, look in looks if look.value is not None)
    yield from islice(defined, len(given) + POINTS)


def _coordinate(source: random.Random, number: int, sizes: Sequence[float]) -> float:
    """A number of either sign and a size from a tenth to ten, more often near 1; or near a size.

    The first ones are short; the later ones are not, lest a claim be right at short numbers alone.
    """
    size = 10 ** source.uniform(-1, 1) if source.random() < 0.5 else source.uniform(0, 2)
    if sizes and source.random() < 0.4:
        size = source.choice(sizes) * source.uniform(0, 4)
    size = (round(4 * size) or 1) / 4 if number < SHORT_POINTS else size
    return size * source.choice((1, 1, -1))


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


# --- Sympy: what explains a claim that is wrong, what proves one that is right --------------------


def _slip(program: Program, claimed: Claimed) -> str | None:
    # sympy raises anything, a KeyError from Piecewise for one; then nothing explains it.
    with contextlib.suppress(TimeUp, Exception):
        derived, claim = _expressed(program, claimed)
        points = (point for point, _ in _points(program, program.names.index(claimed.wrt)))
        return diagnosis(derived, claim, points)
    return None


def _is_proved(program: Program, claimed: Claimed) -> bool:
    with contextlib.suppress(TimeUp, Exception):
        derived, claim = _expressed(program, claimed)
        return _is_zero(derived.right - claim)
    return False


def _expressed(program: Program, claimed: Claimed) -> tuple[Derived, Any]:
    """The function with its derivative, and the claim, to sympy."""
    symbols = {name: sympy.Symbol(name, real=True) for name in program.names}
    function = expressed(program, list(symbols.values()), EXACT)
    right = derivative(function, symbols[claimed.wrt])
    claim = expressed(claimed.program, [symbols[name] for name in claimed.program.names], EXACT)
    return Derived(program, symbols, function, claimed.wrt, right), claim


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
