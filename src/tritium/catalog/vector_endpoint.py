"""A vector model at its one provider, asked as persistently as a chat is, and watched."""

from __future__ import annotations

from tritium.model import Call
from tritium.providers.vector_model import VectorModel
from tritium.providers.vectors import EmbeddingBody, Embeddings, Ranking, RerankBody, VectorRequest
from tritium.routing.health import Health
from tritium.routing.persistence import persistently


class VectorEndpoint:
    """What answers requests for vectors; fails as `VectorModel` does."""

    def __init__(self, model: VectorModel, health: Health, retries: int) -> None:
        self._model = model
        self._health = health
        self._retries = retries

    @property
    def id(self) -> str:
        return self._model.id

    @property
    def provider(self) -> str:
        return self._model.provider

    async def embed(self, request: VectorRequest[EmbeddingBody], call: Call) -> Embeddings:
        """Vectors for the request's texts."""
        return await persistently(
            lambda attempt: self._model.embed(request, attempt), call, self._health, self._retries
        )

    async def rerank(self, request: VectorRequest[RerankBody], call: Call) -> Ranking:
        """The request's documents in order."""
        return await persistently(
            lambda attempt: self._model.rerank(request, attempt), call, self._health, self._retries
        )
