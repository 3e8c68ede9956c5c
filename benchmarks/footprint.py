"""What a gateway takes before it does anything: time to its first answer, memory at rest, and per stream that is open.

    python benchmarks/footprint.py [--quick] [--json PATH]

Linux only. First chat: from the process's start until `tritium serve` has answered one over HTTP, with a new data
folder and with one that is there. At rest: its proportional set size (Pss) a second later. Streams: held open by a
provider on loopback that says one word and falls silent, in kibibytes of the gateway each. Slow reader: what the
gateway grows by while a provider that never stops is read two kilobytes at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 30.0
EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":"%b"},"finish_reason":null}]}\n\n'
)


@dataclass(frozen=True)
class Started:
    seconds: float
    at_rest_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the same figures from fewer rounds and streams")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there as well")
    options = parser.parse_args()

    rounds, streams = (3, 500) if options.quick else (9, 2000)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    new = [start_once() for _ in range(rounds)]
    with tempfile.TemporaryDirectory() as folder:
        start_once(Path(folder))
        old = [start_once(Path(folder)) for _ in range(rounds)]
    per_stream, slow_reader = asyncio.run(held_open(streams))
    figures = [
        at_most("first chat, a new data folder", statistics.median(each.seconds for each in new), "s", 0.6),
        at_most("first chat, one that is there", statistics.median(each.seconds for each in old), "s", 0.6),
        at_most("memory at rest", statistics.median(each.at_rest_mb for each in old), "MB", 60),
        at_most(f"each of {streams:,} open streams", per_stream, "KiB", 25),
        at_most("a slow reader of an endless stream", slow_reader, "MB", 2),
    ]
    for figure in figures:
        verdict = "holds" if figure["holds"] else "FAILS"
        print(f"{figure['name']:42}{figure['value']:12,.2f} {figure['unit']:6}{figure['bar']:>10}  {verdict}")
    if options.json:
        options.json.write_text(json.dumps({"figures": figures}, indent=2) + "\n")
    if not all(figure["holds"] for figure in figures):
        sys.exit(1)


def start_once(folder: Path | None = None) -> Started:
    with contextlib.ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        began = time.perf_counter()
        process, port = stack.enter_context(serving(place, ""))
        with connected(port) as connection:
            connection.sendall(request("scripted/say=hello"))
            said = connection.recv(65536)
        seconds = time.perf_counter() - began
        if b" 200 " not in said[:20]:
            raise SystemExit(f"it answered {said!r}")
        time.sleep(1)
        return Started(seconds, kibibytes(process.pid) / 1024)


async def held_open(count: int) -> tuple[float, float]:
    """KiB of a stream, and MB that an endless one with a slow reader adds."""
    async with provider() as upstream:
        with (
            tempfile.TemporaryDirectory() as folder,
            serving(Path(folder), f'[providers.mock]\nbase_url = "http://127.0.0.1:{upstream}/v1"\n') as (
                process,
                port,
            ),
        ):
            await asyncio.to_thread(lambda: connected(port).close())
            kept = await asyncio.gather(*(stream(port) for _ in range(20)))  # what the first ones load isn't theirs
            slowly = await slow_reader(process.pid, port)
            before = kibibytes(process.pid)
            for start in range(0, count, 50):
                kept += await asyncio.gather(*(stream(port) for _ in range(start, min(start + 50, count))))
            await asyncio.sleep(2)  # comments have been sent by now
            each = (kibibytes(process.pid) - before) / count
            for writer in kept:
                writer.close()
            return each, slowly


async def slow_reader(pid: int, port: int) -> float:
    before, most = kibibytes(pid), 0
    with connected(port) as connection:
        connection.sendall(request("mock/endless", stream=True))
        for _ in range(20):
            await asyncio.sleep(0.2)
            await asyncio.to_thread(connection.recv, 2000)
            most = max(most, kibibytes(pid) - before)
    return most / 1024


async def stream(port: int) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=8192)
    writer.write(request("mock/silent", stream=True))
    await asyncio.wait_for(reader.readuntil(b"hello"), PATIENCE_SECONDS)
    return writer


@contextlib.asynccontextmanager
async def provider() -> AsyncIterator[int]:
    """A provider's port. It says one word, or never stops."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            asked = await reader.readexactly(int(length[1]) if length else 0)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            writer.write(EVENT % b"hello")
            while b"endless" in asked:
                writer.write(EVENT % (b"x" * 2000))
                await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.sleep(0.1)  # whoever still answers hears that nobody listens


@contextlib.contextmanager
def serving(folder: Path, more: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "footprint.toml"
    config.write_text(f"data_dir = '{folder}'\nlocal = {{ enabled = false, detect_servers = false }}\n{more}")
    command = [sys.executable, "-m", "tritium", "serve", "--port", str(port), "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


def connected(port: int) -> socket.socket:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.002)


def request(model: str, **fields: Any) -> bytes:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello!"}], **fields}).encode()
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )


def kibibytes(pid: int) -> int:
    found = re.search(r"Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())
    if found is None:
        raise SystemExit("this system doesn't say how much memory a process takes")
    return int(found[1])


def at_most(name: str, value: float, unit: str, bar: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "bar": f"<= {bar:,}", "holds": value <= bar}


if __name__ == "__main__":
    main()
