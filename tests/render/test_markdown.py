"""Markdown that cannot be left."""

from __future__ import annotations

from reports import HOSTILE, draw

from gradcalc.results.report import Report


def test_markdown_pipe_stays_in_its_cell() -> None:
    line = next(line for line in draw("markdown", HOSTILE).split("\n") if "✓ agree |" in line)
    assert line.replace(r"\|", "").count("|") == 8


def test_markdown_fence_is_longer_than_the_backticks_inside() -> None:
    assert draw("markdown", Report("a`b``c")).startswith("### ```a`b``c```")
    assert draw("markdown", Report("`a")).startswith("### `` `a ``")
    assert "````\na\n```\n````" in draw("markdown", Report("a\n```"))
