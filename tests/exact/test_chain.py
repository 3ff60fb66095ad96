"""The chain rule backwards: exact derivatives of whole programs, at a cost that grows with them."""

from __future__ import annotations

import itertools
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from gradcalc.base.dtypes import FLOAT32, FLOAT64, Dtype
from gradcalc.exact.chain import Dual, Errors, Sums, as_dual, gradient, plain, tangent
from gradcalc.exact.convergence import close
from gradcalc.exact.precise import Undefined
from gradcalc.functions import mp
from gradcalc.functions.reals import TooLarge
from gradcalc.language.parser import parse
from gradcalc.limit.slopes import slope
from gradcalc.program.expand import expand

if TYPE_CHECKING:
    from gradcalc.program.program import Program


def derivatives(
    program: Program, at: list[float], along: int | None = None, dtype: Dtype = FLOAT64
) -> list[Any]:
    """Return the derivative by each input; along an axis, the derivatives of these."""
    with mp.workprec(300):
        point = [as_dual(mp.mpf(value), moves=number == along) for number, value in enumerate(at)]
        adjoints = gradient(program, point, dtype, Errors())
    read = plain if along is None else tangent
    numbers = [adjoints.get(number, mp.mpf(0)) for number in range(len(at))]
    return [number if isinstance(number, Undefined) else read(number) for number in numbers]


PROGRAMS = [
    ("u**3 + v**2 + 4*u*v", [1, 1.1]),
    ("x", [2]),
    ("3*x - x - 2*x + x**2", [2]),
    ("x*x*x/x", [1.5]),
    ("sigmoid(w*x + b)", [0.5, 2, -1.3]),
    ("-y*log(sigmoid(x)) - (1 - y)*log(1 - sigmoid(x))", [0.3, -0.7]),
    ("sin(x*y)/(1 + exp(-x)) + tanh(y)**2", [0.3, 1.7]),
    ("x**y + y**x", [1.3, 0.7]),
    ("where(x > y, x*y, x/y) + (x > 0)*x", [1.3, 0.7]),
    ("where(x > 0, sqrt(x), x**2)", [-1.5]),
    ("max(x, y, x*y) + clamp(x, 0, 1) - abs(y)", [0.4, -1.7]),
    ("gelu(x) + softplus(x, 2) + lgamma(y) + erf(x*y)", [0.4, 1.7]),
    ("a = x*y; b = a + sin(a); a = b*a; a*b - x", [0.4, 1.7]),
    ("y = x**2; y = y*y + x; y = y*y + x; y", [0.8]),
    ("x*detach(x*y) + exp(detach(y))*y", [0.4, 1.7]),
    ("sqrt(x + 1) - sqrt(x)", [1e15]),
    ("(1 - cos(x))/x**2", [1e-8]),
    ("pi*x**2 + e**x", [0.4]),
]

each = pytest.mark.parametrize(("text", "at"), PROGRAMS, ids=[text for text, _ in PROGRAMS])


@each
def test_gradient_is_that_of_the_limit(text: str, at: list[float]) -> None:
    program = parse(text)
    point = [Fraction(value) for value in at]
    for number, value in enumerate(derivatives(program, at)):
        limit = slope(program, point, (number,), FLOAT64).value
        assert close(value, limit, 90) or value == limit


@each
def test_second_derivatives_are_those_of_the_limit(text: str, at: list[float]) -> None:
    program = parse(text)
    point = [Fraction(value) for value in at]
    for axis, along in itertools.product(range(len(at)), repeat=2):
        value = derivatives(program, at, along)[axis]
        limit = slope(program, point, (axis, along), FLOAT64).value
        assert close(value, limit, 80) or abs(value - limit) < mp.ldexp(1, -100)


def test_second_derivatives_are_symmetric() -> None:
    program = parse("sin(x*y)*exp(y/z) + x**z")
    rows = [derivatives(program, [1.3, 0.7, 2.1], along) for along in range(3)]
    for i, j in itertools.combinations(range(3), 2):
        assert close(rows[i][j], rows[j][i], 200)


def scalar(text: str, shape: tuple[int, ...]) -> Program:
    """Return a program of one tensor, written out."""
    return expand(parse(text), [shape], {}).weighted([[Fraction(1)]])


def test_gradient_of_a_program_that_was_written_out() -> None:
    program = scalar("(x**3).sum()*x.mean()", (4,))
    at = [1.0, 2.0, -3.0, 0.5]
    cubes, mean = sum(value**3 for value in at), sum(at) / 4
    assert derivatives(program, at) == [3 * value**2 * mean + cubes / 4 for value in at]
    seconds = derivatives(program, at, along=1)
    assert seconds[1] == 6 * at[1] * mean + 2 * 3 * at[1] ** 2 / 4
    assert seconds[0] == (3 * at[0] ** 2 + 3 * at[1] ** 2) / 4


