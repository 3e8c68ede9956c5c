"""Scripted vectors: deterministic, free, and good enough to search with, so that applications can be tested offline.

A text's vector is the sum of one pseudo-random unit vector per word, normalised: texts that share words are near each
other, and the same text has the same vector everywhere. A document's relevance is its vector's cosine to the query's.
The scripts `error`, `delay` and `price` work as for chats.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
import operator
import re
import struct
from typing import Any

import msgspec
from msgspec import Raw

from tritium.chat import Usage
from tritium.errors import InvalidRequest
from tritium.providers.scripted import PROVIDER, parse_script
from tritium.providers.vectors import (
    EmbeddingBody,
    Embeddings,
    Ranked,
    Ranking,
    RerankBody,
    VectorRequest,
    document_text,
)
from tritium.providers.wire import error_for_status

DIMENSIONS = 64
_MOST_DIMENSIONS = 4096
_MOST_INPUTS = 2048
"""As OpenAI's; and nobody shall fill the memory."""

_WORD = re.compile(r"\w+")


class ScriptedVectors:
    """Plays scripts."""

    async def embed(self, request: VectorRequest[EmbeddingBody], model: str) -> Embeddings:
        await _play(model)
        body = request.body
        dimensions = body.dimensions or DIMENSIONS
        if dimensions > _MOST_DIMENSIONS or len(body.inputs) > _MOST_INPUTS:
            raise InvalidRequest(
                f"The scripted provider makes up to {_MOST_INPUTS} vectors of up to {_MOST_DIMENSIONS} dimensions.",
                param="dimensions" if dimensions > _MOST_DIMENSIONS else "input",
            )
        texts = [_text(each) for each in body.inputs]
        encode = _base64 if body.encoding_format == "base64" else list
        data = [
            {"object": "embedding", "index": index, "embedding": encode(vector(text, dimensions))}
            for index, text in enumerate(texts)
        ]
        return Embeddings(Raw(msgspec.json.encode(data)), Usage(sum(map(_tokens, texts))))

    async def rerank(self, request: VectorRequest[RerankBody], model: str) -> Ranking:
        await _play(model)
        body = request.body
        query = vector(body.query, DIMENSIONS)
        texts = [document_text(each) for each in body.documents]
        scores = [_cosine(query, vector(text, DIMENSIONS)) for text in texts]
        ranked = sorted((Ranked(index, (1 + score) / 2) for index, score in enumerate(scores)), key=_by_relevance)
        tokens = _tokens(body.query) * len(texts) + sum(map(_tokens, texts))
        return Ranking(ranked[: body.top_n], Usage(tokens), search_units=1)


def vector(text: str, dimensions: int) -> list[float]:
    """The unit vector of a text."""
    words = _WORD.findall(text.casefold()) or [text]
    total = [sum(parts) for parts in zip(*(_of_word(word, dimensions) for word in words), strict=True)]
    length = math.hypot(*total) or 1.0
    return [part / length for part in total]


def _cosine(one: list[float], other: list[float]) -> float:
    return math.fsum(map(operator.mul, one, other))


def _of_word(word: str, dimensions: int) -> list[float]:
    """From -1 to 1, two bytes of a hash each."""
    hashed = hashlib.shake_128(word.encode("utf-8", "surrogatepass")).digest(2 * dimensions)
    return [number / 32768 for number in struct.unpack(f"<{dimensions}h", hashed)]


async def _play(model: str) -> None:
    script = parse_script(model)
    if script.delay:
        await asyncio.sleep(script.delay / 1e3)
    if script.error:
        raise error_for_status(PROVIDER, script.error, f"scripted error {script.error}")


def _text(item: Any) -> str:
    return item if isinstance(item, str) else msgspec.json.encode(item).decode()


def _tokens(text: str) -> int:
    return len(text.split())


def _base64(vector: list[float]) -> str:
    """OpenAI's: 32-bit floats, little-endian."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _by_relevance(ranked: Ranked) -> tuple[float, int]:
    return -ranked.relevance_score, ranked.index
