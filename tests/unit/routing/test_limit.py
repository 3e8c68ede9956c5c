"""So many at once: the others wait in the order they came, and not for ever."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tritium.chat import collect
from tritium.errors import RateLimited, UpstreamError
from tritium.routing.limit import Gate, Limited


async def test_places_go_to_those_who_waited_in_the_order_they_came():
    gate = Gate("p", 1, 5)
    order: list[int] = []

    async def come(number: int) -> None:
        await gate.enter()
        order.append(number)
        await asyncio.sleep(0)
        gate.leave()

    await asyncio.gather(*(come(number) for number in range(5)))

    assert order == [0, 1, 2, 3, 4]
    assert not gate.busy


async def test_who_waits_too_long_is_told_what_to_do():
    gate = Gate("acme", 1, 0.02)
    await gate.enter()

    with pytest.raises(RateLimited, match="acme is answering 1 requests, its limit") as caught:
        await gate.enter()

    assert caught.value.availability["code"] == "capacity_exhausted"


async def test_who_leaves_the_queue_takes_no_place_along():
    gate = Gate("p", 1, 5)
    await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    gate.leave()

    await asyncio.wait_for(gate.enter(), 1)


@pytest.mark.parametrize("script", ["ok", "error=500", "words=3;die=1"])
async def test_a_place_is_free_again_however_the_answer_ended(endpoint, asking, call, script):
    outer, inner = Gate("p", 1, 1), Gate("p/m", 1, 1)
    model = Limited(endpoint("p", script).model, [inner, outer])

    for _ in range(3):
        with contextlib.suppress(UpstreamError):
            async with model.answer(asking(), call) as chunks:
                assert outer.busy
                await collect(chunks)

    assert not outer.busy
    assert not inner.busy


async def test_a_place_taken_at_the_first_gate_is_given_back_when_the_second_is_shut(endpoint, asking, call):
    outer, inner = Gate("p", 1, 0.02), Gate("p/m", 1, 1)
    await outer.enter()

    with pytest.raises(RateLimited):
        await Limited(endpoint("p").model, [inner, outer]).answer(asking(), call).__aenter__()

    assert not inner.busy
