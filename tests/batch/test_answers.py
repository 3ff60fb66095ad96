"""Batches: hostile lines become records, and the run goes on."""

from __future__ import annotations

import ast
import gc
import io
import json
import resource
import time
from pathlib import Path

import pytest

import gradcalc.batch.answers
from gradcalc.ask.question import Question
from gradcalc.autograd import many_points
from gradcalc.base.errors import Kind
from gradcalc.base.options import Options
from gradcalc.batch.answers import BLOCK, TOGETHER, answer, answers
from gradcalc.batch.records import Record, read
from gradcalc.calculus.symbolic import forget
from gradcalc.language.parser import parse
from gradcalc.render import FORMATS, formats
from gradcalc.results.report import Report, Verdict

HOSTILE = [
    ast.literal_eval(line)
    for line in (Path(__file__).parents[1] / "data/hostile.txt").read_text().splitlines()
    if not line.startswith("#")
]
BUILT = [
    "**".join(["x"] * 3000),
    "x**" * 50 + "x",
    "(" * 10_000 + "x",
    "x+1 " * 300_000,
    "0." + "0" * 100_000 + "1",
    "sin(" * 150 + "x" + ")" * 150 + " --at x=1",
    '{"expression": ' + "[" * 100_000,
]
OPTIONS = Options(thorough=False, timeout=2.0)


