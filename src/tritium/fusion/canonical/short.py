"""A short fact as its words: "The capital of France is **Paris**." and "Paris" come to the same.

What the question said already is taken out of a whole sentence; what remains of "It was William Shakespeare who wrote
the play" is compared by containment when votes are counted (`clusters.py`).
"""

from __future__ import annotations

import re

from tritium.fusion.canonical.characters import both_ends, folded
from tritium.fusion.canonical.formulas import plain
from tritium.fusion.canonical.stated import first_read, first_sentence, sentences
from tritium.fusion.canonical.words import words

NAME_WORDS = 6
"""A fact this short is a name; what is longer is a sentence with a name in it."""
SENTENCE_WORDS = 40

_QUOTED_LAST = re.compile(r"\"([^\"\n]{1,80})\"[.!]?$")
_ASIDE = re.compile(r",\s(?:which|who|whose|where|located|situated|known)\b")
_COPULAS = frozenset(("is", "are", "was", "were", "its"))
_REFUSAL = re.compile(
    r"(?:i(?:'m| am) (?:sorry|not sure|unable)|i (?:do not|don't|cannot|can't) |sorry|unfortunately|n/?a$|none given|"
    r"(?:it )?(?:cannot|can't|can not) be (?:determined|answered)|cannot (?:determine|answer)|"
    r"not enough information|insufficient information|as an ai)",
    re.IGNORECASE,
)
_FUNCTION_WORD = re.compile(
    r"is|are|was|were|be|been|of|in|on|at|to|by|for|with|from|as|its?|this|that|these|those|and|or|wh(?:ich|o|om|ose|at|ere|en)|"
    r"there|ha[sd]|have|do|does|did|also|called|known|named|located|situated"
)
_PLEASANTRY = re.compile(r"sure|certainly|of|course|ok|okay|yes|great|good|question|hello|hi|here|is|answer|thanks")


def short(text: str, question: str = "") -> str | None:
    """The fact in an answer, as words; None if it gives none, or refuses.

    A sentence that keeps more than `NAME_WORDS` words is returned as at most `SENTENCE_WORDS` of them.
    """
    text = folded(both_ends(text)).strip()
    asked = frozenset(words(question[-4_000:]).split())

    def fact(span: str) -> str | None:
        return _fact(span, asked)

    found, settled = first_read(text, fact)
    if settled:
        return found
    sentence = _opening(text)
    if (quoted := _QUOTED_LAST.search(sentence)) and (found := fact(quoted[1])):
        return found
    return fact(sentence)


def _fact(span: str, asked: frozenset[str]) -> str | None:
    span = _ASIDE.split(plain(first_sentence(span) if len(span) > 80 else span), maxsplit=1)[0].strip(" \n\t*\"'.")
    if _REFUSAL.match(span):
        return None
    said = words(span).split()
    if len(said) < NAME_WORDS and _COPULAS.isdisjoint(said):
        return " ".join(said) or None
    new = [word for word in said if word not in asked and not _FUNCTION_WORD.fullmatch(word)]
    return " ".join(new if 0 < len(new) <= NAME_WORDS else said[:SENTENCE_WORDS])


def _opening(text: str) -> str:
    """The first sentence that says something."""
    for sentence in sentences(text):
        if not all(_PLEASANTRY.fullmatch(word) for word in words(sentence).split()):
            return sentence
    return text
