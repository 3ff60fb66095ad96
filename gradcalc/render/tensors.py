"""Tensors in the formats for people: which entries are shown, and how nested numbers are written.

In: the derivatives and nested tuples of a `Report`. Out: entries, counts of those that are left
out, and strings. The rules stand here once: the first and the last entries of a long tensor are
shown, and those that do not agree wherever they stand; the others are counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gradcalc.render.text import number, remark, rounded, ulps_text
from gradcalc.results.report import RANKS, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gradcalc.results.report import Derivative, Entry, Nested, Report

#: A derivative of at most so many entries is shown whole; of a longer one, so many at its ends.
_WHOLE, _HEAD, _TAIL = 12, 4, 2

#: Entries that do not agree are shown wherever they stand; so many of one derivative, the most
#: serious first, and so many different sentences about them.
_NOTABLE = 8

#: Verdicts that ask nothing of the reader.
_QUIET = frozenset({Verdict.AGREE, Verdict.UNCHECKED})

#: What stands for items that are left out of nested numbers.
_MORE = "…"

#: How nested numbers are shortened, from full to scant: the items kept at the ends of all axes but
#: the last, and of the last, where the numbers stand.
_FORMS = (((1, 1), (3, 1)), ((1, 1), (2, 1)), ((1, 1), (1, 1)))

#: What is left where even those have no room: the first number.
_SCANT = ((1, 0), (1, 0))

#: The digits that nested numbers are rounded to, the best first; None is all that they have.
_DIGITS = (None, 6, 4)

#: Lines that nested numbers may take, one for each item of the first axis.
_LINES = 4


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Neighbouring entries that are not shown.

    Attributes:
        count: How many they are.
        verdicts: Each verdict among them and how often it occurs, the least serious first.
        ulps: The largest of their distances; None where none was measured.
    """

    count: int
    verdicts: tuple[tuple[Verdict, int], ...]
    ulps: float | None

    @property
    def bound(self) -> str:
        """The largest distance, as a table's cell has it."""
        if self.ulps is None:
            return ""
        return f"≤ {ulps_text(self.ulps)}" if self.ulps else "0"

    def __str__(self) -> str:
        """Return the counts in words, as in "92 more: 92 agree, at most 2 ulps"."""
        parts = [f"{count:,} {verdict}" for verdict, count in self.verdicts]
        if self.ulps is not None:
            parts.append(f"{'at most ' if self.ulps else ''}{ulps_text(self.ulps)} ulps")
        return f"{self.count:,} more: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence, and the entries that it is about."""

    entries: tuple[Entry, ...]
    text: str


def shown(derivatives: Sequence[Derivative], *, whole: bool) -> list[Entry | LeftOut]:
    """Return the rows of a table of derivatives: entries, and what is left out between them.

    Args:
        derivatives: The gradient's or the Hessian's.
        whole: Whether nothing may be left out.
    """
    rows: list[Entry | LeftOut] = []
    for derivative in derivatives:
        entries = derivative.entries
        if whole or len(entries) <= _WHOLE:
            rows += entries
            continue
        after = 0
        for place in sorted(_picked(entries)):
            rows += _between(entries[after:place])
            rows.append(entries[place])
            after = place + 1
    return rows


def _picked(entries: Sequence[Entry]) -> set[int]:
    """Return the places of the entries that are shown: both ends, and the most serious."""
    notable = [place for place, entry in enumerate(entries) if entry.verdict not in _QUIET]
    # Sorting is stable: of equals the first are kept.
    notable.sort(key=lambda place: -RANKS[entries[place].verdict])
    last = len(entries) - _TAIL
    return {*range(_HEAD), *notable[:_NOTABLE], *range(last, len(entries))}


def _between(entries: Sequence[Entry]) -> Sequence[Entry | LeftOut]:
    """Return what stands for neighbours that were not picked."""
    if len(entries) <= 1:
        return entries  # to leave it out would take a row as well
    counts = Counter(entry.verdict for entry in entries)
    verdicts = tuple((verdict, counts[verdict]) for verdict in Verdict if verdict in counts)
    ulps = max((entry.ulps for entry in entries if entry.ulps is not None), default=None)
    return [LeftOut(len(entries), verdicts, ulps)]


def notes(derivatives: Sequence[Derivative], *, whole: bool) -> tuple[list[Note], int]:
    """Return the sentences that entries need, and the number of those that are left out.

    Entries of one tensor about which the same is to be said share a sentence.
    """
    sentences: list[Note] = []
    left_out = 0
    for derivative in derivatives:
        groups: dict[tuple[str, Verdict], list[Entry]] = {}
        for entry in derivative.entries:
            if text := remark(entry):
                groups.setdefault((text, entry.verdict), []).append(entry)
        kept = list(groups)
        if not whole and len(kept) > _NOTABLE:
            serious = sorted(kept, key=lambda group: -RANKS[group[1]])[:_NOTABLE]
            kept = [group for group in groups if group in serious]
            left_out += len(groups) - len(kept)
        sentences += [Note(tuple(groups[group]), group[0]) for group in kept]
    return sentences, left_out


def listed(names: Sequence[str]) -> str:
    """Return the names, of many the first two and how many more there are.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c", "d"])
    ('a, b, c', 'a, b and 2 more')
    """
    if len(names) <= 3:
        return ", ".join(names)
    return f"{', '.join(names[:2])} and {len(names) - 2:,} more"


def entry_name(entry: Entry, comma: str = ",") -> str:
    """Return what an entry is called where the format has no room for a fraction.

    In a Jacobian the entry of the output stands before a slash.

    >>> from gradcalc.results.report import Entry, Verdict
    >>> entry_name(Entry(("x[0,1]",), None, 1, 1, None, 0, Verdict.AGREE, output="[2]"))
    'f[2]/x[0,1]'
    """
    names = comma.join(entry.wrt)
    return f"f{entry.output}/{names}" if entry.output else names


