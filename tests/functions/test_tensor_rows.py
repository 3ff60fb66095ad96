"""Tensors: every row of the table that works with whole tensors, and broadcasting of all others.

A row brings its own programs: `trials`, which must agree, and `refused`, whose shapes do not fit.
"""

from __future__ import annotations

import contextlib
import io
import random
import re
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from by_mpmath import mp, values
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcalc import grad
from gradcalc.ask.values import draws_of, value_of
from gradcalc.autograd.autodiff import Draws, look
from gradcalc.base.dtypes import DTYPES
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options
from gradcalc.batch.answers import answer
from gradcalc.batch.records import Record, read
from gradcalc.functions import TABLE
from gradcalc.language.bindings import parse_bindings
from gradcalc.language.parser import parse
from gradcalc.program.expand import expand
from gradcalc.results.report import Blame, Report, Verdict

FINE = {Verdict.AGREE, Verdict.ROUNDING}
ROWS = [row for row in TABLE.values() if not row.entrywise]
TRIALS = [trial for row in ROWS for trial in row.trials]
REFUSED = [refused for row in ROWS for refused in row.refused]
ENTRYWISE = [
    row
    for row in TABLE.values()
    if row.entrywise and row.group != "comparison" and row.name != "detach"
]


def record(line: str) -> Record:
    return next(iter(read(io.BytesIO(line.encode()), None)))


def asked(line: str, options: Options | None = None, **fields: object) -> Report:
    """Answer a line of a batch; a result that is no scalar is weighed."""
    entry = record(line)
    changed = {"grad_outputs": "ones", **entry.options, **fields}
    return answer(replace(entry, options=changed), options or Options())


def test_every_row_has_a_trial() -> None:
    assert [row.name for row in ROWS if not row.trials] == []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("trial", TRIALS)
def test_trial_agrees(trial: str, dtype: str) -> None:
    report = asked(trial, Options(dtype=dtype))
    assert report.error is None
    assert {entry.verdict for entry in report.entries} <= FINE


@pytest.mark.slow
# The determinant of a matrix of rank 2 is 0 throughout: its second differences are but noise.
@pytest.mark.parametrize("trial", [t for t in TRIALS if "x @ x.T) --at x=randn(5,2)" not in t])
def test_second_derivatives_of_a_trial_agree(trial: str) -> None:
    entry = record(trial)
    report = answer(
        replace(entry, options={"grad_outputs": "ones", **entry.options, "second_order": True}),
        Options(thorough=False),
    )
    if report.error is not None and report.error.kind is Kind.LIMIT:
        return
    # torch adds 1e-12 to a divisor of the one, and has nan for the other: it is wrong there.
    wrong = "binary_cross_entropy(" in trial or "zeros(5,5)" in trial
    fine = FINE | ({Verdict.DISAGREE} if wrong else set())
    assert {entry.verdict for block in report.hessian for entry in block.entries} <= fine


@pytest.mark.parametrize("trial", TRIALS)
def test_trial_written_out_has_torch_s_shape_and_value(trial: str) -> None:
    entry = record(trial)
    bindings = parse_bindings(entry.at)
    program = parse(entry.expression, [binding.name for binding in bindings])
    by_name = {binding.name: binding for binding in bindings}
    draws, dtype = draws_of(Options()), DTYPES["float64"]
    inputs = [value_of(by_name[name], dtype, draws) for name in program.names]
    outputs, seen = look(program, inputs, "float64", Draws(1))
    expansion = expand(program, [value.shape for value in inputs], seen)
    with mp.workprec(200):
        point = [mp.mpf(number) for value in inputs for number in value.numbers]
        exact = values(expansion.program, point, dtype)
        for output, (shape, numbers) in zip(outputs, expansion.results, strict=True):
            assert output.shape == shape
            for value, number in zip(output.numbers, numbers, strict=True):
                assert abs(value - exact[number]) <= 1e-12 * (1 + abs(value))


