"""Answers that may be given again, kept where all replicas find them."""

from __future__ import annotations

import msgspec

from tritium.api.kept_answers import Kept
from tritium.shared import Cache

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


class SharedStore:
    """An `AnswerStore` over a `Cache`. Larger answers than `most_bytes` are not kept."""

    def __init__(self, cache: Cache, most_bytes: int) -> None:
        self._cache = cache
        self._most_bytes = most_bytes

    async def get(self, key: bytes) -> Kept | None:
        found = await self._cache.get(_name(key))
        if found is None:
            return None
        try:
            kept = _decode(found)
        except msgspec.MsgspecError:  # another version's, or somebody else's
            return None
        return None if kept.age_seconds >= kept.ttl_seconds else kept

    async def put(self, key: bytes, kept: Kept) -> None:
        if len(kept.answer) <= self._most_bytes:
            await self._cache.put(_name(key), _encode(kept), kept.ttl_seconds)

    async def drop(self, key: bytes) -> None:
        await self._cache.remove(_name(key))


def _name(key: bytes) -> str:
    return f"answer:{key.hex()}"
