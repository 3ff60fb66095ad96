"""The user's text, cut into statements and tokens.

In: the user's text. Out: `Line`s of tokens, each with the spelling that Python would read: `^`
(power), `²` `·` `×` `÷` `−` `π` `√` `∞` `≤` `≥` `≠` are written in ASCII. `notation` makes Python's
text of them.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, MendableError, Span
from gradcalc.base.names import normal

#: Signs that are names, and how they are spelled. All of Unicode's letters pi mean pi.
SIGNS = {**dict.fromkeys("πϖℼ𝛑𝛡𝜋𝜛𝝅𝝕𝝿𝞏𝞹𝟉", "pi"), "∞": "inf"}

_OPERATORS = {
    "^": "**",
    "−": "-",
    "·": "*",
    "⋅": "*",
    "×": "*",
    "÷": "/",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", "⁺")

_DIGITS = "[0-9]+(?:_[0-9]+)*"
_IN_NAME = f"[^\\W⁰¹²³⁴⁵⁶⁷⁸⁹{''.join(SIGNS)}]"
#: A name, in any alphabet.
NAME = re.compile(rf"(?![0-9]){_IN_NAME}+")
_TOKEN = re.compile(
    rf"""
    (?P<name>(?!\d){_IN_NAME}+)
  | (?P<assign>(?:\*\*|//|[-+*/%^@&|])?=(?!=))
  | (?P<operator>\*\*|//|[<>=!]=|[-+*/%^<>&|~@]|[−·⋅×÷≤≥≠])
  | (?P<number>(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?)
  | (?P<open>[(\[])
  | (?P<close>[)\]])
  | (?P<comma>,)
  | (?P<colon>:)
  | (?P<ellipsis>\.\.\.)
  | (?P<dot>\.)
  | (?P<text>'[^'"\\\n]*'|"[^'"\\\n]*")
  | (?P<power>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)
  | (?P<sign>[{"".join(SIGNS)}])
  | (?P<root>√)
  | (?P<end>[;\n])
  | (?P<comment>\#[^\n]*)
  | (?P<strange>[\S\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029])
    """,
    re.VERBOSE,
)
#: Letters that nobody sees.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")

_BASED_NUMBER = re.compile(r"[xXoObB][0-9a-fA-F]+")

#: Sorts whose Python spelling is not as typed, beside operators, numbers, and names out of ASCII.
_SPELLED = frozenset({"power", "dot", "sign", "root", "strange"})

#: Words that begin a statement in a notebook, and what to do about it.
_BEGINNINGS = {
    "with": "put no_grad(...) around the expressions of the block",
    "import": "leave it out: all functions are there",
    "from": "leave it out: all functions are there",
    "for": "put the steps one below the other",
    "while": "put the steps one below the other",
    "if": "write where(x > 0, x, 0)",
    "lambda": "give the body alone, with its arguments as variables",
    "class": "give the formula alone",
    "def": "give the body, with its arguments as variables",
    "return": "leave the word out: the last line is the result",
    "del": "leave it out",
    "assert": "leave it out",
}

#: What a character that is none of ours is told.
_CHARACTERS = {
    "!": "use factorial(x)",
    "{": "use round brackets ( )",
    "}": "use round brackets ( )",
    "–": "use the minus sign -",
    "—": "use the minus sign -",
    "'": "text stands only where a function takes a word, as in einsum('ij,j->i', A, x)",
    '"': "text stands only where a function takes a word, as in einsum('ij,j->i', A, x)",
}


class Token(NamedTuple):
    """A piece of the user's text: its sort, its Python spelling, its place."""

    sort: str
    spelling: str
    start: int
    stop: int

    @property
    def span(self) -> Span:
        """Where it stands."""
        return Span(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of the text between line ends and semicolons: TARGET = EXPRESSION, or EXPRESSION.

    Attributes:
        text: The whole text.
        target: The tokens before the sign; None for an expression.
        sign: `=`, `+=` and the like, or the empty text.
        tokens: The expression's tokens.
    """

    text: str
    target: list[Token] | None
    sign: str
    tokens: list[Token]

    @property
    def span(self) -> Span:
        """All of it."""
        first = (self.target or self.tokens)[0]
        return Span(first.start, self.tokens[-1].stop)


def missing(
    text: str,
    at: Token,
    where: str,
    *,
    lead: str = "",
    corrected: tuple[str, ...] = (),
    hint: str | None = None,
) -> GradcalcError:
    """Say that a token lacks an operand `where`: before it, or after."""
    return MendableError(
        Kind.SYNTAX,
        f"something is missing {where} `{text[at.start : at.stop]}`",
        text=text,
        span=at.span,
        lead=lead,
        corrected=corrected,
        hint=hint,
    )


def lines(text: str) -> list[Line]:
    """Cut the text into statements; comments are dropped.

    Raises:
        GradcalcError: For what is no token, for text without end, and for an empty side of a `=`.
    """
    if len(text) > limits.TEXT_LENGTH:
        raise GradcalcError(
            Kind.LIMIT,
            f"the text has {len(text):,} characters; the limit is {limits.TEXT_LENGTH:,}",
            text=text,
            span=Span(limits.TEXT_LENGTH, len(text)),
            hint="put many numbers into a file, as in --at x=@x.csv",
        )
    cut: list[Line] = []
    for tokens in _cut(text):
        if len(cut) == limits.STATEMENTS:
            raise GradcalcError(
                Kind.LIMIT,
                f"the program has more than {limits.STATEMENTS:,} statements",
                text=text,
                span=tokens[0].span,
            )
        cut.append(_line(text, tokens))
    if not cut:
        raise GradcalcError(
            Kind.SYNTAX,
            "there is no expression",
            text=text,
            span=Span(0, 0),
            hint='write one, as in "u**3 + v**2"',
        )
    return cut


def _cut(text: str) -> Iterator[list[Token]]:
    """The tokens of each statement: up to a line end or a semicolon that is in no brackets."""
    tokens: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(text):
        sort = str(match.lastgroup)
        if sort == "end":
            if tokens and depth <= 0:
                yield tokens
                tokens, depth = [], 0
            continue
        if sort == "comment":
            continue
        depth += (sort == "open") - (sort == "close")
        tokens.append(_token(text, sort, match))
    if tokens:
        yield tokens


def _token(text: str, sort: str, match: re.Match[str]) -> Token:
    spelling = match.group()
    start, stop = match.span()
    if sort == "operator":
        spelling = _OPERATORS.get(spelling, spelling)
    elif stop - start > limits.NAME_LENGTH and sort in {"name", "text"}:
        raise GradcalcError(
            Kind.LIMIT,
            f"a {sort} of {stop - start:,} characters; the limit is {limits.NAME_LENGTH:,}",
            text=text,
            span=Span(start, stop),
        )
    elif sort == "number":
        spelling = _number(text, spelling, start)
    elif sort in _SPELLED or not spelling.isascii():
        spelling = _spelling(text, sort, spelling, start)
    return Token(sort, spelling, start, stop)


def _line(text: str, tokens: list[Token]) -> Line:
    """Cut a statement at the sign that assigns."""
    first = tokens[0]
    if first.spelling in _BEGINNINGS and len(tokens) > 1 and tokens[1].sort == "name":
        raise GradcalcError(
            Kind.SYNTAX,
            f"`{first.spelling}` begins no statement here",
            text=text,
            span=first.span,
            hint=_BEGINNINGS[first.spelling],
        )
    depth = 0
    for number, token in enumerate(tokens):
        depth += (token.sort == "open") - (token.sort == "close")
        if token.sort != "assign" or depth > 0:
            continue
        if number == 0:
            raise missing(text, token, "before")
        if number == len(tokens) - 1:
            raise missing(text, token, "after")
        sign = "**=" if token.spelling == "^=" else token.spelling
        return Line(text, tokens[:number], sign, tokens[number + 1 :])
    return Line(text, None, "", tokens)


def _spelling(text: str, sort: str, piece: str, start: int) -> str:
    """The Python spelling of the rarer sorts of token."""
    if sort == "name":
        return _name(text, piece, start)
    if sort == "power":
        exponent = piece.translate(_SUPERSCRIPTS)
        sign = "-" * exponent.startswith("-")
        return sign + _number(text, exponent.lstrip("-"), start)
    if sort == "dot":
        return " ."  # Python would read the dot of `2 .sin()` as part of the number.
    if sort == "sign":
        return SIGNS[piece]
    if sort == "text":
        if not piece.isascii():
            raise _strange_character(
                text, start + next(k for k, c in enumerate(piece) if ord(c) > 127)
            )
        return piece
    if sort == "root":
        return "sqrt"
    raise _strange_character(text, start)


def _name(text: str, piece: str, start: int) -> str:
    """A name that is not ASCII, in the form in which Python compares names."""
    for offset, character in enumerate(piece):
        if unicodedata.decomposition(character).startswith("<super>"):
            raise _strange_character(text, start + offset, hint="write a power with ^, as in x^n")
    spelled = normal(piece)
    if spelled.isidentifier() and NAME.fullmatch(spelled) and _FILLERS.isdisjoint(spelled):
        return spelled
    odd = (
        offset
        for offset, character in enumerate(piece)
        if not NAME.fullmatch("x" + normal(character))
        or not ("x" + character).isidentifier()
        or not _FILLERS.isdisjoint(normal(character))
    )
    raise _strange_character(text, start + next(odd, 0))


def _strange_character(text: str, position: int, hint: str | None = None) -> GradcalcError:
    character = text[position]
    if character in "'\"":
        message = "text in quotes is no part of an expression"
    elif character.isprintable() and character.isascii():
        message = f"unexpected `{character}`"
    else:
        name = unicodedata.name(character, "")
        message = f"unexpected character U+{ord(character):04X} {name}".rstrip()
    return MendableError(
        Kind.SYNTAX,
        message,
        text=text,
        span=Span(position, position + 1),
        lead="leave it out:",
        corrected=()
        if hint or character in _CHARACTERS
        else (text.replace(character, "").strip(),),
        hint=hint or _CHARACTERS.get(character, "leave it out"),
        replaces=True,
    )


def _number(text: str, piece: str, start: int) -> str:
    """A number as Python spells it: without underscores, and 7 for 007."""
    if len(piece) == 1:
        if piece == "0" and _BASED_NUMBER.match(text, start + 1):
            raise GradcalcError(
                Kind.SYNTAX,
                "numbers are decimal",
                text=text,
                span=Span(start, start + 1),
                hint="give the number in decimal; for a product write 0*x",
            )
        return piece
    if len(piece) > limits.NUMBER_LENGTH:
        raise GradcalcError(
            Kind.LIMIT,
            f"a number of {len(piece):,} characters; the limit is {limits.NUMBER_LENGTH:,}",
            text=text,
            span=Span(start, start + len(piece)),
        )
    number = float(piece)
    if number == math.inf or (number == 0 and re.search("[1-9]", re.split("[eE]", piece)[0])):
        raise GradcalcError(
            Kind.LIMIT,
            "the number is out of the range of float64 (about 5e-324 to 1.8e308)",
            text=text,
            span=Span(start, start + len(piece)),
            hint="use `inf` for infinity" if number else "use 0",
        )
    if "_" in piece:
        piece = piece.replace("_", "")
    return str(int(piece)) if piece[0] == "0" and piece.isdigit() else piece
