"""How names are compared: one spelling for all ways to write a name in Unicode.

In: names as typed. Out: the names as `Program` spells them.
"""

from __future__ import annotations

import unicodedata

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


def retained(text: str | None) -> tuple[str, ...] | None:
    """The names of `--retain-grad`; None for all."""
    if text is None:
        return ()
    return None if text.strip() == "all" else names(text)
