"""The writer: one model turns the candidates and their analysis into the final answer, streaming."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

import msgspec

from tritium.chat import ChatRequest
from tritium.fusion.candidates import Candidates
from tritium.fusion.judge import Verdict
from tritium.fusion.run import SeatReport

_REFUSAL = re.compile(
    r"^\W*(i['\u2019]?m (very )?sorry|sorry,|as an ai\b|unfortunately, i\b"
    r"|i (can['\u2019]?t|cannot|can not|won['\u2019]?t|am unable|am not able|must decline))",
    re.IGNORECASE,
)
OPENING_CHARACTERS = 48
"""A refusal shows within so many characters; a stream is held back for as long."""

MINIMUM_FOR_LENGTH_GUARD = 400
"""Characters below which an answer of twice the median length is no sign of anything."""


def writers_request(request: ChatRequest, model: str, candidates: Candidates, verdict: Verdict | None) -> ChatRequest:
    """The caller's own request, rules and parameters kept, our instructions before it and the material behind it."""
    parts = [candidates.block()]
    if verdict is not None:
        analysis = msgspec.json.encode(verdict.analysis).decode()
        parts.append(candidates.fence.around("analysis", analysis))
    parts.append("Write the final answer to my last message now. Follow every instruction and format given above.")
    messages = [
        msgspec.json.decode(each) for each in msgspec.json.decode(request.fields["messages"], type=list[msgspec.Raw])
    ]
    return request.replace(
        model=model,
        messages=[
            {"role": "system", "content": candidates.prompt("synthesizer")},
            *messages,
            {"role": "user", "content": "\n\n".join(parts)},
        ],
        stream=True,
    )


def harm(text: str, answers: Sequence[SeatReport], *, finished: bool) -> str | None:
    """Why a synthesis would be worse than a candidate, or None.

    Do no harm: it is empty, it refuses while two members answered, or (once finished) it is more than twice as long
    as the median candidate.
    """
    if not text.strip():
        return "it is empty" if finished else None
    if refuses(text) and sum(not refuses(each.text) for each in answers) >= 2:
        return "it refuses, and two members answered"
    median = statistics.median(len(each.text) for each in answers)
    if finished and len(text) > max(2 * median, MINIMUM_FOR_LENGTH_GUARD):
        return "it is over twice as long as the median answer"
    return None


def refuses(text: str) -> bool:
    return _REFUSAL.match(text[:OPENING_CHARACTERS]) is not None
