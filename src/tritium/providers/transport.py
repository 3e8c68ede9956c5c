"""What a provider needs from an HTTP client, and every way it can fail; no sockets here.

Invariant: when a `Reply` is closed, or the task that awaits it is cancelled, the provider stops working for us.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import quote, urlsplit

Headers = Sequence[tuple[bytes, bytes]]

DEFAULT_BODY_LIMIT = 64 * 2**20
"""Bytes of a body taken into memory at once; no chat answer comes near."""


class Transport(Protocol):
    """Sends requests. The seam for another client: one that knows proxies, one that plays recordings."""

    async def request(self, method: str, url: str | Target, headers: Headers, body: bytes, timeouts: Timeouts) -> Reply:
        """Send, and return once the head of the response is in; the caller closes what it gets.

        `url` is a `Target` on the hot path; a string is parsed anew on every call.

        Raises:
            TransportError: no response head came; the class says why.
            ValueError: the URL, the method or a header cannot be sent.
        """
        ...

    async def close(self) -> None:
        """Abort what is under way and close every socket; nothing can be sent afterwards."""
        ...


class Reply(Protocol):
    """A response whose body is read as it arrives, by one task at a time."""

    status: int

    @property
    def over(self) -> bool:
        """Whether all of it has come and been read, so that its connection is free again."""
        ...

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, its name in any case; None if it was not sent."""
        ...

    async def read(self) -> bytes:
        """The next part of the body, or b"" at its end. Who reads slowly slows the sender down.

        Raises:
            TransportError: the body cannot be read to its end.
        """
        ...

    async def body(self, limit: int = DEFAULT_BODY_LIMIT) -> bytes:
        """What is left of the body.

        Raises:
            BodyTooLarge: it is over `limit` bytes; the connection is closed then.
            TransportError: as `read`.
        """
        ...

    def close(self) -> None:
        """Done with it: hang up if the body is still under way. May be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for what; the clock stands still while it is the reader who is slow."""

    connect_seconds: float = 10
    """For a connection: waiting for a free one, the name look-up, TCP and TLS together."""
    first_byte_seconds: float = 300
    """From the request sent until the whole response head is in; a thinking model is silent for minutes."""
    between_bytes_seconds: float = 120
    """For the next bytes of the body."""
    total_seconds: float | None = None
    """From the request to its last byte; whoever reads the answer keeps it, not the transport."""


_UNSAFE = re.compile(r"[\x00-\x20\x7f]")
_PATH_SAFE = "/%:@!$&'()*+,;=~?-._[]"


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint's URL, taken apart once so that no request has to.

    `path` includes the query. `Target.parse(url)` makes one, `target.at("/chat/completions")` one below it.
    """

    scheme: str
    host: str
    port: int
    path: str = "/"
    host_header: str = field(init=False, repr=False, compare=False)
    where: str = field(init=False, repr=False, compare=False)
    """`host:port`, for messages."""
    origin: str = field(init=False, repr=False, compare=False)
    """What a connection can be shared by."""
    head: bytes = field(init=False, repr=False, compare=False)
    """The request head after the method, up to the first header that is the caller's."""

    def __post_init__(self) -> None:
        host = f"[{self.host}]" if ":" in self.host else self.host
        where = f"{host}:{self.port}"
        default = self.port == (443 if self.scheme == "https" else 80)
        host_header = host if default else where
        # Identity, because a compressing server holds a stream's events back to fill its window.
        head = f" {self.path} HTTP/1.1\r\nhost: {host_header}\r\naccept-encoding: identity\r\n"
        for name, value in (
            ("host_header", host_header),
            ("where", where),
            ("origin", f"{self.scheme}://{where}"),
            ("head", head.encode("ascii")),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def parse(cls, url: str) -> Target:
        """Take a URL apart.

        Raises:
            ValueError: it is not an absolute http or https URL, holds a password, or a character no URL may hold.
        """
        if _UNSAFE.search(url):
            raise ValueError(f"the URL {url!r} holds a space or a control character; write it percent-encoded")
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname or ""
            host = host if host.isascii() else host.encode("idna").decode("ascii")
        except ValueError as error:
            raise ValueError(f"the URL {url!r} cannot be read: {error}") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError(f"the URL {url!r} must start with http:// or https:// and name a host")
        if parts.username is not None:
            raise ValueError(f"the URL for {host} holds a user name or password; send them as a header instead")
        query = f"?{parts.query}" if parts.query else ""
        path = quote((parts.path or "/") + query, safe=_PATH_SAFE)
        return cls(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)

    def at(self, path: str) -> Target:
        """The endpoint at `path` below this one; a query on either is kept."""
        if _UNSAFE.search(path):
            raise ValueError(f"the path {path!r} holds a space or a control character; write it percent-encoded")
        base, _, base_query = self.path.partition("?")
        path, _, query = path.partition("?")
        query = "&".join(filter(None, (base_query, query)))
        joined = base.rstrip("/") + "/" + path.lstrip("/") + (f"?{query}" if query else "")
        return replace(self, path=quote(joined, safe=_PATH_SAFE))


class TransportError(Exception):
    """No answer, or not all of it. One line that names host, port and what happened."""


class ConnectFailed(TransportError):
    """There is no connection: refused, unknown name, certificate not trusted. Nothing was sent."""


class ConnectTimeout(TransportError):
    """No connection in time. Nothing was sent."""


class ReadTimeout(TransportError):
    """Sent, but the response or its next part did not come in time."""


class ConnectionDropped(TransportError):
    """The connection ended before the response did."""


class ProtocolViolation(TransportError):
    """What came back is not HTTP/1.1 as we can read it."""


class BodyTooLarge(TransportError):
    """The body is larger than the caller takes."""
