"""One request that was sent and what comes back for it: the parser's callbacks on one side, a `Reply` on the other.

Invariant: it touches its connection only while it is the exchange that the connection carries.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

from tritium.providers.inflate import ENCODINGS, Inflater
from tritium.providers.transport import (
    DEFAULT_BODY_LIMIT,
    BodyTooLarge,
    ConnectionDropped,
    ProtocolViolation,
    Timeouts,
    TransportError,
)

if TYPE_CHECKING:
    from tritium.providers.connection import Connection

FRAMING_LIMIT = 64 * 1024
"""Bytes of head, of chunk framing or of trailers in a row without any body."""

INFLATED_LIMIT = 64 * 2**20
"""Bytes a compressed body may become."""


class Exchange:
    """The `Reply` of our client. The `on_` methods are the parser's.

    `status` is 0 until the head is in; `complete` once the whole response is; `failure` if it never will be.
    `keep_alive` says whether the connection can carry another; `framing` counts bytes since the last of the body.
    """

    __slots__ = (
        "_bodiless",
        "_connection",
        "_headers",
        "_inflater",
        "_parts",
        "_received",
        "_taken",
        "_waiter",
        "complete",
        "failure",
        "framing",
        "keep_alive",
        "status",
        "timeouts",
    )

    def __init__(self, connection: Connection, timeouts: Timeouts, *, bodiless: bool) -> None:
        self.timeouts = timeouts
        self.complete = self.keep_alive = False
        self.failure: TransportError | None = None
        self.status = self.framing = self._received = self._taken = 0
        self._connection = connection
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._bodiless = bodiless
        self._inflater: Inflater | None = None
        self._waiter: asyncio.Future[None] | None = None

    # What the reader calls.

    @property
    def over(self) -> bool:
        return self.complete and self.failure is None and not self._parts

    def header(self, name: bytes) -> bytes | None:
        name = name.lower()
        if self._inflater is not None and name in (b"content-encoding", b"content-length"):
            return None  # they describe what was on the wire, not what `read` gives
        return self._wire_header(name)

    async def read(self) -> bytes:
        if self._inflater is None:
            return await self._read_wire()
        return await self._read_inflated(self._inflater)

    async def body(self, limit: int = DEFAULT_BODY_LIMIT) -> bytes:
        if self.complete and self._inflater is None and self.failure is None and self._received - self._taken <= limit:
            return self._take()
        if int(self.header(b"content-length") or 0) > limit:
            raise self._refuse(BodyTooLarge(f"{self._where} announced a body of more than {limit:,} bytes"))
        parts, size = [], 0
        while part := await self.read():
            parts.append(part)
            size += len(part)
            if size > limit:
                raise self._refuse(BodyTooLarge(f"{self._where} sent a body of more than {limit:,} bytes"))
        return b"".join(parts)

    def close(self) -> None:
        if not self.complete or self._parts:
            self._refuse(ConnectionDropped(f"the reply of {self._where} was closed before its body was read"))

    async def more(self) -> None:
        """Wait until something has come back, or fail if nothing will."""
        if self.failure is not None:
            raise self.failure
        if self._waiter is not None:
            raise RuntimeError(f"two tasks read the reply of {self._where} at once; let one of them read")
        self._waiter = self._connection.loop.create_future()
        try:
            await self._waiter
        except BaseException:
            self.close()  # the caller left: the provider must stop working, and billing, for it
            raise
        finally:
            self._waiter = None

    async def _read_wire(self) -> bytes:
        while not self._parts:
            if self.complete and self.failure is None:
                return b""
            await self.more()
        return self._take()

    async def _read_inflated(self, inflater: Inflater) -> bytes:
        try:
            while not (data := inflater.take()):
                raw = await self._read_wire()
                if raw:
                    inflater.feed(raw)
                elif inflater.ended:
                    return b""
                else:
                    raise self._refuse(ProtocolViolation(f"{self._where} sent a compressed body that is cut short"))
        except zlib.error as error:
            message = f"{self._where} sent a body that its content-encoding cannot undo: {error}"
            raise self._refuse(ProtocolViolation(message)) from None
        if inflater.total > INFLATED_LIMIT:
            message = f"{self._where} sent a compressed body that unfolds to more than {INFLATED_LIMIT:,} bytes"
            raise self._refuse(BodyTooLarge(message))
        return data

    def _take(self) -> bytes:
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        self._taken = self._received
        connection = self._connection
        if connection.paused and connection.exchange is self:
            connection.resume()
        return data

    def _refuse(self, error: TransportError) -> TransportError:
        """Fail from the reader's side: nothing that has arrived is wanted any more."""
        self._parts.clear()
        self.failure = self.failure or error
        if self._connection.exchange is self:
            self._connection.abort()
        self.wake()
        return error

    # What the connection calls.

    @property
    def queued(self) -> int:
        """Bytes of body that wait for their reader."""
        return self._received - self._taken

    @property
    def answered(self) -> bool:
        """Has a single byte come back?"""
        return self.framing > 0 or self._received > 0

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def fail(self, error: TransportError) -> None:
        """It will not complete; what has arrived can still be read."""
        if self.failure is None and not self.complete:
            self.failure = error
        self.wake()

    def spoil(self, error: Exception) -> None:
        """What came last is not HTTP; if the response was complete before, it stays good."""
        self.keep_alive = False
        self.fail(ProtocolViolation(f"{self._where} did not answer in HTTP/1.1: {error}"))

    def check_framing(self) -> None:
        if self.framing > FRAMING_LIMIT:
            part = "trailers or chunk framing" if self.status else "a response head"
            self.fail(ProtocolViolation(f"{self._where} sent more than {FRAMING_LIMIT:,} bytes of {part}"))

    def cut(self, *, clean: bool) -> None:
        """The connection has ended, cleanly or not."""
        if not self.answered:
            said = "closed the connection without answering"
        elif not self.status:
            said = "closed the connection in the middle of the response head"
        elif clean and not (self._wire_header(b"content-length") or self._wire_header(b"transfer-encoding")):
            self.complete = True  # a body without a length ends with its connection
            self.wake()
            return
        else:
            said = f"closed the connection in the middle of its answer, after {self._received:,} bytes of body"
        self.fail(ConnectionDropped(f"{self._where} {said}"))

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self.complete:
            self.keep_alive = False  # a second response, which nobody asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:
            return  # a trailer
        self._headers.append((name, value))
        size = len(name)
        if size == 16 or size == 17:  # noqa: PLR1714 - twice as fast, and this is once per header
            self._note_encoding(name.lower(), value.strip().lower())

    def on_headers_complete(self) -> None:
        parser = self._connection.parser
        if self.complete or parser is None:
            return
        status = parser.get_status_code()
        if status < 200:
            self._skip_interim(status)
            return
        if self.framing > FRAMING_LIMIT and sum(len(n) + len(v) for n, v in self._headers) > FRAMING_LIMIT:
            self.fail(ProtocolViolation(f"{self._where} sent more than {FRAMING_LIMIT:,} bytes of a response head"))
        if self.failure is None:
            self.status = status
            if self._bodiless or status == 204 or status == 304:  # noqa: PLR1714 - as above
                self._inflater = None
                self.complete = True
                self.keep_alive = parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        if self.complete:
            self.keep_alive = False
        elif self.status:
            self._parts.append(part)
            self._received += len(part)
            self.framing = 0

    def on_message_complete(self) -> None:
        parser = self._connection.parser
        if self.status and not self.complete and parser is not None:  # else it was an interim response
            self.complete = True
            self.keep_alive = parser.should_keep_alive()

    def _skip_interim(self, status: int) -> None:
        if status == 101:
            self.fail(ProtocolViolation(f"{self._where} switched to another protocol unasked"))
        self._headers.clear()
        self._inflater = None

    def _note_encoding(self, name: bytes, value: bytes) -> None:
        if name == b"transfer-encoding":
            if value != b"chunked":
                self.fail(ProtocolViolation(f"{self._where} used transfer-encoding {value!r}; only chunked is known"))
        elif name == b"content-encoding" and value not in (b"", b"identity"):
            if value in ENCODINGS and self._inflater is None:
                self._inflater = Inflater(value)
            elif not self._bodiless:
                self.fail(ProtocolViolation(f"{self._where} used content-encoding {value!r}; identity was asked for"))

    def _wire_header(self, name: bytes) -> bytes | None:
        for key, value in self._headers:
            if len(key) == len(name) and key.lower() == name:
                return value
        return None

    @property
    def _where(self) -> str:
        return self._connection.where
