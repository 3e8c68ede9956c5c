"""One provider asked again when that may help: at once with another key, or after a pause, as long as it asks for.

The rules are those of chats that have one endpoint (`balance.py`); every try is a call of its own, with its own id and
its own Generation.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec.structs import replace

from tritium.errors import TritiumError, UpstreamError, UpstreamTimeout
from tritium.model import Call, new_id
from tritium.routing.balance import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, MOST_TRIES, goes_on
from tritium.routing.health import Health
from tritium.routing.opening import verdict

T = TypeVar("T")


async def persistently(ask: Callable[[Call], Awaitable[T]], call: Call, health: Health, retries: int) -> T:
    """What `ask` gives, tried `retries` times more where a pause may help.

    Raises:
        TritiumError: the last failure that may pass, else the last; the others are its `previous_errors`.
    """
    errors: list[TritiumError] = []
    pauses = 0
    while True:
        health.claim()
        try:
            return await ask(call)
        except TritiumError as error:
            errors.append(error)
        failed = errors[-1]
        if len(errors) >= MOST_TRIES or not goes_on(failed):
            raise verdict(errors)
        if not (isinstance(failed, UpstreamError) and failed.another_key):
            if pauses == retries or not await _paused(pauses, failed, call):
                raise verdict(errors)
            pauses += 1
        call = replace(call, id=new_id())


async def _paused(pauses: int, error: TritiumError, call: Call) -> bool:
    """Whether it is worth trying again, now that the pause is over."""
    if not isinstance(error, UpstreamError) or not error.retryable or isinstance(error, UpstreamTimeout):
        return False
    pause = FIRST_PAUSE_SECONDS * 2**pauses * random.uniform(1.0, 2.0)  # noqa: S311 - so that callers don't come back as one
    pause = max(pause, error.retry_after_seconds or 0.0)
    if pause > LONGEST_PAUSE_SECONDS or (call.deadline is not None and time.monotonic() + pause >= call.deadline):
        return False
    await asyncio.sleep(pause)
    return True