@pytest.mark.parametrize("text", [*HOSTILE, *BUILT], ids=lambda text: repr(text[:40]))
def test_hostile_line_becomes_a_record_and_the_next_is_answered(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = f"{text}\nx*x --at x=3\n".encode("utf-8", "surrogatepass")
    hostile, plain = answers(read(io.BytesIO(data), None), OPTIONS)
    assert hostile.line == 1
    # Of a file that is not resumed, this says which line it answers.
    asked = next(read(io.BytesIO(data), None)).expression
    assert json.loads(FORMATS["jsonl"].report(hostile))["expression"] == asked
    assert hostile.error is not None or hostile.verdict is not None
    assert (plain.line, plain.verdict, plain.gradients[0].autograd) == (2, Verdict.AGREE, 6.0)
    assert list(tmp_path.iterdir()) == []
    for form in [form for name, form in formats("report").items() if name != "csv"]:
        shown = form.report(hostile)
        assert not [c for c in shown if c < " " and c not in "\n\t\r"], "raw control characters"
        assert "\u202e" not in shown, "what turns the direction of text"


def test_most_hostile_lines_are_errors_in_their_place():
    refused = 0
    for text in HOSTILE:
        (record,) = read(io.BytesIO(text.encode("utf-8", "surrogatepass")), None)
        report = answer(record, OPTIONS)
        refused += report.error is not None
        if report.error is not None and report.error.span is not None:
            assert report.error.line == 1
            assert report.error.column >= 1
    assert refused >= len(HOSTILE) - 3


def test_answer_carries_the_marks_of_its_record():
    report = answer(Record("x**2", at=("x=3",), id="a", line=7, source="f.txt"), OPTIONS)
    assert (report.id, report.line, report.source, report.value) == ("a", 7, "f.txt", 9.0)
    bad = answer(Record("x +", id=4, line=8), OPTIONS)
    assert (bad.id, bad.line, bad.verdict) == (4, 8, None)


def test_record_overrides_the_defaults_of_the_run():
    record = Record("x*y", ("x=2,y=3",), {"wrt": ("y",), "second_order": True, "dtype": "float32"})
    report = answer(record, OPTIONS)
    assert [entry.wrt for entry in report.gradients] == [("y",)]
    assert (len(report.hessian), report.dtype) == (1, "float32")
    assert answer(Record("x", at=("x=1",)), Options(second_order=True)).hessian


def test_few_records_are_read_ahead():
    taken = []

    def records():
        for line in range(1, 4 * BLOCK):
            taken.append(line)
            yield Record("x", at=("x=1",), line=line)

    reports = answers(records(), OPTIONS)
    assert next(reports).line == 1
    assert taken == list(range(1, BLOCK + 1))


def test_line_without_memory_is_an_error_of_its_own(monkeypatch):
    def exhaust(*_):
        raise MemoryError

    monkeypatch.setattr(gradcalc.batch.answers, "Question", exhaust)
    report = answer(Record("x", line=5), OPTIONS)
    assert (report.line, report.error.kind) == (5, Kind.LIMIT)


def test_error_of_our_own_costs_its_line_only(monkeypatch):
    def understood(expression, *rest):
        if expression == "y":
            raise KeyError("nothing")
        return Question(expression, *rest)

    monkeypatch.setattr(gradcalc.batch.answers, "Question", understood)
    lines = [Record(text, at=(f"{text}=1",), line=n) for n, text in enumerate("xyz", 1)]
    first, broken, last = answers(lines, OPTIONS)
    assert (first.verdict, last.verdict) == (Verdict.AGREE, Verdict.AGREE)
    assert (broken.line, broken.verdict, broken.exit_code) == (2, None, 70)
    assert broken.error.kind is Kind.INTERNAL
    assert broken.error.message.startswith("internal error: KeyError in gradcalc.batch.answers")
    assert "this line" in broken.error.hint


def test_error_report_is_strict_json():
    report = answer(Record("x +", line=3), OPTIONS)
    shown = json.loads(FORMATS["jsonl"].report(report))
    assert isinstance(report, Report)
    assert shown["error"]["kind"] == "syntax"
    assert (shown["line"], shown["error"]["column"]) == (3, 3)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
def test_memory_does_not_grow_with_the_lines():
    def megabytes():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    def lines(first, last):
        text = "".join(f"sin({k}*x)*exp(-y/{k}) --at x=0.5,y={k}.25\n" for k in range(first, last))
        for report in answers(read(io.BytesIO(text.encode()), None), Options(thorough=False)):
            assert report.error is None

    lines(1, 601)
    before = megabytes()
    lines(601, 1601)
    assert megabytes() - before < 8


def test_lines_leave_nothing_to_garbage_collection():
    def lines(first):
        return (Record(f"sin({k}*x)*y + y/{k}", at=("x=0.5,y=2",)) for k in range(first, first + 9))

    list(answers(lines(1), Options(thorough=False)))
    forget()
    gc.collect()
    gc.disable()
    try:
        list(answers(lines(11), Options(thorough=False)))
        forget()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_lines_with_one_expression_are_answered_as_if_alone():
    texts = [
        "u**2*v --at u=1,v=2",
        "abs(u) --at u=0",
        "u**2*v --at u=3,v=0.5",
        "u**2*v --at u=3,v=0.5 --wrt v",
        "u**2*v --at u=-1,v=2 --second-order",
        "sqrt(u)*v --at u=-1,v=2",
        *(f"u**2*v --at u={k},v=2" for k in range(TOGETHER)),
        *(f"sqrt(u)*v --at u={k - 1},v=2" for k in range(TOGETHER)),
        *(f"abs(u) --at u={k - 2}" for k in range(TOGETHER + 1)),
        *(f"u**2*v --at u={k},v=2 --second-order --dtype float32" for k in range(TOGETHER)),
        *(f"x.sum() --at x=[{k},2]" for k in range(TOGETHER)),
        *(f"tanh(u*v) + softplus(v) --at u=-0.044,v={0.335 + k}" for k in range(17)),
        "u**2*w --at u=1,v=2",
    ]
    records = list(read(io.BytesIO("\n".join(texts).encode()), None))
    together = [FORMATS["jsonl"].report(report) for report in answers(records, OPTIONS)]
    alone = [FORMATS["jsonl"].report(answer(record, OPTIONS)) for record in records]
    assert together == alone
    assert {json.loads(line)["verdict"] for line in together} == {
        *("agree", "nondifferentiable", "undefined"),
        None,
    }


def test_slow_lines_are_answered_one_after_the_other(monkeypatch):
    steps = []

    class Slow:
        batch_key = property(lambda self: self.text)
        program = parse("x")

        def __init__(self, text, *_):
            self.text = text

        def answer(self, **marks):
            for step in range(3):
                time.sleep(0.06)
                steps.append((self.text, step))
                yield
            return Report(self.text, verdict=Verdict.AGREE, **marks)

    monkeypatch.setattr(gradcalc.batch.answers, "Question", Slow)
    reports = answers([Record(text) for text in "abcdefgh"], OPTIONS)
    for count, text in enumerate("abcd", 1):
        assert next(reports).expression == text
        assert len(steps) == 3 * count


@pytest.mark.parametrize(
    "large", ["sum(x*arange(9))", f"abs(x) + {'*'.join(f'sin({k}*x)' for k in range(30))}"]
)
def test_lines_before_a_large_one_are_answered_before_it_is_begun(monkeypatch, large):
    answer, begun = Question.answer, []

    def observed(self, **marks):
        begun.append(marks["line"])
        yield
        return (yield from answer(self, **marks))

    monkeypatch.setattr(Question, "answer", observed)
    texts = ["x**2", "abs(x)", large, "sin(x)"]
    lines = [Record(text, ("x=0",), line=number) for number, text in enumerate(texts, 1)]
    reports = answers(lines, OPTIONS)
    assert [next(reports).line for _ in range(2)] == begun == [1, 2]
    assert next(reports).line == begun[-1] == 3
    assert next(reports).line == 4


def test_torch_is_asked_once_for_many_points(monkeypatch):
    asked = []
    testify = many_points.testify
    monkeypatch.setattr(many_points, "testify", lambda *args: asked.append(1) or testify(*args))
    texts = [f"u**2*v --at u={k},v=2" for k in range(1, 50)]
    records = read(io.BytesIO("\n".join(texts).encode()), None)
    assert [report.verdict for report in answers(records, OPTIONS)] == [Verdict.AGREE] * 49
    assert len(asked) == 1


def test_lines_with_the_same_id_are_all_answered():
    line = '{"expression": "x*%d", "at": {"x": 1}, "id": "twice"}'
    records = read(io.BytesIO("\n".join(line % k for k in (2, 3)).encode()), None)
    answered = [(r.id, r.line, r.gradients[0].autograd) for r in answers(records, OPTIONS)]
    assert answered == [("twice", 1, 2.0), ("twice", 2, 3.0)]


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"dtype": "int8"}, 'use "dtype": "float64" or "dtype": "float32"'),
        ({"backward": 0}, 'write "backward": 2'),
        ({"expression": "x*y", "at": {"x": 1}}, 'add "at": {"y": 1}'),
        (
            {"expression": "x, x", "at": {"x": 1}, "grad_outputs": 1},
            "give `grad_outputs` one value for each result, separated by commas",
        ),
    ],
    ids=str,
)
def test_hint_names_the_fields_of_a_record(fields, hint):
    line = json.dumps({"expression": "x", **fields})
    (report,) = answers(read(io.BytesIO(line.encode()), None), Options())
    assert report.error is not None
    assert (report.expression, report.error.hint) == (fields.get("expression", "x"), hint)
