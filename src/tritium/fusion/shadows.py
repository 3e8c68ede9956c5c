"""Runs in the shadow of answers: one model answers as it was asked to, and a fusion answers the same in silence.

Both are kept in the fusion's run, to be compared. A shadow begins when the answer is whole, never delays it, and
whatever befalls the shadow is nobody's error. What it costs is written down under the caller `SHADOW`: no key pays it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType

from msgspec import Struct

from tritium.chat import ChatRequest, Chunk, Completion
from tritium.errors import TritiumError
from tritium.fusion.fusion import Fusion
from tritium.fusion.run import Solo, Tally
from tritium.model import Answer, Call

SHADOW = "shadow"
_DAY_SECONDS = 86_400
_KEEP_AWAY = ("tools", "plugins", "fusion", "models", "provider", "logprobs")
"""Fields of requests that a fusion would not answer as one model does, or that say who may see them."""

_log = logging.getLogger(__name__)

Begin = Callable[[ChatRequest], tuple[ChatRequest, Call]]
"""Lets a request of ours in; raises TritiumError where it may not be asked."""


class ShadowRules(Struct, frozen=True):
    share: float
    """Of the requests, from 0 to 1."""
    covers: Callable[[str], bool]
    """Whether a model's name, as callers say it, is among those that are shadowed."""
    budget_nanodollars: int
    """For a UTC day; exceeded at most by the runs under way when it is spent."""
    unknown_nanodollars: int
    """What a call of unknown cost counts."""
    max_concurrency: int


class Shadows:
    """A gateway's. `spent` gives what shadows have cost since a moment (Unix seconds), as far as it is known."""

    def __init__(self, fusion: Fusion, rules: ShadowRules, spent: Callable[[float], Awaitable[int]]) -> None:
        self.fusion = fusion
        self._rules = rules
        self._spent = spent
        self._tasks: set[asyncio.Task[None]] = set()
        self._day = 0
        self._unknown = 0
        """Calls of unknown cost on that day."""
        self._closed = False

    def fall_on(self, request: ChatRequest) -> bool:
        """Whether this request is to be shadowed."""
        if random.random() >= self._rules.share or not self._rules.covers(request.model):  # noqa: S311 - no secret
            return False
        if (request.body.n or 1) > 1 or any(name in request.fields for name in _KEEP_AWAY):
            return False
        return not self._closed and len(self._tasks) < self._rules.max_concurrency

    def cast(self, answer: Answer, request: ChatRequest, call: Call, tally: Tally, begin: Begin) -> Answer:
        """The answer, with a shadow to follow it; `tally` has the rows of the answer's calls."""
        return _Shadowed(answer, self, request, call, tally, begin)

    def follow(self, request: ChatRequest, solo: Solo, request_id: str, begin: Begin) -> None:
        """Fuse in the background."""
        if self._closed or len(self._tasks) >= self._rules.max_concurrency:
            return
        task = asyncio.create_task(self._fuse(request, solo, request_id, begin))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cut short what is under way, and wait until it is settled."""
        self._closed = True
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    async def _fuse(self, request: ChatRequest, solo: Solo, request_id: str, begin: Begin) -> None:
        try:
            if await self._left() <= 0:
                return
            asked, call = begin(_to_fusion(request, self.fusion.id))
            tally = Tally(call.recorder)
            answer = self.fusion.fused(asked, call.counted_by(tally))
            answer.run.shadow_of, answer.run.solo = request_id, solo
            try:
                async with answer as chunks:
                    async for _ in chunks:
                        pass
            finally:
                self._unknown += sum(row.cost_nanodollars is None for row in tally.rows.values())
        except TritiumError as error:
            _log.info("The shadow of %s came to nothing: %s", request_id, error.message)
        except Exception:  # noqa: BLE001 - whoever asked has had the answer: there is nobody to tell but the log
            _log.exception("The shadow of %s failed", request_id)

    async def _left(self) -> int:
        """Nano-dollars of today's budget."""
        day = int(time.time()) // _DAY_SECONDS
        if day != self._day:
            self._day, self._unknown = day, 0
        known = await self._spent(float(day * _DAY_SECONDS))
        return self._rules.budget_nanodollars - known - self._unknown * self._rules.unknown_nanodollars


class _Shadowed:
    """An answer passed on as it is, and remembered until it is whole."""

    def __init__(
        self, answer: Answer, shadows: Shadows, request: ChatRequest, call: Call, tally: Tally, begin: Begin
    ) -> None:
        self._answer = answer
        self._shadows = shadows
        self._request = request
        self._call = call
        self._tally = tally
        self._begin = begin
        self._said = Completion()
        self._ended = False

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        self._chunks = await self._answer.__aenter__()
        return self

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        try:
            chunk = await self._chunks.__anext__()
        except StopAsyncIteration:
            self._ended = True
            raise
        self._said.add(chunk)
        return chunk

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._answer.__aexit__(kind, error, trace)
        if error is None and self._ended:
            self._shadows.follow(self._request, self._solo(), self._call.request_id, self._begin)

    def _solo(self) -> Solo:
        costs = [row.cost_nanodollars for row in self._tally.rows.values()]
        known = [cost for cost in costs if cost is not None]
        return Solo(
            model=self._said.model or self._request.model,
            text=self._said.text,
            finish_reason=self._said.finish_reason,
            cost_usd=sum(known) / 1e9 if len(known) == len(costs) else None,
            latency_ms=round((time.perf_counter() - self._tally.started) * 1e3, 3),
        )


def _to_fusion(request: ChatRequest, fusion: str) -> ChatRequest:
    return request.replace(model=fusion, stream=None, stream_options=None)
