"""LaTeX: the derivatives as an `align*`, ready to be pasted into lecture notes.

In: a `Report` whose entries hold `latex`. Out: the block, with the point, the value and the
verdicts as comments, so that what is pasted is the mathematics and nothing is lost.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from gradcalc.render.text import (
    claim_sentence,
    gap,
    headline,
    number,
    one_line,
    ulps_text,
    visible,
    visible_lines,
)

if TYPE_CHECKING:
    from gradcalc.report import Entry, Report

_GREEK_NAMES = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon
phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
_GREEK = frozenset(_GREEK_NAMES.split())

#: In text, and so in a name, these have a meaning to LaTeX.
_SPECIAL = re.compile(r"[#$%&_{}~^\\]")
_SPECIAL_NAMES = {"~": r"\sim{}", "^": r"\wedge{}", "\\": r"\backslash{}"}


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report as comments and one `align*`."""
    comments = [f"f = {line}" for line in visible_lines(report.expression)[:1]]
    comments += visible_lines(report.expression)[1:]
    if report.bindings:
        point = (f"{name} = {number(value, report.dtype)}" for name, value in report.bindings)
        comments.append(f"at {visible(', '.join(point))} ({report.dtype})")
    if report.value is not None:
        comments.append(f"value {number(report.value, report.dtype)}")
    if report.verdict is not None:
        comments.append(headline(report))
    if report.error is not None:
        comments.append(f"error: {visible(report.error.message)}")
    comments += [
        f"claim {visible(claim.wrt)} = {visible(claim.claim)}: {claim_sentence(claim)}"
        for claim in report.claims
    ]
    lines = [f"% {comment}" for comment in comments]
    if report.entries:
        lines += [r"\begin{align*}", *_rows(report), r"\end{align*}"]
    return "\n".join(lines) + "\n" + gap(report)


def _rows(report: Report) -> list[str]:
    """One row each, two backslashes between rows; after the last they would add an empty one."""
    breaks = [r" \\"] * (len(report.entries) - 1) + [""]
    return [
        f"  {_row(entry, report.dtype)}{end}  % {_testimony(entry, report.dtype)}"
        for entry, end in zip(report.entries, breaks, strict=True)
    ]


def _row(entry: Entry, dtype: str) -> str:
    right = [] if entry.latex is None else [entry.latex]
    if entry.symbolic is not None:
        right.append(_number(entry.symbolic, dtype))
    return f"{_derivative(entry.wrt)} &= " + (" = ".join(right) or r"\text{?}")


def _testimony(entry: Entry, dtype: str) -> str:
    said = [str(entry.verdict)]
    if entry.autograd is not None:
        said.append(f"autograd {number(entry.autograd, dtype)}")
    if entry.limit is not None:
        said.append(f"limit {number(entry.limit, dtype)}")
    if entry.ulps is not None:
        said.append(f"{ulps_text(entry.ulps)} ulps")
    if entry.note is not None:
        said.append(one_line(entry.note))
    return "; ".join(said)


def _derivative(wrt: tuple[str, ...]) -> str:
    names = [_name(name) for name in wrt]
    if len(names) == 1:
        return rf"\frac{{\partial f}}{{\partial {names[0]}}}"
    if names[0] == names[1]:
        return rf"\frac{{\partial^{{2}} f}}{{\partial {names[0]}^{{2}}}}"
    return rf"\frac{{\partial^{{2}} f}}{{\partial {names[0]} \, \partial {names[1]}}}"


def _name(name: str) -> str:
    r"""Write a variable as sympy does in the formula: Greek letters, and subscripts after `_`.

    >>> _name("omega_0"), _name("lambda"), _name("x12"), _name("learning_rate")
    ('\\omega_{0}', '\\lambda', 'x_{12}', 'learning_{rate}')
    """
    base, *below = visible(name).split("_")
    letters = base.rstrip("0123456789")
    if letters != base:
        below.insert(0, base[len(letters) :])
    subscript = " ".join(_letters(part) for part in below if part)
    if not letters + subscript:
        return _letters(name)
    return _letters(letters) + (f"_{{{subscript}}}" if subscript else "")


def _letters(text: str) -> str:
    if text in _GREEK:
        return f"\\{text}"
    return _SPECIAL.sub(lambda match: _SPECIAL_NAMES.get(match[0], f"\\{match[0]}"), text)


def _number(value: float, dtype: str) -> str:
    if math.isnan(value):
        return r"\mathrm{nan}"
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    mantissa, _, exponent = number(value, dtype).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa
