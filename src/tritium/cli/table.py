"""Tables: aligned columns and a quiet heading at a terminal, the same rows uncut in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from tritium.cli.terminal import one_line, output, shown


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows, a line each. A column whose name begins with `>` is aligned to the right; the last one gives way."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim" if shown() else "")
    for name in columns:
        justify: Literal["left", "right"] = "right" if name.startswith(">") else "left"
        table.add_column(name.removeprefix(">"), justify=justify, no_wrap=name is not columns[-1])
    for row in rows:
        table.add_row(*(Text(one_line(cell), no_wrap=True, overflow="ellipsis") for cell in row))
    output(uncut=True).print(table)
