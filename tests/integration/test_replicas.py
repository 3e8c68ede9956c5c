"""Two gateways over one PostgreSQL and one Valkey, as replicas: what one is told, answers or learns holds for both."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": "x"}]


@pytest.fixture
def replicas(postgresql_database, valkey, serve):  # in this order: the gateways end before what they stand on
    """Start two."""

    async def start(config: dict[str, Any] | None = None, **environment: str) -> list[Any]:
        settings = {"database_env": "THE_DATABASE", "shared": {"url_env": "THE_VALKEY"}, **(config or {})}
        environment |= {"THE_DATABASE": postgresql_database, "THE_VALKEY": valkey}
        return [await serve(settings, **environment) for _ in range(2)]

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
