"""`python -m gradcalc`, and the command `gradcalc`."""

from __future__ import annotations

import sys

from gradcalc.base import interrupts


def main() -> None:
    """Run the command line, in which an interrupt is quiet from the first moment."""
    interrupts.end_at_once()
    try:
        from gradcalc import cli
    except Exception as problem:  # noqa: BLE001 - a traceback's exit code, 1, is that of `disagree`
        why = f"{type(problem).__name__}: {problem}".rstrip(": ")
        sys.exit(_failed(f"error: gradcalc cannot be loaded: {why}\n"))
    cli.main()


def _failed(message: str) -> int:
    if sys.stderr is not None:
        sys.stderr.write(message)
    return 70


if __name__ == "__main__":
    main()
