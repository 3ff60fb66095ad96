"""Rows: products of vectors and matrices, determinants and inverses."""

from __future__ import annotations

from typing import Any

from gradcalc.functions.table import row, torch


def _matmul(x: Any, y: Any) -> Any:
    """The product, with torch's rules for vectors and for stacks of matrices."""
    left = x.unsqueeze(0) if x.ndim == 1 else x
    right = y.unsqueeze(-1) if y.ndim == 1 else y
    found = left.contracted(right)
    if y.ndim == 1:
        found = found.squeeze(-1)
    return found.squeeze(-2 if y.ndim > 1 else -1) if x.ndim == 1 else found


_MISFIT = ("{}(x, y) --at x=randn(2,3),y=randn(2,2)",)

row(
    "matmul",
    "the matrix product",
    group="linear algebra",
    signature="x, y",
    symbol="@",
    torch=lambda x, y: torch.matmul(x, y),
    entries=_matmul,
    trials=(
        "x @ y --at x=randn(2,3),y=randn(3,2)",
        "x @ y --at x=[1,2],y=[3,4]",
        "x @ y --at x=randn(2,3),y=randn(3)",
        "x @ y --at x=randn(2),y=randn(2,2)",
        "x @ y --at x=randn(2,2,3),y=randn(3,2)",
    ),
    refused=("x @ y --at x=randn(2,3),y=randn(2,2)", "x @ y --at x=2,y=[1,2]"),
)
for _name, _doc, _at in (
    ("mm", "the product of two matrices", "x=randn(2,3),y=randn(3,2)"),
    ("mv", "the product of a matrix and a vector", "x=randn(2,3),y=randn(3)"),
    ("bmm", "the products of two stacks of matrices", "x=randn(2,2,3),y=randn(2,3,2)"),
    ("dot", "the product of two vectors", "x=randn(3),y=randn(3)"),
):
    row(
        _name,
        _doc,
        group="linear algebra",
        signature="x, y",
        torch=lambda x, y, name=_name: getattr(torch, name)(x, y),
        entries=_matmul,
        trials=(f"{_name}(x, y) --at {_at}",),
        refused=(_MISFIT[0].format(_name),),
    )
row(
    "outer",
    "the products of each entry of x with each of y",
    group="linear algebra",
    signature="x, y",
    aliases="ger",
    torch=lambda x, y: torch.outer(x, y),
    entries=lambda x, y: x.unsqueeze(-1) * y,
    trials=("outer(x, y) --at x=[1,2],y=[3,4,5]",),
    refused=(_MISFIT[0].format("outer"),),
)
row(
    "linear",
    "x @ weight.T + bias",
    group="linear algebra",
    signature="x, weight, bias=None",
    torch=lambda x, weight, bias=None: torch.nn.functional.linear(x, weight, bias),
    entries=lambda x, weight, bias=None: (
        _matmul(x, weight.T) if bias is None else _matmul(x, weight.T) + bias
    ),
    trials=(
        "linear(x, W, b) --at x=randn(2,3),W=randn(2,3),b=randn(2)",
        "linear(x, W) --at x=randn(3),W=randn(2,3)",
    ),
)


def _einsum(*tensors: Any, equation: str) -> Any:
    """The sum over the letters that the result lacks of the products of the entries."""
    inputs, _, result = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if "->" not in equation:
        # Letters that occur once, in the order of the alphabet.
        letters = inputs.replace(",", "")
        result = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    order = [*result, *sorted(set(inputs) - {",", *result})]
    product = None
    for term, tensor in zip(terms, tensors, strict=True):
        aligned = _aligned(tensor, term, order)
        product = aligned if product is None else product * aligned
    summed = tuple(range(len(result), len(order)))
    return product.sum(summed) if product is not None and summed else product


