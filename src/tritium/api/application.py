"""The ASGI application: which path goes to whom, and the one place where a failure becomes an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from tritium import __version__
from tritium.api import records as record_pages
from tritium.api.chat import chat_completions
from tritium.api.errors import Dialect, render_error, retry_after
from tritium.api.exchange import ClientLeft, Receive, Scope, Send, header, send_json
from tritium.api.models import models
from tritium.api.records import Records
from tritium.config import Server
from tritium.errors import MethodNotAllowed, NotFound, PermissionDenied, TritiumError
from tritium.gateway import Gateway

log = logging.getLogger("tritium.api")

PREFIXES: tuple[tuple[str, Dialect], ...] = (("/api/v1", "openrouter"), ("/v1", "openai"))
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


class Application:
    """One gateway over HTTP. Two of them in one process share nothing."""

    def __init__(
        self, gateway: Gateway, records: Records, settings: Server, health: Callable[[], dict[str, Any]]
    ) -> None:
        self.gateway = gateway
        self.records = records
        self.settings = settings
        self.health = health
        self._under_way: set[asyncio.Task[Any]] = set()

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
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - we are a coroutine
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        dialect, path = _split(scope["path"])
        started = False

        async def watched(message: Any) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            self._refuse_strangers(scope)
            await self._route(dialect, path, scope, receive, watched)
        except ClientLeft:
            return
        except TritiumError as error:
            status, body = render_error(error, dialect)
            if not started:
                await send_json(send, status, body, retry_after(error))
        except Exception:
            log.exception("unexpected failure on %s %s", scope["method"], scope["path"])
            if not started:
                hidden = TritiumError("Something went wrong in the gateway; its log has the details.")
                await send_json(send, *render_error(hidden, dialect))

    async def _route(self, dialect: Dialect, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if path == "/chat/completions":
            _only(method, "POST", path)
            await chat_completions(self.gateway, self.settings, dialect, scope, receive, send)
            return
        _only(method, "GET", path)
        await send_json(send, 200, await self._read(path, scope))

    async def _read(self, path: str, scope: Scope) -> Any:
        query = scope["query_string"]
        if path == "/models":
            return models(self.gateway.catalog)
        if path == "/generation":
            return await record_pages.generation(self.records, query)
        if path == "/fusion/runs":
            return await record_pages.runs(self.records, query)
        if path.startswith("/fusion/runs/"):
            return await record_pages.run(self.records, unquote(path.removeprefix("/fusion/runs/")))
        if path in ("/health", "/healthz"):
            return {"status": "ok", "version": __version__, **self.health()}
        raise NotFound(
            f"There is nothing at {scope['path']!r}. This server has /chat/completions, /models, /generation, "
            "/fusion/runs and /health, under /v1 and /api/v1."
        )

    def _refuse_strangers(self, scope: Scope) -> None:
        """On loopback nobody needs a key, so a page in the user's browser must not be able to spend money here.

        A page of another origin gives itself away by `Origin`, and one that rebinds its own name to loopback by `Host`.
        """
        if self.settings.host not in _LOOPBACK:
            return
        for name in (b"origin", b"host"):
            given = header(scope, name)
            if given and _hostname(given) not in _LOOPBACK:
                what = name.decode().capitalize()
                raise PermissionDenied(f"{what} {given!r} is not this machine; the server listens on loopback only.")


def _hostname(value: str) -> str | None:
    try:
        return urlsplit(value if "//" in value else f"//{value}").hostname
    except ValueError:
        return None


def _split(path: str) -> tuple[Dialect, str]:
    for prefix, dialect in PREFIXES:
        if path.startswith(prefix + "/"):
            return dialect, path[len(prefix) :].rstrip("/") or "/"
    return "openai", path if path in ("/health", "/healthz") else "/?" + path


_GET_ONLY = ("/models", "/generation", "/fusion/runs", "/health", "/healthz")


def _only(method: str, wanted: str, path: str) -> None:
    known = wanted == "POST" or path in _GET_ONLY or path.startswith("/fusion/runs/")
    if method != wanted and known:
        raise MethodNotAllowed(f"{path} takes {wanted}, not {method}.")


async def _lifespan(receive: Receive, send: Send) -> None:
    """What is opened is opened by whoever made the application; nothing to do here."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
