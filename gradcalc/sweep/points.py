"""Where a sweep goes: the points of files and grids, by chunks of bounded memory.

In: a file's name, or grids such as "u=-2:2:1001". Out: `Points`: names, and chunks of one float64
array for each of them. A file is only ever read as numbers: nothing in it is executed (no pickles).
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, Span, no_file, reason
from gradcalc.base.lazy import arrow_parquet
from gradcalc.base.names import did_you_mean
from gradcalc.base.readings import whole
from gradcalc.language.arrays import CellError, CsvRows, npy_array
from gradcalc.language.bindings import Binding, constant

#: What a reader of files gives: for each name an array.
Chunk = list[Any]


@dataclass(frozen=True, slots=True)
class Points:
    """Points to go to.

    Attributes:
        names: The variables that they have values for, in order.
        chunks: Gives the points, so many at a time.
        count: How many there are; None where that is not known before.
    """

    names: tuple[str, ...]
    chunks: Callable[[int], Iterator[Chunk]]
    count: int | None = None


# --- Grids ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a grid: evenly spaced values, both ends among them."""

    name: str
    start: float
    stop: float
    count: int

    def values(self, numbers: Any) -> Any:
        """The values of those numbers, from 0 on."""
        import numpy as np

        last = self.count - 1
        if not last:
            return np.full(len(numbers), self.start)
        # So written, the middle of -2:2 is 0, and 0:1:11 has 0.1 and not 0.1 but for rounding.
        weights = numbers.astype(np.float64)
        values = (self.start * (last - weights) + self.stop * weights) / last
        values[numbers == 0] = self.start
        values[numbers == last] = self.stop
        return values


def parse_axis(text: str, number: Callable[[Binding], float]) -> Axis:
    """Read "u=-2:2:1001".

    Args:
        text: The option.
        number: Gives the number of an end, a binding to it.
    """
    name, sign, value = text.partition("=")
    parts = value.split(":")
    stripped = name.strip()
    if not sign or not stripped.isidentifier() or len(parts) != 3:
        raise _refused(
            text, Span(0, len(text)), "a grid is NAME=START:STOP:COUNT", "write u=-2:2:1001"
        )
    place = Span(len(text) - len(parts[2]), len(text))
    try:
        count = whole(parts[2])
    except ValueError:
        count = 0
    if not 1 <= count <= limits.POINTS:
        message = "the count of a grid is a whole number, 1 or more"
        if count > 0:
            message = f"a grid has at most {limits.POINTS:,} points"
        raise _refused(text, place, message, "write u=-2:2:1001")
    colon = len(name) + 1 + len(parts[0])
    start = _end(text, Span(len(name) + 1, colon), f"START of {stripped}", number)
    stop = _end(text, Span(colon + 1, place.start - 1), f"STOP of {stripped}", number)
    if not math.isfinite((abs(start) + abs(stop)) * count):
        raise _refused(
            text, Span(0, len(text)), "the grid goes beyond the range of float64", "make it smaller"
        )
    return Axis(stripped, start, stop, count)


def _end(text: str, place: Span, name: str, number: Callable[[Binding], float]) -> float:
    """The value of an end, which stands there; what is wrong with it is shown in the whole text."""
    example = f"{name.rpartition(' ')[2]}=0:pi/4:9"
    value = constant(text, *place, name, example=example)
    try:
        return number(Binding(name, value, text, place))
    except GradcalcError as error:
        raise (error if error.text == text else error.within(text, place.start)) from None


def _refused(text: str, span: Span, message: str, hint: str) -> GradcalcError:
    return GradcalcError(Kind.BINDING, message, text=text, span=span, hint=hint)


def grid(axes: Sequence[Axis]) -> Points:
    """All combinations of the axes' values; the last axis moves fastest.

    Raises:
        GradcalcError: If there are too many.
    """
    total = math.prod(axis.count for axis in axes)
    if total > limits.POINTS:
        message = f"the grids have over {limits.POINTS:,} points together"
        raise GradcalcError(Kind.LIMIT, message, hint="give them smaller counts")

    def chunks(size: int) -> Iterator[Chunk]:
        for first in range(0, total, size):
            yield _block(axes, first, min(first + size, total))

    return Points(tuple(axis.name for axis in axes), chunks, total)


