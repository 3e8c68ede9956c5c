"""Waiting for a panel: when it ends and why, and that nobody is still at work afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tritium.fusion.gather import Patience, gather

LONG = 30.0


class Panel:
    """Seats by name, and what became of each: `in`, `answered`, `failed`, `out` when cancelled, `gone` when over."""

    def __init__(self, **seats: float | Callable[[], Awaitable[bool]]) -> None:
        self.seats = seats
        self.log: list[str] = []

    async def ask(self, name: str) -> bool:
        self.log.append(f"{name} in")
        try:
            seat = self.seats[name]
            answered = await seat() if callable(seat) else await asyncio.sleep(seat, result=True)
            self.log.append(f"{name} {'answered' if answered else 'failed'}")
        except asyncio.CancelledError:
            self.log.append(f"{name} out")
            raise
        else:
            return answered
        finally:
            await asyncio.sleep(0.01)  # as closing a socket takes its time
            self.log.append(f"{name} gone")

    async def gather(self, patience: Patience, settled: Callable[[], bool] = lambda: False) -> str:
        before = asyncio.all_tasks()
        try:
            return await gather(list(self.seats), self.ask, patience, settled)
        finally:
            assert asyncio.all_tasks() == before
            for name in self.seats:
                assert (f"{name} in" in self.log) == (f"{name} gone" in self.log)


async def fails() -> bool:
    return False


async def test_when_all_have_answered_waiting_is_over():
    panel = Panel(a=0, b=0.01)

    assert await panel.gather(Patience(2, LONG)) == "all"
    assert {"a answered", "b answered"} <= set(panel.log)


async def test_after_the_quorum_the_others_have_a_grace():
    panel = Panel(a=0, b=0, late=0.02, lost=LONG)

    assert await panel.gather(Patience(2, LONG, grace_seconds=0.5)) == "grace"
    assert "late answered" in panel.log
    assert "lost out" in panel.log


async def test_the_grace_is_not_begun_anew_with_every_answer():
    panel = Panel(a=0, **{f"late{n}": 0.1 * n for n in range(1, 20)}, lost=LONG)

    assert await panel.gather(Patience(1, LONG, grace_seconds=0.25)) == "grace"
    assert "late19 out" in panel.log


async def test_who_fails_does_not_make_a_quorum():
    panel = Panel(a=fails, b=fails, c=0.05)

    assert await panel.gather(Patience(1, LONG, grace_seconds=0)) == "all"
    assert "c answered" in panel.log


async def test_a_quorum_that_can_no_longer_be_met_waits_for_whoever_is_left():
    panel = Panel(a=fails, b=fails, c=0.03)

    assert await panel.gather(Patience(3, LONG, grace_seconds=0)) == "all"


async def test_the_deadline_ends_it_though_nobody_has_answered():
    panel = Panel(a=LONG, b=LONG)

    assert await panel.gather(Patience(1, 0.05)) == "deadline"
    assert {"a out", "b out"} <= set(panel.log)


async def test_a_grace_beyond_the_deadline_ends_with_the_deadline():
    panel = Panel(a=0, b=LONG)

    assert await panel.gather(Patience(1, 0.05, grace_seconds=LONG)) == "deadline"


async def test_what_is_settled_needs_nobody_else():
    panel = Panel(a=0, b=0.02, c=LONG)
    answers = []

    def settled() -> bool:
        answers.append([line for line in panel.log if line.endswith("answered")])
        return len(answers[-1]) == 2

    assert await panel.gather(Patience(3, LONG), settled) == "settled"
    assert all(answers)  # never asked before somebody has answered
    assert "c out" in panel.log


async def test_nothing_is_settled_by_who_failed():
    assert await Panel(a=fails, b=0.02).gather(Patience(2, LONG), lambda: True) == "all"


async def test_settled_is_not_asked_when_all_are_in():
    panel = Panel(a=0)

    assert await panel.gather(Patience(1, LONG), lambda: 1 / 0) == "all"  # type: ignore[arg-type, return-value]


async def test_nobody_is_nothing_to_wait_for():
    assert await Panel().gather(Patience(1, LONG)) == "all"


async def test_a_cancelled_seat_has_settled_when_waiting_is_over():
    panel = Panel(a=0, lost=LONG)

    await panel.gather(Patience(1, LONG, grace_seconds=0))

    assert panel.log[-2:] == ["lost out", "lost gone"]


async def test_a_bug_in_one_seat_ends_all_and_is_told():
    async def bug() -> bool:
        raise ZeroDivisionError

    panel = Panel(a=bug, b=LONG)

    with pytest.raises(ExceptionGroup) as caught:
        await panel.gather(Patience(1, LONG))

    assert caught.group_contains(ZeroDivisionError)
    assert "b out" in panel.log


async def test_whoever_is_cancelled_from_outside_cancels_every_seat_and_waits_for_it():
    panel = Panel(a=LONG, b=LONG)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await panel.gather(Patience(1, LONG))

    assert sorted(line for line in panel.log if line.endswith("gone")) == ["a gone", "b gone"]


async def test_seats_beyond_the_concurrency_wait_their_turn_in_order():
    panel = Panel(a=0.01, b=0.01, c=0.01, d=0.01)
    at_work = []

    async def ask(name: str) -> bool:
        at_work.append(
            sum(line.endswith("in") for line in panel.log) - sum(line.endswith("gone") for line in panel.log)
        )
        return await panel.ask(name)

    assert await gather(list(panel.seats), ask, Patience(4, LONG, max_concurrency=2)) == "all"
    assert [line for line in panel.log if line.endswith("in")] == ["a in", "b in", "c in", "d in"]
    assert max(at_work) == 1  # others at work when a seat begins


async def test_a_seat_whose_turn_never_came_is_never_asked():
    panel = Panel(a=0, b=LONG)

    assert await panel.gather(Patience(1, LONG, grace_seconds=0, max_concurrency=1)) == "grace"
    assert "a answered" in panel.log
    assert "b answered" not in panel.log


@pytest.mark.parametrize(
    ("given", "elapsed", "grace"), [(None, 0.1, 1.0), (None, 10.0, 5.0), (0.0, 10.0, 0.0), (3.0, 0.1, 3.0)]
)
def test_the_grace_is_a_second_or_half_the_time_taken_unless_it_is_given(given, elapsed, grace):
    assert Patience(1, LONG, grace_seconds=given).grace(elapsed) == grace
