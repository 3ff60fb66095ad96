"""The renderers, on reports made by hand: nothing is computed here."""

from __future__ import annotations

import csv
import inspect
import io
import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from itertools import product
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.render import FORMATS, error_text, formats, warning_text
from gradcalc.render.functions import FunctionPage, function_page, functions_table
from gradcalc.render.tensors import LeftOut, numbers_text, shape_of, shown
from gradcalc.render.text import cut, headline, number, one_line
from gradcalc.render.visible import visible
from gradcalc.results.report import (
    Blame,
    Derivative,
    Entry,
    GraphNode,
    Report,
    TensorRow,
    Verdict,
    nested,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Golden = Callable[[str, str], None]


def agreed(wrt: tuple[str, ...], formula: str | None, value: float | None = None) -> Entry:
    """Return an entry on which all witnesses agree."""
    verdict = Verdict.UNCHECKED if value is None else Verdict.AGREE
    return Entry(wrt, formula, value, value, value, None if value is None else 0.0, verdict)


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
}
WRONG = {
    "verdict": Verdict.DISAGREE,
    "blame": Blame.AUTOGRAD,
    "autograd": math.nan,
    "ulps": math.inf,
    "note": "the derivative exists, but torch returns nan",
}
QUIET = {"verdict": Verdict.UNCHECKED}
INEXACT = {"verdict": Verdict.ROUNDING, "ulps": 40.0, "note": "the last digits are lost"}

AGREE = Report(
    expression="u^3+v^2+4u*v",
    canonical="u**3 + v**2 + 4*u*v",
    bindings=(("u", 1.0), ("v", 1.1)),
    value=6.61,
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
    "error": FAILED,
    "float32": FLOAT32,
    "hostile": HOSTILE,
    "tensor": TENSOR,
    "long": LONG,
    "jacobian": JACOBIAN,
    "program": PROGRAM,
}
SUFFIXES = {
    "table": "table.txt",
    "json": "json",
    "jsonl": "jsonl",
    "csv": "csv",
    "latex": "tex",
    "markdown": "md",
    "junit": "xml",
}


def draw(name: str, report: Report, **options: Any) -> str:
    return FORMATS[name].report(report, **options)


def chain(length: int) -> Report:
    """Return a report whose graph is one long chain."""
    nodes = [GraphNode(i, "SinBackward0", f"s{i}", (i + 1,)) for i in range(length - 1)]
    return replace(AGREE, graph=(*nodes, GraphNode(length - 1, "AccumulateGrad", "x", ())))


def rows(reports: Iterable[Report]) -> list[dict[str, str]]:
    text = FORMATS["csv"].header + "".join(draw("csv", report) for report in reports)
    return list(csv.DictReader(io.StringIO(text)))


# --- all formats


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("name", formats("report"))
def test_format_looks_as_it_did(name: str, report: Report, golden: Golden) -> None:
    label = next(key for key, value in REPORTS.items() if value is report)
    golden(f"{label}.{SUFFIXES[name]}", draw(name, report, width=80))


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_table_off_a_terminal_looks_as_it_did(report: Report, golden: Golden) -> None:
    label = next(key for key, value in REPORTS.items() if value is report)
    golden(f"{label}.plain.txt", draw("table", report))


@pytest.mark.parametrize("name", formats("report"))
def test_format_has_the_signature_that_the_registry_calls(name: str) -> None:
    function = import_module(FORMATS[name].module).report
    assert str(inspect.signature(function)) == (
        "(report: 'Report', *, width: 'int | None' = None, color: 'bool' = False) -> 'str'"
    )


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("name", formats("report"))
@pytest.mark.parametrize("width", [None, 20, 80, 140])
def test_format_ends_in_a_newline(name: str, report: Report, width: int | None) -> None:
    assert draw(name, report, width=width).endswith("\n")


@pytest.mark.parametrize("name", ["table", "latex", "markdown", "json", "jsonl", "junit"])
@pytest.mark.parametrize("width", [None, 40, 200])
def test_format_lets_no_control_character_through(name: str, width: int | None) -> None:
    entries = (
        agreed((f"{HOSTILE_TEXT}[{k}]",), HOSTILE_TEXT, 1.0)._replace(output=HOSTILE_TEXT, **CORNER)
        for k in range(20)
    )
    tensors = (Derivative((HOSTILE_TEXT,), (20,), tuple(entries)), tensor(HOSTILE_TEXT, (0,)))
    program = replace(
        HOSTILE,
        expression=f"{HOSTILE_TEXT}\n{HOSTILE_TEXT}",
        canonical=f"{HOSTILE_TEXT}; {HOSTILE_TEXT}",
        bindings=((HOSTILE_TEXT, (1.0, 2.0)),),
        gradients=tensors,
    )
    for report in (HOSTILE, program):
        text = draw(name, report, width=width)
        assert not {"\x1b", "\u202e", "\x9b"} & set(text)


