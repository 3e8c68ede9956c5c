"""The fast lane by raw socket: what it answers, what it hands on to ASGI, what it cuts off."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import re

import pytest
from uvicorn.protocols.http import httptools_impl

from tritium.api.lane import LaneCycle, cut_off_the_slow

CHAT = "/v1/chat/completions"
BODY = json.dumps({"model": "scripted/say=Hi", "messages": [{"role": "user", "content": "x"}]}).encode()


def request(body: bytes = BODY, path: str = CHAT, version: str = "1.1", headers: str = "") -> bytes:
    head = f"POST {path} HTTP/{version}\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


class Wire:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[int, bytes]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        status = int(head.split(b" ")[1])
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        if b"content-length" in lines:
            return status, await self.reader.readexactly(int(lines[b"content-length"]))
        return status, await self.reader.readuntil(b"0\r\n\r\n")


@pytest.fixture
async def dial():
    """Opens raw connections to a gateway, and closes them whatever happened."""
    writers = []

    async def open_one(live, **options) -> Wire:
        port = int(live.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
        writers.append(writer)
        return Wire(reader, writer)

    yield open_one
    for writer in writers:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.fixture
async def connect(serve, dial):
    live = await serve()
    return functools.partial(dial, live)


HELLO = [{"role": "user", "content": "x"}]
DIALECTS = {
    "/chat/completions": {"messages": HELLO},
    "/messages": {"messages": HELLO, "max_tokens": 9},
    "/responses": {"input": "x"},
}


def lasting(body: bytes) -> bytes:
    """What two answers to the same request have in common: neither ids, nor times, nor how they were cut to pieces."""
    if body.endswith(b"0\r\n\r\n"):
        pieces, rest = [], body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            pieces.append(rest[: int(size, 16)])
            rest = rest[int(size, 16) + 2 :]
        body = b"".join(pieces)
    body = re.sub(rb"(gen|msg|rs|resp|chatcmpl)[-_][\w-]+", b"ID", body)
    return re.sub(rb'"(created|created_at|completed_at)":\d+', b'"TIME":0', body)


@pytest.mark.parametrize("model", ["scripted/say=Hi", "scripted/error=429"])
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
@pytest.mark.parametrize("path", DIALECTS)
async def test_the_lane_answers_as_the_ordinary_way_does(serve, dial, path, prefix, streaming, model):
    live = await serve()
    body = json.dumps({"model": model, "stream": streaming, **DIALECTS[path]}).encode()
    answers, cycles = [], []
    for query in ("", "?ordinary=1"):
        wire = await dial(live)
        wire.writer.write(request(body, path=f"{prefix}{path}{query}"))
        status, said = await wire.answer()
        cycles.append([type(each.cycle) is LaneCycle for each in live.connections])
        answers.append((status, lasting(said)))
        wire.writer.close()
        async with asyncio.timeout(5):
            while live.connections:  # noqa: ASYNC110 - uvicorn's own set
                await asyncio.sleep(0.005)

    assert cycles == [[True], [False]]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("path", DIALECTS)
async def test_a_client_that_leaves_the_lane_ends_its_call(serve, dial, upstream, wire, path):
    upstream.reply, upstream.hold = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", True
    live = await serve({"providers": {"mine": {"base_url": upstream.url}}})
    client = await dial(live)
    client.writer.write(
        request(json.dumps({"model": "mine/m", "stream": True, **DIALECTS[path]}).encode(), f"/v1{path}")
    )
    async with asyncio.timeout(5):
        while not upstream.requests:  # noqa: ASYNC110 - a socket tells nobody
            await asyncio.sleep(0.005)
        client.writer.transport.abort()
        while not upstream.closed_at:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        while not await live.running.accounts.activity(None, None):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_connection_is_used_again(connect):
    wire = await connect()

    for _ in range(3):
        wire.writer.write(request())
        status, body = await wire.answer()
        assert status == 200
        assert json.loads(body)["choices"][0]["message"]["content"] == "Hi"


async def test_a_request_in_single_bytes_is_answered(connect):
    wire = await connect()

    for byte in request():
        wire.writer.write(bytes([byte]))
        await wire.writer.drain()
    status, _ = await wire.answer()

    assert status == 200


async def test_pipelined_requests_are_answered_in_their_order(connect):
    wire = await connect()
    other = json.dumps({"model": "scripted/say=Second", "messages": [{"role": "user", "content": "x"}]}).encode()

    wire.writer.write(request() + request(other) + request())
    answers = [json.loads((await wire.answer())[1])["choices"][0]["message"]["content"] for _ in range(3)]

    assert answers == ["Hi", "Second", "Hi"]


async def test_requests_of_one_connection_take_turns_with_others_that_are_not_hot(connect):
    wire = await connect()

    for _ in range(2):
        wire.writer.write(request())
        assert (await wire.answer())[0] == 200
        wire.writer.write(request(path="/v1/nothing"))
        assert (await wire.answer())[0] == 404


async def test_a_client_that_leaves_between_requests_leaves_no_task_behind(serve, dial):
    live = await serve()
    before = len(asyncio.all_tasks())
    wire = await dial(live)
    for _ in range(2):
        wire.writer.write(request())
        await wire.answer()

    wire.writer.close()
    async with asyncio.timeout(5):
        while live.connections:  # noqa: ASYNC110 - uvicorn's own set
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)

    assert len(asyncio.all_tasks()) <= before


@pytest.mark.parametrize("headers", ["connection: close\r\n", ""])
async def test_http_1_0_and_close_end_the_connection(connect, headers):
    wire = await connect()

    wire.writer.write(request(version="1.1" if headers else "1.0", headers=headers))
    status, _ = await wire.answer()

    assert status == 200
    assert await asyncio.wait_for(wire.reader.read(), 5) == b""


async def test_expect_100_continue_takes_the_ordinary_way(connect):
    wire = await connect()

    wire.writer.write(request(b"", headers="expect: 100-continue\r\n").replace(b"length: 0", b"length: %d" % len(BODY)))
    assert (await asyncio.wait_for(wire.reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 100")
    wire.writer.write(BODY)
    status, _ = await wire.answer()

    assert status == 200


@pytest.mark.parametrize("path", [CHAT, "/v1/models"])
async def test_a_head_of_8_megabytes_is_cut_off(connect, path):
    wire = await connect()

    with_headers = request(path=path).partition(b"\r\n\r\n")[0] + b"\r\nx-large: " + b"a" * 8_000_000
    wire.writer.write(with_headers)
    got = b""
    try:
        async with asyncio.timeout(5):
            got = await wire.reader.read()
    except ConnectionError:
        pass

    assert got == b"" or got.startswith(b"HTTP/1.1 431")


async def test_a_body_over_the_limit_is_refused_before_it_is_whole(serve, dial):
    wire = await dial(await serve({"server": {"max_body_bytes": 10_000}}))
    reader, writer = wire.reader, wire.writer

    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(4):
        writer.write(b"1000\r\n" + b"a" * 0x1000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)

    assert b" 413 " in head


@pytest.mark.parametrize("sent", [b"", b"POST /v1/chat/comp", request()[:-5]])
async def test_a_request_that_does_not_arrive_is_cut_off(serve, dial, sent):
    live = await serve()
    guard = asyncio.create_task(cut_off_the_slow(live.connections, arrival_seconds=0.2))
    wire = await dial(live)

    wire.writer.write(sent)
    try:
        async with asyncio.timeout(5):
            got = await wire.reader.read()
    except ConnectionError:
        got = b""
    guard.cancel()

    assert got == b""


async def test_a_connection_that_stays_idle_is_closed(serve, dial):
    live = await serve()
    guard = asyncio.create_task(cut_off_the_slow(live.connections, arrival_seconds=0.2))
    wire = await dial(live)
    wire.writer.write(request())
    await wire.answer()
    for each in live.connections:
        each.timeout_keep_alive = 0.1

    got = await asyncio.wait_for(wire.reader.read(), 5)
    guard.cancel()

    assert got == b""


async def test_a_slow_answer_is_not_cut_off(serve):
    live = await serve()
    guard = asyncio.create_task(cut_off_the_slow(live.connections, arrival_seconds=0.2))

    answer = await live.client.chat.completions.create(
        model="scripted/say=Late;delay=700", messages=[{"role": "user", "content": "x"}]
    )
    guard.cancel()

    assert answer.choices[0].message.content == "Late"


async def test_a_reader_who_is_slow_holds_up_the_provider_and_not_the_memory(serve, dial):
    live = await serve()
    wire = await dial(live, limit=1024)
    body = {"model": "scripted/words=100000", "messages": [{"role": "user", "content": "x"}], "stream": True}

    wire.writer.write(request(json.dumps(body).encode()))
    await wire.reader.readuntil(b"\r\n\r\n")
    wire.writer.transport.pause_reading()
    async with asyncio.timeout(10):
        while not any(each.flow.write_paused for each in live.connections):  # noqa: ASYNC110 - uvicorn's own flag
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    buffered = [each.transport.get_write_buffer_size() for each in live.connections]

    assert 0 < max(buffered) < 1_000_000


def test_uvicorn_still_has_what_the_lane_leans_on():
    cycle = httptools_impl.RequestResponseCycle.__init__.__code__.co_names
    protocol = httptools_impl.HttpToolsProtocol

    assert {"response_complete", "disconnected", "keep_alive", "message_event"} <= set(cycle)
    assert {"response_complete", "disconnected", "keep_alive", "message_event"} <= set(LaneCycle.__slots__)
    assert callable(protocol.on_response_complete)


async def test_a_body_in_very_many_chunks_holds_nobody_up(serve, dial):
    live = await serve()
    wire = await dial(live)
    spaces = 100_000

    wire.writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n")
    wire.writer.write(b"1\r\n \r\n" * spaces + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
    async with asyncio.timeout(10):
        status, _ = await wire.answer()

    assert status == 200


@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings"])
@pytest.mark.parametrize("line", [b"x-more: " + b"a" * 1000 + b"\r\n", b"a" * 1000], ids=["many", "one"])
async def test_trailers_of_8_megabytes_are_cut_off(connect, path, line):
    wire = await connect()

    wire.writer.write(b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n" % path.encode())
    wire.writer.write(b"1\r\n{\r\n0\r\n" + (b"" if line.endswith(b"\n") else b"x-more: ") + line * 8_000)
    got = b""
    try:
        async with asyncio.timeout(5):
            got = await wire.reader.read()
    except ConnectionError:
        pass

    assert got == b"" or got.startswith(b"HTTP/1.1 4")


async def test_a_client_that_pipelines_and_leaves_ends_its_call(serve, dial, upstream):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    said = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % (b"x" * 1000)
    upstream.reply, upstream.hold = head + said * 20_000, True
    live = await serve({"providers": {"mine": {"base_url": upstream.url}}})
    client = await dial(live)
    body = json.dumps({"model": "mine/m", "stream": True, "messages": HELLO}).encode()

    client.writer.write(request(body) + request())
    await client.reader.readuntil(b"\r\n\r\n")
    client.writer.transport.abort()
    async with asyncio.timeout(5):
        while not upstream.closed_at:  # noqa: ASYNC110 - a socket tells nobody
            await asyncio.sleep(0.005)
