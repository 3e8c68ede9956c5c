"""Where a watcher is in a run, what it is told from there, and that nothing stays of a run that has ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tritium.chat import ChatRequest, Chunk
from tritium.fusion.live_runs import MOST_THOUGHTS, LiveRun, Place
from tritium.fusion.run import Decision, PlanReport, Run, SeatReport
from tritium.model import new_call


def a_run() -> Run:
    plan = PlanReport("open", "consensus", 2, None, None, 7)
    request: Any = b"[]"
    return Run(
        "gen-1", 1.0, "m", plan, [SeatReport(0, "a", "x"), SeatReport(1, "b", "y")], Decision("consensus"), request
    )


def said(live: LiveRun, seat: int, text: str) -> None:
    live.run.seats[seat].text += text
    live.hear(Chunk(event={"type": "seat.delta", "seat": seat, "text": text}))


async def told(live: LiveRun, place: Place) -> list[Any]:
    """What is told of a run that has ended."""
    live.end()
    return [(event["type"], event.get("text")) async for _, event in live.events(place)]


@pytest.mark.parametrize("place", [Place(), Place(3, 17), Place(12, 0, {0: (5, 0), 7: (123, 4)})])
def test_a_place_is_read_as_it_was_written(place: Place) -> None:
    assert Place.read(str(place)) == place


@pytest.mark.parametrize("text", [None, "", "end", "1", "1.2.3-4", "1.2-3.4", "x.y", "9" * 5000])
def test_what_is_no_place_is_the_beginning(text: str | None) -> None:
    assert Place.read(text) == Place()


async def test_pieces_are_told_in_one_and_before_the_end_of_their_seat() -> None:
    live = LiveRun(a_run(), "me")
    live.hear(Chunk(event={"type": "plan"}))
    for text in ("one ", "two"):
        said(live, 0, text)
    live.hear(Chunk(event={"type": "seat.ended", "seat": 0}))
    said(live, 1, "three")
    live.run.answer = "four"

    assert await told(live, Place()) == [
        ("plan", None),
        ("seat.delta", "one two"),
        ("seat.ended", None),
        ("seat.delta", "three"),
        ("answer.delta", "four"),
    ]
    assert await told(live, Place(2, 1, {0: (7, 0), 1: (2, 0)})) == [("seat.delta", "ree"), ("answer.delta", "our")]


async def test_a_place_beyond_the_run_is_told_nothing_more() -> None:
    live = LiveRun(a_run(), "me")
    said(live, 0, "one")
    assert await told(live, Place(99, 99, {0: (99, 99)})) == []


async def test_reasoning_is_kept_for_those_who_come_later_up_to_a_limit() -> None:
    live = LiveRun(a_run(), "me")
    for _ in range(20):
        live.hear(Chunk(event={"type": "seat.reasoning", "seat": 0, "text": "x" * (MOST_THOUGHTS // 10)}))
    ((kind, text),) = await told(live, Place())
    assert (kind, len(text)) == ("seat.reasoning", MOST_THOUGHTS)


async def test_a_watcher_is_woken_by_what_happens_and_holds_up_nothing() -> None:
    live = LiveRun(a_run(), "me")
    heard: list[Any] = []

    async def watch() -> None:
        async for _, event in live.events(Place()):
            heard.append(event.get("text"))

    watching = asyncio.create_task(watch())
    for text in ("one", "two"):
        await asyncio.sleep(0.01)
        said(live, 0, text)
    await asyncio.sleep(0.01)
    live.end()
    await watching
    assert heard == ["one", "two"]


async def test_only_the_run_at_the_top_of_a_request_can_be_watched_and_none_when_it_has_ended(catalog_of, kept) -> None:
    inner = {"kind": "fusion", "panel": ["scripted/words=4", "scripted/words=5"], "strategy": "consensus"}
    catalog = catalog_of(inner=inner, outer={**inner, "panel": ["inner", "scripted/words=6"]})
    call = new_call(kept)
    seen: set[int] = set()

    request = ChatRequest.build("outer", [{"role": "user", "content": "?"}])
    async with catalog.resolve("outer").answer(request, call) as chunks:
        assert catalog.commons.live.find(call.id) is not None
        async for _ in chunks:
            seen.add(len(catalog.commons.live))

    assert seen <= {0, 1}
    assert len(catalog.commons.live) == 0
