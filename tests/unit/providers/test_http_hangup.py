"""Who leaves is hung up for at once: by cancelling, by closing a reply, by closing the transport."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from tritium.providers.http import ConnectFailed, ConnectionDropped, HttpTransport, Timeouts

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


async def start_streaming(peer):
    await peer.request()
    await peer.say(STREAM)
    await peer.hangup()


async def ask(transport, server, timeouts=TIMEOUTS):
    return await transport.request("POST", server.target, (), b"{}", timeouts)


async def fetch(transport, server, timeouts=TIMEOUTS):
    return await (await ask(transport, server, timeouts)).body()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


class TestHangingUp:
    async def test_cancel_before_headers_closes_the_upstream_socket_within_100_ms(self, transport, server_that):
        server = await server_that(swallow)
        calls = [asyncio.create_task(ask(transport, server)) for _ in range(30)]
        await until(lambda: len(server.requests) == 30)
        started = time.monotonic()
        for call in calls:
            call.cancel()
        await asyncio.gather(*(peer.closed.wait() for peer in server.peers))
        assert time.monotonic() - started < 0.1
        assert [await asyncio.gather(call, return_exceptions=True) for call in calls]
        assert all(call.cancelled() for call in calls)

    async def test_cancel_within_the_body_closes_the_upstream_socket_within_100_ms(self, transport, server_that):
        server = await server_that(start_streaming)

        async def consume():
            reply = await ask(transport, server)
            while await reply.read():
                pass

        calls = [asyncio.create_task(consume()) for _ in range(30)]
        await until(lambda: len(server.requests) == 30)
        await asyncio.sleep(0.05)
        started = time.monotonic()
        for call in calls:
            call.cancel()
        await asyncio.gather(*(peer.closed.wait() for peer in server.peers))
        assert time.monotonic() - started < 0.1
        await asyncio.gather(*calls, return_exceptions=True)

    async def test_close_within_the_body_hangs_up_and_may_be_repeated(self, transport, server_that):
        server = await server_that(start_streaming)
        reply = await ask(transport, server)
        reply.close()
        reply.close()
        await asyncio.wait_for(server.peers[0].closed.wait(), 1)
        with pytest.raises(ConnectionDropped, match="closed before its body was read"):
            await reply.read()

    async def test_close_wakes_the_reader(self, transport, server_that):
        reply = await ask(transport, await server_that(start_streaming))
        assert await reply.read() == b"hello"
        reader = asyncio.create_task(reply.read())
        await asyncio.sleep(0)
        reply.close()
        with pytest.raises(ConnectionDropped):
            await reader

    async def test_close_after_the_end_gives_the_connection_back(self, transport, server_that):
        server = await server_that(answer)
        replies = []
        for _ in range(3):
            replies.append(await ask(transport, server))
            assert await replies[-1].body() == b"ok"
            for reply in replies:
                reply.close()
        assert len(server.peers) == 1

    @pytest.mark.parametrize("read", [True, False])
    async def test_closing_an_old_reply_leaves_the_next_exchange_alone(self, transport, server_that, read):
        async def talk(peer):
            await peer.request()
            await peer.say(OK)
            await peer.request()
            await peer.say(STREAM)
            await go.wait()
            await peer.say(b"0\r\n\r\n")

        go = asyncio.Event()
        server = await server_that(talk)
        old = await ask(transport, server)
        if read:
            assert await old.body() == b"ok"
        new = await ask(transport, server)
        old.close()
        go.set()
        assert await new.body() == b"hello"
        assert len(server.peers) == 1

    async def test_a_reply_closed_unread_but_received_cannot_be_read_as_empty(self, transport, server_that):
        server = await server_that(answer)
        reply = await ask(transport, server)
        reply.close()
        with pytest.raises(ConnectionDropped):
            await reply.body()

    async def test_cancelling_a_connect_leaves_no_socket(self, transport):
        with socket.create_server(("127.0.0.1", 0)) as silent:  # the system accepts, nobody shakes hands
            silent.setblocking(False)
            port = silent.getsockname()[1]
            call = asyncio.create_task(transport.request("POST", f"https://127.0.0.1:{port}/", (), b"", TIMEOUTS))
            loop = asyncio.get_running_loop()
            peer, _ = await asyncio.wait_for(loop.sock_accept(silent), 5)
            with peer:
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
                async with asyncio.timeout(1):
                    while await loop.sock_recv(peer, 65536):
                        pass
            assert not any(pool.live for pool in transport._pools.values())


class TestClosing:
    async def test_close_ends_everything_that_is_under_way(self, server_that):
        server = await server_that(swallow)
        streaming = await server_that(start_streaming)
        transport = HttpTransport(connections_per_host=2)
        calls = [asyncio.create_task(ask(transport, server)) for _ in range(4)]
        reply = await ask(transport, streaming)
        await until(lambda: len(server.requests) == 2)
        pools = list(transport._pools.values())
        await transport.close()
        assert not any(pool.live for pool in pools)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ConnectionDropped] * 2 + [ConnectFailed] * 2
        assert all("shutting down" in str(outcome) for outcome in outcomes)
        assert await reply.read() == b"hello"
        with pytest.raises(ConnectionDropped, match="shutting down"):
            await reply.read()
        await until(lambda: all(peer.closed.is_set() for peer in server.peers + streaming.peers))

    async def test_close_on_a_reused_connection_does_not_retry(self, server_that):
        async def talk(peer):
            await peer.request()
            await peer.say(OK)
            await swallow(peer)

        server = await server_that(talk)
        transport = HttpTransport()
        await fetch(transport, server)
        call = asyncio.create_task(ask(transport, server))
        await until(lambda: len(server.requests) == 2)
        await transport.close()
        with pytest.raises(ConnectionDropped, match="shutting down"):
            await call
        assert len(server.peers) == 1

    async def test_a_closed_transport_says_so(self, transport, server_that):
        server = await server_that(answer)
        await fetch(transport, server)
        await transport.close()
        await transport.close()
        with pytest.raises(RuntimeError, match="closed"):
            await ask(transport, server)

    async def test_a_transport_never_used_can_be_closed(self):
        await HttpTransport().close()

    def test_another_event_loop_is_refused(self):
        async def refused(transport):
            with pytest.raises(ConnectFailed):
                await transport.request("GET", f"http://127.0.0.1:{port}/", (), b"", TIMEOUTS)

        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            transport = HttpTransport()
            asyncio.run(refused(transport))
            with pytest.raises(RuntimeError, match="event loop it was first used on"):
                asyncio.run(refused(transport))

    async def test_refused_connections_name_host_and_port(self, transport):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            with pytest.raises(ConnectFailed, match=f"^could not connect to 127.0.0.1:{port}: Connection refused$"):
                await transport.request("GET", f"http://127.0.0.1:{port}/", (), b"", TIMEOUTS)
        assert not any(pool.live for pool in transport._pools.values())
