"""One process's own: exact to the unit, and bounded."""

from __future__ import annotations

from tritium.shared.local import LocalCache, LocalCooldowns, LocalQuota, LocalShared


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_fills_steadily():
    clock = Clock()
    quota = LocalQuota(60, clock)
    assert [quota.take_or_wait() for _ in range(60)] == [0.0] * 60
    assert quota.take_or_wait() == 1.0
    clock.now += 2.5
    assert [quota.take_or_wait() for _ in range(3)] == [0.0, 0.0, 0.5]


def test_a_bucket_holds_a_minutes_worth_and_no_more():
    clock = Clock()
    quota = LocalQuota(10, clock)
    clock.now += 3600
    quota.take(-100)
    assert sum(quota.take_or_wait() == 0 for _ in range(20)) == 10


def test_a_changed_limit_forgets_nothing_that_was_drawn():
    quota = LocalQuota(100, Clock())
    quota.take(90)
    quota.change(20)
    assert quota.wait_seconds() > 0
    quota.change(200)
    assert sum(quota.take_or_wait() == 0 for _ in range(200)) == 110


async def test_a_cache_stays_within_its_bytes_and_forgets_what_was_asked_for_longest_ago():
    cache = LocalCache(capacity_bytes=30)
    for name in "abc":
        await cache.put(name, b"x" * 10, 60)
    await cache.get("a")
    await cache.put("d", b"x" * 10, 60)
    await cache.put("huge", b"x" * 31, 60)
    assert [name for name in ("a", "b", "c", "d", "huge") if await cache.get(name)] == ["a", "c", "d"]


def test_names_that_are_over_take_no_room():
    clock = Clock()
    cooldowns = LocalCooldowns(clock)
    for n in range(3000):
        cooldowns.begin(f"c{n}", 1)
        clock.now += 1
    assert len(cooldowns._until) < 10


def test_two_gateways_in_one_process_share_nothing():
    one, two = LocalShared(), LocalShared()
    one.cooldowns.begin("vendor", 60)
    assert two.cooldowns.seconds_left("vendor") == 0
    assert not one.health().replicated
