"""JSON: one readable object for each report, as the interface promises it to scripts.

In: a `Report`. Out: strict JSON in ASCII: whatever the terminal's or the pipe's encoding is, it
arrives, and no control character or bidirectional override of the user's comes through raw.
"""

from __future__ import annotations

import json
import math
from itertools import product
from typing import TYPE_CHECKING

from gradcalc.results.report import Verdict

if TYPE_CHECKING:
    from gradcalc.results.report import Claim, Derivative, Report, ValueCheck

#: Rises when a field changes its meaning; new fields may come without.
SCHEMA = 1

#: A tensor of at most so many characters stands on one line.
_SHORT = 80

_encode = json.JSONEncoder(allow_nan=False).encode


def report(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report as one indented JSON object."""
    return _spread(report_object(report)) + "\n"


def report_object(report: Report) -> dict[str, object]:
    """Return a report as `json.dumps` takes it, its fields in the documented order.

    A tensor's shape and numbers are tuples, all other sequences are lists.
    """
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
        "gradients": [{"wrt": block.wrt[0], **_derivative(block)} for block in report.gradients],
        "hessian": [{"wrt": list(block.wrt), **_derivative(block)} for block in report.hessian],
        **({"left_out": report.left_out} if report.left_out else {}),
        "tensors": [{**row._asdict(), "grad": _plain(row.grad)} for row in report.tensors],
        "graph": [{**node._asdict(), "inputs": list(node.inputs)} for node in report.graph],
        "value_check": _value_check(report.value_check),
        **({"claims": [_claim(claim) for claim in report.claims]} if report.claims else {}),
        "warnings": list(report.warnings),
        "error": _error(report),
    }


def _value_check(check: ValueCheck | None) -> dict[str, object] | None:
    return check and {name: _plain(value) for name, value in check._asdict().items()}


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


def _derivative(derivative: Derivative) -> dict[str, object]:
    # Of a scalar, the entry speaks for the whole.
    of = derivative if derivative.shape else derivative.entries[0]
    fields = {
        "formula": of.formula,
        "symbolic": _plain(of.symbolic),
        "autograd": _plain(of.autograd),
        "limit": _plain(of.limit),
        "ulps": _plain(of.ulps),
        "verdict": of.verdict,
        "proved": of.proved,
        "blame": of.blame,
        "note": of.note,
    }
    if not derivative.shape:
        return fields
    indices = product(*map(range, derivative.shape))  # the last moves fastest
    return fields | {
        "shape": derivative.shape,
        # Their places are what one looks for in a large tensor.
        "findings": [
            {
                "index": index,
                "verdict": entry.verdict,
                "proved": entry.proved,
                "blame": entry.blame,
                "note": entry.note,
            }
            for index, entry in zip(indices, derivative.entries, strict=True)
            if entry.verdict is not Verdict.AGREE
        ],
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
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, tuple):
        return tuple([_plain(item) for item in value])
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _spread(value: object, margin: str = "\n") -> str:
    """Return what `json.dumps` does with an indent of 2, but with tuples on few lines.

    A tuple stands on one line if it is short; else each of a tensor's rows does.
    """
    deeper = f"{margin}  "
    if isinstance(value, dict) and value:
        items = [f"{_encode(key)}: {_spread(item, deeper)}" for key, item in value.items()]
        return f"{{{deeper}{f',{deeper}'.join(items)}{margin}}}"
    if isinstance(value, tuple):
        text = _encode(value)
        if len(text) <= _SHORT or not isinstance(value[0], tuple):
            return text
    if isinstance(value, list | tuple) and value:
        items = [_spread(item, deeper) for item in value]
        return f"[{deeper}{f',{deeper}'.join(items)}{margin}]"
    return _encode(value)
