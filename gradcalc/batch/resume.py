"""An interrupted run, continued: what a file already answers is not asked again.

In: the file that the answers go to, and the records of the input. Out: those records that it does
not answer yet. The file holds JSON lines, and only whole ones once it is opened: whenever the last
run ended, nothing of it is lost or done twice.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Self

from gradcalc.base.errors import GradcalcError, Kind, reason
from gradcalc.batch.records import Record
from gradcalc.batch.stream import Placed
from gradcalc.results.report import Outcome

_HINT = "--resume takes the file that an earlier run of the same input wrote, or a new name"


class Answers:
    """The file of answers, open to be continued; nobody else may write to it meanwhile."""

    def __init__(self, name: str) -> None:
        """Open the file, or make it.

        Raises:
            GradcalcError: If that cannot be done, or another run has it open.
        """
        self._name = name
        try:
            # Without a buffer: what a full disk did not take would be tried again on closing.
            self._file = Path(name).open("ab", buffering=0)  # noqa: SIM115 - `__exit__` closes it
        except OSError as problem:
            raise self._unwritable(problem) from None
        if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.close()
            raise GradcalcError(Kind.USAGE, f"{name} is no file that could be resumed", hint=_HINT)
        self._lock()

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
            GradcalcError: If the file does not hold answers to these records.
        """
        try:
            end = 0
            with Path(self._name).open("rb") as answers:
                for number, line in enumerate(answers, 1):
                    if not line.endswith(b"\n"):
                        # The last run was stopped while it wrote this.
                        self._file.truncate(end)
                        break
                    end += len(line)
                    answer = self._answer(line, number)
                    self._match(answer, number, next(records, None))
                    count(Outcome.of_json(answer))
            yield from records
        finally:
            records.close()

    def write(self, text: str) -> None:
        """Append answers.

        Raises:
            GradcalcError: If they cannot be written, such as on a full disk.
        """
        rest = text.encode()
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as problem:
            raise self._unwritable(problem) from None

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # not on Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise GradcalcError(
                Kind.USAGE, f"{self._name}: another run is writing to it", hint="wait for its end"
            ) from None

    def _answer(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not {"line", "expression", "error"} <= set(answer):
            raise GradcalcError(
                Kind.USAGE, f"{self._name}:{number}: this is no answer of a batch", hint=_HINT
            )
        return answer

    def _match(self, answer: dict[str, Any], number: int, placed: Placed | None) -> None:
        theirs = _question(answer["line"], answer["expression"])
        record: Record | None = None if placed is None else placed[0]
        ours = "its end" if record is None else _question(record.line, record.expression)
        if theirs != ours:
            raise GradcalcError(
                Kind.USAGE,
                f"{self._name}:{number}: this answers {theirs}, where the input has {ours}",
                hint=_HINT,
            )

    def _unwritable(self, problem: OSError) -> GradcalcError:
        why = reason(problem, "it cannot be written")
        return GradcalcError(Kind.USAGE, f"{self._name}: {why}")


def _question(line: object, expression: object) -> str:
    return f"line {line}, `{expression}`"
