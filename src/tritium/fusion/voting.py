"""A vote among answers that can be told equal; a split one is a judge's to break."""

from __future__ import annotations

from tritium.fusion import ballots
from tritium.fusion.candidates import Candidates
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.run import How, SeatReport
from tritium.fusion.verdict import ask_judges


def count(proceedings: Proceedings, answers: list[SeatReport]) -> ballots.Count:
    p = proceedings
    return ballots.count(answers, p.plan.kind, p.request.question(), p.strengths)


def is_settled(proceedings: Proceedings) -> bool:
    """Those still out can't outvote those who agree."""
    return count(proceedings, proceedings.answers()).beyond_reach(len(proceedings.plan.seats))


async def decide_by_vote(proceedings: Proceedings, answers: list[SeatReport]) -> None:
    p = proceedings
    found = tell_votes(p, answers)
    if found.winner is None:
        p.central(answers, "no seat gave an answer that can be counted")
    elif found.majority:
        how: How = "unanimous" if found.unanimous else "majority"
        if found.counted == 1:
            how = "only_countable"
        p.verbatim(found.winner, how, f"{found.for_winner} of {found.counted} say {found.says!r}")
    else:
        await _break_tie(p, answers, found)


def tell_votes(proceedings: Proceedings, answers: list[SeatReport]) -> ballots.Count:
    """Count, and write it into the run."""
    found, decision = count(proceedings, answers), proceedings.run.decision
    decision.votes, decision.agreement, decision.makers_agreeing = found.table, found.agreement, found.makers
    proceedings.event("vote", votes=found.table, agreement=found.agreement, makers_agreeing=found.makers)
    return found


async def _break_tie(p: Proceedings, answers: list[SeatReport], found: ballots.Count) -> None:
    """Split: a judge selects; without a judge that is fit for it, the strongest member is believed."""
    verdict, _ = await ask_judges(p, Candidates(answers, p.plan.order_seed), select_only=True)
    if verdict is not None and verdict.selected is not None:
        p.verbatim(verdict.selected, "judge_select", "the vote was split; the judge selected this answer")
        return
    winner = found.winner or answers[0]
    p.verbatim(winner, "strongest", f"the vote was split; {winner.model} is the strongest of those ahead")
