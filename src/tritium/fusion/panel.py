"""The panel: every seat asked in parallel, each failing alone, until enough have answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from tritium.chat import Chunk, merge_call
from tritium.errors import TritiumError
from tritium.fusion.gather import Patience, gather
from tritium.fusion.place import Place
from tritium.fusion.proceedings import Proceedings, internal_fault, public
from tritium.fusion.run import Run, SeatReport, Tally, settle_seat
from tritium.fusion.seating import PlannedSeat

_LATE = {
    "settled": "not needed: the vote was settled",
    "grace": "late: the quorum was met, and the time of grace is over",
    "deadline": "late: the deadline of the panel is over",
}

_SHARES = {"consensus": 1.0, "analysis": 0.75, "vote": 0.75, "cascade": 0.75, "field_vote": 0.75, "propose": 0.75}
"""Of a run's seconds, what the panel may take by strategy: somebody may have to judge and to write after it.
Others: half."""


async def ask_panel(
    proceedings: Proceedings,
    settled: Callable[[], bool] = lambda: False,
    some: Sequence[PlannedSeat] | None = None,
    quorum: int | None = None,
) -> list[SeatReport]:
    """Ask the panel, or `some` of its seats, all of whom are waited for unless a `quorum` is given.

    Returns whoever has answered by now.

    `settled` is asked after each answer: true when those still out can't change the outcome.

    Raises:
        BudgetExceeded: not one of them fits under the cap.
    """
    p, run = proceedings, proceedings.run
    asked = _able(p, p.plan.panel if some is None else some)
    if not asked:
        return p.answers()
    first_new = len(run.seats)
    quorum = quorum or (p.plan.quorum if some is None else len(some))
    enough = len(p.answers()) + quorum
    p.budget.settle(p.tally.rows.values())
    seats = p.budget.affordable(asked, run, p.asked, p.output_limit)
    place = Place(p, lambda seat: _ask(p, seat), enough)
    try:
        run.gathering = await gather(seats, place.hold, _patience(p, quorum), settled)
    finally:
        for seat in asked:
            p.budget.release(seat.seat)
    for report in [*(run.seats[seat.seat] for seat in asked), *run.seats[first_new:]]:
        if report.outcome == "cancelled":
            report.error = _not_needed(run, report) or _LATE.get(run.gathering or "", "the panel stopped waiting")
        if report.outcome is None:
            report.outcome, report.error = "cancelled", report.error or "never asked"
    p.event("panel.ended", gathering=run.gathering, seats=[public(seat) for seat in run.seats])
    return p.answers()


def _able(p: Proceedings, seats: Sequence[PlannedSeat]) -> list[PlannedSeat]:
    """Those that can read the request; the others have failed already."""
    for seat in seats:
        if seat.unfit is not None:
            report = p.run.seats[seat.seat]
            report.outcome, report.error = "failed", f"left out: {seat.unfit}"
    return [seat for seat in seats if seat.unfit is None]


def _patience(p: Proceedings, quorum: int) -> Patience:
    options = p.options
    left_seconds = max(options.deadline_seconds - (time.perf_counter() - p.tally.started), 0)
    left_seconds = p.budget.seconds(left_seconds, _SHARES.get(p.plan.strategy, 0.5))
    return Patience(quorum, left_seconds, options.grace_seconds, options.max_concurrency)


def _not_needed(run: Run, report: SeatReport) -> str | None:
    """Why a try was cut short, if the other one for the same place answered."""
    for other in (report.replaced_by, report.stands_in_for):
        if other is not None and run.seats[other].outcome == "ok":
            return f"not needed: seat {other} answered first"
    return None


async def _ask(p: Proceedings, seat: PlannedSeat) -> bool:
    """One seat, which fails alone."""
    report = p.run.seats[seat.seat]
    tally = Tally(p.tally)
    seat_timeout_seconds = p.options.seat_timeout_seconds
    # So that the ledger can tell a timeout from a cancellation.
    call = p.call.child("seat", recorder=tally, deadline=time.monotonic() + seat_timeout_seconds)
    request = p.members_request(p.asked, seat, stream=True)
    p.event("seat.started", seat=seat.seat, model=report.model, reason=report.reason)
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
    if chunk.choices:
        p.begun.add(report.seat)
    if p.plan.tools == "vote":
        _hear_calls(report, chunk)
    if chunk.text:
        report.text += chunk.text
        p.event("seat.delta", seat=report.seat, text=chunk.text)
    elif chunk.choices and (thought := chunk.choices[0].delta.reasoning or chunk.choices[0].delta.reasoning_content):
        p.event("seat.reasoning", seat=report.seat, text=thought)


def _hear_calls(report: SeatReport, chunk: Chunk) -> None:
    """What a piece of an answer says of calls, and of the thoughts that a vendor wants back with them."""
    for choice in chunk.choices[:1]:
        for piece in choice.delta.tool_calls or ():
            merge_call(report.tool_calls, piece)
        report.reasoning_details += choice.delta.reasoning_details or ()


def _close_seat(p: Proceedings, report: SeatReport, tally: Tally) -> None:
    settle_seat(report, tally)
    p.budget.release(report.seat)
    if report.outcome == "ok" and not report.text.strip() and not report.tool_calls:
        report.outcome, report.error = "failed", "it answered with nothing"
    if report.outcome == "ok" and p.contract is not None and (fault := p.contract.fault(report.text)) is not None:
        report.outcome, report.error, report.invalid = "failed", fault, True
    if report.outcome is None:
        report.outcome = "failed" if report.error else "cancelled"
    p.event("seat.ended", **public(report), text=report.text)
