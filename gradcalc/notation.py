"""What people type, rewritten into Python's notation.

In: the user's text. Out: `Notation`, an ASCII text that Python's own parser reads, with a map from
its positions back to the user's. Rewritten are: `^` (power), `²` `·` `×` `÷` `−` `π` `√` `∞` `≤` `≥` `≠`, implicit
products (`2x`, `2(x+1)`, `(a)(b)`, `x(1+x)`), and names that Python reserves (`lambda`) or spells
differently (`θ`): these become the letter `v` here, and the parser reads them in the user's text.

Python's parser says little about what is wrong, so brackets, missing operands and missing
operators are found here, while the user's own tokens are at hand.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from gradcalc import limits
from gradcalc.errors import GradcalcError, Kind, Span

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>(?:[0-9]+(?:_[0-9]+)*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<sign>[π∞])
  | (?P<power>[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+)
  | (?P<name>[^\W\d][^\Wπ⁰¹²³⁴⁵⁶⁷⁸⁹]*)
  | (?P<operator>\*\*|//|<=|>=|==|!=|[-+*/%^<>&|~@=]|[−·⋅×÷≤≥≠])
  | (?P<open>\()
  | (?P<close>\))
  | (?P<comma>,)
  | (?P<dot>\.)
  | (?P<root>√)
    """,
    re.VERBOSE,
)

_OPERATORS = {"^": "**", "−": "-", "·": "*", "⋅": "*", "×": "*", "÷": "/", "≤": "<=", "≥": ">=", "≠": "!="}
_SIGNS = {"π": "pi", "∞": "inf"}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_PREFIX_OPERATORS = frozenset("+-~")
_HEX = re.compile(r"[xXoObB][0-9a-fA-F]+")

#: What a reserved word of Python is told, where it stands between operands.
_WORDS = {
    "and": "`&`, as in (x > 0) & (x < 1)",
    "or": "`|`, as in (x < 0) | (x > 1)",
    "not": "`~`, as in ~(x > 0)",
    "if": "`where(condition, a, b)`",
    "else": "`where(condition, a, b)`",
}

