"""The account of one request: what its answer's `usage` is made of, whoever was asked on the way."""

from __future__ import annotations

import asyncio

import pytest

from tritium.chat import ChatRequest, Usage, collect
from tritium.errors import InvalidRequest, UnknownModel, UpstreamRateLimited
from tritium.gateway import Gateway


@pytest.fixture
def gateway(catalog_of, kept) -> Gateway:
    panel = {"kind": "fusion", "panel": ["scripted/words=5", "scripted/words=6"], "strategy": "consensus", "quorum": 2}
    unknown = {**panel, "panel": ["scripted/words=5", "scripted/words=6;price=unknown"]}
    return Gateway(catalog_of(both=panel, unknown=unknown), kept)


def asking(model: str) -> ChatRequest:
    return ChatRequest.build(model, [{"role": "user", "content": "One two three"}])


async def test_a_plain_request_is_one_row_under_the_requests_own_id(gateway, kept):
    exchange = gateway.chat(asking("scripted/words=5"), caller="alice")
    async with exchange as chunks:
        answer = await collect(chunks)

    (row,) = kept.rows
    assert answer.text == "the panel compares what its"
    assert (row.id, row.request_id, row.caller) == (exchange.call.id, exchange.call.id, "alice")
    assert exchange.account.rows == kept.rows
    assert exchange.account.usage == row.usage == Usage(3, 5)
    assert exchange.account.cost_nanodollars == row.cost_nanodollars == 3 * 1000 + 5 * 2000


async def test_a_fusions_account_is_the_sum_of_what_it_caused(gateway, kept):
    exchange = gateway.chat(asking("both"))
    async with exchange as chunks:
        await collect(chunks)

    assert exchange.account.usage == Usage(6, 11)
    assert exchange.account.cost_nanodollars == 6 * 1000 + 11 * 2000
    assert {row.request_id for row in kept.rows} == {exchange.call.id}
    assert kept.runs[0][0] == exchange.call.id


async def test_one_unknown_price_makes_the_cost_unknown(gateway):
    exchange = gateway.chat(asking("unknown"))
    async with exchange as chunks:
        await collect(chunks)

    assert exchange.account.cost_nanodollars is None
    assert exchange.account.usage == Usage(6, 11)


@pytest.mark.parametrize(("model", "error"), [("acme/none", UnknownModel), ("scripted/wrods=5", InvalidRequest)])
async def test_a_wrong_name_is_refused_before_anything_is_opened(gateway, kept, model, error):
    with pytest.raises(error) as caught:
        gateway.chat(asking(model))

    assert caught.value.param == "model"
    assert kept.rows == []


async def test_a_refusal_comes_while_opening_and_is_in_the_account(gateway):
    exchange = gateway.chat(asking("scripted/error=429"))

    with pytest.raises(UpstreamRateLimited):
        await exchange.__aenter__()

    assert [(row.outcome, row.cost_nanodollars) for row in exchange.account.rows] == [("failed", 0)]


async def test_the_account_of_a_caller_who_left_says_what_was_used(gateway):
    exchange = gateway.chat(asking("scripted/stall=2"))
    heard = []

    async def listen() -> None:
        async with exchange as chunks:
            async for chunk in chunks:
                heard.append(chunk.text)  # noqa: PERF401 - it never ends

    listening = asyncio.create_task(listen())
    while sum(map(bool, heard)) < 2:  # noqa: ASYNC110 - the listener's list, not a thing that signals
        await asyncio.sleep(0)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening

    assert exchange.account.usage == Usage(3, 2)
    assert exchange.account.cost_nanodollars == 3 * 1000 + 2 * 2000
