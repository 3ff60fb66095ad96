"""How far rounding can carry a number: the bound holds, and excuses nothing beyond rounding."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from gradcalc.autograd import autodiff
from gradcalc.base.dtypes import DTYPES, FLOAT32, FLOAT64, Dtype
from gradcalc.base.errors import GradcalcError
from gradcalc.exact.point import at_point
from gradcalc.functions.balls import flint
from gradcalc.functions.precision import precision
from gradcalc.judging.derivative_blocks import expansion_of, targets_of
from gradcalc.language.parser import parse
from gradcalc.program.program import Array
from gradcalc.rounding.sensitivities import MARGIN, Sensitivity, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcalc.program.program import Program

both = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES.keys())


def bound(text: str, at: dict[str, float], dtype: Dtype) -> tuple[Program, list[float]]:
    program = parse(text, variables=set(at))
    return program, [dtype.round(Fraction(at[name])) for name in program.names]


def measured(text: str, dtype: Dtype = FLOAT64, *, order: int = 1, **at: float) -> Sensitivity:
    """Measure the derivative by the first input."""
    program, point = bound(text, at, dtype)
    return measure(program, point, [(0,) * order], dtype)[(0,) * order]


def exactly(program: Program, point: Sequence[float], axes: tuple[int, ...], dtype: Dtype) -> Any:
    findings = at_point(program, point, [axes] if axes else [], dtype)
    return findings.derivatives[0] if axes else findings.value


def answers(program: Program, point: Sequence[float], dtype: Dtype) -> dict[tuple[int, ...], Any]:
    """Torch's value and derivatives."""
    inputs = [Array((), (value,)) for value in point]
    testimony = autodiff.testify(
        program,
        inputs,
        [True] * len(inputs),
        dtype.name,
        autodiff.Backward(second_order=True),
        autodiff.Draws(0),
    )
    first = {(k,): slope for k, slope in enumerate(testimony.gradients[0])}
    return {(): testimony.outputs[0].numbers[0], **first, **testimony.hessian}


def is_explained(error: Any, answer: float, exact: Any, dtype: Dtype) -> bool:
    """Whether an answer is as near as that, and the final rounding, beyond which are no numbers."""
    with precision(600):
        distance = abs(flint.arb(answer) - exact)
        return bool(distance <= error + flint.arb(2) ** (dtype.least - 1))


def relative(text: str, dtype: Dtype = FLOAT64, *, order: int = 1, **at: float) -> float:
    """Return the error to expect, in units of the roundoff and of the derivative."""
    program, point = bound(text, at, dtype)
    exact = exactly(program, point, (0,) * order, dtype)
    return float(measured(text, dtype, order=order, **at).error / abs(exact)) / dtype.unit


# --- The bound holds ------------------------------------------------------------------------------

#: Formulas that lose digits in every way there is.
LOSSY = """
sqrt(x + 1) - sqrt(x)
(1 - cos(x))/x**2
exp(x) - 1 - x
x**7 - 7*x**6 + 21*x**5 - 35*x**4 + 35*x**3 - 21*x**2 + 7*x - 1
sin(x)**2 + cos(x)**2
tanh(x)*sigmoid(x)
1 - tanh(x)**2
log(1 + x)/x
log(cosh(x)) - x
asin(x)*acos(x)
atanh(x) - x
sqrt(1 - x*x)
acosh(x)/log(x)
x*y - x*(y + 1e-9)
(x + y)**2 - x**2 - 2*x*y - y**2
1/(1 - x) - 1/(1 + y)
exp(-x**2)*exp(y*x)
sin(exp(x*y))
sin(pi*x)*cos(y)
gelu(x)*silu(y)
erf(x)*erfc(y)
log1p(x)*expm1(y)
softplus(x/9) - logsigmoid(y)
hypot(x, y) - x
atan2(x, y)/x
logaddexp(x, y) - x
xlogy(x, y)*x**y
lgamma(x)*digamma(y)
gamma(x)/beta(x, y)
i0(x)*i1e(y) + cbrt(x*y)
erfcx(x) - log_ndtr(y)
10/x - 49/y
(x + y + x*y + 1e8)*x
""".strip().splitlines()


def coordinate(rng: random.Random) -> float:
    near = rng.choice((1, -1, 0.5, 2, 3)) * (1 + rng.choice((-1, 1)) * 2.0 ** -rng.randint(5, 52))
    far = rng.choice((-1, 1)) * math.exp(rng.uniform(-20, 6))
    plain = rng.choice((1.0, 2.0, 0.5, 3.0, 10.0, 20.0, 0.1, 49.0))
    return rng.choice((rng.uniform(-3, 3), near, far, plain))


