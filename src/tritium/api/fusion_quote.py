"""POST /fusion/explain: what a fusion would do with a chat request, and what that would cost; nobody is asked."""

from __future__ import annotations

from tritium.api.visit import Visit
from tritium.chat import ChatRequest


async def explain(visit: Visit) -> None:
    """Answer a chat request's body with its quote.

    Raises:
        InvalidRequest: the model is no fusion, or an option of it is wrong.
        UnknownModel: a model that was named doesn't exist, or there is none at all.
    """
    request = ChatRequest.decode(await visit.body())
    quote = await visit.services.gateway.quote(request, caller=visit.caller)
    await visit.json({"data": quote})
