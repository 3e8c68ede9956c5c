"""One answer under way, between the thread that makes it and the event loop that reads it.

What waits between them is bounded by the model's context: a chunk is at least a token. So the thread never blocks on
a slow reader, and the model is free as soon as its answer is complete.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from tritium.errors import TritiumError
from tritium.providers.local.process import EngineProcess

Chunk = dict[str, Any]
"""OpenAI's `chat.completion.chunk`; the last one has `usage` and no choices."""


class Job:
    """Made and read in an event loop, where it is an iterator over its chunks; worked on in a thread."""

    def __init__(self, body: Mapping[str, Any] | None) -> None:
        """`body` is llama.cpp's; without one, the job is to load the model."""
        self.body = body
        self.cancelled = False
        self._loop = asyncio.get_running_loop()
        self._over = self._loop.create_future()
        self._items: asyncio.Queue[Chunk | TritiumError | None] = asyncio.Queue()
        self._head: Chunk | None = None
        self._state = threading.Lock()
        self._running: tuple[EngineProcess, int] | None = None

    # ---------------------------------------------------------------- in the loop

    async def open(self) -> None:
        """Wait for the first chunk, or raise what came instead."""
        self._head = await self._next()

    def __aiter__(self) -> Job:
        return self

    async def __anext__(self) -> Chunk:
        head, self._head = self._head, None
        chunk = head or await self._next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    def cancel(self) -> None:
        """Stop the generation, or never begin it; without effect when it is over."""
        if self._over.done():
            return
        with self._state:
            self.cancelled = True
            running = self._running
        if running:
            process, request_id = running
            process.cancel(request_id)
        else:
            self._end()

    async def settled(self) -> None:
        """Wait until no thread works on it; a cancellation meanwhile is passed on afterwards."""
        interrupted: asyncio.CancelledError | None = None
        while not self._over.done():
            try:
                await asyncio.shield(self._over)
            except asyncio.CancelledError as cancelled:
                interrupted = cancelled
        if interrupted:
            raise interrupted

    async def _next(self) -> Chunk | None:
        item = await self._items.get()
        if isinstance(item, TritiumError):
            raise item
        if item is None:
            self._items.put_nowait(None)  # whoever asks again hears it again
        return item

    def _end(self) -> None:
        self._items.put_nowait(None)
        if not self._over.done():
            self._over.set_result(None)

    # ---------------------------------------------------------------- in the thread

    def begin(self, process: EngineProcess, request_id: int) -> bool:
        """From now on a cancellation goes to the process; False if it came before."""
        with self._state:
            if not self.cancelled:
                self._running = (process, request_id)
        return not self.cancelled

    def put(self, item: Chunk | TritiumError) -> None:
        self._call(self._items.put_nowait, item)

    def finish(self) -> None:
        self._call(self._end)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed, so nobody waits
            self._loop.call_soon_threadsafe(function, *arguments)
