"""What people type, rewritten into Python's notation.

In: the tokens of an expression, or a text that needs no rewriting. Out: a `Notation`: an ASCII text
that Python's own parser reads, with a map from its positions back to the user's.

Rewritten are the signs that `tokens` spells in ASCII, implicit products (`2x`, `2(x+1)`, `(a)(b)`,
`x(1+x)`), and names that Python reserves (`lambda`) or that are not ASCII (`θ`): these become
`PLACEHOLDER` here, and the parser reads them in the user's text.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from typing import NamedTuple

from gradcalc.base import limits
from gradcalc.base.errors import GradcalcError, Kind, MendableError, Span
from gradcalc.base.names import normal
from gradcalc.language.syntax import BEGINS, ENDS, PREFIX_OPERATORS, brackets, check_order, depths
from gradcalc.language.tokens import Token

#: Stands in Python's notation for a name that Python would not read.
PLACEHOLDER = "v"

_QUOTIENTS = frozenset({"/", "//", "%"})

#: Words that Python reserves and that mean the same here.
_PLAIN_WORDS = frozenset({"True", "False", "None"})

# A text that reads the same in Python and here: operands, with an operator or a comma between them.
# Its numbers are in the range of float64.
_WORD = r"[A-Za-z_][A-Za-z0-9_]{0,99}+"
_NUMBER = r"""
    (?!0[0-9]) (?:[0-9]{1,30}+\.?[0-9]{0,30}+|\.[0-9]{1,30}+) (?:[eE][+-]?[0-9]{1,2})?
    (?![A-Za-z0-9_.])
"""
_OPERAND = rf"[-+(\ ]* (?:{_WORD}\ *\([-+(\ ]*)* (?:{_WORD}|{_NUMBER}) [)\ ]*"
_PLAIN = re.compile(rf"(?!\ ) {_OPERAND} (?:(?:\*\*|//|[-+*/%,]) {_OPERAND})* (?<!\ )", re.VERBOSE)
_NAMES = re.compile(rf"({_WORD})( *\()?")


class Notation(NamedTuple):
    """The text in Python's notation.

    Attributes:
        text: What the user typed.
        python: The same for Python's parser, ASCII, on one line.
        starts: User's offset for each offset of `python` at which a token starts.
        stops: User's offset for each offset of `python` at which a token stops.
    """

    text: str
    python: str
    starts: dict[int, int] | range
    stops: dict[int, int] | range

    def span(self, start: int, stop: int) -> Span:
        """The user's span for one of `python` that starts and stops with tokens."""
        return Span(self.starts[start], self.stops[stop])

    def name(self, word: str, start: int) -> str:
        """The name that the user wrote for `word`, which starts at `start` of `python`."""
        if word != PLACEHOLDER:
            return word
        user = self.text[self.starts[start] : self.stops[start + len(word)]]
        return normal(user)


def as_typed(text: str, is_function: Callable[[str], bool]) -> Notation | None:
    """The text as it is, if it is in Python's notation already; None if it is to be rewritten.

    Most formulas of data sets are. Their tokens would take as long as all that comes after.
    """
    if len(text) > limits.TEXT_LENGTH or not _PLAIN.fullmatch(text):
        return None
    opened = [0, *depths(text)]
    if min(opened) < 0 or opened[-1] > 0 or max(opened) > limits.BRACKETS:
        return None
    for name, bracket in _NAMES.findall(text):
        if keyword.iskeyword(name) or (bracket and not is_function(name)):
            return None
    same = range(len(text) + 1)
    return Notation(text, text, same, same)


def rewrite(text: str, tokens: list[Token], is_function: Callable[[str], bool]) -> Notation:
    """Rewrite an expression for Python's parser.

    Args:
        text: The whole text.
        tokens: The expression's tokens.
        is_function: Whether a name before an opening bracket is called; else it is multiplied.

    Raises:
        GradcalcError: For anything outside the notation; the span is in `text`.
    """
    partners = brackets(text, tokens)
    check_order(text, tokens, is_function)
    return _Rewriter(text, tokens, partners, is_function).rewrite()


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
        tokens: list[Token],
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
            if ended and sort in BEGINS and not follows:
                self._check_product(number)
                self._write("*", start, start)
            if (spelling == "**" or sort == "dot") and self._sort(number - 1) == "power":
                raise self._after_power(number)
            ended = sort in ENDS
            self._write_token(number, token)
            for _ in range(self._radicands.get(number, 0)):
                self._depth -= 1
                self._write(")", stop, stop)
        return Notation(self._text, "".join(self._python), self._starts, self._stops)

    def _write_token(self, number: int, token: Token) -> None:
        sort, spelling, start, stop = token
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

    def _deepen(self, token: Token) -> None:
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
        return self._spelling(number) in PREFIX_OPERATORS and self._sort(number - 1) not in ENDS

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
                indexed = self._spelling(number) == "[" and self._sort(number - 1) in ENDS
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

    # -- what can be read in two ways --

    def _after_power(self, number: int) -> GradcalcError:
        """Say what is wrong with x²**3 and x².sum(), where Python would see 2**3 and 2.sum()."""
        text, token = self._text, self._tokens[number]
        start = self._tokens[self._atom_start(number - 1)].start
        stop = self._tokens[number - 1].stop
        return MendableError(
            Kind.SYNTAX,
            f"what `{text[token.start : token.stop]}` belongs to can be read in two ways",
            text=text,
            span=Span(start, token.stop),
            lead="write brackets:",
            corrected=(f"{text[:start]}({text[start:stop]}){text[stop:]}".strip(),),
        )

    def _check_product(self, number: int) -> None:
        """Refuse 1/2x and sin²(x); the product's second factor starts at `number`."""
        start = self._operand_start(number - 1)
        if self._spelling(start - 1) in _QUOTIENTS:
            end = self._operand_end(number)
            left_start = self._operand_start(start - 2)
            while self._spelling(left_start) in PREFIX_OPERATORS:
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
