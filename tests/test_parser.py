"""Text to programs: one line for each rule of the language, and for each thing that goes wrong."""

# ruff: noqa: RUF001 - the signs that look like others are part of the language

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcalc.bindings import bind, parse_bindings
from gradcalc.errors import GradcalcError, Kind, Span
from gradcalc.functions import TABLE
from gradcalc.notation import MendableError
from gradcalc.parser import parse
from gradcalc.program import Program


def canonical(text: str, *known: str) -> str:
    return parse(text, known).canonical


def error(text: str, *known: str) -> GradcalcError:
    with pytest.raises(GradcalcError) as caught:
        parse(text, known)
    return caught.value


def underlined(problem: GradcalcError) -> str | None:
    return problem.span and problem.text[problem.span.start : problem.span.stop]


def shape(program: Program) -> tuple[object, ...]:
    """A program without its text and spans."""
    return (
        program.names,
        [(constant.text, constant.value) for constant in program.constants],
        [(step.function, step.args) for step in program.steps],
        program.output,
    )


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
        ("True + None + v", "True + None + v"),
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
    ("text", "known", "expected", "names"),
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
def test_bound_names_are_variables(text, known, expected, names):
    program = parse(text, known)
    assert (program.canonical, program.names) == (expected, names)
    assert shape(parse(program.canonical, known)) == shape(program)


def test_every_function_is_called_by_each_of_its_names():
    for row in TABLE.values():
        args = ", ".join("1" if p.static else p.name for p in row.parameters)
        for name in (row.name, *row.aliases):
            assert parse(f"{name}({args})").steps[-1].function == row.name
            if name.isidentifier():
                assert parse(f"torch.{name}({args})").steps[-1].function == row.name


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
    ],
)
def test_steps_know_where_they_stand(text, sources):
    program = parse(text)
    assert [program.source(program.first_step + k) for k in range(len(program.steps))] == sources


def test_inputs_and_constants_know_where_they_stand():
    program = parse("2θ + -π + θ·lambda")
    assert [program.source(k) for k in range(program.first_step)] == ["θ", "lambda", "2", "-π"]


# --- What goes wrong ------------------------------------------------------------------------------

