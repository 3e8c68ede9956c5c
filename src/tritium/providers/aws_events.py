"""Amazon's event stream out of bytes that arrive cut anywhere: framed messages with checksums, headers and a payload.

Invariant: where the stream was cut never changes the events that come out, nor whether it is found to be broken.
Format: `application/vnd.amazon.eventstream`, as in AWS's "Event stream encoding" (Amazon Lex V2 developer guide) and
the Smithy event stream specification: total length, length of the headers, CRC of both, headers, payload, CRC of all.
"""

from __future__ import annotations

import struct
from struct import unpack_from
from typing import ClassVar
from zlib import crc32

import msgspec

from tritium.providers.sse import BrokenStream, Event

FAILED = "!"
"""Before the name of an event that reports a failure, as `!throttlingException`."""

_PRELUDE_BYTES = 12
_OVERHEAD_BYTES = 16
_MOST_HEADER_BYTES = 128 * 1024
_MOST_PAYLOAD_BYTES = 24 * 1024 * 1024
"""AWS's own limits."""

_STRING = 7
_FIXED_BYTES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Of header values by their type; the others (byte arrays and strings) name their length in two bytes."""
_COUNTED = (6, _STRING)

_encode = msgspec.json.Encoder().encode


class AwsEventDecoder:
    """Decodes one stream. An event's data is its payload, its name the `:event-type`."""

    __slots__ = ("_fault", "_held")

    content_type: ClassVar[bytes] = b"vnd.amazon.eventstream"

    def __init__(self) -> None:
        self._held = bytearray()
        self._fault: BrokenStream | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete with `data`.

        Raises:
            BrokenStream: a checksum or a length is wrong; what came before it has been given out.
        """
        if self._fault is not None:
            raise self._fault
        self._held += data
        events: list[Event] = []
        try:
            while (event := self._next()) is not None:
                events.append(event)
        except BrokenStream as fault:
            if not events:
                raise
            self._fault = fault
        return events

    def flush(self) -> list[Event]:
        """Nothing: half a message has no checksum to be believed by.

        Raises:
            BrokenStream: see `feed`.
        """
        if self._fault is not None:
            raise self._fault
        return []

    def _next(self) -> Event | None:
        held = self._held
        if len(held) < _PRELUDE_BYTES:
            return None
        total, headers_length, checksum = unpack_from(">III", held)
        if crc32(held[:8]) != checksum:
            raise BrokenStream("the stream's bytes are damaged: a message's lengths don't match their checksum")
        payload_length = total - headers_length - _OVERHEAD_BYTES
        if not (headers_length <= _MOST_HEADER_BYTES and 0 <= payload_length <= _MOST_PAYLOAD_BYTES):
            raise BrokenStream(f"the stream announced a message of {total:,} bytes, {headers_length:,} of them headers")
        if len(held) < total:
            return None
        message = bytes(held[:total])
        del held[:total]
        if crc32(message[:-4]) != unpack_from(">I", message, total - 4)[0]:
            raise BrokenStream("the stream's bytes are damaged: a message doesn't match its checksum")
        end = _PRELUDE_BYTES + headers_length
        return _event(_headers(message[_PRELUDE_BYTES:end]), message[end:-4])


def _headers(data: bytes) -> dict[str, str]:
    """Those whose value is a string; the others say nothing that is read here."""
    found: dict[str, str] = {}
    place = 0
    try:
        while place < len(data):
            name_end = place + 1 + data[place]
            name, kind = data[place + 1 : name_end], data[name_end]
            start, length = name_end + 1, _FIXED_BYTES.get(kind, 0)
            if kind in _COUNTED:
                start, length = start + 2, unpack_from(">H", data, start)[0]
            elif kind not in _FIXED_BYTES:
                raise BrokenStream(f"the stream has a header of the unknown type {kind}")
            place = start + length
            if kind == _STRING:
                found[name.decode()] = data[start:place].decode()
    except (IndexError, ValueError, struct.error) as fault:
        raise fault if isinstance(fault, BrokenStream) else BrokenStream("the stream has a broken header") from None
    if place != len(data):
        raise BrokenStream("the stream has a broken header")
    return found


def _event(headers: dict[str, str], payload: bytes) -> Event:
    kind = headers.get(":message-type", "event")
    if kind == "exception":
        return Event(payload, FAILED + headers.get(":exception-type", ""))
    if kind == "error":  # has no payload: its headers say it all
        message = headers.get(":error-message") or headers.get(":error-code") or "no reason given"
        return Event(_encode({"message": message}), FAILED + headers.get(":error-code", ""))
    return Event(payload, headers.get(":event-type"))
