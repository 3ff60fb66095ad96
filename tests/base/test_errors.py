"""Errors know their place in the text."""

from __future__ import annotations

import pytest

from gradcalc.base.errors import GradcalcError, Kind, Span, reason


@pytest.mark.parametrize(
    ("text", "span", "line", "column"),
    [
        ("x +", Span(2, 3), 1, 3),
        ("x\ny +", Span(0, 1), 1, 1),
        ("x\ny +", Span(2, 3), 2, 1),
        ("x\ny +", Span(4, 5), 2, 3),
        ("x\n\ny", Span(2, 3), 2, 1),
        ("x", None, None, None),
    ],
)
def test_error_counts_lines_and_columns_from_one(text, span, line, column):
    error = GradcalcError(Kind.SYNTAX, "wrong", text=text, span=span)
    assert (error.line, error.column) == (line, column)


def test_error_is_its_message():
    assert str(GradcalcError(Kind.NAME, "wrong", hint="do this")) == "wrong"


def test_what_is_quoted_is_shortened():
    error = GradcalcError(Kind.NAME, f"no `{'x' * 10**6}`", hint=f"did you mean `{'y' * 10**6}`?")
    assert error.hint is not None
    assert len(error.message) < 600
    assert len(error.hint) < 600
    assert (error.message[:5], error.message[-3:]) == ("no `x", "xx`")
    assert (error.hint[:15], error.hint[-4:]) == ("did you mean `y", "yy`?")


def test_span_covers_two():
    assert Span(3, 4).to(Span(0, 2)) == Span(0, 4)
    assert Span(0, 9).to(Span(2, 3)) == Span(0, 9)


def test_kinds_are_the_names_that_scripts_rely_on():
    assert {str(kind) for kind in Kind} == {
        "usage", "syntax", "name", "binding", "shape", "limit", "autograd", "internal",
    }  # fmt: skip


@pytest.mark.parametrize("kind", [None, Kind.BINDING])
def test_error_of_a_part_stands_at_its_place_in_the_whole(kind):
    error = GradcalcError(Kind.SYNTAX, "wrong", text="x +", span=Span(2, 3), hint="mend it")
    moved = error.within("y=x +", 2, kind)
    assert (moved.message, moved.text, moved.span, moved.hint) == (
        "wrong",
        "y=x +",
        Span(4, 5),
        "mend it",
    )
    assert moved.kind == (kind or Kind.SYNTAX)


@pytest.mark.parametrize(
    ("problem", "said"),
    [(OSError(28, "No space left"), "no space left"), (OSError(), "it cannot be read")],
)
def test_reason_is_what_the_system_says(problem, said):
    assert reason(problem, "it cannot be read") == said
