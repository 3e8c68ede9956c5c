"""An open answer: judged, then written anew by one model, unless one of the answers needs no change."""

from __future__ import annotations

import asyncio

from tritium.chat import ChatRequest, Completion, text_chunk
from tritium.errors import UpstreamError, UpstreamUnavailable
from tritium.fusion.candidates import Candidates
from tritium.fusion.fitting import DoesNotFit
from tritium.fusion.judge import Verdict
from tritium.fusion.machinery import machinery
from tritium.fusion.proceedings import Proceedings, explained, without_fusion
from tritium.fusion.roster import Facts
from tritium.fusion.run import SeatReport
from tritium.fusion.synthesis import OPENING_CHARACTERS, fitted_for_writer, harm, rewriters_request, writers_request
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
    elif verdict is not None and p.plan.select_only:
        p.central(answers, "the judge did not settle on one answer: the one most like all the others")
    elif unreadable or p.plan.select_only:
        p.central(answers, "no verdict could be read: the answer most like all the others")
    else:
        await _Writing(p, candidates, verdict, answers).write()


class _Writing:
    """One final answer on its way: asked for, held back until its first words can be trusted, sent on."""

    def __init__(
        self, proceedings: Proceedings, candidates: Candidates, verdict: Verdict | None, answers: list[SeatReport]
    ) -> None:
        self._p = proceedings
        self._candidates = candidates
        self._verdict = verdict
        self._answers = answers
        self._sent = False
        self._held = False
        """Its opening has been looked at, and it is not sent before it is whole."""
        self._checked: tuple[str, str | None] = "", None
        """The text that was looked through last for words that don't belong there, and those."""

    async def write(self) -> None:
        """Write; what can't be written, or would do harm, is replaced by the most central answer.

        Raises:
            UpstreamError: the writer died after its first words were sent on.
        """
        p, writer = self._p, self._p.plan.synthesizer
        asked = self._asked(writer) if writer is not None else None
        if writer is None or asked is None:
            p.central(self._answers, "no synthesis: the answer most like all the others")
            return
        p.event("synthesizer.started", model=writer.id)
        call = p.call.child("synthesizer", recorder=p.tally)
        said = Completion()
        try:
            async with asyncio.timeout(p.writing_seconds()), writer.answer(asked, call) as chunks:
                async for chunk in chunks:
                    said.add(chunk)
                    if p.request.streaming:
                        self._pass_on(chunk.text, said.text)
        except Exception as fault:  # answers exist: whatever befell the writer, one of them is given
            if self._sent and isinstance(fault, TimeoutError) and p.budget.out_of_time:
                p.cut_short(said.text)
                return
            reason = explained(fault, call.id)
            p.warn(f"synthesizer {writer.id}: {reason}")
            if self._sent:
                raise _broken_off(writer.id, fault, reason) from fault
            p.central(self._answers, "the synthesizer failed: the answer most like all the others")
            return
        await self._finish(writer, said)

    # ------------------------------------------------------------ what the writer is asked

    def _asked(self, writer: Model) -> ChatRequest | None:
        """None if its window has no room for the answers, or the budget none for the call."""
        p = self._p
        if not self._fit(writer):
            return None
        for cut in self._candidates.shortenings():
            p.warn(f"synthesizer {writer.id}: to fit its context it is shown {cut} (beginning and end)")
        request = without_fusion(p.asked, writer.id)
        asked = self._capped(writers_request(request, writer.id, self._candidates, self._verdict))
        return asked if self._affords(writer, asked, "the synthesis") else None

    def _fit(self, writer: Model, draft: str = "") -> bool:
        facts = self._p.plan.arbiters.facts.get(writer.id) or Facts()
        try:
            self._candidates = fitted_for_writer(self._p.asked, self._candidates, self._verdict, facts, draft)
        except DoesNotFit as fault:
            self._p.warn(f"synthesizer {writer.id} was not asked: {fault.message}")
            return False
        return True

    def _capped(self, asked: ChatRequest) -> ChatRequest:
        if self._p.budget.capped and self._p.request.output_limit is None:
            return asked.replace(max_tokens=self._p.budget.answer_tokens())
        return asked

    def _affords(self, writer: Model, asked: ChatRequest, stage: str) -> bool:
        p = self._p
        prompt_bytes = asked.prompt_bytes if p.budget.capped else 0
        return p.affords(stage, writer.id, prompt_bytes, p.request.output_limit or p.budget.answer_tokens())

    # ------------------------------------------------------------ what it says

    def _pass_on(self, new: str, so_far: str) -> None:
        """A stream's words, as soon as its opening shows no harm; until then it can still be replaced."""
        if self._sent:
            self._p.say(new)
        elif not self._held and len(so_far) >= OPENING_CHARACTERS:
            self._held = self._p.withheld is not None or self._fault(so_far) is not None
            if not self._held:
                self._send(so_far)

    def _send(self, text: str) -> None:
        self._p.decide("synthesis", "written from several answers")
        self._p.say(self._p.clean(text))
        self._sent = True

    async def _finish(self, writer: Model, said: Completion) -> None:
        p = self._p
        text, reason = said.text, said.finish_reason
        if not self._sent and self._harm(text, finished=True) is None and (words := self._machinery(text)):
            p.warn(f"synthesis: it speaks of {words}, and is written again")
            text, reason = await self._rewritten(writer, text) or (text, reason)
        fault = self._fault(text, finished=True)
        if fault is not None:
            p.warn(f"synthesis: {fault}")
        if not self._sent:
            if fault is not None:
                p.central(self._answers, f"the synthesis was dropped ({fault}): the answer most like all the others")
                return
            self._send(text)
        p.run.finish_reason = reason or "stop"
        p.emit(text_chunk("", p.run.finish_reason))

    async def _rewritten(self, writer: Model, draft: str) -> tuple[str, str | None] | None:
        """The same without the words that don't belong there; None if that fails."""
        p = self._p
        if not self._fit(writer, draft):
            return None
        request = without_fusion(p.asked, writer.id)
        asked = self._capped(rewriters_request(request, writer.id, self._candidates, self._verdict, draft))
        if not self._affords(writer, asked, "writing the answer again"):
            return None
        call = p.call.child("repair", recorder=p.tally)
        said = Completion()
        try:
            async with asyncio.timeout(p.writing_seconds()), writer.answer(asked, call) as chunks:
                async for chunk in chunks:
                    said.add(chunk)
        except Exception as fault:  # noqa: BLE001 answers exist
            p.warn(f"synthesizer {writer.id}: {explained(fault, call.id)}")
            return None
        return said.text, said.finish_reason

    # ------------------------------------------------------------ what is wrong with it

    def _fault(self, text: str, *, finished: bool = False) -> str | None:
        if (harmful := self._harm(text, finished=finished)) is not None:
            return harmful
        words = self._machinery(text)
        return None if words is None else f"it speaks of how it was made ({words})"

    def _harm(self, text: str, *, finished: bool) -> str | None:
        found = harm(text, self._answers, finished=finished, question=self._p.request.question())
        if found is None and finished and self._p.withheld is not None:
            return self._p.withheld(text)
        return found

    def _machinery(self, text: str) -> str | None:
        if self._checked[0] != text:
            self._checked = text, machinery(text, self._p.request, self._answers, self._candidates.fence.word)
        return self._checked[1]


def _broken_off(writer: str, fault: Exception, reason: str) -> UpstreamError:
    if isinstance(fault, UpstreamError):
        return fault
    return UpstreamUnavailable(f"The synthesizer {writer} broke off: {reason}.", provider=writer)