@pytest.mark.parametrize("width", [None, 1000])
def test_table_prints_markup_of_the_user_literally(width: int | None) -> None:
    text = draw("table", HOSTILE, width=width)
    assert text.count("[bold red]x[/bold red] | `y` \\x1b[31m \\u202e") >= 6
    assert ":smile:" in text


def test_render_imports_no_witness() -> None:
    modules = [f"gradcalc.render.{name}" for name in ("table", "json", "csv", "functions", "latex")]
    code = f"import sys, {', '.join(modules)}; print([m for m in sys.modules if m in %r])"
    wanted = {"torch", "sympy", "mpmath", "gradcalc.ask.calculate"}
    command = [sys.executable, "-c", code % sorted(wanted)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own code
    assert out == "[]\n"


def test_errors_are_drawn_without_rich() -> None:
    code = "import sys, gradcalc.render; print('rich' in sys.modules)"
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own code
    assert out == "False\n"


# --- text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x + y", "x + y"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\u202e", r"\u202e"),
        ("a\tb\r\n", r"a\tb\r\n"),
        ("\u2028", r"\u2028"),
        ("\ud800", r"\ud800"),
        ("x\u3164\ufe0f\U000e0100", r"x\u3164\ufe0f\U000e0100"),
        ("\U000e0001", r"\U000e0001"),
        ("ω₀ 漢", "ω₀ 漢"),
    ],
)
def test_visible_escapes_what_is_not_seen(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_one_line_joins_lines() -> None:
    assert one_line("  u\n\t+ v\x1b\n") == r"u + v\x1b"


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (7.4, "float64", "7.4"),
        (2.0, "float64", "2"),
        (-0.0, "float64", "-0"),
        (1e22, "float64", "1e+22"),
        (0.1 + 0.2, "float64", "0.30000000000000004"),
        (math.nan, "float64", "nan"),
        (-math.inf, "float32", "-inf"),
        (0.10000000149011612, "float32", "0.1"),
        (16777217.0, "float32", "16777217"),
        (3.4028234663852886e38, "float32", "3.4028235e+38"),
        (1e-45, "float32", "1e-45"),
        (1e300, "float32", "1e+300"),
    ],
)
def test_number_is_the_shortest_that_reads_back(value: float, dtype: str, text: str) -> None:
    assert number(value, dtype) == text


# --- tensors


@pytest.mark.parametrize(
    ("count", "changed", "rows"),
    [
        (12, {}, "*" * 12),
        (13, {}, "****7**"),
        (100, {}, "****94**"),
        (100, {50: WRONG}, "****46*47**"),
        (100, {5: WRONG}, "******92**"),  # one that is left out would take a row as well
        (100, {97: WRONG}, "****93***"),
        (100, dict.fromkeys(range(100), WRONG), "********90**"),
        (100, dict.fromkeys(range(100), QUIET), "****94**"),
        (100, dict.fromkeys(range(100), INEXACT) | {60: WRONG}, "*******53*37**"),
    ],
)
def test_tensor_shows_its_ends_and_what_does_not_agree(
    count: int,
    changed: dict[int, dict[str, Any]],
    rows: str,
) -> None:
    found = shown([tensor("x", (count,), changed)], whole=False)
    assert "".join(str(row.count) if isinstance(row, LeftOut) else "*" for row in found) == rows


def test_tensor_counts_what_it_leaves_out() -> None:
    changed = {50: INEXACT, 51: {"ulps": 2.0}} | dict.fromkeys(range(60, 68), WRONG)
    (gap, *_) = (
        row
        for row in shown([tensor("x", (100,), changed)], whole=False)
        if isinstance(row, LeftOut)
    )
    assert gap.verdicts == ((Verdict.AGREE, 55), (Verdict.ROUNDING, 1))
    assert str(gap) == "56 more: 55 agree, 1 rounding, at most 40 ulps"


def test_tensor_is_whole_off_a_terminal() -> None:
    text = draw("table", of_tensor(tensor("x", (100, 10), {500: WRONG})))
    assert text.count("df/dx[") == 1001  # the note names one again
    assert "more" not in text


@pytest.mark.parametrize("name", ["table", "markdown", "latex"])
def test_tensor_is_short_for_people(name: str) -> None:
    text = draw(name, of_tensor(tensor("x", (1000, 50), {25_000: WRONG})), width=100)
    assert text.count("\n") < 40
    for part in ("24,996", "24,997", "500", "nan"):
        assert part in text


