"""Each option is declared once, and means the same wherever it is given."""

from __future__ import annotations

import inspect
import io
import json
from fractions import Fraction

import numpy as np
import pytest
import torch
import typer

from gradcalc import grad
from gradcalc.base.errors import GradcalcError
from gradcalc.base.options import OPTIONS, Options, options_in, read_texts, read_values
from gradcalc.base.plain import plain
from gradcalc.base.readings import FLAG
from gradcalc.batch.json_records import FIELDS
from gradcalc.batch.records import Record, read
from gradcalc.cli import app


def record(line: str) -> Record:
    return next(iter(read(io.BytesIO(line.encode()), None)))


#: For each option of `grad`, of a line and of Python: texts, values, and what `Options` gets.
GIVEN = [
    ("wrt", ["x, y"], ["x, y", ["x", "y"], ("x", "y")], {"wrt": ("x", "y")}),
    ("wrt", ["\N{MATHEMATICAL ITALIC SMALL X}"], ["\N{MATHEMATICAL ITALIC SMALL X}"],
     {"wrt": ("x",)}),
    ("second-order", [], [True], {"second_order": True}),
    ("dtype", ["float32"], ["float32"], {"dtype": "float32"}),
    ("seed", ["-7"], [-7, np.int64(-7)], {"seed": -7}),
    ("retain-grad", ["y,z"], ["y,z", ["y", "z"], {"y": 0, "z": 0}.keys()],
     {"retain_grad": ("y", "z")}),
    ("retain-grad", ["all"], ["all", ["all"]], {"retain_grad": None}),
    ("grad-outputs", ["ones"], ["ones"], {"grad_outputs": "ones"}),
    ("grad-outputs", ["[1, 2]"], [[1, 2], (1, 2), np.array([1, 2])], {"grad_outputs": "[1, 2]"}),
    ("grad-outputs", ["[pi, 1/2]"], [["pi", "1/2"]], {"grad_outputs": "[pi, 1/2]"}),
    ("backward", ["2"], [2], {"passes": 2}),
    ("zero-grad", [], [True], {"zero_grad": True}),
    ("no-retain-graph", [], [False], {"retain_graph": False}),
    ("no-formulas", [], [False], {"formulas": False}),
]  # fmt: skip


def test_every_option_that_all_take_is_tried():
    shared = {option.name for option in options_in("line") if "python" in option.where}
    assert {name for name, *_ in GIVEN} == shared


@pytest.mark.parametrize(("name", "texts", "values", "fields"), GIVEN, ids=str)
def test_option_means_the_same_wherever_it_is_given(name, texts, values, fields):
    option = OPTIONS[name]
    typed: object = texts if option.reading.repeated else True if not texts else texts[0]
    assert read_texts({option.key: typed}) == fields
    assert record(f"x --{name} {''.join(texts)}").options == fields
    for value in values:
        assert read_values({option.keyword: value}) == fields
        of_json = not value if option.keyword != option.key else plain(value)
        line = json.dumps({"expression": "x", option.key: of_json})
        assert record(line).options == fields


@pytest.mark.parametrize(
    ("name", "text", "value", "problem"),
    [
        ("seed", "1.5", 1.5, None),
        ("seed", "one", "one", None),
        ("seed", "", None, None),
        ("seed", "18446744073709551616", 2**64, "{} 18446744073709551616 is out of range"),
        ("seed", "-9223372036854775809", -(2**63) - 1, "{} -9223372036854775809 is out of range"),
        ("backward", "0", 0, "{} 0: backward is run 1 to 1,000 times"),
        ("backward", "1001", 1001, "{} 1001: backward is run 1 to 1,000 times"),
        ("dtype", "half", "half", "unknown dtype `half`"),
        ("dtype", "int64", "int64", "a leaf of int64 cannot require grad"),
        ("timeout", "0", 0, "{} 0 is no time"),
        ("timeout", "-1", -1, "{} -1 is no time"),
        ("timeout", "-0.5", -0.5, "{} -0.5 is no time"),
        ("timeout", "nan", float("nan"), "{} nan is no time"),
        ("timeout", "soon", "soon", None),
        ("seed", "0x1", "0x1", None),
        ("timeout", "1_0", "1_0", None),
        ("timeout", "\u0663", "\u0663", None),
        ("backward", "1_0", "1_0", None),
        ("seed", "\u0663", "\u0663", None),
    ],
)
def test_bad_value_is_refused_alike_wherever_it_is_given(run, name, text, value, problem):
    option = OPTIONS[name]
    code, _, err = run("grad", "x", "--at", "x=1", f"--{name}", text)
    wanted = (problem or f"{{}} needs {option.reading.takes}, not `{text}`").format(f"--{name}")
    assert (code, err.splitlines()[0][: len(wanted) + 7]) == (2, f"error: {wanted}")
    if "line" in option.where and text:
        bad = record(f"x --at x=1 --{name} {text}").error
        assert bad is not None
        assert bad.span is not None
        assert bad.message.startswith(wanted)
        assert bad.text[bad.span.start : bad.span.stop] == f"--{name}"
    if value is None:
        return
    shown = f"`{option.keyword}`"
    wanted = (problem or f"{{}} must be {option.reading.takes}").format(shown)
    with pytest.raises(GradcalcError) as caught:
        grad("x", {"x": 1}, **{option.keyword: value})
    assert caught.value.message.startswith(wanted)
    if "line" in option.where:
        bad = record(json.dumps({"expression": "x", option.key: value})).error
        assert bad is not None
        assert bad.span is not None
        assert bad.message == caught.value.message
        assert bad.text[bad.span.start : bad.span.stop] == f'"{option.key}"'


