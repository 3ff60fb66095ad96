"""Fuzzing: inputs that nobody thought of, of every kind that gets at a line of a batch.

Each run says at its end how many inputs it tried. `pytest -m slow tests/test_fuzz.py` tries more,
and other ones each time; tests/fuzz has a fuzzer that is guided by coverage.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fuzzing import TRIED, check_answers, check_file, check_round_trip, check_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import sketches

from gradcalc.base.options import Options
from gradcalc.batch.answers import answers
from gradcalc.batch.json_records import FIELDS
from gradcalc.batch.records import OPTIONS, read
from gradcalc.functions import callable_names
from gradcalc.language.parser import parse

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = Path(__file__).parent

VALID = [
    line
    for line in (TESTS.parent / "examples.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
HOSTILE = [
    ast.literal_eval(line)
    for line in (TESTS / "data/hostile.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
#: Pieces that a mutation puts into a line: what is special to a lexer, a parser, a shell, a
#: terminal, to JSON and to Unicode.
SNIPPETS = [
    *callable_names(),
    *(f"--{name} " for name in OPTIONS),
    *(f'"{name}":' for name in FIELDS),
    *"()[]{}+-*/^%@&|~<>=!,;:.#'\"\\`$?_ \t\n\r\0\x1b\x7f\x85\x9b²⁻√πθ∞·\N{MULTIPLICATION SIGN}÷≤½",
    *("\u0301", "\u200b", "\u202e", "\u2028", "\ufeff", "\ufe0f", "\u3164", "\uff45", "\ud800"),
    *("**", "//", "==", "<=", "...", "x=1", "x=", "=x", "[[", "]]", "()", "[]", "{}", "[1,", "1e"),
    *("9" * 400, "1e400", "1e-400", "0x1", "1_0", "1j", "007", "NaN", "-Infinity", "inf", "nan"),
    *("lambda ", "if ", "not ", "for x in ", "await ", "x:=", "*x", "**x", "f'", "__class__"),
    *("no_grad(", ".T", ".add_(", "[0]", "x += 1; ", "y = x; ", "@no.npy", "randn(2,2)", "null"),
]


def tried(most: int) -> Callable[[Any], Any]:
    """Try so many inputs, the same ones each time."""
    return settings(
        max_examples=most,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def tried_anew(most: int) -> Callable[[Any], Any]:
    """Try so many inputs, others in each run."""
    return settings(
        max_examples=most,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """Draw a line that somebody meant, with a few pieces swapped, lost, doubled or put in."""
    line = draw(st.sampled_from([*VALID, *HOSTILE]))
    pieces = re.findall(r"\w+|\s+|[^\w\s]", line) or [""]
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(pieces)))
        change = draw(st.sampled_from(["put in", "put in", "lose", "double", "swap", "cut"]))
        if change == "put in":
            pieces.insert(place, draw(st.sampled_from(SNIPPETS)))
        elif change == "lose":
            del pieces[place : place + 1]
        elif change == "double":
            pieces[place:place] = pieces[place : place + draw(st.integers(1, 5))]
        elif change == "swap" and pieces:
            other = draw(st.integers(0, len(pieces) - 1))
            place = min(place, len(pieces) - 1)
            pieces[place], pieces[other] = pieces[other], pieces[place]
        else:
            del pieces[place:]
    return "".join(pieces)


TEXTS = st.one_of(
    st.text(max_size=60),
    mutants(),
    st.lists(st.sampled_from([*SNIPPETS, "x", "1", "y"]), max_size=12).map("".join),
)
VALUES = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        st.sampled_from([*HOSTILE, "x", "pi", "@no.npy", "1, 2", 10**400, -(2**63), 2**64, -0.0]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["x", "y"]), inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(FIELDS, VALUES),
        "expression": st.sampled_from(["x", "x*y", "x.sum()"]) | VALUES,
        "at": st.sampled_from([{"x": 1}, {"x": [1, 2]}]) | VALUES,
        "other": VALUES,
    },
).map(json.dumps)
LINES = st.one_of(
    st.binary(max_size=60),
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    OBJECTS.map(str.encode),
)
FILES = st.builds(
    lambda start, lines, end: start + end.join(lines),
    st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\n"]),
    st.lists(LINES, max_size=4),
    st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", b"\n\n"]),
)


def check_pipeline(data: bytes) -> None:
    """Any bytes are a batch file that is answered to its end."""
    options = Options(thorough=False, timeout=1.0)
    TRIED["line answered"] += check_answers(data, answers(read(io.BytesIO(data), None), options))


@tried(300)
@given(TEXTS)
def test_any_text_is_a_program_or_an_error(text):
    check_text(text)


@tried(100)
@given(FILES)
def test_any_bytes_are_records_in_order(data):
    check_file(data)


@tried(100)
@given(OBJECTS.map(str.encode))
def test_any_object_is_a_record(data):
    check_file(data)


@tried(40)
@given(FILES)
def test_any_file_is_answered_to_its_end(data):
    check_pipeline(data)


@tried(50)
@given(sketches())
def test_program_is_written_back_as_it_was_read(sketch):
    TRIED["program"] += 1
    check_round_trip(parse(sketch.text))
    check_round_trip(parse(sketch.program))


@pytest.mark.slow
@tried_anew(5_000)
@given(TEXTS)
def test_any_of_many_texts_is_a_program_or_an_error(text):
    check_text(text)


@pytest.mark.slow
@tried_anew(3_000)
@given(FILES)
def test_any_of_many_files_is_records_in_order(data):
    check_file(data)


@pytest.mark.slow
@tried_anew(1_000)
@given(FILES)
def test_any_of_many_files_is_answered_to_its_end(data):
    check_pipeline(data)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs atheris")
def test_coverage_guided_fuzzer_finds_nothing(tmp_path):
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, TESTS / "fuzz/fuzz_parser.py", "-max_total_time=20"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    count = re.search(r"Done (\d+) runs", done.stderr)
    assert count is not None
    assert int(count[1]) > 1000
    TRIED["guided by coverage"] += int(count[1])
