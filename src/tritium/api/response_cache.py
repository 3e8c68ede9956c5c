"""Answers given again: who asks for it by header gets the same request answered from memory, at once and for free.

A hit is the first answer's pieces through the encoder once more, so it has every dialect's shape, a new id and a new
`created`; nothing was used, so `usage` is zero. Off unless a request asks; only whole answers are kept.
Format: OpenRouter's `X-OpenRouter-Cache*` headers.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from tritium.api.exchange import Headers
from tritium.api.kept_answers import AnswerStore, Kept
from tritium.api.visit import Visit
from tritium.chat import Chunk, Usage
from tritium.gateway import Account, Exchange
from tritium.model import Call, Generation

SHORTEST_SECONDS, USUAL_SECONDS, LONGEST_SECONDS = 1, 300, 86_400


class Wish(NamedTuple):
    """What a request's headers ask of the cache."""

    ttl_seconds: int
    clear: bool

    @classmethod
    def read(cls, visit: Visit) -> Wish | None:
        """None if it asks for nothing."""
        if (visit.header(b"x-openrouter-cache") or "").strip().casefold() != "true":
            return None
        given = re.match(r"\s*(-?\d{1,9})", visit.header(b"x-openrouter-cache-ttl") or "")
        seconds = USUAL_SECONDS if given is None else int(given.group(1))  # "60abc" is 60, "1.5" is 1
        clear = (visit.header(b"x-openrouter-cache-clear") or "").strip().casefold() == "true"
        return cls(min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS), clear)


class FromMemory(Account):
    """The account of an answer that nobody was asked for."""

    __slots__ = ()


def cache_key(visit: Visit, fields: Mapping[str, Raw]) -> bytes:
    """Who asks, where, and for what: the body without its white space, its properties in their order."""
    body = msgspec.json.format(msgspec.json.encode(fields), indent=-1)
    return hashlib.sha256(b"\0".join((visit.caller.encode(), visit.path.encode(), body))).digest()


async def from_cache(visit: Visit, exchange: Exchange, wish: Wish) -> tuple[Exchange, Headers]:
    """An exchange that remembers its answer, or one that gives a remembered answer; and headers."""
    store, request, call, account = visit.services.answers, exchange.request, exchange.call, exchange.account
    key = cache_key(visit, request.fields)
    found = await _found(store, key, wish)
    if found is None:
        return Exchange(request, call, account, _Remembering(exchange, store, key, wish)), _miss(wish)
    free = FromMemory(account)
    return Exchange(request, call, free, _Again(found, call, free, streamed=request.streaming)), _hit(found)


async def cached_document(
    visit: Visit,
    fields: Mapping[str, Raw],
    call: Call,
    account: Account,
    make: Callable[[], Awaitable[dict[str, Any]]],
) -> tuple[dict[str, Any], Headers]:
    """The same for an answer that is one JSON object, without its usage and its id."""
    wish = Wish.read(visit)
    if wish is None:
        return await make(), ()
    store = visit.services.answers
    key = cache_key(visit, fields)
    found = await _found(store, key, wish)
    if found is not None:
        account.generation(_free(found, call, streamed=False))
        return dict(msgspec.json.decode(found.answer, type=dict[str, Raw])), _hit(found)
    document = await make()
    row = account.rows[-1]
    kept = Kept(call.id, row.model, row.provider, time.time(), wish.ttl_seconds, msgspec.json.encode(document))
    await store.put(key, kept)
    return document, _miss(wish)


async def _found(store: AnswerStore, key: bytes, wish: Wish) -> Kept | None:
    if wish.clear:
        await store.drop(key)
        return None
    return await store.get(key)


def _miss(wish: Wish) -> Headers:
    return [(b"x-openrouter-cache-status", b"MISS"), (b"x-openrouter-cache-ttl", b"%d" % wish.ttl_seconds)]


def _hit(found: Kept) -> Headers:
    age = max(int(found.age_seconds), 0)
    return [
        (b"x-openrouter-cache-status", b"HIT"),
        (b"x-openrouter-cache-age", b"%d" % age),
        (b"x-openrouter-cache-ttl", b"%d" % max(found.ttl_seconds - age, 0)),
        (b"x-openrouter-cache-source-id", found.source_id.encode()),
    ]


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Chunk]).decode


class _Remembering:
    """An answer on its way past; kept once it has come to its end."""

    def __init__(self, exchange: Exchange, store: AnswerStore, key: bytes, wish: Wish) -> None:
        self._exchange = exchange
        self._store = store
        self._key = key
        self._wish = wish
        self._chunks: list[bytes] = []
        self._ended = False
        self._model, self._provider = exchange.request.model, "tritium"

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        return self._passing(await self._exchange.__aenter__())

    async def _passing(self, chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
        async for chunk in chunks:
            if chunk.event is None:
                self._chunks.append(_pack(chunk))  # now: an encoder may change it
                self._model, self._provider = chunk.model or self._model, chunk.provider or self._provider
            yield chunk
        self._ended = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.__aexit__(kind, error, trace)
        if self._ended and error is None:
            count = len(self._chunks)
            answer = b"\xdd" + count.to_bytes(4) + b"".join(self._chunks)  # a MessagePack array of 32-bit length
            source_id, ttl = self._exchange.call.id, self._wish.ttl_seconds
            await self._store.put(self._key, Kept(source_id, self._model, self._provider, time.time(), ttl, answer))


class _Again:
    """A remembered answer."""

    def __init__(self, found: Kept, call: Call, account: Account, *, streamed: bool) -> None:
        self._found = found
        self._account = account
        self._row = _free(found, call, streamed=streamed)

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[Chunk]:
        for chunk in _unpack(self._found.answer):
            chunk.usage = None
            yield chunk

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._account.generation(self._row)


def _free(found: Kept, call: Call, *, streamed: bool) -> Generation:
    """What is written down of a hit: that it was, and that it cost nothing."""
    return Generation(
        id=call.id,
        request_id=call.request_id,
        model=found.model,
        provider=found.provider,
        role="solo",
        created_at=time.time(),
        usage=Usage(),
        cost_nanodollars=0,
        outcome="ok",
        finish_reason=None,
        streamed=streamed,
        first_token_ms=None,
        latency_ms=0.0,
        caller=call.caller,
        output_nanodollars=0,
    )
