"""An interrupted run, continued: what a file already answers is not asked again.

In: the file that the answers go to, and the records of the input. Out: those records that it does
not answer yet. Each line of the file begins with a digest of the question that it answers and one
of the rest of the line, so that the file itself proves that this run began it: until all of it has
proved that, not a byte of it is changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import itertools
import json
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import IO, Any, Self

from gradcalc import __version__
from gradcalc.base.errors import GradcalcError, Kind, reason
from gradcalc.base.options import Options
from gradcalc.batch.records import Record
from gradcalc.batch.stream import Placed
from gradcalc.language import arrays
from gradcalc.language.bindings import files_in
from gradcalc.results.report import Outcome

_NAME = "give the name of a new file, such as answers.jsonl"
_HINT = (
    "give a new name; --resume continues only what the same gradcalc and torch wrote, for the same"
    " lines of the same files with the same options"
)

#: What a line begins with; then come so many hexadecimal digits of each of its two digests.
_BEGIN = b'{"question":"'
_DIGITS = 32
_HEAD = len(_BEGIN) + 2 * _DIGITS + len('",')

#: Bytes that are read at a time.
_PIECE = 1 << 20


class AnswerFile:
    """The file of answers, open to be continued; nobody else may write to it meanwhile.

    Attributes:
        kept: How many answers it held already.
    """

    def __init__(
        self,
        name: str,
        defaults: Options,
        inputs: Iterable[IO[bytes]] = (),
        outputs: Iterable[IO[str]] = (),
    ) -> None:
        """Open the file, or make it; one that is there stays as it is.

        Args:
            name: Its name.
            defaults: What the records leave open.
            inputs: The streams that the records come from.
            outputs: The streams that anything else is written to.

        Raises:
            GradcalcError: If it is no file that could be written to, if it is one of the streams,
                or if another run has it open.
        """
        self.kept = 0
        self._name = name
        self._files = defaults.files
        self._common = (__version__, importlib.metadata.version("torch"), defaults)
        self._asked: deque[bytes] = deque()
        self._file = self._opened()
        try:
            for streams, read in ((inputs, True), (outputs, False)):
                self._refuse_streams(streams, read=read)
            self._lock()
        except GradcalcError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def skip(
        self, records: Generator[Placed], count: Callable[[Outcome], None]
    ) -> Generator[Placed]:
        """Yield the records that have no answer yet.

        Args:
            records: All of the input.
            count: Called with what each answer that is there came to.

        Raises:
            GradcalcError: If the file does not hold answers to these records, and is as it was
                then; or if one of them has its values from it.
        """
        try:
            with open(self._file.fileno(), "rb", closefd=False) as answers:
                cut = self._read(answers, records, count)
            for placed in itertools.chain(cut, records):
                self._asked.append(self._beginning(placed[0]))
                yield placed
        finally:
            records.close()

    def write(self, text: str) -> None:
        """Append the answers to the next records, a line each.

        Raises:
            GradcalcError: If they cannot be written, such as on a full disk.
        """
        signed = []
        for line in text.encode().splitlines(keepends=True):
            rest = line.removeprefix(b"{")
            signed += [self._asked.popleft(), _digest(hashlib.sha256(rest)), b'",', rest]
        left = b"".join(signed)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as problem:
            raise self._unwritable(problem) from None

    # --- Opening ----------------------------------------------------------------------------------

    def _opened(self) -> Any:
        path = Path(self._name)
        try:
            if self._name in {"", "-"}:
                problem = "--resume needs the name of a file"
            # Merely to open a pipe would wait for whoever is to read it.
            elif path.exists() and not (path.is_file() or path.is_dir()):
                problem = f"{self._name} is no file that could be resumed"
            else:
                # Without a buffer: what a full disk did not take would be tried again on closing.
                return path.open("a+b", buffering=0)
        except OSError as error:
            problem = self._unwritable(error).message
        except ValueError:  # NUL, or half a surrogate pair
            problem = f"{self._name}: no file can have that name"
        raise GradcalcError(Kind.USAGE, problem, hint=_NAME)

    def _refuse_streams(self, streams: Iterable[IO[Any]], *, read: bool) -> None:
        for stream in streams:
            with contextlib.suppress(io.UnsupportedOperation):  # no file of the system's
                self._refuse_used(os.fstat(stream.fileno()), read=read)

    def _refuse_used(self, status: os.stat_result, *, read: bool) -> None:
        """Refuse to write to what is read, or gets other output, whatever name leads to it."""
        if os.path.samestat(status, os.fstat(self._file.fileno())):
            message = f"{self._name} is an input of this run, and would be written to"
            if not read:
                message = f"standard output or standard error goes to {self._name} too"
            raise GradcalcError(Kind.USAGE, message, hint=_NAME)

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # not on Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise GradcalcError(
                Kind.USAGE, f"{self._name}: another run is writing to it", hint="wait for its end"
            ) from None

    # --- What is there ----------------------------------------------------------------------------

    def _read(
        self, answers: IO[bytes], records: Generator[Placed], count: Callable[[Outcome], None]
    ) -> list[Placed]:
        """Count the answers; return the record whose answer was cut off, if there is one.

        A line of any length is read in pieces until its digests have proved whose it is.
        """
        answers.seek(0)
        for number in itertools.count(1):
            start = answers.tell()
            head = answers.readline(_HEAD)
            if not head:
                break
            placed = next(records, None)
            # The beginning of a first line without a digit of a digest may be anybody's.
            anybodys = number == 1 and len(head) <= len(_BEGIN)
            if placed is None or not self._may_answer(head, placed[0]) or anybodys:
                answers.seek(start)
                raise self._mismatch(number, answers.readline(_PIECE), placed)
            rest, piece = hashlib.sha256(), head
            while piece and not piece.endswith(b"\n"):
                piece = answers.readline(_PIECE)
                rest.update(piece)
            if not piece:
                # The last run was stopped while it wrote this.
                self._truncate(start)
                return [placed]
            length = answers.tell() - start
            answers.seek(start)
            whole = head[len(_BEGIN) + _DIGITS : -2] == _digest(rest)
            outcome = _outcome(answers.read(length)) if whole else None
            if outcome is None:
                raise self._damaged(number)
            count(outcome)
            self.kept += 1
        return []

    def _may_answer(self, head: bytes, record: Record) -> bool:
        """Whether a line that begins so answers the record, or would if it had not been cut off."""
        ours = self._beginning(record)
        return head.startswith(ours) or ours.startswith(head)

    def _beginning(self, record: Record) -> bytes:
        """What the line that answers the record begins with."""
        texts = _values(record) if self._files else ()
        named = [name for text in texts if "@" in text for name in files_in(text)]
        question = [*self._common, record, [self._content(name) for name in named]]
        text = json.dumps(question, default=_parts, sort_keys=True)
        return _BEGIN + _digest(hashlib.sha256(text.encode()))

    def _content(self, name: str) -> str:
        """A digest of the file that a record names; or why it cannot be read."""
        try:
            path = arrays.path_of(name)
            status, content = path.stat(), path.read_bytes()
        except (GradcalcError, OSError) as problem:
            return str(problem)
        self._refuse_used(status, read=True)
        return hashlib.sha256(content).hexdigest()

    def _truncate(self, length: int) -> None:
        try:
            self._file.truncate(length)
        except OSError as problem:
            raise self._unwritable(problem) from None

    # --- What is wrong ----------------------------------------------------------------------------

    def _mismatch(self, number: int, line: bytes, placed: Placed | None) -> GradcalcError:
        """The error that a line is no answer to the record that stands in its place."""
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        match answer:
            case {"question": str(), "line": int()} if not line.startswith(_BEGIN):
                return self._damaged(number)  # by a program that wrote it again in its own way
            case {"question": str(), "line": int(place), "expression": str(expression)}:
                theirs = _named(place, expression)
            case _:
                return self._refused(f"{self._name}:{number}: this was not written by --resume")
        ours = "its end" if placed is None else _named(placed[0].line, placed[0].expression)
        said = f"this answers {theirs}, where the input has {ours}"
        if theirs == ours:
            said = f"this answers {theirs}, but in another file, or with other values or options"
        return self._refused(f"{self._name}:{number}: {said}")

    def _damaged(self, number: int) -> GradcalcError:
        return self._refused(f"{self._name}:{number}: this answer was changed or damaged")

    def _refused(self, message: str) -> GradcalcError:
        return GradcalcError(Kind.USAGE, message, hint=_HINT)

    def _unwritable(self, problem: OSError) -> GradcalcError:
        why = reason(problem, "it cannot be written")
        return GradcalcError(Kind.USAGE, f"{self._name}: {why}")


def _digest(digest: Any) -> bytes:
    digits: str = digest.hexdigest()[:_DIGITS]
    return digits.encode()


def _parts(value: Any) -> dict[str, Any]:
    """The attributes of a record, of options, or of an error, for JSON."""
    if is_dataclass(value):
        return {part.name: getattr(value, part.name) for part in fields(value)}
    attributes: dict[str, Any] = vars(value)
    return attributes


def _values(record: Record) -> tuple[str, ...]:
    """The texts of a record that may name files."""
    return (*record.at, record.options.get("grad_outputs") or "")


def _outcome(line: bytes) -> Outcome | None:
    """What an answer came to; None if it is none."""
    try:
        return Outcome.of_json(json.loads(line))
    except (ValueError, RecursionError):
        return None


def _named(line: int | None, expression: str) -> str:
    return f"line {line}, `{expression}`"
