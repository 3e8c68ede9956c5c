"""What our HTTP client does not put up with: silence, endlessness, and readers that would fill its memory."""

from __future__ import annotations

import asyncio
import gzip
import time

import pytest

from tritium.providers.connection import HIGH_WATER
from tritium.providers.exchange import FRAMING_LIMIT
from tritium.providers.http import BodyTooLarge, HttpTransport, ProtocolViolation, ReadTimeout, Timeouts
from tritium.providers.inflate import PIECE

TIMEOUTS = Timeouts(connect_seconds=5, first_byte_seconds=5, between_bytes_seconds=5)
SHORT = Timeouts(first_byte_seconds=0.1, between_bytes_seconds=0.1)
ONE_READ = 256 * 1024
"""Both loops read at most so much at once."""


async def ask(transport, server, timeouts=TIMEOUTS):
    return await transport.request("POST", server.target, (), b"{}", timeouts)


def saying(*parts: bytes, pause: float = 0.0):
    async def talk(peer):
        await peer.request()
        for part in parts:
            await peer.say(part)
            await asyncio.sleep(pause)
        await peer.hangup()

    return talk


def endless(start: bytes, part: bytes):
    async def talk(peer):
        await peer.request()
        await peer.say(start)
        while True:
            await peer.say(part)

    return talk


class TestTimeouts:
    @pytest.mark.parametrize("parts", [[], [b"HTTP/1.1 100 Continue\r\n\r\n"] * 20, [b"H", b"T", b"T", b"P"]])
    async def test_no_head_in_time_is_a_read_timeout(self, transport, server_that, parts):
        server = await server_that(saying(*parts, pause=0.02))
        started = time.monotonic()
        with pytest.raises(ReadTimeout, match=f"^127.0.0.1:{server.port} sent no response within 0.1 s of"):
            await ask(transport, server, SHORT)
        assert time.monotonic() - started < 1
        await asyncio.wait_for(server.peers[0].closed.wait(), 1)

    async def test_silence_within_the_body_is_a_read_timeout_after_what_has_come(self, transport, server_that):
        server = await server_that(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"))
        reply = await ask(transport, server, SHORT)
        assert await reply.read() == b"hello"
        with pytest.raises(ReadTimeout, match=r"fell silent for 0\.1 s"):
            await reply.read()
        await asyncio.wait_for(server.peers[0].closed.wait(), 1)

    async def test_a_body_that_keeps_coming_may_take_longer_than_either_limit(self, transport, server_that):
        parts = [b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n"] + [b"x"] * 20
        server = await server_that(saying(*parts, pause=0.03))
        reply = await ask(transport, server, Timeouts(first_byte_seconds=0.3, between_bytes_seconds=0.3))
        assert await reply.body() == b"x" * 20

    async def test_the_clock_stands_still_while_the_reader_is_slow(self, transport, server_that):
        size = 20_000_000
        server = await server_that(saying(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, bytes(size)))
        reply = await ask(transport, server, SHORT)
        await asyncio.sleep(0.7)
        assert len(await reply.body()) == size

    async def test_timeouts_are_each_requests_own(self, transport, server_that):
        server = await server_that(saying())
        patient = asyncio.create_task(ask(transport, server, TIMEOUTS))
        with pytest.raises(ReadTimeout):
            await ask(transport, server, SHORT)
        assert not patient.done()
        patient.cancel()
        await asyncio.gather(patient, return_exceptions=True)


class TestBackPressure:
    async def test_a_slow_reader_stays_bounded_in_memory(self, transport, server_that):
        written = 0

        async def talk(peer):
            nonlocal written
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % 2**30)
            while True:
                await peer.say(bytes(65536))
                written += 65536

        reply = await ask(transport, await server_that(talk))
        before = -1
        while before != written:  # until the kernel's buffers are full
            before = written
            await asyncio.sleep(0.1)
        assert reply.queued <= HIGH_WATER + ONE_READ
        assert written < 32 * 2**20
        for _ in range(50):
            assert 0 < len(await reply.read()) <= HIGH_WATER + ONE_READ
        assert written > before
        reply.close()

    async def test_a_connection_paused_at_the_end_is_still_reused(self, transport, server_that):
        size = HIGH_WATER + 1000

        async def talk(peer):
            while True:
                await peer.request()
                await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (size + 1), bytes(size))
                await asyncio.sleep(0.02)
                await peer.say(b"x")

        server = await server_that(talk)
        for _ in range(3):
            reply = await ask(transport, server)
            await asyncio.sleep(0.05)
            assert len(await reply.body()) == size + 1
        assert len(server.peers) == 1


