"""The baseline: the smallest ASGI gateway that could be called one, over uvicorn, uvloop and httptools.

It reads the body as JSON, takes the provider's name off the model's, sends it on over a connection that it keeps, and
passes the answer's bytes through as they come. No keys, no limits, no accounts.

UPSTREAM_PORT is the provider's port on loopback, PORT where it listens.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_JSON = [(b"content-type", b"application/json")]
_STREAM = [(b"content-type", b"text/event-stream")]

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Passthrough:
    def __init__(self, upstream_port: int) -> None:
        self._port = upstream_port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        question = json.loads(body)
        question["model"] = question["model"].rpartition("/")[2]
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        body = json.dumps(question).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: provider\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await self._pass(reader, send)
        self._idle.append((reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, send: Send) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        await send({"type": "http.response.start", "status": 200, "headers": _JSON if length else _STREAM})
        if length:
            await send({"type": "http.response.body", "body": await reader.readexactly(int(length[1]))})
            return
        while (size := await reader.readline()) != b"0\r\n":
            data = (await reader.readexactly(int(size, 16) + 2))[:-2]
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await reader.readexactly(2)
        await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    uvicorn.run(
        Passthrough(int(os.environ["UPSTREAM_PORT"])),
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
