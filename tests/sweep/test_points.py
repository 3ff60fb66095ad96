"""Points of grids and files."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gradcalc.base.errors import GradcalcError
from gradcalc.language.bindings import Binding
from gradcalc.sweep.points import Points, grid, parse_axis, read


def number(end: Binding) -> float:
    """The number that an end of a grid is bound to."""
    return float(end.text[slice(*end.span)])


def axes(*texts: str) -> Points:
    return grid([parse_axis(text, number) for text in texts])


def rows(points: Points, size: int = 3) -> list[tuple[float, ...]]:
    """All points, and that no chunk is larger than asked."""
    read_rows: list[tuple[float, ...]] = []
    for chunk in points.chunks(size):
        assert {column.dtype for column in chunk} == {np.dtype("float64")}
        assert 0 < len(chunk[0]) <= size
        read_rows += zip(*(column.tolist() for column in chunk), strict=True)
    return read_rows


def test_grid_has_both_ends() -> None:
    assert rows(axes("u=-2:2:5")) == [(-2,), (-1,), (0,), (1,), (2,)]


def test_grids_multiply_and_the_last_moves_fastest() -> None:
    points = axes("u=0:1:2", "v=5:7:3")
    assert points.names == ("u", "v")
    assert points.count == 6
    assert rows(points, 4) == [(0, 5), (0, 6), (0, 7), (1, 5), (1, 6), (1, 7)]


def test_grid_of_decimals_has_decimals() -> None:
    assert rows(axes("u=0:1:11"), 20) == [(k / 10,) for k in range(11)]


@pytest.mark.parametrize("text", ["u=0.1:0.7:4", "u=-1e300:3:1000", "u=3:-2:7"])
def test_ends_are_exact(text: str) -> None:
    axis = parse_axis(text, number)
    values = rows(grid([axis]), 10_000)
    assert (values[0], values[-1]) == ((axis.start,), (axis.stop,))


def test_grid_of_one() -> None:
    assert rows(axes("u=3:9:1")) == [(3,)]


def test_large_grid_takes_no_memory_before_it_is_asked() -> None:
    points = axes("u=0:1:1000000000", "v=0:1:1000000000")
    assert points.count == 10**18
    assert next(points.chunks(2))[1].tolist() == [0, pytest.approx(1e-9)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("u", "NAME=START:STOP:COUNT"),
        ("u=1:2", "NAME=START:STOP:COUNT"),
        ("u=1:2:3:4", "NAME=START:STOP:COUNT"),
        ("2=1:2:3", "NAME=START:STOP:COUNT"),
        ("u=1:2:0", "1 or more"),
        ("u=1:2:-4", "1 or more"),
        ("u=1:2:2.5", "1 or more"),
        ("u=1:2:", "1 or more"),
        ("u=1:2:1_0", "1 or more"),
        ("u=1:2:\u0663", "1 or more"),
        ("u=0:1:99999999999999999999", "at most 1,000,000,000,000,000,000 points"),
        (f"u=0:1:{'9' * 5000}", "at most 1,000,000,000,000,000,000 points"),
        ("u=-1e308:1e308:9", "range of float64"),
    ],
)
def test_bad_grid_is_refused(text: str, message: str) -> None:
    with pytest.raises(GradcalcError, match=message) as caught:
        parse_axis(text, number)
    assert caught.value.hint


def test_grids_that_cannot_be_counted_together_are_refused() -> None:
    with pytest.raises(GradcalcError, match="over 1,000,000,000,000,000,000 points together"):
        axes("u=0:1:1000000000", "v=0:1:1000000001")


# --- Files ----------------------------------------------------------------------------------------

TABLE = {"v": [1.5, -2.0, 3.0, 4.0], "other": [0.0, 0.0, 0.0, 0.0], "u": [1.0, 2.0, 0.1, 1e-300]}


def write(path: Path, table: dict[str, Any] = TABLE) -> str:
    if path.suffix == ".csv":
        lines = [
            ",".join(table),
            *(",".join(map(str, row)) for row in zip(*table.values(), strict=True)),
        ]
        path.write_text("\n".join(lines) + "\n", "utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.table(table), path)
    else:
        kind = [(name, "<f8") for name in table]
        np.save(path, np.array(list(zip(*table.values(), strict=True)), dtype=kind))
    return str(path)


each_kind = pytest.mark.parametrize("kind", [".csv", ".parquet", ".npy"])


@each_kind
@pytest.mark.parametrize("size", [1, 3, 100])
def test_columns_are_found_by_name(tmp_path: Path, kind: str, size: int) -> None:
    points = read(write(tmp_path / f"points{kind}"), ["u", "v"])
    assert rows(points, size) == list(zip(TABLE["u"], TABLE["v"], strict=True))


def test_array_without_names_has_the_order_of_the_variables(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", np.array([[1, 2], [3, 4]]))
    assert rows(read(str(tmp_path / "p.npy"), ["x", "y"])) == [(1, 2), (3, 4)]
    np.save(tmp_path / "q.npy", np.array([1.5, 2.5], dtype=np.float32))
    assert rows(read(str(tmp_path / "q.npy"), ["x"])) == [(1.5,), (2.5,)]


def test_csv_may_have_a_mark_spaces_and_empty_lines(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"\xef\xbb\xbfx , y\r\n1, 2\r\n\r\n3,4")
    assert rows(read(str(tmp_path / "p.csv"), ["x", "y"])) == [(1, 2), (3, 4)]


def test_integers_of_parquet_are_numbers(tmp_path: Path) -> None:
    assert rows(read(write(tmp_path / "p.parquet", {"x": [1, 2]}), ["x"])) == [(1,), (2,)]


@each_kind
def test_missing_column_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(GradcalcError, match="no column `othr`") as caught:
        read(write(tmp_path / f"p{kind}"), ["u", "othr"])
    assert "did you mean `other`?" in str(caught.value.hint)


@each_kind
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_number_that_is_not_finite_is_refused(tmp_path: Path, kind: str, value: float) -> None:
    points = read(write(tmp_path / f"p{kind}", {"x": [1.0, 2.0, value, 4.0]}), ["x"])
    with pytest.raises(GradcalcError, match=r"`x` is (nan|inf) at point 3"):
        rows(points, 2)


@each_kind
def test_file_without_points_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"p{kind}"
    if kind == ".csv":
        path.write_text("x\n")
    else:
        write(path, {"x": np.array([])} if kind == ".parquet" else {"x": []})
    with pytest.raises(GradcalcError, match="holds no points"):
        rows(read(str(path), ["x"]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", b"", "is empty"),
        ("p.csv", b"x,y\n1,2\ntwo,3\n", r"p.csv:3: `x` is no number: 'two'"),
        ("p.csv", b"x,y\n1,2\n3\n", r"p.csv:3: there is no `y`"),
        ("p.csv", b"x,y\n1,2\n3,\n", r"p.csv:3: `y` is no number: ''"),
        ("p.csv", b"x,x,y\n1,2,3\n", "two columns called `x`"),
        ("p.csv", b"x,y\n1,\x00\n", r"p.csv:2"),
        ("p.csv", b"x,y\0\n1,2\n", r"p.csv:1: a NUL character"),
        ("p.csv", "x,y\n1,2\n".encode("utf-16"), r"p.csv:1: a NUL character"),
        ("p.csv", b"x" * 140_000 + b"\n1\n", r"p.csv:1: a cell of over 131,072 characters"),
        ("p.csv", b"x,y\n1," + b"2" * 140_000, r"p.csv:2: a cell of over 131,072 characters"),
        ("p.csv", b"x,y," + b"z," * 600_000, r"p.csv:1: a row of over 1,000,000 characters"),
        ("p.csv", b"x,y\n1,2\n" + b"1," * 600_000, r"p.csv:3: a row of over 1,000,000"),
        (
            "p.csv",
            b"x,y\n1,2," + (b'"' + b" " * 99 + b'\n",') * 10_000,
            "a row of over 1,000,000 characters",
        ),
        ("p.csv", b"x,y\n1,1e400\n", r"p.csv:2: `y` is out of the range of float64: '1e400'"),
        (
            "p.csv",
            b"x,y\n-" + b"9" * 5000 + b",2",
            r"p.csv:2: `x` is out of the range .*: '-9{38}…'",
        ),
        ("p.csv", b"x,y\n1,1_000\n", r"p.csv:2: `y` is no number: '1_000'"),
        ("p.csv", "x,y\n1,\u0661\n".encode(), r"p.csv:2: `y` is no number: '\u0661'"),
        ("p.csv", b"x,y\n1,\xff\xfe\n", r"p.csv:2: `y` is no number"),
        ("p.npy", b"no array", "no array of numbers"),
        ("p.parquet", b"no table", "no Parquet file"),
        ("p.txt", b"x\n1\n", "no known kind"),
    ],
)
def test_bad_file_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GradcalcError, match=message):
        rows(read(str(tmp_path / name), ["x", "y"]))


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GradcalcError, match="there is no file"):
        read(str(tmp_path / "p.csv"), ["x"])


def test_pickle_is_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(GradcalcError, match="no array of numbers"):
        read(str(tmp_path / "p.npy"), ["x"])


def test_archive_is_no_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", x=np.array([1.0]))
    (tmp_path / "p.npz").rename(tmp_path / "p.npy")
    with pytest.raises(GradcalcError, match="no array of numbers"):
        read(str(tmp_path / "p.npy"), ["x"])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 3)), "needs a column for each of x, y"),
        (np.zeros((2, 2, 2)), "needs a column"),
        (np.array([["a", "b"]]), "no array of numbers"),
        (np.array([([1.0, 2.0], 3.0)], [("x", "<f8", 2), ("y", "<f8")]), "no array of numbers"),
        (np.array([[1j, 1]]), "no array of numbers"),
    ],
)
def test_array_of_another_shape_or_kind_is_refused(
    tmp_path: Path, array: Any, message: str
) -> None:
    np.save(tmp_path / "p.npy", array)
    with pytest.raises(GradcalcError) as caught:
        read(str(tmp_path / "p.npy"), ["x", "y"])
    assert message in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "shape", ["True,", "-3,", "-2, -2", "1.5,", "10**9,", "9" * 30 + ",", f"{2**62}, 4", "1, " * 99]
)
def test_crafted_shape_is_refused(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape})}}\n".encode()
    start = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little")
    (tmp_path / "p.npy").write_bytes(start + header + bytes(64))
    with pytest.raises(GradcalcError, match=r"no array of numbers|has shape"):
        read(str(tmp_path / "p.npy"), ["x"])


@pytest.mark.parametrize("begin", [b"", b"x\n1\n", b'x\n1\n"', b"x,"])
def test_file_without_an_end_of_line_takes_little_memory(tmp_path: Path, begin: bytes) -> None:
    with (tmp_path / "p.csv").open("wb") as file:
        file.write(begin)
        file.truncate(10**10)  # NULs, which take no space
    tracemalloc.start()
    try:
        with pytest.raises(GradcalcError, match=r"p.csv:\d: a (row|cell) of over"):
            rows(read(str(tmp_path / "p.csv"), ["x"]))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"x": [1.0, None]}, "`x` has no value at point 2"),
        ({"x": ["a", "b"]}, "column `x` is no numbers but string"),
    ],
)
def test_bad_column_of_parquet_is_refused(
    tmp_path: Path, table: dict[str, Any], message: str
) -> None:
    with pytest.raises(GradcalcError, match=message):
        rows(read(write(tmp_path / "p.parquet", table), ["x"]))


@pytest.mark.parametrize("row", ["1,2,3", "1,5,2,5", "1,2,"])
def test_row_that_is_longer_than_the_header_is_refused(row: str, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(f"u,v\n1,2\n{row}\n")
    with pytest.raises(GradcalcError, match=r"3: \d cells in this line, but 2 columns"):
        rows(read(str(path), ["u", "v"]))


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.csv")
    (tmp_path / "d.csv").mkdir()
    for name, said in (
        ("p", "no file but a pipe"),
        ("d", "a directory"),
        ("n", "there is no file"),
    ):
        with pytest.raises(GradcalcError, match=said):
            read(str(tmp_path / f"{name}.csv"), ["u"])


def test_point_without_a_value_is_told_with_a_hint(tmp_path: Path) -> None:
    pq.write_table(pa.table({"u": [1.0, None]}), tmp_path / "p.parquet")
    with pytest.raises(GradcalcError, match="has no value at point 2") as caught:
        rows(read(str(tmp_path / "p.parquet"), ["u"]))
    assert caught.value.hint == "leave out points without it"
