"""An open answer: judged, then written anew by one model, unless one of the answers needs no change."""

from __future__ import annotations

import asyncio

from tritium.chat import ChatRequest, Completion, text_chunk
from tritium.errors import UpstreamError, UpstreamUnavailable
from tritium.fusion.budget import OUTPUT_TOKENS
from tritium.fusion.candidates import Candidates
from tritium.fusion.judge import Verdict
from tritium.fusion.proceedings import Proceedings, explained, without_fusion
from tritium.fusion.run import SeatReport
from tritium.fusion.synthesis import OPENING_CHARACTERS, harm, writers_request
from tritium.fusion.verdict import ask_judges
from tritium.model import Model


async def synthesize(proceedings: Proceedings, answers: list[SeatReport]) -> None:
    """Judge, then write.

    Raises:
        UpstreamError: the writer died after its first words were sent on.
    """
    p = proceedings
    candidates = Candidates(answers, p.plan.order_seed)
    verdict, unreadable = await ask_judges(p, candidates, select_only=p.plan.select_only)
    if verdict is not None and verdict.selected is not None:
        p.verbatim(verdict.selected, "judge_select", "the judge found this answer in no need of change")
    elif unreadable or p.plan.select_only:
        p.central(answers, "no verdict could be read: the answer most like all the others")
    else:
        await _write(p, candidates, verdict, answers)


async def _write(p: Proceedings, candidates: Candidates, verdict: Verdict | None, answers: list[SeatReport]) -> None:
    writer = p.plan.synthesizer
    asked = _writers_request(p, writer, candidates, verdict)
    if writer is None or asked is None:
        p.central(answers, "no synthesis: the answer most like all the others")
        return
    p.event("synthesizer.started", model=writer.id)
    call = p.call.child("synthesizer", recorder=p.tally)
    said = Completion()
    sent = False
    try:
        async with asyncio.timeout(p.options.seat_timeout_seconds), writer.answer(asked, call) as chunks:
            async for chunk in chunks:
                said.add(chunk)
                if not p.request.streaming:
                    continue
                if sent:
                    p.say(chunk.text)
                elif len(said.text) >= OPENING_CHARACTERS and harm(said.text, answers, finished=False) is None:
                    _decide(p)
                    p.say(said.text)
                    sent = True
    except Exception as fault:  # answers exist: whatever befell the writer, one of them is given
        reason = explained(fault, call.id)
        p.warn(f"synthesizer {writer.id}: {reason}")
        if sent:
            raise _broken_off(writer.id, fault, reason) from fault
        p.central(answers, "the synthesizer failed: the answer most like all the others")
        return
    _finish(p, said, answers, sent=sent)


def _writers_request(
    p: Proceedings, writer: Model | None, candidates: Candidates, verdict: Verdict | None
) -> ChatRequest | None:
    """What the writer is asked; None if there is no writer, or none that the budget allows."""
    if writer is None:
        return None
    asked = writers_request(without_fusion(p.request, writer.id), writer.id, candidates, verdict)
    if p.budget.capped and p.request.output_limit is None:
        asked = asked.replace(max_tokens=OUTPUT_TOKENS)
    fits = p.affords("the synthesis", writer.id, asked.prompt_bytes, p.request.output_limit or OUTPUT_TOKENS)
    return asked if fits else None


def _finish(p: Proceedings, said: Completion, answers: list[SeatReport], *, sent: bool) -> None:
    fault = harm(said.text, answers, finished=True)
    if fault is not None:
        p.warn(f"synthesis: {fault}")
    if not sent:
        if fault is not None:
            p.central(answers, f"the synthesis was dropped ({fault}): the answer most like all the others")
            return
        _decide(p)
        p.say(said.text)
    p.run.finish_reason = said.finish_reason or "stop"
    p.emit(text_chunk("", p.run.finish_reason))


def _decide(p: Proceedings) -> None:
    p.decide("synthesis", "written from several answers")


def _broken_off(writer: str, fault: Exception, reason: str) -> UpstreamError:
    if isinstance(fault, UpstreamError):
        return fault
    return UpstreamUnavailable(f"The synthesizer {writer} broke off: {reason}.", provider=writer)
