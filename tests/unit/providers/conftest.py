"""What tests of the HTTP client stand on: servers of raw sockets that do exactly what a test says, on both loops."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from tritium.providers.http import HttpTransport, Target


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    """Whatever opens sockets must work on both."""
    both = item.path.name.startswith("test_http")
    return {"asyncio": asyncio.new_event_loop} | ({"uvloop": uvloop.new_event_loop} if both else {})


@dataclass
class Peer:
    """The server's end of one connection."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """The client has hung up."""

    async def request(self) -> tuple[bytes, bytes]:
        """The next request's head and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
        self.requests.append((head, await self.reader.readexactly(length)))
        return self.requests[-1]

    async def say(self, *parts: bytes) -> None:
        """Send parts, each in its own packet if the client reads as fast as we write."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def hangup(self) -> None:
        """Wait until the client has hung up."""
        while await self.reader.read(65536):
            pass


Talk = Callable[[Peer], Awaitable[None]]


@dataclass
class Server:
    port: int
    peers: list[Peer]

    @property
    def target(self) -> Target:
        return Target.parse(f"http://127.0.0.1:{self.port}/v1/chat")

    @property
    def requests(self) -> list[tuple[bytes, bytes]]:
        return [request for peer in self.peers for request in peer.requests]


@pytest.fixture
async def server_that() -> AsyncIterator[Callable[..., Awaitable[Server]]]:
    """Start servers: one that runs `talk(peer)` for every connection and then closes it."""
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()

    async def start(talk: Talk, tls: ssl.SSLContext | None = None, **options: Any) -> Server:
        peers: list[Peer] = []

        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            peer = Peer(len(peers), reader, writer)
            peers.append(peer)
            try:
                await talk(peer)
            except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError):
                pass
            finally:
                peer.closed.set()
                writer.close()
                tasks.discard(task)

        server = await asyncio.start_server(run, "127.0.0.1", 0, ssl=tls, **options)
        servers.append(server)
        return Server(server.sockets[0].getsockname()[1], peers)

    yield start
    for server in servers:
        server.close()
    for task in tuple(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    made = HttpTransport()
    yield made
    await made.close()
