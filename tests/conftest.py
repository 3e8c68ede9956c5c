"""What tests stand on: a real gateway over real HTTP on loopback, and an upstream whose sockets can be watched."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from openai import AsyncOpenAI

from tritium.api.lane import Lane
from tritium.app import Running, running
from tritium.config import parse_config

from .postgresql import new_postgresql_database, postgresql, postgresql_database  # noqa: F401 fixtures
from .valkey import _valkey, mortal_valkey, valkey  # noqa: F401 fixtures


@dataclass
class Live:
    """A gateway that is up, and the official SDK pointed at it."""

    url: str
    running: Running
    client: AsyncOpenAI
    connections: Any
    """The server's open connections."""

    async def rows(self, request_id: str) -> list[Any]:
        return await self.running.records.generations(request_id)

    async def document(self, run_id: str) -> dict[str, Any]:
        found = await self.running.records.run(run_id)
        assert found is not None
        return json.loads(found)


Serve = Callable[..., Awaitable[Live]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts gateways; takes a configuration and environment variables, and looks at nothing outside the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(config: dict[str, Any] | None = None, **environment: str) -> Live:
            data = {
                "data_dir": str(tmp_path),
                "local": {"enabled": False, "detect_servers": False},
                "routing": {"retries": 0},  # a provider that fails is counted once, and not waited for
                **(config or {}),
            }
            up = await stack.enter_async_context(running(parse_config(data), environment))
            return await stack.enter_async_context(listening(up))

        yield start


@contextlib.asynccontextmanager
async def listening(up: Running) -> AsyncIterator[Live]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    settings = uvicorn.Config(
        up.application(), http=Lane, lifespan="off", proxy_headers=False, log_level="warning", access_log=False
    )
    server = uvicorn.Server(settings)
    server.install_signal_handlers = lambda: None
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has nothing to wait for
        await asyncio.sleep(0.005)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0, timeout=20)
    try:
        yield Live(url, up, client, server.server_state.connections)
    finally:
        await client.close()
        server.should_exit = True
        server.force_exit = True
        await task


@dataclass
class Upstream:
    """A provider's server made of a raw socket: what it was asked, and when each connection was closed on it."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    closed_at: list[float] = field(default_factory=list)
    opened: int = 0
    reply: bytes = b""
    hold: bool = False
    """Keep the connection open after the reply, saying nothing more."""


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    state = Upstream("")

    writers: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.opened += 1
        writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                )
                state.heads.append(head)
                state.requests.append(json.loads(await reader.readexactly(length)))
                writer.write(state.reply)
                await writer.drain()
                if state.hold:
                    await reader.read()
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            state.closed_at.append(time.monotonic())
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield state
    finally:
        server.close()
        for writer in writers:  # since Python 3.12.1 a server isn't closed before its connections are
            writer.close()
        await server.wait_closed()


def completion(text: str = "Hello there", **extra: Any) -> bytes:
    """A provider's whole answer as HTTP."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "vendor-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
        **extra,
    }
    return http(200, json.dumps(body).encode())


def http(status: int, body: bytes, content_type: bytes = b"application/json", headers: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %d X\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b\r\n"
    return head % (status, content_type, len(body), headers) + body


def events(*payloads: Any, finished: bool = True) -> bytes:
    """A provider's event stream as HTTP: chunked, ended properly only when `finished`."""
    data = b"".join(
        b"data: " + (each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n\n" for each in payloads
    )
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%b\r\n" % (len(data), data) + (b"0\r\n\r\n" if finished else b"")


@pytest.fixture
def wire() -> Any:
    """The replies a raw upstream can give."""

    class Wire:
        completion = staticmethod(completion)
        http = staticmethod(http)
        events = staticmethod(events)

    return Wire
