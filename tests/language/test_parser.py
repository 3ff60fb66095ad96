"""Text to programs: one line for each rule of the language, and for each thing that goes wrong."""

# ruff: noqa: RUF001 - the signs that look like others are part of the language

from __future__ import annotations

import ast
import csv
import math
import re
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import ROWS, shape

from gradcalc.base.errors import GradcalcError, Kind, MendableError, Span
from gradcalc.functions import lookup
from gradcalc.language import parser
from gradcalc.language.bindings import bind, parse_bindings, parse_weights
from gradcalc.language.parser import parse
from gradcalc.language.scope import run_together
from gradcalc.program.program import Array

DATA = Path(__file__).parents[1] / "data"


def canonical(text: str, *variables: str) -> str:
    return parse(text, variables).canonical


def error(text: str, *variables: str) -> GradcalcError:
    with pytest.raises(GradcalcError) as caught:
        parse(text, variables)
    return caught.value


def underlined(problem: GradcalcError) -> str | None:
    return problem.span and problem.text[problem.span.start : problem.span.stop]


# --- The language ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # powers
        ("x^2", "x**2"),
        ("x**2", "x**2"),
        ("-x^2", "-x**2"),
        ("(-x)^2", "(-x)**2"),
        ("-2^2", "-2**2"),
        ("(-2)^x", "(-2)**x"),
        ("2^3^x", "2**3**x"),
        ("(2^3)^x", "(2**3)**x"),
        ("2^-x", "2**(-x)"),
        ("x^-1", "x**(-1)"),
        ("x²y³", "x**2*y**3"),
        ("x⁻¹⁰", "x**(-10)"),
        # other operators
        ("a - (b - c)", "a - (b - c)"),
        ("(a - b) - c", "a - b - c"),
        ("a/(b*c)", "a/(b*c)"),
        ("a/b*c", "a/b*c"),
        ("(a*b)*c", "a*b*c"),
        ("(x + y)*(x - y)", "(x + y)*(x - y)"),
        ("x // y % z", "x//y%z"),
        ("+x", "x"),
        ("--x", "--x"),
        ("x*-y", "x*(-y)"),
        ("-x*y", "-x*y"),
        ("x + -y*z", "x + (-y*z)"),
        ("-(x + y)*-3", "-(x + y)*(-3)"),
        ("x - -2", "x - (-2)"),
        # products without a sign
        ("2x", "2*x"),
        ("2 x", "2*x"),
        ("2(x+1)", "2*(x + 1)"),
        ("(a)(b)", "a*b"),
        ("x(1+x)", "x*(1 + x)"),
        ("x_1(1+x)", "x_1*(1 + x)"),
        ("2sin(x)cos(y)", "2*sin(x)*cos(y)"),
        ("sin(x)(y)", "sin(x)*y"),
        ("x²(1+x)", "x**2*(1 + x)"),
        ("2x^2", "2*x**2"),
        ("2πr", "2*pi*r"),
        # signs
        ("2·x×y÷z−1", "2*x*y/z - 1"),
        ("√x + √(x+1)", "sqrt(x) + sqrt(x + 1)"),
        ("√2x", "sqrt(2)*x"),
        ("𝜋", "pi"),
        ("∞", "inf"),
        ("x ≤ 1", "x <= 1"),
        ("x ≥ 1", "x >= 1"),
        ("x ≠ 1", "x != 1"),
        # names
        ("θ*α_1", "θ*α_1"),
        ("x₁", "x1"),
        ("𝑥 + x", "x + x"),
        ("lambda*x + is", "lambda*x + is"),
        ("E*I*S*N*beta*gamma*Q", "E*I*S*N*beta*gamma*Q"),
        ("v + lambda*θ", "v + lambda*θ"),
        ("gamma*gamma(x)", "gamma*gamma(x)"),
        # functions
        ("ln(x)", "log(x)"),
        ("torch.sin(x)", "sin(x)"),
        ("np.exp(x)", "exp(x)"),
        ("math.cos(x)", "cos(x)"),
        ("F.relu(x)", "relu(x)"),
        ("torch.special.erf(x)", "erf(x)"),
        ("torch.nn.functional.relu(x)", "relu(x)"),
        ("x.sin()", "sin(x)"),
        ("(x + 1).sin().cos()", "cos(sin(x + 1))"),
        ("2 .sin()", "sin(2)"),
        ("x.pow(2)", "x**2"),
        ("neg(x)", "-x"),
        ("neg(2)", "neg(2)"),
        ("add(x, mul(y, z))", "x + y*z"),
        ("sin(x,)", "sin(x)"),
        ("clamp(x, 0, 1)", "clamp(x, 0, 1)"),
        ("clamp(x, max=1)", "clamp(x, -inf, 1)"),
        ("clamp(max=y, x=x, min=0)", "clamp(x, 0, y)"),
        ("softplus(x, beta=2)", "softplus(x, 2)"),
        ("max(x, y, z + 1)", "maximum(x, y, z + 1)"),
        ("max(max(x, y), z + 1)", "maximum(maximum(x, y), z + 1)"),
        ("max(x, max(y, z))", "maximum(x, maximum(y, z))"),
        ("min(x, y)", "minimum(x, y)"),
        # conditions
        ("where(x > 0, x, -x)", "where(x > 0, x, -x)"),
        ("0 < x < 1", "0 < x < 1"),
        ("0 < x + 1 <= y != 2", "0 < x + 1 <= y != 2"),
        ("(0 < x) & (x < 1)", "0 < x < 1"),
        ("(x < y) & (y < z + 1)", "(x < y) & (y < z + 1)"),
        ("(x < y) & (z < y)", "(x < y) & (z < y)"),
        ("(x > 0) & (y > 0) | ~(z == 1)", "(x > 0) & (y > 0) | ~(z == 1)"),
        ("((x > 0) | (y > 0)) & z", "((x > 0) | (y > 0)) & z"),
        ("(x & y) > 0", "(x & y) > 0"),
        ("(x > y) > z", "(x > y) > z"),
        ("x > -1", "x > -1"),
        # numbers
        ("1e-3 + .5 + 1. + 007 + 1_000", "1e-3 + .5 + 1. + 7 + 1000"),
        ("1e3x", "1e3*x"),
        ("2e", "2*e"),
        ("2e-3", "2e-3"),
        ("0e999999999", "0e999999999"),
        ("-inf", "-inf"),
        ("-pi*x", "-pi*x"),
        ("torch.pi + math.e", "pi + e"),
    ],
)
def test_language_is_understood(text, expected):
    assert canonical(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # statements
        ("y = x**2; y", "y = x**2; y"),
        ("y = x**2\ny*2", "y = x**2; y*2"),
        ("y = x**2", "y = x**2"),
        ("y=2x;z=3y", "y = 2*x; z = 3*y"),
        (";; y = x ;\n\n; y*2 ;", "y = x; x*2"),
        ("y = x  # = 1\n# all\n\n2y # ; z", "y = x; 2*x"),
        ("y = (x +\n\n 1)\ny", "y = x + 1; y"),
        ("y = sin(\n  x, # of x\n); y", "y = sin(x); y"),
        ("[[1,\n2],\n[x, 4]]", "[[1, 2], [x, 4]]"),
        ("x = 1", "x = 1"),
        ("θ = x*2; θ²", "θ = x*2; θ**2"),
        ("lambda = x*2; 2lambda", "lambda = x*2; 2*lambda"),
        ("x₁ = x*2; x1", "x1 = x*2; x1"),
        # names that are given again
        ("x = x*2; x", "x = x*2; x"),
        ("y = x*2; x = y*3; x*y", "y = x*2; x = y*3; x*y"),
        ("a = x*2; b = a; a = a + 1; a*b", "a = x*2; b = a; a = a + 1; a*b"),
        ("y = x*2; y = y*y; y = y/x; y", "y = x*2; y = y*y; y = y/x; y"),
        # names that mean something else elsewhere
        ("sin = x*2; sin(x)", "sin = x*2; sin*x"),
        ("F = x*2; F.sum()", "F = x*2; sum(F)"),
        ("f = x*2; f(3)", "f = x*2; f*3"),
        ("e = x*2; e", "e = x*2; e"),
        ("pi = x*2; pi + math.pi", "pi = x*2; pi + math.pi"),
        ("gamma = x; gamma(2)", "gamma = x; x*2"),
        # in place
        ("y = x*1; y += 1; y", "y = x*1; y += 1; y"),
        ("y = x*1; y -= x; y", "y = x*1; y -= x; y"),
        ("y = x*1; y *= x + 1; y", "y = x*1; y *= x + 1; y"),
        ("y = x*1; y /= -x; y", "y = x*1; y /= -x; y"),
        ("y = x*1; y ^= 2; y", "y = x*1; y **= 2; y"),
        ("y = x*1; y **= 2; y", "y = x*1; y **= 2; y"),
        ("y = x*1; y //= 2; y %= x", "y = x*1; y //= 2; y %= x"),
        ("y = x*1; y @= x", "y = x*1; y @= x"),
        ("x += 1; x", "x += 1; x"),
        # all names of a tensor mean what it has become
        ("y = x*1; z = y; z += 1; y*z", "y = x*1; z = y; z += 1; y*y"),
        # of a plain number, a new number
        ("y = 2; y += 1; y*x", "y = 2; y = y + 1; y*x"),
        # entries
        ("y = x*1; y[0, 1] = 2; y", "y = x*1; y[0, 1] = 2; y"),
        ("y[...] = x; y", "y[...] = x; y"),
        ("y = zeros(2); y[0:1] = x*2; y", "y = zeros(2); y[0:1] = x*2; y"),
        ("y = x*1; y[0] += 2; y", "y = x*1; y[0] = y[0] + 2; y"),
        ("y = x*1; y[:, None] *= x", "y = x*1; y[:, None] = y[:, None]*x"),
        # several results
        ("x, x**2", "x, x**2"),
        ("(x, y[0])", "x, y[0]"),
        ("y = x*2; y, y*x, max(x, y)", "y = x*2; y, y*x, maximum(x, y)"),
        # what autograd does not follow
        ("no_grad(x*2)*x", "no_grad(x*2)*x"),
        ("torch.no_grad(x*2)", "no_grad(x*2)"),
        ("no_grad(x)", "x"),
        ("no_grad(no_grad(x)*2)", "no_grad(x*2)"),
        ("a = x*2; no_grad(a + x)*x", "a = x*2; no_grad(a + x)*x"),
        ("no_grad(x*2)**2 - no_grad(-x)", "no_grad(x*2)**2 - no_grad(-x)"),
        ("0 < no_grad(x*1) < 1", "0 < no_grad(x*1) < 1"),
        ("x.detach()*x", "detach(x)*x"),
        # lists
        ("[1, 2] @ x", "[1, 2] @ x"),
        ("tensor([1, 2])", "[1, 2]"),
        ("torch.tensor([[x, 1], [-2, y]])", "[[x, 1], [-2, y]]"),
        ("np.array([1., x])", "[1., x]"),
        ("[[[x]], [[y]]]", "[[[x]], [[y]]]"),
        ("[]", "[]"),
        ("[[], []]", "[[], []]"),
        ("tensor(((1, 2), (3, 4)))", "[[1, 2], [3, 4]]"),
        ("tensor(3)*x", "tensor(3)*x"),
        ("tensor(x)", "tensor(x)"),
        ("[1, 2][0]*x", "[1, 2][0]*x"),
        # indexes
        ("x[0]", "x[0]"),
        ("x[-1]", "x[-1]"),
        ("x[0][1]", "x[0][1]"),
        ("x[0,1]", "x[0, 1]"),
        ("x[(0,1)]", "x[0, 1]"),
        ("x[1,]", "x[1]"),
        ("x[: , 1 : 3]", "x[:, 1:3]"),
        ("x[..., None, ::2, -1:]", "x[..., None, ::2, -1:]"),
        ("x[1:-1:2]", "x[1:-1:2]"),
        ("x[[0, 2], :]", "x[[0, 2], :]"),
        ("(x + y)[0]**2", "(x + y)[0]**2"),
        ("-x[0]", "-x[0]"),
        ("(-x)[0]", "(-x)[0]"),
        ("2x[0]y", "2*x[0]*y"),
        ("x[0](y)", "x[0]*y"),
        ("√x[0]", "sqrt(x[0])"),
        ("1/x[0]", "1/x[0]"),
        ("x[0].sin()", "sin(x[0])"),
        ("x.sin()[0]", "sin(x)[0]"),
        ("x[0]²", "x[0]**2"),
        # matrices
        ("x @ y @ z", "x @ y @ z"),
        ("x @ (y @ z)", "x @ (y @ z)"),
        ("x*y @ z", "x*y @ z"),
        ("x*(y @ z)", "x*(y @ z)"),
        ("x @ -y", "x @ (-y)"),
        ("-(x @ y)**2", "-(x @ y)**2"),
        ("x.T @ y + z", "x.T @ y + z"),
        ("(x @ y).T", "(x @ y).T"),
        ("-x.T", "-x.T"),
        ("x.T.sum()*x.mT[0]", "sum(x.T)*x.mT[0]"),
        ("x.t()", "t(x)"),
        # options, by position and by name
        ("sum(x)", "sum(x)"),
        ("x.sum(0)", "sum(x, dim=0)"),
        ("x.sum(dim=-1)", "sum(x, dim=-1)"),
        ("x.sum(dim=1-1)", "sum(x, dim=0)"),
        ("x.max(2 - 1)", "max(x, dim=1).values"),
        ("n = 3; x.reshape(2*n, -n)", "n = 3; reshape(x, 6, -3)"),
        ("x[2*1, 1-1:]", "x[2, 0:]"),
        ("zeros(7//2)*x", "zeros(3)*x"),
        ("full((2,), 6/2)", "full(shape=(2,), fill_value=3.0)"),
        ("linspace(0, 2*pi, 5**2)", "linspace(start=0, end=6.283185307179586, steps=25)"),
        ("x.norm(p=sqrt(4))", "norm(x, p=2.0)"),
        ("x.norm(p=1/3 - inf)", "norm(x, p=-inf)"),
        ("x.sum((0, 1), True)", "sum(x, dim=(0, 1), keepdim=True)"),
        ("x.mean(axis=0, keepdims=True)", "mean(x, dim=0, keepdim=True)"),
        ("np.sum(x, axis=1)", "sum(x, dim=1)"),
        ("mean(x=x, dim=[0])", "mean(x, dim=(0,))"),
        ("x.var(unbiased=False)", "var(x, unbiased=False)"),
        ("x.sum(dim=--1)", "sum(x, dim=1)"),
        ("x.sum(dim=" + "-" * 2_001 + "1)", "sum(x, dim=-1)"),
        ("x[" + "-" * 2_001 + "1:]", "x[-1:]"),
        ("x.var(correction=0, dim=1)", "var(x, dim=1, correction=0)"),
        ("x.norm(inf)", "norm(x, p=inf)"),
        ("x.norm(-torch.inf, dim=0)", "norm(x, p=-inf, dim=0)"),
        ("torch.linalg.norm(x, 'fro')", "norm(x, p='fro')"),
        ("F.softmax(x, dim=1)", "softmax(x, dim=1)"),
        ("reshape(x, 2, -1)", "reshape(x, 2, -1)"),
        ("x.reshape((2, 3))", "reshape(x, 2, 3)"),
        ("x.reshape([6])", "reshape(x, 6)"),
        ("x.reshape(shape=(2, 3))", "reshape(x, 2, 3)"),
        ("x.transpose(0, 1)", "transpose(x, dim0=0, dim1=1)"),
        ("zeros((2, 3))", "zeros(2, 3)"),
        ("np.zeros(size=(2,))", "zeros(2)"),
        ("rand()", "rand()"),
        ("full((2, 2), 1.5)", "full(shape=(2, 2), fill_value=1.5)"),
        ("arange(0, 1, step=0.25)", "arange(start=0, end=1, step=0.25)"),
        ("cat((x, 2y), 1)", "cat([x, 2*y], dim=1)"),
        ("stack([x, y], axis=-1)", "stack([x, y], dim=-1)"),
        ('einsum("ij,jk->ik", x, -y)', "einsum('ij,jk->ik', x, -y)"),
        ("linear(x, W)", "linear(x, W)"),
        ("F.linear(x, W, bias=b)", "linear(x, W, b)"),
        ("F.mse_loss(x, target=y, reduction='sum')", "mse_loss(x, y, reduction='sum')"),
        ("mse_loss(x, y, 'sum')", "mse_loss(x, y, reduction='sum')"),
        # one result of several
        ("slogdet(A).logabsdet", "slogdet(A).logabsdet"),
        ("torch.linalg.slogdet(A)[1]*2", "slogdet(A).logabsdet*2"),
        ("slogdet(A).sign", "slogdet(A).sign"),
        ("x.max(dim=1)", "max(x, dim=1).values"),
        ("torch.max(x, dim=1).values.sum()", "sum(max(x, dim=1).values)"),
        ("x.max(1)[0]", "max(x, dim=1).values"),
        ("x.max(dim=1).values[0]", "max(x, dim=1).values[0]"),
        ("torch.max(x, 1)[0]", "max(x, dim=1).values"),
        ("torch.min(x, 1, True)", "min(x, dim=1, keepdim=True).values"),
        ("np.max(x, 0)", "max(x, dim=0).values"),
        ("x.max(1, True)", "max(x, dim=1, keepdim=True).values"),
        # the largest entry, and the larger of two
        ("max(x)", "max(x)"),
        ("max(x)[0]", "max(x)[0]"),
        ("x.min()", "min(x)"),
        ("max(x, 1)", "maximum(x, 1)"),
        ("x.max(y)", "maximum(x, y)"),
        ("torch.min(x, y)", "minimum(x, y)"),
    ],
)  # fmt: skip
def test_programs_are_understood(text, expected):
    program = parse(text)
    assert program.canonical == expected
    again = parse(expected)
    assert (shape(again), again.canonical) == (shape(program), expected)


