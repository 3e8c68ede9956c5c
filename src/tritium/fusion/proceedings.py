"""What all of a deliberation shares: the question, the plan, the run being written, and the ways to say something."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence

import msgspec

from tritium.chat import ChatRequest, Chunk, text_chunk
from tritium.errors import AllSeatsFailed, TritiumError
from tritium.fusion import ballots
from tritium.fusion.budget import OUTPUT_TOKENS, Budget
from tritium.fusion.calibration import Calibration
from tritium.fusion.contract import contract_of
from tritium.fusion.needs import in_words
from tritium.fusion.options import FusionOptions
from tritium.fusion.plan import Plan
from tritium.fusion.run import How, Run, SeatReport, Tally
from tritium.fusion.seating import PlannedSeat
from tritium.fusion.tool_turns import without_tools
from tritium.model import Call

_log = logging.getLogger(__name__)

Emit = Callable[[Chunk], None]


class Proceedings:
    """One run's. `emit` takes chunks: progress, then the answer."""

    def __init__(  # noqa: PLR0913, PLR0917 - one for each thing that is shared
        self,
        request: ChatRequest,
        options: FusionOptions,
        plan: Plan,
        run: Run,
        call: Call,
        tally: Tally,
        budget: Budget,
        emit: Emit,
        calibration: Calibration | None = None,
    ) -> None:
        self.request = request
        self.asked = request if plan.tools == "vote" else without_tools(request)
        """What members are asked: the caller's request, without tools unless they may propose calls."""
        self.options = options
        self.plan = plan
        self.strengths = [seat.profile.strength for seat in plan.seats]
        self.run = run
        self.call = call
        self.tally = tally
        self.budget = budget
        self.emit = emit
        self.calibration = calibration or Calibration()
        self.contract = None if _free(request, plan) else contract_of(request.body.response_format)
        """The form that whatever reaches the caller has."""
        self.withheld: Callable[[str], str | None] | None = self.contract.fault if self.contract else None
        """What is wrong with a written answer that must keep to a form, or None; it is held back until it is whole."""
        self.begun: set[int] = set()
        """Seats that have begun to speak."""
        self.bench = list(plan.bench)
        """Who has not been asked to stand in yet."""

    def answers(self) -> list[SeatReport]:
        return [seat for seat in self.run.seats if seat.outcome == "ok"]

    def seat_another(self, planned: PlannedSeat, stands_in_for: int, why: str) -> PlannedSeat:
        """Give somebody a seat of its own beside one that failed, or is slow: same vote, next number."""
        seat = msgspec.structs.replace(planned, seat=len(self.run.seats))
        layer = self.run.seats[stands_in_for].layer
        self.run.seats.append(
            SeatReport(
                seat.seat, seat.model.id, seat.profile.maker, stands_in_for=stands_in_for, reason=why, layer=layer
            )
        )
        self.strengths.append(seat.profile.strength)
        if self.plan.weights is not None:
            self.plan.weights[seat.seat] = self.plan.weights.get(stands_in_for, 1.0)
        return seat

    def seat_in_layer(self, planned: PlannedSeat, layer: int) -> PlannedSeat:
        """Give a member its seat in a later layer."""
        seat = msgspec.structs.replace(planned, seat=len(self.run.seats))
        self.run.seats.append(SeatReport(seat.seat, seat.model.id, seat.profile.maker, layer=layer))
        self.strengths.append(seat.profile.strength)
        return seat

    # ------------------------------------------------------------ what a member is asked

    def output_limit(self, seat: PlannedSeat) -> int | None:
        """Its own, else the caller's, else the fusion's, else what the budget reckons with."""
        capped = self._even_share() if self.budget.capped else None
        return seat.settings.max_tokens or self.request.output_limit or self.options.max_tokens or capped

    def _even_share(self) -> int:
        """Of a cap on all tokens: as much for each seat as for the judge and for the writer."""
        cap = self.budget.output_cap
        return OUTPUT_TOKENS if cap is None else max(1, min(OUTPUT_TOKENS, cap // (len(self.plan.panel) + 2)))

    def members_request(self, asked: ChatRequest, seat: PlannedSeat, **changes: object) -> ChatRequest:
        """What one seat is sent: the question in its settings, without what it can't take, and within its limit."""
        settings = {"temperature": seat.settings.temperature, "seed": seat.settings.seed}
        given = {name: value for name, value in settings.items() if value is not None}
        readable = in_words(asked) if seat.text_only else asked
        request = without_fusion(readable, seat.model.id, **given, **changes)
        limit = self.output_limit(seat)
        if limit == request.output_limit:
            return request
        return request.replace(max_tokens=limit, max_completion_tokens=None)

    def affords(self, stage: str, model: str, prompt_bytes: int, output_tokens: int) -> bool:
        self.budget.settle(self.tally.rows.values())
        return self.budget.allows(self.run, stage, model, prompt_bytes, output_tokens)

    def writing_seconds(self) -> float:
        """For the one who writes: a seat's time, or what is left for the run."""
        return self.budget.seconds(self.options.seat_timeout_seconds)

    def end(self) -> float | None:
        """When an answer that is under way has to end, by the loop's clock; None where nobody limits the run's time."""
        left_seconds = self.budget.seconds(math.inf)
        return None if left_seconds == math.inf else asyncio.get_running_loop().time() + left_seconds

    # ------------------------------------------------------------ the answer

    def verbatim(self, seat: SeatReport, how: How, reason: str) -> None:
        """Answer with one seat's text, word for word."""
        self.run.decision.seat = seat.seat
        self.decide(how, reason)
        self.write(seat.text, seat.finish_reason)

    def central(self, answers: Sequence[SeatReport], reason: str) -> None:
        """Answer with the text that is most like all the others."""
        self.verbatim(ballots.most_central(answers, self.strengths), "central", reason)

    def write(self, text: str, finish_reason: str | None = None) -> None:
        """Say all of it, in the form that was asked for, and end."""
        self.say(self.clean(text))
        self.run.finish_reason = finish_reason or "stop"
        self.emit(text_chunk("", self.run.finish_reason))

    def clean(self, text: str) -> str:
        """A valid answer's JSON alone, where JSON was asked for; else the text as it is."""
        return self.contract.clean(text) if self.contract else text

    def decide(self, how: How, reason: str) -> None:
        decision = self.run.decision
        decision.how, decision.reason = how, reason
        panel = {seat.model.id for seat in self.plan.seats}
        decision.calibrated_p = self.calibration.probability(
            self.plan.kind, self.plan.strategy, panel, decision.agreement, how
        )
        decision.confidence = "uncalibrated" if decision.calibrated_p is None else "calibrated"
        self.event("decision", decision=self.run.decision)

    def say(self, text: str) -> None:
        if text:
            self.run.answer += text
            self.emit(text_chunk(text))

    def cut_short(self, said: str) -> None:
        """End an answer under way: its time is over."""
        self.run.answer, self.run.finish_reason = said, "length"
        self.warn("the answer was cut short: the run's max_seconds are over")
        self.emit(text_chunk("", "length"))

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


def _free(request: ChatRequest, plan: Plan) -> bool:
    """Whether what is answered may be something else than one text: calls, several choices, log probabilities."""
    return plan.tools is not None or (request.body.n or 1) > 1 or bool(request.body.logprobs)


def without_fusion(request: ChatRequest, model: str, **changes: object) -> ChatRequest:
    """The request for one member: no fusion of its own settings, the member's name in it, and other fields set."""
    return request.replace(model=model, fusion=None, plugins=None, stream_options=None, **changes)


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
        "stands_in_for": report.stands_in_for,
        "replaced_by": report.replaced_by,
        "reason": report.reason,
        "outcome": report.outcome,
        "error": report.error,
        "status_code": report.status_code,
        "tokens": report.tokens,
        "cost_usd": report.cost_usd,
        "latency_ms": report.latency_ms,
        "cached": report.cached,
    }
