"""How names are compared: one spelling for each, and which are spelled alike.

In: names as typed. Out: the names as `Program` spells them, or as they were meant.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from gradcalc.base import limits


def normal(name: str) -> str:
    """The name in Unicode's form NFKC, in which Python compares names.

    What is too long for a name stays as it is: a run of combining marks takes quadratic time.

    >>> normal("\N{MATHEMATICAL ITALIC SMALL X}")
    'x'
    """
    if name.isascii() or len(name) > limits.NAME_LENGTH:
        return name
    return unicodedata.normalize("NFKC", name)


def names(text: str) -> tuple[str, ...]:
    """The names of a list such as "u,v", spelled as `Program` spells them."""
    parts = (normal(part.strip()) for part in text.split(","))
    return tuple(part for part in parts if part)


def nearest(name: str, candidates: Iterable[str], *, alike: float = 0.6) -> str | None:
    """The candidate that is spelled most like a name, for "did you mean".

    Args:
        name: What was typed.
        candidates: What may have been meant.
        alike: The least ratio of what the two have in common, 0 to 1; None is returned below it.

    >>> nearest("wtr", ["at", "wrt"])
    'wrt'
    """
    import difflib

    return next(iter(difflib.get_close_matches(name, [*candidates], n=1, cutoff=alike)), None)


def did_you_mean(name: str, candidates: Iterable[str], otherwise: str) -> str:
    """A hint that names the nearest candidate, or says something else where none is near."""
    near = nearest(name, candidates)
    return f"did you mean `{near}`?" if near else otherwise
