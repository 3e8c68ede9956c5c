"""What is promised of shared state, held against both kinds, each alone."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from tritium.shared.lease import SLICES


async def until(claim) -> None:
    async with asyncio.timeout(10):
        while not claim():  # noqa: ASYNC110 nothing to wait for
            await asyncio.sleep(0.01)


async def drawn(quota, attempts: int = 1000, pause_seconds: float = 0.0) -> int:
    count = 0
    for _ in range(attempts):
        count += quota.take_or_wait() == 0
        await asyncio.sleep(pause_seconds)
    return count


# ---------------------------------------------------------------- quotas


async def test_the_first_to_ask_need_not_wait(shared):
    assert shared.quota("a", 60).take_or_wait() == 0


async def test_a_minutes_worth_is_there_and_hardly_more(shared):
    quota = shared.quota("a", 100)
    got = await drawn(quota, 400, 0.002)
    assert 100 <= got <= 100 + 2 * 100 / SLICES + 10, "what was drawn in advance, and what flowed in meanwhile"


async def test_who_is_refused_hears_when_to_come_again(shared):
    quota = shared.quota("a", 600)
    await drawn(quota, 800, 0.001)
    await until(lambda: quota.take_or_wait() > 0)
    wait = quota.wait_seconds()
    assert 0 < wait < 20
    await asyncio.sleep(min(wait, 8) + 0.3)
    assert quota.wait_seconds() == 0


async def test_looking_draws_nothing(shared):
    quota = shared.quota("a", 20)
    for _ in range(200):
        quota.wait_seconds()
        await asyncio.sleep(0.001)
    assert await drawn(quota, 15, 0.01) == 15


async def test_debt_keeps_everybody_out(shared):
    quota = shared.quota("a", 100)
    quota.take(1000)
    await until(lambda: quota.wait_seconds() > 60)


async def test_what_is_given_back_can_be_drawn_again(shared):
    quota = shared.quota("a", 100)
    quota.take(150)
    await until(lambda: quota.wait_seconds() > 20)
    quota.take(-150)
    await asyncio.sleep(0.5)
    await until(lambda: quota.wait_seconds() == 0)


async def test_more_than_a_minutes_worth_does_not_wait_for_ever(shared):
    assert shared.quota("a", 10).take_or_wait(50) == 0


async def test_one_name_is_one_bucket_and_the_last_limit_counts(shared):
    assert shared.quota("a", 10) is shared.quota("a", 20)
    assert shared.quota("a", 20).per_minute == 20
    assert shared.quota("b", 10) is not shared.quota("a", 20)


async def test_threads_can_draw(shared):
    quota = shared.quota("a", 100_000)
    with ThreadPoolExecutor(4) as threads:
        assert all(wait == 0 for wait in threads.map(lambda _: quota.take_or_wait(), range(400)))


# ---------------------------------------------------------------- cooldowns


async def test_a_cooldown_runs_out(shared):
    shared.cooldowns.begin("vendor", 0.3)
    assert 0 < shared.cooldowns.seconds_left("vendor") <= 0.3
    await until(lambda: shared.cooldowns.seconds_left("vendor") == 0)


async def test_a_longer_cooldown_is_not_cut_short(shared):
    shared.cooldowns.begin("vendor", 60)
    await asyncio.sleep(0.3)
    shared.cooldowns.begin("vendor", 1)
    await asyncio.sleep(0.3)
    assert shared.cooldowns.seconds_left("vendor") > 50


async def test_a_cooldown_can_be_ended(shared):
    shared.cooldowns.begin("vendor", 60)
    await asyncio.sleep(0.3)
    shared.cooldowns.end("vendor")
    assert shared.cooldowns.seconds_left("vendor") == 0
    await asyncio.sleep(0.5)
    assert shared.cooldowns.seconds_left("vendor") == 0
    assert shared.cooldowns.seconds_left("another") == 0


# ---------------------------------------------------------------- the cache


async def test_what_was_put_is_found_until_its_time(shared):
    await shared.cache.put("a", b"\x00value", 0.4)
    assert await shared.cache.get("a") == b"\x00value"
    assert await shared.cache.get("b") is None
    await asyncio.sleep(0.5)
    assert await shared.cache.get("a") is None


async def test_what_was_removed_or_kept_for_no_time_is_gone(shared):
    await shared.cache.put("a", b"1", 60)
    await shared.cache.remove("a")
    await shared.cache.put("b", b"1", 60)
    await shared.cache.put("b", b"2", 0)
    assert [await shared.cache.get(name) for name in "ab"] == [None, None]


async def test_the_newest_value_counts(shared):
    await shared.cache.put("a", b"1", 60)
    await shared.cache.put("a", b"2", 60)
    assert await shared.cache.get("a") == b"2"
