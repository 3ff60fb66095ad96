"""What people type, rewritten into Python's notation.

In: the user's text. Out: its lines, and for each expression a `Notation`: an ASCII text that
Python's own parser reads, with a map from its positions back to the user's.
 Rewritten are: `^` (power), `²` `·` `×` `÷` `−` `π` `√` `∞` `≤`
`≥` `≠`, implicit products (`2x`, `2(x+1)`, `(a)(b)`, `x(1+x)`), and names that Python reserves
(`lambda`) or that are not ASCII (`θ`): these become `PLACEHOLDER` here, and the parser reads them
in the user's text.

Python's parser says little about what is wrong, so brackets, missing operands and missing operators
are found here, while the user's own tokens are at hand.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gradcalc import limits
from gradcalc.errors import GradcalcError, Kind, Span
from gradcalc.spelling import normal

#: Stands in Python's notation for a name that Python would not read.
PLACEHOLDER = "v"

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
_PREFIX_OPERATORS = frozenset("+-~")
_QUOTIENTS = frozenset({"/", "//", "%"})

_DIGITS = "[0-9]+(?:_[0-9]+)*"
_IN_NAME = f"[^\\W⁰¹²³⁴⁵⁶⁷⁸⁹{''.join(SIGNS)}]"
_NAME = re.compile(rf"(?![0-9]){_IN_NAME}+")
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

#: Sorts of token that can begin or end an operand, and those that need one before them.
_BEGINS = frozenset({"number", "name", "open", "root", "sign", "text", "ellipsis"})
_ENDS = frozenset({"number", "name", "close", "power", "sign", "text", "ellipsis"})
_FOLLOWS = frozenset({"operator", "assign", "comma", "close", "power", "dot"})

#: Sorts after which something may end that is still empty: sin(), sin(x,), x[1:], x[:, 0].
_OPEN_ENDED = {
    ("open", "close"),
    ("comma", "close"),
    ("colon", "close"),
    ("colon", "comma"),
}

#: Sorts that no product can be made of.
_APART = frozenset({"text", "ellipsis"})

#: Words that Python reserves and that mean the same here.
_PLAIN_WORDS = frozenset({"True", "False", "None"})

_CLOSING = {"(": ")", "[": "]"}

#: Sorts whose Python spelling is not as typed, beside operators, numbers, and names out of ASCII.
_SPELLED = frozenset({"power", "dot", "sign", "root", "strange"})

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

#: Words that begin a statement in a notebook, and what to do about it.
_BEGINNINGS = {
    "with": "put no_grad(...) around the expressions of the block",
    "import": "leave it out: all functions are there",
    "from": "leave it out: all functions are there",
    "for": "write the steps one below the other",
    "while": "write the steps one below the other",
    "def": "write the body, with its arguments as variables",
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

#: Characters of a corrected text beyond which a hint does not show it.
_SHOWN = 200


class MendableError(GradcalcError):
    """An error for which corrected texts are at hand; its hint shows those that are in order.

    Attributes:
        lead: What the hint says before the corrected texts.
        corrected: Texts, or pieces of the text, that may be what was meant.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        text: str,
        span: Span,
        lead: str,
        corrected: tuple[str, ...],
        hint: str | None = None,
    ) -> None:
        super().__init__(kind, message, text=text, span=span, hint=hint)
        self.lead = lead
        self.corrected = corrected

    def show(self, parses: Callable[[str], bool]) -> None:
        """Put those of the corrected texts that parse into the hint; without any it stays."""
        short = [p for p in self.corrected if len(p) <= _SHOWN and "\n" not in p]
        sound = [piece for piece in short if parses(piece)]
        if sound:
            self.hint = f"{self.lead} {' or '.join(sound)}"


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

    def name(self, word: str, start: int) -> str:
        """The name that the user wrote for `word`, which starts at `start` of `python`."""
        if word != PLACEHOLDER:
            return word
        user = self.text[self.starts[start] : self.stops[start + len(word)]]
        return normal(user)


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
    target: list[_Token] | None
    sign: str
    tokens: list[_Token]

    @property
    def span(self) -> Span:
        """All of it."""
        first = (self.target or self.tokens)[0]
        return Span(first.start, self.tokens[-1].stop)


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
    found: list[Line] = []
    for tokens in _cut(text):
        if len(found) == limits.STATEMENTS:
            raise GradcalcError(
                Kind.LIMIT,
                f"the program has more than {limits.STATEMENTS:,} statements",
                text=text,
                span=tokens[0].span,
            )
        found.append(_line(text, tokens))
    if not found:
        raise GradcalcError(
            Kind.SYNTAX,
            "there is no expression",
            text=text,
            span=Span(0, 0),
            hint='write one, as in "u**3 + v**2"',
        )
    return found


