"""Amazon's event stream: AWS's own test messages, and any stream cut anywhere."""

from __future__ import annotations

import json
from itertools import pairwise
from struct import pack
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.providers.aws_events import AwsEventDecoder
from tritium.providers.sse import BrokenStream, Event

EMPTY = b"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2H\xeb}\x98\xc8\xff"
NO_HEADERS = b"\x00\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'}\xc3e96"
ONE_HEADER = (
    b"\x00\x00\x00=\x00\x00\x00 \x07\xfd\x83\x96\x0ccontent-type\x07\x00\x10"
    b"application/json{'foo':'bar'}\x8d\x9c\x08\xb1"
)
ALL_TYPES_OF_HEADERS = (
    b"\x00\x00\x00\x62\x00\x00\x00\x52\x03\xb5\xcb\x9c\x010\x00\x011\x01\x012\x02\x02\x013\x03\x00\x03"
    b"\x014\x04\x00\x00\x00\x04\x015\x05\x00\x00\x00\x00\x00\x00\x00\x05\x016\x06\x00\x05bytes\x017\x07\x00\x04utf8"
    b"\x018\x08\x00\x00\x00\x00\x00\x00\x00\x08\x019\x090123456789abcdef\x63\x35\x36\x71"
)
ERROR = (
    b"\x00\x00\x00\x52\x00\x00\x00\x42\xbf\x23\x63\x7e\x0d:message-type\x07\x00\x05error"
    b"\x0b:error-code\x07\x00\x04code\x0e:error-message\x07\x00\x07message\x6b\x6c\xea\x3d"
)


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """A message as AWS frames it."""
    written = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = pack(">II", 16 + len(written) + len(payload), len(written))
    start = prelude + pack(">I", crc32(prelude)) + written + payload
    return start + pack(">I", crc32(start))


def event(name: str, payload: bytes) -> bytes:
    return message({":event-type": name, ":content-type": "application/json", ":message-type": "event"}, payload)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (EMPTY, Event(b"")),
        (NO_HEADERS, Event(b"{'foo':'bar'}")),
        (ONE_HEADER, Event(b"{'foo':'bar'}")),
        (ALL_TYPES_OF_HEADERS, Event(b"")),
        (ERROR, Event(b'{"message":"message"}', "!code")),
        (event("metadata", b"{}"), Event(b"{}", "metadata")),
        (
            message({":message-type": "exception", ":exception-type": "throttlingException"}, b'{"message":"slow"}'),
            Event(b'{"message":"slow"}', "!throttlingException"),
        ),
    ],
)
def test_a_message_is_an_event_with_its_name_and_payload(data: bytes, expected: Event) -> None:
    assert AwsEventDecoder().feed(data) == [expected]


@given(
    payloads=st.lists(st.binary(max_size=60), min_size=1, max_size=5),
    cuts=st.lists(st.integers(min_value=0, max_value=600), max_size=8),
)
def test_where_a_stream_is_cut_changes_nothing(payloads: list[bytes], cuts: list[int]) -> None:
    data = b"".join(event(f"e{number}", payload) for number, payload in enumerate(payloads))
    decoder = AwsEventDecoder()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})

    found = [each for start, end in pairwise(edges) for each in decoder.feed(data[start:end])]

    assert found == [Event(payload, f"e{number}") for number, payload in enumerate(payloads)]
    assert decoder.flush() == []


def test_a_stream_comes_byte_by_byte() -> None:
    data = ONE_HEADER + ERROR + event("x", b"{}")
    decoder = AwsEventDecoder()

    found = [each for byte in data for each in decoder.feed(bytes([byte]))]

    assert [each.event for each in found] == [None, "!code", "x"]


@pytest.mark.parametrize("place", range(len(ONE_HEADER)))
def test_a_changed_byte_anywhere_is_noticed_and_what_came_before_is_kept(place: int) -> None:
    broken = bytearray(ONE_HEADER)
    broken[place] ^= 0x55
    decoder = AwsEventDecoder()
    found: list[Event] = []

    with pytest.raises(BrokenStream):  # noqa: PT012 - the first of these may already say it, or the end of the stream
        found += decoder.feed(event("before", b"{}") + bytes(broken))
        found += decoder.flush()

    assert found == [Event(b"{}", "before")]


def test_half_a_message_at_the_end_is_none() -> None:
    decoder = AwsEventDecoder()

    assert decoder.feed(event("x", b"{}")[:-1]) == []
    assert decoder.flush() == []


@pytest.mark.parametrize(
    "prelude",
    [(15, 0), (16, 1), (2**32 - 1, 0), (200_016, 200_000), (30 * 2**20, 0)],
)
def test_lengths_that_cannot_be_are_refused_before_anything_is_waited_for(prelude: tuple[int, int]) -> None:
    lengths = pack(">II", *prelude)

    with pytest.raises(BrokenStream, match="announced a message of"):
        AwsEventDecoder().feed(lengths + pack(">I", crc32(lengths)))


@pytest.mark.parametrize(
    "headers",
    [b"\x05ab", b"\x01a\x0a", b"\x01a\x07\x00\x09x", b"\x01a\x07", b"\x01a\x07\x00\x01\xff", b"\x01a\x04\x00"],
)
def test_headers_that_cannot_be_read_are_a_broken_stream(headers: bytes) -> None:
    prelude = pack(">II", 16 + len(headers), len(headers))
    start = prelude + pack(">I", crc32(prelude)) + headers

    with pytest.raises(BrokenStream, match="header"):
        AwsEventDecoder().feed(start + pack(">I", crc32(start)))


def test_an_error_without_a_message_has_its_code_to_say() -> None:
    (found,) = AwsEventDecoder().feed(message({":message-type": "error", ":error-code": "InternalError"}, b""))

    assert (json.loads(found.data), found.event) == ({"message": "InternalError"}, "!InternalError")
