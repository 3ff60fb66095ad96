"""JSON lines: the objects of `render.json`, each on a line of its own, for batches and pipes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gradcalc.render.json import report_object

if TYPE_CHECKING:
    from gradcalc.results.report import Report

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report as one line of JSON."""
    return _encode(report_object(report)) + "\n"
