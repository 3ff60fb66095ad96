"""Lines of a batch file: every form, and everything that may be wrong with one."""

from __future__ import annotations

import io
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError
from gradcalc.batch.records import Record, read

FIELDS = (
    "expression, id, at, wrt, second_order, dtype, seed, retain_grad, grad_outputs, backward, "
    "zero_grad, no_retain_graph, claim, no_formulas"
)
OPTIONS = (
    "--at, --backward, --claim, --dtype, --grad-outputs, --no-formulas, --no-retain-graph, "
    "--retain-grad, --second-order, --seed, --wrt, --zero-grad"
)

RECORD = 'a record is one line, as in {"expression": "x**2", "at": {"x": 3}}'
FINITE = 'numbers are finite; a text may hold a formula, as in {"x": "pi/4"}'


def records(data: bytes | str, source: str | None = None) -> list[Record]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read(io.BytesIO(raw), source))


def one(line: bytes | str) -> Record:
    (record,) = records(line)
    return record


def problem(line: bytes | str) -> GradcalcError:
    error = one(line).error
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("line", "expression", "fields"),
    [
        ("x**2", "x**2", {}),
        ("  x**2  ", "x**2", {}),
        ("u*v   --at u=1,v=1.1", "u*v", {"at": ("u=1,v=1.1",)}),
        ("u*v --at u=1 --at=v=2", "u*v", {"at": ("u=1", "v=2")}),
        ("x --at x=1 --second-order", "x", {"at": ("x=1",), "second_order": True}),
        ("x --seeds --at x=1,seeds=2", "x --seeds", {"at": ("x=1,seeds=2",)}),
        ("seeds = 2; x --seeds", "seeds = 2; x --seeds", {}),
        ("x --seeds + 1", "x --seeds + 1", {}),
        ("x --t", "x --t", {}),
        ("x -h --at x=1,h=2", "x -h", {"at": ("x=1,h=2",)}),
        ("x*h -h", "x*h -h", {}),
        ("x*y --wrt x, y --dtype float32", "x*y", {"wrt": ("x", "y"), "dtype": "float32"}),
        ("x --claim x=1 --claim y=2*x", "x", {"claims": ("x=1", "y=2*x")}),
        ("x --at x=1 # a comment", "x", {"at": ("x=1",)}),
        ('"x**2" --at "x=1" --wrt \'x\'', "x**2", {"at": ("x=1",), "wrt": ("x",)}),
        ("-x**2 --at x=-1", "-x**2", {"at": ("x=-1",)}),
        ("x --y", "x --y", {}),
        ("x --y*z --at x=1", "x --y*z", {"at": ("x=1",)}),
        ("x - --y", "x - --y", {}),
        ("--at x=1", "", {"at": ("x=1",)}),
        ("x - --y --at x=1", "x - --y", {"at": ("x=1",)}),
        ("x --second-order --at x=1", "x", {"at": ("x=1",), "second_order": True}),
        ("y = x**2; y[0] --at x=[1,2] # c", "y = x**2; y[0]", {"at": ("x=[1,2]",)}),
        (
            "einsum('ij,ij->', x, W) --at x=randn(2,3),W=@w.npy",
            "einsum('ij,ij->', x, W)",
            {"at": ("x=randn(2,3),W=@w.npy",)},
        ),
        ("x --seed 7", "x", {"seed": 7}),
        ("x --seed=-1 --backward 2", "x", {"seed": -1, "passes": 2}),
        (
            "x --backward 3 --zero-grad --no-retain-graph",
            "x",
            {"passes": 3, "zero_grad": True, "retain_graph": False},
        ),
        ("x --zero-grad --retain-grad a, b", "x",
         {"zero_grad": True, "retain_grad": ("a", "b")}),
        ("x --retain-grad all", "x", {"retain_grad": None}),
        ("x --grad-outputs ones", "x", {"grad_outputs": "ones"}),
        ("x, y --grad-outputs [1, 2] --grad-outputs=3", "x, y",
         {"grad_outputs": "[1, 2],3"}),
        ('{"expression": "sin(x)"}', "sin(x)", {}),
        (
            '{"expression": "x", "at": {"x": 0.5, "y": "pi/4", "n": 2}}',
            "x",
            {"at": ("x=0.5", "y=pi/4", "n=2")},
        ),
        ('{"expression": "x", "wrt": "x, y"}', "x", {"wrt": ("x", "y")}),
        ('{"expression": "x", "wrt": ["x"]}', "x", {"wrt": ("x",)}),
        (
            '{"expression": "x", "second_order": true, "id": "a"}',
            "x",
            {"second_order": True, "id": "a"},
        ),
        ('{"expression": "x", "dtype": "float32", "id": 7}', "x", {"dtype": "float32", "id": 7}),
        ('{"expression": "x", "claim": {"x": "1"}}', "x", {"claims": ("x=1",)}),
        ('{"expression": "x", "at": null, "wrt": null, "id": null}', "x", {}),
        ('{"expression": "\\u03b8 # no comment"}', "θ # no comment", {}),
        ('{"expression": "y = x\\ny*2"}', "y = x\ny*2", {}),
        (
            '{"expression": "x", "at": {"x": [[1, 2], [3, 4.5]], "y": ["pi/4", -1], "z": []}}',
            "x",
            {"at": ("x=[[1, 2], [3, 4.5]]", "y=[pi/4, -1]", "z=[]")},
        ),
        ('{"expression": "x", "at": {"x": "@x.npy"}}', "x", {"at": ("x=@x.npy",)}),
        (
            '{"expression": "x", "seed": 7, "backward": 2, "zero_grad": true}',
            "x",
            {"seed": 7, "passes": 2, "zero_grad": True},
        ),
        (
            '{"expression": "x", "zero_grad": false, "no_retain_graph": true}',
            "x",
            {"retain_graph": False},
        ),
        ('{"expression": "x", "retain_grad": "a, b"}', "x", {"retain_grad": ("a", "b")}),
        ('{"expression": "x", "retain_grad": ["a"]}', "x", {"retain_grad": ("a",)}),
        ('{"expression": "x", "retain_grad": "all"}', "x", {"retain_grad": None}),
        ('{"expression": "x", "grad_outputs": "ones"}', "x", {"grad_outputs": "ones"}),
        ('{"expression": "x", "grad_outputs": 2.5}', "x", {"grad_outputs": "2.5"}),
        (
            '{"expression": "x", "grad_outputs": [[1, 2], [3, "pi"]]}',
            "x",
            {"grad_outputs": "[[1, 2], [3, pi]]"},
        ),
        ('{"expression": "x", "seed": null, "retain_grad": null, "zero_grad": null}', "x", {}),
    ],
)  # fmt: skip
def test_line_is_read(line, expression, fields):
    own = {name: fields[name] for name in ("at", "id") if name in fields}
    options = {name: fields[name] for name in fields if name not in own}
    wanted = Record(expression, line=1, options=options, is_json=line.startswith("{"), **own)
    assert one(line) == wanted


