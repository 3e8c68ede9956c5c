"""Waiting for a panel: everyone at once, until enough have answered; whoever is late is really cancelled.

Quorum, grace and deadline after Dean & Barroso, "The Tail at Scale" (2013): with a fan-out the tail becomes the median,
so the slowest seat must not set the time of the whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec import Struct

Seat = TypeVar("Seat")


class Patience(Struct, frozen=True):
    """When to stop waiting."""

    quorum: int
    deadline_seconds: float
    grace_seconds: float | None = None
    """None: the larger of 1 s and half the time that the quorum took."""
    max_concurrency: int | None = None

    def grace(self, elapsed_seconds: float) -> float:
        return max(1.0, elapsed_seconds / 2) if self.grace_seconds is None else self.grace_seconds


async def gather(
    seats: Sequence[Seat],
    ask: Callable[[Seat], Awaitable[bool]],
    patience: Patience,
    settled: Callable[[], bool] = lambda: False,
) -> str:
    """Ask every seat in parallel; returns why waiting ended: `all`, `settled`, `grace` or `deadline`.

    `ask` keeps the answer itself, says whether there was one, and handles its own failures; it is cancelled when
    waiting ends. `settled` is asked after each answer: true when those still out can't change the outcome.
    Nothing is running any more when this returns.
    """
    slots = asyncio.Semaphore(patience.max_concurrency) if patience.max_concurrency else None

    async def sit(seat: Seat) -> bool:
        if slots is None:
            return await ask(seat)
        async with slots:
            return await ask(seat)

    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = {group.create_task(sit(seat)) for seat in seats}
        try:
            return await _wait(tasks, patience, settled, started)
        finally:
            for task in tasks:
                if not task.cancelling():  # a second time would cut short what the first has it tidy up
                    task.cancel()


async def _wait(tasks: set[asyncio.Task[bool]], patience: Patience, settled: Callable[[], bool], started: float) -> str:
    until, why = started + patience.deadline_seconds, "deadline"
    pending, answered, in_grace = set(tasks), 0, False
    while pending:
        done, pending = await asyncio.wait(
            pending, timeout=max(until - time.monotonic(), 0), return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            return why
        answered += sum(task.result() for task in done if not task.cancelled() and task.exception() is None)
        if pending and answered and settled():
            return "settled"
        if answered >= patience.quorum and not in_grace:
            in_grace = True
            now = time.monotonic()
            if (end := now + patience.grace(now - started)) < until:
                until, why = end, "grace"
    return "all"
