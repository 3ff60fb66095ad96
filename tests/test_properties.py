"""What holds for every program: random ones, built from the function table."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import CONSTANT, ROWS, Sketch, question, shape, sketches

from gradcalc import grad
from gradcalc.base.shortening import shorten
from gradcalc.functions.balls import flint
from gradcalc.language.parser import parse
from gradcalc.results.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gradcalc.functions import Function, Point
    from gradcalc.results.report import Entry, Report

#: A time limit may ring while hypothesis measures the garbage collector, where Python drops what is
#: raised and warns.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function gc_cumulative_time"
    ":pytest.PytestUnraisableExceptionWarning"
)

GOOD = {Verdict.AGREE, Verdict.ROUNDING}

#: Programs tried by each test, told at the end.
TRIED: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def tell_tried(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    plugins = request.config.pluginmanager
    reporter = plugins.get_plugin("terminalreporter")
    with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
        reporter.write_line("")
        for name, number in TRIED.items():
            reporter.write_line(f"{name}: {number} programs tried")


def tried(most: int) -> Callable[[Any], Any]:
    """Try so many programs, the same ones each time."""
    return settings(
        max_examples=most,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def count(name: str) -> None:
    TRIED[name] = TRIED.get(name, 0) + 1


def answers(report: Report) -> list[tuple[Any, ...]]:
    """Return what a report says apart from names."""
    return [(e.symbolic, e.autograd, e.limit, e.ulps, e.verdict, e.blame) for e in report.entries]


@pytest.mark.parametrize("most", [60, pytest.param(600, marks=pytest.mark.slow)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_false_alarm_inside_domains(dtype: str, most: int) -> None:
    @tried(most)
    @given(sketches())
    def check(sketch: Sketch) -> None:
        count(f"no false alarm, {dtype}")
        for entry in grad(sketch.text, sketch.at, dtype=dtype).entries:
            assert entry.verdict in GOOD, entry

    check()


@tried(60)
@given(sketches(most=8))
def test_written_program_parses_to_the_same(sketch: Sketch) -> None:
    count("print and parse")
    for text in (sketch.text, sketch.program):
        program = parse(text)
        again = parse(program.canonical)
        assert shape(again) == shape(program)
        assert again.canonical == program.canonical


@tried(25)
@given(sketches(most=8), st.lists(st.integers(20, 140), min_size=4, max_size=4))
def test_shortened_formulas_are_formulas_of_the_same_numbers(
    sketch: Sketch, widths: list[int]
) -> None:
    count("shortened formulas")
    formulas = [entry.formula for entry in grad(sketch.text, second_order=True).entries]
    for text in filter(None, [sketch.text, *formulas]):
        for width in widths:
            short = shorten(text, width)
            assert len(short) <= width
            parse(short.replace("…", "z"))
            assert numbers_in(short) <= numbers_in(text)


def numbers_in(text: str) -> Counter[str]:
    return Counter(re.findall(r"(?<![\w.])\d+\.?\d*(?:e[-+]?\d+)?", text))


@tried(25)
@given(sketches(most=6))
def test_statements_mean_the_same_as_one_expression(sketch: Sketch) -> None:
    count("statements")
    whole, stated = grad(sketch.text, sketch.at), grad(sketch.program, sketch.at)
    by_name = [{e.wrt: e.symbolic for e in report.entries} for report in (whole, stated)]
    assert by_name[0] == by_name[1]
    assert {entry.verdict for entry in stated.entries} <= GOOD
    assert all(tensor.grad_fn for tensor in stated.tensors if tensor.name not in sketch.at)


@tried(25)
@given(sketches(most=5))
def test_numbers_as_tensors_of_one_entry_have_the_same_derivatives(sketch: Sketch) -> None:
    count("tensors of one entry")
    tensors = {name: [value] for name, value in sketch.at.items()}
    number, tensor = grad(sketch.text, sketch.at), grad(sketch.text, tensors)
    for plain, nested in zip(number.entries, tensor.entries, strict=True):
        assert nested.verdict in GOOD
        assert nested.symbolic == plain.symbolic


@tried(25)
@given(sketches(most=5))
def test_names_of_variables_do_not_matter(sketch: Sketch) -> None:
    count("renaming")
    other = sketch.renamed({"x": "w", "y": "t_1", "z": "alpha"})
    before, after = grad(sketch.text, sketch.at), grad(other.text, other.at)
    assert answers(before) == answers(after)


@tried(20)
@given(sketches(most=4))
def test_hessian_is_symmetric(sketch: Sketch) -> None:
    count("Hessian")
    names = list(sketch.at)
    by_pair = [hessian(sketch, order) for order in (names, names[::-1])]
    assert by_pair[0] == by_pair[1]
    assert len(by_pair[0]) == len(names) * (len(names) + 1) // 2


def hessian(sketch: Sketch, order: list[str]) -> dict[frozenset[str], tuple[Any, ...]]:
    report = grad(sketch.text, sketch.at, wrt=order, second_order=True)
    return {frozenset(e.wrt): (e.symbolic, e.autograd, e.verdict) for e in report.hessian}


#: Where there is no value; an infinite one, as lgamma(0) is, may be forgotten by what follows.
OUTSIDE = [
    (row, point)
    for row in ROWS
    for point in row.outside
    if row.value(*map(flint.arb, point)).is_nan()
]
OUTER = [row for row in ROWS if row.required == 1 and row.name not in CONSTANT]


@tried(60)
@given(st.sampled_from(OUTSIDE), st.sampled_from(OUTER))
def test_nan_is_never_agreement(inner: tuple[Function, Point], outer: Function) -> None:
    count("outside of domains")
    asked = question(*inner)
    report = grad(f"{outer.name}({asked.text})", dict(asked.at))
    assert not any(entry.verdict in GOOD for entry in report.entries)


@tried(40)
@given(sketches(most=3), st.tuples(*[st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0])] * 3))
def test_agreement_is_of_finite_numbers(sketch: Sketch, point: tuple[float, ...]) -> None:
    count("anywhere")
    at = dict(zip(sketch.at, point, strict=False))
    for entry in grad(sketch.text, at).entries:
        assert entry.verdict not in GOOD or both_finite(entry)


def both_finite(entry: Entry) -> bool:
    exact = entry.limit if entry.symbolic is None else entry.symbolic
    return (
        None not in (exact, entry.autograd)
        and math.isfinite(exact)
        and math.isfinite(entry.autograd)
    )