def _aligned(tensor: Any, letters: str, order: list[str]) -> Any:
    """The tensor with an axis for each letter of `order`, of length 1 where it has none."""
    kept = list(letters)
    for letter in set(letters):
        while kept.count(letter) > 1:
            first = kept.index(letter)
            second = kept.index(letter, first + 1)
            tensor = tensor.diagonal(0, first, second)
            del kept[second], kept[first]
            kept.append(letter)
    tensor = tensor.permute(*(kept.index(letter) for letter in order if letter in kept))
    for position, letter in enumerate(order):
        if letter not in kept:
            tensor = tensor.unsqueeze(position)
    return tensor


row(
    "einsum",
    "sums of products, by Einstein's convention",
    group="linear algebra",
    signature="equation, *tensors",
    options="equation",
    torch=lambda *tensors, equation: torch.einsum(equation, *tensors),
    entries=_einsum,
    trials=(
        "einsum('ij,jk->ik', x, y) --at x=randn(2,3),y=randn(3,2)",
        "einsum('ij,ij', x, x) --at x=randn(2,3)",
        "einsum('ii->i', x) --at x=randn(3,3)",
        "einsum('bi,bj->bij', x, y) --at x=randn(2,2),y=randn(2,3)",
    ),
    refused=("einsum('ij,jk->ik', x, y) --at x=randn(2,3),y=randn(2,2)",),
)
row(
    "trace",
    "the sum of the diagonal",
    group="linear algebra",
    torch=lambda x: torch.trace(x),
    entries=lambda x: x.diagonal().sum(),
    trials=("trace(x @ x) --at x=randn(2,2)",),
    refused=("trace(x) --at x=[1,2]",),
)


# --- Determinants ---------------------------------------------------------------------------------


def _det(x: Any, seen: Any) -> Any:
    """The determinant: written out for small matrices, else by elimination."""
    if x.ndim > 2:
        parts = [_det(part, values) for part, values in zip(x, seen, strict=True)]
        return parts[0].stacked(parts)
    size = x.shape[-1]
    if size <= _WRITTEN_OUT:
        return _minor(x, tuple(range(size)), tuple(range(size)))
    rows, sign = _eliminated([list(line) for line in x], seen)
    product = rows[0][0]
    for k in range(1, size):
        product = product * rows[k][k]
    return product if sign > 0 else -product


#: Size of a matrix whose determinant is written out as a sum of products.
_WRITTEN_OUT = 3


def _minor(x: Any, rows: tuple[int, ...], columns: tuple[int, ...]) -> Any:
    """The determinant of some rows and columns, by the first row (Laplace's expansion)."""
    if not rows:
        return x.number(1)
    total = None
    for k, column in enumerate(columns):
        entry = x[rows[0], column]
        rest = columns[:k] + columns[k + 1 :]
        term = entry if len(rows) == 1 else entry * _minor(x, rows[1:], rest)
        total = term if total is None else total - term if k % 2 else total + term
    return total


def _eliminated(rows: list[list[Any]], seen: Any) -> tuple[list[list[Any]], int]:
    """The rows in triangular form, and the sign of the order they came to stand in.

    Pivots are chosen by the values at the point (`seen`): the largest in their column.
    """
    size = len(seen)
    values = [list(map(float, line)) for line in seen]
    sign = 1
    for k in range(size):
        pivot = max(range(k, size), key=lambda r: abs(values[r][k]))
        if pivot != k:
            rows[k], rows[pivot] = rows[pivot], rows[k]
            values[k], values[pivot] = values[pivot], values[k]
            sign = -sign
        for r in range(k + 1, size):
            factor = rows[r][k] / rows[k][k]
            ratio = values[r][k] / values[k][k] if values[k][k] else 0.0
            for c in range(k + 1, len(rows[r])):
                rows[r][c] = rows[r][c] - factor * rows[k][c]
            for c in range(k + 1, size):
                values[r][c] -= ratio * values[k][c]
    return rows, sign


