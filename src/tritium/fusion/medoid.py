"""The most central of several free texts: the one most like all the others, and so the safest to give verbatim.

Picking it needs no judge (the medoid of "More Agents Is All You Need", Li 2024, with another similarity). Two texts are
as alike as the F-scores of their sets of words and of their sets of four characters, averaged: like chrF, but of sets
and symmetric, so that eight texts of 8,000 characters take some ten milliseconds. The order of words counts only within
four characters, repetition not at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tritium.fusion.canonical.characters import both_ends, visible

GRAM = 4
"""Characters; three are shared by any two texts of a language, six by hardly any paraphrase."""

_WORD = re.compile(r"\w+")

Parts = tuple[frozenset[str], frozenset[str]]


def medoid(texts: Sequence[str]) -> int:
    """The index of the text with the highest mean similarity to the others; of equals the first.

    Of texts over 40,000 characters only the two ends are compared. Give the strongest member's first.

    Raises:
        ValueError: there is no text.
    """
    if not texts:
        raise ValueError("The medoid of no texts at all was asked for; give at least one.")
    parts = [_parts(text) for text in texts]
    total = [0.0] * len(texts)
    for one in range(len(texts)):
        for other in range(one):
            alike = _alike(parts[one], parts[other])
            total[one] += alike
            total[other] += alike
    # Sums in another order differ in the last bits; that must not decide.
    return max(range(len(texts)), key=lambda at: (round(total[at], 9), -at))


def similarity(one: str, other: str) -> float:
    """From 0 (nothing in common) to 1 (the same words and characters)."""
    return _alike(_parts(one), _parts(other))


def _parts(text: str) -> Parts:
    text = " ".join(both_ends(visible(text)).casefold().split())
    grams = frozenset(map("".join, zip(*(text[at:] for at in range(GRAM)), strict=False)))
    return frozenset(_WORD.findall(text)), grams or frozenset((text,))


def _alike(one: Parts, other: Parts) -> float:
    return (_f_score(one[0], other[0]) + _f_score(one[1], other[1])) / 2


def _f_score(one: frozenset[str], other: frozenset[str]) -> float:
    """The harmonic mean of precision and recall; two empty sets are alike."""
    size = len(one) + len(other)
    return 2 * len(one & other) / size if size else 1.0
