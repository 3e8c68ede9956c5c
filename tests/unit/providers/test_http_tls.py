"""TLS: names and issuers are checked, and what holds for plain sockets holds here."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess

import pytest

from tritium.providers.http import ConnectFailed, ConnectionDropped, ConnectTimeout, HttpTransport, Timeouts

TIMEOUTS = Timeouts(connect_seconds=5, first_byte_seconds=5, between_bytes_seconds=5)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """`certificate(names)`: a server's TLS context, and the file of the certificate that signs itself."""

    def make(names: str):
        folder = tmp_path_factory.mktemp("tls")
        key, cert = folder / "key.pem", folder / "cert.pem"
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -keyout"
        extensions = ("-addext", f"subjectAltName={names}", "-addext", "keyUsage=digitalSignature,keyCertSign")
        subprocess.run([*command.split(), str(key), "-out", str(cert), *extensions], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        return context, cert

    return make


@pytest.fixture(scope="module")
def local(certificate):
    return certificate("DNS:localhost,IP:127.0.0.1")


@pytest.fixture
async def trusting(local):
    transport = HttpTransport(extra_ca=local[1])
    yield transport
    await transport.close()


async def answer(peer):
    while True:
        await peer.request()
        await peer.say(OK)


async def ask(transport, server, host="localhost", timeouts=TIMEOUTS):
    return await transport.request("POST", f"https://{host}:{server.port}/v1", (), b"{}", timeouts)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_trusted_server_is_spoken_to_over_one_connection(trusting, server_that, local, host):
    server = await server_that(answer, tls=local[0])
    for _ in range(3):
        assert await (await ask(trusting, server, host)).body() == b"ok"
    assert len(server.peers) == 1


async def test_a_server_nobody_vouches_for_is_refused(transport, server_that, local):
    server = await server_that(answer, tls=local[0])
    with pytest.raises(ConnectFailed, match=f"localhost:{server.port}: its certificate was refused: self.signed"):
        await ask(transport, server)
    assert not server.requests


async def test_a_certificate_for_another_name_is_refused(server_that, certificate):
    context, authority = certificate("DNS:api.example.com")
    server = await server_that(answer, tls=context)
    transport = HttpTransport(extra_ca=authority)
    with pytest.raises(ConnectFailed, match=r"Hostname mismatch, .* not valid for 'localhost'"):
        await ask(transport, server)
    assert not server.requests
    await transport.close()


async def test_a_server_that_does_not_speak_tls_is_refused(trusting, server_that):
    async def talk(peer):
        await peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.hangup()

    with pytest.raises(ConnectFailed, match="TLS failed"):
        await ask(trusting, await server_that(talk))


async def test_a_handshake_that_never_ends_is_a_connect_timeout(trusting):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ConnectTimeout, match=f"^127.0.0.1:{port} did not accept a connection within 0.1 s$"):
            await trusting.request("POST", f"https://127.0.0.1:{port}/", (), b"", Timeouts(connect_seconds=0.1))
        assert not any(pool.live for pool in trusting._pools.values())


async def test_cancel_before_headers_closes_the_upstream_socket(trusting, server_that, local):
    async def talk(peer):
        await peer.request()
        await peer.hangup()

    server = await server_that(talk, tls=local[0])
    calls = [asyncio.create_task(ask(trusting, server)) for _ in range(10)]
    while len(server.requests) < 10:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.005)
    for call in calls:
        call.cancel()
    await asyncio.wait_for(asyncio.gather(*(peer.closed.wait() for peer in server.peers)), 1)
    await asyncio.gather(*calls, return_exceptions=True)


async def test_a_slow_reader_stays_bounded_in_memory(trusting, server_that, local):
    written = 0

    async def talk(peer):
        nonlocal written
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % 2**30)
        while True:
            await peer.say(bytes(65536))
            written += 65536

    reply = await ask(trusting, await server_that(talk, tls=local[0]))
    before = -1
    while before != written:
        before = written
        await asyncio.sleep(0.1)
    assert written < 32 * 2**20
    for _ in range(100):
        await reply.read()
    assert written > before
    reply.close()


async def test_a_stale_pooled_socket_is_retried_once(trusting, server_that, local):
    async def talk(peer):
        await peer.request()
        await peer.say(OK)
        await peer.request()

    server = await server_that(talk, tls=local[0])
    for _ in range(3):
        assert await (await ask(trusting, server)).body() == b"ok"
    assert [len(peer.requests) for peer in server.peers] == [2, 2, 1]


async def test_a_body_without_length_cut_off_below_tls_is_not_its_end(trusting, server_that, local):
    async def talk(peer):
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await go.wait()
        peer.writer.transport.abort()  # an attacker can end the TCP stream, but cannot forge the end of the TLS one

    go = asyncio.Event()
    reply = await ask(trusting, await server_that(talk, tls=local[0]))
    assert await reply.read() == b"hello"
    go.set()
    with pytest.raises(ConnectionDropped):
        await reply.read()


async def test_a_body_without_length_ended_by_the_server_is_whole(trusting, server_that, local):
    async def talk(peer):
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo")

    assert await (await ask(trusting, await server_that(talk, tls=local[0]))).body() == b"hello"