@both
@pytest.mark.parametrize("text", LOSSY)
def test_error_of_torch_is_within_the_bound(text: str, dtype: Dtype) -> None:
    rng = random.Random(text)
    seen = 0
    for _ in range(12):
        program, point = bound(text, {"x": coordinate(rng), "y": coordinate(rng)}, dtype)
        try:
            answered = answers(program, point, dtype)
        except GradcalcError:
            continue
        for axes, sensitivity in measure(program, point, list(answered), dtype).items():
            exact, answer = exactly(program, point, axes, dtype), answered[axes]
            if exact is None or not math.isfinite(answer):
                continue
            seen += 1
            assert is_explained(sensitivity.error, answer, exact, dtype), (axes, point)
    assert seen > 5


@both
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("x**3", {"x": 0.3}),
        ("u**3 + v**2 + 4*u*v", {"u": 0.9, "v": 1.1}),
        ("exp(x)", {"x": 1}),
        ("sin(x)*cos(y)", {"x": 1, "y": 1}),
        ("sigmoid(w*x + b)", {"w": 0.5, "x": 2, "b": -1.3}),
        ("sqrt(x**2 + 1)", {"x": 1e-10}),
        ("log(x)", {"x": 1e30}),
        ("tanh(x)", {"x": 0.5}),
    ],
)
def test_well_conditioned_derivative_loses_a_few_ulps(
    text: str, at: dict[str, float], dtype: Dtype
) -> None:
    assert 0.5 < relative(text, dtype, **at) < 50


@pytest.mark.parametrize(
    ("text", "at", "least", "most"),
    [
        ("sqrt(x + 1) - sqrt(x)", {"x": 1e15}, 1e15, 1e17),
        ("(1 - cos(x))/x**2", {"x": 1e-8}, 1e32, 1e34),
        ("exp(x) - 1 - x", {"x": 1e-6}, 1e5, 1e7),
        ("tanh(x)", {"x": 20}, 1e16, 1e18),
        ("sigmoid(x)", {"x": 40}, 1e17, 1e19),
        ("log(1 + x)/x", {"x": 1e-5}, 1e10, 1e12),
        ("sin(exp(x))", {"x": 40}, 1e17, 1e19),
    ],
)
def test_badly_conditioned_derivative_loses_more(
    text: str, at: dict[str, float], least: float, most: float
) -> None:
    assert least < relative(text, **at) < most


def test_second_derivative_is_measured_too() -> None:
    assert 1 < relative("exp(x)", order=2, x=1) < 50
    assert relative("(1 - cos(x))/x**2", order=2, x=1e-6) > 1e24


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("x*(sqrt(1 + y) - 1)", {"x": 1, "y": 1e-300}),
        ("x*(cos(y) - 1)", {"x": 1, "y": 1e-100}),
        ("x*(1e-200 + 1 - 1)", {"x": 1}),
    ],
)
def test_rounding_beside_a_tiny_number_counts(text: str, at: dict[str, float]) -> None:
    sensitivity = measured(text, **at)
    assert sensitivity.cancels
    # 1 and a tiny number make 1: the rounding of 1 is all that is left of it.
    assert FLOAT64.unit <= sensitivity.error < 20 * FLOAT64.unit


@pytest.mark.parametrize("x", [1e20, 1e40, 1e100])
@pytest.mark.parametrize("text", ["cos(pi*x)", "sin(pi*x)"])
def test_rounding_of_an_immense_argument_leaves_no_digit(text: str, x: float) -> None:
    assert measured(text, x=x).error > 1


def test_error_shrinks_with_the_precision() -> None:
    for text, x in (("exp(x) - 1 - x", 0.01), ("x**3", 0.3), ("log(1 + x)/x", 0.25)):
        ratio = measured(text, FLOAT32, x=x).error / measured(text, FLOAT64, x=x).error
        assert 0.4 < ratio * FLOAT64.unit / FLOAT32.unit < 2.5


# --- What is exact --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("x**2", {"x": 3}),
        ("x**2", {"x": 0.3}),
        ("x/4 + x*8", {"x": 0.1}),
        ("abs(x)", {"x": -0.3}),
        ("max(x, 1)", {"x": 2}),
        ("relu(x - exp(y))*z", {"x": 1, "y": 3, "z": 7}),
        ("x*floor(y*10)", {"x": 1, "y": 0.37}),
        ("where(y > 1, sin(y)*x, x*5)", {"x": 0.7, "y": 0.1}),
        ("x*(y - 0.1)", {"x": 1, "y": 0.1}),
    ],
)
def test_exact_operations_have_no_error(text: str, at: dict[str, float]) -> None:
    assert measured(text, **at).error == 0


