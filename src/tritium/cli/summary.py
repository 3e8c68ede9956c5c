"""A run in a few lines: the answer, how it was come by, what it cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rich.console import Console, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tritium.cli.board import brief_name
from tritium.cli.receipt import receipt
from tritium.cli.terminal import one_line, plain
from tritium.fusion.run import Run

_MARKDOWN = re.compile(r"^(#{1,6} |\s*[-*+] |\s*\d+[.)] |```|\||> )|\*\*|`[^`]+`", re.MULTILINE)
INDENT = 2
_POINTS = 3
"""Of each field of an analysis; `tritium runs show` has all."""
_FIELDS = {
    "consensus": "agreed",
    "contradictions": "disputed",
    "partial_coverage": "partly covered",
    "unique_insights": "only one said",
    "blind_spots": "nobody said",
}


def show(console: Console, run: Run, *, quiet: bool = False) -> None:
    """The answer, and unless quiet how it was come by and what it cost."""
    if quiet:
        console.print(answer(run.answer))
        return
    console.print()
    console.print(Padding(answer(run.answer), (0, INDENT)))
    console.print()
    console.print(Padding(decision(run), (0, 0, 0, INDENT)))
    console.print(Padding(Text(receipt(run), style="dim"), (0, 0, 0, INDENT)))


def answer(text: str) -> RenderableType:
    """Markdown where it is Markdown; else as it is, its line breaks kept. Links are shown, never hidden in text."""
    text = plain(text).strip()
    return Markdown(text, hyperlinks=False) if _MARKDOWN.search(text) else Text(text)


def decision(run: Run, *, points: int | None = _POINTS) -> RenderableType:
    """How the answer was come by: the vote, the judge's findings, what went wrong on the way."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(style="dim")
    for label, text in _reasons(run, points):
        grid.add_row(label, Text(one_line(text)))
    cut = ["the answer was cut off at its greatest length"] if run.finish_reason == "length" else []
    for warning in cut + run.warnings:
        grid.add_row("note", Text(one_line(warning), style="yellow"))
    return grid


def _reasons(run: Run, points: int | None) -> Iterator[tuple[str, str]]:
    made = run.decision
    if made.how not in (None, "single"):
        whose = (
            f" ({brief_name(run.seats[made.seat].model)})" if made.seat is not None and made.how != "unanimous" else ""
        )
        yield made.how.replace("_", " "), made.reason + whose
    if made.votes:
        yield "votes", ", ".join(_vote(row) for row in made.votes)
    for name, label in _FIELDS.items():
        entries = (run.analysis or {}).get(name) or []
        for index, entry in enumerate(entries[:points]):
            yield ("" if index else label), point(entry)


def _vote(row: dict[str, Any]) -> str:
    says = row.get("says")
    return f"{len(row.get('seats', ()))} for {'nothing countable' if says is None else repr(says)}"


def point(entry: Any) -> str:
    """A judge's finding as a sentence: its longest text, whatever it called it."""
    if isinstance(entry, dict):
        texts = [value for value in entry.values() if isinstance(value, str)]
        return max(texts, key=len, default=str(entry))
    return str(entry)