@pytest.mark.parametrize(
    "text",
    [
        # changes in place by methods: the name means what it was changed to
        "y = x*1; y.exp_(); y*y",
        "y = x*1; y.add_(1); y.mul_(2)",
        "y = x*1; y.add_(1).mul_(2); y",
        "y = x*1; z = y.exp_()*y; z + y",
        "y = x*1; z = y*y.exp_(); z + y",
        "y = x*1; z = y; z.exp_(); y += 1; z*y",
        "y = x*1; z = y.exp_(); y + z",
        "y = x*1; y.exp_(); z = y*2; y += z; y*z",
        "y = x*1; y[0] = 2; z = y.exp_(); y[1] *= 2; z*y",
        "y = x*1; y[0] *= x + 1; y",
        "y[0] *= x; y",
        "y = x*1; y.clamp_(min=0); y",
        "y = x*1; y.unsqueeze_(0); y.T",
        "y = x*1; y.transpose_(0, 1); y",
        "y = x*1; -y.sin_()[0]**2",
        "(x*1).exp_().sin_()[0]",
        "x.exp_(); x",
        "torch.exp_(x*1)",
        "y = x*1; torch.exp_(y)*y",
        "y = x*1; z = y; torch.exp_(z); z*y",
        # names, constants and signs
        "a = -x; -a**2 - a*-a",
        "a = -2; a**2*x - a",
        "a = 2; -a*x",
        "a = x < y; (a & (y < z)) + (0 < a < 1)",
        "a = 0 < x; (a & (x < 1))*x",
        "a = 0 < x < 1; (0 < x < 1 < y)*a",
        "a = max(x, y); max(a, z, a)",
        "a = x*2; b = a; c = b; a = c*b; a*b*c",
        "x = -x; x = -x; -x",
        "a = no_grad(x*2); b = no_grad(a*3); b*x",
        "a = x*2; no_grad(a + no_grad(x*3))*x",
        "no_grad(max(x, y, z))*max(x, y, no_grad(z*2), z)",
        "e = 2; e*x + math.e",
        "slogdet(A)[1] + slogdet(A).sign",
    ],
)  # fmt: skip
def test_written_program_is_the_same(text):
    program = parse(text)
    again = parse(program.canonical)
    assert (shape(again), again.canonical) == (shape(program), program.canonical)


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("x + 1", "."),
        ("y = x*1; y += 1; y[0] = 2", ".ii"),
        ("y = x*1; y.exp_()*2", ".i."),
        ("no_grad(x*2 + 1)*x", "nn."),
        ("y = 2; y += x; y", "."),
    ],
)
def test_steps_know_whether_they_change_and_whether_they_are_watched(text, flags):
    steps = parse(text).steps
    assert "".join("i" if s.in_place else "n" if s.no_grad else "." for s in steps) == flags


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("x.sum((0, 1), keepdim=True)", {"dim": (0, 1), "keepdim": True}),
        ("x.sum(None)", {"dim": None}),
        ("x.norm(-inf)", {"p": -math.inf}),
        ("x[1:, None, ..., [0, -2], 3]", {"index": (slice(1, None), None, ..., (0, -2), 3)}),
        ("[[x, 1, 2], [3, 4, 5]]", {"shape": (2, 3)}),
        ("zeros(2, 3)", {"shape": (2, 3)}),
        ("slogdet(x)[1]", {"part": 1}),
        ("mse_loss(x, y, reduction='none')", {"reduction": "none"}),
    ],
)
def test_options_are_plain_values(text, options):
    assert dict(parse(text).steps[-1].options) == options