def said_of_formulas(report: Report) -> tuple[str | None, str | None]:
    """Return what is said over the gradient's table, and over the Hessian's: what it lacks."""
    if any(entry.formula is None for block in report.gradients for entry in block.entries):
        return report.left_out, None
    return None, report.left_out


def binding_shapes(report: Report) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the bound variables that are tensors."""
    # Of names that occur twice the first is the input; and only torch's own shape is sure: without
    # entries, the sizes of the last axes cannot be told from the value.
    told = {row.name: row.shape for row in reversed(report.tensors)}
    return {
        name: told.get(name) or shape_of(value) or ()
        for name, value in report.bindings
        if isinstance(value, tuple)
    }


def shape_of(value: Nested) -> tuple[int, ...] | None:
    """Return the sizes of nested numbers; None where items differ in theirs.

    >>> shape_of(((1, 2, 3), (4, 5, 6))), shape_of((1, (2, 3)))
    ((2, 3), None)
    """
    if not isinstance(value, tuple):
        return ()
    shapes = {shape_of(item) for item in value}
    below = shapes.pop() if shapes else ()
    return None if shapes or below is None else (len(value), *below)


class Written(NamedTuple):
    """A number, or nested numbers as lists, and what the text does not show of them.

    Attributes:
        text: A line, or a line for each of a few rows.
        entries: How many numbers it shows.
        total: How many there are.
        digits: To how many digits they are rounded; None where each is shown whole.
    """

    text: str
    entries: int
    total: int
    digits: int | None

    @property
    def remark(self) -> str:
        """What is not shown, in words; empty where nothing is missing."""
        parts = []
        if self.entries < self.total:
            parts.append(f"{self.entries:,} of {self.total:,} entries")
        if self.digits is not None:
            parts.append(f"rounded to {self.digits} digits")
        return ", ".join(parts)

    @property
    def width(self) -> int:
        """The longest of its lines."""
        return max(map(len, self.text.split("\n")))


def written(value: Nested, dtype: str = "float64", room: int | None = None) -> Written:
    r"""Write a number, or nested numbers as lists.

    Args:
        value: The number or numbers.
        dtype: Their floating-point format.
        room: Columns; None is no limit. What is longer gets a line for each of a few rows; then the
            numbers are rounded; then those at both ends of each axis are shown.

    >>> written(((1.0, 2.0), (3.0, 4.5))).text
    '[[1, 2], [3, 4.5]]'
    >>> written(((1.0, 2.0), (3.0, 4.5)), room=10).text
    '[[1, 2],\n [3, 4.5]]'
    >>> some = written(tuple(map(float, range(99))), room=24)
    >>> some.text, some.remark
    ('[0, 1, 2, …, 98]', '4 of 99 entries')
    """
    if not isinstance(value, tuple):
        return Written(number(value, dtype), 1, 1, None)
    if room is None:
        count = _size(value)
        return Written(_listed(_whole(value, lambda item: number(item, dtype))), count, count, None)
    candidates = list(_candidates(value, dtype, room))
    return next((one for one in candidates if one.width <= room), candidates[-1])


def _candidates(value: tuple[Nested, ...], dtype: str, room: int) -> Iterator[Written]:
    """Yield ways to write nested numbers, the best first and the shortest last."""
    total = _size(value)

    def ways(
        digits: int | None, write: Callable[[Callable[[float], str]], list[str]]
    ) -> Iterator[Written]:
        shown: list[tuple[str, str]] = []

        def text(item: float) -> str:
            shown.append((rounded(item, dtype, digits), number(item, dtype)))
            return shown[-1][0]

        items = write(text)
        inexact = any(short != whole for short, whole in shown)
        for arranged in _arranged(items, value):
            yield Written(arranged, len(shown), total, digits if inexact else None)

    # A number takes three columns with its comma; what cannot fit need not be written.
    if total * 3 <= room * _LINES:
        for digits in _DIGITS:
            yield from ways(digits, partial(_whole, value))
    for digits in _DIGITS:
        for outer, inner in _FORMS:
            yield from ways(digits, partial(_kept, value, outer, inner))
    yield from ways(_DIGITS[-1], partial(_kept, value, *_SCANT))


def _arranged(items: Sequence[str], value: tuple[Nested, ...]) -> Iterator[str]:
    """Yield the items in one line, and in a line each if they are a few rows."""
    yield _listed(items)
    if len(items) <= _LINES and any(isinstance(item, tuple) for item in value[:1]):
        yield _listed(items, ",\n ")


def _listed(items: Sequence[str], comma: str = ", ") -> str:
    return f"[{comma.join(items)}]"


def _whole(value: tuple[Nested, ...], write: Callable[[float], str]) -> list[str]:
    return [
        _listed(_whole(item, write)) if isinstance(item, tuple) else write(item) for item in value
    ]


def _kept(
    value: tuple[Nested, ...],
    outer: tuple[int, int],
    inner: tuple[int, int],
    write: Callable[[float], str],
) -> list[str]:
    """Return the texts of the items at both ends, and the mark between them."""
    head, tail = outer if any(isinstance(item, tuple) for item in value[:1]) else inner
    is_long = len(value) > head + tail
    ends = (*value[:head], *value[len(value) - tail :]) if is_long else value
    texts = [
        _listed(_kept(item, outer, inner, write)) if isinstance(item, tuple) else write(item)
        for item in ends
    ]
    return [*texts[:head], _MORE, *texts[head:]] if is_long else texts


def _size(value: tuple[Nested, ...]) -> int:
    return sum(_size(item) if isinstance(item, tuple) else 1 for item in value)