def rewrite(text: str, tokens: list[_Token], is_function: Callable[[str], bool]) -> Notation:
    """Rewrite an expression for Python's parser.

    Args:
        text: The whole text.
        tokens: The expression's tokens.
        is_function: Whether a name before an opening bracket is called; else it is multiplied.

    Raises:
        GradcalcError: For anything outside the notation; the span is in `text`.
    """
    partners = _brackets(text, tokens)
    _check_order(text, tokens, is_function)
    return _Rewriter(text, tokens, partners, is_function).rewrite()


# --- Tokens ---------------------------------------------------------------------------------------


class _Token(NamedTuple):
    """A piece of the user's text: its sort, its Python spelling, its place."""

    sort: str
    spelling: str
    start: int
    stop: int

    @property
    def span(self) -> Span:
        return Span(self.start, self.stop)


def _cut(text: str) -> Iterator[list[_Token]]:
    """The tokens of each statement: up to a line end or a semicolon that is in no brackets."""
    tokens: list[_Token] = []
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


def _token(text: str, sort: str, match: re.Match[str]) -> _Token:
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
    return _Token(sort, spelling, start, stop)


def _line(text: str, tokens: list[_Token]) -> Line:
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
            raise _missing(text, token, "before")
        if number == len(tokens) - 1:
            raise _missing(text, token, "after")
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
    if spelled.isidentifier() and _NAME.fullmatch(spelled) and _FILLERS.isdisjoint(spelled):
        return spelled
    odd = (
        offset
        for offset, character in enumerate(piece)
        if not _NAME.fullmatch("x" + normal(character))
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
                hint="write the number in decimal, or 0*x for a product",
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


# --- Brackets, operands and operators -------------------------------------------------------------


def _brackets(text: str, tokens: list[_Token]) -> dict[int, int]:
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


def _check_order(text: str, tokens: list[_Token], is_function: Callable[[str], bool]) -> None:
    """Find missing operands and missing operators."""
    before: _Token | None = None
    ended = False  # whether `before` ends an operand
    for token in tokens:
        sort = token.sort
        if ended and before is not None:
            if sort in _BEGINS or sort == "power":
                _check_neighbours(text, before, token, is_function)
        elif sort in _FOLLOWS:
            between = before and (before.sort, sort)
            prefix = sort == "operator" and token.spelling in _PREFIX_OPERATORS
            # sin() and sin(x,) are for the parser to judge.
            if not prefix and between not in _OPEN_ENDED:
                raise _missing_operand(text, before, token)
        if before is not None and before.sort == "dot" and sort != "name":
            raise _missing_operand(text, before, token)
        before = token
        ended = sort in _ENDS
    if not ended:
        raise _missing_end(text, tokens[-1])


def _missing_operand(text: str, before: _Token | None, token: _Token) -> GradcalcError:
    """Say what lacks an operand: the operator before the gap, or else the token after it."""
    if before is not None and before.sort not in {"open", "comma"}:
        return _missing(text, before, "after")
    hint = "for the absolute value write abs(x)" if token.spelling == "|" else None
    return _missing(text, token, "before", hint=hint)


def _missing_end(text: str, last: _Token) -> GradcalcError:
    """Say that the text ends too early."""
    before, after = text[: last.start].strip(), text[last.stop :].rstrip()
    if last.spelling == "%":
        corrected = f"{before}/100{after}"
        return _missing(text, last, "after", lead="for percent write", corrected=(corrected,))
    return _missing(text, last, "after", lead="leave it out:", corrected=(before + after,))


def _missing(
    text: str,
    at: _Token,
    where: str,
    *,
    lead: str = "",
    corrected: tuple[str, ...] = (),
    hint: str | None = None,
) -> GradcalcError:
    return MendableError(
        Kind.SYNTAX,
        f"something is missing {where} `{text[at.start : at.stop]}`",
        text=text,
        span=at.span,
        lead=lead,
        corrected=corrected,
        hint=hint,
    )


def _check_neighbours(
    text: str, before: _Token, token: _Token, is_function: Callable[[str], bool]
) -> None:
    """Refuse two operands side by side, unless they read as a product."""
    apart = token.sort in _APART or before.sort in _APART
    indexed = before.sort == "power" and token.spelling == "["
    if token.sort == "power":
        fine = before.sort != "power"
    elif apart or indexed:
        fine = False
    else:
        fine = token.sort != "number" and (token.sort != "name" or before.sort != "name")
    if fine:
        return
    left, right = (text[t.start : t.stop] for t in (before, token))
    for word, place in ((left, before), (right, token)):
        if word in _WORDS:
            raise GradcalcError(
                Kind.SYNTAX,
                f"`{word}` is no operator here",
                text=text,
                span=place.span,
                hint=f"use {_WORDS[word]}",
            )
    head, tail = text[: before.stop].lstrip(), text[token.start :].rstrip()
    if before.sort == "name" and is_function(before.spelling):
        lead, corrected = "to call the function write", (f"{left}({right})",)
    elif token.sort == "power" or token.spelling == "[":
        lead, corrected = "write brackets:", (f"({head}){tail}",)
    else:
        lead, corrected = "for a product write", (f"{head}*{tail}",)
    raise MendableError(
        Kind.SYNTAX,
        f"an operator is missing between `{left}` and `{right}`",
        text=text,
        span=before.span.to(token.span),
        lead=lead,
        corrected=corrected,
    )


# --- Products and Python's spelling ---------------------------------------------------------------


def _reserved(name: str) -> bool:
    """Whether Python would not read it as a name."""
    if name in _PLAIN_WORDS:
        return False
    return not name.isascii() or keyword.iskeyword(name)


class _Rewriter:
    """Writes tokens that are in order in Python's way, with implicit products as `*`."""

    def __init__(
        self,
        text: str,
        tokens: list[_Token],
        partners: dict[int, int],
        is_function: Callable[[str], bool],
    ) -> None:
        self._text = text
        self._tokens = tokens
        self._partners = partners
        self._is_function = is_function
        self._python: list[str] = []
        self._length = 0
        self._starts: dict[int, int] = {}
        self._stops: dict[int, int] = {}
        self._depth = 0  # brackets that are open, those of roots among them
        self._radicands: dict[int, int] = {}  # last token under roots -> how many roots end there

    def rewrite(self) -> Notation:
        """Write all tokens, and note where each came from."""
        ended = False  # whether the token before ends an operand
        for number, token in enumerate(self._tokens):
            sort, spelling, start, stop = token
            follows = sort == "open" and (spelling == "[" or self._called(number - 1))
            if ended and sort in _BEGINS and not follows:
                self._check_product(number)
                self._write("*", start, start)
            ended = sort in _ENDS
            if sort == "open":
                self._deepen(token)
            elif sort == "close":
                self._depth -= 1
            if sort == "root":
                self._write_root(number)
            elif sort == "power":
                self._write("**(", start, start)
                self._write(spelling, start, stop)
                self._write(")", start, stop)
            elif sort == "name" and _reserved(spelling):
                self._write(PLACEHOLDER, start, stop)
            else:
                self._write(spelling, start, stop)
            if number in self._radicands:
                self._depth -= self._radicands[number]
                for _ in range(self._radicands[number]):
                    self._write(")", stop, stop)
        return Notation(self._text, "".join(self._python), self._starts, self._stops)

    def _write_root(self, number: int) -> None:
        if not self._in_radicand(number):
            end, roots = self._radicand(number)
            self._radicands[end] = self._radicands.get(end, 0) + roots
        token = self._tokens[number]
        self._deepen(token)
        self._write(token.spelling, token.start, token.stop)
        self._write("(", token.start, token.stop)

    def _write(self, spelling: str, start: int, stop: int) -> None:
        self._python.append(spelling)
        self._starts[self._length] = start
        self._length += len(spelling)
        self._stops[self._length] = stop

    def _deepen(self, token: _Token) -> None:
        self._depth += 1
        if self._depth > limits.BRACKETS:
            raise GradcalcError(
                Kind.LIMIT,
                f"brackets nested more than {limits.BRACKETS} deep",
                text=self._text,
                span=token.span,
                hint="name a part, as in y = x + 1; y**2",
            )

    def _called(self, number: int) -> bool:
        """Whether the token before an opening bracket is what the bracket calls."""
        token = self._tokens[number]
        if token.sort != "name":
            return False
        return self._sort(number - 1) == "dot" or self._is_function(token.spelling)

    def _sort(self, number: int) -> str:
        return self._tokens[number].sort if 0 <= number < len(self._tokens) else ""

    def _spelling(self, number: int) -> str:
        return self._tokens[number].spelling if 0 <= number < len(self._tokens) else ""

    def _source(self, first: int, last: int) -> str:
        return self._text[self._tokens[first].start : self._tokens[last].stop]

    # -- operands: an atom with what is called on it, and its powers --

    def _is_prefix(self, number: int) -> bool:
        """Whether the token is a sign or root before an operand."""
        if self._sort(number) == "root":
            return True
        return self._spelling(number) in _PREFIX_OPERATORS and self._sort(number - 1) not in _ENDS

    def _in_radicand(self, number: int) -> bool:
        """Whether a root belongs to a run such as √√x or √-√x that began earlier."""
        number -= 1
        while self._sort(number) == "operator" and self._is_prefix(number):
            number -= 1
        return self._sort(number) == "root"

    def _radicand(self, number: int) -> tuple[int, int]:
        """The last token under a run of roots, and how many roots the run has."""
        first = number
        while self._is_prefix(number):
            number += 1
        roots = sum(self._tokens[k].sort == "root" for k in range(first, number))
        return self._atom_end(number), roots

    def _atom_end(self, number: int) -> int:
        """The last token of the atom that starts at `number`, with its calls."""
        number = self._partners.get(number, number)
        while True:
            if self._sort(number + 1) == "dot":
                number += 2
            elif self._sort(number + 1) == "open" and (
                self._spelling(number + 1) == "[" or self._called(number)
            ):
                number = self._partners[number + 1]
            else:
                return number

    def _atom_start(self, number: int) -> int:
        """The first token of the atom that ends at `number`, with what it is called on."""
        while True:
            if self._sort(number) == "power":
                number -= 1
            elif self._sort(number) == "close":
                number = self._partners[number]
                indexed = self._spelling(number) == "[" and self._sort(number - 1) in _ENDS
                if not (indexed or self._called(number - 1)):
                    return number
                number -= 1
            elif self._sort(number - 1) == "dot":
                number -= 2
            else:
                return number

    def _operand_end(self, number: int) -> int:
        """The last token of the operand that starts at `number`, with its powers."""
        while True:
            while self._is_prefix(number):
                number += 1
            number = self._atom_end(number)
            while self._sort(number + 1) == "power":
                number += 1
            if self._spelling(number + 1) != "**":
                return number
            number += 2

    def _operand_start(self, number: int) -> int:
        """The first token of the operand that ends at `number`, with the base of its powers."""
        while True:
            number = self._atom_start(number)
            while number and self._is_prefix(number - 1):
                number -= 1
            if self._spelling(number - 1) != "**":
                return number
            number -= 2

    # -- products that can be read in two ways --

    def _check_product(self, number: int) -> None:
        """Refuse 1/2x and sin²(x); the product's second factor starts at `number`."""
        start = self._operand_start(number - 1)
        if self._spelling(start - 1) in _QUOTIENTS:
            end = self._operand_end(number)
            left_start = self._operand_start(start - 2)
            while self._spelling(left_start) in _PREFIX_OPERATORS:
                left_start += 1  # -1/2x is -(1/2x)
            left = self._source(left_start, start - 2) + self._spelling(start - 1)
            middle, right = self._source(start, number - 1), self._source(number, end)
            raise MendableError(
                Kind.SYNTAX,
                "this product after a division can be read in two ways",
                text=self._text,
                span=self._tokens[left_start].span.to(self._tokens[end].span),
                lead="write",
                corrected=(f"{left}({middle}*{right})", f"({left}{middle})*{right}"),
            )
        name = start
        while self._is_prefix(name):
            name += 1
        # A power of a bare function name: in sin²(x) and sin^2 x the name is no variable.
        if name < number - 1 and self._sort(name + 1) in {"power", "operator"}:
            token = self._tokens[name]
            if token.sort == "name" and self._is_function(token.spelling):
                power, end = self._source(name + 1, number - 1), self._operand_end(number)
                right = self._source(number, end)
                call = right if self._sort(number) == "open" else f"({right})"
                function = self._source(name, name)
                raise MendableError(
                    Kind.SYNTAX,
                    f"`{function}` stands without its argument",
                    text=self._text,
                    span=self._tokens[name].span.to(self._tokens[end].span),
                    lead="write",
                    corrected=(f"{function}{call}{power}", f"{function}{power}*{right}"),
                )
