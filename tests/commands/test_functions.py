"""The page of one function: what it says of torch is right for the torch that runs."""

from __future__ import annotations

from importlib import metadata

import pytest

from gradcalc.cli import main
from gradcalc.functions import torch


def kinks(function: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The line of a function's page that tells of its kinks."""
    with pytest.raises(SystemExit):
        main(["functions", function])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("kinks"))
    return line.removeprefix("kinks").strip()


@pytest.mark.parametrize(
    ("version", "function", "wanted"),
    [
        ("2.13.0+cpu", "fmax", "at 1, 1, where torch answers 1, 0 (since 2.14: 0.5, 0.5)"),
        ("2.14.0", "fmax", "at 1, 1, where torch answers 0.5, 0.5 (before 2.14: 1, 0)"),
        ("2.15.0a0+git1", "fmax", "at 1, 1, where torch answers 0.5, 0.5 (before 2.14: 1, 0)"),
        ("2.6", "maximum", "at 1, 1, where torch answers 0.5, 0.5"),
        (
            "2.14.1",
            "clamp_max",
            "at 1, 1, where torch answers 0 beside plain numbers (before 2.14: 1)",
        ),
        (
            "2.13.0",
            "clamp_max",
            "at 1, 1, where torch answers 1 beside plain numbers (since 2.14: 0)",
        ),
        ("2.14.1", "relu", "at 0, where torch answers 0"),
    ],
)
def test_page_tells_what_the_installed_torch_answers(
    version, function, wanted, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(metadata, "version", {"torch": version}.__getitem__)
    assert wanted in kinks(function, capsys).split("; ")


def test_installed_torch_is_the_one_that_runs() -> None:
    assert metadata.version("torch").partition("+")[0] == torch.__version__.partition("+")[0]
