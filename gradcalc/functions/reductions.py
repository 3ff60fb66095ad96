"""Rows: sums and other functions of many entries, along an axis or of all.

The `entries` column writes them as smaller ones.
"""

from __future__ import annotations

import math
from typing import Any

from gradcalc.functions import balls
from gradcalc.functions.table import algebra as sympy
from gradcalc.functions.table import rows_of, torch

row = rows_of("reductions")

_AXES = "x, option dim=None, option keepdim=False"
_TRIALS = (
    "{}(x) --at x=randn(2,3)",
    "x.{}(dim=1) --at x=randn(2,3)",
    "x.{}(-1, keepdim=True)*x --at x=randn(2,3)",
)


def _trials(name: str, *more: str) -> tuple[str, ...]:
    return tuple(trial.format(name) for trial in (*_TRIALS, *more))


def _refused(name: str) -> tuple[str, ...]:
    return (f"x.{name}(dim=2) --at x=randn(2,3)",)


row(
    "sum",
    "the sum of the entries",
    signature=_AXES,
    sympy=lambda *terms: sympy.Add(*terms),
    value=lambda *terms: balls.fsum(terms),
    derivative="1",
    entries=lambda x, dim=None, keepdim=False: x.reduced("sum", dim, keepdim),
    trials=_trials("sum", "x.sum((0, 1)) --at x=randn(2,3)"),
    refused=_refused("sum"),
)
row(
    "mean",
    "the mean of the entries",
    signature=_AXES,
    aliases="average",
    entries=lambda x, dim=None, keepdim=False: x.sum(dim, keepdim) / x.count(dim),
    trials=_trials("mean"),
    refused=_refused("mean"),
)
row(
    "prod",
    "the product of the entries",
    signature=_AXES,
    entries=lambda x, dim=None, keepdim=False: x.folded("mul", dim, keepdim),
    trials=_trials("prod"),
    refused=_refused("prod"),
)


def _correction(correction: float = 1, unbiased: bool | None = None) -> float:
    return correction if unbiased is None else int(unbiased)


