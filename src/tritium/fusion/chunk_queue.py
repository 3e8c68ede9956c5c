"""Chunks on their way from a run to whoever reads it: any number may wait, and many that come at once wake it once.

asyncio's own queue does the same for any number of readers, at several times the price for each chunk.
"""

from __future__ import annotations

import asyncio
from collections import deque

from tritium.chat import Chunk


class ChunkQueue:
    """For one reader. Unbounded: a queue that blocks would make a slow reader hold up the panel."""

    __slots__ = ("_chunks", "_ended", "_waiter")

    def __init__(self) -> None:
        self._chunks: deque[Chunk] = deque()
        self._ended = False
        self._waiter: asyncio.Future[None] | None = None

    def put(self, chunk: Chunk) -> None:
        self._chunks.append(chunk)
        self._wake()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._wake()

    async def next(self) -> Chunk | None:
        """The next one; None at the end, however often it is asked for."""
        while not self._chunks:
            if self._ended:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._chunks.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