def _block(axes: Sequence[Axis], first: int, stop: int) -> Chunk:
    """The points of those numbers."""
    import numpy as np

    *outer, last = axes
    if last.count > stop - first or not outer:
        rows, own = np.divmod(np.arange(first, stop, dtype=np.int64), last.count)
        columns = []
        for axis in reversed(outer):
            rows, number = np.divmod(rows, axis.count)
            columns.append(axis.values(number))
        return [*columns[::-1], last.values(own)]
    # Whole rows at once: dividing every number would cost more than calculating with it.
    begin, end = first // last.count, -(-stop // last.count)
    part = slice(first - begin * last.count, stop - begin * last.count)
    columns = [np.repeat(column, last.count)[part] for column in _block(outer, begin, end)]
    return [*columns, np.tile(last.values(np.arange(last.count)), end - begin)[part]]


# --- Files ----------------------------------------------------------------------------------------


def read(name: str, wanted: Sequence[str]) -> Points:
    """The points of a file.

    Args:
        name: A .csv, .parquet or .npy file.
        wanted: The variables that need values; other columns are left alone.

    Raises:
        GradcalcError: Where the file cannot be read, or lacks a column. Numbers are looked at when
            their chunk is read.
    """
    path = Path(name)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise GradcalcError(
            Kind.USAGE,
            no_file(path) if name and path.is_dir() else f"`{name}` is of no known kind",
            hint=f"name a {', '.join(_READERS)} file",
        )
    try:
        if not path.is_file():
            raise GradcalcError(Kind.USAGE, no_file(path), hint="give the name of a file of points")
        points = reader(path, wanted)
    except OSError as problem:
        raise _unreadable(path, problem) from None

    def chunks(size: int) -> Iterator[Chunk]:
        empty = True
        try:
            for number, chunk in enumerate(points.chunks(size)):
                empty = False
                _check_finite(path, wanted, chunk, number * size)
                yield chunk
        except OSError as problem:
            raise _unreadable(path, problem) from None
        if empty:
            raise GradcalcError(Kind.BINDING, f"`{name}` holds no points")

    return Points(tuple(wanted), chunks, points.count)


def _unreadable(path: Path, problem: OSError) -> GradcalcError:
    return GradcalcError(Kind.USAGE, f"{path}: {reason(problem, 'it cannot be read')}")


def _check_finite(path: Path, names: Sequence[str], chunk: Chunk, first: int) -> None:
    import numpy as np

    for name, column in zip(names, chunk, strict=True):
        if not np.isfinite(column).all():
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            raise GradcalcError(
                Kind.BINDING,
                f"{path}: `{name}` is {column[row]} at point {first + row + 1}, "
                "where no derivative exists",
                hint="give finite numbers",
            )


def _check_columns(path: Path, header: Sequence[str], wanted: Sequence[str]) -> None:
    for name in wanted:
        if header.count(name) == 1:
            continue
        if name in header:
            raise GradcalcError(Kind.BINDING, f"`{path}` has two columns called `{name}`")
        columns = ", ".join(header[:8]) + ", ..." * (len(header) > 8)
        rest = f"its columns are {columns}; a fixed value is given with --at {name}=1"
        raise GradcalcError(
            Kind.BINDING,
            f"`{path}` has no column `{name}`",
            hint=f"{did_you_mean(name, header, '')} {rest}".lstrip(),
        )


def _csv(path: Path, wanted: Sequence[str]) -> Points:
    """Read a CSV file, whose first line names the columns."""
    with _csv_text(path) as stream:
        try:
            first = next(CsvRows(stream, limits.LINE_BYTES).texts(), [])
        except csv.Error as problem:
            raise GradcalcError(Kind.BINDING, f"{path}:{problem}") from None
    header = [cell.strip() for cell in first]
    if any("\0" in name for name in header):
        raise GradcalcError(
            Kind.BINDING,
            f"{path}:1: a NUL character",
            hint="if the file is UTF-16, save it as UTF-8",
        )
    if not header:
        raise GradcalcError(
            Kind.BINDING, f"`{path}` is empty", hint="its first line names the columns"
        )
    _check_columns(path, header, wanted)
    places = {name: header.index(name) for name in wanted}
    return Points(tuple(wanted), lambda size: _csv_chunks(path, places, len(header), size))


