"""POST /embeddings and POST /rerank: OpenAI's and Cohere's shapes, with OpenRouter's `usage.cost`."""

from __future__ import annotations

from typing import Any

import msgspec

from tritium.api.completion import dollars
from tritium.api.exchange import cancelled_when_client_leaves
from tritium.api.response_cache import cached_document
from tritium.api.visit import Visit
from tritium.gateway import Account
from tritium.providers.vectors import EmbeddingBody, RerankBody, VectorRequest

_encode = msgspec.json.Encoder(decimal_format="number").encode


async def embeddings(visit: Visit) -> None:
    """Vectors for texts.

    Raises:
        TritiumError: nothing was sent; the caller renders it.
    """
    request = VectorRequest.decode(await visit.body(), EmbeddingBody)
    exchange = visit.services.gateway.vectors(request, caller=visit.caller)
    visit.generation_id = exchange.call.id
    request = exchange.request  # as it may leave

    async def document() -> dict[str, Any]:
        answer = await exchange.model.embed(request, exchange.call)
        return {"object": "list", "data": answer.data, "model": request.body.model, "provider": exchange.model.provider}

    async with cancelled_when_client_leaves(visit.receive):
        found, headers = await cached_document(visit, request.fields, exchange.call, exchange.account, document)
        found["usage"] = _usage(exchange.account)
        found["id"] = exchange.call.id
        await visit.json(_encode(found), 200, [(b"x-generation-id", exchange.call.id.encode()), *headers])


async def rerank(visit: Visit) -> None:
    """Documents in the order of their relevance to a query.

    Raises:
        TritiumError: nothing was sent; the caller renders it.
    """
    request = VectorRequest.decode(await visit.body(), RerankBody)
    exchange = visit.services.gateway.vectors(request, caller=visit.caller)
    visit.generation_id = exchange.call.id
    request = exchange.request  # as it may leave
    async with cancelled_when_client_leaves(visit.receive):
        answer = await exchange.model.rerank(request, exchange.call)
        results = [
            {
                "index": each.index,
                "relevance_score": each.relevance_score,
                "document": _as_object(request.body.documents[each.index]),
            }
            for each in answer.results
        ]
        usage = _usage(exchange.account)
        if answer.search_units is not None:
            usage["search_units"] = answer.search_units
        found = {
            "id": exchange.call.id,
            "model": request.body.model,
            "provider": exchange.model.provider,
            "results": results,
            "usage": usage,
        }
        await visit.json(_encode(found), 200, [(b"x-generation-id", exchange.call.id.encode())])


def _as_object(document: str | dict[str, Any]) -> dict[str, Any]:
    return {"text": document} if isinstance(document, str) else document


def _usage(account: Account) -> dict[str, Any]:
    """`cost` is null where a price is unknown."""
    tokens = account.usage.input
    return {"prompt_tokens": tokens, "total_tokens": tokens, "cost": dollars(account.cost_nanodollars)}
