"""What the routing did, for a client that asks: `openrouter_metadata` in answers, in the last chunk, and on errors.

Format: OpenRouter's router metadata, opted into by `X-OpenRouter-Metadata: enabled`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from tritium.api.answering import Encoder, send_answer
from tritium.api.completion import dollars
from tritium.api.exchange import Headers
from tritium.api.response_cache import FromMemory
from tritium.api.visit import Visit
from tritium.catalog.catalog import Catalog
from tritium.chat import ChatRequest, Chunk, Completion
from tritium.errors import NoEndpoint, RequestError, TritiumError, UpstreamError
from tritium.fusion.doors import Doored
from tritium.fusion.fusion import Fusion
from tritium.gateway import Account, Exchange
from tritium.model import Generation, Model
from tritium.routing.balance import Balanced
from tritium.routing.endpoint import Endpoint
from tritium.routing.fallback import Fallback

_encode = msgspec.json.Encoder(decimal_format="number").encode
_HEADER, _OLDER_HEADER = b"x-openrouter-metadata", b"x-openrouter-experimental-metadata"


def wants_metadata(visit: Visit) -> bool:
    given = visit.header(_HEADER) or visit.header(_OLDER_HEADER)
    return given is not None and given.casefold() == "enabled"


async def answer_with_metadata(
    visit: Visit,
    request: ChatRequest,
    encoder: Callable[[Exchange], Encoder],
    headers: Callable[[Exchange], Headers] = lambda _: (),
    inside: bytes = b"",
) -> None:
    """Answer a chat request as without, and say how it came about.

    `inside` closes the objects that the answer is in within a stream's last event: nothing where it is that event.

    Raises:
        TritiumError: before anything was sent; with the metadata, if it got as far as being routed.
    """
    gateway = visit.services.gateway
    rows: Sequence[Generation] = ()
    try:
        exchange = gateway.chat(request, caller=visit.caller)
        rows = exchange.account.rows
        telling = _Telling(encoder(exchange), gateway.catalog, request, rows, inside)
        await send_answer(visit, exchange, telling, headers(exchange))
    except (UpstreamError, NoEndpoint) as error:
        error.router_metadata = router_metadata(gateway.catalog, request, rows)
        raise


class _Telling:
    """An encoder of JSON objects, with one member more where it ends; an answer from memory took no route."""

    def __init__(
        self, encoder: Encoder, catalog: Catalog, request: ChatRequest, rows: Sequence[Generation], inside: bytes
    ) -> None:
        self._encoder = encoder
        self._catalog = catalog
        self._request = request
        self._rows = rows
        self._inside = inside

    def whole(self, completion: Completion, only: Chunk | None, account: Account, run: Any) -> bytes:
        document = self._encoder.whole(completion, only, account, run)
        return document if isinstance(account, FromMemory) else self._told(document, end=b"}")

    def begin(self) -> bytes:
        return self._encoder.begin()

    def part(self, chunk: Chunk) -> list[bytes]:
        return self._encoder.part(chunk)

    def progress(self, event: Any) -> list[bytes]:
        return self._encoder.progress(event)

    def end(self, account: Account, run: Any) -> list[bytes]:
        events = self._encoder.end(account, run)
        return events if isinstance(account, FromMemory) else self._last_told(events)

    def failure(self, error: TritiumError) -> list[bytes]:
        return self._last_told(self._encoder.failure(error))

    def _last_told(self, events: list[bytes]) -> list[bytes]:
        """In the last event that is an object; after it may come the word that there are no more."""
        end = b"}" + self._inside + b"\n\n"
        at = max((place for place, event in enumerate(events) if event.endswith(end)), default=None)
        if at is None:
            return events
        return [*events[:at], self._told(events[at], end), *events[at + 1 :]]

    def _told(self, document: bytes, end: bytes) -> bytes:
        found = _encode(router_metadata(self._catalog, self._request, self._rows))
        return document.removesuffix(end) + b',"openrouter_metadata":' + found + end


def router_metadata(catalog: Catalog, request: ChatRequest, rows: Sequence[Generation]) -> dict[str, Any]:
    """`rows` are the provider calls that the request caused so far."""
    prepared = catalog.prepared(request)
    model = catalog.route(prepared)
    beside = isinstance(model, Doored) and any(row.role == "seat" for row in rows)
    model = model.model if isinstance(model, Doored) else model
    models = model.models if isinstance(model, Fallback) else (model,)
    final = [row for row in rows if row.role in ("solo", "synthesizer")]
    selected = next((row for row in reversed(final) if row.outcome == "ok"), None)
    fusion = beside or any(isinstance(each, Fusion) for each in models)
    total, available = _endpoints(models, prepared)
    if not total:
        available = [(row.model, row.provider) for row in final[-1:]]
        total = len(available)
    told: dict[str, Any] = {
        "requested": request.model,
        "strategy": _strategy(catalog, prepared, models, selected, fusion=fusion),
        "region": None,
        "summary": f"available={len(available)}, selected={selected.provider if selected else 'none'}",
        "attempt": len(final),
        "is_byok": True,
        "endpoints": {
            "total": total,
            "available": [
                {
                    "provider": provider,
                    "model": name,
                    "selected": selected is not None and (selected.model, selected.provider) == (name, provider),
                }
                for name, provider in available
            ],
        },
    }
    if final:
        told["attempts"] = [
            {"provider": row.provider, "model": row.model, "status": row.status or _LEFT} for row in final
        ]
    seats = [row for row in rows if row.role == "seat"]
    if seats:
        told["pipeline"] = [_panel(seats)]
    return told


_LEFT = 499
"""Of a call whose client had gone: as nginx has it, and OpenRouter's SDK."""


def _endpoints(models: Sequence[Model], request: ChatRequest) -> tuple[int, list[tuple[str, str]]]:
    """How many there are, and model and provider of those that the request's conditions leave."""
    balanced = [model for model in models if isinstance(model, Balanced)]
    kept = [endpoint for model in balanced for endpoint in _candidates(model, request)]
    return sum(len(model.endpoints) for model in balanced), [(each.model.id, each.provider) for each in kept]


def _candidates(model: Balanced, request: ChatRequest) -> Iterator[Endpoint]:
    try:
        yield from model.candidates(request)
    except RequestError:
        return


def _strategy(
    catalog: Catalog, request: ChatRequest, models: Sequence[Model], selected: Generation | None, *, fusion: bool
) -> str:
    """One of OpenRouter's words for it."""
    if fusion:
        return "fusion"
    first = models[0]
    names = {endpoint.model.id for endpoint in first.endpoints} if isinstance(first, Balanced) else set()
    if selected is not None and selected.model not in names:
        return "fallback"
    if catalog.is_alias(request.model):
        return "alias"
    return "latest" if request.model.startswith("~") else "direct"


def _panel(seats: Sequence[Generation]) -> dict[str, Any]:
    failed = sum(row.outcome != "ok" for row in seats)
    panel = [
        {"model": row.model, "cost": dollars(row.cost_nanodollars), "latency_ms": round(row.latency_ms)}
        for row in seats
    ]
    return {
        "type": "server_tools",
        "name": "server-tools",
        "summary": f"fusion: {len(seats)} panel, {failed} failed",
        "data": {"tools": ["openrouter:fusion"], "panel": panel},
    }
