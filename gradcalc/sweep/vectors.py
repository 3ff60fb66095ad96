"""One program at many points at once: derivatives by autograd and by calculus, and who is certain.

In: a scalar program, and a tensor of values for each of its variables. Out: a `Comparison`: value,
derivatives by both witnesses, ulps, and at which points their agreement is certified: the distance
of the two, with the bound of calculus' own rounding (`bounds`) added, is within what `compare`
allows, and no step is near a kink or an end of its domain. At all other points nothing is claimed:
they are judged one by one.

Two bounds are tried. The first is the rounding budget in ulps. Where terms cancel, a derivative may
be further off and still be right; then rounding must account for all of the distance (`roundings`).
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from gradcalc.autograd.backward import gradients
from gradcalc.autograd.forward import forward_of
from gradcalc.base.dtypes import FLOAT64, Dtype
from gradcalc.base.errors import GradcalcError
from gradcalc.calculus.nodes import NoText
from gradcalc.calculus.symbolic import Calculus, formula_text
from gradcalc.exact import adjoint
from gradcalc.functions import TABLE, torch
from gradcalc.language.parser import parse
from gradcalc.program.interpret import run
from gradcalc.program.program import Program
from gradcalc.rounding.bounded import Bounded, measured, unbounded
from gradcalc.rounding.bounds import Bounds, inexact
from gradcalc.rounding.budget import budget
from gradcalc.rounding.roundings import FIRST_ORDER, Derivatives, Roundings

#: Points that are calculated with together: their numbers stay in the processor's cache.
PART = 131_072

#: Digits of the literals of formulas: with fewer, 0.1*20 would look like a whole number.
_DIGITS = 300


@dataclass(frozen=True, slots=True)
class Comparison:
    """Autograd's and calculus' derivatives at many points.

    Attributes:
        of_value: As the next three, for the function's value.
        autograd: For each of the derivatives torch's values; nan where torch has no such
            derivative.
        exact: Their values by calculus, rounded to the dtype.
        ulps: The distances between the two, in ulps.
        certified: At which points all of them agree for certain.
        lacking: Those of the derivatives that torch does not have.
    """

    of_value: tuple[Any, Any, Any]
    autograd: list[Any]
    exact: list[Any]
    ulps: list[Any]
    certified: Any
    lacking: set[int] = field(default_factory=set)

    @property
    def value(self) -> Any:
        """The function's values by torch."""
        return self.of_value[0]

    def rows(self, position: int) -> tuple[Any, Any, Any]:
        """By torch, by calculus, their distance: of a derivative, and after all of the value."""
        if position == len(self.autograd):
            return self.of_value
        return self.autograd[position], self.exact[position], self.ulps[position]


