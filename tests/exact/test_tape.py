"""The tape: values with what they come from, and derivatives written on it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gradcalc.base.dtypes import FLOAT64
from gradcalc.exact.tape import Tape, gradient
from gradcalc.functions import TABLE, Function
from gradcalc.functions.balls import flint
from gradcalc.functions.precision import precision
from gradcalc.language.parser import parse
from gradcalc.program.expand import run_entries

arb = flint.arb


def derivative(row: Function) -> tuple[str, ...]:
    return row.derivative


def tape_of(text: str, *at: float, **options: Any) -> tuple[Tape, int]:
    """Return a tape that has run a program, and the number of its result."""
    program = parse(text)
    tape = Tape(list(map(arb, at)), FLOAT64, **options)
    return tape, tape.run(program)[program.output]


def test_operations_say_what_gave_a_value() -> None:
    tape, output = tape_of("x*y + sin(x)", 2, 3)
    row, args = tape.operations[output]
    assert row is TABLE["add"]
    assert [tape.operations[arg][0].name for arg in args] == ["mul", "sin"]
    assert tape.operations[1] is None
    assert tape.origins[output] == max(tape.origins)


def test_only_what_moves_is_active() -> None:
    tape, output = tape_of("detach(x)*2 + y", 2, 3, active={0})
    assert not tape.active[output]
    assert gradient(tape, output, derivative).keys() == {output}


def test_gradient_of_a_gradient_is_the_second_derivative() -> None:
    tape, output = tape_of("x**3*y", 2, 5)
    first = gradient(tape, output, derivative)
    second = gradient(tape, first[1], derivative)
    assert [float(tape.values[second[axis]]) for axis in (1, 2)] == [60, 12]


def test_derivative_that_is_0_goes_no_further() -> None:
    tape, output = tape_of("relu(x)*0 + where(x > 0, 1/(x - x), x)", -1)
    assert float(tape.values[gradient(tape, output, derivative)[1]]) == 1


def test_what_is_detached_is_as_it_is_at_the_base() -> None:
    program = parse("x + detach(2*x)")
    base = Tape([arb(5)], FLOAT64)
    base.run(program)
    tape = Tape([arb(1)], FLOAT64, base=base)
    assert float(tape.values[tape.run(program)[program.output]]) == 11


def test_matrix_products_have_the_derivatives_of_sums_of_products() -> None:
    source = random.Random(1)
    numbers = [source.gauss(0, 1) for _ in range(2 * 3 + 3 * 4)]
    program = parse("((A @ B)**2).sum()")
    tape = Tape(list(map(arb, numbers)), FLOAT64)
    with precision(128):
        values = run_entries(program, [(2, 3), (3, 4)], {}, tape)
        slopes = gradient(tape, int(values[program.output]), derivative)
    a = [numbers[3 * i : 3 * i + 3] for i in range(2)]
    b = [numbers[6 + 4 * i : 6 + 4 * i + 4] for i in range(3)]
    product = [[sum(a[i][k] * b[k][j] for k in range(3)) for j in range(4)] for i in range(2)]
    left = [2 * sum(product[i][j] * b[k][j] for j in range(4)) for i in range(2) for k in range(3)]
    right = [2 * sum(product[i][j] * a[i][k] for i in range(2)) for k in range(3) for j in range(4)]
    exact = [float(tape.values[slopes[1 + number]]) for number in range(18)]
    assert exact == pytest.approx([*left, *right], rel=1e-12)


def test_product_with_a_value_that_lacks_has_none_in_its_row() -> None:
    program = parse("log(A) @ B")
    tape = Tape(list(map(arb, [-1, 1, 1, 1, 1, 1])), FLOAT64)
    with precision(128):
        values = run_entries(program, [(2, 2), (2, 1)], {}, tape)
    first, second = (tape.values[n] for n in values[program.output].reshape(-1).tolist())
    assert (type(first).__name__, float(second)) == ("Lack", 0)


def test_choices_may_be_made_as_torch_makes_them() -> None:
    program = parse("floor(x)*y")
    (number,) = [n for n, step in program.numbered_steps if step.function == "floor"]
    tape = Tape([arb(2.999), arb(5)], FLOAT64, branches={number: [3.0]})
    output = tape.run(program)[program.output]
    assert float(tape.values[output]) == 15
    assert float(tape.values[gradient(tape, output, derivative)[2]]) == 3
