"""A provider reached by HTTP: a wire format, an endpoint, and the transport between them, as a Source of chunks."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Sequence
from types import TracebackType
from typing import Any, TypeVar

from tritium import __version__
from tritium.chat import ChatRequest, Chunk
from tritium.errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable
from tritium.model import Call
from tritium.providers.keys import KeyRing
from tritium.providers.sse import BrokenStream, Event
from tritium.providers.transport import (
    ConnectFailed,
    ConnectTimeout,
    ReadTimeout,
    Reply,
    Target,
    Timeouts,
    Transport,
    TransportError,
)
from tritium.providers.wire import Reader, WireFormat, error_for_status

_COMMON = ((b"content-type", b"application/json"), (b"user-agent", b"tritium/" + __version__.encode()))
_ERROR_BODY_BYTES = 65_536
_LAST_BYTES_SECONDS = 0.2

T = TypeVar("T")


class HttpSource:
    """One provider's endpoint."""

    def __init__(
        self,
        provider: str,
        *,
        base_url: str,
        key: str | None,
        wire: WireFormat,
        transport: Transport,
        timeouts: Timeouts,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        spare_keys: Sequence[str] = (),
    ) -> None:
        """`spare_keys` take turns with `key`."""
        self.provider = provider
        self.key = key
        self.ring = KeyRing((key, *spare_keys)) if key and spare_keys else None
        self.wire = wire
        self.framing = wire.framing
        self.stream_type = wire.framing.content_type
        self.transport = transport
        self.timeouts = timeouts
        self.base_url = base_url
        self.headers = (*_COMMON, *headers)
        self._targets: dict[str, Target] = {}

    def target(self, path: str) -> Target:
        found = self._targets.get(path)
        if found is None:
            found = self._targets[path] = Target.parse(self.base_url + path)
        return found

    def redacted(self, message: str) -> str:
        """What the provider says, without the key, should it repeat it."""
        for key in self.ring.keys if self.ring is not None else filter(None, (self.key,)):
            message = message.replace(key, "[key]")
        return message

    async def refused(self, reply: Reply, key: str | None = None) -> UpstreamError:
        """What an answer other than 200 means, also for the key it was asked with."""
        try:
            body = await reply.body(_ERROR_BODY_BYTES)
        except TransportError:
            body = b""
        told = self.wire.error_message(body)
        message = self.redacted(told or body.decode("utf-8", "replace").strip() or "no reason given")
        if not told:
            message = message[:200]  # somebody's page; cut only now, so that no half of a key is left at the end
        retry_after_seconds = _seconds(reply.header(b"retry-after"))
        error = error_for_status(self.provider, reply.status, message, retry_after_seconds)
        if self.ring is not None and key is not None:
            error.another_key = self.ring.refused(key, reply.status, retry_after_seconds)
        return error

    def open(self, request: ChatRequest, model: str, call: Call) -> _HttpAnswer:  # noqa: ARG002 - a Source's signature
        return _HttpAnswer(self, request, model)


