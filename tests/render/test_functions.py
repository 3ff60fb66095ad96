"""The list of functions, and one's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gradcalc.render.functions import FunctionPage, function_page, functions_table

if TYPE_CHECKING:
    from collections.abc import Callable

    Golden = Callable[[str, str], None]


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
    ("none",),
)


@pytest.mark.parametrize("width", [80, None])
def test_functions_look_as_they_did(width: int | None, golden: Golden) -> None:
    label = "plain.txt" if width is None else "table.txt"
    golden(f"functions.{label}", functions_table(ROWS, width=width))
    golden(f"function.{label}", function_page(PAGE, width=width))
