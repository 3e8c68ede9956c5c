"""What all of a deliberation shares: the question, the plan, the run being written, and the ways to say something."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from tritium.chat import ChatRequest, Chunk, text_chunk
from tritium.errors import AllSeatsFailed, TritiumError
from tritium.fusion import ballots
from tritium.fusion.budget import OUTPUT_TOKENS, Budget
from tritium.fusion.options import FusionOptions
from tritium.fusion.plan import Plan, PlannedSeat
from tritium.fusion.run import How, Run, SeatReport, Tally
from tritium.model import Call

_log = logging.getLogger(__name__)

Emit = Callable[[Chunk], None]


class Proceedings:
    """One run's. `emit` takes chunks: progress, then the answer."""

    def __init__(
        self,
        request: ChatRequest,
        options: FusionOptions,
        plan: Plan,
        run: Run,
        call: Call,
        tally: Tally,
        budget: Budget,
        emit: Emit,
    ) -> None:
        self.request = request
        self.options = options
        self.plan = plan
        self.strengths = [seat.profile.strength for seat in plan.seats]
        self.run = run
        self.call = call
        self.tally = tally
        self.budget = budget
        self.emit = emit

    def answers(self) -> list[SeatReport]:
        return [seat for seat in self.run.seats if seat.outcome == "ok"]

    # ------------------------------------------------------------ what a member is asked

    def output_limit(self, seat: PlannedSeat) -> int | None:
        """Its own, else the caller's, else the fusion's, else what the budget reckons with."""
        capped = OUTPUT_TOKENS if self.budget.capped else None
        return seat.settings.max_tokens or self.request.output_limit or self.options.max_tokens or capped

    def limited(self, request: ChatRequest, seat: PlannedSeat) -> ChatRequest:
        limit = self.output_limit(seat)
        if limit == request.output_limit:
            return request
        return request.replace(max_tokens=limit, max_completion_tokens=None)

    def affords(self, stage: str, model: str, prompt_bytes: int, output_tokens: int) -> bool:
        self.budget.settle(self.tally.rows.values())
        return self.budget.allows(self.run, stage, model, prompt_bytes, output_tokens)

    # ------------------------------------------------------------ the answer

    def verbatim(self, seat: SeatReport, how: How, reason: str) -> None:
        """Answer with one seat's text, word for word."""
        self.run.decision.seat = seat.seat
        self.decide(how, reason)
        self.say(seat.text)
        self.run.finish_reason = seat.finish_reason or "stop"
        self.emit(text_chunk("", self.run.finish_reason))

    def central(self, answers: Sequence[SeatReport], reason: str) -> None:
        """Answer with the text that is most like all the others."""
        self.verbatim(ballots.most_central(answers, self.strengths), "central", reason)

    def decide(self, how: How, reason: str) -> None:
        self.run.decision.how, self.run.decision.reason = how, reason
        self.event("decision", decision=self.run.decision)

    def say(self, text: str) -> None:
        if text:
            self.run.answer += text
            self.emit(text_chunk(text))

    # ------------------------------------------------------------ progress

    def warn(self, warning: str) -> None:
        self.run.warnings.append(warning)
        self.event("warning", warning=warning)

    def event(self, kind: str, **fields: object) -> None:
        self.emit(Chunk(event={"type": kind, "run": self.run.id, "at_ms": self._elapsed_ms(), **fields}))

    def _elapsed_ms(self) -> float:
        return round((time.perf_counter() - self.tally.started) * 1e3, 1)

    # ------------------------------------------------------------ failures

    def nobody(self) -> AllSeatsFailed:
        seats = [
            {"seat": seat.seat, "model": seat.model, "error": seat.error, "status_code": seat.status_code}
            for seat in self.run.seats
        ]
        reasons = "; ".join(f"{seat['model']}: {seat['error']}" for seat in seats)
        return AllSeatsFailed(
            f"None of the {len(seats)} seats answered ({reasons}).", provider="fusion", metadata={"seats": seats}
        )


def without_fusion(request: ChatRequest, model: str) -> ChatRequest:
    """The request for one member: no fusion of its own settings, the member's name in it."""
    return request.replace(model=model, fusion=None, plugins=None, stream_options=None)


def explained(fault: Exception, call_id: str) -> str:
    """Why a call came to nothing, for people."""
    if isinstance(fault, TritiumError):
        return fault.message
    return "it took too long" if isinstance(fault, TimeoutError) else internal_fault(call_id)


def internal_fault(call_id: str) -> str:
    """For people: a fault that is not the model's; the log has all of it."""
    _log.exception("An unexpected fault in the call %s", call_id)
    return f"an internal fault; the log has it under {call_id}"


def public(report: SeatReport) -> dict[str, object]:
    """A seat as events show it."""
    return {
        "seat": report.seat,
        "model": report.model,
        "maker": report.maker,
        "outcome": report.outcome,
        "error": report.error,
        "status_code": report.status_code,
        "tokens": report.tokens,
        "cost_usd": report.cost_usd,
        "latency_ms": report.latency_ms,
    }
