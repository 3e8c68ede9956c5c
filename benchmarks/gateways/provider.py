"""A provider that answers at once, by a script for each model: the upstream of every gateway under test.

    python -m gateways.provider     prints its port, and ends when its standard input does

One thread over epoll and as little parsing as will do, so that one core has room for it and the load. Every chunk is
written by itself, as providers do, and says when (`@nanoseconds@`, the system's monotonic clock) if it is a paced one.
"""

from __future__ import annotations

import heapq
import itertools
import json
import re
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

CHUNKS = 64

# Names that every gateway knows the prices of.
PLAIN, BURST, PACED, HELD, ENDLESS = "gpt-4o", "gpt-4o-mini", "gpt-4.1-mini", "gpt-4.1", "gpt-4.1-nano"


@dataclass(frozen=True)
class Script:
    """How a model's stream goes: `chunks` None never ends; `held` says no more after its chunks, and stays open."""

    chunks: int | None = CHUNKS
    first_seconds: float = 0.0
    gap_seconds: float = 0.0
    held: bool = False


SCRIPTS = {
    BURST: Script(),
    PACED: Script(first_seconds=0.020, gap_seconds=0.005),
    HELD: Script(chunks=3, gap_seconds=0.1, held=True),
    ENDLESS: Script(chunks=None),
}

_USAGE = {"prompt_tokens": 20, "completion_tokens": CHUNKS, "total_tokens": 20 + CHUNKS}
_COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1790000000,
    "model": PLAIN,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "The far side is pulled least, and stays behind. Twice a day."},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": _USAGE,
}
_BODY = json.dumps(_COMPLETION).encode()
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENT = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"%b","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":"@%d@ "},"finish_reason":null}]}\n\n'
)
_LAST_EVENTS = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"%b","choices":'
    b'[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"%b","choices":[],'
    b'"usage":%b}\n\ndata: [DONE]\n\n'
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"]*/)?([^"/]*)"')
_TURN = 64
"""Chunks of an endless stream before the others have a turn."""


def main() -> None:
    server = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(server.getsockname()[1], flush=True)
    Provider(server).serve()


class Provider:
    def __init__(self, server: socket.socket, caller: Callable[[socket.socket], Caller] | None = None) -> None:
        """`caller` says how those who connect are answered."""
        server.setblocking(False)
        self._server = server
        self._caller = caller or Caller
        self._poller = select.epoll()
        self._poller.register(server.fileno(), select.EPOLLIN)
        self._poller.register(sys.stdin.fileno(), select.EPOLLIN)
        self._callers: dict[int, Caller] = {}
        self._due: list[tuple[float, int, Caller]] = []
        self._order = itertools.count()

    def serve(self) -> None:
        while True:
            for descriptor, events in self._ready():
                caller = self._callers.get(descriptor)
                if caller is not None:
                    self._turn(caller, events)
                elif descriptor == self._server.fileno():
                    self._accept()
                else:
                    return
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                self._turn(heapq.heappop(self._due)[2], 0)

    def _ready(self) -> list[tuple[int, int]]:
        if self._due:
            # select counts in microseconds, epoll in milliseconds.
            select.select([self._poller], [], [], max(0.0, self._due[0][0] - time.monotonic()))
            return self._poller.poll(0)
        return self._poller.poll()

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self._server.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._callers[connection.fileno()] = self._caller(connection)
                self._poller.register(connection.fileno(), select.EPOLLIN)
        except BlockingIOError:
            return

    def _turn(self, caller: Caller, events: int) -> None:
        if caller.gone:
            return
        try:
            wait_seconds = caller.read() if events & ~select.EPOLLOUT else caller.write()
        except ConnectionError:
            self._drop(caller)
            return
        if wait_seconds is not None:
            heapq.heappush(self._due, (time.monotonic() + wait_seconds, next(self._order), caller))
        if caller.full != caller.watched:
            caller.watched = caller.full
            watch = select.EPOLLIN | select.EPOLLOUT if caller.full else select.EPOLLIN
            self._poller.modify(caller.connection.fileno(), watch)

    def _drop(self, caller: Caller) -> None:
        caller.gone = True
        del self._callers[caller.connection.fileno()]
        caller.connection.close()


class Caller:
    """One connection. `read` and `write` go as far as the socket lets them; they return seconds to wait, if any."""

    __slots__ = ("_input", "_output", "_steps", "connection", "full", "gone", "watched")

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.gone = self.full = self.watched = False
        self._input = self._output = b""
        self._steps: Iterator[float] | None = None

    def read(self) -> float | None:
        piece = self.connection.recv(262_144)
        if not piece:
            raise ConnectionResetError
        data = self._input + piece if self._input else piece
        if not _whole(data):
            self._input = data
            return None
        self._input = b""
        self._steps = self.answered(data)
        return self.write() if self._steps is not None else None

    def answered(self, request: bytes) -> Iterator[float] | None:
        """Put the answer, at once or in steps; each says how many seconds pass before the next."""
        model = model_of(request)
        if model == PLAIN.encode():
            self.put(ANSWER)
            return None
        return self._stream(model, SCRIPTS[model.decode()])

    def write(self) -> float | None:
        if self._output:
            left, self._output, self.full = self._output, b"", False
            self.put(left)
        if self._steps is None or self.full:
            return None
        for wait_seconds in self._steps:
            if wait_seconds or not self.full:
                return wait_seconds
            return None
        self._steps = None
        return None

    def _stream(self, model: bytes, script: Script) -> Iterator[float]:
        if script.first_seconds:
            yield script.first_seconds
        self.put(STREAM_HEAD)
        same = chunked(_EVENT % (model, time.monotonic_ns()))
        sent = 0
        while script.chunks is None or sent < script.chunks:
            self.put(chunked(_EVENT % (model, time.monotonic_ns())) if script.gap_seconds else same)
            sent += 1
            if script.gap_seconds:
                yield script.gap_seconds
            elif self.full or (script.chunks is None and sent % _TURN == 0):
                yield 0.0
        if not script.held:
            self.put(chunked(_LAST_EVENTS % (model, model, json.dumps(_USAGE).encode())) + b"0\r\n\r\n")

    def put(self, data: bytes) -> None:
        if not self.full:
            try:
                sent = self.connection.send(data)
            except BlockingIOError:
                sent = 0
            data = data[sent:]
        if data:
            self._output += data
            self.full = True


def _whole(data: bytes) -> bool:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = _LENGTH.search(data, 0, end + 2)
    if length is None:  # in chunks, as some clients send
        return data.endswith(b"\r\n0\r\n\r\n")
    return len(data) >= end + 4 + int(length[1])


def model_of(request: bytes) -> bytes:
    """The model's own name; found by its key first, which is faster in long prompts."""
    found = _MODEL.match(request, request.find(b'"model"'))
    if found is None:
        raise ConnectionResetError
    return found[1]


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


if __name__ == "__main__":
    main()
