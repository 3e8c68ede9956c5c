"""What a free-text answer says, made comparable: the kind of answer asked for, its canonical form, equal ones together.

Pure: text in, values out. What is voted on is only ever compared; the answer that is given is a member's own text.
"""

from __future__ import annotations

from collections.abc import Mapping

from tritium.fusion.answer_kind import AnswerKind, Kind, kind_of
from tritium.fusion.canonical.characters import visible
from tritium.fusion.canonical.code import program
from tritium.fusion.canonical.dates import date
from tritium.fusion.canonical.json_value import canonical_json
from tritium.fusion.canonical.multiple_choice import chosen, options_in
from tritium.fusion.canonical.numbers import number
from tritium.fusion.canonical.short import short
from tritium.fusion.canonical.yes_no import yes_or_no
from tritium.fusion.clusters import Candidate, Cluster, clusters, same_answer
from tritium.fusion.medoid import medoid, similarity

__all__ = [
    "AnswerKind",
    "Candidate",
    "Cluster",
    "Kind",
    "canonical",
    "clusters",
    "kind_of",
    "medoid",
    "options_in",
    "same_answer",
    "similarity",
]

READINGS = 4


def canonical(
    text: str, kind: AnswerKind, options: Mapping[str, str] | None = None, *, question: str = ""
) -> str | None:
    """What `text` answers, in the one form of its kind; None if no answer of that kind can be found in it.

    `options` are those of `options_in(question)`, by letter; `question` lets a short fact be told from the words that
    merely repeat it. Never raises, takes time linear in the text, and gives a canonical answer back as it is.

    Forms: number "1000.5", "80 km/h", "75 %"; option "B" or "A,C"; yes_no "yes"; date "1969-07-20", "1969", "--07-20";
    short "albert einstein"; json with sorted keys; code without comment lines; of an open answer there is none.
    """
    found = _read(visible(text), kind, options, question)
    for _ in range(READINGS):
        if found is None:
            return None
        again = _read(found, kind, options, question)
        if again == found:
            return found
        found = again
    return None


def _read(text: str, kind: AnswerKind, options: Mapping[str, str] | None, question: str) -> str | None:
    match kind:
        case "number":
            return number(text)
        case "option":
            return chosen(text, options)
        case "yes_no":
            return yes_or_no(text)
        case "date":
            return date(text)
        case "short":
            return short(text, question)
        case "json":
            return canonical_json(text)
        case "code":
            return program(text)
        case "open":
            return None
