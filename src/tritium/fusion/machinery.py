"""Words of an answer that speak of how it was made: candidates, a panel, the models behind it, our delimiters.

The caller asked one question and gets one answer; that several models were asked is in the run. Words that the caller
used first, or that most of the answers use too, are the subject and not the machinery.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tritium.chat import ChatRequest
from tritium.fusion.run import SeatReport

_ALL = r"\b(?:the|both|all|most|some|several|these|two|three|other|our) (?:of the |other )?"
_WORDS = tuple(
    (signs, re.compile(pattern, re.IGNORECASE))
    for signs, pattern in (
        (("candidate",), r"\bcandidates? [A-I]\b(?! ?[-\u2013.]\w)"),
        (("candidate",), _ALL + r"candidate(?:s|(?:'s)? (?:answers?|responses?))\b"),
        (("panel",), _ALL + r"panel(?:ists?| (?:members?|agrees?|says?|answered|of models))\b"),
        (("model",), _ALL + r"(?:AI |language )?models? (?:agreed?|said|answered|disagreed?)\b"),
        (("answers", "responses", "drafts"), _ALL + r"(?:provided|given|above) (?:answers|responses|drafts)\b"),
        (("as the ", "as a"), r"\bas (?:the|an?) (?:synthesi[sz]er|judge|aggregator)\b"),
    )
)
"""Each with what must be in a text of plain letters for it to be there: that is told faster than by a pattern."""
_FENCE = re.compile(r"<{3}\s?(?:end )?[0-9a-f]{16}\b|\b[0-9a-f]{16}>{3}")
_SHORTEST_NAME = 5
_DIGIT = re.compile(r"\d")


def machinery(text: str, request: ChatRequest, answers: Sequence[SeatReport], word: str) -> str | None:
    """The first such words, or None. `word` is the fence's."""
    if word in text:
        return "its own delimiter"
    if ("<<<" in text or ">>>" in text) and (fence := _FENCE.search(text)):
        return repr(fence[0])
    plain = text.lower() if text.isascii() else None
    patterns = [pattern for signs, pattern in _WORDS if _may_hold(plain, signs)]
    patterns += [_name_pattern(name) for name in dict.fromkeys(_names(answers)) if _may_hold(plain, (name.lower(),))]
    if not patterns:
        return None
    said = "\n".join(message.text() for message in request.body.messages)

    def is_subject(pattern: re.Pattern[str]) -> bool:
        used = sum(pattern.search(each.text) is not None for each in answers)
        return pattern.search(said) is not None or used * 2 > len(answers)

    for pattern in patterns:
        if (found := pattern.search(text)) and not is_subject(pattern):
            return repr(found[0])
    return None


def _may_hold(plain: str | None, signs: Sequence[str]) -> bool:
    """Whether a text may hold what has one of these signs; of one with other letters than ASCII's nothing is told."""
    return plain is None or any(sign in plain for sign in signs)


def _names(answers: Sequence[SeatReport]) -> list[str]:
    """Of the models, with and without who serves them; short ones and words are none: `o3` may mean anything."""
    names = [name for each in answers for name in (each.model, each.model.rpartition("/")[2])]
    return [name for name in names if len(name) >= _SHORTEST_NAME and _DIGIT.search(name)]


def _name_pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])", re.IGNORECASE)
