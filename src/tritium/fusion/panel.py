"""The panel: every seat asked in parallel, each failing alone, until enough have answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tritium.chat import ChatRequest, Chunk
from tritium.errors import TritiumError
from tritium.fusion.gather import Patience, gather
from tritium.fusion.plan import PlannedSeat
from tritium.fusion.proceedings import Proceedings, internal_fault, public, without_fusion
from tritium.fusion.run import SeatReport, Tally, settle_seat

_LATE = {
    "settled": "not needed: the vote was settled",
    "grace": "late: the quorum was met, and the time of grace is over",
    "deadline": "late: the deadline of the panel is over",
}


async def ask_panel(proceedings: Proceedings, settled: Callable[[], bool] = lambda: False) -> list[SeatReport]:
    """Ask the planned seats; returns those that answered.

    `settled` is asked after each answer: true when those still out can't change the outcome.
    """
    p, run = proceedings, proceedings.run
    options = p.options
    patience = Patience(p.plan.quorum, options.deadline_seconds, options.grace_seconds, options.max_concurrency)
    seats = p.budget.affordable(p.plan.seats, run, p.request, p.output_limit)
    run.gathering = await gather(seats, lambda seat: _ask(p, seat), patience, settled)
    for report in run.seats:
        if report.outcome == "cancelled":
            report.error = _LATE.get(run.gathering or "", "the panel stopped waiting")
        if report.outcome is None:
            report.outcome, report.error = "cancelled", report.error or "never asked"
    p.event("panel.ended", gathering=run.gathering, seats=[public(seat) for seat in run.seats])
    return p.answers()


async def _ask(p: Proceedings, seat: PlannedSeat) -> bool:
    """One seat, which fails alone."""
    report = p.run.seats[seat.seat]
    tally = Tally(p.tally)
    seat_timeout_seconds = p.options.seat_timeout_seconds
    # So that the ledger can tell a timeout from a cancellation.
    call = p.call.child("seat", recorder=tally, deadline=time.monotonic() + seat_timeout_seconds)
    request = _seat_request(p, seat)
    p.event("seat.started", seat=seat.seat, model=report.model)
    try:
        async with asyncio.timeout(seat_timeout_seconds):
            async with seat.model.answer(request, call) as chunks:
                async for chunk in chunks:
                    _hear(p, report, chunk)
        report.outcome = "ok"
    except TimeoutError:
        report.outcome, report.error = "timeout", f"no answer within {seat_timeout_seconds:g} s"
    except TritiumError as error:
        report.error = error.message
        report.status_code = error.http_status
    except Exception:  # noqa: BLE001 a fault of ours in one seat must not cost the others' answers
        report.error, report.status_code = internal_fault(call.id), 500
    finally:
        _close_seat(p, report, tally)
    return report.outcome == "ok"


def _hear(p: Proceedings, report: SeatReport, chunk: Chunk) -> None:
    report.finish_reason = chunk.finish_reason or report.finish_reason
    if chunk.text:
        report.text += chunk.text
        p.event("seat.delta", seat=report.seat, text=chunk.text)


def _close_seat(p: Proceedings, report: SeatReport, tally: Tally) -> None:
    settle_seat(report, tally)
    if report.outcome == "ok" and not report.text.strip():
        report.outcome, report.error = "failed", "it answered with nothing"
    if report.outcome is None:
        report.outcome = "failed" if report.error else "cancelled"
    p.event("seat.ended", **public(report), text=report.text)


def _seat_request(p: Proceedings, seat: PlannedSeat) -> ChatRequest:
    changes = {"temperature": seat.settings.temperature, "seed": seat.settings.seed}
    given = {name: value for name, value in changes.items() if value is not None}
    return p.limited(without_fusion(p.request, seat.model.id), seat).replace(stream=True, **given)
