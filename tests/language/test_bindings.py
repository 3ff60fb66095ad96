"""Bindings: what `--at` says, whatever it says."""

from __future__ import annotations

import time

import pytest

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError
from gradcalc.language.bindings import parse_bindings, parse_weights


@pytest.mark.parametrize(
    ("text", "kind", "message", "hint"),
    [
        ("x=1" + " " * 500_000 + "y=2", "binding", "two values without a comma between them",
         "write x=1,y=2"),
        ("x=1" + " " * 500_000 + "=2", "binding", "two values without a comma between them", None),
        (",".join(f"x{k}=1" for k in range(limits.BINDINGS + 1)), "limit",
         "more than 5,000 bindings", None),
        ("," * 500_000, "binding", "a binding is NAME=VALUE", "write x=1"),
        ("(" * 500_000, "binding", "a binding is NAME=VALUE", "write x=1"),
    ],
    ids=lambda value: ascii(value)[:20],
)  # fmt: skip
def test_hostile_binding_is_refused_soon(text, kind, message, hint):
    started = time.process_time()
    with pytest.raises(GradcalcError) as caught:
        parse_bindings([text])
    error = caught.value
    assert (error.kind, error.message) == (kind, message)
    assert hint is None or error.hint == hint
    assert time.process_time() - started < 3


def test_many_weights_are_refused_soon():
    started = time.process_time()
    with pytest.raises(GradcalcError, match="more than 5,000 weights"):
        parse_weights("[1]," * 100_000)
    assert time.process_time() - started < 3