@pytest.mark.parametrize(
    ("text", "statements", "outputs"),
    [
        ("x*2", [(None, "x*2")], ["x*2"]),
        ("y = x*2; y", [("y", "x*2"), (None, "x*2")], ["x*2"]),
        ("y = x*2\nx, y", [("y", "x*2"), (None, "x")], ["x", "x*2"]),
        ("y = x*1; y += 2", [("y", "x*1"), ("y", "y += 2")], ["y += 2"]),
        ("y = x*1; y[0] = 2; y", [("y", "x*1"), ("y", "y[0] = 2"), (None, "y[0] = 2")],
         ["y[0] = 2"]),
        ("y = x*1; y[0] += 2", [("y", "x*1"), ("y", "y[0] += 2")], ["y[0] += 2"]),
        ("x = x*2", [("x", "x*2")], ["x*2"]),
    ],
)  # fmt: skip
def test_statements_name_values(text, statements, outputs):
    program = parse(text)
    assert [(s.name, program.source(s.numbers[0])) for s in program.statements] == statements
    assert [program.source(number) for number in program.outputs] == outputs
    assert program.output == program.outputs[0]
    assert program.statements[-1].steps == len(program.steps)


@pytest.mark.parametrize(
    ("text", "variables", "expected", "names"),
    [
        ("pi*x", (), "pi*x", ("x",)),
        ("pi*x", ("pi",), "pi*x", ("pi", "x")),
        ("π*x", ("pi",), "pi*x", ("pi", "x")),
        ("e^x + inf*nan", ("e", "inf", "nan"), "e**x + inf*nan", ("e", "x", "inf", "nan")),
        ("pi + math.pi", ("pi",), "pi + math.pi", ("pi",)),
        ("theta(1 + x)", ("theta",), "theta*(1 + x)", ("theta", "x")),
        ("F.sin()", ("F",), "sin(F)", ("F",)),
        ("F.sin(x)", ("F",), "sin(x)", ("x",)),
    ],
)
def test_bound_names_are_variables(text, variables, expected, names):
    program = parse(text, variables)
    assert (program.canonical, program.names) == (expected, names)
    assert shape(parse(program.canonical, variables)) == shape(program)


def test_every_function_is_called_by_each_of_its_names():
    for row in ROWS:
        args = ", ".join("1" if p.static else p.name for p in row.parameters)
        for name in (row.name, *row.aliases):
            assert parse(f"{name}({args})").steps[-1].function == row.name
            if name.isidentifier():
                assert parse(f"torch.{name}({args})").steps[-1].function == row.name


def test_names_are_spelled_alike_everywhere():
    program = parse("𝑥[0] = 1; x₁ += x; x1[0] = 2; x₁*𝑥")
    assert program.names == ("x", "x1")
    assert program.canonical == "x[0] = 1; x1 += x; x1[0] = 2; x1*x"


def test_numbers_are_exact():
    assert [c.value for c in parse("0.1 + 1e-3 - 2 + -3").constants] == [
        Fraction(1, 10),
        Fraction(1, 1000),
        Fraction(2),
        Fraction(-3),
    ]
    assert parse("0.0e-999999999").constants[0].value == 0


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("3*u^2 + 4v", ["u^2", "3*u^2", "4v", "3*u^2 + 4v"]),
        (" ( x+1 )² ", ["x+1", "( x+1 )²"]),
        ("√(x)·sin(2x)", ["√(x)", "2x", "sin(2x)", "√(x)·sin(2x)"]),
        ("-θ.sin()", ["θ.sin()", "-θ.sin()"]),
        ("0 < lambda < 1", ["0 < lambda < 1"] * 3),
        ("max(x, y, z)", ["max(x, y, z)"] * 2),
        ("torch.special.erf(x)", ["torch.special.erf(x)"]),
        ("y = 2x # twice\ny.sum( 0 )", ["2x", "y.sum( 0 )"]),
        ("x[ 0 ].T @ [1, y]", ["x[ 0 ]", "x[ 0 ].T", "[1, y]", "x[ 0 ].T @ [1, y]"]),
        ("slogdet( A ).logabsdet", ["slogdet( A ).logabsdet"]),
        ("y = x*1; y [0] = 2x", ["x*1", "2x", "y [0] = 2x"]),
        ("no_grad( x*2 )*x", ["x*2", "no_grad( x*2 )*x"]),
    ],
)
def test_steps_know_where_they_stand(text, sources):
    program = parse(text)
    assert [program.source(program.first_step + k) for k in range(len(program.steps))] == sources


def test_inputs_and_constants_know_where_they_stand():
    program = parse("2θ + -π + θ·lambda")
    assert [program.source(k) for k in range(program.first_step)] == ["θ", "lambda", "2", "-π"]


# --- What goes wrong ------------------------------------------------------------------------------

INDEX = "an index is constant: whole numbers, slices, `...`, None, lists of numbers"
INDEX_HINT = (
    "write it as in x[0], x[:, 1:3] or x[[0, 2]]; where(condition, x, 0) chooses by a condition"
)
TEXT_HINT = "text stands only where a function takes a word, as in einsum('ij,j->i', A, x)"
SUM = "its arguments are sum(x, dim=None, keepdim=False)"

