"""TensorZero's gateway as its wheel has it: the Rust server inside a Python module, here with nothing around it.

python tensorzero_wheel.py CONFIG     prints `listening on URL`
"""

from __future__ import annotations

import asyncio
import importlib
import sys


async def main(config: str) -> None:
    module = importlib.import_module("tensorzero.tensorzero")
    # Private, and the only door to the server: hence the pinned version.
    gateway = await module._start_http_gateway(  # noqa: SLF001 - see above
        config_file=config, clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=True
    )
    print("listening on", gateway.base_url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
