"""gradcalc: gradients by calculus and by autograd, and a verdict on whether they agree."""

from __future__ import annotations

# As in typing, whose import takes as long as all of Python's start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gradcalc.ask.calculate import grad
    from gradcalc.base.errors import GradcalcError
    from gradcalc.results.report import Report, Verdict

__version__ = "0.1.0"
__all__ = ["GradcalcError", "Report", "Verdict", "__version__", "grad"]

_HOMES = {
    "grad": "gradcalc.ask.calculate",
    "GradcalcError": "gradcalc.base.errors",
    "Report": "gradcalc.results.report",
    "Verdict": "gradcalc.results.report",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are asked for, so that the command line starts fast."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