@pytest.mark.parametrize(
    ("line", "kind", "message", "hint"),
    [
        ("x --at", "usage", "--at needs a value", None),
        ("x --second-order yes", "usage", "--second-order takes no value, not `yes`", None),
        ("x --atx x=1", "usage", "unknown option --atx", "did you mean --at?"),
        ("x --format json", "usage", "unknown option --format",
         f"use {OPTIONS}"),
        ("x --format=json", "usage", "unknown option --format",
         f"use {OPTIONS}"),
        ("x --at x=1 --wtr x", "usage", "unknown option --wtr", "did you mean --wrt?"),
        ('{"expression": "x", "wrtt": "x"}', "usage", "unknown field `wrtt`",
         "did you mean `wrt`?"),
        ('{"expression": "x", "zzz": 1}', "usage", "unknown field `zzz`",
         f"known are {FIELDS}"),
        ('{"at": {}}', "usage", "`expression` must be a text, and is needed", None),
        ('{"expression": 1}', "usage", "`expression` must be a text, and is needed", None),
        ('{"expression": "x", "at": "x=1"}', "usage",
         '`at` must be an object, as in {"x": 0.5}', None),
        ('{"expression": "x", "at": {"x": true}}', "usage",
         "`at.x` must be a number, a list of numbers, or a text", None),
        ('{"expression": "x", "at": {"x": null}}', "usage",
         "`at.x` must be a number, a list of numbers, or a text", None),
        ('{"expression": "x", "at": {"x": [1, [true]]}}', "usage",
         "`at.x` must be a number, a list of numbers, or a text", None),
        ('{"expression": "x", "at": {"x": {"y": 1}}}', "usage",
         "`at.x` must be a number, a list of numbers, or a text", None),
        ('{"expression": "x", "seed": 1.5}', "usage", "`seed` must be a whole number", None),
        ('{"expression": "x", "seed": true}', "usage", "`seed` must be a whole number", None),
        ('{"expression": "x", "seed": 99999999999999999999}', "usage",
         "`seed` 99999999999999999999 is out of range", "write --seed 0"),
        ('{"expression": "x", "backward": 0}', "usage",
         "`backward` 0: backward is run 1 to 1,000 times", "write --backward 2"),
        ('{"expression": "x", "dtype": "half"}', "usage", "unknown dtype `half`",
         "use --dtype float64 or --dtype float32"),
        ('{"expression": "x", "wrt": {"x": 1}}', "usage",
         "`wrt` must be a name or a list of names", None),
        ('{"expression": "x", "seed": false}', "usage", "`seed` must be a whole number", None),
        ('{"expression": "x", "backward": "2"}', "usage",
         "`backward` must be a whole number", None),
        ('{"expression": "x", "zero_grad": 1}', "usage",
         "`zero_grad` must be true or false", None),
        ('{"expression": "x", "no_retain_graph": "yes"}', "usage",
         "`no_retain_graph` must be true or false", None),
        ('{"expression": "x", "retain_grad": [1]}', "usage",
         '`retain_grad` must be a name, a list of names, or "all"', None),
        ('{"expression": "x", "retain_grad": true}', "usage",
         '`retain_grad` must be a name, a list of names, or "all"', None),
        ('{"expression": "x", "grad_outputs": {}}', "usage",
         "`grad_outputs` must be a number, a list of numbers, or a text", None),
        ('{"expression": "x", "grad_outputs": [null]}', "usage",
         "`grad_outputs` must be a number, a list of numbers, or a text", None),
        ('{"expression": "x", "seeds": 7}', "usage", "unknown field `seeds`",
         "did you mean `seed`?"),
        ("x --seed", "usage", "--seed needs a value", None),
        ("x --seed 1.5", "usage", "--seed needs a whole number, not `1.5`",
         "write --seed 2"),
        ("x --backward two", "usage", "--backward needs a whole number, not `two`",
         "write --backward 2"),
        ("x --backward 99999999999999999999", "usage",
         "--backward 99999999999999999999: backward is run 1 to 1,000 times",
         "write --backward 2"),
        ("x --seed 99999999999999999999", "usage", "--seed 99999999999999999999 is out of range",
         "write --seed 0"),
        ("x --dtype half", "usage", "unknown dtype `half`",
         "use --dtype float64 or --dtype float32"),
        ("x --dtype int64", "autograd",
         "a leaf of int64 cannot require grad: only floating-point tensors can",
         "use --dtype float64 or --dtype float32"),
        ("x --zero-grad 1", "usage", "--zero-grad takes no value, not `1`", None),
        ("x --retain-grad", "usage", "--retain-grad needs a value", None),
        ("x --at x=1 --retaingrad y", "usage", "unknown option --retaingrad",
         "did you mean --retain-grad?"),
        ('{"expression": "x", "wrt": 1}', "usage", "`wrt` must be a name or a list of names", None),
        ('{"expression": "x", "wrt": [1]}', "usage",
         "`wrt` must be a name or a list of names", None),
        ('{"expression": "x", "second_order": 1}', "usage",
         "`second_order` must be true or false", None),
        ('{"expression": "x", "dtype": 64}', "usage", "`dtype` must be a text", None),
        ('{"expression": "x", "id": {}}', "usage", "`id` must be a text or a number", None),
        ('{"expression": "x", "id": 1e999}', "limit",
         "the number 1e999 is out of the range of float64", "use a number that is"),
        ('{"expression": "x", "id": true}', "usage", "`id` must be a text or a number", None),
        ('{"expression": "x", "at": {"x": 1e-400}}', "limit",
         "the number 1e-400 is out of the range of float64", "use a number that is"),
        ('{"expression": "x", "at": {"x=1,y": 2}}', "usage", "`x=1,y` in `at` is no name",
         '`at` is an object, as in {"x": 0.5}'),
        ('{"expression": "x*y", "at": {"x": "1,y=2"}}', "usage", "`at.x` is no single value",
         "give each name its own"),
        ('{"expression": "x", "at": {"x": ["1, 2", 3]}}', "usage",
         "a text in `at.x` is no single value", 'write a list, as in [1, "pi/4"]'),
        ('{"expression": "x", "at": {"x": ["[1", "2]"]}}', "usage",
         "a text in `at.x` is no single value", 'write a list, as in [1, "pi/4"]'),
        ('{"expression": "x", "at": {"x": ' + "[" * 300 + "]" * 300 + "}}", "limit",
         "`at.x` is nested too deeply", None),
        ('{"expression": "x', "syntax", "this is not JSON: this string is never closed",
         RECORD),
        ('{"expression": "x\x1b"}', "syntax",
         "this is not JSON: a control character within a string",
         RECORD),
        ('{"expression": "x"} {', "syntax", "this is not JSON: something follows the object",
         RECORD),
        ('{"expression": "x\\q"}', "syntax", "this is not JSON: invalid \\escape",
         RECORD),
        *(
            (f"x**2 --{name}{more}", "usage", f"unknown option --{name}",
             "did you mean --second-order?")
            for name in ("secondorder", "second_order", "Second-Order", "second-ordr")
            for more in ("", " --at x=1")
        ),
        ('gradcalc grad "x**2" --at x=1', "syntax", "`gradcalc grad` is no part of a line",
         "leave it out: a line begins with the expression"),
        ("$ gradcalc check x --claim x=1", "syntax", "`$ gradcalc check` is no part of a line",
         "leave it out: a line begins with the expression"),
        ("x --help", "usage", "unknown option --help", f"use {OPTIONS}"),
        ("x --no-files", "usage", "unknown option --no-files", f"use {OPTIONS}"),
        ("x -h", "usage", "unknown option -h", "for a difference write - h"),
        ("x --seed 1 --seed 2", "usage", "--seed is given twice", "leave one out"),
        ("x --wrt x --wrt x", "usage", "--wrt is given twice", "leave one out"),
        ("x --zero-grad --zero-grad", "usage", "--zero-grad is given twice", "leave one out"),
        ("x + 1\rx + 2", "syntax", "a carriage return within the line",
         "end lines with LF or CRLF"),
        ("x + \0", "syntax", "a NUL character", "if the file is UTF-16, save it as UTF-8"),
        (b"\xff\xfex\0", "syntax", "the file is UTF-16", "save the file as UTF-8"),
        ('{"expression": "x", "expression": "y"}', "usage", "`expression` is given twice",
         "leave one out"),
        ('{"expression": "x", "at": {"x": 1, "x": 2}}', "usage", "`x` is given twice",
         "leave one out"),
        ('{"expression": "x", "at": {"x": NaN}}', "syntax", "NaN is not JSON", FINITE),
        ('{"expression": "x", "at": {"x": -Infinity}}', "syntax", "-Infinity is not JSON", FINITE),
        ('{"a":' * 100_000, "limit", "the JSON record is nested too deeply", None),
        ('{"expression": "x", "id": ' + "9" * 5_000 + "}", "limit",
         "the JSON record has a number that is too long", "round it"),
        (b"x + \xff", "syntax", "byte 5 of the line is not UTF-8", "save the file as UTF-8"),
    ],
)  # fmt: skip
def test_bad_line_becomes_an_error(line, kind, message, hint):
    error = problem(line)
    assert (error.kind, error.message, error.hint) == (kind, message, hint)