class _Open(NamedTuple):
    """Points that are not certified yet, though nothing is in doubt there.

    Attributes:
        numbers: The numbers of the points.
        errors: How far calculus may be off there, for each derivative.
    """

    numbers: Any
    errors: list[Any]


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
        self._budget = budget(len(program.steps)) * dtype.unit
        seen = _with_literals_of(dtype, program)
        # What the function itself has in common with its derivatives is calculated once.
        parts = [_formulas(seen, entries, calculus)]
        parts += [replace(seen, outputs=(*program.outputs, *_doubtful(program)))]
        self._formulas = adjoint.merged(parts, program.inputs)
        self._rows: Any = None
        self._folded: dict[int, Bounded] = {}
        self._roundings = Roundings(program, [*entries, ()], dtype)

    def check(self, columns: Sequence[Any]) -> Comparison:
        """Check the program at points.

        Args:
            columns: For each variable its values, float64 tensors of one axis that the dtype
                represents.

        Returns:
            Tensors that the next check writes over: fresh memory costs more than most functions.
        """
        columns = [column.to(self._device) for column in columns]
        length = len(columns[0])
        comparison = self._room(length)
        parts = [slice(start, min(start + PART, length)) for start in range(0, length, PART)]
        left = [self._check_part(columns, comparison, part) for part in parts]
        with torch.no_grad():
            self._certify_rounding(columns, comparison, [part for part in left if part is not None])
        return comparison

    def _room(self, length: int) -> Comparison:
        """Where so many answers are written; all points are certified at first."""
        several = len(self._entries) + 1
        if self._rows is None or self._rows.shape[1] < length:
            self._rows = torch.empty(
                (3 * several, length), dtype=torch.float64, device=self._device
            )
        rows = [row[:length] for row in self._rows]
        return Comparison(
            of_value=(rows[0], rows[1], rows[2]),
            autograd=rows[3::3],
            exact=rows[4::3],
            ulps=rows[5::3],
            certified=torch.ones(length, dtype=torch.bool, device=self._device),
        )

    def _check_part(
        self, columns: Sequence[Any], comparison: Comparison, part: slice
    ) -> _Open | None:
        """Check some of the points; return those where rounding alone may explain a distance.

        A point is certified if nothing is in doubt there, and if neither torch's value nor a
        derivative of torch's is further from calculus' than the rounding budget, the error of
        calculus included.
        """
        here = [column[part] for column in columns]
        autograd = self._by_autograd(here)
        with torch.no_grad():
            exact, doubts = self._by_calculus(here)
            excesses = [
                self._compare(comparison, position, part, answer, bounded)
                for position, (answer, bounded) in enumerate(zip(autograd, exact, strict=True))
            ]
            # The function itself may have no value there.
            doubts.append(unbounded(comparison.value[part]))
            if comparison.lacking:
                comparison.certified[part] = False
                return None
            certain = _where_all(operator.lt, doubts)
            near = _where_all(operator.le, excesses)
            if certain is not None:
                comparison.certified[part] &= certain
            if near is None:
                return None
            comparison.certified[part] &= near
            far = ~near if certain is None else certain & ~near
            (numbers,) = torch.nonzero(far, as_tuple=True)
            errors = [self._errors(bounded, numbers) for bounded in exact]
            return _Open(numbers + part.start, errors) if len(numbers) else None

    def _by_calculus(self, columns: Sequence[Any]) -> tuple[list[Bounded], list[Any]]:
        """Each derivative, the value; the doubts of these, and of steps that may be on a kink."""
        arithmetic = Bounds(FLOAT64, literal=inexact, folded=self._folded)
        values = run(self._formulas, list(map(measured, columns)), arithmetic)
        results = [arithmetic.number(values[number]) for number in self._formulas.outputs]
        return results[: len(self._entries) + 1], [result.doubt for result in results]

    def _compare(
        self, comparison: Comparison, position: int, part: slice, answer: Any, bounded: Bounded
    ) -> Any:
        """Write one derivative's numbers down; return what is beyond the budget.

        That is, at each point, the distance of the two witnesses and the bound of calculus' own
        error, less the rounding budget: at most 0 where all is well. None if torch has no such
        derivative. All in place: most of the time goes to memory.
        """
        autograd, exact, ulps = (row[part] for row in comparison.rows(position))
        exact.copy_(bounded.value)
        if self._dtype is not FLOAT64:
            exact.copy_(exact.to(getattr(torch, self._dtype.name)))
        if answer is None:
            comparison.lacking.add(position)
            autograd.fill_(math.nan)
            ulps.fill_(math.nan)
            return None
        autograd.copy_(answer)
        distance = torch.sub(autograd, bounded.value, out=ulps).abs_()
        size = exact.abs()
        excess = torch.add(distance, size, alpha=bounded.relative + FLOAT64.unit)
        if bounded.absolute is not None:
            excess += bounded.absolute
        # The budget as a part of the power of 2 at or below a number; an ulp is 2 roundoffs of it.
        allowed = 2 * FIRST_ORDER * self._budget
        # What is exact may be a little less than `size`: below a power of 2 ulps are half as large.
        excess.sub_(self._power_below(size * (1 - allowed)), alpha=allowed)
        if self._dtype is not FLOAT64:
            torch.sub(autograd, exact, out=ulps).abs_()
        ulps.div_(self._power_below(size)).mul_(2.0 ** (self._dtype.bits - 1))
        self._count_far(ulps, autograd, exact)
        return excess

    def _count_far(self, ulps: Any, autograd: Any, exact: Any) -> None:
        """Give distances of many units in the last place as `Dtype.ulps` does."""
        far = ulps >= 2.0**self._dtype.bits
        if far.any():
            far &= autograd.isfinite() & exact.isfinite()
            between = (self._places(autograd[far]) - self._places(exact[far])).abs_()
            ulps[far] = ulps[far].minimum(between)

    def _places(self, numbers: Any) -> Any:
        """Which of the dtype's numbers each is, counted from 0 with the sign."""
        # But for the sign, numbers of IEEE 754 are ordered as their bits are.
        whole = torch.int64 if self._dtype is FLOAT64 else torch.int32
        sizes = numbers.abs().to(getattr(torch, self._dtype.name)).view(whole)
        return sizes.to(torch.float64).copysign(numbers)

    def _power_below(self, sizes: Any) -> Any:
        """The power of 2 at or below each of these numbers, a normal one; written over them."""
        # It has the number's exponent, bits 52 to 62 of a float64, and no other bit.
        bits = sizes.view(torch.int64).bitwise_and_(0x7FF << 52)
        smallest = 2.0 ** (self._dtype.least + self._dtype.bits - 1)
        return bits.view(torch.float64).clamp_(min=smallest)

    def _errors(self, bounded: Bounded, numbers: Any) -> Any:
        """The bounds of calculus' errors at some of the points."""

        def here(value: Any) -> Any:
            return value.index_select(0, numbers) if value.dim() else value

        errors = here(bounded.value).abs() * (bounded.relative + FLOAT64.unit)
        if bounded.absolute is not None:
            errors = errors + here(bounded.absolute)
        return errors.expand(len(numbers))

    # --- Autograd -------------------------------------------------------------------------------

    def _by_autograd(self, columns: Sequence[Any]) -> list[Any]:
        """Each derivative and the value in torch's own dtype; None for one that torch lacks."""
        seconds: dict[int, list[int]] = {}
        for axes in self._entries:
            if len(axes) == 2:
                seconds.setdefault(axes[0], []).append(axes[1])
        wanted = sorted({axis for axes in self._entries for axis in axes})
        kind = getattr(torch, self._dtype.name)
        leaves = [
            column.to(kind, copy=True).requires_grad_(axis in wanted)
            for axis, column in enumerate(columns)
        ]
        output = forward_of(self._program, leaves, kind, {}).outputs[0]
        slopes = _gradient(output, [leaves[k] for k in wanted], create_graph=bool(seconds))
        slope_by = dict(zip(wanted, slopes, strict=True))
        derivatives: dict[tuple[int, ...], Any] = {
            (axis,): slope.detach() for axis, slope in slope_by.items()
        }
        for axis, others in seconds.items():
            row = _second(slope_by[axis], [leaves[k] for k in others])
            derivatives |= {(axis, k): second for k, second in zip(others, row, strict=True)}
        value = output.detach().expand_as(leaves[0])
        return [*(derivatives[axes] for axes in self._entries), value]

    def _certify_rounding(
        self, columns: Sequence[Any], comparison: Comparison, left: Sequence[_Open]
    ) -> None:
        """Certify more points: those where rounding alone explains all of the distance."""
        if not left:
            return
        together = torch.cat([part.numbers for part in left]).split(PART)
        errors = [
            torch.cat(parts).split(PART) for parts in zip(*(p.errors for p in left), strict=True)
        ]
        for place, numbers in enumerate(together):
            derivatives = Derivatives(
                columns=_taken(columns, numbers),
                autograd=_taken([*comparison.autograd, comparison.of_value[0]], numbers),
                exact=_taken([*comparison.exact, comparison.of_value[1]], numbers),
                errors=[parts[place] for parts in errors],
            )
            comparison.certified[numbers] = self._roundings.explained(derivatives)


