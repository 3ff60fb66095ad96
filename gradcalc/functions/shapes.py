"""Rows: the shape of tensors, and which of their entries stand where.

None of them calculates: `expand` runs the torch column on the numbers of the entries.
"""

from __future__ import annotations

from typing import Any

from gradcalc.functions.table import rows_of, torch

row = rows_of("shape", traits="moves")


def _torch_index(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """The items as torch takes them: lists in place of tuples."""
    return tuple(list(item) if isinstance(item, tuple) else item for item in items)


def _set(x: Any, value: Any, *, index: tuple[Any, ...]) -> Any:
    """x, after its entries at the index were set to the value."""
    x[_torch_index(index)] = value
    return x


row(
    "getitem",
    "x[index]: entries and parts of x",
    signature="x, option index",
    torch=lambda x, *, index: x[_torch_index(index)],
    trials=(
        "x[0]*x[1] --at x=[2,3]",
        "x[:, 1:] --at x=[[1,2,3],[4,5,6]]",
        "x[..., None, [0, 2]] --at x=[1,2,3]",
    ),
    refused=("x[5] --at x=[1,2]", "x[0, 0] --at x=[1,2]"),
)
row(
    "setitem",
    "x[index] = value, in place",
    signature="x, value, option index",
    torch=_set,
    trials=(
        "n = zeros(2, 2); n[0, :] = x; n[1, 1] = x[0]**2; n --at x=[2,3]",
        "y = x*2; y[0] = y[1]*3; y*x --at x=[2,3]",
    ),
    refused=("y = x*1; y[0] = [1, 2, 3]; y --at x=[[1,2],[3,4]]",),
)
row(
    "T",
    "x with its axes in reverse order: x.T",
    traits="moves attribute",
    torch=lambda x: x.T,
    trials=("x.T @ x --at x=randn(2,3)",),
)
row(
    "mT",
    "x with its last two axes swapped: x.mT",
    traits="moves attribute",
    torch=lambda x: x.mT,
    trials=("x.mT --at x=randn(2,2,3)",),
)
row(
    "t",
    "the transpose of a matrix",
    trials=("t(x) --at x=randn(2,3)",),
    refused=("t(x) --at x=randn(2,2,2)",),
)
row(
    "transpose",
    "x with two axes swapped",
    signature="x, option dim0, option dim1",
    aliases="swapaxes swapdims",
    trials=("x.transpose(0, 2) --at x=randn(2,2,3)",),
    refused=("x.transpose(0, 2) --at x=[1,2]",),
)
row(
    "permute",
    "x with its axes in another order",
    signature="x, option *dims",
    trials=("x.permute(2, 0, 1) --at x=randn(2,2,3)",),
    refused=("x.permute(0, 1) --at x=[1,2]",),
)
row(
    "movedim",
    "x with an axis moved",
    signature="x, option source, option destination",
    aliases="moveaxis",
    trials=("x.movedim(0, -1) --at x=randn(2,2,3)",),
)
row(
    "reshape",
    "the entries of x in another shape",
    signature="x, option *shape",
    trials=("x.reshape(3, 2) --at x=randn(2,3)", "reshape(x, (-1,)) --at x=randn(2,2)"),
    refused=("x.reshape(4) --at x=[1,2]",),
)
row(
    "view",
    "the entries of x in another shape, without a copy",
    signature="x, option *shape",
    torch=lambda x, *, shape: x.view(shape),
    trials=("x.view(3, -1) --at x=randn(2,3)",),
    refused=("x.view(4) --at x=[1,2]",),
)
row(
    "flatten",
    "x with several axes joined to one",
    signature="x, option start_dim=0, option end_dim=-1",
    trials=("x.flatten() --at x=randn(2,3)", "x.flatten(1) --at x=randn(2,2,2)"),
)
row("ravel", "x with all axes joined to one", trials=("ravel(x) --at x=randn(2,2)",))
row(
    "squeeze",
    "x without axes of length 1",
    signature="x, option dim=None",
    trials=("x.squeeze() --at x=randn(1,3)", "x.squeeze(0) --at x=randn(1,3)"),
)
row(
    "unsqueeze",
    "x with a new axis of length 1",
    signature="x, option dim",
    trials=("x.unsqueeze(-1) --at x=[1,2]",),
    refused=("x.unsqueeze(3) --at x=[1,2]",),
)
row(
    "expand",
    "x repeated along axes of length 1, without a copy",
    signature="x, option *shape",
    aliases="broadcast_to",
    torch=lambda x, *, shape: x.expand(shape),
    trials=("x.expand(2, 3) --at x=[1,2,3]", "x.expand(-1, 2) --at x=[[1],[2]]"),
    refused=("x.expand(2) --at x=[1,2,3]",),
)
row(
    "repeat",
    "x repeated along its axes",
    signature="x, option *sizes",
    torch=lambda x, *, sizes: x.repeat(sizes),
    trials=("x.repeat(2, 2) --at x=[1,2]",),
    refused=("x.repeat(2) --at x=[[1,2]]",),
)
row(
    "flip",
    "x in reverse order along axes",
    signature="x, option *dims",
    trials=("x.flip(0) --at x=[1,2,3]",),
)
row(
    "roll",
    "x shifted in a circle",
    signature="x, option shifts, option dims=None",
    trials=("x.roll(1)*x --at x=[1,2,3]", "x.roll(1, 0)*x --at x=randn(2,2)"),
)
for _name, _doc, _aliases, _trial in (
    ("cat", "tensors put one after the other along an axis", "concat concatenate", "randn(1,2)"),
    ("stack", "tensors put side by side along a new axis", "", "randn(2,2)"),
):
    row(
        _name,
        _doc,
        signature="[tensors], option dim=0",
        aliases=_aliases,
        torch=lambda *tensors, name=_name, **options: getattr(torch, name)(tensors, **options),
        trials=(
            f"{_name}([x, y]) --at x=randn(2,2),y={_trial}",
            f"{_name}([x, y, x], dim=-1) --at x=randn(2,2),y=randn(2,2)",
        ),
        refused=(f"{_name}([x, y]) --at x=randn(2,2),y=randn(2,3)",),
    )
for _name, _doc in (
    ("hstack", "tensors put side by side"),
    ("vstack", "tensors put below one another"),
):
    row(
        _name,
        _doc,
        signature="[tensors]",
        torch=lambda *tensors, name=_name: getattr(torch, name)(tensors),
        trials=(f"{_name}([x, y]) --at x=[1,2],y=[3,4]",),
    )
row(
    "diag",
    "the diagonal of a matrix, or a matrix of which x is the diagonal",
    signature="x, option diagonal=0",
    trials=("diag(x) --at x=[1,2]", "x.diag(1) --at x=randn(3,3)"),
    refused=("diag(x) --at x=randn(2,2,2)",),
)
row(
    "diagonal",
    "the diagonal of the first two axes",
    signature="x, option offset=0, option dim1=0, option dim2=1",
    trials=("x.diagonal() --at x=randn(2,3)",),
)
for _name, _doc in (("tril", "below"), ("triu", "above")):
    row(
        _name,
        f"x on and {_doc} the diagonal, else 0",
        signature="x, option diagonal=0",
        trials=(f"{_name}(x) --at x=randn(3,3)", f"x.{_name}(1) --at x=randn(2,3)"),
        refused=(f"{_name}(x) --at x=[1,2]",),
    )
row("clone", "a copy of x", trials=("y = x.clone(); y += 1; y*x --at x=[1,2]",))
row(
    "contiguous",
    "x, its entries in the order of memory",
    torch=lambda x: x.contiguous(),
    trials=("x.T.contiguous() --at x=randn(2,2)",),
)