@pytest.mark.parametrize(
    ("text", "x"),
    [("x*(1/3*3)", 1), ("(49/x)*x", 49), ("x*exp(1)/e", 2), ("x*i0(0)", 1), ("x*(1e16 + 1)", 1)],
)
def test_representable_values_are_not_exact_for_that(text: str, x: float) -> None:
    assert measured(text, x=x).error > 0


def test_numbers_below_the_smallest_have_an_absolute_error() -> None:
    smallest = flint.arb(2) ** -1074
    error = measured("z*(x*y)", z=1, x=1e-200, y=1e-122).error
    assert MARGIN * smallest * 0.5 <= error < MARGIN * smallest * 0.51
    assert measured("z*(x + y)", z=1, x=1e-310, y=1e-312).error == 0
    # exp may make 0 of it.
    assert measured("z*exp(x)", z=1, x=-740).error > flint.arb(2) ** -1022


# --- What is not excused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("asin(x)", {"x": 1 - 2**-53}),
        ("acos(x)", {"x": -1 + 2**-53}),
        ("atanh(x)", {"x": 1 - 2**-53}),
        ("acosh(x)", {"x": 1 + 2**-52}),
        ("sqrt(x*x - 1)", {"x": 1 + 2**-52}),
        ("sqrt(1 - x*x)", {"x": 1 - 2**-53}),
        ("sqrt(x)", {"x": 5e-324}),
        ("log(x)", {"x": 5e-324}),
        ("sin(x)*floor(y*10)", {"x": 1, "y": 0.3}),
        ("x*floor(x*10)", {"x": 0.3}),
        ("relu(x - 0.1)*x", {"x": 0.1 + 2**-56}),
        ("asin(sin(x))", {"x": 1.57}),
        ("acos(cos(x))", {"x": 1e-8}),
        ("sqrt(x - 0.1*3)", {"x": 0.30000000000000004}),
    ],
)
@pytest.mark.parametrize("factor", [2, -1])
def test_wrong_factor_is_not_excused(text: str, at: dict[str, float], factor: int) -> None:
    program, point = bound(text, at, FLOAT64)
    exact = exactly(program, point, (0,), FLOAT64)
    error = measure(program, point, [(0,)], FLOAT64)[0,].error
    assert not is_explained(error, factor * float(exact), exact, FLOAT64)


@pytest.mark.parametrize(
    ("text", "at", "off"),
    [
        ("x**2", {"x": 3}, 1e-14),
        ("x**2", {"x": 0.3}, 1e-14),
        ("sin(x*y)", {"x": 1e4, "y": 1e4}, 1e-11),
        ("sin(x*y)", {"x": 1e4, "y": 1e4}, 1e-14),
        ("exp(x)*sin(y)", {"x": 0.7, "y": 0.3}, 1e-14),
        ("tanh(x)", {"x": 0.7}, 1e-14),
        ("lgamma(x)", {"x": 3.7}, 1e-13),
        ("1/x", {"x": 7}, 1e-14),
        ("sqrt(x + 1) - sqrt(x)", {"x": 1e6}, 1e-6),
    ],
)
def test_small_error_is_not_excused(text: str, at: dict[str, float], off: float) -> None:
    program, point = bound(text, at, FLOAT64)
    exact = exactly(program, point, (0,), FLOAT64)
    error = measure(program, point, [(0,)], FLOAT64)[0,].error
    assert not is_explained(error, float(exact) * (1 + off), exact, FLOAT64)


@pytest.mark.parametrize(("text", "x"), [("sqrt(x)", 0.0), ("sqrt(x**2)", 0.0)])
def test_rounding_explains_nothing_where_torchs_formulas_have_no_value(text: str, x: float) -> None:
    assert measured(text, x=x) == Sensitivity(flint.arb(0))


# --- What is said ---------------------------------------------------------------------------------


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
    culprit = measured(text, x=x).culprit
    assert culprit is not None
    assert parse(text).source(culprit) == wanted


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


