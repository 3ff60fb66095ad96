"""What the fork server imports once, so that every worker of a batch has it from the start.

In: nothing. Out: torch, sympy and gradcalc in memory, and no output: a worker answers through its
pipe, and what a C library prints before it gives up is not the user's to read. (Nor must a reader
of gradcalc's output wait until a process that never writes has ended.)
"""

from __future__ import annotations

import contextlib
import os

with open(os.devnull, "wb") as _nowhere:  # noqa: PTH123 - pathlib is one more import
    for _stream in (1, 2):
        os.dup2(_nowhere.fileno(), _stream)

from gradcalc.autograd import autodiff  # noqa: F401
from gradcalc.base.errors import GradcalcError
from gradcalc.batch import jobs  # noqa: F401
from gradcalc.batch.answers import leave_libraries_alone
from gradcalc.judging import claims, verdicts  # noqa: F401

# Where there is no memory for a library, each worker finds that out, and can say it.
with contextlib.suppress(GradcalcError, MemoryError):
    leave_libraries_alone()
