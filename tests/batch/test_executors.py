"""Executors: a cluster answers as this machine does, and says so if it cannot."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, Future
from types import SimpleNamespace

import pytest

from gradcalc.base.errors import GradcalcError
from gradcalc.base.options import Options
from gradcalc.batch import executors
from gradcalc.batch.executors import cluster
from gradcalc.batch.jobs import Job

JOB = Job(Options(thorough=False))


@pytest.mark.parametrize(
    ("address", "message", "hint"),
    [
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9: ", "dask scheduler"),
        ("tcp://no.invalid:9", "no Dask scheduler answers at tcp://no.invalid:9", "dask scheduler"),
        ("127.0.0.1:9", "--scheduler 127.0.0.1:9 is no address", "tcp://127.0.0.1:8786"),
        ("tcp://127.0.0.1", "--scheduler tcp://127.0.0.1 is no address", "tcp://127.0.0.1:8786"),
        ("tcp://[::1:9", "--scheduler tcp://[::1:9 is no address", "tcp://127.0.0.1:8786"),
        ("", "--scheduler '' is no address", "tcp://127.0.0.1:8786"),
        ("http://127.0.0.1:9", "--scheduler http://127.0.0.1:9 is no address", "tcp://127.0.0.1"),
        (f"tcp://{'a' * 100}:9", "no Dask scheduler answers at", "dask scheduler"),
        ("tcp://a:99999", "--scheduler tcp://a:99999 is no address", "tcp://127.0.0.1:8786"),
    ],
)
def test_scheduler_that_cannot_be_reached_is_a_clear_error(address, message, hint):
    started = time.monotonic()
    with pytest.raises(GradcalcError) as refused, cluster(address, JOB):
        pass
    assert refused.value.message.startswith(message)
    assert hint in refused.value.hint
    assert time.monotonic() - started < 8


def test_server_that_says_nothing_or_something_else_is_no_scheduler(monkeypatch):
    monkeypatch.setattr(executors, "_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(GradcalcError, match=r"no Dask scheduler answers at .*: timed out"):
            executors._check_reachable(address)
        connection, _ = server.accept()
        connection.close()

        for said, why in (
            (b"", "the connection was closed"),
            (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "another server does"),
            (b"\0" * 5000, "another server does"),
        ):

            def speak(said=said):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(said)

            thread = threading.Thread(target=speak)
            thread.start()
            with pytest.raises(GradcalcError, match=f"no Dask scheduler answers at .*: {why}"):
                executors._check_reachable(address)
            thread.join()


def test_empty_address_is_no_run_on_this_machine(run):
    code, out, err = run("batch", "--scheduler", "", stdin="x --at x=1")
    assert (code, out) == (2, "")
    assert err.startswith("error: --scheduler '' is no address\n")


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(GradcalcError) as refused, cluster("tcp://127.0.0.1:9", JOB):
        pass
    assert refused.value.message == "--scheduler needs Dask"
    assert refused.value.hint == "pip install gradcalc[dask]"


def test_cluster_and_processes_exclude_each_other(run):
    code, _, err = run("batch", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:9", stdin="x")
    assert (code, err.splitlines()[0]) == (2, "error: a cluster has its own number of processes")


# --- A real cluster -------------------------------------------------------------------------------

CLUSTER = """
import os, sys
from distributed import Client, LocalCluster
if __name__ == "__main__":
    nodes = int(sys.argv[1])
    with LocalCluster(n_workers=nodes, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            print(cluster.scheduler_address, *client.run(os.getpid).values(), flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def started(tmp_path):
    """Start a cluster; give its address, the ids of its nodes' processes, and what runs it."""
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    running = []

    def start(nodes):
        process = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, script, str(nodes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        address, *pids = process.stdout.readline().split()
        return address, [int(pid) for pid in pids], process

    yield start
    for process in running:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def batch(address, text):
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "gradcalc", "batch", "--scheduler", address, "--format", "jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fed(process, text):
    """Feed a process while its output is read."""

    def feed():
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(text)
            process.stdin.close()

    threading.Thread(target=feed, daemon=True).start()


@pytest.mark.slow
def test_lines_of_a_node_that_is_killed_are_answered_once_in_order(started):
    address, pids, _ = started(2)
    count = 400
    text = "".join(f"sin({k}*x)*y --at x=0.5,y={k}\n" for k in range(count)) + "x +\n"
    with batch(address, text) as process:
        fed(process, text)
        lines = []
        for line in process.stdout:
            lines.append(json.loads(line))
            if len(lines) == 40:
                os.kill(pids[0], signal.SIGKILL)
        err = process.stderr.read()
    assert [answer["line"] for answer in lines] == list(range(1, count + 2))
    assert {answer["verdict"] for answer in lines[:-1]} == {"agree"}
    assert process.returncode == 2
    assert f"401 lines: {count} agree (all proved), 1 error in " in err
    assert "Traceback" not in err


def test_chunk_that_the_scheduler_never_got_is_given_up():
    lost, done, over = Future(), Future(), threading.Event()
    done.set_result(1)
    client = SimpleNamespace(status="connecting")
    watch = threading.Thread(target=executors._watch, args=(client, {lost, done}, over))
    watch.start()
    with pytest.raises(CancelledError):
        lost.result(10)
    over.set()
    watch.join()
    executors._hand_on([], len, lost, done)  # too late, and no error
    assert done.result() == 1


def test_records_that_a_node_did_not_get_to_are_left():
    delivered, promised, done = [], Future(), Future()
    done.set_result((["a", "b"], 1.0))
    left = executors._hand_on([1, 2, 3], delivered.extend, promised, done)
    assert (left, delivered, promised.done()) == ([3], ["a", "b"], False)
    assert executors._hand_on([1, 2], delivered.extend, promised, done) == ()
    assert promised.result() == 1.0


@pytest.mark.slow
def test_cluster_that_ends_or_has_no_nodes_is_a_clear_error(started):
    address, _, _ = started(0)
    with batch(address, "") as process:
        _, err = process.communicate("x --at x=1\n", timeout=60)
    assert process.returncode == 2
    assert err.startswith(f"error: the scheduler at {address} has no workers\n")
    address, _, runs = started(1)
    text = "".join(f"sin({k}*x)*y --at x=0.5,y={k}\n" for k in range(5000))
    with batch(address, text) as process:
        fed(process, text)
        assert json.loads(process.stdout.readline())["line"] == 1
        os.killpg(runs.pid, signal.SIGKILL)
        process.stdout.read()
        err = process.stderr.read()
    assert process.returncode == 2
    assert err.startswith(f"error: the scheduler at {address} is gone\n  = help: ")
    assert "Traceback" not in err
