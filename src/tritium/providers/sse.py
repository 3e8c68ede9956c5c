"""Server-sent events out of a byte stream that arrives cut anywhere.

The format is WHATWG's: https://html.spec.whatwg.org/multipage/server-sent-events.html.
Invariant: where the stream was cut never changes the events that come out.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

EVENT_LIMIT = 8 * 2**20
"""Bytes between two blank lines."""

_BOM = b"\xef\xbb\xbf"


class BrokenStream(ValueError):
    """What came is not framed as the format says."""


class EventTooLarge(BrokenStream):
    """The stream goes on without ending an event; it is not the one that was asked for."""


class Event(Struct, frozen=True, gc=False):
    """What was dispatched; `event` is its type where the stream names one. `id` and `retry` are not kept."""

    data: bytes
    event: str | None = None


class EventDecoder:
    """Decodes one stream. `feed` gives the events that each part completes, `flush` the one it ended within."""

    __slots__ = ("_after_cr", "_held", "_started")

    content_type: ClassVar[bytes] = b"event-stream"
    """What names this framing in a response's content type."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._after_cr = self._started = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete with `data`.

        Raises:
            EventTooLarge: more than EVENT_LIMIT bytes came without a blank line.
        """
        held = self._held
        if self._after_cr or not self._started or b"\r" in data:
            data = self._normalized(data)
        elif not held and data[:6] == b"data: " and data.endswith(b"\n\n"):
            end = len(data) - 2
            if data.find(b"\n") == end <= EVENT_LIMIT:  # one event of one line, as a model sends them
                return [Event(data[6:end])]
        if held:
            if b"\n\n" not in data and not (held[-1] == 10 and data[:1] == b"\n"):
                held += data
                self._check(len(held))
                return []
            held += data
            data = bytes(held)
            held.clear()
        *blocks, rest = data.split(b"\n\n")
        if len(data) > EVENT_LIMIT:
            self._check(max(map(len, (*blocks, rest))))
        held += rest
        return _events(blocks)

    def flush(self) -> list[Event]:
        """The event that the end of the stream cut off, if there was one; browsers drop it, models end with it."""
        rest = bytes(self._held)
        self._held.clear()
        return _events([rest])

    def _normalized(self, data: bytes) -> bytes:
        """The same lines, all ended by LF, without a byte order mark at the start of the stream."""
        if not self._started and data:
            data = bytes(self._held) + data
            self._held.clear()
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._held += data
                return b""
            self._started = True
            data = data.removeprefix(_BOM)
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")  # the second half of a CRLF whose first half was taken as a line's end
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _check(self, size: int) -> None:
        if size > EVENT_LIMIT + 1:  # the one being the end of its last line
            raise EventTooLarge(f"the stream sent {size:,} bytes without ending an event; {EVENT_LIMIT:,} is the limit")


def _events(blocks: list[bytes]) -> list[Event]:
    events = []
    for block in blocks:
        if block[:6] == b"data: " and b"\n" not in block:
            events.append(Event(block[6:]))
        elif block and (event := _event(block)) is not None:
            events.append(event)
    return events


def _event(block: bytes) -> Event | None:
    """The event of the lines between two blank ones; None if they hold no data."""
    data: list[bytes] = []
    name = b""
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    if not data:
        return None
    return Event(b"\n".join(data), name.decode("utf-8", "replace") or None)
