"""What we print to: standard output for what was asked for, standard error for everything said beside it.

Invariant: text from a model, a server or a file passes `plain` before it reaches a terminal; a model must not be able
to move the cursor, set the window's title or hide what it wrote.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_PAGE = 100
_UNBOUNDED = 10_000
"""Columns where nobody looks: of prose, and of tables, whose rows are never cut."""

_CONTROLS = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""All control characters but tab and newline, and those that reorder text."""


def plain(text: str) -> str:
    """The text without characters that command a terminal."""
    return text.translate(_CONTROLS)


def one_line(text: str) -> str:
    """The same with every run of white space made one space."""
    return " ".join(plain(text).split())


def shown() -> bool:
    """Whether somebody watches standard output."""
    return sys.stdout.isatty()


def output(*, uncut: bool = False) -> Console:
    """Standard output; `uncut` is for lines that must stay whole in a pipe."""
    from rich.console import Console

    return Console(highlight=False, width=None if shown() else _UNBOUNDED if uncut else _PAGE)


def notes() -> Console:
    """Standard error; lines are never broken where they go into a file."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def print_json(document: bytes) -> None:
    """A document: indented for a reader, on one line for a program."""
    import msgspec

    shaped = msgspec.json.format(document, indent=2 if shown() else -1)
    sys.stdout.write(f"{shaped.decode()}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A remark beside the output."""
    print(plain(text), file=sys.stderr, flush=True)


def complain(message: str) -> None:
    """An error, in the form of a compiler's."""
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    label = "\033[1;31merror:\033[0m" if coloured else "error:"
    print(f"tritium: {label} {plain(message)}", file=sys.stderr, flush=True)
