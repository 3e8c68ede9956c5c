"""Answers fitted into a model's context window where everybody can see it: the middle of the long ones is left out.

Short answers stay whole; what room is left is shared equally by the long ones, so that length buys nobody's silence.
Of each the beginning and the end are kept, as an answer is stated in one of them. Nothing is ever cut silently: the
place says how much is missing, and so does the run.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tritium.errors import TritiumError

UNKNOWN_CONTEXT_TOKENS = 128_000
"""Of a model whose window nobody knows: what models of any vendor have had since 2024."""
FLOOR_TOKENS = 200
"""Of an answer that says less than this, nobody can judge what it says."""
HEAD_SHARE = 0.5

_PROSE = bytes(range(65, 91)) + bytes(range(97, 123)) + b" "
_PROSE_BYTES_PER_TOKEN = 3
_OTHER_BYTES_PER_TOKEN = 2


class DoesNotFit(TritiumError):
    """The window has no room even for the floor of each answer."""


class Cut(Struct, frozen=True):
    """What was left out of an answer, in characters."""

    shown: int
    whole: int


class Fitted(Struct, frozen=True):
    texts: dict[str, str]
    cuts: dict[str, Cut]
    """Of those that were shortened."""


def tokens_at_most(text: str) -> int:
    """More tokens than any usual tokenizer makes of it.

    Counted as three bytes of Latin letters and spaces a token, and two of anything else: digits, signs, other scripts.
    English prose has four; one Chinese character has three bytes and is one token or two.
    """
    data = text.encode(errors="replace")
    other = len(data.translate(None, _PROSE))
    return -(-(len(data) - other) // _PROSE_BYTES_PER_TOKEN) - (-other // _OTHER_BYTES_PER_TOKEN)


def fit(texts: Mapping[str, str], room_tokens: int) -> Fitted:
    """The texts by their names, shortened until all of them have room.

    Raises:
        DoesNotFit: there is less than the floor for each of the long ones.
    """
    sizes = {name: tokens_at_most(text) for name, text in texts.items()}
    share = _share(list(sizes.values()), room_tokens)
    if any(size > share for size in sizes.values()) and share < FLOOR_TOKENS:
        raise DoesNotFit(f"{len(texts)} answers of {sum(sizes.values())} tokens don't fit into {max(room_tokens, 0)}")
    fitted, cuts = {}, {}
    for name, text in texts.items():
        if sizes[name] <= share:
            fitted[name] = text
            continue
        kept = int(len(text) * share / sizes[name])
        fitted[name], shown = _shortened(text, kept, share)
        cuts[name] = Cut(shown, len(text))
    return Fitted(fitted, cuts)


def shortened(text: str, most_tokens: int) -> str:
    """One text's beginning and end, with a mark between them where it is too long."""
    size = tokens_at_most(text)
    return text if size <= most_tokens else _shortened(text, int(len(text) * most_tokens / size), most_tokens)[0]


def _share(sizes: list[int], room: int) -> int:
    """What each may have at most: the level at which water stands in vessels of these sizes."""
    left = room
    for at, size in enumerate(sorted(sizes)):
        equal = left // (len(sizes) - at)
        if size > equal:
            return equal
        left -= size
    return max(sizes, default=0)


def _shortened(text: str, kept: int, most_tokens: int) -> tuple[str, int]:
    """Head and tail and the mark; where the ends are denser than the whole, fewer characters of them."""
    while True:
        head = int(kept * HEAD_SHARE)
        tail = kept - head
        mark = f"\n[... {len(text) - kept:,} characters are left out here ...]\n"
        short = text[:head] + mark + text[len(text) - tail :]
        if kept < 1 or tokens_at_most(short) <= most_tokens:
            return short, kept
        kept = int(kept * 0.9)
