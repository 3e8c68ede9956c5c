"""So many at once, the others in line: a model whose answers wait for a free place, first come, first served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType

from tritium.chat import ChatRequest, Chunk
from tritium.errors import RateLimited
from tritium.model import Answer, Call, Model


class Gate:
    """`capacity` places. What has one name in the configuration has one gate."""

    def __init__(self, name: str, capacity: int, queue_seconds: float) -> None:
        self._name = name
        self._capacity = capacity
        self._queue_seconds = queue_seconds
        self._places = asyncio.Semaphore(capacity)  # fair: it wakes in the order of arrival

    @property
    def busy(self) -> bool:
        """Who comes now has to wait."""
        return self._places.locked()

    async def enter(self) -> None:
        """Take a place.

        Raises:
            RateLimited: none became free in time.
        """
        if not self.busy:
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(self._queue_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise self._full() from None

    def leave(self) -> None:
        self._places.release()

    def _full(self) -> RateLimited:
        error = RateLimited(
            f"{self._name} is answering {self._capacity} requests, its limit, and no place became free within "
            f"{self._queue_seconds:g} s. Try again later, or raise max_concurrency or queue_seconds."
        )
        error.availability = {"code": "capacity_exhausted", "retryable": True, "affected_providers": [self._name]}
        return error


class Limited:
    """A model behind gates; several are passed in their order."""

    def __init__(self, model: Model, gates: Sequence[Gate]) -> None:
        self.model = model
        self._gates = gates

    @property
    def id(self) -> str:
        return self.model.id

    def answer(self, request: ChatRequest, call: Call) -> _Waiting:
        return _Waiting(self.model.answer(request, call), self._gates)


class _Waiting:
    def __init__(self, answer: Answer, gates: Sequence[Gate]) -> None:
        self._answer = answer
        self._gates = gates
        self._passed: list[Gate] = []

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        try:
            for gate in self._gates:
                await gate.enter()
                self._passed.append(gate)
            return await self._answer.__aenter__()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._answer.__aexit__(kind, error, trace)
        finally:
            self._leave()

    def _leave(self) -> None:
        while self._passed:
            self._passed.pop().leave()
