"""A plan whose seats are somebody else to ask: the cache before a model, or an answer in its place."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tritium.chat import ChatRequest, Completion
from tritium.errors import UpstreamUnavailable
from tritium.fusion.kept_seat import KeptSeat
from tritium.fusion.past_run import heard
from tritium.fusion.plan import Plan
from tritium.fusion.run import Run, SeatReport
from tritium.fusion.seat_answers import SeatAnswers
from tritium.model import Answer, Call, Model


def behind_cache(plan: Plan, answers: SeatAnswers, seconds: float) -> Plan:
    """The same seats, asked through the cache."""
    everybody = [*plan.seats, *plan.bench]
    return _reseated(plan, answers.seats([seat.model for seat in everybody], seconds))


def from_run(plan: Plan, run: Run) -> Plan:
    """The seats with what they answered in that run; who did not answer there fails, and nobody is asked instead."""
    answered: dict[str, list[SeatReport]] = {}
    for report in heard(run):
        answered.setdefault(report.model, []).append(report)
    models: list[Model] = []
    for seat in plan.seats:
        reports = answered.get(seat.model.id)
        models.append(KeptSeat(seat.model.id, _said(reports.pop(0))) if reports else _Unheard(seat.model.id))
    return replace(_reseated(plan, models), bench=[])


def _reseated(plan: Plan, models: Sequence[Model]) -> Plan:
    seats = [replace(seat, model=model) for seat, model in zip([*plan.seats, *plan.bench], models, strict=False)]
    count = len(plan.seats)
    escalation = next((at for at, seat in enumerate(plan.seats) if seat is plan.escalation), None)
    return replace(
        plan,
        seats=seats[:count],
        bench=seats[count:],
        escalation=None if escalation is None else seats[escalation],
    )


def _said(report: SeatReport) -> Completion:
    return Completion(
        text=report.text,
        tool_calls=report.tool_calls,
        reasoning_details=report.reasoning_details,
        finish_reason=report.finish_reason,
        model=report.model,
    )


class _Unheard:
    """A seat of which the run has no answer."""

    def __init__(self, model_id: str) -> None:
        self.id = model_id

    def answer(self, _request: ChatRequest, _call: Call) -> Answer:
        raise UpstreamUnavailable(
            "The run that is replayed has no answer of it, and nobody is asked.", provider=self.id
        )
