"""What the tests share: the golden files, and a way to run a command.

`pytest --update-golden` writes what the tests got to `tests/golden/`; read the difference before
you commit it.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import fuzzing
import pytest

from gradcalc.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-golden`."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files instead of comparing with them",
    )


@pytest.hookimpl(tryfirst=True)  # before those that are slow are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of tests that are marked `sampled(n)`, leave every n-th case to the fast suite."""
    cases: Counter[str] = Counter()
    for item in items:
        sampled = item.get_closest_marker("sampled")
        if sampled is not None:
            test = item.nodeid.partition("[")[0]
            if cases[test] % sampled.args[0]:
                item.add_marker(pytest.mark.slow)
            cases[test] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many inputs the fuzzers tried."""
    if fuzzing.TRIED:
        kinds = ", ".join(f"{count:,} of kind {kind}" for kind, count in fuzzing.TRIED.items())
        terminalreporter.write_line(f"fuzz: {fuzzing.TRIED.total():,} inputs tried: {kinds}")


#: Programs of their own: fuzzers, which need the extra `fuzz`, and what tests start.
collect_ignore_glob = ["fuzz/*", "data/*"]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the file of that name in `tests/golden/`, byte for byte."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.write_bytes(text.encode())
            return
        assert path.exists(), f"no {path.name}; run: pytest --update-golden"
        assert text == path.read_bytes().decode()

    return compare


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command in this process; give exit code, standard output and standard error."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*words: str, stdin: bytes | str = "") -> tuple[int, str, str]:
        raw = io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw, encoding="utf-8"))
        with pytest.raises(SystemExit) as left:
            main(words)
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run