def test_line_that_is_no_json_says_where():
    error = problem('{"expression": x}')
    assert error.message.startswith("this is not JSON: ")
    assert error.span is not None
    assert error.text[error.span.start] == "x"


@pytest.mark.parametrize(
    ("line", "piece", "start"),
    [
        ('{"expression": "x", "at": {"x": NaN}}', "NaN", 32),
        ('{"expression": "x", "at": {"x": 1e400}}', "1e400", 32),
        ('{"expression": "x", "expression": "y"}', '"expression"', 20),
        ('{"expression": "x", "id": []}', '"id"', 20),
        ('{"expression": "x", "at": {"y": true}}', '"y"', 27),
        ('{"expression": "x", "\\u0041": 1}', "{", 0),
        ('{"id": 1}', "{", 0),
        (b"x + \xff", r"\xff", 4),
        (b"\xef\xbb\xbfx + \xff", r"\xff", 4),
        ("é + \0".encode(), "\0", 4),
    ],
)
def test_error_has_its_place_in_the_line(line, piece, start):
    error = problem(line)
    assert error.span is not None
    assert (error.text[error.span.start : error.span.stop], error.span.start) == (piece, start)


def test_unknown_option_is_underlined():
    error = problem("x --at x=1 --wtr x")
    assert error.span is not None
    assert error.text[error.span.start : error.span.stop] == "--wtr"


