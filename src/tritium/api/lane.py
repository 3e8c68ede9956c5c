"""The fast lane: chat requests go from uvicorn's parser straight to the application, whole, without ASGI's messages.

Everything else takes uvicorn's ordinary way. The lane also carries what uvicorn lacks for all requests: a limit on the
size of a head and on the time that a request may take to arrive.

It leans on four attributes of uvicorn's request cycle (`response_complete`, `disconnected`, `keep_alive`,
`message_event`) and on `on_response_complete`; a test holds them to it.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tritium.api.application import Application

HOT = frozenset((b"/v1/chat/completions", b"/api/v1/chat/completions"))
HEAD_LIMIT_BYTES = 64 * 1024
ARRIVAL_SECONDS = 30.0
"""From a connection's start, or a request's first byte, until its head and body are in."""

_TOO_LARGE = "Request head over 64 KiB."


class _NeverSet:
    """Stands in for the event that uvicorn sets on disconnect; nobody here waits for it."""

    def set(self) -> None:
        pass


class LaneCycle:
    """One hot request: what the application sends goes to the transport; what uvicorn expects of a cycle."""

    __slots__ = (
        "_chunked",
        "_head",
        "_lane",
        "_sent",
        "body",
        "disconnected",
        "keep_alive",
        "message_event",
        "response_complete",
        "task",
    )

    def __init__(self, lane: Lane, *, keep_alive: bool) -> None:
        self.body: list[bytes] = []
        self.disconnected = self.response_complete = False
        self.keep_alive = keep_alive
        self.message_event = _NeverSet()
        self.task: asyncio.Task[None] | None = None
        self._lane = lane
        self._head = b""
        self._sent = self._chunked = False

    async def receive(self) -> dict[str, Any]:
        """The whole body; asked again, it waits for a hang-up that comes as a cancellation."""
        if self._sent:
            await asyncio.Event().wait()
        self._sent = True
        return {"type": "http.request", "body": b"".join(self.body), "more_body": False}

    async def send(self, message: Any) -> None:
        lane = self._lane
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self._begin(message["status"], message["headers"])
            return
        data, more = message.get("body", b""), message.get("more_body", False)
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            if not more:
                data += b"0\r\n\r\n"
        if data or self._head:
            lane.transport.write(self._head + data)
            self._head = b""
        if not more:
            self._finish()
        elif lane.flow.write_paused:
            await lane.flow.drain()

    def _begin(self, status: int, headers: Any) -> None:
        lines = [STATUS_LINE[status]]
        for name, value in (*self._lane.server_state.default_headers, *headers):
            lines += (name, b": ", value, b"\r\n")
        if not any(name == b"content-length" for name, _ in headers):
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        self._head = b"".join(lines)

    def _finish(self) -> None:
        self.response_complete = True
        if not self.keep_alive:
            self._lane.transport.close()
        self._lane.on_response_complete()


class Lane(HttpToolsProtocol):
    """uvicorn's protocol with the lane in it."""

    arriving_since: float | None = None
    """When the request (or, at first, the connection) that is not whole yet began; `time.monotonic()`."""
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.arriving_since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        if self.arriving_since is None:
            self.arriving_since = time.monotonic()
        super().data_received(data)
        if self._in_head and self.parser is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT_BYTES and not self.transport.is_closing():
                self._refuse_head()

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self.scope = None  # type: ignore[assignment]

    def on_headers_complete(self) -> None:
        self._in_head = False
        parser = self.parser
        free = self.cycle is None or self.cycle.response_complete
        if (
            free
            and self.url in HOT
            and isinstance(self.app, Application)
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and not self.expect_100_continue
            and not parser.should_upgrade()
        ):
            self.cycle = LaneCycle(self, keep_alive=parser.should_keep_alive())  # type: ignore[assignment]
            return
        seen = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = seen[0], seen[2]
        self.headers[:] = seen[1]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        cycle: Any = self.cycle
        if type(cycle) is not LaneCycle:
            super().on_body(body)
            return
        if cycle.task is None:
            cycle.body.append(body)
            if len(cycle.body) > 1 and sum(map(len, cycle.body)) > self._application.body_limit:
                self._start(cycle)  # the application says what is wrong with it
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        self.arriving_since = None
        cycle: Any = self.cycle
        if type(cycle) is not LaneCycle:
            super().on_message_complete()
        elif cycle.task is None:
            self._start(cycle)

    def connection_lost(self, exc: Exception | None) -> None:
        cycle: Any = self.cycle
        if type(cycle) is LaneCycle and cycle.task is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.task.cancel()
        super().connection_lost(exc)

    @property
    def _application(self) -> Application:
        app: Any = self.app  # uvicorn's own type; looked at in `on_headers_complete`
        assert isinstance(app, Application)  # noqa: S101
        return app

    def _start(self, cycle: LaneCycle) -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": self.url.decode("ascii"),
            "query_string": b"",
            "headers": self.headers,
        }
        cycle.task = self.loop.create_task(self._run(cycle, scope))
        self.tasks.add(cycle.task)
        cycle.task.add_done_callback(self.tasks.discard)

    async def _run(self, cycle: LaneCycle, scope: dict[str, Any]) -> None:
        try:
            await self._application.serve(scope, cycle.receive, cycle.send, watched=True)
        except asyncio.CancelledError:
            if not cycle.disconnected:
                raise
        if not cycle.response_complete and not cycle.disconnected:
            self.transport.close()

    def _refuse_head(self) -> None:
        body = _TOO_LARGE.encode()
        head = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\nconnection: close\r\n"
        self.transport.write(head + b"content-length: %d\r\n\r\n%b" % (len(body), body))
        self.transport.close()


async def cut_off_the_slow(connections: Any, arrival_seconds: float = ARRIVAL_SECONDS) -> None:
    """Close connections whose request doesn't arrive; one round a second for all of them, so requests pay nothing."""
    while True:
        await asyncio.sleep(min(1.0, arrival_seconds / 4))
        limit = time.monotonic() - arrival_seconds
        for lane in list(connections):
            if isinstance(lane, Lane) and lane.arriving_since is not None and lane.arriving_since < limit:
                lane.transport.abort()
