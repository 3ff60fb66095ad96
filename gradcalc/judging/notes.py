"""The sentences of verdicts.

In: what the witnesses say, and where they differ. Out: a note for the reader, without a full stop.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

from gradcalc.base.shortening import shorten
from gradcalc.functions.balls import flint
from gradcalc.limit.convergence import Limit, Trend
from gradcalc.limit.directions import Finding
from gradcalc.limit.slopes import Slope
from gradcalc.program.program import Program
from gradcalc.rounding.sensitivities import Sensitivity


def without_value(source: str | None) -> str:
    """That a function is undefined, for the note of each derivative.

    Args:
        source: The text of the first value that is none, if that is the reason.
    """
    what = "the function has no finite value here"
    if source is not None:
        what = f"`{shortened(source)}` has no finite real value here"
    return f"{what}, so there is no derivative"


def all_the_same(autograd: float | None) -> str:
    """What torch answers where there is no derivative, to be added to a note."""
    return "" if autograd is None else f"; torch answers {autograd:.6g} all the same"


def without_derivative(slope: Slope, autograd: float | None, *, second: bool) -> str:
    """What the limit found on either side of a point where there is no derivative.

    Args:
        slope: What it found.
        autograd: What torch answers there.
        second: Whether it is a second derivative, that is a slope of the gradient.
    """
    left, right = slope.left, slope.right
    silent = [side.trend is Trend.UNDEFINED for side in (left, right)]
    whose, what = ("the gradient", "the slope of the gradient") if second else (
        "the function", "the slope"
    )  # fmt: skip
    sides = f"left {_side(left)}, right {_side(right)}"
    if all(silent) and second:
        note = "the gradient does not exist here, so it has no derivative"
    elif all(silent):
        note = "the function has no real value to either side"
    elif any(silent):
        name, side = ("right", right) if silent[0] else ("left", left)
        if slope.jump:
            return f"the domain ends here, and {whose} jumps" + all_the_same(autograd)
        note = "the domain ends here"
        if side.trend is not Trend.UNSETTLED:
            note += f": only the derivative from the {name} exists, {_side(side)}"
    elif slope.jump:
        note = f"{whose} jumps here"
    elif left.trend is right.trend is Trend.INFINITE:
        note = f"{what} is infinite: {sides}"
    else:
        note = f"{what} has a corner: {sides}"
    return note if autograd is None else f"{note}; torch answers {autograd:.6g}"


def broken(autograd: float, anomaly: tuple[str, float, str] | None) -> str:
    """That torch has no finite value of a derivative, and where that begins.

    Args:
        autograd: What torch answers.
        anomaly: The first nan or infinity: the step's text, what it is, and the pass.
    """
    note = f"the derivative exists, but torch returns {autograd}"
    if anomaly is None:
        return note
    text, value, direction = anomaly
    source = f"`{shortened(text)}`"
    if direction == "forward":
        return f"{note}: {source} is {value} there"
    return f"{note}: the backward pass of {source} makes the first {value}"


def off(distance: Any, exact: Any) -> str:
    """How far off a number of torch's is."""
    note = f"is off by {short(distance)}"
    return note if exact.contains(0) else f"{note} ({_percent(distance / abs(exact))})"


def magnified(sensitivity: Sensitivity, program: Program, autograd: float | None) -> str:
    """How rounding comes to be so large."""
    if sensitivity.approximate:
        return "torch's own formula for a function in it is a series that is no better"
    culprit = sensitivity.culprit
    step = "a step" if culprit is None else f"`{shortened(program.source(culprit))}`"
    if autograd == 0:
        return f"what {step} leaves of the slope is lost in rounding (saturation)"
    if sensitivity.cancels:
        return f"the rounding of {step} is magnified as large terms cancel (cancellation)"
    return f"the steps after {step} magnify its rounding"


def along(finding: Finding) -> str:
    """What the limit and autograd say of the slope along a random direction."""
    return (
        f"along a random direction the limit is {short(finding.slope, 6)}, "
        f"autograd's {short(finding.autograd, 6)}"
    )


def unequal(wrt: tuple[str, ...], value: Any, other: Any) -> str:
    """That two mixed derivatives differ, as those of Schwarz's function do."""
    first, second = wrt
    return (
        f"the mixed derivatives differ: by {first}, then {second}, it is {short(value, 6)}, "
        f"the other way {short(other, 6)} (Schwarz's theorem does not hold here)"
    )


#: Exponents from here on are themselves written to a few digits.
_IMMENSE = 10**15


def short(value: Any, digits: int = 2) -> str:
    """A number to a few digits, which may be far beyond float64."""
    ball = flint.arb(value)
    if not ball.is_finite():
        return str(float(ball))
    # The exponent may be beyond what Decimal takes: that of exp(exp(100)).
    leading, _, exponent = ball.mid().str(digits + 20, radius=False).partition("e")
    rounded = Decimal(leading).normalize(Context(prec=digits))
    if not rounded:
        return "0"
    size = rounded.adjusted() + int(exponent or 0)
    if abs(size) >= _IMMENSE:
        return f"{'-' * (rounded < 0)}10**({short(flint.arb(size))})"
    if -5 <= size < digits:
        return f"{rounded.scaleb(int(exponent or 0)):f}"
    return f"{rounded.scaleb(-rounded.adjusted()):f}e{size:+d}"


def shortened(source: str, most: int = 40) -> str:
    """A piece of the user's text, on one line, and no longer than a note bears."""
    return shorten(" ".join(source.split()), most)


def _side(limit: Limit) -> str:
    value = limit.value
    if limit.trend is Trend.INFINITE:
        return "+infinity" if value > 0 else "-infinity"
    return "none" if value is None else short(value, digits=6)


def _percent(ratio: Any) -> str:
    if ratio > 10:
        return f"{short(ratio)} times the exact value"
    if ratio < 1e-4:
        return f"{short(ratio)} of the exact value"
    return f"{float(ratio) * 100:.2g} %" if ratio < 0.995 else f"{float(ratio) * 100:.0f} %"
