"""Runs that are left while their members are being asked, inside one process: what is there 100 ms later?

python cancelled.py CONFIG FUSION RUNS     prints {"tasks": N, "sockets": N}, of all runs together
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path

from tritium.app import running
from tritium.chat import ChatRequest
from tritium.config import load_config
from tritium.gateway import Gateway

_ASKED_SECONDS, _TIDY_SECONDS = 0.05, 0.1


async def main(config: Path, fusion: str, runs: int) -> None:
    left = {"tasks": 0, "sockets": 0}
    async with running(load_config(config), {}) as app:
        for number in range(runs):
            tasks, sockets = asyncio.all_tasks(), _sockets()
            await _leave(app.gateway, fusion, f"Explain how tides work, and why there are two a day. [[{number:010d}]]")
            await asyncio.sleep(_TIDY_SECONDS)
            left["tasks"] += len(asyncio.all_tasks() - tasks)
            left["sockets"] += max(0, _sockets() - sockets)
    print(json.dumps(left))


async def _leave(gateway: Gateway, fusion: str, question: str) -> None:
    asked = ChatRequest.build(fusion, [{"role": "user", "content": question}])

    async def run() -> None:
        async with gateway.chat(asked) as chunks:
            async for _ in chunks:
                pass

    task = asyncio.create_task(run())
    await asyncio.sleep(_ASKED_SECONDS)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _sockets() -> int:
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(each.readlink()).startswith("socket:")
    return found


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
