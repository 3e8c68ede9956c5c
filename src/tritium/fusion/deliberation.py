"""A fusion at work: ask the panel, decide, judge, write; whatever fails, the next rung of the ladder answers.

The ladder: synthesis -> (writer harmful or dead) vote or medoid; judge down -> next judge -> synthesis without
analysis; judge unreadable -> next judge -> the most central answer; split vote -> judge -> strongest member; one
survivor -> its answer, nobody judges it; nobody -> an error. Never an error while one answer exists.
"""

from __future__ import annotations

from tritium.fusion.advice import advise
from tritium.fusion.attribution import attribute
from tritium.fusion.briefing import brief
from tritium.fusion.cascade import climb
from tritium.fusion.layers import refine
from tritium.fusion.panel import ask_panel
from tritium.fusion.proceedings import Proceedings, public
from tritium.fusion.proposals import vote_on_calls
from tritium.fusion.ranking import rank
from tritium.fusion.solo import answer_alone
from tritium.fusion.structured import rescue
from tritium.fusion.structured_solo import answer_alone_in_form
from tritium.fusion.voting import poll, poll_fields
from tritium.fusion.words_in_form import in_form
from tritium.fusion.writing import synthesize

_POLLS = {"analysis": brief, "cascade": climb, "vote": poll, "field_vote": poll_fields}
"""Strategies that ask their panel in ways of their own."""


async def deliberate(proceedings: Proceedings) -> None:
    """Carry one run out, from the first question to the last word.

    Raises:
        AllSeatsFailed, UnstructuredAnswer: nobody answered, or nobody in the form that was asked for.
        UpstreamError: the writer died after its first words were sent on.
    """
    await _answer(proceedings)
    await attribute(proceedings)


async def _answer(p: Proceedings) -> None:
    strategy = p.plan.strategy
    p.event("plan", plan=p.run.plan, seats=[public(seat) for seat in p.run.seats], events=p.options.events)
    if strategy == "single":
        await (in_form(p, answer_alone) if p.contract is None else answer_alone_in_form(p))
        return
    if strategy in ("advise", "propose"):
        await in_form(p, advise if strategy == "advise" else vote_on_calls)
        return
    if strategy in _POLLS:
        await _POLLS[strategy](p)
        return
    answers = await ask_panel(p)
    if not answers:
        await rescue(p)
    elif len(answers) == 1 and len(p.run.seats) > 1:
        p.verbatim(answers[0], "lone_survivor", "only one seat answered; nobody needs to judge it")
    elif strategy == "rank":
        await rank(p, answers)
    elif strategy == "consensus":
        p.central(answers, "the answer most like all the others")
    else:
        await synthesize(p, await refine(p, answers) if p.options.layers > 1 else answers)
