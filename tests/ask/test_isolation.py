"""Questions are answered alone: nothing that the caller has set counts, and all of it stays."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest
import sympy
import torch

from gradcalc import GradcalcError, Report, grad
from gradcalc.ask.isolation import alone
from gradcalc.calculus import symbolic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Smooth, at a kink, of a special function, of tensors with random numbers, in float32, undefined,
#: tiny, without a point, of no meaning.
QUESTIONS: list[tuple[str, dict[str, Any] | None, dict[str, Any]]] = [
    ("u**3 + v**2 + 4*u*v", {"u": 1, "v": 1.1}, {}),
    ("abs(x)*y", {"x": 0, "y": 2}, {}),
    ("lgamma(x)", {"x": 2.5}, {"second_order": True}),
    ("y = relu(x @ W + rand(2)); (y > 0.5).sum()*y.mean()", {"x": [1, 2], "W": "randn(2, 2)"}, {}),
    ("where(x > 0, x*2.5, x/3).prod()", {"x": [1, -2, 0.5]}, {"dtype": "float32"}),
    ("log(x)", {"x": -1}, {}),
    ("x*y", {"x": 1e-310, "y": 0.5}, {}),
    ("sin(x)**2*floor(x)", None, {}),
    ("x +", {"x": 1}, {}),
]

#: What there is no time to judge, wholly or in part.
LONG = " + ".join(f"sin({k}*x)**{k}*abs(x)" for k in range(1, 12))


def answers(*, anew: bool = False) -> list[Report | str]:
    """The reports, or what is wrong; formulas may be sought anew."""
    if anew:
        symbolic.forget()
    told: list[Report | str] = []
    for expression, at, options in QUESTIONS:
        try:
            told.append(grad(expression, at, **options))
        except GradcalcError as error:
            told.append(f"{error.kind}: {error.message}")
    grad(LONG, {"x": 1}, timeout=1e-6)
    return told


def texts(told: list[Report | str]) -> list[str]:
    """The answers as texts, in which nan is nan. In some modes numbers are printed as others."""
    return list(map(repr, told))


@pytest.fixture(scope="module")
def usual() -> list[Report | str]:
    """The answers where nothing is set."""
    return answers()


@contextlib.contextmanager
def put(put: Callable[[Any], Any], value: Any, before: Any) -> Iterator[None]:
    """Set something for a while."""
    put(value)
    try:
        yield
    finally:
        put(before)


@contextlib.contextmanager
def anomaly() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mode = torch.autograd.detect_anomaly()
    with mode:
        yield


MODES: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "set_grad_enabled": lambda: torch.set_grad_enabled(False),
    "detect_anomaly": anomaly,
    "default float64": lambda: put(torch.set_default_dtype, torch.float64, torch.float32),
    "default float16": lambda: put(torch.set_default_dtype, torch.float16, torch.float32),
    "default device": lambda: put(torch.set_default_device, "meta", None),
    "device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "deterministic": lambda: put(torch.set_deterministic_debug_mode, 2, 0),
    "matmul": lambda: put(torch.set_float32_matmul_precision, "medium", "highest"),
    "flush denormal": lambda: put(torch.set_flush_denormal, True, False),
    "few digits": lambda: mpmath.workdps(5),
    "many digits": lambda: mpmath.workdps(300),
    "numpy raises": lambda: np.errstate(all="raise"),
    "sympy leaves": lambda: sympy.evaluate(False),
}


#: Modes that may change formulas.
ANEW = {"few digits", "sympy leaves"}


def settings() -> dict[str, Any]:
    """What a caller may have set, and what libraries keep for all."""
    return {
        "mpmath": (mpmath.mp.prec, mpmath.mp.dps, mpmath.mp.pretty, mpmath.iv.prec),
        "grad": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "anomaly": (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        "default": (torch.get_default_dtype(), torch.get_default_device()),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "deterministic": torch.get_deterministic_debug_mode(),
        "arithmetic": (torch.get_float32_matmul_precision(), sys.float_info.min / 2),
        "torch's threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "torch's numbers": torch.random.get_rng_state().tolist(),
        "numpy": (np.geterr(), repr(np.random.get_state()), np.get_printoptions()),  # noqa: NPY002 - what a caller has seeded
        "sympy": sympy.core.parameters.global_parameters.evaluate,
        "numbers": random.getstate(),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "timer": signal.getitimer(signal.ITIMER_REAL),
        # Not how many objects are frozen: those that others froze before may go meanwhile.
        "garbage": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count() > 0),
        "recursion": sys.getrecursionlimit(),
        "hooks": (sys.unraisablehook, sys.excepthook, threading.excepthook),
        "threads": [t for t in threading.enumerate() if t.name.startswith("gradcalc")],
        "environment": (dict(os.environ), Path.cwd()),
    }


@pytest.mark.parametrize("mode", MODES)
def test_what_the_caller_has_set_neither_counts_nor_changes(mode, usual):
    with MODES[mode]():
        before = settings()
        told = answers(anew=mode in ANEW)
        after = settings()
    assert texts(told) == texts(usual)
    assert after == before


def test_nothing_changes_in_the_libraries(usual):
    before = settings()
    assert texts(answers()) == texts(usual)
    assert settings() == before


def test_threads_get_the_answers_that_one_gets(usual):
    before = settings()
    with mpmath.workdps(5), ThreadPoolExecutor(4) as threads:
        told = list(threads.map(lambda k: answers(anew=k == 2), range(3)))
        assert mpmath.mp.dps == 5
    assert list(map(texts, told)) == [texts(usual)] * 3
    assert settings() == before


def test_time_limit_holds_in_a_thread(monkeypatch):
    def forever(*_: Any, **__: Any) -> None:
        while True:
            pass

    monkeypatch.setattr("gradcalc.exact.surveys.survey", forever)
    symbolic._recent.clear()
    start = time.monotonic()
    with ThreadPoolExecutor(1) as threads:
        report = threads.submit(grad, "x**2", {"x": 3}, timeout=0.1).result()
    assert time.monotonic() - start < 5
    assert report.verdict.value == "undecided"
    assert report.gradients[0].autograd == 6.0


def test_wait_for_another_thread_s_question_is_not_counted():
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(grad("x**2", {"x": 3}, timeout=0.5)))
    with alone():
        thread.start()
        time.sleep(0.6)
        assert not done
    thread.join()
    assert done[0].verdict.value == "agree"


def test_question_within_a_question_is_answered():
    with alone():
        assert grad("x**2", {"x": 3}).verdict.value == "agree"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads
def test_child_that_was_forked_during_a_question_has_its_turn():
    entered, over = threading.Event(), threading.Event()

    def hold() -> None:
        with alone():
            entered.set()
            over.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(30)
    child = os.fork()
    if not child:
        signal.alarm(20)
        with alone():
            os._exit(0)
    over.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