@pytest.mark.parametrize("line", REFUSED)
def test_shapes_that_do_not_fit_are_refused(line: str) -> None:
    report = asked(line)
    assert report.error is not None
    assert report.error.kind in {Kind.SHAPE, Kind.AUTOGRAD}
    assert report.error.span is not None
    assert "(" in report.error.message or report.error.kind is Kind.AUTOGRAD


# --- Rows that work entry by entry --------------------------------------------------------------


@pytest.mark.parametrize("row", ENTRYWISE, ids=lambda row: row.name)
def test_entrywise_row_takes_tensors(row) -> None:
    """Its samples, one below the other in a column, against the first of them in a vector."""
    samples = [sample for sample in row.samples if len(sample) == len(row.samples[0])]
    static = [k for k, parameter in enumerate(row.parameters) if parameter.static]
    count = len(samples[0])
    at = {}
    for k in range(count):
        if k in static or (k < row.conditions):
            continue
        column = [[sample[k]] for sample in samples]
        at[f"v{k}"] = column
    arguments = ", ".join(
        str(samples[0][k]) if f"v{k}" not in at else f"v{k}" for k in range(count)
    )
    call = f"{row.name}({arguments})"
    if row.name == "where":
        call = f"where(v1 > -1000, {', '.join(f'v{k}' for k in range(1, count))})"
    report = grad(f"({call}).sum()", at)
    # torch's slope of hardsigmoid is 1/6 in float32 only.
    fine = FINE | ({Verdict.DISAGREE} if row.name == "hardsigmoid" else set())
    assert {entry.verdict for entry in report.entries} <= fine
    for name, block in zip(at, report.gradients, strict=True):
        assert (block.wrt, block.shape) == ((name,), (len(samples), 1))


@pytest.mark.parametrize(
    ("shapes", "result"),
    [
        (((2, 1), (3,)), (2, 3)),
        (((), (2, 2)), (2, 2)),
        (((1,), (2, 2)), (2, 2)),
        (((0,), (1,)), (0,)),
        (((2, 1, 1), (3, 1)), (2, 3, 1)),
    ],
    ids=str,
)
@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "**"])
def test_broadcasting(operator: str, shapes, result) -> None:
    at = {
        name: f"rand{shape} + 1".replace(",)", ")")
        for name, shape in zip("xy", shapes, strict=True)
    }
    report = grad(f"x {operator} y", at, grad_outputs="ones")
    assert report.tensors[-1].shape == result
    assert [block.shape for block in report.gradients] == list(shapes)
    assert report.verdict in FINE


# --- Views and changes in place ---------------------------------------------------------------


@pytest.mark.parametrize(
    "program",
    [
        "y = x*2; v = y[0]; y[0] = y[1]*3; (v*x[0]).sum() + y.sum()",
        "y = x*1; v = y.T; v[0, 1] = x[0, 0]**3; (y*x).sum()",
        "y = x*1; v = y.reshape(4); v[3] = 0; (y*y).sum()",
        "y = x*1; v = y.view(-1); v += 1; (y*x).sum()",
        "y = x*1; y += x; y *= 2; (y*x).sum()",
        "y = x*1; z = y; z += 1; (y*y).sum()",
        "y = x*1; v = y[:, 0]; v *= 3; (y*x).sum()",
        "y = x.clone(); v = y.unsqueeze(0); v -= x; v += 2*x; y.sum()",
        "y = zeros(2, 2); y[0] = x[1]*x[0]; y[1] = y[0]*3; (y*x).sum()",
        "y = x*1; y.mul_(2).add_(x); y.sum()",
        "y = x*1; y.transpose_(0, 1); (y @ x).sum()",
        "x = x*2; x = x*x; x.sum()",
        "y = x*1; d = y.detach(); (y*d).sum()",
        "y = x.detach().clone(); y[0] = 5; (y*x).sum()",
        "y = no_grad(x.T); (y*x).sum()",
        "y = no_grad(x[0]); (y*x).sum()",
        "y = no_grad([x[0, 0], 1]); (y*x).sum()",
        "z = no_grad(x*2); z += 1; (z*x).sum()",
    ],
)
def test_views_share_their_entries(program: str) -> None:
    report = grad(program, {"x": [[1.5, -2], [0.5, 3]]})
    assert report.verdict is Verdict.AGREE


