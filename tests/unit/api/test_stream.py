"""Events as they are written: the status as late as it can be, comments only while it is quiet, one end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tritium.api.stream import COMMIT_SECONDS, EventStream


class Sent:
    """What went out, and how slowly the client reads."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, message: dict[str, Any]) -> None:
        await self.open.wait()
        self.messages.append(message)

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.messages if message["type"] == "http.response.body"]


@pytest.fixture
def sent() -> Sent:
    return Sent()


async def test_nothing_is_sent_before_there_is_something_to_say(sent):
    async with EventStream(sent, [], 5) as stream:
        await asyncio.sleep(0.02)
        assert not stream.started

    assert sent.messages == []


async def test_the_status_comes_once_and_first_and_the_end_last(sent):
    async with EventStream(sent, [(b"x-generation-id", b"gen-1")], 5) as stream:
        await stream.write(b"data: 1\n\n")
        assert stream.started
        await stream.write(b"data: 2\n\n")
        await stream.end(b"data: [DONE]\n\n")

    start, *bodies = sent.messages
    assert (start["type"], start["status"]) == ("http.response.start", 200)
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert headers[b"x-generation-id"] == b"gen-1"
    assert headers[b"x-accel-buffering"] == b"no"
    assert [(message["body"], message["more_body"]) for message in bodies] == [
        (b"data: 1\n\n", True),
        (b"data: 2\n\n", True),
        (b"data: [DONE]\n\n", False),
    ]


async def test_an_answer_without_a_word_still_ends(sent):
    async with EventStream(sent, [], 5) as stream:
        await stream.end(b"data: [DONE]\n\n")

    assert sent.bodies == [b"data: [DONE]\n\n"]


async def test_a_quiet_stream_begins_after_a_second_and_is_kept_alive_and_a_busy_one_needs_no_comments(sent):
    busy = Sent()
    async with EventStream(sent, [], 0.05) as stream, EventStream(busy, [], 60) as talking:
        await talking.write(b"data: 1\n\n")
        await asyncio.sleep(COMMIT_SECONDS + 0.2)
        assert stream.started
        comments = len(sent.bodies)
        await stream.end(b"data: [DONE]\n\n")
        await asyncio.sleep(0.1)

    assert sent.messages[0]["type"] == "http.response.start"
    assert comments >= 2
    assert sent.bodies == [b": TRITIUM PROCESSING\n\n"] * comments + [b"data: [DONE]\n\n"]
    assert busy.bodies == [b"data: 1\n\n"]


async def test_writing_waits_for_a_client_that_reads_slowly(sent):
    sent.open.clear()
    async with EventStream(sent, [], 5) as stream:
        writing = asyncio.create_task(stream.write(b"data: 1\n\n"))
        await asyncio.sleep(0.02)
        assert not writing.done()
        sent.open.set()
        await writing

    assert sent.bodies == [b"data: 1\n\n"]


async def test_nothing_is_left_running(sent):
    before = asyncio.all_tasks()

    async with EventStream(sent, [], 5):
        await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before