def test_input_that_nothing_depends_on_is_missing() -> None:
    program = parse("y + 0*z + floor(w) + detach(x)")
    with mp.workprec(100):
        adjoints = gradient(program, [mp.mpf("0.5")] * 4, FLOAT64, Errors())
    names = program.names
    assert adjoints[names.index("y")] == 1
    assert names.index("x") not in adjoints
    assert all(adjoints.get(names.index(name), 0) == 0 for name in "zw")


@pytest.mark.parametrize(
    ("text", "at", "undefined"),
    [
        ("sqrt(x) + y", [0, 1], "x"),
        # 1/x is a number all the same.
        ("log(x)*y", [-1, 1], "y"),
        ("x**y", [-2, 2], "y"),
        ("sqrt(x*y)", [0, 1], "xy"),
        ("where(x > 0, x, sqrt(x)*y)", [2, 1], ""),
        ("0*sqrt(x) + y", [0, 1], ""),
    ],
)
def test_derivative_that_does_not_exist_is_undefined(
    text: str, at: list[float], undefined: str
) -> None:
    program = parse(text)
    values = derivatives(program, at)
    named = {n for n, value in zip(program.names, values, strict=True) if type(value) is Undefined}
    assert named == set(undefined)


def test_what_is_too_large_is_told() -> None:
    with mp.workprec(100), pytest.raises(TooLarge):
        gradient(parse("sin(exp(exp(x)))"), [mp.mpf(1e5)], FLOAT64, Errors())


@pytest.mark.parametrize(("dtype", "tenth"), [(FLOAT64, 0.1), (FLOAT32, 0.10000000149011612)])
def test_literals_are_those_of_the_dtype(dtype: Dtype, tenth: float) -> None:
    assert derivatives(parse("0.1*x"), [1], dtype=dtype) == [tenth]


class Counted(Errors):
    """No errors either; the operations are counted by their steps."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def on(self, value: Any, path: tuple[int, ...], approximation: float = 0) -> Any:
        self.steps.append(path[0])
        return value


def test_every_step_is_asked_for_its_error_forward_and_backward() -> None:
    program = parse("sin(x)*exp(x) + pi")
    errors = Counted()
    with mp.workprec(100):
        gradient(program, [mp.mpf(1)], FLOAT64, errors)
    steps = range(program.first_step, program.first_step + 4)
    assert all(errors.steps.count(number) >= 2 for number in steps)
    assert errors.steps.count(-1) == 1  # pi


@pytest.mark.parametrize(
    ("text", "at", "cancels"),
    [
        ("sqrt(x + 1) - sqrt(x)", [1e15], True),
        ("x + 1", [3], False),
        ("x*y - y*x", [3, 7], True),
        ("exp(x)*exp(-x)", [3], True),  # backward
        ("x*exp(x)", [-1 + 1e-10], True),
        ("x*exp(x)", [3], False),
    ],
)
def test_sums_are_watched_for_cancellation(text: str, at: list[float], cancels: bool) -> None:
    watch = Sums()
    with mp.workprec(300):
        gradient(parse(text), [mp.mpf(value) for value in at], FLOAT64, Errors(), watch)
    assert watch.cancel is cancels


def test_dual_numbers_are_plain_where_nothing_moves() -> None:
    assert as_dual(mp.mpf(2), moves=False) == 2
    assert as_dual(mp.mpf(2), moves=True) == Dual(mp.mpf(2), mp.mpf(1))
    assert (plain(Dual(2, 3)), tangent(Dual(2, 3)), plain(2), tangent(mp.mpf(2))) == (2, 3, 2, 0)


# --- Cost -----------------------------------------------------------------------------------------


def shared(lines: int) -> str:
    """Return a program that would be of exponential size, were it written out as a formula."""
    return "y = x\n" + "y = sin(y)*y\n" * lines + "y"


@pytest.mark.parametrize("along", [None, 0])
def test_cost_grows_with_the_steps_and_not_with_the_formula(along: int | None) -> None:
    program = parse(shared(1_000))
    assert len(program.steps) == 2_000
    start = time.process_time()
    (value,) = derivatives(program, [1.5], along)
    assert mp.isfinite(value)
    assert time.process_time() - start < 2


def test_gradient_of_many_inputs_takes_one_pass() -> None:
    names = [f"x{k}" for k in range(500)]
    program = parse(" + ".join(f"{a}*sin({b})" for a, b in itertools.pairwise(names)))
    start = time.process_time()
    values = derivatives(program, [0.5] * 500)
    assert time.process_time() - start < 2
    assert len({float(value) for value in values[1:-1]}) == 1


def test_deep_program_needs_no_recursion() -> None:
    program = parse("y = x\n" + "y = y + x\n" * 5_000 + "y")
    assert derivatives(program, [1.0]) == [5_001]
