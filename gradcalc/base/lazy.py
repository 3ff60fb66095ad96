"""Modules that are imported when first used.

torch and sympy take most of a second each to import; help, listings and errors need neither.
`importlib.util.LazyLoader` is no alternative: it enters the module in `sys.modules` at once, and
tools that look there (sympy among them) then import it all the same.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import math
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Leave the garbage alone for a while.

    An import makes much that stays; looking through it again and again is a tenth of the time that
    importing torch and sympy takes.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class LazyModule:
    """Stands in for a module; imports it when an attribute is first asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        with warnings.catch_warnings(), _no_collection():
            # torch warns once on import if NumPy, which it can do without, is not installed.
            warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
            value = getattr(self._imported(), attribute)
        # Kept, so that the next look-up is an ordinary one.
        setattr(self, attribute, value)
        return value

    def _imported(self) -> ModuleType:
        """The module.

        Raises:
            GradcalcError: If it cannot be loaded, as with too little memory for it.
        """
        try:
            if self._name == "torch" and _address_space() < limits.LIBRARY_MEMORY:
                raise MemoryError  # noqa: TRY301 - as the import itself may
            return importlib.import_module(self._name)
        except (ImportError, OSError, MemoryError) as problem:
            why = str(problem) or "there is too little memory"
            raise GradcalcError(
                Kind.LIMIT,
                f"{self._name} cannot be loaded: {why}",
                hint="it takes about a gigabyte of memory; `ulimit -v` shows what may be taken",
            ) from None


def _address_space() -> float:
    """The bytes of memory that this process may name."""
    try:
        import resource
    except ImportError:  # on Windows
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return math.inf if soft == resource.RLIM_INFINITY else soft


def arrow_parquet() -> Any:
    """Pyarrow's module for Parquet files.

    Raises:
        GradcalcError: If it is not installed.
    """
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise GradcalcError(
            Kind.USAGE,
            "Parquet files need pyarrow, which is not installed",
            hint='pip install "gradcalc[parquet]", or use a .csv or .npy file',
        ) from None
