"""One question at a time, and the same answer whatever the caller has set in torch.

In: a question. Out: its answer, found alone and with torch's settings as torch starts with;
afterwards they are the caller's again. What torch keeps for each thread (whether gradients are
wanted, autocast, modes, hooks, transforms) is left behind by asking in another thread; what it
keeps for all is set back for a while. sympy calculates in the caller's context of mpmath, at
precisions of its own; balls have theirs, see `functions.precision`. Random numbers come from
generators of their own; the default dtype counts nowhere.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from gradcalc.base.deadline import in_thread
from gradcalc.functions import torch

_Answer = TypeVar("_Answer")

#: Who has it may ask.
_turn = threading.Lock()


class _Mine(threading.local):
    """Whether this thread has its turn; it may ask again, as a finalizer of its may."""

    turn = False


_mine = _Mine()


def _renew() -> None:
    """In a child that was forked while another thread had its turn: that thread is not there."""
    global _turn  # noqa: PLW0603 - there is one for all
    _turn = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def alone(ask: Callable[[], _Answer]) -> _Answer:
    """Wait until no other thread asks, and ask as if the caller had set nothing."""
    with contextlib.nullcontext() if _mine.turn else _turn:
        if "torch" not in sys.modules or _kept_for_thread() == _kept_for_new_thread():
            return _in_turn(ask)
        return in_thread(functools.partial(_in_turn, ask))


def _in_turn(ask: Callable[[], _Answer]) -> _Answer:
    before, _mine.turn = _mine.turn, True
    try:
        with contextlib.ExitStack() as undone:
            if "mpmath" in sys.modules:
                # A time limit may end sympy while it calculates with more digits.
                theirs = sys.modules["mpmath"].mp
                undone.callback(setattr, theirs, "prec", theirs.prec)
            if "torch" in sys.modules:
                _set_back(undone)
            return ask()
    finally:
        _mine.turn = before


def _kept_for_thread() -> tuple[object, ...]:
    """What torch keeps for this thread that may count in an answer."""
    kept = torch._C  # noqa: SLF001 - torch tells it nowhere else
    # torch before 2.8 does not tell whether there are hooks, so there may be some.
    hooks = getattr(kept._autograd, "_top_saved_tensors_default_hooks", lambda _: object())  # noqa: SLF001
    return (
        torch.is_grad_enabled(),
        torch.jit.is_tracing(),
        kept._is_torch_function_enabled(),  # noqa: SLF001
        kept._len_torch_function_stack(),  # noqa: SLF001 - a default device is one of them
        # Of inference mode, autocast, modes that dispatch, and transforms such as vmap.
        kept._dispatch_tls_local_include_set().raw_repr(),  # noqa: SLF001
        kept._dispatch_tls_local_exclude_set().raw_repr(),  # noqa: SLF001
        kept._is_view_replay_enabled(),  # noqa: SLF001 - it changes the graph
        hooks(True),  # noqa: FBT003 - by place only
    )


@functools.cache
def _kept_for_new_thread() -> tuple[object, ...]:
    return in_thread(_kept_for_thread)


def _set_back(undone: contextlib.ExitStack) -> None:
    """Set what torch keeps for all to what it is at its start; little of it ever is another."""
    if torch.is_anomaly_enabled():
        undone.enter_context(torch.autograd.set_detect_anomaly(mode=False))
    if torch.get_deterministic_debug_mode():
        undone.callback(torch.set_deterministic_debug_mode, torch.get_deterministic_debug_mode())
        torch.set_deterministic_debug_mode(0)
    if sys.float_info.min / 2 == 0:  # torch does not say so; a new thread has it from its maker
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
