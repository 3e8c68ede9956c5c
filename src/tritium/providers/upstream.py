"""One model at one provider, as a Model: the only place where a provider call is timed, priced and written down.

Invariant: entering an answer writes exactly one Generation when it is left, whatever happened in between:
it ended, it failed, it was cancelled, it was never opened.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Protocol

from tritium.chat import ChatRequest, Chunk, ToolCall, Usage
from tritium.errors import TritiumError
from tritium.ledger.prices import Prices, cost_nanodollars, output_nanodollars
from tritium.model import Call, Generation, Outcome

CHARACTERS_PER_TOKEN = 4
"""For estimates where a provider never reported usage; OpenAI's rule of thumb for English."""


class Source(Protocol):
    """Where a provider's chunks come from: HTTP, the embedded runtime, a script, a recording."""

    def open(self, request: ChatRequest, model: str, call: Call) -> AbstractAsyncContextManager[AsyncIterator[Chunk]]:
        """Open an answer of the provider's `model`.

        Raises:
            UpstreamError: it could not be opened; nothing is billed then unless it was under way.
        """
        ...


class Watch(Protocol):
    """Whoever wants to know how the calls of a model went."""

    def settled(self, row: Generation, error: BaseException | None) -> None:
        """One is over; `error` is what ended it early."""
        ...


class Upstream:
    """A provider's model. `id` is what callers say, `name` what the provider is told."""

    def __init__(
        self,
        model_id: str,
        *,
        provider: str,
        name: str,
        source: Source,
        prices: Prices | None,
        watch: Watch | None = None,
    ) -> None:
        self.id = model_id
        self.provider = provider
        self.name = name
        self.source = source
        self.prices = prices
        self.watch = watch

    def answer(self, request: ChatRequest, call: Call) -> _Settled:
        return _Settled(self, request, call)

    def price(self, usage: Usage) -> int | None:
        """What so many tokens cost, in nano-dollars."""
        return cost_nanodollars(usage, self.prices)


class _Settled:
    """An answer under way: passes chunks on, remembers what a Generation needs, writes it on leaving."""

    __slots__ = (
        "_call",
        "_characters",
        "_chunks",
        "_ended",
        "_finish_reason",
        "_first_token_at",
        "_hold",
        "_inner",
        "_opened",
        "_request",
        "_started",
        "_upstream",
        "_usage",
    )

    def __init__(self, upstream: Upstream, request: ChatRequest, call: Call) -> None:
        self._upstream = upstream
        self._request = request
        self._call = call
        self._inner = upstream.source.open(request, upstream.name, call)
        self._characters = 0
        self._ended = self._opened = False
        self._finish_reason: str | None = None
        self._first_token_at: float | None = None
        self._usage: Usage | None = None
        self._hold: Any = None

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        self._started = time.perf_counter()
        upstream, call = self._upstream, self._call
        try:
            if call.permit is not None:
                hold = call.permit.hold(call, upstream.id, upstream.provider, self._request, upstream.price)
                self._hold = hold if call.permit.prompt else await self._held(hold)
            self._chunks = await self._inner.__aenter__()
        except BaseException as error:
            self._settle(error)
            raise
        self._opened = True
        return self

    async def _held(self, hold: Awaitable[Any]) -> Any:
        """The hold; who leaves before it is there has had nobody asked."""
        try:
            return await hold
        except BaseException:
            self._usage = Usage()
            raise

    async def whole(self) -> Chunk | AsyncIterator[Chunk]:
        """Enter; an answer in one piece is given at once, and its context left."""
        await self.__aenter__()
        only = getattr(self._chunks, "only", None)
        if only is None:
            return self
        try:
            chunk: Chunk | None = await only()
            if chunk is not None:
                self._noted(chunk)
                self._ended = True
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        if chunk is None:
            return self
        await self.__aexit__(None, None, None)
        return chunk

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        try:
            chunk = await self._chunks.__anext__()
        except StopAsyncIteration:
            self._ended = True
            raise
        self._noted(chunk)
        return chunk

    def _noted(self, chunk: Chunk) -> None:
        """Remember what a Generation needs of it, and say on it whose it is."""
        if chunk.usage is not None:
            self._usage = chunk.usage
        for choice in chunk.choices:
            delta = choice.delta
            said = len(delta.content or "") + len(delta.reasoning or delta.reasoning_content or "")
            if delta.tool_calls:
                said += sum(_length(each) for each in delta.tool_calls)
            if (said or delta.tool_calls) and self._first_token_at is None:
                self._first_token_at = time.perf_counter()
            self._characters += said
            self._finish_reason = choice.finish_reason or self._finish_reason
        chunk.provider = self._upstream.provider
        chunk.model = self._upstream.id

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._inner.__aexit__(kind, error, trace)
        finally:
            self._settle(error)

    def _settle(self, error: BaseException | None) -> None:
        now = time.perf_counter()
        outcome = self._outcome(error)
        refused = not self._opened and isinstance(error, TritiumError) and not getattr(error, "under_way", False)
        usage = self._usage or (Usage() if refused else self._estimate())
        upstream, call = self._upstream, self._call
        row = Generation(
            id=call.id,
            request_id=call.request_id,
            model=upstream.id,
            provider=upstream.provider,
            role=call.role,
            created_at=time.time() - (now - self._started),
            usage=usage,
            # A call its provider refused is known to cost nothing, whatever the price.
            cost_nanodollars=0 if refused else cost_nanodollars(usage, upstream.prices),
            outcome=outcome,
            finish_reason=self._finish_reason,
            streamed=self._request.streaming,
            first_token_ms=(self._first_token_at - self._started) * 1e3 if self._first_token_at else None,
            latency_ms=(now - self._started) * 1e3,
            error=str(error) or type(error).__name__ if error is not None else None,
            caller=call.caller,
            status=200 if error is None else status_of(error),
            output_nanodollars=0 if refused else output_nanodollars(usage, upstream.prices),
        )
        call.recorder.generation(row)
        if self._hold is not None and call.permit is not None:
            call.permit.settle(self._hold, row)
        if upstream.watch is not None:
            upstream.watch.settled(row, error)

    def _outcome(self, error: BaseException | None) -> Outcome:
        if error is None:
            return "ok" if self._ended or self._finish_reason else "cancelled"
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            late = self._call.deadline is not None and time.monotonic() >= self._call.deadline
            return "timeout" if late else "cancelled"
        if isinstance(error, TimeoutError) or getattr(error, "kind", None) == "timeout":
            return "timeout"
        return "failed"

    def _estimate(self) -> Usage:
        """Tokens for a call whose provider never reported any."""
        return Usage(
            input=-(-self._request.prompt_bytes // CHARACTERS_PER_TOKEN),
            output=-(-self._characters // CHARACTERS_PER_TOKEN),
            estimated=True,
        )


def status_of(error: BaseException) -> int | None:
    """None for one that has nothing to do with HTTP, as a cancellation."""
    if not isinstance(error, TritiumError):
        return None
    return getattr(error, "upstream_status", None) or error.http_status


def _length(call: ToolCall) -> int:
    function = call.function
    return len(function.name or "") + len(function.arguments or "") if function is not None else 0
