"""What our HTTP client sends, and how it reads what comes back."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import zlib

import pytest

from tritium.providers.http import (
    ConnectionDropped,
    HttpTransport,
    ProtocolViolation,
    Target,
    Timeouts,
)

TIMEOUTS = Timeouts(connect_seconds=5, first_byte_seconds=5, between_bytes_seconds=5)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def answering(*parts: bytes):
    """Answer every request with these parts."""

    async def talk(peer):
        while True:
            await peer.request()
            await peer.say(*parts)

    return talk


def once(*parts: bytes):
    """Answer one request with these parts, then hang up."""

    async def talk(peer):
        await peer.request()
        await peer.say(*parts)

    return talk


async def ask(transport: HttpTransport, server, method: str = "POST", body: bytes = b"{}"):
    return await transport.request(method, server.target, (), body, TIMEOUTS)


class TestSending:
    async def test_the_request_on_the_wire_is_what_was_asked_for(self, transport, server_that):
        server = await server_that(answering(OK))
        headers = [(b"authorization", b"Bearer sk-1"), (b"content-type", b"application/json")]
        reply = await transport.request(
            "POST", f"http://127.0.0.1:{server.port}/v1/chat?api-version=2", headers, b'{"a":1}', TIMEOUTS
        )
        assert (reply.status, await reply.body()) == (200, b"ok")
        head, body = server.requests[0]
        assert head.split(b"\r\n") == [
            b"POST /v1/chat?api-version=2 HTTP/1.1",
            b"host: 127.0.0.1:%d" % server.port,
            b"accept-encoding: identity",
            b"authorization: Bearer sk-1",
            b"content-type: application/json",
            b"content-length: 7",
            b"",
            b"",
        ]
        assert body == b'{"a":1}'

    async def test_a_get_has_no_content_length_and_an_empty_post_has_zero(self, transport, server_that):
        server = await server_that(answering(OK))
        await (await ask(transport, server, "GET", b"")).body()
        await (await ask(transport, server, "POST", b"")).body()
        assert [b"content-length: 0" in head for head, _ in server.requests] == [False, True]

    async def test_a_body_of_megabytes_arrives_whole(self, transport, server_that):
        server = await server_that(answering(OK))
        body = bytes(range(256)) * 20_000
        assert await (await ask(transport, server, body=body)).body() == b"ok"
        assert server.requests[0][1] == body

    @pytest.mark.parametrize("value", [b"a\r\nx-evil: 1", b"a\nb", b"a\rb", b"a\0b"])
    async def test_a_header_value_cannot_smuggle_a_line(self, transport, value):
        with pytest.raises(ValueError, match="line break") as caught:
            await transport.request("POST", "http://127.0.0.1:1/", [(b"x-a", b"1"), (b"x-key", value)], b"", TIMEOUTS)
        assert "x-key" in str(caught.value)
        assert "evil" not in str(caught.value)

    @pytest.mark.parametrize("name", [b"x a", b"x:a", b"", b"x\r\na", b"\xc3\xa9"])
    async def test_a_header_name_must_be_a_token(self, transport, name):
        with pytest.raises(ValueError, match="cannot be a header's name"):
            await transport.request("POST", "http://127.0.0.1:1/", [(name, b"1")], b"", TIMEOUTS)

    @pytest.mark.parametrize("name", [b"Host", b"content-length", b"Transfer-Encoding", b"connection"])
    async def test_framing_headers_belong_to_the_client(self, transport, name):
        with pytest.raises(ValueError, match="written by the HTTP client"):
            await transport.request("POST", "http://127.0.0.1:1/", [(name, b"1")], b"", TIMEOUTS)

    async def test_a_method_that_is_not_one_is_refused(self, transport):
        with pytest.raises(ValueError, match="not a method"):
            await transport.request("POST / HTTP/1.1\r\n", "http://127.0.0.1:1/", (), b"", TIMEOUTS)


class TestTarget:
    @pytest.mark.parametrize(
        ("url", "origin", "host_header", "path"),
        [
            ("https://api.example.com", "https://api.example.com:443", "api.example.com", "/"),
            ("https://API.example.com:443/v1/", "https://api.example.com:443", "api.example.com", "/v1/"),
            ("http://localhost:8080/v1?a=b&c", "http://localhost:8080", "localhost:8080", "/v1?a=b&c"),
            ("http://[::1]:8080/v1", "http://[::1]:8080", "[::1]:8080", "/v1"),
            ("http://bücher.example/ä", "http://xn--bcher-kva.example:80", "xn--bcher-kva.example", "/%C3%A4"),
            ("http://h/a%20b#part", "http://h:80", "h", "/a%20b"),
            ("http://h?q=1", "http://h:80", "h", "/?q=1"),
        ],
    )
    def test_a_url_is_taken_apart(self, url, origin, host_header, path):
        target = Target.parse(url)
        assert (target.origin, target.host_header, target.path) == (origin, host_header, path)

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://h/",
            "api.example.com/v1",
            "http:///v1",
            "http://h:99999/",
            "http://h/a b",
            "http://h/\r\nx: y",
            "http://h/\x7f",
            "http://user:secret@h/",
            "http://[::1/",
            "http://" + "ü" * 80 + ".example/",
        ],
    )
    def test_a_url_that_cannot_be_requested_is_refused(self, url):
        with pytest.raises(ValueError, match="URL") as caught:
            Target.parse(url)
        assert "\n" not in str(caught.value)
        assert "secret" not in str(caught.value)

    def test_an_endpoint_below_keeps_the_query(self):
        base = Target.parse("https://h/openai/v1/?api-version=3")
        assert base.at("/chat/completions").path == "/openai/v1/chat/completions?api-version=3"
        assert base.at("models?limit=1").path == "/openai/v1/models?api-version=3&limit=1"
        assert base.at("/x").head.startswith(b" /openai/v1/x?api-version=3 HTTP/1.1\r\nhost: h\r\n")

    def test_an_endpoint_below_cannot_smuggle_a_line(self):
        with pytest.raises(ValueError, match="control character"):
            Target.parse("https://h/").at("/x HTTP/1.1\r\nx: y")


class TestBodies:
    async def test_headers_are_found_in_any_case_and_the_first_of_two_wins(self, transport, server_that):
        server = await server_that(
            answering(b"HTTP/1.1 200 OK\r\nX-Id: 1\r\nx-empty:\r\nx-id: 2\r\nContent-Length: 0\r\n\r\n")
        )
        reply = await ask(transport, server)
        assert [reply.header(name) for name in (b"x-ID", b"X-Empty", b"x-none")] == [b"1", b"", None]

    @pytest.mark.parametrize(
        ("response", "body"),
        [
            (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nt: 1\r\n\r\n",
                b"hello",
            ),
            (b"HTTP/1.1 503 \r\ncontent-length: 5\r\n\r\nhello", b"hello"),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b"ok"),
            (
                b"HTTP/1.1 103 H\r\nlink: a\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok",
                b"ok",
            ),
        ],
    )
    @pytest.mark.parametrize("size", [1, 7, 10_000])
    async def test_a_body_is_the_same_however_it_is_cut(self, transport, server_that, response, body, size):
        parts = [response[i : i + size] for i in range(0, len(response), size)]
        server = await server_that(answering(*parts))
        for _ in range(2):
            reply = await ask(transport, server)
            assert await reply.body() == body
            assert await reply.read() == b""
        assert len(server.peers) == 1

    async def test_interim_responses_leave_no_headers_behind(self, transport, server_that):
        server = await server_that(answering(b"HTTP/1.1 103 Hints\r\nlink: a\r\n\r\n" + OK))
        reply = await ask(transport, server)
        assert (reply.status, reply.header(b"link"), await reply.body()) == (200, None, b"ok")

    async def test_a_body_without_a_length_ends_with_its_connection(self, transport, server_that):
        server = await server_that(once(b"HTTP/1.1 200 OK\r\n\r\n", b"hel", b"lo"))
        for _ in range(2):
            assert await (await ask(transport, server)).body() == b"hello"
        assert len(server.peers) == 2

    @pytest.mark.parametrize(
        ("method", "response"),
        [
            ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
            ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"),
            ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 3\r\n\r\n"),
            ("POST", b"HTTP/1.1 204 No Content\r\n\r\n"),
            ("POST", b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n"),
            ("POST", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"),
        ],
    )
    async def test_a_response_that_has_no_body_ends_with_its_head(self, transport, server_that, method, response):
        server = await server_that(answering(response))
        for _ in range(2):
            assert await (await ask(transport, server, method)).body() == b""
        assert len(server.peers) == 1

    @pytest.mark.parametrize(
        "response",
        [
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        ],
    )
    async def test_a_body_sent_for_a_head_request_ends_the_connection(self, transport, server_that, response):
        server = await server_that(answering(response))
        for _ in range(2):
            assert await (await ask(transport, server, "HEAD")).body() == b""
        assert len(server.peers) == 2

    async def test_a_trailer_is_not_a_header(self, transport, server_that):
        response = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-late: 1\r\n\r\n"
        reply = await ask(transport, await server_that(answering(response)))
        assert (await reply.body(), reply.header(b"x-late")) == (b"", None)

    async def test_parts_come_as_they_arrive(self, transport, server_that):
        go = asyncio.Event()

        async def talk(peer):
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst")
            await go.wait()
            await peer.say(b"later")

        reply = await ask(transport, await server_that(talk))
        assert await reply.read() == b"first"
        go.set()
        assert [await reply.read(), await reply.read(), await reply.read()] == [b"later", b"", b""]

    async def test_two_readers_of_one_reply_are_told_off(self, transport, server_that):
        async def talk(peer):
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
            await peer.hangup()

        reply = await ask(transport, await server_that(talk))
        first = asyncio.create_task(reply.read())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks"):
            await reply.read()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


def encoded(encoding: bytes, body: bytes, framing: bytes = b"") -> bytes:
    framing = framing or b"content-length: %d\r\n" % len(body)
    return b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\n%b\r\n%b" % (encoding, framing, body)


def bare_deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


TEXT = b"a server that compresses although it was asked not to. " * 100


class TestEncodings:
    @pytest.mark.parametrize(
        ("encoding", "data"),
        [
            (b"gzip", gzip.compress(TEXT)),
            (b"X-GZip", gzip.compress(TEXT)),
            (b"gzip", gzip.compress(TEXT[:100]) + gzip.compress(b"") + gzip.compress(TEXT[100:])),
            (b"deflate", zlib.compress(TEXT)),
            (b"deflate", bare_deflate(TEXT)),
            (b"identity", TEXT),
        ],
    )
    @pytest.mark.parametrize("size", [1, 100_000])
    async def test_a_body_compressed_unasked_is_unfolded(self, transport, server_that, encoding, data, size):
        response = encoded(encoding, data)
        server = await server_that(answering(*(response[i : i + size] for i in range(0, len(response), size))))
        for _ in range(2):
            assert await (await ask(transport, server)).body() == TEXT
        assert len(server.peers) == 1

    async def test_headers_about_the_compressed_bytes_are_not_passed_on(self, transport, server_that):
        reply = await ask(transport, await server_that(answering(encoded(b"gzip", gzip.compress(TEXT)))))
        assert (reply.header(b"Content-Encoding"), reply.header(b"content-length")) == (None, None)

    async def test_an_empty_compressed_body_is_empty(self, transport, server_that):
        assert await (await ask(transport, await server_that(answering(encoded(b"gzip", b""))))).body() == b""

    @pytest.mark.parametrize(
        ("response", "message"),
        [
            (encoded(b"br", b"x"), "content-encoding b'br'"),
            (encoded(b"gzip, gzip", b"x"), "content-encoding b'gzip, gzip'"),
            (encoded(b"gzip", b"this is not gzip"), "cannot undo"),
            (encoded(b"gzip", gzip.compress(TEXT)[:-9]), "cut short"),
            (encoded(b"gzip", gzip.compress(TEXT)[:-9], b"transfer-encoding: gzip\r\n"), "transfer-encoding b'gzip'"),
        ],
    )
    async def test_what_cannot_be_unfolded_is_a_protocol_violation(self, transport, server_that, response, message):
        server = await server_that(answering(response))
        with pytest.raises(ProtocolViolation, match=message) as caught:
            await (await ask(transport, server)).body()
        assert f"127.0.0.1:{server.port} " in str(caught.value)


class TestBrokenServers:
    @pytest.mark.parametrize(
        "response",
        [
            b"SSH-2.0-OpenSSH\r\n",
            b"<html>hello</html>",
            b"HTTP/1.1 abc\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        ],
    )
    async def test_a_malformed_head_is_a_protocol_violation(self, transport, server_that, response):
        server = await server_that(once(response))
        with pytest.raises(ProtocolViolation, match=f"^127.0.0.1:{server.port} .*$"):
            await ask(transport, server)
        assert len(server.requests) == 1

    async def test_malformed_chunks_fail_the_body_after_what_was_good(self, transport, server_that):
        server = await server_that(
            answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", b"zz\r\n")
        )
        reply = await ask(transport, server)
        assert await reply.read() == b"ok"
        with pytest.raises(ProtocolViolation):
            await reply.read()
        with pytest.raises(ProtocolViolation):
            await reply.read()

    @pytest.mark.parametrize(
        "framing", [b"content-length: 100", b"transfer-encoding: chunked"], ids=["content-length", "chunked"]
    )
    async def test_half_an_answer_and_a_close_is_a_dropped_connection(self, transport, server_that, framing):
        server = await server_that(once(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n5\r\nhello\r\n"))
        reply = await ask(transport, server)
        assert await reply.read() != b""
        with pytest.raises(ConnectionDropped, match=f"^127.0.0.1:{server.port} closed .* middle of its answer"):
            await reply.read()

    async def test_half_a_head_and_a_close_is_a_dropped_connection(self, transport, server_that):
        server = await server_that(once(b"HTTP/1.1 200 OK\r\ncontent-le"))
        with pytest.raises(ConnectionDropped, match="middle of the response head"):
            await ask(transport, server)
        assert len(server.requests) == 1

    async def test_a_reset_within_a_body_without_length_is_not_its_end(self, transport, server_that):
        async def talk(peer):
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\n\r\nhello")
            await go.wait()
            peer.writer.transport.abort()

        go = asyncio.Event()
        reply = await ask(transport, await server_that(reset_after(talk)))
        assert await reply.read() == b"hello"
        go.set()
        with pytest.raises(ConnectionDropped):
            await reply.read()


def reset_after(talk):
    """Close with a reset instead of an orderly end."""

    async def resetting(peer):
        sock = peer.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await talk(peer)

    return resetting
