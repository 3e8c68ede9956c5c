"""One HTTP request on its way through the API: who asks for what, and how to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tritium.api.errors import Dialect
from tritium.api.exchange import Headers, Receive, Scope, Send, header, read_body, send_json
from tritium.api.ledger_view import Records
from tritium.config import Server
from tritium.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers work with; made once, in `app.py`."""

    gateway: Gateway
    records: Records
    settings: Server
    health: Callable[[], dict[str, Any]]


@dataclass(slots=True)
class Visit:
    """A request. `path` is without the prefix, `arguments` what the route's pattern found in it."""

    scope: Scope
    receive: Receive
    send: Send
    services: Services
    dialect: Dialect
    path: str
    caller: str = "local"
    arguments: dict[str, str] = field(default_factory=dict)
    generation_id: str | None = None
    """Of the answer under way: its run can be found by it, also when it failed."""
    answered: bool = False
    """The status is out: a failure can't have its own any more."""

    def header(self, name: bytes) -> str | None:
        return header(self.scope, name)

    def query(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next(iter(parse_qs(self.scope["query_string"].decode("latin-1")).get(name, [])), None)

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            PayloadTooLarge, InvalidRequest, ClientLeft: see `read_body`.
        """
        return await read_body(self.scope, self.receive, self.services.settings.max_body_bytes)

    async def json(self, document: Any, status: int = 200, headers: Headers | None = None) -> None:
        await send_json(self.send, status, document, headers)


Handler = Callable[[Visit], Awaitable[None]]
