"""The writer: one model turns the candidates and their analysis into the final answer, streaming."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

import msgspec

from tritium.chat import NON_TEXT_PART_BYTES, ChatRequest
from tritium.fusion.budget import BYTES_PER_TOKEN, OUTPUT_TOKENS
from tritium.fusion.candidates import Candidates
from tritium.fusion.fitting import tokens_at_most
from tritium.fusion.judge import Verdict, room_tokens
from tritium.fusion.roster import Facts
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

_LENGTH_ASKED = re.compile(
    r"\b(?:at least|minimum of|no (?:less|fewer) than|about|around|roughly|exactly|over|more than)?\s?"
    r"\d[\d,.]{1,6}[\s-](?:words?|pages?|characters?|paragraphs?)\b"
    r"|\b(?:in (?:great |full |more )?(?:detail|depth)|at (?:great )?length|as long as|long(?:er)? (?:essay|article|"
    r"answer|text|version|report|story)|detailed|comprehensive(?:ly)?|exhaustive(?:ly)?|thorough(?:ly)?|elaborate"
    r"|step[- ]by[- ]step|essay|ausf\u00fchrlich|en d\u00e9tail|con detalle)\b",
    re.IGNORECASE,
)
_OUR_WORDS_TOKENS = 700


def writers_request(
    request: ChatRequest, model: str, candidates: Candidates, verdict: Verdict | None, *more: str
) -> ChatRequest:
    """The caller's own request, rules and parameters kept, our instructions before it and the material behind it."""
    parts = [candidates.block()]
    if verdict is not None:
        parts.append(candidates.fence.around("analysis", _analysis(verdict)))
    parts += more
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


def rewriters_request(
    request: ChatRequest, model: str, candidates: Candidates, verdict: Verdict | None, draft: str
) -> ChatRequest:
    """The same, with a draft that says too much of how it was made: data by now, as whatever a model says."""
    fenced = candidates.fence.around("your draft", draft)
    return writers_request(request, model, candidates, verdict, fenced, candidates.prompt("repair_answer"))


def fitted_for_writer(
    request: ChatRequest, candidates: Candidates, verdict: Verdict | None, facts: Facts, draft: str = ""
) -> Candidates:
    """The candidates as the writer's window has room for them, behind a fence that the judge hasn't seen.

    Raises:
        DoesNotFit: there is no room for them, however short.
    """
    taken = _OUR_WORDS_TOKENS + conversation_tokens(request) + tokens_at_most(draft)
    if verdict is not None:
        taken += tokens_at_most(_analysis(verdict))
    return candidates.fitted(room_tokens(facts, request.output_limit or OUTPUT_TOKENS) - taken)


def conversation_tokens(request: ChatRequest) -> int:
    others = sum(
        part.text is None
        for message in request.body.messages
        if isinstance(message.content, list)
        for part in message.content
    )
    said = tokens_at_most("\n".join(message.text() for message in request.body.messages))
    return said + others * NON_TEXT_PART_BYTES // BYTES_PER_TOKEN


def _analysis(verdict: Verdict) -> str:
    return msgspec.json.encode(verdict.analysis).decode()


def harm(text: str, answers: Sequence[SeatReport], *, finished: bool, question: str = "") -> str | None:
    """Why a synthesis would be worse than a candidate, or None.

    Do no harm: it is empty, it refuses while two members answered, or (once finished) it is more than twice as long
    as the median candidate and the question didn't ask for length.
    """
    if not text.strip():
        return "it is empty" if finished else None
    if refuses(text) and sum(not refuses(each.text) for each in answers) >= 2:
        return "it refuses, and two members answered"
    median = statistics.median(len(each.text) for each in answers)
    if finished and len(text) > max(2 * median, MINIMUM_FOR_LENGTH_GUARD) and not asks_for_length(question):
        return "it is over twice as long as the median answer"
    return None


def refuses(text: str) -> bool:
    return _REFUSAL.match(text[:OPENING_CHARACTERS]) is not None


def asks_for_length(question: str) -> bool:
    return _LENGTH_ASKED.search(question) is not None
