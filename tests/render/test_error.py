"""Errors and warnings as they stand on standard error."""

from __future__ import annotations

from typing import Any

import pytest
from reports import FAILED

from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.render import error_text, warning_text


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
    assert warning_text("a", line=7) == "line 7: warning: a\n"
    assert warning_text("a", "b.txt", 7) == "b.txt:7: warning: a\n"
