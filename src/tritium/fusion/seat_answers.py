"""Seats' answers that may be given again, and one upstream call for all who ask the same at the same time.

What a seat is asked makes the name: its caller, its model, which of several samples it is, and every field of its
request. Only whole answers are kept. Whoever asks while somebody else's call is under way waits for that; should the
other leave, the next one asks in its place; should the other's call fail, everybody asks for themselves.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any

import msgspec

from tritium.chat import ChatRequest, Chunk, Completion
from tritium.fusion.kept_seat import KeptAnswer
from tritium.model import Answer, Call, Model
from tritium.shared import Cache

_WHOLE = frozenset(("stop", "length", "tool_calls"))
"""How an answer ends that may be given again; what a filter or a fault cut off may not."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Completion).decode

Marked = Callable[[Any], Any]


class SeatAnswers:
    """A gateway's. `cache` may be that of several replicas; calls under way are shared within this process only."""

    def __init__(self, cache: Cache, marked: Marked | None = None) -> None:
        """`marked` gives text as it may be kept, where answers are screened."""
        self._cache = cache
        self._marked = marked
        self._flights: dict[str, Flight] = {}

    def seats(self, models: Sequence[Model], seconds: float) -> list[CachedSeat]:
        """The same models, asked through the cache; a model that sits there twice is two samples."""
        sat: dict[str, int] = {}
        found: list[CachedSeat] = []
        for model in models:
            sample = sat[model.id] = sat.get(model.id, -1) + 1
            found.append(CachedSeat(self, model, sample, seconds))
        return found

    async def kept(self, name: str) -> Completion | None:
        data = await self._cache.get(name)
        if data is None:
            return None
        try:
            return _unpack(data)
        except msgspec.MsgspecError:  # another version's
            return None

    async def keep(self, name: str, said: Completion, seconds: float) -> None:
        data = _pack(said)
        if self._marked is not None:
            data = _pack(self._marked(msgspec.msgpack.decode(data)))
        await self._cache.put(name, data, seconds)

    def flight(self, name: str) -> Flight | None:
        """The call under way for that answer."""
        return self._flights.get(name)

    def take_off(self, name: str) -> Flight:
        flight = self._flights[name] = Flight()
        return flight

    def land(self, name: str, flight: Flight, said: Completion | None, *, failed: bool) -> None:
        """It is over, with an answer, with a failure, or because whoever led it left."""
        self._flights.pop(name, None)
        flight.said, flight.failed = said, failed
        flight.over.set()


class Flight:
    """One call that several wait for."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.said: Completion | None = None
        self.failed = False


class CachedSeat:
    """A Model behind the cache."""

    def __init__(self, answers: SeatAnswers, model: Model, sample: int, seconds: float) -> None:
        self.id = model.id
        self.model = model
        self.answers = answers
        self.sample = sample
        self.seconds = seconds

    def answer(self, request: ChatRequest, call: Call) -> _Cached:
        return _Cached(self, request, call, _name(request, call.caller, self.id, self.sample))


class _Cached:
    """One answer: kept, somebody else's, or asked for and then kept."""

    def __init__(self, seat: CachedSeat, request: ChatRequest, call: Call, name: str) -> None:
        self._seat = seat
        self._request = request
        self._call = call
        self._name = name
        self._flight: Flight | None = None
        self._said = Completion()
        self._ended = False

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        try:
            self._inner = await self._opened()
            self._chunks = await self._inner.__aenter__()
        except BaseException as error:
            self._land(None, error)
            raise
        return self

    async def _opened(self) -> Answer:
        seat, answers = self._seat, self._seat.answers
        while True:
            said = await answers.kept(self._name)
            flight = None if said is not None else answers.flight(self._name)
            if flight is not None:
                await flight.over.wait()
                said = flight.said
            if said is not None:
                return KeptAnswer(seat.id, said, self._call, streamed=self._request.streaming)
            if flight is None:
                self._flight = answers.take_off(self._name)
            if flight is None or flight.failed:
                return seat.model.answer(self._request, self._call)

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        try:
            chunk = await self._chunks.__anext__()
        except StopAsyncIteration:
            self._ended = True
            raise
        if self._flight is not None:
            self._said.add(chunk)
        return chunk

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._inner.__aexit__(kind, error, trace)
            whole = self._whole() if error is None else None
            if whole is not None:
                await self._seat.answers.keep(self._name, whole, self._seat.seconds)
            self._land(whole, error)
        finally:
            self._land(None, error)

    def _whole(self) -> Completion | None:
        said = self._said
        if self._flight is None or not self._ended or said.finish_reason not in _WHOLE:
            return None
        said.usage = None
        return said if said.text.strip() or said.tool_calls else None

    def _land(self, said: Completion | None, error: BaseException | None) -> None:
        flight, self._flight = self._flight, None
        if flight is not None:
            left = isinstance(error, asyncio.CancelledError) or (error is None and not self._ended)
            self._seat.answers.land(self._name, flight, said, failed=said is None and not left)


def _name(request: ChatRequest, caller: str, model: str, sample: int) -> str:
    fields = {name: value for name, value in sorted(request.fields.items()) if name != "stream"}
    asked = msgspec.json.format(msgspec.json.encode(fields), indent=-1)
    digest = hashlib.sha256(b"\0".join((caller.encode(), model.encode(), str(sample).encode(), asked)))
    return f"seat:{digest.hexdigest()}"
