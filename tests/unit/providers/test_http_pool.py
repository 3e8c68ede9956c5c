"""How connections are shared, capped and, once, retried."""

from __future__ import annotations

import asyncio
import random

import pytest

from tritium.providers.http import ConnectionDropped, ConnectTimeout, HttpTransport, Timeouts

TIMEOUTS = Timeouts(connect_seconds=5, first_byte_seconds=5, between_bytes_seconds=5)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"


async def answer(peer):
    while True:
        await peer.request()
        await peer.say(OK)


async def swallow(peer):
    """Take the request and never answer."""
    await peer.request()
    await peer.hangup()


async def ask(transport, server, timeouts=TIMEOUTS):
    return await transport.request("POST", server.target, (), b"{}", timeouts)


async def fetch(transport, server, timeouts=TIMEOUTS):
    return await (await ask(transport, server, timeouts)).body()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


class TestReuse:
    async def test_calls_one_after_another_share_a_connection(self, transport, server_that):
        server = await server_that(answer)
        for _ in range(5):
            assert await fetch(transport, server) == b"ok"
        assert len(server.peers) == 1

    async def test_hosts_do_not_share_connections(self, transport, server_that):
        servers = [await server_that(answer), await server_that(answer)]
        for server in servers * 2:
            assert await fetch(transport, server) == b"ok"
        assert [len(server.peers) for server in servers] == [1, 1]

    @pytest.mark.parametrize(
        "response",
        [
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
            b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        ],
    )
    async def test_a_server_that_closes_is_believed(self, transport, server_that, response):
        async def talk(peer):
            await peer.request()
            await peer.say(response)
            await peer.hangup()

        server = await server_that(talk)
        assert [await fetch(transport, server), await fetch(transport, server)] == [b"ok", b"ok"]
        assert len(server.peers) == 2

    async def test_no_more_idle_sockets_are_kept_than_allowed(self, server_that):
        go = asyncio.Event()

        async def talk(peer):
            await peer.request()
            await go.wait()
            await peer.say(OK)
            await peer.hangup()

        server = await server_that(talk)
        transport = HttpTransport(idle_per_host=3)
        calls = [asyncio.create_task(fetch(transport, server)) for _ in range(10)]
        await until(lambda: len(server.requests) == 10)
        go.set()
        await asyncio.gather(*calls)
        await until(lambda: sum(peer.closed.is_set() for peer in server.peers) == 7)
        await transport.close()
        await until(lambda: all(peer.closed.is_set() for peer in server.peers))

    async def test_idle_sockets_expire_and_then_no_timer_is_left(self, server_that):
        server = await server_that(answer)
        transport = HttpTransport(idle_seconds=0.1)
        await fetch(transport, server)
        await until(server.peers[0].closed.is_set)
        await until(lambda: transport._reaper is None)
        assert await fetch(transport, server) == b"ok"
        assert len(server.peers) == 2
        await transport.close()

    async def test_an_idle_socket_that_speaks_is_closed(self, transport, server_that):
        async def talk(peer):
            await peer.request()
            await peer.say(OK)
            await asyncio.sleep(0.02)
            await peer.say(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
            await peer.hangup()

        server = await server_that(talk)
        await fetch(transport, server)
        await until(server.peers[0].closed.is_set)
        assert await fetch(transport, server) == b"ok"

    @pytest.mark.parametrize("garbage", [b"GARBAGE", b"HTTP", OK[:20], OK, OK + OK[:5]])
    async def test_garbage_after_the_body_does_not_corrupt_the_next_exchange(self, transport, server_that, garbage):
        async def talk(peer):
            number = 0
            while True:
                number += 1
                await peer.request()
                peer.writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n%d.%d%b" % (peer.number, number, garbage)
                )

        server = await server_that(talk)
        assert [await fetch(transport, server) for _ in range(3)] == [b"0.1", b"1.1", b"2.1"]

    async def test_an_answer_before_the_request_was_read_ends_the_connection(self, transport, server_that):
        async def talk(peer):
            await peer.reader.readuntil(b"\r\n\r\n")
            await peer.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
            await asyncio.sleep(0.05)
            await peer.hangup()

        server = await server_that(talk, limit=2**10)
        reply = await transport.request("POST", server.target, (), bytes(50_000_000), TIMEOUTS)
        assert (reply.status, await reply.body()) == (413, b"no")
        await until(server.peers[0].closed.is_set)