def _solve(x: Any, y: Any, seen: Any) -> Any:
    """The solution of x @ z = y, by elimination with the right-hand sides beside the matrix."""
    if x.ndim > 2:
        parts = [_solve(a, b, values) for a, b, values in zip(x, y, seen, strict=True)]
        return parts[0].stacked(parts)
    right = y.unsqueeze(-1) if y.ndim == 1 else y
    size = x.shape[-1]
    beside = [[*line, *more] for line, more in zip(x, right, strict=True)]
    rows, _ = _eliminated(beside, seen)
    solved: list[list[Any]] = [[]] * size
    for k in reversed(range(size)):
        line = []
        for c in range(size, size + right.shape[-1]):
            rest = rows[k][c]
            for j in range(k + 1, size):
                rest = rest - rows[k][j] * solved[j][c - size]
            line.append(rest / rows[k][k])
        solved[k] = line
    flat = [entry for line in solved for entry in line]
    return flat[0].stacked(flat).reshape(*y.shape)


def _inv(x: Any, seen: Any) -> Any:
    if x.shape[-1] <= _WRITTEN_OUT and x.ndim == 2:
        size = x.shape[-1]
        whole = tuple(range(size))
        det = _minor(x, whole, whole)
        entries = []
        for i in whole:
            for j in whole:
                rows = tuple(k for k in whole if k != j)
                columns = tuple(k for k in whole if k != i)
                minor = _minor(x, rows, columns)
                entries.append((minor if (i + j) % 2 == 0 else -minor) / det)
        return det.stacked(entries).reshape(size, size)
    identity = x.number(0).expand(*x.shape[:-1], x.shape[-1]) + x.identity()
    return _solve(x, identity, seen)


_SQUARE = ("{}(x) --at x=randn(2,3)",)

row(
    "det",
    "the determinant",
    group="linear algebra",
    torch=lambda x: torch.linalg.det(x),
    reads=0,
    entries=_det,
    trials=(
        "det(x) --at x=randn(2,2)",
        "det(x) --at x=randn(3,3)",
        "det(x) --at x=randn(5,5)",
        "det(x) --at x=randn(2,2,2)",
    ),
    refused=(_SQUARE[0].format("det"),),
)
row(
    "logdet",
    "the logarithm of the determinant",
    group="linear algebra",
    torch=lambda x: torch.logdet(x),
    reads=0,
    entries=lambda x, seen: _det(x, seen).log(),
    trials=("logdet(x) --at x=[[2,1],[1,3]]", "logdet(x @ x.T + eye(4)) --at x=randn(4,4)"),
    refused=(_SQUARE[0].format("logdet"),),
)


def _slogdet(x: Any, seen: Any, *, part: int) -> Any:
    det = _det(x, seen)
    return det.abs().log() if part else det.sign()


row(
    "slogdet",
    "the determinant's sign and the logarithm of its size: slogdet(x).logabsdet",
    group="linear algebra",
    parts="sign logabsdet",
    torch=lambda x, *, part: torch.linalg.slogdet(x)[part],
    reads=0,
    entries=_slogdet,
    trials=("slogdet(x).logabsdet --at x=randn(3,3)", "slogdet(x)[1] --at x=randn(2,2)"),
    refused=("slogdet(x)[1] --at x=randn(2,3)",),
)
row(
    "inv",
    "the inverse matrix",
    group="linear algebra",
    aliases="inverse",
    torch=lambda x: torch.linalg.inv(x),
    reads=0,
    entries=_inv,
    trials=("inv(x) --at x=randn(2,2)", "x.inverse() --at x=randn(4,4)"),
    refused=(_SQUARE[0].format("inv"),),
)
row(
    "solve",
    "the solution z of x @ z = y",
    group="linear algebra",
    signature="x, y",
    torch=lambda x, y: torch.linalg.solve(x, y),
    reads=0,
    entries=_solve,
    trials=(
        "solve(x, y) --at x=randn(3,3),y=randn(3)",
        "solve(x, y) --at x=randn(2,2),y=randn(2,2)",
    ),
    refused=("solve(x, y) --at x=randn(2,2),y=randn(3)",),
)