@pytest.mark.parametrize(
    ("value", "room", "text"),
    [
        (1.5, 1, "1.5"),
        ((), 1, "[]"),
        (((), ()), 9, "[[], []]"),
        ((math.nan, -math.inf), None, "[nan, -inf]"),
        (((1.0, 2.0), (3.0, 4.0)), 16, "[[1, 2], [3, 4]]"),
        (((1.0, 2.0), (3.0, 4.0)), 15, "[[1, 2],\n [3, 4]]"),
        (((1.0,) * 9,) * 2, 20, "[[1, 1, 1, …, 1],\n [1, 1, 1, …, 1]]"),
        (((1.0,) * 9,) * 9, 44, "[[1, 1, 1, …, 1], …, [1, 1, 1, …, 1]]"),
        (((1.0,) * 9,) * 9, 20, "[[1, 1, 1, …, 1],\n …,\n [1, 1, 1, …, 1]]"),
        (((1.0,) * 9,) * 9, 12, "[[1, …, 1],\n …,\n [1, …, 1]]"),
        (((0.125,) * 9,) * 9, 15, "[[0.125, …], …]"),
        (((1.0,) * 9,) * 9, 1, "[[1, …],\n …]"),  # nothing is shorter
        (((1.0, 2.0), 3.0), 30, "[[1, 2], 3]"),
        ((((1.0,) * 9,) * 9,) * 9, 16, "[[[1, …], …], …]"),
    ],
)
def test_numbers_fit_their_room(value: Any, room: int | None, text: str) -> None:
    assert numbers_text(value, room=room) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1 / 3, 4, "0.3333333333333333"),
        ((1 / 3, -2e-7 / 3, 0.5), 4, "[0.3333…, -6.666…e-08, 0.5]"),
        (((1 / 3,), (0.5,)), 0, "[[…]]"),
        ((), 0, "[]"),
    ],
)
def test_nested_numbers_lose_digits(value: Any, digits: int, text: str) -> None:
    assert numbers_text(value, digits=digits) == text


@pytest.mark.parametrize(
    ("text", "digits", "cut_text"),
    [
        ("123456789.25", 4, "123456789…"),
        ("0.0001234567", 4, "0.0001234…"),
        ("-12.5", 4, "-12.5"),
        ("-12.345", 4, "-12.345"),  # the mark would take as much room
        ("1e-17", 4, "1e-17"),
        ("0", 4, "0"),
        ("nan", 4, "nan"),
        ("-inf", 4, "-inf"),
    ],
)
def test_cut_keeps_the_digits_that_count(text: str, digits: int, cut_text: str) -> None:
    assert cut(text, digits) == cut_text


@pytest.mark.parametrize(
    ("value", "shape"),
    [(1.0, ()), ((), (0,)), (((1.0, 2.0),), (1, 2)), ((1.0, (2.0,)), None)],
)
def test_shape_of_nested_numbers(value: Any, shape: tuple[int, ...] | None) -> None:
    assert shape_of(value) == shape


@pytest.mark.parametrize(
    ("derivative", "line"),
    [
        (entry("x", "1", 1.0), "agree: autograd returned the exact derivative"),
        (tensor("x", (3,), {1: WRONG}), "the odd one out (1 of 3 entries)"),
        (tensor("x", (0,)), "agree: autograd returned the exact derivative"),
    ],
)
def test_headline_counts_entries(derivative: Derivative, line: str) -> None:
    assert line in headline(of_tensor(derivative))


# --- JSON


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_json_is_strict_and_jsonl_is_the_same_on_one_line(report: Report) -> None:
    def refuse(constant: str) -> None:
        pytest.fail(f"bare {constant}")

    read = json.loads(draw("json", report), parse_constant=refuse)
    line = draw("jsonl", report)
    assert line.count("\n") == 1
    assert json.loads(line) == read
    assert read["expression"] == report.expression


def test_json_has_the_promised_fields_in_order() -> None:
    read = json.loads(draw("json", SECOND_ORDER))
    assert " ".join(read) == (
        "schema expression canonical bindings dtype value verdict gradients hessian "
        "tensors graph warnings error"
    )
    for derivative in (read["gradients"][0], read["hessian"][1]):
        assert " ".join(derivative) == (
            "wrt formula symbolic autograd limit ulps verdict blame note"
        )
    assert read["gradients"][0]["wrt"] == "u"
    assert read["hessian"][1]["wrt"] == ["u", "v"]
    read = json.loads(draw("json", AGREE))
    assert " ".join(read["tensors"][0]) == (
        "name shape is_leaf requires_grad retains_grad grad_fn grad"
    )
    assert " ".join(read["graph"][0]) == "id grad_fn source inputs"


