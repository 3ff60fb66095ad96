"""Files that are written: what stood there is kept until they are complete."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.cli import main
from gradcalc.commands import streams
from gradcalc.commands.batch import batch
from gradcalc.commands.streams import writing
from gradcalc.render import Drawn

OLD = "not to be lost\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    return tmp_path


@pytest.fixture
def nobody(here: Path) -> Iterator[None]:
    """Be somebody who may not do everything, and owns `sub` and a file in it."""
    (here / "sub" / "out").write_text(OLD)
    root = os.getuid() == 0
    if root:
        for path in (here, here / "sub", here / "sub" / "out"):
            os.chown(path, 65534, 65534)
        os.setresuid(65534, 65534, 0)
    yield
    if root:
        os.setresuid(0, 0, 0)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_file_takes_its_place_when_it_is_complete(here: Path) -> None:
    (here / "out").write_text(OLD)
    with writing("out") as put:
        put("a\n")
        put(b"b\n")
        assert (here / "out").read_text() == OLD
    assert (here / "out").read_text() == "a\nb\n"
    assert names(here) == ["out"]


def _fail_after(text: str, put: Callable[[Drawn], None], problem: BaseException) -> NoReturn:
    put(text)
    raise problem


@pytest.mark.parametrize(
    "stop", [GradcalcError(Kind.USAGE, "no"), KeyboardInterrupt(), ValueError()]
)
@pytest.mark.parametrize("old", [OLD, None])
def test_partial_file_says_so(
    here: Path, capsys: pytest.CaptureFixture[str], stop: BaseException, old: str | None
) -> None:
    if old:
        (here / "out").write_text(old)
    for name in ("out.partial", "out.2.partial"):  # nor is an earlier one lost
        with pytest.raises(type(stop)), writing("out") as put:
            _fail_after("some", put, stop)
        assert (here / name).read_text() == "some"
        rest = "is as it was" if old else "was not made"
        said = f"warning: {name} holds what was written until then; out {rest}\n"
        assert capsys.readouterr().err == said
    assert (here / "out").exists() == bool(old)
    assert not old or (here / "out").read_text() == old


def test_nothing_is_left_of_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), writing("out"):
        raise ValueError("no")
    assert names(here) == []
    assert capsys.readouterr().err == ""


def test_rights_and_links_stay(here: Path) -> None:
    real = here / "sub" / "real"
    real.write_text(OLD)
    real.chmod(0o640)
    (here / "out").symlink_to("sub/real")
    (here / "dangling").symlink_to("sub/new")
    for name in ("out", "dangling"):
        with writing(name) as put:
            put("new")
    assert (here / "out").is_symlink()
    assert real.read_text() == (here / "sub" / "new").read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640
    assert names(here / "sub") == ["new", "real"]


@pytest.mark.parametrize("way", ["in", "sub/../in", "symlink", "hard link", "-"])
def test_input_is_not_written_to(here: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    (here / "in").write_text(OLD)
    (here / "symlink").symlink_to("in")
    (here / "hard link").hardlink_to("in")
    with open("in", encoding="utf-8") as stream:  # noqa: PTH123 - as Python opens it
        monkeypatch.setattr(sys, "stdin", stream)
        output, source = ("in", "-") if way == "-" else (way, "in")
        with (
            pytest.raises(GradcalcError, match="is an input of this run"),
            writing(output, [source]),
        ):
            pytest.fail("it would be written")
    assert (here / "in").read_text() == OLD


def test_standard_output_is_no_input_either(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("in", "a+", encoding="utf-8") as stream:  # noqa: PTH123 - as the shell opens it
        monkeypatch.setattr(sys, "stdout", stream)
        with (
            pytest.raises(GradcalcError, match="standard output is an input"),
            writing(None, ["in"]),
        ):
            pytest.fail("it would never end")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_batch_does_not_write_to_its_input(
    here: Path, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    (here / "in").write_text("sqr(x)\n")
    with open("in", "a+", encoding="utf-8") as file:  # noqa: PTH123 - as the shell opens it
        monkeypatch.setattr(sys, stream, file)
        with pytest.raises(GradcalcError, match=r"standard .* is an input of this run"):
            batch(["in"], no_files=False)
    assert (here / "in").read_text() == "sqr(x)\n"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("nowhere/out", "no file can be made in nowhere: no such file"),
        ("sub", "sub: is a directory"),
    ],
)
def test_place_that_takes_no_file_is_told(here: Path, output: str, message: str) -> None:
    with pytest.raises(GradcalcError, match=message), writing(output):
        pytest.fail("nothing can be written")


@pytest.mark.parametrize(
    ("folder", "file", "message"),
    [
        (0o555, 0o666, "no file can be made in sub: permission denied"),
        (0o777, 0o444, "sub/out: permission denied"),
    ],
)
@pytest.mark.usefixtures("nobody")
def test_what_may_not_be_written_is_told(folder: int, file: int, message: str) -> None:
    Path("sub/out").chmod(file)
    Path("sub").chmod(folder)
    with pytest.raises(GradcalcError, match=message), writing("sub/out"):
        pytest.fail("it may not be written")
    assert Path("sub/out").read_text() == OLD


def test_long_name_and_a_pipe_are_written_to(here: Path) -> None:
    with writing("x" * 255) as put:
        put("new")
    assert (here / ("x" * 255)).read_text() == "new"
    os.mkfifo("real pipe")
    Path("pipe").symlink_to("real pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    with writing("pipe") as put:
        put("new")
    assert os.read(reader, 9) == b"new"
    os.close(reader)
    assert (here / "pipe").is_fifo()


def test_pipe_without_a_reader_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_PATIENCE", 0.1)
    os.mkfifo("pipe")
    with pytest.raises(GradcalcError, match="a pipe that nobody reads"), writing("pipe"):
        pytest.fail("it would wait for ever")


def test_reader_of_a_pipe_may_come_later(here: Path) -> None:
    os.mkfifo("pipe")
    read: list[bytes] = []

    def come() -> None:
        time.sleep(0.1)
        read.append(Path("pipe").read_bytes())

    thread = threading.Thread(target=come)
    thread.start()
    with writing("pipe") as put:
        put("new" * 100_000)  # more than a pipe holds
    thread.join()
    assert read == [b"new" * 100_000]


def test_what_is_written_twice_is_a_file(here: Path) -> None:
    os.mkfifo("pipe")
    with pytest.raises(GradcalcError, match="pipe is no file"), writing("pipe", twice=True):
        pytest.fail("its beginning could not be written again")


@pytest.mark.parametrize("form", ["csv", "latex", "markdown", "table"])
def test_output_is_utf_8_off_a_terminal(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with pytest.raises(SystemExit):
        main(["grad", "2*\u00e9", "--format", form])
    assert "2*\u00e9" in raw.getvalue().decode("utf-8")


# --- As a process ---------------------------------------------------------------------------------

SWEEP = [sys.executable, "-m", "gradcalc", "sweep", "x*x"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("form", ["csv", "npy", "parquet"])
def test_interrupted_sweep_leaves_what_was_there(
    here: Path, number: signal.Signals, form: str
) -> None:
    out, partial = here / f"out.{form}", here / f"out.{form}.partial"
    out.write_text(OLD)
    words = [*SWEEP, "--over", "x=0:1:100000000", "-o", out.name]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, cwd=here)  # noqa: S603 - our own
    while not (partial.exists() and partial.stat().st_size > 100_000):
        time.sleep(0.05)
    process.send_signal(number)
    err = process.communicate()[1].decode()
    assert process.returncode == 128 + number
    assert f"{partial.name} holds what was written until then; {out.name} is as it was" in err
    assert out.read_text() == OLD
    # What is there can be read.
    partial.rename(here / f"points.{form}")
    again = [*SWEEP, "--points", f"points.{form}", "-o", "again.csv"]
    subprocess.run(again, check=True, cwd=here, stderr=subprocess.DEVNULL)  # noqa: S603 - our own


@pytest.mark.slow
def test_full_disk_leaves_what_was_there(here: Path) -> None:
    (here / "out.csv").write_text(OLD)
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from gradcalc.cli import main\n"
        "main(['sweep', 'x*x', '--over', 'x=0:1:100000', '-o', 'out.csv'])\n"
    )
    # -B: Python keeps the half of a compiled module that a limit on files lets it write.
    command = [sys.executable, "-B", "-c", limited]
    done = subprocess.run(  # noqa: S603 - our own
        command, capture_output=True, text=True, check=False, cwd=here
    )
    assert done.returncode == 2
    assert "out.csv.partial holds" in done.stderr
    assert "error: out.csv: file too large" in done.stderr
    assert (here / "out.csv").read_text() == OLD


def test_link_that_leads_round_is_no_output(run, here):
    (here / "loop.csv").symlink_to("loop.csv")
    code, _, err = run("sweep", "u", "--over", "u=0:1:3", "-o", "loop.csv")
    assert code == 2
    assert err.startswith("error: loop.csv: too many levels of symbolic links\n")
    assert (here / "loop.csv").is_symlink()
    assert sorted(path.name for path in here.iterdir()) == ["loop.csv", "sub"]
