"""The load: chat requests over keep-alive connections, in one thread, with as little parsing as will do.

Closed loop: each connection waits for its answer before it asks again. Open loop: requests come when they come (a
Poisson process), and latency counts from then, so that a gateway that stalls can't hide the queue it makes.
"""

from __future__ import annotations

import contextlib
import random
import re
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateways.provider import CHUNKS

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SENT = re.compile(rb"@(\d+)@")
_PIECE = 262_144
_PATIENCE_SECONDS = 30.0
"""For answers that are still out when the time is over."""


@dataclass(frozen=True)
class Address:
    """Where a gateway takes chat requests, and with what headers."""

    port: int
    path: str = "/v1/chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict)

    def request(self, body: bytes) -> bytes:
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\ncontent-type: application/json\r\n{headers}"
        )
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Answers:
    """What a load met: milliseconds for each answer, to its first content, and each chunk's on its way."""

    seconds: float = 0.0
    whole_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    transit_ms: list[float] = field(default_factory=list)
    faults: int = 0
    first_fault: str = ""

    @property
    def count(self) -> int:
        return len(self.whole_ms)


class Failed(Exception):
    """An answer that isn't the one that was scripted."""


class Connection:
    """Asks one question at a time. `read` says whether its answer is complete."""

    __slots__ = ("_chunked", "_end", "_scanned", "asked", "data", "due", "first", "request", "socket")

    def __init__(self, address: Address, request: bytes, *, receive_buffer: int | None = None) -> None:
        self.request = request
        self.asked = False
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", address.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    def ask(self, due: int) -> None:
        self.asked = True
        self.due, self.first = due, 0
        self.data, self._scanned, self._end, self._chunked = b"", 0, 0, False
        self._send()

    def read(self, transit_ms: list[float] | None = None) -> bool:
        """Raises Failed for any other status than 200, and for streams that aren't whole."""
        piece = self._receive()
        data = self.data = self.data + piece if self.data else piece
        if not self._end and not self._chunked and not self._read_head(data):
            return False
        if self._end:
            return len(data) >= self._end
        if not self.first and b'"@' in data:
            self.first = time.monotonic_ns()
        if transit_ms is not None:
            self._time_chunks(data, transit_ms)
        if not data.endswith(b"\r\n0\r\n\r\n"):
            return False
        if self.first:
            self._check_stream(data)
        return True

    def _send(self) -> None:
        unsent = self.request
        while unsent:
            try:
                unsent = unsent[self.socket.send(unsent) :]
            except BlockingIOError:  # seldom, as a system keeps more for a socket than the longest prompt here
                select.select([], [self.socket], [], 1.0)

    def _receive(self) -> bytes:
        try:
            piece = self.socket.recv(_PIECE)
        except BlockingIOError:
            return b""
        except ConnectionError as error:
            raise Failed(str(error)) from None
        if not piece:
            raise Failed("the connection was closed before the answer was complete")
        return piece

    def _read_head(self, data: bytes) -> bool:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return False
        if data[9:12] != b"200":
            raise Failed(data[9:300].decode(errors="replace"))
        length = _LENGTH.search(data, 0, end + 2)
        if length:
            self._end = end + 4 + int(length[1])
        else:
            self._chunked = True
        return True

    def _time_chunks(self, data: bytes, transit_ms: list[float]) -> None:
        now = time.monotonic_ns()
        for sent in _SENT.finditer(data, self._scanned):
            transit_ms.append((now - int(sent[1])) / 1e6)
            self._scanned = sent.end()

    def _check_stream(self, data: bytes) -> None:
        chunks = data.count(b'"@')
        if chunks != CHUNKS or b"[DONE]" not in data:
            raise Failed(f"a stream of {chunks} chunks in place of {CHUNKS}, ending {data[-120:]!r}")


