"""JSON: one readable object for each report, as the interface promises it to scripts.

In: a `Report`. Out: strict JSON in ASCII: whatever the terminal's or the pipe's encoding is, it
arrives, and no control character or bidirectional override of the user's comes through raw.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcalc.report import Claim, Entry, Report

#: Rises when a field changes its meaning; new fields may come without.
SCHEMA = 1


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report as one indented JSON object."""
    return json.dumps(report_object(report), indent=2, allow_nan=False) + "\n"


def report_object(report: Report) -> dict[str, object]:
    """Return a report as `json.dumps` takes it, its fields in the documented order."""
    batch = {} if report.line is None else {"id": _plain(report.id), "line": report.line}
    return {
        "schema": SCHEMA,
        **batch,
        "expression": report.expression,
        "canonical": report.canonical,
        "bindings": {name: _plain(value) for name, value in report.bindings},
        "dtype": report.dtype,
        "value": _plain(report.value),
        "verdict": report.verdict,
        "gradients": [{"wrt": entry.wrt[0], **_entry(entry)} for entry in report.gradients],
        "hessian": [{"wrt": list(entry.wrt), **_entry(entry)} for entry in report.hessian],
        "tensors": [
            {
                "name": row.name,
                "shape": list(row.shape),
                "is_leaf": row.is_leaf,
                "requires_grad": row.requires_grad,
                "retains_grad": row.retains_grad,
                "grad_fn": row.grad_fn,
                "grad": _plain(row.grad),
            }
            for row in report.tensors
        ],
        "graph": [
            {
                "id": node.id,
                "grad_fn": node.grad_fn,
                "source": node.source,
                "inputs": list(node.inputs),
            }
            for node in report.graph
        ],
        **({"claims": [_claim(claim) for claim in report.claims]} if report.claims else {}),
        "warnings": list(report.warnings),
        "error": _error(report),
    }


def _claim(claim: Claim) -> dict[str, object]:
    example = claim.counterexample
    return {
        "wrt": claim.wrt,
        "claim": claim.claim,
        "correct": claim.correct,
        "proof": claim.proof,
        "counterexample": example
        and {
            "at": {name: _plain(value) for name, value in example.at},
            "claimed": _plain(example.claimed),
            "derivative": _plain(example.derivative),
        },
        "diagnosis": claim.diagnosis,
    }


def _entry(entry: Entry) -> dict[str, object]:
    return {
        "formula": entry.formula,
        "symbolic": _plain(entry.symbolic),
        "autograd": _plain(entry.autograd),
        "limit": _plain(entry.limit),
        "ulps": _plain(entry.ulps),
        "verdict": entry.verdict,
        "blame": entry.blame,
        "note": entry.note,
    }


def _error(report: Report) -> dict[str, object] | None:
    error = report.error
    if error is None:
        return None
    return {
        "kind": error.kind,
        "message": error.message,
        # Of a batch record, its line in the file: the one that an editor should jump to.
        "line": error.line if report.line is None else report.line,
        "column": error.column,
        "hint": error.hint,
    }


def _plain(value: object) -> object:
    """Return the value with non-finite floats written as strings, which strict JSON lacks.

    A record's id is any JSON value, and Python's reader lets NaN into one.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
