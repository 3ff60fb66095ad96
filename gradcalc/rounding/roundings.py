"""Whether rounding alone explains how far torch's derivatives are off, at many points at once.

In: a scalar program, points where a derivative is further off than a few ulps. Out: at which of
them the distance is no more than what the rounding errors of torch's own backward pass, step by
step, may come to, with two thirds of the digits left. Where the bound of calculus' own errors is
too coarse to tell, the exact values are calculated point by point.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradcalc.base.dtypes import FLOAT64, Dtype
from gradcalc.exact import adjoint
from gradcalc.exact.point import at_point
from gradcalc.functions import torch
from gradcalc.program.interpret import run
from gradcalc.program.program import Program
from gradcalc.rounding.bounded import Bounded, measured
from gradcalc.rounding.bounds import Bounds, inexact
from gradcalc.rounding.budget import budget
from gradcalc.rounding.kernels import backward

#: What is left of a bound for the terms of second order, which the bounds leave out.
FIRST_ORDER = 0.98

#: How far beyond one rounding error for each of torch's operations a distance, calculus' own bound
#: included, still counts as rounding: as where a point is judged alone.
_ROUNDINGS = 2


@dataclass(frozen=True, slots=True)
class Derivatives:
    """What the first two witnesses say of each derivative, at some points.

    Attributes:
        columns: The values of each variable.
        autograd: Torch's answers.
        exact: Those of calculus, rounded to the dtype.
        errors: How far calculus may be off.
    """

    columns: list[Any]
    autograd: list[Any]
    exact: list[Any]
    errors: list[Any]

    def at(self, places: Any) -> Derivatives:
        """The same at some of the points."""
        parts = (self.columns, self.autograd, self.exact, self.errors)
        return Derivatives(*([row.index_select(0, places) for row in part] for part in parts))


class Roundings:
    """A program whose derivatives are off."""

    def __init__(
        self,
        program: Program,
        entries: Sequence[tuple[int, ...]],
        dtype: Dtype,
    ) -> None:
        """Prepare to explain.

        Args:
            program: The scalar program.
            entries: For each derivative, the numbers of one or two inputs; () for the
                value, last.
            dtype: What torch calculates in.
        """
        self._program = program
        self._entries = entries
        self._dtype = dtype
        self._budget = budget(len(program.steps)) * dtype.unit
        self._folded: dict[int, Bounded] = {}

    @functools.cached_property
    def _backward(self) -> Program:
        """The derivatives as torch calculates them."""
        entries = list(filter(None, self._entries))
        parts = [adjoint.derivatives(self._program, entries, backward)] if entries else []
        if () in self._entries:
            parts.append(self._program)
        return adjoint.merged(parts, self._program.inputs)

    def explained(self, derivatives: Derivatives) -> Any:
        """At which points rounding explains all derivatives that are beyond the budget."""
        expected = self._expected(derivatives.columns)
        good = self._within(derivatives, expected)
        (left,) = torch.nonzero(~good, as_tuple=True)
        if len(left):
            settled = self._settled(derivatives.at(left))
            good[left] = self._within(settled, [errors[left] for errors in expected])
        return good

    def _within(self, derivatives: Derivatives, expected: Sequence[Any]) -> Any:
        """At which points all derivatives are within the budget, or as near as rounding brings."""
        good = torch.ones_like(expected[0], dtype=torch.bool)
        most = 2.0 ** (self._dtype.bits // 3) * self._dtype.unit
        rows = zip(
            derivatives.autograd, derivatives.exact, derivatives.errors, expected, strict=True
        )
        for autograd, exact, error, torchs in rows:
            size = exact.abs()
            distance = (autograd - exact).abs() + error
            if self._dtype is not FLOAT64:
                distance += size * self._dtype.unit  # the value of calculus is rounded
            close = distance <= size * (FIRST_ORDER * self._budget)
            rounding = (distance <= _ROUNDINGS * torchs) & (distance <= FIRST_ORDER * most * size)
            good &= close | rounding
        return good

    def _expected(self, columns: Sequence[Any]) -> list[Any]:
        """The errors of torch's backward pass; 0 where nothing is known of them."""
        arithmetic = Bounds(
            self._dtype,
            unit=self._dtype.unit,
            literal=inexact,
            folded=self._folded,
            as_torch=True,
        )
        values = run(self._backward, list(map(measured, columns)), arithmetic)
        expected = []
        for number in self._backward.outputs:
            bounded = arithmetic.number(values[number])
            error = torch.zeros_like(columns[0])
            if bounded.error is not None:
                error += bounded.error
            trusted = error < math.inf
            if bounded.doubt is not None:
                trusted &= bounded.doubt < 0
            expected.append(torch.where(trusted, error, 0.0))
        return expected

    def _settled(self, derivatives: Derivatives) -> Derivatives:
        """The derivatives with exact values; nan where there are none.

        They must lie within their bounds.
        """
        points = torch.stack(derivatives.columns).T.tolist()
        rows = [self._settled_at(point) for point in points]
        lacking = [math.nan] * len(self._entries)
        columns = torch.tensor([row or lacking for row in rows], dtype=torch.float64).T
        exact, errors = [], []
        for column, rough, error in zip(
            columns.to(derivatives.columns[0].device),
            derivatives.exact,
            derivatives.errors,
            strict=True,
        ):
            rounding = column.abs() * self._dtype.unit
            within = (column - rough).abs() <= error / FIRST_ORDER + 2 * rounding
            exact.append(torch.where(within, column, math.nan))
            errors.append(rounding)
        return Derivatives(derivatives.columns, derivatives.autograd, exact, errors)

    def _settled_at(self, point: Sequence[float]) -> list[float] | None:
        """The derivatives' values at one point, if there are all of them."""
        entries = list(filter(None, self._entries))
        findings = at_point(self._program, point, entries, self._dtype)
        balls = list(findings.derivatives)
        if () in self._entries:
            balls.append(findings.value)
        return None if None in balls else [self._dtype.nearest(ball) for ball in balls]
