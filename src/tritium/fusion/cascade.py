"""A cascade: two cheap makers at once, the others in turn, and the strong model only if they don't agree."""

from __future__ import annotations

from tritium.errors import BudgetExceeded
from tritium.fusion.ballots import Count
from tritium.fusion.panel import ask_panel
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.seating import PlannedSeat
from tritium.fusion.structured import conclude_by_fields, rescue
from tritium.fusion.voting import conclude, count, escalate


async def climb(proceedings: Proceedings) -> None:
    """Ask until enough agree, and answer.

    Raises:
        AllSeatsFailed: nobody answered.
        BudgetExceeded: nobody could be asked under the cap.
    """
    p, gate = proceedings, _Gate(proceedings)
    panel = [seat for seat in p.plan.panel if seat.unfit is None]
    refused = await _ask(gate, panel[: p.options.start])
    waiting = panel[p.options.start :]
    while waiting and gate.within_reach(len(waiting)):
        refused = await _ask(gate, [waiting.pop(0)]) or refused
    agreed = gate.open()
    if not agreed and not await escalate(p):
        while waiting and not gate.open():  # now every voice counts
            refused = await _ask(gate, [waiting.pop(0)]) or refused
    answers = p.answers()
    if not answers:
        if refused is not None and not any(report.invalid for report in p.run.seats):
            raise refused
        await rescue(p)
        return
    for report in p.run.seats:
        if report.outcome is None:
            why = "enough of the others agreed" if agreed else "it could not have brought agreement any more"
            report.outcome, report.error = "cancelled", f"not asked: {why}"
    if p.plan.kind == "json" and not agreed and len(answers) > 1:
        await conclude_by_fields(p, answers)
    else:
        await conclude(p, answers, agreed=agreed)


async def _ask(gate: _Gate, seats: list[PlannedSeat]) -> BudgetExceeded | None:
    """Ask them, until enough agree; what the budget has against all of them is returned: others may fit."""
    try:
        await ask_panel(gate.p, gate.open, some=seats)
    except BudgetExceeded as refused:
        return refused
    return None


class _Gate:
    """Open as soon as so many makers say the same; where there are fewer makers than that, seats count."""

    def __init__(self, proceedings: Proceedings) -> None:
        self.p = proceedings
        self._needed = proceedings.options.agree
        makers = {seat.profile.maker for seat in proceedings.plan.panel if seat.unfit is None} - {""}
        self._by_maker = len(makers) >= self._needed

    def open(self) -> bool:
        return self._agreeing() >= self._needed

    def within_reach(self, waiting: int) -> bool:
        """Whether those not asked yet could still open it, and have to."""
        return self._needed - waiting <= self._agreeing() < self._needed

    def _agreeing(self) -> int:
        found: Count = count(self.p, self.p.answers())
        return found.makers if self._by_maker else found.for_winner