@pytest.mark.parametrize(
    "program",
    [
        "y = x.detach(); y += 1; (x*x).sum()",
        "y = x*1; z = y.detach(); z += 1; (y*x).sum()",
        "y = x*1; z = y.T.detach(); y[0, 0] = 3; (z*x).sum()",
        "y = x*1; z = no_grad(y[0]); z += 1; (y*x).sum()",
    ],
)
def test_change_of_memory_that_a_constant_shares_is_refused(program: str) -> None:
    with pytest.raises(GradcalcError) as caught:
        grad(program, {"x": [[1.5, -2], [0.5, 3]]})
    assert caught.value.kind is Kind.AUTOGRAD
    assert "clone" in (caught.value.hint or "")


def test_cancellation_in_a_sum_is_rounding() -> None:
    """1e16 + 1 + 1 is a float64, but 1e16 + 1 is not."""
    report = grad("((x.sum() - 1e16)*0.5).exp()", {"x": [1e16, 1, 1]})
    assert report.verdict is Verdict.ROUNDING


# --- A wrong derivative is found ----------------------------------------------------------------


def planted(monkeypatch: pytest.MonkeyPatch, name: str, index: int, factor: float) -> None:
    """Let the row's gradient by its first argument be off in one entry."""
    row = TABLE[name]

    def wrong(x, *args, **options):
        def off(gradient):
            changed = gradient.contiguous().clone()
            changed.reshape(-1)[index] *= factor
            return changed

        copy = x.clone()
        if copy.requires_grad:
            copy.register_hook(off)
        return row.torch(copy, *args, **options)

    monkeypatch.setitem(TABLE, name, replace(row, torch=wrong))


@pytest.mark.parametrize("factor", [1.001, -1, 0])
@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("(x @ x).sum()", "matmul"),
        ("(x.softmax(1)*x).sum()", "softmax"),
        ("x.logsumexp(1).sum()", "logsumexp"),
        ("x.var()", "var"),
        ("x.norm()", "norm"),
        ("x.prod()", "prod"),
        ("det(x)", "det"),
        ("inv(x).sum()", "inv"),
        ("x.cumsum(0).prod()", "cumsum"),
        ("mse_loss(x, x*x)", "mse_loss"),
        ("(x.T*x*x).sum()", "T"),
        ("x.tanh().sum()", "tanh"),
        ("x.reshape(4).exp().sum()", "reshape"),
    ],
)
def test_wrong_derivative_is_found(monkeypatch, program: str, name: str, factor: float) -> None:
    planted(monkeypatch, name, 1, factor)
    report = grad(program, {"x": [[1.5, -2.25], [0.5, 3.75]]})
    assert report.verdict is Verdict.DISAGREE
    wrong = [entry for entry in report.entries if entry.verdict is Verdict.DISAGREE]
    assert {entry.blame for entry in wrong} == {Blame.AUTOGRAD}
    assert "x[0,1]" in {entry.wrt[0] for entry in wrong}


@pytest.mark.parametrize("factor", [1 + 1e-6, 0])
def test_wrong_entry_of_a_large_program_is_found(monkeypatch, factor: float) -> None:
    """One of 6,400 that are only checked along a random direction."""
    planted(monkeypatch, "matmul", 3_000, factor)
    report = grad("(x @ y).sin().sum()", {"x": "randn(80,80)", "y": "randn(80,80)"}, timeout=60)
    verdicts = {block.wrt: block.verdict for block in report.gradients}
    assert verdicts == {("x",): Verdict.DISAGREE, ("y",): Verdict.AGREE}