ERRORS = [
    # text, kind, message, underlined, hint
    ("", "syntax", "there is no expression", "", 'write one, as in "u**3 + v**2"'),
    ("x y", "syntax", "an operator is missing between `x` and `y`", "x y",
     "for a product write x*y"),
    ("(2)3", "syntax", "an operator is missing between `)` and `3`", ")3",
     "for a product write (2)*3"),
    ("sin x", "syntax", "an operator is missing between `sin` and `x`", "sin x",
     "to call the function write sin(x)"),
    ("x² ³", "syntax", "an operator is missing between `²` and `³`", "² ³",
     "write brackets: (x²)³"),
    ("x and y", "syntax", "`and` is no operator here", "and", "use `&`, as in (x > 0) & (x < 1)"),
    ("x if y else z", "syntax", "`if` is no operator here", "if", "use `where(condition, a, b)`"),
    ("x is y", "syntax", "`is` is no operator here", "is", "use `==`, as in x == 1"),
    ("x +", "syntax", "something is missing after `+`", "+", "leave it out: x"),
    ("y = x +; y*2", "syntax", "something is missing after `+`", "+", "leave it out: y = x; y*2"),
    ("y = x +\n1", "syntax", "something is missing after `+`", "+", None),
    ("5%", "syntax", "something is missing after `%`", "%", "for percent write 5/100"),
    ("/x", "syntax", "something is missing before `/`", "/", None),
    ("sin(x,,y)", "syntax", "something is missing before `,`", ",", None),
    ("x <> y", "syntax", "something is missing after `<`", "<", None),
    ("x.(y)", "syntax", "something is missing after `.`", ".", None),
    ("|x|", "syntax", "something is missing before `|`", "|",
     "for the absolute value write abs(x)"),
    ("√", "syntax", "something is missing after `√`", "√", None),
    ("sin(x", "syntax", "this bracket is never closed", "(", "close it: sin(x)"),
    ("(x))", "syntax", "this bracket was never opened", ")", "leave it out: (x)"),
    ("y = sin(x))\ny", "syntax", "this bracket was never opened", ")", None),
    ("()", "syntax", "there is nothing between the brackets", "()", None),
    ("1,5*x", "syntax", "a comma stands only between the arguments of a function", "1,5*x",
     "a decimal number is written with a point: 1.5*x"),
    ("y = x, 2", "syntax", "a comma stands only between the arguments of a function", "x, 2",
     "give one expression at a time"),
    ("y = 1,5*x; y", "syntax", "a comma stands only between the arguments of a function",
     "1,5*x", "a decimal number is written with a point: y = 1.5*x; y"),
    ("x,", "syntax", "something is missing after `,`", ",", "leave it out: x"),
    ("x = y = 1", "syntax", "unexpected `=`", "=",
     "bind values with --at, as in --at x=1, or compare with =="),
    ("x =", "syntax", "something is missing after `=`", "=", None),
    ("y = x; = 2", "syntax", "something is missing before `=`", "=", None),
    ("# nothing; x", "syntax", "there is no expression", "",
     'write one, as in "u**3 + v**2"'),
    ("y = x**2; x*3; y", "syntax", "the value of this line is not used", "x*3",
     "give it a name, as in y = x**2"),
    ("x\ny", "syntax", "the value of this line is not used", "x",
     "give it a name, as in y = x**2"),
    ("2 = x", "syntax", "this is no name that a value can be given to", "2",
     "write NAME = expression, as in y = x**2"),
    ("f(x) = x**2", "syntax", "this is no name that a value can be given to", "f(x)",
     "functions are not defined here: write f = x**2"),
    ("f(x) = x**2; f(3)", "syntax", "this is no name that a value can be given to", "f(x)",
     "functions are not defined here: give the value a name, as in y = x**2"),
    ("a, b = x.unbind(); a*b", "syntax", "this is no name that a value can be given to", "a, b",
     "give one name a value at a time, as in a = x[0]; b = x[1]"),
    ("a = x*1; a.data[0] = 3; a", "syntax", "this is no name that a value can be given to",
     "a.data[0]",
     "a change that backward sees is written without .data: a = x*1; a[0] = 3; a"),
    ("y = x*1; y[:2][0] = 2; y", "syntax", "this is no name that a value can be given to",
     "y[:2][0]",
     "all indices stand in one pair of brackets, as in y = x*1; y[0, 1] = 2"),
    ("pi += 1; pi*x", "syntax", "`pi` is a constant, which cannot be changed", "pi",
     "give the new value a name, as in y = pi + 1"),
    ("[1 2]*x", "syntax", "an operator is missing between `1` and `2`", "1 2",
     "commas part the numbers of a list: write [1, 2]*x"),
    ("[1. 2 -3]", "syntax", "an operator is missing between `1.` and `2`", "1. 2",
     "commas part the numbers of a list: write [1., 2, -3]"),
    ("[[1 2]\n [3 4]]", "syntax", "an operator is missing between `1` and `2`", "1 2",
     "commas part the numbers of a list: write [[1, 2], [3, 4]]"),
    ("[1; 2]", "syntax", "an operator is missing between `1` and `2`", "1; 2",
     "commas part the numbers of a list: write [1, 2]"),
    ("[1 2; 3 4]", "syntax", "an operator is missing between `1` and `2`", "1 2",
     "commas part the numbers of a list: write [[1, 2], [3, 4]]"),
    ("1..3", "syntax", "an operator is missing between `1.` and `.3`", "1..3",
     "a range takes `gradcalc sweep`; for a decimal number write 1.3"),
    ("x + y = 2", "syntax", "this is no name that a value can be given to", "x + y",
     "write NAME = expression, as in y = x**2"),
    ("y = x*1; y[0][1] = 2", "syntax", "this is no name that a value can be given to", "y[0][1]",
     "write y = x*1; y[0, 1] = 2"),
    ("y = x*1; y[-1][:] = 2", "syntax", "this is no name that a value can be given to",
     "y[-1][:]", "write y = x*1; y[-1, :] = 2"),
    ("y.grad = 1", "syntax", "this is no name that a value can be given to", "y.grad",
     "leave it out: gradcalc differentiates by itself"),
    ("y = x*1; y |= 2", "syntax", "`|=` is not part of the language", "y", None),
    ("y = x*1; no_grad(y.add_(1))", "syntax",
     "a change in place within no_grad(...) cannot be followed", "y.add_(1)",
     "make a new tensor, as in y = no_grad(x + 1)"),
    ("x!", "syntax", "unexpected `!`", "!", "use factorial(x)"),
    ("{x}", "syntax", "unexpected `{`", "{", "use round brackets ( )"),
    ("(x]", "syntax", "`]` does not close `(`", "]", "write (x)"),
    ("x[0)", "syntax", "`)` does not close `[`", ")", "write x[0]"),
    ("sin(x[0)", "syntax", "`)` does not close `[`", ")", None),
    ("x[0", "syntax", "this bracket is never closed", "[", "close it: x[0]"),
    ("sin([x", "syntax", "this bracket is never closed", "[", "close it: sin([x])"),
    ("x]", "syntax", "this bracket was never opened", "]", "leave it out: x"),
    ("x:y", "syntax", "`:` stands only in an index, as in x[1:3]", ":", None),
    ("x[(1:2)]", "syntax", "`:` stands only in an index, as in x[1:3]", ":", None),
    ("x²[0]", "syntax", "an operator is missing between `²` and `[`", "²[",
     "write brackets: (x²)[0]"),
    ("a + x²**3", "syntax", "what `**` belongs to can be read in two ways", "x²**",
     "write brackets: a + (x²)**3"),
    ("-sin(x)²^y", "syntax", "what `^` belongs to can be read in two ways", "sin(x)²^",
     "write brackets: -(sin(x)²)^y"),
    ("2x².sum()", "syntax", "what `.` belongs to can be read in two ways", "x².",
     "write brackets: 2(x²).sum()"),
    ("x[i]", "syntax", INDEX, "i", INDEX_HINT),
    ("x[1.5]", "syntax", INDEX, "1.5", INDEX_HINT),
    ("x[x > 0]", "syntax", INDEX, "x > 0", INDEX_HINT),
    ("x[True]", "syntax", INDEX, "True", INDEX_HINT),
    ("x[1:y]", "syntax", INDEX, "y", INDEX_HINT),
    ("x['a']", "syntax", INDEX, "'a'", INDEX_HINT),
    ("x[]", "syntax", "this is no expression", "x[]", None),
    ("[[1, 2], [3]]", "shape", "the rows of this list are not of the same length",
     "[[1, 2], [3]]", "write as many numbers in each row, as in [[1, 2], [3, 4]]"),
    ("[1, [2, 3]]", "shape", "a list holds numbers or lists, not both", "[1, [2, 3]]",
     "write as in [[1, 2], [3, 4]]"),
    ("True + x", "syntax", "this is not part of the language", "True", None),
    ("zeros(2, dtype=" + "+".join(["x"] * 1_000) + ")", "syntax", "`dtype` is no argument here",
     "zeros(2, dtype=" + "+".join(["x"] * 1_000) + ")", "leave it out: --dtype says it for all"),
    ("x ? 1", "syntax", "unexpected `?`", "?", "leave it out"),
    ("$x", "syntax", "unexpected `$`", "$", "leave it out: x"),
    ("'x'", "syntax", "text in quotes is no part of an expression", "'x'", TEXT_HINT),
    ("sin('x')", "syntax", "text in quotes is no part of an expression", "'x'", TEXT_HINT),
    ("x + 'y", "syntax", "text in quotes is no part of an expression", "'", TEXT_HINT),
    ("x – 1", "syntax", "unexpected character U+2013 EN DASH", "–", "use the minus sign -"),
    ("x\u200b+1", "syntax", "unexpected character U+200B ZERO WIDTH SPACE", "\u200b",
     "leave it out: x+1"),
    ("x\x00", "syntax", "unexpected character U+0000", "\x00", "leave it out: x"),
    *(
        (f"x{c}+1", "syntax", f"unexpected character U+{ord(c):04X}", c, "leave it out: x+1")
        for c in "\x08\x0b\x0c\x1b\x1c\x1f\x7f\x85\x9b\ud800"
    ),
    ("x\u2028+1", "syntax", "unexpected character U+2028 LINE SEPARATOR", "\u2028",
     "leave it out: x+1"),
    ("x\u3164", "syntax", "unexpected character U+3164 HANGUL FILLER", "\u3164",
     "leave it out: x"),
    ("x\ufe0f", "syntax", "unexpected character U+FE0F VARIATION SELECTOR-16", "\ufe0f",
     "leave it out: x"),
    ("x + " + "y" * 1_001, "limit", "a name of 1,001 characters; the limit is 1,000",
     "y" * 1_001, None),
    ("f('" + "y" * 1_001 + "')", "limit", "a text of 1,003 characters; the limit is 1,000",
     "'" + "y" * 1_001 + "'", None),
    ("xⁿ", "syntax", "unexpected character U+207F SUPERSCRIPT LATIN SMALL LETTER N", "ⁿ",
     "write a power with ^, as in x^n"),
    ("x½", "syntax", "unexpected character U+00BD VULGAR FRACTION ONE HALF", "½",
     "leave it out: x"),
    ("x\n+ 1", "syntax", "the value of this line is not used", "x",
     "put it on one line: x + 1"),
    ("0x10", "syntax", "numbers are decimal", "0",
     "give the number in decimal; for a product write 0*x"),
    ("x << y", "syntax", "something is missing after `<`", "<", None),
    ("1/2x", "syntax", "this product after a division can be read in two ways", "1/2x",
     "write 1/(2*x) or (1/2)*x"),
    ("a/b(c)", "syntax", "this product after a division can be read in two ways", "a/b(c)",
     "write a/(b*(c)) or (a/b)*(c)"),
    ("h/2π", "syntax", "this product after a division can be read in two ways", "h/2π",
     "write h/(2*π) or (h/2)*π"),
    ("1 + a^2/-2x^2^y + 1", "syntax", "this product after a division can be read in two ways",
     "a^2/-2x^2^y", "write a^2/(-2*x^2^y) or (a^2/-2)*x^2^y"),
    ("-a/√2x", "syntax", "this product after a division can be read in two ways", "a/√2x",
     "write a/(√2*x) or (a/√2)*x"),
    ("1/x.sin().cos()(y)", "syntax", "this product after a division can be read in two ways",
     "1/x.sin().cos()(y)", "write 1/(x.sin().cos()*(y)) or (1/x.sin().cos())*(y)"),
    ("a%2x", "syntax", "this product after a division can be read in two ways", "a%2x",
     "write a%(2*x) or (a%2)*x"),
    ("sin²(x)", "syntax", "`sin` stands without its argument", "sin²(x)",
     "write sin(x)²"),
    ("sin^2 x", "syntax", "`sin` stands without its argument", "sin^2 x",
     "write sin(x)^2"),
    ("x>0 & y>0", "syntax", "`&` binds tighter than a comparison", "0 & y",
     "write (x>0) & (y>0)"),
    ("where(x>0 | ~y, x, y)", "syntax", "`|` binds tighter than a comparison", "0 | ~y",
     "write (x>0) | (~y)"),
    ("sin()", "syntax", "sin takes 1 argument, not 0", "sin()", "its arguments are sin(x)"),
    ("sin(x, y)", "syntax", "sin takes 1 argument, not 2", "sin(x, y)", "its arguments are sin(x)"),
    ("maximum(x)", "syntax", "maximum takes 2 or more arguments, not 1", "maximum(x)",
     "its arguments are maximum(x, y, ...)"),
    ("sum()", "syntax", "sum lacks `x`", "sum()", SUM),
    ("x.sum(dim=y)", "syntax", "`dim` of sum must be a constant", "x.sum(dim=y)", SUM),
    ("x.sum(2*y)", "syntax", "`dim` of sum must be a constant", "x.sum(2*y)", SUM),
    ("x.sum(dim=x.sum(dim=1-1))", "syntax", "`dim` of sum must be a constant",
     "x.sum(dim=1-1)", SUM),
    ("x.norm(p=nan)", "syntax", "`p` of norm must be a constant", "x.norm(p=nan)",
     "its arguments are norm(x, p=2, dim=None, keepdim=False)"),
    ("x.sum(dim=log(0))", "syntax", "`dim` of sum must be a constant", "x.sum(dim=log(0))", SUM),
    ("arange(9**9**9)*x", "limit", "a constant of over 4,096 bits; float64 ends at 1,024",
     "9**9**9", "use a smaller number"),
    ("x[4/2]", "syntax", INDEX, "4/2", INDEX_HINT),
    ("x.sum(foo=1)", "syntax", "sum has no `foo`", "x.sum(foo=1)", SUM),
    ("x.sum(0, True, 3)", "syntax", "sum takes 3 arguments at most", "x.sum(0, True, 3)", SUM),
    ("x.sum(0, dim=1)", "syntax", "sum gets `dim` twice", "x.sum(0, dim=1)", SUM),
    ("x.sum(dim=0, axis=1)", "syntax", "sum gets `dim` twice", "x.sum(dim=0, axis=1)", SUM),
    ("softmax(x)", "syntax", "softmax lacks `dim`", "softmax(x)",
     "its arguments are softmax(x, dim)"),
    ("x.reshape(n)", "syntax", "`shape` of reshape must be a constant",
     "x.reshape(n)", "its arguments are reshape(x, *shape)"),
    ("cat(x, y)", "syntax", "cat takes a list of tensors", "cat(x, y)",
     "its arguments are cat([tensors], dim=0)"),
    ("einsum(x, y)", "syntax", "`equation` of einsum must be a constant",
     "einsum(x, y)", "its arguments are einsum(equation, *tensors)"),
    ("einsum('ij')", "syntax", "einsum lacks `tensors`", "einsum('ij')",
     "its arguments are einsum(equation, *tensors)"),
    ("linear(x, W, b, c)", "syntax", "linear takes 2 to 3 arguments, not 4", "linear(x, W, b, c)",
     "its arguments are linear(x, weight, bias=None)"),
    ("slogdet(A)", "syntax", "slogdet gives 2 results", "slogdet(A)",
     "write slogdet(A).logabsdet"),
    ("x @ slogdet(A)[2]", "syntax", "slogdet gives 2 results", "slogdet(A)",
     "write slogdet(A).logabsdet"),
    ("detach()", "syntax", "detach takes 1 argument, not 0", "detach()",
     "its arguments are detach(x)"),
    ("no_grad(x, y)", "syntax", "no_grad takes 1 argument, not 2", "no_grad(x, y)",
     "its arguments are no_grad(x)"),
    # what torch's own calls have and gradcalc has as options
    ("x.mT_()", "name", "unknown function `mT_`", "mT_", "did you mean `mT`? x.mT()"),
    ("x.tensor_()", "name", "unknown function `tensor_`", "tensor_",
     "did you mean `tensor`? x.tensor()"),
    ("tensor([1, 2], dtype=torch.float64)", "syntax", "`dtype` is no argument here",
     "tensor([1, 2], dtype=torch.float64)", "leave it out: --dtype says it for all"),
    ("tensor([1, 2], dtype=torch.int64)", "autograd",
     "a tensor of whole numbers cannot require grad: only floating-point ones can",
     "tensor([1, 2], dtype=torch.int64)", "leave the dtype out"),
    ("x*zeros(2, dtype=torch.bool)", "autograd",
     "a tensor of whole numbers cannot require grad: only floating-point ones can",
     "zeros(2, dtype=torch.bool)", "leave the dtype out"),
    ("ones(2, requires_grad=True)", "syntax", "`requires_grad` is no argument here",
     "ones(2, requires_grad=True)",
     "leave it out, and bind the variable with --at: --at x=[1,2]"),
    ("x*eye(2, device='cuda')", "syntax", "`device` is no argument here",
     "eye(2, device='cuda')", "leave it out: gradcalc calculates on the CPU"),
    ("randn(2, generator=g)", "syntax", "`generator` is no argument here",
     "randn(2, generator=g)", "leave it out: --seed says it for all"),
    # what a notebook has and gradcalc does by itself
    ("y = x**2; y.backward()", "name", "`backward` is no part of the program", "backward",
     "leave it out: gradcalc runs backward itself; --grad-outputs weighs the result"),
    ("print(x)", "name", "`print` is no part of the program", "print",
     "leave it out: gradcalc prints all of it"),
    ("y = x*2; y.retain_grad(); y", "name", "`retain_grad` is no part of the program",
     "retain_grad", "leave it out, and ask with --retain-grad NAMES"),
    ("x.requires_grad_()", "name", "`requires_grad_` is no part of the program",
     "requires_grad_", "leave it out: every variable requires grad, unless --wrt says otherwise"),
    ("torch.manual_seed(0)", "name", "`manual_seed` is no part of the program", "manual_seed",
     "leave it out, and give --seed"),
    ("optimizer.zero_grad()", "name", "`zero_grad` is no part of the program", "zero_grad",
     "leave it out, and ask with --zero-grad"),
    ("torch.autograd.grad(y, x)", "name", "`grad` is no part of the program", "grad",
     "leave it out: gradcalc differentiates by itself"),
    # the rows of x[0] and x[0] = y have names that nobody calls
    ("getitem(x, 0)", "name", "unknown function `getitem`", "getitem",
     "`gradcalc functions` lists them all"),
    ("x.setitem(1, 0)", "name", "unknown function `setitem`", "setitem",
     "`gradcalc functions` lists them all"),
    ("x.item()", "name", "`item` is no part of the program", "item",
     "leave it out: gradcalc shows the value as a plain number"),
    ("x.foo_(1)", "name", "unknown function `foo_`", "foo_",
     "`gradcalc functions` lists them all"),
    ("slogdet(A).foo", "name", "unknown attribute `foo`", "foo",
     "a method is called with brackets, as in x.sin()"),
    ("x.shape", "name", "`shape` is no part of the program", "shape",
     "put the sizes there themselves, as in x.reshape(2, 3): --at says what they are"),
    ("2*sin 2x^2 + 1", "syntax", "an operator is missing between `sin` and `2`", "sin 2x^2",
     "to call the function write sin(2x^2)"),
    ("x sin x", "syntax", "an operator is missing between `x` and `sin`", "x sin",
     "write x*sin(x)"),
    ("y sin(x)", "syntax", "an operator is missing between `y` and `sin`", "y sin",
     "for a product write y*sin(x)"),
    ("sinx cosx", "syntax", "an operator is missing between `sinx` and `cosx`", "sinx cosx",
     "put * between factors; a function is called with brackets, as in sin(x)"),
    ("d/dx x^2", "syntax", "an operator is missing between `dx` and `x`", "dx x",
     "leave d/dx out: gradcalc differentiates by itself"),
    ("nn.Linear(3, 1)(x)", "name", "`Linear` is no part of the program", "Linear",
     "layers are functions here; the arguments are linear(x, weight, bias=None)"),
    ("x*float(x)", "name", "`float` is no part of the program", "float",
     "leave it out: --dtype says it for all; infinity is inf"),
    ("clamp()", "syntax", "clamp takes 1 to 3 arguments, not 0", "clamp()",
     "its arguments are clamp(x, min=-inf, max=inf)"),
    ("where(y=x)", "syntax", "where lacks `condition`", "where(y=x)",
     "its arguments are where(condition, x, y)"),
    ("clamp(min=0, max=1)", "syntax", "clamp lacks `x`", "clamp(min=0, max=1)",
     "its arguments are clamp(x, min=-inf, max=inf)"),
    ("clamp(x, min=0, min=1)", "syntax", "clamp gets `min` twice", "clamp(x, min=0, min=1)",
     "its arguments are clamp(x, min=-inf, max=inf)"),
    ("clamp(x, foo=1)", "syntax", "clamp has no `foo`", "clamp(x, foo=1)",
     "its arguments are clamp(x, min=-inf, max=inf)"),
    ("clamp(x, x=1)", "syntax", "clamp gets `x` twice", "clamp(x, x=1)",
     "its arguments are clamp(x, min=-inf, max=inf)"),
    ("sin(θ=1)", "syntax", "sin has no `θ`", "sin(θ=1)", "its arguments are sin(x)"),
    ("clamp(x, min=0, 1)", "syntax", "an argument by name comes before one without",
     "clamp(x, min=0, 1)", "put the arguments by name last"),
    ("polygamma(x, y)", "syntax", "`n` of polygamma must be a number, not an expression",
     "polygamma(x, y)", "its arguments are polygamma(n, x)"),
    ("2 + sqt(x)", "name", "unknown function `sqt`", "sqt", "did you mean `sqrt`? 2 + sqrt(x)"),
    ("torch.sqt(x)", "name", "unknown function `sqt`", "sqt", "did you mean `sqrt`? torch.sqrt(x)"),
    ("x.θ()", "name", "unknown function `θ`", "θ", "`gradcalc functions` lists them all"),
    ("lambda(x)", "name", "unknown function `lambda`", "lambda",
     "`gradcalc functions` lists them all; if `lambda` is a variable write lambda*(x)"),
    # what functions are called elsewhere
    ("sen(x)", "name", "unknown function `sen`", "sen", "did you mean `sin`? sin(x)"),
    ("1 + Tg(2x)", "name", "unknown function `Tg`", "Tg", "did you mean `tan`? 1 + tan(2x)"),
    ("x.arctg()", "name", "unknown function `arctg`", "arctg", "did you mean `atan`? x.atan()"),
    ("raíz(x)", "name", "unknown function `raíz`", "raíz", "did you mean `sqrt`? sqrt(x)"),
    ("lg(x)", "name", "unknown function `lg`", "lg", "did you mean `log10`? log10(x)"),
    ("sim(x)", "name", "unknown function `sim`", "sim", "did you mean `sum`? sum(x)"),
    ("softmx(x)", "name", "unknown function `softmx`", "softmx", "did you mean softmax(x, dim)?"),
    ("integral(x)", "name", "`integral` is no part of the program", "integral",
     "leave it out: gradcalc differentiates, and integrates nothing"),
    ("dot(x)", "syntax", "dot takes 2 arguments, not 1", "dot(x)", "its arguments are dot(x, y)"),
    ("f(x, y)", "syntax", "`f` is no function, to be given several arguments", "(x, y)",
     "give one expression at a time"),
    ("x.__class__", "name", "unknown attribute `__class__`", "__class__",
     "a method is called with brackets, as in x.sin()"),
    ("1 + x.sin", "name", "unknown attribute `sin`", "sin", "to call the function write x.sin()"),
    ("torch.foo.sin(x)", "name", "unknown attribute `foo`", "foo",
     "a method is called with brackets, as in x.sin()"),
    ("1e400", "limit", "the number is out of the range of float64 (about 5e-324 to 1.8e308)",
     "1e400",
     "use `inf` for infinity"),
    ("1e-400", "limit", "the number is out of the range of float64 (about 5e-324 to 1.8e308)",
     "1e-400",
     "use 0"),
    ("x**(10**9)", "limit", "an exponent beyond 1,000,000", "x**(10**9)", "use a smaller number"),
    ("9**9**9**9", "limit", "a constant of over 4,096 bits; float64 ends at 1,024", "9**9**9",
     "use a smaller number"),
    ("1 + gamma(10**7)", "limit", "a constant argument of gamma is limited to 1,000",
     "gamma(10**7)", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind", "message", "place", "hint"), ERRORS, ids=[case[0] for case in ERRORS]
)
def test_error_says_what_is_wrong_and_where(text, kind, message, place, hint):
    problem = error(text)
    assert (problem.kind, problem.message, underlined(problem), problem.hint) == (
        kind,
        message,
        place,
        hint,
    )


def texts_of(file: str) -> list[str]:
    text = (DATA / file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


#: Bad inputs: those above, those that are hostile, and those of people who know notebooks.
BAD = [
    *(row[0] for row in ERRORS),
    *map(ast.literal_eval, texts_of("hostile.txt")),
    *(text.replace("\\n", "\n") for text in texts_of("novice.txt")),
]


def error_of(text: str) -> GradcalcError | None:
    """What is wrong with a text, or with bindings that begin with their option; None if nothing."""
    try:
        parse_bindings([text[5:]]) if text.startswith("--at ") else parse(text)
    except GradcalcError as problem:
        return problem
    return None


def shown_in(problem: GradcalcError) -> Iterator[tuple[str, list[str]]]:
    """The texts that a hint shows; each with those of its beginnings that may be all of it."""
    hint = problem.hint or ""
    if isinstance(problem, MendableError) and hint.startswith(problem.lead + " "):
        for text in hint[len(problem.lead) :].split(" or "):
            yield text, [text]
    else:
        for match in re.finditer(r"\b(?:as in|write) (?!as in)\"?", hint):
            rest = hint[match.end() :]
            ends = [end.start() for end in re.finditer(r"\"?(?:[,;:]|$| or | and )", rest)]
            yield rest, [rest[:end] for end in ends]


def test_hints_show_texts_that_are_in_order():
    checked = set()
    for problem in filter(None, map(error_of, BAD)):
        for text, whole in shown_in(problem):
            if "as in" not in text:  # which comes next
                assert None in map(error_of, whole), (problem.text, problem.hint)
                checked.add(text)
    assert len(checked) > 120


@pytest.mark.parametrize("text", texts_of("novice.txt"))
def test_hints_lose_no_variable_and_make_none_of_a_function(text):
    problem = error_of(text.replace("\\n", "\n"))
    if not isinstance(problem, MendableError) or problem.replaces or not problem.hint:
        return
    if problem.hint.startswith(problem.lead + " "):
        for mended in problem.hint[len(problem.lead) :].split(" or "):
            names = parse(mended).names
            assert [name for name in names if lookup(name) or run_together(name)] == []
            wrong = underlined(problem)
            assert set(re.findall(r"\b[xyz]\b", wrong)) <= set(names), (mended, wrong)


@pytest.mark.parametrize(
    ("text", "at", "message", "hint"),
    [
        ("sinx", "x=1", "`x` does not occur in the expression", "the function is called sin(x)"),
        ("cost*t", "t=1", "`cost` has no value",
         "add --at cost=1; the function is called cos(t)"),
        ("cos2x*y", "y=1", "`cos2x` has no value",
         "add --at cos2x=1; the function is called cos(2*x)"),
        ("cost*y", "y=1", "`cost` has no value", "add --at cost=1"),
        ("tanh*y", "y=1", "`tanh` has no value",
         "add --at tanh=1; the function is called tanh(x)"),
    ],
)  # fmt: skip
def test_name_written_together_with_its_argument_is_told_apart(text, at, message, hint):
    with pytest.raises(GradcalcError) as caught:
        bind(parse(text), parse_bindings([at]))
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_where_the_largest_entries_are_is_not_taken_for_what_they_are():
    """In torch max(x, dim)[1] are indices."""
    for text in ("x.max(dim=1)[1]", "torch.min(x, 0)[1].sum()", "x.max(dim=1).indices"):
        assert error(text).kind in {Kind.SYNTAX, Kind.NAME}


def test_hints_that_show_corrected_input_parse():
    shown = []
    for text, *_ in ERRORS:
        problem = error(text)
        if isinstance(problem, MendableError) and problem.lead and problem.hint:
            lead, _, pieces = problem.hint.partition(problem.lead)
            shown += [] if lead else pieces.split(" or ")
    for piece in shown:
        parse(piece)
    assert len(shown) > 30


LIMITS = [
    "(" * 10_000 + "x" + ")" * 10_000,
    "(" * 190 + "√x" + ")" * 190,
    "+".join(["x"] * 100_000),
    "+".join(["x"] * 50_000),
    "-" * 100_000 + "x",
    "**".join(["x"] * 3_000),
    "x" + ".sin()" * 20_000,
    "x" + ".sin()" * 500,
    "[" * 10_000 + "x" + "]" * 10_000,
    "y=x;" * 100_000,
    "y = x\n" + "y = y*y\n" * 60_000 + "y = y*y*y\n" * 20_000,
    "x[0]=1;" * 28_000,
    pytest.param("[1]," * 49_000 + "x", marks=pytest.mark.slow),
    pytest.param("x<" * 99_000 + "x", marks=pytest.mark.slow),
    "sin(" * 5_000 + "x" + ")" * 5_000,
    "√" * 100_000 + "x",
    "x" * 1_000_000,
    "x+1 " * 1_000_000,
    "9" * 5_000,
    "x" + "⁹" * 5_000,
    "0." + "0" * 100_000 + "1",
    "9**9**9**9",
    "1/9**9**9",
    "3**1500000000",
    "x**(10**9)",
    "x**10**9",
    "gamma(10**7)",
    "factorial(9999999)",
    "polygamma(10**6, x)",
    "2e308",
    "-1e-999999999",
]


@pytest.mark.parametrize("text", LIMITS, ids=lambda text: f"{text[:12]}... {len(text)}")
def test_limits_are_refused_quickly(text):
    start = time.process_time()
    assert error(text).kind is Kind.LIMIT
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    "text",
    [
        "+".join(["x"] * 2_000),
        "+".join(f"long_name_of_a_variable_{k}*3.25" for k in range(2_000)),
        pytest.param(
            "max(" + ",".join(f"x{k}" for k in range(20_000)) + ")",
            marks=pytest.mark.slow,
        ),
        "(" * 190 + "x" + ")" * 190,
        "sin(" * 190 + "x" + ")" * 190,
        "-" * 1_000 + "x",
        "&".join(f"(x<{k})" for k in range(2_000)),
        "<".join(["x+1"] * 2_000),
        "0e999999999 + 0.0e-999999999",
        pytest.param(
            ";".join(f"y{k} = x*{k}" for k in range(5_000)),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "y = x\n" + "\n".join("y = y*y + x" for _ in range(5_000)),
            marks=pytest.mark.slow,
        ),
        "y = x*1\n" + "\n".join(f"y[{k}] += x" for k in range(2_000)),
        "[" + ",".join(["x"] * 20_000) + "]",
        "[" * 100 + "x" + "]" * 100,
        "[" + ",".join(["[" + ",".join(map(str, range(100))) + "]"] * 100) + "]",
        "x" + "[0]" * 500,
        "x" + ".T" * 500,
        "@".join(["x"] * 2_000),
        ",".join(f"x{k}" for k in range(5_000)),
    ],
    ids=lambda text: f"{text[:12]}... {len(text)}",
)
@pytest.mark.sampled(2)
def test_large_programs_are_parsed_quickly_and_written_back(text):
    start = time.process_time()
    program = parse(text)
    assert time.process_time() - start < 3
    assert shape(parse(program.canonical)) == shape(program)


def test_nested_chains_are_written_in_linear_length():
    text = "x"
    for _ in range(60):
        text = f"0<({text})<1"
    assert len(canonical(text)) < 2_000


# --- Bindings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["u=1,v=1.1"], {"u": "1", "v": "1.1"}),
        (["u=1", "v=-pi/4"], {"u": "1", "v": "-pi/4"}),
        (["x = max(1, 2) , y=1/3,"], {"x": "maximum(1, 2)", "y": "1/3"}),
        (["θ=1e-3", "lambda=2e"], {"θ": "1e-3", "lambda": "2*e"}),
        (["π=3"], {"pi": "3"}),
        (["𝑥=1"], {"x": "1"}),
        (["x=1==1"], {"x": "1 == 1"}),
        (["x=[1,2], y=3"], {"x": Array((2,), (1.0, 2.0)), "y": "3"}),
        (["x=[[1,2],[3,pi/4]],W=-eye(2)"], {"x": "[[1, 2], [3, pi/4]]", "W": "-eye(n=2)"}),
        (["x=randn(2,3)*2,y=[1,2][0]"], {"x": "randn(2, 3)*2", "y": "[1, 2][0]"}),
        (["x=torch.tensor([1.,2.])"], {"x": "[1., 2.]"}),
        ([], {}),
    ],
)
def test_bindings_are_read(texts, expected):
    assert {b.name: shown(b.program) for b in parse_bindings(texts)} == expected