def test_json_of_a_batch_begins_with_id_and_line() -> None:
    read = json.loads(draw("json", replace(AGREE, line=3)))
    assert list(read)[:4] == ["schema", "id", "line", "expression"]
    assert read["id"] is None
    read = json.loads(draw("jsonl", replace(AGREE, line=3, id={"n": [math.nan]})))
    assert read["id"] == {"n": ["nan"]}


def test_json_error_says_where() -> None:
    in_batch = {"kind": "name", "message": "unknown function 'sqr'", "line": 3, "column": 1}
    hint = {"hint": "did you mean `sqrt`? try `sqrt(x) + 1`"}
    read = json.loads(draw("json", FAILED))
    assert read["error"] == in_batch | hint
    assert read["value"] is read["verdict"] is None
    assert read["gradients"] == read["graph"] == []
    read = json.loads(draw("json", replace(FAILED, line=None)))
    assert read["error"]["line"] == 1


def test_json_writes_non_finite_numbers_as_strings() -> None:
    read = json.loads(draw("json", UNDEFINED))
    first = read["gradients"][0]
    assert [read["value"], first["symbolic"], first["autograd"]] == ["nan", "inf", "-inf"]


@pytest.mark.parametrize("value", [0.1 + 0.2, 5e-324, 1.7976931348623157e308, 0.1])
def test_json_numbers_round_trip(value: float) -> None:
    assert json.loads(draw("jsonl", replace(AGREE, value=value)))["value"] == value


def test_json_of_a_tensor_is_nested_and_tells_its_findings() -> None:
    changed = {1: {"symbolic": -math.inf}, 4: WRONG, 5: {"formula": None, "limit": None}}
    read = json.loads(draw("json", of_tensor(tensor("x", (2, 3), changed))))["gradients"][0]
    assert " ".join(read) == (
        "wrt formula symbolic autograd limit ulps verdict blame note shape findings"
    )
    assert read["formula"][1] == ["2*x[1,0]", "2*x[1,1]", None]
    assert read["symbolic"][0] == [0.0, "-inf", 2 / 7]
    assert read["autograd"][1] == [3 / 7, "nan", 5 / 7]
    assert read["limit"][1][2] is None
    assert read["ulps"] == [[0.0, 0.0, 0.0], [0.0, "inf", 0.0]]
    assert (read["verdict"], read["blame"]) == ("disagree", "autograd")
    assert read["note"] == f"x[1,1]: {WRONG['note']}"
    assert read["shape"] == [2, 3]
    finding = {"index": [1, 1], "verdict": "disagree", "blame": "autograd", "note": WRONG["note"]}
    assert read["findings"] == [finding]


def test_json_of_a_tensor_may_lack_everything() -> None:
    lacking = dict.fromkeys(("formula", "symbolic", "limit"))
    report = of_tensor(tensor("x", (2,), {0: lacking, 1: lacking}))
    read = json.loads(draw("json", report))["gradients"][0]
    assert (read["formula"], read["symbolic"], read["limit"]) == (None, None, None)
    read = json.loads(draw("json", of_tensor(tensor("x", (2, 0)))))["gradients"][0]
    assert (read["formula"], read["autograd"], read["shape"]) == ([[], []], [[], []], [2, 0])


def test_json_of_jacobians_and_hessians_counts_all_axes() -> None:
    report = of_tensor(tensor("x", (2,), {3: WRONG}, output=(3,)))
    read = json.loads(draw("json", report))["gradients"][0]
    assert (read["shape"], read["findings"][0]["index"]) == ([3, 2], [1, 1])
    report = of_tensor(entry("x", "1", 1.0), hessian=(tensor("x", (2,), {2: WRONG}, second=True),))
    read = json.loads(draw("json", report))["hessian"][0]
    assert (read["wrt"], read["shape"]) == (["x", "x"], [2, 2])
    assert read["findings"][0]["index"] == [1, 0]


def test_json_puts_a_row_on_a_line() -> None:
    wide = nested([k / 7 for k in range(200)], (10, 20))
    lines = draw("json", Report("x", bindings=(("x", wide), ("y", ((1.0, 2.0),))))).split("\n")
    assert '    "y": [[1.0, 2.0]]' in lines
    assert sum(line.startswith("      [") for line in lines) == 10


