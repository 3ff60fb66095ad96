"""One file per output format, and the registry of them.

In: frozen results, a `Report` or the `Table`s of a sweep. Out: text or bytes, which the commands
write. Renderers compute nothing and know nothing of torch or sympy.

To add a format, write a module with what draws each kind of thing, and give it a line in `FORMATS`:

- `report(report, *, width, color) -> str` draws a report, between the format's header and footer;
- `Tables(columns)`, a `Drawing`, draws tables of these columns, each a part of a sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.render.error import error_text, warning_text

if TYPE_CHECKING:
    from gradcalc.results.report import Report

__all__ = [
    "FORMATS",
    "Drawing",
    "Drawn",
    "Format",
    "Start",
    "error_text",
    "format_of",
    "formats",
    "warning_text",
]

#: What comes of drawing: text, or bytes where a format is no text.
Drawn = str | bytes


class Start(bytes):
    """Bytes that replace the first ones of a file, which could not be known before its end."""


class Drawing(Protocol):
    """Draws things one after the other, of which nobody has all at once."""

    @property
    def header(self) -> Drawn:
        """What stands before the first."""

    @property
    def footer(self) -> Drawn:
        """What stands after the last; or a `Start`."""

    def draw(self, thing: Any) -> Iterable[Drawn]:
        """One more, in pieces of moderate size."""


@dataclass(frozen=True, slots=True)
class Format:
    """An output format.

    Attributes:
        module: Where its functions are; imported when first used, because the table's needs rich
            and an error message or a CSV line should not wait for that.
        kinds: The kinds of things that it draws, "report" or "tables".
        ending: That of its files' names.
        header: Text before the first report.
        footer: Text after the last.
        formulas: Whether it shows formulas of reports.
        left_out: Whether it says why formulas are left out.
        twice: Whether tables end with a `Start`, which only a file can take.
    """

    module: str
    kinds: tuple[str, ...] = ("report",)
    ending: str = ""
    header: str = ""
    footer: str = ""
    formulas: bool = True
    left_out: bool = True
    twice: bool = False

    def report(self, report: Report, *, width: int | None = None, color: bool = False) -> str:
        """Draw one report, without header and footer.

        Args:
            report: What to draw.
            width: Columns of the terminal. None is no terminal: nothing is wrapped, shortened or
                boxed, and what gradcalc itself adds is ASCII.
            color: Whether escape sequences for colour may be used.

        Returns:
            Text that ends in a newline. In a batch, the reports' texts follow one another.
        """
        text: str = import_module(self.module).report(report, width=width, color=color)
        return text

    def warnings(self, report: Report) -> tuple[str, ...]:
        """A report's warnings, and what else this format does not say of it."""
        unsaid = () if self.left_out or report.left_out is None else (report.left_out,)
        return (*report.warnings, *unsaid)

    def whole(self, report: Report, *, width: int | None = None, color: bool = False) -> str:
        """Draw one report that stands alone, between header and footer."""
        return self.header + self.report(report, width=width, color=color) + self.footer

    def tables(self, columns: Sequence[str]) -> Drawing:
        """Prepare to draw the tables of a sweep, whose columns of numbers have these names."""
        drawing: Drawing = import_module(self.module).Tables(columns)
        return drawing


#: All formats by name; those of reports are what `--format` takes.
FORMATS = {
    "table": Format("gradcalc.render.table", ending=".txt"),
    "json": Format("gradcalc.render.json", ending=".json"),
    "jsonl": Format("gradcalc.render.jsonl", ending=".jsonl"),
    "csv": Format(
        "gradcalc.render.csv",
        ("report", "tables"),
        ".csv",
        "line,id,expression,wrt,formula,symbolic,autograd,limit,ulps,verdict,blame,note,error,proved\n",
        left_out=False,
    ),
    "latex": Format("gradcalc.render.latex", ending=".tex"),
    "markdown": Format("gradcalc.render.markdown", ending=".md"),
    "junit": Format(
        "gradcalc.render.junit",
        ending=".xml",
        header='<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuites>\n<testsuite name="gradcalc">\n',
        footer="</testsuite>\n</testsuites>\n",
        formulas=False,
    ),
    "parquet": Format("gradcalc.render.parquet", ("tables",), ".parquet"),
    "npy": Format("gradcalc.render.npy", ("tables",), ".npy", twice=True),
}


def formats(kind: str) -> dict[str, Format]:
    """The formats that draw things of a kind."""
    return {name: form for name, form in FORMATS.items() if kind in form.kinds}


def format_of(file: str, kind: str) -> Format:
    """The format that a file's ending stands for.

    Raises:
        GradcalcError: If none has that ending, among those that draw things of the kind.
    """
    by_ending = {form.ending: form for form in formats(kind).values()}
    form = by_ending.get(PurePath(file).suffix.lower())
    if form is None:
        is_folder = file != "" and Path(file).is_dir()
        raise GradcalcError(
            Kind.USAGE,
            f"`{file}` is a directory" if is_folder else f"`{file}` is of no known kind",
            hint=f"write to a {', '.join(by_ending)} file",
        )
    return form
