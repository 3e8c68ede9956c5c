"""Whether a text has these words: quotes are looked up, not believed.

Compared are letters, digits and signs in compatibility form without case; white space, quotation marks, dashes and
Markdown's emphasis may differ, as they do when a model copies.
"""

from __future__ import annotations

import re
import unicodedata

from tritium.fusion.fence import visible

SHORTEST = 8
"""Characters of a quote; fewer stand in any text. A number or a name may be shorter if it is a word of its own."""

_MARKS = re.compile("[\"'`*_\u2018-\u201f\u00ab\u00bb\u2039\u203a~#>|]")
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_ELLIPSIS = re.compile(r"^(?:\.{3}|\u2026)\s*|\s*(?:\.{3}|\u2026)$")


class Quotable:
    """A text in which quotes are looked up."""

    def __init__(self, text: str) -> None:
        self._text = _plain(text)

    def has(self, quote: str) -> bool:
        """Whether these words stand in it, one after the other."""
        sought = _plain(_ELLIPSIS.sub("", quote.strip()))
        if not sought:
            return False
        if len(sought) < SHORTEST:
            return re.search(rf"(?<!\w){re.escape(sought)}(?!\w)", self._text) is not None
        return sought in self._text


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", visible(text)).casefold()
    return " ".join(_DASHES.sub("-", _MARKS.sub("", text)).split())
