"""One file per output format, and the registry of them.

In: a frozen `Report`. Out: text for standard output, which `cli` prints. Renderers compute nothing
and know nothing of torch or sympy. To add a format, write a module with a function
`report(report, width, color=color) -> str` and give it a line in `FORMATS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from gradcalc.render.error import error_text, warning_text

if TYPE_CHECKING:
    from gradcalc.results.report import Report

__all__ = ["FORMATS", "Renderer", "error_text", "warning_text"]


@dataclass(frozen=True, slots=True)
class Renderer:
    """An output format.

    Attributes:
        module: Where its `report` function is; imported when first used, because the table's needs
            rich and an error message or a CSV line should not wait for that.
        header: Text that is printed once, before the first report.
        footer: Text that is printed once, after the last.
    """

    module: str
    header: str = ""
    footer: str = ""

    def report(self, report: Report, *, width: int | None = None, color: bool = False) -> str:
        """Draw one report.

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

    def whole(self, report: Report, *, width: int | None = None, color: bool = False) -> str:
        """Draw one report that stands alone, between header and footer."""
        return self.header + self.report(report, width=width, color=color) + self.footer


#: The formats by the name that `--format` takes.
FORMATS = {
    "table": Renderer("gradcalc.render.table"),
    "json": Renderer("gradcalc.render.json"),
    "jsonl": Renderer("gradcalc.render.jsonl"),
    "csv": Renderer(
        "gradcalc.render.csv",
        "line,id,expression,wrt,formula,symbolic,autograd,limit,ulps,verdict,blame,note,error\n",
    ),
    "latex": Renderer("gradcalc.render.latex"),
    "markdown": Renderer("gradcalc.render.markdown"),
    "junit": Renderer(
        "gradcalc.render.junit",
        '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n<testsuite name="gradcalc">\n',
        "</testsuite>\n</testsuites>\n",
    ),
}
