"""Two gateways over one PostgreSQL and one Valkey, as replicas: what one is told, answers or learns holds for both."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import openai
import pytest

MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": "x"}]


@pytest.fixture
def replicas(postgresql_database, valkey, serve):  # in this order: the gateways end before what they stand on
    """Start two, or more."""

    async def start(config: dict[str, Any] | None = None, count: int = 2, **environment: str) -> list[Any]:
        settings = {"database_env": "THE_DATABASE", "shared": {"url_env": "THE_VALKEY"}, **(config or {})}
        environment |= {"THE_DATABASE": postgresql_database, "THE_VALKEY": valkey}
        return [await serve(settings, **environment) for _ in range(count)]

    return start


async def until(claim) -> None:
    async with asyncio.timeout(10):
        while not await claim():  # noqa: ASYNC110 nothing to wait for
            await asyncio.sleep(0.02)


async def test_what_one_answered_the_other_finds(replicas):
    one, two = await replicas()
    answer = await one.client.chat.completions.create(model="scripted/say=hi", messages=MESSAGES)
    assert [row.id for row in await two.rows(answer.id)]


async def test_an_answer_that_one_keeps_the_other_gives_again(replicas):
    one, two = await replicas()
    headers = {"X-OpenRouter-Cache": "true"}
    said = []
    for each in (one, two):
        reply = await each.client.chat.completions.with_raw_response.create(
            model="scripted/say=hi", messages=MESSAGES, extra_headers=headers
        )
        said.append((reply.headers["x-openrouter-cache-status"], reply.parse().choices[0].message.content))
    assert said == [("MISS", "hi"), ("HIT", "hi")]


async def test_a_seats_answer_that_one_keeps_the_other_uses(replicas):
    one, two = await replicas()
    panel = ["scripted/say=51", "scripted/say=51;delay=1"]
    options = {"fusion": {"panel": panel, "strategy": "vote", "quorum": 2, "seat_cache": "on"}}
    found = []
    for each in (one, two):
        answer = await each.client.chat.completions.create(
            model="tritium/fusion", messages=MESSAGES, extra_body=options
        )
        found.append([seat["cached"] for seat in answer.model_extra["fusion"]["seats"]])
    assert found == [[False, False], [True, True]]


async def test_a_run_under_way_in_one_is_known_to_the_other_which_says_where_it_can_be_watched(replicas):
    one, two = await replicas()
    options = {"fusion": {"panel": ["scripted/stall", "scripted/stall"], "events": True}}
    stream = await one.client.chat.completions.create(
        model="tritium/fusion", messages=MESSAGES, extra_body=options, stream=True
    )
    run_id = (await anext(stream)).id

    async def known() -> bool:
        return await two.running.records.run(run_id) is not None

    await until(known)
    async with httpx.AsyncClient(base_url=f"{two.url}/api/v1/fusion/runs/{run_id}") as client:
        run = (await client.get("")).json()["data"]
        events = await client.get("/events")
        replayed = await client.post("/replay", json={})
    await stream.close()

    assert run["outcome"] == "running"
    assert (events.status_code, replayed.status_code) == (409, 409)
    assert "under way in another process" in events.json()["error"]["message"]


async def test_a_keys_rate_holds_for_both(replicas):
    one, two = await replicas()
    _, secret = await one.running.accounts.create("limited", requests_per_minute=20)
    await asyncio.to_thread(two.running.accounts.keyring.load)
    answered = 0
    for _ in range(30):
        for each in (one, two):
            try:
                await each.client.with_options(api_key=secret).chat.completions.create(
                    model="scripted/say=hi", messages=MESSAGES
                )
                answered += 1
            except openai.RateLimitError:
                await asyncio.sleep(0.005)
    assert 18 <= answered <= 30, "twenty, what was drawn in advance, and what flowed in meanwhile"


async def asked(replica: Any, secret: str, **fields: Any) -> str:
    """`ok`, or why not."""
    try:
        await replica.client.with_options(api_key=secret).chat.completions.create(
            model="scripted/words=5", messages=MESSAGES, **fields
        )
    except openai.RateLimitError:
        return "rate"
    except openai.APIStatusError as error:
        return str(error.status_code)
    return "ok"


async def test_a_burst_at_four_exceeds_a_keys_rate_by_what_each_draws_in_advance_and_no_more(replicas):
    all_ = await replicas(count=4)
    _, secret = await all_[0].running.accounts.create("limited", requests_per_minute=40)
    for each in all_:
        await asyncio.to_thread(each.running.accounts.keyring.load)
    told = [
        each for _ in range(4) for each in await asyncio.gather(*(asked(r, secret) for r in all_ for _ in range(15)))
    ]
    assert set(told) == {"ok", "rate"}
    assert 30 <= told.count("ok") <= 40 + 4 * 2 * 2 + 4, "forty, a slice of two in advance for each, and what flowed in"


async def test_a_keys_tokens_a_minute_hold_for_both(replicas):
    one, two = await replicas()
    _, secret = await one.running.accounts.create("limited", tokens_per_minute=600)
    await asyncio.to_thread(two.running.accounts.keyring.load)
    tokens = 1 + 5
    answered = 0
    for _ in range(100):
        for each in (one, two):
            answered += await asked(each, secret, max_tokens=5) == "ok"
            await asyncio.sleep(0.002)
    assert 500 <= answered * tokens <= 600 + 2 * 2 * 30 + 60, "the limit, two slices for each, and what flowed in"


@pytest.mark.parametrize("away", [False, True])
async def test_a_keys_limit_holds_for_four_whether_they_can_tell_each_other_anything_or_not(
    postgresql_database, mortal_valkey, serve, away
):
    server = mortal_valkey()
    environment = {"THE_DATABASE": postgresql_database, "THE_VALKEY": server.url}
    settings = {"database_env": "THE_DATABASE", "shared": {"url_env": "THE_VALKEY"}}
    all_ = [await serve(settings, **environment) for _ in range(4)]
    cost = 1 * 1000 + 5 * 2000
    use, secret = await all_[0].running.accounts.create("limited", limit_nanodollars=100 * cost)
    for each in all_:
        await asyncio.to_thread(each.running.accounts.keyring.load)
    if away:
        server.stop()
    told: list[str] = []
    for _ in range(8):
        told += await asyncio.gather(*(asked(each, secret, max_tokens=5) for each in all_ for _ in range(8)))
    assert set(told) == {"ok", "402"}
    for each in all_:
        await each.running.ledger.aflush()
    assert (await all_[0].running.accounts.use(use.key.hash)).counted == told.count("ok") * cost
    assert 60 <= told.count("ok") <= 100


async def test_an_endpoint_that_failed_for_one_is_left_alone_by_the_other(replicas, upstream, wire):
    upstream.reply = wire.http(503, b"{}", headers=b"retry-after: 60\r\n")
    vendor = {"format": "openai", "base_url": upstream.url, "key_env": "VENDOR_KEY", "models": ["m1"]}
    one, two = await replicas({"providers": {"vendor": vendor}}, VENDOR_KEY="x")
    with pytest.raises(openai.APIStatusError):
        await one.client.chat.completions.create(model="vendor/m1", messages=MESSAGES)

    async def heard() -> bool:
        return two.running.shared.cooldowns.seconds_left("vendor/m1") > 0

    await until(heard)


async def test_health_says_that_others_are_told(replicas):
    one, _ = await replicas()
    assert one.running.health()["shared"].replicated
