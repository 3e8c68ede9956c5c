"""One HTTP exchange in ASGI terms: a body read within its limit, a JSON answer, the moment the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from tritium.errors import InvalidRequest, PayloadTooLarge

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")

_encode = msgspec.json.Encoder(decimal_format="number").encode


class ClientLeft(Exception):
    """The client hung up before its request was whole."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body.

    Raises:
        PayloadTooLarge: it is over `limit` bytes, or says it will be; nothing beyond is kept.
        InvalidRequest: there is none.
        ClientLeft: the client went away.
    """
    announced = next((value for key, value in scope["headers"] if key == b"content-length"), b"")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body"):
            break
    return checked_body(parts[0] if len(parts) == 1 else b"".join(parts), limit)


def checked_body(body: bytes, limit: int) -> bytes:
    """A body that is all there.

    Raises:
        PayloadTooLarge, InvalidRequest: see `read_body`.
    """
    if not body:
        raise InvalidRequest("The body is empty; send a JSON object.")
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than the {limit:,} bytes this server takes (server.max_body_bytes).")


async def send_json(send: Send, status: int, document: Any, headers: Headers = ()) -> None:
    """A JSON answer; bytes are sent as they are."""
    body = encoded(document)
    given = [JSON, (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body})


def encoded(document: Any) -> bytes:
    """As JSON, unless it is already."""
    return document if isinstance(document, bytes) else _encode(document)


@asynccontextmanager
async def cancelled_when_client_leaves(receive: Receive) -> Any:
    """Within, the current task is cancelled as soon as the client hangs up; uvicorn would let it run on.

    The cancellation ends here: afterwards nobody is left to be told.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - we are a coroutine
    left = False

    async def watch() -> None:
        nonlocal left
        while (await receive())["type"] != "http.disconnect":
            pass
        left = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not left:
            raise
        task.uncancel()
    finally:
        watcher.cancel()
