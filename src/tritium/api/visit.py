"""One HTTP request on its way through the API: who asks for what, and how to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tritium.accounts.accounts import Accounts
from tritium.accounts.admission import LOCAL, MANAGEMENT
from tritium.api.errors import Dialect
from tritium.api.exchange import Headers, Receive, Scope, Send, read_body, send_json
from tritium.api.kept_answers import AnswerStore
from tritium.api.ledger_view import Records
from tritium.config import Server
from tritium.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers work with; made once, in `app.py`."""

    gateway: Gateway
    records: Records
    accounts: Accounts
    settings: Server
    health: Callable[[], dict[str, Any]]
    answers: AnswerStore
    """For requests that ask to be answered from memory."""


@dataclass(slots=True)
class Visit:
    """A request. `path` is without the prefix, `arguments` what the route's pattern found in it."""

    scope: Scope
    receive: Receive
    deliver: Send
    """To the server, unnoticed; `send` is what handlers use."""
    services: Services
    dialect: Dialect
    path: str
    caller: str = LOCAL
    """A key's hash, `management`, or `local` where no key is asked for."""
    arguments: dict[str, str] = field(default_factory=dict)
    generation_id: str | None = None
    """Of the answer under way: its run can be found by it, also when it failed."""
    watched: bool = False
    """Whoever serves this cancels it when the client leaves; otherwise the handler has to look out itself."""
    answered: bool = False
    """The status is out: a failure can't have its own any more."""

    _headers: dict[bytes, bytes] | None = None

    async def send(self, message: Any) -> None:
        """Send an ASGI message, and remember that the answer has begun."""
        self.answered = True
        await self.deliver(message)

    def header(self, name: bytes) -> str | None:
        """The first value of a header, its name in lower case."""
        if self._headers is None:
            self._headers = dict(reversed(self.scope["headers"]))
        found = self._headers.get(name)
        return None if found is None else found.decode("latin-1")

    def query(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next(iter(self.queries().get(name, [])), None)

    def queries(self) -> dict[str, list[str]]:
        return parse_qs(self.scope["query_string"].decode("latin-1"))

    def sees(self, caller: str) -> bool:
        """Whether what was recorded for that caller is this one's to see."""
        return self.caller in (LOCAL, MANAGEMENT, caller)

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            PayloadTooLarge, InvalidRequest, ClientLeft: see `read_body`.
        """
        return await read_body(self.scope, self.receive, self.services.settings.max_body_bytes)

    async def json(self, document: Any, status: int = 200, headers: Headers | None = None) -> None:
        await send_json(self.send, status, document, headers)


Handler = Callable[[Visit], Awaitable[None]]
