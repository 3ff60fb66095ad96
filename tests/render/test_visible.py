"""What a terminal would obey is shown as an escape."""

from __future__ import annotations

import pytest

from gradcalc.render.visible import visible


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
