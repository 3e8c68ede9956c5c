"""`tritium doctor`: what is configured, what is reachable, what is missing, and how to put it right.

Asks nobody but this machine, and never shows the value of a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tritium.cli import options

if TYPE_CHECKING:
    from tritium.cli.checkup import Checkup


def doctor(config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """Say what is configured, what is reachable, what is missing and how to fix it.

    Exits with 0 if somebody can answer, else with 1.
    """
    import asyncio

    import msgspec

    from tritium.cli.checkup import examine
    from tritium.cli.exits import FAILED
    from tritium.cli.terminal import print_json

    found = asyncio.run(examine(config))
    if as_json:
        print_json(msgspec.json.encode(found))
    else:
        _print(found)
    if not found.ok:
        raise typer.Exit(FAILED)


def _print(found: Checkup) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from tritium.cli.terminal import one_line, output, shown

    console = output()
    marks = {"ok": ("ok", "green"), "missing": ("--", "dim"), "wrong": ("!!", "red")}
    for section in dict.fromkeys(check.section for check in found.checks):
        console.print(Text(f"\n{section}", "bold"))
        grid = Table.grid(padding=(0, 2))
        for check in (each for each in found.checks if each.section == section):
            mark, colour = marks[check.state]
            said = Text(one_line(check.detail))
            if check.fix:
                said.append(f"\n{one_line(check.fix)}", "yellow" if check.state == "wrong" else "dim")
            grid.add_row(Text(mark, colour), Text(one_line(check.name)), said)
        console.print(Padding(grid, (0, 0, 0, 2), expand=False))
    console.print(Text(f"\n{found.verdict}", "bold green" if found.ok else "bold red"), soft_wrap=not shown())
