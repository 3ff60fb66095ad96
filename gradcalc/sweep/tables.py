"""The answers of a sweep, and where they go: CSV, Parquet or NPY, a chunk at a time.

In: `Table`s. Out: a file, or CSV text on a stream. Numbers round-trip. The columns are those of the
table, then `verdict` and `note`; .npy files, whose texts have a fixed length, leave the notes out.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.results.report import Verdict
from gradcalc.sweep.points import arrow_parquet

#: What stands beside each derivative, in columns of their own.
BESIDE = (" symbolic", " ulps")


@dataclass(slots=True)
class Table:
    """A chunk of answers.

    Attributes:
        columns: By its name each column of numbers, a float64 array.
        missing: By the name of a column an array that tells at which points it has no number.
        findings: For each point that is not `agree`, the worst of its derivatives' verdicts, and
            what to say about them.
        length: How many points there are.
    """

    columns: dict[str, Any]
    length: int
    missing: dict[str, Any] = field(default_factory=dict)
    findings: dict[int, tuple[Verdict, str]] = field(default_factory=dict)

    def cell(self, name: str, number: int) -> float | None:
        """The number of a column at a point."""
        if name in self.missing and self.missing[name][number]:
            return None
        return float(self.columns[name][number])

    def leave_out(self, name: str, points: Any) -> None:
        """Let a column have no number at one point, or at those of a slice or an array."""
        import numpy as np

        if name not in self.missing:
            self.missing[name] = np.zeros(self.length, dtype=bool)
        self.missing[name][points] = True
        self.columns[name][points] = math.nan


class Writer(Protocol):
    """Takes one table after the other."""

    def write(self, table: Table) -> None:
        """Write the rows of a table."""

    def close(self) -> None:
        """Finish."""


def check_name(name: str) -> None:
    """Refuse a file that no writer is for."""
    if Path(name).suffix.lower() not in _WRITERS:
        raise GradcalcError(
            Kind.USAGE,
            f"`{name}` is of no known kind",
            hint=f"write to a {', '.join(_WRITERS)} file",
        )


def opened(name: str, columns: Sequence[str]) -> Writer:
    """What writes to a file of that name.

    Args:
        name: A .csv, .parquet or .npy file, which is made anew.
        columns: The names of the columns of numbers.
    """
    return _WRITERS[Path(name).suffix.lower()](name, columns)


class CsvWriter:
    """Writes CSV."""

    def __init__(self, stream: IO[str], columns: Sequence[str], *, owned: bool = False) -> None:
        """Write the header.

        Args:
            stream: Where to.
            columns: The names of the columns of numbers.
            owned: Whether the stream is closed at the end.
        """
        self._stream = stream
        self._owned = owned
        self._rows = csv.writer(stream, lineterminator="\n")
        self._rows.writerow([*columns, "verdict", "note"])

    def write(self, table: Table) -> None:
        """Write the rows of a table."""
        cells: list[Iterable[Any]] = []
        for name, column in table.columns.items():
            numbers = column.tolist()
            if name.endswith(" ulps"):
                numbers = [int(u) if u < 2**53 and u.is_integer() else u for u in numbers]
            if name in table.missing:
                for number in table.missing[name].nonzero()[0].tolist():
                    numbers[number] = None
            cells.append(numbers)
        verdicts, notes = _words(table)
        self._rows.writerows(zip(*cells, verdicts, notes, strict=True))

    def close(self) -> None:
        """Finish."""
        self._stream.flush()
        if self._owned:
            self._stream.close()


def _words(table: Table) -> tuple[list[str], list[str]]:
    """For each point its verdict, and what to say about it."""
    verdicts, notes = [str(Verdict.AGREE)] * table.length, [""] * table.length
    for number, (verdict, note) in table.findings.items():
        verdicts[number], notes[number] = str(verdict), note
    return verdicts, notes


def _csv(name: str, columns: Sequence[str]) -> Writer:
    return CsvWriter(Path(name).open("w", newline="", encoding="utf-8"), columns, owned=True)


class _Parquet:
    def __init__(self, name: str, columns: Sequence[str]) -> None:
        import pyarrow as pa

        fields = [(column, pa.float64()) for column in columns]
        self._schema = pa.schema([*fields, ("verdict", pa.string()), ("note", pa.string())])
        self._file = arrow_parquet().ParquetWriter(name, self._schema)

    def write(self, table: Table) -> None:
        import pyarrow as pa

        arrays = [
            pa.array(column, mask=table.missing.get(name)) for name, column in table.columns.items()
        ]
        arrays += [pa.array(words) for words in _words(table)]
        self._file.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._file.close()


def _parquet(name: str, columns: Sequence[str]) -> Writer:
    arrow_parquet()
    return _Parquet(name, columns)


class _Npy:
    """A structured array. Its header, which tells the number of rows, is written last."""

    def __init__(self, name: str, columns: Sequence[str]) -> None:
        import numpy as np

        words = f"U{max(map(len, Verdict))}"
        self._kind = np.dtype([*((column, "<f8") for column in columns), ("verdict", words)])
        self._file = Path(name).open("wb")  # noqa: SIM115 - `close` closes it
        self._count = 0
        self._header()

    def _header(self) -> None:
        from numpy.lib import format as npy

        facts = {
            "descr": npy.dtype_to_descr(self._kind),
            "fortran_order": False,
            "shape": (self._count,),
        }
        # numpy leaves room in the header for the length to grow.
        npy.write_array_header_1_0(self._file, facts)

    def write(self, table: Table) -> None:
        import numpy as np

        rows = np.empty(table.length, self._kind)
        for name, column in table.columns.items():
            rows[name] = column
        rows["verdict"] = _words(table)[0]
        self._file.write(rows.tobytes())
        self._count += table.length

    def close(self) -> None:
        self._file.seek(0)
        self._header()
        self._file.close()


_WRITERS = {".csv": _csv, ".parquet": _parquet, ".npy": _Npy}
