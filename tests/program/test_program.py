"""Programs: how their values are numbered."""

from __future__ import annotations

from fractions import Fraction

from gradcalc.base.errors import Span
from gradcalc.language.parser import parse
from gradcalc.program.program import Constant, Input, Step, arranged

PLACE = Span(0, 1)


def test_values_are_numbered_by_sort_then_in_order_of_appearance():
    x, y = Input("x", PLACE), Input("y", PLACE)
    two = Constant("2", Fraction(2), PLACE)
    product = ("mul", (0, 1), PLACE, (), False, False)
    total = ("add", [2, 3], PLACE, (("dim", 0),), True, False)
    inputs, constants, steps, numbers = arranged([two, x, product, y, total])
    assert (inputs, constants, numbers) == ((x, y), (two,), [2, 0, 3, 1, 4])
    assert steps == (
        Step("mul", (2, 0), PLACE),
        Step("add", (3, 1), PLACE, (("dim", 0),), in_place=True),
    )


def test_steps_are_numbered_after_inputs_and_constants():
    program = parse("sin(x) + 2*y")
    assert [(number, step.function) for number, step in program.numbered_steps] == [
        (3, "sin"), (4, "mul"), (5, "add"),
    ]  # fmt: skip
    assert all(program.step(number) is step for number, step in program.numbered_steps)
