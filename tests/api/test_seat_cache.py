"""Seats' answers that are kept: the same caller's same question costs once, and says so."""

from __future__ import annotations

import asyncio

import httpx


async def ask(client, live, *panel, key=None, question="How much?", **options):
    body = {
        "model": "tritium/fusion",
        "messages": [{"role": "user", "content": question}],
        "fusion": {"panel": list(panel), "quorum": len(panel), "strategy": "vote", "seat_cache": "on", **options},
    }
    headers = {"authorization": f"Bearer {key}"} if key else {}
    reply = await client.post(f"{live.url}/v1/chat/completions", json=body, headers=headers, timeout=20)
    assert reply.status_code == 200, reply.text
    return reply.json()


def cached(answer):
    return [seat["cached"] for seat in answer["fusion"]["seats"]]


def vendor(upstream):
    price = {"input": 1, "output": 1}
    return {
        "providers": {"vendor": {"base_url": upstream.url}},
        "prices": {"vendor/a": price, "vendor/b": price},
    }


async def test_the_same_question_is_answered_from_memory_at_no_cost(serve, upstream, wire):
    upstream.reply = wire.completion("51")
    live = await serve(vendor(upstream))
    async with httpx.AsyncClient() as client:
        first = await ask(client, live, "vendor/a", "vendor/b")
        again = await ask(client, live, "vendor/a", "vendor/b")
        other = await ask(client, live, "vendor/a", "vendor/b", question="How little?")
        off = await ask(client, live, "vendor/a", "vendor/b", seat_cache="off")

    assert [cached(each) for each in (first, again, other, off)] == [[False] * 2, [True] * 2, [False] * 2, [False] * 2]
    assert len(upstream.requests) == 6
    assert first["usage"]["cost"] > 0
    assert again["usage"]["cost"] == 0
    assert again["choices"][0]["message"]["content"] == "51"
    assert again["fusion"]["receipt"]["best_single_cost_usd"] is None


async def test_samples_of_one_model_are_answers_of_their_own(serve, upstream, wire):
    upstream.reply = wire.completion("51")
    live = await serve(vendor(upstream))
    async with httpx.AsyncClient() as client:
        await ask(client, live, "vendor/a", "vendor/a")
        assert len(upstream.requests) == 2
        assert cached(await ask(client, live, "vendor/a", "vendor/a", "vendor/a")) == [True, True, False]


async def test_nobody_is_given_what_another_caller_was_answered(serve, upstream, wire):
    upstream.reply = wire.completion("51")
    live = await serve(vendor(upstream))
    _, mine = await live.running.accounts.create("mine")
    _, theirs = await live.running.accounts.create("theirs")
    async with httpx.AsyncClient() as client:
        found = [cached(await ask(client, live, "vendor/a", "vendor/b", key=key)) for key in (mine, theirs, mine)]

    assert found == [[False] * 2, [False] * 2, [True] * 2]


async def test_who_asks_the_same_at_the_same_time_shares_one_call(serve):
    live = await serve()
    panel = "scripted/say=51;delay=200", "scripted/say=51;delay=201"
    async with httpx.AsyncClient() as client:
        answers = await asyncio.gather(*(ask(client, live, *panel) for _ in range(5)))

    paid = [answer for answer in answers if answer["usage"]["cost"]]
    assert len(paid) == 1
    assert {answer["choices"][0]["message"]["content"] for answer in answers} == {"51"}