def test_series_of_torch_is_an_approximation() -> None:
    sensitivity = measured("digamma(x)", x=1.1)
    assert sensitivity.approximate
    assert float(sensitivity.error) > 1e-10
    assert not measured("sin(x)", x=1.1).approximate


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("sqrt(x + 1) - sqrt(x) + exp(y)", {"x": 1e15, "y": 1}),
        ("log(1 + x*y)/x", {"x": 1e-5, "y": 0.3}),
        ("tanh(x)*sin(y)", {"x": 20, "y": 2}),
    ],
)
def test_many_numbers_are_measured_together(text: str, at: dict[str, float]) -> None:
    program, point = bound(text, at, FLOAT64)
    entries = [(), (0,), (1,), (0, 0), (0, 1), (1, 1)]
    together = measure(program, point, entries, FLOAT64)
    for axes in entries:
        alone = measure(program, point, [axes], FLOAT64)[axes]
        assert together[axes].culprit == alone.culprit
        assert float(together[axes].error) == pytest.approx(float(alone.error), rel=1e-9)


# --- Tensors, written out -------------------------------------------------------------------------


def written_out(
    text: str, inputs: list[Array], dtype: Dtype
) -> tuple[Program, list[float], autodiff.Testimony]:
    program = parse(text)
    required = [True] * len(inputs)
    testimony = autodiff.testify(
        program, inputs, required, dtype.name, autodiff.Backward(), autodiff.Draws(0)
    )
    expansion = expansion_of(program, [value.shape for value in inputs], testimony.seen)
    (_, target), *_ = targets_of(expansion, testimony.weights)
    return target, [number for value in inputs for number in value.numbers], testimony


@both
@pytest.mark.parametrize(
    ("text", "shapes", "factors"),
    [
        ("det(x)", [(3, 3)], True),
        ("det(x)", [(5, 5)], True),
        ("inv(x)[0,1]", [(3, 3)], True),
        ("solve(x, y).sum()", [(3, 3), (3,)], True),
        ("logdet(x @ x.T)", [(3, 3)], True),
        ("prod(x)", [(8,)], False),
        ("cumprod(x, 0).sum()", [(6,)], False),
        ("std(x)", [(6,)], False),
        ("norm(x)", [(9,)], False),
        ("softmax(x, 0)[1]", [(5,)], False),
        ("logsumexp(x, 0)", [(6,)], False),
        ("(x @ x @ x).sum()", [(3, 3)], False),
    ],
)
def test_error_of_tensors_is_within_the_bound(
    text: str, shapes: list[tuple[int, ...]], factors: bool, dtype: Dtype
) -> None:
    rng = random.Random(text)
    for _ in range(5):
        inputs = []
        for shape in shapes:
            numbers = [dtype.round_float(rng.gauss(0, 1)) for _ in range(math.prod(shape))]
            if factors and len(shape) == 2 and rng.random() < 0.5:  # nearly singular
                for k in range(shape[1]):
                    numbers[k] = dtype.round_float(numbers[shape[1] + k] * 1.5 + rng.gauss(0, 1e-3))
            inputs.append(Array(shape, tuple(numbers)))
        target, point, testimony = written_out(text, inputs, dtype)
        ends = [0]
        for value in inputs:
            ends.append(ends[-1] + len(value.numbers))
        matrices = [range(*pair) for pair in itertools.pairwise(ends)] if factors else []
        entries = [(k,) for k in range(len(point))]
        found = measure(target, point, entries, dtype, matrices=matrices)
        balls = at_point(target, point, entries, dtype).derivatives
        for axes, exact in zip(entries, balls, strict=True):
            answer = testimony.derivative(0, axes)
            ulps = 12 * 2 * dtype.unit * abs(float(exact))  # the budget of one step
            assert is_explained(found[axes].error + ulps, answer, exact, dtype)


@pytest.mark.parametrize(("dtype", "off"), [(FLOAT32, 1e-3), (FLOAT64, 1e-9)])
@pytest.mark.parametrize(
    ("text", "shape"), [("det(x)", (3, 3)), ("inv(x)[0,1]", (3, 3)), ("prod(x)", (8,))]
)
def test_error_of_well_conditioned_tensors_is_not_excused(
    text: str, shape: tuple[int, ...], dtype: Dtype, off: float
) -> None:
    rng = random.Random(text)
    count = math.prod(shape)
    numbers = tuple(
        dtype.round_float(rng.uniform(0.5, 1) + 2 * (not k % (shape[-1] + 1))) for k in range(count)
    )
    target, point, _ = written_out(text, [Array(shape, numbers)], dtype)
    entries = [(k,) for k in range(count)]
    found = measure(target, point, entries, dtype, matrices=[range(count)])
    balls = at_point(target, point, entries, dtype).derivatives
    for axes, exact in zip(entries, balls, strict=True):
        assert not is_explained(found[axes].error, float(exact) * (1 + off), exact, dtype)
