"""One program at many points at once: derivatives by autograd and by calculus, and who is certain.

In: a scalar program, and a tensor of values for each of its variables. Out: `Found`: value,
derivatives by both witnesses, ulps, and at which points their agreement is certified. Certified
means proved: the distance of the two, with the bound of calculus' own rounding (`bounds`) added, is
within what `compare` allows, and no step is near a kink or an end of its domain. At all other
points nothing is claimed: they are for the jury.

Two bounds are tried. The first is the rounding budget in ulps. Where terms cancel, a derivative may
be further off and still be right; then the rounding errors of torch's own backward pass, step by
step, must account for all of the distance, and two thirds of the digits must be left.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gradcalc import adjoint, compare
from gradcalc.bounds import Bounded, Bounds, measured, worse
from gradcalc.dtypes import FLOAT64, Dtype
from gradcalc.errors import GradcalcError
from gradcalc.functions import TABLE, torch
from gradcalc.interpret import run
from gradcalc.parser import parse
from gradcalc.program import Constant, Program
from gradcalc.symbolic import Calculus, formula_text
from gradcalc.tensors import forward_of

#: What is left of a bound for the terms of second order, which the bounds leave out.
_FIRST_ORDER = 0.98

#: How far beyond one rounding error for each of torch's operations a distance still counts as
#: rounding; the jury allows several times that.
_ROUNDINGS = 2


@dataclass(frozen=True, slots=True)
class Found:
    """What was found at many points.

    Attributes:
        value: The function's values by torch.
        autograd: For each of the derivatives torch's values; None where torch has no such
            derivative.
        exact: Their values by calculus.
        ulps: The distances between the two, in ulps.
        certified: At which points all derivatives agree for certain.
    """

    value: Any
    autograd: list[Any]
    exact: list[Any]
    ulps: list[Any]
    certified: Any


class Vectors:
    """A program, prepared to be checked at many points."""

    def __init__(
        self,
        program: Program,
        entries: Sequence[tuple[int, ...]],
        dtype: Dtype,
        calculus: Calculus,
        device: str = "cpu",
    ) -> None:
        """Write the derivatives as programs.

        Args:
            program: The scalar program.
            entries: For each derivative, the numbers of one or two inputs.
            dtype: What torch calculates in.
            calculus: The formulas of the derivatives, differentiated.
            device: Where torch calculates.
        """
        self._program = program
        self._entries = entries
        self._dtype = dtype
        self._device = device
        self._budget = compare.budget(len(program.steps)) * dtype.unit
        self._formulas, self._literal = _formulas(program, entries, calculus)
        self._forward = None if _is_total(program) else program
        self._folds: dict[str, dict[int, Bounded]] = {"formulas": {}, "forward": {}, "backward": {}}

    @functools.cached_property
    def _backward(self) -> Program:
        """The derivatives as torch calculates them."""
        return adjoint.derivatives(self._program, self._entries, lambda row: row.backward)

    def check(self, columns: Sequence[Any]) -> Found:
        """Check the program at points.

        Args:
            columns: For each variable its values, float64 tensors of one axis that the dtype
                represents.
        """
        columns = [column.to(self._device) for column in columns]
        value, autograd = self._by_autograd(columns)
        doubts = [(value - value).to(torch.float64) - 1]
        with torch.no_grad():
            point = [measured(column) for column in columns]
            if self._forward is not None:
                doubts.append(self._forward_doubt(point))
            exact, excesses = self._by_calculus(point, autograd, doubts)
            certified = None
            # One look for all points together; nan is never less than anything.
            for doubt in doubts:
                if doubt is not None and not doubt.amax().item() < 0:
                    certified = _both(certified, doubt < 0)
            for excess in excesses:
                if not excess.amax().item() <= 0:
                    certified = _both(certified, excess <= 0)
            if certified is None:
                certified = torch.ones_like(value, dtype=torch.bool)
            else:
                certified = self._with_rounding(columns, autograd, exact, doubts, certified)
            return Found(
                value,
                autograd,
                [bounded.value.expand_as(value) for bounded in exact],
                [_ulps(a, b.value) for a, b in zip(autograd, exact, strict=True)],
                certified,
            )

    # --- Autograd -------------------------------------------------------------------------------

    def _by_autograd(self, columns: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The values, and each derivative in torch's own dtype."""
        wanted = sorted({axis for axes in self._entries for axis in axes})
        kind = getattr(torch, self._dtype.name)
        leaves = [
            column.to(kind, copy=True).requires_grad_(axis in wanted)
            for axis, column in enumerate(columns)
        ]
        output = forward_of(self._program, leaves, kind, {}).outputs[0]
        second = any(len(axes) == 2 for axes in self._entries)
        slopes = dict(
            zip(wanted, _gradient(output, [leaves[k] for k in wanted], again=second), strict=True)
        )
        found: dict[tuple[int, ...], Any] = {}
        for axes in self._entries:
            if len(axes) == 1:
                found[axes] = slopes[axes[0]].detach()
            elif axes not in found:
                others = [a for a in self._entries if len(a) == 2 and a[0] == axes[0]]
                seconds = _second(slopes[axes[0]], [leaves[a[1]] for a in others])
                found.update(zip(others, seconds, strict=True))
        value = output.detach()
        return value.expand_as(leaves[0]), [found[axes] for axes in self._entries]

    # --- Calculus, with its bounds --------------------------------------------------------------

    def _by_calculus(
        self, point: Sequence[Bounded], autograd: Sequence[Any], doubts: list[Any]
    ) -> tuple[list[Bounded], list[Any]]:
        """The exact derivatives; how far beyond the budget each may be, and doubts of them."""
        arithmetic = Bounds(FLOAT64, literal=self._literal, folded=self._folds["formulas"])
        values = run(self._formulas, point, arithmetic)
        exact = [arithmetic.number(values[number]) for number in self._formulas.outputs]
        excesses = []
        for found, bounded in zip(autograd, exact, strict=True):
            doubts.append(bounded.doubt)
            if found is None:
                doubts.append(torch.full_like(point[0].value, math.inf))
                continue
            allowed = _FIRST_ORDER * self._budget - bounded.relative - FLOAT64.unit
            excess = (found - bounded.value).abs_()
            if bounded.absolute is not None:
                excess += bounded.absolute
            excesses.append(excess.sub_(bounded.value.abs() * allowed))
        return exact, excesses

    def _forward_doubt(self, point: Sequence[Bounded]) -> Any:
        """Doubt of the function itself: a step may have no value, or stand on a kink."""
        arithmetic = Bounds(self._dtype, folded=self._folds["forward"])
        values = run(self._program, point, arithmetic)
        return arithmetic.number(values[self._program.output]).doubt

    def _with_rounding(
        self,
        columns: Sequence[Any],
        autograd: Sequence[Any],
        exact: Sequence[Bounded],
        doubts: Sequence[Any],
        certified: Any,
    ) -> Any:
        """Certify more points: those where rounding alone explains all of the distance."""
        doubt = functools.reduce(worse, doubts, None)
        (open_points,) = torch.nonzero(~certified & (doubt < 0), as_tuple=True)
        if not len(open_points) or any(found is None for found in autograd):
            return certified
        arithmetic = Bounds(
            self._dtype, unit=self._dtype.unit, literal=_inexact, folded=self._folds["backward"]
        )
        point = [measured(column[open_points]) for column in columns]
        values = run(self._backward, point, arithmetic)
        good = torch.ones_like(open_points, dtype=torch.bool)
        most = 2.0 ** (self._dtype.bits // 3) * self._dtype.unit
        for number, found, bounded in zip(self._backward.outputs, autograd, exact, strict=True):
            torchs = arithmetic.number(values[number])
            here = bounded.value.expand_as(found)[open_points]
            distance = (found[open_points] - here).abs()
            if bounded.absolute is not None:
                absolute = torch.as_tensor(bounded.absolute, device=found.device)
                distance += absolute.expand_as(found)[open_points]
            sizes = here.abs()
            distance += sizes * (bounded.relative + FLOAT64.unit)
            within = distance <= sizes * (_FIRST_ORDER * self._budget)
            explained = torch.as_tensor(0.0 if torchs.error is None else torchs.error)
            rounding = (distance <= _ROUNDINGS * explained) & (explained < math.inf)
            if torchs.doubt is not None:
                rounding &= torchs.doubt < 0
            good &= within | (rounding & (distance <= _FIRST_ORDER * most * sizes))
        certified = certified.clone()
        certified[open_points] = good
        return certified


def _both(first: Any, second: Any) -> Any:
    return second if first is None else first & second


def _formulas(
    program: Program, entries: Sequence[tuple[int, ...]], calculus: Calculus
) -> tuple[Program, Any]:
    """The derivatives as one program, and the relative errors of its literals.

    Without formulas they are those of the chain rule, with the derivatives of the function table.
    """
    parts = []
    for formula in calculus.formulas:
        try:
            parts.append(
                None if formula is None else parse(formula_text(formula, 17), known=program.names)
            )
        except GradcalcError:
            parts.append(None)
    if all(part is not None and set(part.names) <= set(program.names) for part in parts):
        found = adjoint.merged([part for part in parts if part is not None], program.inputs)
        # Formulas multiply literals with each other, and are printed rounded.
        short = all(c.value is not None and c.value.denominator == 1 for c in program.constants)
        return found, _of_fractions if short else _inexact
    return adjoint.derivatives(program, entries, lambda row: row.derivative), _inexact


def _inexact(constant: Constant) -> float:
    """The error of a literal that may have been rounded; small whole numbers are taken as exact."""
    value = constant.value or Fraction(0)
    return 0.0 if value.denominator == 1 and abs(value) < 2**53 else FLOAT64.unit


_of_fractions = _inexact


def _is_total(program: Program) -> bool:
    """Whether every step has a value and a derivative wherever its arguments have."""
    first = program.first_step
    for step in program.steps:
        row = TABLE[step.function]
        if row.name == "pow":
            exponent = step.args[1] - len(program.inputs)
            literal = 0 <= exponent < first - len(program.inputs)
            value = program.constants[exponent].value if literal else None
            if value is None or value.denominator != 1 or value < 1:
                return False
        elif row.margin or row.outside or row.domain != "all real numbers":
            return False
    return True


def _gradient(output: Any, leaves: Sequence[Any], *, again: bool) -> list[Any]:
    """The derivative at each point by each leaf."""
    if not (isinstance(output, torch.Tensor) and output.requires_grad):
        return [torch.zeros_like(leaf) for leaf in leaves]
    slopes = torch.autograd.grad(
        output, leaves, torch.ones_like(output), create_graph=again, allow_unused=True
    )
    return [
        torch.zeros_like(leaf) if slope is None else slope
        for leaf, slope in zip(leaves, slopes, strict=True)
    ]


def _second(slope: Any, leaves: Sequence[Any]) -> list[Any]:
    """The derivatives of a slope; None for each where torch has none."""
    if not slope.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    try:
        found = torch.autograd.grad(
            slope, leaves, torch.ones_like(slope), retain_graph=True, allow_unused=True
        )
    except RuntimeError:
        return [None] * len(leaves)
    return [
        torch.zeros_like(leaf) if value is None else value
        for leaf, value in zip(leaves, found, strict=True)
    ]


def _ulps(found: Any, exact: Any) -> Any:
    """Distances in units in the last place of the rounded exact value."""
    if found is None:
        return None
    rounded = exact.to(found.dtype)
    size = rounded.abs()
    spacing = torch.nextafter(size, torch.full_like(size, math.inf)) - size
    return (found - rounded).abs_().div_(spacing).to(torch.float64)
