"""Server-sent events as they are written: headers late enough to keep an error's status, comments while it is quiet."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from tritium.api.exchange import Headers, Send

COMMIT_SECONDS = 1.0
"""A stream that has nothing to say yet begins all the same after so long, so that clients don't give up."""

_COMMENT = b": TRITIUM PROCESSING\n\n"
_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class EventStream:
    """One response of events. `started`: the status is out; until then a failure can still have its own."""

    def __init__(self, send: Send, headers: Headers, keepalive_seconds: float, opening: bytes = b"") -> None:
        """`opening` is what the dialect sends before anything is known."""
        self._send = send
        self._headers = [*_HEADERS, *headers]
        self._keepalive_seconds = keepalive_seconds
        self._opening = opening
        self._written = False
        self.started = False

    async def __aenter__(self) -> Self:
        self._comments = asyncio.create_task(self._comment())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._comments.cancel()

    async def write(self, event: bytes) -> None:
        """Send an event; waits while the client reads slowly."""
        await self._start()
        self._written = True
        await self._send({"type": "http.response.body", "body": event, "more_body": True})

    async def end(self, closing: bytes) -> None:
        """Send the last events, and nothing after them."""
        await self._start()
        self._comments.cancel()
        await self._send({"type": "http.response.body", "body": closing, "more_body": False})

    async def _start(self) -> None:
        if not self.started:
            self.started = True
            await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
            if self._opening:
                await self._send({"type": "http.response.body", "body": self._opening, "more_body": True})

    async def _comment(self) -> None:
        await asyncio.sleep(COMMIT_SECONDS)
        while True:
            if not self._written:
                await self._start()
                await self._send({"type": "http.response.body", "body": _COMMENT, "more_body": True})
            self._written = False
            await asyncio.sleep(self._keepalive_seconds)
