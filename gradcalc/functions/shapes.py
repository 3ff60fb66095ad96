"""Rows: the shape of tensors, and which of their entries stand where.

None of them calculates: `expand` runs the torch column on the numbers of the entries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcalc.functions.table import row, torch


def _torch_index(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """The items as torch takes them: lists in place of tuples."""
    return tuple(list(item) if isinstance(item, tuple) else item for item in items)


def _shape(
    name: str,
    doc: str,
    torch: Callable[..., Any],
    trials: tuple[str, ...],
    *,
    signature: str = "x",
    **columns: Any,
) -> None:
    """Enter a row; every parameter but the first is an option, if `options` says no other."""
    others = [part.partition("=")[0].strip("*") for part in signature.split(", ")[1:]]
    columns.setdefault("options", " ".join(others))
    row(
        name,
        doc,
        group="shape",
        signature=signature,
        moves=True,
        torch=torch,
        trials=trials,
        **columns,
    )


def _set(x: Any, value: Any, *, index: tuple[Any, ...]) -> Any:
    """x, after its entries at the index were set to the value."""
    x[_torch_index(index)] = value
    return x


_shape(
    "getitem",
    "x[index]: entries and parts of x",
    lambda x, *, index: x[_torch_index(index)],
    (
        "x[0]*x[1] --at x=[2,3]",
        "x[:, 1:] --at x=[[1,2,3],[4,5,6]]",
        "x[..., None, [0, 2]] --at x=[1,2,3]",
    ),
    signature="x, index",
    called=False,
    refused=("x[5] --at x=[1,2]", "x[0, 0] --at x=[1,2]"),
)
_shape(
    "setitem",
    "x[index] = value, in place",
    _set,
    (
        "n = zeros(2, 2); n[0, :] = x; n[1, 1] = x[0]**2; n --at x=[2,3]",
        "y = x*2; y[0] = y[1]*3; y*x --at x=[2,3]",
    ),
    signature="x, value, index",
    called=False,
    options="index",
    refused=("y = x*1; y[0] = [1, 2, 3]; y --at x=[[1,2],[3,4]]",),
)
_shape(
    "T",
    "x with its axes in reverse order: x.T",
    lambda x: x.T,
    ("x.T @ x --at x=randn(2,3)",),
    attribute=True,
)
_shape(
    "mT",
    "x with its last two axes swapped: x.mT",
    lambda x: x.mT,
    ("x.mT --at x=randn(2,2,3)",),
    attribute=True,
)
_shape(
    "t",
    "the transpose of a matrix",
    lambda x: torch.t(x),
    ("t(x) --at x=randn(2,3)",),
    refused=("t(x) --at x=randn(2,2,2)",),
)
_shape(
    "transpose",
    "x with two axes swapped",
    lambda x, *, dim0, dim1: torch.transpose(x, dim0, dim1),
    ("x.transpose(0, 2) --at x=randn(2,2,3)",),
    signature="x, dim0, dim1",
    aliases="swapaxes swapdims",
    refused=("x.transpose(0, 2) --at x=[1,2]",),
)
_shape(
    "permute",
    "x with its axes in another order",
    lambda x, *, dims: torch.permute(x, dims),
    ("x.permute(2, 0, 1) --at x=randn(2,2,3)",),
    signature="x, *dims",
    refused=("x.permute(0, 1) --at x=[1,2]",),
)
_shape(
    "movedim",
    "x with an axis moved",
    lambda x, *, source, destination: torch.movedim(x, source, destination),
    ("x.movedim(0, -1) --at x=randn(2,2,3)",),
    signature="x, source, destination",
    aliases="moveaxis",
)
_shape(
    "reshape",
    "the entries of x in another shape",
    lambda x, *, shape: torch.reshape(x, shape),
    ("x.reshape(3, 2) --at x=randn(2,3)", "reshape(x, (-1,)) --at x=randn(2,2)"),
    signature="x, *shape",
    refused=("x.reshape(4) --at x=[1,2]",),
)
_shape(
    "view",
    "the entries of x in another shape, without a copy",
    lambda x, *, shape: x.view(shape),
    ("x.view(3, -1) --at x=randn(2,3)",),
    signature="x, *shape",
    refused=("x.view(4) --at x=[1,2]",),
)
_shape(
    "flatten",
    "x with several axes joined to one",
    lambda x, **options: torch.flatten(x, **options),
    ("x.flatten() --at x=randn(2,3)", "x.flatten(1) --at x=randn(2,2,2)"),
    signature="x, start_dim=0, end_dim=-1",
)
_shape(
    "ravel",
    "x with all axes joined to one",
    lambda x: torch.ravel(x),
    ("ravel(x) --at x=randn(2,2)",),
)
_shape(
    "squeeze",
    "x without axes of length 1",
    lambda x, **options: torch.squeeze(x, **options),
    ("x.squeeze() --at x=randn(1,3)", "x.squeeze(0) --at x=randn(1,3)"),
    signature="x, dim=None",
)
_shape(
    "unsqueeze",
    "x with a new axis of length 1",
    lambda x, *, dim: torch.unsqueeze(x, dim),
    ("x.unsqueeze(-1) --at x=[1,2]",),
    signature="x, dim",
    refused=("x.unsqueeze(3) --at x=[1,2]",),
)
_shape(
    "expand",
    "x repeated along axes of length 1, without a copy",
    lambda x, *, shape: x.expand(shape),
    ("x.expand(2, 3) --at x=[1,2,3]", "x.expand(-1, 2) --at x=[[1],[2]]"),
    signature="x, *shape",
    aliases="broadcast_to",
    refused=("x.expand(2) --at x=[1,2,3]",),
)
_shape(
    "repeat",
    "x repeated along its axes",
    lambda x, *, sizes: x.repeat(sizes),
    ("x.repeat(2, 2) --at x=[1,2]",),
    signature="x, *sizes",
    refused=("x.repeat(2) --at x=[[1,2]]",),
)
_shape(
    "flip",
    "x in reverse order along axes",
    lambda x, *, dims: torch.flip(x, dims),
    ("x.flip(0) --at x=[1,2,3]",),
    signature="x, *dims",
)
_shape(
    "roll",
    "x shifted in a circle",
    lambda x, **options: torch.roll(x, **options),
    ("x.roll(1)*x --at x=[1,2,3]", "x.roll(1, 0)*x --at x=randn(2,2)"),
    signature="x, shifts, dims=None",
)
for _name, _doc, _aliases, _trial in (
    ("cat", "tensors put one after the other along an axis", "concat concatenate", "randn(1,2)"),
    ("stack", "tensors put side by side along a new axis", "", "randn(2,2)"),
):
    _shape(
        _name,
        _doc,
        lambda *tensors, name=_name, **options: getattr(torch, name)(tensors, **options),
        (
            f"{_name}([x, y]) --at x=randn(2,2),y={_trial}",
            f"{_name}([x, y, x], dim=-1) --at x=randn(2,2),y=randn(2,2)",
        ),
        signature="[tensors], dim=0",
        options="dim",
        aliases=_aliases,
        refused=(f"{_name}([x, y]) --at x=randn(2,2),y=randn(2,3)",),
    )
for _name, _doc in (
    ("hstack", "tensors put side by side"),
    ("vstack", "tensors put below one another"),
):
    _shape(
        _name,
        _doc,
        lambda *tensors, name=_name: getattr(torch, name)(tensors),
        (f"{_name}([x, y]) --at x=[1,2],y=[3,4]",),
        signature="[tensors]",
    )
_shape(
    "diag",
    "the diagonal of a matrix, or a matrix of which x is the diagonal",
    lambda x, **options: torch.diag(x, **options),
    ("diag(x) --at x=[1,2]", "x.diag(1) --at x=randn(3,3)"),
    signature="x, diagonal=0",
    refused=("diag(x) --at x=randn(2,2,2)",),
)
_shape(
    "diagonal",
    "the diagonal of the first two axes",
    lambda x, **options: torch.diagonal(x, **options),
    ("x.diagonal() --at x=randn(2,3)",),
    signature="x, offset=0, dim1=0, dim2=1",
)
for _name, _doc in (("tril", "below"), ("triu", "above")):
    _shape(
        _name,
        f"x on and {_doc} the diagonal, else 0",
        lambda x, name=_name, **options: getattr(torch, name)(x, **options),
        (f"{_name}(x) --at x=randn(3,3)", f"x.{_name}(1) --at x=randn(2,3)"),
        signature="x, diagonal=0",
        refused=(f"{_name}(x) --at x=[1,2]",),
    )
_shape(
    "clone", "a copy of x", lambda x: torch.clone(x), ("y = x.clone(); y += 1; y*x --at x=[1,2]",)
)
_shape(
    "contiguous",
    "x, its entries in the order of memory",
    lambda x: x.contiguous(),
    ("x.T.contiguous() --at x=randn(2,2)",),
)
