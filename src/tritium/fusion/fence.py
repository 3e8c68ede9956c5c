"""Untrusted text between lines that its author can't forge: a random word, new for every message, opens and closes it.

Model answers are data. They are put between fences by joining strings, never formatted into a template. Inside, what
could hide from a judge, reorder what it reads or pass for a delimiter is taken out or broken up where it can be seen.
What a caller is answered is never changed.
"""

from __future__ import annotations

import functools
import re
import secrets
import unicodedata

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), bidirectional controls and variation selectors
# among them (TR36, TR39), and the interlinear annotation controls: each can carry what no reader sees.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

# Angle brackets and what looks like them (TR39's confusables): guillemets, CJK and mathematical brackets.
_LEFT = "<\u02c2\u1438\u2039\u2329\u276e\u27e8\u27ea\u3008\u300a\uff1c\ufe64\u226a\u22d8\u00ab\U0001d236"
_RIGHT = ">\u02c3\u1433\u203a\u232a\u276f\u27e9\u27eb\u3009\u300b\uff1e\ufe65\u226b\u22d9\u00bb"
_DELIMITER = re.compile(
    rf"(?<![{_LEFT}])[{_LEFT}](?:\s?[{_LEFT}]){{2,3}}"  # <<<WORD and <<<end WORD
    rf"(?=\s{{0,9}}(?:\w{{8,64}}\b|\w{{1,9}}\s{{1,9}}\S{{0,80}}[{_RIGHT}]))"
    rf"|[{_LEFT}]\s?[{_LEFT}]\s?[{_LEFT}](?=\s{{0,9}}(?P<end>\w{{3}})\b)"  # <<<end, whatever comes before or after
    rf"|(?<=\w)\s{{0,9}}[{_RIGHT}](?:\s?[{_RIGHT}]){{2,3}}(?=\s{{0,9}}(?:\n|$))"  # WORD>>> at the end of a line
)
"""The shape of our lines, whatever the word between: a gullible reader may take any for the real one."""

_TEMPLATE_MARK = re.compile(
    r"<(?=[|\uff5c][^<>|\uff5c\n]{1,40}[|\uff5c]>)|<(?=/?(?:s|start_of_turn|end_of_turn|</?SYS>)>)|\[(?=/?INST\])",
    re.IGNORECASE,
)
"""Before what chat templates mark turns with: an inference server may take it for a mark also within a message."""

_BLANK_LINES = re.compile(r"(?:[^\S\n\r\v\f\x1c-\x1e\x85\u2028\u2029]{0,16}[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]){9,}")
"""So many that what comes after them would be out of a reader's sight."""
_FEWEST_LINES = 9
"""Of a text in which it may be found; most texts are told to be harmless faster than a pattern tells it."""


class Fence:
    """One message's delimiter."""

    @functools.cached_property
    def word(self) -> str:
        """Made when it is first needed: the kernel's randomness takes its time."""
        return secrets.token_hex(8)

    def around(self, label: str, text: str) -> str:
        """`text` as data; should it hold the very word, the word is taken out.

        A candidate would have to guess it, one in 2^64.
        """
        inside = visible(text)
        while self.word in inside:  # taking it out may leave another behind: half of it before, half after
            inside = inside.replace(self.word, "")
        inside = quoted(inside)  # only now: what was beside the word may be a delimiter without it
        return f"<<<{self.word} {label}\n{inside}\n<<<end {self.word}>>>"


def quoted(text: str) -> str:
    """The text as a judge may read it: nothing hidden, nothing that passes for a delimiter, no thousand blank lines."""
    text = visible(text)
    if "<" in text or "[" in text:
        text = _TEMPLATE_MARK.sub(r"\g<0> ", text)
    if "\r" in text or len(text.splitlines()) >= _FEWEST_LINES:
        text = _BLANK_LINES.sub(_counted, text)
    if not text.isascii() or "<" in text or ">" in text:  # last: a line may end here that did not before
        text = _DELIMITER.sub(_spaced, text)
    return text


def visible(text: str) -> str:
    """The text without characters that show nothing."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def _spaced(run: re.Match[str]) -> str:
    end = run["end"]
    if end is not None and unicodedata.normalize("NFKC", end).casefold() != "end":
        return run[0]
    return " ".join("".join(run[0].split()))


def _counted(run: re.Match[str]) -> str:
    lines = len(re.findall(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", run[0]))
    return f"\n[{lines - 1} blank lines]\n"
