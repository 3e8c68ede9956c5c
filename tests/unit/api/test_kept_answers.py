"""The memory for answers: bounded, the least recently used go first, and none is given too late."""

from __future__ import annotations

import time

from tritium.api.kept_answers import LARGEST_SHARE, Kept, MemoryStore


def kept(size: int = 1000, *, age: float = 0, ttl: int = 60) -> Kept:
    return Kept("gen-1", "m", "p", time.time() - age, ttl, b"x" * size)


async def test_what_was_put_is_there_until_it_is_dropped():
    store = MemoryStore(100_000)
    answer = kept()
    await store.put(b"k", answer)

    assert await store.get(b"k") is answer
    await store.drop(b"k")
    assert await store.get(b"k") is None
    await store.drop(b"k")


async def test_an_answer_is_not_given_after_its_time():
    store = MemoryStore(100_000)
    await store.put(b"old", kept(age=60, ttl=60))
    await store.put(b"young", kept(age=58, ttl=60))

    assert await store.get(b"old") is None
    assert await store.get(b"young") is not None


async def test_the_least_recently_used_make_room():
    store = MemoryStore(20_000)  # for thirteen of 1,000 bytes and what an entry takes beside
    for number in range(13):
        await store.put(b"%d" % number, kept())
    assert await store.get(b"0") is not None

    await store.put(b"13", kept())

    assert await store.get(b"1") is None
    assert await store.get(b"0") is not None
    assert await store.get(b"13") is not None


async def test_an_answer_too_large_for_the_memory_pushes_nobody_out():
    store = MemoryStore(20_000)
    await store.put(b"small", kept())
    await store.put(b"large", kept(20_000 // LARGEST_SHARE))

    assert await store.get(b"large") is None
    assert await store.get(b"small") is not None


async def test_a_key_put_again_counts_once():
    store = MemoryStore(20_000)
    await store.put(b"other", kept())
    for _ in range(100):
        await store.put(b"k", kept())

    assert await store.get(b"other") is not None