def shown(value):
    """A program as text; a plain number as text too, an array as it is."""
    if not isinstance(value, Array):
        return value.canonical
    return value if value.shape else f"{value.numbers[0]:g}"


@pytest.mark.parametrize(
    ("text", "kind", "message", "place", "hint"),
    [
        ("x", "binding", "a binding is NAME=VALUE", "x", "write x=1"),
        ("", "binding", "a binding is NAME=VALUE", "", "write x=1"),
        ("=2", "binding", "a binding is NAME=VALUE", "=2", "write x=1"),
        ("x=1,2=3", "binding", "`2` is no name", "2", "write x=1"),
        ("x=1, x=2", "binding", "`x` is bound twice", "x", "leave one of the values out"),
        ("x=", "binding", "`x` has no value", "=", "write x=1"),
        ("x=1,y=two", "binding", "the value of `y` is no number: `two` is not known", "two",
         "write a number or a constant expression, as in y=pi/4"),
        ("x=1 y=2", "binding", "two values without a comma between them", "x=1 y=2",
         "write x=1,y=2"),
        ("x=1,y=sqt(2)", "binding", "unknown function `sqt`", "sqt",
         "did you mean `sqrt`? sqrt(2)"),
        ("x=1;y=2", "binding", "two values without a comma between them", "x=1;y=2",
         "write x=1,y=2"),
        ("x=1 & y=2", "binding", "two values without a comma between them", "x=1 & y=2",
         "write x=1,y=2"),
        ("x=1 and y=[2;3] z=3", "binding", "two values without a comma between them",
         "x=1 and y=[2;3] z=3", "put a comma between them, as in x=1,y=2"),
        ("x=1y=2", "binding", "two values without a comma between them", "x=1y=2",
         "put a comma between them, as in x=1,y=2"),
        ("x=[1,2", "binding", "this bracket is never closed", "[", "close it: [1,2]"),
        ("y=1,x=[1,a]", "binding", "the value of `x` is no number: `a` is not known", "a",
         "write a number or a constant expression, as in x=pi/4"),
        ("x=[[1,2],[3]]", "shape", "the rows of this list are not of the same length",
         "[[1,2],[3]]", "write as many numbers in each row, as in [[1, 2], [3, 4]]"),
        ("x=@x.txt", "binding", "`x.txt` is of no known kind", "@x.txt",
         "name a .npy, .csv or .json file"),
        ("y=1, x= @no.npy ", "binding", "there is no file `no.npy`", "@no.npy",
         "write the file's name after the @"),
        ("x=9**9**9", "limit", "a constant of over 4,096 bits; float64 ends at 1,024", "9**9**9",
         "use a smaller number"),
    ],
)  # fmt: skip
def test_binding_error_says_what_is_wrong_and_where(text, kind, message, place, hint):
    with pytest.raises(GradcalcError) as caught:
        parse_bindings([text])
    problem = caught.value
    assert (problem.kind, problem.message, underlined(problem)) == (kind, message, place)
    assert hint is None or problem.hint == hint