def test_bad_json_record_keeps_its_id_and_its_expression():
    assert one('{"id": 7, "expression": 1}').id == 7
    assert one('{"expression": "x", "backward": 0}').expression == "x"


def test_lines_are_counted_and_comments_and_blanks_skipped():
    parsed = records("# head\n\nx\n   \n  # y\ny  \r\nz", source="file.txt")
    assert [(r.expression, r.line, r.source) for r in parsed] == [
        ("x", 3, "file.txt"),
        ("y", 6, "file.txt"),
        ("z", 7, "file.txt"),
    ]


def test_empty_input_has_no_records():
    assert records(b"") == []


def test_byte_order_mark_is_no_part_of_the_first_line():
    assert [r.expression for r in records("\ufeffx\n\ufeffy")] == ["x", "\ufeffy"]


def test_too_long_line_is_skipped_and_the_next_is_read():
    data = b"x\n" + b"1+" * limits.LINE_BYTES + b"1\ny\n" + b"2" * (limits.LINE_BYTES + 1)
    parsed = records(data)
    assert [(r.line, r.expression, r.error and str(r.error.kind)) for r in parsed] == [
        (1, "x", None),
        (2, "", "limit"),
        (3, "y", None),
        (4, "", "limit"),
    ]


def test_record_is_given_before_the_input_ends():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream, os.fdopen(writer, "wb", buffering=0) as feed:
        arriving = read(stream, None)
        feed.write(b"x\n")
        assert next(arriving).expression == "x"
        feed.write(b"# nothing\ny --at y=1\nz")
        assert next(arriving).at == ("y=1",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYS = st.sampled_from([*FIELDS.split(", "), "x"])
WORDS = [*OPTIONS.split(", "), "x", "x=1", "--y", "=", "#", '"', "{", ",", "[1,", "2]", "7", "all"]
LINES = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from(WORDS), max_size=8).map(lambda words: " ".join(words).encode()),
    st.dictionaries(KEYS, JSON, max_size=4).map(lambda fields: json.dumps(fields).encode()),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(LINES, max_size=3))
def test_any_bytes_are_records(lines):
    parsed = records(b"\n".join(lines))
    assert len(parsed) <= sum(line.count(b"\n") + 1 for line in lines)
    for record in parsed:
        error = record.error
        assert isinstance(record.expression, str)
        assert all(
            isinstance(text, str) for text in (*record.at, *(record.options.get("wrt") or ()))
        )
        assert error is None or error.span is None or error.span.stop <= len(error.text) + 1
