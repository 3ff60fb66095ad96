"""Tensors from files, .npy, .csv and .json, and the reading of numbers for points of sweeps.

In: a file's name. Out: its numbers, as an `Array`. A file is only ever read as numbers: nothing in
it is executed (no pickles).
"""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, no_file, reason
from gradcalc.base.readings import real, written_plainly
from gradcalc.program.program import Array

#: Bytes of a file; a number takes about 20 as text.
_MOST_BYTES = 32 * limits.TENSOR_ENTRIES


class _TooMany(Exception):  # noqa: N818 - no error, but a finding
    """There are more numbers than a tensor may have."""


class _NoNumbers(Exception):  # noqa: N818 - no error, but a finding
    """A file of text is empty: that it was meant to be is not likely."""


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
    except _NoNumbers:
        raise _refused(f"`{name}` holds no numbers", "a tensor without entries is x=[]") from None
    except _TooMany:
        raise _refused(f"`{name}` has over {limits.TENSOR_ENTRIES:,} entries") from None
    except RecursionError:
        message = f"the lists in `{name}` are nested too deeply; the limit is {limits.DIMENSIONS}"
        raise GradcalcError(Kind.LIMIT, message) from None
    except _RangeError as problem:  # no other cell is shown to whoever asks
        raise _refused(f"{name}:{problem}", "write finite numbers, as in 0.5 or 1e-3") from None
    except (ValueError, csv.Error):
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
            raise _refused(no_file(path), "write the file's name after the @")
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


class CellError(ValueError):
    """A cell is missing, too many, or no number; the message says where, with its line first."""


class _RangeError(CellError):
    """It is a number, but not one of float64."""


class CsvRows:
    """The rows of a CSV text, in bounded memory whatever the text is.

    Attributes:
        line: The number of lines that were read.
    """

    def __init__(self, stream: IO[str], most: int) -> None:
        """Read a stream.

        Args:
            stream: The text.
            most: Characters of one row.
        """
        self._stream = stream
        self._most = most
        self._length = 0
        self.line = 0
        self._reader = csv.reader(self._lines())

    def _lines(self) -> Iterator[str]:
        """The lines; one may have no end, and so may a row, for a cell may go over many lines."""
        read = self._stream.readline
        while line := read(self._most + 1):
            self.line += 1
            self._length += len(line)
            if self._length > self._most:
                raise csv.Error(f"a row of over {self._most:,} characters")
            yield line

    def texts(self) -> Iterator[list[str]]:
        """The rows as they stand there.

        Raises:
            csv.Error: If it is no CSV; with its line, from 1, before a colon.
        """
        try:
            for row in self._reader:
                self._length = 0
                yield row
        except csv.Error as problem:
            large = f"a cell of over {csv.field_size_limit():,} characters"
            said = large if "field limit" in str(problem) else problem
            raise csv.Error(f"{self.line}: {said}") from None

    def numbers(
        self, places: Mapping[str, int] | None = None, width: int | None = None
    ) -> Iterator[list[float]]:
        """The rows as numbers; empty ones are left out.

        Args:
            places: The names and places of the cells that are read of each row; None for all.
            width: How many cells a row may have; None for any number.

        Raises:
            csv.Error: As `texts`.
            CellError: If a cell is missing, or no number of float64, or there are too many.
        """
        for row in self.texts():
            if not row:
                continue
            if width is not None and len(row) > width:
                columns = f"{width} column{'s' * (width != 1)}"
                raise CellError(f"{self.line}: {len(row)} cells in this line, but {columns}")
            try:
                cells = row if places is None else [row[place] for place in places.values()]
                written_plainly("".join(cells))  # all at once, for speed
                numbers = list(map(float, cells))
            except (ValueError, IndexError):
                numbers = [math.inf]
            if math.inf in numbers or -math.inf in numbers:
                named = [(f"`{name}`", place) for name, place in (places or {}).items()]
                for name, place in named or [(f"cell {k + 1}", k) for k in range(len(row))]:
                    _check(self.line, name, row[place] if place < len(row) else None)
            yield numbers


def _check(line: int, name: str, cell: str | None) -> None:
    """Refuse the cell of that name, unless it is a number, or says itself that it is inf."""
    if cell is None:
        raise CellError(f"{line}: there is no {name} in this line")
    quoted = repr(cell if len(cell) < 40 else f"{cell[:39]}…")
    try:
        number = real(cell)
    except ValueError:
        raise CellError(f"{line}: {name} is no number: {quoted}") from None
    if math.isinf(number) and any(map(str.isdecimal, cell)):
        raise _RangeError(f"{line}: {name} is out of the range of float64: {quoted}")


def _npy(path: Path) -> Array:
    array = npy_array(path)
    if array.dtype.kind not in "fiub":
        raise ValueError
    return Array(tuple(array.shape), tuple(array.astype(float).reshape(-1).tolist()))


def _csv(path: Path) -> Array:
    """Read a matrix; one column, or one row, is a vector."""
    numbers: list[float] = []
    height = width = 0
    with path.open(newline="", encoding="utf-8-sig") as stream:
        for row in CsvRows(stream, _MOST_BYTES).numbers():
            height, width = height + 1, width or len(row)
            if len(row) != width:
                raise ValueError
            numbers += row
            _check_count(len(numbers))
    if not numbers:
        raise _NoNumbers
    shape = (height, width) if min(height, width) > 1 else (len(numbers),)
    return Array(shape, tuple(numbers))


def _json(path: Path) -> Array:
    import json

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
