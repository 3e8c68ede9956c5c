"""Exactly one Generation for every answer that was entered, whatever happened in between, and the figures in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tritium.chat import ChatRequest, Choice, Chunk, Delta, FunctionCall, ToolCall, Usage, collect, text_chunk
from tritium.errors import UpstreamError, UpstreamRejected, UpstreamTimeout, UpstreamUnavailable
from tritium.ledger.prices import Prices
from tritium.model import Call
from tritium.providers.upstream import Upstream

PRICES = Prices(Decimal(1), Decimal(2))
REQUEST = ChatRequest.build("acme/m", [{"role": "user", "content": "x" * 370}])
ASKED = 100
"""Tokens that its 400 bytes of messages are estimated at."""

Play = Callable[[], AsyncGenerator[Chunk, None]]


class Plays:
    """A source that opens after `opening` and then plays."""

    def __init__(self, play: Play, opening: Callable[[], Any] | None = None) -> None:
        self.play = play
        self.opening = opening
        self.closed = 0

    @asynccontextmanager
    async def open(self, request: ChatRequest, model: str, call: Call) -> AsyncIterator[AsyncIterator[Chunk]]:
        if self.opening is not None:
            await self.opening()
        try:
            async with aclosing(self.play()) as chunks:
                yield chunks
        finally:
            self.closed += 1


def upstream(play: Play, opening: Callable[[], Any] | None = None, prices: Prices | None = PRICES) -> Upstream:
    return Upstream("acme/m", provider="acme", name="m", source=Plays(play, opening), prices=prices)


async def hello() -> AsyncGenerator[Chunk, None]:
    yield Chunk(usage=Usage(100, 0))
    yield text_chunk("Hel")
    yield text_chunk("lo", "stop", Usage(100, 2))


async def silent() -> AsyncGenerator[Chunk, None]:
    yield text_chunk("Hello wo")
    await asyncio.Event().wait()


def breaks(error: BaseException) -> Play:
    async def play() -> AsyncGenerator[Chunk, None]:
        yield text_chunk("Hell")
        raise error

    return play


def refuses(error: BaseException) -> Callable[[], Any]:
    async def opening() -> None:
        raise error

    return opening


async def test_an_answer_that_ended_is_one_row_with_everything_in_it(kept, call):
    async with upstream(hello).answer(REQUEST, call.child("judge")) as chunks:
        answer = await collect(chunks)
        assert kept.rows == []

    (row,) = kept.rows
    assert (answer.text, answer.model, answer.provider) == ("Hello", "acme/m", "acme")
    assert (row.model, row.provider, row.role, row.caller) == ("acme/m", "acme", "judge", "tests")
    assert (row.request_id, row.outcome, row.finish_reason, row.error) == (call.id, "ok", "stop", None)
    assert row.id != call.id
    assert row.usage == Usage(100, 2)
    assert row.cost_nanodollars == 100 * 1000 + 2 * 2000
    assert row.streamed is False
    assert 0 <= row.first_token_ms <= row.latency_ms


async def test_a_refused_call_costs_nothing_whatever_the_price(kept, call):
    error = UpstreamRejected("acme answered 400: no", provider="acme")

    with pytest.raises(UpstreamRejected):
        await upstream(hello, refuses(error), None).answer(REQUEST, call).__aenter__()

    (row,) = kept.rows
    assert (row.outcome, row.usage, row.cost_nanodollars) == ("failed", Usage(), 0)
    assert (row.error, row.first_token_ms) == ("acme answered 400: no", None)


def under_way(error: UpstreamError) -> UpstreamError:
    error.under_way = True
    return error


@pytest.mark.parametrize("error", [UpstreamTimeout("no connection in time", provider="acme")])
async def test_a_call_that_never_went_out_costs_nothing(kept, call, error):
    with pytest.raises(UpstreamTimeout):
        await upstream(hello, refuses(error)).answer(REQUEST, call).__aenter__()

    (row,) = kept.rows
    assert (row.outcome, row.usage, row.cost_nanodollars) == ("timeout", Usage(), 0)


@pytest.mark.parametrize("error", [under_way(UpstreamTimeout("late", provider="acme")), TimeoutError()])
async def test_a_call_that_timed_out_while_opening_may_have_been_worked_on(kept, call, error):
    with pytest.raises(type(error)):
        await upstream(hello, refuses(error)).answer(REQUEST, call).__aenter__()

    (row,) = kept.rows
    assert (row.outcome, row.usage) == ("timeout", Usage(ASKED, 0, estimated=True))
    assert row.cost_nanodollars == ASKED * 1000
    assert row.error == (str(error) or "TimeoutError")


async def test_an_answer_cancelled_while_opening_is_a_row(kept, call):
    async def ask() -> None:
        async with upstream(hello, asyncio.Event().wait).answer(REQUEST, call):
            pass

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    (row,) = kept.rows
    assert (row.outcome, row.usage.estimated, row.error) == ("cancelled", True, "CancelledError")


async def test_an_answer_cancelled_midway_is_billed_for_what_was_heard(kept, call):
    model = upstream(silent)

    async def ask() -> None:
        async with model.answer(REQUEST, call) as chunks:
            await collect(chunks)

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    (row,) = kept.rows
    assert (row.outcome, row.usage) == ("cancelled", Usage(ASKED, 2, estimated=True))
    assert model.source.closed == 1


async def test_an_answer_left_early_is_cancelled_and_closed(kept, call):
    model = upstream(silent)

    async with model.answer(REQUEST, call) as chunks:
        await anext(chunks)

    assert [(row.outcome, row.error) for row in kept.rows] == [("cancelled", None)]
    assert model.source.closed == 1


async def test_an_answer_left_after_its_finish_reason_is_whole(kept, call):
    async with upstream(hello).answer(REQUEST, call) as chunks:
        async for chunk in chunks:
            if chunk.finish_reason:
                break

    assert [row.outcome for row in kept.rows] == ["ok"]


async def test_an_answer_nobody_read_is_still_a_row(kept, call):
    async with upstream(hello).answer(REQUEST, call):
        pass

    assert [(row.outcome, row.first_token_ms) for row in kept.rows] == [("cancelled", None)]


async def test_an_answer_that_was_never_entered_is_none(kept, call):
    upstream(hello).answer(REQUEST, call)

    assert kept.rows == []


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (UpstreamUnavailable("broke off", provider="acme"), "failed"),
        (UpstreamTimeout("fell silent", provider="acme"), "timeout"),
        (ZeroDivisionError("a bug"), "failed"),
    ],
)
async def test_an_answer_that_broke_off_is_billed_for_what_was_heard(kept, call, error, outcome):
    async def ask() -> None:
        async with upstream(breaks(error)).answer(REQUEST, call) as chunks:
            await collect(chunks)

    with pytest.raises(type(error)):
        await ask()

    (row,) = kept.rows
    assert (row.outcome, row.usage, row.error) == (outcome, Usage(ASKED, 1, estimated=True), str(error))


async def test_a_reader_who_fails_is_a_failed_row_and_the_source_is_closed(kept, call):
    model = upstream(hello)

    async def ask() -> None:
        async with model.answer(REQUEST, call) as chunks:
            await anext(chunks)
            raise LookupError

    with pytest.raises(LookupError):
        await ask()

    (row,) = kept.rows
    assert (row.outcome, row.usage, row.error) == ("failed", Usage(100, 0), "LookupError")
    assert model.source.closed == 1


async def test_a_source_that_fails_to_close_is_settled_all_the_same(kept, call):
    class Sticks(Plays):
        @asynccontextmanager
        async def open(self, request: ChatRequest, model: str, call: Call) -> AsyncIterator[AsyncIterator[Chunk]]:
            yield self.play()
            raise OSError

    model = Upstream("acme/m", provider="acme", name="m", source=Sticks(hello), prices=PRICES)

    async def ask() -> None:
        async with model.answer(REQUEST, call) as chunks:
            await collect(chunks)

    with pytest.raises(OSError):  # noqa: PT011 - any
        await ask()

    assert len(kept.rows) == 1


async def test_usage_that_was_never_reported_is_estimated_and_says_so(kept, call):
    async def mute() -> AsyncGenerator[Chunk, None]:
        yield Chunk([Choice(0, Delta(reasoning="x" * 10, content="x" * 11))])
        yield Chunk([Choice(0, Delta(reasoning_content="x" * 4))])
        yield Chunk(
            [Choice(0, Delta(tool_calls=[ToolCall(0, "id", "function", FunctionCall("look", "{12345}"))]), "stop")]
        )

    async with upstream(mute).answer(REQUEST, call) as chunks:
        await collect(chunks)

    (row,) = kept.rows
    assert row.usage == Usage(ASKED, 9, estimated=True)  # 10 + 11 + 4 + 4 + 7 characters, four a token
    assert row.cost_nanodollars == ASKED * 1000 + 9 * 2000


async def test_without_a_price_the_cost_is_unknown(kept, call):
    async with upstream(hello, None, None).answer(REQUEST, call) as chunks:
        await collect(chunks)

    assert kept.rows[0].cost_nanodollars is None


@pytest.mark.parametrize(
    "first",
    [
        Delta(content="x"),
        Delta(reasoning="x"),
        Delta(reasoning_content="x"),
        Delta(tool_calls=[ToolCall(0, "id", "function", FunctionCall("f", ""))]),
    ],
)
async def test_the_first_token_is_the_first_that_says_something(kept, call, first):
    pause = 0.03

    async def slow() -> AsyncGenerator[Chunk, None]:
        yield Chunk([Choice(0, Delta(role="assistant", content=""))], Usage(1, 0))
        await asyncio.sleep(pause)
        yield Chunk([Choice(0, first)])
        await asyncio.sleep(pause)
        yield text_chunk("", "stop")

    async with upstream(slow).answer(REQUEST, call) as chunks:
        await collect(chunks)

    (row,) = kept.rows
    assert pause * 0.9e3 <= row.first_token_ms <= row.latency_ms - pause * 0.9e3


async def test_two_answers_of_one_model_do_not_share_a_thing(kept, call):
    model = upstream(hello)
    first, second = model.answer(REQUEST, call), model.answer(REQUEST, call.child("seat"))

    async with first as one, second as two:
        await anext(one)
        await collect(two)

    assert [(row.role, row.outcome) for row in kept.rows] == [("seat", "ok"), ("solo", "cancelled")]
