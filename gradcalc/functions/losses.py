"""Rows: the losses of torch.nn.functional."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcalc.functions.table import nn, rows_of

row = rows_of("losses")


def _reduced(terms: Any, reduction: str, count: Any = None) -> Any:
    """The terms as `reduction` asks."""
    if reduction == "none":
        return terms
    total = terms.sum()
    if reduction == "sum":
        return total
    if reduction == "batchmean":
        return total / terms.shape[0]
    return total / (terms.count(None) if count is None else count)


def _loss(
    name: str,
    doc: str,
    terms: Callable[..., Any],
    at: str,
    *,
    more: str = "",
) -> None:
    """Enter a loss of an input and a target; `terms` gives it entry by entry."""

    def entries(x: Any, y: Any, reduction: str = "mean", **given: Any) -> Any:
        return _reduced(terms(x, y, **given), reduction)

    row(
        name,
        doc,
        signature=f"input, target, option reduction='mean'{more}",
        torch=lambda x, y, **given: getattr(nn, name)(x, y, **given),
        entries=entries,
        trials=tuple(
            f"{name}(x, y{option}) --at {at}"
            for option in ("", ", reduction='sum'", ", reduction='none'")
        ),
        refused=(f"{name}(x, y) --at x=rand(2,3),y=rand(2,2)",),
    )


def _huber(x: Any, y: Any, delta: float = 1.0) -> Any:
    size = (x - y).abs()
    return (size <= delta).where(size * size / 2, (size - delta / 2) * delta)


def _smooth_l1(x: Any, y: Any, beta: float = 1.0) -> Any:
    size = (x - y).abs()
    return size if not beta else (size < beta).where(size * size / (2 * beta), size - beta / 2)


_TWO = "x=randn(2,3),y=randn(2,3)"
_loss("mse_loss", "the mean of (input - target)**2", lambda x, y: (x - y) * (x - y), _TWO)
_loss("l1_loss", "the mean of abs(input - target)", lambda x, y: (x - y).abs(), _TWO)
_loss(
    "huber_loss",
    "half the square of the error up to delta, beyond it linear",
    _huber,
    _TWO,
    more=", option delta=1.0",
)
_loss("smooth_l1_loss", "huber_loss divided by beta", _smooth_l1, _TWO, more=", option beta=1.0")
_loss(
    "binary_cross_entropy",
    "the mean of -target*log(input) - (1 - target)*log(1 - input)",
    # Without a value at 0 and 1, where torch clamps the logarithms at -100.
    lambda x, y: -(y * x.log() + (1 - y) * (1 - x).log()),
    "x=rand(2,3),y=rand(2,3)",
)
_loss(
    "binary_cross_entropy_with_logits",
    "binary_cross_entropy(sigmoid(input), target) without overflow",
    lambda x, y: -(-x).logsigmoid() - x * y,
    "x=randn(2,3),y=rand(2,3)",
)


def _kl(x: Any, y: Any, log_target: bool = False) -> Any:
    return y.exp() * (y - x) if log_target else y.xlogy(y) - y * x


_loss(
    "kl_div",
    "the mean of target*(log(target) - input); the input is a logarithm",
    _kl,
    "x=randn(2,3),y=rand(2,3)",
    more=", option log_target=False",
)


# --- Class indices --------------------------------------------------------------------------------


#: The class index that torch leaves out of the mean.
_IGNORED = -100


def _indexed(loss: str) -> Callable[..., Any]:
    """Return torch's loss, which wants class indices as whole numbers."""

    def call(x: Any, target: Any, **options: Any) -> Any:
        if target.ndim == x.ndim and loss == "cross_entropy":
            return nn.cross_entropy(x, target, **options)
        if target.requires_grad:
            raise RuntimeError(
                "the target holds class indices: whole numbers cannot require grad; "
                "differentiate by the others, with --wrt"
            )
        classes = x.shape[1 if x.ndim > 1 else 0] if x.ndim else 1
        valid = (target >= 0) & (target < classes) & (target == target.floor())
        strange = target[~(valid | (target == _IGNORED))]
        if strange.numel():
            raise RuntimeError(
                f"class indices are whole numbers from 0 to {classes - 1}, not "
                f"{strange.reshape(-1)[0].item():g}; the first of {classes} classes has the index 0"
            )
        return getattr(nn, loss)(x, target.long(), **options)

    return call


