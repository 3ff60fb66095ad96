"""What a terminal would obey, or nobody would see, is shown as an escape.

In: text that a user typed. Out: text that is safe to print. Imports little, for errors.
"""

from __future__ import annotations

import re
import unicodedata

#: Unicode categories that move the cursor, reorder the line or show nothing: control, format (the
#: bidirectional overrides among them), surrogate, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

#: Letters and marks of other categories that show nothing either: fillers, variation selectors.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def visible(text: str) -> str:
    r"""Return the text with each character that would not be seen written as an escape.

    What a user typed may carry terminal escapes or bidirectional overrides; printed raw, they could
    forge output.

    >>> visible("\x1b[31mx\u202e\n")
    '\\x1b[31mx\\u202e\\n'
    """
    if text.isprintable() and not _BLANK.search(text):
        return text
    return "".join(_seen(char) for char in text)


def _seen(char: str) -> str:
    if unicodedata.category(char) not in _UNSEEN and not _BLANK.match(char):
        return char
    return char.encode("unicode_escape").decode("ascii")
