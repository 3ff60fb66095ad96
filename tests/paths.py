"""The three paths on which a question is answered: grad, batch and sweep.

In: a program of numbers, a point, options of `grad`. Out: a verdict, and what is said with it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from gradcalc import grad
from gradcalc.base.options import Options
from gradcalc.batch.answers import answers
from gradcalc.batch.records import read
from gradcalc.language.parser import parse
from gradcalc.sweep.sweep import Sweep


class Said(NamedTuple):
    """A verdict and its notes."""

    verdict: str
    notes: str


def by_grad(text: str, at: Mapping[str, float], **options: Any) -> Said:
    return said(grad(text, dict(at), timeout=30, **options))


def by_batch(text: str, at: Mapping[str, float], **options: Any) -> Said:
    record = {"expression": text, "at": dict(at), **options}
    (report,) = batch([record])
    assert report.error is None, report.error
    return said(report)


def batch(records: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The reports on records of JSON."""
    lines = "\n".join(map(json.dumps, records)).encode()
    return list(answers(read(io.BytesIO(lines), None), Options(thorough=False, timeout=30)))


def by_sweep(text: str, at: Mapping[str, float], **options: Any) -> Said:
    (said,) = sweep(text, [at], **options)
    return said


def sweep(
    text: str, points: list[Mapping[str, float]], *, wrt: str = "", **options: Any
) -> list[Said]:
    """What a sweep says at each point."""
    names = list(points[0])
    variables = tuple(wrt.split(",")) if wrt else None
    asked = Options(thorough=False, timeout=30, wrt=variables, **options)
    made = Sweep(parse(text, variables=set(names)), names, {}, asked)
    chunk = [np.array([float(point[name]) for point in points]) for name in names]
    (table,) = made.tables([chunk])
    agreed = ("agree", "")
    return [Said(*map(str, table.findings.get(place, agreed))) for place in range(len(points))]


PATHS: dict[str, Callable[..., Said]] = {"grad": by_grad, "batch": by_batch, "sweep": by_sweep}


def said(report: Any) -> Said:
    notes = [entry.note for entry in report.entries] + [
        report.value_check and report.value_check.note
    ]
    return Said(str(report.verdict), "; ".join(note for note in notes if note))
