"""Reports made by hand, of every kind that a renderer meets."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.render import FORMATS
from gradcalc.results.report import (
    Blame,
    Derivative,
    Entry,
    GraphNode,
    Report,
    TensorRow,
    ValueCheck,
    Verdict,
    nested,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def agreed(wrt: tuple[str, ...], formula: str | None, value: float | None = None) -> Entry:
    """Return an entry on which all witnesses agree, which is proved."""
    if value is None:
        return Entry(wrt, formula, None, None, None, None, Verdict.UNCHECKED)
    return Entry(wrt, formula, value, value, value, 0.0, Verdict.AGREE, proved=True)


def entry(wrt: str, formula: str | None, value: float | None = None, **changes: Any) -> Derivative:
    """Return the derivative of a scalar on which all witnesses agree, unless changed."""
    names = tuple(wrt.split(","))
    return Derivative(names, (), (agreed(names, formula, value)._replace(**changes),))


def tensor(
    name: str,
    shape: tuple[int, ...],
    changed: Mapping[int, dict[str, Any]] = MappingProxyType({}),
    *,
    output: tuple[int, ...] = (),
    second: bool = False,
) -> Derivative:
    """Return the derivative by a tensor; all agree, but the entries at the given places."""
    entries = []
    sizes = (*output, *shape, *(shape if second else ()))
    for place, index in enumerate(product(*map(range, sizes))):
        of, first, other = (
            str(list(part)).replace(" ", "")
            for part in (
                index[: len(output)],
                index[len(output) : len(output + shape)],
                index[len(output + shape) :],
            )
        )
        wrt = (f"{name}{first}", f"{name}{other}") if second else (f"{name}{first}",)
        plain = agreed(wrt, f"2*{wrt[-1]}", place / 7)
        plain = plain._replace(output=of if output else "", latex=f"2 k_{{{place}}}")
        entries.append(plain._replace(**changed.get(place, {})))
    return Derivative((name,) * (1 + second), sizes, tuple(entries))


def of_tensor(derivative: Derivative, **changes: Any) -> Report:
    """Return a report on one derivative."""
    report = Report("f(x)", gradients=(derivative,), verdict=derivative.verdict)
    return replace(report, **changes)


CORNER = {
    "verdict": Verdict.NONDIFFERENTIABLE,
    "symbolic": None,
    "limit": None,
    "ulps": None,
    "note": "the slope has a corner: left 0, right 1; torch answers 0",
    "proved": False,
}
WRONG = {
    "verdict": Verdict.DISAGREE,
    "blame": Blame.AUTOGRAD,
    "autograd": math.nan,
    "ulps": math.inf,
    "note": "the derivative exists, but torch returns nan",
}
QUIET = {"verdict": Verdict.UNCHECKED, "proved": False}
CHECKED = {"proved": False}
INEXACT = {"verdict": Verdict.ROUNDING, "ulps": 40.0, "note": "the last digits are lost"}

AGREE = Report(
    expression="u^3+v^2+4u*v",
    canonical="u**3 + v**2 + 4*u*v",
    bindings=(("u", 1.0), ("v", 1.1)),
    value=6.61,
    value_check=ValueCheck(6.61, 0.0, Verdict.AGREE),
    verdict=Verdict.AGREE,
    gradients=(
        entry("u", "3*u**2 + 4*v", 7.4, latex="3 u^{2} + 4 v"),
        entry("v", "4*u + 2*v", 6.2, latex="4 u + 2 v"),
    ),
    tensors=(
        TensorRow("u", (), True, True, False, None, 7.4),
        TensorRow("v", (), True, True, False, None, 6.2),
        TensorRow("u^3+v^2+4u*v", (), False, True, False, "AddBackward0", None),
    ),
    graph=(
        GraphNode(0, "AddBackward0", "u^3+v^2+4u*v", (1, 6)),
        GraphNode(1, "AddBackward0", "u^3+v^2", (2, 4)),
        GraphNode(2, "PowBackward0", "u^3", (3,)),
        GraphNode(3, "AccumulateGrad", "u", ()),
        GraphNode(4, "PowBackward0", "v^2", (5,)),
        GraphNode(5, "AccumulateGrad", "v", ()),
        GraphNode(6, "MulBackward0", "4u*v", (7, 5)),
        GraphNode(7, "MulBackward0", "4u", (3,)),
    ),
)
SECOND_ORDER = replace(
    AGREE,
    hessian=(
        entry("u,u", "6*u", 6.0, latex="6 u"),
        entry("u,v", "4", 4.0, latex="4"),
        entry("v,v", "2", 2.0, latex="2"),
    ),
    tensors=(),
    graph=(),
)
DISAGREE = Report(
    expression="sign(x)*w*k",
    canonical="sign(x)*w*k",
    bindings=(("x", 0.1234567890123), ("omega_0", 3.0), ("k", 2.0)),
    constants=("k",),
    value=1.0540925533894598,
    verdict=Verdict.DISAGREE,
    gradients=(
        entry(
            "x",
            "omega_0/(2*sqrt(x))*sin(x)*cos(x)*exp(x)",
            4.269074841227311,
            autograd=4.269074841299377,
            ulps=81141.0,
            verdict=Verdict.DISAGREE,
            blame=Blame.AUTOGRAD,
            note="calculus and the limit agree, so torch's backward of `sqrt` is the odd one out.",
            latex=r"\frac{\omega_{0}}{2 \sqrt{x}}",
        ),
        entry("omega_0", "sqrt(x)", 0.3513641844631533, limit=None, latex=r"\sqrt{x}"),
    ),
)
ROUNDING = Report(
    expression="(1 - cos(x))/x**2",
    bindings=(("x", 1e-6),),
    value=0.5000444502911705,
    verdict=Verdict.ROUNDING,
    gradients=(
        entry(
            "x",
            "sin(x)/x**2 - 2*(1 - cos(x))/x**3",
            -8.333e-08,
            autograd=-88.9,
            ulps=6.71e24,
            verdict=Verdict.ROUNDING,
            note="1 - cos(x) cancels; the error shrinks with the precision.",
        ),
    ),
)
UNCHECKED = Report(
    expression="sin(x)*y",
    variables=("x", "y"),
    verdict=Verdict.UNCHECKED,
    gradients=(entry("x", "y*cos(x)"), entry("y", "sin(x)")),
)
UNDEFINED = Report(
    expression="log(x)",
    bindings=(("x", -1.0),),
    value=math.nan,
    verdict=Verdict.UNDEFINED,
    gradients=(
        entry(
            "x",
            "1/x",
            math.inf,
            autograd=-math.inf,
            limit=None,
            ulps=None,
            verdict=Verdict.UNDEFINED,
        ),
    ),
)
FAILED = Report(
    expression="sqr(x) + 1",
    error=GradcalcError(
        Kind.NAME,
        "unknown function 'sqr'",
        text="sqr(x) + 1",
        span=Span(0, 3),
        hint="did you mean `sqrt`? try `sqrt(x) + 1`",
    ),
    id="a-7",
    source="examples.txt",
    line=3,
)
FLOAT32 = Report(
    expression="x/10",
    bindings=(("x", 1.0),),
    dtype="float32",
    value=0.10000000149011612,
    verdict=Verdict.AGREE,
    gradients=(entry("x", "1/10", 0.10000000149011612, limit=0.1),),
)
VALUE = Report(
    expression="(x + y)/2",
    variables=("x", "y"),
    bindings=(("x", 1e308), ("y", 1.5e308)),
    value=math.inf,
    value_check=ValueCheck(
        1.25e308, math.inf, Verdict.DISAGREE, "torch's value is inf, but the exact one 1.25e+308"
    ),
    verdict=Verdict.DISAGREE,
    gradients=(entry("x", "1/2", 0.5, latex=r"\frac{1}{2}"), entry("y", "1/2", 0.5)),
)
VALUES = Report(
    expression="x**3",
    variables=("x",),
    bindings=(("x", (1e200, 1.0)),),
    value=(math.inf, 1.0),
    value_check=ValueCheck(
        (math.inf, 1.0),
        None,
        Verdict.UNDEFINED,
        "the exact value, 1e+600, is beyond the range of float64",
    ),
    verdict=Verdict.UNDEFINED,
    gradients=(
        tensor(
            "x",
            (2,),
            {
                0: {"verdict": Verdict.UNDEFINED, "ulps": None, "note": "beyond the range"},
                3: CHECKED,
            },
            output=(2,),
        ),
    ),
)
HOSTILE_TEXT = "[bold red]x[/bold red] | `y` \x1b[31m \u202e \x9b2J :smile: [link=http://a]b[/link]"
TENSOR = Report(
    expression="(x**2).mean()",
    canonical="mean(x**2)",
    variables=("x",),
    bindings=(("x", ((1.0, 2.0), (3.0, 4.0))), ("k", 2.0)),
    constants=("k",),
    value=7.5,
    verdict=Verdict.NONDIFFERENTIABLE,
    gradients=(tensor("x", (2, 2), {1: CORNER, 2: CORNER}),),
    hessian=(tensor("x", (2,), second=True),),
    tensors=(
        TensorRow("x", (2, 2), True, True, False, None, ((0.0, 1 / 7), (2 / 7, 3 / 7))),
        TensorRow("k", (), True, False, False, None, None),
        TensorRow("mean(x**2)", (), False, True, False, "MeanBackward0", None),
    ),
)
LONG = Report(
    expression="sum(w*x)",
    bindings=(
        ("x", nested([k / 7 for k in range(60)], (6, 10))),
        ("w", tuple(k / 3 for k in range(13))),
    ),
    value=12.5,
    verdict=Verdict.DISAGREE,
    gradients=(
        tensor("x", (6, 10), {25: WRONG, 31: CORNER} | dict.fromkeys(range(40, 55), INEXACT)),
        tensor("w", (13,)),
        entry("k", "x + 1", 3.0),
    ),
    tensors=tuple(
        TensorRow(f"y{k}", (13,), False, True, True, "MulBackward0", tuple(map(float, range(13))))
        for k in range(40)
    ),
)
JACOBIAN = Report(
    expression="W@x",
    bindings=(("x", (1.0, 2.0)),),
    dtype="float32",
    value=(1.0, 0.10000000149011612, -math.inf),
    verdict=Verdict.DISAGREE,
    gradients=(tensor("x", (2,), {3: WRONG}, output=(3,)), tensor("e", (0, 3))),
)
PROGRAM = Report(
    expression="# two outputs\na = x + w  # the sum\na = a.exp()\nb = w*a; b, a\n",
    canonical="a = x + w; a = exp(a); b = w*a; (b, a)",
    bindings=(("x", 2.0), ("w", (1.0, 1.5)), ("v", 0.5), ("u", 0.25)),
    value=((1.0, 2.0), 3.0),
    verdict=Verdict.AGREE,
    gradients=(entry("x", "exp(x + w)", 1.0), tensor("w", (2,))),
    tensors=(
        TensorRow("x", (), True, True, False, None, 1.0),
        TensorRow("w", (2,), True, True, False, None, (0.0, math.nan)),
        TensorRow("a", (2,), False, True, False, "AddBackward0", None),
        TensorRow("a", (2,), False, True, False, "ExpBackward0", None),
    ),
    graph=(
        GraphNode(0, "MulBackward0", "w*a", (1, 2)),
        GraphNode(1, "AccumulateGrad", "w", ()),
        GraphNode(2, "ExpBackward0", "a.exp()", ()),
        GraphNode(3, "SumBackward0", "a.sum()", (2,)),
        GraphNode(4, "NegBackward0", "-w", (1,)),
    ),
)
HOSTILE = Report(
    expression=HOSTILE_TEXT,
    canonical=f"({HOSTILE_TEXT})",
    bindings=((HOSTILE_TEXT, 1.0),),
    value=1.0,
    verdict=Verdict.AGREE,
    gradients=(entry(HOSTILE_TEXT, HOSTILE_TEXT, 1.0, note=HOSTILE_TEXT),),
    hessian=(entry(f"{HOSTILE_TEXT},y", HOSTILE_TEXT, 1.0),),
    tensors=(TensorRow(HOSTILE_TEXT, (), True, True, False, HOSTILE_TEXT, 1.0),),
    graph=(GraphNode(0, HOSTILE_TEXT, HOSTILE_TEXT, ()),),
    warnings=(HOSTILE_TEXT,),
)
REPORTS = {
    "agree": AGREE,
    "second_order": SECOND_ORDER,
    "disagree": DISAGREE,
    "rounding": ROUNDING,
    "unchecked": UNCHECKED,
    "undefined": UNDEFINED,
    "value": VALUE,
    "values": VALUES,
    "error": FAILED,
    "float32": FLOAT32,
    "hostile": HOSTILE,
    "tensor": TENSOR,
    "long": LONG,
    "jacobian": JACOBIAN,
    "program": PROGRAM,
}


def draw(name: str, report: Report, **options: Any) -> str:
    return FORMATS[name].report(report, **options)
