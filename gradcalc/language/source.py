"""A piece of the user's text, as Python's parser reads it, and the way back to the text.

In: an expression in Python's notation. Out: `Source`: Python's syntax tree, and for its nodes the
places and the names as the user wrote them.
"""

from __future__ import annotations

import ast
import re

from gradcalc.base.errors import GradcalcError, Kind, Span
from gradcalc.language.notation import Notation


class Source:
    """An expression of the user's."""

    def __init__(self, notation: Notation) -> None:
        """Begin with the expression in Python's notation."""
        self.text = notation.text
        self._notation = notation
        self._starts, self._stops = notation.starts, notation.stops

    @property
    def whole(self) -> Span:
        """Where the expression stands."""
        return self._notation.span(0, len(self._notation.python))

    def span(self, node: ast.expr) -> Span:
        """Where a node stands."""
        return Span(self._starts[node.col_offset], self._stops[node.end_col_offset or 0])

    def piece(self, span: Span) -> str:
        """The user's text there."""
        return self.text[span.start : span.stop]

    def python(self, node: ast.expr) -> str:
        """A node in Python's spelling."""
        return self._notation.python[node.col_offset : node.end_col_offset]

    def in_brackets(self, node: ast.expr) -> bool:
        """Whether brackets stand around a node."""
        python, start, stop = self._notation.python, node.col_offset, node.end_col_offset
        return stop is None or (python[start - 1 : start] + python[stop : stop + 1] == "()")

    def name(self, node: ast.Name | ast.keyword) -> str:
        """A name, or the name of an argument, as the user wrote it."""
        word = node.id if isinstance(node, ast.Name) else node.arg or ""
        return self._notation.name(word, node.col_offset)

    def attribute(self, node: ast.Attribute) -> tuple[str, Span]:
        """The name behind the dot, and where it stands."""
        start = (node.end_col_offset or 0) - len(node.attr)
        place = Span(self._notation.starts[start], self.span(node).stop)
        return self._notation.name(node.attr, start), place

    def error(
        self,
        message: str,
        place: ast.expr | Span,
        hint: str | None = None,
        *,
        kind: Kind = Kind.SYNTAX,
    ) -> GradcalcError:
        """An error about a node, or about a place in the user's text."""
        span = place if isinstance(place, Span) else self.span(place)
        return GradcalcError(kind, message, text=self.text, span=span, hint=hint)

    def tree(self) -> ast.expr:
        """Python's parse.

        Raises:
            GradcalcError: Where the text is no expression.
        """
        try:
            return ast.parse(self._notation.python, mode="eval").body
        except (RecursionError, MemoryError):
            raise self.error(
                "the expression is nested too deeply (a sum of n terms nests n deep; "
                "the limit is near 2,500)",
                self.whole,
                "name a part, as in y = x + 1; y**2",
                kind=Kind.LIMIT,
            ) from None
        except SyntaxError as problem:
            if "follows keyword argument" in problem.msg:
                message = "an argument by name comes before one without"
                hint = "put the arguments by name last"
                raise self.error(message, self.whole, hint) from None
        span = self.whole
        place = re.search(r"(?<![=!<>])=(?!=)", self.piece(span))
        if place is not None:
            sign = Span(span.start + place.start(), span.start + place.end())
            hint = "bind values with --at, as in --at x=1, or compare with =="
            raise self.error("unexpected `=`", sign, hint)
        raise self.error("this is no expression", span)
