"""Where an answer comes from: each of its claims with the seats that support or oppose it, and who dissents.

A judge lists claims and quotes; nothing of that is believed. A claim stands if the answer has its words, a seat stands
beside it if its answer has the quoted words, and whatever can't be found is dropped and counted. The words shown are
always those of a text that is in the run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from tritium.chat import ChatRequest
from tritium.errors import TritiumError
from tritium.fusion.candidates import Candidates, task_block
from tritium.fusion.canonical.json_value import find_json
from tritium.fusion.fitting import shortened, tokens_at_most
from tritium.fusion.json_reply import JsonQuestion, list_of, object_of
from tritium.fusion.judge import room_tokens
from tritium.fusion.quotes import Quotable
from tritium.fusion.roster import Facts
from tritium.fusion.run import Claim, Dissent, Evidence
from tritium.fusion.unfetched import unfetched
from tritium.model import Call, Model

PROVENANCE_MAX_TOKENS = 6000
MOST_CLAIMS = 40
MOST_CHARACTERS = 600
"""Of a claim or a quote."""
_OUR_WORDS_TOKENS = 900

_TEXT = {"type": "string"}
_QUOTES = list_of(candidate=_TEXT, quote=_TEXT)
PROVENANCE_SCHEMA = object_of(
    claims=list_of(claim=_TEXT, quote=_TEXT, support=_QUOTES, oppose=_QUOTES),
    dissent=list_of(says=_TEXT, candidates=_QUOTES),
)


class ProvenanceUnreadable(TritiumError):
    """The judge's reply holds no list of claims."""


class Provenance(msgspec.Struct, frozen=True):
    claims: list[Claim]
    dissent: list[Dissent]


async def trace(
    model: Model, request: ChatRequest, candidates: Candidates, answer: str, call: Call, facts: Facts, seconds: float
) -> Provenance:
    """Ask where `answer` comes from, and look everything up.

    Raises:
        DoesNotFit: the window has no room for all of that.
        UpstreamError, TimeoutError: the judge failed.
        ProvenanceUnreadable: its reply holds no claims.
    """
    candidates = fitted_for_tracing(request, candidates, answer, facts)
    question = JsonQuestion(model, facts, "provenance", PROVENANCE_SCHEMA, request, PROVENANCE_MAX_TOKENS)
    messages = [
        {"role": "system", "content": candidates.prompt("provenance")},
        {
            "role": "user",
            "content": "\n\n".join(
                (
                    task_block(request, candidates.fence),
                    candidates.block(),
                    candidates.fence.around("final answer", answer),
                    "List the claims of the final answer. Reply with the JSON object only.",
                )
            ),
        },
    ]
    call = msgspec.structs.replace(call, deadline=time.monotonic() + seconds)
    async with asyncio.timeout(seconds):
        reply = await question.reply(messages, call, "judge")
    found = read_provenance(reply, candidates, answer)
    if found is None:
        raise ProvenanceUnreadable(f"{model.id} gave no readable list of claims.")
    return found


def fitted_for_tracing(request: ChatRequest, candidates: Candidates, answer: str, facts: Facts) -> Candidates:
    """The candidates as the window has room for them beside the task and the answer.

    Raises:
        DoesNotFit: it has none.
    """
    taken = _OUR_WORDS_TOKENS + tokens_at_most("\n".join(message.text() for message in request.body.messages))
    return candidates.fitted(room_tokens(facts, PROVENANCE_MAX_TOKENS) - taken - tokens_at_most(answer))


def read_provenance(reply: str, candidates: Candidates, answer: str) -> Provenance | None:
    """What of a reply can be verified; None if it holds no list of claims."""
    found = find_json(reply)
    if not isinstance(found, dict) or not isinstance(found.get("claims"), list):
        return None
    texts = {seat.seat: Quotable(seat.text) for seat in candidates.by_letter.values()}
    own = Quotable(answer)
    claims = [_claim(each, candidates, texts) for each in _objects(found["claims"]) if own.has(_text(each, "quote"))]
    dissent = [_dissent(each, candidates, texts) for each in _objects(found.get("dissent"))]
    return Provenance(claims[:MOST_CLAIMS], [each for each in dissent if each.says and each.seats][:MOST_CLAIMS])


def _claim(given: Mapping[str, Any], candidates: Candidates, texts: Mapping[int, Quotable]) -> Claim:
    support, lost = _evidence(given.get("support"), candidates, texts)
    oppose, lost_too = _evidence(given.get("oppose"), candidates, texts)
    quote = _text(given, "quote")
    return Claim(_text(given, "claim") or quote, quote, support, oppose, lost + lost_too)


def _dissent(given: Mapping[str, Any], candidates: Candidates, texts: Mapping[int, Quotable]) -> Dissent:
    return Dissent(_text(given, "says"), _evidence(given.get("candidates"), candidates, texts)[0])


def _evidence(given: Any, candidates: Candidates, texts: Mapping[int, Quotable]) -> tuple[list[Evidence], int]:
    """The quotes that stand where they are said to, one a seat; and how many don't."""
    kept: dict[int, Evidence] = {}
    lost = 0
    for each in _objects(given):
        seat, quote = candidates.seat_of(each.get("candidate")), _text(each, "quote")
        if seat is not None and texts[seat.seat].has(quote):
            kept.setdefault(seat.seat, Evidence(seat.seat, seat.model, quote))
        else:
            lost += 1
    return list(kept.values()), lost


def _objects(given: Any) -> list[dict[str, Any]]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _text(given: Mapping[str, Any], key: str) -> str:
    """As a run can keep it: strict Unicode, nothing that loads something, not endless."""
    value = given.get(key)
    if not isinstance(value, str):
        return ""
    text: str = unfetched(value.encode(errors="replace").decode())
    return text if len(text) <= MOST_CHARACTERS else shortened(text, MOST_CHARACTERS // 4)
