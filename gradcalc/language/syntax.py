"""Whether tokens are in order: brackets that match, operands between operators.

In: an expression's tokens. Out: the partner of each bracket, or what is wrong. Python's parser says
little about that, so it is found here, while the user's own tokens are at hand.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

from gradcalc.base.errors import GradcalcError, Kind, MendableError
from gradcalc.functions import lookup
from gradcalc.language.tokens import Token, missing

PREFIX_OPERATORS = frozenset("+-~")

#: Sorts of token that can begin or end an operand, and those that need one before them.
BEGINS = frozenset({"number", "name", "open", "root", "sign", "text", "ellipsis"})
ENDS = frozenset({"number", "name", "close", "power", "sign", "text", "ellipsis"})
_FOLLOWS = frozenset({"operator", "assign", "comma", "close", "power", "dot"})

#: Sorts after which something may end that is still empty: sin(), sin(x,), x[1:], x[:, 0].
_OPEN_ENDED = {
    ("open", "close"),
    ("comma", "close"),
    ("colon", "close"),
    ("colon", "comma"),
}

#: Sorts that end an argument without brackets.
_BETWEEN = frozenset({"operator", "comma", "assign", "colon"})

#: Sorts that no product can be made of.
_APART = frozenset({"text", "ellipsis"})

#: The beginning of a derivative, as in d/dx x^2.
_DERIVATIVE = re.compile(r"\bd\s*/\s*d\w+$")

_CLOSING = {"(": ")", "[": "]"}

_ROUND = re.compile("[()]")

#: What lists of numbers are written with, and the gap between two of their entries or rows.
_IN_LISTS = frozenset("0123456789.eE+-[], ;\t\n")
_GAP = re.compile(r"(?<=[0-9.])\s++(?=[-+]?[.0-9])|(?<=\])\s++(?=\[)")
_STEPS = {"(": 1, ")": -1}

#: What a word that is an operator elsewhere is told.
_WORDS = {
    "and": "`&`, as in (x > 0) & (x < 1)",
    "or": "`|`, as in (x < 0) | (x > 1)",
    "not": "`~`, as in ~(x > 0)",
    "is": "`==`, as in x == 1",
    "if": "`where(condition, a, b)`",
    "else": "`where(condition, a, b)`",
    "mod": "`%`, as in x % 2",
}


def depths(text: str) -> Iterator[int]:
    """How many round brackets of a text are open, after each of them."""
    return itertools.accumulate(map(_STEPS.__getitem__, _ROUND.findall(text)))


def brackets(text: str, tokens: list[Token]) -> dict[int, int]:
    """Match the brackets; return the partner of each, by token number."""
    partners: dict[int, int] = {}
    pending: list[int] = []
    for number, token in enumerate(tokens):
        inside = tokens[pending[-1]].spelling if pending else ""
        if token.sort == "open":
            pending.append(number)
        elif token.sort == "close":
            if not pending:
                raise MendableError(
                    Kind.SYNTAX,
                    "this bracket was never opened",
                    text=text,
                    span=token.span,
                    lead="leave it out:",
                    corrected=((text[: token.start] + text[token.stop :]).strip(),),
                )
            if _CLOSING[inside] != token.spelling:
                right = _CLOSING[inside]
                raise MendableError(
                    Kind.SYNTAX,
                    f"`{token.spelling}` does not close `{inside}`",
                    text=text,
                    span=token.span,
                    lead="write",
                    corrected=(f"{text[: token.start]}{right}{text[token.stop :]}".strip(),),
                )
            partner = pending.pop()
            partners[partner], partners[number] = number, partner
        elif token.sort == "colon" and inside != "[":
            raise GradcalcError(
                Kind.SYNTAX,
                "`:` stands only in an index, as in x[1:3]",
                text=text,
                span=token.span,
            )
    if pending:
        closing = "".join(_CLOSING[tokens[number].spelling] for number in reversed(pending))
        end = tokens[-1].stop
        raise MendableError(
            Kind.SYNTAX,
            "this bracket is never closed",
            text=text,
            span=tokens[pending[-1]].span,
            lead="close it:",
            corrected=(f"{text[:end]}{closing}{text[end:]}".strip(),),
        )
    return partners


def check_order(text: str, tokens: list[Token], is_function: Callable[[str], bool]) -> None:
    """Find missing operands and missing operators."""
    before: Token | None = None
    ended = False  # whether `before` ends an operand
    for number, token in enumerate(tokens):
        if ended and before is not None:
            adjacent = token.sort in BEGINS or token.sort == "power"
            if adjacent and not _reads_as_product(before, token):
                raise _missing_operator(text, tokens, number, is_function)
        elif _lacks_operand(before, token):
            raise _missing_operand(text, before, token)
        before = token
        ended = token.sort in ENDS
    if not ended:
        raise _missing_end(text, tokens[-1])


def _lacks_operand(before: Token | None, token: Token) -> bool:
    """Whether something is missing before a token, where no operand has ended."""
    if before is not None and before.sort == "dot":
        return token.sort != "name"
    if token.sort not in _FOLLOWS:
        return False
    if token.sort == "operator" and token.spelling in PREFIX_OPERATORS:
        return False
    # sin() and sin(x,) are for the parser to judge.
    return before is None or (before.sort, token.sort) not in _OPEN_ENDED


def _reads_as_product(before: Token, token: Token) -> bool:
    """Whether two operands side by side do, or an operand and its power."""
    if token.sort == "power":
        return before.sort != "power"
    if token.sort in _APART or before.sort in _APART:
        return False
    if before.sort == "power" and token.spelling == "[":
        return False
    return token.sort != "number" and (token.sort != "name" or before.sort != "name")


def _missing_operand(text: str, before: Token | None, token: Token) -> GradcalcError:
    """Say what lacks an operand: the operator before the gap, or else the token after it."""
    if before is not None and before.sort not in {"open", "comma"}:
        return missing(text, before, "after")
    hint = "for the absolute value write abs(x)" if token.spelling == "|" else None
    return missing(text, token, "before", hint=hint)


def _missing_end(text: str, last: Token) -> GradcalcError:
    """Say that the text ends too early."""
    before, after = text[: last.start].strip(), text[last.stop :].rstrip()
    if last.spelling == "%":
        corrected = f"{before}/100{after}"
        return missing(text, last, "after", lead="for percent write", corrected=(corrected,))
    return missing(text, last, "after", lead="leave it out:", corrected=(before + after,))


def _missing_operator(
    text: str, tokens: list[Token], number: int, is_function: Callable[[str], bool]
) -> GradcalcError:
    """Say what to write between two operands side by side, of which the second is `number`."""
    before, token = tokens[number - 1 : number + 1]
    left, right = (text[t.start : t.stop] for t in (before, token))
    for word, place in ((left, before), (right, token)):
        if word in _WORDS:
            return GradcalcError(
                Kind.SYNTAX,
                f"`{word}` is no operator here",
                text=text,
                span=place.span,
                hint=f"use {_WORDS[word]}",
            )
    head, tail = text[: before.stop].lstrip(), text[token.start :].rstrip()
    span, hint = before.span.to(token.span), None
    corrected: tuple[str, ...]
    if before.sort == "name" and _is_known(before, is_function):
        span = before.span.to(tokens[_operand_end(tokens, number, is_function)].span)
        argument = text[token.start : span.stop]
        lead, corrected = "to call the function write", (f"{left}({argument})",)
        row = lookup(before.spelling)
        hint = f"a function is called with brackets: {row.signature}" if row else None
    elif token.sort == "name" and _is_known(token, is_function) and _begins(tokens, number + 1):
        end = tokens[_operand_end(tokens, number + 1, is_function)]
        argument = text[tokens[number + 1].start : end.stop]
        lead, corrected = "write", (f"{left}*{right}({argument})",)
        hint = "put * between factors, and brackets around an argument"
    elif (listed := _listed(text, before, token)) is not None:
        lead, corrected = "commas part the numbers of a list: write", (listed,)
        hint = "commas part the numbers of a list, as in [1, 2]"
    elif left.endswith(".") and right.startswith("."):
        lead, corrected = (
            "a range takes `gradcalc sweep`; for a decimal number write",
            (f"{head[:-1]}{tail}",),
        )
    elif token.sort == "power" or token.spelling == "[":
        lead, corrected = "write brackets:", (f"({head}){tail}",)
    else:
        lead, corrected = "for a product write", (f"{head}*{tail}",)
        hint = "put * between factors; a function is called with brackets, as in sin(x)"
        if _DERIVATIVE.search(head):
            corrected, hint = (), "leave d/dx out: gradcalc differentiates by itself"
    return MendableError(
        Kind.SYNTAX,
        f"an operator is missing between `{left}` and `{right}`",
        text=text,
        span=span,
        lead=lead,
        corrected=corrected,
        hint=hint,
    )


def _listed(text: str, before: Token, token: Token) -> str | None:
    """The text with commas in the list there, written as numpy or Matlab do; None for others."""
    start, stop = before.start, token.stop
    while start and text[start - 1] in _IN_LISTS:
        start -= 1
    while stop < len(text) and text[stop] in _IN_LISTS:
        stop += 1
    start, stop = text.find("[", start, before.start), text.rfind("]", token.stop, stop) + 1
    if start < 0 or not stop or {before.sort, token.sort} != {"number"}:
        return None
    inner = _GAP.sub(", ", text[start:stop])
    if ";" in inner:
        rows = [row.strip() for row in inner[1:-1].split(";") if row.strip()]
        several = any("," in row for row in rows)
        inner = f"[{', '.join(f'[{row}]' if several else row for row in rows)}]"
    return text[:start] + inner + text[stop:]


def _is_known(token: Token, is_function: Callable[[str], bool]) -> bool:
    """Whether a name is a function's of the table; names that nobody knows may be variables."""
    return is_function(token.spelling) and lookup(token.spelling) is not None


def _begins(tokens: list[Token], number: int) -> bool:
    """Whether an argument without brackets begins there."""
    return number < len(tokens) and tokens[number].sort in BEGINS - {"open"}


def _operand_end(tokens: list[Token], number: int, is_function: Callable[[str], bool]) -> int:
    """The last token of the argument that starts at `number`: 2x^2 of sin 2x^2 + 1."""
    depth, end = 0, number
    for place in range(number, len(tokens)):
        token = tokens[place]
        depth += (token.sort == "open") - (token.sort == "close")
        power = token.spelling == "**"
        called = token.sort == "name" and place > number and _is_known(token, is_function)
        if depth < 0 or (depth == 0 and not power and (token.sort in _BETWEEN or called)):
            break
        end = place
    return end
