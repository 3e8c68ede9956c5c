"""Yes or no, however it is said: "Yes, because ...", "that is false", ``{"answer": true}``."""

from __future__ import annotations

import re

from tritium.fusion.canonical.characters import both_ends, folded
from tritium.fusion.canonical.stated import first_read, sentences

_YES = frozenset(("yes", "yeah", "yep", "true", "correct", "affirmative", "oui", "sí", "si", "ja", "sim"))
_NO = frozenset(("no", "nope", "false", "incorrect", "negative", "untrue", "wrong", "non", "nein", "nej", "não"))
_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]{1,3})?")
_PLAIN_YES = frozenset(("yes", "true", "correct"))
_PLAIN_NO = frozenset(("no", "false", "incorrect", "untrue"))
_DENIED = re.compile(r"\b(?:not|isn't|never)\s{1,2}(?:\w{1,12}\s{1,2})?(?:true|correct|yes|the case)\b")
_DENIED_NO = re.compile(r"\b(?:not|isn't)\s{1,2}(?:false|incorrect|untrue|wrong)\b")
_UNDECIDED = re.compile(
    r"\b(?:yes and no|yes or no|true or false|neither|both|depends|cannot (?:say|tell|determine|answer)|"
    r"can't (?:say|tell|determine|answer)|not (?:sure|certain|clear)|unclear|unknown)\b"
)
CONCLUDING_SENTENCES = 2


def yes_or_no(text: str) -> str | None:
    """The word yes or no; None if the text says neither, or both."""
    text = folded(both_ends(text)).strip().casefold()
    found, settled = first_read(text, _polarity)
    if settled:
        return found
    pieces = sentences(text)
    if pieces and (found := _opening(pieces[0])):
        return found
    for piece in pieces[: -CONCLUDING_SENTENCES - 1 : -1]:
        if found := _polarity(piece):
            return found
    return None


def _opening(sentence: str) -> str | None:
    """What the first word says, unless the sentence takes it back."""
    first = _WORD.search(sentence[:40])
    if first is None or _UNDECIDED.search(sentence[:200]) or _DENIED.match(sentence[first.start() :]):
        return _polarity(sentence) if first is not None else None
    if first[0] in _YES:
        return "yes"
    return "no" if first[0] in _NO else None


def _polarity(span: str) -> str | None:
    """The one polarity that a statement has."""
    span = span.casefold()
    if _UNDECIDED.search(span):
        return None
    if _DENIED.search(span):
        return "no"
    if _DENIED_NO.search(span):
        return "yes"
    said = [word[0] for word in _WORD.finditer(span)]
    if not said:
        return None
    if said[0] in _YES:
        return "yes"
    if said[0] in _NO:
        return "no"
    yes, no = not _PLAIN_YES.isdisjoint(said), not _PLAIN_NO.isdisjoint(said)
    return None if yes == no else "yes" if yes else "no"
