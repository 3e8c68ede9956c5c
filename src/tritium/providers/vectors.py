"""What providers do besides chat: turn texts into vectors, and put texts in the order of their relevance.

As with chats, a field nobody here knows travels through unchanged, both ways.
Format: OpenAI's embeddings; for reranking Cohere's, which Jina, vLLM, llama.cpp and OpenRouter share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from tritium.chat import UNREADABLE, Usage, unreadable

Positive = Annotated[int, Meta(ge=1)]


class EmbeddingBody(Struct):
    """What of an embedding request somebody here reads."""

    model: str
    input: str | Annotated[list[Any], Meta(min_length=1)]
    """A text, texts, token ids, or whatever else the provider embeds."""
    dimensions: Positive | None = None
    encoding_format: Literal["float", "base64"] | None = None

    @property
    def inputs(self) -> list[Any]:
        """One item for each vector that is asked for: a list of numbers is one text's tokens."""
        if isinstance(self.input, str) or isinstance(self.input[0], int):
            return [self.input]
        return self.input

    @property
    def characters(self) -> int:
        return _characters(self.input)


class RerankBody(Struct):
    """What of a rerank request somebody here reads."""

    model: str
    query: str
    documents: Annotated[list[str | dict[str, Any]], Meta(min_length=1)]
    top_n: Positive | None = None

    @property
    def characters(self) -> int:
        """What is read: the query beside each document."""
        return len(self.query) * len(self.documents) + _characters(self.documents)


def document_text(document: str | dict[str, Any]) -> str:
    return document if isinstance(document, str) else str(document.get("text", ""))


def _characters(value: Any) -> int:
    """Of all the texts in it; a token id counts for four."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, int):
        return 4
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(_characters, value)) if isinstance(value, list) else 0


_READ = frozenset(("input", "query", "documents"))

Body = TypeVar("Body", EmbeddingBody, RerankBody)


class VectorRequest(Generic[Body]):
    """A request as it came, and the typed view of it."""

    __slots__ = ("body", "fields")

    body: Body

    def __init__(self, fields: dict[str, Raw], body: Body) -> None:
        self.fields = fields
        self.body = body

    @classmethod
    def decode(cls, data: bytes, kind: type[Body]) -> VectorRequest[Body]:
        """Read and check a body.

        Raises:
            InvalidRequest: the body is not JSON, or a field has the wrong type or range; `param` names the field.
        """
        try:
            return cls(msgspec.json.decode(data, type=dict[str, Raw]), msgspec.json.decode(data, type=kind))
        except UNREADABLE as error:
            raise unreadable(error) from None

    def changed(self, change: Callable[[Any], Any]) -> VectorRequest[Body]:
        """The request with what it has read changed: `change` gets the input, the query, the documents, and returns
        the same object where nothing is to be changed.
        """
        fields = dict(self.fields)
        for name in _READ & fields.keys():
            value = msgspec.json.decode(fields[name])
            if (other := change(value)) is not value:
                fields[name] = Raw(msgspec.json.encode(other))
        if fields == self.fields:
            return self
        return VectorRequest(fields, msgspec.json.decode(msgspec.json.encode(fields), type=type(self.body)))


class Embeddings(Struct):
    """An answer: OpenAI's `data`, byte for byte where a provider gave it, and what was reported beside it."""

    data: Raw
    usage: Usage | None = None


class Ranked(Struct):
    index: int
    """Of the document in the request."""
    relevance_score: float


class Ranking(Struct):
    """The documents' order, most relevant first."""

    results: list[Ranked]
    usage: Usage | None = None
    search_units: int | None = None


class VectorSource(Protocol):
    """Where a provider's vectors come from: HTTP, or a script."""

    async def embed(self, request: VectorRequest[EmbeddingBody], model: str) -> Embeddings:
        """Embed with the provider's `model`.

        Raises:
            InvalidRequest: this provider has no embeddings.
            UpstreamError: it failed or refused.
        """
        ...

    async def rerank(self, request: VectorRequest[RerankBody], model: str) -> Ranking:
        """Rank with the provider's `model`.

        Raises:
            InvalidRequest: this provider doesn't rerank.
            UpstreamError: it failed or refused.
        """
        ...
