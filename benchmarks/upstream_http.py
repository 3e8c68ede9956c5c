"""What one call to a provider costs the gateway in CPU: our HTTP client beside aiohttp and httpx.

64 requests are in flight at any time, against a mock provider in another process, over loopback, without TLS.
The figure is the client process's CPU time (user and system) per call, the median of interleaved rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import aiohttp
import httptools
import httpx
import uvloop

from tritium.providers.http import HttpTransport, Target, Timeouts

IN_FLIGHT = 64
EVENTS = 20
PROMPT = b'{"model":"mock","messages":[{"role":"user","content":"' + b"x" * 650 + b'"}]}'
ANSWER = b'{"id":"chatcmpl-1","choices":[{"index":0,"message":{"role":"assistant","content":"' + b"y" * 780 + b'"}}]}'
EVENT = b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"token"}}]}\n\n'

Ask = Callable[[str], Awaitable[int]]
"""One call of a path; gives the bytes of the body."""


class Mock(asyncio.Protocol):
    """A provider that answers /json at once and /events with an event every millisecond."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_message_complete(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nserver: mock\r\ndate: Mon, 23 Nov 2026 10:00:00 GMT\r\ncontent-type: "
        if self.url == b"/json":
            self.transport.write(head + b"application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER))
        else:
            self.transport.write(head + b"text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            self.tell(EVENTS)

    def tell(self, left: int) -> None:
        if not left:
            self.transport.write(b"0\r\n\r\n")
            return
        self.transport.write(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
        asyncio.get_running_loop().call_later(0.001, self.tell, left - 1)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def mock_provider() -> Iterator[str]:
    """The mock in its own process; gives its base URL."""
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


async def tritium_client(stack: AsyncExitStack, base: str) -> Ask:
    transport = HttpTransport()
    stack.push_async_callback(transport.close)
    targets = {path: Target.parse(base + path) for path in ("/json", "/events")}
    headers = ((b"authorization", b"Bearer sk-mock"), (b"content-type", b"application/json"))
    timeouts = Timeouts()

    async def ask(path: str) -> int:
        reply = await transport.request("POST", targets[path], headers, PROMPT, timeouts)
        if path == "/json":
            return len(await reply.body())
        size = 0
        while part := await reply.read():
            size += len(part)
        return size

    return ask


async def aiohttp_client(stack: AsyncExitStack, base: str) -> Ask:
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    headers = {"authorization": "Bearer sk-mock", "content-type": "application/json"}

    async def ask(path: str) -> int:
        async with session.post(base + path, data=PROMPT, headers=headers) as reply:
            if path == "/json":
                return len(await reply.read())
            return sum([len(part) async for part in reply.content.iter_any()])

    return ask


async def httpx_client(stack: AsyncExitStack, base: str) -> Ask:
    # Its default limits: keeping all 64 connections makes it two to four times slower still.
    client = await stack.enter_async_context(httpx.AsyncClient(timeout=60, trust_env=False))
    headers = {"authorization": "Bearer sk-mock", "content-type": "application/json"}

    async def ask(path: str) -> int:
        if path == "/json":
            return len((await client.post(base + path, content=PROMPT, headers=headers)).content)
        async with client.stream("POST", base + path, content=PROMPT, headers=headers) as reply:
            return sum([len(part) async for part in reply.aiter_raw()])

    return ask


CLIENTS = {"tritium": tritium_client, "aiohttp": aiohttp_client, "httpx": httpx_client}
CALLS = {
    "/json": {"tritium": 40_000, "aiohttp": 10_000, "httpx": 2_500},
    "/events": {"tritium": 4_000, "aiohttp": 2_000, "httpx": 800},
}
SIZES = {"/json": len(ANSWER), "/events": EVENTS * len(EVENT)}


async def cpu_per_call(client: str, base: str, path: str, calls: int) -> float:
    """Microseconds of this process's CPU time per call."""
    async with AsyncExitStack() as stack:
        ask = await CLIENTS[client](stack, base)
        left = IN_FLIGHT * 2

        async def keep_asking() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                size = await ask(path)
                assert size == SIZES[path], f"{client} read {size} bytes of {path}"

        for count in (IN_FLIGHT * 2, calls):  # the first to open the connections
            left = count
            started = time.process_time()
            await asyncio.gather(*(keep_asking() for _ in range(IN_FLIGHT)))
        return (time.process_time() - started) / calls * 1e6


def measure(*, quick: bool) -> dict[tuple[str, str], float]:
    """CPU microseconds per call, by path and client."""
    rounds, divisor = (3, 4) if quick else (5, 1)
    seen: dict[tuple[str, str], list[float]] = {}
    gc.collect()
    gc.freeze()  # else each client pays for walking what the other two imported
    with mock_provider() as base:
        for _ in range(rounds):
            for path, calls in CALLS.items():
                for client, count in calls.items():
                    run = partial(cpu_per_call, client, base, path, count // divisor)
                    seen.setdefault((path, client), []).append(uvloop.run(run()))
    return {key: statistics.median(values) for key, values in seen.items()}


def figures(cpu: dict[tuple[str, str], float]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []

    def add(name: str, value: float, unit: str, bar: str | None = None, *, holds: bool | None = None) -> None:
        rows.append({"name": name, "value": round(value, 1), "unit": unit, "bar": bar, "holds": holds})

    for path, name in (("/json", "JSON call"), ("/events", f"stream of {EVENTS} events")):
        ours = cpu[path, "tritium"]
        limit = 30 if path == "/json" else 300
        add(f"{name}, tritium", ours, "CPU µs", f"<= {limit}", holds=ours <= limit)
        for rival, least in (("aiohttp", 2.0 if path == "/json" else 1.3), ("httpx", 15.0 if path == "/json" else 8.0)):
            add(f"{name}, {rival}", cpu[path, rival], "CPU µs")
            ratio = cpu[path, rival] / ours
            add(f"{name}, {rival} / tritium", ratio, "times", f">= {least:g}", holds=ratio >= least)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer calls and rounds; under 50 s")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve())
        return
    rows = figures(measure(quick=options.quick))
    print(f"{'':<42}{'':>10}  {'unit':<8}{'bar':<9}holds")
    for row in rows:
        holds = {None: "", True: "yes", False: "NO"}[row["holds"]]  # type: ignore[index]
        print(f"{row['name']:<42}{row['value']:>10}  {row['unit']:<8}{row['bar'] or '':<9}{holds}")
    if options.json:
        packages = ("aiohttp", "httptools", "httpx", "tritium", "uvloop")
        report = {
            "figures": rows,
            "machine": {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
            "versions": {name: importlib.metadata.version(name) for name in packages},
        }
        options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