@pytest.mark.parametrize(
    ("text", "at", "message", "hint"),
    [
        ("x + y", "x=1", "`y` has no value", "add --at y=1"),
        ("x + y + z", "x=1", "`y` has no value", "add --at y=1,z=1"),
        ("f(x) + 1", "x=1", "`f` has no value",
         "add --at f=1; `f` is no function, f(...) is a product"),
        ("x + sin", "x=1", "`sin` has no value",
         "add --at sin=1; the function is called sin(x)"),
        ("alpha*x", "alpha=1,x=1,alhpa=2", "`alhpa` does not occur in the expression",
         "did you mean `alpha`?"),
        ("x", "X=1", "`X` does not occur in the expression", "did you mean `x`?"),
        ("y += 1; y*x", "x=1", "`y` has no value", "let it begin, as in y = 0"),
        ("y[0] = x; y", "x=1", "`y` has no value", "let it begin, as in y = zeros(3)"),
        ("x", "x=1,q=2", "`q` does not occur in the expression", "leave it out"),
        ("gamma(1 + x)", "x=1,gamma=2", "`gamma` does not occur in the expression",
         "`gamma(...)` calls the function; for a product write gamma*(...)"),
    ],
)  # fmt: skip
def test_bindings_must_match_the_variables(text, at, message, hint):
    bindings = parse_bindings([at])
    with pytest.raises(GradcalcError) as caught:
        bind(parse(text, {b.name for b in bindings}), bindings)
    assert (caught.value.kind, caught.value.message, caught.value.hint) == (
        "binding",
        message,
        hint,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", ["1"]),
        ("[1, 2]", [Array((2,), (1.0, 2.0))]),
        ("[1,2], pi/2,[[3]]", [Array((2,), (1.0, 2.0)), "pi/2", Array((1, 1), (3.0,))]),
        ("[+1, .5]", ["[1, .5]"]),
        ("ones(2, 3)", ["ones(2, 3)"]),
    ],
)
def test_weights_are_read(text, expected):
    assert [shown(weight.program) for weight in parse_weights(text)] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`--grad-outputs` has no value"),
        ("1, x", "the value of `--grad-outputs` is no number: `x` is not known"),
        ("[1", "this bracket is never closed"),
    ],
)
def test_bad_weights_are_refused(text, message):
    with pytest.raises(GradcalcError) as caught:
        parse_weights(text)
    assert (caught.value.kind, caught.value.message) == ("binding", message)


