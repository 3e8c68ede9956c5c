"""One model alone under a schema: its answer is read whole, and mended once, before a word of it is sent on."""

from __future__ import annotations

from tritium.errors import BudgetExceeded
from tritium.fusion.panel import ask_panel
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.structured import mend, rescue


async def answer_alone_in_form(proceedings: Proceedings) -> None:
    """Answer with the first model's valid or mended JSON, strongest first.

    Raises:
        AllSeatsFailed, UnstructuredAnswer: nobody answered, or nobody in the form that was asked for.
        BudgetExceeded: one that could have been asked did not fit under the cap, and nobody answered.
    """
    p, run = proceedings, proceedings.run
    refused: BudgetExceeded | None = None
    try:
        for seat in p.plan.seats:
            report = run.seats[seat.seat]
            try:
                await ask_panel(p, some=[seat])
            except BudgetExceeded as fault:  # the next one may fit
                refused = fault
                continue
            if answers := p.answers():  # its own, or a stand-in's
                p.verbatim(answers[0], "single", "one model answers")
                return
            if report.invalid and p.contract is not None:
                _, faults = p.contract.read(report.text)
                mended = await mend(p, p.contract, seat, report.text, faults)
                if mended is not None:
                    run.decision.seat = seat.seat
                    p.decide("single", "one model answers; its answer had to be mended")
                    p.write(mended)
                    return
        if refused is not None and not any(report.invalid for report in run.seats):
            raise refused
        await rescue(p)
    finally:
        run.seats[1:] = [report for report in run.seats[1:] if report.outcome or report.error]