@pytest.mark.parametrize("name", ["json", "jsonl", "csv", "table"])
def test_large_tensor_is_written_in_no_time(name: str) -> None:
    report = of_tensor(tensor("x", (50_000,), {9: WRONG}), value=(0.5,) * 50_000)
    start = perf_counter()
    assert "disagree" in draw(name, report, width=80)
    assert perf_counter() - start < 10


# --- CSV


def test_csv_has_a_row_for_each_derivative_and_each_error() -> None:
    read = rows([SECOND_ORDER, FAILED])
    assert [row["wrt"] for row in read] == ["u", "v", "u,u", "u,v", "v,v", ""]
    assert float(read[0]["autograd"]) == 7.4
    assert read[-1]["error"] == "name: unknown function 'sqr'"
    assert (read[-1]["line"], read[-1]["id"]) == ("3", "a-7")
    assert set(FORMATS["csv"].header.rstrip().split(",")) == set(read[0])


@pytest.mark.parametrize(
    ("derivative", "cells", "parts"),
    [
        (tensor("x", (1, 2)), ["x[0,0]", "x[0,1]"], ["x[0,1]"]),
        (tensor("x", (1,), output=(2,)), ["f[0]/x[0]", "f[1]/x[0]"], ["f[1]", "x[0]"]),
        (tensor("w_1", (1, 1), second=True), ["w_1[0,0],w_1[0,0]"], ["w_1[0,0]", "w_1[0,0]"]),
        (tensor("x", (0,)), [], []),
    ],
)
def test_csv_names_each_entry(derivative: Derivative, cells: list[str], parts: list[str]) -> None:
    read = [row["wrt"] for row in rows([of_tensor(derivative)])]
    assert read == cells
    documented = re.compile(r"\w+(?:\[[\d,]+\])?")
    assert documented.pattern in str(import_module("gradcalc.render.csv").__doc__)
    assert [part for cell in read[-1:] for part in documented.findall(cell)] == parts


@pytest.mark.parametrize(
    ("report", "cell"),
    [
        (replace(AGREE, expression="-x**2"), "-x**2"),
        (replace(AGREE, expression="-1 # |cmd"), "'-1 # |cmd"),
        (replace(FAILED, expression="-x**"), "'-x**"),
        (replace(FAILED, expression="=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0"),
        (replace(FAILED, expression="@SUM(A1)"), "'@SUM(A1)"),
    ],
)
def test_csv_cell_is_no_spreadsheet_formula(report: Report, cell: str) -> None:
    assert rows([report])[0]["expression"] == cell


# --- Markdown and LaTeX


def test_markdown_pipe_stays_in_its_cell() -> None:
    line = next(line for line in draw("markdown", HOSTILE).split("\n") if "✓ agree |" in line)
    assert line.replace(r"\|", "").count("|") == 8


def test_markdown_fence_is_longer_than_the_backticks_inside() -> None:
    assert draw("markdown", Report("a`b``c")).startswith("### ```a`b``c```")
    assert draw("markdown", Report("`a")).startswith("### `` `a ``")
    assert "````\na\n```\n````" in draw("markdown", Report("a\n```"))


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("omega_0", r"\omega_{0}"),
        ("lambda", r"\lambda"),
        ("x12", "x_{12}"),
        ("learning_rate", "learning_{rate}"),
        ("a_b_c", "a_{b c}"),
        ("_", r"\_"),
        ("p%", r"p\%"),
        ("a\\b", r"a\backslash{}b"),
        ("x[0,1]", "x_{0,1}"),
        ("omega[2]", r"\omega_{2}"),
        ("w_1[0]", "{w_{1}}_{0}"),
        ("x1[0]", "{x_{1}}_{0}"),
    ],
)
def test_latex_writes_any_name(name: str, latex: str) -> None:
    derivative = Derivative((name,), (), (agreed((name,), None),))
    text = draw("latex", replace(UNCHECKED, gradients=(derivative,)))
    assert rf"\frac{{\partial f}}{{\partial {latex}}} &= " in text


def test_latex_rows_are_parted_but_the_last_is_not() -> None:
    lines = draw("latex", SECOND_ORDER).split("\n")
    body = lines[lines.index(r"\begin{align*}") + 1 : lines.index(r"\end{align*}")]
    assert [r"\\" in line for line in body] == [True] * 4 + [False]


def test_latex_of_a_long_jacobian_has_dots() -> None:
    text = draw("latex", of_tensor(tensor("x", (100,), output=(2,))))
    assert r"\frac{\partial f_{1}}{\partial x_{99}} &= 2 k_{199} = " in text
    assert r"\vdots \\  % 194 more: 194 agree, 0 ulps" in text


def test_latex_comment_cannot_be_left() -> None:
    text = draw("latex", replace(HOSTILE, expression="x\n\\input{a}\u2028\\input{b}"))
    assert all(line.startswith("%") for line in text.split("\n") if "input" in line)


