"""`gradcalc batch`: files of expressions, line by line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from gradcalc.base import interrupts, limits
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options, read_texts
from gradcalc.base.readings import NUMBER, whole
from gradcalc.commands.arguments import check_format, completed, format_option, takes
from gradcalc.commands.progress import progress, size
from gradcalc.commands.streams import (
    columns,
    opened,
    refuse_inputs,
    tell,
    terminated_by_exception,
    use_color,
    write,
)
from gradcalc.render import FORMATS, Format

if TYPE_CHECKING:
    from gradcalc.batch.jobs import Answer, Job
    from gradcalc.batch.stream import Placed

Streams = Sequence[tuple[IO[bytes], str | None]]

HELP = """\
gradcalc batch FILE... answers each line of its files, or of standard input.
A line is what you would type after `gradcalc grad`, without the quotes:
    u**3 + v**2 + 4*u*v   --at u=1,v=1.1
Try: gradcalc batch examples.txt, or gradcalc batch --help
"""


def _outcomes() -> Sequence[str]:
    from gradcalc.results.summary import NAMES

    return NAMES


@takes()
def batch(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|-]...", help="Files of expressions; - is standard input."),
    ] = None,
    format: Annotated[str | None, format_option("; table if not given")] = None,
    jobs: Annotated[
        str | None,
        typer.Option("--jobs", metavar="N", help="Answer lines in N processes; 1 by default."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", metavar="tcp://HOST:PORT", help="Answer lines on this Dask cluster."
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="OUT", help="Append to this file what it does not answer yet."
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="VERDICT,...",
            help="Print only these; error is one of them.",
            autocompletion=completed(_outcomes),
        ),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="VERDICT,...|none",
            help="What makes the exit code fail.",
            autocompletion=completed(lambda: (*_outcomes(), "none")),
        ),
    ] = None,
    **given: Any,
) -> int:
    """Answer files of expressions, line by line."""
    from gradcalc.results.summary import FAILING, Summary, chosen

    form = _checked_format(format, resume, only)
    processes = _processes(jobs, scheduler)
    shown = None if only is None else chosen(only, "--only")
    failing = FAILING if fail_on is None else chosen(fail_on, "--fail-on", none=True)
    asked = {"formulas": FORMATS[form].formulas, **read_texts(given)}
    options = Options(**asked, latex=form == "latex", thorough=False)
    if not files and sys.stdin.isatty():
        write(HELP)
        return 0
    from gradcalc.batch.jobs import Job

    job = Job(
        options,
        form,
        width=columns() if resume is None else None,
        color=use_color(sys.stdout) and resume is None,
        message_color=use_color(sys.stderr),
        only=shown,
    )
    refuse_inputs(None, files or ["-"])
    streams = [(opened(name), None if name == "-" else name) for name in files or ["-"]]
    summary = Summary(failing)
    with interrupts.Raised(), terminated_by_exception():
        _run(streams, job, processes if scheduler is None else scheduler, resume, summary)
    tell(f"{summary.text()}\n")
    return summary.exit_code


def _run(streams: Streams, job: Job, where: str | int, resume: str | None, summary: Any) -> None:
    """Answer all records on a cluster or in processes, count and print the answers."""
    from gradcalc.batch.executors import cluster, local
    from gradcalc.batch.resume import AnswerFile
    from gradcalc.batch.stream import in_order

    with contextlib.ExitStack() as stack:
        records, out = _records(streams), write
        inputs = [stream for stream, _ in streams]
        if resume is not None:
            try:
                answers = stack.enter_context(
                    AnswerFile(resume, job.options, inputs, [sys.stdout, sys.stderr])
                )
            except GradcalcError:
                for stream in inputs:
                    stream.close()
                raise
            records, out = answers.skip(records, summary.add), answers.write
        advance = stack.enter_context(progress("lines", size(inputs)))
        stack.enter_context(_document(FORMATS[job.format], out))
        made = local(where, job) if isinstance(where, int) else cluster(where, job)
        submit, workers = stack.enter_context(made)
        for part in in_order(records, submit, workers * limits.CHUNKS_AHEAD):
            for answer in part.answers:
                summary.add(answer.outcome)
            _print(part.answers, out)
            advance(summary.total, part.position)
    if resume is not None and answers.kept:
        kept, asked = answers.kept, summary.total - answers.kept
        tell(f"{kept:,} answer{'s' * (kept != 1)} kept, {asked:,} line{'s' * (asked != 1)} asked\n")


@contextlib.contextmanager
def _document(form: Format, out: Callable[[str], None]) -> Iterator[None]:
    """Write what stands before and after all answers; after those that are there, should it end."""
    out(form.header)
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # what cannot be written is told already
            out(form.footer)
        raise
    out(form.footer)


def _checked_format(format: str | None, resume: str | None, only: str | None) -> str:
    """The format, which is JSON lines for a file that may be resumed."""
    if resume is not None and format not in {None, "jsonl"}:
        raise GradcalcError(
            Kind.USAGE, f"--resume writes JSON lines, not {format}", hint="leave --format out"
        )
    if resume is not None and only is not None:
        raise GradcalcError(
            Kind.USAGE,
            "--resume needs an answer to every line in its file",
            hint="leave --only out",
        )
    form = format or ("table" if resume is None else "jsonl")
    check_format(form)
    return form


def _processes(jobs: str | None, scheduler: str | None) -> int:
    """The number of processes of this machine."""
    if jobs is None:
        return 1
    if scheduler is not None:
        raise GradcalcError(
            Kind.USAGE, "a cluster has its own number of processes", hint="leave --jobs out"
        )
    problem = f"--jobs {jobs}: there may be 1 to {limits.JOBS} processes"
    try:
        count = whole(jobs)
    except ValueError:
        count, problem = 0, f"--jobs needs {NUMBER.takes}, not `{jobs}`"
    if not 1 <= count <= limits.JOBS:
        hint = "as many as there are processors do most"
        raise GradcalcError(Kind.USAGE, problem, hint=hint)
    return count


def _print(answers: Sequence[Answer], out: Callable[[str], None]) -> None:
    """Print answers together, but each message right after its answer."""
    texts = []
    for answer in answers:
        texts.append(answer.text)
        if answer.messages:
            out("".join(texts))
            texts = []
            tell(answer.messages)
    out("".join(texts))


def _records(streams: Streams) -> Generator[Placed]:
    """The records of all streams, each with the place where it ends; closes the streams."""
    from gradcalc.batch.records import read

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