class TestSizes:
    @pytest.mark.parametrize(
        ("start", "part"),
        [
            (b"HTTP/1.1 200 OK\r\nx: ", b"a" * 1000),
            (b"HTTP/1.1 200 OK\r\n", b"x: a\r\n" * 100),
            (b"HTTP/1.1 200 ", b"a" * 1000),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
            (b"", b"\r\n" * 500),
        ],
        ids=["one value", "many headers", "reason", "interim responses", "blank lines"],
    )
    async def test_an_endless_head_is_cut_off(self, transport, server_that, start, part):
        server = await server_that(endless(start, part))
        with pytest.raises(ProtocolViolation, match=f"^127.0.0.1:{server.port} "):
            await ask(transport, server)

    async def test_a_large_head_is_refused_however_fast_it_comes(self, transport, server_that):
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: " + b"a" * FRAMING_LIMIT + b"\r\n\r\nok"
        with pytest.raises(ProtocolViolation, match="65,536 bytes of a response head"):
            await ask(transport, await server_that(saying(head)))

    async def test_a_head_below_the_limit_is_taken_however_much_body_comes_with_it(self, transport, server_that):
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\nx: " + b"a" * 60_000 + b"\r\n\r\n"
        reply = await ask(transport, await server_that(saying(head + bytes(200_000))))
        assert len(await reply.body()) == 200_000

    @pytest.mark.parametrize(
        ("start", "part"),
        [(b"0\r\nx: ", b"a" * 1000), (b"0\r\n", b"x: a\r\n" * 100), (b"5;x=", b"a" * 1000)],
        ids=["trailer", "trailers", "chunk extension"],
    )
    async def test_endless_framing_is_cut_off(self, transport, server_that, start, part):
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
        reply = await ask(transport, await server_that(endless(head + start, part)))
        with pytest.raises(ProtocolViolation):
            await reply.body()

    async def test_a_body_over_the_callers_limit_is_refused_and_hung_up_on(self, transport, server_that):
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        server = await server_that(endless(head, b"3e8\r\n" + bytes(1000) + b"\r\n"))
        reply = await ask(transport, server)
        with pytest.raises(BodyTooLarge, match=f"^127.0.0.1:{server.port} sent a body of more than 100,000 bytes"):
            await reply.body(limit=100_000)
        await asyncio.wait_for(server.peers[0].closed.wait(), 1)

    async def test_a_body_announced_over_the_limit_is_not_waited_for(self, transport, server_that):
        reply = await ask(transport, await server_that(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 70000000\r\n\r\n")))
        with pytest.raises(BodyTooLarge, match="announced"):
            await reply.body()

    @pytest.mark.parametrize(("limit", "fits"), [(5, True), (4, False)])
    async def test_the_limit_is_exact(self, transport, server_that, limit, fits):
        reply = await ask(transport, await server_that(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")))
        if fits:
            assert await reply.body(limit) == b"hello"
        else:
            with pytest.raises(BodyTooLarge):
                await reply.body(limit)

    async def test_a_decompression_bomb_is_unfolded_in_small_pieces_and_given_up(self, transport, server_that):
        bomb = gzip.compress(bytes(80 * 2**20), 1)
        head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
        reply = await ask(transport, await server_that(saying(head + bomb)))

        async def read_in_pieces():
            while part := await reply.read():
                assert len(part) <= PIECE

        with pytest.raises(BodyTooLarge, match="unfolds to more than 67,108,864 bytes"):
            await read_in_pieces()


async def test_a_request_sets_no_timer_of_its_own(server_that, monkeypatch):
    async def talk(peer):
        while True:
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    server = await server_that(talk)
    transport = HttpTransport()
    await (await ask(transport, server)).body()
    reaper = transport._reaper
    for _ in range(3):
        await (await ask(transport, server)).body()
    assert transport._reaper is reaper
    await transport.close()
    assert reaper.cancelled()
