"""The function table: the one place that knows which functions and operators exist.

In: rows, written by hand. Out: `TABLE`, which holds a `Function` for each name, and `lookup`.

The parser's names, "did you mean", `gradcalc functions`, the witnesses, and the table and property
tests all read it.

Adding a function is adding a row: `row` says how it is written, `Function` what each column means.
A row holds what every reader may need. What one room alone reads stands there, by the row's name:
what is measured of torch's kernels in `rounding/kernels.py`.
"""

from __future__ import annotations

# The order is that of `gradcalc functions`.
from gradcalc.functions import (  # noqa: F401 - importing a module enters its rows
    arithmetic,
    powers,
    trigonometric,
    activations,
    selection,
    special,
    creation,
    shapes,
    reductions,
    linear,
    losses,
)
from gradcalc.functions.table import (
    TABLE,
    Function,
    Kink,
    Parameter,
    Point,
    algebra,
    callable_names,
    lookup,
    symengine,
    sympy,
    torch,
)

__all__ = [
    "TABLE",
    "Function",
    "Kink",
    "Parameter",
    "Point",
    "algebra",
    "callable_names",
    "lookup",
    "symengine",
    "sympy",
    "torch",
]
