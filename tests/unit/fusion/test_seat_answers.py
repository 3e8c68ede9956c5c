"""One call for all who ask the same at the same time; whoever leads it may leave, and it may fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tritium.chat import ChatRequest, Chunk, collect, text_chunk
from tritium.errors import UpstreamUnavailable
from tritium.fusion.seat_answers import SeatAnswers
from tritium.model import Call
from tritium.shared.local import LocalCache


class Slow:
    """A model that answers when it is told to, and counts."""

    id = "slow"

    def __init__(self, *, fails: bool = False) -> None:
        self.asked = 0
        self.go = asyncio.Event()
        self.fails = fails

    @asynccontextmanager
    async def answer(self, _request: ChatRequest, _call: Call) -> AsyncIterator[AsyncIterator[Chunk]]:
        self.asked += 1
        yield self._chunks()

    async def _chunks(self) -> AsyncIterator[Chunk]:
        await self.go.wait()
        if self.fails:
            raise UpstreamUnavailable("No.", provider="slow")
        yield text_chunk("fifty-")
        yield text_chunk("one", "stop")


def asking(**fields: Any) -> ChatRequest:
    return ChatRequest.build("slow", [{"role": "user", "content": "?"}], **fields)


@pytest.fixture
def answers() -> SeatAnswers:
    return SeatAnswers(LocalCache())


@pytest.fixture
def ask(answers: SeatAnswers, call: Call) -> Any:
    async def ask(model: Any, request: ChatRequest | None = None, seconds: float = 60) -> str:
        (seat,) = answers.seats([model], seconds)
        async with seat.answer(request or asking(), call.child("seat")) as chunks:
            return (await collect(chunks)).text

    return ask


async def some_turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_followers_get_the_leaders_answer_for_nothing(ask, kept, answers):
    model = Slow()
    tasks = [asyncio.create_task(ask(model)) for _ in range(3)]
    await some_turns()
    model.go.set()

    assert await asyncio.gather(*tasks) == ["fifty-one"] * 3
    assert model.asked == 1
    assert [row.cost_nanodollars for row in kept.rows] == [0, 0]
    assert not answers._flights


async def test_a_follower_takes_over_from_a_leader_who_leaves(ask, answers):
    model = Slow()
    leader, *followers = [asyncio.create_task(ask(model)) for _ in range(3)]
    await some_turns()
    leader.cancel()
    await some_turns()
    assert model.asked == 2
    model.go.set()

    assert await asyncio.gather(*followers) == ["fifty-one"] * 2
    assert model.asked == 2
    assert not answers._flights


async def test_a_follower_who_leaves_disturbs_nobody(ask):
    model = Slow()
    leader, follower, other = [asyncio.create_task(ask(model)) for _ in range(3)]
    await some_turns()
    follower.cancel()
    await some_turns()
    model.go.set()

    assert await asyncio.gather(leader, other) == ["fifty-one"] * 2
    assert model.asked == 1


async def test_when_the_leaders_call_fails_everybody_asks_for_themselves(ask, answers):
    model = Slow(fails=True)
    tasks = [asyncio.create_task(ask(model)) for _ in range(3)]
    await some_turns()
    model.go.set()

    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in found] == [UpstreamUnavailable] * 3
    assert model.asked == 3
    assert not answers._flights


async def test_only_whole_answers_are_kept(ask, answers, call):
    model = Slow()
    model.go.set()
    (seat,) = answers.seats([model], 60)
    async with seat.answer(asking(), call.child("seat")) as chunks:
        async for _ in chunks:
            break  # left in the middle

    assert await ask(model) == "fifty-one"
    assert model.asked == 2


@pytest.mark.parametrize("other", [{"temperature": 1}, {"seed": 7}, {"max_tokens": 9}])
async def test_another_parameter_is_another_question(ask, other):
    model = Slow()
    model.go.set()
    await ask(model)
    await ask(model, asking(stream=True))
    assert model.asked == 1, "streamed or not is the same question"
    await ask(model, asking(**other))
    assert model.asked == 2


async def test_an_answer_is_forgotten_after_its_time(ask):
    model = Slow()
    model.go.set()
    await ask(model, seconds=0.05)
    await asyncio.sleep(0.1)
    await ask(model)
    assert model.asked == 2


async def test_what_may_not_be_kept_is_marked(call):
    answers = SeatAnswers(LocalCache(), lambda value: {**value, "text": "[REDACTED]"})
    model = Slow()
    model.go.set()
    texts = []
    for _ in range(2):
        (seat,) = answers.seats([model], 60)
        async with seat.answer(asking(), call.child("seat")) as chunks:
            texts.append((await collect(chunks)).text)
    assert texts == ["fifty-one", "[REDACTED]"]
