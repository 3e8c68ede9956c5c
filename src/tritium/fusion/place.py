"""A place on the panel: the seat planned for it, whoever stands in when it fails, and a second try when it is slow.

The second try is the hedged request of Dean & Barroso, "The Tail at Scale" (2013): sent only once the first has taken
longer than nineteen of twenty of its kind, so that it costs a twentieth more at most; the first answer wins, the other
call is cancelled, and billed for what it used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from tritium.fusion.proceedings import Proceedings
from tritium.fusion.seat_answers import CachedSeat
from tritium.fusion.seating import PlannedSeat

HEDGE_AFTER_SECONDS = 0.05
"""At the least: sooner than that a second try gains nothing that anybody would notice."""

Ask = Callable[[PlannedSeat], Awaitable[bool]]


class Place:
    """`ask` asks one seat and says whether it answered; it keeps the answer, and its failures, to itself."""

    def __init__(self, proceedings: Proceedings, ask: Ask, enough: int) -> None:
        """With `enough` answers nobody stands in any more."""
        self._p = proceedings
        self._ask = ask
        self._enough = enough

    async def hold(self, seat: PlannedSeat) -> bool:
        """Whether there was an answer from this place, whoever gave it."""
        while not await self._in_time(seat):
            stand_in = self._stand_in(seat)
            if stand_in is None:
                return False
            seat = stand_in
        return True

    # ------------------------------------------------------------ who stands in

    def _stand_in(self, failed: PlannedSeat) -> PlannedSeat | None:
        """The next of the bench, if it is still needed."""
        if len(self._p.answers()) >= self._enough:
            return None
        fault = self._p.run.seats[failed.seat].error
        return self._from_bench(failed, f"stands in for seat {failed.seat}, which failed: {fault}")

    def _from_bench(self, instead: PlannedSeat, why: str) -> PlannedSeat | None:
        p = self._p
        while p.bench:
            seat = self._held(p.seat_another(p.bench.pop(0), instead.seat, why))
            if seat is not None:
                return seat
        return None

    def _held(self, seat: PlannedSeat) -> PlannedSeat | None:
        """The seat, if what it may cost could be set aside."""
        p, report = self._p, self._p.run.seats[seat.seat]
        p.budget.settle(p.tally.rows.values())
        report.error = p.budget.hold(seat, p.asked, p.output_limit(seat))
        if report.error is not None:
            report.outcome = "failed"
            return None
        if report.stands_in_for is not None:
            p.run.seats[report.stands_in_for].replaced_by = seat.seat
        return seat

    # ------------------------------------------------------------ second tries

    async def _in_time(self, seat: PlannedSeat) -> bool:
        after_seconds = self._patience_seconds(seat)
        if after_seconds is None:
            return await self._ask(seat)
        async with asyncio.TaskGroup() as group:
            tries = {group.create_task(_whether(self._ask(seat))): seat}
            try:
                return await self._race(seat, tries, after_seconds, group)
            finally:
                for task in tries:
                    if not task.cancelling():
                        task.cancel()

    async def _race(
        self,
        seat: PlannedSeat,
        tries: dict[asyncio.Task[bool], PlannedSeat],
        after_seconds: float,
        group: asyncio.TaskGroup,
    ) -> bool:
        done, _ = await asyncio.wait(tries, timeout=after_seconds)
        if not done and seat.seat not in self._p.begun:
            second = self._second_try(seat, after_seconds)
            if second is not None:
                tries[group.create_task(_whether(self._ask(second)))] = second
        pending = set(tries)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if any(task.result() for task in done):
                return True
        return False

    def _patience_seconds(self, seat: PlannedSeat) -> float | None:
        """When to try again; None never. Seats that wait for each other are not hedged: that would make more wait."""
        options, slow_seconds = self._p.options, seat.slow_seconds
        if options.hedge == "off" or options.max_concurrency is not None or slow_seconds is None:
            return None
        return max(slow_seconds, HEDGE_AFTER_SECONDS)

    def _second_try(self, slow: PlannedSeat, after_seconds: float) -> PlannedSeat | None:
        p = self._p
        why = (
            f"second try for seat {slow.seat}: nothing within {after_seconds:.3g} s, where 19 of 20 answers have begun"
        )
        if p.options.hedge == "bench":
            return self._from_bench(slow, why)
        # Behind the cache it would wait for the first, whose question is the same.
        model = slow.model.model if isinstance(slow.model, CachedSeat) else slow.model
        return self._held(p.seat_another(replace(slow, model=model), slow.seat, why))


async def _whether(asked: Awaitable[bool]) -> bool:
    return await asked
