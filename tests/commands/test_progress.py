"""The bar of a long run on a terminal."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys

from gradcalc.commands.progress import size


def on_terminal(*words):
    """What the command shows on a terminal, with standard output elsewhere."""
    terminal, other = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "gradcalc", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=other,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    ) as process:
        os.close(other)
        shown = b""
        while process.poll() is None or select.select([terminal], [], [], 0)[0]:
            try:
                shown += os.read(terminal, 10_000)
            except OSError:  # its other end is closed
                break
    os.close(terminal)
    return shown.decode()


def test_progress_of_a_file_shows_rate_and_time_left(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("x --at x=1\n" * 300)
    shown = on_terminal("batch", "--format", "csv", str(file))
    for part in ("100%", "300 lines, ", "/s", " left", "300 lines: 300 agree (all proved) in "):
        assert part in shown


def test_progress_of_a_sweep_shows_rate_and_time_left():
    shown = on_terminal("sweep", "x*y", "--over", "x=0:1:30", "--at", "y=1")
    for part in ("100%", "30 points, ", "/s", " left", "30 points, 2 judged one by one: 30 agree"):
        assert part in shown


def test_progress_knows_the_size_of_files_only(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("x\n")
    with file.open("rb") as one, file.open("rb") as two:
        assert size([one, two]) == 4
        assert size([one, io.BytesIO(b"x")]) is None
        with subprocess.Popen(["cat"], stdin=one, stdout=subprocess.PIPE) as pipe:  # noqa: S607
            assert size([one, pipe.stdout]) is None