class TestRetry:
    async def test_a_reused_socket_that_died_silently_is_retried_once_on_a_fresh_one(self, transport, server_that):
        async def talk(peer):
            await peer.request()
            await peer.say(OK)
            await peer.request()  # and close without a word

        server = await server_that(talk)
        assert [await fetch(transport, server) for _ in range(4)] == [b"ok"] * 4
        assert [len(peer.requests) for peer in server.peers] == [2, 2, 2, 1]

    async def test_a_fresh_socket_that_died_silently_is_not_retried(self, transport, server_that):
        async def talk(peer):
            await peer.request()

        server = await server_that(talk)
        with pytest.raises(ConnectionDropped, match=f"^127.0.0.1:{server.port} closed .* without answering$"):
            await ask(transport, server)
        assert len(server.requests) == 1

    async def test_the_retry_is_not_retried(self, transport, server_that):
        async def talk(peer):
            if peer.number == 0:
                await peer.request()
                await peer.say(OK)
            await peer.request()

        server = await server_that(talk)
        await fetch(transport, server)
        with pytest.raises(ConnectionDropped):
            await ask(transport, server)
        assert [len(peer.requests) for peer in server.peers] == [2, 1]

    async def test_the_retry_does_not_try_another_old_socket(self, transport, server_that):
        go = asyncio.Event()

        async def talk(peer):
            await peer.request()
            await go.wait()
            await peer.say(OK)
            if peer.number < 4:
                await peer.request()
            else:
                await answer(peer)

        server = await server_that(talk)
        first = [asyncio.create_task(fetch(transport, server)) for _ in range(4)]
        await until(lambda: len(server.requests) == 4)
        go.set()
        await asyncio.gather(*first)
        assert await fetch(transport, server) == b"ok"
        assert len(server.requests) == 6

    @pytest.mark.parametrize("said", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
    async def test_a_reused_socket_that_said_anything_is_not_retried(self, transport, server_that, said):
        async def talk(peer):
            await peer.request()
            await peer.say(OK)
            await peer.request()
            await peer.say(said)

        server = await server_that(talk)
        await fetch(transport, server)
        with pytest.raises(ConnectionDropped):
            await ask(transport, server)
        assert len(server.requests) == 2

    async def test_retries_at_the_cap_stay_below_it(self, server_that):
        most = 0

        async def talk(peer):
            nonlocal most
            await peer.request()
            most = max(most, *(len(pool.live) for pool in transport._pools.values()))
            await peer.say(OK)
            await peer.request()

        server = await server_that(talk)
        transport = HttpTransport(connections_per_host=2)
        for _ in range(3):
            assert await asyncio.gather(*(fetch(transport, server) for _ in range(20))) == [b"ok"] * 20
        assert most == 2
        await transport.close()


class TestCap:
    async def test_no_more_connections_are_open_than_allowed_and_all_are_served_in_turn(self, server_that):
        most = now = 0

        async def talk(peer):
            nonlocal most, now
            while True:
                await peer.request()
                now += 1
                most = max(most, now)
                await asyncio.sleep(0.005)
                now -= 1
                await peer.say(OK)

        server = await server_that(talk)
        transport = HttpTransport(connections_per_host=3)
        served = []

        async def call(number):
            await fetch(transport, server)
            served.append(number)

        await asyncio.gather(*(call(number) for number in range(30)))
        assert (most, len(server.peers)) == (3, 3)
        assert all(abs(place - number) < 3 for place, number in enumerate(served))
        await transport.close()

    async def test_waiting_for_a_connection_ends_in_a_connect_timeout(self, server_that):
        server = await server_that(swallow)
        transport = HttpTransport(connections_per_host=1)
        first = asyncio.create_task(ask(transport, server))
        await until(lambda: len(server.requests) == 1)
        with pytest.raises(ConnectTimeout, match=f"^none of the 1 connections to 127.0.0.1:{server.port} became free"):
            await ask(transport, server, Timeouts(connect_seconds=0.05))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await transport.close()

    async def test_who_stops_waiting_or_fails_gives_the_place_back(self, server_that):
        async def talk(peer):
            await peer.request()
            if peer.number % 3 == 0:
                await peer.say(STREAM)
                await peer.hangup()
            elif peer.number % 3 == 1:
                await peer.say(OK)
                await answer(peer)

        server = await server_that(talk)
        transport = HttpTransport(connections_per_host=2)
        chance = random.Random(1)
        for _ in range(10):
            calls = [asyncio.create_task(fetch(transport, server, Timeouts(connect_seconds=1))) for _ in range(12)]
            for _ in range(30):
                await asyncio.sleep(0)
                chance.choice(calls).cancel()
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        (pool,) = transport._pools.values()
        await until(lambda: len(pool.live) == len(pool._idle))
        assert not pool._waiters
        await transport.close()

    async def test_no_answer_ever_reaches_another_request(self, server_that):
        """Soak: random bodies, delays, drops and cancellations over few connections."""
        chance = random.Random(2)

        async def talk(peer):
            while True:
                _, body = await peer.request()
                await asyncio.sleep(chance.random() * 0.002)
                if chance.random() < 0.05:
                    return
                half = len(body) // 2
                await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body[:half]))
                await asyncio.sleep(chance.random() * 0.002)
                await peer.say(body[half:])

        server = await server_that(talk)
        transport = HttpTransport(connections_per_host=8, idle_per_host=4)
        outcomes = []

        async def call(number):
            body = b"%d:" % number + b"x" * chance.randrange(3000)
            try:
                async with asyncio.timeout(0.001 if chance.random() < 0.1 else 5):
                    reply = await transport.request("POST", server.target, (), body, TIMEOUTS)
                    if chance.random() < 0.1:
                        reply.close()
                        outcomes.append("closed")
                        return
                    outcomes.append(await reply.body() == body)
                    reply.close()
            except (ConnectionDropped, TimeoutError):
                outcomes.append("failed")

        for _ in range(4):
            await asyncio.gather(*(call(number) for number in range(100)))
        assert False not in outcomes
        assert outcomes.count(True) > 200
        await transport.close()
