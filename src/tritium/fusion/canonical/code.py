"""A program as its lines: out of its fence, without comment lines, blank lines and trailing spaces.

Programs that differ only in these are one; whether others do the same can't be read off them.
"""

from __future__ import annotations

import re
import textwrap

_FENCE = re.compile(r"(?:^|\n)[ \t]{0,8}(```|~~~)[^\n`]{0,60}\n(.*?)(?:\n[ \t]{0,8}\1|\Z)", re.DOTALL)
_COMMENT = re.compile(r"\s{0,200}(?:#(?:\s|$)|//|--\s)")


def program(text: str) -> str | None:
    """The longest fenced block, else the whole text, normalised; None if nothing is left."""
    blocks = [match[2] for match in _FENCE.finditer(text)]
    source = max(blocks, key=len) if blocks else text
    lines = [line.rstrip().expandtabs(4) for line in source.splitlines()]
    return textwrap.dedent("\n".join(line for line in lines if line and not _COMMENT.match(line))).strip() or None
