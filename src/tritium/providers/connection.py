"""One socket that carries one HTTP/1.1 exchange at a time, with its time limits and its back-pressure.

Invariant: it is handed back for reuse only when the whole answer has been parsed and nothing was left over.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol, cast

import httptools

from tritium.providers.exchange import Exchange
from tritium.providers.transport import ConnectionDropped, ReadTimeout, Timeouts, TransportError

HIGH_WATER = 64 * 1024
"""Bytes of body waiting for their reader above which the socket is not read; one read may go past it."""

ONE_WRITE = 64 * 1024
"""A body up to this size is joined to its head: one system call is worth the copy."""


class Owner(Protocol):
    """Who lends the connection out."""

    def released(self, connection: Connection) -> None:
        """It is free for another exchange."""
        ...

    def lost(self, connection: Connection) -> None:
        """It is no more; called once for each that was made."""
        ...


class Connection(asyncio.Protocol):
    """The asyncio protocol at our end of the socket.

    `exchange` is the one being carried, `parser` its parser; both None while idle. `reused` says whether an exchange
    has been completed on it, `closed` that there will be no other.
    """

    def __init__(self, owner: Owner, where: str, loop: asyncio.AbstractEventLoop) -> None:
        self.where = where
        self.loop = loop
        self.transport: asyncio.Transport | None = None
        self.exchange: Exchange | None = None
        self.parser: httptools.HttpResponseParser | None = None
        self.closed = self.reused = self.paused = False
        self._owner = owner
        self._sent_at = self._last_byte_at = loop.time()
        self._ended_cleanly = self._gone = False
        self._going: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._last_byte_at = self.loop.time()
        if self.closed:  # whoever asked for it has left meanwhile
            self.transport.abort()

    def send(self, head: bytes, body: bytes, *, bodiless: bool, timeouts: Timeouts) -> Exchange:
        """Start an exchange; `bodiless` if the response has no body whatever its headers say, as for HEAD."""
        exchange = Exchange(self, timeouts, bodiless=bodiless)
        transport = self.transport
        if self.closed or transport is None:
            exchange.fail(ConnectionDropped(f"{self.where} closed the connection before anything was sent"))
            return exchange
        self.exchange = exchange
        self.parser = httptools.HttpResponseParser(exchange)
        self._sent_at = self._last_byte_at = self.loop.time()
        if len(body) <= ONE_WRITE:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        return exchange

    def data_received(self, data: bytes) -> None:
        exchange, parser = self.exchange, self.parser
        if exchange is None or parser is None:
            self.abort()  # nobody asked: a late 408, or the rest of an answer that claimed to be shorter
            return
        self._last_byte_at = self.loop.time()
        exchange.framing += len(data)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            exchange.spoil(error)
        exchange.check_framing()
        if exchange.complete:
            self._finish(exchange)
        elif exchange.failure is not None:
            self.abort()
        elif exchange.queued > HIGH_WATER and not self.paused and self.transport is not None:
            self.paused = True
            self.transport.pause_reading()
        exchange.wake()

    def eof_received(self) -> None:
        self._ended_cleanly = self.transport is not None and _ended_by_peer(self.transport)
        self.closed = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        exchange = self._let_go()
        if exchange is not None:
            exchange.cut(clean=self._ended_cleanly and exc is None)
        self._gone = True
        if self._going is not None and not self._going.done():
            self._going.set_result(None)
        self._owner.lost(self)

    def abort(self, error: TransportError | None = None) -> None:
        """Close the socket at once; the exchange it was carrying, if any, fails with `error`."""
        self.closed = True
        exchange = self._let_go()
        if exchange is not None and error is not None:
            exchange.fail(error)
        if self.transport is not None:
            self.transport.abort()

    async def wait_closed(self) -> None:
        """Return once an aborted connection is gone."""
        if not self._gone:
            self._going = self._going or self.loop.create_future()
            await self._going

    def resume(self) -> None:
        """Read on after a pause."""
        self.paused = False
        self._last_byte_at = self.loop.time()
        if self.transport is not None and not self.closed:
            self.transport.resume_reading()

    def check(self, now: float, idle_seconds: float) -> None:
        """Enforce the time limits; called every quarter of a second or so, so that a request needs no timer."""
        exchange = self.exchange
        if exchange is None:
            if self.transport is not None and now - self._last_byte_at > idle_seconds:
                self.abort()
            return
        limits = exchange.timeouts
        if not exchange.status:
            if now - self._sent_at > limits.first_byte_seconds:
                message = f"{self.where} sent no response within {limits.first_byte_seconds:g} s of the request"
                self.abort(ReadTimeout(message))
        elif self.paused:
            self._last_byte_at = now
        elif now - self._last_byte_at > limits.between_bytes_seconds:
            message = f"{self.where} fell silent for {limits.between_bytes_seconds:g} s in the middle of its answer"
            self.abort(ReadTimeout(message))

    def _finish(self, exchange: Exchange) -> None:
        self.exchange = self.parser = None
        transport = self.transport
        # A server that answers before it has read the request would read the rest of it as the next one.
        if transport is None or self.closed or not exchange.keep_alive or transport.get_write_buffer_size():
            self.abort()
            return
        self.reused = True
        self._owner.released(self)

    def _let_go(self) -> Exchange | None:
        exchange = self.exchange
        self.exchange = self.parser = None
        return exchange


def _ended_by_peer(transport: asyncio.Transport) -> bool:
    """Under TLS anyone on the way can end the TCP stream; asyncio reports that as it does the peer's own end."""
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    try:
        return tls is None or tls.read(1) == b""
    except ssl.SSLError:  # it wants to read on: the peer has not said that it is done
        return False