def test_bindings_are_matched_by_name():
    bindings = parse_bindings(["y=2,x=1"])
    assert list(bind(parse("x*y"), bindings)) == ["y", "x"]


# --- Any text -------------------------------------------------------------------------------------

WORDS = """
    x y θ lambda beta gamma sin sqrt max where clamp pi e inf nan torch and π ∞ √ 0 1 2 10 1e3 .5 2.
    + - * / // % ** ^ ² ⁻¹ ( ) ( ) ( ) , . = == < > <= & | ~ · ÷ − @ ! ' min=
    [ ] [ ] [ ] : ; ; y= += **= x[0] x[ .T .sum() .exp_() sum dim= keepdim=True 'ij' reshape cat
    no_grad tensor zeros None ... detach slogdet .sign #
"""
PLAIN_WORDS = """
    x v sin max foo F pi e print not await yield if lambda None 1 2.5 .5 1. 1e5 1E-3 007 00 0x1 1_0
    1j 1e400 12345678901234567890123456789012 ** // % x*( sin( x( max(x, no_grad( ^ = .
"""
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "<", ">=", "==", "!=", "&", "|"]
TOKENS = st.sampled_from([*WORDS.split(), "\n"])
VALID = st.sampled_from(
    [
        "3*u**2 + 4*v",
        "sin(x)^2 + 2πr√(x+1)",
        "where((x > 0) & (x < 1), torch.sin(x), -x.exp())",
        "max(x, -1, y + 2)/2",
        "clamp(θ, max=1) - lambda·2x²",
        "a = x*y; a += [1, 2]; a[0] = 3x; a.sum(dim=0, keepdim=True)",
        "W @ x[:, 1:] # product\ny = W.T; y[0, ...], y*2",
        "b = no_grad(x*2); b.exp_(); cat([b, x.detach()], 1)[-1]**2",
        "y = x.reshape(2, -1); slogdet(y)[1] + einsum('ij->', y)",
        "x = x**2\ny = (x +\n1)\ny, x",
    ]
)
FORMULAS = st.recursive(
    st.sampled_from(["x", "y", "θ", "lambda", "2", "-3", "1.5e-3", "pi", "-inf", "math.e"]),
    lambda inner: st.one_of(
        st.builds(
            "({} {} {})".format,
            inner,
            st.sampled_from(OPERATORS),
            inner,
        ),
        st.builds("{}({})".format, st.sampled_from(["-", "~", "+", "√", "sin", "neg"]), inner),
        st.builds("({}).exp()".format, inner),
        st.builds("max({}, {}, {})".format, inner, inner, inner),
        st.builds("(({}) < ({}) <= ({}))".format, inner, inner, inner),
        st.builds("clamp({}, max={})".format, inner, inner),
    ),
    max_leaves=12,
)


