"""Untrusted text between lines that its author can't forge: a random word, new for every request, opens and closes it.

Model answers are data. They are put between fences by joining strings, never formatted into a template,
and characters that could hide or reorder what a judge reads are taken out.
"""

from __future__ import annotations

import re
import secrets

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), bidirectional controls and variation selectors
# among them (TR36, TR39), and the interlinear annotation controls: each can carry what no reader sees.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


class Fence:
    """One request's delimiter."""

    def __init__(self) -> None:
        self.word = secrets.token_hex(8)

    def around(self, label: str, text: str) -> str:
        """`text` as data; should it hold the very word, the word is taken out.

        A candidate would have to guess it, one in 2^64; a judge, whose analysis is fenced too, has read it.
        """
        inside = visible(text)
        while self.word in inside:  # taking it out may leave another behind: half of it before, half after
            inside = inside.replace(self.word, "")
        return f"<<<{self.word} {label}\n{inside}\n<<<end {self.word}>>>"


def visible(text: str) -> str:
    """The text without characters that show nothing."""
    return _INVISIBLE.sub("", text)