def test_every_command_has_the_options_that_are_declared_for_it():
    commands = typer.main.get_command(app).commands
    declared = {place for option in OPTIONS.values() for place in option.where}
    assert declared - {"line", "python"} <= commands.keys()
    for name, command in commands.items():
        options = {p.name for p in command.params if p.param_type_name == "option"}
        assert {option.key for option in options_in(name)} <= options


def test_python_has_the_options_that_are_declared_for_it():
    parameters = inspect.signature(grad).parameters
    assert list(parameters) == ["expression", "at", *(o.keyword for o in options_in("python"))]
    assert parameters["retain_graph"].default is True
    assert parameters["timeout"].default == 10
    for option in options_in("python"):
        assert f"{option.keyword}: " in (grad.__doc__ or "")
    with pytest.raises(TypeError, match="seeds"):
        grad("x", seeds=1)


def test_json_has_the_options_of_a_line():
    assert set(FIELDS) == {"expression", "id", *(option.key for option in options_in("line"))}


def test_none_leaves_an_option_as_it_is():
    assert read_values({option.keyword: None for option in options_in("python")}) == {}
    assert Options().timeout is None


def test_what_is_false_in_json_is_not_given():
    flags = [option.key for option in options_in("line") if option.reading is FLAG]
    assert record(json.dumps({"expression": "x", **dict.fromkeys(flags, False)})).options == {}


@pytest.mark.parametrize("at", [{"x": True}, {"x": None}, {"x=1,y": 2}, {"x": "1, y=2"}], ids=str)
def test_bad_binding_of_python_is_refused_as_in_json(at):
    with pytest.raises(GradcalcError) as caught:
        grad("x", at)
    error = record(json.dumps({"expression": "x", "at": at})).error
    assert error is not None
    assert error.message == caught.value.message


@pytest.mark.parametrize("value", [np.array([1.0, 2.0]), (1, 2), ["1", Fraction(2)], range(1, 3)])
def test_values_of_python_are_read(value):
    assert grad("x.sum()", {"x": value}).bindings == (("x", (1.0, 2.0)),)


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ({"dtype": np.int8}, "a leaf of int8", 'use dtype="float64" or dtype="float32"'),
        ({"dtype": True}, "`dtype` must be a text", 'give a value as in dtype="float32"'),
        ({"backward": 0}, "`backward` 0", "write backward=2"),
        ({"backward": 2, "retain_graph": False, "expression": "x**2"}, "the graph was freed",
         "leave out retain_graph=False; "),
        ({"at": "x=1"}, "`at` must be a dict, as in", 'give a value as in at={"x": 0.5}'),
        ({"expression": "x*y"}, "`y` has no value", 'add at={"y": 1}'),
        ({"expression": "x*[1, 2], x"}, "the result has shape", 'add grad_outputs="ones", or'),
    ],
    ids=str,
)  # fmt: skip
def test_hint_names_the_keywords_of_python(asked, message, hint):
    with pytest.raises(GradcalcError) as caught:
        grad(**{"expression": "x", "at": {"x": 1}, **asked})
    assert str(caught.value).startswith(message)
    assert (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize("dtype", [torch.float32, np.float32, np.dtype("float32")], ids=repr)
def test_dtype_may_be_one_of_a_library(dtype):
    assert grad("x", {"x": 1}, dtype=dtype).dtype == "float32"


@pytest.mark.parametrize(
    "weights",
    [[1, 2], (1, 2), np.array([1, 2]), "1,2", " [1, 2] ", ["ones", "2"], [[1], [2]]],
    ids=repr,
)
def test_list_of_weights_is_one_for_each_of_several_results(weights):
    report = grad("x*3, x", {"x": [5]}, grad_outputs=weights)
    assert [entry.autograd for entry in report.entries] == [5]


@pytest.mark.parametrize("weights", ["[1]+[2]", "[1, 2, 3]", "[]", "[1, 2]*3", 1, [1]], ids=repr)
def test_other_lists_of_weights_do_not_fit_several_results(weights):
    with pytest.raises(GradcalcError, match="1 weight for 2 results"):
        grad("x*3, x", {"x": 5}, grad_outputs=weights)


@pytest.mark.parametrize(("name", "text", "hint"), [("timeout", "10s", "10"), ("seed", "a", "2")])
def test_hint_writes_what_an_option_takes(run, name, text, hint):
    err = run("grad", "x", "--at", "x=1", f"--{name}", text)[2]
    assert err.splitlines()[1] == f"  = help: write --{name} {hint}"


@pytest.mark.parametrize("text", ["inf", "1e999"])
def test_time_without_end_is_no_limit(run, text):
    assert run("grad", "x", "--at", "x=1", "--timeout", text)[0] == 0
