"""Nothing of a fusion outlives its context, every run is saved once, and a fusion can sit on another's panel."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import Any

import pytest

from tritium.chat import ChatRequest, Completion, collect
from tritium.errors import AllSeatsFailed, InvalidRequest
from tritium.model import new_call

PANEL = ["scripted/words=5;price=1:1", "scripted/words=6;price=1:1"]


def fusion(*panel: str, **options: Any) -> dict[str, Any]:
    return {"kind": "fusion", "panel": list(panel), "strategy": "consensus", "quorum": len(panel), **options}


def asking(model: str = "both", **fields: Any) -> ChatRequest:
    return ChatRequest.build(model, [{"role": "user", "content": "One two three"}], **fields)


async def until(true: Any) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what is waited for signals nobody
            await asyncio.sleep(0.001)


async def test_who_waits_for_the_end_is_told_what_a_seat_said_and_not_its_pieces(catalog_of, call):
    answer = catalog_of(both=fusion(*PANEL)).resolve("both").answer(asking(), call)

    chunks = await answer.whole()
    try:
        heard = [chunk async for chunk in chunks]
    finally:
        await answer.__aexit__(None, None, None)

    kinds = [chunk.event["type"] for chunk in heard if chunk.event is not None]
    assert "seat.delta" not in kinds
    assert kinds.count("seat.ended") == len(PANEL)


async def test_a_run_that_has_ended_leaves_nothing_for_the_collector_of_cycles(catalog_of, call):
    model = catalog_of(both=fusion(*PANEL)).resolve("both")
    await ended(model.answer(asking(), call))

    gc.collect()
    gc.disable()
    try:
        await ended(model.answer(asking(), call))
        found = gc.collect()
    finally:
        gc.enable()

    assert found == 0


async def ended(answer: Any) -> None:
    async with answer as chunks:
        async for _ in chunks:
            pass


async def test_an_answer_ends_with_its_run_and_its_usage(catalog_of, call, kept):
    model = catalog_of(both=fusion(*PANEL)).resolve("both")

    async with model.answer(asking(), call) as chunks:
        heard = [chunk async for chunk in chunks]

    usage = sum((row.usage for row in kept.rows), type(kept.rows[0].usage)())
    assert heard[-1].usage == usage
    assert heard[-2].event["type"] == "run"
    assert heard[0].event["type"] == "plan"
    assert "".join(chunk.text for chunk in heard) == kept.document["answer"] == "the panel compares what its"
    assert kept.document["outcome"] == "ok"
    assert kept.document["id"] == call.id


async def test_leaving_early_cancels_everything_and_waits_for_it(catalog_of, call, kept):
    names = catalog_of(both=fusion("scripted/stall=1", "scripted/stall=2", "scripted/delay=30000"))
    before = asyncio.all_tasks()
    heard = 0

    async with names.resolve("both").answer(asking(), call) as chunks:
        async for chunk in chunks:
            heard += chunk.event is not None and chunk.event["type"] == "seat.delta"
            if heard == 3:
                break

    assert asyncio.all_tasks() == before
    assert [row.outcome for row in kept.rows] == ["cancelled"] * 3
    assert kept.document["outcome"] == "cancelled"
    assert [seat["outcome"] for seat in kept.document["seats"]] == ["cancelled"] * 3
    assert len(kept.document["receipt"]["calls"]) == 3


async def test_leaving_before_the_first_step_saves_the_run_all_the_same(catalog_of, call, kept):
    before = asyncio.all_tasks()

    async with catalog_of(both=fusion(*PANEL)).resolve("both").answer(asking(), call):
        pass

    assert asyncio.all_tasks() == before
    assert kept.rows == []
    assert (kept.document["outcome"], kept.document["receipt"]["cost_usd"]) == ("cancelled", 0)


async def test_a_reader_who_is_cancelled_takes_the_panel_along(catalog_of, call, kept):
    model = catalog_of(both=fusion("scripted/stall", "scripted/stall")).resolve("both")
    before = asyncio.all_tasks()

    async def read() -> None:
        async with model.answer(asking(), call) as chunks:
            await collect(chunks)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await read()

    assert asyncio.all_tasks() == before
    assert [row.outcome for row in kept.rows] == ["cancelled", "cancelled"]
    assert kept.document["outcome"] == "cancelled"


async def test_a_reader_who_fails_takes_the_panel_along(catalog_of, call, kept):
    model = catalog_of(both=fusion("scripted/stall", "scripted/stall")).resolve("both")
    before = asyncio.all_tasks()

    async def read() -> None:
        async with model.answer(asking(), call) as chunks:
            await anext(chunks)
            raise LookupError

    with pytest.raises(LookupError):
        await read()

    assert asyncio.all_tasks() == before
    assert kept.document["outcome"] == "cancelled"


async def test_a_run_that_failed_says_why_and_is_saved_once(catalog_of, call, kept):
    model = catalog_of(both=fusion("scripted/error=500", "scripted/error=429")).resolve("both")

    async def read() -> None:
        async with model.answer(asking(), call) as chunks:
            await collect(chunks)

    with pytest.raises(AllSeatsFailed) as caught:
        await read()

    assert kept.document["outcome"] == "failed"
    assert kept.document["error"] == caught.value.message
    assert [seat["status_code"] for seat in caught.value.metadata["seats"]] == [502, 429]
    assert kept.document["receipt"]["best_single_model"] is None


async def test_a_run_whose_reader_left_after_the_end_is_ok(catalog_of, call, kept):
    async with catalog_of(both=fusion(*PANEL)).resolve("both").answer(asking(), call):
        await until(lambda: kept.runs)

    assert kept.document["outcome"] == "ok"


async def test_the_end_stays_the_end(catalog_of, call):
    async with catalog_of(both=fusion(*PANEL)).resolve("both").answer(asking(), call) as chunks:
        await collect(chunks)

        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(chunks)


async def test_a_run_that_cannot_be_saved_does_not_leave_its_reader_waiting(catalog_of, kept):
    class Full(type(kept)):
        def run(self, *_: Any) -> None:
            raise OSError

    async def read() -> None:
        async with catalog_of(both=fusion(*PANEL)).resolve("both").answer(asking(), new_call(Full())) as chunks:
            await collect(chunks)

    with pytest.raises(OSError):  # noqa: PT011 - any
        async with asyncio.timeout(5):
            await read()


async def test_a_wrong_option_is_refused_before_anybody_is_asked(catalog_of, call, kept):
    model = catalog_of(both=fusion(*PANEL)).resolve("both")

    with pytest.raises(InvalidRequest, match="Did you mean 'quorum'"):
        model.answer(asking(fusion={"qourum": 1}), call)

    assert (kept.rows, kept.runs) == ([], [])


async def test_two_runs_of_one_fusion_at_once_do_not_share_a_thing(catalog_of, kept):
    model = catalog_of(both=fusion(*PANEL)).resolve("both")
    calls = [new_call(kept), new_call(kept)]

    async def read(call: Any) -> Completion:
        async with model.answer(asking(), call) as chunks:
            return await collect(chunks)

    answers = await asyncio.gather(*map(read, calls))

    assert {each.text for each in answers} == {"the panel compares what its"}
    assert [run_id for run_id, *_ in kept.runs] == [each.id for each in calls]
    assert [sum(row.request_id == each.id for row in kept.rows) for each in calls] == [2, 2]


# ---------------------------------------------------------------- fusions on panels


async def test_a_fusion_answers_from_a_seat_and_costs_what_it_caused(catalog_of, call, kept):
    names = catalog_of(inner=fusion(*PANEL), outer=fusion("inner", "scripted/words=7;price=1:1"))

    async with names.resolve("outer").answer(asking("outer"), call) as chunks:
        await collect(chunks)

    inner, outer = (json.loads(document) for *_, document in kept.runs)
    assert (inner["model"], outer["model"], outer["id"]) == ("inner", "outer", call.id)
    assert [seat["outcome"] for seat in outer["seats"]] == ["ok", "ok"]
    assert outer["seats"][0]["text"] == inner["answer"]
    assert outer["seats"][0]["cost_usd"] == inner["receipt"]["cost_usd"] == (3 + 5 + 3 + 6) * 1000 / 1e9
    assert outer["receipt"]["cost_usd"] == sum(row.cost_nanodollars for row in kept.rows) / 1e9
    assert {row.request_id for row in kept.rows} == {call.id}
    assert len(kept.rows) == 3


async def test_a_fusion_on_a_panel_fails_as_a_seat_does(catalog_of, call, kept):
    names = catalog_of(
        inner=fusion("scripted/error=500", "scripted/error=500"), outer=fusion("inner", "scripted/words=7")
    )

    async with names.resolve("outer").answer(asking("outer"), call) as chunks:
        answer = await collect(chunks)

    outer = json.loads(kept.runs[-1][3])
    assert answer.text.startswith("the panel")
    assert [seat["outcome"] for seat in outer["seats"]] == ["failed", "ok"]
    assert "None of the 2 seats answered" in outer["seats"][0]["error"]


async def test_leaving_takes_the_fusions_on_a_panel_along(catalog_of, call, kept):
    names = catalog_of(inner=fusion("scripted/stall=1", "scripted/stall=1"), outer=fusion("inner", "inner"))
    before = asyncio.all_tasks()

    async with names.resolve("outer").answer(asking("outer"), call) as chunks:
        await anext(chunks)
        await until(lambda: len(asyncio.all_tasks()) >= len(before) + 7)

    assert asyncio.all_tasks() == before
    assert [row.outcome for row in kept.rows] == ["cancelled"] * 4
    assert len(kept.runs) == 3


async def test_the_requests_settings_stay_with_the_fusion_that_was_asked(catalog_of, call, kept):
    names = catalog_of(inner=fusion(*PANEL), outer=fusion("inner", "scripted/words=7"))

    async with names.resolve("outer").answer(asking("outer", fusion={"panel": ["inner", "inner"]}), call) as chunks:
        await collect(chunks)

    assert {row.model for row in kept.rows} == set(PANEL)
