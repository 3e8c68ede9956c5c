"""Several replicas on a real Valkey: what one does the others hear; the server may go away and come back."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
import redis

from tritium.config import SharedState
from tritium.errors import ConfigError, StorageError
from tritium.shared.lease import SLICES
from tritium.shared.local import LocalShared
from tritium.shared.opening import shared_state
from tritium.shared.valkey import ValkeyShared


async def until(claim) -> None:
    async with asyncio.timeout(10):
        while not claim():  # noqa: ASYNC110 nothing to wait for
            await asyncio.sleep(0.01)


# ---------------------------------------------------------------- quotas


@pytest.mark.parametrize("replicas", [2, 4])
async def test_replicas_draw_from_one_bucket(replica, replicas):
    quotas = [(await replica()).quota("a", 200) for _ in range(replicas)]
    got = 0
    for _ in range(300):
        got += sum(quota.take_or_wait() == 0 for quota in quotas)
        await asyncio.sleep(0.002)
    slack = replicas * 2 * 200 / SLICES + 20
    assert 200 - replicas * 200 / SLICES <= got <= 200 + slack


async def test_what_was_drawn_too_much_is_paid_back(replica):
    one, two = [(await replica()).quota("a", 600) for _ in range(2)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    got = 0
    while loop.time() - began < 3:
        got += (one.take_or_wait() == 0) + (two.take_or_wait() == 0)
        await asyncio.sleep(0.001)
    seconds = loop.time() - began
    assert got <= 600 + 10 * seconds + 2 * 2 * 600 / SLICES


async def test_one_replica_gets_all_while_the_other_is_idle(replica):
    one, other = [(await replica()).quota("a", 100) for _ in range(2)]
    other.take_or_wait()
    got = 0
    for _ in range(300):
        got += one.take_or_wait() == 0
        await asyncio.sleep(0.002)
    assert got >= 100 - 2 * 100 / SLICES


async def test_a_replica_that_ends_gives_back_its_slice(valkey):
    for _ in range(30):
        shared = ValkeyShared(valkey, "test")
        await shared.open()
        assert shared.quota("a", 100).take_or_wait() == 0
        await asyncio.sleep(0.02)
        await shared.close()
    with redis.Redis.from_url(valkey) as client:
        assert 69 <= float(client.hget("test:quota:a", "level")) <= 76


async def test_debt_of_one_is_debt_of_all(replica):
    one, two = [(await replica()).quota("a", 100) for _ in range(2)]
    two.take_or_wait()
    one.take(1000)
    await asyncio.sleep(0.5)
    for _ in range(20):
        two.take_or_wait()
    await until(lambda: two.wait_seconds() > 60)


# ---------------------------------------------------------------- news


async def test_a_cooldown_is_heard_and_its_end_too(replica):
    one, two = await replica(), await replica()
    one.cooldowns.begin("vendor", 60)
    await until(lambda: 50 < two.cooldowns.seconds_left("vendor") <= 60)
    two.cooldowns.end("vendor")
    await until(lambda: one.cooldowns.seconds_left("vendor") == 0)


async def test_a_replica_that_comes_later_hears_of_cooldowns_at_once(replica):
    one = await replica()
    one.cooldowns.begin("vendor", 60)
    await asyncio.sleep(0.4)
    assert (await replica()).cooldowns.seconds_left("vendor") > 50


async def test_a_cached_value_is_found_by_others(replica):
    one, two = await replica(), await replica()
    await one.cache.put("a", b"value", 60)
    assert await two.cache.get("a") == b"value"


async def test_gateways_with_another_prefix_are_strangers(replica, valkey):
    one = await replica()
    stranger = ValkeyShared(valkey, "other")
    await stranger.open()
    one.cooldowns.begin("vendor", 60)
    await one.cache.put("a", b"value", 60)
    await asyncio.sleep(0.5)
    assert stranger.cooldowns.seconds_left("vendor") == 0
    assert await stranger.cache.get("a") is None
    await stranger.close()


# ---------------------------------------------------------------- the server goes away


async def test_alone_everything_goes_on_and_is_told_afterwards(mortal_valkey, caplog):
    server = mortal_valkey()
    shared = ValkeyShared(server.url, "test")
    await shared.open()
    quota = shared.quota("a", 100)
    assert quota.take_or_wait() == 0
    server.stop()
    await until(lambda: shared.health().fault)
    assert sum(quota.take_or_wait() == 0 for _ in range(300)) in range(100, 103), "its own bucket of the whole limit"
    shared.cooldowns.begin("vendor", 60)
    assert await shared.cache.get("a") is None
    await shared.cache.put("a", b"1", 60)
    server.start()
    await until(lambda: shared.health().fault is None)
    other = ValkeyShared(server.url, "test")
    await other.open()
    assert other.cooldowns.seconds_left("vendor") > 50
    assert quota.take_or_wait() == 0
    await other.close()
    await shared.close()
    said = [record.message for record in caplog.records if record.name.startswith("tritium")]
    assert len(said) == 2, "once when it went, once when it came back"


async def test_closing_while_the_server_is_away_takes_no_time(mortal_valkey):
    server = mortal_valkey()
    shared = ValkeyShared(server.url, "test")
    await shared.open()
    shared.quota("a", 100).take_or_wait()
    server.stop()
    async with asyncio.timeout(8):
        await shared.close()


# ---------------------------------------------------------------- opening


async def test_without_a_server_each_process_keeps_to_itself():
    async with shared_state(SharedState(), {}) as shared:
        assert isinstance(shared, LocalShared)


async def test_with_a_server_named_by_the_environment_it_is_used(valkey):
    address = valkey.replace("redis://", "valkey://")
    async with shared_state(SharedState(url_env="THE_VALKEY"), {"THE_VALKEY": address}) as shared:
        assert shared.health().replicated


@pytest.mark.parametrize(
    ("environment", "error", "says"),
    [
        ({}, ConfigError, "THE_VALKEY is not set"),
        ({"THE_VALKEY": "http://:hunter2@nowhere"}, ConfigError, "can't be read"),
        ({"THE_VALKEY": "redis://:hunter2@127.0.0.1:1/0"}, StorageError, "can't be used: .*Check that it runs"),
    ],
)
async def test_a_server_that_cannot_be_used_is_explained_without_its_password(environment, error, says):
    with pytest.raises(error, match=says) as caught:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(shared_state(SharedState(url_env="THE_VALKEY"), environment))
    assert "hunter2" not in str(caught.value)
