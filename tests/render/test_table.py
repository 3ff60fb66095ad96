"""The terminal's format, on it and off it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from reports import (
    AGREE,
    CORNER,
    DISAGREE,
    INEXACT,
    JACOBIAN,
    LONG,
    REPORTS,
    TENSOR,
    UNCHECKED,
    VALUE,
    VALUES,
    WRONG,
    draw,
    entry,
    of_tensor,
    tensor,
)

from gradcalc import grad
from gradcalc.results.report import Report, TensorRow, Verdict, nested


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


def test_table_has_a_line_for_a_value_that_does_not_agree() -> None:
    assert "exact" not in draw("table", replace(AGREE, tensors=()), width=140).split("\n\n")[0]
    assert "exact  1.25e+308  ✗ disagree: torch's value is" in draw("table", VALUE, width=80)
    assert "exact  [inf, 1]\n       undefined: the exact value" in draw("table", VALUES)


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
        (140, "  [[-0.3333333333333333, -0.6666666666666666, -1, …"),
        (120, "  [[-0.3333333333333333, …, -3.3333333333333335],"),
        (84, ".grad = [[-0.3333333333333333, -0.6666666666666666, …"),
        (80, ".grad = [[-0.3333333333333333, -0.6666666666666666, …"),
        (60, "[[-0.333333, -0.666667, -1, …"),
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
        (100, "∂f/∂x[0]     2*x[0]    0.123456789   0.123456789   "),
        (85, "∂f/∂x[0]     2*x[0]    0.12345679   0.12345679   "),
        (70, "∂f/∂x[0]     0.123457   0.123457   "),
    ],
)
def test_table_of_a_tensor_rounds_until_it_fits(width: int, text: str) -> None:
    close = {"symbolic": 0.1234567890123456, "autograd": 0.1234567890123444}
    verdict = {"verdict": Verdict.DISAGREE, "ulps": 160.0}
    derivative = tensor("x", (2,), {0: close | verdict, 1: close})
    drawn = draw("table", of_tensor(derivative), width=width)
    assert text in drawn
    assert drawn.count("0.1234567890123444") == (2 if width == 140 else 1)
    assert ("numbers are rounded to" in drawn) == (width != 140)


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


def test_batch_reports_are_parted() -> None:
    text = draw("table", replace(AGREE, line=7, source="a.txt"))
    assert "a.txt:7" in text
    assert text.endswith("\n\n")


#: Its gradient is short enough for formulas, its Hessian is not.
SINES = "*".join(f"sin(x + {k}*y)" for k in range(1, 18))


@pytest.mark.parametrize(
    ("text", "at", "options", "title", "with_formulas"),
    [
        ("sum(A*A) + b", {"A": [1.0] * 101, "b": 2}, {}, "Gradient", ["b"]),
        ("prod(x)", {"x": [1.5] * 11}, {"second_order": True}, "Hessian", ["x"]),
        (SINES, {"x": 0.3, "y": 0.2}, {"second_order": True}, "Hessian", ["x", "y"]),
    ],
)
def test_formulas_stay_where_they_fit_and_what_lacks_them_says_so_at_its_head(
    text, at, options, title, with_formulas
):
    report = grad(text, at, **options)
    assert report.left_out is not None
    assert report.verdict is Verdict.AGREE
    kept = {block.wrt[0] for block in report.gradients if block.formula is not None}
    assert kept == set(with_formulas)
    for width in (80, 140, None):
        lines = [line.strip() for line in draw("table", report, width=width).splitlines()]
        assert lines[lines.index(title) + 1] == report.left_out
