"""The connections to one host: at most so many, lent in the order they were asked for, kept a while for the next.

Invariant: every connection, being made or made, is in `live` until it is gone; that is what the cap counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections import deque

from tritium.providers.connection import Connection
from tritium.providers.transport import ConnectFailed, ConnectionDropped, ConnectTimeout, Target


class Pool:
    def __init__(
        self,
        target: Target,
        loop: asyncio.AbstractEventLoop,
        *,
        tls: ssl.SSLContext | None,
        connections: int,
        idle: int,
    ) -> None:
        self.live: set[Connection] = set()
        self._target = target
        self._where = target.where
        self._loop = loop
        self._tls = tls
        self._connections = connections
        self._idle_limit = idle
        self._idle: deque[Connection] = deque()
        self._waiters: deque[asyncio.Future[Connection]] = deque()
        self._closed = False

    def idle_connection(self) -> Connection | None:
        """The one used last, as it is the likeliest to be still open."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        return None

    async def take(self, seconds: float, *, fresh: bool) -> Connection:
        """A connection, in turn; `fresh` if one that was used before will not do.

        Raises:
            ConnectTimeout: there was none within `seconds`.
            ConnectFailed: it could not be made.
        """
        problem = f"none of the {self._connections} connections to {self._where} became free"
        try:
            async with asyncio.timeout(seconds):
                connection = self.idle_connection() or await self._turn()
                problem = f"{self._where} did not accept a connection"
                if fresh and connection.transport is not None:
                    connection = self._replace(connection)
                if connection.transport is None:
                    await self._connect(connection)
                return connection
        except TimeoutError:
            raise ConnectTimeout(f"{problem} within {seconds:g} s") from None

    def released(self, connection: Connection) -> None:
        if self._closed:
            connection.abort()
        elif self._waiters and (waiter := self._next_waiter()) is not None:
            waiter.set_result(connection)
        else:
            if len(self._idle) >= self._idle_limit:
                self._idle.popleft().abort()
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        if connection not in self.live:
            return  # its place has been taken already
        self.live.discard(connection)
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)
        if (waiter := self._next_waiter()) is not None:
            waiter.set_result(self._new())

    def check(self, now: float, idle_seconds: float) -> None:
        """Enforce the time limits of every connection."""
        for connection in tuple(self.live):
            connection.check(now, idle_seconds)

    async def close(self) -> None:
        """Abort every exchange and close every socket."""
        self._closed = True
        while (waiter := self._next_waiter()) is not None:
            waiter.set_exception(self._closing())
        made = [connection for connection in self.live if connection.transport is not None]
        for connection in self.live:
            connection.abort(ConnectionDropped(f"the connection to {self._where} was closed: Tritium is shutting down"))
        for connection in made:
            await connection.wait_closed()

    def _new(self) -> Connection:
        connection = Connection(self, self._where, self._loop)
        self.live.add(connection)
        return connection

    def _replace(self, connection: Connection) -> Connection:
        """A new connection in the place of an old one, past whoever is waiting for a place."""
        self.live.discard(connection)
        connection.abort()
        return self._new()

    async def _turn(self) -> Connection:
        """A place under the cap: a connection that was given back, or a new one to connect."""
        if len(self.live) < self._connections:
            return self._new()
        waiter: asyncio.Future[Connection] = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with contextlib.suppress(ValueError):
                    self._waiters.remove(waiter)
            elif waiter.exception() is None:
                self._give_back(waiter.result())
            raise

    def _give_back(self, connection: Connection) -> None:
        if connection.transport is None:
            self.lost(connection)
        elif not connection.closed:
            self.released(connection)

    def _next_waiter(self) -> asyncio.Future[Connection] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    async def _connect(self, connection: Connection) -> None:
        target = self._target
        try:
            await self._loop.create_connection(lambda: connection, target.host, target.port, ssl=self._tls)
        except BaseException as error:
            connection.abort()
            self.lost(connection)
            if isinstance(error, OSError):
                raise ConnectFailed(f"could not connect to {self._where}: {_reason(error)}") from error
            raise
        if self._closed:
            connection.abort()
            raise self._closing()

    def _closing(self) -> ConnectFailed:
        return ConnectFailed(f"no connection to {self._where}: Tritium is shutting down")


def _reason(error: OSError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate was refused: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or error}"
        case socket.gaierror():
            return f"the name cannot be resolved ({error.strerror})"
        case OSError(errno=int(number)):
            return os.strerror(number)
        case _:
            return str(error)
