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
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

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


def doubled(result: Any) -> Any:
    """Twice what torch calculated: what a caller's mode may do to its results."""
    real = isinstance(result, torch.Tensor) and result.is_floating_point()
    return result * 2 if real else result


class OfFunctions(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        return doubled(function(*args, **(kwargs or {})))


class OfDispatch(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return doubled(function(*args, **(kwargs or {})))


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
    "saved tensors": lambda: saved_tensors_hooks(lambda t: t * 2, lambda t: t),
    "saved on cpu": torch.autograd.graph.save_on_cpu,
    "no saved hooks": lambda: torch.autograd.graph.disable_saved_tensors_hooks("not here"),
    "mutable saved": torch.autograd.graph.allow_mutation_on_saved_tensors,
    "functions": OfFunctions,
    "dispatch": OfDispatch,
    "no torch function": torch._C.DisableTorchFunction,
    "view replay": lambda: torch.autograd._force_original_view_tracking(True),
    "one thread back": lambda: torch.autograd.set_multithreading_enabled(False),
    "forward": torch.autograd.forward_ad.dual_level,
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


def fake(function: Callable[[Any], Any], value: Any) -> Any:
    with FakeTensorMode():
        return function(value)


def traced(function: Callable[[Any], Any], value: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing itself
        return torch.jit.trace(function, (value,))


TRANSFORMS: dict[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "grad": lambda function, value: torch.func.grad(function)(value),
    "vmap": lambda function, value: torch.vmap(function)(value[None]),
    "grad of vmap": lambda f, x: torch.func.grad(lambda y: torch.vmap(f)(y[None]).sum())(x),
    "jvp": lambda function, value: torch.func.jvp(function, (value,), (value,)),
    "jacrev": lambda function, value: torch.func.jacrev(function)(value),
    "functionalize": lambda function, value: torch.func.functionalize(function)(value),
    "trace": traced,
    "fake": fake,
    "checkpoint": lambda f, x: checkpoint(f, x.requires_grad_(), use_reentrant=False),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_within_what_torch_transforms_the_answers_are_the_same(transform, usual):
    told: list[list[Report | str]] = []

    def within(value: Any) -> Any:
        told.append(answers())
        return value * 2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's of itself
        # The first time torch sets variables of the environment.
        TRANSFORMS[transform](lambda value: value * 2, torch.tensor(1.5))
        before = settings()
        TRANSFORMS[transform](within, torch.tensor(1.5))
        assert settings() == before
    assert told
    assert all(texts(each) == texts(usual) for each in told)


def test_tensor_that_torch_transforms_is_read_or_refused_in_words():
    seen: list[Any] = []

    def within(value: torch.Tensor) -> torch.Tensor:
        try:
            seen.append(grad("x**2", {"x": value}).gradients[0].autograd)
        except GradcalcError as error:
            seen.append(error.message)
        return value

    torch.func.grad(within)(torch.tensor(1.5))
    torch.vmap(within)(torch.ones(2))
    assert seen[0] == 3.0
    assert seen[1] == "no numbers can be read from this Tensor: it has none of its own"


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

    monkeypatch.setattr("gradcalc.judging.jury.at_point", forever)
    symbolic._recent.clear()
    start = time.monotonic()
    with ThreadPoolExecutor(1) as threads:
        report = threads.submit(grad, "x**2", {"x": 3}, timeout=0.1).result()
    assert time.monotonic() - start < 5
    assert report.verdict.value == "undecided"
    assert report.gradients[0].autograd == 6.0


class Raising:
    """A value that raises something when it is read."""

    def __init__(self, problem: BaseException) -> None:
        self._problem = problem

    def __float__(self) -> float:
        raise self._problem


@pytest.mark.parametrize("mode", [contextlib.nullcontext, torch.no_grad])
@pytest.mark.parametrize("problem", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_ends_a_program_passes_through(mode, problem):
    with mode():
        before = settings()
        with pytest.raises(type(problem)) as raised:
            grad("x**2", {"x": Raising(problem)})
        assert raised.value is problem
        assert settings() == before
        assert grad("x**2", {"x": 3}).verdict.value == "agree"


@pytest.mark.parametrize("mode", [contextlib.nullcontext, torch.no_grad])
@pytest.mark.parametrize("place", ["value", "array", "torch", "judging"])
def test_too_little_memory_is_said(mode, place, monkeypatch):
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    array = type("Array", (), {"dtype": float, "shape": (1,), "tolist": fail})()
    value = {"value": Raising(MemoryError()), "array": array}.get(place, 3)
    if place in {"torch", "judging"}:
        names = {"torch": "autograd.autodiff.testimony", "judging": "judging.verdicts.judged"}
        monkeypatch.setattr(f"gradcalc.{names[place]}", fail)
    with mode(), pytest.raises(GradcalcError, match="too little memory") as raised:
        grad("x**2", {"x": value})
    assert raised.value.kind == "limit"
    assert raised.value.hint == "make it smaller"


def test_ctrl_c_ends_a_question_in_a_thread_of_its_own(monkeypatch):
    ended: list[bool] = []

    def forever(*_: Any, **__: Any) -> None:
        threading.Timer(0.05, signal.raise_signal, (signal.SIGINT,)).start()
        try:
            while True:
                time.sleep(0.001)
        finally:
            ended.append(True)

    monkeypatch.setattr("gradcalc.ask.calculate.calculate", forever)
    with torch.no_grad():
        before = settings()
        with pytest.raises(KeyboardInterrupt):
            grad("x**2", {"x": 3})
        assert ended
        assert settings() == before


def test_common_question_starts_no_thread(monkeypatch):
    grad("x**2", {"x": 3})
    monkeypatch.setattr("gradcalc.ask.isolation.in_thread", None)
    assert grad("x**2", {"x": 3}).verdict.value == "agree"


def test_wait_for_another_thread_s_question_is_not_counted():
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(grad("x**2", {"x": 3}, timeout=0.5)))

    def hold() -> None:
        thread.start()
        time.sleep(0.6)
        assert not done

    alone(hold)
    thread.join()
    assert done[0].verdict.value == "agree"


@pytest.mark.parametrize("outer", [contextlib.nullcontext, torch.no_grad])
@pytest.mark.parametrize("inner", [contextlib.nullcontext, torch.no_grad])
def test_question_within_a_question_is_answered(outer, inner):
    def ask() -> Report:
        with inner():
            return grad("x**2", {"x": 3})

    with outer():
        assert alone(ask).verdict.value == "agree"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads
def test_child_that_was_forked_during_a_question_has_its_turn():
    entered, over = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        over.wait(30)

    thread = threading.Thread(target=alone, args=(hold,))
    thread.start()
    entered.wait(30)
    child = os.fork()
    if not child:
        signal.alarm(20)
        alone(lambda: os._exit(0))
    over.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
