"""The ASGI application: the one place where a failure becomes an answer."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import urlsplit

from tritium.api.errors import Dialect, render_error, retry_after
from tritium.api.exchange import ClientLeft, Receive, Scope, Send
from tritium.api.routes import ROUTES, Router
from tritium.api.visit import Services, Visit, WholeRequest
from tritium.errors import PermissionDenied, TritiumError

log = logging.getLogger("tritium.api")

PREFIXES: tuple[tuple[str, Dialect], ...] = (("/api/v1", "openrouter"), ("/v1", "openai"))
_UNPREFIXED = ("/health", "/openapi.json")
_OPEN = frozenset(("/health", "/openapi.json", "/auth/keys"))
"""Where nobody has a key: a probe, a program that reads what there is, and an app that comes for a key."""

_ANTHROPIC = "/messages"
"""Where Anthropic's clients go, under whichever prefix."""

_MOST_FAMILIAR = 64
_TELL_TALE = (b"origin", b"host")
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


class Application:
    """One gateway over HTTP. Two of them in one process share nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._router = Router(ROUTES)
        self._places = {prefix + path: split_path(prefix + path) for prefix, _ in PREFIXES for path in ROUTES}
        self._under_way: set[asyncio.Task[Any]] = set()
        self._familiar: set[str] = set()
        """Hosts and origins that were found to be this machine."""

    async def drain(self) -> None:
        """Cut short what the server left running, and wait until each has been settled."""
        while self._under_way:
            for task in self._under_way:
                task.cancel()
            await asyncio.wait(self._under_way)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        await self.serve(scope, receive, send)

    @property
    def body_limit(self) -> int:
        return self._services.settings.max_body_bytes

    async def serve(self, scope: Scope, receive: Receive, send: Send, whole: WholeRequest | None = None) -> None:
        """Answer one HTTP request."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - we are a coroutine
        self._under_way.add(task)
        dialect, path = self._places.get(scope["path"]) or split_path(scope["path"])
        accounts = self._services.accounts
        visit = Visit(scope, receive, send, self._services, dialect, path, whole=whole)
        try:
            self._refuse_strangers(visit)
            if path not in _OPEN:
                if not accounts.keyring.fresh:
                    await accounts.keyring.refresh()
                visit.caller = accounts.identified(_secret(visit))
            handler, visit.arguments = self._router.find(scope["method"], path)
            await handler(visit)
        except ClientLeft:
            return
        except TritiumError as error:
            await self._refuse(visit, error)
        except Exception:
            log.exception("unexpected failure on %s %s", scope["method"], scope["path"])
            await self._refuse(visit, TritiumError("Something went wrong in the gateway; its log has the details."))
        finally:
            self._under_way.discard(task)

    async def _refuse(self, visit: Visit, error: TritiumError) -> None:
        if not visit.answered:
            status, body = render_error(error, visit.dialect)
            known = [] if visit.generation_id is None else [(b"x-generation-id", visit.generation_id.encode())]
            await visit.json(body, status, [*retry_after(error), *known])

    def _refuse_strangers(self, visit: Visit) -> None:
        """Where nobody needs a key, a page in the user's browser must not be able to spend money here.

        A page of another origin gives itself away by `Origin`, and one that rebinds its own name to loopback by `Host`.
        """
        if self._services.settings.host not in _LOOPBACK or self._services.accounts.required:
            return
        for name in _TELL_TALE:
            given = visit.header(name)
            if not given or given in self._familiar:
                continue
            if _hostname(given) not in _LOOPBACK:
                what = name.decode().capitalize()
                raise PermissionDenied(f"{what} {given!r} is not this machine; the server listens on loopback only.")
            if len(self._familiar) < _MOST_FAMILIAR:  # ports differ, so there could be many
                self._familiar.add(given)


def _secret(visit: Visit) -> str | None:
    """The key that came along, as OpenAI's clients send it or as Anthropic's do."""
    scheme, _, secret = (visit.header(b"authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    return visit.header(b"x-api-key")


def _hostname(value: str) -> str | None:
    try:
        return urlsplit(value if "//" in value else f"//{value}").hostname
    except ValueError:
        return None


def split_path(path: str) -> tuple[Dialect, str]:
    """In which dialect a path's failures are told, and the path without its prefix."""
    for prefix, dialect in PREFIXES:
        if path.startswith(prefix + "/"):
            rest = path[len(prefix) :].rstrip("/") or "/"
            return "anthropic" if rest.startswith(_ANTHROPIC) else dialect, rest
    return "openai", path if path in _UNPREFIXED else f"(no /v1 or /api/v1){path}"


async def _lifespan(receive: Receive, send: Send) -> None:
    """What is opened is opened by whoever made the application; nothing to do here."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
