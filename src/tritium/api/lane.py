"""The fast lane: what asks a model goes from uvicorn's parser straight to the application, whole, without messages.

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
from tritium.api.exchange import Headers

HOT = frozenset(
    prefix + path for prefix in (b"/v1", b"/api/v1") for path in (b"/chat/completions", b"/messages", b"/responses")
)
HEAD_LIMIT_BYTES = 64 * 1024
TOGETHER_BYTES = 64 * 1024
"""Of an answer's pieces, as many as are written together at most."""
ARRIVAL_SECONDS = 30.0
"""From a connection's start, or a request's first byte, until its head and body are in."""

_TOO_LARGE = "Request head over 64 KiB."


class _NeverSet:
    """Stands in for the event that uvicorn sets on disconnect; nobody here waits for it."""

    def set(self) -> None:
        pass


_NEVER_SET = _NeverSet()


class LaneCycle:
    """One hot request, whole: what the application sends goes to the transport; what uvicorn expects of a cycle."""

    __slots__ = (
        "_chunked",
        "_flushing",
        "_head",
        "_lane",
        "_pieces",
        "_size",
        "body",
        "disconnected",
        "keep_alive",
        "message_event",
        "response_complete",
        "scope",
        "started",
    )

    def __init__(self, lane: Lane, *, keep_alive: bool) -> None:
        self.body = b""
        self.disconnected = self.response_complete = self.started = False
        self.keep_alive = keep_alive
        self.message_event = _NEVER_SET
        self.scope: dict[str, Any] = {}
        self._lane = lane
        self._head = b""
        self._chunked = self._flushing = False
        self._pieces: list[bytes] = []
        self._size = 0

    async def receive(self) -> dict[str, Any]:
        """Whoever asks for more than the body, which it was given, waits for a hang-up that comes as a cancellation."""
        await asyncio.Event().wait()
        raise AssertionError

    def reply(self, status: int, headers: Headers, body: bytes) -> None:
        """The whole answer at once; `headers` without its length."""
        if self.disconnected:
            return
        self._begin(status, (*headers, (b"content-length", b"%d" % len(body))))
        self._lane.transport.write(self._head + body)
        self._finish()

    async def send(self, message: Any) -> None:
        lane = self._lane
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self._begin(message["status"], message["headers"])
            return
        data, more = message.get("body", b""), message.get("more_body", False)
        self._pieces.append(data)
        self._size += len(data)
        if not more:
            self._flush(last=True)
            self._finish()
        elif self._size > TOGETHER_BYTES or lane.flow.write_paused:
            self._flush()
            if lane.flow.write_paused:
                await lane.flow.drain()
        elif not self._flushing:
            self._flushing = True
            lane.loop.call_soon(self._flush_soon)

    def _flush_soon(self) -> None:
        self._flushing = False
        if not self.disconnected and not self.response_complete:
            self._flush()

    def _flush(self, *, last: bool = False) -> None:
        """Write what has gathered: what came in one turn of the loop goes out in one system call, and one chunk."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            if last:
                data += b"0\r\n\r\n"
        if data or self._head:
            self._lane.transport.write(self._head + data)
            self._head = b""

    def _begin(self, status: int, headers: Headers) -> None:
        lines = [STATUS_LINE[status]]
        has_length = False
        for name, value in (*self._lane.server_state.default_headers, *headers):
            lines += (name, b": ", value, b"\r\n")
            has_length = has_length or name == b"content-length"
        if not has_length:
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
    idle_since: float | None = None
    """When its last hot answer was given, if nothing has come since; `time.monotonic()`."""
    _unread_bytes = 0
    """Of head, chunk framing or trailers, since the last of the body."""
    _in_message = True
    _parts: list[bytes] | None = None
    """Of a body that comes in several."""
    _parts_bytes = 0
    _answering: LaneCycle | None = None
    """The last hot request that was begun; `cycle` is another's as soon as one more has come in behind it."""
    _worker: asyncio.Task[None] | None = None
    """Answers this connection's hot requests one after the other: a task for each would cost more than its handler."""
    _next: asyncio.Future[LaneCycle] | None = None
    """What the worker waits for when it has nothing to do."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.arriving_since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        self.idle_since = None
        if self.arriving_since is None:
            self.arriving_since = time.monotonic()
        self._unread_bytes += len(data)
        super().data_received(data)
        if (
            self._unread_bytes > HEAD_LIMIT_BYTES
            and self._in_message
            and self.parser is not None
            and not self.transport.is_closing()
        ):
            self._refuse_head()

    def on_message_begin(self) -> None:
        self._in_message = True
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self.scope = None  # type: ignore[assignment]

    def on_headers_complete(self) -> None:
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
            self._parts = None
            return
        seen = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = seen[0], seen[2]
        self.headers[:] = seen[1]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unread_bytes = 0
        cycle: Any = self.cycle
        if type(cycle) is not LaneCycle:
            super().on_body(body)
        elif not cycle.started:
            if not cycle.body:
                cycle.body = body
                return
            if self._parts is None:
                self._parts, self._parts_bytes = [cycle.body], len(cycle.body)
            self._parts.append(body)
            self._parts_bytes += len(body)
            if self._parts_bytes > self._application.body_limit:
                self._start(cycle)  # the application says what is wrong with it
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        self.arriving_since = None
        self._in_message, self._unread_bytes = False, 0
        cycle: Any = self.cycle
        if type(cycle) is not LaneCycle:
            super().on_message_complete()
        elif not cycle.started:
            self._start(cycle)

    def on_response_complete(self) -> None:
        cycle: Any = self.cycle
        if type(cycle) is not LaneCycle or self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        # As uvicorn does, without a timer for each request: who cuts off the slow looks after the idle, too.
        self.server_state.total_requests += 1
        self.idle_since = time.monotonic()
        self.flow.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        cycle = self._answering
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            if self._worker is not None:
                self._worker.cancel()
        if self._next is not None:
            self._next.cancel()  # nothing follows: the worker ends when it has done with what it has
        super().connection_lost(exc)

    @property
    def _application(self) -> Application:
        app: Any = self.app  # uvicorn's own type; looked at in `on_headers_complete`
        assert isinstance(app, Application)  # noqa: S101
        return app

    def _start(self, cycle: LaneCycle) -> None:
        cycle.started = True
        self._answering = cycle
        if self._parts is not None:
            cycle.body, self._parts = b"".join(self._parts), None
        cycle.scope = {
            "type": "http",
            "method": "POST",
            "path": self.url.decode("ascii"),
            "query_string": b"",
            "headers": self.headers,
        }
        if self._worker is None or self._next is None:
            self._worker = self.loop.create_task(self._work(cycle))
        else:
            self._next.set_result(cycle)
        self.tasks.add(self._worker)  # uvicorn waits for these before it ends

    async def _work(self, cycle: LaneCycle) -> None:
        application, worker = self._application, self._worker
        assert worker is not None  # noqa: S101 - whoever started it has kept it
        try:
            while not self.transport.is_closing():
                self._next = following = self.loop.create_future()
                await application.serve(cycle.scope, cycle.receive, cycle.send, cycle)
                if not cycle.response_complete:
                    self.transport.close()
                if not following.done():
                    self.tasks.discard(worker)
                cycle = await following
        except asyncio.CancelledError:
            if not cycle.disconnected and not self.transport.is_closing():
                raise
        finally:
            self._worker = self._next = None
            self.tasks.discard(worker)

    def _refuse_head(self) -> None:
        if self._answering is not None and not self._answering.response_complete:
            self.transport.abort()  # an answer is under way, and another in the middle of it says nothing
            return
        body = _TOO_LARGE.encode()
        head = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\nconnection: close\r\n"
        self.transport.write(head + b"content-length: %d\r\n\r\n%b" % (len(body), body))
        self.transport.close()


async def cut_off_the_slow(connections: Any, arrival_seconds: float = ARRIVAL_SECONDS) -> None:
    """Close connections that stay idle, or whose request doesn't arrive; in rounds, so that requests pay nothing."""
    while True:
        await asyncio.sleep(min(1.0, arrival_seconds / 4))
        now = time.monotonic()
        for lane in list(connections):
            if not isinstance(lane, Lane):
                continue
            if lane.arriving_since is not None and lane.arriving_since < now - arrival_seconds:
                lane.transport.abort()
            elif lane.idle_since is not None and lane.idle_since < now - lane.timeout_keep_alive:
                lane.transport.close()
