"""CPU per plain chat request through the whole gateway, side by side with a FastAPI + httpx gateway of ten lines.

    python benchmarks/gateway.py [--quick] [--json PATH]

One mock provider, one load generator (32 connections that each wait for their answer) and one gateway at a time, each
a process of its own, all on loopback. The figure is the gateway process's user and system time divided by the number
of requests: it holds on a noisy machine, where requests per second do not. Linux only (it reads /proc).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import httptools
import uvloop

CONNECTIONS = 32
BAR_MICROSECONDS = 150

BASELINE = """
import os, httpx, uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response
app, client = FastAPI(), httpx.AsyncClient(timeout=60)
@app.post("/v1/chat/completions")
async def chat(request: Request):
    body = await request.json()
    body["model"] = body["model"].partition("/")[2]
    answer = await client.post(os.environ["UPSTREAM"] + "/chat/completions", json=body)
    return Response(answer.content, answer.status_code, media_type="application/json")
uvicorn.run(app, port=int(os.environ["PORT"]), access_log=False, log_level="warning")
"""

REQUEST = {
    "model": "mock/vendor-model",
    "messages": [
        {"role": "system", "content": "You are a careful assistant. " * 4},
        {"role": "user", "content": "How do tides work?"},
        {"role": "assistant", "content": "The moon's pull raises the water on two sides of the earth. " * 3},
        {"role": "user", "content": "And why two sides?"},
    ],
    "temperature": 0.2,
    "max_tokens": 200,
}

ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1790000000,
        "model": "vendor-model",
        "system_fingerprint": "fp_1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Because the far side is pulled least. " * 12},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 90, "completion_tokens": 100, "total_tokens": 190},
    }
).encode()


class MockProvider(asyncio.Protocol):
    """Answers every request at once with the same completion."""

    reply = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(self.reply)  # type: ignore[attr-defined]


class Client(asyncio.Protocol):
    """One connection of the load: asks, waits for the answer, asks again, until the shared count is used up."""

    def __init__(self, left: list[int], head: bytes) -> None:
        self.left, self.request, self.done = left, head, asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        if self.left[0] <= 0:
            self.transport.close()
            self.done.set_result(None)
            return
        self.left[0] -= 1
        self.parser = httptools.HttpResponseParser(self)
        self.transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self.parser.get_status_code() != 200:
            self.done.set_exception(RuntimeError(f"status {self.parser.get_status_code()}"))
            return
        self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError("closed by the gateway"))


async def load(port: int, count: int) -> float:
    """Send `count` requests; returns the seconds it took."""
    body = json.dumps(REQUEST).encode()
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer sk-bench\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    )
    loop = asyncio.get_running_loop()
    left = [count]
    started = time.perf_counter()
    clients = [
        (await loop.create_connection(lambda: Client(left, head), "127.0.0.1", port))[1] for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(client.done for client in clients))
    return time.perf_counter() - started


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(name: str, folder: Path, upstream: str, port: int) -> subprocess.Popen[bytes]:
    if name == "tritium":
        config = folder / "tritium.toml"
        config.write_text(
            f'data_dir = "{folder}"\nlocal = {{ enabled = false, detect_servers = false }}\n'
            f'[providers.mock]\nbase_url = "{upstream}"\n[prices."mock/vendor-model"]\ninput = 0.15\noutput = 0.6\n'
        )
        command = [sys.executable, "-m", "tritium", "serve", "--port", str(port), "--config", str(config)]
    else:
        command = [sys.executable, "-c", BASELINE]
    environment = {**os.environ, "UPSTREAM": upstream, "PORT": str(port)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(process.stderr.read().decode() if process.stderr else name) from None
            time.sleep(0.05)
        else:
            return process
    raise RuntimeError(f"{name} did not start")


async def measure(name: str, folder: Path, upstream: str, count: int, rounds: int) -> dict[str, float]:
    port = free_port()
    process = start(name, folder, upstream, port)
    try:
        await load(port, max(200, count // 10))
        cpu, rates = [], []
        for _ in range(rounds):
            before = cpu_seconds(process.pid)
            seconds = await load(port, count)
            cpu.append((cpu_seconds(process.pid) - before) / count * 1e6)
            rates.append(count / seconds)
        return {"cpu": statistics.median(cpu), "rate": statistics.median(rates)}
    finally:
        process.terminate()
        process.wait(10)


async def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    arguments.add_argument("--quick", action="store_true", help="fewer requests, under 50 s")
    arguments.add_argument("--json", type=Path, help="write the figures there")
    options = arguments.parse_args()
    rounds = 3 if options.quick else 5
    counts = {"tritium": 6000, "fastapi+httpx": 600} if options.quick else {"tritium": 20000, "fastapi+httpx": 2000}
    provider = await asyncio.get_running_loop().create_server(MockProvider, "127.0.0.1", 0)
    upstream = f"http://127.0.0.1:{provider.sockets[0].getsockname()[1]}/v1"
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, count in counts.items():
            found[name] = await measure(name, Path(folder), upstream, count, rounds)
    ours, theirs = found["tritium"], found["fastapi+httpx"]
    print(f"{'':16}{'CPU µs per request':>20}{'requests/s':>14}")
    for name, row in found.items():
        print(f"{name:16}{row['cpu']:>20.1f}{row['rate']:>14,.0f}")
    ratio = theirs["cpu"] / ours["cpu"]
    print(f"\nFastAPI + httpx uses {ratio:.1f} times the CPU. Bar: {BAR_MICROSECONDS} µs for Tritium.")
    if options.json:
        figures = [
            figure(
                "tritium CPU per request", ours["cpu"], "µs", BAR_MICROSECONDS, holds=ours["cpu"] <= BAR_MICROSECONDS
            ),
            figure("fastapi+httpx CPU per request", theirs["cpu"], "µs", None, holds=None),
            figure("ratio", ratio, "times", None, holds=None),
        ]
        versions = {name: version(name) for name in ("uvicorn", "uvloop", "httptools", "msgspec", "fastapi", "httpx")}
        machine = {"cpu": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
        options.json.write_text(json.dumps({"figures": figures, "machine": machine, "versions": versions}, indent=1))
    return 0 if ours["cpu"] <= BAR_MICROSECONDS else 1


def figure(name: str, value: float, unit: str, bar: float | None, *, holds: bool | None) -> dict[str, object]:
    return {"name": name, "value": round(value, 2), "unit": unit, "bar": bar, "holds": holds}


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
