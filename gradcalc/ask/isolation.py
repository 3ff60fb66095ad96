"""One question at a time, and the same answer whatever the caller has set in torch.

In: nothing. Out: a block that runs alone, with torch's settings as torch starts with; afterwards
they are the caller's again. mpmath has a context of its own (see `lazy`), and random numbers come
from generators of their own; the default dtype counts nowhere.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

from gradcalc.functions import mp, torch

#: Whose turn it is. A thread may ask again within a question, as a finalizer of its may.
_turn = threading.RLock()


def _renew() -> None:
    """In a child that was forked while another thread had its turn: that thread is not there."""
    global _turn  # noqa: PLW0603 - there is one for all
    _turn = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other thread asks, and calculate as if the caller had set nothing."""
    with _turn, contextlib.ExitStack() as undone:
        if "mpmath" in sys.modules:
            # A time limit may end what calculates with more digits, sympy in the caller's context.
            theirs = sys.modules["mpmath"].mp
            undone.callback(setattr, theirs, "prec", theirs.prec)
            undone.callback(setattr, mp.mp, "prec", mp.mp.prec)
        if "torch" in sys.modules:
            _set_back(undone)
        yield


def _set_back(undone: contextlib.ExitStack) -> None:
    """Set torch's modes to what they are at its start; few of them ever are another."""
    if torch.is_inference_mode_enabled():
        undone.enter_context(torch.inference_mode(mode=False))
    if not torch.is_grad_enabled():
        undone.enter_context(torch.enable_grad())
    if torch.is_anomaly_enabled():
        undone.enter_context(torch.autograd.set_detect_anomaly(mode=False))
    if torch.get_default_device().type != "cpu":
        undone.enter_context(torch.device("cpu"))
    if torch.is_autocast_enabled("cpu"):
        undone.enter_context(torch.autocast("cpu", enabled=False))
    if torch.get_deterministic_debug_mode():
        undone.callback(torch.set_deterministic_debug_mode, torch.get_deterministic_debug_mode())
        torch.set_deterministic_debug_mode(0)
    if sys.float_info.min / 2 == 0:  # torch does not say so
        undone.callback(torch.set_flush_denormal, True)  # noqa: FBT003 - by place only
        torch.set_flush_denormal(False)
    if torch.get_float32_matmul_precision() != "highest":
        undone.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        torch.set_float32_matmul_precision("highest")


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread, as the workers of a batch do.

    With more, it adds up the entries of a large tensor in another order; the answer would depend on
    the machine.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
