"""One exchange in ASGI terms: a body within its limit, an answer with its length, and the moment the client leaves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tritium.api.exchange import ClientLeft, cancelled_when_client_leaves, read_body, send_json
from tritium.errors import InvalidRequest, PayloadTooLarge

GONE = {"type": "http.disconnect"}


def scope(**headers: bytes) -> dict[str, Any]:
    return {"type": "http", "headers": [(name.replace("_", "-").encode(), value) for name, value in headers.items()]}


def receiving(*messages: dict[str, Any]) -> Any:
    """A `receive` that gives these and then waits, as a server does whose client is still there."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_in_parts_is_one_body():
    parts = [part(b"on", more=True), part(b"", more=True), part(b"e"), GONE]

    assert await read_body(scope(), receiving(*parts), 3) == b"one"
    assert await read_body(scope(content_length=b"3"), receiving(part(b"one")), 3) == b"one"
    assert await read_body(scope(), receiving({"type": "http.request", "body": b"x"}), 3) == b"x"


async def test_a_body_that_says_it_is_too_large_is_not_read():
    with pytest.raises(
        PayloadTooLarge, match=r"larger than the 1,000 bytes this server takes \(server.max_body_bytes\)"
    ):
        await read_body(scope(content_length=b"1001"), receiving(), 1000)


@pytest.mark.parametrize("length", [b"3", b"nonsense", b"-1"])
async def test_a_body_that_lied_about_its_size_is_cut_off(length):
    with pytest.raises(PayloadTooLarge):
        await read_body(scope(content_length=length), receiving(part(b"x" * 900, more=True), part(b"x" * 101)), 1000)


async def test_an_endless_body_is_cut_off_at_the_limit():
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 100
        return part(b"x" * 100, more=True)

    with pytest.raises(PayloadTooLarge):
        await read_body(scope(), receive, 1000)
    assert read == 1100


async def test_no_body_is_a_mistake():
    with pytest.raises(InvalidRequest, match="The body is empty"):
        await read_body(scope(), receiving(part(b"", more=True), {"type": "http.request"}), 1000)


async def test_a_client_that_leaves_before_its_body_is_whole_is_no_request():
    with pytest.raises(ClientLeft):
        await read_body(scope(), receiving(part(b"{", more=True), GONE), 1000)


@pytest.mark.parametrize(
    ("document", "body"), [({"a": None, "é": 1}, '{"a":null,"é":1}'.encode()), (b'{"raw": 1}', b'{"raw": 1}')]
)
async def test_an_answer_has_its_length_and_bytes_are_sent_as_they_are(document, body):
    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    await send_json(send, 418, document, [(b"x-more", b"1")])

    start, rest = sent
    assert start == {
        "type": "http.response.start",
        "status": 418,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), (b"x-more", b"1")],
    }
    assert rest == {"type": "http.response.body", "body": body}
    assert json.loads(body)


async def test_a_client_that_leaves_cancels_what_is_under_way_and_nothing_after_it():
    log = []
    before = asyncio.all_tasks()

    async def leave_soon() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return GONE

    async with asyncio.timeout(5), cancelled_when_client_leaves(leave_soon):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    await asyncio.sleep(0.01)  # not cancelled
    assert log == ["closed"]
    assert asyncio.current_task().cancelling() == 0
    assert asyncio.all_tasks() == before


async def test_a_client_that_stays_leaves_everything_to_its_end():
    before = asyncio.all_tasks()

    async with cancelled_when_client_leaves(receiving(part(b""))):
        await asyncio.sleep(0.01)

    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_cancellation_from_elsewhere_is_not_swallowed():
    async def handle() -> None:
        async with cancelled_when_client_leaves(receiving()):
            await asyncio.Event().wait()

    handling = asyncio.create_task(handle())
    await asyncio.sleep(0.01)
    handling.cancel()

    with pytest.raises(asyncio.CancelledError):
        await handling


async def test_a_failure_inside_comes_out():
    with pytest.raises(LookupError):
        async with cancelled_when_client_leaves(receiving()):
            raise LookupError
