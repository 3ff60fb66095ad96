"""LaTeX: the derivatives as an `align*`, ready to be pasted into lecture notes.

In: a `Report` whose entries hold `latex`. Out: the block, with the point, the value and the
verdicts as comments, so that what is pasted is the mathematics. Of a long tensor the first and the
last entries are given, and those that do not agree.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcalc.base.names import in_latex
from gradcalc.render.tensors import LeftOut, binding_shapes, shown, written
from gradcalc.render.text import (
    claim_sentence,
    distance_text,
    gap,
    headline,
    number,
    one_line,
    remark,
    statements,
    value_finding,
    value_sentence,
    visible_lines,
)
from gradcalc.render.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcalc.results.report import Entry, Nested, Report

#: Columns that nested numbers may take in a comment.
_ROOM = 80


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report as comments and one `align*`."""
    derivatives = [*report.gradients, *report.hessian]
    comments = [
        *_facts(report),
        *([] if report.left_out is None else [report.left_out]),
        *(
            f"claim {visible(claim.wrt)} = {visible(claim.claim)}: {claim_sentence(claim)}"
            for claim in report.claims
        ),
        *(
            f"{visible(', '.join(derivative.wrt))}: no entries, shape {derivative.shape}"
            for derivative in derivatives
            if not derivative.entries
        ),
    ]
    lines = [f"% {comment}" for comment in comments]
    if rows := shown(derivatives, whole=False):
        lines += [r"\begin{align*}", *_rows(rows, report.dtype), r"\end{align*}"]
    return "\n".join(lines) + "\n" + gap(report)


def _facts(report: Report) -> list[str]:
    """Return the program, the point, the value and the verdict; or the error."""
    lines = visible_lines(report.expression)
    # A program has names of its own before its equals signs.
    program = len(statements(report)) > 1
    facts = ["f:", *lines] if program else [f"f = {lines[0]}", *lines[1:]]
    if report.bindings:
        facts.append(f"at {visible(', '.join(_point(report)))} ({report.dtype})")
    if report.value is not None:
        facts.append(f"value {_numbers(report.value, report.dtype)}")
    check = value_finding(report)
    if check is not None:
        exact = "" if check.exact is None else f" {_numbers(check.exact, report.dtype)}"
        facts.append(f"exact value{exact}: {one_line(value_sentence(check))}")
    if report.verdict is not None:
        facts.append(headline(report))
    if report.error is not None:
        facts.append(f"error: {visible(report.error.message)}")
    return facts


def _point(report: Report) -> list[str]:
    """Return what each variable is bound to, tensors with their shapes."""
    shapes = binding_shapes(report)
    return [
        f"{name} = {_numbers(value, report.dtype, shapes.get(name))}"
        for name, value in report.bindings
    ]


def _numbers(value: Nested, dtype: str, shape: tuple[int, ...] | None = None) -> str:
    numbers = written(value, dtype, _ROOM)
    remarks = [f"of shape {shape}" if shape else "", numbers.remark and f"({numbers.remark})"]
    # Comments are in ASCII, whatever encoding the document is in.
    text = one_line(numbers.text).replace("…", "...")
    return " ".join(filter(None, [text, *remarks]))


def _rows(rows: Sequence[Entry | LeftOut], dtype: str) -> list[str]:
    """One row each, two backslashes between rows; after the last they would add an empty one."""
    breaks = [r" \\"] * (len(rows) - 1) + [""]
    return [
        rf"  &\hspace{{0.5em}}\vdots{end}  % {row}"
        if isinstance(row, LeftOut)
        else f"  {_row(row, dtype)}{end}  % {_testimony(row, dtype)}"
        for row, end in zip(rows, breaks, strict=True)
    ]


def _row(entry: Entry, dtype: str) -> str:
    right = [] if entry.latex is None else [entry.latex]
    if entry.symbolic is not None and (value := _number(entry.symbolic, dtype)) not in right:
        right.append(value)
    return f"{_derivative(entry.wrt, entry.output)} &= " + (" = ".join(right) or r"\text{?}")


def _testimony(entry: Entry, dtype: str) -> str:
    said = [str(entry.verdict)]
    if entry.autograd is not None:
        said.append(f"autograd {number(entry.autograd, dtype)}")
    if entry.limit is not None:
        said.append(f"limit {number(entry.limit, dtype)}")
    if entry.ulps is not None:
        said.append(distance_text(entry))
    said.append(one_line(remark(entry)))
    return "; ".join(filter(None, said))


def _derivative(wrt: tuple[str, ...], output: str) -> str:
    f = f"f_{{{visible(output).strip('[]')}}}" if output else "f"
    names = [in_latex(visible(name)) for name in wrt]
    if len(names) == 1:
        return rf"\frac{{\partial {f}}}{{\partial {names[0]}}}"
    if names[0] == names[1]:
        return rf"\frac{{\partial^{{2}} {f}}}{{\partial {names[0]}^{{2}}}}"
    return rf"\frac{{\partial^{{2}} {f}}}{{\partial {names[0]} \, \partial {names[1]}}}"


def _number(value: float, dtype: str) -> str:
    if math.isnan(value):
        return r"\mathrm{nan}"
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    mantissa, _, exponent = number(value, dtype).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa
