"""One model alone: the request goes to it as it is, tools and all; to the strongest that opens."""

from __future__ import annotations

import asyncio

from tritium.chat import Chunk, Completion
from tritium.errors import TritiumError
from tritium.fusion.proceedings import Proceedings, internal_fault, public
from tritium.fusion.run import Tally, settle_seat
from tritium.fusion.seating import PlannedSeat


async def answer_alone(proceedings: Proceedings) -> None:
    """Pass on the answer of the first seat that opens, in the order of the plan: strongest first.

    Raises:
        AllSeatsFailed: none did.
        TritiumError: the one that did failed later, or there is no other seat.
    """
    p, run = proceedings, proceedings.run
    able = [seat for seat in p.plan.seats if seat.unfit is None] or p.plan.seats
    seats = p.budget.affordable(able, run, p.request, p.output_limit)
    alone = len(p.plan.seats) == 1 and not p.bench
    try:
        for seat in seats:
            if await _answered_by(p, seat, alone=alone):
                return
        while p.bench:
            stand_in = p.seat_another(p.bench.pop(0), seats[-1].seat, "stands in: nobody on the panel answered")
            run.seats[stand_in.seat].error = p.budget.hold(stand_in, p.request, p.output_limit(stand_in))
            if run.seats[stand_in.seat].error is None and await _answered_by(p, stand_in, alone=False):
                return
        raise p.nobody()
    finally:
        for seat in seats:
            p.budget.release(seat.seat)
        # The strongest came first; who was not needed has no part in the run.
        run.seats[1:] = [report for report in run.seats[1:] if report.outcome or report.error]


async def _answered_by(p: Proceedings, seat: PlannedSeat, *, alone: bool) -> bool:
    """Pass one model's chunks on; false if it failed before the first, so that another one may be asked.

    Raises:
        TritiumError: it failed later, or there is nobody else: it is `alone`.
    """
    report = p.run.seats[seat.seat]
    tally = Tally(p.tally)
    call = p.call.child("seat", recorder=tally)
    request = p.members_request(p.request, seat)
    p.event("seat.started", seat=seat.seat, model=report.model)
    said = Completion()
    begun = False
    try:
        # Only the first word has to come in time: an answer that is under way may be long.
        async with asyncio.timeout(_patience_seconds(p)) as patience:
            async with seat.model.answer(request, call) as chunks:
                async for chunk in chunks:
                    if chunk.choices and not begun:
                        begun = True
                        patience.reschedule(p.end())
                        p.run.decision.seat = seat.seat
                        p.decide("single", p.plan.tools_reason or "one model answers")
                    said.add(chunk)
                    p.run.answer = said.text
                    p.emit(_passed_on(chunk))
        report.outcome = "ok"
    except TimeoutError:
        report.outcome, report.error = "timeout", f"no answer within {_patience_seconds(p):g} s"
        report.status_code = 504
        if begun:
            report.error = "cut short: the run's max_seconds are over"
            p.cut_short(said.text)
    except TritiumError as error:
        report.error, report.status_code = error.message, error.http_status
        if begun or alone:
            raise
    except Exception:
        report.error, report.status_code = internal_fault(call.id), 500
        if begun or alone:
            raise
    finally:
        report.text = said.text
        settle_seat(report, tally)
        p.budget.settle(p.tally.rows.values())
        p.budget.release(seat.seat)
        p.event("seat.ended", **public(report), text=report.text)
    p.run.answer, p.run.finish_reason = said.text, p.run.finish_reason or said.finish_reason
    return begun or report.outcome == "ok"


def _patience_seconds(p: Proceedings) -> float:
    return p.budget.seconds(min(p.options.seat_timeout_seconds, p.options.deadline_seconds))


def _passed_on(chunk: Chunk) -> Chunk:
    """One model's chunk without its usage: the run's own comes at the end."""
    return Chunk(chunk.choices, None, chunk.raw, chunk.complete, None, chunk.model, chunk.provider)