#: Statements and values that need what came before: {0} is a value, {1} another, {2} a name.
STATEMENTS = [
    "{2} = {0}",
    "{2} = {0}",
    "{2} = {0}*{1}",
    "{2} += {0}",
    "{2} **= {0}",
    "{2}[0] = {0}",
    "{2}[:, 1] *= {0}",
    "{2}.exp_()",
    "{2}.add_({0}).mul_({1})",
]
VALUES = [
    "({0} + {1})",
    "{0}*{2}",
    "-{2}",
    "{2}**-{0}",
    "({0} - {1})[0]",
    "{2}.T",
    "{2}[1:, None]",
    "({0} @ {1})",
    "[{0}*1, {1}*1]",
    "no_grad({2}*2)",
    "{2}.detach()",
    "max({0}, {1}, {2})",
    "({0} < {1} < {2})",
    "{2}.sum(dim=0)",
    "sum({0})",
    "{2}.sin_()",
    "cat([{0}, {2}], 1)",
    "slogdet({0})[1]",
    "tensor({2})",
]


@st.composite
def programs(draw):
    """Draw a program of several statements; that it has a value is not asked for."""
    names = st.sampled_from(["x", "y", "a", "b", "θ", "lambda"])

    def value(depth):
        if depth == 0 or draw(st.integers(0, 2)) == 0:
            return draw(st.one_of(names, st.sampled_from(["2", "-1.5", "pi"])))
        form = draw(st.sampled_from(VALUES))
        return form.format(value(depth - 1), value(depth - 1), draw(names))

    lines = []
    for _ in range(draw(st.integers(1, 6))):
        form = draw(st.sampled_from(STATEMENTS))
        lines.append(form.format(value(2), value(1), draw(names)))
    results = [value(2) for _ in range(draw(st.integers(1, 3)))]
    if len(results) > 1:
        results = [f"({result} + x)" for result in results]
    return draw(st.sampled_from(["; ", "\n"])).join([*lines, ", ".join(results)])


@st.composite
def mutated(draw):
    text = draw(VALID)
    for _ in range(draw(st.integers(1, 4))):
        start, stop = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        piece = draw(st.one_of(TOKENS, st.just(""), st.just(text[start:stop] * 2)))
        text = text[:start] + piece + text[max(start, min(stop, start + 3)) :]
    return text


def check_any(text: str) -> None:
    """Parse what may be nonsense: a program that round-trips, or an error in its place."""
    try:
        program = parse(text)
    except GradcalcError as problem:
        assert problem.span is None or 0 <= problem.span.start <= problem.span.stop <= len(text)  # noqa: PT017
        assert "\n" not in problem.message  # noqa: PT017 - an error is what is looked at here
        assert "\n" not in (problem.hint or "")  # noqa: PT017 - as above
        return
    again = parse(program.canonical)
    assert shape(again) == shape(program)
    assert again.canonical == program.canonical
    for number in range(program.first_step + len(program.steps)):
        assert program.source(number)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.one_of(st.text(max_size=30), st.text(st.characters(min_codepoint=0xA0), max_size=8)))
def test_any_text_is_a_program_or_an_error(text):
    check_any(text)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.lists(TOKENS, max_size=12), st.sampled_from(["", " "]))
def test_any_tokens_are_a_program_or_an_error(tokens, between):
    check_any(between.join(tokens))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(mutated())
def test_any_damaged_formula_is_a_program_or_an_error(text):
    check_any(text)


def outcome(text: str, *variables: str) -> object:
    """All that a text comes to."""
    try:
        return parse(text, variables)
    except GradcalcError as problem:
        return type(problem), *problem.__reduce__()[1]


def check_as_rewritten(text: str, *variables: str) -> None:
    """Whether a text needs no rewriting is a matter of time only."""
    as_typed = outcome(text, *variables)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "as_typed", lambda *_: None)
        assert outcome(text, *variables) == as_typed


@pytest.mark.parametrize("variables", [(), ("x", "pi", "F")], ids=["free", "bound"])
@pytest.mark.parametrize("file", ["feynman.tsv", "integrals.tsv", "traps.tsv"])
def test_formula_as_typed_is_the_program_of_the_rewritten_one(file, variables):
    with (DATA / file).open(encoding="utf-8", newline="") as lines:
        texts = [row["expr"] for row in csv.DictReader(lines, delimiter="\t")]
    assert texts
    for text in texts:
        check_as_rewritten(text, *variables)


@pytest.mark.parametrize("text", dict.fromkeys(row[0] for row in ERRORS))
def test_error_of_a_text_as_typed_is_that_of_the_rewritten_one(text):
    check_as_rewritten(text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from([*PLAIN_WORDS.split(), *"+-*/,()() "]), max_size=12).map("".join),
    st.sampled_from([(), ("x", "pi")]),
)
def test_any_text_as_typed_is_what_it_is_rewritten(text, variables):
    check_as_rewritten(text, *variables)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(FORMULAS)
def test_any_formula_written_back_is_the_same_program(text):
    program = parse(text)
    assert shape(parse(program.canonical)) == shape(program)
    assert all(a < program.first_step + k for k, s in enumerate(program.steps) for a in s.args)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(programs())
def test_any_program_written_back_is_the_same_program(text):
    program = parse(text)
    again = parse(program.canonical)
    assert (shape(again), again.canonical) == (shape(program), program.canonical)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.one_of(st.text(max_size=12), st.lists(TOKENS, max_size=6).map("".join)), max_size=3)
)
def test_any_bindings_are_bindings_or_an_error(texts):
    try:
        bindings = parse_bindings([f"x={text}" if k % 2 else text for k, text in enumerate(texts)])
    except GradcalcError as problem:
        span = problem.span or Span(0, 0)
        assert 0 <= span.start <= span.stop <= len(problem.text)  # noqa: PT017 - as above
        return
    assert all(not binding.program.inputs for binding in bindings)
