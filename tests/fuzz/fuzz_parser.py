"""Coverage-guided fuzzing of records, bindings and the parser, by atheris.

    pip install -e ".[dev,fuzz]"
    python tests/fuzz/fuzz_parser.py -max_total_time=600

In: libFuzzer's options, and a folder for what it finds interesting if you like. It begins with the
lines of examples.txt and of tests/data/hostile.txt. Out: libFuzzer's report, with the number of
inputs tried; what breaks a promise is left in a file `crash-*`.
"""

from __future__ import annotations

import ast
import sys
import tempfile
from pathlib import Path

import atheris

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

with atheris.instrument_imports(include=["gradcalc"]):
    import fuzzing

    from gradcalc.batch.records import OPTIONS
    from gradcalc.functions import callable_names

#: The first byte of an input that is a file; one that begins otherwise is a text.
FILE = b"\x80"


def check(data: bytes) -> None:
    """Hold one input against all promises."""
    if data.startswith(FILE):
        fuzzing.check_file(data[1:])
    else:
        fuzzing.check_text(data.decode("utf-8", errors="surrogateescape"))


def seeds() -> list[bytes]:
    """Lines to begin with, as texts and as files."""
    hostile = (TESTS / "data/hostile.txt").read_text(encoding="utf-8").splitlines()
    texts = [ast.literal_eval(line) for line in hostile if not line.startswith("#")]
    lines = (TESTS.parent / "examples.txt").read_text(encoding="utf-8").splitlines() + texts
    found = [line.encode("utf-8", "surrogatepass") for line in lines]
    return found + [FILE + line for line in found]


def main() -> None:
    """Fuzz until the options say that it is enough."""
    words = [*callable_names(), *(f"--{name} " for name in OPTIONS)]
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "seeds")
        corpus.mkdir()
        for number, seed in enumerate(seeds()):
            (corpus / str(number)).write_bytes(seed)
        Path(folder, "words").write_text(
            "".join(f'"{word}"\n' for word in words if word.isascii()), encoding="utf-8"
        )
        given = [word for word in sys.argv[1:] if not word.startswith("-")]
        if not given:
            given = [str(Path(folder, "found"))]
            Path(given[0]).mkdir()
        options = [word for word in sys.argv[1:] if word.startswith("-")]
        atheris.Setup([sys.argv[0], f"-dict={folder}/words", *options, *given, str(corpus)], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
