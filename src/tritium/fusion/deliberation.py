"""A fusion at work: ask the panel, decide, judge, write; whatever fails, the next rung of the ladder answers.

The ladder: synthesis -> (writer harmful or dead) vote or medoid; judge down -> next judge -> synthesis without
analysis; judge unreadable -> next judge -> the most central answer; split vote -> judge -> strongest member; one
survivor -> its answer, nobody judges it; nobody -> an error. Never an error while one answer exists.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tritium.chat import ChatRequest, Chunk, Completion, text_chunk
from tritium.errors import AllSeatsFailed, TritiumError, UpstreamError, UpstreamUnavailable
from tritium.fusion import ballots
from tritium.fusion.budget import OUTPUT_TOKENS, Budget
from tritium.fusion.candidates import Candidates
from tritium.fusion.gather import Patience, gather
from tritium.fusion.judge import JUDGE_MAX_TOKENS, JudgeUnreadable, Verdict, judge, judge_bytes
from tritium.fusion.options import FusionOptions
from tritium.fusion.plan import Plan, PlannedSeat
from tritium.fusion.run import How, Run, SeatReport, Tally, settle_seat
from tritium.fusion.synthesis import OPENING_CHARACTERS, harm, writers_request
from tritium.model import Call, Model

_LATE = {
    "settled": "not needed: the vote was settled",
    "grace": "late: the quorum was met, and the time of grace is over",
    "deadline": "late: the deadline of the panel is over",
}

Emit = Callable[[Chunk], None]


class Deliberation:
    """One run from the first question to the last word. `emit` takes chunks: progress, then the answer."""

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
        self._emit = emit
        self.budget = budget

    async def hold(self) -> None:
        """Carry it out.

        Raises:
            AllSeatsFailed: nobody answered.
            UpstreamError: the writer died after its first words were sent on.
        """
        seats = [_public(seat) for seat in self.run.seats]
        self.event("plan", plan=self.run.plan, seats=seats, events=self.options.events)
        if self.plan.strategy == "single":
            await self._single()
            return
        await self._ask_panel()
        answers = self.answers()
        if not answers:
            raise self._nobody()
        if len(answers) == 1 and len(self.run.seats) > 1:
            self._verbatim(answers[0], "lone_survivor", "only one seat answered; nobody needs to judge it")
        elif self.plan.strategy == "vote":
            await self._vote(answers)
        elif self.plan.strategy == "consensus":
            self._central(answers, "the answer most like all the others")
        else:
            await self._synthesize(answers)

    # ------------------------------------------------------------ the panel

    async def _ask_panel(self) -> None:
        options = self.options
        patience = Patience(self.plan.quorum, options.deadline_seconds, options.grace_seconds, options.max_concurrency)
        settled = self._vote_is_settled if self.plan.strategy == "vote" else lambda: False
        seats = self.budget.affordable(self.plan.seats, self.run, self.request, self._output_limit)
        self.run.gathering = await gather(seats, self._ask, patience, settled)
        for report in self.run.seats:
            if report.outcome == "cancelled":
                report.error = _LATE.get(self.run.gathering or "", "the panel stopped waiting")
            if report.outcome is None:
                report.outcome, report.error = "cancelled", report.error or "never asked"
        self.event("panel.ended", gathering=self.run.gathering, seats=[_public(seat) for seat in self.run.seats])

    async def _ask(self, seat: PlannedSeat) -> bool:
        """One seat, which fails alone."""
        report = self.run.seats[seat.seat]
        tally = Tally(self.tally)
        call = self.call.child("seat", recorder=tally, deadline=self._deadline())
        request = self._seat_request(seat)
        self.event("seat.started", seat=seat.seat, model=report.model)
        try:
            async with asyncio.timeout(self.options.seat_timeout_seconds):
                async with seat.model.answer(request, call) as chunks:
                    async for chunk in chunks:
                        self._hear(report, chunk)
            report.outcome = "ok"
        except TimeoutError:
            report.outcome, report.error = "timeout", f"no answer within {self.options.seat_timeout_seconds:g} s"
        except TritiumError as error:
            report.error = error.message
            report.status_code = error.http_status
        finally:
            self._close_seat(report, tally)
        return report.outcome == "ok"

    def _hear(self, report: SeatReport, chunk: Chunk) -> None:
        report.finish_reason = chunk.finish_reason or report.finish_reason
        if chunk.text:
            report.text += chunk.text
            self.event("seat.delta", seat=report.seat, text=chunk.text)

    def _close_seat(self, report: SeatReport, tally: Tally) -> None:
        settle_seat(report, tally)
        if report.outcome == "ok" and not report.text.strip():
            report.outcome, report.error = "failed", "it answered with nothing"
        if report.outcome is None:
            report.outcome = "failed" if report.error else "cancelled"
        self.event("seat.ended", **_public(report), text=report.text)

    def _seat_request(self, seat: PlannedSeat) -> ChatRequest:
        changes = {"temperature": seat.settings.temperature, "seed": seat.settings.seed}
        given = {name: value for name, value in changes.items() if value is not None}
        return self._limited(without_fusion(self.request, seat.model.id), seat).replace(stream=True, **given)

    def _output_limit(self, seat: PlannedSeat) -> int | None:
        """Its own, else the caller's, else the fusion's, else what the budget reckons with."""
        capped = OUTPUT_TOKENS if self.budget.capped else None
        return seat.settings.max_tokens or self.request.output_limit or self.options.max_tokens or capped

    def _limited(self, request: ChatRequest, seat: PlannedSeat) -> ChatRequest:
        limit = self._output_limit(seat)
        if limit == request.output_limit:
            return request
        return request.replace(max_tokens=limit, max_completion_tokens=None)

    # ------------------------------------------------------------ the decision

    def answers(self) -> list[SeatReport]:
        return [seat for seat in self.run.seats if seat.outcome == "ok"]

    def _vote_is_settled(self) -> bool:
        """Those still out can't outvote those who agree."""
        found = ballots.count(self.answers(), self.plan.kind, self.request.question(), self.strengths)
        return found.beyond_reach(len(self.plan.seats))

    async def _vote(self, answers: list[SeatReport]) -> None:
        found = ballots.count(answers, self.plan.kind, self.request.question(), self.strengths)
        decision = self.run.decision
        decision.votes, decision.agreement, decision.makers_agreeing = found.table, found.agreement, found.makers
        self.event("vote", votes=found.table, agreement=found.agreement, makers_agreeing=found.makers)
        if found.winner is None:
            self._central(answers, "no seat gave an answer that can be counted")
        elif found.majority:
            how: How = "unanimous" if found.unanimous else "majority"
            if found.counted == 1:
                how = "only_countable"
            self._verbatim(found.winner, how, f"{found.for_winner} of {found.counted} say {found.says!r}")
        else:
            await self._break_tie(answers, found)

    async def _break_tie(self, answers: list[SeatReport], found: ballots.Count) -> None:
        """Split: a judge selects; without a judge that is fit for it, the strongest member is believed."""
        candidates = Candidates(answers, self.plan.order_seed)
        verdict, _ = await self._verdict(candidates, select_only=True)
        if verdict is not None and verdict.selected is not None:
            self._verbatim(verdict.selected, "judge_select", "the vote was split; the judge selected this answer")
            return
        winner = found.winner or answers[0]
        self._verbatim(winner, "strongest", f"the vote was split; {winner.model} is the strongest of those ahead")

    def _central(self, answers: list[SeatReport], reason: str) -> None:
        seat = ballots.most_central(answers, self.strengths)
        self._verbatim(seat, "central", reason)

    # ------------------------------------------------------------ judge and writer

    async def _synthesize(self, answers: list[SeatReport]) -> None:
        candidates = Candidates(answers, self.plan.order_seed)
        verdict, unreadable = await self._verdict(candidates, select_only=self.plan.select_only)
        if verdict is not None and verdict.selected is not None:
            self._verbatim(verdict.selected, "judge_select", "the judge found this answer in no need of change")
        elif unreadable or self.plan.select_only:
            self._central(answers, "no verdict could be read: the answer most like all the others")
        else:
            await self._write(candidates, verdict, answers)

    async def _verdict(self, candidates: Candidates, *, select_only: bool) -> tuple[Verdict | None, bool]:
        """The first verdict that any judge gives, and whether some judge answered and could not be read."""
        unreadable = False
        material = judge_bytes(self.request, self.answers())
        for model in self.plan.judges:
            if not self._affords(f"judge {model.id}", model.id, material, 2 * JUDGE_MAX_TOKENS):
                break
            self.event("judge.started", model=model.id)
            call = self.call.child("judge", recorder=self.tally)
            try:
                verdict = await judge(
                    model,
                    self.request,
                    candidates,
                    call,
                    select_only=select_only,
                    timeout_seconds=self.options.judge_timeout_seconds,
                )
            except JudgeUnreadable as fault:
                unreadable = True
                self._warn(fault.message)
            except TimeoutError:
                self._warn(f"judge {model.id}: no verdict within {self.options.judge_timeout_seconds:g} s")
            except TritiumError as fault:
                self._warn(f"judge {model.id}: {fault.message}")
            else:
                self.run.analysis = verdict.document
                self.event("analysis", model=model.id, analysis=verdict.document)
                return verdict, False
        return None, unreadable

    async def _write(self, candidates: Candidates, verdict: Verdict | None, answers: list[SeatReport]) -> None:
        writer = self.plan.synthesizer
        asked = self._writers_request(writer, candidates, verdict)
        if writer is None or asked is None:
            self._central(answers, "no synthesis: the answer most like all the others")
            return
        self.event("synthesizer.started", model=writer.id)
        call = self.call.child("synthesizer", recorder=self.tally)
        said = Completion()
        sent = False
        try:
            async with asyncio.timeout(self.options.seat_timeout_seconds), writer.answer(asked, call) as chunks:
                async for chunk in chunks:
                    said.add(chunk)
                    if not self.request.streaming:
                        continue
                    if sent:
                        self._say(chunk.text)
                    elif len(said.text) >= OPENING_CHARACTERS and harm(said.text, answers, finished=False) is None:
                        self._decide_synthesis()
                        self._say(said.text)
                        sent = True
        except (TritiumError, TimeoutError) as fault:
            reason = getattr(fault, "message", None) or "it took too long"
            self._warn(f"synthesizer {writer.id}: {reason}")
            if sent:
                raise _broken_off(writer.id, fault) from fault
            self._central(answers, "the synthesizer failed: the answer most like all the others")
            return
        self._finish_writing(said, answers, sent=sent)

    def _writers_request(
        self, writer: Model | None, candidates: Candidates, verdict: Verdict | None
    ) -> ChatRequest | None:
        """What the writer is asked; None if there is no writer, or none that the budget allows."""
        if writer is None:
            return None
        asked = writers_request(without_fusion(self.request, writer.id), writer.id, candidates, verdict)
        if self.budget.capped and self.request.output_limit is None:
            asked = asked.replace(max_tokens=OUTPUT_TOKENS)
        material = asked.prompt_bytes
        fits = self._affords("the synthesis", writer.id, material, self.request.output_limit or OUTPUT_TOKENS)
        return asked if fits else None

    def _affords(self, stage: str, model: str, prompt_bytes: int, output_tokens: int) -> bool:
        self.budget.settle(self.tally.rows.values())
        return self.budget.allows(self.run, stage, model, prompt_bytes, output_tokens)

    def _finish_writing(self, said: Completion, answers: list[SeatReport], *, sent: bool) -> None:
        fault = harm(said.text, answers, finished=True)
        if fault is not None:
            self._warn(f"synthesis: {fault}")
        if not sent:
            if fault is not None:
                self._central(answers, f"the synthesis was dropped ({fault}): the answer most like all the others")
                return
            self._decide_synthesis()
            self._say(said.text)
        self.run.finish_reason = said.finish_reason or "stop"
        self._emit(text_chunk("", self.run.finish_reason))

    def _decide_synthesis(self) -> None:
        self._decide("synthesis", "written from several answers")

    # ------------------------------------------------------------ one model

    async def _single(self) -> None:
        """The request goes to one model as it is, tools and all: to the strongest that opens."""
        seats = self.budget.affordable(self.plan.seats, self.run, self.request, self._output_limit)
        try:
            for seat in sorted(seats, key=lambda each: (-each.profile.strength, each.seat)):
                if await self._answered_by(seat):
                    return
            raise self._nobody()
        finally:
            # The strongest came first; who was not needed has no part in the run.
            self.run.seats[1:] = [report for report in self.run.seats[1:] if report.outcome or report.error]

    async def _answered_by(self, seat: PlannedSeat) -> bool:
        """Pass one model's chunks on; false if it failed before the first, so that another one may be asked.

        Raises:
            UpstreamError: it failed later, or there is no other seat.
        """
        report = self.run.seats[seat.seat]
        tally = Tally(self.tally)
        call = self.call.child("seat", recorder=tally)
        self.event("seat.started", seat=seat.seat, model=report.model)
        said = Completion()
        begun = False
        try:
            # Only the first word has to come in time: an answer that is under way may be long.
            async with asyncio.timeout(self._patience_seconds()) as patience:
                async with seat.model.answer(self._single_request(seat), call) as chunks:
                    async for chunk in chunks:
                        if chunk.choices and not begun:
                            begun = True
                            patience.reschedule(None)
                            self.run.decision.seat = seat.seat
                            self._decide("single", "one model answers")
                        said.add(chunk)
                        self._emit(_passed_on(chunk))
            report.outcome = "ok"
        except TimeoutError:
            report.outcome, report.error = "timeout", f"no answer within {self._patience_seconds():g} s"
            report.status_code = 504
        except TritiumError as error:
            report.error, report.status_code = error.message, error.http_status
            if begun or len(self.plan.seats) == 1:
                raise
        finally:
            report.text = said.text
            settle_seat(report, tally)
            self.event("seat.ended", **_public(report), text=report.text)
        self.run.answer, self.run.finish_reason = said.text, said.finish_reason
        return report.outcome == "ok"

    def _patience_seconds(self) -> float:
        return min(self.options.seat_timeout_seconds, self.options.deadline_seconds)

    def _deadline(self) -> float:
        """When a seat that is asked now is too late; so that the ledger can tell a timeout from a cancellation."""
        return time.monotonic() + self.options.seat_timeout_seconds

    def _single_request(self, seat: PlannedSeat) -> ChatRequest:
        return self._limited(without_fusion(self.request, seat.model.id), seat)

    # ------------------------------------------------------------ words and events

    def _verbatim(self, seat: SeatReport, how: How, reason: str) -> None:
        self.run.decision.seat = seat.seat
        self._decide(how, reason)
        self._say(seat.text)
        self.run.finish_reason = seat.finish_reason or "stop"
        self._emit(text_chunk("", self.run.finish_reason))

    def _decide(self, how: How, reason: str) -> None:
        self.run.decision.how, self.run.decision.reason = how, reason
        self.event("decision", decision=self.run.decision)

    def _say(self, text: str) -> None:
        if text:
            self.run.answer += text
            self._emit(text_chunk(text))

    def _warn(self, warning: str) -> None:
        self.run.warnings.append(warning)
        self.event("warning", warning=warning)

    def event(self, kind: str, **fields: object) -> None:
        self._emit(Chunk(event={"type": kind, "run": self.run.id, "at_ms": self._elapsed_ms(), **fields}))

    def _elapsed_ms(self) -> float:
        return round((time.perf_counter() - self.tally.started) * 1e3, 1)

    def _nobody(self) -> AllSeatsFailed:
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


def _passed_on(chunk: Chunk) -> Chunk:
    """One model's chunk without its usage: the run's own comes at the end."""
    return Chunk(chunk.choices, None, chunk.raw, chunk.complete, None, chunk.model, chunk.provider)


def _broken_off(writer: str, fault: BaseException) -> UpstreamError:
    if isinstance(fault, UpstreamError):
        return fault
    reason = str(fault) or "it took too long"
    return UpstreamUnavailable(f"The synthesizer {writer} broke off: {reason}.", provider=writer)


def _public(report: SeatReport) -> dict[str, object]:
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
