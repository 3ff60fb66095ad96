"""How far rounding can carry a derivative: little where all is well, far where terms cancel."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from gradcalc.autograd import autodiff
from gradcalc.base.dtypes import DTYPES, FLOAT32, FLOAT64, Dtype
from gradcalc.exact.chain import Errors, gradient
from gradcalc.functions import mp
from gradcalc.language.parser import parse
from gradcalc.limit.slopes import slope
from gradcalc.program.program import Array
from gradcalc.rounding import conditioning
from gradcalc.rounding.conditioning import MARGIN, AsTorch, Conditioning, measure, measure_all

if TYPE_CHECKING:
    from gradcalc.program.program import Program


def bound(text: str, at: dict[str, float], dtype: Dtype) -> tuple[Program, list[Fraction]]:
    program = parse(text, variables=set(at))
    return program, [Fraction(dtype.round(Fraction(at[name]))) for name in program.names]


def measured(text: str, dtype: Dtype = FLOAT64, *, order: int = 1, **at: float) -> Conditioning:
    """Measure the derivative by the first input."""
    program, point = bound(text, at, dtype)
    return measure(program, point, (0,) * order, dtype)


def heard(
    program: Program, point: list[Fraction], dtype: Dtype, *, second_order: bool = False
) -> autodiff.Testimony:
    inputs = [Array((), (float(value),)) for value in point]
    how = autodiff.Backward(second_order=second_order)
    required = [True] * len(inputs)
    return autodiff.testify(program, inputs, required, dtype.name, how, autodiff.Draws(0))


def culprit(text: str, **at: float) -> str:
    conditioned = measured(text, **at)
    assert conditioned.culprit is not None
    return parse(text, variables=set(at)).source(conditioned.culprit)


def relative(text: str, dtype: Dtype = FLOAT64, *, order: int = 1, **at: float) -> float:
    """Return the error to expect, in units of the roundoff and of the derivative."""
    program, point = bound(text, at, dtype)
    exact = slope(program, point, (0,) * order, dtype).value
    return float(measured(text, dtype, order=order, **at).error / abs(exact)) / dtype.unit


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES.keys())
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("x**3", {"x": 0.3}),
        ("u**3 + v**2 + 4*u*v", {"u": 0.9, "v": 1.1}),
        ("exp(x)", {"x": 1}),
        ("sin(x)*cos(y)", {"x": 1, "y": 1}),
        ("sigmoid(w*x + b)", {"w": 0.5, "x": 2, "b": -1.3}),
        ("sqrt(x**2 + 1)", {"x": 1e-10}),
        ("x**3*1e-30", {"x": 0.3}),
        ("log(x)", {"x": 1e30}),
        ("tanh(x)", {"x": 0.5}),
    ],
)
def test_well_conditioned_derivative_loses_a_few_ulps(
    text: str, at: dict[str, float], dtype: Dtype
) -> None:
    assert 1 < relative(text, dtype, **at) < 1000


@pytest.mark.parametrize(
    ("text", "at", "least", "most"),
    [
        ("sqrt(x + 1) - sqrt(x)", {"x": 1e15}, 1e14, 1e18),
        ("sqrt(x + 1) - sqrt(x)", {"x": 1e6}, 1e5, 1e9),
        ("(1 - cos(x))/x**2", {"x": 1e-8}, 1e30, 1e36),
        ("exp(x) - 1 - x", {"x": 1e-6}, 1e5, 1e9),
        ("tanh(x)", {"x": 20}, 1e16, 1e19),
        ("sigmoid(x)", {"x": 40}, 1e16, 1e19),
        ("log(1 + x)/x", {"x": 1e-5}, 1e9, 1e13),
        ("sin(exp(x))", {"x": 40}, 1e15, 1e21),
    ],
)
def test_badly_conditioned_derivative_loses_more(
    text: str, at: dict[str, float], least: float, most: float
) -> None:
    assert least < relative(text, **at) < most


@pytest.mark.parametrize(
    ("text", "x"), [("x**2", 3), ("x/4 + x*8", 0.1), ("abs(x)", -0.3), ("max(x, 1)", 2)]
)
def test_exact_operations_have_no_error(text: str, x: float) -> None:
    assert measured(text, x=x).error == 0


def test_second_derivative_is_measured_too() -> None:
    assert 1 < relative("exp(x)", order=2, x=1) < 1000
    assert relative("(1 - cos(x))/x**2", order=2, x=1e-6) > 1e24


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES.keys())
@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("sqrt(x + 1) - sqrt(x)", 1e7),
        ("(1 - cos(x))/x**2", 1e-3),
        ("exp(x) - 1 - x", 1e-4),
        ("tanh(x)", 7),
        ("sigmoid(x)", 12),
        ("log(1 + x)/x", 1e-3),
        ("sin(x)**2 + cos(x)**2", 0.7),
        ("(x - 1)**7", 1.0001),
        ("x**7 - 7*x**6 + 21*x**5 - 35*x**4 + 35*x**3 - 21*x**2 + 7*x - 1", 1.01),
    ],
)
def test_error_of_torch_is_within_the_measure(text: str, x: float, dtype: Dtype) -> None:
    program, point = bound(text, {"x": x}, dtype)
    exact = slope(program, point, (0,), dtype).value or mp.mpf(0)
    answer = heard(program, point, dtype).gradients[0][0]
    with mp.workprec(500):
        error = abs(mp.mpf(answer) - exact)
    assert error <= measured(text, dtype, x=x).error


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES.keys())
@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("sqrt(x + 1) - sqrt(x)", 1e4),
        ("(1 - cos(x))/x**2", 0.01),
        ("exp(x) - 1 - x - x**2/2", 1e-3),
        ("tanh(x)", 7),
        ("log(1 + x)/x", 0.01),
        ("sin(x)**2 + cos(x)**2", 0.7),
        ("sin(exp(x))", 9),
        ("sin(x)*exp(x)/x", 1.3),
    ],
)
@pytest.mark.sampled(3)
def test_error_of_torch_s_second_derivative_is_within_the_measure(
    text: str, x: float, dtype: Dtype
) -> None:
    program, point = bound(text, {"x": x}, dtype)
    exact = slope(program, point, (0, 0), dtype).value
    answer = heard(program, point, dtype, second_order=True).hessian[0, 0]
    with mp.workprec(500):
        error = abs(mp.mpf(answer) - exact)
    assert error <= measured(text, dtype, order=2, x=x).error


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("x*(sqrt(1 + y) - 1)", {"x": 1, "y": 1e-300}),
        ("x*(cos(y) - 1)", {"x": 1, "y": 1e-100}),
        ("x*(1e-200 + 1 - 1)", {"x": 1}),
    ],
)
def test_rounding_beside_a_tiny_number_counts(text: str, at: dict[str, float]) -> None:
    conditioned = measured(text, **at)
    assert conditioned.cancels
    # 1 and a tiny number make 1: the rounding of 1 is all that is left of it.
    assert FLOAT64.unit <= conditioned.error < 100 * FLOAT64.unit


@pytest.mark.parametrize("x", [1e20, 1e40, 1e100])
def test_rounding_of_an_immense_argument_leaves_no_digit(x: float) -> None:
    # x is even, and so is x*2**-50.
    assert measured("cos(pi*x)", x=x).error > 1


@pytest.mark.parametrize(
    ("text", "x"), [("x**2", 3), ("sqrt(x + 1) - sqrt(x)", 1e15), ("tanh(x)", 20)]
)
def test_measure_is_the_same_each_time(text: str, x: float) -> None:
    assert measured(text, x=x) == measured(text, x=x)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("sqrt(x + 1) - sqrt(x) + exp(y)", {"x": 1e15, "y": 1}),
        ("log(1 + x*y)/x", {"x": 1e-5, "y": 0.3}),
        ("tanh(x)*sin(y)", {"x": 20, "y": 2}),
    ],
)
def test_many_derivatives_are_measured_in_the_same_runs(text: str, at: dict[str, float]) -> None:
    program, point = bound(text, at, FLOAT64)
    all_axes = [(0,), (1,), (0, 0), (0, 1), (1, 1)]
    together = measure_all(program, point, dict.fromkeys(all_axes, mp.inf), FLOAT64)
    alone = {axes: measure(program, point, axes, FLOAT64) for axes in all_axes}
    assert together == alone
    culprits = {axes: each.culprit for axes, each in together.items()}
    assert culprits == {axes: each.culprit for axes, each in alone.items()}


def test_what_is_explained_takes_no_more_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    program, point = bound("log(1 + x)/x", {"x": 1e-5}, FLOAT64)
    runs = []
    monkeypatch.setattr(
        "gradcalc.rounding.conditioning.gradient",
        lambda *args, gradient=conditioning.gradient: [runs.append(1), gradient(*args)][1],
    )
    counts = []
    for distance in (mp.mpf(0), mp.inf):
        runs.clear()
        measure(program, point, (0,), FLOAT64, distance)
        counts.append(len(runs))
    assert counts[0] * 2 < counts[1]


def test_measure_shrinks_with_the_precision() -> None:
    for text, x in (("exp(x) - 1 - x", 0.01), ("x**3", 0.3), ("log(1 + x)/x", 0.25)):
        ratio = measured(text, FLOAT32, x=x).error / measured(text, FLOAT64, x=x).error
        assert 0.5 < ratio * FLOAT64.unit / FLOAT32.unit < 2


@pytest.mark.parametrize(
    ("text", "x", "wanted"),
    [
        ("(1 - cos(x))/x**2", 1e-8, "cos(x)"),
        ("tanh(x)", 20, "tanh(x)"),
        ("sin(exp(x))", 300, "exp(x)"),
        ("1e3*tanh(x) + x**2/x - x", 20, "tanh(x)"),
        ("exp(sinc(x)*1e10)", 7, "sinc(x)"),
    ],
)
def test_culprit_is_the_step_whose_rounding_tells(text: str, x: float, wanted: str) -> None:
    assert culprit(text, x=x) == wanted


@pytest.mark.parametrize(
    ("text", "x", "wanted"),
    [
        ("(1 - cos(x))/x**2", 1e-8, True),
        ("sqrt(x + 1) - sqrt(x)", 1e15, True),
        ("x**2", 3, False),
        ("sin(exp(x))", 300, False),
        ("x + 1", 1, False),
    ],
)
def test_cancellation_is_seen(text: str, x: float, wanted: bool) -> None:
    assert measured(text, x=x).cancels is wanted


def test_rounding_explains_nothing_where_the_backward_pass_has_no_value() -> None:
    assert measured("sqrt(x)", x=0) == Conditioning(mp.mpf(0))


def test_measure_is_infinite_where_rounding_leaves_the_domain() -> None:
    assert measured("asin(sin(x))", x=float(mp.pi / 2)).error == mp.inf


def test_measure_has_a_margin() -> None:
    assert MARGIN > 1


@pytest.mark.parametrize(
    ("text", "x"), [("tanh(x)", 20.0), ("ndtr(x)", -9.0), ("sigmoid(x)*x", 40.0)]
)
def test_formulas_of_torch_are_the_same_without_errors(text: str, x: float) -> None:
    program = parse(text)
    with mp.workprec(600):
        by_hand, by_torch = (
            gradient(program, [mp.mpf(x)], FLOAT64, errors)[0] for errors in (Errors(), AsTorch())
        )
        assert abs(by_hand - by_torch) <= mp.ldexp(abs(by_hand), -300)
