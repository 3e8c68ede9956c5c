"""POST /responses: OpenAI's Responses dialect, stateless, in one piece or as events."""

from __future__ import annotations

from tritium.api.answering import send_answer
from tritium.api.errors import render_error, retry_after
from tritium.api.fusion_depth import at_one_level
from tritium.api.metadata import answer_with_metadata, wants_metadata
from tritium.api.responses.encoder import ResponsesEncoder
from tritium.api.responses.request import read_request
from tritium.api.session import in_session
from tritium.api.visit import Visit
from tritium.errors import TritiumError


async def responses(visit: Visit) -> None:
    """Answer one request.

    Raises:
        TritiumError: before anything was sent; the caller renders it.
    """
    try:
        await _answer(visit)
    except TritiumError as error:
        if visit.dialect != "openrouter" or visit.answered:
            raise
        status, body = render_error(error, visit.dialect)
        known = [] if visit.generation_id is None else [(b"x-generation-id", visit.generation_id.encode())]
        await visit.json({**body, "error_type": error.error_type}, status, [*retry_after(error), *known])


async def _answer(visit: Visit) -> None:
    gateway = visit.services.gateway
    asked = read_request(await visit.body())
    request = at_one_level(visit, in_session(visit, asked.chat))
    if wants_metadata(visit):
        await answer_with_metadata(
            visit,
            request,
            lambda exchange: ResponsesEncoder(exchange.call.id, asked, visit.dialect),
            inside=b"}",
        )
        return
    exchange = gateway.chat(request, caller=visit.caller)
    await send_answer(visit, exchange, ResponsesEncoder(exchange.call.id, asked, visit.dialect))
