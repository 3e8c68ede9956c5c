"""One model alone: the request goes to it as it is, tools and all; to the strongest that opens."""

from __future__ import annotations

import asyncio

from tritium.chat import Chunk, Completion
from tritium.errors import TritiumError
from tritium.fusion.plan import PlannedSeat
from tritium.fusion.proceedings import Proceedings, internal_fault, public, without_fusion
from tritium.fusion.run import Tally, settle_seat


async def answer_alone(proceedings: Proceedings) -> None:
    """Pass on the answer of the first seat that opens, strongest first.

    Raises:
        AllSeatsFailed: none did.
        TritiumError: the one that did failed later, or there is no other seat.
    """
    p, run = proceedings, proceedings.run
    seats = p.budget.affordable(p.plan.seats, run, p.request, p.output_limit)
    try:
        for seat in sorted(seats, key=lambda each: (-each.profile.strength, each.seat)):
            if await _answered_by(p, seat):
                return
        raise p.nobody()
    finally:
        # The strongest came first; who was not needed has no part in the run.
        run.seats[1:] = [report for report in run.seats[1:] if report.outcome or report.error]


async def _answered_by(p: Proceedings, seat: PlannedSeat) -> bool:
    """Pass one model's chunks on; false if it failed before the first, so that another one may be asked.

    Raises:
        TritiumError: it failed later, or there is no other seat.
    """
    report = p.run.seats[seat.seat]
    tally = Tally(p.tally)
    call = p.call.child("seat", recorder=tally)
    request = p.limited(without_fusion(p.request, seat.model.id), seat)
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
                        patience.reschedule(None)
                        p.run.decision.seat = seat.seat
                        p.decide("single", "one model answers")
                    said.add(chunk)
                    p.emit(_passed_on(chunk))
        report.outcome = "ok"
    except TimeoutError:
        report.outcome, report.error = "timeout", f"no answer within {_patience_seconds(p):g} s"
        report.status_code = 504
    except TritiumError as error:
        report.error, report.status_code = error.message, error.http_status
        if begun or len(p.plan.seats) == 1:
            raise
    except Exception:
        report.error, report.status_code = internal_fault(call.id), 500
        if begun or len(p.plan.seats) == 1:
            raise
    finally:
        report.text = said.text
        settle_seat(report, tally)
        p.event("seat.ended", **public(report), text=report.text)
    p.run.answer, p.run.finish_reason = said.text, said.finish_reason
    return report.outcome == "ok"


def _patience_seconds(p: Proceedings) -> float:
    return min(p.options.seat_timeout_seconds, p.options.deadline_seconds)


def _passed_on(chunk: Chunk) -> Chunk:
    """One model's chunk without its usage: the run's own comes at the end."""
    return Chunk(chunk.choices, None, chunk.raw, chunk.complete, None, chunk.model, chunk.provider)