#: What a character that is none of ours is told.
_CHARACTERS = {
    "!": "factorial(x)",
    "=": "bind values with --at, as in --at x=1",
    "[": "round brackets ( )",
    "]": "round brackets ( )",
    "{": "round brackets ( )",
    "}": "round brackets ( )",
    "–": "the minus sign -",
    "—": "the minus sign -",
    ";": "one expression at a time",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the user's text: its sort, its Python spelling, its place."""

    sort: str
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Notation:
    """The text in Python's notation.

    Attributes:
        text: What the user typed.
        python: The same for Python's parser, ASCII, on one line.
        starts: User's offset for each offset of `python` at which a token starts.
        stops: User's offset for each offset of `python` at which a token stops.
    """

    text: str
    python: str
    starts: dict[int, int]
    stops: dict[int, int]

    def span(self, start: int, stop: int) -> Span:
        """The user's span for one of `python` that starts and stops with tokens."""
        return Span(self.starts[start], self.stops[stop])


def rewrite(text: str, is_function: Callable[[str], bool]) -> Notation:
    """Rewrite the user's text for Python's parser.

    Args:
        text: One expression.
        is_function: Whether a name before an opening bracket is called; else it is multiplied.

    Raises:
        GradcalcError: For anything outside the notation; the span is in `text`.
    """
    if len(text) > limits.TEXT_LENGTH:
        raise GradcalcError(
            Kind.LIMIT,
            f"the text has {len(text):,} characters; the limit is {limits.TEXT_LENGTH:,}",
        )
    tokens = _tokens(text)
    if not tokens:
        raise GradcalcError(
            Kind.SYNTAX, "there is no expression", hint='write one, as in "u**3 + v**2"'
        )
    partners = _brackets(text, tokens)
    _check_order(text, tokens)
    pieces = _with_products(text, tokens, partners, is_function)
    return _join(text, pieces)


def _tokens(text: str) -> list[Token]:
    """Cut the text into tokens."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _strange_character(text, position)
        sort, piece, span = str(match.lastgroup), match.group(), Span(*match.span())
        position = match.end()
        if sort == "space":
            if tokens and "\n" in piece and text[position:].strip():
                raise GradcalcError(
                    Kind.SYNTAX,
                    "the expression goes over several lines",
                    text=text,
                    span=Span(span.start, span.start + 1),
                    hint="put it on one line",
                )
            continue
        if sort == "number":
            _check_number(text, piece, span)
        elif sort == "operator":
            piece = _OPERATORS.get(piece, piece)
        elif sort == "power":
            piece = piece.translate(_SUPERSCRIPTS)
        elif sort == "sign":
            piece = _SIGNS[piece]
        elif sort == "name" and not unicodedata.normalize("NFKC", piece).isidentifier():
            raise _strange_character(text, span.start)
        tokens.append(Token(sort, piece, span))
    return tokens


def _strange_character(text: str, position: int) -> GradcalcError:
    character = text[position]
    if character in "'\"":
        message = "text in quotes is no part of an expression"
    else:
        name = unicodedata.name(character, "")
        code = f"U+{ord(character):04X}" + (f" {name}" if name else "")
        message = (
            f"unexpected `{character}`"
            if character.isprintable() and character.isascii()
            else f"unexpected character {code}"
        )
    instead = _CHARACTERS.get(character)
    if instead is None:
        instead = f"leave it out: {text[:position]}{text[position + 1 :]}" if len(text) < 80 else None
    elif character != "=":
        instead = f"use {instead}"
    return GradcalcError(
        Kind.SYNTAX, message, text=text, span=Span(position, position + 1), hint=instead
    )


def _check_number(text: str, piece: str, span: Span) -> None:
    if len(piece) > limits.NUMBER_LENGTH:
        raise GradcalcError(
            Kind.LIMIT,
            f"a number of {len(piece):,} characters; the limit is {limits.NUMBER_LENGTH:,}",
            text=text,
            span=span,
        )
    number = float(piece)
    if number == float("inf") or (number == 0 and re.search("[1-9]", re.split("[eE]", piece)[0])):
        raise GradcalcError(
            Kind.LIMIT,
            "the number is out of the range of float64 (about 5e-324 to 1.8e308)",
            text=text,
            span=span,
            hint="use `inf` for infinity" if number else "use 0",
        )
    if piece == "0" and _HEX.match(text, span.stop):
        raise GradcalcError(
            Kind.SYNTAX,
            "numbers are decimal",
            text=text,
            span=span,
            hint="write the number in decimal, or 0*x for a product",
        )


def _brackets(text: str, tokens: list[Token]) -> dict[int, int]:
    """Match the brackets; return the partner of each, by token number."""
    partners: dict[int, int] = {}
    pending: list[int] = []
    for number, token in enumerate(tokens):
        if token.sort == "open":
            pending.append(number)
            if len(pending) > limits.BRACKETS:
                raise GradcalcError(
                    Kind.LIMIT,
                    f"brackets nested more than {limits.BRACKETS} deep",
                    text=text,
                    span=token.span,
                )
        elif token.sort == "close":
            if not pending:
                cut = text[: token.span.start] + text[token.span.stop :]
                raise GradcalcError(
                    Kind.SYNTAX,
                    "this bracket was never opened",
                    text=text,
                    span=token.span,
                    hint=f"leave it out: {cut.strip()}",
                )
            partner = pending.pop()
            partners[partner], partners[number] = number, partner
    if pending:
        raise GradcalcError(
            Kind.SYNTAX,
            "this bracket is never closed",
            text=text,
            span=tokens[pending[-1]].span,
            hint=f"close it: {text.strip()}{')' * len(pending)}",
        )
    return partners


#: Sorts of token that can begin or end an operand.
_BEGINS = frozenset({"number", "name", "open", "root", "sign"})
_ENDS = frozenset({"number", "name", "close", "power", "sign"})


def _check_order(text: str, tokens: list[Token]) -> None:
    """Find missing operands and missing operators."""
    before: Token | None = None
    for token in tokens:
        ended = before is not None and before.sort in _ENDS
        if token.sort in {"operator", "comma", "close", "power", "dot"} and not ended:
            empty_call = token.sort == "close" and before is not None and before.sort == "open"
            trailing = token.sort == "close" and before is not None and before.sort == "comma"
            prefix = token.sort == "operator" and token.text in _PREFIX_OPERATORS
            if not (empty_call or trailing or prefix):
                raise _missing_operand(text, before, token)
        elif before is not None and ended and token.sort in _BEGINS:
            _check_neighbours(text, before, token)
        before = token
    if before is not None and before.sort not in _ENDS:
        raise _missing_operand(text, before, None)


def _missing_operand(text: str, before: Token | None, token: Token | None) -> GradcalcError:
    if before is not None and before.sort in {"operator", "root", "dot"}:
        at, where = before, "after"
    elif token is not None:
        at, where = token, "before"
    else:
        assert before is not None
        at, where = before, "after"
    shown = text[at.span.start : at.span.stop]
    hint = None
    if where == "after" and token is None:
        hint = f"complete it: {text.strip()} x, or end it: {text[: at.span.start].strip()}"
    return GradcalcError(
        Kind.SYNTAX, f"something is missing {where} `{shown}`", text=text, span=at.span, hint=hint
    )


def _check_neighbours(text: str, before: Token, token: Token) -> None:
    """Refuse two operands side by side, unless they read as a product."""
    if token.sort in {"open", "root", "sign"} or (before.sort != "name" and token.sort != "number"):
        return
    span = before.span.to(token.span)
    left, right = (text[t.span.start : t.span.stop] for t in (before, token))
    for word in (left, right):
        if word in _WORDS:
            raise GradcalcError(
                Kind.SYNTAX,
                f"`{word}` is no operator here",
                text=text,
                span=(before if word == left else token).span,
                hint=f"use {_WORDS[word]}",
            )
    raise GradcalcError(
        Kind.SYNTAX,
        f"an operator is missing between `{left}` and `{right}`",
        text=text,
        span=span,
        hint=f"for a product write {left}*{right}, for a function {left}({right})"
        if before.sort == "name"
        else f"for a product write {left}*{right}, for a power {left}**{right}",
    )


def _with_products(
    text: str,
    tokens: list[Token],
    partners: dict[int, int],
    is_function: Callable[[str], bool],
) -> list[Token]:
    """Spell the tokens in Python's way, with the implicit products put in."""
    pieces: list[Token] = []
    closing: dict[int, int] = {}  # token number -> how many brackets of √ end after it
    for number, token in enumerate(tokens):
        before = tokens[number - 1] if number else None
        if before is not None and before.sort in _ENDS and token.sort in _BEGINS:
            called = (
                token.sort == "open"
                and before.sort == "name"
                and (is_function(before.text) or _follows_dot(tokens, number - 1))
            )
            if not called:
                _check_quotient(text, tokens, partners, number)
                pieces.append(Token("operator", "*", Span(token.span.start, token.span.start)))
        if token.sort == "root":
            pieces.append(Token("name", "sqrt", token.span))
            pieces.append(Token("open", "(", token.span))
            end = _operand_end(tokens, partners, number + 1)
            closing[end] = closing.get(end, 0) + 1
        elif token.sort == "power":
            pieces += [Token("operator", "**", token.span), Token("open", "(", token.span)]
            pieces += [Token("number", token.text, token.span), Token("close", ")", token.span)]
        else:
            pieces.append(token)
        end = Span(token.span.stop, token.span.stop)
        pieces += [Token("close", ")", end)] * closing.get(number, 0)
    return pieces


def _follows_dot(tokens: list[Token], number: int) -> bool:
    return number > 0 and tokens[number - 1].sort == "dot"


def _operand_end(tokens: list[Token], partners: dict[int, int], number: int) -> int:
    """The last token of the operand that starts at `number`: an atom, with a bracket after a name."""
    while tokens[number].sort in {"root", "operator"} and number + 1 < len(tokens):
        number += 1
    while (
        tokens[number].sort == "name"
        and number + 1 < len(tokens)
        and tokens[number + 1].sort in {"open", "dot"}
    ):
        number += 1 if tokens[number + 1].sort == "open" else 2
    return partners.get(number, number)


def _operand_start(tokens: list[Token], partners: dict[int, int], number: int) -> int:
    """The first token of the operand that ends at `number`."""
    while number and tokens[number].sort == "power":
        number -= 1
    number = partners.get(number, number)
    while number and tokens[number].sort == "open" and tokens[number - 1].sort == "name":
        number -= 1
    while number > 1 and tokens[number - 1].sort == "dot":
        number -= 2
    return number


def _check_quotient(
    text: str, tokens: list[Token], partners: dict[int, int], number: int
) -> None:
    """Refuse 1/2x: some read 1/(2*x), Python's rules say (1/2)*x."""
    start = _operand_start(tokens, partners, number - 1)
    if not start or tokens[start - 1].text not in {"/", "//", "%"}:
        return
    sign = tokens[start - 1].text
    left_start = _operand_start(tokens, partners, start - 2)
    right_end = _operand_end(tokens, partners, number)

    def source(first: int, last: int) -> str:
        return text[tokens[first].span.start : tokens[last].span.stop]

    left, middle = source(left_start, start - 2), source(start, number - 1)
    right = source(number, right_end)
    raise GradcalcError(
        Kind.SYNTAX,
        "this product after a division can be read in two ways",
        text=text,
        span=tokens[left_start].span.to(tokens[right_end].span),
        hint=f"write {left}{sign}({middle}*{right}) or ({left}{sign}{middle})*{right}",
    )


def _join(text: str, pieces: list[Token]) -> Notation:
    """Write the pieces one after the other and note where each came from."""
    out: list[str] = []
    starts: dict[int, int] = {}
    stops: dict[int, int] = {}
    position = 0
    for piece in pieces:
        spelling = piece.text
        if piece.sort == "name" and (not spelling.isascii() or keyword.iskeyword(spelling)):
            spelling = "v"
        starts[position] = piece.span.start
        position += len(spelling)
        stops[position] = piece.span.stop
        out.append(spelling)
    return Notation(text, "".join(out), starts, stops)