@pytest.mark.parametrize(
    ("value", "latex"),
    [(1e-17, r"1 \cdot 10^{-17}"), (math.inf, r"\infty"), (math.nan, r"\mathrm{nan}")],
)
def test_latex_number(value: float, latex: str) -> None:
    assert f"= {latex}" in draw("latex", replace(AGREE, gradients=(entry("x", None, value),)))


# --- table


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("width", [60, 80, 140])
def test_table_keeps_to_the_width(report: Report, width: int) -> None:
    assert max(map(len, draw("table", report, width=width).split("\n"))) <= width


@pytest.mark.parametrize("width", [40, 80, 140, None])
def test_table_never_breaks_a_number(width: int | None) -> None:
    text = draw("table", DISAGREE, width=width)
    for value in ("4.269074841227311", "4.269074841299377", "1.0540925533894598"):
        assert value in text


def test_table_off_a_terminal_wraps_nothing_and_adds_only_ascii() -> None:
    wide = replace(AGREE, gradients=(entry("u", " + ".join(["u"] * 5000), 1.0),))
    assert " + ".join(["u"] * 5000) in draw("table", wide)
    assert draw("table", DISAGREE).isascii()
    assert draw("table", AGREE).isascii()


def test_table_has_colour_only_where_asked() -> None:
    assert "\x1b[" not in draw("table", DISAGREE, width=80)
    assert "\x1b[1;31m" in draw("table", DISAGREE, width=80, color=True)


def test_table_colour_carries_nothing_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    plain = draw("table", DISAGREE, width=80)
    assert "✗ disagree" in plain
    assert "autograd is the odd one out" in plain


def test_table_names_constants_and_the_point_to_bind() -> None:
    assert "k = 2 (constant)" in draw("table", DISAGREE)
    assert "--at x=...,y=..." in draw("table", UNCHECKED)


@pytest.mark.parametrize("width", [None, 80])
def test_table_shows_shapes_and_what_is_constant(width: int | None) -> None:
    report = replace(TENSOR, constants=("x", "k"))
    text = draw("table", report, width=width)
    assert "x = [[1, 2], [3, 4]]  shape (2, 2), constant\n" in text
    assert " k = 2 (constant)\n" in text
    assert "e has no entries: its shape is (0, 3)" in draw("table", JACOBIAN, width=width)


@pytest.mark.parametrize(
    ("expression", "typed"),
    [
        ("a=x+w;y=a*b", False),
        ("# all\na = x + w  # sum\n\ny = a*b\n", False),
        ("a = w + x\ny = a*b", True),
    ],
)
def test_table_has_a_line_for_each_statement(expression: str, typed: bool) -> None:
    text = draw("table", Report(expression, canonical="a = x + w; y = a*b"), width=80)
    assert ("typed" in text) == typed
    assert re.search(r"^f +a = x \+ w\n +y = a\*b\n", text, re.MULTILINE)


def test_table_shortens_a_long_program_on_a_terminal() -> None:
    statements = "; ".join(f"a{k} = x" for k in range(1000))
    text = draw("table", replace(LONG, canonical=statements), width=80)
    assert "… 972 lines left out" in text
    assert "… 12 more" in text  # of 40 tensors
    assert "a999 = x" in text
    whole = draw("table", replace(LONG, canonical=statements))
    assert "a500 = x" in whole
    assert "y20" in whole


@pytest.mark.parametrize(
    ("width", "name"),
    [(None, "df/dx[1], df/dx[4] and 3 more"), (100, "∂f/∂x[1], ∂f/∂x[4] and 3 more")],
)
def test_table_says_the_same_once(width: int | None, name: str) -> None:
    places = (1, 4, 5, 7, 9)
    text = draw("table", of_tensor(tensor("x", (12,), dict.fromkeys(places, CORNER))), width=width)
    assert text.count("the slope has a corner") == 1
    assert f"{name}  the slope" in text


@pytest.mark.parametrize(
    ("width", "grad"),
    [
        (120, "[[-0.3333333333333333, …"),
        (84, "[[-0.333333…, …],"),
        (80, "[[…]]"),
        (60, "[[-0.3333333333333333, …"),
    ],
)
def test_table_of_tensors_is_a_table_while_it_can_be(width: int, grad: str) -> None:
    value = nested([-k / 3 for k in range(1, 101)], (10, 10))
    row = TensorRow("mean(x**2)", (10, 10), False, True, True, "MeanBackward0", value)
    text = draw("table", Report("x", tensors=(row,)), width=width)
    assert grad in text
    assert ("requires_grad   grad_fn" in text) == (width > 60)


