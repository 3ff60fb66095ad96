"""Tensors in the formats for people: which entries are shown, and how nested numbers are written.

In: the derivatives and nested tuples of a `Report`. Out: entries, counts of those that are left
out, and strings. The rules stand here once: the first and the last entries of a long tensor are
shown, and those that do not agree wherever they stand; the others are counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradcalc.render.text import cut, number, ulps_text
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
_FORMS = (((1, 1), (3, 1)), ((1, 1), (2, 1)), ((1, 1), (1, 1)), ((1, 0), (1, 0)))

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
            if entry.note is not None:
                groups.setdefault((entry.note, entry.verdict), []).append(entry)
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


def numbers_text(
    value: Nested,
    dtype: str = "float64",
    room: int | None = None,
    digits: int | None = None,
) -> str:
    r"""Return a number, or nested numbers as lists.

    Args:
        value: The number or numbers.
        dtype: Their floating-point format.
        room: Columns; None is no limit. What is longer gets a line for each of a few rows, or is
            shortened in the middle of its axes.
        digits: How many each of nested numbers keeps; None keeps all, and 0 no number.

    >>> numbers_text(((1.0, 2.0), (3.0, 4.5)))
    '[[1, 2], [3, 4.5]]'
    >>> numbers_text(((1.0, 2.0), (3.0, 4.5)), room=10)
    '[[1, 2],\n [3, 4.5]]'
    >>> numbers_text(tuple(map(float, range(99))), room=24)
    '[0, 1, 2, …, 98]'
    """
    if not isinstance(value, tuple):
        return number(value, dtype)

    if digits == 0 and value:
        first = value[0]
        return _listed([numbers_text(first, digits=0) if isinstance(first, tuple) else _MORE])

    def write(item: float) -> str:
        return number(item, dtype) if digits is None else cut(number(item, dtype), digits)

    if room is None:
        return _listed(_whole(value, write))
    text = ""
    for text in _candidates(value, write, room):
        if max(map(len, text.split("\n"))) <= room:
            break
    return text


def _candidates(
    value: tuple[Nested, ...],
    write: Callable[[float], str],
    room: int,
) -> Iterator[str]:
    """Yield ways to write nested numbers, the best first and the shortest last."""
    # A number takes three columns with its comma; what cannot fit need not be written.
    if _size(value) * 3 <= room * _LINES:
        yield from _arranged(_whole(value, write), value)
    for outer, inner in _FORMS:
        yield from _arranged(_kept(value, write, outer, inner), value)


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
    write: Callable[[float], str],
    outer: tuple[int, int],
    inner: tuple[int, int],
) -> list[str]:
    """Return the texts of the items at both ends, and the mark between them."""
    head, tail = outer if any(isinstance(item, tuple) for item in value[:1]) else inner
    is_long = len(value) > head + tail
    ends = (*value[:head], *value[len(value) - tail :]) if is_long else value
    texts = [
        _listed(_kept(item, write, outer, inner)) if isinstance(item, tuple) else write(item)
        for item in ends
    ]
    return [*texts[:head], _MORE, *texts[head:]] if is_long else texts


def _size(value: tuple[Nested, ...]) -> int:
    return sum(_size(item) if isinstance(item, tuple) else 1 for item in value)
