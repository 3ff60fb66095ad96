"""Derivatives by hand: right ones are proved, wrong ones are caught and explained."""

from __future__ import annotations

import pytest

from gradcalc.ask.calculate import calculate
from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.base.options import Options
from gradcalc.language.bindings import parse_bindings
from gradcalc.results.report import Claim, Report


def check(expression: str, *claims: str, at: str | None = None) -> Report:
    bindings = parse_bindings([at] if at else [])
    return calculate(expression, bindings, Options(claims=claims, timeout=20))


def one(expression: str, claim: str, at: str | None = None) -> Claim:
    (judged,) = check(expression, claim, at=at).claims
    return judged


RIGHT = [
    ("u**3 + v**2 + 4*u*v", "u=3*u**2 + 4*v", "symbolic"),
    ("u**3 + v**2 + 4*u*v", "v = 2v + 4u", "symbolic"),
    ("sin(x)^2", "x=sin(2x)", "symbolic"),
    ("tanh(x)", "x=sech(x)^2", "symbolic"),
    ("sigmoid(x)", "x=exp(-x)/(1 + exp(-x))^2", "symbolic"),
    ("x**y", "y=x^y*log(x)", "symbolic"),
    ("acos(x)", "x=-1/sqrt(1 - x^2)", "symbolic"),
    ("relu(x)", "x=(x > 0)", "symbolic"),
    ("0.1*x**3", "x=0.3*x**2", "symbolic"),
    ("1/(1 + x)", "x=-1/(1 + 2x + x^2)", "symbolic"),
    ("log(sin(x))", "x=cot(x)", "symbolic"),
    ("abs(x)", "x=x/abs(x)", "numeric"),
    # There is no derivative at the ends to be wrong about.
    ("clamp(x, 0, 1)", "x=where((x > 0) & (x < 1), 1, 0)", "numeric"),
    ("max(x, 30)**2", "x=where(x > 30, 2*x, 0)", "numeric"),
    ("floor(x)*x", "x=floor(x)", "symbolic"),
    ("y = x**2; y = y*x; y", "x=3x²", "symbolic"),
    ("y = u*v\ny += u\ny*v", "v=2u*v + u", "symbolic"),
]


@pytest.mark.parametrize(("expression", "claim", "proof"), RIGHT, ids=[c[1] for c in RIGHT])
def test_right_claims_are_proved(expression: str, claim: str, proof: str) -> None:
    judged = one(expression, claim)
    assert (judged.correct, judged.proof, judged.counterexample) == (True, proof, None)


WRONG = [
    ("u**3 + v**2 + 4*u*v", "u=3*u**2", "the term 4*v is missing"),
    ("u**3 + v**2 + 4*u*v", "v=2*v - 4*u", "the term 4*u has the wrong sign"),
    ("u**3 + v**2 + 4*u*v", "v=2*v + 8*u", "the term 4*u is off by a factor of 2"),
    ("u**3 + v**2 + 4*u*v", "v=2*v + 4*u + u**3", "the term u**3 is one too many"),
    ("cos(x)", "x=sin(x)", "the sign is wrong"),
    ("x**3", "x=x**2", "it is 1/3 times the derivative"),
    ("sin(x**2)", "x=cos(x**2)", "the factor 2*x is missing (chain rule)"),
    ("sin(x**2)", "x=2*cos(x**2)", "the factor x is missing"),
    ("exp(2x)", "x=exp(2x)", "the factor 2 is missing (chain rule)"),
    ("x*sin(3x)", "x=sin(3x) + x*cos(3x)",
     "in the term 3*x*cos(3*x) the factor 3 is missing (chain rule)"),
    ("sin(x**2)", "x=4*x**2*cos(x**2)", "the factor 2*x is one too many"),
    ("sin(x**2)", "x=4*x*cos(x**2)", "it is 2 times the derivative"),
    ("x*y**2", "x=2*x*y", "this is the derivative with respect to y"),
    ("log(x)", "x=log(x)", "this is the function itself, not its derivative"),
    ("tanh(x)", "x=1/(1 + x**2)", None),
    ("x**2", "x=0", None),  # a term that is all of it is no term
    # Wrong beyond a constant, however large, and there alone.
    ("max(x, 1e4)**2", "x=0", None),
    ("where(x > 100, x, 2*x)", "x=2", None),
    ("where(x >= 1, y, 2*y)", "y=where(x > 1, 1, 2)", None),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "claim", "diagnosis"), WRONG, ids=[c[1] for c in WRONG])
def test_wrong_claims_are_caught_and_explained(
    expression: str, claim: str, diagnosis: str | None
) -> None:
    judged = one(expression, claim)
    assert (judged.correct, judged.proof, judged.diagnosis) == (False, None, diagnosis)


def test_counterexample_gives_both_values_at_the_point() -> None:
    example = one("x**3", "x=x**2").counterexample
    assert example is not None
    ((name, x),) = example.at
    assert name == "x"
    assert example.claimed == pytest.approx(x**2)
    assert example.derivative == pytest.approx(3 * x**2)


def test_given_point_is_the_counterexample_if_it_shows_the_error() -> None:
    example = one("x**3", "x=x**2", at="x=5").counterexample
    assert example is not None
    assert (example.at, example.claimed, example.derivative) == ((("x", 5.0),), 25.0, 75.0)


def test_claim_right_at_the_point_alone_is_wrong() -> None:
    judged = one("x**2", "x=2", at="x=1")
    assert judged.correct is False
    assert judged.counterexample is not None
    assert judged.counterexample.at != (("x", 1.0),)


def test_claim_about_a_function_that_is_nowhere_defined_is_not_settled() -> None:
    assert one("log(-x**2 - 1)", "x=2*x/(x**2 + 1)").correct is None


def test_tiny_error_in_a_coefficient_is_found() -> None:
    assert one("x**2", "x=2.000000000000000000001*x").correct is False


@pytest.mark.parametrize(
    ("claims", "code"),
    [(("u=3*u**2 + 4*v",), 0), (("u=3*u**2 + 4*v", "v=u"), 1), (("v=u",), 1)],
)
def test_exit_code(claims: tuple[str, ...], code: int) -> None:
    assert check("u**3 + v**2 + 4*u*v", *claims).exit_code == code
    assert check("u**3 + v**2 + 4*u*v", *claims, at="u=1,v=1.1").exit_code == code


@pytest.mark.parametrize(
    ("claims", "kind", "underlined"),
    [
        (("w=1",), Kind.NAME, "w"),
        (("u",), Kind.USAGE, "u"),
        (("u=",), Kind.USAGE, "u="),
        (("u=2*w",), Kind.NAME, "w"),
        (("u=sqr(u)",), Kind.NAME, "sqr"),
        (("u=1", "u=2"), Kind.USAGE, "u"),
    ],
    ids=str,
)
def test_errors_are_underlined(claims: tuple[str, ...], kind: Kind, underlined: str) -> None:
    with pytest.raises(GradcalcError) as caught:
        check("u*v", *claims)
    assert caught.value.kind is kind
    span = caught.value.span
    assert span is not None
    assert caught.value.text[span.start : span.stop] == underlined