def _where_all(holds: Callable[[Any, int], Any], measures: Sequence[Any]) -> Any:
    """At which points each of the measures is so beside 0; None if they are at all points.

    A measure is a tensor, or None for one that is so anyway. Its largest entry is looked at first,
    one number for all points; it is nan where an entry is, and nan is nowhere so.
    """
    marks = [
        holds(measure, 0)
        for measure in measures
        if measure is not None and not holds(measure.amax().item(), 0)
    ]
    return functools.reduce(torch.logical_and, marks) if marks else None


def _taken(columns: Sequence[Any], numbers: Any) -> list[Any]:
    """The columns' entries at some of the points."""
    return [column.index_select(0, numbers) for column in columns]


def _formulas(program: Program, entries: Sequence[tuple[int, ...]], calculus: Calculus) -> Program:
    """The derivatives as one program.

    Without formulas they are those of the chain rule, with the derivatives of the function table.
    """
    parts = [_parsed(formula, program) for formula in calculus.formulas]
    if None in parts:
        return adjoint.derivatives(program, entries, lambda row: row.derivative)
    return adjoint.merged([part for part in parts if part is not None], program.inputs)


def _parsed(formula: Any, program: Program) -> Program | None:
    """A formula in the program's variables as a program; None if there is none, or in others."""
    if formula is None:
        return None
    try:
        parsed = parse(formula_text(formula, _DIGITS), variables=program.names)
    except (GradcalcError, NoText):
        return None
    return parsed if set(parsed.names) <= set(program.names) else None


def _with_literals_of(dtype: Dtype, program: Program) -> Program:
    """The program with the numbers of the dtype that its literals stand for."""
    if dtype is FLOAT64:
        return program
    constants = [
        constant
        if constant.value is None
        else constant._replace(value=dtype.literal(constant.value))
        for constant in program.constants
    ]
    return replace(program, constants=tuple(constants))


def _doubtful(program: Program) -> tuple[int, ...]:
    """The values whose doubts tell whether the program has a value, and no kink near.

    These are steps that may lack a value or a derivative where their arguments have them. In a
    program with choices it is the result alone: it has the doubts of all steps but for those in
    branches that are not taken.
    """
    numbers = [
        number
        for number, step in program.numbered_steps
        if (TABLE[step.function].margin or TABLE[step.function].is_partial)
        and not program.is_whole_power(step)
    ]
    if any(step.function == "where" for step in program.steps):
        return program.outputs
    return tuple(numbers)


def _gradient(output: Any, leaves: Sequence[Any], **how: bool) -> Sequence[Any]:
    """The derivative at each point by each leaf."""
    output = torch.as_tensor(output)
    return gradients([output], leaves, [torch.ones_like(output)], **how)


def _second(slope: Any, leaves: Sequence[Any]) -> Sequence[Any]:
    """The derivatives of a slope; None for each where torch has none."""
    try:
        return _gradient(slope, leaves, retain_graph=True)
    except RuntimeError:
        return [None] * len(leaves)