def test_table_counts_notes_beyond_the_most_serious() -> None:
    changed = {k: INEXACT | {"note": f"note {k}."} for k in range(30)} | {29: WRONG}
    report = of_tensor(tensor("x", (40,), changed))
    text = draw("table", report, width=80)
    assert WRONG["note"] in text
    assert "note 6." in text
    assert "note 7." not in text
    assert "… 22 more notes" in text
    assert "note 28." in draw("table", report)


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (140, "∂f/∂x[0]     2*x[0]    0.1234567890123456   0.1234567890123444   "),
        (100, "∂f/∂x[0]     2*x[0]    0.1234567890…   0.1234567890…   "),
        (85, "∂f/∂x[0]     2*x[0]    0.12345678…   0.12345678…   "),
        (70, "∂f/∂x[0]     0.123456…   0.123456…   "),
    ],
)
def test_table_of_a_tensor_cuts_digits_until_it_fits(width: int, text: str) -> None:
    close = {"symbolic": 0.1234567890123456, "autograd": 0.1234567890123444}
    verdict = {"verdict": Verdict.DISAGREE, "ulps": 160.0}
    derivative = tensor("x", (2,), {0: close | verdict, 1: close})
    drawn = draw("table", of_tensor(derivative), width=width)
    assert text in drawn
    assert drawn.count("0.1234567890123444") == (2 if width == 140 else 1)
    assert ("… stands for what is left out" in drawn) == (width != 140)


@pytest.mark.parametrize("width", [80, 140])
def test_table_puts_long_formulas_of_tensors_on_lines(width: int) -> None:
    formula = " + ".join(f"a*x[{k}]" for k in range(100))
    text = draw("table", of_tensor(tensor("x", (3,), {1: {"formula": formula}})), width=width)
    (line,) = (line for line in text.split("\n") if line.startswith("   = a*x[0] + "))
    assert line.endswith(" + a*x[99]")
    assert " … + " in line
    assert len(line) <= width
    assert formula in draw("table", of_tensor(tensor("x", (3,), {1: {"formula": formula}})))


def test_table_leaves_out_what_no_entry_has() -> None:
    text = draw("table", UNCHECKED, width=80)
    assert not [word for word in ("ulps", "autograd", "limit", "Hessian", "graph") if word in text]


@pytest.mark.parametrize("width", [None, 80])
def test_graph_shows_a_shared_node_once(width: int | None) -> None:
    text = draw("table", AGREE, width=width)
    again = "see" if width is None else "↑"
    assert text.count("#3 AccumulateGrad") == 2
    assert text.count(f"{again} #3 AccumulateGrad") == 1


@pytest.mark.parametrize("width", [None, 80])
def test_graph_draws_every_output(width: int | None) -> None:
    drawn = draw("table", PROGRAM, width=width).partition("Backward graph\n")[2]
    assert {int(number) for number in re.findall(r"#(\d+) ", drawn)} == {0, 1, 2, 3, 4}
    margin = [line for line in drawn.split("\n") if line.startswith("#")]
    assert [line.split()[0] for line in margin] == ["#0", "#3", "#4"]


def test_graph_draws_a_first_output_that_another_uses_once() -> None:
    nodes = (GraphNode(0, "ExpBackward0", "exp(x)", ()), GraphNode(1, "NegBackward0", "-y", (0,)))
    drawn = draw("table", replace(AGREE, graph=nodes)).partition("Backward graph\n")[2]
    assert [line.split()[:3] for line in drawn.split("\n")[:3]] == [
        ["#0", "ExpBackward0", "exp(x)"],
        ["#1", "NegBackward0", "-y"],
        ["`-", "see", "#0"],
    ]


def test_graph_of_any_depth_is_drawn_off_a_terminal() -> None:
    text = draw("table", chain(10_000))
    assert "[9999] #9999 AccumulateGrad" in text
    assert {int(number) for number in re.findall(r"#(\d+) ", text)} == set(range(10_000))
    assert len(text) < 2_000_000


def test_graph_of_any_depth_is_shortened_on_a_terminal() -> None:
    text = draw("table", chain(10_000), width=80)
    assert "… 9,950 lines left out; --format json has them all" in text
    assert "#9999 AccumulateGrad" in text
    assert text.count("\n") < 100


def test_graph_keeps_both_ends_of_a_long_source() -> None:
    node = GraphNode(0, "SinBackward0", "sin(" + "x + " * 100 + "y)", ())
    line = draw("table", replace(AGREE, graph=(node,)), width=80).split("\n")[-2]
    assert len(line) <= 80
    assert line.startswith("#0 SinBackward0  sin(x + ")
    assert line.endswith("+ y)")