ERRORS = [
    # text, kind, message, underlined, hint
    ("", "syntax", "there is no expression", None, 'write one, as in "u**3 + v**2"'),
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
    ("()", "syntax", "there is nothing between the brackets", "()", None),
    ("1,5*x", "syntax", "a comma stands only between the arguments of a function", "1,5*x",
     "a decimal number is written with a point: 1.5*x"),
    ("x, y", "syntax", "a comma stands only between the arguments of a function", "x, y",
     "write one expression at a time"),
    ("x = 1", "syntax", "unexpected `=`", "=",
     "bind values with --at, as in --at x=1, or compare with =="),
    ("x!", "syntax", "unexpected `!`", "!", "use factorial(x)"),
    ("[x]", "syntax", "unexpected `[`", "[", "use round brackets ( )"),
    ("x ? 1", "syntax", "unexpected `?`", "?", None),
    ("$x", "syntax", "unexpected `$`", "$", "leave it out: x"),
    ("'x'", "syntax", "text in quotes is no part of an expression", "'", "leave it out: x"),
    ("x – 1", "syntax", "unexpected character U+2013 EN DASH", "–", "use the minus sign -"),
    ("x\u200b+1", "syntax", "unexpected character U+200B ZERO WIDTH SPACE", "\u200b",
     "leave it out: x+1"),
    ("x\x00", "syntax", "unexpected character U+0000", "\x00", "leave it out: x"),
    ("xⁿ", "syntax", "unexpected character U+207F SUPERSCRIPT LATIN SMALL LETTER N", "ⁿ",
     "write a power with ^, as in x^n"),
    ("x½", "syntax", "unexpected character U+00BD VULGAR FRACTION ONE HALF", "½",
     "leave it out: x"),
    ("x\n+ 1", "syntax", "the expression goes over several lines", "\n",
     "put it on one line: x + 1"),
    ("0x10", "syntax", "numbers are decimal", "0",
     "write the number in decimal, or 0*x for a product"),
    ("x @ y", "syntax", "this operator is not part of the language", "x @ y", None),
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
     "write sin(x)² or sin²*(x)"),
    ("sin^2 x", "syntax", "`sin` stands without its argument", "sin^2 x",
     "write sin(x)^2 or sin^2*x"),
    ("x>0 & y>0", "syntax", "`&` binds tighter than a comparison", "0 & y",
     "write (x>0) & (y>0)"),
    ("where(x>0 | ~y, x, y)", "syntax", "`|` binds tighter than a comparison", "0 | ~y",
     "write (x>0) | (~y)"),
    ("sin()", "syntax", "sin takes 1 argument, not 0", "sin()", "write sin(x)"),
    ("sin(x, y)", "syntax", "sin takes 1 argument, not 2", "sin(x, y)", "write sin(x)"),
    ("max(x)", "syntax", "maximum takes 2 or more arguments, not 1", "max(x)",
     "write maximum(x, y, ...)"),
    ("clamp()", "syntax", "clamp takes 1 to 3 arguments, not 0", "clamp()",
     "write clamp(x, min=-inf, max=inf)"),
    ("where(y=x)", "syntax", "where lacks `condition`", "where(y=x)",
     "write where(condition, x, y)"),
    ("clamp(min=0, max=1)", "syntax", "clamp lacks `x`", "clamp(min=0, max=1)",
     "write clamp(x, min=-inf, max=inf)"),
    ("clamp(x, min=0, min=1)", "syntax", "clamp gets `min` twice", "clamp(x, min=0, min=1)",
     "write clamp(x, min=-inf, max=inf)"),
    ("clamp(x, foo=1)", "syntax", "clamp has no `foo`", "clamp(x, foo=1)",
     "write clamp(x, min=-inf, max=inf)"),
    ("clamp(x, x=1)", "syntax", "clamp gets `x` twice", "clamp(x, x=1)",
     "write clamp(x, min=-inf, max=inf)"),
    ("sin(θ=1)", "syntax", "sin has no `θ`", "sin(θ=1)", "write sin(x)"),
    ("clamp(x, min=0, 1)", "syntax", "an argument by name comes before one without",
     "clamp(x, min=0, 1)", "put the arguments by name last"),
    ("polygamma(x, y)", "syntax", "`n` of polygamma must be a number, not an expression",
     "polygamma(x, y)", "write polygamma(n, x)"),
    ("2 + sqt(x)", "name", "unknown function `sqt`", "sqt", "did you mean `sqrt`? 2 + sqrt(x)"),
    ("torch.sqt(x)", "name", "unknown function `sqt`", "sqt", "did you mean `sqrt`? torch.sqrt(x)"),
    ("x.θ()", "name", "unknown function `θ`", "θ", "`gradcalc functions` lists them all"),
    ("lambda(x)", "name", "unknown function `lambda`", "lambda",
     "`gradcalc functions` lists them all; for a product write lambda*(x)"),
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
        "max(" + ",".join(f"x{k}" for k in range(20_000)) + ")",
        "(" * 190 + "x" + ")" * 190,
        "sin(" * 190 + "x" + ")" * 190,
        "-" * 1_000 + "x",
        "&".join(f"(x<{k})" for k in range(2_000)),
        "<".join(["x+1"] * 2_000),
        "0e999999999 + 0.0e-999999999",
    ],
    ids=lambda text: f"{text[:12]}... {len(text)}",
)
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
        ([], {}),
    ],
)
def test_bindings_are_read(texts, expected):
    assert {b.name: b.program.canonical for b in parse_bindings(texts)} == expected


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
        ("x=1;y=2", "binding", "two values without a comma between them", "x=1;y=2", None),
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
        ("x + sin", "x=1", "`sin` has no value",
         "add --at sin=1; to call the function write sin(x)"),
        ("alpha*x", "alpha=1,x=1,alhpa=2", "`alhpa` does not occur in the expression",
         "did you mean `alpha`?"),
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


def test_bindings_are_matched_by_name():
    bindings = parse_bindings(["y=2,x=1"])
    assert list(bind(parse("x*y"), bindings)) == ["y", "x"]


# --- Any text -------------------------------------------------------------------------------------

WORDS = """
    x y θ lambda beta gamma sin sqrt max where clamp pi e inf nan torch and π ∞ √ 0 1 2 10 1e3 .5 2.
    + - * / // % ** ^ ² ⁻¹ ( ) ( ) ( ) , . = == < > <= & | ~ · ÷ − @ ! ' [ min=
"""
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "<", ">=", "==", "!=", "&", "|"]
TOKENS = st.sampled_from(WORDS.split())
VALID = st.sampled_from(
    [
        "3*u**2 + 4*v",
        "sin(x)^2 + 2πr√(x+1)",
        "where((x > 0) & (x < 1), torch.sin(x), -x.exp())",
        "max(x, -1, y + 2)/2",
        "clamp(θ, max=1) - lambda·2x²",
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
        return
    again = parse(program.canonical)
    assert shape(again) == shape(program)
    assert again.canonical == program.canonical
    for number in range(program.first_step + len(program.steps)):
        assert program.source(number)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.one_of(st.text(max_size=30), st.text(st.characters(min_codepoint=0xA0), max_size=8)))
def test_any_text_is_a_program_or_an_error(text):
    check_any(text)


@settings(max_examples=800, deadline=None, derandomize=True)
@given(st.lists(TOKENS, max_size=12), st.sampled_from(["", " "]))
def test_any_tokens_are_a_program_or_an_error(tokens, between):
    check_any(between.join(tokens))


@settings(max_examples=800, deadline=None, derandomize=True)
@given(mutated())
def test_any_damaged_formula_is_a_program_or_an_error(text):
    check_any(text)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(FORMULAS)
def test_any_formula_written_back_is_the_same_program(text):
    program = parse(text)
    assert shape(parse(program.canonical)) == shape(program)
    assert all(a < program.first_step + k for k, s in enumerate(program.steps) for a in s.args)


@settings(max_examples=500, deadline=None, derandomize=True)
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
