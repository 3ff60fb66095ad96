"""`gradcalc batch`: files of expressions, line by line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from gradcalc import limits
from gradcalc.commands.arguments import (
    DtypeName,
    Format,
    SecondOrder,
    Timeout,
    check_format,
    seconds,
)
from gradcalc.commands.streams import columns, opened, tell, use_color, write
from gradcalc.errors import GradcalcError, Kind
from gradcalc.render import FORMATS

if TYPE_CHECKING:
    from gradcalc.stream import Batch, Placed


def batch(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|-]...", help="Files of expressions; - is standard input."),
    ] = None,
    second_order: SecondOrder = False,
    dtype: DtypeName = "float64",
    format: Format = "table",
    timeout: Timeout = 10.0,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", help="Answer lines in so many processes.")
    ] = 1,
) -> int:
    """Answer files of expressions, line by line."""
    check_format(format)
    if not 1 <= jobs <= limits.JOBS:
        raise GradcalcError(
            Kind.USAGE,
            f"--jobs {jobs}: there may be 1 to {limits.JOBS} processes",
            hint="as many as there are processors do most",
        )
    if not files and sys.stdin.isatty():
        write(
            "gradcalc batch FILE... answers each line of its files, or of standard input.\n"
            "A line is what you would type after `gradcalc grad`, without the quotes:\n"
            "    u**3 + v**2 + 4*u*v   --at u=1,v=1.1\n"
            "Try: gradcalc batch examples.txt, or gradcalc batch --help\n"
        )
        return 0
    from gradcalc.chunks import Job
    from gradcalc.executors import local
    from gradcalc.outcome import Summary
    from gradcalc.question import Options
    from gradcalc.stream import in_order

    job = Job(
        Options(
            second_order=second_order,
            dtype=dtype,
            latex=format == "latex",
            thorough=False,
            timeout=seconds(timeout),
        ),
        format,
        width=columns(),
        color=use_color(sys.stdout),
        message_color=use_color(sys.stderr),
    )
    summary = Summary()
    with contextlib.ExitStack() as stack:
        streams = [(opened(name), None if name == "-" else name) for name in files or ["-"]]
        write(FORMATS[format].header)
        advance = stack.enter_context(_progress())
        submit = stack.enter_context(local(jobs, job))
        for part in in_order(_records(streams), submit, jobs * limits.CHUNKS_AHEAD):
            for answer in part.answers:
                summary.add(answer.outcome)
            _print(part)
            advance(len(part.answers))
    tell(f"{summary.text()}\n")
    return summary.exit_code


def _print(part: Batch) -> None:
    """Print answers, those with a message at the time of their message."""
    texts = []
    for answer in part.answers:
        texts.append(answer.text)
        if answer.messages:
            write("".join(texts))
            texts = []
            tell(answer.messages)
    write("".join(texts))


def _records(streams: Sequence[tuple[IO[bytes], str | None]]) -> Generator[Placed]:
    """The records of all streams, each with the place where it ends; closes the streams."""
    from gradcalc.records import read

    with contextlib.ExitStack() as stack:
        for stream, _ in streams:
            stack.callback(stream.close)
        before = 0
        for stream, name in streams:
            counted: Any = _Counted(stream)
            for record in read(counted, name):
                yield record, before + counted.count
            before += counted.count


class _Counted:
    """A stream that counts the bytes that were read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def readline(self, size: int) -> bytes:
        """Read a line, or so much of it."""
        line = self._stream.readline(size)
        self.count += len(line)
        return line


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """A progress bar on standard error, if that is a terminal; yields what advances it."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (SpinnerColumn(), TextColumn("lines"), MofNCompleteColumn(), TimeElapsedColumn())
    # Where results go to the same terminal, rich prints them above the bar.
    bar = Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=True,
    )
    with bar:
        task = bar.add_task("lines", total=None)
        yield lambda count: bar.advance(task, count)
