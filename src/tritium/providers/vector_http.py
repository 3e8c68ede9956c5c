"""Vectors by HTTP: one JSON exchange with a provider's embeddings or rerank endpoint.

Formats: OpenAI's embeddings; Cohere's, Jina's and Voyage's rerank, which differ in the names of a few fields.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from tritium.chat import Usage, WireUsage
from tritium.errors import InvalidRequest, UpstreamUnavailable
from tritium.providers.source import HttpSource, unreachable
from tritium.providers.transport import Target, TransportError
from tritium.providers.vectors import EmbeddingBody, Embeddings, Ranked, Ranking, RerankBody, VectorRequest

_OURS = ("provider", "user", "models", "session_id", "trace")
"""OpenRouter's fields of these requests; vendors may refuse what they don't know. OpenRouter itself gets them."""

_encode = msgspec.json.Encoder().encode
T = TypeVar("T")


class _EmbeddingAnswer(Struct):
    data: Raw
    usage: WireUsage | None = None


class _RankingUsage(Struct):
    total_tokens: Any = None
    prompt_tokens: Any = None
    search_units: Any = None
    cost: Any = None


class _BilledUnits(Struct):
    search_units: Any = None
    input_tokens: Any = None


class _Meta(Struct):
    billed_units: _BilledUnits | None = None


class _RankingAnswer(Struct):
    results: list[Ranked] | None = None
    data: list[Ranked] | None = None
    """Voyage's name for the results."""
    usage: _RankingUsage | None = None
    meta: _Meta | None = None
    """Cohere's place for what it bills."""


class HttpVectors:
    """One provider's endpoints; an address of None means that it has none of the kind."""

    def __init__(
        self,
        source: HttpSource,
        *,
        embeddings_url: str | None,
        rerank_url: str | None,
        top_n: str = "top_n",
        openrouter_fields: bool = False,
    ) -> None:
        self._source = source
        self._embeddings = embeddings_url
        self._rerank = rerank_url
        self._top_n = top_n
        self._dropped = () if openrouter_fields else _OURS

    async def embed(self, request: VectorRequest[EmbeddingBody], model: str) -> Embeddings:
        if self._embeddings is None:
            raise InvalidRequest(f"{self._source.provider} has no embeddings.", param="model")
        answer = await self._exchange(self._embeddings, self._fields(request.fields, model), _EmbeddingAnswer)
        return Embeddings(answer.data, None if answer.usage is None else answer.usage.read())

    async def rerank(self, request: VectorRequest[RerankBody], model: str) -> Ranking:
        if self._rerank is None:
            raise InvalidRequest(f"{self._source.provider} does not rerank.", param="model")
        fields = self._fields(request.fields, model)
        wanted = fields.pop("top_n", None)
        if wanted is not None:
            fields[self._top_n] = wanted
        fields.pop("return_documents", None)  # who asks has the documents; they are put in here
        answer = await self._exchange(self._rerank, fields, _RankingAnswer)
        results = answer.results if answer.results is not None else answer.data
        if results is None or any(not 0 <= each.index < len(request.body.documents) for each in results):
            raise self._nonsense("there are no results, or of other documents than were sent")
        return Ranking(results, *_billed(answer))

    def _fields(self, fields: dict[str, Raw], model: str) -> dict[str, Raw]:
        kept = {name: value for name, value in fields.items() if name not in self._dropped}
        return {**kept, "model": Raw(_encode(model))}

    async def _exchange(self, url: str, fields: dict[str, Raw], kind: type[T]) -> T:
        source = self._source
        key = source.key if source.ring is None else source.ring.take()
        authorization = ((b"authorization", b"Bearer " + key.encode()),) if key else ()
        try:
            reply = await source.transport.request(
                "POST", Target.parse(url), (*source.headers, *authorization), _encode(fields), source.timeouts
            )
            try:
                if reply.status != 200:
                    raise await source.refused(reply, key)
                return msgspec.json.decode(await reply.body(), type=kind)
            finally:
                reply.close()
        except TransportError as error:
            raise unreachable(source.provider, error) from error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._nonsense(str(error)) from None
        except ValueError as error:  # a header or an address of the configuration that can't be sent
            raise UpstreamUnavailable(f"{source.provider}: {error}.", provider=source.provider) from error

    def _nonsense(self, why: str) -> UpstreamUnavailable:
        name = self._source.provider
        error = UpstreamUnavailable(f"{name} answered something that isn't what was asked for: {why}.", provider=name)
        error.under_way = True  # it has answered, and may bill for that
        return error


def _billed(answer: _RankingAnswer) -> tuple[Usage | None, int | None]:
    """Tokens and search units, where the provider says; a count that can't be true is not believed."""
    told = answer.usage or _RankingUsage()
    units = (answer.meta and answer.meta.billed_units) or _BilledUnits()
    tokens = told.total_tokens or told.prompt_tokens or units.input_tokens
    usage = WireUsage(prompt_tokens=tokens, cost=told.cost).read()
    known = bool(usage.input) or usage.cost_usd is not None
    return usage if known else None, _searches(told.search_units or units.search_units)


def _searches(count: Any) -> int | None:
    sane = isinstance(count, int | float) and not isinstance(count, bool) and 0 <= count < 2**31
    return int(count) if sane else None
