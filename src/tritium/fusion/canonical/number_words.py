"""Numbers written out in English, up to the millions: "five", "twenty-one", "three hundred and six thousand"."""

from __future__ import annotations

import re

_UNDER_TWENTY = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
WORDS: dict[str, int] = {
    **{word: value for value, word in enumerate(_UNDER_TWENTY)},
    **{word: 10 * value for value, word in enumerate(_TENS, start=2)},
}
_SCALES = {"thousand": 1_000, "million": 1_000_000}
_WORD = re.compile(r"[a-z]{1,12}")


def number_in_words(text: str) -> tuple[int, int] | None:
    """The number with whose words `text` begins, and where they end; None if it begins with none."""
    lowered = text[:120].lower()
    total = group = end = 0
    last = None
    for word in _WORD.finditer(lowered):
        if lowered[end : word.start()].strip(" -"):
            break
        if word[0] in WORDS and _may_follow(last, WORDS[word[0]]):
            group, last = group + WORDS[word[0]], WORDS[word[0]]
        elif word[0] == "hundred" and last is not None and 0 < group < 10:
            group, last = group * 100, 100
        elif word[0] in _SCALES and group:
            total, group, last = total + group * _SCALES[word[0]], 0, 1_000
        elif word[0] == "and" and last in (100, 1_000):
            end = end if not lowered[word.end() :].lstrip().startswith(tuple(WORDS)) else word.end()
            if end != word.end():
                break
            continue
        else:
            break
        end = word.end()
    return (total + group, end) if last is not None else None


def _may_follow(last: int | None, value: int) -> bool:
    """Whether "twenty" may be followed by "one"; "one" is by nothing, and "twenty" not by "twelve"."""
    return last is None or last >= 100 or (last >= 20 and 0 < value < 10)


def only_number_in_words(text: str) -> int | None:
    """The one number that a short text without digits names ("Spiders have eight legs."); None if it names several.

    "one" is not counted: it stands for too much else.
    """
    found: set[int] = set()
    at = 0
    while at < len(text):
        word = _WORD.search(text.lower(), at)
        if word is None:
            break
        read = number_in_words(text[word.start() :]) if word[0] in WORDS else None
        if read is not None and read[0] != 1:
            found.add(read[0])
        at = word.start() + read[1] if read is not None and read[1] else word.end()
    return found.pop() if len(found) == 1 else None