def test_wrong_entry_among_many_is_named(monkeypatch) -> None:
    planted(monkeypatch, "matmul", 7, 1.001)
    report = grad("(x @ w).tanh().mean()", {"x": "randn(10,20)", "w": "randn(20,5)"}, timeout=60)
    assert [e.wrt for e in report.entries if e.verdict not in FINE] == [("x[0,7]",)]


# --- Random programs ----------------------------------------------------------------------------

_SHAPES = [(), (2,), (3,), (2, 3), (3, 2), (2, 2)]


def random_program(seed: int) -> tuple[str, dict[str, str]]:
    """A few statements whose shapes fit, at a generic point."""
    source = random.Random(seed)
    at = {name: source.choice(_SHAPES) for name in ("x", "w", "b")}
    shapes = dict(at)
    lines = []
    for number in range(source.randint(2, 6)):
        name = f"t{number}"
        left, right = source.choice(list(shapes)), source.choice(list(shapes))
        choices = [
            (f"sin({left}) + 2", shapes[left]),
            (f"{left}.exp()*0.1", shapes[left]),
            (f"softplus({left})", shapes[left]),
            (f"where({left} > 0.1, {left}*2, {left} - 1)", shapes[left]),
        ]
        one, two = shapes[left], shapes[right]
        with contextlib.suppress(RuntimeError):
            choices.append((f"{left}*{right} + 0.5", torch.broadcast_shapes(one, two)))
        if len(one) == 2 and len(two) in {1, 2} and one[1] == two[0]:
            choices += [(f"{left} @ {right}", (one[0], *two[1:]))] * 4
        if one:
            choices += [
                (f"{left}.sum(dim=0, keepdim=True)", (1, *one[1:])),
                (f"{left}.mean(-1)", one[:-1]),
                (f"{left}.softmax(0)", one),
                (f"cat([{left}, {left}*2])", (2 * one[0], *one[1:])),
                (f"{left}[0]", one[1:]),
                (f"{left}[1:]", (one[0] - 1, *one[1:])),
            ]
        if len(one) == 2:
            choices += [(f"{left}.T", one[::-1]), (f"{left}.reshape(-1)", (one[0] * one[1],))]
        text, shape = source.choice([c for c in choices if 0 not in c[1]])
        lines.append(f"{name} = {text}")
        shapes[name] = tuple(shape)
        if shape and source.random() < 0.3:
            lines += [f"{name} = {name}*1", f"{name}[0] = {name}[-1]*3"]
    total = " + ".join(f"{name}.mean()" if shapes[name] else name for name in shapes)
    return "; ".join([*lines, total]), {
        name: f"rand({', '.join(map(str, shape))}) + 0.25" for name, shape in at.items()
    }


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
def test_random_program_agrees(seed: int) -> None:
    program, at = random_program(seed)
    report = grad(program, at, seed=seed, timeout=60)
    assert report.verdict in FINE, (program, at, seed)
    again = grad(report.canonical, at, seed=seed, timeout=60)
    assert [entry.autograd for entry in again.entries] == [
        entry.autograd for entry in report.entries
    ]
    renamed = parse(re.sub(r"\bx\b", "q", program), "qwb")
    assert len(renamed.steps) == len(parse(program, "xwb").steps)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_random_program_agrees_often(seed: int) -> None:
    program, at = random_program(seed)
    report = grad(program, at, seed=seed, timeout=60)
    assert report.verdict in FINE, (program, at, seed)


def test_weights_are_exact() -> None:
    report = grad("x*w", {"x": [1, 2], "w": [3, 4]}, grad_outputs=[0.1, 10])
    assert report.gradients[0].autograd == (0.1 * 3, 40.0)
    exact = Fraction(0.1) * 3
    assert report.gradients[0].symbolic == (float(exact), 40.0)
