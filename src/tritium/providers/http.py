"""Requests to providers over our own HTTP/1.1 client: pooled connections, one small retry, and limits on everything.

It does what a model gateway needs and no more: no HTTP/2, no redirects, no proxies, no cookies. Those are another
`Transport`. A call costs about 15 microseconds of CPU, because it sets no timer, parses no URL and builds no head
that was built before; `benchmarks/upstream_http.py` measures it.

Invariant: a request is sent again only if it went out on a reused socket that died before a single byte came back.
"""

from __future__ import annotations

import asyncio
import functools
import re
import ssl
from pathlib import Path

from tritium.providers.exchange import Exchange
from tritium.providers.pool import Pool
from tritium.providers.transport import (
    BodyTooLarge,
    ConnectFailed,
    ConnectionDropped,
    ConnectTimeout,
    Headers,
    ProtocolViolation,
    ReadTimeout,
    Reply,
    Target,
    Timeouts,
    Transport,
    TransportError,
)

__all__ = [
    "BodyTooLarge",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionDropped",
    "Headers",
    "HttpTransport",
    "ProtocolViolation",
    "ReadTimeout",
    "Reply",
    "Target",
    "Timeouts",
    "Transport",
    "TransportError",
]

TICK_SECONDS = 0.25
"""How exactly the read timeouts are kept: one timer looks at every connection, so that a request sets none."""

METHODS = {name: name.encode() for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}

OURS = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"accept-encoding", b"upgrade"})
"""Headers the client writes itself; a second one would leave it to the server which to believe."""

HEADS_KEPT = 1000
"""Request heads that are remembered: callers send the same few again and again."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN = frozenset(b"\r\n\0")


class HttpTransport:
    """A `Transport` over HTTP/1.1, for one event loop: the one it is first used on.

    `connections_per_host` is a cap: who comes next waits its turn, for `Timeouts.connect_seconds` at most.
    `idle_per_host` connections are kept, `idle_seconds` long. `extra_ca` is a PEM file of certificates to trust
    besides the system's.
    """

    def __init__(
        self,
        *,
        connections_per_host: int = 5000,
        idle_per_host: int = 256,
        idle_seconds: float = 30,
        extra_ca: Path | None = None,
    ) -> None:
        self._connections_per_host = connections_per_host
        self._idle_per_host = idle_per_host
        self._idle_seconds = idle_seconds
        self._extra_ca = extra_ca
        self._pools: dict[str, Pool] = {}
        self._heads: dict[tuple[str, bytes, Headers], bytes] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reaper: asyncio.TimerHandle | None = None
        self._closed = False

    async def request(
        self, method: str, url: str | Target, headers: Headers, body: bytes, timeouts: Timeouts
    ) -> Exchange:
        """See `Transport.request`.

        Raises:
            TransportError: no response head came; the class says why.
            ValueError: the URL, the method or a header cannot be sent.
            RuntimeError: the transport is closed, or belongs to another event loop.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._bind(loop)
        target = url if isinstance(url, Target) else Target.parse(url)
        head = self._heads.get((method, target.head, tuple(headers))) or self._remember_head(method, target, headers)
        if body or method in ("POST", "PUT", "PATCH"):
            head = b"%bcontent-length: %d\r\n\r\n" % (head, len(body))
        else:
            head += b"\r\n"
        retried = False
        while True:
            pool = self._pools.get(target.origin) or self._open_pool(target, loop)
            connection = None if retried else pool.idle_connection()
            if connection is None:
                connection = await pool.take(timeouts.connect_seconds, fresh=retried)
                self._start_reaper(loop)
            exchange = connection.send(head, body, bodiless=method == "HEAD", timeouts=timeouts)
            try:
                while not exchange.status:
                    await exchange.more()
            except ConnectionDropped:
                if retried or exchange.answered or not connection.reused or self._closed:
                    raise
                retried = True
            else:
                return exchange

    async def close(self) -> None:
        """See `Transport.close`. Returns once the sockets are closed."""
        if self._loop not in (None, asyncio.get_running_loop()):
            self._bind(asyncio.get_running_loop())
        self._closed = True
        self._loop = None
        if self._reaper is not None:
            self._reaper.cancel()
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.close()

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._closed:
            raise RuntimeError("this HttpTransport is closed; make a new one")
        if self._loop is not None:
            raise RuntimeError("this HttpTransport belongs to the event loop it was first used on; make one per loop")
        self._loop = loop

    def _open_pool(self, target: Target, loop: asyncio.AbstractEventLoop) -> Pool:
        pool = self._pools[target.origin] = Pool(
            target,
            loop,
            tls=self._tls if target.scheme == "https" else None,
            connections=self._connections_per_host,
            idle=self._idle_per_host,
        )
        return pool

    def _remember_head(self, method: str, target: Target, headers: Headers) -> bytes:
        if len(self._heads) >= HEADS_KEPT:
            self._heads.clear()
        head = self._heads[method, target.head, tuple(headers)] = _head(method, target, headers)
        return head

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._extra_ca is not None:
            context.load_verify_locations(cafile=self._extra_ca)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _start_reaper(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._reaper is None and not self._closed:
            self._reaper = loop.call_later(TICK_SECONDS, self._reap, loop)

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for pool in self._pools.values():
            pool.check(now, self._idle_seconds)
        self._pools = {origin: pool for origin, pool in self._pools.items() if pool.live}
        self._reaper = None
        if self._pools:
            self._start_reaper(loop)


def _head(method: str, target: Target, headers: Headers) -> bytes:
    """The request head up to the headers that say how long its body is."""
    if method not in METHODS:
        raise ValueError(f"{method!r} is not a method this client sends; take one of {', '.join(METHODS)}")
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a header's name: letters, digits and !#$%&'*+-.^_`|~ only")
        if name.lower() in OURS:
            raise ValueError(f"the header {name.decode()!r} is written by the HTTP client; leave it out")
        if not _FORBIDDEN.isdisjoint(value):  # the value itself may be a secret: it is not shown
            raise ValueError(f"the value of the header {name.decode()!r} holds a line break or a NUL; leave it out")
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return METHODS[method] + target.head + lines
