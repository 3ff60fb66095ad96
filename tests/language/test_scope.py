"""What names mean, while a program is read."""

from __future__ import annotations

import gc
import weakref

import pytest

from gradcalc.functions import lookup
from gradcalc.language import notebook, parser
from gradcalc.language.scope import Scope, looks_called


@pytest.mark.parametrize(
    ("name", "is_function"),
    [
        ("sin", True),
        ("backward", True),  # a notebook's
        ("sine", True),  # a misspelt one
        ("x", False),
        ("x_12", False),
        ("pi", False),
        ("bound", False),
        ("given", False),
        ("gamma", True),
    ],
)
def test_name_before_a_bracket_is_a_function_or_a_factor(name, is_function):
    scope = Scope({"bound", "gamma"})
    scope.values["given"] = 3
    assert scope.is_function(name) is is_function


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("f(x) + 1", True),
        ("x*f(x)*f(2)", True),
        ("f(x) + f", False),
        ("f (x)", False),
        ("x.f(x)", False),
        ("ff(x)", False),
        ("x", False),
    ],
)
def test_variable_looks_called_where_it_stands_only_before_brackets(text, called):
    assert looks_called("f", text) is called


def test_name_is_assigned_unless_it_was_a_variable_first():
    scope = Scope(())
    scope.add_input("x", 0)
    scope.values |= {"x": 1, "y": 1}
    assert [scope.is_assigned(name) for name in "xyz"] == [False, True, False]


def test_names_from_abroad_are_nobodys_here_and_mean_functions():
    for word, name in notebook._ENGLISH.items():
        assert lookup(word) is None
        assert lookup(name) is not None


def test_constant_is_one_until_it_is_a_variable():
    scope = Scope({"e"})
    assert [scope.is_constant(name) for name in ("pi", "e", "x")] == [True, False, False]
    scope.values["pi"] = 0
    assert not scope.is_constant("pi")


def test_all_names_of_a_tensor_mean_what_it_has_become():
    scope = Scope(())
    scope.values |= {"x": 0, "y": 0, "z": 1}
    scope.change(0, 2)
    assert scope.values == {"x": 2, "y": 2, "z": 1}


def test_what_read_a_program_is_freed_at_once(monkeypatch):
    """Batches run without garbage collection."""
    scopes = []

    class Watched(Scope):
        def __init__(self, variables):
            super().__init__(variables)
            scopes.append(weakref.ref(self))

    monkeypatch.setattr(parser, "Scope", Watched)
    gc.disable()
    try:
        parser.parse("y = sin(2x)[0]; y += no_grad(x); max(y, x.T)")
        assert [scope() for scope in scopes] == [None]
    finally:
        gc.enable()
