"""Tensors from files: what is read, and what is refused without being executed."""

from __future__ import annotations

import io
import math
import os
import pickle
import struct
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from gradcalc import grad
from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError
from gradcalc.language import arrays
from gradcalc.language.arrays import from_lists, read
from gradcalc.program.program import Array

if TYPE_CHECKING:
    from pathlib import Path

INF = math.inf


def npy(
    form: str, shape: tuple[int, ...], data: bytes, *, fortran: bool = False, version: int = 1
) -> bytes:
    """Return a file of numpy's, as its format is defined (numpy.lib.format)."""
    form = form if form.startswith("[") else repr(form)
    header = f"{{'descr': {form}, 'fortran_order': {fortran}, 'shape': {shape!r}, }}"
    length = 2 if version == 1 else 4
    header += " " * (-(8 + length + len(header) + 1) % 64) + "\n"
    size = len(header).to_bytes(length, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + header.encode() + data


def doubles(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


def archive() -> bytes:
    """Return several arrays in one file, as numpy.savez writes them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr("a.npy", npy("<f8", (1,), doubles(1)))
    return packed.getvalue()


@pytest.fixture
def file(tmp_path: Path):
    """Write a file; return its name."""

    def write(name: str, content: bytes | str) -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


SIX = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


@pytest.mark.parametrize(
    ("name", "content", "shape", "numbers"),
    [
        ("x.npy", npy("<f8", (2, 3), doubles(*SIX)), (2, 3), SIX),
        ("x.npy", npy("<f8", (2, 3), doubles(1, 4, 2, 5, 3, 6), fortran=True), (2, 3), SIX),
        ("x.npy", npy("<f8", (6,), doubles(*SIX), version=2), (6,), SIX),
        ("x.npy", npy("<f8", (6,), doubles(*SIX), version=3), (6,), SIX),
        ("x.NPY", npy("<f8", (1, 6, 1), doubles(*SIX)), (1, 6, 1), SIX),
        ("x.npy", npy("<f8", (), doubles(2.5)), (), (2.5,)),
        ("x.npy", npy("<f8", (0, 3), b""), (0, 3), ()),
        ("x.npy", npy(">f8", (2,), struct.pack(">2d", 0.1, -1)), (2,), (0.1, -1.0)),
        ("x.npy", npy("<f4", (2,), struct.pack("<2f", 0.1, 2)), (2,), (0.10000000149011612, 2.0)),
        ("x.npy", npy("<f2", (2,), struct.pack("<2e", 0.5, 2)), (2,), (0.5, 2.0)),
        ("x.npy", npy("<i8", (2,), struct.pack("<2q", -1, 7)), (2,), (-1.0, 7.0)),
        ("x.npy", npy("|u1", (2,), b"\x00\xff"), (2,), (0.0, 255.0)),
        ("x.npy", npy("|b1", (2,), b"\x00\x01"), (2,), (0.0, 1.0)),
        ("x.csv", "1,2,3\n4,5,6\n", (2, 3), SIX),
        ("x.csv", "\ufeff1, 2,3\r\n\r\n 4,5,6", (2, 3), SIX),
        ("x.csv", "1\n2\n", (2,), (1.0, 2.0)),
        ("x.csv", "1,-2e-3", (2,), (1.0, -0.002)),
        ("x.csv", "5\n", (1,), (5.0,)),
        ("x.csv", '"1","2"\n', (2,), (1.0, 2.0)),
        ("x.csv", "inf,1\n", (2,), (INF, 1.0)),
        ("x.json", "[[1, 2, 3], [4, 5, 6]]", (2, 3), SIX),
        ("x.json", "2.5", (), (2.5,)),
        ("x.json", "[[[1], [-2]]]", (1, 2, 1), (1.0, -2.0)),
        ("x.json", "[[], []]", (2, 0), ()),
        ("x.json", "[1e999]", (1,), (INF,)),
    ],
)
def test_file_is_read(file, name, content, shape, numbers) -> None:
    assert read(file(name, content)) == Array(shape, numbers)


class Harmful:
    """What a pickle may do when it is read."""

    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('a pickle was executed')",))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.npy", b""),
        ("x.npy", b"1,2\n"),
        ("x.npy", pickle.dumps(Harmful())),
        ("x.npy", npy("|O", (1,), pickle.dumps(Harmful()))),
        ("x.npy", npy("<c16", (1,), doubles(1, 2))),
        ("x.npy", npy("<U1", (1,), b"a\x00\x00\x00")),
        ("x.npy", npy("<M8[s]", (1,), doubles(1))),
        ("x.npy", npy("[('a', '<f8')]", (1,), doubles(1))),
        ("x.npy", npy("<f8", (3,), doubles(1, 2))),
        ("x.npy", npy("<f8", (-1,), doubles(1, 2))),
        ("x.npy", npy("<f8", (10**9, 10**9), doubles(1, 2))),
        ("x.npy", archive()),
        ("x.npy", npy("<f8", (True,), doubles(1))),
        ("x.npy", b"\x93NUMPY\x01\x00\x07\x00{1: {}}"),
        ("x.npy", b"\x93NUMPY\x01\x00\x0e\x00{'a': 1, 2: 3}"),
        ("x.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': exit()"),
        ("x.npy", b"\x93NUMPY\x01\x00\x0f\x00__import__('s')"),
        ("x.npy", b"\x93NUMPY\x01\x00\x02\x00{}"),
        ("x.npy", b"\x93NUMPY\x01\x00\xff\xff"),
        ("x.npy", b"\x93NUMPY\x09\x00\x02\x00{}"),
        ("x.csv", "1,2\n3\n"),
        ("x.csv", "a,b\n1,2\n"),
        ("x.csv", "1,1_000\n"),
        ("x.csv", "1,\u0661\n"),
        ("x.csv", "1,,2\n"),
        ("x.csv", "1;2\n"),
        ("x.csv", b"\xff\xfe1\x00"),
        ("x.csv", "1\x002\n"),
        ("x.csv", "9" * 200_000),
        ("x.json", ""),
        ("x.json", "[1"),
        ("x.json", "{}"),
        ("x.json", "null"),
        ("x.json", "[[1, 2], [3]]"),
        ("x.json", "[1, [2]]"),
        ("x.json", "[[1], 2]"),
        ("x.json", '[1, "2"]'),
        ("x.json", "[true]"),
        ("x.json", "[1" + "0" * 400 + "]"),
        ("x.json", "[1" + "0" * 5000 + "]"),
        ("x.json", b"[\xff]"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_what_is_no_tensor_of_numbers_is_refused(file, name, content) -> None:
    path = file(name, content)
    with pytest.raises(GradcalcError) as caught:
        read(path)
    assert (caught.value.kind, caught.value.message) == (
        "binding",
        f"`{path}` is no tensor of numbers",
    )


def test_number_beyond_float64_is_quoted(file) -> None:
    path = file("x.csv", f"1,2\n3,-{'9' * 5000}\n")
    with pytest.raises(GradcalcError, match=r"x\.csv:2: cell 2 is out of the range .*'-9{38}…'"):
        read(path)


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("no.csv", "there is no file `no.csv`", "write the file's name after the @"),
        ("no/such/x.npy", "there is no file `no/such/x.npy`", "write the file's name after the @"),
        ("x.txt", "`x.txt` is of no known kind", "name a .npy, .csv or .json file"),
        ("x.pkl", "`x.pkl` is of no known kind", "name a .npy, .csv or .json file"),
        ("npy", "`npy` is of no known kind", "name a .npy, .csv or .json file"),
        ("", "`` is of no known kind", "name a .npy, .csv or .json file"),
    ],
)
def test_what_is_no_file_is_refused(name, message, hint) -> None:
    with pytest.raises(GradcalcError) as caught:
        read(name)
    assert (caught.value.kind, caught.value.message, caught.value.hint) == (
        "binding",
        message,
        hint,
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.npy", npy("<f8", (10**9, 0), b"")),
        ("x.npy", npy("<f8", (0, 10**9), b"")),
        ("x.csv", "1," * limits.TENSOR_ENTRIES + "1"),
        ("x.csv", "1,2\n" * (limits.TENSOR_ENTRIES // 2) + "1,2\n"),
        ("x.json", "[" + "1," * limits.TENSOR_ENTRIES + "1]"),
        ("x.json", "[" + "[]," * limits.TENSOR_ENTRIES + "[]]"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_is_too_large_is_refused_soon(file, name, content) -> None:
    path = file(name, content)
    started = time.process_time()
    with pytest.raises(GradcalcError, match="has over 1,000,000 entries"):
        read(path)
    assert time.process_time() - started < 2


def test_file_of_python_2_says_nothing(file, capsys) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1L,)}"
    path = file(
        "x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + doubles(7)
    )
    assert read(path).numbers == (7.0,)
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_no_file_and_nobody_waits_for_it(tmp_path) -> None:
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(GradcalcError, match="is no file but a pipe"):
        read(str(tmp_path / "x.csv"))


def test_folder_is_no_file(tmp_path) -> None:
    (tmp_path / "x.json").mkdir()
    with pytest.raises(GradcalcError, match="is a directory"):
        read(str(tmp_path / "x.json"))


def test_file_that_may_not_be_read_is_refused(file, monkeypatch) -> None:
    path = file("x.json", "1")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setitem(arrays._READERS, ".json", refuse)
    with pytest.raises(GradcalcError, match="permission denied"):
        read(path)


def test_large_file_is_refused_unread(file, monkeypatch) -> None:
    monkeypatch.setattr(arrays, "_MOST_BYTES", 10)
    monkeypatch.setitem(arrays._READERS, ".json", lambda _: pytest.fail("it was read"))
    with pytest.raises(GradcalcError, match="is larger than 10 bytes"):
        read(file("x.json", "[" + "1," * 20 + "1]"))


def test_tensor_of_too_many_entries_is_refused(file, monkeypatch) -> None:
    monkeypatch.setattr(limits, "TENSOR_ENTRIES", 3)
    assert len(read(file("x.json", "[1, 2, 3]")).numbers) == 3
    with pytest.raises(GradcalcError, match="has over 3 entries"):
        read(file("x.json", "[1, 2, 3, 4]"))


@pytest.mark.parametrize(
    ("value", "shape", "numbers"),
    [
        (1, (), (1.0,)),
        ([], (0,), ()),
        ([[1, 2], [3, 4]], (2, 2), (1.0, 2.0, 3.0, 4.0)),
        ([[[]]], (1, 1, 0), ()),
    ],
)
def test_lists_are_tensors(value, shape, numbers) -> None:
    assert from_lists(value) == Array(shape, numbers)


# --- As values of variables -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.npy", npy("<f8", (2,), doubles(3, 0.1))),
        ("x.csv", "3,0.1\n"),
        ("x.json", "[3, 0.1]"),
    ],
)
@pytest.mark.parametrize(("dtype", "tenth"), [("float64", 0.1), ("float32", 0.10000000149011612)])
def test_file_is_a_variable_s_value(file, name, content, dtype, tenth) -> None:
    report = grad("(x*y).sum()", {"x": "@" + file(name, content), "y": 2}, dtype=dtype)
    assert report.bindings == (("x", (3.0, tenth)), ("y", 2.0))
    assert report.gradients[0].autograd == (2.0, 2.0)


def test_file_that_holds_no_finite_number_is_refused(file) -> None:
    path = file("x.csv", "1\nnan\n")
    with pytest.raises(GradcalcError, match="the value of `x` holds nan"):
        grad("x.sum()", {"x": f"@{path}"})


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_csv_file_without_numbers_is_refused(text, tmp_path):
    path = tmp_path / "zero.csv"
    path.write_text(text)
    with pytest.raises(GradcalcError, match="holds no numbers"):
        read(str(path))
