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
from typing import TYPE_CHECKING, Any

import pytest

from gradcalc.errors import GradcalcError, Kind, Span
from gradcalc.render import FORMATS, error_text, warning_text
from gradcalc.render.functions import FunctionPage, FunctionRow, function_page, functions_table
from gradcalc.render.text import number, one_line, visible
from gradcalc.report import Blame, Derivative, Entry, GraphNode, Report, TensorRow, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Golden = Callable[[str, str], None]


def agreed(wrt: tuple[str, ...], formula: str | None, value: float | None = None) -> Entry:
    """Return an entry on which all witnesses agree."""
    verdict = Verdict.UNCHECKED if value is None else Verdict.AGREE
    return Entry(wrt, formula, value, value, value, None if value is None else 0.0, verdict)


def entry(wrt: str, formula: str | None, value: float | None = None, **changes: Any) -> Derivative:
    """Return the derivative of a scalar on which all witnesses agree, unless changed."""
    names = tuple(wrt.split(","))
    return Derivative(names, (), (replace(agreed(names, formula, value), **changes),))


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
}
SUFFIXES = {
    "table": "table.txt",
    "json": "json",
    "jsonl": "jsonl",
    "csv": "csv",
    "latex": "tex",
    "markdown": "md",
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
@pytest.mark.parametrize("name", FORMATS)
def test_format_looks_as_it_did(name: str, report: Report, golden: Golden) -> None:
    label = next(key for key, value in REPORTS.items() if value is report)
    golden(f"{label}.{SUFFIXES[name]}", draw(name, report, width=80))


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_table_off_a_terminal_looks_as_it_did(report: Report, golden: Golden) -> None:
    label = next(key for key, value in REPORTS.items() if value is report)
    golden(f"{label}.plain.txt", draw("table", report))


@pytest.mark.parametrize("name", FORMATS)
def test_format_has_the_signature_that_the_registry_calls(name: str) -> None:
    function = import_module(FORMATS[name].module).report
    assert str(inspect.signature(function)) == (
        "(report: 'Report', *, width: 'int | None' = None, color: 'bool' = False) -> 'str'"
    )


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("width", [None, 20, 80, 140])
def test_format_ends_in_a_newline(name: str, report: Report, width: int | None) -> None:
    assert draw(name, report, width=width).endswith("\n")


@pytest.mark.parametrize("name", ["table", "latex", "markdown", "json", "jsonl"])
@pytest.mark.parametrize("width", [None, 40, 200])
def test_format_lets_no_control_character_through(name: str, width: int | None) -> None:
    text = draw(name, HOSTILE, width=width)
    assert not {"\x1b", "\u202e", "\x9b"} & set(text)


@pytest.mark.parametrize("width", [None, 1000])
def test_table_prints_markup_of_the_user_literally(width: int | None) -> None:
    text = draw("table", HOSTILE, width=width)
    assert text.count("[bold red]x[/bold red] | `y` \\x1b[31m \\u202e") >= 6
    assert ":smile:" in text


def test_render_imports_no_witness() -> None:
    modules = [f"gradcalc.render.{name}" for name in ("table", "json", "csv", "functions", "latex")]
    code = f"import sys, {', '.join(modules)}; print([m for m in sys.modules if m in %r])"
    wanted = {"torch", "sympy", "mpmath", "gradcalc.calculate"}
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


# --- CSV


def test_csv_has_a_row_for_each_derivative_and_each_error() -> None:
    read = rows([SECOND_ORDER, FAILED])
    assert [row["wrt"] for row in read] == ["u", "v", "u,u", "u,v", "v,v", ""]
    assert float(read[0]["autograd"]) == 7.4
    assert read[-1]["error"] == "name: unknown function 'sqr'"
    assert (read[-1]["line"], read[-1]["id"]) == ("3", "a-7")
    assert set(FORMATS["csv"].header.rstrip().split(",")) == set(read[0])


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
    ],
)
def test_latex_writes_any_name(name: str, latex: str) -> None:
    text = draw("latex", replace(UNCHECKED, gradients=(entry(name, None),)))
    assert rf"\frac{{\partial f}}{{\partial {latex}}} &= " in text


def test_latex_rows_are_parted_but_the_last_is_not() -> None:
    lines = draw("latex", SECOND_ORDER).split("\n")
    body = lines[lines.index(r"\begin{align*}") + 1 : lines.index(r"\end{align*}")]
    assert [r"\\" in line for line in body] == [True] * 4 + [False]


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


def test_table_leaves_out_what_no_entry_has() -> None:
    text = draw("table", UNCHECKED, width=80)
    assert not [word for word in ("ulps", "autograd", "limit", "Hessian", "graph") if word in text]


@pytest.mark.parametrize("width", [None, 80])
def test_graph_shows_a_shared_node_once(width: int | None) -> None:
    text = draw("table", AGREE, width=width)
    again = "see" if width is None else "↑"
    assert text.count("#3 AccumulateGrad") == 2
    assert text.count(f"{again} #3 AccumulateGrad") == 1


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
    FunctionRow("sin", ("torch.sin",), "trigonometry", "sine"),
    FunctionRow("cos", (), "trigonometry", "cosine"),
    FunctionRow("relu", ("torch.relu", "F.relu", "x.relu()"), "activations", "max(x, 0)"),
)
PAGE = FunctionPage(
    "pow",
    ("**", "^"),
    "x to the power of y",
    (("x", "y*x**(y - 1)"), ("y", "x**y*log(x)")),
    "x > 0, or y an integer",
    "",
)


@pytest.mark.parametrize("width", [80, None])
def test_functions_look_as_they_did(width: int | None, golden: Golden) -> None:
    label = "plain.txt" if width is None else "table.txt"
    golden(f"functions.{label}", functions_table(ROWS, width=width))
    golden(f"function.{label}", function_page(PAGE, width=width))
