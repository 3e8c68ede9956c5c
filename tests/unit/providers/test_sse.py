"""Server-sent events, however the stream was cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritium.providers.sse import EVENT_LIMIT, Event, EventDecoder, EventTooLarge


def decoded(*parts: bytes) -> list[Event]:
    decoder = EventDecoder()
    events = [event for part in parts for event in decoder.feed(part)]
    return events + decoder.flush()


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b'data: {"a":1}\n\n', [Event(b'{"a":1}')]),
        (b'data:{"a":1}\n\n', [Event(b'{"a":1}')]),
        (b"data:  two spaces\n\n", [Event(b" two spaces")]),
        (b"data: a\n\ndata: b\n\n", [Event(b"a"), Event(b"b")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [Event(b"a"), Event(b"b")]),
        (b"data: a\r\rdata: b\r\r", [Event(b"a"), Event(b"b")]),
        (b"data: a\r\n\ndata: b\n\r\n", [Event(b"a"), Event(b"b")]),
        (b"event: delta\ndata: a\n\ndata: b\n\n", [Event(b"a", "delta"), Event(b"b")]),
        (b"data: a\nevent: first\nevent: last\n\n", [Event(b"a", "last")]),
        (b"event: caf\xc3\xa9 \xff\ndata: a\n\n", [Event(b"a", "café \ufffd")]),
        (b"event:\ndata: a\n\n", [Event(b"a")]),
        (b"event: nothing\n\ndata: a\n\n", [Event(b"a")]),
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [Event(b"YHOO\n+2\n10")]),
        (b"event: x\r\ndata: a\r\ndata: b\r\n\r\n", [Event(b"a\nb", "x")]),
        (b"data\n\ndata\ndata\n\n", [Event(b""), Event(b"\n")]),
        (b": a comment\n\n:\n\n: data: x\ndata: a\n\n", [Event(b"a")]),
        (b": OPENROUTER PROCESSING\n\ndata: a\n\n", [Event(b"a")]),
        (b"id: 1\nretry: 5\nunknown: x\nData: x\n data: x\ndata: a\n\n", [Event(b"a")]),
        (b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", [Event(b"a"), Event(b"b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event(b"a")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [Event(b"b")]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Event(b"a")]),
        (b"data: a: b\n\n", [Event(b"a: b")]),
        (b"data: \0\n\n", [Event(b"\0")]),
        (b"data: a\n\ndata: [DONE]", [Event(b"a"), Event(b"[DONE]")]),
        (b"data: a\n\ndata: [DONE]\n", [Event(b"a"), Event(b"[DONE]")]),
        (b"event: x\n", []),
        (b"", []),
        (b"\xef\xbb", []),
    ],
)
def test_the_format_is_read_as_its_specification_says(stream, events):
    assert decoded(stream) == events
    assert decoded(*(stream[i : i + 1] for i in range(len(stream)))) == events


def test_an_event_comes_with_the_byte_that_ends_it():
    decoder = EventDecoder()
    assert decoder.feed(b"data: a\r\n\r") == [Event(b"a")]
    assert decoder.feed(b"\ndata: b\n") == []
    assert decoder.feed(b"\n") == [Event(b"b")]


def test_flush_gives_what_is_left_once():
    decoder = EventDecoder()
    decoder.feed(b"data: a")
    assert (decoder.flush(), decoder.flush()) == ([Event(b"a")], [])


def test_an_event_without_end_is_cut_off_at_the_limit():
    decoder = EventDecoder()
    part = b"data: " + b"x" * 2**20
    for _ in range(7):
        assert decoder.feed(part) == []
    with pytest.raises(EventTooLarge, match="8,388,608 is the limit"):
        decoder.feed(part)


@pytest.mark.parametrize("ending", [b"", b"\n\n"])
def test_an_event_over_the_limit_is_refused_in_one_piece_too(ending):
    decoder = EventDecoder()
    assert decoder.feed(b"data: a\n\n") == [Event(b"a")]
    with pytest.raises(EventTooLarge):
        decoder.feed(b"data: " + bytes(EVENT_LIMIT) + ending)


def test_many_small_events_in_one_part_are_not_one_large_one():
    part = b"data: abc\n\n" * (EVENT_LIMIT // 8)
    assert len(part) > EVENT_LIMIT
    assert len(EventDecoder().feed(part)) == EVENT_LIMIT // 8


def test_an_event_at_the_limit_is_taken_however_it_is_cut():
    event = b"data: " + b"x" * (EVENT_LIMIT - 6)
    for parts in ([event + b"\n\n"], [event, b"\n\n"], [event + b"\n", b"\n"], [event[:99], event[99:], b"\n", b"\n"]):
        assert [len(event.data) for event in decoded(*parts)] == [EVENT_LIMIT - 6]


def by_the_specification(stream: bytes) -> list[Event]:
    """The WHATWG algorithm, line by line and without any hurry; the end of the stream counts as a blank line."""
    lines = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    events, data, kind = [], None, b""
    for line in [*lines, b""]:
        if not line:
            if data is not None:
                events.append(Event(data[:-1], kind.decode(errors="replace") or None))
            data, kind = None, b""
            continue
        name, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if line[:1] == b":":
            continue
        if name == b"data":
            data = (data or b"") + value + b"\n"
        elif name == b"event":
            kind = value
    return events


LINES = st.sampled_from(
    [b"data: x", b"data:", b"data", b"event: e", b"event", b": c", b"", b"id: 1", b"\xef\xbb\xbfdata"]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
NOISE = st.text("data: \n\r{}\ufeff", max_size=20).map(str.encode)
STREAMS = st.one_of(st.lists(st.one_of(LINES, ENDS, ENDS), max_size=40).map(b"".join), NOISE)


@settings(max_examples=300)
@given(STREAMS, st.data())
def test_cutting_the_stream_anywhere_never_changes_the_events(stream, data):
    expected = by_the_specification(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    parts = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert decoded(stream) == expected
    assert decoded(*parts) == expected
    assert decoded(*(stream[i : i + 1] for i in range(len(stream)))) == expected
