"""Servers on this machine: whoever answers in OpenAI's shape is in, everybody else is left out in good time."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from tritium.providers.detect import detect_servers
from tritium.providers.registry import Vendor
from tritium.providers.transport import ConnectFailed


def http(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


MODELS = json.dumps({"object": "list", "data": [{"id": "llama3:8b", "owned_by": "x"}, {"id": "qwen3"}]}).encode()


def says(reply: bytes) -> Any:
    async def talk(peer: Any) -> None:
        await peer.request()
        await peer.say(reply)

    return talk


async def hangs(peer: Any) -> None:
    await peer.request()
    await peer.hangup()


async def drips(peer: Any) -> None:
    """A head at once, then a byte now and then: never silent, never done."""
    await peer.request()
    await peer.say(b"HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\n")
    while True:
        await peer.say(b" ")
        await asyncio.sleep(0.2)


async def hangs_up(peer: Any) -> None:
    await peer.request()


def row(port: int, **changes: Any) -> Vendor:
    return Vendor("Server", f"http://127.0.0.1:{port}/v1", loopback=True, **changes)


async def test_a_server_that_answers_is_in_with_its_models(server_that, transport):
    server = await server_that(says(http(MODELS)))

    found = await detect_servers({"server": row(server.port)}, {}, transport)

    assert found == {"server": ["llama3:8b", "qwen3"]}
    ((head, body),) = server.requests
    assert head.startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert b"authorization" not in head
    assert body == b""


async def test_a_server_that_wants_a_key_gets_the_one_there_is(server_that, transport):
    server = await server_that(says(http(MODELS)))

    await detect_servers({"server": row(server.port, keys=("SERVER_KEY",))}, {"SERVER_KEY": "s3cret\n"}, transport)

    assert b"authorization: Bearer s3cret\r\n" in server.requests[0][0]


@pytest.mark.parametrize(
    "reply",
    [
        http(MODELS, 404),
        http(MODELS, 302),
        http(b"<html>It works!</html>"),
        http(b'{"data":[]}'),
        http(b'{"data":[{"name":"llama3"}]}'),
        http(b'["llama3"]'),
        http(b'{"data":[{"id":"\xff"}]}'),
        http(b"["* 50_000),
        http(b'{"data":[{"id":"a"}]}' + b" " * 1_000_001),
        b"220 mail.example ESMTP\r\n",
        b"\x15\x03\x01\x00\x02\x02P",
        b"",
    ],
    ids=lambda reply: repr(reply[:12]) + str(len(reply)),
)  # fmt: skip
async def test_who_answers_anything_else_is_left_out(server_that, transport, reply):
    wrong, right = await server_that(says(reply)), await server_that(says(http(MODELS)))

    found = await detect_servers({"wrong": row(wrong.port), "right": row(right.port)}, {}, transport)

    assert list(found) == ["right"]


async def test_who_is_slow_is_left_out_after_two_seconds_and_holds_nobody_up(server_that, transport):
    slow = [await server_that(talk) for talk in (hangs, drips, hangs_up)]
    right = await server_that(says(http(MODELS)))
    rows = {f"slow-{number}": row(server.port) for number, server in enumerate(slow)}
    started = time.monotonic()

    found = await detect_servers({**rows, "closed": row(1), "right": row(right.port)}, {}, transport)

    assert list(found) == ["right"]
    assert time.monotonic() - started < 4


async def test_nobody_beyond_this_machine_is_asked():
    class Nobody:
        def __init__(self) -> None:
            self.asked: list[str] = []

        async def request(self, method: str, url: str, *_: Any) -> Any:
            self.asked.append(url)
            raise ConnectFailed

    rows = {
        "vendor": Vendor("Vendor", "http://127.0.0.1:1/v1"),
        "moved": Vendor("Moved", "http://example.invalid:1/v1", loopback=True),
        "named": Vendor("Named", "http://localhost:1/v1", loopback=True),
        "sixth": Vendor("Sixth", "http://[::1]:1/v1", loopback=True),
    }
    nobody = Nobody()

    assert await detect_servers(rows, {}, nobody) == {}
    assert nobody.asked == ["http://localhost:1/v1/models", "http://[::1]:1/v1/models"]
