"""The time limit: it stops what is under way, and leaves no trace."""

from __future__ import annotations

import contextlib
import importlib
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from gradcalc.base.deadline import _AGAIN, TimeUp, in_thread, time_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Far more than any limit here, far less than a test may take.
LONG = 5.0


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Check that handler and timer are afterwards as they were."""
    handler = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.fixture(params=["timer", "watcher"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system's timer ring, and then a thread as where there is no such timer."""
    if request.param == "watcher":
        monkeypatch.setattr("gradcalc.base.deadline._timer_is_ours", lambda: False)


def busy(seconds: float) -> bool:
    """Calculate for so long; return whether nobody interrupted."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(100))
    return True


def stubborn() -> None:
    """Take every `Exception` for a failure of one's own, as libraries do."""
    try:
        busy(LONG)
    except Exception:  # noqa: BLE001 - the point of the test
        busy(LONG)


def test_limit_interrupts_a_call_that_waits() -> None:
    start = time.monotonic()
    with pytest.raises(TimeUp), time_limit(0.05):
        time.sleep(LONG)
    assert time.monotonic() - start < LONG / 2


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("work", [lambda: busy(LONG), stubborn])
def test_limit_interrupts(work) -> None:
    start = time.monotonic()
    with pytest.raises(TimeUp), time_limit(0.05):
        work()
    assert time.monotonic() - start < LONG / 2


@pytest.mark.usefixtures("each_way")
def test_limit_within_a_finalizer_says_nothing_and_rings_again(capsys) -> None:
    class Slow:
        def __del__(self) -> None:
            busy(0.2)

    def work() -> None:
        Slow()
        busy(LONG)

    start = time.monotonic()
    with pytest.raises(TimeUp), time_limit(0.05):
        work()
    assert 0.05 + _AGAIN / 2 < time.monotonic() - start < LONG / 2
    assert capsys.readouterr().err == ""


def test_limits_that_end_in_any_order_leave_the_hook_of_finalizers(monkeypatch) -> None:
    monkeypatch.setattr("gradcalc.base.deadline._timer_is_ours", lambda: False)
    hook = sys.unraisablehook
    first, second = time_limit(100), time_limit(100)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.unraisablehook is not hook  # the second is on
    second.__exit__(None, None, None)
    assert sys.unraisablehook is hook


@pytest.mark.usefixtures("each_way")
def test_limit_lets_an_import_end(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(0.2); whole = True")

    def work() -> None:
        importlib.import_module("slow_to_import")
        busy(LONG)

    with pytest.raises(TimeUp), time_limit(0.02):
        work()
    assert sys.modules.pop("slow_to_import").whole


@pytest.mark.usefixtures("each_way")
def test_limit_within_an_import_is_kept(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "asks_at_import.py").write_text(
        "from gradcalc.base.deadline import TimeUp, time_limit\n"
        "try:\n    with time_limit(0.02):\n        while True: pass\nexcept TimeUp: ended = True\n"
    )
    assert importlib.import_module("asks_at_import").ended
    del sys.modules["asks_at_import"]


def test_thread_of_its_own_gives_what_the_work_gives() -> None:
    caller = threading.get_ident()
    assert in_thread(threading.get_ident) != caller
    with pytest.raises(ZeroDivisionError):
        in_thread(lambda: 1 // 0)


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("seconds", [None, 1.0, 1e6, 1e12, float("inf")])
def test_block_within_limit_runs_through(seconds: float | None) -> None:
    with time_limit(seconds):
        finished = busy(0.01)
    assert finished


def test_no_limit_sets_no_timer() -> None:
    with time_limit(None):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_limit_sets_the_timer() -> None:
    with time_limit(100):
        assert 99 < signal.getitimer(signal.ITIMER_REAL)[0] <= 100


@pytest.mark.usefixtures("each_way")
def test_error_in_block_ends_the_limit() -> None:
    with pytest.raises(ZeroDivisionError), time_limit(100):
        raise ZeroDivisionError


def test_own_handler_is_restored() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _frame: rung.append(number))
    try:
        with pytest.raises(TimeUp), time_limit(0.02):
            busy(LONG)
        signal.raise_signal(signal.SIGALRM)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert rung == [signal.SIGALRM]


def test_limits_hold_in_many_threads_at_once() -> None:
    def work(_: int) -> float:
        start = time.monotonic()
        with contextlib.suppress(TimeUp), time_limit(0.05):
            busy(LONG)
        return time.monotonic() - start

    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(work, range(8)))
    assert 0.05 <= min(taken) <= max(taken) < LONG / 2
    assert not [t for t in threading.enumerate() if t.name.startswith("gradcalc")]


def test_caller_s_timer_goes_on_within_a_limit_and_after_it() -> None:
    rung: list[float] = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.03)
        with pytest.raises(TimeUp), time_limit(0.1):
            busy(LONG)
        within = len(rung)
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        busy(0.05)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert within >= 2
    assert len(rung) > within
    assert 0 < left <= 0.03
    assert interval == pytest.approx(0.03, abs=0.001)


@pytest.mark.usefixtures("each_way")
def test_inner_limit_interrupts_the_inner_block_alone() -> None:
    after = False
    with time_limit(100):
        with pytest.raises(TimeUp), time_limit(0.02):
            busy(LONG)
        after = busy(0.05)
    assert after


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("inner", [None, 0.02, 100.0])
def test_outer_limit_holds_in_and_after_the_inner_block(inner: float | None) -> None:
    def work() -> None:
        with contextlib.suppress(TimeUp), time_limit(inner):
            busy(0.04)
        busy(LONG)

    start = time.monotonic()
    with pytest.raises(TimeUp), time_limit(0.1):
        work()
    assert time.monotonic() - start < LONG / 2


def test_time_up_is_no_exception() -> None:
    assert not issubclass(TimeUp, Exception)


@pytest.mark.usefixtures("each_way")
def test_many_limits_leave_neither_timer_nor_handler_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    source = random.Random(0)
    rings = 0
    for _ in range(100):
        try:
            with time_limit(source.uniform(0.0005, 0.003)):
                try:
                    with time_limit(source.uniform(0.0005, 0.002)):
                        while True:
                            pass
                except TimeUp:
                    rings += 1
        except TimeUp:
            rings += 1
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        assert signal.getsignal(signal.SIGALRM) is before
    assert rings >= 100


@pytest.mark.usefixtures("each_way")
def test_limit_of_the_processor_does_not_count_waiting() -> None:
    with time_limit(0.1, of_processor=True):
        time.sleep(0.3)
    with pytest.raises(TimeUp), time_limit(0.1, of_processor=True):
        busy(LONG)


@pytest.mark.usefixtures("each_way")
def test_limit_around_one_of_the_processor_counts() -> None:
    with pytest.raises(TimeUp), time_limit(0.1), time_limit(LONG, of_processor=True):
        busy(LONG)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_left_is_time_up(seconds: float) -> None:
    with pytest.raises(TimeUp), time_limit(seconds):
        busy(LONG)
