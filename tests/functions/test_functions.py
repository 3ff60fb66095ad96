"""The function table: each column of each row held against the others."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any

import pytest
from by_mpmath import Undefined, mp, value, values
from strategies import ROWS, moving, on_kink, question, sweep

from gradcalc import grad
from gradcalc.base.dtypes import DTYPES, EXACT
from gradcalc.functions import TABLE, callable_names, lookup, sympy, torch
from gradcalc.language.parser import parse, parse_row
from gradcalc.results.report import Blame, Verdict
from gradcalc.rounding.kernels import KERNELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gradcalc.functions import Function, Kink, Point
    from gradcalc.results.report import Entry

GOOD = {Verdict.AGREE, Verdict.ROUNDING}


#: Torch has no second derivative of these.
WITHOUT_SECOND = {"hardsigmoid"}

#: Where torch itself is off in float64, and by how much, as a part of the exact value; by the row
#: and the order of the derivative. Its trigamma stops its series early (worst near 1.1), which the
#: kernel's `approximation` states; hardsigmoid has 1/6 to the digits of float32.
TRIGAMMA = 5e-10
OFF = {
    ("polygamma", 0): TRIGAMMA,
    ("digamma", 1): TRIGAMMA,
    ("polygamma", 1): TRIGAMMA,
    ("hardsigmoid", 1): 2.0**-25,
}

#: Where torch is altogether wrong: it answers nan, infinity or 0 where an exp in between overflows.
EXP_OVERFLOW = {"float64": 709, "float32": 88}
WRONG: dict[str, Callable[[Point, str], bool]] = {
    "sech": lambda at, dtype: abs(at[0]) > EXP_OVERFLOW[dtype],
    "csch": lambda at, dtype: abs(at[0]) > EXP_OVERFLOW[dtype],
    "i0": lambda at, dtype: abs(at[0]) > EXP_OVERFLOW[dtype],
    "i1": lambda at, dtype: abs(at[0]) > EXP_OVERFLOW[dtype],
    "logaddexp": lambda at, dtype: abs(at[0] - at[1]) > EXP_OVERFLOW[dtype],
    "logaddexp2": lambda at, dtype: abs(at[0] - at[1]) * math.log(2) > EXP_OVERFLOW[dtype],
}

REQUIRED = """
exp exp2 expm1 log log2 log10 log1p sqrt rsqrt cbrt square reciprocal abs sign
sin cos tan sec csc cot asin acos atan asec acsc acot
sinh cosh tanh sech csch coth asinh acosh atanh asech acsch acoth atan2 hypot
sigmoid logit softplus relu relu6 leaky_relu elu selu celu gelu silu mish softsign tanhshrink
hardtanh hardsigmoid hardswish logsigmoid
floor ceil round trunc frac fmod remainder
maximum minimum fmax fmin clamp clamp_min clamp_max where
erf erfc erfinv erfcx lgamma loggamma digamma polygamma gamma beta sinc xlogy xlog1py entr ndtr
log_ndtr i0 i1 i0e i1e logaddexp logaddexp2
""".split()  # noqa: SIM905 - a list of a hundred quoted words reads worse


def each_row(rows: Iterable[Function] = ROWS) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in rows])


def each(column: str) -> pytest.MarkDecorator:
    """One test for each point of a column: samples, outside or kinks."""
    return pytest.mark.parametrize(
        ("row", "point"),
        [
            pytest.param(row, point, id=f"{row.name}{getattr(point, 'at', point)}".replace(" ", ""))
            for row in ROWS
            for point in getattr(row, column)
        ],
    )


def numbers(point: Point) -> list[Any]:
    return [mp.mpf(value) for value in point]


def full(row: Function, point: Point) -> dict[str, Any]:
    """Return the value of each parameter, given or default."""
    rest = [mp.mpf(float(p.default)) for p in row.parameters[len(point) :]]
    names = [p.name for p in row.parameters]
    return dict(zip(names, numbers(point) + rest, strict=True))


def in_mpmath(row: Function, args: list[Any]) -> Any:
    given = [bool(a) if k < row.conditions else a for k, a in enumerate(args)]
    return mp.mpf(value(row, given))


def in_sympy(row: Function, args: list[Any]) -> Any:
    given = [sympy.Ne(a, 0) if k < row.conditions else a for k, a in enumerate(args)]
    result = row.sympy(*given)
    if isinstance(result, sympy.logic.boolalg.Boolean) and not result.is_Symbol:
        return sympy.Piecewise((1, result), (0, True))
    return result


def in_torch(row: Function, args: list[Any]) -> Any:
    given = [a != 0 if k < row.conditions else a for k, a in enumerate(args)]
    return row.torch(*given)


def leaves(row: Function, point: Point) -> list[Any]:
    return [
        value if parameter.static else torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for parameter, value in zip(row.parameters, point, strict=False)
    ]


def gradient_by_torch(row: Function, point: Point, tensors: int | None = None) -> list[float]:
    """Differentiate by all arguments that are not static, or by the first, beside plain numbers."""
    args = leaves(row, point)
    wanted = moving(row, tuple(args))[:tensors]
    plain = [id(arg) for arg in moving(row, tuple(args))[len(wanted) :]]
    result = in_torch(row, [arg.item() if id(arg) in plain else arg for arg in args])
    if not result.requires_grad:
        return [0.0] * len(wanted)
    slopes = torch.autograd.grad(result, wanted, materialize_grads=True)
    return [slope.item() for slope in slopes]


def by_text(row: Function, texts: tuple[str, ...], point: Point) -> list[Any]:
    """Evaluate texts in gradcalc's language at the values of the row's parameters."""
    given = full(row, point)
    evaluated = []
    for text in texts:
        program = parse_row(text, row)
        result = values(program, [given[name] for name in program.names], EXACT)[program.output]
        assert not isinstance(result, Undefined), text
        evaluated.append(mp.mpf(result))
    return evaluated


def symbols(row: Function, point: Point) -> list[Any]:
    """A symbol for each given parameter that is not static, the number itself for the others."""
    return [
        sympy.Rational(value) if p.static else sympy.Symbol(p.name, real=True)
        for p, value in zip(row.parameters, point, strict=False)
    ]


def at_point(row: Function, expression: Any, point: Point) -> Any:
    wanted = moving(row, tuple(symbols(row, point)))
    ours = {name: getattr(mp, name) for name in dir(mp) if not name.startswith("_")}
    function = sympy.lambdify(wanted, expression, [ours, "mpmath"])
    return mp.mpf(function(*moving(row, tuple(numbers(point)))))


def almost_everywhere(derivative: Any) -> Any:
    """Drop what is 0 off the jumps."""
    jumps = (sympy.Derivative, sympy.DiracDelta, sympy.Subs)
    return derivative.replace(lambda part: isinstance(part, jumps), lambda _: sympy.Integer(0))


def close(value: Any, wanted: Any, relative: float) -> bool:
    return bool(abs(value - wanted) <= relative * max(abs(wanted), mp.mpf(2) ** -200))


def same_float(value: float, wanted: float) -> bool:
    """Whether two floats are the same but for rounding, nan being the same as nan."""
    if math.isnan(wanted):
        return math.isnan(value)
    return value == wanted or math.isclose(value, wanted, rel_tol=1e-15)


def acceptable(row: Function, entry: Entry) -> bool:
    """Whether a verdict is right at a point where the row is differentiable."""
    if entry.verdict is Verdict.UNDEFINED:
        return entry.symbolic is not None and math.isinf(entry.symbolic)  # beyond the dtype's range
    if entry.verdict is Verdict.DISAGREE:
        # What a kernel's `approximation` states is told as rounding, not as an alarm.
        off = 0.0 if KERNELS[row.name].approximation else OFF.get((row.name, len(entry.wrt)), 0.0)
        return off > 0 and math.isclose(entry.autograd, entry.symbolic, rel_tol=off)
    return entry.verdict in GOOD


# --- Names and texts ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REQUIRED)
def test_function_is_known(name: str) -> None:
    assert lookup(name) is not None


def test_names_are_unique() -> None:
    names = [name for row in TABLE.values() for name in (row.name, *row.aliases)]
    assert sorted(names) == sorted(set(names))
    # x[0] and x[0] = y are rows too, whose names nobody calls.
    assert set(names) - set(callable_names()) == {"getitem", "setitem"}


@each_row()
def test_doc_is_one_line(row: Function) -> None:
    assert row.doc
    assert row.doc == row.doc.strip().rstrip(".")
    assert "\n" not in row.doc + row.domain
    assert row.samples


@each_row()
def test_points_have_as_many_coordinates_as_the_call(row: Function) -> None:
    most = 2 if row.variadic else len(row.parameters)
    points = [*row.samples, *row.outside, *(kink.at for kink in row.kinks)]
    assert all(row.required <= len(point) <= most for point in points)
    for kink in row.kinks:
        lengths = {len(gradient) for gradient in kink.gradients.values()}
        assert lengths <= {len(moving(row, kink.at)), 1 if row.numbers else 0}


@each_row()
def test_columns_accept_the_signature(row: Function) -> None:
    most = 2 if row.variadic else len(row.parameters)
    for column in (row.torch, row.sympy, row.value):
        if column in {min, max, abs}:
            continue
        for count in (row.required, most):
            inspect.signature(column).bind(*range(count))


@each_row()
def test_texts_name_parameters_alone(row: Function) -> None:
    names = {parameter.name for parameter in row.parameters}
    assert len(row.derivative) == len(moving(row, row.parameters))
    for text in row.derivative:
        assert set(parse_row(text, row).names) <= names


def steps(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(step.function, step.args) for step in parse(text).steps]


@each_row()
def test_prefixes_and_methods_are_the_same_call(row: Function) -> None:
    args = ["1" if p.static else "xyz"[k] for k, p in enumerate(row.parameters)]
    args = args[: row.required]
    plain = steps(f"{row.name}({', '.join(args)})")
    for name in (row.name, *row.aliases):
        for prefix in ("", "torch.", "F.", "np.", "math.", "torch.special."):
            if name.isidentifier() or not prefix:
                assert steps(f"{prefix}{name}({', '.join(args)})") == plain
    if not row.parameters[0].static:
        assert steps(f"x.{row.name}({', '.join(args[1:])})") == plain


# --- Values and derivatives -----------------------------------------------------------------------


@each("samples")
def test_values_are_the_same(row: Function, point: Point) -> None:
    with mp.workprec(400):
        exact = in_mpmath(row, numbers(point))
        assert close(at_point(row, in_sympy(row, symbols(row, point)), point), exact, 2.0**-200)
        assert close(
            mp.mpf(float(in_torch(row, leaves(row, point)).detach())),
            exact,
            OFF.get((row.name, 0), 1e-14),
        )


@each("samples")
def test_derivative_is_that_of_sympy(row: Function, point: Point) -> None:
    with mp.workprec(400):
        args = symbols(row, point)
        expression = in_sympy(row, args)
        for text, symbol in zip(
            by_text(row, row.derivative, point), moving(row, args), strict=False
        ):
            if row.name == "detach":  # has the value of x, and no derivative
                assert text == 0
                continue
            wanted = at_point(row, almost_everywhere(sympy.diff(expression, symbol)), point)
            assert close(text, wanted, 2.0**-200)


@each("samples")
def test_derivative_is_that_of_torch(row: Function, point: Point) -> None:
    with mp.workprec(400):
        texts = by_text(row, row.derivative, point)
        for slope, wanted in zip(gradient_by_torch(row, point), texts, strict=False):
            assert close(mp.mpf(slope), wanted, OFF.get((row.name, 1), 1e-13))


# --- Kinks and the ends of domains ----------------------------------------------------------------


@each("kinks")
def test_torch_answers_the_stated_gradient(row: Function, point: Kink) -> None:
    stated = point.gradients[point.answered_by(torch.__version__)]
    answered = gradient_by_torch(row, point.at, tensors=len(stated))
    for one, other in zip(answered, stated, strict=True):
        assert same_float(one, other), (one, other)


@each("kinks")
def test_margin_is_used_up_at_kinks(row: Function, point: Kink) -> None:
    assert any(on_kink(row, position, point.at) for position in range(len(point.at)))


@each("samples")
def test_margin_is_left_at_samples(row: Function, point: Point) -> None:
    for position in range(len(point)):
        assert not on_kink(row, position, point)


@each_row(row for row in ROWS if row.margin)
def test_margin_of_tensors_is_that_of_numbers(row: Function) -> None:
    for at in [*row.samples, *row.outside, *(kink.at for kink in row.kinks)]:
        for position in range(len(at)):
            margin = row.margin_of(position)
            # The same number twice, beside one that is not the same.
            tensors = [torch.tensor([value, value + 1], dtype=torch.float64) for value in at]
            together = torch.as_tensor(margin(*tensors)).expand(2)[0].item()
            alone = float(margin(*at))
            assert together == alone or (math.isnan(together) and row.outside)


@each("kinks")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_verdict_at_kink(row: Function, point: Kink, dtype: str) -> None:
    assert question(row, point.at).ask(dtype).verdict is Verdict.NONDIFFERENTIABLE


@each("outside")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_verdict_outside(row: Function, point: Point, dtype: str) -> None:
    assert question(row, point).ask(dtype).verdict is Verdict.UNDEFINED


@each("samples")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_verdict_at_sample(row: Function, point: Point, dtype: str) -> None:
    for entry in question(row, point).ask(dtype, second_order=True).entries:
        if entry.verdict is Verdict.UNDECIDED:
            assert row.name in WITHOUT_SECOND
            assert len(entry.wrt) == 2
        else:
            assert acceptable(row, entry), entry


@each_row(row for row in ROWS if row.name in WITHOUT_SECOND)
def test_torch_lacks_second_derivative(row: Function) -> None:
    report = question(row, row.samples[0]).ask(second_order=True)
    assert {entry.verdict for entry in report.hessian} == {Verdict.UNDECIDED}


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("celu(x, 0.3)", -1),
        ("hardsigmoid(x)", 0.5),
        ("sech(x)", 800),
        ("csch(x)", -800),
    ],
)
def test_torch_is_found_wrong(text: str, x: float) -> None:
    (entry,) = grad(text, {"x": x}).entries
    assert (entry.verdict, entry.blame) == (Verdict.DISAGREE, Blame.AUTOGRAD)


@pytest.mark.parametrize("text", ["digamma(x)", "polygamma(0, x)", "polygamma(1, x)*exp(x)"])
def test_torch_series_cut_short_is_told_as_rounding(text: str) -> None:
    (entry,) = grad(text, {"x": 1.1}).entries
    assert entry.autograd != entry.symbolic
    assert entry.verdict is Verdict.ROUNDING
    assert "torch's own formula" in entry.note


# --- All over the domain --------------------------------------------------------------------------


@each_row()
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.sampled(3)
def test_no_false_alarm(row: Function, dtype: str) -> None:
    check_sweep(row, dtype, 3)


@pytest.mark.slow
@each_row()
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_false_alarm_at_many_points(row: Function, dtype: str) -> None:
    check_sweep(row, dtype, 30)


def check_sweep(row: Function, dtype: str, count: int) -> None:
    points = sweep(row, count, DTYPES[dtype])
    assert len(points) == count
    for point in points:
        if row.name in WRONG and WRONG[row.name](point, dtype):
            continue
        for entry in question(row, point).ask(dtype).gradients:
            assert acceptable(row, entry), (point, entry)
