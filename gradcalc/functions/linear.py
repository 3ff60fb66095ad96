"""Rows: products of vectors and matrices, determinants and inverses."""

from __future__ import annotations

import itertools
import math
from typing import Any

from gradcalc.functions.table import rows_of, torch

row = rows_of("linear algebra")


def _matmul(x: Any, y: Any) -> Any:
    """The product, with torch's rules for vectors and for stacks of matrices."""
    left = x.unsqueeze(0) if x.ndim == 1 else x
    right = y.unsqueeze(-1) if y.ndim == 1 else y
    product = left.contracted(right)
    if y.ndim == 1:
        product = product.squeeze(-1)
    return product.squeeze(-2 if y.ndim > 1 else -1) if x.ndim == 1 else product


_MISFIT = ("{}(x, y) --at x=randn(2,3),y=randn(2,2)",)

row(
    "matmul",
    "the matrix product",
    signature="x, y",
    symbol="@",
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
        signature="x, y",
        entries=_matmul,
        trials=(f"{_name}(x, y) --at {_at}",),
        refused=(_MISFIT[0].format(_name),),
    )
row(
    "outer",
    "the products of each entry of x with each of y",
    signature="x, y",
    aliases="ger",
    entries=lambda x, y: x.unsqueeze(-1) * y,
    trials=("outer(x, y) --at x=[1,2],y=[3,4,5]",),
    refused=(_MISFIT[0].format("outer"),),
)
row(
    "linear",
    "x @ weight.T + bias",
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
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    terms = [
        _spelled(term, tensor.ndim) for term, tensor in zip(inputs.split(","), tensors, strict=True)
    ]
    letters = "".join(terms)
    dots = max(map(_dotted, terms), key=len)
    if arrow:
        result = result.replace("...", dots)
    else:
        # The dots, and then letters that occur once, in the order of the alphabet.
        once = [c for c in letters if letters.count(c) == 1 and c.isalpha()]
        result = dots + "".join(sorted(once))
    order = [*result, *sorted(set(letters).difference(result))]
    product = None
    for term, tensor in zip(terms, tensors, strict=True):
        aligned = _aligned(tensor, term, order)
        product = aligned if product is None else product * aligned
    summed = tuple(range(len(result), len(order)))
    return product.sum(summed) if product is not None and summed else product


def _spelled(term: str, ndim: int) -> str:
    """The letters of a term, with digits for the axes that its dots stand for, the last one 0."""
    count = ndim - len(term.replace("...", ""))
    return term.replace("...", "".join(map(chr, range(ord("0") + count - 1, ord("0") - 1, -1))))


def _dotted(term: str) -> str:
    """What the dots of a term stand for."""
    return "".join(c for c in term if not c.isalpha())


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
    if kept:
        tensor = tensor.permute(*(kept.index(letter) for letter in order if letter in kept))
    for position, letter in enumerate(order):
        if letter not in kept:
            tensor = tensor.unsqueeze(position)
    return tensor


row(
    "einsum",
    "sums of products, by Einstein's convention",
    signature="option equation, *tensors",
    torch=lambda *tensors, equation: torch.einsum(equation, *tensors),
    entries=_einsum,
    trials=(
        "einsum('ij,jk->ik', x, y) --at x=randn(2,3),y=randn(3,2)",
        "einsum('ij,ij', x, x) --at x=randn(2,3)",
        "einsum('ii->i', x) --at x=randn(3,3)",
        "einsum('bi,bj->bij', x, y) --at x=randn(2,2),y=randn(2,3)",
        "einsum('...i,i...->...', x, y) --at x=randn(2,3),y=randn(3,2)",
        "einsum('b...a', x) --at x=randn(2,2,3)",
        "einsum('', x) --at x=2",
    ),
    refused=("einsum('ij,jk->ik', x, y) --at x=randn(2,3),y=randn(2,2)",),
)
row(
    "trace",
    "the sum of the diagonal",
    entries=lambda x: x.diagonal().sum(),
    trials=("trace(x @ x) --at x=randn(2,2)",),
    refused=("trace(x) --at x=[1,2]",),
)


# --- Determinants ---------------------------------------------------------------------------------


#: Size of a matrix whose determinant is written out as a sum of products, and whose inverse is.
_WRITTEN_OUT = 4
_INVERSE_WRITTEN_OUT = 3

#: A pivot that is no larger than so many units of roundoff beside its column is suspected to be 0.
_NO_PIVOT = 2**19


def _det(x: Any, seen: Any) -> Any:
    """The determinant: written out for small matrices, else by elimination."""
    if x.ndim > 2:
        parts = [_det(part, values) for part, values in zip(x, seen, strict=True)]
        return parts[0].stacked(parts) if parts else x.sum((-2, -1))
    size = x.shape[-1]
    if size <= _WRITTEN_OUT:
        return _minor(x, tuple(range(size)), tuple(range(size)), {})
    pivots, singular = _pivots(seen)
    if singular:
        return _without_division(x)
    rows = _eliminated([list(line) for line in x], pivots)
    product = rows[0][0]
    for k in range(1, size):
        product = product * rows[k][k]
    swaps = sum(k != pivot for k, pivot in enumerate(pivots))
    return -product if swaps % 2 else product


def _minor(
    x: Any,
    rows: tuple[int, ...],
    columns: tuple[int, ...],
    minors: dict[tuple[tuple[int, ...], tuple[int, ...]], Any],
) -> Any:
    """The determinant of some rows and columns, by the first row (Laplace's expansion).

    Those in `minors` are not written out again.
    """
    if not rows:
        return x.number(1)
    if (rows, columns) not in minors:
        total = None
        for k, column in enumerate(columns):
            entry = x[rows[0], column]
            rest = columns[:k] + columns[k + 1 :]
            term = entry if len(rows) == 1 else entry * _minor(x, rows[1:], rest, minors)
            total = term if total is None else total - term if k % 2 else total + term
        minors[rows, columns] = total
    return minors[rows, columns]


def _without_division(x: Any) -> Any:
    """The determinant by products alone, for a matrix in which elimination would divide by 0.

    The method is Bird's (A simple division-free algorithm for computing determinants, 2011).
    """
    size = x.shape[-1]
    power = x
    for _ in range(size - 1):
        # Above the diagonal the entries stay; on it stand sums of those that were below.
        lines: list[Any] = []
        below = x.number(0)
        for k in reversed(range(size)):
            line = [-below, *(power[k, c] for c in range(k + 1, size))]
            below = power[k, k] if k == size - 1 else below + power[k, k]
            lines.insert(0, x.stacked(line).unsqueeze(0).contracted(x[k:]).squeeze(0))
        power = x.stacked(lines)
    return power[0, 0] if size % 2 else -power[0, 0]


def _pivots(seen: Any) -> tuple[list[int], bool]:
    """The row of each pivot, the largest in its column, and whether one of them may be 0.

    Chosen by the values at the point (`seen`). The last one divides nothing.
    """
    size = len(seen)
    values = [list(map(float, line)) for line in seen]
    pivots = []
    singular = False
    least = _NO_PIVOT * torch.finfo(seen.dtype).eps
    for k in range(size):
        pivot = max(range(k, size), key=lambda r: abs(values[r][k]))
        pivots.append(pivot)
        values[k], values[pivot] = values[pivot], values[k]
        largest = float(seen[:, k].abs().max())
        if k < size - 1 and not abs(values[k][k]) > least * largest:
            singular = True
        for r in range(k + 1, size):
            ratio = values[r][k] / values[k][k] if values[k][k] else 0.0
            for c in range(k + 1, size):
                values[r][c] -= ratio * values[k][c]
    return pivots, singular


def _eliminated(rows: list[list[Any]], pivots: list[int]) -> list[list[Any]]:
    """The rows in triangular form, swapped so that the pivots come to stand on the diagonal."""
    for k, pivot in enumerate(pivots):
        rows[k], rows[pivot] = rows[pivot], rows[k]
        for r in range(k + 1, len(rows)):
            factor = rows[r][k] / rows[k][k]
            for c in range(k + 1, len(rows[r])):
                rows[r][c] = rows[r][c] - factor * rows[k][c]
    return rows


def _solve(x: Any, y: Any, seen: Any) -> Any:
    """The solution of x @ z = y, with torch's rules for vectors and for stacks of matrices."""
    vector = y.ndim == 1 or (y.ndim == x.ndim - 1 and y.shape == x.shape[:-1])
    right = y.unsqueeze(-1) if vector else y
    stack = tuple(torch.broadcast_shapes(x.shape[:-2], right.shape[:-2]))
    size, count = x.shape[-1], right.shape[-1]
    matrices = x.expand(*stack, size, size).reshape(math.prod(stack), size, size)
    sides = right.expand(*stack, size, count).reshape(math.prod(stack), size, count)
    values = seen.expand(*stack, size, size).reshape(math.prod(stack), size, size)
    parts = [
        entry for part in zip(matrices, sides, values, strict=True) for entry in _solved(*part)
    ]
    solution = y.stacked(parts) if parts else sides
    return solution.reshape(*stack, size, *(() if vector else (count,)))


def _solved(x: Any, y: Any, seen: Any) -> list[Any]:
    """The entries of the solution of x @ z = y."""
    size = x.shape[-1]
    if size <= _INVERSE_WRITTEN_OUT:
        # Cramer's rule.
        adjugate, det = _adjugate(x)
        return [entry / det for line in adjugate.contracted(y) for entry in line]
    # Elimination, with y beside the matrix.
    beside = [[*line, *more] for line, more in zip(x, y, strict=True)]
    rows = _eliminated(beside, _pivots(seen)[0])
    solved: list[list[Any]] = [[]] * size
    for k in reversed(range(size)):
        line = []
        for c in range(size, size + y.shape[-1]):
            rest = rows[k][c]
            for j in range(k + 1, size):
                rest = rest - rows[k][j] * solved[j][c - size]
            line.append(rest / rows[k][k])
        solved[k] = line
    return [entry for line in solved for entry in line]


def _adjugate(x: Any) -> tuple[Any, Any]:
    """The inverse of a matrix times its determinant, written out; and the determinant."""
    size = x.shape[-1]
    whole = tuple(range(size))
    minors: dict[tuple[tuple[int, ...], tuple[int, ...]], Any] = {}
    entries = []
    for i, j in itertools.product(whole, whole):
        rows = tuple(k for k in whole if k != j)
        columns = tuple(k for k in whole if k != i)
        minor = _minor(x, rows, columns, minors)
        entries.append(-minor if (i + j) % 2 else minor)
    adjugate = x.stacked(entries).reshape(size, size) if entries else x
    return adjugate, _minor(x, whole, whole, minors)


def _inv(x: Any, seen: Any) -> Any:
    """The inverse: written out for small matrices, else by elimination."""
    size = x.shape[-1]
    if size > _INVERSE_WRITTEN_OUT:
        return _solve(x, x.identity().expand(*x.shape), seen)
    if x.ndim > 2:
        parts = [_inv(part, values) for part, values in zip(x, seen, strict=True)]
        return parts[0].stacked(parts) if parts else x
    adjugate, det = _adjugate(x)
    return adjugate / det


_SQUARE = ("{}(x) --at x=randn(2,3)",)

row(
    "det",
    "the determinant",
    torch=lambda x: torch.linalg.det(x),
    reads=0,
    entries=_det,
    trials=(
        "det(x) --at x=randn(2,2)",
        "det(x) --at x=randn(3,3)",
        "det(x) --at x=randn(5,5)",
        "det(x) --at x=zeros(5,5)",
        "det(x @ x.T) --at x=randn(5,2)",
        "det(x) --at x=randn(2,2,2)",
    ),
    refused=(_SQUARE[0].format("det"),),
)
row(
    "logdet",
    "the logarithm of the determinant",
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
    torch=lambda x, *, part: torch.linalg.slogdet(x)[part],
    reads=0,
    entries=_slogdet,
    parts="sign logabsdet",
    trials=("slogdet(x).logabsdet --at x=randn(3,3)", "slogdet(x)[1] --at x=randn(2,2)"),
    refused=("slogdet(x)[1] --at x=randn(2,3)",),
)
row(
    "inv",
    "the inverse matrix",
    aliases="inverse",
    torch=lambda x: torch.linalg.inv(x),
    reads=0,
    entries=_inv,
    trials=(
        "inv(x) --at x=randn(2,2)",
        "x.inverse() --at x=randn(4,4)",
        "inv(x) --at x=randn(2,2,2)",
    ),
    refused=(_SQUARE[0].format("inv"),),
)
row(
    "solve",
    "the solution z of x @ z = y",
    signature="x, y",
    torch=lambda x, y: torch.linalg.solve(x, y),
    reads=0,
    entries=_solve,
    trials=(
        "solve(x, y) --at x=randn(3,3),y=randn(3)",
        "solve(x, y) --at x=randn(2,2),y=randn(2,2)",
        "solve(x, y) --at x=randn(2,2,2),y=randn(2,2)",
        "solve(x, y) --at x=randn(2,2,2),y=randn(2,3)",
    ),
    refused=("solve(x, y) --at x=randn(2,2),y=randn(3)",),
)
