"""Rows: tensors that are made of nothing, and values that autograd does not follow.

The torch column of a creation gets `dtype` and `generator` too.
"""

from __future__ import annotations

from typing import Any

from gradcalc.functions.table import rows_of, torch

row = rows_of("creation")


def _filled(name: str, doc: str, value: float) -> None:
    """Enter a row and its `_like`: a tensor full of one number."""
    row(
        name,
        doc,
        signature="option *shape",
        traits="creates",
        torch=lambda *, shape, dtype, generator: torch.full(shape, value, dtype=dtype),
        trials=(f"{name}(2, 3)*x --at x=2", f"{name}(2)*x --at x=[1,2]", f"{name}()*x --at x=2"),
        refused=(f"{name}(2)*x --at x=[1,2,3]",),
    )
    row(
        f"{name}_like",
        f"{doc}, of the shape of x",
        traits="creates",
        torch=lambda x, *, dtype, generator: torch.full_like(x, value, dtype=dtype),
        trials=(f"{name}_like(x)*x --at x=[1,2]",),
    )


_filled("zeros", "a tensor of zeros", 0.0)
_filled("ones", "a tensor of ones", 1.0)
row(
    "full",
    "a tensor full of one number",
    signature="option shape, option fill_value",
    traits="creates",
    torch=lambda *, shape, fill_value, dtype, generator: torch.full(
        shape if isinstance(shape, tuple) else (shape,), float(fill_value), dtype=dtype
    ),
    trials=("full((2, 2), 3)*x --at x=2",),
)
row(
    "eye",
    "the identity matrix",
    signature="option n, option m=None",
    traits="creates",
    torch=lambda *, n, m=None, dtype, generator: torch.eye(n, n if m is None else m, dtype=dtype),
    trials=("eye(3) @ x --at x=[1,2,3]", "eye(2, 3) @ x --at x=[1,2,3]"),
)
row(
    "arange",
    "whole steps from start up to end, which is left out",
    signature="option start, option end=None, option step=1",
    traits="creates",
    torch=lambda *, start, end=None, step=1, dtype, generator: torch.arange(
        *((0, start) if end is None else (start, end)), step, dtype=dtype
    ),
    trials=(
        "arange(3)*x --at x=2",
        "arange(1, 4)*x --at x=[1,2,3]",
        "arange(0, 1, 0.25)*x --at x=2",
    ),
)
row(
    "linspace",
    "so many numbers from start to end, which is one of them",
    signature="option start, option end, option steps",
    traits="creates",
    torch=lambda *, start, end, steps, dtype, generator: torch.linspace(
        start, end, steps, dtype=dtype
    ),
    trials=("linspace(0, 1, 5)*x --at x=2",),
)
for _name, _doc in (
    ("rand", "random numbers from 0 to 1; --seed chooses them"),
    ("randn", "random numbers of the standard normal distribution; --seed chooses them"),
):
    row(
        _name,
        _doc,
        signature="option *shape",
        traits="creates",
        torch=lambda *, shape, dtype, generator, name=_name: getattr(torch, name)(
            shape, dtype=dtype, generator=generator
        ),
        trials=(f"{_name}(2, 3)*x --at x=2",),
    )
    row(
        f"{_name}_like",
        f"{_doc}; of the shape of x",
        traits="creates",
        torch=lambda x, *, dtype, generator, name=_name: getattr(torch, name)(
            tuple(x.shape), dtype=dtype, generator=generator
        ),
        trials=(f"{_name}_like(x)*x --at x=[1,2]",),
    )


def _stacked(*values: Any, shape: tuple[int, ...]) -> Any:
    """A tensor of so many values, in rows."""
    return torch.stack(values).reshape((*shape, *values[0].shape))


row(
    "tensor",
    "a tensor of numbers, as in [[1, 2], [3, 4]]",
    signature="[values], option shape=()",
    aliases="array",
    traits="moves",
    torch=_stacked,
    trials=("tensor([x, 2, y]).sum() --at x=1,y=2", "[[x, 1], [2, x]].sum() --at x=3"),
)
row(
    "detach",
    "x as a constant: autograd does not follow it, and calculus does not either",
    traits="opaque",
    torch=lambda x: x.detach(),
    sympy=lambda x: x,
    value=lambda x: x,
    derivative="0",
    samples=(0.5, -2.0),
)
row(
    "no_grad",
    "the expression as a constant: nothing in it is recorded for backward",
    traits="moves",
    torch=lambda x: x,
    trials=("no_grad(x*2)*x --at x=[1,2]",),
)
