"""POST /fusion/runs/{id}/replay: the same question and the same members' answers, decided otherwise.

Only the judge and the writer are asked and paid; the result is a run of its own, with `replay_of`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tritium.api.answering import send_answer
from tritium.api.chat import ChatEncoder
from tritium.api.records import own_run
from tritium.api.visit import Visit
from tritium.errors import Conflict, InvalidRequest
from tritium.fusion.past_run import replay_request
from tritium.fusion.run import Run


async def replay(visit: Visit) -> None:
    """Answer as a chat completion, whole or streamed. The body has any of a fusion's options but `panel`, `stream`, and
    `model`, if another fusion is to do it.

    Raises:
        NotFound: there is no run of that id.
        Conflict: it has not ended.
        TritiumError: before anything was sent; the caller renders it.
    """
    wish = _wish(await visit.body())
    gateway, run_id = visit.services.gateway, visit.arguments["id"]
    live = gateway.catalog.commons.live.find(run_id)
    if live is not None and visit.sees(live.caller):
        raise Conflict(f"The run {run_id!r} has not ended. Wait for it: /fusion/runs/{run_id}/events tells.")
    past = _read(run_id, await own_run(visit, run_id))
    request = replay_request(past, wish)
    exchange = gateway.replay(request, past, caller=visit.caller)
    await send_answer(visit, exchange, ChatEncoder(exchange.call.id, request, visit.dialect))


def _wish(body: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is no JSON object: {error}. Send {{}} to change nothing.") from None
    return found


def _read(run_id: str, document: bytes) -> Run:
    try:
        run = msgspec.json.decode(document, type=Run)
    except msgspec.ValidationError:
        raise Conflict(f"The run {run_id!r} was kept by another version, in a form that can't be replayed.") from None
    if run.outcome == "running":
        raise Conflict(f"The run {run_id!r} has not ended; it is under way in another process of this gateway.")
    return run
