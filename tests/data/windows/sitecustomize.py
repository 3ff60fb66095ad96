"""Hides from gradcalc, in this process and in its workers, what Python has only on Unix.

The libraries keep it: on Windows they have other ways.
"""

import builtins
import multiprocessing
import os
import pathlib
import signal
import sys

MODULES = {"fcntl", "grp", "multiprocessing.forkserver", "pwd", "resource", "termios"}
SIGNALS = ("SIGALRM", "setitimer", "getitimer", "ITIMER_REAL", "pthread_sigmask", "SIGHUP")
CALLS = ("fork", "getuid", "geteuid", "killpg", "sched_getaffinity")

found = builtins.__import__
exists = pathlib.Path.exists


def hidden(name, globals=None, locals=None, fromlist=(), level=0):
    """Import a module, unless gradcalc asks for one that is not there."""
    asking = (globals or {}).get("__name__", "")
    names = {name, *(f"{name}.{part}" for part in fromlist or ())}
    if asking.startswith("gradcalc") and MODULES & names:
        raise ImportError(f"no module {name} on this system")
    return found(name, globals, locals, fromlist, level)


builtins.__import__ = hidden
for name in SIGNALS:
    delattr(signal, name)
for name in CALLS:
    delattr(os, name)
multiprocessing.get_all_start_methods = lambda: ["spawn"]
pathlib.Path.exists = lambda path: not str(path).startswith("/proc") and exists(path)
sys.unixless = True
