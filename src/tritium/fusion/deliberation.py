"""A fusion at work: ask the panel, decide, judge, write; whatever fails, the next rung of the ladder answers.

The ladder: synthesis -> (writer harmful or dead) vote or medoid; judge down -> next judge -> synthesis without
analysis; judge unreadable -> next judge -> the most central answer; split vote -> judge -> strongest member; one
survivor -> its answer, nobody judges it; nobody -> an error. Never an error while one answer exists.
"""

from __future__ import annotations

from tritium.fusion.panel import ask_panel
from tritium.fusion.proceedings import Proceedings, public
from tritium.fusion.solo import answer_alone
from tritium.fusion.voting import decide_by_vote, is_settled
from tritium.fusion.writing import synthesize


async def deliberate(proceedings: Proceedings) -> None:
    """Carry one run out, from the first question to the last word.

    Raises:
        AllSeatsFailed: nobody answered.
        UpstreamError: the writer died after its first words were sent on.
    """
    p, strategy = proceedings, proceedings.plan.strategy
    p.event("plan", plan=p.run.plan, seats=[public(seat) for seat in p.run.seats], events=p.options.events)
    if strategy == "single":
        await answer_alone(p)
        return
    answers = await (ask_panel(p, lambda: is_settled(p)) if strategy == "vote" else ask_panel(p))
    if not answers:
        raise p.nobody()
    if len(answers) == 1 and len(p.run.seats) > 1:
        p.verbatim(answers[0], "lone_survivor", "only one seat answered; nobody needs to judge it")
    elif strategy == "vote":
        await decide_by_vote(p, answers)
    elif strategy == "consensus":
        p.central(answers, "the answer most like all the others")
    else:
        await synthesize(p, answers)
