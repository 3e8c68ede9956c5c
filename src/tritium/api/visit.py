"""One HTTP request on its way through the API: who asks for what, and how to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs

from tritium.accounts.accounts import Accounts
from tritium.accounts.admission import LOCAL, MANAGEMENT
from tritium.api.errors import Dialect
from tritium.api.exchange import JSON, Headers, Receive, Scope, Send, checked_body, encoded, read_body, send_json
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


class WholeRequest(Protocol):
    """A request that a server hands over with its body in, to be cancelled when its client leaves."""

    body: bytes

    def reply(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer; its length is not among the headers."""
        ...


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
    whole: WholeRequest | None = None
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

    @property
    def watched(self) -> bool:
        """Whoever serves this cancels it when the client leaves; otherwise the handler has to look out itself."""
        return self.whole is not None

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            PayloadTooLarge, InvalidRequest, ClientLeft: see `read_body`.
        """
        if self.whole is not None:
            return checked_body(self.whole.body, self.services.settings.max_body_bytes)
        return await read_body(self.scope, self.receive, self.services.settings.max_body_bytes)

    async def json(self, document: Any, status: int = 200, headers: Headers = ()) -> None:
        if self.whole is None:
            await send_json(self.send, status, document, headers)
        else:
            self.answered = True
            self.whole.reply(status, (JSON, *headers), encoded(document))


Handler = Callable[[Visit], Awaitable[None]]
