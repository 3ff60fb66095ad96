"""NPY: the tables of a sweep as one structured array, for numpy.

In: tables. Out: pieces of a file with the table's columns and `verdict`; texts have a fixed length
there, so notes are left out. numpy is imported when it is first needed.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from gradcalc.render import Start
from gradcalc.results.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcalc.results.table import Table


class Tables:
    """Draws tables. The header tells the number of all rows, so it is written again at the end."""

    def __init__(self, columns: Sequence[str]) -> None:
        import numpy as np

        words = f"U{max(map(len, Verdict))}"
        self._kind = np.dtype([*((column, "<f8") for column in columns), ("verdict", words)])
        self._count = 0

    @property
    def header(self) -> bytes:
        """What tells the kind of the array, and how many rows there are so far."""
        from numpy.lib import format as npy

        out = io.BytesIO()
        descr = npy.dtype_to_descr(self._kind)
        # numpy leaves room in the header for the length to grow.
        npy.write_array_header_1_0(
            out, {"descr": descr, "fortran_order": False, "shape": (self._count,)}
        )
        return out.getvalue()

    def draw(self, table: Table) -> list[bytes]:
        """The rows of a table."""
        import numpy as np

        rows = np.empty(table.length, self._kind)
        for name, column in table.columns.items():
            rows[name] = column
        rows["verdict"] = table.verdicts
        self._count += table.length
        return [rows.tobytes()]

    @property
    def footer(self) -> Start:
        """The header for all rows."""
        return Start(self.header)
