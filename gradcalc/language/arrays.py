"""Tensors from files: .npy, .csv and .json.

In: a file's name. Out: its numbers, as an `Array`. A file is only ever read as numbers: nothing in
it is executed (no pickles).
"""

from __future__ import annotations

import csv
import io
import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import Any

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, reason
from gradcalc.program.program import Array

#: Bytes of a file; a number takes about 20 as text.
_MOST_BYTES = 32 * limits.TENSOR_ENTRIES


#: What the readers raise for a file that holds something else.
_NO_TENSOR = (
    *(ValueError, TypeError, EOFError, SyntaxError, OverflowError, MemoryError, RecursionError),
    *(TokenError, csv.Error),
)


def read(name: str) -> Array:
    """Read a tensor.

    Raises:
        GradcalcError: kind `binding`, where the file cannot be read or holds no tensor of numbers.
    """
    path = Path(name)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise _refused(f"`{name}` is of no known kind", "name a .npy, .csv or .json file")
    try:
        # A pipe or a device could make us wait for ever.
        if not path.is_file():
            raise _refused(f"there is no file `{name}`", "write the file's name after the @")
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise _refused(f"`{name}` is larger than {_MOST_BYTES:,} bytes")
        found = reader(content)
    except OSError as problem:
        raise _refused(f"{name}: {reason(problem, 'it cannot be read')}") from None
    except _TooMany:
        found = None
    except _NO_TENSOR:
        raise _refused(f"`{name}` is no tensor of numbers") from None
    # A tensor without entries may still have immense sizes.
    if found is None or math.prod(max(size, 1) for size in found.shape) > limits.TENSOR_ENTRIES:
        raise _refused(f"`{name}` has over {limits.TENSOR_ENTRIES:,} entries")
    return found


class _TooMany(Exception):  # noqa: N818 - no error, but a finding
    """There are more numbers than a tensor may have."""


def _refused(message: str, hint: str | None = None) -> GradcalcError:
    return GradcalcError(Kind.BINDING, message, hint=hint)


def _npy(content: bytes) -> Array:
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that Python 2 wrote
        # `np.load` would open archives, too.
        found = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    if found.dtype.kind not in "fiub":
        raise ValueError
    return Array(tuple(found.shape), tuple(found.astype(np.float64).reshape(-1).tolist()))


def _csv(content: bytes) -> Array:
    """Read a matrix; one column, or one row, is a vector."""
    rows, count = [], 0
    for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
        count += len(row)
        if count > limits.TENSOR_ENTRIES:
            raise _TooMany
        if row:
            rows.append([float(cell) for cell in row])
    found = from_lists(rows)
    if 1 in found.shape:
        return Array((len(found.numbers),), found.numbers)
    return found


def _json(content: bytes) -> Array:
    if content.count(b",") >= limits.TENSOR_ENTRIES:
        raise _TooMany
    return from_lists(json.loads(content.decode("utf-8-sig")))


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
    return Array(tuple(shape), tuple(map(float, level)))


_READERS: dict[str, Callable[[bytes], Array]] = {".npy": _npy, ".csv": _csv, ".json": _json}
