"""Where answers are kept that may be given again: a small protocol, and this process's memory as its first holder."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Protocol

from msgspec import Struct

LARGEST_SHARE = 8
"""An answer of more than this part of the memory is not kept: it would push out everybody else's."""


class Kept(Struct, frozen=True, array_like=True):
    """One answer; bytes and numbers only, so that any store can hold it."""

    source_id: str
    """The generation that it was."""
    model: str
    provider: str
    kept_at: float
    """Unix seconds."""
    ttl_seconds: int
    answer: bytes

    @property
    def age_seconds(self) -> float:
        return time.time() - self.kept_at


class AnswerStore(Protocol):
    """Where answers are kept. Forgetting early is allowed, answering late is not."""

    async def get(self, key: bytes) -> Kept | None: ...

    async def put(self, key: bytes, kept: Kept) -> None: ...

    async def drop(self, key: bytes) -> None: ...


class MemoryStore:
    """Within this process; the least recently used go when `most_bytes` are full."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()

    async def get(self, key: bytes) -> Kept | None:
        found = self._kept.get(key)
        if found is None:
            return None
        if found.age_seconds >= found.ttl_seconds:
            await self.drop(key)
            return None
        self._kept.move_to_end(key)
        return found

    async def put(self, key: bytes, kept: Kept) -> None:
        await self.drop(key)
        size = _size(kept)
        if size > self._most_bytes // LARGEST_SHARE:
            return
        self._kept[key] = kept
        self._bytes += size
        while self._bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)

    async def drop(self, key: bytes) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= _size(found)


def _size(kept: Kept) -> int:
    """Bytes, with what an entry takes beside its answer."""
    return len(kept.answer) + 512
