"""A provider by HTTP: whatever it sends, an answer comes out whole or fails with a reason, and no key gets out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tritium.chat import ChatRequest, Chunk, Completion
from tritium.errors import (
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tritium.providers.openai import OpenAIFormat
from tritium.providers.source import HttpSource
from tritium.providers.sse import EVENT_LIMIT
from tritium.providers.transport import Timeouts

KEY = "sk-very-secret-0123456789"
QUICK = Timeouts(1, 0.3, 0.3)


def http(body: bytes, status: int = 200, content_type: bytes = b"application/json", *headers: bytes) -> bytes:
    lines = b"".join(b"%b\r\n" % each for each in (b"content-type: " + content_type, *headers))
    return b"HTTP/1.1 %d X\r\n%bcontent-length: %d\r\n\r\n%b" % (status, lines, len(body), body)


def stream(*events: Any, content_type: bytes = b"text/event-stream", ended: bool = True) -> bytes:
    """An event stream in chunked framing; cut off unless `ended`."""
    data = b"".join(b"data: " + (e if isinstance(e, bytes) else json.dumps(e).encode()) + b"\n\n" for e in events)
    head = b"HTTP/1.1 200 X\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n" % content_type
    return head + b"%x\r\n%b\r\n" % (len(data), data) + (b"0\r\n\r\n" if ended else b"")


def piece(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


WHOLE = json.dumps({"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}).encode()
FAILURE = b'{"error":{"message":"no good"}}'


def source_of(server: Any, transport: Any, timeouts: Timeouts = QUICK, key: str | None = KEY) -> HttpSource:
    return HttpSource(
        "vendor",
        base_url=f"http://127.0.0.1:{server.port}/v1",
        key=key,
        wire=OpenAIFormat(),
        transport=transport,
        timeouts=timeouts,
        headers=((b"x-team", b"blue"),),
    )


def asking(*, streaming: bool) -> ChatRequest:
    return ChatRequest.build("m", [{"role": "user", "content": "Hi"}], stream=streaming)


@pytest.fixture
def vendor(server_that, transport, call) -> Callable[..., Any]:
    """Asks a provider that answers with the bytes it is given, and returns all the chunks."""

    async def ask(*parts: bytes, streaming: bool = False, hold: bool = False, **changes: Any) -> list[Chunk]:
        async def talk(peer: Any) -> None:
            await peer.request()
            await peer.say(*parts)
            if hold:
                await peer.hangup()

        ask.server = server = await server_that(talk)
        async with source_of(server, transport, **changes).open(asking(streaming=streaming), "m", call) as chunks:
            return [chunk async for chunk in chunks]

    return ask


def text(chunks: list[Chunk]) -> str:
    completion = Completion()
    for chunk in chunks:
        completion.add(chunk)
    return completion.text


async def test_the_endpoints_own_headers_go_along(vendor):
    await vendor(http(WHOLE))

    head, body = vendor.server.requests[0]
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v1/chat/completions HTTP/1.1"
    assert {b"x-team: blue", b"content-type: application/json", b"authorization: Bearer " + KEY.encode()} <= set(lines)
    assert json.loads(body)["stream"] is False


async def test_a_whole_answer_to_a_stream_request_is_one_chunk(vendor):
    (chunk,) = await vendor(http(WHOLE, 200, b"application/json; charset=utf-8"), streaming=True)

    assert (chunk.text, chunk.complete, chunk.raw) == ("Hello", True, WHOLE)


async def test_a_stream_to_a_request_for_a_whole_answer_is_read_as_one(vendor):
    chunks = await vendor(stream(piece("Hel"), piece("lo", "stop"), b"[DONE]"))

    assert text(chunks) == "Hello"
    assert not any(chunk.complete for chunk in chunks)


async def test_a_stream_without_a_content_type_of_its_own_is_read_as_one_when_asked_for(vendor):
    assert text(await vendor(stream(piece("Hi", "stop"), content_type=b"text/plain"), streaming=True)) == "Hi"


async def test_a_stream_cut_into_single_bytes_is_the_same_stream(vendor):
    data = stream(piece("Hé"), piece("llo", "stop"), b"[DONE]")

    assert text(await vendor(*(data[at : at + 1] for at in range(len(data))), streaming=True)) == "Héllo"


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        (stream(piece("Half")), UpstreamUnavailable, "vendor ended the stream before the answer was whole"),
        (stream(piece("Half"), ended=False), UpstreamUnavailable, "in the middle of its answer"),
        (stream(piece("Half"), b"{garbage"), UpstreamUnavailable, "isn't a chat completion"),
        (stream(piece("Half"), {"error": {"code": 429, "message": "slow down"}}), UpstreamRateLimited, "slow down"),
    ],
)
async def test_a_stream_that_goes_wrong_gives_what_came_before(server_that, transport, call, reply, kind, message):
    async def talk(peer: Any) -> None:
        await peer.request()
        await peer.say(reply)

    server = await server_that(talk)

    async with source_of(server, transport).open(asking(streaming=True), "m", call) as chunks:
        assert (await anext(chunks)).text == "Half"
        with pytest.raises(kind, match=message):
            await anext(chunks)


async def test_a_stream_that_is_over_and_whose_connection_breaks_off_is_whole(vendor):
    chunks = await vendor(stream(piece("Hi", "stop"), b"[DONE]", ended=False), streaming=True)

    assert text(chunks) == "Hi"


async def test_a_last_event_without_its_blank_line_is_heard(vendor):
    body = b"data: " + json.dumps(piece("Hi", "stop")).encode()

    assert text(await vendor(http(body, 200, b"text/event-stream"), streaming=True)) == "Hi"


async def test_a_stream_whose_event_never_ends_is_a_failure(vendor):
    body = b"data: " + b"x" * (EVENT_LIMIT + 10)

    with pytest.raises(UpstreamUnavailable, match=r"vendor: the stream sent .* without ending an event"):
        await vendor(http(body, 200, b"text/event-stream"), streaming=True, timeouts=Timeouts(5, 5, 5))


@pytest.mark.parametrize("streaming", [False, True])
async def test_garbage_is_a_failure_that_names_the_provider(vendor, streaming):
    reply = stream(b"{garbage") if streaming else http(b"{garbage")

    with pytest.raises(UpstreamUnavailable, match="vendor answered something that isn't a chat completion"):
        await vendor(reply, streaming=streaming)


async def test_a_provider_that_says_nothing_in_time_has_timed_out(vendor):
    with pytest.raises(UpstreamTimeout, match="vendor: "):
        await vendor(hold=True)


async def test_a_stream_that_falls_silent_has_timed_out(vendor):
    with pytest.raises(UpstreamTimeout, match="vendor: "):
        await vendor(stream(piece("Hi"), ended=False), streaming=True, hold=True)


async def test_a_provider_that_hangs_up_unasked_is_unavailable(vendor):
    with pytest.raises(UpstreamUnavailable, match=r"vendor: .* closed the connection without answering"):
        await vendor()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"7", 7.0),
        (b"0.5", 0.5),
        (b"-3", 0.0),
        (b"Wed, 21 Oct 2026 07:28:00 GMT", None),
        (b"nan", None),
        (b"inf", None),
        (b"1e999", None),
        (b"", None),
    ],
)
async def test_when_to_come_back_is_read_if_it_is_a_number_of_seconds(vendor, header, seconds):
    with pytest.raises(UpstreamRateLimited) as caught:
        await vendor(http(FAILURE, 429, b"application/json", b"retry-after: " + header))

    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (FAILURE, "vendor answered 400: no good"),
        (b"<html>Bad Request</html>", "vendor answered 400: <html>Bad Request</html>"),
        (b"", "vendor answered 400: no reason given"),
        (b"  \n", "vendor answered 400: no reason given"),
        (b"\xff\xfe", "vendor answered 400: \ufffd\ufffd"),
        (b"x" * 5000, "vendor answered 400: " + "x" * 200),
        (b"x" * 100_000, "vendor answered 400: no reason given"),
    ],
)
async def test_a_refusal_says_what_the_provider_said(vendor, body, message):
    with pytest.raises(UpstreamRejected) as caught:
        await vendor(http(body, 400), timeouts=Timeouts(5, 5, 5))

    assert caught.value.message == message


@pytest.mark.parametrize(
    ("reply", "streaming"),
    [
        (http(json.dumps({"error": {"message": f"bad key {KEY}"}}).encode(), 401), False),
        (http(f"bad key {KEY}".encode(), 401), False),
        (http(b"x" * 190 + KEY.encode(), 401), False),  # where the page would be cut in the middle of it
        (http(json.dumps({"error": {"message": f"bad key {KEY}", "code": 401}}).encode()), False),
        (stream({"error": {"message": f"bad key {KEY}"}}), True),
        (http(f'{{"choices": "{KEY}"}}'.encode()), False),
    ],
)
async def test_a_key_that_a_provider_repeats_goes_no_further(vendor, reply, streaming):
    with pytest.raises(UpstreamError) as caught:
        await vendor(reply, streaming=streaming)

    assert KEY not in caught.value.message + str(caught.value)
    assert KEY[:8] not in caught.value.message


@pytest.mark.parametrize("key", ["two\nlines", "a\0b"])
async def test_a_key_that_no_header_can_hold_is_a_failure_that_does_not_show_it(vendor, key):
    with pytest.raises(UpstreamUnavailable, match=r"vendor: .*line break or a NUL") as caught:
        await vendor(http(WHOLE), key=key)

    assert key not in caught.value.message


async def test_leaving_hangs_up_on_the_provider(server_that, transport, call):
    async def talk(peer: Any) -> None:
        await peer.request()
        await peer.say(stream(piece("Hi"), ended=False))
        await peer.hangup()

    server = await server_that(talk)

    async with source_of(server, transport).open(asking(streaming=True), "m", call) as chunks:
        await anext(chunks)

    async with asyncio.timeout(2):
        await server.peers[0].closed.wait()


async def test_the_connection_of_a_whole_answer_serves_the_next(server_that, transport, call):
    async def talk(peer: Any) -> None:
        while True:
            await peer.request()
            await peer.say(stream(piece("Hi", "stop"), b"[DONE]"))

    server = await server_that(talk)

    for _ in range(3):
        async with source_of(server, transport).open(asking(streaming=True), "m", call) as chunks:
            assert text([chunk async for chunk in chunks]) == "Hi"

    assert len(server.peers) == 1
