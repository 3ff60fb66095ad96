"""The page of one function: what it says of torch is right for the torch that runs."""

from __future__ import annotations

from importlib import metadata

import pytest

from gradcalc.cli import main
from gradcalc.functions import torch


def kinks(function: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of a function's page that tell of its kinks; they are the last."""
    with pytest.raises(SystemExit):
        main(["functions", function])
    _, _, told = capsys.readouterr().out.partition("\nkinks")
    return [line.strip() for line in told.splitlines()]


@pytest.mark.parametrize(
    ("version", "function", "wanted"),
    [
        ("2.13.0+cpu", "fmax", "at x=1, y=1, where torch answers 1, 0 (since 2.14: 0.5, 0.5)"),
        ("2.14.0", "fmax", "at x=1, y=1, where torch answers 0.5, 0.5 (before 2.14: 1, 0)"),
        ("2.15.0a0+git1", "fmax", "at x=1, y=1, where torch answers 0.5, 0.5 (before 2.14: 1, 0)"),
        ("2.6", "maximum", "at x=1, y=1, where torch answers 0.5, 0.5"),
        (
            "2.14.1",
            "clamp_max",
            "at x=1, max=1 with max a plain number, where torch answers 0 (before 2.14: 1)",
        ),
        (
            "2.13.0",
            "clamp_max",
            "at x=1, max=1 with max a plain number, where torch answers 1 (since 2.14: 0)",
        ),
        (
            "2.13.0",
            "clamp",
            "at x=1, min=-1, max=1 with min and max plain numbers, where torch answers 1 (since",
        ),
        ("2.14.1", "relu", "at x=0, where torch answers 0"),
    ],
)
def test_page_tells_what_the_installed_torch_answers(
    version, function, wanted, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(metadata, "version", {"torch": version}.__getitem__)
    assert any(line.startswith(wanted) for line in kinks(function, capsys))


def test_installed_torch_is_the_one_that_runs() -> None:
    assert metadata.version("torch").partition("+")[0] == torch.__version__.partition("+")[0]


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("getitem", "getitem"), ("setitem", "setitem"), ("+", "add"), ("-", "sub"),
        ("**", "pow"), ("@", "matmul"), ("torch.sin", "sin"), ("torch.nn.functional.relu", "relu"),
        (" np.sin ", "sin"),
    ],
)  # fmt: skip
def test_whatever_the_list_shows_has_a_page(run, asked, name) -> None:
    code, out, _ = run("functions", asked)
    assert (code, out.partition("(")[0]) == (0, name)


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ("SIN", "unknown function `SIN`", "did you mean `sin`?"),
        ("np.sni", "unknown function `np.sni`", "did you mean `sin`?"),
        ("pi", "`pi` is a constant and no function", "use it in an expression, as in pi*x"),
        ("qqqq", "unknown function `qqqq`", "`gradcalc functions` lists them all"),
    ],
)
def test_what_is_no_function_is_told_so(run, asked, message, hint) -> None:
    code, _, err = run("functions", asked)
    assert (code, err) == (2, f"error: {message}\n  = help: {hint}\n")
