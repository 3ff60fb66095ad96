"""How names are compared and written: one spelling for each, which are spelled alike, LaTeX.

In: names as typed. Out: the names as `Program` spells them, as they were meant, or in LaTeX.
"""

from __future__ import annotations

import re
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

    >>> nearest("wtr", ["at", "wrt"]), nearest("X", ["y", "x"])
    ('wrt', 'x')
    """
    import difflib

    candidates = [*candidates]
    # In a short name the case of a letter is all that is compared.
    same = (candidate for candidate in candidates if candidate.casefold() == name.casefold())
    return next(same, None) or next(
        iter(difflib.get_close_matches(name, [*candidates], n=1, cutoff=alike)), None
    )


def did_you_mean(name: str, candidates: Iterable[str], otherwise: str) -> str:
    """A hint that names the nearest candidate, or says something else where none is near."""
    near = nearest(name, candidates)
    return f"did you mean `{near}`?" if near else otherwise


# --- LaTeX ----------------------------------------------------------------------------------------

_GREEK_NAMES = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon
phi chi psi omega varsigma Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
_GREEK = frozenset(_GREEK_NAMES.split())

#: Greek capitals that LaTeX has no names for: they look like these.
_LATIN = {
    "ALPHA": "A", "BETA": "B", "EPSILON": "E", "ZETA": "Z", "ETA": "H", "IOTA": "I", "KAPPA": "K",
    "MU": "M", "NU": "N", "OMICRON": "O", "RHO": "P", "TAU": "T", "CHI": "X",
}  # fmt: skip

#: Accents, by the combining marks of Unicode.
_ACCENTS = {
    "\u0300": "grave", "\u0301": "acute", "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar",
    "\u0306": "breve", "\u0307": "dot", "\u0308": "ddot", "\u030a": "mathring", "\u030c": "check",
}  # fmt: skip

#: What has a meaning to LaTeX.
_SPECIAL = {char: f"\\{char}" for char in "#$%&_{}"} | {
    "~": r"\sim{}", "^": r"\wedge{}", "\\": r"\backslash{}",
}  # fmt: skip

#: What would swallow a letter that follows.
_MACRO = re.compile(r"\\[A-Za-z]+")

#: An entry of a tensor: its name and its indices.
_ENTRY = re.compile(r"(.+)\[([\d,]+)\]", re.DOTALL)


def in_latex(name: str) -> str:
    r"""Write a variable, or an entry of a tensor, in LaTeX's mathematics, in ASCII.

    What stands after an underscore is a subscript, and so are digits at the end and the indices of
    an entry. Greek letters may be written out. A letter that LaTeX has no name for stands as its
    code: not every LaTeX has it in a font.

    >>> in_latex("omega_0"), in_latex("λ"), in_latex("x12"), in_latex("learning_rate")
    ('\\omega_{0}', '\\lambda', 'x_{12}', 'learning_{rate}')
    >>> in_latex("x[0,1]"), in_latex("w_1[0]"), in_latex("__"), in_latex("é"), in_latex("ж")
    ('x_{0,1}', '{w_{1}}_{0}', '\\_\\_', '\\acute{e}', '\\mathrm{U+0436}')
    """
    if entry := _ENTRY.fullmatch(name):
        tensor = in_latex(entry[1])
        # TeX takes no second subscript.
        return f"{{{tensor}}}_{{{entry[2]}}}" if "_" in tensor else f"{tensor}_{{{entry[2]}}}"
    if not name.strip("_"):
        return r"\_" * len(name)
    base, *below = name.split("_")
    letters = base.rstrip("0123456789")
    if letters != base:
        below.insert(0, base[len(letters) :])
    subscript = " ".join(_letters(part) if part else r"\_" for part in below)
    written = _letters(letters) if letters else r"{\_}"
    return written + (f"_{{{subscript}}}" if subscript else "")


def _letters(text: str) -> str:
    if text in _GREEK:
        return f"\\{text}"
    written: list[str] = []
    for char in unicodedata.normalize("NFD", text):
        accent = _ACCENTS.get(char)
        if accent and written:
            written[-1] = f"\\{accent}{{{written[-1]}}}"
        else:
            written.append(_letter(char))
    if len(written) == 1:
        return written[0]
    return "".join(f"{{{sign}}}" if _MACRO.fullmatch(sign) else sign for sign in written)


def _letter(char: str) -> str:
    if char.isascii():
        return _SPECIAL.get(char, char)
    kind, _, letter = unicodedata.name(char, "").rpartition(" LETTER ")
    letter = letter.replace("LAMDA", "LAMBDA").replace("FINAL SIGMA", "VARSIGMA")
    if kind == "GREEK CAPITAL" and letter in _LATIN:
        return _LATIN[letter]
    sign = letter.capitalize() if kind == "GREEK CAPITAL" else letter.lower()
    if kind in {"GREEK CAPITAL", "GREEK SMALL"} and sign in _GREEK:
        return f"\\{sign}"
    return f"\\mathrm{{U+{ord(char):04X}}}"