class _HttpAnswer:
    """One exchange: opened when the provider's status is in, read chunk by chunk, its socket given back or closed."""

    __slots__ = (
        "_empty_since",
        "_ends_at",
        "_events",
        "_key",
        "_model",
        "_reader",
        "_reply",
        "_request",
        "_said",
        "_source",
        "_waiting",
        "_whole",
    )

    def __init__(self, source: HttpSource, request: ChatRequest, model: str) -> None:
        self._source = source
        self._request = request
        self._model = model
        self._reply: Reply | None = None
        self._waiting: deque[Event] | None = None
        self._whole = not request.streaming
        self._key = source.key if source.ring is None else source.ring.take()
        self._ends_at: float | None = None
        self._empty_since: float | None = None
        """Since when the stream has brought nothing that means anything."""
        self._said = False

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        total_seconds = self._source.timeouts.total_seconds
        if total_seconds is None:
            return await self._open()
        self._ends_at = asyncio.get_running_loop().time() + total_seconds
        return await self._in_time(self._open())

    async def _open(self) -> AsyncIterator[Chunk]:
        source = self._source
        path, headers, body = source.wire.to_wire(
            self._request, self._model, streaming=self._request.streaming, key=self._key
        )
        try:
            reply = await source.transport.request(
                "POST", source.target(path), (*source.headers, *headers), body, source.timeouts
            )
            self._reply = reply
            if reply.status != 200:
                raise await source.refused(reply, self._key)  # noqa: TRY301 - the reply is closed below, whatever failed
            # A server that doesn't stream answers JSON all the same; and some that were not asked to, do.
            content_type = reply.header(b"content-type") or b""
            self._whole = source.stream_type not in content_type and (self._whole or b"json" in content_type)
        except BaseException as error:
            if self._reply is not None:
                self._reply.close()
            if isinstance(error, TransportError):
                raise unreachable(source.provider, error) from error
            if isinstance(error, ValueError):  # a header or an address of the configuration that can't be sent
                raise UpstreamUnavailable(f"{source.provider}: {error}.", provider=source.provider) from error
            raise
        self._reader: Reader = source.wire.reader(source.provider)
        if not self._whole:
            self._waiting, self._events = deque(), source.framing()
        return self

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def only(self) -> Chunk | None:
        """The answer, if it comes in one piece; nothing follows then."""
        return await self.__anext__() if self._whole else None

    async def __anext__(self) -> Chunk:
        try:
            return await (self._next() if self._ends_at is None else self._in_time(self._next()))
        except TransportError as error:
            if self._whole or not self._reader.done:
                raise unreachable(self._source.provider, error) from error
            raise StopAsyncIteration from None  # the answer was whole; only its connection did not end as it should
        except UpstreamError as error:
            error.message = self._source.redacted(error.message)
            error.args = (error.message,)
            raise
        except BrokenStream as error:
            raise UpstreamUnavailable(f"{self._source.provider}: {error}", provider=self._source.provider) from error

    async def _in_time(self, step: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout_at(self._ends_at):
                return await step
        except TimeoutError as error:
            source = self._source
            late = UpstreamTimeout(
                f"{source.provider} did not finish within {source.timeouts.total_seconds:g} s (total_seconds).",
                provider=source.provider,
            )
            late.under_way = True
            raise late from error

    async def _next(self) -> Chunk:
        reply = self._reply
        assert reply is not None  # noqa: S101 - entered
        if self._whole:
            if self._reader.done:
                raise StopAsyncIteration
            whole = self._reader.complete(await reply.body())
            self._reader.done = True
            return whole
        assert self._waiting is not None  # noqa: S101 - made when the answer turned out to be a stream
        while True:
            while self._waiting:
                # One at a time: an event that reports a failure must not take those before it along.
                event = self._waiting.popleft()
                chunk = self._reader.event(event.data, event.event)
                if chunk is not None:
                    self._said = True
                    self._empty_since = None
                    return chunk
            if self._reader.over:
                if not reply.over:
                    await _let_end(reply)
                raise StopAsyncIteration
            part = await reply.read()
            self._waiting.extend(self._events.feed(part) if part else self._events.flush())
            if not self._waiting:
                if not part:
                    raise self._ended()
                self._check_silence()

    def _ended(self) -> Exception:
        if self._reader.done:
            return StopAsyncIteration()
        name = self._source.provider
        return UpstreamUnavailable(f"{name} ended the stream before the answer was whole.", provider=name)

    def _check_silence(self) -> None:
        """Comments keep a connection alive and say nothing: they don't count as a first token, or as the next one."""
        now = asyncio.get_running_loop().time()
        if self._empty_since is None:
            self._empty_since = now
            return
        timeouts, name = self._source.timeouts, self._source.provider
        patience, what = timeouts.between_bytes_seconds, "between_bytes_seconds"
        if not self._said:
            patience, what = timeouts.first_byte_seconds, "first_byte_seconds"
        if now - self._empty_since > patience:
            late = UpstreamTimeout(f"{name} sent nothing but comments for {patience:g} s ({what}).", provider=name)
            late.under_way = True
            raise late

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reply is not None:
            self._reply.close()


async def _let_end(reply: Reply) -> None:
    """The answer's last word is said; the response's own end mostly comes with it, and frees the socket for another.

    A server that keeps the response open instead must not hold up the answer.
    """
    with contextlib.suppress(TimeoutError, TransportError):
        async with asyncio.timeout(_LAST_BYTES_SECONDS):
            while await reply.read():
                pass


def _seconds(value: bytes | None) -> float | None:
    """`Retry-After` in seconds; its date form is rare among model vendors and not read."""
    try:
        seconds = float(value or b"nan")
    except ValueError:
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def unreachable(provider: str, error: TransportError) -> UpstreamError:
    """No answer at all, or not the whole of it."""
    kind = UpstreamTimeout if isinstance(error, ConnectTimeout | ReadTimeout) else UpstreamUnavailable
    told = kind(f"{provider}: {error}", provider=provider)
    told.under_way = not isinstance(error, ConnectFailed | ConnectTimeout)
    return told
