"""Which shared state a gateway has: its own, or that of several replicas."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tritium.config import SharedState
from tritium.errors import ConfigError
from tritium.shared import Shared
from tritium.shared.local import LocalShared


@asynccontextmanager
async def shared_state(settings: SharedState, environment: Mapping[str, str] = os.environ) -> AsyncIterator[Shared]:
    """As configured, open until the context is left.

    Raises:
        ConfigError: the server's address is not there or can't be read, or its client is not installed.
        StorageError: the server can't be used.
    """
    if settings.url_env is None:
        yield LocalShared()
        return
    url = environment.get(settings.url_env)
    if not url:
        raise ConfigError(
            f"The environment variable {settings.url_env} is not set. shared.url_env in the configuration says that it "
            "holds the address of a Valkey or Redis server, such as redis://USER:PASSWORD@HOST:6379/0."
        )
    try:
        from tritium.shared.valkey import ValkeyShared  # noqa: PLC0415 most never need it
    except ImportError:
        raise ConfigError(
            "The client for Valkey and Redis is missing: pip install 'tritium[redis]', or leave shared.url_env out."
        ) from None
    shared = ValkeyShared(url, settings.prefix)
    await shared.open()
    try:
        yield shared
    finally:
        await shared.close()