def _nll(x: Any, target: Any, seen: Any, reduction: str = "mean") -> Any:
    """The negative of the entries that the class indices (`seen`) choose; classes on axis 1."""
    axis = 1 if x.ndim > 1 else 0
    classes = x.movedim(axis, -1)
    chosen = classes.taken(seen.long(), _IGNORED)
    counted = int((seen != _IGNORED).sum())
    return _reduced(-chosen, reduction, counted)


def _cross_entropy(
    x: Any, target: Any, seen: Any, reduction: str = "mean", label_smoothing: float = 0.0
) -> Any:
    axis = 1 if x.ndim > 1 else 0
    logs = x.log_softmax(axis)
    count = x.shape[axis]
    if target.ndim == x.ndim:
        weights = target * (1 - label_smoothing) + label_smoothing / count
        terms = -(weights * logs).sum(axis)
        return _reduced(terms, reduction)
    plain = _nll(logs, target, seen, reduction)
    if not label_smoothing:
        return plain
    # Those that are ignored are 0 here, too.
    ignored = seen == _IGNORED
    sums = -logs.sum(axis).unsqueeze(-1).taken(ignored.long() * _IGNORED, _IGNORED)
    smooth = _reduced(sums, reduction, int((~ignored).sum()))
    return plain * (1 - label_smoothing) + smooth * (label_smoothing / count)


row(
    "nll_loss",
    "the mean of -input at the target's class; the target holds class indices",
    signature="input, target, option reduction='mean'",
    torch=_indexed("nll_loss"),
    reads=1,
    entries=_nll,
    trials=(
        "nll_loss(x, y) --at x=randn(2,3),y=[0,2] --wrt x",
        "nll_loss(x, y, reduction='none') --at x=randn(2,3),y=[0,2] --wrt x",
        "nll_loss(x, y) --at x=randn(2,3),y=[0,-100] --wrt x",
    ),
    refused=(
        "nll_loss(x, y) --at x=randn(2,3),y=[0,2,1] --wrt x",
        "nll_loss(x, y) --at x=randn(2,3),y=[0,2]",
        "nll_loss(x, y) --at x=randn(2,3),y=[0,3] --wrt x",
    ),
)
row(
    "cross_entropy",
    "nll_loss(log_softmax(input), target); the target holds class indices or probabilities",
    signature="input, target, option reduction='mean', option label_smoothing=0.0",
    torch=_indexed("cross_entropy"),
    reads=1,
    entries=_cross_entropy,
    trials=(
        "cross_entropy(x, y) --at x=randn(2,3),y=[0,2] --wrt x",
        "cross_entropy(x, y, reduction='sum') --at x=randn(3),y=2 --wrt x",
        "cross_entropy(x, y, label_smoothing=0.1) --at x=randn(2,3),y=[0,2] --wrt x",
        "cross_entropy(x, y, label_smoothing=0.1) --at x=randn(3,2),y=[1,-100,0] --wrt x",
        "cross_entropy(x, y) --at x=randn(2,3,2),y=[[0,2],[1,1]] --wrt x",
        "cross_entropy(x, y) --at x=randn(2,3),y=rand(2,3)",
    ),
    refused=(
        "cross_entropy(x, y) --at x=randn(2,3),y=[0,2,1] --wrt x",
        "cross_entropy(x, y) --at x=randn(2,3),y=[0,0.5] --wrt x",
    ),
)
