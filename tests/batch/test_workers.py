"""Workers: what hangs, dies or takes all memory there costs one call, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import forkserver
from pathlib import Path

import misbehaviour
import pytest

from gradcalc.batch.workers import Lost, Workers, start_server


@pytest.fixture(scope="module")
def workers():
    start_server("gradcalc.batch.preloaded")
    lent = Workers(misbehaviour.nothing)
    yield lent
    lent.close()


def results(workers, seconds, function, *arguments):
    with workers.lent() as worker:
        return list(worker.results(seconds, function, *arguments))


def alive(pid):
    # The process may end between any two of these lines, and while its file is read.
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    return False


def test_worker_yields_results_and_is_used_again(workers):
    assert results(workers, 5, misbehaviour.count, 3) == [0, 1, 2]
    first = results(workers, 5, misbehaviour.process)
    assert results(workers, 5, misbehaviour.process) == first != [os.getpid()]


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (misbehaviour.hang, (), "was stopped after 0.5 s"),
        (misbehaviour.die, (signal.SIGKILL,), "ended its process, by SIGKILL"),
        (misbehaviour.die, (signal.SIGSEGV,), "ended its process, by SIGSEGV"),
        (misbehaviour.leave, (7,), "ended its process, with exit code 7"),
        (misbehaviour.exhaust, (), "failed: MemoryError: "),
        (misbehaviour.fail, (), "failed: ZeroDivisionError: by nothing"),
    ],
    ids=["hang", "SIGKILL", "SIGSEGV", "exit", "memory", "error"],
)
def test_call_that_does_not_end_well_is_lost_and_the_next_one_is_done(
    workers, function, arguments, message
):
    seconds = 0.5 if function is misbehaviour.hang else 20
    (before,) = results(workers, 5, misbehaviour.process)
    with pytest.raises(Lost) as lost:
        results(workers, seconds, function, *arguments)
    assert str(lost.value) == message
    (after,) = results(workers, 5, misbehaviour.process)
    assert after != before
    assert not alive(before)


def test_idle_worker_that_is_killed_is_replaced(workers):
    (pid,) = results(workers, 5, misbehaviour.process)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Lost, match="by SIGKILL"):
        results(workers, 5, misbehaviour.count, 1)
    assert results(workers, 5, misbehaviour.count, 1) == [0]


def test_time_is_that_of_one_result_each(workers):
    assert results(workers, 1.0, misbehaviour.slowly, 0.4, 4) == [0, 1, 2, 3]
    with pytest.raises(Lost, match=r"stopped after 0\.3 s"):
        results(workers, 0.3, misbehaviour.slowly, 10, 1)


def test_results_do_not_wait_for_the_next_one(workers):
    began = time.monotonic()
    with workers.lent() as worker:
        messages = worker.messages(20, misbehaviour.slowly, 0.001, 3, 2)
        received = []
        while len(received) < 3:
            received += next(messages)
        assert (received, time.monotonic() - began < 1.5) == ([0, 1, 2], True)
        assert list(messages) == [[]]


def test_results_that_came_before_the_process_was_lost_are_kept(workers):
    received = []

    def call():
        with workers.lent() as worker:
            for result in worker.results(0.5, misbehaviour.slowly, 0.1, 3, 10):
                received.append(result)  # noqa: PERF402 - it is read after the call has failed

    with pytest.raises(Lost):
        call()
    assert received == [0, 1, 2]


def test_closing_ends_calls_that_are_under_way():
    start_server("gradcalc.batch.preloaded")
    workers = Workers(misbehaviour.nothing)
    lost = []

    def call():
        with pytest.raises(Lost) as problem:
            results(workers, 60, misbehaviour.hang)
        lost.append(str(problem.value))

    (pid,) = results(workers, 5, misbehaviour.process)
    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.3)
    workers.close()
    thread.join(5)
    assert lost == ["ended its process, by SIGKILL"]
    assert not alive(pid)
    with pytest.raises(Lost, match="given up"):
        results(workers, 5, misbehaviour.process)


ORPHANS = """
import sys, time
sys.path.insert(0, {tests!r})
import misbehaviour
from gradcalc.batch.workers import Workers, start_server
if __name__ == "__main__":
    start_server("misbehaviour")
    workers = Workers(misbehaviour.nothing)
    with workers.lent() as idle, workers.lent() as busy:
        print(*idle.results(5, misbehaviour.process), *busy.results(5, misbehaviour.process))
        sys.stdout.flush()
        list(busy.results(100, misbehaviour.slowly, 100, 1))
"""


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS.format(tests=str(Path(__file__).parents[1])))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) as parent:  # noqa: S603 - our own code
        assert parent.stdout
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    until = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def test_fork_server_finds_no_modules_in_the_directory_of_the_user(tmp_path, monkeypatch):
    # As pip's script for the command does: its own directory is searched, not the user's.
    script = tmp_path / "bin" / "gradcalc"
    script.parent.mkdir()
    script.write_text("from gradcalc.cli import main\nif __name__ == '__main__':\n    main()\n")
    (tmp_path / "random.py").write_text("open('ran', 'w')\nraise SystemExit\n")
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, script, "batch", "--format", "csv"],
        input="x --at x=1\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.splitlines()[1:]) == (
        0,
        ["1,,x,x,1,1.0,1.0,,0,agree,,,,true"],
    )
    assert not (tmp_path / "ran").exists()


def test_stopped_fork_server_is_not_waited_for():
    start_server("gradcalc.batch.preloaded")
    lent = Workers(misbehaviour.nothing)
    with lent.lent() as worker:
        server = forkserver._forkserver._forkserver_pid  # nothing public says so
        os.kill(server, signal.SIGSTOP)
        worker.kill()
        os.kill(server, signal.SIGSTOP)
        lent.close()
        results(lent := Workers(misbehaviour.nothing), 60, misbehaviour.count, 3)