class Load:
    """Requests with one body to one address, over connections that are kept until it is closed."""

    def __init__(self, address: Address, body: bytes, *, time_chunks: bool = False) -> None:
        self._address, self._request = address, address.request(body)
        self._time_chunks = time_chunks
        self._poller = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._idle: list[Connection] = []
        self._answers = Answers()

    def closed(self, connections: int, seconds: float) -> Answers:
        """Each connection asks again as soon as it is answered."""
        self._answers = answers = Answers()
        began = time.monotonic()
        over = began + seconds
        while len(self._connections) < connections:
            self._idle.append(self._dial())
        for connection in self._idle:
            connection.ask(time.monotonic_ns())
        self._idle = []
        while len(self._idle) < connections:
            for connection in self._ready(over + _PATIENCE_SECONDS - time.monotonic()):
                now = time.monotonic()
                if now < over:
                    connection.ask(time.monotonic_ns())
                else:
                    self._idle.append(connection)
            if time.monotonic() > over + _PATIENCE_SECONDS:
                self._note_fault(f"{connections - len(self._idle)} answers never came")
                break
        answers.seconds = time.monotonic() - began
        return answers

    def open(self, per_second: float, seconds: float) -> Answers:
        """Requests at random moments, so many on average; the same moments each time."""
        self._answers = answers = Answers()
        began = time.monotonic_ns()
        moments = deque(_poisson(per_second, seconds, began))
        out = 0
        while moments or out:
            now = time.monotonic_ns()
            if now > began + (seconds + _PATIENCE_SECONDS) * 1e9:
                self._note_fault(f"{out} answers never came")
                break
            while moments and moments[0] <= now:
                connection = self._idle.pop() if self._idle else self._dial()
                connection.ask(moments.popleft())
                out += 1
            wait_seconds = (moments[0] - now) / 1e9 if moments else 1.0
            # select counts in microseconds, epoll in milliseconds.
            if select.select([self._poller], [], [], max(0.0, wait_seconds))[0]:
                done = self._ready(0.0)
                out -= len(done)
                self._idle += done
        answers.seconds = (time.monotonic_ns() - began) / 1e9
        return answers

    def close(self) -> None:
        for connection in self._connections.values():
            connection.socket.close()
        self._poller.close()

    def _ready(self, wait_seconds: float) -> list[Connection]:
        """Connections whose answers are now complete, or will not be."""
        done = []
        transit = self._answers.transit_ms if self._time_chunks else None
        for descriptor, _ in self._poller.poll(max(0.0, wait_seconds)):
            connection = self._connections[descriptor]
            if not connection.asked:  # it was idle for so long that it is closed
                self._idle.remove(connection)
                self._hang_up(connection)
                continue
            try:
                if connection.read(transit):
                    connection.asked = False
                    self._note(connection)
                    done.append(connection)
            except Failed as fault:
                self._note_fault(str(fault))
                self._hang_up(connection)
                done.append(self._dial())
        return done

    def _note(self, connection: Connection) -> None:
        self._answers.whole_ms.append((time.monotonic_ns() - connection.due) / 1e6)
        if connection.first:
            self._answers.first_ms.append((connection.first - connection.due) / 1e6)

    def _note_fault(self, fault: str) -> None:
        self._answers.faults += 1
        self._answers.first_fault = self._answers.first_fault or fault

    def _dial(self) -> Connection:
        connection = Connection(self._address, self._request)
        self._connections[connection.socket.fileno()] = connection
        self._poller.register(connection.socket.fileno(), select.EPOLLIN)
        return connection

    def _hang_up(self, connection: Connection) -> None:
        del self._connections[connection.socket.fileno()]
        connection.socket.close()


@contextlib.contextmanager
def loading(address: Address, body: bytes, *, time_chunks: bool = False) -> Iterator[Load]:
    load = Load(address, body, time_chunks=time_chunks)
    try:
        yield load
    finally:
        load.close()


def ask_once(address: Address, body: bytes) -> None:
    """Raises Failed or OSError if it isn't answered."""
    connection = Connection(address, address.request(body))
    with connection.socket:
        connection.ask(time.monotonic_ns())
        while not connection.read():
            if not select.select([connection.socket], [], [], _PATIENCE_SECONDS)[0]:
                raise Failed(f"no answer in {_PATIENCE_SECONDS:.0f} s")


def _poisson(per_second: float, seconds: float, began: int) -> Iterator[int]:
    chance = random.Random(42)
    elapsed = chance.expovariate(per_second)
    while elapsed < seconds:
        yield began + int(elapsed * 1e9)
        elapsed += chance.expovariate(per_second)