def _csv_text(path: Path) -> IO[str]:
    return path.open(newline="", encoding="utf-8-sig", errors="replace")


def _csv_chunks(path: Path, places: Mapping[str, int], width: int, size: int) -> Iterator[Chunk]:
    import numpy as np

    with _csv_text(path) as stream:
        reader = CsvRows(stream, limits.LINE_BYTES)
        try:
            next(reader.texts(), None)  # the header
            rows = reader.numbers(places, width)
            while chunk := list(itertools.islice(rows, size)):
                yield list(np.array(chunk).T.copy())
        except csv.Error as problem:
            raise GradcalcError(Kind.BINDING, f"{path}:{problem}") from None
        except CellError as problem:
            hint = "write a number for each column, as in 0.5 or 1e-3"
            raise GradcalcError(Kind.BINDING, f"{path}:{problem}", hint=hint) from None


def _npy(path: Path, wanted: Sequence[str]) -> Points:
    import numpy as np

    try:
        columns = _npy_columns(path, npy_array(path), wanted)
    except ValueError:
        raise GradcalcError(
            Kind.BINDING,
            f"`{path}` is no array of numbers",
            hint="numpy.save writes a file of one array",
        ) from None
    total = len(columns[0]) if columns else 0

    def chunks(size: int) -> Iterator[Chunk]:
        for first in range(0, total, size):
            yield [np.array(column[first : first + size], dtype=np.float64) for column in columns]

    return Points(tuple(wanted), chunks, total)


def _npy_columns(path: Path, array: Any, wanted: Sequence[str]) -> list[Any]:
    """The columns of an array of records by name, or of a matrix in order.

    Raises:
        ValueError: If they hold no numbers.
    """
    if array.dtype.names is not None:
        _check_columns(path, array.dtype.names, wanted)
        if any(array.dtype[name].shape for name in wanted):  # an array in each record
            raise ValueError
        columns = [array[name].reshape(-1) for name in wanted]
    else:
        matrix = array.reshape(-1, 1) if array.ndim == 1 else array
        if matrix.ndim != 2 or matrix.shape[1] != len(wanted):
            raise GradcalcError(
                Kind.BINDING,
                f"`{path}` has shape {array.shape}",
                hint=f"it needs a column for each of {', '.join(wanted)}, in this order",
            )
        columns = list(matrix.T)
    if any(column.dtype.kind not in "fiub" for column in columns):
        raise ValueError
    return columns


def _parquet(path: Path, wanted: Sequence[str]) -> Points:
    arrow = arrow_parquet()
    import pyarrow as pa

    try:
        file = arrow.ParquetFile(path)
    except pa.ArrowInvalid:
        raise GradcalcError(Kind.BINDING, f"`{path}` is no Parquet file") from None
    _check_columns(path, list(file.schema_arrow.names), wanted)
    for name in wanted:
        kind = file.schema_arrow.field(name).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise GradcalcError(Kind.BINDING, f"`{path}`: column `{name}` is no numbers but {kind}")

    def chunks(size: int) -> Iterator[Chunk]:
        first = 0
        for batch in file.iter_batches(size, columns=list(wanted)):
            columns = []
            for name in wanted:
                column = batch.column(name)
                if column.null_count:
                    row = column.is_null().to_pylist().index(True)
                    message = f"{path}: `{name}` has no value at point {first + row + 1}"
                    raise GradcalcError(Kind.BINDING, message, hint="leave out points without it")
                columns.append(column.to_numpy(zero_copy_only=False).astype("float64"))
            first += len(batch)
            yield columns

    return Points(tuple(wanted), chunks, file.metadata.num_rows)


_READERS: dict[str, Callable[[Path, Sequence[str]], Points]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".npy": _npy,
}
