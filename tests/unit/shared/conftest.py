"""Replicas: as many as a test asks for, in one process each for itself, or several on a real Valkey."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tritium.shared import Shared
from tritium.shared.local import LocalShared
from tritium.shared.valkey import ValkeyShared


@pytest.fixture
async def replica(valkey: str) -> AsyncIterator[Callable[[], Awaitable[ValkeyShared]]]:
    """Another replica of the same gateway."""
    async with contextlib.AsyncExitStack() as stack:

        async def make() -> ValkeyShared:
            shared = ValkeyShared(valkey, "test")
            await shared.open()
            stack.push_async_callback(shared.close)
            return shared

        yield make


@pytest.fixture(params=["local", "valkey"])
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[Shared]:
    """One replica, of either kind: what is promised holds for both."""
    if request.param == "local":
        yield LocalShared()
        return
    one = ValkeyShared(request.getfixturevalue("valkey"), "test")
    await one.open()
    yield one
    await one.close()
