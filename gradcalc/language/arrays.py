"""Tensors from files, .npy, .csv and .json, and the reading of numbers for points of sweeps.

In: a file's name. Out: its numbers, as an `Array`. A file is only ever read as numbers: nothing in
it is executed (no pickles).
"""

from __future__ import annotations

import csv
import json
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from tokenize import TokenError
from typing import Any

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, reason
from gradcalc.program.program import Array

#: Bytes of a file; a number takes about 20 as text.
_MOST_BYTES = 32 * limits.TENSOR_ENTRIES


class _TooMany(Exception):  # noqa: N818 - no error, but a finding
    """There are more numbers than a tensor may have."""


def read(name: str) -> Array:
    """Read a tensor.

    Raises:
        GradcalcError: kind `binding`, where the file cannot be read or holds no tensor of numbers.
    """
    path = path_of(name)
    try:
        tensor = _READERS[path.suffix.lower()](path)
        # A tensor without entries may still have immense sizes.
        _check_count(math.prod(max(size, 1) for size in tensor.shape))
    except OSError as problem:
        raise _refused(f"{name}: {reason(problem, 'it cannot be read')}") from None
    except _TooMany:
        raise _refused(f"`{name}` has over {limits.TENSOR_ENTRIES:,} entries") from None
    except (ValueError, RecursionError, csv.Error):
        raise _refused(f"`{name}` is no tensor of numbers") from None
    return tensor


def path_of(name: str) -> Path:
    """The path of a file that may hold a tensor.

    Raises:
        GradcalcError: kind `binding`, where there is none, or it is too large or of another kind.
    """
    path = Path(name)
    if path.suffix.lower() not in _READERS:
        raise _refused(f"`{name}` is of no known kind", "name a .npy, .csv or .json file")
    try:
        # A pipe or a device could make us wait for ever.
        if not path.is_file():
            raise _refused(f"there is no file `{name}`", "write the file's name after the @")
        if path.stat().st_size > _MOST_BYTES:
            raise _refused(f"`{name}` is larger than {_MOST_BYTES:,} bytes")
    except OSError as problem:
        raise _refused(f"{name}: {reason(problem, 'it cannot be read')}") from None
    return path


def _check_count(entries: int) -> None:
    if entries > limits.TENSOR_ENTRIES:
        raise _TooMany


def _refused(message: str, hint: str | None = None) -> GradcalcError:
    return GradcalcError(Kind.BINDING, message, hint=hint)


def npy_array(path: Path) -> Any:
    """The array of an .npy file, of which numpy reads what is used.

    Raises:
        ValueError: If there is none, or it holds Python's objects.
    """
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that Python 2 wrote
        try:
            # `np.load` would open archives, too.
            return np.lib.format.open_memmap(path, mode="r")
        except (TypeError, EOFError, SyntaxError, OverflowError, MemoryError, TokenError):
            raise ValueError from None


def csv_rows(
    lines: Iterable[str], places: Mapping[str, int] | None = None, *, skip: int = 0
) -> Iterator[list[float]]:
    """The rows of a CSV text as numbers; empty rows are left out.

    Args:
        lines: The text.
        places: The names and places of the cells that are read of each row; None for all.
        skip: Rows before the numbers.

    Raises:
        csv.Error: If it is no CSV; like the next with its line, from 1, before a colon.
        ValueError: If a cell is missing or no number.
    """
    reader = csv.reader(lines)
    row: list[str] = []
    try:
        for row in islice(reader, skip, None):
            if row:
                cells = row if places is None else [row[place] for place in places.values()]
                yield list(map(float, cells))
    except csv.Error as problem:
        raise csv.Error(f"{reader.line_num}: {problem}") from None
    except (ValueError, IndexError):
        wrong = _wrong_cell(row, places or {})
        raise ValueError(f"{reader.line_num}: {wrong}") from None


def _wrong_cell(row: Sequence[str], places: Mapping[str, int]) -> str:
    """What to say about the first cell that is missing or no number."""
    for name, place in places.items():
        if place >= len(row):
            return f"there is no `{name}` in this line"
        try:
            float(row[place])
        except ValueError:
            cell = row[place]
            return f"`{name}` is no number: {cell if len(cell) < 40 else f'{cell[:39]}…'!r}"
    return ""


def _npy(path: Path) -> Array:
    array = npy_array(path)
    if array.dtype.kind not in "fiub":
        raise ValueError
    return Array(tuple(array.shape), tuple(array.astype(float).reshape(-1).tolist()))


def _csv(path: Path) -> Array:
    """Read a matrix; one column, or one row, is a vector."""
    rows, count = [], 0
    with path.open(newline="", encoding="utf-8-sig") as stream:
        for row in csv_rows(stream):
            count += len(row)
            _check_count(count)
            rows.append(row)
    matrix = from_lists(rows)
    if 1 in matrix.shape:
        return Array((len(matrix.numbers),), matrix.numbers)
    return matrix


def _json(path: Path) -> Array:
    text = path.read_text("utf-8-sig")
    _check_count(text.count(",") + 1)
    return from_lists(json.loads(text))


def from_lists(value: Any) -> Array:
    """Read nested lists of numbers.

    Raises:
        ValueError: Where the lists are not of one length, or hold what is no number.
    """
    shape: list[int] = []
    level = [value]
    while level and isinstance(level[0], list):
        if not all(isinstance(part, list) and len(part) == len(level[0]) for part in level):
            raise ValueError
        shape.append(len(level[0]))
        level = [element for part in level for element in part]
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in level):
        raise ValueError
    try:
        return Array(tuple(shape), tuple(map(float, level)))
    except OverflowError:
        raise ValueError from None


_READERS: dict[str, Callable[[Path], Array]] = {".npy": _npy, ".csv": _csv, ".json": _json}