def test_batch_reports_are_parted() -> None:
    text = draw("table", replace(AGREE, line=7, source="a.txt"))
    assert "a.txt:7" in text
    assert text.endswith("\n\n")


# --- errors


def failure(text: str, start: int, stop: int, hint: str | None = None) -> GradcalcError:
    return GradcalcError(Kind.SYNTAX, "wrong", text=text, span=Span(start, stop), hint=hint)


def under(text: str) -> str:
    """Return what the carets of a drawn error stand under."""
    shown, carets = text.split("\n")[1:3]
    return shown[carets.index("^") : carets.rindex("^") + 1]


@pytest.mark.parametrize(
    ("error", "options", "text"),
    [
        (
            FAILED.error,
            {},
            (
                "error: unknown function 'sqr'\n"
                "  | sqr(x) + 1\n"
                "  | ^^^\n"
                "  = help: did you mean `sqrt`? try `sqrt(x) + 1`\n"
            ),
        ),
        (failure("x +", 3, 3), {}, "error: wrong\n  | x +\n  |    ^\n"),
        (
            failure("a = x\nb = (y\nz", 10, 13),
            {},
            "error: wrong\n 2 | b = (y\n   |     ^^\n",
        ),
        (
            failure("x $", 2, 3),
            {"source": "a.txt", "line": 7},
            "a.txt:7:3: error: wrong\n  | x $\n  |   ^\n",
        ),
        (
            failure("x\ny $", 4, 5),
            {"source": "a.txt"},
            "a.txt:2:3: error: wrong\n 2 | y $\n   |   ^\n",
        ),
        (failure("x $", 2, 3), {"line": 7}, "line 7:3: error: wrong\n  | x $\n  |   ^\n"),
        (GradcalcError(Kind.USAGE, "no\x1bpoint"), {}, "error: no\\x1bpoint\n"),
        (failure("", 0, 0), {}, "error: wrong\n"),
    ],
)
def test_error_underlines_the_users_text(
    error: GradcalcError,
    options: dict[str, Any],
    text: str,
) -> None:
    assert error_text(error, **options) == text


@pytest.mark.parametrize(
    ("text", "span", "carets"),
    [
        ("\tx $", (3, 4), "$"),
        ("x\x1b $", (3, 4), "$"),
        ("\x1b", (0, 1), r"\x1b"),
        ("x + " * 1000 + "$" + " + y" * 1000, (4000, 4001), "$"),
        ("$" + " + y" * 1000, (0, 1), "$"),
        ("x + " * 1000 + "$", (4000, 4001), "$"),
        ("x" * 500, (200, 400), "x" * 100),
    ],
)
def test_error_carets_stand_under_the_span(text: str, span: tuple[int, int], carets: str) -> None:
    drawn = error_text(failure(text, *span))
    assert under(drawn) == carets
    assert max(map(len, drawn.split("\n"))) <= 106


def test_error_carets_are_as_wide_as_wide_characters() -> None:
    drawn = error_text(failure("漢 + 字字", 4, 6)).split("\n")
    assert drawn[2] == "  | " + " " * 5 + "^^^^"


def test_error_is_coloured_only_where_asked() -> None:
    plain = error_text(failure("x $", 2, 3, "drop it"))
    painted = error_text(failure("x $", 2, 3, "drop it"), color=True)
    assert "\x1b" not in plain
    for code in ("1;31", "1;34", "1;32"):
        painted = painted.replace(f"\x1b[{code}m", "")
    assert painted.replace("\x1b[0m", "") == plain


def test_warning_is_one_visible_line() -> None:
    assert warning_text("a\nb") == "warning: a\\nb\n"


# --- functions


ROWS = (
    FunctionPage("sin", ("torch.sin",), "sine", "trigonometry"),
    FunctionPage("cos", (), "cosine", "trigonometry"),
    FunctionPage("relu", ("torch.relu", "F.relu", "x.relu()"), "max(x, 0)", "activations"),
)
PAGE = FunctionPage(
    "pow",
    ("**", "^"),
    "x to the power of y",
    "powers",
    (("x", "y*x**(y - 1)"), ("y", "x**y*log(x)")),
    "x > 0, or y an integer",
    "none",
)


@pytest.mark.parametrize("width", [80, None])
def test_functions_look_as_they_did(width: int | None, golden: Golden) -> None:
    label = "plain.txt" if width is None else "table.txt"
    golden(f"functions.{label}", functions_table(ROWS, width=width))
    golden(f"function.{label}", function_page(PAGE, width=width))
