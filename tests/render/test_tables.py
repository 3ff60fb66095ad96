"""The tables of a sweep in each format that draws them: CSV, Parquet, NPY."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from gradcalc.render import FORMATS, Start, formats
from gradcalc.results.report import Verdict
from gradcalc.results.table import Table

COLUMNS = ("x", "df/dx", "df/dx symbolic", "df/dx ulps")


def part(*rows: tuple[float, ...], **fields: Any) -> Table:
    """A table of these rows."""
    columns = dict(zip(COLUMNS, np.array(rows, dtype=float).T, strict=True))
    return Table(columns, len(rows), **fields)


PARTS = [
    part((1, 2, 2, 0), (0.1, math.nan, 3, math.nan), missing={"df/dx": np.array([False, True])}),
    part((3, 5e-324, -0.0, 1e300), findings={0: (Verdict.ROUNDING, 'df/dx: far, "off"')}),
    part(*[(k, k, k, 1.5) for k in range(30_000)]),
]


def drawn(name: str, parts: list[Table]) -> bytes:
    """The file that the pieces of all parts make."""
    drawing = FORMATS[name].tables(COLUMNS)
    pieces = [drawing.header, *(piece for part in parts for piece in drawing.draw(part))]
    file = io.BytesIO()
    for piece in [*pieces, drawing.footer]:
        if isinstance(piece, Start):
            file.seek(0)
        file.write(piece.encode() if isinstance(piece, str) else piece)
    return file.getvalue()


def columns_of(name: str, file: bytes) -> dict[str, list[Any]]:
    """What the file holds, None and nan alike."""
    if name == "parquet":
        columns = pq.read_table(io.BytesIO(file)).to_pydict()
    elif name == "npy":
        array = np.load(io.BytesIO(file))
        columns = {column: array[column].tolist() for column in array.dtype.names}
    else:
        rows = list(csv.DictReader(io.StringIO(file.decode())))
        columns = {column: [row[column] for row in rows] for column in rows[0]}
        for column in COLUMNS:
            columns[column] = [float(cell) if cell else None for cell in columns[column]]
    return {
        column: [None if str(cell) == "nan" else cell for cell in cells]
        for column, cells in columns.items()
    }


@pytest.mark.parametrize("name", formats("tables"))
def test_parts_make_one_file(name: str) -> None:
    columns = columns_of(name, drawn(name, PARTS))
    notes = [] if name == "npy" else ["note"]
    assert list(columns) == [*COLUMNS, "verdict", *notes]
    assert columns["x"] == [1, 0.1, 3, *range(30_000)]
    assert columns["df/dx"][:3] == [2, None, 5e-324]
    assert columns["df/dx ulps"][1:4] == [None, 1e300, 1.5]
    assert columns["verdict"][:4] == ["agree", "agree", "rounding", "agree"]
    for column in notes:
        assert columns[column][1:4] == ["", 'df/dx: far, "off"', ""]


@pytest.mark.parametrize("name", formats("tables"))
def test_file_without_parts_is_whole(name: str) -> None:
    file = drawn(name, [])
    if name == "csv":
        assert file.decode() == f"{','.join(COLUMNS)},verdict,note\n"
    else:
        assert columns_of(name, file)["x"] == []


def test_csv_has_whole_numbers_of_ulps() -> None:
    lines = drawn("csv", PARTS).decode().splitlines()
    assert lines[1] == "1.0,2.0,2.0,0,agree,"
    assert lines[3].startswith("3.0,5e-324,-0.0,1e+300,rounding,")


def test_csv_is_drawn_in_pieces() -> None:
    drawing = FORMATS["csv"].tables(COLUMNS)
    assert len(list(drawing.draw(PARTS[2]))) == 3
