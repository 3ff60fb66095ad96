"""Parquet: the tables of a sweep, for data frames.

In: tables. Out: pieces of a file with the table's columns, `verdict` and `note`. pyarrow is
imported when it is first needed.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from gradcalc.base.lazy import arrow_parquet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcalc.results.table import Table


class _Sink(io.BytesIO):
    """A file of which what was written is taken away, piece by piece."""

    _taken = 0

    def tell(self) -> int:
        return self._taken + super().tell()

    def take(self) -> bytes:
        piece = self.getvalue()
        self._taken += len(piece)
        self.seek(0)
        self.truncate()
        return piece


class Tables:
    """Draws tables, a row group each."""

    def __init__(self, columns: Sequence[str]) -> None:
        parquet = arrow_parquet()
        import pyarrow as pa

        fields = [(column, pa.float64()) for column in columns]
        self._schema = pa.schema([*fields, ("verdict", pa.string()), ("note", pa.string())])
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(self._sink, self._schema)
        self.header = self._sink.take()

    def draw(self, table: Table) -> list[bytes]:
        """A row group."""
        import pyarrow as pa

        arrays = [
            pa.array(column, mask=table.missing.get(name)) for name, column in table.columns.items()
        ]
        arrays += [pa.array(table.verdicts), pa.array(table.notes)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        return [self._sink.take()]

    @property
    def footer(self) -> bytes:
        """What tells where everything stands."""
        self._writer.close()
        return self._sink.take()