def _unbiased(dim: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The axis and the other options: x.std(False) has `unbiased` in the place of the axis."""
    return (None, {**options, "unbiased": dim}) if isinstance(dim, bool) else (dim, options)


def _spread(name: str) -> Any:
    """torch.var or torch.std, which take either `correction` or `unbiased`."""

    def call(x: Any, dim: Any = None, keepdim: bool = False, **options: Any) -> Any:
        dim, options = _unbiased(dim, options)
        correction = _correction(**options)
        return getattr(torch, name)(x, dim=dim, keepdim=keepdim, correction=correction)

    return call


def _var(x: Any, dim: Any = None, keepdim: bool = False, **options: Any) -> Any:
    dim, options = _unbiased(dim, options)
    gap = x - x.mean(dim, keepdim=True)
    return (gap * gap).sum(dim, keepdim) / max(x.count(dim) - _correction(**options), 0)


for _name, _doc in (("var", "variance"), ("std", "standard deviation")):
    row(
        _name,
        f"the {_doc}, with n - correction as the divisor",
        signature="x, option dim=None, option correction=1, option keepdim=False, "
        "option unbiased=None",
        torch=_spread(_name),
        entries=_var
        if _name == "var"
        else lambda x, dim=None, keepdim=False, **options: _var(x, dim, keepdim, **options).sqrt(),
        trials=(
            f"{_name}(x) --at x=randn(2,3)",
            f"x.{_name}(dim=1) --at x=randn(2,3)",
            f"x.{_name}(-1, keepdim=True)*x --at x=randn(2,3)",
            f"x.{_name}(unbiased=False) --at x=randn(4)",
            f"x.{_name}(False) --at x=randn(4)",
            f"x.{_name}(0, correction=2) --at x=randn(4)",
        ),
        refused=_refused(_name),
    )


def _torch_norm(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    return torch.linalg.vector_norm(x, 2 if p == "fro" else p, dim, keepdim)


def _norm(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    if p in {2, "fro"}:
        return (x * x).sum(dim, keepdim).sqrt()
    sizes = x.abs()
    if p == 1:
        return sizes.sum(dim, keepdim)
    if p == 0:
        return (x.sign() * x.sign()).sum(dim, keepdim)
    if p == math.inf:
        return sizes.folded("maximum", dim, keepdim)
    if p == -math.inf:
        return sizes.folded("minimum", dim, keepdim)
    return (sizes**p).sum(dim, keepdim) ** (1 / p)


row(
    "norm",
    "the p-norm: the p-th root of the sum of abs(x)**p",
    signature="x, option p=2, option dim=None, option keepdim=False",
    aliases="vector_norm",
    torch=_torch_norm,
    entries=_norm,
    trials=(
        "norm(x) --at x=randn(2,3)",
        "x.norm(1) --at x=randn(2,3)",
        "x.norm(3, dim=1) --at x=randn(2,3)",
        "x.norm(inf) --at x=randn(4)",
        "x.norm(0) --at x=randn(4)",
        "x.norm(dim=0, keepdim=True)*x --at x=randn(2,3)",
    ),
    refused=("x.norm(dim=2) --at x=randn(2,3)",),
)


def _torch_extreme(name: str) -> Any:
    """torch.max or torch.min; along an axis torch gives the values and where they are."""

    def call(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
        function = getattr(torch, name)
        return function(x) if dim is None else function(x, dim, keepdim).values

    return call


for _name, _pair, _doc in (
    ("max", "maximum", "the largest entry; along an axis, ties go to one of them"),
    ("min", "minimum", "the smallest entry; along an axis, ties go to one of them"),
):
    row(
        _name,
        _doc,
        signature=_AXES,
        torch=_torch_extreme(_name),
        entries=lambda x, dim=None, keepdim=False, pair=_pair: x.folded(pair, dim, keepdim),
        pairwise=_pair,
        parts="values",
        trials=_trials(_name, f"x.{_name}(dim=0).values --at x=randn(2,3)"),
        refused=_refused(_name),
    )
    row(
        f"a{_name}",
        f"the {'largest' if _name == 'max' else 'smallest'} entry; ties share the gradient",
        signature=_AXES,
        torch=lambda x, dim=(), keepdim=False, name=_name: getattr(torch, f"a{name}")(
            x, () if dim is None else dim, keepdim
        ),
        entries=lambda x, dim=None, keepdim=False, pair=_pair: x.folded(pair, dim, keepdim),
        trials=_trials(f"a{_name}"),
        refused=_refused(f"a{_name}"),
    )
for _name, _pair, _doc in (("cumsum", "add", "sums"), ("cumprod", "mul", "products")):
    row(
        _name,
        f"the running {_doc} along an axis",
        signature="x, option dim",
        entries=lambda x, *, dim, pair=_pair: x.running(pair, dim),
        trials=(f"x.{_name}(0) --at x=randn(3)", f"x.{_name}(dim=1) --at x=randn(2,3)"),
        refused=(f"x.{_name}(dim=2) --at x=randn(2,3)",),
    )
row(
    "logsumexp",
    "log(sum(exp(x))) without overflow",
    signature="x, option dim, option keepdim=False",
    entries=lambda x, dim, keepdim=False: x.exp().sum(dim, keepdim).log(),
    trials=("x.logsumexp(1) --at x=randn(2,3)", "x.logsumexp((0, 1)) --at x=randn(2,3)"),
    refused=_refused("logsumexp"),
)


def _softmax(x: Any, *, dim: int) -> Any:
    powers = x.exp()
    return powers / powers.sum(dim, keepdim=True)


row(
    "softmax",
    "exp(x)/sum(exp(x)) along an axis",
    signature="x, option dim",
    entries=_softmax,
    trials=("x.softmax(1) --at x=randn(2,3)", "softmax(x, dim=0) --at x=randn(3)"),
    refused=_refused("softmax"),
)
row(
    "softmin",
    "softmax(-x)",
    signature="x, option dim",
    entries=lambda x, *, dim: _softmax(-x, dim=dim),
    trials=("softmin(x, dim=0) --at x=randn(3)",),
)
row(
    "log_softmax",
    "log(softmax(x)) along an axis",
    signature="x, option dim",
    entries=lambda x, *, dim: x - x.logsumexp(dim, keepdim=True),
    trials=("x.log_softmax(1) --at x=randn(2,3)",),
    refused=_refused("log_softmax"),
)
