"""A vote among answers that can be told equal; of a split one the strong model's voice, then a judge, decides."""

from __future__ import annotations

from tritium.errors import BudgetExceeded
from tritium.fusion import ballots
from tritium.fusion.candidates import Candidates
from tritium.fusion.panel import ask_panel
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.run import How, SeatReport
from tritium.fusion.structured import conclude_by_fields, rescue
from tritium.fusion.verdict import ask_judges


def count(proceedings: Proceedings, answers: list[SeatReport]) -> ballots.Count:
    p = proceedings
    return ballots.count(answers, p.plan.kind, p.request.question(), p.strengths, p.plan.weights)


def is_settled(proceedings: Proceedings) -> bool:
    """Those still out can't outvote those who agree."""
    p = proceedings
    return count(p, p.answers()).beyond_reach(p.plan.panel_weight, p.options.majority)


async def poll(proceedings: Proceedings) -> None:
    """Ask the panel and count; a split vote gets the strong model's as well, if one was named for that.

    Raises:
        AllSeatsFailed, UnstructuredAnswer: nobody answered, or nobody in the form that was asked for.
    """
    p = proceedings
    answers = await ask_panel(p, lambda: is_settled(p))
    if not count(p, answers).majority(p.options.majority):
        await escalate(p)
    elif p.plan.escalation is not None:
        report = p.run.seats[p.plan.escalation.seat]
        report.outcome, report.error = "cancelled", "not asked: the vote was not split"
    await (conclude(p, p.answers()) if p.answers() else rescue(p))


async def poll_fields(proceedings: Proceedings) -> None:
    """Ask the panel, and put its answers together field by field.

    Raises:
        AllSeatsFailed, UnstructuredAnswer: nobody answered, or nobody in the form that was asked for.
    """
    p = proceedings
    answers = await ask_panel(p, lambda: is_settled(p))
    if len(answers) == 1 and len(p.run.seats) > 1:
        p.verbatim(answers[0], "lone_survivor", "only one seat answered in the form that was asked for")
        return
    await (conclude_by_fields(p, answers) if answers else rescue(p))


async def escalate(proceedings: Proceedings) -> bool:
    """Ask the strong model, if there is one; whether it answered. If not, the others' answers stay."""
    p = proceedings
    if p.plan.escalation is None:
        return False
    p.event("escalated", seat=p.plan.escalation.seat, model=p.plan.escalation.model.id)
    try:
        await ask_panel(p, some=[p.plan.escalation])
    except BudgetExceeded:
        p.warn(f"not escalated: {p.plan.escalation.model.id} does not fit under the cap")
    return p.run.seats[p.plan.escalation.seat].outcome == "ok"


async def conclude(proceedings: Proceedings, answers: list[SeatReport], *, agreed: bool = False) -> None:
    """Answer with the words of the strongest of the winners, or of whom a judge selects; `agreed` needs no majority."""
    p = proceedings
    if len(answers) == 1 and len(p.run.seats) > 1:
        p.verbatim(answers[0], "lone_survivor", "only one seat answered; nobody needs to judge it")
        return
    found = tell_votes(p, answers)
    if found.winner is None:
        if not _strong_answer(p, answers, "no seat gave an answer that can be counted; the strong model's is given"):
            p.central(answers, "no seat gave an answer that can be counted")
    elif agreed or found.majority(p.options.majority):
        how: How = "unanimous" if found.unanimous else "majority"
        if found.counted == 1:
            how = "only_countable"
        p.verbatim(found.winner, how, f"{found.for_winner} of {found.counted} say {found.says!r}{found.weighed}")
    else:
        await _break_tie(p, answers, found)


def tell_votes(proceedings: Proceedings, answers: list[SeatReport]) -> ballots.Count:
    """Count, and write it into the run."""
    found, decision = count(proceedings, answers), proceedings.run.decision
    decision.votes, decision.agreement, decision.makers_agreeing = found.table, found.agreement, found.makers
    proceedings.event("vote", votes=found.table, agreement=found.agreement, makers_agreeing=found.makers)
    return found


async def _break_tie(p: Proceedings, answers: list[SeatReport], found: ballots.Count) -> None:
    """Split: a judge selects, the votes before its eyes; without one that is fit, the strongest is believed."""
    candidates = Candidates(answers, p.plan.order_seed, votes=found.table)
    verdict, _ = await ask_judges(p, candidates, select_only=True)
    if verdict is not None and verdict.selected is not None:
        p.verbatim(verdict.selected, "judge_select", "the vote was split; the judge selected this answer")
    elif not _strong_answer(p, answers, "the vote was split, and is split with the strong model: its answer is given"):
        winner = found.winner or answers[0]
        p.verbatim(winner, "strongest", f"the vote was split; {winner.model} is the strongest of those ahead")


def _strong_answer(p: Proceedings, answers: list[SeatReport], reason: str) -> bool:
    """Give the answer of the model that was escalated to; false if there is none."""
    last = p.plan.escalation
    given = next((seat for seat in answers if last is not None and seat.seat == last.seat), None)
    if given is None:
        return False
    p.verbatim(given, "strongest", reason)
    return True
